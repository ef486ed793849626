//! A phone that rings and is not answered, and one that never says anything.

use crate::{
    exchange::until,
    handset::{Handset, home},
    http::{figure_becomes, get},
};

#[test]
fn a_phone_that_rings_too_long_is_cancelled_and_the_caller_told() {
    let exchange = home("", "forward: { no_answer_after: 1s }").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    assert_eq!(alice.refused(&asked), 480);
    let cancel = boris.request("CANCEL");
    assert_eq!(cancel.field("Via"), invite.field("Via"));
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    boris.acknowledged(&invite);
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&row["disposition"], &row["hangup_cause"]), (&"no answer".into(), &"no answer".into()), "{row}");
}

#[test]
fn a_phone_that_says_nothing_is_given_up_and_the_caller_told() {
    let exchange = home("", "forward: { no_answer_after: 1s }").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    boris.called();
    assert!(matches!(alice.refused(&asked), 408 | 480));
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}
