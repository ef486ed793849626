//! The registration of a trunk with its provider, RFC 3261 section 10.2: when the next REGISTER goes out and what the last one came to.
//!
//! A machine without a clock and without chance: times are arguments, and so is a draw of 64 random bits where many trunks must not do a thing at once.
//! It deliberately knows no message; the trunk's line sends and reads them.

use crate::limits::{REGISTER_REFUSED_WAIT, REGISTER_RETRY_MAX, REGISTER_RETRY_MIN, RETRY_AFTER_MAX};
use contract::Instant;
use core::time::Duration;

/// How far a registration is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Nothing was asked yet.
    Idle,
    /// A REGISTER is out; a registration that was granted before may still hold.
    Asking {
        /// Until when the one of before holds.
        held: Option<Instant>,
    },
    /// It is granted.
    Registered {
        /// Until then.
        until: Instant,
    },
    /// It was refused or not answered, and is tried again.
    Waiting {
        /// Until when the one of before holds.
        held: Option<Instant>,
    },
}

/// What came of a REGISTER.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// 2xx, for so long.
    Granted(Duration),
    /// 423, RFC 3261 section 10.2.8: nothing below this.
    TooBrief(Duration),
    /// It will not be granted to this name and secret: the challenge cannot be answered, or 403, 404 and their like.
    Denied,
    /// Another refusal, perhaps with Retry-After.
    Refused(Option<Duration>),
    /// No answer, or no way to the provider.
    Unanswered,
}

/// A registration.
#[derive(Clone, Debug)]
pub struct Registration {
    state: State,
    /// What is asked for: what was wished, or more after a 423.
    asked: Duration,
    /// REGISTERs in a row that came to nothing.
    failures: u32,
}

impl Registration {
    /// One that is to be asked for `wish`.
    #[must_use]
    pub const fn new(wish: Duration) -> Self {
        Self { state: State::Idle, asked: wish, failures: 0 }
    }

    /// One that is asked for `wish` anew, while what was granted holds.
    #[must_use]
    pub fn renewed(&self, wish: Duration) -> Self {
        let state = match self.state {
            State::Idle => State::Idle,
            State::Registered { until } => State::Waiting { held: Some(until) },
            State::Asking { held } | State::Waiting { held } => State::Waiting { held },
        };
        Self { state, asked: wish, failures: 0 }
    }

    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Until when it holds, if it does at `now`.
    #[must_use]
    pub fn held(&self, now: Instant) -> Option<Instant> {
        let until = match self.state {
            State::Idle => None,
            State::Registered { until } => Some(until),
            State::Asking { held } | State::Waiting { held } => held,
        };
        until.filter(|until| *until > now)
    }

    /// The expiry that is asked for.
    #[must_use]
    pub const fn asked(&self) -> Duration {
        self.asked
    }

    /// A REGISTER goes out.
    pub fn ask(&mut self, now: Instant) {
        self.state = State::Asking { held: self.held(now) };
    }

    /// A REGISTER came to something. Returns how long to wait for the next one.
    pub fn judge(&mut self, now: Instant, outcome: Outcome, dice: u64) -> Duration {
        let held = self.held(now);
        let wait = match outcome {
            Outcome::Granted(granted) => {
                self.failures = 0;
                self.state = State::Registered { until: now + granted };
                return refresh(granted, dice);
            }
            // RFC 3261 section 10.2.8: asked again with what is the least. A registrar that goes on asking for more is one that refuses.
            Outcome::TooBrief(least) if least > self.asked && least <= RETRY_AFTER_MAX => {
                self.asked = least;
                Duration::ZERO
            }
            Outcome::TooBrief(_) | Outcome::Refused(None) | Outcome::Unanswered => back_off(self.failures, dice),
            // RFC 3261 section 20.33.
            Outcome::Refused(Some(after)) => spread(after.clamp(REGISTER_RETRY_MIN, RETRY_AFTER_MAX), dice),
            // Asking on would only look like guessing of passwords.
            Outcome::Denied => spread(REGISTER_REFUSED_WAIT, dice),
        };
        self.failures = self.failures.saturating_add(u32::from(!wait.is_zero()));
        // Who denies us has taken the registration back.
        let held = held.filter(|_| outcome != Outcome::Denied);
        self.state = State::Waiting { held };
        wait
    }
}

