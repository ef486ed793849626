//! Provisional responses that are acknowledged (RFC 3262), on both sides of the exchange, and an offer before the answer (RFC 3311).

use crate::{
    exchange::Exchange,
    handset::{Handset, Talk},
    voice::{Voice, until_heard},
};

#[test]
fn early_media_is_acknowledged_on_both_sides_and_heard() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let body = alice.description("sendrecv");
    let asked = alice.dial_with("1002", "Supported: 100rel\r\nAllow: PRACK, UPDATE\r\n", &body);
    let invite = boris.called();
    assert!(invite.field("Supported").contains("100rel"), "{invite:?}");
    let answer = boris.description("sendrecv");
    boris.say_with(&invite, 183, "Require: 100rel\r\nRSeq: 4711\r\n", &answer);
    let prack = boris.request("PRACK");
    assert_eq!(prack.field("RAck"), format!("4711 {} INVITE", invite.cseq().0));
    boris.say(&prack, 200);
    let progress = alice.progress(&asked, 183);
    assert_eq!(progress.field("Require"), "100rel");
    let mut early = Talk::of(&progress);
    let rack = format!("RAck: {} {} INVITE\r\n", progress.field("RSeq"), asked.cseq);
    assert_eq!(alice.change(&mut early, "PRACK", &rack, "").status(), 200);
    let mut his = Voice::new(0, 0x0b);
    until_heard((&boris, &mut his, &boris.ringing_talk(&invite)), &alice, 1);
    // RFC 3311 section 5.1: offer and answer are settled, so another offer may be made.
    let offer = alice.description("sendrecv");
    let accepted = alice.change(&mut early, "UPDATE", "", &offer);
    assert_eq!(accepted.status(), 200);
    assert!(accepted.ear().is_some(), "{accepted:?}");
    boris.say_with(&invite, 200, "", &answer);
    let at_boris = boris.taken(&invite);
    // RFC 6337 section 3.1.1: nothing is described again, and the early dialog is the call's.
    alice.connected(&asked);
    let mut hers = Voice::new(0, 0x0a);
    until_heard((&alice, &mut hers, &early), &boris, 2);
    until_heard((&boris, &mut his, &at_boris), &alice, 3);
    // The dialog's numbers have gone on since it was early.
    alice.hang_up(&mut early);
    boris.hung_up_on();
}
