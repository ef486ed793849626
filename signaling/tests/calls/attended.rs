//! Transfers made of two calls: REFER with Replaces, and INVITE with Replaces; RFC 3891, RFC 3911, RFC 5589 section 7.

use super::{
    common::{Dialog, Line, Phone, Sip},
    join, talking,
};
use contract::MediaCommand;
use signaling::fact::{HangupCause, TransferOutcome};

/// Alice has called Boris, and then Carol, who has answered or rings.
struct Office {
    line: Line,
    alice: Phone,
    boris: Phone,
    carol: Phone,
    /// Alice's end of the call with Boris.
    first: Dialog,
    called: Dialog,
    /// Alice's end of the other call.
    second: Dialog,
    /// What Carol was asked.
    asked: Sip,
}

fn office(transcode: bool, answered: bool) -> Office {
    let mut settings = super::common::settings();
    settings.media.transcode = transcode;
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = join(&mut line);
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    assert_eq!(carol.register(&mut line).status(), 200);
    let (first, called) = talking(&mut line, &mut alice, &mut boris);
    let invite = alice.call(&mut line, "1003", &alice.sdp());
    let asked = line.expect(carol.address, "INVITE");
    carol.answer(&mut line, &asked, 180, "");
    let told = line.expect(alice.address, "180");
    let mut second = invite.dialog(&told);
    if answered {
        let body = carol.sdp();
        carol.answer(&mut line, &asked, 200, &body);
        line.expect(carol.address, "ACK");
        let answer = line.expect(alice.address, "200");
        second = invite.dialog(&answer);
        second.ack(&mut line, "");
    }
    Office { line, alice, boris, carol, first, called, second, asked }
}

fn tag(value: &str) -> &str {
    value.split(";tag=").nth(1).unwrap()
}

/// Escaped as a header in a URI.
fn replaces(dialog: &Dialog) -> String {
    let value = format!("{};to-tag={};from-tag={}", dialog.call_id, tag(&dialog.remote), tag(&dialog.local));
    value.replace(';', "%3B").replace('=', "%3D").replace(':', "%3A").replace('@', "%40")
}

fn refer(line: &mut Line, by: &mut Dialog, replaced: &Dialog) {
    by.cseq += 1;
    let cseq = by.cseq;
    let headers = format!("Refer-To: <sip:1003@pbx.test?Replaces={}>\r\n", replaces(replaced));
    by.request_as(line, "REFER", cseq, "", &headers);
}

#[track_caller]
fn told(line: &mut Line, phone: &mut Phone, status: u16) {
    let notify = line.expect(phone.address, "NOTIFY");
    assert!(notify.body.starts_with(&format!("SIP/2.0 {status} ")), "{status}: {}", notify.body);
    phone.answer(line, &notify, 200, "");
}

#[track_caller]
fn renewed(line: &mut Line, phone: &mut Phone, partner: &str) {
    let asked = line.expect(phone.address, "INVITE");
    assert!(asked.header("P-Asserted-Identity").contains(&format!("<sip:{partner}@")), "{asked:?}");
    let body = phone.sdp();
    phone.answer(line, &asked, 200, &body);
    line.expect(phone.address, "ACK");
}

#[track_caller]
fn parted(line: &mut Line, phone: &mut Phone) {
    let bye = line.expect(phone.address, "BYE");
    phone.answer(line, &bye, 200, "");
}

/// Who hears whom, over all calls.
fn heard(line: &Line) -> Vec<(u16, u16)> {
    let rows = |table: &contract::HearingTable| {
        let pairs = table.rows().iter();
        pairs.flat_map(|row| table.speakers_to(row.member).map(|speaker| (row.member.0, speaker.0))).collect::<Vec<_>>()
    };
    line.pbx.hearing().flat_map(|(_, table)| rows(table)).collect()
}

#[test]
fn the_transferee_and_the_target_of_two_calls_are_joined_in_one() {
    for transcode in [false, true] {
        let Office { mut line, mut alice, mut boris, mut carol, mut first, mut called, second, .. } =
            office(transcode, true);
        refer(&mut line, &mut first, &second);
        line.expect(alice.address, "202");
        told(&mut line, &mut alice, 100);
        // The dialog that is replaced ends at once, the other when the phone has heard how it went.
        let mut seen = Vec::new();
        for _ in 0..2 {
            let next = line.take(alice.address).unwrap();
            seen.push(next.method().to_owned());
            alice.answer(&mut line, &next, 200, "");
        }
        seen.sort();
        assert_eq!(seen, ["BYE", "NOTIFY"]);
        parted(&mut line, &mut alice);
        renewed(&mut line, &mut boris, "1003");
        renewed(&mut line, &mut carol, "1002");
        assert_eq!(line.heard(), [(1, 2), (2, 1)]);
        assert!(line.media.iter().any(|command| matches!(command, MediaCommand::MoveLeg { .. })));
        called.request(&mut line, "BYE", "");
        line.expect(boris.address, "200");
        parted(&mut line, &mut carol);
        let records = line.records();
        let [consultation, call] = &records[..] else { panic!("a record each: {records:?}") };
        assert_eq!((consultation.hangup_cause, consultation.part_of), (HangupCause::Transferred, Some(call.call)));
        assert_eq!(consultation.legs[1].went_to, Some(call.call));
        assert_eq!((call.legs[2].party.as_str(), call.legs[2].came_from), ("1003", Some(consultation.call)));
        assert_eq!((call.transfers[0].blind, call.transfers[0].outcome), (false, TransferOutcome::Completed));
        line.expect_rest();
    }
}

