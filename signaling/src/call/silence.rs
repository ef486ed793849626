//! A call whose parties have all fallen silent is ended: nobody would hear that the other has gone.

use super::{Call, End, Office, Phase, alarm::Alarm, leg::Silent};
use crate::{fact::HangupCause, limits::MEASURE_EVERY};
use core::time::Duration;

/// Silences reported this close together began together, so that no party can have spoken since.
const TOGETHER: Duration = Duration::from_secs(2);

impl Call {
    /// A shard reports that no packet came from a leg for the time-out.
    pub(super) fn fell_silent(&mut self, office: &mut Office<'_>, number: u16) {
        let now = office.now;
        if let Some(leg) = self.leg_mut(number) {
            leg.silent = Some(Silent { since: now, packets: None });
        }
        if self.phase != Phase::Connected || !self.all_silent() {
            return;
        }
        let first = self.expected().filter_map(|leg| leg.silent).map(|silent| silent.since).min();
        if first.is_some_and(|first| now.since(first) <= TOGETHER) {
            return self.end(office, End::by_us(HangupCause::MediaSilent));
        }
        // One of them was silent long before and may have spoken since; its figures will tell.
        office.arm(self.id, &mut self.alarms, Alarm::Silence, MEASURE_EVERY * 2 + Duration::from_secs(1));
    }

    /// Directions changed. A party that fell silent while it was held is not reported again; if all who should be heard now are so, they get the
    /// time-out anew.
    pub(super) fn watch_silence(&mut self, office: &mut Office<'_>) {
        if self.all_silent() {
            let after = self.settings.media.silence_timeout.max(MEASURE_EVERY * 2) + Duration::from_secs(1);
            office.arm(self.id, &mut self.alarms, Alarm::Silence, after);
        } else {
            office.disarm(&mut self.alarms, Alarm::Silence);
        }
    }

    /// Figures of a leg came.
    pub(super) fn heard_again(&mut self, number: u16, packets: u64) {
        let Some(leg) = self.leg_mut(number) else { return };
        match &mut leg.silent {
            Some(Silent { packets: Some(known), .. }) if packets > *known => leg.silent = None,
            Some(silent) => silent.packets = Some(packets),
            None => {}
        }
    }

    pub(super) fn still_silent(&mut self, office: &mut Office<'_>) {
        if self.phase == Phase::Connected && self.all_silent() {
            self.end(office, End::by_us(HangupCause::MediaSilent));
        }
    }

    /// Legs that should be heard. One that holds the other, or may not send, is no sign of anything.
    fn expected(&self) -> impl Iterator<Item = &super::Leg> {
        self.legs.iter().filter(|leg| {
            let sends = leg.talk.remote.as_ref().is_some_and(|view| view.direction.sends());
            let heard = self.other(leg.number).is_none_or(|other| !self.holds(other));
            leg.is_confirmed() && sends && heard && !self.holds(leg.number)
        })
    }

    fn all_silent(&self) -> bool {
        let mut expected = self.expected().peekable();
        expected.peek().is_some() && expected.all(|leg| leg.silent.is_some())
    }
}
