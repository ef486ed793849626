//! CANCEL, and everything that can cross it.

use super::two;
use core::time::Duration;
use signaling::fact::{Disposition, HangupCause};

#[test]
fn the_caller_gives_up_while_it_rings() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    line.expect(alice.address, "180");
    line.send(alice.address, &invite.cancel());
    assert_eq!(line.expect(alice.address, "200").answers(), "CANCEL");
    let refusal = line.expect(alice.address, "487");
    line.send(alice.address, &invite.ack(&refusal));
    let cancel = line.expect(boris.address, "CANCEL");
    assert_eq!(cancel.header("Via"), asked.header("Via"));
    boris.answer(&mut line, &cancel, 200, "");
    boris.answer(&mut line, &asked, 487, "");
    line.expect(boris.address, "ACK");
    let record = line.record();
    assert_eq!((record.disposition, record.hangup_cause), (Disposition::NoAnswer, HangupCause::Cancelled));
    assert_eq!(record.status, Some(487));
    line.expect_rest();
}

#[test]
fn a_cancel_before_any_provisional_answer_waits_for_one() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    line.send(alice.address, &invite.cancel());
    line.expect_silence(boris.address);
    boris.answer(&mut line, &asked, 180, "");
    let cancel = line.expect(boris.address, "CANCEL");
    boris.answer(&mut line, &cancel, 200, "");
    boris.answer(&mut line, &asked, 487, "");
    line.expect(boris.address, "ACK");
    assert_eq!(line.records().len(), 1);
    line.expect_rest();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    line.send(alice.address, &invite.cancel());
    line.expect(boris.address, "CANCEL");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    let ack = line.expect(boris.address, "ACK");
    assert_eq!(ack.uri(), "sip:1002@10.0.0.12:5062");
    let bye = line.expect(boris.address, "BYE");
    assert_eq!(bye.header("Call-ID"), asked.header("Call-ID"));
    // The phone did not hear the ACK and repeats itself: the ACK again, no second BYE.
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    line.expect_silence(boris.address);
    boris.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    line.send(alice.address, &invite.cancel());
    assert_eq!(line.expect(alice.address, "200").answers(), "CANCEL");
    line.expect_silence(alice.address);
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn a_bye_in_an_early_dialog_ends_the_call_like_a_cancel() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    let ringing = line.expect(alice.address, "180");
    let mut early = invite.dialog(&ringing);
    early.request(&mut line, "BYE", "");
    assert_eq!(line.expect(alice.address, "200").answers(), "BYE");
    let refusal = line.expect(alice.address, "487");
    line.send(alice.address, &invite.ack(&refusal));
    line.expect(boris.address, "CANCEL");
    line.expect_rest();
}

#[test]
fn a_phone_that_ignores_the_cancel_is_forgotten_in_the_end() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    line.send(alice.address, &invite.cancel());
    line.pass(Duration::from_secs(5));
    assert_eq!(line.status().calls, 0, "the record does not wait for a rude phone");
    assert!(line.status().transactions > 0);
    line.expect_rest();
}
