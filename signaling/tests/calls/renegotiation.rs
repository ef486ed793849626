//! Re-INVITE and UPDATE.

use super::{
    common::{Dialog, Line, Phone, described},
    talking, two,
};
use core::time::Duration;
use signaling::fact::{CallState, HangupCause};

fn call() -> (Line, Phone, Phone, Dialog, Dialog) {
    let (mut line, mut alice, mut boris) = two();
    let (caller, called) = talking(&mut line, &mut alice, &mut boris);
    (line, alice, boris, caller, called)
}

fn version(body: &str) -> u64 {
    let origin = body.split("\r\n").find(|line| line.starts_with("o=")).unwrap();
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

#[test]
fn hold_and_resume_pass_to_the_other_party() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    for (said, answered, heard, state) in [
        ("sendonly", "recvonly", vec![(1, 0)], CallState::Hold),
        ("inactive", "inactive", vec![], CallState::Hold),
        ("sendrecv", "sendrecv", vec![(0, 1), (1, 0)], CallState::Connected),
    ] {
        caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0 8 101", said));
        let asked = line.expect(boris.address, "INVITE");
        assert!(asked.body.contains(&format!("a={said}\r\n")), "{}", asked.body);
        assert!(asked.body.contains("c=IN IP4 10.0.0.1\r\n"));
        boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0 8 101", answered));
        line.expect(boris.address, "ACK");
        let answer = line.expect(alice.address, "200");
        assert!(answer.body.contains(&format!("a={answered}\r\n")), "{}", answer.body);
        caller.ack(&mut line, "");
        assert_eq!(line.heard(), heard, "{said}");
        assert_eq!(line.states().last(), Some(&state), "{said}");
    }
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn an_ack_of_an_earlier_invite_that_comes_again_is_not_taken_for_the_newest_one() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    let earlier = caller.invite;
    caller.reinvite(&mut line, "");
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0 8 101", "sendrecv"));
    line.expect(alice.address, "200");
    // RFC 3261 section 13.2.2.4: an ACK bears its INVITE's number. This one answers a 2xx that was repeated long ago.
    caller.request_as(&mut line, "ACK", earlier, "", "");
    line.expect_silence(boris.address);
    line.pass(Duration::from_millis(600));
    line.expect(alice.address, "200");
    caller.ack(&mut line, &described("10.0.0.11", 4000, "0 8 101", "sendrecv"));
    assert!(line.expect(boris.address, "ACK").body.contains("a=sendrecv"));
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn hold_in_the_old_style_is_understood() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    caller.reinvite(&mut line, &described("0.0.0.0", 4000, "0 8 101", "sendrecv"));
    let asked = line.expect(boris.address, "INVITE");
    assert!(asked.body.contains("a=sendonly") && asked.body.contains("c=IN IP4 10.0.0.1\r\n"), "{}", asked.body);
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0", "recvonly"));
    line.expect(alice.address, "200");
    caller.ack(&mut line, "");
    assert_eq!(line.heard(), [(1, 0)]);
    assert_eq!(line.states().last(), Some(&CallState::Hold));
}

#[test]
fn versions_grow_only_with_a_change() {
    let (mut line, _, mut boris, mut caller, _) = call();
    let mut seen = Vec::new();
    for direction in ["sendrecv", "sendrecv", "sendonly", "sendonly"] {
        caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0 8 101", direction));
        let asked = line.expect(boris.address, "INVITE");
        seen.push(version(&asked.body));
        let answer = if direction == "sendrecv" { "sendrecv" } else { "recvonly" };
        boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0 8 101", answer));
        line.expect(boris.address, "ACK");
        caller.ack(&mut line, "");
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[2], seen[1] + 1);
    assert_eq!(seen[3], seen[2]);
}

