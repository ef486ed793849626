//! Provisional responses that are acknowledged, and offers before the 2xx; RFC 3262, RFC 3311.

use super::{
    common::{Line, Phone, Sip, described, phone::Invite},
    two,
};
use core::time::Duration;
use signaling::{
    fact::HangupCause,
    settings::{Directory, Extension},
};

const SUPPORTS: &str = "Supported: 100rel\r\n";
const REQUIRES: &str = "Require: 100rel\r\n";

/// Alice calls with these headers; Boris is asked.
fn dialled(headers: &str) -> (Line, Phone, Phone, Invite, Sip) {
    let (mut line, mut alice, boris) = two();
    let body = alice.sdp();
    let invite = alice.call_with(&mut line, "1002", &body, headers);
    let asked = line.expect(boris.address, "INVITE");
    (line, alice, boris, invite, asked)
}

fn prack(line: &mut Line, invite: &Invite, progress: &Sip, rseq: &str, cseq: u32, body: &str) {
    let mut dialog = invite.dialog(progress);
    dialog.cseq = cseq - 1;
    let rack = format!("RAck: {rseq} {} INVITE\r\n", invite.cseq);
    dialog.request_as(line, "PRACK", cseq, body, &rack);
}

#[test]
fn early_media_is_told_reliably_to_who_supports_it() {
    let (mut line, alice, mut boris, invite, asked) = dialled(SUPPORTS);
    boris.answer(&mut line, &asked, 180, "");
    let ringing = line.expect(alice.address, "180");
    assert_eq!((ringing.header("Require"), ringing.header("RSeq")), ("", ""), "nothing is lost with it");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 183, &body);
    let progress = line.expect(alice.address, "183");
    assert_eq!(progress.header("Require"), "100rel");
    let rseq: u32 = progress.header("RSeq").parse().unwrap();
    // RFC 3262 section 3: 1 to 2^31 - 1 at first.
    assert!((1..=1 << 31).contains(&rseq));
    prack(&mut line, &invite, &progress, progress.header("RSeq"), 3, "");
    assert_eq!(line.expect(alice.address, "200").answers(), "PRACK");
    line.pass_seconds(5);
    line.expect_silence(alice.address);
    boris.answer(&mut line, &asked, 200, &body);
    assert_eq!(line.expect(alice.address, "200").answers(), "INVITE");
}

#[test]
fn a_reliable_response_is_repeated_until_its_prack() {
    let (mut line, alice, mut boris, invite, asked) = dialled(REQUIRES);
    boris.answer(&mut line, &asked, 180, "");
    let first = line.expect(alice.address, "180");
    assert_eq!(first.header("Require"), "100rel");
    // RFC 3262 section 3: after T1, then twice the time, without the bound of T2.
    for ms in [500, 1_000, 2_000, 4_000, 8_000] {
        line.pass(Duration::from_millis(ms - 1));
        line.expect_silence(alice.address);
        line.pass(Duration::from_millis(1));
        assert_eq!(line.expect(alice.address, "180").headers, first.headers, "{ms}");
    }
    prack(&mut line, &invite, &first, first.header("RSeq"), 3, "");
    line.expect(alice.address, "200");
    line.pass_seconds(9);
    line.expect_silence(alice.address);
    // The same PRACK again is answered by its transaction; another one for it is not known.
    prack(&mut line, &invite, &first, first.header("RSeq"), 4, "");
    line.expect(alice.address, "481");
}

#[test]
fn without_a_prack_the_call_is_given_up_after_64_t1() {
    let mut settings = super::common::settings();
    let accounts = settings.directory.extensions().cloned();
    let patient = accounts.map(|account| Extension { no_answer_after: Duration::from_secs(60), ..account });
    settings.directory = Directory::new(patient.collect::<Vec<_>>());
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = super::join(&mut line);
    let body = alice.sdp();
    alice.call_with(&mut line, "1002", &body, REQUIRES);
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 183, "");
    line.pass(Duration::from_millis(31_999));
    assert!(line.records().is_empty());
    line.forget(alice.address);
    line.pass(Duration::from_millis(1));
    line.expect(alice.address, "504");
    line.expect(boris.address, "CANCEL");
    assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
}

