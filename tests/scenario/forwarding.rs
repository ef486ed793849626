//! Calls are led on when the callee is busy, away or silent, by caller and by time, and always.

use crate::{
    exchange::{Exchange, until},
    handset::{Asked, Handset, home},
    http::{figure_becomes, get},
};

/// An exchange whose account 1002 forwards so.
fn office(forward: &str) -> Exchange {
    home("", &format!("forward: {{ {forward} }}")).start()
}

/// Carol's phone takes Alice's call.
fn carol_answers(alice: &mut Handset, carol: &mut Handset, asked: &Asked) {
    let invite = carol.called();
    assert!(invite.field("From").contains("sip:1001@"), "{invite:?}");
    let mut talk = carol.take(&invite);
    alice.connected(asked);
    carol.hang_up(&mut talk);
    alice.hung_up_on();
}

#[test]
fn a_busy_phone_and_one_that_declines_lead_the_call_on() {
    let exchange = office("busy: \"1003\"");
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    for status in [486, 603] {
        let asked = alice.dial("1002");
        let invite = boris.called();
        boris.say(&invite, status);
        boris.acknowledged(&invite);
        alice.progress(&asked, 181);
        carol_answers(&mut alice, &mut carol, &asked);
    }
    let rows = until(|| get(&exchange, "/api/cdr")["items"].as_array().filter(|rows| rows.len() == 2).cloned());
    for row in rows.expect("two records") {
        let parties: Vec<_> =
            row["legs"].as_array().unwrap().iter().map(|leg| leg["party"].as_str().unwrap()).collect();
        assert_eq!((parties, &row["to"]), (vec!["1001", "1002", "1003"], &"1002".into()), "{row}");
    }
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}

#[test]
fn a_phone_that_rings_too_long_stops_and_the_next_one_rings() {
    let exchange = office("no_answer: \"1003\", no_answer_after: 1s");
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    let cancel = boris.request("CANCEL");
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    boris.acknowledged(&invite);
    carol_answers(&mut alice, &mut carol, &asked);
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}

#[test]
fn an_account_without_a_phone_leads_the_call_on() {
    let exchange = office("unreachable: \"1003\"");
    let mut alice = Handset::alice(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("1002");
    alice.progress(&asked, 181);
    carol_answers(&mut alice, &mut carol, &asked);
}

#[test]
fn all_calls_and_those_of_some_callers_or_hours_are_led_elsewhere() {
    let home = home(
        "",
        "forward: { always: hangup, rules: [{ to: \"1003\", from: [\"1001\"], schedule: never, open: false }] }",
    );
    home.edit("extensions:\n", "features: { schedules: [{ name: never, open: [] }] }\nextensions:\n");
    let exchange = home.start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("1002");
    carol_answers(&mut alice, &mut carol, &asked);
    let asked = carol.dial("1002");
    assert_eq!(carol.refused(&asked), 603);
    // Its own phone calls as before.
    let asked = boris.dial("1003");
    let invite = carol.called();
    let mut talk = carol.take(&invite);
    boris.connected(&asked);
    carol.hang_up(&mut talk);
    boris.hung_up_on();
}

#[test]
fn forwarding_to_voicemail_is_refused_with_the_reason_that_there_is_none() {
    let exchange = office("busy: voicemail, no_answer: voicemail, unreachable: voicemail");
    let mut alice = Handset::alice(&exchange).registered();
    let asked = alice.dial("1002");
    let refusal = alice.final_answer(&asked);
    assert_eq!((refusal.status(), refusal.field("Warning")), (480, "399 Ironbell \"No voicemail in this version\""));
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 486);
    let refusal = alice.final_answer(&asked);
    assert_eq!((refusal.status(), refusal.field("Warning")), (486, "399 Ironbell \"No voicemail in this version\""));
}
