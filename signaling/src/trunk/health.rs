//! Whether a trunk can be used: what OPTIONS (SIP-11) and calls tell of it, with hysteresis, and the time it is left alone after a failure.
//!
//! A machine without a clock and without messages. Up after [`PROBES_UP`] answers in a row, down after [`PROBES_DOWN`] without one; a call that meets silence,
//! a broken connection or 503 counts at once, because nobody shall pay for the same silence twice.

use crate::limits::{PROBES_DOWN, PROBES_UP, QUARANTINE_MAX, QUARANTINE_MIN, RETRY_AFTER_MAX, SERVER_ERRORS_MAX};
use contract::Instant;
use core::time::Duration;

/// Why a trunk is not used.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Down {
    /// Its registration does not hold.
    NotRegistered,
    /// It does not answer OPTIONS.
    NoAnswer,
    /// Calls by it failed: silence, a broken connection, 503, or other 5xx again and again.
    CallsFailed,
    /// The configuration has it no more.
    Removed,
}

impl Down {
    /// As in the API and the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotRegistered => "not registered",
            Self::NoAnswer => "no answer to OPTIONS",
            Self::CallsFailed => "calls failed",
            Self::Removed => "removed",
        }
    }
}

/// What a call met at a trunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Experience {
    /// An answer that shows it at work: anything but the following.
    Served,
    /// No answer in time, or no way to it.
    Silent,
    /// 503, perhaps with Retry-After (RFC 3261 section 21.5.4).
    Unavailable(Option<Duration>),
    /// Another 5xx, or 408.
    Failed,
}

/// What is known of a trunk's health.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether it is asked at all.
    probed: bool,
    /// It answers, or was never asked.
    answers: bool,
    /// Answers, or missing ones, in a row.
    run: u32,
    /// The time from an OPTIONS to its answer.
    round_trip: Option<Duration>,
    /// It is left alone until then.
    until: Option<Instant>,
    /// Quarantines in a row without a call that was served.
    strikes: u32,
    /// 5xx in a row.
    errors: u32,
}

impl Health {
    /// Nothing is known, so it is believed to be well.
    #[must_use]
    pub const fn new(probed: bool) -> Self {
        Self { probed, answers: true, run: 0, round_trip: None, until: None, strikes: 0, errors: 0 }
    }

    /// The last round trip.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Until when it is left alone, if it is at `now`.
    #[must_use]
    pub fn quarantined(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Why it should not be used at `now`.
    #[must_use]
    pub fn fault(&self, now: Instant) -> Option<Down> {
        if self.quarantined(now).is_some() || !self.answers && self.strikes > 0 {
            Some(Down::CallsFailed)
        } else if !self.answers {
            Some(Down::NoAnswer)
        } else {
            None
        }
    }

    /// Whether the next OPTIONS should come soon: something is about to be decided.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        !self.answers || self.run > 0
    }

    /// An OPTIONS was answered, whatever the answer: who refuses it lives.
    pub fn answered(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
        if self.answers {
            self.run = 0;
        } else {
            self.run += 1;
            if self.run >= PROBES_UP {
                (self.answers, self.run) = (true, 0);
            }
        }
    }

    /// An OPTIONS was not answered.
    pub fn missed(&mut self) {
        self.round_trip = None;
        if self.answers {
            self.run += 1;
            if self.run >= PROBES_DOWN {
                (self.answers, self.run) = (false, 0);
            }
        } else {
            self.run = 0;
        }
    }

