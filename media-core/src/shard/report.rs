//! What the wheel brings: silence, measurements and RTCP intervals.

use super::Shard;
use crate::io::Io;
use contract::{Instant, MediaEvent};
use core::time::Duration;

/// When the shell takes no events, silence is reported this much later.
const POSTPONED: Duration = Duration::from_millis(100);

impl Shard {
    pub(super) fn look_after(&mut self, now: Instant, io: &mut impl Io) {
        while let Some(index) = self.wheel.pop(now) {
            let Some(leg) = self.legs.get_mut(index) else { continue };
            let (session, member) = (leg.session, leg.member);
            let mut again = None;
            if !leg.silent && now.since(leg.heard_at) >= leg.silence_timeout {
                // Once, until the leg speaks again or is described again.
                if self.told.tell_if_room(MediaEvent::LegSilent { session, member }) {
                    leg.silent = true;
                } else {
                    again = Some(now + POSTPONED);
                }
            }
            if let (Some(at), Some(every)) = (leg.report_at, leg.report_every)
                && at <= now
            {
                // From now, not from when it was due: reports of a shard that was late do not come in a burst.
                leg.report_at = Some(now + every);
                let report = leg.report();
                if !self.told.tell_if_room(MediaEvent::LegMeasured { session, member, report }) {
                    self.tally.reports_skipped += 1;
                }
            }
            self.tend(index, now, io);
            let Some(leg) = self.legs.get_mut(index) else { continue };
            let interval_over = leg.control.due_at() <= now;
            if interval_over {
                self.current = Some(session);
                self.tell_rtcp(index, now, io);
            }
            let Some(leg) = self.legs.get(index) else { continue };
            self.wheel.arm(index, again.unwrap_or(leg.due_at()));
        }
    }
}
