//! SIP over WebSocket, RFC 7118: a browser's registrations and calls, what becomes of them when its connection is cut, and bad manners.

use crate::{
    exchange::{Exchange, Home},
    http::{figure_becomes, get},
    line::{Line, closed, connect},
    phone::{Phone, talk},
    sound::{TONES, dominant},
};
use std::io::{Read as _, Write as _};
use tokio_tungstenite::tungstenite::{
    Bytes, Message, WebSocket,
    protocol::{Role, frame::Frame},
};

fn start() -> Exchange {
    let home = Home::new(200);
    home.edit("\"tcp://127.0.0.1:0\"", "\"ws://127.0.0.1:0\", \"wss://127.0.0.1:0\"");
    home.start()
}

fn registered(exchange: &Exchange) -> Vec<String> {
    let list = get(exchange, "/api/extensions");
    let alice = list["items"].as_array().unwrap().iter().find(|account| account["number"] == "1001").unwrap().clone();
    let contacts = alice["contacts"].as_array().unwrap().clone();
    contacts.iter().map(|contact| format!("{} {}", contact["transport"], contact["uri"]).replace('"', "")).collect()
}

fn options(serial: u32) -> String {
    format!(
        "OPTIONS sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/WS o.invalid;branch=z9hG4bK-o{serial}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@pbx.test>;tag=1\r\nTo: <sip:pbx.test>\r\nCall-ID: o{serial}\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
}

#[test]
fn a_browser_registers_calls_and_is_called_with_and_without_tls() {
    let exchange = start();
    for secure in [false, true] {
        let mut alice = Phone::alice_on(Line::web(&exchange, secure, "df7jal23ls0d")).registered();
        let transport = if secure { "wss" } else { "ws" };
        assert_eq!(registered(&exchange), [format!("{transport} sip:1001@df7jal23ls0d.invalid;transport=ws")]);
        let mut boris = Phone::boris(&exchange).registered();
        let asked = alice.dial("1002");
        let invite = boris.called();
        let mut boris_side = boris.take(&invite);
        let alice_side = alice.answered(&asked);
        let (to_alice, to_boris) = talk((&alice, &alice_side, TONES[0]), (&boris, &boris_side, TONES[1]), 25);
        assert_eq!((dominant(&to_alice.concat()), dominant(&to_boris.concat())), (Some(TONES[1]), Some(TONES[0])));
        boris.hang_up(&mut boris_side);
        alice.hung_up_on();
        let asked = boris.dial("1001");
        let invite = alice.called();
        assert!(invite.to_string().contains(&format!("Via: SIP/2.0/{}", transport.to_uppercase())), "{invite}");
        alice.say(&invite, 486);
        assert_eq!(crate::phone::status(&boris.refused(&asked)), 486);
        drop(alice);
        figure_becomes(&exchange, "ironbell_sip_streams_active", 0.0);
    }
}

#[test]
fn a_registration_ends_with_its_connection_and_is_not_kept_for_a_restart() {
    let exchange = start();
    let alice = Phone::alice_on(Line::web(&exchange, false, "one")).registered();
    let other = Phone::alice_on(Line::web(&exchange, true, "two")).registered();
    assert_eq!(registered(&exchange).len(), 2);
    drop(alice);
    figure_becomes(&exchange, "ironbell_registrations", 1.0);
    assert_eq!(registered(&exchange), ["wss sip:1001@two.invalid;transport=ws"]);
    let exchange = exchange.kill().start();
    assert_eq!(registered(&exchange), [""; 0]);
    drop(other);
}

#[test]
fn a_call_goes_on_by_the_connection_that_the_browser_makes_anew() {
    let exchange = start();
    let mut alice = Phone::alice_on(Line::web(&exchange, false, "same")).registered();
    let mut boris = Phone::boris(&exchange).registered();
    for by_registration in [true, false] {
        let asked = alice.dial("1002");
        let invite = boris.called();
        let mut boris_side = boris.take(&invite);
        let mut alice_side = alice.answered(&asked);
        alice.reconnect(|| {
            figure_becomes(&exchange, "ironbell_sip_streams_active", 0.0);
            Line::web(&exchange, false, "same")
        });
        figure_becomes(&exchange, "ironbell_calls_active", 1.0);
        if by_registration {
            assert_eq!(alice.register(3_600), 200);
            boris.hang_up(&mut boris_side);
            alice.hung_up_on();
        } else {
            alice.hang_up(&mut alice_side);
            boris.hung_up_on();
        }
        figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    }
}

#[test]
fn keep_alives_are_answered_and_a_message_needs_no_length() {
    let exchange = start();
    let line = Line::web(&exchange, true, "o");
    line.send("\r\n\r\n");
    assert_eq!(line.receive().unwrap(), b"\r\n");
    // Rubbish is dropped: where the next message begins is beyond doubt.
    line.send("rubbish");
    line.send(&options(1));
    assert!(line.receive().unwrap().starts_with(b"SIP/2.0 200 OK\r\n"));
    let Line::Web { socket, .. } = &line else { panic!("no WebSocket") };
    let mut socket = socket.borrow_mut();
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(Bytes::from_static(b"there?")));
    socket.send(Message::binary(options(2))).unwrap();
    assert!(socket.read().unwrap().into_data().starts_with(b"SIP/2.0 200 OK\r\n"));
}

