//! Session timers; RFC 4028.

use super::{
    common::{Dialog, Line, Phone},
    two,
};
use core::time::Duration;
use signaling::fact::HangupCause;

/// A call whose caller and callee say this of session timers.
fn call(asks: &str, answers: &str) -> (Line, Phone, Phone, Dialog, Dialog, String) {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call_with(&mut line, "1002", &alice.sdp(), asks);
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!((asked.header("Session-Expires"), asked.header("Min-SE")), ("1800", "90"));
    assert!(asked.header("Supported").contains("timer"), "{asked:?}");
    let body = boris.sdp();
    let called = boris.answer_with(&mut line, &asked, 200, &body, answers);
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    let granted = format!("{}|{}", answer.header("Session-Expires"), answer.header("Require"));
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    (line, alice, boris, caller, called, granted)
}

const KNOWS: &str = "Supported: timer\r\n";

#[test]
fn what_a_caller_asks_for_is_granted_within_the_limits() {
    // RFC 4028 section 9 and table 2.
    for (asks, granted) in [
        (String::new(), "1800;refresher=uas|"),
        (KNOWS.to_owned(), "1800;refresher=uas|"),
        (format!("{KNOWS}Session-Expires: 600\r\n"), "600;refresher=uas|"),
        (format!("{KNOWS}x: 600;refresher=uac\r\n"), "600;refresher=uac|timer"),
        (format!("{KNOWS}Session-Expires: 600;refresher=uas\r\n"), "600;refresher=uas|"),
        (format!("{KNOWS}Session-Expires: 7200;refresher=uac\r\n"), "1800;refresher=uac|timer"),
        (format!("{KNOWS}Session-Expires: 7200\r\nMin-SE: 3600\r\n"), "3600;refresher=uas|"),
        // A proxy's wish for a phone that knows nothing of it.
        ("Session-Expires: 60;refresher=uac\r\n".to_owned(), "90;refresher=uas|"),
    ] {
        assert_eq!(call(&asks, "").5, granted, "{asks}");
    }
}

#[test]
fn too_short_an_interval_is_refused_with_the_least() {
    let (mut line, mut alice, boris) = two();
    let body = alice.sdp();
    alice.call_with(&mut line, "1002", &body, &format!("{KNOWS}Session-Expires: 60\r\n"));
    let refusal = line.expect(alice.address, "422");
    assert_eq!(refusal.header("Min-SE"), "90");
    line.expect_silence(boris.address);
    assert!(line.records().is_empty(), "it is asked again at once; no call was made");
    let (mut line, alice, _, mut caller, ..) = call("", "");
    caller.cseq += 1;
    let cseq = caller.cseq;
    caller.request_as(&mut line, "UPDATE", cseq, "", &format!("{KNOWS}Session-Expires: 89\r\n"));
    assert_eq!(line.expect(alice.address, "422").header("Min-SE"), "90");
}

#[test]
fn a_phone_that_wants_a_longer_interval_is_asked_again_with_it() {
    // RFC 4028 section 7.3.
    let (mut line, mut alice, mut boris) = two();
    let body = alice.sdp();
    alice.call(&mut line, "1002", &body);
    let asked = line.expect(boris.address, "INVITE");
    boris.answer_with(&mut line, &asked, 422, "", "Min-SE: 3600\r\n");
    line.expect(boris.address, "ACK");
    let again = line.expect(boris.address, "INVITE");
    assert_eq!((again.header("Session-Expires"), again.header("Min-SE")), ("3600", "3600"));
    assert_eq!((again.header("Call-ID"), again.cseq()), (asked.header("Call-ID"), asked.cseq() + 1));
    assert_eq!(again.tag("From"), asked.tag("From"));
    assert_eq!(again.body, asked.body);
    // One that is never content is a phone that refuses.
    boris.answer_with(&mut line, &again, 422, "", "Min-SE: 3600\r\n");
    line.expect(alice.address, "422");
}

