//! What shards report, early, late, twice or never.

use super::{talking, two};
use contract::{LegReport, MediaCommand, MediaEvent, MediaRefusal, MemberId, NodeId, SessionId};
use core::time::Duration;
use signaling::{
    fact::{Fact, HangupCause, QualityTarget},
    input::Input,
};

fn silent(session: SessionId, member: u16) -> Input<'static> {
    Input::Media(MediaEvent::LegSilent { session, member: MemberId(member) })
}

fn measured(session: SessionId, member: u16, packets_received: u64) -> Input<'static> {
    let report = LegReport { packets_received, ..LegReport::default() };
    Input::Media(MediaEvent::LegMeasured { session, member: MemberId(member), report })
}

#[test]
fn a_call_whose_media_died_both_ways_is_ended() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let session = line.call().session();
    line.happen(silent(session, 1));
    line.expect_silence(alice.address);
    line.happen(silent(session, 0));
    for phone in [&mut alice, &mut boris] {
        let bye = line.expect(phone.address, "BYE");
        phone.answer(&mut line, &bye, 200, "");
    }
    assert_eq!(line.record().hangup_cause, HangupCause::MediaSilent);
    line.expect_rest();
}

#[test]
fn a_party_that_spoke_again_keeps_the_call() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let session = line.call().session();
    line.happen(silent(session, 1));
    line.happen(measured(session, 1, 100));
    line.pass_seconds(10);
    line.happen(measured(session, 1, 600));
    line.pass_seconds(60);
    line.happen(silent(session, 0));
    line.pass_seconds(60);
    line.expect_silence(alice.address);
    // Silent again, both: nothing tells of a packet any more.
    line.happen(silent(session, 1));
    line.pass_seconds(60);
    line.expect(alice.address, "BYE");
}

#[test]
fn parties_on_hold_are_not_dead() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    caller.reinvite(&mut line, &super::common::described("10.0.0.11", 4000, "0", "inactive"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &super::common::described("10.0.0.12", 4000, "0", "inactive"));
    line.expect(alice.address, "200");
    caller.ack(&mut line, "");
    let session = line.call().session();
    line.happen(silent(session, 0));
    line.happen(silent(session, 1));
    line.pass_seconds(600);
    line.expect_silence(alice.address);
    assert_eq!(line.status().calls, 1);
}

#[test]
fn events_of_unknown_sessions_change_nothing() {
    let (mut line, _, _) = two();
    let session = SessionId::new(NodeId(1), 99);
    let before = line.status();
    let member = MemberId(0);
    for event in [
        MediaEvent::SessionClosed { session },
        MediaEvent::LegSilent { session, member },
        MediaEvent::LegClosed { session, member, report: LegReport::default() },
        MediaEvent::LegRefused { session, member, why: MediaRefusal::PortsExhausted },
        MediaEvent::SourceLearned { session, member, source: "10.0.0.9:9".parse().unwrap() },
    ] {
        line.happen(Input::Media(event));
    }
    assert_eq!(line.status(), before);
    // A leg that opens for nobody is closed wherever it is.
    line.media_obliging = false;
    line.media.clear();
    line.happen(Input::Media(MediaEvent::LegOpened { session, member, rtp: "10.0.0.1:9".parse().unwrap() }));
    assert_eq!(line.media, vec![MediaCommand::CloseSession { session }; 2], "one for each shard");
}

#[test]
fn a_shard_that_never_answers_ends_in_a_refusal_and_a_record() {
    let (mut line, mut alice, boris) = two();
    line.media_obliging = false;
    alice.call(&mut line, "1002", &alice.sdp());
    line.pass_seconds(30);
    line.expect_silence(boris.address);
    line.expect(alice.address, "408");
    assert!(line.records().is_empty(), "the close may still be reported");
    line.pass(Duration::from_secs(5));
    assert_eq!(line.records().len(), 1);
    line.media_obliging = true;
    line.expect_rest();
}

#[test]
fn the_caller_hanging_up_before_its_ports_are_open_leaves_nothing_open() {
    let (mut line, mut alice, boris) = two();
    line.media_obliging = false;
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    line.send(alice.address, &invite.cancel());
    let commands = core::mem::take(&mut line.media);
    assert!(matches!(commands.last(), Some(MediaCommand::CloseSession { .. })));
    line.media_obliging = true;
    for command in &commands {
        line.oblige(command);
    }
    line.expect_silence(boris.address);
    assert_eq!(line.records().len(), 1);
    line.expect_rest();
}

#[test]
fn a_session_that_a_shard_lost_ends_the_call() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let session = line.call().session();
    line.oblige(&MediaCommand::CloseSession { session });
    line.expect(alice.address, "BYE");
    assert_eq!(line.record().hangup_cause, HangupCause::Fault);
    line.expect_rest();
}

#[test]
fn what_a_phone_says_of_its_media_is_told_to_the_shard() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let told: Vec<_> = line
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::DescribeLeg { member, peer, .. } => Some((member.0, peer.clone())),
            _ => None,
        })
        .collect();
    let of =
        |member: u16| told.iter().rev().find(|(number, _)| *number == member).map(|(_, peer)| peer.clone()).unwrap();
    assert_eq!(of(0).rtp, Some("10.0.0.11:4000".parse().unwrap()));
    assert_eq!(of(0).rtcp, Some("10.0.0.11:4001".parse().unwrap()));
    assert_eq!(of(1).rtp, Some("10.0.0.12:4000".parse().unwrap()));
    assert_eq!(of(1).formats.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [0, 8, 101]);
}

#[test]
fn parties_that_died_on_hold_are_noticed_after_it() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    let session = line.call().session();
    for direction in ["inactive", "sendrecv"] {
        caller.reinvite(&mut line, &super::common::described("10.0.0.11", 4000, "0", direction));
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 200, &super::common::described("10.0.0.12", 4000, "0", direction));
        line.expect(boris.address, "ACK");
        line.expect(alice.address, "200");
        caller.ack(&mut line, "");
        if direction == "inactive" {
            line.happen(silent(session, 0));
            line.happen(silent(session, 1));
            line.pass_seconds(300);
        }
    }
    line.pass_seconds(60);
    line.expect_silence(alice.address);
    line.pass_seconds(1);
    line.expect(alice.address, "BYE");
    assert_eq!(line.record().hangup_cause, HangupCause::MediaSilent);
}

#[test]
fn a_leg_below_target_is_told_once_and_again_only_by_another_target() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let (call, session) = (line.call(), line.call().session());
    let mut missed = |packets_received, packets_lost, jitter_ms| {
        line.facts.clear();
        let jitter = Duration::from_millis(jitter_ms);
        let report = LegReport { packets_received, packets_lost, jitter, ..LegReport::default() };
        line.happen(Input::Media(MediaEvent::LegMeasured { session, member: MemberId(1), report }));
        let facts = line.facts.iter();
        facts.filter(|fact| matches!(fact, Fact::QualityMissed { .. })).cloned().collect::<Vec<_>>()
    };
    let told = |target, first| vec![Fact::QualityMissed { call, leg: 1, target, first }];
    assert_eq!(missed(500, 5, 10), []);
    assert_eq!(missed(1_000, 55, 10), told(QualityTarget::Loss, true));
    assert_eq!(missed(1_500, 105, 10), []);
    assert_eq!(missed(2_000, 155, 45), told(QualityTarget::Jitter, false));
}
