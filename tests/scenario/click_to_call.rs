//! Click to call: the exchange rings one, then the other, and joins them.

use crate::exchange::{KEY, VIEWER, until};
use crate::{
    exchange::Exchange,
    http::{ask, figure_becomes, get},
    phone::{Phone, talk},
    sound::{TONES, dominant},
};

fn order(exchange: &Exchange, key: &str, body: &str) -> crate::http::Answer {
    ask(exchange, "POST", "/api/call", key, Some(("application/json", body.as_bytes())))
}

#[test]
fn an_ordered_call_rings_one_then_the_other_and_joins_them() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let answer = order(&exchange, KEY, r#"{"from": "1001", "to": "1002"}"#);
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["call_id"].as_str().unwrap().to_owned();

    let first = alice.called();
    let mut at_alice = alice.take(&first);
    let second = boris.called();
    let at_boris = boris.take(&second);
    if at_alice.hears.is_none() || until(|| connected(&exchange)).is_none() {
        alice.take_change(&mut at_alice);
    }
    let (by_alice, by_boris) = talk((&alice, &at_alice, TONES[0]), (&boris, &at_boris, TONES[1]), 50);
    assert_eq!(dominant(&by_alice.concat()), Some(TONES[1]));
    assert_eq!(dominant(&by_boris.concat()), Some(TONES[0]));

    let ended = ask(&exchange, "DELETE", &format!("/api/calls/{id}"), KEY, None);
    assert_eq!(ended.status, 204, "{ended:?}");
    alice.hung_up_on();
    boris.hung_up_on();
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!(
        (&row["id"], &row["originated"], &row["hangup_cause"]),
        (&id.into(), &true.into(), &"operator".into()),
        "{row}"
    );
    let again = ask(&exchange, "DELETE", &format!("/api/calls/{}", row["id"].as_str().unwrap()), KEY, None);
    assert_eq!(again.status, 404, "{again:?}");
}

fn connected(exchange: &Exchange) -> Option<()> {
    (get(exchange, "/api/calls")["items"][0]["state"] == "Connected").then_some(())
}

#[test]
fn an_order_that_cannot_be_carried_out_says_why() {
    let exchange = Exchange::start();
    let _alice = Phone::alice(&exchange).registered();
    for (body, status, field) in [
        (r#"{"from": "4711", "to": "1002"}"#, 422, Some("from")),
        (r#"{"from": "1001"}"#, 422, Some("to")),
        (r#"{"from": "1001", "to": "1002", "colour": 1}"#, 422, Some("colour")),
        (r#"{"from": "1003", "to": "1001"}"#, 409, None),
        (r#"{"from": "1001", "to": "4711"}"#, 422, Some("to")),
    ] {
        let answer = order(&exchange, KEY, body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert_eq!(answer.kind, "application/problem+json");
        assert_eq!(answer.json()["errors"][0]["field"].as_str(), field, "{body}: {answer:?}");
    }
    assert_eq!(order(&exchange, VIEWER, r#"{"from": "1001", "to": "1002"}"#).status, 403);
}
