//! The nets a defect can fall into, and the report of what fell.

use contract::Instant;
use core::fmt;

/// Which check noticed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Net {
    /// The exchange's own invariants, after every step.
    Invariant,
    /// The exchange panicked, or its clock does not advance.
    Crash,
    /// What it sent is not what RFC 3261 lets it send.
    Wire,
    /// Something that had to be sent was not: an ACK, a repetition, a BYE, a final answer.
    Duty,
    /// Created and returned do not balance.
    Balance,
    /// Who is registered, compared with the reference.
    Registration,
    /// Who hears whom, compared with the reference.
    Hearing,
    /// Call records: one per call, and what they claim happened.
    Record,
    /// A phone was told something it cannot live with.
    Phone,
    /// What watchers hold, compared with what is.
    Watching,
    /// A healed world does not work.
    Liveness,
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invariant => "invariants",
            Self::Crash => "crash",
            Self::Wire => "wire",
            Self::Duty => "duty",
            Self::Balance => "balance",
            Self::Registration => "registration",
            Self::Hearing => "hearing",
            Self::Record => "record",
            Self::Phone => "phone",
            Self::Watching => "watching",
            Self::Liveness => "liveness",
        })
    }
}

/// A defect, as first noticed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The check that noticed it.
    pub net: Net,
    /// When, on the virtual clock.
    pub at: Instant,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] at {:?}: {}", self.net, self.at, self.what)
    }
}

/// Violations found in one step; the first one ends the run.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(Net, String)>);

impl Findings {
    pub(crate) fn add(&mut self, net: Net, what: impl Into<String>) {
        self.0.push((net, what.into()));
    }

    pub(crate) fn first(&mut self, at: Instant) -> Option<Violation> {
        let (net, what) = self.0.drain(..).next()?;
        Some(Violation { net, at, what })
    }
}
