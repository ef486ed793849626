//! Names of things signaling makes. Each is unique in its node and never used twice, so that a late answer can be told from a new one.

use contract::{NodeId, SessionId};
use core::fmt;

/// A call: the whole, from the first INVITE (or the order to place one) to the last leg's end.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(u64);

impl CallId {
    /// The `serial`-th call of `node`; `serial` keeps its low 56 bits.
    #[must_use]
    pub const fn new(node: NodeId, serial: u64) -> Self {
        Self((node.0 as u64) << 56 | serial & 0x00ff_ffff_ffff_ffff)
    }

    /// The id as a number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The media session of the call, which bears the same number.
    #[must_use]
    pub const fn session(self) -> SessionId {
        SessionId::new(NodeId((self.0 >> 56) as u8), self.0)
    }

    /// The call whose media session this is.
    #[must_use]
    pub const fn of(session: SessionId) -> Self {
        Self(session.as_u64())
    }

    /// Reads the form written by `Display`: 16 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {self}")
    }
}

/// One party of a call: one dialog, one media leg. Numbered within its call from 0 (the caller) in the order of their making.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LegId {
    /// The call.
    pub call: CallId,
    /// The leg's number in it; also its [`contract::MemberId`].
    pub number: u16,
}

/// A question put to the store; answered by [`crate::input::Input::Stored`], perhaps late, twice or never.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct QueryId(pub u64);

/// A question put to us by the API or the CLI; made by the shell, answered once by [`crate::effect::Effect::Reply`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// A question put to the name servers; answered by [`crate::input::Input::Resolved`], perhaps late, twice or never.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LookupId(pub u64);