#[test]
fn the_callee_may_ask_too_and_by_update() {
    let (mut line, mut alice, boris, _, mut called) = call();
    called.request(&mut line, "UPDATE", &described("10.0.0.12", 4002, "0", "sendrecv"));
    let asked = line.expect(alice.address, "UPDATE");
    alice.answer(&mut line, &asked, 200, &described("10.0.0.11", 4000, "0", "sendrecv"));
    let answer = line.expect(boris.address, "200");
    assert_eq!(answer.answers(), "UPDATE");
    assert!(!answer.body.is_empty());
    // Without a description it refreshes the target, which is nobody else's matter.
    called.request(&mut line, "UPDATE", "");
    line.expect(boris.address, "200");
    line.expect_silence(alice.address);
    called.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_refused_change_leaves_the_session_as_it_was() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    let described_before = line.media.len();
    caller.reinvite(&mut line, &described("10.0.0.11", 4444, "0", "sendonly"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 488, "");
    line.expect(boris.address, "ACK");
    line.expect(alice.address, "488");
    assert_eq!(line.media.len(), described_before, "the shard was told nothing");
    assert_eq!(line.heard().len(), 2);
    assert_eq!(line.states().last(), Some(&CallState::Connected));
    // And the next one works.
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendrecv"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0", "sendrecv"));
}

#[test]
fn glare_is_answered_491_and_an_impatient_asker_500() {
    let (mut line, alice, mut boris, mut caller, mut called) = call();
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    let asked = line.expect(boris.address, "INVITE");
    called.reinvite(&mut line, &described("10.0.0.12", 4000, "0", "sendonly"));
    line.expect(boris.address, "491");
    caller.request(&mut line, "UPDATE", &described("10.0.0.11", 4000, "0", "sendrecv"));
    let refusal = line.expect(alice.address, "500");
    assert!(refusal.header("Retry-After").parse::<u32>().unwrap() <= 10);
    // The other phone sees glare too; its 491 is the asker's.
    boris.answer(&mut line, &asked, 491, "");
    line.expect(alice.address, "491");
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn a_change_while_the_first_answer_is_not_acknowledged_meets_491() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    let mut called = boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    called.reinvite(&mut line, &body);
    line.expect(boris.address, "491");
    let answer = line.expect(alice.address, "200");
    invite.dialog(&answer).ack(&mut line, "");
}

#[test]
fn an_update_before_the_answer_must_wait() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let mut called = boris.answer(&mut line, &asked, 180, "");
    let ringing = line.expect(alice.address, "180");
    let mut caller = invite.dialog(&ringing);
    caller.request(&mut line, "UPDATE", &described("10.0.0.11", 4000, "0", "sendrecv"));
    line.expect(alice.address, "500");
    called.request(&mut line, "UPDATE", &described("10.0.0.12", 4000, "0", "sendrecv"));
    line.expect(boris.address, "491");
    called.request(&mut line, "UPDATE", "");
    line.expect(boris.address, "200");
}

#[test]
fn a_peer_that_knows_the_dialog_no_more_ends_the_call() {
    for status in [481, 408] {
        let (mut line, mut alice, mut boris, mut caller, _) = call();
        caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, status, "");
        line.expect(alice.address, &status.to_string());
        let bye = line.expect(alice.address, "BYE");
        alice.answer(&mut line, &bye, 200, "");
        assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
        line.expect_rest();
    }
}

#[test]
fn a_peer_that_does_not_answer_ends_the_call() {
    let (mut line, alice, boris, mut caller, _) = call();
    line.deaf.insert(boris.address);
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    line.pass_seconds(32);
    line.expect(alice.address, "408");
    line.expect(alice.address, "BYE");
    line.expect_rest();
}

#[test]
fn a_peer_that_only_rings_on_a_change_is_given_up() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    line.pass(Duration::from_secs(32));
    let cancel = line.expect(boris.address, "CANCEL");
    boris.answer(&mut line, &cancel, 200, "");
    boris.answer(&mut line, &asked, 487, "");
    line.expect(boris.address, "ACK");
    line.expect(alice.address, "487");
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn a_change_that_is_taken_back_leaves_both_sides_agreed() {
    for (final_status, told) in [(487, "487"), (200, "200")] {
        let (mut line, alice, mut boris, mut caller, _) = call();
        let body = described("10.0.0.11", 4000, "0", "sendonly");
        let branch = caller.reinvite(&mut line, &body);
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 100, "");
        let cancel = caller.text("CANCEL", caller.cseq, "", "", &branch);
        line.send(alice.address, &cancel);
        assert_eq!(line.expect(alice.address, "200").answers(), "CANCEL");
        line.expect(boris.address, "CANCEL");
        let answer = described("10.0.0.12", 4000, "0", "recvonly");
        boris.answer(&mut line, &asked, final_status, if final_status == 200 { &answer } else { "" });
        assert_eq!(line.expect(alice.address, told).answers(), "INVITE");
        line.expect(boris.address, "ACK");
        let held = line.heard().len() == 1;
        assert_eq!(held, final_status == 200);
    }
}

