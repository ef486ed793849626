//! What is refused before anyone above sees it: RFC 3261 sections 8.2, 16.3, 18.1.2 and the kinds of faults in RFC 4475 section 3.

use crate::rig::{Rig, request};
use signaling::fact::DropReason;

/// A good OPTIONS in which `from` is replaced by `to`.
fn broken(from: &str, to: &str) -> String {
    let good = request("OPTIONS", "z9hG4bK1");
    assert!(good.contains(from), "{from}");
    good.replacen(from, to, 1)
}

#[test]
fn faults_are_answered_by_clause() {
    let long = format!("sip:{}@192.0.2.1", "1".repeat(2048));
    for (clause, from, to, line) in [
        ("8.1.1: mandatory fields", "From: <sip:1001@pbx.test>;tag=theirs\r\n", "", "400 Missing From"),
        ("8.1.1: mandatory fields", "To: <sip:1002@pbx.test>\r\n", "", "400 Missing To"),
        ("8.1.1: mandatory fields", "Call-ID: call-z9hG4bK1\r\n", "", "400 Missing Call-ID"),
        ("8.1.1: mandatory fields", "CSeq: 1 OPTIONS\r\n", "", "400 Missing CSeq"),
        ("4475 3.1.2.4: CSeq too large", "CSeq: 1 ", "CSeq: 36893488147419103232 ", "400 Malformed CSeq"),
        ("4475 3.1.2.17: method mismatch", "CSeq: 1 OPTIONS", "CSeq: 1 INVITE", "400 CSeq Method Differs From Request"),
        ("4475 3.1.2.16: version", "192.0.2.1 SIP/2.0", "192.0.2.1 SIP/7.0", "505 Version Not Supported"),
        ("4475 3.3.2: scheme", "sip:1002@192.0.2.1 ", "nobodyknows:opaque ", "416 Unsupported URI Scheme"),
        ("21.4.12: long Request-URI", "sip:1002@192.0.2.1 ", &format!("{long} "), "414 Request-URI Too Long"),
        ("4475 3.1.2.7: brackets", "sip:1002@192.0.2.1 ", "<sip:1002@192.0.2.1> ", "400 Malformed Request-URI"),
        ("4475 3.1.2.9: two spaces", "OPTIONS sip", "OPTIONS  sip", "400 Malformed Start Line"),
        ("4475 3.3.8: repeated", "CSeq: 1", "CSeq: 2 OPTIONS\r\nCSeq: 1", "400 Repeated CSeq"),
        ("4475 3.1.2.2: length", "Content-Length: 0", "Content-Length: 9999", "400 Body Shorter Than Content-Length"),
        ("16.3 step 3: Max-Forwards", "Max-Forwards: 70", "Max-Forwards: 0", "483 Too Many Hops"),
        ("20.22: Max-Forwards", "Max-Forwards: 70", "Max-Forwards: 256", "400 Malformed Max-Forwards"),
    ] {
        let mut rig = Rig::new();
        rig.datagram(broken(from, to));
        let sent = rig.only();
        assert_eq!(sent.line(), line, "{clause}");
        assert_eq!(sent.to(), "udp 192.0.2.9:5062", "{clause}");
        assert_eq!(rig.heard(), [], "{clause}");
        assert_eq!(rig.stack.census().transactions, 0, "{clause}: refused without state");
    }
}

#[test]
fn a_refusal_finds_its_way_by_an_odd_via() {
    for (via, to) in [
        ("SIP / 2.0 / UDP 192.0.2.9 : 7", "udp 192.0.2.9:7"),
        ("SIP/2.0/UNKNOWN 10.0.0.1:7;rport;ttl=3", "udp 192.0.2.9:5062"),
        ("SIP/3.0/UDP no.such.host", "udp 192.0.2.9:5060"),
        ("SIP/2.0/UDP 192.0.2.9:0", "udp 192.0.2.9:5062"),
    ] {
        let mut rig = Rig::new();
        rig.datagram(broken("SIP/2.0/UDP 192.0.2.9:5062", via).replace("CSeq: 1", "CSeq: x"));
        assert_eq!(rig.only().to(), to, "{via}");
    }
}

#[test]
fn without_a_usable_via_there_is_no_answer() {
    for via in ["", "SIP/2.0/UDP", "HTTP/2.0/UDP 192.0.2.9", "SIP/2.0/UDP ;branch=1", "SIP/2.0/UDP 192.0.2.9:99999"] {
        let mut rig = Rig::new();
        rig.datagram(broken("SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1", via));
        assert_eq!((rig.drops(), rig.lines()), (vec![DropReason::Malformed], Vec::new()), "{via}");
    }
}

#[test]
fn a_broken_ack_is_dropped() {
    let mut rig = Rig::new();
    rig.datagram(request("ACK", "z9hG4bK1").replace("CSeq: 1", "CSeq: x"));
    assert_eq!((rig.drops(), rig.lines(), rig.heard()), (vec![DropReason::Malformed], Vec::new(), Vec::new()));
}

#[test]
fn the_end_of_the_way_does_not_count_hops() {
    // RFC 4475 section 3.3.11: an end point goes on as if the number were positive.
    for (method, tag) in [("REGISTER", ""), ("BYE", ";tag=ours"), ("INVITE", ";tag=ours")] {
        let mut rig = Rig::new();
        rig.user.answers = Some(200);
        let bytes = request(method, "z9hG4bK1").replace("Max-Forwards: 70", "Max-Forwards: 0");
        rig.datagram(bytes.replace("1002@pbx.test>", &format!("1002@pbx.test>{tag}")));
        assert_eq!(rig.lines(), ["200 OK"], "{method}");
    }
}
