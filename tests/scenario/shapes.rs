//! What the API answers has at least the fields that programs hold on to.

use crate::{
    exchange::{Exchange, KEY},
    handset::Handset,
    http::{ask, get},
    voice::{Voice, until_heard},
};
use serde_json::Value;

fn has(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "no {name} in {value}");
    }
}

#[test]
fn every_resource_has_the_fields_that_were_promised() {
    let exchange = Exchange::start();
    let status = get(&exchange, "/api/status");
    has(
        &status,
        &["version", "uptime_seconds", "calls_active", "registrations", "ports_in_use", "trunks_up", "shards"],
    );
    has(&status["shards"][0], &["id", "cpu", "sessions", "packets_per_second", "tier"]);

    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let at_boris = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 2);

    let status = get(&exchange, "/api/status");
    assert_eq!((&status["calls_active"], &status["registrations"]), (&1.into(), &2.into()), "{status}");
    assert!(status["ports_in_use"].as_u64() >= Some(4), "{status}");
    assert_eq!(status["trunks_up"], 0);

    let extensions = get(&exchange, "/api/extensions");
    assert_eq!(extensions["items"].as_array().unwrap().len(), 3);
    for extension in extensions["items"].as_array().unwrap() {
        has(extension, &["number", "name", "registered", "contacts", "state", "last_activity"]);
    }
    has(&extensions["items"][0]["contacts"][0], &["uri", "source", "transport", "user_agent", "expires_at"]);
    let text = extensions.to_string();
    assert!(!text.contains("wheel"), "a secret is shown: {text}");

    let calls = get(&exchange, "/api/calls");
    has(&calls["items"][0], &["id", "state", "from", "to", "started_at", "answered_at", "legs", "recording"]);
    let legs = calls["items"][0]["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 2, "{calls}");
    for leg in legs {
        has(leg, &["id", "party", "codec", "tier", "quality"]);
    }
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
}

#[test]
fn lists_are_given_page_by_page() {
    let exchange = Exchange::start();
    let mut numbers = Vec::new();
    let mut path = "/api/extensions?limit=2".to_owned();
    loop {
        let page = get(&exchange, &path);
        has(&page, &["items", "next"]);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        numbers.extend(items.iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/extensions?limit=2&after={next}");
    }
    assert_eq!(numbers, ["1001", "1002", "1003"]);

    // Three calls, newest first.
    let mut phones = [Handset::alice(&exchange), Handset::boris(&exchange), Handset::carol(&exchange)];
    for phone in &mut phones {
        let asked = phone.dial("*43");
        phone.connected(&asked);
    }
    let first = get(&exchange, "/api/calls?limit=2");
    let second = get(&exchange, &format!("/api/calls?limit=2&after={}", first["next"].as_str().unwrap()));
    let from = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|call| call["from"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((from(&first), from(&second)), (vec!["1003".to_owned(), "1002".to_owned()], vec!["1001".to_owned()]));
    assert!(second["next"].is_null(), "{second}");
}

#[test]
fn an_ordered_call_is_accepted_with_its_name_and_seen_under_it() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let body = br#"{"from": "1001", "to": "1002"}"#;
    let answer = ask(&exchange, "POST", "/api/call", KEY, Some(("application/json", body)));
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["call_id"].clone();
    let invite = alice.called();
    assert_eq!(get(&exchange, "/api/calls")["items"][0]["id"], id);
    boris.has_unread(|message| panic!("Boris is rung before Alice has answered: {message:?}"));
    alice.take(&invite);
    let invite = boris.called();
    assert!(invite.field("From").contains("sip:1001@"), "{invite:?}");
    boris.say(&invite, 486);
    alice.hung_up_on();
}
