//! Calls that come in by a trunk (SIP-16): known by their address alone, shown as what they say, and counted.

use super::{at, begun, boris, common::Line, common::Phone, common::sdp, trunk};
use signaling::{
    fact::{CallDirection, HangupCause},
    settings::{HeaderRule, NameExpression, Names, Network, RuleAction, RuleDirection, Trunk},
};

fn gateway() -> Trunk {
    let network = Network { address: "10.0.2.0".parse().unwrap(), prefix: 24 };
    Trunk { allow_from: vec![network], ..trunk("a", 1) }
}

/// An INVITE from `source`.
fn invite(line: &mut Line, source: &str, from: &str, headers: &str) {
    invite_numbered(line, source, from, headers, 1);
}

fn invite_numbered(line: &mut Line, source: &str, from: &str, headers: &str, serial: u32) {
    let body = sdp("10.0.2.7", 4000);
    let text = format!(
        "INVITE sip:1002@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bKg{serial};rport\r\nMax-Forwards: 70\r\n\
         From: {from};tag=g{serial}\r\nTo: <sip:1002@pbx.test>\r\nCall-ID: g{serial}\r\nCSeq: 1 INVITE\r\nContact: <sip:gw@{source}>\r\n\
         User-Agent: Carrier Gear 9\r\n{headers}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    line.send(source.parse().unwrap(), &text);
}

const ANN: &str = "\"Ann\" <sip:+4930111@carrier.test>";

#[test]
fn a_call_from_a_known_address_needs_no_proof_and_others_do() {
    for (source, from, first) in [
        // Its networks, and its server.
        ("10.0.2.7:5060", ANN, "INVITE"),
        ("10.0.1.1:5060", ANN, "INVITE"),
        // The server's address at another port is somebody else.
        ("10.0.1.1:5061", ANN, "401"),
        ("10.0.3.7:5060", ANN, "401"),
        // Who says that he is an account has to prove it, from wherever he calls.
        ("10.0.2.7:5060", "<sip:1001@pbx.test>", "401"),
        ("10.0.2.7:5060", "<sip:1001@10.0.0.1>", "401"),
        ("10.0.2.7:5060", "<sip:1001@carrier.test>", "INVITE"),
    ] {
        let mut line = begun([gateway()]);
        let boris = boris(&mut line);
        invite(&mut line, source, from, "");
        match first {
            "INVITE" => drop(line.expect(boris.address, "INVITE")),
            status => {
                line.expect(source.parse().unwrap(), status);
                line.expect_silence(boris.address);
            }
        }
    }
}

#[test]
fn only_calls_need_no_proof() {
    let mut line = begun([gateway()]);
    let mut phone = Phone::new("1001", "10.0.2.9:5061");
    let contact = phone.contact();
    assert_eq!(phone.send_register(&mut line, &contact, None).status(), 401);
    // A phone in the network of the trunk calls as it always did.
    assert_eq!(phone.register(&mut line).status(), 200);
    let boris = boris(&mut line);
    phone.call(&mut line, "1002", &phone.sdp());
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.header("From").split(";tag=").next(), Some("\"Alice Ames\" <sip:1001@pbx.test>"));
}

#[test]
fn the_phone_sees_who_calls_and_nothing_of_the_carriers_house() {
    let mut line = begun([gateway()]);
    let mut boris = boris(&mut line);
    invite(&mut line, "10.0.2.7:5060", ANN, "P-Asserted-Identity: <sip:+49666@evil.test>\r\nX-Carrier-Secret: 1\r\n");
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.header("From").split(";tag=").next(), Some("\"Ann\" <sip:+4930111@pbx.test>"));
    let whole = format!("{:?}{:?}{}", asked.start, asked.headers, asked.body);
    for leaked in ["10.0.2.7", "Carrier Gear", "X-Carrier", "carrier.test", "evil.test", "z9hG4bKg1", "\"g1\""] {
        assert!(!whole.contains(leaked), "{leaked} in {whole}");
    }
    let called = boris.answer_with(&mut line, &asked, 200, &boris.sdp(), "X-Inside: 1\r\n");
    let answer = line.expect("10.0.2.7:5060".parse().unwrap(), "200");
    let whole = format!("{:?}{}", answer.headers, answer.body);
    for leaked in ["10.0.0.12", "Text Phone", "X-Inside", called.call_id.as_str()] {
        assert!(!whole.contains(leaked), "{leaked} in {whole}");
    }
    assert_eq!(answer.header("Server"), "Ironbell");
}

#[test]
fn a_caller_who_does_not_want_to_be_shown_is_not_and_the_record_knows_him() {
    let mut line = begun([Trunk { trusted: true, ..gateway() }]);
    let boris = boris(&mut line);
    let headers = "P-Asserted-Identity: \"Bob\" <tel:+49-30-222>\r\nPrivacy: id\r\n";
    invite(&mut line, "10.0.2.7:5060", "<sip:anonymous@anonymous.invalid>", headers);
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.header("From").split(";tag=").next(), Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
    assert!(!format!("{:?}", asked.headers).contains("4930222"));
    line.pass_seconds(31);
    assert_eq!(line.record().from, "+4930222");
}

