//! Transfers: by REFER, by keys, by order; RFC 3515, 3892, 4488.

use super::{
    common::{Dialog, Line, Phone, Sip, described},
    join, talking,
};
use contract::{Device, Digit, MediaCommand, MediaEvent, MemberId, Sound};
use core::time::Duration;
use signaling::{
    effect::{Refusal, Reply},
    fact::{CallState, HangupCause, TransferOutcome},
    input::{Command, Input},
};

/// Alice (leg 0) has called Boris (leg 1); Carol is there.
struct Office {
    line: Line,
    alice: Phone,
    boris: Phone,
    carol: Phone,
    caller: Dialog,
    called: Dialog,
}

fn office_where(transcode: bool) -> Office {
    let mut settings = super::common::settings();
    settings.media.transcode = transcode;
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = join(&mut line);
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    assert_eq!(carol.register(&mut line).status(), 200);
    let (caller, called) = talking(&mut line, &mut alice, &mut boris);
    Office { line, alice, boris, carol, caller, called }
}

fn office() -> Office {
    office_where(false)
}

fn refer(line: &mut Line, by: &mut Dialog, to: &str, more: &str) {
    by.cseq += 1;
    let cseq = by.cseq;
    by.request_as(line, "REFER", cseq, "", &format!("Refer-To: {to}\r\n{more}"));
}

/// The phone is told how it goes, and agrees.
#[track_caller]
fn told(line: &mut Line, phone: &mut Phone, status: u16) -> Sip {
    let notify = line.expect(phone.address, "NOTIFY");
    assert!(notify.body.starts_with(&format!("SIP/2.0 {status} ")), "{status}: {}", notify.body);
    assert_eq!(notify.header("Content-Type"), "message/sipfrag;version=2.0");
    let last = status >= 200;
    assert_eq!(notify.header("Subscription-State").starts_with("terminated"), last, "{notify:?}");
    phone.answer(line, &notify, 200, "");
    notify
}

/// A re-INVITE of ours is taken; it says whom the phone talks with now.
#[track_caller]
fn renewed(line: &mut Line, phone: &mut Phone, partner: &str) {
    let asked = line.expect(phone.address, "INVITE");
    assert!(asked.header("P-Asserted-Identity").contains(&format!("<sip:{partner}@")), "{asked:?}");
    assert!(asked.body.contains("a=sendrecv"), "{}", asked.body);
    let body = phone.sdp();
    phone.answer(line, &asked, 200, &body);
    line.expect(phone.address, "ACK");
}

#[track_caller]
fn parted(line: &mut Line, phone: &mut Phone) {
    let bye = line.expect(phone.address, "BYE");
    phone.answer(line, &bye, 200, "");
}

fn press(line: &mut Line, leg: u16, keys: &str) {
    let session = line.call().session();
    for sign in keys.chars() {
        let (digit, length) = (Digit::from_char(sign).unwrap(), Duration::from_millis(100));
        line.happen(Input::Media(MediaEvent::DigitPressed { session, member: MemberId(leg), digit, length }));
        line.pass(Duration::from_millis(200));
    }
}

#[test]
fn a_blind_transfer_joins_the_other_party_with_the_target() {
    let Office { mut line, mut alice, mut boris, mut carol, mut caller, mut called } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "");
    line.expect(boris.address, "202");
    let notify = told(&mut line, &mut boris, 100);
    assert_eq!(notify.header("Event"), format!("refer;id={}", called.cseq));
    assert_eq!(line.states().last(), Some(&CallState::Transferring));
    let asked = line.expect(carol.address, "INVITE");
    assert!(asked.header("From").starts_with("\"Alice Ames\" <sip:1001@"), "{asked:?}");
    assert_eq!(asked.header("Referred-By"), "<sip:1002@pbx.test>");
    carol.answer(&mut line, &asked, 180, "");
    told(&mut line, &mut boris, 180);
    let body = carol.sdp();
    carol.answer(&mut line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    told(&mut line, &mut boris, 200);
    parted(&mut line, &mut boris);
    renewed(&mut line, &mut alice, "1003");
    assert_eq!(line.heard(), [(0, 2), (2, 0)]);
    assert_eq!(line.states().last(), Some(&CallState::Connected));
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    parted(&mut line, &mut carol);
    let record = line.record();
    assert_eq!(record.hangup_cause, HangupCause::Caller);
    assert_eq!(record.legs.iter().map(|leg| leg.party.as_str()).collect::<Vec<_>>(), ["1001", "1002", "1003"]);
    let [transfer] = &record.transfers[..] else { panic!("one transfer: {record:?}") };
    assert_eq!((transfer.by.as_str(), transfer.of.as_str(), transfer.to.as_str()), ("1002", "1001", "1003"));
    assert_eq!((transfer.blind, transfer.outcome), (true, TransferOutcome::Completed));
    line.expect_rest();
}

