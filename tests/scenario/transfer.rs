//! Transfers between real phones over real sockets: what each ear hears before, during and after, by REFER, by two calls made one, by keys and by the API.

use crate::{
    exchange::{Exchange, KEY, until},
    handset::{Asked, Handset, Talk},
    http::{ask, figure_becomes, get},
    message::Message,
    voice::{Heard, Voice, settle, until_heard, until_music},
};
use serde_json::Value;

/// What each party says.
const ALICE: u8 = 11;
const BORIS: u8 = 12;
const CAROL: u8 = 13;

/// Three phones; Alice has called Boris, and each hears the other.
struct Scene {
    exchange: Exchange,
    alice: Handset,
    boris: Handset,
    carol: Handset,
    at_alice: Talk,
    at_boris: Talk,
    hers: Voice,
    his: Voice,
    third: Voice,
}

fn scene() -> Scene {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let at_boris = boris.take(&invite);
    let at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 0x0a), Voice::new(0, 0x0b));
    until_heard((&alice, &mut hers, &at_alice), &boris, ALICE);
    until_heard((&boris, &mut his, &at_boris), &alice, BORIS);
    Scene { exchange, alice, boris, carol, at_alice, at_boris, hers, his, third: Voice::new(0, 0x0c) }
}

/// A re-INVITE of the exchange is taken: it says whom the phone talks with now.
fn renewed(phone: &mut Handset, talk: &mut Talk, partner: &str) {
    let invite = phone.wait(|message| message.is_request("INVITE") && message.in_dialog());
    assert!(invite.field("P-Asserted-Identity").contains(&format!("<sip:{partner}@")), "{invite:?}");
    let body = phone.description("sendrecv");
    phone.say_with(&invite, 200, "", &body);
    talk.hears = invite.ear().or(talk.hears);
    phone.acknowledged(&invite);
}

fn refer(phone: &mut Handset, talk: &mut Talk, to: &str) {
    let asked: Asked = phone.begin_change(talk, "REFER", &format!("Refer-To: {to}\r\n"), "");
    assert_eq!(phone.end_change(talk, &asked).status(), 202);
}

/// Takes NOTIFYs until the last one; the statuses they tell.
fn progress(phone: &mut Handset) -> Vec<u16> {
    let mut told = Vec::new();
    loop {
        let notify: Message = phone.request("NOTIFY");
        phone.say(&notify, 200);
        assert_eq!(notify.field("Content-Type"), "message/sipfrag;version=2.0");
        told.push(notify.body().split(' ').nth(1).unwrap().parse().unwrap());
        if notify.field("Subscription-State").starts_with("terminated") {
            return told;
        }
    }
}

/// Nothing of `mark` was heard.
fn never(heard: &[Heard], mark: u8) {
    assert!(heard.iter().all(|packet| packet.mark != mark), "{mark} was heard: {heard:?}");
}

/// The record that holds the transfer, which began the tree.
fn record(exchange: &Exchange) -> Value {
    let found = until(|| {
        let rows = get(exchange, "/api/cdr")["items"].as_array().unwrap().clone();
        let began =
            |row: &Value| row["part_of"].is_null() && row["transfers"].as_array().is_some_and(|all| !all.is_empty());
        rows.into_iter().find(began)
    });
    found.expect("a record of the transfer")
}

