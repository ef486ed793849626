//! Calls out by a trunk and in by its numbers, and what each side is not told of the other.

use crate::{
    carrier::{CUSTOMER, becomes, channels, invites, proves, start},
    exchange::until,
    handset::Handset,
    http::{figure_becomes, get},
    message::Message,
    voice::{Voice, until_heard},
};

/// Every octet of a message that somebody outside could read.
fn whole(message: &Message) -> String {
    format!("{message:?}")
}

#[test]
fn a_call_goes_out_by_the_preferred_trunk_with_sound_both_ways_and_a_record_that_names_it() {
    let (exchange, mut a, b) = start(["", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    let port = a.address().port();
    assert_eq!(invite.uri(), format!("sip:+4930123@127.0.0.1:{port}"));
    assert_eq!(
        invite.formats().first(),
        Some(&"0"),
        "a trunk has pcma and pcmu unless it says otherwise: {}",
        invite.body()
    );
    let figures = becomes(&exchange, "a", "up");
    assert_eq!((&figures["calls_active"], &figures["calls_max"]), (&1.into(), &30.into()), "{figures}");
    a.say(&invite, 180);
    alice.progress(&asked, 180);
    let mut at_a = a.take(&invite);
    let at_alice = alice.connected(&asked);
    let (mut hers, mut theirs) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &a, 1);
    until_heard((&a, &mut theirs, &at_a), &alice, 2);
    a.hang_up(&mut at_a);
    alice.hung_up_on();
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&row["direction"], &row["disposition"]), (&"outbound".into(), &"answered".into()), "{row}");
    assert_eq!((&row["to"], &row["legs"][1]["trunk"]), (&"9123".into(), &"a".into()), "{row}");
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    assert!(channels(&exchange, "a").abs() < 1e-9);
    assert_eq!(invites(&b), 0, "one trunk was enough");
}

#[test]
fn a_number_of_ours_is_found_however_a_trunk_writes_it_and_its_caller_is_shown() {
    let (exchange, mut a, _) = start(["", ""]);
    let mut boris = Handset::boris(&exchange).registered();
    for number in ["+49305550", "49305550", "0049305550", "0305550"] {
        let asked = a.call_in(number, "\"Ann\" <sip:+4989777@carrier.test>", "");
        let invite = boris.called();
        assert!(invite.field("From").starts_with("\"Ann\" <sip:+4989777@pbx.test>;tag="), "{number}: {invite:?}");
        let at_boris = boris.take(&invite);
        let mut at_a = a.connected(&asked);
        let mut theirs = Voice::new(0, 2);
        until_heard((&a, &mut theirs, &at_a), &boris, 2);
        assert!(at_boris.hears.is_some());
        a.hang_up(&mut at_a);
        boris.hung_up_on();
    }
    let asked = a.call_in("+4930556", "<sip:+4989777@carrier.test>", "");
    assert_eq!(a.refused(&asked), 404);
    // Who comes from elsewhere has to prove who he is.
    let mut stranger = Handset::new(&exchange, "stranger", "x", "y");
    let asked = stranger.call_in("+49305550", "<sip:+4989777@carrier.test>", "");
    assert_eq!(stranger.refused(&asked), 401);
    let rows = until(|| {
        Some(get(&exchange, "/api/cdr")["items"].clone())
            .filter(|rows| rows.as_array().is_some_and(|rows| rows.len() >= 5))
    });
    let rows = rows.expect("a record of each");
    for row in rows.as_array().unwrap().iter().filter(|row| row["disposition"] == "answered") {
        assert_eq!((&row["direction"], &row["legs"][0]["trunk"]), (&"inbound".into(), &"a".into()), "{row}");
    }
}

#[test]
fn neither_side_is_told_anything_of_the_house_of_the_other() {
    let (exchange, mut a, _) = start(["", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    let body = alice.description("sendrecv");
    let asked =
        alice.dial_with("9123", "User-Agent: Desk Phone 7\r\nX-Floor: 3\r\nOrganization: Secret Ltd\r\n", &body);
    let invite = a.called();
    let carriers = "Server: Core Switch 9\r\nX-Node: 4\r\nRecord-Route: <sip:127.0.0.77;lr>\r\n";
    let description = a.description("sendrecv");
    a.say_with(&invite, 183, carriers, "");
    let ringing = alice.progress(&asked, 183);
    a.say_with(&invite, 200, carriers, &description);
    let answer = alice.final_answer(&asked);
    let mut at_alice = alice.acknowledge(&asked, &answer, "");
    let phone = alice.address().port().to_string();
    for leaked in
        ["Desk Phone", "X-Floor", "Secret Ltd", "pbx.test", &phone, &alice.rtp.local_addr().unwrap().port().to_string()]
    {
        assert!(!whole(&invite).contains(leaked), "{leaked} in {invite:?}");
    }
    let inside = asked.call_id();
    assert!(!whole(&invite).contains(inside), "{inside} in {invite:?}");
    let trunk = a.address().port().to_string();
    let ear = a.rtp.local_addr().unwrap().port().to_string();
    for message in [&ringing, &answer] {
        for leaked in ["Core Switch", "X-Node", "127.0.0.77", "of-carrier", invite.field("Call-ID"), &trunk, &ear] {
            assert!(!whole(message).contains(leaked), "{leaked} in {message:?}");
        }
    }
    // The ACK goes by the carrier's own route (RFC 3261 section 12.2.1.1).
    alice.hang_up(&mut at_alice);
    assert_eq!(answer.field("Server"), "Ironbell");
}

#[test]
fn a_trunk_that_asks_for_proof_gets_it_for_the_call_and_for_its_end() {
    let account = format!("auth_user: {}, secret: \"{}\"", CUSTOMER.0, CUSTOMER.1);
    for (status, field, algorithm) in [(407, "Proxy-Authorization", "MD5"), (401, "Authorization", "SHA-256")] {
        let (exchange, mut a, _) = start([&account, ""]);
        let mut alice = Handset::alice(&exchange).registered();
        let (asked, first) = alice.dial_by(&mut a, "9123");
        a.challenge(&first, status, algorithm, "n-1");
        let second = a.called();
        assert!(proves(&second, field, CUSTOMER), "{second:?}");
        assert_eq!((second.field("Call-ID"), second.cseq().0), (first.field("Call-ID"), first.cseq().0 + 1));
        a.take(&second);
        let mut at_alice = alice.connected(&asked);
        let ended = alice.begin_change(&mut at_alice, "BYE", "", "");
        let bye = a.request("BYE");
        assert!(proves(&bye, field, CUSTOMER), "{bye:?}");
        a.say(&bye, 200);
        assert_eq!(alice.final_answer(&ended).status(), 200);
    }
}