#[test]
fn we_refresh_at_half_the_interval_by_update() {
    let (mut line, mut alice, mut boris, mut caller, ..) = call(
        &format!("{KNOWS}Session-Expires: 600\r\n"),
        &format!("{KNOWS}Require: timer\r\nSession-Expires: 400;refresher=uac\r\n"),
    );
    line.pass_seconds(199);
    line.expect_silence(alice.address);
    line.expect_silence(boris.address);
    for (phone, at, interval) in [(&mut boris, 1, "400;refresher=uac"), (&mut alice, 101, "600;refresher=uac")] {
        line.pass_seconds(at);
        let update = line.expect(phone.address, "UPDATE");
        assert_eq!((update.header("Session-Expires"), update.body.as_str()), (interval, ""));
        phone.answer_with(&mut line, &update, 200, "", &format!("Session-Expires: {interval}\r\n"));
    }
    // And again, counted from the answer.
    line.pass(Duration::from_secs(98));
    line.expect_silence(boris.address);
    line.pass_seconds(2);
    line.expect(boris.address, "UPDATE");
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_phone_without_update_is_refreshed_by_a_re_invite_that_changes_nothing() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    // The phone's Allow lists UPDATE; this one does not take it.
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    line.pass_seconds(900);
    let update = line.expect(boris.address, "UPDATE");
    boris.answer(&mut line, &update, 501, "");
    let update = line.expect(alice.address, "UPDATE");
    alice.answer(&mut line, &update, 200, "");
    line.pass_seconds(900);
    let again = line.expect(boris.address, "INVITE");
    let media = |body: &str| body.split("m=").nth(1).unwrap().to_owned();
    assert_eq!(media(&again.body), media(&asked.body));
    assert_eq!(again.sdp("o="), asked.sdp("o="), "RFC 3264 section 8: the same version says that nothing changed");
    boris.answer(&mut line, &again, 200, &body);
    line.expect(boris.address, "ACK");
    line.forget(alice.address);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_phone_that_vanished_ends_the_call_by_the_refresh() {
    let (mut line, mut alice, boris, ..) = call("", "");
    line.deaf.insert(boris.address);
    line.pass_seconds(900);
    let update = line.expect(alice.address, "UPDATE");
    alice.answer(&mut line, &update, 200, "");
    line.pass_seconds(31);
    line.expect_silence(alice.address);
    line.pass_seconds(1);
    assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
    line.expect(alice.address, "BYE");
}

#[test]
fn a_refresher_that_does_not_refresh_is_hung_up_on() {
    // RFC 4028 section 10: the lesser of 32 s and a third before the end.
    let (mut line, mut alice, mut boris, mut caller, ..) =
        call(&format!("{KNOWS}Session-Expires: 120;refresher=uac\r\n"), "");
    line.pass_seconds(80);
    // RFC 4028 section 7.4: a refresh by the caller counts from its answer.
    caller.cseq += 1;
    let cseq = caller.cseq;
    let refresh = format!("{KNOWS}Session-Expires: 120;refresher=uac\r\n");
    caller.request_as(&mut line, "UPDATE", cseq, "", &refresh);
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.header("Session-Expires"), "120;refresher=uac");
    line.pass_seconds(87);
    line.expect_silence(alice.address);
    line.pass_seconds(1);
    let bye = line.expect(alice.address, "BYE");
    alice.answer(&mut line, &bye, 200, "");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
    line.expect_rest();
}

#[test]
fn a_re_invite_refreshes_the_session_of_who_sent_it() {
    let (mut line, alice, mut boris, mut caller, ..) =
        call(&format!("{KNOWS}Session-Expires: 120;refresher=uac\r\n"), "");
    line.pass_seconds(80);
    let cseq = caller.cseq + 1;
    caller.cseq = cseq;
    caller.invite = cseq;
    let body = alice.sdp();
    caller.request_as(&mut line, "INVITE", cseq, &body, &format!("{KNOWS}Session-Expires: 120;refresher=uac\r\n"));
    let asked = line.expect(boris.address, "INVITE");
    // Each side has its own interval.
    assert_eq!(asked.header("Session-Expires"), "1800");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    assert_eq!(line.expect(alice.address, "200").header("Session-Expires"), "120;refresher=uac");
    caller.ack(&mut line, "");
    line.pass_seconds(80);
    assert!(line.records().is_empty(), "it was refreshed");
}

#[test]
fn a_refusal_of_a_refresh_shows_that_the_phone_is_there() {
    let (mut line, mut alice, mut boris, mut caller, ..) = call("", "");
    for _ in 0..2 {
        line.pass_seconds(900);
        for phone in [&mut alice, &mut boris] {
            let update = line.expect(phone.address, "UPDATE");
            phone.answer(&mut line, &update, 500, "");
        }
    }
    assert!(line.records().is_empty());
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_phone_that_knows_timers_and_refuses_is_asked_again_until_the_session_has_lapsed() {
    let (mut line, mut alice, ..) = call(&format!("{KNOWS}Session-Expires: 90\r\n"), "");
    line.pass_seconds(45);
    for _ in 0..3 {
        let update = line.expect(alice.address, "UPDATE");
        alice.answer(&mut line, &update, 500, "");
        line.pass_seconds(5);
    }
    line.pass_seconds(1);
    assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
}

#[test]
fn a_dialog_that_the_phone_does_not_know_any_more_ends() {
    for status in [481, 408] {
        let (mut line, alice, mut boris, ..) = call("", "");
        line.pass_seconds(900);
        let update = line.expect(boris.address, "UPDATE");
        boris.answer(&mut line, &update, status, "");
        assert_eq!(line.record().hangup_cause, HangupCause::PeerGone, "{status}");
        line.expect(alice.address, "UPDATE");
        line.expect(alice.address, "BYE");
    }
}