#[test]
fn who_asks_for_no_web_socket_of_sip_is_told_what_is_missing() {
    let exchange = start();
    let good = Line::web(&exchange, false, "good");
    let asked = "GET / HTTP/1.1\r\nHost: pbx.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    for (from, to, want) in [
        ("", "", "HTTP/1.1 101 "),
        ("-Protocol: sip", "-Protocol: xmpp", "HTTP/1.1 400 "),
        ("Upgrade: websocket\r\n", "", "HTTP/1.1 426 "),
        ("GET / HTTP/1.1", "\u{0}", "HTTP/1.1 400 "),
        ("Host", &"x".repeat(40_000), "HTTP/1.1 431 "),
    ] {
        for secure in [false, true] {
            let mut pipe = connect(&exchange, secure);
            // It may be closed while it is still being written to.
            let _ = pipe.write_all(asked.replacen(from, to, 1).as_bytes());
            let mut answer = vec![0; want.len()];
            pipe.read_exact(&mut answer).unwrap();
            assert_eq!(String::from_utf8_lossy(&answer), want);
        }
    }
    // No TLS where it is wanted.
    let mut socket = std::net::TcpStream::connect(exchange.listens("wss")).unwrap();
    socket.set_read_timeout(Some(crate::exchange::PATIENCE)).unwrap();
    socket.write_all(asked.as_bytes()).unwrap();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&rest));
    good.send(&options(3));
    assert!(good.receive().unwrap().starts_with(b"SIP/2.0 200 OK\r\n"));
}

#[test]
fn pages_of_other_origins_are_refused_where_origins_are_named() {
    let home = Home::new(200);
    home.edit("\"tcp://127.0.0.1:0\"] }", "\"ws://127.0.0.1:0\"], origins: [\"https://desk.example.com\"] }");
    let exchange = home.start();
    for (origin, want) in [("https://desk.example.com", "101"), ("https://evil.example.com", "403")] {
        let mut pipe = connect(&exchange, false);
        let asked = format!(
            "GET / HTTP/1.1\r\nHost: pbx.test\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
        );
        pipe.write_all(asked.as_bytes()).unwrap();
        let mut answer = [0; 12];
        pipe.read_exact(&mut answer).unwrap();
        assert_eq!(answer[9..], *want.as_bytes(), "{origin}");
    }
}

#[test]
fn a_fault_of_the_web_socket_closes_it_with_its_code_and_others_live() {
    let exchange = start();
    let good = Line::web(&exchange, false, "good");
    let whole = |bytes: &[u8]| Message::binary(bytes.to_vec());
    // RFC 6455 section 7.4.1.
    for (message, code) in [(whole(&[b'x'; 65_536]), 1009), (Message::Frame(not_utf8()), 1007)] {
        let Line::Web { socket, .. } = Line::web(&exchange, false, "bad") else { panic!("no WebSocket") };
        let mut socket = socket.into_inner();
        let _ = socket.send(message);
        assert_eq!(closed(&mut socket), Some(code));
    }
    // RFC 6455 section 5.1: what a client sends is masked. A server's frames are not.
    let Line::Web { socket, .. } = Line::web(&exchange, false, "bad") else { panic!("no WebSocket") };
    let mut socket = WebSocket::from_raw_socket(socket.into_inner().into_inner(), Role::Server, None);
    socket.send(Message::text("unmasked")).unwrap();
    let mut socket = WebSocket::from_raw_socket(socket.into_inner(), Role::Client, None);
    assert_eq!(closed(&mut socket), Some(1002));
    drop(socket);
    good.send(&options(4));
    assert!(good.receive().unwrap().starts_with(b"SIP/2.0 200 OK\r\n"));
    drop(good);
    figure_becomes(&exchange, "ironbell_sip_streams_active", 0.0);
}

fn not_utf8() -> Frame {
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    Frame::message(Bytes::from_static(b"\xff\xfe"), OpCode::Data(Data::Text), true)
}

#[test]
fn who_asks_and_never_reads_is_cut_and_others_live() {
    let exchange = start();
    let good = Line::web(&exchange, true, "good");
    let Line::Web { socket: mut deaf, .. } = Line::web(&exchange, true, "deaf") else { panic!("no WebSocket") };
    // Its answers fill the kernel's buffers and our queue for it, and then it is given up.
    let cut = (0..400_000).any(|serial| deaf.get_mut().send(Message::text(options(serial))).is_err());
    assert!(cut, "it may ask for ever");
    good.send(&options(9));
    assert!(good.receive().unwrap().starts_with(b"SIP/2.0 200 OK\r\n"));
}

#[test]
fn the_certificate_of_the_first_start_is_kept() {
    let exchange = start();
    let certificate = exchange.home.data().join("tls/certificate.pem");
    let first = std::fs::read(&certificate).unwrap();
    let exchange = exchange.kill().start();
    assert_eq!(std::fs::read(certificate).unwrap(), first);
    Line::web(&exchange, true, "again").send(&options(1));
}

#[test]
fn another_certificate_is_taken_on_sighup_and_a_broken_one_is_not() {
    let [exchange, other] = [start(), start()];
    let of = |exchange: &Exchange, file: &str| exchange.home.data().join("tls").join(file);
    let before = Line::web(&exchange, true, "before");
    for file in ["certificate.pem", "key.pem"] {
        std::fs::copy(of(&other, file), of(&exchange, file)).unwrap();
    }
    exchange.reload();
    assert!(exchange.said().line("the certificates in use are the new ones").is_some(), "they are not read again");
    // The client trusts the new one alone; who is connected stays.
    Line::web(&exchange, true, "after").send(&options(1));
    std::fs::write(of(&exchange, "key.pem"), "no key").unwrap();
    exchange.reload();
    assert!(exchange.said().line("the certificates of before stay").is_some(), "a broken key is taken");
    Line::web(&exchange, true, "later").send(&options(2));
    before.send(&options(3));
    assert!(before.receive().unwrap().starts_with(b"SIP/2.0 200 OK\r\n"));
}
