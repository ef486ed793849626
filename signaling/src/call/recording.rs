//! Recording of a call: by the rules of the configuration and its parties' accounts, or by order while it lasts (REC-01, REC-02, REC-07).
//!
//! A recorder is a member of the media session that hears both parties and speaks to nobody. What is written, where and for how long is not known
//! here. At most one recorder runs at a time; each is told as begun and as ended exactly once, whatever becomes of the call.

use super::{Call, Office, Partner, Phase};
use crate::{
    effect::Refusal,
    fact::{Fact, RecordingStart},
    input::RecordOrder,
};
use contract::{
    BusSet, Device, Gain, Hearing, HearingTable, MediaCommand, MemberId, RecorderSpec, RecordingId, RecordingState,
};
use smallvec::SmallVec;

/// Recorders of one call, one after the other. An order for one more is refused.
pub(super) const RECORDINGS_MAX: usize = 16;

/// The member number of a call's first recorder; above every leg's and device's.
const FIRST: u16 = 0x100;
const _: () = assert!(crate::limits::LEGS_PER_CALL_MAX + 16 < FIRST as usize, "a recorder has a number of its own");

/// All recordings of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Recordings {
    /// The one that runs.
    running: Option<Running>,
    /// Those whose end the shard has not told yet, that runs included.
    unended: SmallVec<[RecordingId; 1]>,
    /// All, in the order of their beginnings.
    pub(super) made: SmallVec<[RecordingId; 1]>,
    /// The rules have been applied; from then on orders alone count.
    ruled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    recording: RecordingId,
    member: MemberId,
    state: RecordingState,
    /// Whom it hears beside the caller.
    callee: u16,
    ordered: bool,
}

impl Recordings {
    /// The recording that runs, and what it does.
    pub(super) fn running(&self) -> Option<(RecordingId, RecordingState)> {
        self.running.map(|running| (running.recording, running.state))
    }
}

impl Call {
    /// States who hears whom; a recorder that runs hears the parties' bus.
    pub(super) fn state_hearing(&mut self, office: &mut Office<'_>, table: HearingTable) {
        let table = match self.recordings.running {
            Some(Running { member, .. }) => {
                let row = Hearing { member, speaks: BusSet::NONE, hears: BusSet::bus(0), gain: Gain::UNITY };
                HearingTable::new(table.rows().iter().copied().chain([row]))
            }
            None => table,
        };
        self.session.hear(&mut office.books.door, office.out, table);
    }

    /// Begins to record if the rules say so, once the caller is joined with `callee`, or hears its early media.
    pub(super) fn record_by_rule(&mut self, office: &mut Office<'_>, callee: u16) {
        if self.phase != Phase::Connected && self.settings.recording.bridged_only {
            return;
        }
        // Another phone than the one that was heard ringing has answered: its sound is another recording.
        if let Some(running) = self.recordings.running
            && running.callee != callee
        {
            self.close_recorder(office);
            self.recordings.ruled = running.ordered;
        }
        if !self.recordings.ruled && self.is_to_be_recorded(callee) {
            // At the limit the call goes on unrecorded; the rules have been tried.
            let _ = self.open_recorder(office, callee, false);
        }
        self.recordings.ruled = true;
    }

    /// An account that wants to be recorded is; one that does not is not, unless the other one does; else the configuration decides.
    fn is_to_be_recorded(&self, callee: u16) -> bool {
        let mark = |number: u16| self.account(&self.leg(number)?.party)?.record;
        match (mark(self.caller), mark(callee)) {
            (Some(true), _) | (_, Some(true)) => true,
            (Some(false), _) | (_, Some(false)) => false,
            (None, None) => self.settings.recording.auto,
        }
    }

    /// Does what the API wants of the recording.
    pub(crate) fn order_recording(&mut self, office: &mut Office<'_>, order: RecordOrder) -> Result<(), Refusal> {
        let (Phase::Connected, Partner::Leg(callee)) = (self.phase, self.partner) else {
            return Err(Refusal::NotAnswered);
        };
        let state = match order {
            RecordOrder::Start | RecordOrder::Resume => RecordingState::Running,
            RecordOrder::Pause => RecordingState::Paused,
            RecordOrder::Mask => RecordingState::Masked,
            RecordOrder::Stop => {
                self.stop_recording(office);
                return Ok(());
            }
        };
        match self.recordings.running {
            Some(_) => self.set_recording(office, state),
            None if order == RecordOrder::Start => {
                self.open_recorder(office, callee, true)?;
                self.update_hearing(office);
            }
            None => return Err(Refusal::NotRecorded),
        }
        Ok(())
    }

