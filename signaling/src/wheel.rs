//! Timers as a value: what is armed, what is due, in an order that never differs between two runs.
//!
//! An ordered map by (time, arming), not a hashed wheel of ticks: the order is exact to the nanosecond, a disarmed timer leaves nothing behind
//! (most timers of SIP are disarmed long before they are due), and at 100,000 timers arming costs well under a microsecond. It knows no clock and
//! does not know what its timers mean.

use contract::Instant;
use core::num::NonZeroU64;
use std::collections::BTreeMap;

/// A timer that was armed. Never used twice by one [`Wheel`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TimerId {
    at: Instant,
    serial: NonZeroU64,
}

impl TimerId {
    /// When it is due.
    #[must_use]
    pub const fn at(self) -> Instant {
        self.at
    }
}

/// Timers that each carry a `T`.
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    armed: BTreeMap<TimerId, T>,
    serial: NonZeroU64,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self { armed: BTreeMap::new(), serial: NonZeroU64::MIN }
    }
}

impl<T> Wheel<T> {
    /// A wheel without timers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Arms a timer that is due at `at`, which may lie in the past.
    pub fn arm(&mut self, at: Instant, what: T) -> TimerId {
        self.serial = self.serial.saturating_add(1);
        let id = TimerId { at, serial: self.serial };
        self.armed.insert(id, what);
        id
    }

    /// Disarms a timer and returns what it carried; `None` if it was popped or disarmed before.
    pub fn disarm(&mut self, id: TimerId) -> Option<T> {
        self.armed.remove(&id)
    }

    /// Takes the earliest timer that is due at `now`, with the time it was due; of two due at the same time the one armed first.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let first = self.armed.first_entry()?;
        (first.key().at <= now).then(|| {
            let (id, what) = first.remove_entry();
            (id.at, what)
        })
    }

    /// When the earliest timer is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.armed.first_key_value().map(|(id, _)| id.at)
    }

    /// Timers armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.armed.len()
    }

    /// Whether no timer is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn at(ms: u64) -> Instant {
        Instant::ORIGIN + Duration::from_millis(ms)
    }

    #[test]
    fn timers_pop_by_time_and_then_by_arming() {
        let mut wheel = Wheel::new();
        wheel.arm(at(20), "c");
        wheel.arm(at(10), "a");
        wheel.arm(at(10), "b");
        assert_eq!(wheel.next(), Some(at(10)));
        assert_eq!(wheel.pop_due(at(9)), None);
        assert_eq!(wheel.pop_due(at(30)), Some((at(10), "a")));
        assert_eq!(wheel.pop_due(at(30)), Some((at(10), "b")));
        assert_eq!(wheel.pop_due(at(30)), Some((at(20), "c")));
        assert_eq!(wheel.pop_due(at(30)), None);
        assert!(wheel.is_empty());
    }

    #[test]
    fn a_disarmed_timer_leaves_nothing_behind() {
        let mut wheel = Wheel::new();
        let kept = wheel.arm(at(5), 1);
        let gone = wheel.arm(at(5), 2);
        assert_eq!(wheel.disarm(gone), Some(2));
        assert_eq!(wheel.disarm(gone), None);
        assert_eq!((wheel.len(), wheel.next()), (1, Some(kept.at())));
        assert_eq!(wheel.pop_due(at(5)), Some((at(5), 1)));
        assert_eq!(wheel.disarm(kept), None);
    }

    #[test]
    fn a_timer_armed_in_the_past_is_due_at_once() {
        let mut wheel = Wheel::new();
        wheel.arm(at(1), ());
        assert_eq!(wheel.pop_due(at(100)), Some((at(1), ())));
    }
}
