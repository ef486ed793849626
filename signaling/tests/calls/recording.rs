//! Recording: by rule, by account, by order; who the recorder hears, and that each recording begins and ends once.

use super::{common, common::Line, join, talking};
use contract::{Device, MediaCommand, MediaEvent, MemberId, RecordingId, RecordingState};
use signaling::{
    effect::{Refusal, Reply},
    fact::{Fact, RecordingStart},
    id::CallId,
    input::{Command, Input, RecordOrder},
    settings::{Directory, RecordingSettings},
};

const RECORDER: u16 = 0x100;

/// A line with these settings of recording and these marks of 1001 and 1002.
fn line(recording: RecordingSettings, marks: [Option<bool>; 2]) -> Line {
    let mut settings = common::settings();
    settings.recording = recording;
    let accounts = [("1001", "Alice Ames", marks[0]), ("1002", "Boris Bell", marks[1])];
    settings.directory = Directory::new(accounts.map(|(number, name, record)| {
        let mut account = common::extension(number, name);
        account.record = record;
        account
    }));
    Line::with(settings)
}

fn by_rule(auto: bool) -> RecordingSettings {
    RecordingSettings { auto, ..RecordingSettings::default() }
}

fn begun(line: &Line) -> Vec<RecordingStart> {
    let begun = |fact: &Fact| match fact {
        Fact::RecordingBegan(start) => Some((**start).clone()),
        _ => None,
    };
    line.facts.iter().filter_map(begun).collect()
}

fn ended(line: &Line) -> Vec<(RecordingId, u64)> {
    let ended = |fact: &Fact| match fact {
        Fact::RecordingEnded { recording, frames_lost, .. } => Some((*recording, *frames_lost)),
        _ => None,
    };
    line.facts.iter().filter_map(ended).collect()
}

fn order(line: &mut Line, call: CallId, order: RecordOrder) -> Reply {
    line.order(Command::Record { call, order })
}

/// What the shard says when a recorder is closed.
fn closed(line: &mut Line, recording: RecordingId, member: u16, frames_lost: u64) {
    let session = line.call().session();
    line.happen(Input::Media(MediaEvent::RecorderEnded { session, member: MemberId(member), recording, frames_lost }));
}

#[test]
fn a_call_recorded_by_rule_is_heard_by_a_recorder_that_nobody_hears() {
    let mut line = line(by_rule(true), [None, None]);
    let (mut alice, mut boris) = join(&mut line);
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    assert_eq!(line.heard(), [(0, 1), (1, 0), (RECORDER, 0), (RECORDER, 1)]);
    let [start] = &begun(&line)[..] else { panic!("{:?}", line.facts) };
    assert_eq!((start.from.as_str(), start.to.as_str(), start.rate_hz, start.ordered), ("1001", "1002", 8_000, false));
    assert!(start.channels.is_empty());
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    assert_eq!(ended(&line), [(start.recording, 0)], "told once, though the shard said nothing");
    assert_eq!(line.record().recordings, [start.recording]);
    line.expect_rest();
}

#[test]
fn accounts_decide_before_the_rule_does_and_a_wish_to_be_recorded_wins() {
    for (auto, marks, recorded) in [
        (false, [None, None], false),
        (true, [None, None], true),
        (false, [Some(true), None], true),
        (false, [None, Some(true)], true),
        (true, [Some(false), None], false),
        (true, [None, Some(false)], false),
        (false, [Some(true), Some(false)], true),
        (true, [Some(false), Some(false)], false),
    ] {
        let mut line = line(by_rule(auto), marks);
        let (mut alice, mut boris) = join(&mut line);
        talking(&mut line, &mut alice, &mut boris);
        assert_eq!(begun(&line).len(), usize::from(recorded), "{auto} {marks:?}");
    }
}

#[test]
fn ringing_is_recorded_only_where_the_rule_does_not_ask_for_a_bridge() {
    for (bridged_only, at_ringing) in [(true, 0), (false, 1)] {
        let mut line = line(RecordingSettings { bridged_only, ..by_rule(true) }, [None, None]);
        let (mut alice, mut boris) = join(&mut line);
        alice.call(&mut line, "1002", &alice.sdp());
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 180, "");
        assert_eq!(begun(&line).len(), 0, "there is nothing to hear");
        boris.answer(&mut line, &asked, 183, &boris.sdp());
        assert_eq!(begun(&line).len(), at_ringing, "{bridged_only}");
        boris.answer(&mut line, &asked, 200, &boris.sdp());
        assert_eq!(begun(&line).len(), 1, "{bridged_only}");
        assert!(line.heard().contains(&(RECORDER, 1)));
    }
}

