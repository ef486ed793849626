//! The echo test.

use super::{
    common::{Line, Phone, described},
    two,
};
use contract::{Device, MediaCommand};
use signaling::fact::{CallState, HangupCause};

fn echoing() -> (Line, Phone, super::Dialog) {
    let (mut line, mut alice, _) = two();
    let invite = alice.call(&mut line, "*43", &alice.sdp());
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.sdp("m=audio ").split_once(' ').unwrap().1, "RTP/AVP 0 8 101");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    (line, alice, caller)
}

#[test]
fn the_caller_hears_himself() {
    let (mut line, alice, mut caller) = echoing();
    let device = line.media.iter().find_map(|command| match command {
        MediaCommand::OpenDevice { member, device: Device::Echo, .. } => Some(member.0),
        _ => None,
    });
    let device = device.expect("an echo");
    assert_eq!(line.heard(), [(0, device), (device, 0)]);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    assert_eq!(line.record().hangup_cause, HangupCause::Caller);
    assert_eq!(line.states(), [CallState::Calling, CallState::Connected, CallState::Ended]);
    line.expect_rest();
}

#[test]
fn hold_and_resume_are_answered_by_the_exchange() {
    let (mut line, alice, mut caller) = echoing();
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    let held = line.expect(alice.address, "200");
    assert!(held.body.contains("a=recvonly"), "{}", held.body);
    caller.ack(&mut line, "");
    let heard = line.heard();
    assert!(heard.iter().all(|(listener, _)| *listener != 0), "{heard:?}");
    assert_eq!(line.states().last(), Some(&CallState::Hold));
    caller.request(&mut line, "UPDATE", &described("10.0.0.11", 4000, "0", "sendrecv"));
    line.expect(alice.address, "200");
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "INFO", "");
    line.expect(alice.address, "200");
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_caller_without_an_offer_is_offered_one() {
    let (mut line, mut alice, _) = two();
    let invite = alice.call(&mut line, "*43", "");
    let answer = line.expect(alice.address, "200");
    assert!(answer.sdp("m=audio ").ends_with("RTP/AVP 8 0 9 101"), "{}", answer.body);
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, &described("10.0.0.11", 4000, "0 101", "sendrecv"));
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn an_echo_without_a_usable_codec_is_refused() {
    let (mut line, mut alice, _) = two();
    alice.call(&mut line, "*43", &described("10.0.0.11", 4000, "101", "sendrecv"));
    line.expect(alice.address, "488");
    line.expect_rest();
}
