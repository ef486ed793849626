//! The two clocks of the process: the monotonic one that everything is decided by, and the wall clock that is only written down.
//!
//! The origin of [`Instant`] is the kernel's `CLOCK_MONOTONIC`, so that every thread of the process, the shards included, names a moment by the
//! same number. A wall time is derived when something is written, from the wall clock of that moment and the monotonic distance: a jump of the
//! wall clock moves what is written afterwards and nothing that is decided, and durations stay right.

use contract::Instant;
use jiff::{SignedDuration, Timestamp};
use signaling::wall::WallTime;
use std::time::Duration;

/// The present moment.
#[must_use]
pub fn now() -> Instant {
    media_core::monotonic()
}

/// The wall time of `at`, by the wall clock as it goes now.
#[must_use]
pub fn wall(at: Instant) -> Timestamp {
    let now = now();
    if at >= now { wall_in(at.since(now)) } else { wall_ago(now.since(at)) }
}

/// What the wall clock shows.
#[must_use]
pub fn wall_time() -> WallTime {
    WallTime(Timestamp::now().as_second())
}

/// A wall time as the API writes it: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// As [`rfc3339`], with microseconds, for what must be told apart in a trace.
#[must_use]
pub fn rfc3339_micros(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// The wall time after `span` from now.
#[must_use]
pub fn wall_in(span: Duration) -> Timestamp {
    let wall = Timestamp::now();
    SignedDuration::try_from(span).ok().and_then(|span| wall.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

fn wall_ago(span: Duration) -> Timestamp {
    let wall = Timestamp::now();
    SignedDuration::try_from(span).ok().and_then(|span| wall.checked_sub(span).ok()).unwrap_or(Timestamp::MIN)
}

/// `at` as a timer of the runtime wants it.
#[must_use]
pub fn timer(at: Instant) -> tokio::time::Instant {
    tokio::time::Instant::now() + at.since(now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_times_keep_the_monotonic_distance() {
        let start = now();
        let later = Instant::from_nanos(start.as_nanos() + 90_000_000_000);
        let distance = wall(later).duration_since(wall(start));
        assert!((distance.as_secs_f64() - 90.0).abs() < 1.0, "{distance:?}");
    }

    #[test]
    fn a_far_moment_is_a_far_day_and_one_past_the_calendar_its_end() {
        let centuries = wall(Instant::from_nanos(u64::MAX)).duration_since(wall(now()));
        assert!(centuries.as_hours() > 500 * 365 * 24, "{centuries:?}");
        assert_eq!(wall_in(Duration::MAX), Timestamp::MAX);
    }
}
