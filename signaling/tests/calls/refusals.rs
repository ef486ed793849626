//! What the exchange answers when a call cannot be, and to requests it does not serve.

use super::{
    common::{
        Line, Phone, described,
        line::{DOMAIN, extension, settings},
    },
    join, two,
};
use contract::Codec;
use signaling::{
    fact::{Disposition, HangupCause},
    settings::Directory,
};

#[test]
fn calls_that_lead_nowhere_are_refused_with_a_record() {
    for (to, status, disposition, cause) in [
        ("4711", "404", Disposition::Failed, HangupCause::Unreachable),
        ("1003", "480", Disposition::Failed, HangupCause::Unreachable),
    ] {
        let (mut line, mut alice, _) = two();
        let invite = alice.call(&mut line, to, &alice.sdp());
        let refusal = line.expect(alice.address, status);
        line.send(alice.address, &invite.ack(&refusal));
        let record = line.record();
        assert_eq!((record.disposition, record.hangup_cause), (disposition, cause), "{to}");
        assert_eq!(record.status.unwrap().to_string(), status);
        line.expect_rest();
    }
}

#[test]
fn an_account_calls_under_its_own_number_only() {
    let (mut line, mut alice, _) = two();
    let mut other = Phone::new("1003", "10.0.0.11:5061");
    let first = other.invite("1002", &alice.sdp(), "", 1);
    line.send(alice.address, &first.text);
    let challenge = line.expect(alice.address, "401");
    line.send(alice.address, &first.ack(&challenge));
    let authorization = alice.authorization(&challenge, "INVITE", &first.uri);
    let headers = format!("Authorization: {authorization}\r\n");
    let second = other.invite("1002", &alice.sdp(), &headers, 2);
    line.send(alice.address, &second.text);
    let refusal = line.expect(alice.address, "403");
    line.send(alice.address, &second.ack(&refusal));
    assert!(line.records().is_empty());
    line.expect_rest();
    alice.register(&mut line);
}

#[test]
fn requests_that_are_not_served_say_what_is() {
    let (mut line, alice, _) = two();
    let head = |method: &str, more: &str| {
        format!(
            "{method} sip:1002@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{}{};rport\r\nMax-Forwards: 70\r\nFrom: <sip:1001@{DOMAIN}>;tag=a\r\n\
             To: <sip:1002@{DOMAIN}>\r\nCall-ID: x-{method}-{}\r\nCSeq: 1 {method}\r\nContact: <sip:1001@10.0.0.11:5061>\r\n{more}",
            alice.address,
            method,
            more.len(),
            more.len()
        )
    };
    for (method, more, status, header, value) in [
        ("NOTIFY", "Event: presence\r\nContent-Length: 0\r\n\r\n", "405", "Allow", "INVITE, ACK"),
        ("SUBSCRIBE", "Event: presence\r\nContent-Length: 0\r\n\r\n", "401", "WWW-Authenticate", "Digest"),
        ("SUBSCRIBE", "Event: weather\r\nContent-Length: 0\r\n\r\n", "489", "Allow-Events", "dialog"),
        ("MESSAGE", "Content-Length: 0\r\n\r\n", "401", "WWW-Authenticate", "Digest"),
        ("FETCH", "Content-Length: 0\r\n\r\n", "501", "Allow", "INVITE, ACK"),
        ("OPTIONS", "Require: a1, b2\r\nContent-Length: 0\r\n\r\n", "420", "Unsupported", "a1, b2"),
        ("INVITE", "Require: 100rel, gruu\r\nContent-Length: 0\r\n\r\n", "420", "Unsupported", "gruu"),
        ("INVITE", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", "415", "Accept", "application/sdp"),
        ("INVITE", "Accept: text/plain\r\nContent-Length: 0\r\n\r\n", "406", "Server", "Ironbell"),
        ("OPTIONS", "Content-Length: 0\r\n\r\n", "200", "Accept", "application/sdp"),
        ("BYE", "Content-Length: 0\r\n\r\n", "481", "Server", "Ironbell"),
        ("UPDATE", "Content-Length: 0\r\n\r\n", "481", "Server", "Ironbell"),
        ("INVITE", "Content-Length: 0\r\n\r\n", "401", "WWW-Authenticate", "Digest"),
    ] {
        line.send(alice.address, &head(method, more));
        let answer = line.expect(alice.address, status);
        assert!(answer.header(header).starts_with(value), "{method} {more}: {answer:?}");
        assert!(line.status().calls == 0);
    }
    let supported = {
        line.send(alice.address, &head("OPTIONS", "X-Again: yes\r\nContent-Length: 0\r\n\r\n"));
        line.expect(alice.address, "200").header("Supported").to_owned()
    };
    assert_eq!(supported, "path, timer, replaces, norefersub, 100rel");
    // Answers to INVITE are repeated until their ACK or timer H.
    line.expect_rest();
}

#[test]
fn a_description_that_cannot_be_used_is_refused() {
    for (body, status) in [
        ("v=0\r\ngarbage".to_owned(), "400"),
        (described("10.0.0.11", 0, "0", "sendrecv"), "488"),
        (described("10.0.0.11", 4000, "101", "sendrecv"), "488"),
    ] {
        let (mut line, mut alice, boris) = two();
        let invite = alice.call(&mut line, "1002", &body);
        let refusal = line.expect(alice.address, status);
        line.send(alice.address, &invite.ack(&refusal));
        line.expect_silence(boris.address);
        assert_eq!(line.record().hangup_cause, HangupCause::Incompatible);
        line.expect_rest();
    }
}

#[test]
fn without_a_codec_that_both_accounts_may_use_there_is_no_call() {
    let mut settings = settings();
    let mut boris = extension("1002", "Boris Bell");
    boris.codecs = vec![Codec::G722];
    settings.directory = Directory::new([extension("1001", "Alice Ames"), boris]);
    let mut line = Line::with(settings);
    let (mut alice, _) = join(&mut line);
    alice.call(&mut line, "1002", &alice.sdp());
    line.expect(alice.address, "488");
    line.expect_rest();
}

#[test]
fn codecs_an_account_may_not_use_are_taken_out_and_the_rest_ordered() {
    let mut settings = settings();
    let mut boris = extension("1002", "Boris Bell");
    boris.codecs = vec![Codec::Pcma, Codec::Pcmu];
    settings.directory = Directory::new([extension("1001", "Alice Ames"), boris]);
    let mut line = Line::with(settings);
    let (mut alice, boris) = join(&mut line);
    alice.call(&mut line, "1002", &described("10.0.0.11", 4000, "9 0 8 101", "sendrecv"));
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.sdp("m=audio ").split_once(' ').unwrap().1, "RTP/AVP 8 0 101");
}

#[test]
fn a_call_that_has_used_up_its_forwards_goes_no_further() {
    let (mut line, mut alice, boris) = two();
    let first = alice.invite("1002", &alice.sdp(), "", 1);
    line.send(alice.address, &first.text);
    let challenge = line.expect(alice.address, "401");
    line.send(alice.address, &first.ack(&challenge));
    let body = alice.sdp();
    let second = alice.authorized(&first, &challenge, &body, "");
    line.send(alice.address, &second.text.replace("Max-Forwards: 70", "Max-Forwards: 0"));
    line.expect(alice.address, "483");
    line.expect_silence(boris.address);
    line.expect_rest();
}
