//! What is written down of a call, and what is seen of it while it lasts.

use super::{Call, Leg, Phase};
use crate::{
    effect::{CallView, LegView},
    fact::{CallRecord, Disposition, HangupCause, LegRecord},
    sdp::codec_name,
};
use contract::{Codec, Instant};

impl Call {
    /// The call's record. Of a call that is not over: as if it ended now, by a fault of ours.
    #[must_use]
    pub fn record(&self, now: Instant) -> CallRecord {
        let (cause, status, ended_at) = match self.phase {
            Phase::Over { end, at } => (end.cause, end.status, at),
            Phase::Summoning | Phase::Dialling { .. } | Phase::Connected => (HangupCause::Fault, None, now),
        };
        let status = if self.answered_at.is_none() { status } else { None };
        CallRecord {
            call: self.id,
            from: (*self.from).to_owned(),
            to: (*self.to).to_owned(),
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at,
            disposition: disposition(self.answered_at.is_some(), cause, status),
            hangup_cause: cause,
            status,
            user_agent: self.leg(self.origin).map(|leg| (*leg.user_agent).to_owned()).unwrap_or_default(),
            legs: self.legs.iter().map(|leg| self.leg_record(leg, ended_at)).collect(),
            bytes: self.bytes_max.max(self.bytes()),
            originated: self.originated,
            recordings: self.recordings.made.to_vec(),
            direction: self.direction(),
            transfers: self.transfers.clone(),
            part_of: self.part_of,
        }
    }

    fn leg_record(&self, leg: &Leg, ended_at: Instant) -> LegRecord {
        LegRecord {
            number: leg.number,
            party: (*leg.party).to_owned(),
            trunk: leg.trunk.as_ref().map(|trunk| trunk.name.clone()).unwrap_or_default(),
            contact: (*leg.contact).to_owned(),
            user_agent: (*leg.user_agent).to_owned(),
            started_at: leg.started_at,
            answered_at: leg.answered_at,
            ended_at: leg.ended_at.unwrap_or(ended_at),
            status: leg.status,
            codec: self.codec_of(leg),
            protection: leg.protection,
            report: self.session.member(leg.member()).and_then(|member| member.report),
            came_from: leg.came_from,
            went_to: leg.went_to,
        }
    }

    /// What is seen of the call.
    #[must_use]
    pub fn view(&self) -> CallView {
        CallView {
            call: self.id,
            state: self.state,
            from: (*self.from).to_owned(),
            to: (*self.to).to_owned(),
            started_at: self.started_at,
            answered_at: self.answered_at,
            legs: self.legs.iter().filter(|leg| leg.went_to.is_none()).map(|leg| self.leg_view(leg)).collect(),
            recording: self.recordings.running(),
        }
    }

    fn leg_view(&self, leg: &Leg) -> LegView {
        LegView {
            number: leg.number,
            party: (*leg.party).to_owned(),
            codec: self.codec_of(leg),
            protection: leg.protection,
            report: self.session.member(leg.member()).and_then(|member| member.report),
        }
    }

    /// Name of the codec in which a leg is spoken to; empty before it agreed on one.
    fn codec_of(&self, leg: &Leg) -> String {
        if leg.answered_at.is_none() {
            return String::new();
        }
        let formats = self.formats_of(leg.number, self.other(leg.number));
        let codec = formats.iter().find(|format| super::describe::carries_speech(format)).map(|format| format.codec);
        codec.map(name).unwrap_or_default().to_owned()
    }

    /// Octets the call holds now: itself and everything on the heap that belongs to it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let legs: usize = self.legs.iter().map(Leg::heap_bytes).sum();
        let index_entries = self.legs.len() * 96;
        size_of::<Self>()
            + self.legs.capacity() * size_of::<Leg>()
            + legs
            + index_entries
            + self.from.len()
            + self.to.len()
            + self.offer.as_ref().map_or(0, |offer| offer.len())
            + self.session.heap_bytes()
            + self.outside.as_ref().map_or(0, |outside| outside.heap_bytes())
            + self.counted.iter().map(|number| number.len()).sum::<usize>()
            + self.reliable.as_ref().map_or(0, |reliable| reliable.heap_bytes())
            + self.transfer.as_ref().map_or(0, |_| size_of::<super::transfer::Transfer>())
            + self.transfers.iter().map(|record| size_of_val(record) + record.to.len() + 8).sum::<usize>()
    }
}

/// A codec's name as in SDP.
fn name(codec: Codec) -> &'static str {
    match codec_name(codec) {
        "" => "other",
        name => name,
    }
}

/// How a call ended for the caller (CDR-02).
fn disposition(answered: bool, cause: HangupCause, status: Option<u16>) -> Disposition {
    if answered {
        return Disposition::Answered;
    }
    match (cause, status) {
        (HangupCause::Cancelled | HangupCause::NoAnswer, _) => Disposition::NoAnswer,
        (HangupCause::Refused | HangupCause::Exhausted, Some(486 | 600 | 603)) => Disposition::Busy,
        (HangupCause::Refused, Some(408 | 480)) => Disposition::NoAnswer,
        _ => Disposition::Failed,
    }
}
