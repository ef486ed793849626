//! SIGTERM: no new calls, then BYE and a record for those that run.

use crate::{
    exchange::{Exchange, Home, until},
    http::{ask, get},
    phone::{Phone, status},
};
use std::fs;

fn talking(exchange: &Exchange) -> (Phone, Phone) {
    let mut alice = Phone::alice(exchange).registered();
    let mut boris = Phone::boris(exchange).registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    alice.answered(&dialling);
    (alice, boris)
}

/// The records in the files of the day.
fn records(home: &Home) -> Vec<serde_json::Value> {
    let files =
        fs::read_dir(home.data().join("cdr")).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
}

#[test]
fn a_stop_takes_no_new_calls_and_ends_the_running_ones_with_bye_and_a_record() {
    let home = Home::new(200);
    home.edit("  domain: pbx.test\n", "  domain: pbx.test\n  drain: 1s\n");
    let mut exchange = home.start();
    let (mut alice, mut boris) = talking(&exchange);
    let mut carol = Phone::new(exchange.sip, "1003", "1003", "Zt5-third-wheel-2").registered();
    exchange.terminate();
    let answer = until(|| {
        let answer = ask(&exchange, "GET", "/readyz", "", None);
        (answer.status == 503).then_some(answer)
    });
    let answer = answer.expect("not ready any more");
    assert!(answer.body.contains("draining"), "{answer:?}");
    assert_eq!(ask(&exchange, "GET", "/healthz", "", None).status, 200);
    let dialling = carol.dial("1001");
    assert_eq!(status(&carol.refused(&dialling)), 503);
    alice.hung_up_on();
    boris.hung_up_on();
    assert!(exchange.wait().success(), "{}", exchange.said().all());
    let causes: Vec<_> =
        records(&exchange.home).iter().map(|row| row["hangup_cause"].as_str().unwrap().to_owned()).collect();
    assert!(causes.iter().any(|cause| cause == "shutdown"), "{causes:?}");
}

#[test]
fn a_stop_waits_for_a_call_that_ends_by_itself() {
    let mut exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    alice.answered(&dialling);
    exchange.terminate();
    assert!(exchange.said().line("no new calls are taken").is_some());
    assert_eq!(get(&exchange, "/api/calls")["items"].as_array().unwrap().len(), 1);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
    assert!(exchange.wait().success(), "{}", exchange.said().all());
    assert_eq!(records(&exchange.home).last().unwrap()["hangup_cause"], "callee");
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut exchange = Exchange::start();
    let (mut alice, mut boris) = talking(&exchange);
    exchange.terminate();
    assert!(exchange.said().line("no new calls are taken").is_some());
    exchange.terminate();
    alice.hung_up_on();
    boris.hung_up_on();
    assert!(exchange.wait().success(), "{}", exchange.said().all());
}