    /// The file writer has given a recording up.
    pub(crate) fn recording_lost(&mut self, office: &mut Office<'_>, recording: RecordingId) {
        if self.recordings.running.is_some_and(|running| running.recording == recording) {
            self.stop_recording(office);
        }
    }

    fn stop_recording(&mut self, office: &mut Office<'_>) {
        self.recordings.ruled = true;
        if self.close_recorder(office) {
            self.update_hearing(office);
        }
    }

    fn open_recorder(&mut self, office: &mut Office<'_>, callee: u16, ordered: bool) -> Result<(), Refusal> {
        let made = self.recordings.made.len();
        if made >= RECORDINGS_MAX {
            return Err(Refusal::Exhausted);
        }
        let recording = office.books.next_recording(self.settings.node);
        let member = MemberId(FIRST + u16::try_from(made).unwrap_or(0));
        let parties = [self.caller, callee];
        let apart = self.settings.recording.apart;
        let rate_hz = self.settings.recording.rate_hz;
        let party = |number: &u16| self.leg(*number).map(|leg| (*leg.party).to_owned()).unwrap_or_default();
        office.fact(Fact::RecordingBegan(Box::new(RecordingStart {
            recording,
            call: self.id,
            from: (*self.from).to_owned(),
            to: (*self.to).to_owned(),
            channels: if apart { parties.iter().map(party).collect() } else { Vec::new() },
            rate_hz,
            started_at: office.now,
            ordered,
        })));
        let channels = if apart { parties.map(MemberId).to_vec() } else { Vec::new() };
        let state = RecordingState::Running;
        let spec = RecorderSpec { recording, rate_hz, channels, state };
        self.recordings.made.push(recording);
        self.recordings.unended.push(recording);
        self.recordings.running = Some(Running { recording, member, state, callee, ordered });
        self.session.open_device(&mut office.books.door, office.out, member, Device::Recorder(spec));
        Ok(())
    }

    /// Ends the recorder that runs; `false`: none does.
    fn close_recorder(&mut self, office: &mut Office<'_>) -> bool {
        let Some(running) = self.recordings.running.take() else { return false };
        self.session.close_member(&mut office.books.door, office.out, running.member);
        true
    }

    fn set_recording(&mut self, office: &mut Office<'_>, state: RecordingState) {
        let Some(running) = &mut self.recordings.running else { return };
        if running.state == state {
            return;
        }
        running.state = state;
        let Running { recording, member, .. } = *running;
        let session = self.session.id();
        self.session.order(&mut office.books.door, office.out, MediaCommand::SetRecording { session, member, state });
        office.fact(Fact::RecordingChanged { call: self.id, recording, state });
    }

    /// The call is over: its recorder ends with the session.
    pub(super) fn end_recording(&mut self) {
        self.recordings.running = None;
    }

    /// The shard has closed a recorder, or never opened it.
    pub(super) fn recorder_ended(&mut self, office: &mut Office<'_>, recording: RecordingId, frames_lost: u64) {
        let Some(at) = self.recordings.unended.iter().position(|unended| *unended == recording) else { return };
        self.recordings.unended.remove(at);
        office.fact(Fact::RecordingEnded { call: self.id, recording, frames_lost });
        // Nobody asked for it: the shard had no room.
        if self.recordings.running.is_some_and(|running| running.recording == recording) {
            self.stop_recording(office);
        }
    }

    /// The session is closed: what the shard has not told of by now it never will.
    pub(super) fn recorders_gone(&mut self, office: &mut Office<'_>) {
        for recording in core::mem::take(&mut self.recordings.unended) {
            office.fact(Fact::RecordingEnded { call: self.id, recording, frames_lost: 0 });
        }
    }
}
