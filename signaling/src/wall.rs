//! The time on the wall, for what people plan by it: opening hours and holidays.
//!
//! Everything else is decided by the monotonic [`Instant`]. The shell tells what the wall clock shows ([`crate::input::Input::ClockRead`]); between two
//! readings it goes on with the monotonic one. Knows no time zone.

use contract::Instant;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct WallTime(pub i64);

/// The wall clock as it was last read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WallClock {
    read: WallTime,
    at: Instant,
}

impl Default for WallClock {
    /// Nobody has read it: 1970 began with the monotonic clock.
    fn default() -> Self {
        Self { read: WallTime(0), at: Instant::ORIGIN }
    }
}

impl WallClock {
    /// It showed `read` at the moment `at`.
    #[must_use]
    pub const fn new(read: WallTime, at: Instant) -> Self {
        Self { read, at }
    }

    /// What it shows at `now`, which is not before it was read.
    #[must_use]
    pub fn shows(&self, now: Instant) -> WallTime {
        let since = i64::try_from(now.since(self.at).as_secs()).unwrap_or(i64::MAX);
        WallTime(self.read.0.saturating_add(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn between_readings_it_goes_on() {
        let start = Instant::ORIGIN + Duration::from_secs(7);
        let clock = WallClock::new(WallTime(1_000), start);
        assert_eq!(clock.shows(start), WallTime(1_000));
        assert_eq!(clock.shows(start + Duration::from_millis(61_900)), WallTime(1_061));
        assert_eq!(WallClock::default().shows(start), WallTime(7));
    }
}
