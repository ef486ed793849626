//! Questions to the domain name system and their answers, as signaling sees them. Messages and sockets of DNS are the shell's.

use core::{fmt, net::IpAddr, time::Duration};

/// A question. Answered by [`crate::input::Input::Resolved`], perhaps late, twice or never.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Question {
    /// The name in lower case, without the dot at its end.
    pub name: String,
    /// What is asked about it.
    pub kind: RecordKind,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// What can be asked about a name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RecordKind {
    /// RFC 3403: which services a domain has.
    Naptr,
    /// RFC 2782: where a service is.
    Srv,
    /// RFC 1035: IPv4 addresses.
    A,
    /// RFC 3596: IPv6 addresses.
    Aaaa,
}

/// What a name server knows about a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// These, for so long.
    Found {
        /// At least one.
        records: Vec<Record>,
        /// How long they may be believed.
        ttl: Duration,
    },
    /// There is nothing, for so long (RFC 2308).
    Nothing {
        /// How long that may be believed.
        ttl: Duration,
    },
    /// Nobody could tell: no server, no answer in time, or one that refuses.
    Failed,
}

/// One record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// RFC 3403 section 4.1, without the regular expression, which RFC 3263 section 4.1 does not use.
    Naptr {
        /// Lower first.
        order: u16,
        /// Lower first among equal orders.
        preference: u16,
        /// `s` where `replacement` is the name of SRV records.
        flags: String,
        /// `SIP+D2U` and the like.
        service: String,
        /// What to ask next.
        replacement: String,
    },
    /// RFC 2782.
    Srv {
        /// Lower first.
        priority: u16,
        /// Share among equal priorities.
        weight: u16,
        /// The port of the service.
        port: u16,
        /// The machine; empty (the root): the service is decidedly not there.
        target: String,
    },
    /// An address.
    Address(IpAddr),
}
