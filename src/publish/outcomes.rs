//! What became of calls, counted so that it can be compared before and after a new configuration.
//!
//! A call counts once its way is decided: when it is answered, or refused. It failed if it was refused for want of a way (404) or by a server's fault (5xx, ours or
//! another's); a callee that is busy, declines or does not answer, and a caller who gives up, are no fault of a configuration.

use crate::clock;
use contract::Instant;
use signaling::fact::{CallRecord, Fact, HangupCause};
use std::sync::{Mutex, PoisonError};

/// Calls whose way was decided: they were answered or refused, and of those, refused for want of a way or by a fault of a server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// All of them.
    pub decided: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Tally {
    /// What was counted since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            decided: self.decided.saturating_sub(earlier.decided),
            failed: self.failed.saturating_sub(earlier.failed),
        }
    }

    /// The share that failed, in hundredths.
    #[must_use]
    pub const fn percent(self) -> u64 {
        match self.decided {
            0 => 0,
            decided => self.failed.saturating_mul(100) / decided,
        }
    }
}

/// What was counted; written by the signaling thread, read once in a while by another.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<Counted>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    all: Tally,
    /// Only of calls that began since then.
    since: Instant,
    fresh: Tally,
}

impl Outcomes {
    /// Takes one fact.
    pub fn observe(&self, fact: &Fact) {
        if let Fact::CallSetUp { took, .. } = fact {
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.count(Instant::from_nanos(clock::now().as_nanos().saturating_sub(took)), false);
        }
        if let Fact::CallEnded(record) = fact
            && record.answered_at.is_none()
            && is_of_calls(record)
        {
            self.count(record.started_at, has_failed(record));
        }
    }

    fn count(&self, began: Instant, failed: bool) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let add = |tally: &mut Tally| {
            tally.decided += 1;
            tally.failed += u64::from(failed);
        };
        add(&mut counted.all);
        if began >= counted.since {
            add(&mut counted.fresh);
        }
    }

    /// All since the start.
    #[must_use]
    pub fn all(&self) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Those of calls that began since [`Outcomes::begin`] was called last.
    #[must_use]
    pub fn fresh(&self) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fresh
    }

    /// From now on calls that begin are counted as fresh.
    pub fn begin(&self) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (counted.since, counted.fresh) = (clock::now(), Tally::default());
    }
}

/// Calls that we ended by an order tell nothing.
const fn is_of_calls(record: &CallRecord) -> bool {
    !matches!(record.hangup_cause, HangupCause::Shutdown | HangupCause::Operator | HangupCause::Preempted)
}

const fn has_failed(record: &CallRecord) -> bool {
    matches!(record.status, Some(404 | 500..=599))
}
