//! Streams: RFC 3261 sections 7.5, 18.1.1, 18.2.2, 18.3 and 18.4, RFC 5626 section 4.4.1.

use crate::rig::{Heard, PHONE, Rig, address, answer, by_tcp, by_udp, from_phone, tcp};
use signaling::{
    fact::DropReason,
    flow::{ConnectionId, Flow, FlowEnd, ListenerId, Transport},
    limits::{DATAGRAM_REQUEST_BYTES_MAX, HEAD_BYTES_MAX, STREAM_QUEUE_BYTES_MAX},
    message::Method,
    transaction::{ClientFailure, NextHop, NotSent},
};

fn stream_request(method: &str, branch: &str) -> String {
    from_phone(method, &format!("SIP/2.0/TCP 192.0.2.9:5062;branch={branch}"), ";tag=ours")
}

#[test]
fn messages_are_found_however_the_stream_is_cut() {
    let all = format!("{}\r\n\r\n{}", stream_request("BYE", "z9hG4bK1"), stream_request("INFO", "z9hG4bK2"));
    for piece in [1, 2, 3, 7, 100, 511, all.len()] {
        let mut rig = Rig::new();
        rig.user.answers = Some(200);
        for bytes in all.as_bytes().chunks(piece) {
            rig.receive(tcp(PHONE, 5), bytes);
        }
        let heard: Vec<_> = rig.heard().into_iter().map(|heard| format!("{heard:?}")).collect();
        assert!(heard.len() == 2 && heard[0].contains("BYE") && heard[1].contains("INFO"), "{piece}: {heard:?}");
        let sent = rig.sent();
        let answers: Vec<_> = sent.iter().filter(|sent| sent.text.len() > 2).map(|sent| sent.to()).collect();
        assert_eq!(answers, [format!("tcp {PHONE}"), format!("tcp {PHONE}")], "{piece}");
        assert_eq!(rig.stack.census().streams, 1);
    }
}

#[test]
fn on_streams_nothing_is_repeated_and_an_answered_request_is_over() {
    let mut rig = Rig::new();
    rig.user.answers = Some(486);
    rig.receive(tcp(PHONE, 5), stream_request("INVITE", "z9hG4bK1"));
    rig.sent();
    assert_eq!(rig.watch(31_000), []);
    rig.receive(tcp(PHONE, 5), stream_request("ACK", "z9hG4bK1"));
    rig.receive(tcp(PHONE, 5), stream_request("BYE", "z9hG4bK2"));
    assert_eq!(rig.stack.census().transactions, 0);
}

#[test]
fn a_double_crlf_is_answered_by_one_crlf() {
    let mut rig = Rig::new();
    rig.receive(tcp(PHONE, 5), "\r\n\r\n");
    assert_eq!(rig.only().text, "\r\n");
    rig.receive(tcp(PHONE, 5), "\r\n");
    assert_eq!(rig.sent().len(), 0, "a pong");
    // Nobody makes us send more than he did.
    rig.receive(tcp(PHONE, 5), "\r\n".repeat(1000));
    assert_eq!(rig.only().text, "\r\n");
}

#[test]
fn a_fault_of_framing_is_answered_and_closes_that_stream_alone() {
    let good = stream_request("OPTIONS", "z9hG4bK1");
    let without = good.replace("Content-Length: 0\r\n", "");
    for (bytes, line) in [
        (without.clone(), "400 Missing Content-Length"),
        (good.replace("Content-Length: 0", "Content-Length: -1"), "400 Malformed Content-Length"),
        (
            good.replace("Content-Length: 0", "Content-Length: 1\r\nContent-Length: 2"),
            "400 Contradicting Content-Length",
        ),
        (good.replace("Content-Length: 0", "Content-Length: 99999999"), "413 Request Entity Too Large"),
        (
            good.replace("Content-Length: 0", &format!("X: {}", "x".repeat(HEAD_BYTES_MAX))),
            "400 Header Section Too Long",
        ),
    ] {
        let mut rig = Rig::new();
        rig.receive(tcp("192.0.2.8:5062", 6), "\r\n\r\n");
        rig.out.clear();
        rig.receive(tcp(PHONE, 5), &bytes);
        assert_eq!(rig.closed(), [ConnectionId(5)], "{line}");
        assert_eq!(rig.lines(), [line]);
        assert_eq!(rig.heard(), [Heard::FlowLost(ConnectionId(5))]);
        // What was still on its way is thrown away; the other stream goes on.
        rig.receive(tcp(PHONE, 5), &good);
        assert_eq!((rig.lines(), rig.heard(), rig.stack.census().streams), (Vec::new(), Vec::new(), 1));
        rig.receive(tcp("192.0.2.8:5062", 6), &good);
        assert_eq!(rig.heard().len(), 1);
    }
}

