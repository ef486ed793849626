//! `kill -9`: what was acknowledged is there again.

use crate::{
    exchange::{Exchange, until},
    http::{figure_becomes, get},
    phone::{Phone, status},
};

#[test]
fn registrations_and_records_outlive_a_kill() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let dialling = alice.dial("4711");
    assert_eq!(status(&alice.refused(&dialling)), 404);
    let record = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");

    let exchange = exchange.kill().start();
    alice.moved_to(&exchange);
    figure_becomes(&exchange, "ironbell_registrations", 2.0);
    assert_eq!(get(&exchange, "/api/cdr")["items"][0], record);
    let phones = get(&exchange, "/api/extensions");
    assert_eq!(phones["items"][1]["registered"], true, "{phones}");

    boris.moved_to(&exchange);
    let dialling = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    alice.answered(&dialling);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
    let rows = until(|| {
        let rows = get(&exchange, "/api/cdr")["items"].clone();
        (rows.as_array().map(Vec::len) == Some(2)).then_some(rows)
    });
    assert_eq!(rows.expect("two records")[1], record, "the newest first");
}
