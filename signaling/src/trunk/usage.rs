//! The channels of a trunk: which calls hold one, and how many began in the last second (SEC-13). A limit fails closed: what cannot be counted in is not let
//! in. An emergency call passes, and a call that is none may have to go for it.

use crate::id::{CallId, LegId};
use contract::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// What "a second" is.
const SECOND: Duration = Duration::from_secs(1);

/// Why a call may not go by a trunk now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Full {
    /// All channels are taken.
    Channels,
    /// Too many calls began in the last second.
    Rate,
}

/// A call that has a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Held {
    since: Instant,
    emergency: bool,
}

/// The channels of one trunk.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    held: BTreeMap<LegId, Held>,
    /// When calls began; only of the last second, at most as many as the limit of a second.
    begun: VecDeque<Instant>,
}

impl Usage {
    /// Calls that hold a channel.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.held.len()
    }

    /// Takes a channel for a leg.
    ///
    /// # Errors
    /// [`Full`]: nothing was taken.
    pub fn take(&mut self, now: Instant, leg: LegId, calls_max: usize, rate_max: usize) -> Result<(), Full> {
        if self.held.len() >= calls_max {
            return Err(Full::Channels);
        }
        while self.begun.front().is_some_and(|begun| now.since(*begun) >= SECOND) {
            self.begun.pop_front();
        }
        if self.begun.len() >= rate_max {
            return Err(Full::Rate);
        }
        self.begun.push_back(now);
        self.held.insert(leg, Held { since: now, emergency: false });
        Ok(())
    }

    /// Takes a channel for an emergency call, whatever the limits. Returns the call that has to go when there is none left: the longest that is no emergency.
    pub fn take_for_emergency(&mut self, now: Instant, leg: LegId, calls_max: usize) -> Option<CallId> {
        let full = self.held.len() >= calls_max;
        let longest =
            self.held.iter().filter(|(_, held)| !held.emergency).min_by_key(|(leg, held)| (held.since, **leg));
        let goes = longest.map(|(leg, _)| leg.call).filter(|call| full && *call != leg.call);
        self.held.insert(leg, Held { since: now, emergency: true });
        goes
    }

    /// Gives a leg's channel back. `false`: it had none.
    pub fn give_back(&mut self, leg: LegId) -> bool {
        self.held.remove(&leg).is_some()
    }

    /// A leg that holds a channel has another name from now on.
    pub fn rename(&mut self, from: LegId, to: LegId) {
        if let Some(held) = self.held.remove(&from) {
            self.held.insert(to, held);
        }
    }

    /// The legs that hold a channel.
    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        self.held.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::NodeId;

    const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

    fn leg(serial: u64) -> LegId {
        LegId { call: CallId::new(NodeId(0), serial), number: 1 }
    }

    #[test]
    fn channels_are_taken_and_given_back() {
        let mut usage = Usage::default();
        assert_eq!(usage.take(NOW, leg(1), 2, 100), Ok(()));
        assert_eq!(usage.take(NOW, leg(2), 2, 100), Ok(()));
        assert_eq!(usage.take(NOW, leg(3), 2, 100), Err(Full::Channels));
        assert!(usage.give_back(leg(1)));
        assert!(!usage.give_back(leg(1)));
        assert_eq!(usage.take(NOW, leg(3), 2, 100), Ok(()));
        assert_eq!(usage.calls(), 2);
    }

    #[test]
    fn in_no_second_more_calls_begin_than_are_allowed() {
        let mut usage = Usage::default();
        let mut begun = Vec::new();
        for step in 0..400_u64 {
            let now = NOW + Duration::from_millis(step * 10);
            if usage.take(now, leg(step), 1_000, 3).is_ok() {
                begun.push(now);
            }
        }
        assert_eq!(begun.len(), 12, "3 in each of 4 seconds");
        assert!(begun.windows(4).all(|four| four[3].since(four[0]) >= SECOND));
    }

    #[test]
    fn an_emergency_call_passes_and_the_longest_other_call_goes() {
        let mut usage = Usage::default();
        assert_eq!(usage.take_for_emergency(NOW, leg(1), 3), None);
        usage.take(NOW, leg(2), 3, 1).unwrap();
        usage.take(NOW + SECOND, leg(3), 3, 1).unwrap();
        assert_eq!(usage.take_for_emergency(NOW + SECOND, leg(4), 3), Some(leg(2).call));
        usage.give_back(leg(2));
        assert_eq!(usage.take_for_emergency(NOW + SECOND, leg(5), 3), Some(leg(3).call));
        usage.give_back(leg(3));
        // Emergencies do not end one another.
        assert_eq!(usage.take_for_emergency(NOW + SECOND, leg(6), 3), None);
    }
}
