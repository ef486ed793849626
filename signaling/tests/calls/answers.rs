//! The 2xx and its ACK, on both sides.

use super::{common::described, talking, two};
use core::time::Duration;
use signaling::fact::{Fact, HangupCause};

#[test]
fn the_answer_is_repeated_until_the_ack() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    let answer = line.expect(alice.address, "200");
    // RFC 3261 section 13.3.1.4: after T1, doubling up to T2.
    for (wait, at) in [(500, 500), (1000, 1500), (2000, 3500), (4000, 7500), (4000, 11_500)] {
        line.pass(Duration::from_millis(wait - 1));
        line.expect_silence(alice.address);
        line.pass(Duration::from_millis(1));
        let again = line.expect(alice.address, "200");
        assert_eq!((&again.body, again.header("To")), (&answer.body, answer.header("To")), "at {at} ms");
    }
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    line.pass_seconds(60);
    line.expect_silence(alice.address);
    assert_eq!(line.status().calls, 1);
}

#[test]
fn without_an_ack_both_sides_are_ended() {
    let (mut line, mut alice, mut boris) = two();
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    line.pass(Duration::from_millis(31_999));
    line.expect_silence(boris.address);
    line.pass(Duration::from_millis(1));
    line.expect(boris.address, "BYE");
    let bye = loop {
        let message = line.take(alice.address).expect("a BYE");
        if message.method() == "BYE" {
            break message;
        }
    };
    alice.answer(&mut line, &bye, 200, "");
    assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
    line.expect_rest();
}

#[test]
fn a_repeated_answer_of_the_callee_is_acknowledged_again() {
    let (mut line, mut alice, mut boris) = two();
    let (_, _) = talking(&mut line, &mut alice, &mut boris);
    line.expect_silence(boris.address);
    let (mut line, mut alice, mut boris) = two();
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    let first = line.expect(boris.address, "ACK");
    boris.answer(&mut line, &asked, 200, &body);
    let second = line.expect(boris.address, "ACK");
    assert_eq!((first.start, first.headers), (second.start, second.headers));
    line.expect_silence(boris.address);
}

#[test]
fn a_bye_waits_for_the_callers_ack() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    let mut called = boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    // RFC 3261 section 15: not before the ACK.
    line.expect_silence(alice.address);
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    let bye = line.expect(alice.address, "BYE");
    alice.answer(&mut line, &bye, 200, "");
    assert_eq!(line.record().hangup_cause, HangupCause::Callee);
    line.expect_rest();
}

#[test]
fn a_caller_that_never_acknowledges_gets_its_bye_in_the_end() {
    let (mut line, mut alice, mut boris) = two();
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    let mut called = boris.answer(&mut line, &asked, 200, &body);
    called.request(&mut line, "BYE", "");
    line.forget(alice.address);
    line.pass_seconds(32);
    while let Some(message) = line.take(alice.address) {
        if message.method() == "BYE" {
            return line.expect_rest();
        }
    }
    panic!("no BYE");
}

#[test]
fn a_bye_before_the_ack_ends_the_call() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    line.pass_seconds(3);
    line.expect_silence(alice.address);
    // The late ACK finds nothing and does no harm.
    caller.ack(&mut line, "");
    assert!(line.facts.iter().any(|fact| matches!(fact, Fact::Dropped { .. })));
    line.expect_rest();
}

#[test]
fn a_caller_without_an_offer_is_offered_what_the_callee_offers() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", "");
    let asked = line.expect(boris.address, "INVITE");
    assert!(asked.body.is_empty());
    boris.answer(&mut line, &asked, 180, "");
    line.expect(alice.address, "180");
    let offer = boris.sdp();
    boris.answer(&mut line, &asked, 200, &offer);
    // The callee's ACK must bring the answer, which only the caller can give.
    line.expect_silence(boris.address);
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.sdp("c=IN IP4 "), "10.0.0.1");
    boris.answer(&mut line, &asked, 200, &offer);
    line.expect_silence(boris.address);
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, &described("10.0.0.11", 4000, "8 101", "sendrecv"));
    let ack = line.expect(boris.address, "ACK");
    assert_eq!(ack.sdp("m=audio ").split_once(' ').unwrap().1, "RTP/AVP 8 101");
    assert_eq!(ack.sdp("c=IN IP4 "), "10.0.0.1");
    assert_eq!(line.heard().len(), 2);
    boris.answer(&mut line, &asked, 200, &offer);
    line.expect(boris.address, "ACK");
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn an_ack_without_the_answer_it_owes_ends_the_call() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", "");
    let asked = line.expect(boris.address, "INVITE");
    let offer = boris.sdp();
    boris.answer(&mut line, &asked, 200, &offer);
    let answer = line.expect(alice.address, "200");
    invite.dialog(&answer).ack(&mut line, "");
    line.expect(boris.address, "ACK");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    let bye = line.expect(alice.address, "BYE");
    alice.answer(&mut line, &bye, 200, "");
    assert_eq!(line.record().hangup_cause, HangupCause::Incompatible);
    line.expect_rest();
}

#[test]
fn an_answer_that_does_not_fit_the_offer_ends_the_call() {
    for body in
        ["", "rubbish", &described("10.0.0.12", 4000, "9", "sendrecv"), &described("10.0.0.12", 0, "0", "sendrecv")]
    {
        let (mut line, mut alice, mut boris) = two();
        let invite = alice.call(&mut line, "1002", &alice.sdp());
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 200, body);
        line.expect(boris.address, "ACK");
        let bye = line.expect(boris.address, "BYE");
        boris.answer(&mut line, &bye, 200, "");
        let refusal = line.expect(alice.address, "488");
        line.send(alice.address, &invite.ack(&refusal));
        line.expect_rest();
    }
}
