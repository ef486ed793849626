//! Accepting, rejecting and releasing, by phone and by the API, and the states on the way.

use crate::{
    exchange::{Exchange, KEY, VIEWER, until},
    handset::Handset,
    http::{ask, figure_becomes, get},
};
use serde_json::Value;

fn call(exchange: &Exchange) -> Value {
    get(exchange, "/api/calls")["items"][0].clone()
}

fn becomes(exchange: &Exchange, state: &str) {
    assert!(until(|| (call(exchange)["state"] == state).then_some(())).is_some(), "not {state}: {}", call(exchange));
}

#[test]
fn a_call_is_seen_in_each_of_its_states() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    assert_eq!(call(&exchange), Value::Null);
    let asked = alice.dial("1002");
    let invite = boris.called();
    becomes(&exchange, "Calling");
    assert!(call(&exchange)["answered_at"].is_null());
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    becomes(&exchange, "Ringing");
    let mut at_boris = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    becomes(&exchange, "Connected");
    let seen = call(&exchange);
    assert!(seen["answered_at"].as_str() >= seen["started_at"].as_str(), "{seen}");

    for (direction, state) in
        [("sendonly", "Hold"), ("sendrecv", "Connected"), ("inactive", "Hold"), ("sendrecv", "Connected")]
    {
        let body = boris.description(direction);
        let changed = boris.begin_change(&mut at_boris, "INVITE", "", &body);
        let again = alice.request("INVITE");
        alice.take(&again);
        assert_eq!(boris.end_change(&mut at_boris, &changed).status(), 200, "{direction}");
        becomes(&exchange, state);
    }
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    assert_eq!(call(&exchange), Value::Null);
}

#[test]
fn a_call_is_rejected_by_the_phone_and_both_are_free_for_the_next() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    for status in [486, 603, 404, 480] {
        let asked = alice.dial("1002");
        let invite = boris.called();
        boris.say(&invite, status);
        boris.acknowledged(&invite);
        assert_eq!(alice.refused(&asked), status);
    }
    // What only the exchange could answer is not passed on (RFC 3261 section 16.7).
    for status in [401, 503] {
        let asked = alice.dial("1002");
        let invite = boris.called();
        boris.say(&invite, status);
        assert_eq!(alice.refused(&asked), 480, "{status}");
    }
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    alice.connected(&asked);
}

#[test]
fn the_api_ends_a_ringing_and_an_answered_call() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let delete =
        |key: &str, id: &Value| ask(&exchange, "DELETE", &format!("/api/calls/{}", id.as_str().unwrap()), key, None);

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    let id = call(&exchange)["id"].clone();
    assert_eq!(delete(VIEWER, &id).status, 403, "who may only look may not end calls");
    assert_eq!(delete(KEY, &id).status, 204);
    let cancel = boris.request("CANCEL");
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    assert!(alice.refused(&asked) >= 480);

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    alice.connected(&asked);
    let id = call(&exchange)["id"].clone();
    assert_eq!(delete(KEY, &id).status, 204);
    alice.hung_up_on();
    boris.hung_up_on();
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    assert_eq!(delete(KEY, &id).status, 404);
    let rows = until(|| {
        let rows = get(&exchange, "/api/cdr")["items"].clone();
        (rows.as_array().unwrap().len() == 2).then_some(rows)
    });
    for row in rows.expect("two records").as_array().unwrap() {
        assert_eq!(row["hangup_cause"], "operator", "{row}");
    }
}
