//! Token buckets that are one moment each: the generic cell rate algorithm. A level is the time at which its bucket is full again.

use contract::Instant;
use std::time::Duration;

/// So many in a time, as many at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Bucket {
    /// After this long there is room for one more.
    every: Duration,
    /// How far ahead of time a level may be for one more.
    slack: Duration,
}

impl Bucket {
    /// `count` in `per`; of 0 there is none.
    pub(super) fn new(count: u32, per: Duration) -> Self {
        let every = per.checked_div(count).unwrap_or(Duration::MAX);
        Self { every, slack: every.saturating_mul(count.saturating_sub(1)) }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self, level: &mut Instant, now: Instant) -> bool {
        let from = (*level).max(now);
        let spare = from.since(now) <= self.slack;
        if spare {
            *level = from + self.every;
        }
        spare
    }

    /// Takes `count`, there or not.
    pub(super) fn book(&self, level: &mut Instant, now: Instant, count: u32) {
        if count > 0 {
            *level = (*level).max(now) + self.every.saturating_mul(count);
        }
    }

    /// How long until what was taken beyond the bucket is there.
    pub(super) fn owed(&self, level: Instant, now: Instant) -> Duration {
        level.since(now).saturating_sub(self.slack.saturating_add(self.every))
    }

    /// Takes one, there or not; whether that was the last, or one too many.
    pub(super) fn fills(&self, level: &mut Instant, now: Instant) -> bool {
        *level = (*level).max(now) + self.every;
        level.since(now) > self.slack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(100) + Duration::from_millis(ms)
    }

    /// How many of `tries`, one every `gap` ms, are let through.
    fn through(bucket: Bucket, tries: u64, gap: u64) -> usize {
        let mut level = Instant::ORIGIN;
        (0..tries).filter(|n| bucket.take(&mut level, at(n * gap))).count()
    }

    #[test]
    fn a_bucket_lets_through_its_rate_and_one_burst() {
        let twenty = Bucket::new(20, Duration::from_secs(1));
        assert_eq!(through(twenty, 100, 0), 20);
        assert_eq!(through(twenty, 100, 50), 100, "at the rate everything passes");
        // 200/s for 10 s: the burst, and 20 in each second.
        assert_eq!(through(twenty, 2_000, 5), 20 + 199);
        assert_eq!(through(Bucket::new(1, Duration::from_secs(60)), 120, 1_000), 2);
    }

    #[test]
    fn a_pause_is_as_long_as_what_is_owed() {
        let ten = Bucket::new(10, Duration::from_secs(1));
        let mut level = Instant::ORIGIN;
        for (ms, count, owed) in [(0, 0, 0), (0, 10, 0), (0, 5, 500), (500, 0, 0), (500, 1, 100), (5_000, 1, 0)] {
            ten.book(&mut level, at(ms), count);
            assert_eq!(ten.owed(level, at(ms)), Duration::from_millis(owed), "{count} at {ms}");
        }
    }

    #[test]
    fn failures_fill_a_bucket_when_they_come_faster_than_it_leaks() {
        let five = Bucket::new(5, Duration::from_secs(600));
        let fills_at = |gap_ms: u64| {
            let mut level = Instant::ORIGIN;
            (1..=40_u64).find(|n| five.fills(&mut level, at(n * gap_ms)))
        };
        assert_eq!(fills_at(0), Some(5));
        assert_eq!(fills_at(1_000), Some(5));
        // One in two minutes leaks away.
        assert_eq!(fills_at(120_000), None);
        assert_eq!(fills_at(60_000), Some(8));
        assert!(Bucket::new(1, Duration::from_secs(600)).fills(&mut Instant::ORIGIN.clone(), at(0)));
    }
}