#[test]
fn the_caller_may_transfer_too_and_who_referred_is_told_to_the_target() {
    let Office { mut line, mut alice, mut boris, mut carol, mut caller, mut called } = office();
    refer(&mut line, &mut caller, "<sip:1003@10.0.0.1:5060>", "Referred-By: <sip:boss@pbx.test>\r\n");
    line.expect(alice.address, "202");
    told(&mut line, &mut alice, 100);
    let asked = line.expect(carol.address, "INVITE");
    assert!(asked.header("From").starts_with("\"Boris Bell\" <sip:1002@"), "{asked:?}");
    assert_eq!(asked.header("Referred-By"), "<sip:boss@pbx.test>");
    let body = carol.sdp();
    let mut third = carol.answer(&mut line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    told(&mut line, &mut alice, 200);
    // The transferor hangs up by itself.
    caller.request(&mut line, "BYE", "");
    line.forget(alice.address);
    renewed(&mut line, &mut boris, "1003");
    assert_eq!(line.heard(), [(1, 2), (2, 1)]);
    third.request(&mut line, "BYE", "");
    line.expect(carol.address, "200");
    parted(&mut line, &mut boris);
    called.cseq += 1;
    assert_eq!(line.record().hangup_cause, HangupCause::Callee);
    line.expect_rest();
}

#[test]
fn a_transferor_that_wants_no_word_gets_none() {
    let Office { mut line, mut alice, mut boris, mut carol, mut called, .. } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "Require: norefersub\r\nRefer-Sub: false\r\n");
    assert_eq!(line.expect(boris.address, "202").header("Refer-Sub"), "false");
    let asked = line.expect(carol.address, "INVITE");
    let body = carol.sdp();
    carol.answer(&mut line, &asked, 200, &body);
    parted(&mut line, &mut boris);
    renewed(&mut line, &mut alice, "1003");
    assert_eq!(line.heard(), [(0, 2), (2, 0)]);
}

#[test]
fn a_target_that_refuses_leaves_the_call_as_it_was() {
    let Office { mut line, alice, mut boris, mut carol, mut caller, mut called } = office();
    // A phone holds before it refers.
    called.reinvite(&mut line, &described("10.0.0.12", 4000, "0 8 101", "sendonly"));
    let mut answering = alice.clone();
    let held = line.expect(alice.address, "INVITE");
    answering.answer(&mut line, &held, 200, &described("10.0.0.11", 4000, "0 8 101", "recvonly"));
    line.expect(boris.address, "200");
    called.ack(&mut line, "");
    line.forget(alice.address);
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "");
    line.expect(boris.address, "202");
    told(&mut line, &mut boris, 100);
    let asked = line.expect(carol.address, "INVITE");
    assert!(asked.body.contains("a=sendrecv"), "{}", asked.body);
    carol.answer(&mut line, &asked, 486, "");
    line.expect(carol.address, "ACK");
    told(&mut line, &mut boris, 486);
    line.expect_silence(boris.address);
    line.expect_silence(alice.address);
    assert_eq!((line.heard(), line.states().last()), (vec![(0, 1)], Some(&CallState::Hold)));
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    parted(&mut line, &mut boris);
    assert_eq!(line.record().transfers[0].outcome, TransferOutcome::Returned);
    line.expect_rest();
}

