//! Hold and resume by the phone: what each ear hears, that the held one hears music, and that the stream at the ear goes on as one.

use crate::{
    exchange::Exchange,
    handset::{Handset, Talk},
    message::Message,
    voice::{Heard, Voice, settle, until_heard, until_music},
};

/// One side changes the direction; the other agrees by its own description. What the other was told.
pub(crate) fn renegotiate(
    by: (&mut Handset, &mut Talk),
    other: (&mut Handset, &mut Talk),
    direction: &str,
    answer: &str,
) -> Message {
    let body = by.0.description(direction);
    let asked = by.0.begin_change(by.1, "INVITE", "", &body);
    let invite = other.0.request("INVITE");
    let body = other.0.description(answer);
    other.0.say_with(&invite, 200, "", &body);
    other.1.hears = invite.ear().or(other.1.hears);
    assert_eq!(by.0.end_change(by.1, &asked).status(), 200);
    other.0.acknowledged(&invite);
    invite
}

/// RFC 3550 section 5.1: one source whose numbers rise by one.
fn one_stream(heard: &[Heard]) {
    for pair in heard.windows(2) {
        let [one, two] = pair else { continue };
        assert_eq!(one.ssrc, two.ssrc, "the SSRC changes at mark {}: {heard:?}", two.mark);
        assert_eq!(one.from, two.from, "the source changes at mark {}", two.mark);
        assert_eq!(two.sequence, one.sequence.wrapping_add(1), "a jump at mark {}: {heard:?}", two.mark);
        let step = two.timestamp.wrapping_sub(one.timestamp);
        assert!(step > 0 && step < 8_000 * 60, "time goes on at mark {}: {heard:?}", two.mark);
    }
}

#[test]
fn a_held_party_hears_music_until_the_call_is_resumed_and_its_stream_goes_on() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 0x0a), Voice::new(0, 0x0b));

    let mut at_his_ear = until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    let mut at_her_ear = until_heard((&boris, &mut his, &at_boris), &alice, 1);

    // Alice holds, in each way phones have (RFC 3264 section 8.4): Boris goes on listening.
    for (said, mark) in [("inactive", 2), ("sendonly", 4)] {
        let told = renegotiate((&mut alice, &mut at_alice), (&mut boris, &mut at_boris), said, "recvonly");
        assert!(told.body().contains("a=sendonly"), "{}", told.body());
        settle(&exchange);
        for _ in 0..25 {
            alice.speak(&mut hers, &at_alice, mark);
            boris.speak(&mut his, &at_boris, mark);
        }
        at_his_ear.extend(until_music(&boris));
        settle(&exchange);
    }
    let told = renegotiate((&mut alice, &mut at_alice), (&mut boris, &mut at_boris), "sendrecv", "sendrecv");
    assert!(told.body().contains("a=sendrecv"), "{}", told.body());
    settle(&exchange);
    at_his_ear.extend(until_heard((&alice, &mut hers, &at_alice), &boris, 3));
    at_her_ear.extend(until_heard((&boris, &mut his, &at_boris), &alice, 3));
    for heard in [&at_his_ear, &at_her_ear] {
        assert!(heard.iter().all(|packet| ![2, 4].contains(&packet.mark)), "a held call was heard: {heard:?}");
        one_stream(heard);
    }
    assert!(at_her_ear.iter().all(|packet| packet.mark != 0), "music is for the held party only: {at_her_ear:?}");

    // A phone that begins another source in mid-call: at the other's ear it is the same stream still.
    let mut restarted = Voice::new(0, 0xffff_0000);
    at_his_ear.extend(until_heard((&alice, &mut restarted, &at_alice), &boris, 6));
    one_stream(&at_his_ear);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}