#[test]
fn a_fault_within_a_message_leaves_the_stream_open() {
    let mut rig = Rig::new();
    let good = stream_request("OPTIONS", "z9hG4bK1");
    rig.receive(tcp(PHONE, 5), good.replace("CSeq: 1", "CSeq: x") + &good);
    assert_eq!((rig.closed(), rig.heard().len()), (Vec::new(), 1));
    assert_eq!(rig.lines(), ["400 Malformed CSeq"]);
}

#[test]
fn a_message_that_stays_incomplete_ends_its_stream() {
    let mut rig = Rig::new();
    let good = stream_request("OPTIONS", "z9hG4bK1");
    rig.receive(tcp(PHONE, 5), &good.as_bytes()[..50]);
    // More of it does not prolong the wait.
    rig.pass(20_000);
    rig.receive(tcp(PHONE, 5), &good.as_bytes()[50..60]);
    rig.pass(11_999);
    assert_eq!(rig.closed(), []);
    rig.pass(1);
    assert_eq!((rig.closed(), rig.drops()), (vec![ConnectionId(5)], vec![DropReason::Malformed]));
    assert_eq!(rig.stack.census().streams, 0);
    rig.ends_empty();
}

#[test]
fn an_idle_stream_stays() {
    let mut rig = Rig::new();
    rig.user.answers = Some(200);
    rig.receive(tcp(PHONE, 5), stream_request("OPTIONS", "z9hG4bK1"));
    rig.pass(3_600_000);
    assert_eq!((rig.closed(), rig.stack.census().streams, rig.stack.census().timers), (Vec::new(), 1, 0));
}

#[test]
fn a_stream_is_opened_once_and_used_again() {
    let mut rig = Rig::new();
    rig.ask(Method::Options, by_tcp(), b"").expect("sent");
    let opened = rig.opened();
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].1, PHONE);
    let first = rig.only();
    assert!(first.header("Via").starts_with("SIP/2.0/TCP 192.0.2.1:5060;"));
    assert_eq!(first.flow.connection, Some(opened[0].0));
    rig.stack.flow_opened(opened[0].0);
    rig.ask(Method::Options, by_tcp(), b"").expect("sent");
    assert_eq!(rig.opened(), []);
    assert_eq!(rig.only().flow, first.flow);
}

#[test]
fn a_stream_that_does_not_open_fails_what_waits_for_it() {
    let mut rig = Rig::new();
    let one = rig.ask(Method::Invite, by_tcp(), b"").expect("sent");
    let two = rig.ask(Method::Options, by_tcp(), b"").expect("sent");
    let connection = rig.opened()[0].0;
    rig.lost(connection, FlowEnd::NotOpened);
    let unreachable = |id| Heard::Failure(id, ClientFailure::Unreachable);
    assert_eq!(rig.heard(), [unreachable(one), unreachable(two), Heard::FlowLost(connection)]);
    rig.ends_empty();
}

