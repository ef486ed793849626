//! Several phones ring at once.

use super::{
    common::{Dialog, Line, Phone, Sip, described},
    join, two,
};
use core::time::Duration;
use signaling::fact::{CallState, Disposition, HangupCause};

/// Alice, and two phones of Boris.
fn three() -> (Line, Phone, Phone, Phone) {
    let (mut line, alice, desk) = two();
    let mut mobile = Phone::new("1002", "10.0.0.13:5063");
    assert_eq!(mobile.register(&mut line).status(), 200);
    (line, alice, desk, mobile)
}

#[test]
fn the_first_answer_wins_and_the_others_are_cancelled() {
    let (mut line, mut alice, mut desk, mut mobile) = three();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let (at_desk, at_mobile) = (line.expect(desk.address, "INVITE"), line.expect(mobile.address, "INVITE"));
    assert_ne!(at_desk.header("Call-ID"), at_mobile.header("Call-ID"));
    assert_ne!(at_desk.sdp("m=audio "), at_mobile.sdp("m=audio "), "each branch has ports of its own");
    desk.answer(&mut line, &at_desk, 180, "");
    mobile.answer(&mut line, &at_mobile, 180, "");
    let body = mobile.sdp();
    mobile.answer(&mut line, &at_mobile, 200, &body);
    line.expect(mobile.address, "ACK");
    let cancel = line.expect(desk.address, "CANCEL");
    desk.answer(&mut line, &cancel, 200, "");
    desk.answer(&mut line, &at_desk, 487, "");
    line.expect(desk.address, "ACK");
    line.expect(alice.address, "180");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.ports(), 2, "the loser's ports are returned at once");
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(mobile.address, "BYE");
    mobile.answer(&mut line, &bye, 200, "");
    line.expect_silence(desk.address);
    let record = line.record();
    let mut statuses: Vec<u16> = record.legs.iter().map(|leg| leg.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 487]);
    line.expect_rest();
}