#[test]
fn each_party_has_a_channel_where_they_are_kept_apart() {
    let mut line = line(RecordingSettings { apart: true, rate_hz: 16_000, ..by_rule(true) }, [None, None]);
    let (mut alice, mut boris) = join(&mut line);
    talking(&mut line, &mut alice, &mut boris);
    let start = &begun(&line)[0];
    assert_eq!((&start.channels[..], start.rate_hz), (&["1001".to_owned(), "1002".to_owned()][..], 16_000));
    let opened = line.media.iter().find_map(|command| match command {
        MediaCommand::OpenDevice { member, device: Device::Recorder(spec), .. } => Some((*member, spec.clone())),
        _ => None,
    });
    let (member, spec) = opened.unwrap();
    assert_eq!((member.0, spec.rate_hz, &spec.channels[..]), (RECORDER, 16_000, &[MemberId(0), MemberId(1)][..]));
}

#[test]
fn a_recording_begins_rests_and_ends_by_order() {
    let mut line = line(by_rule(false), [None, None]);
    let (mut alice, mut boris) = join(&mut line);
    talking(&mut line, &mut alice, &mut boris);
    let call = line.call();
    assert_eq!(order(&mut line, call, RecordOrder::Pause), Reply::Refused(Refusal::NotRecorded));
    assert_eq!(order(&mut line, call, RecordOrder::Start), Reply::Done);
    assert_eq!(order(&mut line, call, RecordOrder::Start), Reply::Done, "it is recorded");
    let start = begun(&line).remove(0);
    assert!(start.ordered);
    let state = |line: &mut Line| match line.order(Command::ListCalls) {
        Reply::Calls(calls) => calls[0].recording,
        other => panic!("{other:?}"),
    };
    for (what, becomes) in [
        (RecordOrder::Pause, RecordingState::Paused),
        (RecordOrder::Mask, RecordingState::Masked),
        (RecordOrder::Resume, RecordingState::Running),
    ] {
        assert_eq!(order(&mut line, call, what), Reply::Done);
        assert_eq!(state(&mut line), Some((start.recording, becomes)));
        let Some(MediaCommand::SetRecording { member, state, .. }) = line.media.last() else { panic!("{what:?}") };
        assert_eq!((member.0, *state), (RECORDER, becomes));
    }
    assert_eq!(order(&mut line, call, RecordOrder::Stop), Reply::Done);
    assert_eq!(state(&mut line), None);
    assert_eq!(line.heard(), [(0, 1), (1, 0)]);
    assert_eq!(ended(&line), [], "the shard has not closed it yet");
    closed(&mut line, start.recording, RECORDER, 3);
    closed(&mut line, start.recording, RECORDER, 3);
    assert_eq!(ended(&line), [(start.recording, 3)]);
    // Another one is another recording, by another recorder.
    order(&mut line, call, RecordOrder::Start);
    assert_ne!(begun(&line)[1].recording, start.recording);
    assert!(line.heard().contains(&(RECORDER + 1, 0)));
}

#[test]
fn a_recording_stopped_by_order_is_not_begun_again_by_the_rule() {
    let mut line = line(by_rule(true), [None, None]);
    let (mut alice, mut boris) = join(&mut line);
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    let call = line.call();
    order(&mut line, call, RecordOrder::Stop);
    caller.reinvite(&mut line, &common::described("10.0.0.11", 4002, "0", "sendrecv"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &common::described("10.0.0.12", 4002, "0", "sendrecv"));
    assert_eq!(begun(&line).len(), 1);
}

#[test]
fn a_recording_that_shard_or_disk_gives_up_ends_without_the_call() {
    for by_shard in [true, false] {
        let mut line = line(by_rule(true), [None, None]);
        let (mut alice, mut boris) = join(&mut line);
        talking(&mut line, &mut alice, &mut boris);
        let (call, recording) = (line.call(), begun(&line)[0].recording);
        if by_shard {
            closed(&mut line, recording, RECORDER, 0);
        } else {
            line.order(Command::RecordingLost { call, recording: RecordingId(recording.0 + 1) });
            assert!(line.heard().contains(&(RECORDER, 0)), "it was another one");
            line.order(Command::RecordingLost { call, recording });
        }
        assert_eq!(line.heard(), [(0, 1), (1, 0)]);
        assert_eq!(line.status().calls, 1);
        line.expect_silence(alice.address);
    }
}

#[test]
fn a_call_that_is_not_answered_is_not_recorded_by_order_and_recordings_of_a_call_are_bounded() {
    let mut line = line(by_rule(false), [None, None]);
    let (mut alice, mut boris) = join(&mut line);
    alice.call(&mut line, "1002", &alice.sdp());
    let call = line.call();
    assert_eq!(order(&mut line, call, RecordOrder::Start), Reply::Refused(Refusal::NotAnswered));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &boris.sdp());
    for _ in 0..16 {
        assert_eq!(order(&mut line, call, RecordOrder::Start), Reply::Done);
        order(&mut line, call, RecordOrder::Stop);
    }
    assert_eq!(order(&mut line, call, RecordOrder::Start), Reply::Refused(Refusal::Exhausted));
    let unknown = CallId::new(contract::NodeId(9), 9);
    assert_eq!(order(&mut line, unknown, RecordOrder::Start), Reply::Refused(Refusal::UnknownCall));
}