#[test]
fn a_stream_lost_fails_what_was_not_answered_on_it() {
    let mut rig = Rig::new();
    let calling = rig.ask(Method::Invite, by_tcp(), b"").expect("sent");
    let connection = rig.opened()[0].0;
    let calling_sent = rig.only();
    rig.stack.flow_opened(connection);
    let ringing = rig.ask(Method::Invite, by_tcp(), b"").expect("sent");
    let ringing_sent = rig.only();
    let answered = rig.ask(Method::Bye, by_tcp(), b"").expect("sent");
    let answered_sent = rig.only();
    let flow = calling_sent.flow;
    rig.receive(flow, answer(&ringing_sent, 180, "x"));
    rig.receive(flow, answer(&answered_sent, 200, "x"));
    assert_eq!(rig.heard(), [Heard::Response(ringing, 180), Heard::Response(answered, 200)]);
    rig.lost(connection, FlowEnd::Closed);
    // What rings may still be answered by another stream (RFC 3261 section 18.2.2).
    assert_eq!(rig.heard(), [Heard::Failure(calling, ClientFailure::Unreachable), Heard::FlowLost(connection)]);
    rig.receive(tcp("192.0.2.9:41000", 9), answer(&ringing_sent, 486, "x"));
    assert_eq!(rig.heard(), [Heard::Response(ringing, 486)]);
    // By its own flow nothing goes any more.
    assert_eq!(rig.ask(Method::Bye, NextHop::Flow(flow), b""), Err(NotSent::Unreachable));
    rig.ends_empty();
}

#[test]
fn the_queue_of_an_opening_stream_is_bounded() {
    let mut rig = Rig::new();
    let body = vec![b'x'; 60_000];
    let mut sent = 0;
    let end = loop {
        match rig.ask(Method::Message, by_tcp(), &body) {
            Ok(_) => sent += 1,
            Err(why) => break why,
        }
        assert!(sent < 100, "no end");
    };
    assert_eq!((end, sent), (NotSent::Exhausted, STREAM_QUEUE_BYTES_MAX / 60_400));
    let connection = rig.opened()[0].0;
    rig.stack.flow_opened(connection);
    rig.ask(Method::Message, by_tcp(), &body).expect("an open stream takes it");
}

#[test]
fn a_large_request_goes_by_tcp() {
    let mut rig = Rig::new();
    rig.ask(Method::Invite, by_udp(), &vec![b'x'; DATAGRAM_REQUEST_BYTES_MAX / 2]).expect("sent");
    assert_eq!(rig.only().to(), format!("udp {PHONE}"));
    rig.ask(Method::Invite, by_udp(), &vec![b'x'; DATAGRAM_REQUEST_BYTES_MAX]).expect("sent");
    assert_eq!(rig.opened().len(), 1);
    let large = rig.only();
    assert_eq!(large.to(), format!("tcp {PHONE}"));
    assert!(large.header("Via").starts_with("SIP/2.0/TCP "));
    // Where only the flow leads to the phone it is kept.
    rig.ask(Method::Invite, NextHop::Flow(crate::rig::udp(PHONE)), &vec![b'x'; DATAGRAM_REQUEST_BYTES_MAX])
        .expect("sent");
    assert_eq!(rig.only().to(), format!("udp {PHONE}"));
}

#[test]
fn a_large_request_goes_by_udp_after_all_when_tcp_is_refused() {
    for method in [Method::Invite, Method::Message] {
        let mut rig = Rig::new();
        let body = vec![b'x'; DATAGRAM_REQUEST_BYTES_MAX];
        let id = rig.ask(method, by_udp(), &body).expect("sent");
        let connection = rig.opened()[0].0;
        let by_stream = rig.only();
        rig.lost(connection, FlowEnd::NotOpened);
        assert_eq!(rig.heard(), [Heard::FlowLost(connection)], "the request has not failed");
        let by_datagram = rig.only();
        assert_eq!(by_datagram.to(), format!("udp {PHONE}"));
        assert_eq!(by_datagram.header("Via"), by_stream.header("Via").replace("/TCP", "/UDP"));
        // It lives like any request by UDP from now on.
        assert_eq!(rig.watch(1500).len(), 2);
        rig.datagram(answer(&by_datagram, 404, "x"));
        assert_eq!(rig.heard(), [Heard::Response(id, 404)]);
        rig.out.clear();
        // The refusal is remembered for a while.
        rig.ask(method, by_udp(), &body).expect("sent");
        assert_eq!((rig.opened().len(), rig.only().to()), (0, format!("udp {PHONE}")));
        rig.pass(300_000);
        rig.out.clear();
        rig.ask(method, by_udp(), &body).expect("sent");
        assert_eq!(rig.opened().len(), 1);
        rig.lost(ConnectionId::outbound(2), FlowEnd::Closed);
        rig.ends_empty();
    }
}