#[test]
fn a_transferor_that_has_hung_up_is_called_back_when_the_target_is_not_to_be_had() {
    let Office { mut line, mut alice, mut boris, mut carol, mut called, .. } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "");
    line.expect(boris.address, "202");
    told(&mut line, &mut boris, 100);
    let asked = line.expect(carol.address, "INVITE");
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    carol.answer(&mut line, &asked, 480, "");
    let again = line.expect(boris.address, "INVITE");
    assert!(again.header("From").starts_with("\"Alice Ames\" <sip:1001@"), "{again:?}");
    assert!(again.header("To").contains("1002"));
    let body = boris.sdp();
    let mut back = boris.answer(&mut line, &again, 200, &body);
    line.expect(boris.address, "ACK");
    renewed(&mut line, &mut alice, "1002");
    assert_eq!(line.heard(), [(0, 3), (3, 0)]);
    back.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    parted(&mut line, &mut alice);
    assert_eq!(line.record().transfers[0].outcome, TransferOutcome::Returned);
    line.expect_rest();
}

#[test]
fn when_nobody_is_left_to_return_to_the_call_ends() {
    let Office { mut line, mut alice, boris, mut carol, mut called, .. } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "");
    let asked = line.expect(carol.address, "INVITE");
    called.request(&mut line, "BYE", "");
    line.forget(boris.address);
    carol.answer(&mut line, &asked, 486, "");
    line.expect(boris.address, "INVITE");
    line.pass_seconds(30);
    parted(&mut line, &mut alice);
    line.expect_rest();
    assert_eq!(line.record().transfers[0].outcome, TransferOutcome::Ended);
}

#[test]
fn a_transferee_that_hangs_up_ends_the_transfer() {
    let Office { mut line, alice, mut boris, mut carol, mut caller, mut called } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "");
    line.expect(boris.address, "202");
    told(&mut line, &mut boris, 100);
    let asked = line.expect(carol.address, "INVITE");
    carol.answer(&mut line, &asked, 180, "");
    told(&mut line, &mut boris, 180);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    told(&mut line, &mut boris, 487);
    parted(&mut line, &mut boris);
    let cancel = line.expect(carol.address, "CANCEL");
    carol.answer(&mut line, &cancel, 200, "");
    carol.answer(&mut line, &asked, 487, "");
    line.expect_rest();
    assert_eq!(line.record().hangup_cause, HangupCause::Caller);
}

#[test]
fn a_refer_that_cannot_be_followed_is_refused_and_changes_nothing() {
    // RFC 3515 section 2.4.2.
    for (to, status) in [
        ("", "400"),
        ("<sip:1003@pbx.test>, <sip:1001@pbx.test>", "400"),
        ("<sip:", "400"),
        ("<mailto:carol@pbx.test>", "416"),
        ("<sip:1003@pbx.test;method=BYE>", "501"),
        ("<sip:1003@example.test>", "403"),
        ("<sip:4711@pbx.test>", "404"),
        ("<sip:*43@pbx.test>", "488"),
        ("<sip:1003@pbx.test?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>", "603"),
    ] {
        let Office { mut line, alice, boris, mut called, .. } = office();
        refer(&mut line, &mut called, to, "");
        line.expect(boris.address, status);
        line.expect_silence(boris.address);
        line.expect_silence(alice.address);
        assert_eq!(line.heard().len(), 2, "{to}");
        called.request(&mut line, "BYE", "");
        line.expect_rest();
    }
}

