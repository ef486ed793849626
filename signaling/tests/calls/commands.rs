//! Click to call.

use super::{
    common::{Line, Phone, described},
    two,
};
use signaling::{
    effect::{Refusal, Reply},
    fact::{Disposition, HangupCause},
    input::Command,
};

fn originate(line: &mut Line, from: &str, to: &str) -> Reply {
    line.order(Command::Originate { from: from.into(), to: to.into() })
}

#[test]
fn first_one_phone_rings_then_the_other() {
    let (mut line, mut alice, mut boris) = two();
    assert!(matches!(originate(&mut line, "1001", "1002"), Reply::Originating { .. }));
    let asked = line.expect(alice.address, "INVITE");
    assert!(asked.header("From").starts_with("\"Boris Bell\" <sip:1002@"), "{asked:?}");
    line.expect_silence(boris.address);
    alice.answer(&mut line, &asked, 180, "");
    let mut caller = alice.answer(&mut line, &asked, 200, &described("10.0.0.11", 4000, "0 101", "sendrecv"));
    line.expect(alice.address, "ACK");
    let called = line.expect(boris.address, "INVITE");
    assert!(called.header("From").starts_with("\"Alice Ames\" <sip:1001@"), "{called:?}");
    assert!(called.sdp("m=audio ").ends_with("RTP/AVP 0 101"));
    boris.answer(&mut line, &called, 180, "");
    boris.answer(&mut line, &called, 200, &described("10.0.0.12", 4000, "0 101", "sendrecv"));
    line.expect(boris.address, "ACK");
    line.expect_silence(alice.address);
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    let record = line.record();
    assert!(record.originated);
    assert_eq!((record.disposition, record.from.as_str(), record.to.as_str()), (Disposition::Answered, "1001", "1002"));
    line.expect_rest();
}

#[test]
fn a_phone_that_answered_more_than_the_other_can_is_asked_again() {
    let (mut line, mut alice, mut boris) = two();
    originate(&mut line, "1001", "1002");
    let asked = line.expect(alice.address, "INVITE");
    let mut caller = alice.answer(&mut line, &asked, 200, &described("10.0.0.11", 4000, "8 0 101", "sendrecv"));
    line.expect(alice.address, "ACK");
    let called = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &called, 200, &described("10.0.0.12", 4000, "0", "sendrecv"));
    line.expect(boris.address, "ACK");
    let again = line.expect(alice.address, "INVITE");
    assert!(again.sdp("m=audio ").ends_with("RTP/AVP 0"), "{}", again.body);
    // Glare: it is tried again, 2.1 to 4 s later.
    alice.answer(&mut line, &again, 491, "");
    line.expect(alice.address, "ACK");
    line.pass(core::time::Duration::from_millis(2_000));
    line.expect_silence(alice.address);
    line.pass(core::time::Duration::from_millis(2_100));
    let again = line.expect(alice.address, "INVITE");
    line.forget(alice.address);
    alice.answer(&mut line, &again, 200, &described("10.0.0.11", 4000, "0", "sendrecv"));
    line.expect(alice.address, "ACK");
    line.expect_silence(alice.address);
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn the_echo_can_be_called_too() {
    let (mut line, mut alice, _) = two();
    originate(&mut line, "1001", "*43");
    let asked = line.expect(alice.address, "INVITE");
    let body = alice.sdp();
    let mut caller = alice.answer(&mut line, &asked, 200, &body);
    line.expect(alice.address, "ACK");
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    assert_eq!(line.record().disposition, Disposition::Answered);
    line.expect_rest();
}

#[test]
fn orders_that_cannot_be_carried_out_are_refused() {
    let (mut line, _, _) = two();
    for (from, to, why) in [
        ("4711", "1002", Refusal::UnknownExtension),
        ("1001", "4711", Refusal::UnknownDestination),
        ("1003", "1002", Refusal::NotRegistered),
    ] {
        assert_eq!(originate(&mut line, from, to), Reply::Refused(why), "{from} {to}");
    }
    line.order(Command::Drain);
    assert_eq!(originate(&mut line, "1001", "1002"), Reply::Refused(Refusal::Exhausted));
    assert_eq!(
        line.order(Command::HangUp {
            call: signaling::id::CallId::of(contract::SessionId::new(contract::NodeId(1), 99))
        }),
        Reply::Refused(Refusal::UnknownCall)
    );
    line.expect_rest();
}

#[test]
fn the_first_phone_may_refuse_or_not_answer() {
    let (mut line, mut alice, boris) = two();
    originate(&mut line, "1001", "1002");
    let asked = line.expect(alice.address, "INVITE");
    alice.answer(&mut line, &asked, 486, "");
    line.expect(alice.address, "ACK");
    assert_eq!(line.record().hangup_cause, HangupCause::Refused);
    originate(&mut line, "1001", "1002");
    line.expect(alice.address, "INVITE");
    line.pass_seconds(30);
    assert_eq!(line.records()[1].hangup_cause, HangupCause::NoAnswer);
    line.expect_silence(boris.address);
    line.expect_rest();
}

#[test]
fn when_the_second_phone_refuses_the_first_is_hung_up() {
    let (mut line, mut alice, mut boris) = two();
    originate(&mut line, "1001", "1002");
    let asked = line.expect(alice.address, "INVITE");
    let body = alice.sdp();
    alice.answer(&mut line, &asked, 200, &body);
    line.expect(alice.address, "ACK");
    let called = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &called, 603, "");
    let bye = line.expect(alice.address, "BYE");
    alice.answer(&mut line, &bye, 200, "");
    let record = line.record();
    assert_eq!((record.disposition, record.status), (Disposition::Busy, Some(603)));
    line.expect_rest();
}

#[test]
fn of_several_phones_the_first_to_answer_calls() {
    let (mut line, mut alice, boris) = two();
    let mut mobile = Phone::new("1001", "10.0.0.13:5063");
    mobile.register(&mut line);
    originate(&mut line, "1001", "1002");
    let (at_desk, at_mobile) = (line.expect(alice.address, "INVITE"), line.expect(mobile.address, "INVITE"));
    alice.answer(&mut line, &at_desk, 180, "");
    let body = mobile.sdp();
    let mut caller = mobile.answer(&mut line, &at_mobile, 200, &body);
    let cancel = line.expect(alice.address, "CANCEL");
    alice.answer(&mut line, &cancel, 200, "");
    alice.answer(&mut line, &at_desk, 487, "");
    line.expect(boris.address, "INVITE");
    caller.request(&mut line, "BYE", "");
    line.expect(mobile.address, "ACK");
    line.expect(mobile.address, "200");
    assert_eq!(line.record().hangup_cause, HangupCause::Caller);
    line.expect_rest();
}

#[test]
fn a_phone_given_up_cannot_refuse_for_the_others() {
    let (mut line, mut alice, mut boris) = two();
    let mut mobile = Phone::new("1001", "10.0.0.13:5063");
    mobile.register(&mut line);
    originate(&mut line, "1001", "1002");
    let (at_desk, at_mobile) = (line.expect(alice.address, "INVITE"), line.expect(mobile.address, "INVITE"));
    alice.answer(&mut line, &at_desk, 180, "");
    let body = mobile.sdp();
    mobile.answer(&mut line, &at_mobile, 200, &body);
    alice.answer(&mut line, &at_desk, 603, "");
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 486, "");
    assert_eq!(line.record().status, Some(486));
    line.expect_rest();
}