#[test]
fn a_blind_transfer_lets_the_transferee_and_the_target_hear_each_other_and_nobody_else() {
    let Scene { exchange, mut alice, mut boris, mut carol, mut at_alice, mut at_boris, mut hers, mut his, mut third } =
        scene();
    // Boris holds and refers, as phones do.
    let body = boris.description("sendonly");
    let hold = boris.begin_change(&mut at_boris, "INVITE", "", &body);
    let invite = alice.request("INVITE");
    let body = alice.description("recvonly");
    alice.say_with(&invite, 200, "", &body);
    assert_eq!(boris.end_change(&mut at_boris, &hold).status(), 200);
    alice.acknowledged(&invite);
    refer(&mut boris, &mut at_boris, "<sip:1003@pbx.test>");
    let invite = carol.called();
    assert!(invite.field("From").contains("<sip:1001@"), "{invite:?}");
    assert!(invite.field("Referred-By").contains("<sip:1002@"), "{invite:?}");
    carol.say(&invite, 180);
    // While it rings the transferee hears music.
    let waiting = until_music(&alice);
    never(&waiting, CAROL);
    let at_carol = carol.take(&invite);
    assert_eq!(progress(&mut boris), [100, 180, 200]);
    boris.hung_up_on();
    renewed(&mut alice, &mut at_alice, "1003");
    settle(&exchange);
    boris.speak(&mut his, &at_boris, BORIS);
    let at_her_ear = until_heard((&carol, &mut third, &at_carol), &alice, CAROL);
    let at_carols_ear = until_heard((&alice, &mut hers, &at_alice), &carol, ALICE);
    never(&at_carols_ear, BORIS);
    assert!(at_her_ear.iter().filter(|packet| packet.mark == BORIS).count() <= 1, "{at_her_ear:?}");
    alice.hang_up(&mut at_alice);
    carol.hung_up_on();
    let row = record(&exchange);
    let transfer = &row["transfers"][0];
    assert_eq!((&transfer["by"], &transfer["of"], &transfer["to"]), (&"1002".into(), &"1001".into(), &"1003".into()));
    assert_eq!((&transfer["kind"], &transfer["outcome"]), (&"blind".into(), &"completed".into()), "{row}");
    assert_eq!(row["legs"].as_array().unwrap().len(), 3);
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}

#[test]
fn a_transfer_to_a_busy_phone_returns_to_the_transferor() {
    let Scene { exchange, mut alice, mut boris, mut carol, mut at_alice, mut at_boris, mut hers, mut his, .. } =
        scene();
    refer(&mut boris, &mut at_boris, "<sip:1003@pbx.test>");
    let invite = carol.called();
    carol.say(&invite, 486);
    carol.acknowledged(&invite);
    assert_eq!(progress(&mut boris), [100, 486]);
    settle(&exchange);
    until_heard((&alice, &mut hers, &at_alice), &boris, ALICE);
    until_heard((&boris, &mut his, &at_boris), &alice, BORIS);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    assert_eq!(record(&exchange)["transfers"][0]["outcome"], "returned");
}

#[test]
fn a_transferor_that_hung_up_is_called_back_when_nobody_answers() {
    let Scene {
        exchange: _running,
        mut alice,
        mut boris,
        mut carol,
        mut at_alice,
        mut at_boris,
        mut hers,
        mut his,
        ..
    } = scene();
    refer(&mut boris, &mut at_boris, "<sip:1003@pbx.test>");
    let invite = carol.called();
    boris.hang_up(&mut at_boris);
    carol.say(&invite, 480);
    carol.acknowledged(&invite);
    let invite = boris.called();
    assert!(invite.field("From").contains("<sip:1001@"), "{invite:?}");
    let mut at_boris = boris.take(&invite);
    renewed(&mut alice, &mut at_alice, "1002");
    until_heard((&alice, &mut hers, &at_alice), &boris, ALICE);
    until_heard((&boris, &mut his, &at_boris), &alice, BORIS);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}

#[test]
fn two_calls_of_a_transferor_become_one() {
    let Scene { exchange, mut alice, mut boris, mut carol, mut at_alice, mut at_boris, mut his, mut third, .. } =
        scene();
    let asked = alice.dial("1003");
    let invite = carol.called();
    let mut at_carol = carol.take(&invite);
    let second = alice.connected(&asked);
    refer(&mut alice, &mut at_alice, &format!("<sip:1003@pbx.test?Replaces={}>", second.replaces()));
    assert_eq!(progress(&mut alice), [100, 200]);
    alice.hung_up_on();
    alice.hung_up_on();
    renewed(&mut boris, &mut at_boris, "1003");
    renewed(&mut carol, &mut at_carol, "1002");
    settle(&exchange);
    let at_carols_ear = until_heard((&boris, &mut his, &at_boris), &carol, BORIS);
    let at_his_ear = until_heard((&carol, &mut third, &at_carol), &boris, CAROL);
    // RTP-01: at the ear of a leg that was taken over it is the stream it always was.
    let sources: std::collections::BTreeSet<_> = at_carols_ear.iter().map(|packet| packet.ssrc).collect();
    assert_eq!(sources.len(), 1, "{at_carols_ear:?}");
    never(&at_his_ear, ALICE);
    carol.hang_up(&mut at_carol);
    boris.hung_up_on();
    let row = record(&exchange);
    assert_eq!(row["transfers"][0]["kind"], "attended");
    let rows = get(&exchange, "/api/cdr")["items"].as_array().unwrap().clone();
    let consultation = rows.iter().find(|row| !row["part_of"].is_null()).expect("the consultation's record");
    assert_eq!((&consultation["part_of"], &consultation["hangup_cause"]), (&row["id"], &"transferred".into()));
    assert_eq!((&row["legs"][2]["from_call"], &row["legs"][2]["party"]), (&consultation["id"], &"1003".into()));
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}