#[test]
fn the_next_response_and_the_2xx_wait_for_the_prack() {
    let (mut line, alice, mut boris, invite, asked) = dialled(REQUIRES);
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 183, &body);
    let first = line.expect(alice.address, "183");
    boris.answer(&mut line, &asked, 180, "");
    line.expect_silence(alice.address);
    prack(&mut line, &invite, &first, first.header("RSeq"), 3, "");
    line.expect(alice.address, "200");
    let second = line.expect(alice.address, "180");
    let number = |message: &Sip| message.header("RSeq").parse::<u32>().unwrap();
    assert_eq!(number(&second), number(&first) + 1);
    // RFC 3262 section 3: without a description in it the 2xx need not wait, and ends the repetitions.
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.answers(), "INVITE");
    invite.dialog(&answer).ack(&mut line, "");
    line.pass_seconds(3);
    line.expect_silence(alice.address);
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn a_2xx_waits_while_a_description_is_not_acknowledged() {
    let (mut line, alice, mut boris, invite, asked) = dialled(SUPPORTS);
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 183, &body);
    let progress = line.expect(alice.address, "183");
    let mut called = boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    line.expect_silence(alice.address);
    // Nothing can be changed before the caller knows.
    called.reinvite(&mut line, &body);
    line.expect(boris.address, "491");
    prack(&mut line, &invite, &progress, progress.header("RSeq"), 3, "");
    assert_eq!(line.expect(alice.address, "200").answers(), "PRACK");
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.answers(), "INVITE");
    let mut caller = invite.dialog(&answer);
    caller.cseq = 3;
    caller.invite = invite.cseq;
    caller.ack(&mut line, "");
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn a_caller_that_never_acknowledges_ends_the_call_that_was_answered() {
    let (mut line, alice, mut boris, _, asked) = dialled(SUPPORTS);
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 183, &body);
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    line.pass_seconds(32);
    line.forget(alice.address);
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    assert_eq!(line.record().hangup_cause, HangupCause::PeerGone);
    line.expect_rest();
}

#[test]
fn who_insists_and_offers_nothing_is_told_nothing_before_the_answer() {
    let (mut line, mut alice, mut boris) = two();
    alice.call_with(&mut line, "1002", "", REQUIRES);
    let asked = line.expect(boris.address, "INVITE");
    assert!(!asked.header("Supported").contains("100rel"), "the answer to an offer could not be given");
    boris.answer(&mut line, &asked, 180, "");
    line.expect_silence(alice.address);
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    assert_eq!(line.expect(alice.address, "200").answers(), "INVITE");
}

#[test]
fn a_prack_that_fits_nothing_is_refused() {
    let (mut line, alice, mut boris, invite, asked) = dialled(REQUIRES);
    boris.answer(&mut line, &asked, 180, "");
    let progress = line.expect(alice.address, "180");
    let rseq: u32 = progress.header("RSeq").parse().unwrap();
    let mut dialog = invite.dialog(&progress);
    for (number, rack) in (3..).zip([
        format!("RAck: {} {} INVITE\r\n", rseq + 1, invite.cseq),
        format!("RAck: {rseq} {} INVITE\r\n", invite.cseq + 1),
        format!("RAck: {rseq} {} UPDATE\r\n", invite.cseq),
        "RAck: x\r\n".to_owned(),
        String::new(),
    ]) {
        dialog.request_as(&mut line, "PRACK", number, "", &rack);
        line.expect(alice.address, "481");
    }
    dialog.request_as(&mut line, "PRACK", 9, "", &format!("RAck: {rseq}   {}  INVITE\r\n", invite.cseq));
    line.expect(alice.address, "200");
}

// ── Phones that want it ──