#[test]
fn who_may_not_transfer_is_refused() {
    let mut settings = super::common::settings();
    let mut accounts: Vec<_> = settings.directory.extensions().cloned().collect();
    accounts[1].permissions.transfer = false;
    settings.directory = signaling::settings::Directory::new(accounts);
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = join(&mut line);
    let (mut caller, mut called) = talking(&mut line, &mut alice, &mut boris);
    refer(&mut line, &mut called, "<sip:1001@pbx.test>", "");
    line.expect(boris.address, "403");
    press(&mut line, 1, "#");
    assert_eq!(line.heard().len(), 2);
    let order = Command::Transfer { call: line.call(), by: Some("1002".into()), to: "1003".into(), consult: false };
    assert_eq!(line.order(order), Reply::Refused(Refusal::Conflict));
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_refer_outside_a_call_is_refused() {
    let Office { mut line, alice, caller, .. } = office();
    let text = caller.text("REFER", 7, "", "Refer-To: <sip:1003@pbx.test>\r\n", "z9hG4bKout");
    let text = text.replace(&caller.remote, "<sip:1002@pbx.test>");
    line.send(alice.address, &text);
    line.expect(alice.address, "403");
}

#[test]
fn a_second_transfer_waits_for_the_first() {
    let Office { mut line, alice, boris, mut carol, mut caller, mut called } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "");
    let asked = line.expect(carol.address, "INVITE");
    refer(&mut line, &mut caller, "<sip:1003@pbx.test>", "");
    line.expect(alice.address, "491");
    // Who waits may hold meanwhile; nobody else is asked.
    caller.reinvite(&mut line, &described("10.0.0.11", 4000, "0", "sendonly"));
    line.expect(alice.address, "200");
    caller.ack(&mut line, "");
    carol.answer(&mut line, &asked, 603, "");
    line.forget(boris.address);
    assert_eq!(line.states().last(), Some(&CallState::Hold));
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn transfers_can_be_chained() {
    let Office { mut line, mut alice, mut boris, mut carol, mut caller, mut called } = office();
    refer(&mut line, &mut called, "<sip:1003@pbx.test>", "Refer-Sub: false\r\n");
    let asked = line.expect(carol.address, "INVITE");
    let body = carol.sdp();
    let mut third = carol.answer(&mut line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    line.expect(boris.address, "202");
    parted(&mut line, &mut boris);
    renewed(&mut line, &mut alice, "1003");
    refer(&mut line, &mut third, "<sip:1002@pbx.test>", "Refer-Sub: false\r\n");
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    line.expect(carol.address, "202");
    parted(&mut line, &mut carol);
    renewed(&mut line, &mut alice, "1002");
    assert_eq!(line.heard(), [(0, 3), (3, 0)]);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    parted(&mut line, &mut boris);
    assert_eq!(line.record().transfers.len(), 2);
    line.expect_rest();
}

// ── Keys ──

/// Clips and tones that play now.
fn playing(line: &Line) -> Vec<u16> {
    let mut open = Vec::new();
    for command in &line.media {
        match command {
            MediaCommand::OpenDevice { member, device: Device::Player(player), .. } => {
                assert!(matches!(player.sounds[..], [Sound::Clip(_) | Sound::Tone(_)]));
                open.push(member.0);
            }
            MediaCommand::CloseMember { member, .. } => open.retain(|other| *other != member.0),
            _ => {}
        }
    }
    open.sort_unstable();
    open
}

const MUSIC: u16 = 25;
const TONE: u16 = 26;

#[test]
fn a_party_that_presses_the_code_hands_the_other_over() {
    let Office { mut line, mut alice, mut boris, mut carol, mut caller, .. } = office_where(true);
    press(&mut line, 1, "#");
    // It hears that it may dial; the other hears music.
    assert_eq!(line.heard(), [(0, MUSIC), (1, TONE)]);
    assert_eq!(playing(&line), [MUSIC, TONE]);
    press(&mut line, 1, "1003#");
    let asked = line.expect(carol.address, "INVITE");
    assert!(asked.header("From").contains("sip:1001@"));
    assert_eq!(line.heard(), [(0, MUSIC), (1, TONE)]);
    let body = carol.sdp();
    carol.answer(&mut line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    parted(&mut line, &mut boris);
    renewed(&mut line, &mut alice, "1003");
    assert_eq!((line.heard(), playing(&line)), (vec![(0, 2), (2, 0)], vec![]));
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    parted(&mut line, &mut carol);
    line.expect_rest();
}

#[test]
fn a_number_that_leads_nowhere_returns_to_the_call() {
    for keys in ["#4711#", "##", "#"] {
        let Office { mut line, mut caller, .. } = office_where(true);
        press(&mut line, 0, keys);
        line.pass_seconds(11);
        assert_eq!((line.heard(), playing(&line)), (vec![(0, 1), (1, 0)], vec![]), "{keys}");
        assert_eq!(line.states().last(), Some(&CallState::Connected));
        caller.request(&mut line, "BYE", "");
        line.expect_rest();
    }
}

/// Alice has pressed the code and speaks with Carol (leg 2); Boris waits.
fn consulting() -> (Office, Dialog) {
    let mut office = office_where(true);
    let Office { line, alice, carol, .. } = &mut office;
    press(line, 0, "*2");
    press(line, 0, "1003");
    line.expect_silence(carol.address);
    line.pass_seconds(3);
    let asked = line.expect(carol.address, "INVITE");
    assert!(asked.header("From").contains("sip:1001@"), "{asked:?}");
    carol.answer(line, &asked, 180, "");
    assert_eq!(line.heard(), [(0, TONE), (1, MUSIC)]);
    let body = carol.sdp();
    let third = carol.answer(line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    renewed(line, alice, "1003");
    assert_eq!(line.heard(), [(0, 2), (1, MUSIC), (2, 0)]);
    (office, third)
}

#[test]
fn who_has_talked_with_the_target_completes_by_hanging_up_or_by_the_code() {
    for by_code in [false, true] {
        let (Office { mut line, mut alice, mut boris, mut carol, mut caller, mut called }, _) = consulting();
        if by_code {
            press(&mut line, 0, "*2");
            parted(&mut line, &mut alice);
        } else {
            caller.request(&mut line, "BYE", "");
            line.expect(alice.address, "200");
        }
        renewed(&mut line, &mut boris, "1003");
        renewed(&mut line, &mut carol, "1002");
        assert_eq!((line.heard(), playing(&line)), (vec![(1, 2), (2, 1)], vec![]));
        called.request(&mut line, "BYE", "");
        line.expect(boris.address, "200");
        parted(&mut line, &mut carol);
        let record = line.record();
        assert_eq!((record.transfers[0].blind, record.transfers[0].outcome), (false, TransferOutcome::Completed));
        line.expect_rest();
    }
}

#[test]
fn who_has_talked_with_the_target_may_take_the_other_back() {
    let (Office { mut line, mut alice, mut carol, mut caller, .. }, mut third) = consulting();
    press(&mut line, 0, "*0");
    parted(&mut line, &mut carol);
    renewed(&mut line, &mut alice, "1002");
    assert_eq!((line.heard(), playing(&line)), (vec![(0, 1), (1, 0)], vec![]));
    third.cseq += 1;
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_target_that_hangs_up_returns_the_call_to_the_transferor() {
    let (Office { mut line, mut alice, carol, mut caller, .. }, mut third) = consulting();
    third.request(&mut line, "BYE", "");
    line.expect(carol.address, "200");
    renewed(&mut line, &mut alice, "1002");
    assert_eq!(line.heard(), [(0, 1), (1, 0)]);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn all_three_may_talk_and_each_may_leave() {
    for (leaves, left) in [(0, [(1, 2), (2, 1)]), (1, [(0, 2), (2, 0)]), (2, [(0, 1), (1, 0)])] {
        let (Office { mut line, mut caller, mut called, .. }, mut third) = consulting();
        press(&mut line, 0, "*3");
        assert_eq!(line.heard(), [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]);
        assert_eq!(playing(&line), []);
        [&mut caller, &mut called, &mut third][leaves].request(&mut line, "BYE", "");
        assert_eq!(line.heard(), left, "{leaves}");
        for dialog in [&mut caller, &mut called, &mut third] {
            dialog.request(&mut line, "BYE", "");
        }
        line.expect_rest();
    }
}

#[test]
fn a_transferor_that_hangs_up_while_it_rings_leaves_the_ringing_to_the_other() {
    let Office { mut line, alice, mut boris, mut carol, mut caller, .. } = office_where(true);
    press(&mut line, 0, "*21003#");
    let asked = line.expect(carol.address, "INVITE");
    carol.answer(&mut line, &asked, 180, "");
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    assert_eq!(line.heard(), [(1, MUSIC)]);
    let body = carol.sdp();
    carol.answer(&mut line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    renewed(&mut line, &mut boris, "1003");
    renewed(&mut line, &mut carol, "1002");
    assert_eq!(line.heard(), [(1, 2), (2, 1)]);
}

#[test]
fn a_target_that_does_not_answer_a_consultation_returns_the_call() {
    let Office { mut line, mut carol, mut caller, .. } = office_where(true);
    press(&mut line, 0, "*21003#");
    let asked = line.expect(carol.address, "INVITE");
    carol.answer(&mut line, &asked, 180, "");
    line.pass_seconds(31);
    let cancel = line.expect(carol.address, "CANCEL");
    carol.answer(&mut line, &cancel, 200, "");
    carol.answer(&mut line, &asked, 487, "");
    assert_eq!((line.heard(), playing(&line)), (vec![(0, 1), (1, 0)], vec![]));
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn a_transferee_that_hangs_up_leaves_the_two_others_talking() {
    let (Office { mut line, boris, mut carol, mut caller, mut called, .. }, _) = consulting();
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    assert_eq!((line.heard(), playing(&line)), (vec![(0, 2), (2, 0)], vec![]));
    caller.request(&mut line, "BYE", "");
    parted(&mut line, &mut carol);
    line.expect_rest();
}

// ── The API ──

#[test]
fn an_order_transfers_blind_and_attended() {
    for consult in [false, true] {
        let Office { mut line, mut alice, mut boris, mut carol, mut caller, .. } = office_where(true);
        let call = line.call();
        let order = Command::Transfer { call, by: Some("1002".into()), to: "1003".into(), consult };
        assert_eq!(line.order(order.clone()), Reply::Done);
        assert_eq!(line.order(order), Reply::Refused(Refusal::Conflict));
        let asked = line.expect(carol.address, "INVITE");
        let asks = if consult { "1002" } else { "1001" };
        assert!(asked.header("From").contains(&format!("sip:{asks}@")), "{asked:?}");
        let body = carol.sdp();
        carol.answer(&mut line, &asked, 200, &body);
        line.expect(carol.address, "ACK");
        if consult {
            renewed(&mut line, &mut boris, "1003");
            assert_eq!(line.order(Command::ConcludeTransfer { call, complete: true }), Reply::Done);
        }
        parted(&mut line, &mut boris);
        renewed(&mut line, &mut alice, "1003");
        if consult {
            renewed(&mut line, &mut carol, "1001");
        }
        assert_eq!(line.heard(), [(0, 2), (2, 0)]);
        caller.request(&mut line, "BYE", "");
        parted(&mut line, &mut carol);
        line.expect_rest();
    }
}

#[test]
fn orders_that_cannot_be_carried_out_are_refused() {
    let Office { mut line, mut caller, .. } = office();
    let call = line.call();
    for (by, to, why) in [
        (None, "4711", Refusal::UnknownDestination),
        (Some("1003"), "1003", Refusal::Conflict),
        (None, "*43", Refusal::UnknownDestination),
    ] {
        let order = Command::Transfer { call, by: by.map(str::to_owned), to: to.into(), consult: false };
        assert_eq!(line.order(order), Reply::Refused(why), "{by:?} {to}");
    }
    assert_eq!(line.order(Command::ConcludeTransfer { call, complete: false }), Reply::Refused(Refusal::Conflict));
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
    let order = Command::Transfer { call, by: None, to: "1003".into(), consult: false };
    assert_eq!(line.order(order), Reply::Refused(Refusal::UnknownCall));
}
