//! Ways a call ends.

use super::{common::Line, common::line::settings, join, talking, two};
use core::time::Duration;
use signaling::{
    fact::{CallState, HangupCause},
    input::Command,
};

#[test]
fn byes_that_cross_are_both_answered() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, mut called) = talking(&mut line, &mut alice, &mut boris);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    let bye = line.expect(boris.address, "BYE");
    called.request(&mut line, "BYE", "");
    assert_eq!(line.expect(boris.address, "200").answers(), "BYE");
    boris.answer(&mut line, &bye, 200, "");
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "481");
    assert_eq!(line.records().len(), 1);
    line.expect_rest();
}

#[test]
fn the_longest_call_ends_with_a_bye_to_both() {
    let mut settings = settings();
    settings.calls.session_expires = Duration::from_secs(86_400);
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = join(&mut line);
    talking(&mut line, &mut alice, &mut boris);
    line.pass(Duration::from_secs(7199));
    line.expect_silence(alice.address);
    line.pass_seconds(1);
    for phone in [&mut alice, &mut boris] {
        let bye = line.expect(phone.address, "BYE");
        phone.answer(&mut line, &bye, 200, "");
    }
    assert_eq!(line.record().hangup_cause, HangupCause::LengthLimit);
    line.expect_rest();
}

#[test]
fn the_operator_ends_a_call() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let call = line.call();
    line.order(Command::HangUp { call });
    line.expect(alice.address, "BYE");
    line.expect(boris.address, "BYE");
    assert_eq!(line.record().hangup_cause, HangupCause::Operator);
    assert_eq!(line.states().last(), Some(&CallState::Ended));
    line.expect_rest();
}

#[test]
fn stopping_ends_every_call_with_a_record_each() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    line.order(Command::Drain);
    assert!(line.status().draining);
    line.order(Command::HangUpAll);
    line.expect(boris.address, "BYE");
    line.expect(boris.address, "CANCEL");
    let causes: Vec<_> = line.records().iter().map(|record| record.hangup_cause).collect();
    assert_eq!(causes, [HangupCause::Shutdown, HangupCause::Shutdown]);
    line.expect_rest();
}

#[test]
fn while_draining_calls_go_on_and_new_ones_are_refused() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    line.order(Command::Drain);
    let invite = boris.call(&mut line, "1001", &boris.sdp());
    let refusal = line.expect(boris.address, "503");
    assert!(!refusal.header("Retry-After").is_empty());
    line.send(boris.address, &invite.ack(&refusal));
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_request_older_than_the_last_is_refused_and_changes_nothing() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    caller.request_as(&mut line, "INFO", 50, "", "");
    let info = line.expect(boris.address, "INFO");
    boris.answer(&mut line, &info, 200, "");
    line.expect(alice.address, "200");
    caller.request_as(&mut line, "BYE", 49, "", "");
    line.expect(alice.address, "500");
    line.expect_silence(boris.address);
    caller.request_as(&mut line, "BYE", 2_147_483_647, "", "");
    line.expect(alice.address, "200");
    line.expect_rest();
}

#[test]
fn a_silent_phone_keeps_nothing_after_its_bye() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    line.deaf.insert(boris.address);
    caller.request(&mut line, "BYE", "");
    assert_eq!(line.status().calls, 0);
    line.expect_rest();
}

#[test]
fn settings_that_change_hold_for_new_calls_only() {
    let mut changed = settings();
    changed.calls.length_max = Duration::from_secs(10);
    let mut line = Line::new();
    let (mut alice, mut boris) = join(&mut line);
    talking(&mut line, &mut alice, &mut boris);
    line.happen(signaling::input::Input::Configured(std::sync::Arc::new(changed)));
    line.pass_seconds(20);
    line.expect_silence(alice.address);
    let (_, _) = talking(&mut line, &mut alice, &mut boris);
    line.pass_seconds(10);
    line.expect(alice.address, "BYE");
    assert_eq!(line.records().len(), 1);
}
