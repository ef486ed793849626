//! Limits: calls of an account, calls of the exchange.

use crate::{
    exchange::until,
    handset::{Handset, home},
    http::{figure_becomes, get},
};

#[test]
fn a_call_above_an_accounts_limit_is_busy_and_one_below_it_rings_again() {
    let exchange = home("", "call_limit: 1").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    alice.connected(&asked);

    let second = carol.dial("1002");
    assert_eq!(carol.refused(&second), 486, "as callee");
    let own = boris.dial("1003");
    assert_eq!(boris.refused(&own), 486, "as caller");
    assert!(!carol.has_unread(|message| message.is_request("INVITE")));
    let busy = until(|| {
        let rows = get(&exchange, "/api/cdr?from=1003&disposition=busy");
        rows["items"].get(0).cloned()
    });
    assert_eq!(busy.expect("a record")["sip_status"], 486);

    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
    let third = carol.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    carol.connected(&third);
}

#[test]
fn a_call_above_the_exchanges_limit_is_answered_503_with_when_to_come_back() {
    let exchange = home("calls_max: 1", "").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("*43");
    let mut talk = alice.connected(&asked);

    let second = carol.dial("1002");
    let answer = carol.final_answer(&second);
    assert_eq!(answer.status(), 503);
    assert!(answer.field("Retry-After").parse::<u32>().is_ok(), "{answer:?}");

    alice.hang_up(&mut talk);
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    let third = carol.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    carol.connected(&third);
}
