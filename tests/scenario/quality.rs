//! A leg whose sound is below target is counted, named in the log and kept with the record.

use crate::{
    exchange::{Exchange, until},
    handset::Handset,
    http::{figure, figure_becomes, get},
    voice::{Voice, until_heard},
};

/// Packets a caller sends: enough for a measure of loss.
const PACKETS: u8 = 200;

/// Calls, loses every `lost`-th packet on the way to the exchange, and hangs up; the caller's leg of the record.
fn call_that_loses(exchange: &Exchange, lost: u8) -> serde_json::Value {
    let mut alice = Handset::alice(exchange).registered();
    let mut boris = Handset::boris(exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    let mut voice = Voice::new(0, 1);
    for mark in 1..=PACKETS {
        if mark % lost == 0 {
            voice.packet(mark);
        } else {
            until_heard((&alice, &mut voice, &at_alice), &boris, mark);
        }
    }
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    figure_becomes(exchange, "ironbell_media_sessions", 0.0);
    let row = until(|| get(exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    row["legs"][0].clone()
}

#[test]
fn a_call_that_loses_every_tenth_packet_raises_an_alert_and_is_on_record() {
    let exchange = Exchange::start();
    let leg = call_that_loses(&exchange, 10);
    figure_becomes(&exchange, r#"ironbell_media_quality_breaches_total{what="loss"}"#, 1.0);
    assert!(exchange.said().line("the sound of a leg is below target").is_some(), "{}", exchange.said().all());
    let loss = leg["quality"]["loss_percent"].as_f64().unwrap();
    assert!((8.0..12.0).contains(&loss), "{leg}");
    assert_eq!(leg["quality"]["loss_longest"], 1, "{leg}");
    let heard_in = r#"ironbell_media_loss_ratio_count{codec="PCMU",direction="in",tier="1"}"#;
    assert!(figure(&exchange, heard_in) >= 1.0);
}

#[test]
fn a_call_that_loses_nothing_raises_none() {
    let exchange = Exchange::start();
    let leg = call_that_loses(&exchange, u8::MAX);
    assert_eq!(leg["quality"]["loss_percent"], 0.0, "{leg}");
    assert!(figure(&exchange, r#"ironbell_media_quality_breaches_total{what="loss"}"#).abs() < 1e-9);
}