    /// A call met this. Returns until when the trunk is left alone because of it.
    pub fn met(&mut self, now: Instant, what: Experience) -> Option<Instant> {
        let asked_for = match what {
            Experience::Served => {
                (self.strikes, self.errors) = (0, 0);
                return None;
            }
            Experience::Failed => {
                self.errors += 1;
                if self.errors < SERVER_ERRORS_MAX {
                    return None;
                }
                None
            }
            Experience::Silent => None,
            Experience::Unavailable(after) => after,
        };
        if self.quarantined(now).is_some() && asked_for.is_none() {
            // It was tried as the last way out; that it failed is no news.
            return self.until;
        }
        self.errors = 0;
        let doubled = QUARANTINE_MIN.saturating_mul(2_u32.saturating_pow(self.strikes.min(16))).min(QUARANTINE_MAX);
        self.strikes = self.strikes.saturating_add(1);
        let until = now + asked_for.map_or(doubled, |after| after.min(RETRY_AFTER_MAX));
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
        if self.probed {
            // It has to show itself before it is used again.
            (self.answers, self.run) = (false, 0);
        }
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn up_and_down_take_several_probes_in_a_row() {
        let mut health = Health::new(true);
        let well = |health: &Health| health.fault(NOW).is_none();
        for (answers, up) in [
            (false, true),
            (true, true),
            (false, true),
            (false, false),
            (true, false),
            (false, false),
            (true, false),
            (true, true),
            (false, true),
        ] {
            if answers {
                health.answered(seconds(1))
            } else {
                health.missed()
            }
            assert_eq!(well(&health), up, "after {answers}: {health:?}");
        }
    }

    #[test]
    fn a_trunk_in_doubt_is_asked_again_soon() {
        let mut health = Health::new(true);
        assert!(!health.is_in_doubt());
        health.missed();
        assert!(health.is_in_doubt());
        health.answered(seconds(0));
        assert!(!health.is_in_doubt());
        health.met(NOW, Experience::Silent);
        assert!(health.is_in_doubt());
    }

    #[test]
    fn silence_and_503_count_at_once_and_other_errors_in_a_row() {
        let mut health = Health::new(false);
        assert_eq!(health.met(NOW, Experience::Silent), Some(NOW + QUARANTINE_MIN));
        let mut health = Health::new(false);
        assert_eq!(health.met(NOW, Experience::Unavailable(Some(seconds(77)))), Some(NOW + seconds(77)));
        assert_eq!(health.fault(NOW + seconds(76)), Some(Down::CallsFailed));
        assert_eq!(health.fault(NOW + seconds(77)), None, "without probes the time alone decides");
        let mut health = Health::new(false);
        for _ in 1..SERVER_ERRORS_MAX {
            assert_eq!(health.met(NOW, Experience::Failed), None);
        }
        health.met(NOW, Experience::Served);
        for _ in 1..SERVER_ERRORS_MAX {
            assert_eq!(health.met(NOW, Experience::Failed), None);
        }
        assert!(health.met(NOW, Experience::Failed).is_some());
    }

    #[test]
    fn a_trunk_that_is_probed_has_to_answer_before_it_is_used_again() {
        let mut health = Health::new(true);
        health.met(NOW, Experience::Unavailable(None));
        let later = NOW + QUARANTINE_MAX;
        assert_eq!(health.fault(later), Some(Down::CallsFailed));
        for _ in 0..PROBES_UP {
            health.answered(seconds(0));
        }
        assert_eq!(health.fault(NOW), Some(Down::CallsFailed), "answers do not shorten what was asked for");
        assert_eq!(health.fault(later), None);
    }

    #[test]
    fn who_fails_again_and_again_is_left_alone_for_longer() {
        let (mut health, mut now, mut last) = (Health::new(false), NOW, Duration::ZERO);
        for _ in 0..12 {
            let until = health.met(now, Experience::Silent).unwrap();
            let wait = until.since(now);
            assert!(wait >= last && wait <= QUARANTINE_MAX);
            (last, now) = (wait, until);
        }
        assert_eq!(last, QUARANTINE_MAX);
        health.met(now, Experience::Served);
        assert_eq!(health.met(now, Experience::Silent).unwrap().since(now), QUARANTINE_MIN);
        // A failure as the last way out does not lengthen it.
        let until = health.quarantined(now);
        assert_eq!(health.met(now + seconds(1), Experience::Silent), until);
    }
}