#[test]
fn a_bye_during_a_change_ends_everything() {
    let (mut line, mut alice, mut boris, mut caller, mut called) = call();
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 100, "");
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    assert_eq!(line.expect(alice.address, "487").answers(), "INVITE");
    let bye = line.expect(alice.address, "BYE");
    alice.answer(&mut line, &bye, 200, "");
    boris.answer(&mut line, &asked, 487, "");
    line.expect_rest();
}

#[test]
fn an_answer_to_a_change_after_the_call_is_acknowledged_and_nothing_else() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 100, "");
    caller.request(&mut line, "BYE", "");
    line.forget(alice.address);
    let mut bye = line.take(boris.address).unwrap();
    while bye.method() != "BYE" {
        bye = line.take(boris.address).unwrap();
    }
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0", "recvonly"));
    line.expect(boris.address, "ACK");
    line.expect_silence(boris.address);
    boris.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn a_request_for_an_offer_is_passed_and_its_answer_comes_in_the_ack() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    caller.reinvite(&mut line, "");
    let asked = line.expect(boris.address, "INVITE");
    assert!(asked.body.is_empty());
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4002, "8 0", "sendrecv"));
    line.expect_silence(boris.address);
    let offer = line.expect(alice.address, "200");
    assert!(offer.sdp("m=audio ").ends_with("RTP/AVP 8 0"));
    caller.ack(&mut line, &described("10.0.0.11", 4000, "8", "sendrecv"));
    let ack = line.expect(boris.address, "ACK");
    assert!(ack.sdp("m=audio ").ends_with("RTP/AVP 8"));
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn info_passes_with_its_body_and_its_answer() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    caller.cseq += 1;
    let number = caller.cseq;
    caller.request_as(
        &mut line,
        "INFO",
        number,
        "<picture_fast_update/>",
        "Content-Type: application/media_control+xml\r\n",
    );
    let info = line.expect(boris.address, "INFO");
    assert_eq!(
        (info.header("Content-Type"), info.body.as_str()),
        ("application/media_control+xml", "<picture_fast_update/>")
    );
    boris.answer(&mut line, &info, 415, "");
    line.expect(alice.address, "415");
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_new_contact_is_where_requests_go_from_then_on() {
    let (mut line, mut alice, _, mut caller, mut called) = call();
    let moved: core::net::SocketAddr = "10.0.0.11:5099".parse().unwrap();
    caller.address = moved;
    caller.request(&mut line, "UPDATE", "");
    line.expect(moved, "200");
    called.request(&mut line, "BYE", "");
    let bye = line.expect(moved, "BYE");
    assert_eq!(bye.uri(), "sip:phone@10.0.0.11:5099");
    alice.address = moved;
    alice.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn a_late_ack_of_an_earlier_change_does_not_count_for_the_next() {
    let (mut line, alice, mut boris, mut caller, _) = call();
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "inactive"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0", "inactive"));
    line.expect(boris.address, "ACK");
    line.expect(alice.address, "200");
    caller.ack(&mut line, "");
    let earlier = caller.clone();
    // The next change asks for an offer, so that its ACK must bring the answer.
    caller.reinvite(&mut line, "");
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &described("10.0.0.12", 4000, "0", "sendrecv"));
    line.expect(alice.address, "200");
    earlier.clone().ack(&mut line, "");
    line.expect_silence(boris.address);
    caller.ack(&mut line, &described("10.0.0.11", 4000, "0", "sendrecv"));
    line.expect(boris.address, "ACK");
    assert_eq!(line.heard().len(), 2);
}