/// When a registration that was granted for so long is refreshed: between 80 and 90 % of the time, so that many do not come at once. RFC 5626
/// section 4.4 has 80 % as its least.
fn refresh(granted: Duration, dice: u64) -> Duration {
    let percent = 80 + u32::try_from(dice % 11).unwrap_or(0);
    (granted * percent / 100).max(Duration::from_secs(1))
}

/// RFC 5626 section 4.5: doubled with every failure up to a largest, then between half and the whole of it.
fn back_off(failures: u32, dice: u64) -> Duration {
    let whole = REGISTER_RETRY_MIN.saturating_mul(2_u32.saturating_pow(failures.saturating_add(1).min(16)));
    let whole = whole.min(REGISTER_RETRY_MAX);
    whole / 2 + (whole / 2) * u32::try_from(dice % 101).unwrap_or(0) / 100
}

/// A wait that was asked for, and up to a tenth more.
fn spread(wait: Duration, dice: u64) -> Duration {
    wait + wait * u32::try_from(dice % 11).unwrap_or(0) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn asked() -> Registration {
        let mut registration = Registration::new(seconds(600));
        registration.ask(NOW);
        assert_eq!(registration.asked(), seconds(600));
        registration
    }

    #[test]
    fn a_registration_is_refreshed_before_it_ends() {
        for dice in 0..40 {
            let mut registration = asked();
            let wait = registration.judge(NOW, Outcome::Granted(seconds(600)), dice);
            assert!((seconds(480)..=seconds(540)).contains(&wait), "{wait:?}");
            assert_eq!(registration.held(NOW), Some(NOW + seconds(600)));
            assert_eq!(registration.held(NOW + seconds(600)), None);
            // While it is refreshed the one of before holds.
            registration.ask(NOW + wait);
            assert_eq!(registration.held(NOW + wait), Some(NOW + seconds(600)));
        }
    }

    #[test]
    fn silence_is_met_with_ever_longer_waits_up_to_a_largest() {
        let mut registration = asked();
        let mut last = Duration::ZERO;
        for round in 0..20 {
            let wait = registration.judge(NOW, Outcome::Unanswered, 100);
            assert!(wait >= last && wait <= REGISTER_RETRY_MAX, "round {round}: {wait:?} after {last:?}");
            last = wait;
            registration.ask(NOW);
        }
        assert_eq!(last, REGISTER_RETRY_MAX);
        assert!(registration.judge(NOW, Outcome::Unanswered, 0) >= REGISTER_RETRY_MAX / 2);
        registration.judge(NOW, Outcome::Granted(seconds(60)), 0);
        assert!(registration.judge(NOW, Outcome::Unanswered, 100) <= REGISTER_RETRY_MIN * 2);
    }

    #[test]
    fn a_registration_too_brief_is_asked_for_again_at_once_with_the_least() {
        let mut registration = asked();
        assert_eq!(registration.judge(NOW, Outcome::TooBrief(seconds(1800)), 0), Duration::ZERO);
        registration.ask(NOW);
        assert_eq!(registration.asked(), seconds(1800));
        // A registrar that is never content is not asked for ever.
        assert!(!registration.judge(NOW, Outcome::TooBrief(seconds(1800)), 0).is_zero());
        assert!(!registration.judge(NOW, Outcome::TooBrief(seconds(9_999_999)), 0).is_zero());
    }

    #[test]
    fn who_says_when_is_asked_then_and_who_denies_is_not_pressed() {
        for (outcome, least, most) in [
            (Outcome::Refused(Some(seconds(90))), 90, 99),
            (Outcome::Refused(Some(seconds(0))), 5, 6),
            (Outcome::Refused(Some(seconds(1_000_000))), 3_600, 3_960),
            (Outcome::Denied, 300, 330),
        ] {
            for dice in 0..20 {
                let wait = asked().judge(NOW, outcome, dice);
                assert!((seconds(least)..=seconds(most)).contains(&wait), "{outcome:?}: {wait:?}");
            }
        }
    }

    #[test]
    fn a_refresh_that_fails_leaves_what_was_granted_and_one_that_is_denied_does_not() {
        for (outcome, held) in [(Outcome::Unanswered, true), (Outcome::Refused(None), true), (Outcome::Denied, false)] {
            let mut registration = asked();
            registration.judge(NOW, Outcome::Granted(seconds(600)), 0);
            registration.ask(NOW + seconds(480));
            registration.judge(NOW + seconds(480), outcome, 0);
            assert_eq!(registration.held(NOW + seconds(481)).is_some(), held, "{outcome:?}");
            assert_eq!(registration.held(NOW + seconds(600)), None);
        }
    }
}
