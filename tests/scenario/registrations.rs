//! Registrations as `GET /api/extensions` shows them, at once.

use crate::{
    exchange::{Exchange, until},
    handset::{Handset, home},
    http::{figure, get},
};
use serde_json::Value;

fn account(exchange: &Exchange, number: &str) -> Value {
    let list = get(exchange, "/api/extensions");
    list["items"].as_array().unwrap().iter().find(|account| account["number"] == number).unwrap().clone()
}

#[test]
fn a_registration_is_shown_at_once_with_its_phone_and_is_gone_at_once() {
    let exchange = Exchange::start();
    let before = account(&exchange, "1002");
    assert_eq!((&before["registered"], &before["name"]), (&false.into(), &"Boris".into()), "{before}");
    assert!(before["last_activity"].is_null(), "{before}");

    let mut boris = Handset::boris(&exchange);
    let answer = boris.register("600", "User-Agent: Deskphone 7.1\r\n");
    assert!(answer.field("Contact").contains(&boris.claims) && answer.field("Contact").contains("expires="));
    let shown = account(&exchange, "1002");
    let contact = &shown["contacts"][0];
    assert_eq!(shown["registered"], true, "{shown}");
    assert_eq!(contact["uri"], format!("sip:1002@{}", boris.claims), "{shown}");
    assert_eq!(contact["source"], boris.address().to_string(), "{shown}");
    assert_eq!((&contact["transport"], &contact["user_agent"]), (&"udp".into(), &"Deskphone 7.1".into()), "{shown}");
    let expires: jiff::Timestamp = contact["expires_at"].as_str().unwrap().parse().unwrap();
    let active: jiff::Timestamp = shown["last_activity"].as_str().unwrap().parse().unwrap();
    assert!(expires > active, "{shown}");

    // A second phone beside it; one goes, then all go (RFC 3261 section 10.2.2).
    let mut kitchen = Handset::boris(&exchange).registered();
    assert_eq!(account(&exchange, "1002")["contacts"].as_array().unwrap().len(), 2);
    assert_eq!(boris.register("0", "").status(), 200);
    let left = account(&exchange, "1002");
    assert_eq!(left["contacts"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["contacts"][0]["source"], kitchen.address().to_string(), "{left}");
    let all = kitchen.ask("REGISTER", "sip:pbx.test", "1002", "Contact: *\r\nExpires: 0\r\n");
    assert_eq!(all.status(), 200, "{all:?}");
    let after = account(&exchange, "1002");
    assert_eq!((&after["registered"], &after["contacts"]), (&false.into(), &Value::Array(Vec::new())), "{after}");
    assert!(!after["last_activity"].is_null(), "{after}");
    assert!(figure(&exchange, "ironbell_registrations").abs() < 1e-9);

    let mut alice = Handset::alice(&exchange).registered();
    let asked = alice.dial("1002");
    assert_eq!(alice.refused(&asked), 480);
}

#[test]
fn a_registration_that_is_not_refreshed_ends_by_itself() {
    let directory =
        home("sip: { listen: [\"udp://127.0.0.1:0\"], registration: { min: 1s, max: 20m, default: 10m } }", "");
    directory.edit("  sip: { listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"] }\n", "");
    let exchange = directory.start();
    let mut boris = Handset::boris(&exchange);
    let answer = boris.register("1", "");
    assert_eq!(answer.status(), 200, "{answer:?}");
    let gone = until(|| (account(&exchange, "1002")["registered"] == false).then_some(()));
    assert!(gone.is_some(), "still registered");

    // The limits: too brief is told what would do, too long is cut.
    let answer = boris.register("86400", "");
    let granted: u32 = answer.field("Contact").split("expires=").nth(1).unwrap().parse().unwrap();
    assert!((1_100..=1_200).contains(&granted), "{answer:?}");
}

#[test]
fn an_expiry_below_the_least_is_refused_with_the_least() {
    let exchange = Exchange::start();
    let mut boris = Handset::boris(&exchange);
    let answer = boris.register("5", "");
    assert_eq!((answer.status(), answer.field("Min-Expires")), (423, "60"), "{answer:?}");
    assert_eq!(account(&exchange, "1002")["registered"], false);
}

#[test]
fn an_account_in_a_call_is_shown_in_it() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    assert_eq!(account(&exchange, "1001")["state"], "Idle");
    let asked = alice.dial("*43");
    let mut talk = alice.connected(&asked);
    assert_eq!(account(&exchange, "1001")["state"], "Connected");
    alice.hang_up(&mut talk);
    assert_eq!(account(&exchange, "1001")["state"], "Idle");
}