#[test]
fn an_answer_whose_stream_is_gone_goes_by_a_new_one() {
    let mut rig = Rig::new();
    let flow = tcp("192.0.2.9:41000", 5);
    rig.receive(flow, stream_request("OPTIONS", "z9hG4bK1"));
    let id = rig.request_heard();
    rig.lost(ConnectionId(5), FlowEnd::Closed);
    rig.respond(id, 200);
    // RFC 3261 section 18.2.2: to the address it came from, at the port of sent-by.
    assert_eq!(rig.opened().len(), 1);
    assert_eq!(rig.only().to(), "tcp 192.0.2.9:5062");
}

#[test]
fn one_message_of_a_web_socket_is_one_of_sip() {
    let way = Flow::connected(Transport::Ws, ListenerId(1), address(PHONE), ConnectionId(5));
    let good = from_phone("OPTIONS", "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1", "");
    // RFC 7118 section 5: nothing is searched for an end, so Content-Length may be missing, and what follows the body is none of another message.
    for (text, line) in [
        (good.replace("Content-Length: 0\r\n", ""), None),
        (good.replace("Content-Length: 0", "Content-Length: 5"), Some("400 Body Shorter Than Content-Length")),
        (good.replace("CSeq: 1", "CSeq: x"), Some("400 Malformed CSeq")),
    ] {
        let mut rig = Rig::new();
        rig.user.answers = Some(200);
        rig.receive(way, &text);
        let answer = rig.only();
        assert_eq!((answer.line(), answer.to()), (line.unwrap_or("200 OK"), format!("ws {PHONE}")), "{text}");
        assert!(answer.header("Via").contains(";received=192.0.2.9"), "{answer:?}");
        assert_eq!(rig.closed(), [], "where the next message begins is beyond doubt");
    }
    // RFC 7118 section 6: the keep-alive of RFC 5626 section 4.4.1 is usable; a message that is half one is dropped.
    let mut rig = Rig::new();
    rig.receive(way, "\r\n\r\n");
    assert_eq!(rig.only().text, "\r\n");
    for nothing in ["\r\n", "", "OPTIONS sip:pbx"] {
        rig.receive(way, nothing);
        assert_eq!((rig.sent().len(), rig.heard().len(), rig.closed().len()), (0, 0, 0), "{nothing:?}");
    }
    rig.receive(way, &good);
    assert_eq!(rig.heard().len(), 1);
}

#[test]
fn nobody_is_connected_to_by_web_socket() {
    // RFC 7118 section 5.4: the answer to who has gone is lost, and a request to him is not sent.
    let way = Flow::connected(Transport::Ws, ListenerId(1), address(PHONE), ConnectionId(5));
    let mut rig = Rig::new();
    rig.receive(way, from_phone("INVITE", "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1", ""));
    let id = rig.request_heard();
    rig.lost(ConnectionId(5), FlowEnd::Closed);
    rig.out.clear();
    rig.respond(id, 486);
    assert_eq!((rig.opened().len(), rig.sent().len()), (0, 0));
    let hop = NextHop::Address { listener: ListenerId(1), remote: address(PHONE), transport: Transport::Ws };
    assert_eq!(rig.ask(Method::Options, hop, b""), Err(NotSent::Unreachable));
    assert_eq!(rig.opened(), []);
}
