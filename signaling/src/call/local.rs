//! Calls whose other end is ours: a device in place of a second leg, as a feature orders it.

use super::{Call, Office, Partner, Phase, Signal, exchange::Late};
use crate::fact::HangupCause;
use contract::{Device, MemberId};

/// The member number of a call's device; above every leg's.
const DEVICE: MemberId = MemberId(crate::limits::LEGS_PER_CALL_MAX as u16);
/// That of the music on hold.
pub(super) const MUSIC: MemberId = MemberId(crate::limits::LEGS_PER_CALL_MAX as u16 + 1);
/// That of a tone for who dials or waits.
pub(super) const TONE: MemberId = MemberId(crate::limits::LEGS_PER_CALL_MAX as u16 + 2);
const _: () = assert!(crate::limits::LEGS_PER_CALL_MAX + 2 < u16::MAX as usize, "devices have numbers of their own");

impl Call {
    /// Takes up a call that a feature answers. The feature is told when the caller's ports are open.
    pub(crate) fn drive(&mut self, office: &mut Office<'_>) {
        if self.originated {
            self.driven = true;
            return self.happened(super::Happening::Reached);
        }
        let over = |call: &Self| {
            let limit = call.calling_account().map_or(usize::MAX, |account| account.call_limit);
            office.books.calls_of(&call.from) > limit
        };
        if over(self) {
            return self.refuse(office, 486, HangupCause::Exhausted);
        }
        if !self.take_offer(office) {
            return;
        }
        self.driven = true;
        let ring_max = self.settings.calls.ring_max;
        office.arm(self.id, &mut self.alarms, super::Alarm::Ring, ring_max);
        self.open_caller(office);
    }

    /// Puts a device beside the caller.
    pub(super) fn join_device(&mut self, office: &mut Office<'_>, device: Device) {
        self.partner = Partner::Device(DEVICE);
        self.session.open_device(&mut office.books.door, office.out, DEVICE, device);
    }

    /// Answers the caller with a description of our own.
    pub(super) fn answer_ourselves(&mut self, office: &mut Office<'_>) {
        let caller = self.caller;
        office.disarm(&mut self.alarms, super::Alarm::Ring);
        let invited = self.caller_leg().is_some_and(|leg| matches!(leg.signal, Signal::Invited { .. }));
        let (told, late) = match (invited, self.offer.take()) {
            (false, _) => (Some(Box::default()), None),
            (true, Some(offer)) => (self.own_answer(caller, &offer), None),
            (true, None) => (self.own_offer(caller), Some(Late { offer: None, cseq: 0, declined: None })),
        };
        let Some(told) = told else { return self.refuse(office, 488, HangupCause::Incompatible) };
        self.phase = Phase::Connected;
        self.describe_leg(office, caller, None);
        self.answer_caller(office, None, &told, late);
    }
}