#[test]
fn rules_let_header_fields_pass_to_the_phone() {
    let rule = |action| HeaderRule { direction: RuleDirection::In, action };
    let headers = vec![
        rule(RuleAction::Pass(Names::Matching(NameExpression::new("^x-crm-").unwrap()))),
        rule(RuleAction::Set { name: "X-Line".into(), value: "{caller} to {callee}".into() }),
        rule(RuleAction::Remove(Names::One("User-Agent".into()))),
    ];
    let mut line = begun([Trunk { headers, ..gateway() }]);
    let boris = boris(&mut line);
    invite(&mut line, "10.0.2.7:5060", ANN, "X-CRM-Id: 42\r\nX-Other: 7\r\n");
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!((asked.header("X-CRM-Id"), asked.header("X-Line")), ("42", "+4930111 to 1002"));
    assert!(asked.all("X-Other").is_empty() && asked.all("User-Agent").is_empty());
}

#[test]
fn the_channels_of_a_trunk_are_counted_and_given_back() {
    let mut line = begun([Trunk { calls_max: 1, ..gateway() }]);
    let mut boris = boris(&mut line);
    let gw = "10.0.2.7:5060".parse().unwrap();
    invite_numbered(&mut line, "10.0.2.7:5060", ANN, "", 1);
    let first = line.expect(boris.address, "INVITE");
    assert_eq!(super::view(&mut line).calls, 1);
    invite_numbered(&mut line, "10.0.2.7:5060", ANN, "", 2);
    let refused = line.expect(gw, "503");
    assert!(!refused.header("Retry-After").is_empty());
    line.expect_silence(boris.address);
    boris.answer(&mut line, &first, 486, "");
    line.expect(boris.address, "ACK");
    line.expect(gw, "486");
    assert_eq!(super::view(&mut line).calls, 0);
    invite_numbered(&mut line, "10.0.2.7:5060", ANN, "", 3);
    line.expect(boris.address, "INVITE");
    let records = line.records();
    assert!(records.iter().all(|record| record.direction == CallDirection::Inbound && record.legs[0].trunk == "a"));
    let causes: Vec<_> = records.iter().map(|record| record.hangup_cause).collect();
    assert_eq!(causes, [HangupCause::Exhausted, HangupCause::Refused]);
}

#[test]
fn no_more_calls_begin_in_a_second_than_are_allowed() {
    let mut line = begun([Trunk { calls_per_second_max: 2, ..gateway() }]);
    boris(&mut line);
    let mut taken = 0;
    for serial in 1..=5 {
        invite_numbered(&mut line, "10.0.2.7:5060", ANN, "", serial);
        let gw = "10.0.2.7:5060".parse().unwrap();
        let mut statuses = Vec::new();
        while let Some(message) = line.take(gw) {
            statuses.push(message.status());
        }
        taken += u32::from(!statuses.contains(&503));
    }
    assert_eq!(taken, 2);
    assert_eq!(line.records().len(), 3);
}

#[test]
fn an_inside_number_in_from_gives_no_account_of_ours() {
    // The number of an account, at another domain: the account's limits, codecs and name are not the caller's.
    let mut line = begun([gateway()]);
    let boris = boris(&mut line);
    invite(&mut line, "10.0.2.7:5060", "\"Mallory\" <sip:1001@carrier.test>", "");
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.header("From").split(";tag=").next(), Some("\"Mallory\" <sip:1001@pbx.test>"));
    let extensions = match line.order(signaling::input::Command::ListExtensions) {
        signaling::effect::Reply::Extensions(extensions) => extensions,
        other => panic!("{other:?}"),
    };
    assert_eq!(extensions[0].state, signaling::fact::CallState::Idle, "1001 is in no call");
}

#[test]
fn a_call_that_comes_round_is_a_loop() {
    let mut line = begun([gateway()]);
    let boris = boris(&mut line);
    invite(&mut line, "10.0.2.7:5060", ANN, "X-Hops: 4\r\n");
    let asked = line.expect(boris.address, "INVITE");
    // The hops of another exchange like this one.
    invite_numbered(&mut line, "10.0.2.7:5060", ANN, "X-Hops: 5\r\n", 2);
    line.expect("10.0.2.7:5060".parse().unwrap(), "482");
    // Our own Via.
    let via = format!("Via: {}\r\n", asked.header("Via"));
    invite_numbered(&mut line, "10.0.2.7:5060", ANN, &via, 3);
    line.expect("10.0.2.7:5060".parse().unwrap(), "482");
    assert_eq!(line.status().calls, 1);
    assert_eq!(at(1).port(), 5060);
}