#[test]
fn a_phone_that_rings_for_the_transferor_rings_on_for_the_transferee() {
    let Scene {
        exchange: _running,
        mut alice,
        mut boris,
        mut carol,
        mut at_alice,
        mut at_boris,
        mut his,
        mut third,
        ..
    } = scene();
    let asked = alice.dial("1003");
    let invite = carol.called();
    carol.say(&invite, 180);
    let ringing = alice.progress(&asked, 180);
    let second = Talk::of(&ringing);
    refer(&mut alice, &mut at_alice, &format!("<sip:1003@pbx.test?Replaces={}>", second.replaces()));
    assert_eq!(alice.refused(&asked), 487);
    let mut at_carol = carol.take(&invite);
    assert_eq!(progress(&mut alice), [100, 180, 200]);
    alice.hung_up_on();
    renewed(&mut boris, &mut at_boris, "1003");
    renewed(&mut carol, &mut at_carol, "1002");
    until_heard((&boris, &mut his, &at_boris), &carol, BORIS);
    until_heard((&carol, &mut third, &at_carol), &boris, CAROL);
    boris.hang_up(&mut at_boris);
    carol.hung_up_on();
}

/// Presses keys, told by SIP INFO.
fn press(phone: &mut Handset, talk: &mut Talk, keys: &str) {
    for key in keys.chars() {
        let body = format!("Signal={key}\r\nDuration=100\r\n");
        let answer = phone.change(talk, "INFO", "Content-Type: application/dtmf-relay\r\n", &body);
        assert_eq!(answer.status(), 200, "{key}");
    }
}

#[test]
fn keys_hand_a_call_over_and_both_hear_each_other() {
    let Scene { exchange, mut alice, mut boris, mut carol, mut at_alice, mut at_boris, mut hers, mut third, .. } =
        scene();
    press(&mut boris, &mut at_boris, "#");
    until_music(&alice);
    press(&mut boris, &mut at_boris, "1003#");
    let invite = carol.called();
    let at_carol = carol.take(&invite);
    boris.hung_up_on();
    renewed(&mut alice, &mut at_alice, "1003");
    settle(&exchange);
    until_heard((&alice, &mut hers, &at_alice), &carol, ALICE);
    until_heard((&carol, &mut third, &at_carol), &alice, CAROL);
    alice.hang_up(&mut at_alice);
    carol.hung_up_on();
}

#[test]
fn who_consults_by_keys_is_heard_by_the_target_only_until_the_transfer_is_complete() {
    let Scene { exchange, mut alice, mut boris, mut carol, mut at_alice, mut at_boris, mut hers, mut his, mut third } =
        scene();
    press(&mut alice, &mut at_alice, "*21003#");
    let invite = carol.called();
    let mut at_carol = carol.take(&invite);
    renewed(&mut alice, &mut at_alice, "1003");
    settle(&exchange);
    let at_carols_ear = until_heard((&alice, &mut hers, &at_alice), &carol, ALICE);
    boris.speak(&mut his, &at_boris, BORIS);
    let at_her_ear = until_heard((&carol, &mut third, &at_carol), &alice, CAROL);
    // Boris hears music and nobody hears Boris.
    let at_his_ear = until_music(&boris);
    never(&at_carols_ear, BORIS);
    never(&at_her_ear[at_her_ear.len() - 1..], BORIS);
    never(&at_his_ear, CAROL);
    // Hanging up completes it.
    alice.hang_up(&mut at_alice);
    renewed(&mut boris, &mut at_boris, "1003");
    renewed(&mut carol, &mut at_carol, "1002");
    settle(&exchange);
    until_heard((&boris, &mut his, &at_boris), &carol, BORIS);
    until_heard((&carol, &mut third, &at_carol), &boris, CAROL);
    boris.hang_up(&mut at_boris);
    carol.hung_up_on();
    assert_eq!(record(&exchange)["transfers"][0]["outcome"], "completed");
}