#[test]
fn two_answers_at_once_leave_one_call() {
    let (mut line, mut alice, mut desk, mut mobile) = three();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let (at_desk, at_mobile) = (line.expect(desk.address, "INVITE"), line.expect(mobile.address, "INVITE"));
    desk.answer(&mut line, &at_desk, 180, "");
    mobile.answer(&mut line, &at_mobile, 180, "");
    let (one, two) = (desk.sdp(), mobile.sdp());
    desk.answer(&mut line, &at_desk, 200, &one);
    line.expect(desk.address, "ACK");
    line.expect(mobile.address, "CANCEL");
    mobile.answer(&mut line, &at_mobile, 200, &two);
    line.expect(mobile.address, "ACK");
    let bye = line.expect(mobile.address, "BYE");
    mobile.answer(&mut line, &bye, 200, "");
    line.expect(alice.address, "180");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(desk.address, "BYE");
    desk.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn when_all_refuse_the_best_refusal_is_told() {
    for (first, second, told, disposition) in [
        (486, 480, "486", Disposition::Busy),
        (480, 486, "486", Disposition::Busy),
        (404, 500, "404", Disposition::Failed),
        (401, 407, "480", Disposition::NoAnswer),
        (486, 603, "603", Disposition::Busy),
    ] {
        let (mut line, mut alice, mut desk, mut mobile) = three();
        let invite = alice.call(&mut line, "1002", &alice.sdp());
        let (at_desk, at_mobile) = (line.expect(desk.address, "INVITE"), line.expect(mobile.address, "INVITE"));
        desk.answer(&mut line, &at_desk, first, "");
        line.expect(desk.address, "ACK");
        line.expect_silence(alice.address);
        mobile.answer(&mut line, &at_mobile, second, "");
        line.expect(mobile.address, "ACK");
        let refusal = line.expect(alice.address, told);
        line.send(alice.address, &invite.ack(&refusal));
        let record = line.record();
        assert_eq!((record.disposition, record.hangup_cause), (disposition, HangupCause::Refused), "{first} {second}");
        line.expect_rest();
    }
}

#[test]
fn a_decline_of_one_phone_speaks_for_all() {
    let (mut line, mut alice, mut desk, mut mobile) = three();
    alice.call(&mut line, "1002", &alice.sdp());
    let (at_desk, at_mobile) = (line.expect(desk.address, "INVITE"), line.expect(mobile.address, "INVITE"));
    mobile.answer(&mut line, &at_mobile, 100, "");
    desk.answer(&mut line, &at_desk, 603, "");
    line.expect(alice.address, "603");
    line.expect(mobile.address, "CANCEL");
    line.expect_rest();
}

#[test]
fn nobody_answers_in_time() {
    for (rings, told) in [(true, "480"), (false, "408")] {
        let (mut line, mut alice, mut boris) = two();
        alice.call(&mut line, "1002", &alice.sdp());
        let asked = line.expect(boris.address, "INVITE");
        if rings {
            boris.answer(&mut line, &asked, 180, "");
            line.expect(alice.address, "180");
        }
        line.pass(Duration::from_secs(29));
        line.expect_silence(alice.address);
        line.pass(Duration::from_secs(1));
        line.expect(alice.address, told);
        let record = line.record();
        assert_eq!((record.disposition, record.hangup_cause), (Disposition::NoAnswer, HangupCause::NoAnswer));
        line.expect_rest();
    }
}

#[test]
fn a_phone_that_cannot_be_reached_does_not_stop_the_others() {
    let (mut line, mut alice, mut desk) = two();
    // A name: there is no resolver, and the phone is not behind a NAT.
    let mut other = Phone::new("1002", "10.0.0.13:5063");
    other.register_as(&mut line, "<sip:1002@[2001:db8::5]:5063>;expires=600");
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(desk.address, "INVITE");
    let body = desk.sdp();
    desk.answer(&mut line, &asked, 200, &body);
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn early_media_of_the_first_phone_is_heard_and_another_may_still_win() {
    let (mut line, mut alice, mut desk, mut mobile) = three();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let (at_desk, at_mobile) = (line.expect(desk.address, "INVITE"), line.expect(mobile.address, "INVITE"));
    desk.answer(&mut line, &at_desk, 183, &described("10.0.0.12", 4000, "8", "sendrecv"));
    let early = line.expect(alice.address, "183");
    assert_eq!(early.sdp("m=audio ").split_once(' ').unwrap().1, "RTP/AVP 8");
    let desk_leg = at_number(&line);
    assert_eq!(line.heard(), [(0, desk_leg), (desk_leg, 0)]);
    // The other phone's early media is not heard, and its ringing would silence the first's.
    mobile.answer(&mut line, &at_mobile, 183, &described("10.0.0.13", 4000, "0", "sendrecv"));
    mobile.answer(&mut line, &at_mobile, 180, "");
    line.expect_silence(alice.address);
    assert_eq!(line.heard(), [(0, desk_leg), (desk_leg, 0)]);
    mobile.answer(&mut line, &at_mobile, 200, &described("10.0.0.13", 4000, "0", "sendrecv"));
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.sdp("m=audio ").split_once(' ').unwrap().1, "RTP/AVP 0");
    // Within one dialog only the first description would count.
    assert_ne!(answer.tag("To"), early.tag("To"));
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    let mobile_leg = 3 - desk_leg;
    assert_eq!(line.heard(), [(0, mobile_leg), (mobile_leg, 0)]);
    caller.request(&mut line, "BYE", "");
    assert_eq!(line.expect(alice.address, "200").answers(), "BYE");
    line.expect_rest();
}

/// The leg that the caller hears.
fn at_number(line: &Line) -> u16 {
    line.heard().into_iter().find(|(listener, _)| *listener == 0).map(|(_, speaker)| speaker).unwrap()
}

#[test]
fn early_media_goes_on_as_the_call_under_the_same_tag_and_version() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 183, &body);
    let early = line.expect(alice.address, "183");
    boris.answer(&mut line, &asked, 200, &body);
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.tag("To"), early.tag("To"));
    assert_eq!(answer.body, early.body);
    invite.dialog(&answer).ack(&mut line, "");
    assert_eq!(line.states(), [CallState::Calling, CallState::Ringing, CallState::Connected]);
}

