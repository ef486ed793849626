//! Whether calls began to fail with a configuration: pure arithmetic on what was counted before and after it.

use crate::publish::Tally;
use std::time::Duration;

/// When a configuration is taken back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// It is taken back at all.
    pub rollback: bool,
    /// It is watched for this long.
    pub watch: Duration,
    /// Nothing is decided by fewer calls than these.
    pub calls_min: u64,
    /// The share of failed calls may rise by so many hundredths.
    pub rise: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is watched on.
    Wait,
    /// Its time is over, and it stays.
    Stays,
    /// The one of before is put back: shares of failed calls before and after, in hundredths.
    TakeBack {
        /// Before it.
        before: u64,
        /// With it.
        after: u64,
    },
}

/// Judges a configuration that is in force for `age`. Where too few calls are known from before, the rise has to be twice as large, up to all calls.
#[must_use]
pub fn judge(before: Tally, after: Tally, age: Duration, terms: Terms) -> Verdict {
    if after.decided >= terms.calls_min.max(1) {
        let (share, rise) = if before.decided >= terms.calls_min.max(1) {
            (before.percent(), terms.rise)
        } else {
            (0, terms.rise.saturating_mul(2))
        };
        if after.percent() >= share.saturating_add(rise).min(100) && after.percent() > before.percent() {
            return Verdict::TakeBack { before: before.percent(), after: after.percent() };
        }
    }
    if age >= terms.watch { Verdict::Stays } else { Verdict::Wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_taken_back_when_calls_fail_that_did_not_before() {
        let terms = Terms { rollback: true, watch: Duration::from_secs(300), calls_min: 20, rise: 25 };
        let back = |before, after| Verdict::TakeBack { before, after };
        for (before, after, age, wanted) in [
            // Nothing failed before, everything does now.
            ((100, 0), (20, 20), 5, back(0, 100)),
            // Too few to tell.
            ((100, 0), (19, 19), 5, Verdict::Wait),
            ((100, 0), (19, 19), 300, Verdict::Stays),
            // A rise just below what is allowed, and just at it.
            ((100, 10), (100, 34), 5, Verdict::Wait),
            ((100, 10), (100, 35), 5, back(10, 35)),
            // It was bad before: it has to be worse.
            ((100, 60), (100, 84), 5, Verdict::Wait),
            ((100, 60), (100, 85), 5, back(60, 85)),
            ((100, 90), (100, 99), 5, Verdict::Wait),
            ((100, 90), (100, 100), 5, back(90, 100)),
            // Everything failed before: it cannot be this one.
            ((100, 100), (100, 100), 5, Verdict::Wait),
            ((100, 100), (100, 100), 301, Verdict::Stays),
            // It has become better.
            ((100, 80), (100, 10), 300, Verdict::Stays),
            // Nobody knows how it was before: half of the calls have to fail.
            ((0, 0), (100, 49), 5, Verdict::Wait),
            ((0, 0), (100, 50), 5, back(0, 50)),
            ((19, 19), (20, 20), 5, Verdict::Wait),
            ((19, 1), (20, 20), 5, back(5, 100)),
            ((0, 0), (0, 0), 5, Verdict::Wait),
            ((0, 0), (0, 0), 300, Verdict::Stays),
        ] {
            let tally = |(decided, failed): (u64, u64)| Tally { decided, failed };
            let found = judge(tally(before), tally(after), Duration::from_secs(age), terms);
            assert_eq!(found, wanted, "{before:?} {after:?} {age}");
        }
    }

    #[test]
    fn a_rise_that_cannot_be_reached_means_all_calls() {
        let terms = Terms { rollback: true, watch: Duration::ZERO, calls_min: 0, rise: 80 };
        let unknown = Tally::default();
        assert_eq!(judge(unknown, Tally { decided: 9, failed: 8 }, Duration::ZERO, terms), Verdict::Stays);
        let all = judge(unknown, Tally { decided: 9, failed: 9 }, Duration::ZERO, terms);
        assert_eq!(all, Verdict::TakeBack { before: 0, after: 100 });
    }
}