#[test]
fn who_consults_by_keys_may_take_the_call_back_or_let_all_three_talk() {
    let Scene {
        exchange, mut alice, mut boris, mut carol, mut at_alice, at_boris, mut hers, mut his, mut third, ..
    } = scene();
    press(&mut alice, &mut at_alice, "*21003#");
    let invite = carol.called();
    let at_carol = carol.take(&invite);
    renewed(&mut alice, &mut at_alice, "1003");
    press(&mut alice, &mut at_alice, "*3");
    settle(&exchange);
    // Alone each is heard by both others.
    for listener in [&boris, &carol] {
        until_sound((&alice, &mut hers, &at_alice), listener);
    }
    for listener in [&alice, &carol] {
        until_sound((&boris, &mut his, &at_boris), listener);
    }
    for listener in [&alice, &boris] {
        until_sound((&carol, &mut third, &at_carol), listener);
    }
    press(&mut alice, &mut at_alice, "*0");
    carol.hung_up_on();
    renewed(&mut alice, &mut at_alice, "1002");
    settle(&exchange);
    until_heard((&alice, &mut hers, &at_alice), &boris, ALICE);
    until_heard((&boris, &mut his, &at_boris), &alice, BORIS);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
}

/// Speaks until the listener hears sound of a sum: packets are encoded anew there, so no mark is left of what was said.
fn until_sound((speaker, voice, talk): (&Handset, &mut Voice, &Talk), listener: &Handset) {
    let end = std::time::Instant::now() + crate::exchange::PATIENCE;
    let mut buffer = [0; 2_048];
    listener.rtp.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
    while std::time::Instant::now() < end {
        // A square wave, so that it is sound after any change of level.
        speaker.speak_loud(voice, talk);
        if let Ok((length, _)) = listener.rtp.recv_from(&mut buffer)
            && length > 100
            && buffer[12..length].iter().any(|byte| byte & 0x7f < 0x50)
        {
            return;
        }
    }
    panic!("{} never hears {}", listener.number, speaker.number);
}

#[test]
fn the_api_transfers_blind_and_attended() {
    for attended in [false, true] {
        let Scene {
            exchange, mut alice, mut boris, mut carol, mut at_alice, mut at_boris, mut hers, mut third, ..
        } = scene();
        let id = get(&exchange, "/api/calls")["items"][0]["id"].as_str().unwrap().to_owned();
        let order =
            |path: &str, body: String| ask(&exchange, "POST", path, KEY, Some(("application/json", body.as_bytes())));
        let kind = if attended { "attended" } else { "blind" };
        let answer = order(
            "/api/call/transfer",
            format!(r#"{{"call_id": "{id}", "to": "1003", "by": "1002", "kind": "{kind}"}}"#),
        );
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(get(&exchange, "/api/calls")["items"][0]["state"], "Transferring");
        let invite = carol.called();
        let mut at_carol = carol.take(&invite);
        if attended {
            renewed(&mut boris, &mut at_boris, "1003");
            let answer = order(&format!("/api/telephony/calls/{id}/transfer"), r#"{"kind": "complete"}"#.to_owned());
            assert_eq!(answer.status, 204, "{answer:?}");
        }
        boris.hung_up_on();
        renewed(&mut alice, &mut at_alice, "1003");
        if attended {
            renewed(&mut carol, &mut at_carol, "1001");
        }
        settle(&exchange);
        until_heard((&alice, &mut hers, &at_alice), &carol, ALICE);
        until_heard((&carol, &mut third, &at_carol), &alice, CAROL);
        for (body, status) in [
            (format!(r#"{{"call_id": "{id}", "to": "4711"}}"#), 422),
            (format!(r#"{{"call_id": "{id}", "to": "1002", "kind": "sideways"}}"#), 422),
            (format!(r#"{{"call_id": "{id}"}}"#), 422),
            (format!(r#"{{"call_id": "{id}", "kind": "abort"}}"#), 409),
            (r#"{"call_id": "ffffffffffffffff", "to": "1002"}"#.to_owned(), 404),
        ] {
            let answer = order("/api/call/transfer", body.clone());
            assert_eq!(answer.status, status, "{body}: {answer:?}");
        }
        alice.hang_up(&mut at_alice);
        carol.hung_up_on();
    }
}