#[test]
fn a_phones_reliable_response_is_acknowledged_once() {
    let (mut line, alice, mut boris, _, asked) = dialled("");
    assert!(asked.header("Supported").contains("100rel"), "{asked:?}");
    boris.answer_with(&mut line, &asked, 180, "", "Require: 100rel\r\nRSeq: 776655\r\n");
    let prack = line.expect(boris.address, "PRACK");
    assert_eq!(prack.header("RAck"), format!("776655 {} INVITE", asked.cseq()));
    assert_eq!(prack.cseq(), asked.cseq() + 1);
    assert!(prack.header("To").ends_with(";tag=u5062"), "{prack:?}");
    boris.answer(&mut line, &prack, 200, "");
    line.expect(alice.address, "180");
    // RFC 3262 section 4: repeated, or before its turn.
    for rseq in [776_655, 776_654, 776_657] {
        boris.answer_with(&mut line, &asked, 183, "", &format!("Require: 100rel\r\nRSeq: {rseq}\r\n"));
        line.expect_silence(boris.address);
        line.expect_silence(alice.address);
    }
    let body = boris.sdp();
    boris.answer_with(&mut line, &asked, 183, &body, "Require: 100rel\r\nRSeq: 776656\r\n");
    let prack = line.expect(boris.address, "PRACK");
    assert_eq!(prack.header("RAck"), format!("776656 {} INVITE", asked.cseq()));
    let progress = line.expect(alice.address, "183");
    assert_eq!(progress.header("RSeq"), "", "the caller does not support it");
    // RFC 3261 section 13.2.1: the 2xx need not repeat the answer.
    boris.answer(&mut line, &asked, 200, "");
    line.expect(boris.address, "ACK");
    assert!(!line.expect(alice.address, "200").body.is_empty());
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn early_dialogs_of_a_forked_invite_count_each_for_itself() {
    let (mut line, _, mut boris, _, asked) = dialled("");
    for (tag, rseq) in [("one", 5), ("two", 5), ("one", 6)] {
        boris.answer_as(&mut line, &asked, 180, "", &format!("Require: 100rel\r\nRSeq: {rseq}\r\n"), tag);
        let prack = line.expect(boris.address, "PRACK");
        assert!(prack.header("To").ends_with(&format!(";tag={tag}")));
        assert!(prack.header("RAck").starts_with(&format!("{rseq} ")));
    }
}

#[test]
fn reliable_responses_that_cannot_be_acknowledged_are_ignored() {
    for headers in ["Require: 100rel\r\n", "Require: 100rel\r\nRSeq: 0\r\n", "Require: 100rel\r\nRSeq: x\r\n"] {
        let (mut line, alice, mut boris, _, asked) = dialled("");
        boris.answer_with(&mut line, &asked, 180, "", headers);
        line.expect_silence(boris.address);
        line.expect_silence(alice.address);
    }
}

// ── Offers before the answer ──

#[test]
fn an_early_offer_is_answered_once_the_first_is_settled() {
    // RFC 3311 section 5.1 and 5.2.
    for by_update in [false, true] {
        let (mut line, alice, mut boris, invite, asked) = dialled(SUPPORTS);
        let body = boris.sdp();
        boris.answer(&mut line, &asked, 183, &body);
        let progress = line.expect(alice.address, "183");
        let offer = described("10.0.0.11", 4_444, "0 101", "sendrecv");
        let answer = if by_update {
            let mut dialog = invite.dialog(&progress);
            dialog.cseq = 10;
            dialog.request(&mut line, "UPDATE", &offer);
            assert!(line.expect(alice.address, "500").header("Retry-After").parse::<u32>().unwrap() <= 10);
            prack(&mut line, &invite, &progress, progress.header("RSeq"), 12, "");
            line.expect(alice.address, "200");
            dialog.cseq = 12;
            dialog.request(&mut line, "UPDATE", &offer);
            line.expect(alice.address, "200")
        } else {
            prack(&mut line, &invite, &progress, progress.header("RSeq"), 12, &offer);
            line.expect(alice.address, "200")
        };
        assert!(answer.sdp("m=audio ").ends_with("RTP/AVP 0 101"), "{}", answer.body);
        line.expect_silence(boris.address);
        boris.answer(&mut line, &asked, 200, &body);
        assert_eq!(line.expect(alice.address, "200").answers(), "INVITE");
    }
}

#[test]
fn a_phone_may_offer_anew_before_it_answers() {
    let (mut line, alice, mut boris, _, asked) = dialled("");
    let body = boris.sdp();
    let mut called = boris.answer_with(&mut line, &asked, 183, &body, "Require: 100rel\r\nRSeq: 1\r\n");
    let prack = line.expect(boris.address, "PRACK");
    boris.answer(&mut line, &prack, 200, "");
    line.expect(alice.address, "183");
    called.request(&mut line, "UPDATE", &described("10.0.0.12", 4_444, "8", "sendrecv"));
    let answer = line.expect(boris.address, "200");
    assert!(answer.sdp("m=audio ").ends_with("RTP/AVP 8"), "{}", answer.body);
    line.expect_silence(alice.address);
    called.request(&mut line, "UPDATE", "nothing that could be read");
    line.expect(boris.address, "400");
}