#[test]
fn a_phone_that_rings_in_the_other_call_goes_on_ringing_for_the_transferee() {
    let Office { mut line, mut alice, mut boris, mut carol, mut first, mut called, second, asked, .. } =
        office(true, false);
    refer(&mut line, &mut first, &second);
    line.expect(alice.address, "202");
    told(&mut line, &mut alice, 100);
    // RFC 3261 section 15.1.2: the call that is given up is answered 487.
    assert_eq!(line.expect(alice.address, "487").answers(), "INVITE");
    told(&mut line, &mut alice, 180);
    line.expect_silence(carol.address);
    let body = carol.sdp();
    carol.answer(&mut line, &asked, 200, &body);
    line.expect(carol.address, "ACK");
    told(&mut line, &mut alice, 200);
    parted(&mut line, &mut alice);
    renewed(&mut line, &mut boris, "1003");
    renewed(&mut line, &mut carol, "1002");
    assert_eq!(line.heard(), [(1, 2), (2, 1)]);
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    parted(&mut line, &mut carol);
    line.expect_rest();
}

#[test]
fn a_phone_that_rings_and_refuses_returns_the_call_to_the_transferor() {
    let Office { mut line, mut alice, boris, mut carol, mut first, second, asked, .. } = office(true, false);
    refer(&mut line, &mut first, &second);
    carol.answer(&mut line, &asked, 603, "");
    line.expect(carol.address, "ACK");
    let mut told = Vec::new();
    while let Some(message) = line.take(alice.address) {
        if message.method() == "NOTIFY" {
            told.push(message.body.split(' ').nth(1).unwrap().to_owned());
            alice.answer(&mut line, &message, 200, "");
        }
    }
    assert_eq!(told, ["100", "180", "603"]);
    line.expect_silence(boris.address);
    assert_eq!(line.heard(), [(0, 1), (1, 0)]);
    first.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn nobody_gives_away_the_parties_of_another_ones_call() {
    // Boris names the dialog of Alice and Carol.
    let Office { mut line, alice, boris, carol, mut called, second, .. } = office(true, true);
    refer(&mut line, &mut called, &second);
    line.expect(boris.address, "403");
    for phone in [&alice, &boris, &carol] {
        line.expect_silence(phone.address);
    }
    assert_eq!(heard(&line), [(0, 1), (1, 0), (0, 1), (1, 0)]);
}

#[test]
fn a_dialog_that_is_not_there_is_not_replaced() {
    let Office { mut line, mut alice, boris, mut first, mut second, .. } = office(true, true);
    let mut other = second.clone();
    other.remote = format!("{}x", other.remote);
    refer(&mut line, &mut first, &other);
    line.expect(alice.address, "603");
    second.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    refer(&mut line, &mut first, &second);
    line.expect(alice.address, "603");
    // RFC 3891 section 3: one's own dialog is no other.
    let own = first.clone();
    refer(&mut line, &mut first, &own);
    line.expect(alice.address, "603");
    line.expect_silence(boris.address);
    alice.number.clear();
    first.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn legs_without_a_common_codec_are_not_joined_where_none_is_made_of_another() {
    let mut line = Line::new();
    let (mut alice, mut boris) = join(&mut line);
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    carol.register(&mut line);
    let speak = |line: &mut Line, alice: &mut Phone, other: &mut Phone, format: &str| {
        let body = |phone: &Phone| super::common::described(&phone.address.ip().to_string(), 4000, format, "sendrecv");
        let invite = alice.call(line, &other.number.clone(), &body(alice));
        let asked = line.expect(other.address, "INVITE");
        other.answer(line, &asked, 200, &body(other));
        line.expect(other.address, "ACK");
        let answer = line.expect(alice.address, "200");
        let mut dialog = invite.dialog(&answer);
        dialog.ack(line, "");
        dialog
    };
    let mut first = speak(&mut line, &mut alice, &mut boris, "0");
    let second = speak(&mut line, &mut alice, &mut carol, "8");
    refer(&mut line, &mut first, &second);
    line.expect(alice.address, "488");
    line.expect_silence(boris.address);
}

// ── INVITE with Replaces ──

fn plain(dialog: &Dialog, more: &str) -> String {
    // As the exchange, who gets it, knows the dialog.
    format!("Replaces: {};to-tag={};from-tag={}{more}\r\n", dialog.call_id, tag(&dialog.remote), tag(&dialog.local))
}

#[test]
fn another_phone_of_an_account_takes_its_call_over() {
    let Office { mut line, mut alice, mut boris, first, mut called, .. } = office(true, false);
    let mut mobile = Phone::new("1001", "10.0.0.14:5064");
    mobile.register(&mut line);
    let body = mobile.sdp();
    let invite = mobile.call_with(&mut line, "1001", &body, &plain(&first, ""));
    let answer = line.expect(mobile.address, "200");
    assert!(answer.body.contains("a=sendrecv"));
    let mut taken = invite.dialog(&answer);
    parted(&mut line, &mut alice);
    assert_eq!(heard(&line).iter().filter(|pair| pair.0 == 1).collect::<Vec<_>>(), [&(1, 2)]);
    taken.ack(&mut line, "");
    renewed(&mut line, &mut boris, "1001");
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    parted(&mut line, &mut mobile);
}

#[test]
fn a_take_over_without_an_offer_gets_one_and_its_answer_counts() {
    let Office { mut line, mut alice, mut boris, first, .. } = office(true, false);
    let mut mobile = Phone::new("1001", "10.0.0.14:5064");
    mobile.register(&mut line);
    let invite = mobile.call_with(&mut line, "1001", "", &plain(&first, ""));
    let answer = line.expect(mobile.address, "200");
    parted(&mut line, &mut alice);
    invite.dialog(&answer).ack(&mut line, &mobile.sdp());
    renewed(&mut line, &mut boris, "1001");
    assert!(heard(&line).contains(&(1, 2)) && heard(&line).contains(&(2, 1)));
}

#[test]
fn who_names_a_dialog_that_is_not_his_is_refused() {
    // RFC 3891 section 3.
    type Change = fn(&Dialog) -> String;
    let cases: [(&str, Change, &str); 6] = [
        ("1003", |dialog| plain(dialog, ""), "403"),
        ("1001", |dialog| plain(dialog, ";early-only"), "486"),
        ("1001", |dialog| plain(dialog, "x"), "481"),
        ("1001", |dialog| plain(dialog, "") + &plain(dialog, ""), "400"),
        ("1001", |_| "Replaces: nothing\r\n".to_owned(), "400"),
        ("1001", |_| "Join: a@b;to-tag=1;from-tag=2\r\n".to_owned(), "501"),
    ];
    for (number, headers, status) in cases {
        let Office { mut line, alice, boris, mut first, .. } = office(true, false);
        let mut other = Phone::new(number, "10.0.0.14:5064");
        other.register(&mut line);
        let headers = headers(&first);
        let first_try = other.invite("1001", &other.sdp(), &headers, 1);
        line.send(other.address, &first_try.text);
        let mut answer = line.take(other.address).unwrap();
        if answer.status() == 401 {
            line.send(other.address, &first_try.ack(&answer));
            let body = other.sdp();
            let invite = other.authorized(&first_try, &answer, &body, &headers);
            line.send(other.address, &invite.text);
            while answer.status() < 200 || answer.status() == 401 {
                answer = line.take(other.address).unwrap();
            }
        }
        assert_eq!(answer.status().to_string(), status, "{number} {headers}");
        line.expect_silence(boris.address);
        line.expect_silence(alice.address);
        first.request(&mut line, "BYE", "");
    }
}

#[test]
fn a_dialog_that_has_just_ended_is_declined() {
    let Office { mut line, mut alice, boris, first, mut called, .. } = office(true, false);
    let mut mobile = Phone::new("1001", "10.0.0.14:5064");
    mobile.register(&mut line);
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    let bye = line.expect(alice.address, "BYE");
    let body = mobile.sdp();
    mobile.call_with(&mut line, "1001", &body, &plain(&first, ""));
    line.expect(mobile.address, "603");
    alice.answer(&mut line, &bye, 200, "");
}

#[test]
fn a_take_over_that_is_taken_back_or_finds_no_ports_leaves_the_call_alone() {
    for full in [false, true] {
        let Office { mut line, alice, boris, mut first, .. } = office(true, false);
        let mut mobile = Phone::new("1001", "10.0.0.14:5064");
        mobile.register(&mut line);
        line.media_full = full;
        line.media_obliging = full;
        let body = mobile.sdp();
        let invite = mobile.call_with(&mut line, "1001", &body, &plain(&first, ""));
        if full {
            line.expect(mobile.address, "503");
        } else {
            line.send(mobile.address, &invite.cancel());
            line.expect(mobile.address, "200");
            line.expect(mobile.address, "487");
        }
        line.expect_silence(alice.address);
        line.expect_silence(boris.address);
        first.request(&mut line, "BYE", "");
        line.expect(alice.address, "200");
    }
}