#[test]
fn an_answer_without_description_after_early_media_keeps_the_early_one() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 183, &body);
    let early = line.expect(alice.address, "183");
    boris.answer(&mut line, &asked, 200, "");
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.body, early.body);
    invite.dialog(&answer).ack(&mut line, "");
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn a_redirection_is_followed_to_an_address_and_to_a_number() {
    for (contact, party) in [("<sip:1002@10.0.0.14:5064>", "1002"), ("<sip:1003@pbx.test>", "1003")] {
        let (mut line, mut alice, mut boris) = two();
        let mut carol = Phone::new("1003", "10.0.0.14:5064");
        carol.register(&mut line);
        let invite = alice.call(&mut line, "1002", &alice.sdp());
        let asked = line.expect(boris.address, "INVITE");
        redirect(&mut boris, &mut line, &asked, contact);
        line.expect(boris.address, "ACK");
        line.expect_silence(alice.address);
        let moved = line.expect(carol.address, "INVITE");
        let body = carol.sdp();
        carol.answer(&mut line, &moved, 200, &body);
        let answer = line.expect(alice.address, "200");
        let mut caller = invite.dialog(&answer);
        caller.ack(&mut line, "");
        caller.request(&mut line, "BYE", "");
        let record = line.record();
        assert_eq!(record.legs.last().unwrap().party, party);
        line.expect_rest();
    }
}

fn redirect(phone: &mut Phone, line: &mut Line, asked: &Sip, contact: &str) -> Dialog {
    // The phone's own Contact comes first in its answers, so it is replaced.
    let mut elsewhere = phone.clone();
    elsewhere.address = phone.address;
    let vias: String = asked.all("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
    let text = format!(
        "SIP/2.0 302 Moved\r\n{vias}From: {}\r\nTo: {};tag=moved\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n",
        asked.header("From"),
        asked.header("To"),
        asked.header("Call-ID"),
        asked.header("CSeq"),
    );
    line.send(phone.address, &text);
    elsewhere.answer(line, asked, 302, "")
}

#[test]
fn redirections_in_a_circle_end() {
    let (mut line, mut alice, mut boris) = two();
    let mut carol = Phone::new("1003", "10.0.0.14:5064");
    carol.register(&mut line);
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    redirect(&mut boris, &mut line, &asked, "<sip:1003@pbx.test>");
    let asked = line.expect(carol.address, "INVITE");
    redirect(&mut carol, &mut line, &asked, "<sip:1002@pbx.test>");
    line.expect(alice.address, "480");
    line.expect_rest();
}

#[test]
fn a_second_phone_behind_the_same_branch_is_acknowledged_and_ended() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer_as(&mut line, &asked, 200, &body, "", "one");
    line.expect(boris.address, "ACK");
    boris.answer_as(&mut line, &asked, 200, &body, "", "two");
    let ack = line.expect(boris.address, "ACK");
    assert_eq!(ack.tag("To"), "two");
    let bye = line.expect(boris.address, "BYE");
    assert_eq!(bye.tag("To"), "two");
    boris.answer(&mut line, &bye, 200, "");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.heard().len(), 2, "the call stands");
    // The first phone's repeated answer is acknowledged again.
    boris.answer_as(&mut line, &asked, 200, &body, "", "one");
    let ack = line.expect(boris.address, "ACK");
    assert_eq!(ack.tag("To"), "one");
    line.expect_silence(boris.address);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_phone_of_the_callers_own_number_rings_and_the_caller_too() {
    let mut line = Line::new();
    let (mut alice, _) = join(&mut line);
    let invite = alice.call(&mut line, "1001", &alice.sdp());
    let asked = line.expect(alice.address, "INVITE");
    let body = alice.sdp();
    alice.answer(&mut line, &asked, 200, &body);
    line.expect(alice.address, "ACK");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.heard().len(), 2);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}
