//! Every torture message at the running program's own doors, by datagram, stream, TLS and WebSocket; after each it still answers OPTIONS.
//!
//! What each is answered is checked where the exchange is a value (`tests/torture`); here it is that the sockets, the framing of streams and the
//! thread behind them outlive them all.

use crate::{
    authority::trusting,
    exchange::{Exchange, Home},
    handset::Handset,
    http::figure,
    line::Line,
};
use std::{net::SocketAddr, sync::Arc};
use torture::{ours, published};

fn messages() -> Vec<(String, Vec<u8>)> {
    let own = ours::all().into_iter().map(|own| (own.name.to_owned(), own.bytes));
    let published = published::all().unwrap_or_default().into_iter().map(|(case, bytes)| (case.file.to_owned(), bytes));
    own.chain(published).collect()
}

fn options(transport: &str, at: SocketAddr, serial: usize) -> String {
    format!(
        "OPTIONS sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/{transport} {at};branch=z9hG4bK-after{serial};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:a@pbx.test>;tag=1\r\nTo: <sip:pbx.test>\r\nCall-ID: after-{serial}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Sends the datagram from a socket of its own, since its answer may look like nothing a phone can read.
#[test]
fn options_is_answered_after_every_torture_datagram() {
    let exchange = Exchange::start();
    let mut phone = Handset::alice(&exchange);
    let rude = crate::handset::bound();
    for (serial, (name, bytes)) in messages().into_iter().enumerate() {
        // What is larger than a datagram can be is the streams' own.
        if rude.send_to(&bytes, exchange.sip).is_err() {
            continue;
        }
        phone.send(&options("UDP", phone.address(), serial));
        let call_id = format!("after-{serial}");
        let answer = phone.wait(|message| message.field("Call-ID") == call_id);
        assert_eq!(answer.status(), 200, "after {name}");
    }
    assert!(figure(&exchange, "ironbell_invariant_violations_total").abs() < 1e-9);
    assert!(figure(&exchange, "ironbell_calls_active").abs() < 1e-9);
    assert!(figure(&exchange, r#"ironbell_sip_dropped_total{reason="malformed"}"#) >= 1.0);
}

#[test]
fn options_is_answered_after_every_torture_stream() {
    let exchange = Exchange::start();
    outlives(&exchange, "TCP", &|| Line::tcp(&exchange));
}

#[test]
fn options_is_answered_after_every_torture_stream_over_tls() {
    let home = Home::new(60);
    home.edit("tcp://", "tls://");
    let exchange = home.start();
    let own = trusting(&exchange.home.data().join("tls/certificate.pem"), None);
    outlives(&exchange, "TLS", &|| Line::tls(&exchange, Arc::clone(&own), "pbx.test").unwrap());
}

#[test]
fn options_is_answered_after_every_torture_message_of_a_web_socket() {
    let home = Home::new(60);
    home.edit("tcp://", "ws://");
    let exchange = home.start();
    outlives(&exchange, "WS", &|| Line::web(&exchange, false, "torture"));
}

/// Each message by a connection of its own, in two pieces where there are pieces; another connection is served after each.
fn outlives(exchange: &Exchange, transport: &str, connect: &dyn Fn() -> Line) {
    let good = connect();
    for (serial, (name, bytes)) in messages().into_iter().enumerate() {
        let rude = connect();
        rude.send_rudely(&bytes);
        good.send(&options(transport, SocketAddr::from(([127, 0, 0, 1], 9)), serial));
        let wanted = format!("Call-ID: after-{serial}\r\n");
        let answer = loop {
            let answer = good.receive().unwrap_or_else(|fault| panic!("{fault} after {name}"));
            let answer = String::from_utf8_lossy(&answer).into_owned();
            if answer.contains(&wanted) {
                break answer;
            }
        };
        assert!(answer.starts_with("SIP/2.0 200 "), "after {name}: {answer}");
    }
    assert!(figure(exchange, "ironbell_invariant_violations_total").abs() < 1e-9);
}
