//! Every torture message at the running program's own doors, by datagram and by stream; after each it still answers OPTIONS.
//!
//! What each is answered is checked where the exchange is a value (`tests/torture`); here it is that the sockets, the framing of streams and the
//! thread behind them outlive them all.

use crate::{
    exchange::{Exchange, PATIENCE},
    handset::Handset,
    http::figure,
};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};
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
    let line = exchange.said().line("SIP over tcp on ").unwrap();
    let door: SocketAddr =
        line.split("SIP over tcp on ").nth(1).unwrap().split([' ', '"']).next().unwrap().parse().unwrap();
    let connect = || {
        let stream = TcpStream::connect(door).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut good = connect();
    let at = good.local_addr().unwrap();
    for (serial, (name, bytes)) in messages().into_iter().enumerate() {
        let mut rude = connect();
        // In two pieces, the first of which may already be refused.
        let (one, two) = bytes.split_at(bytes.len() / 2);
        let _ = rude.write_all(one).and_then(|()| rude.flush()).and_then(|()| rude.write_all(two));
        good.write_all(options("TCP", at, serial).as_bytes()).unwrap();
        let wanted = format!("Call-ID: after-{serial}\r\n");
        let mut text = String::new();
        let mut piece = [0; 4_096];
        while !(text.contains(&wanted) && text.ends_with("\r\n\r\n")) {
            let length = good.read(&mut piece).unwrap();
            assert!(length > 0, "closed after {name}");
            text.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        assert!(text.starts_with("SIP/2.0 200 "), "after {name}: {text}");
    }
    assert!(figure(&exchange, "ironbell_invariant_violations_total").abs() < 1e-9);
}
