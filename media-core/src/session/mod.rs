//! Sessions, their legs and devices, and the hearing table compiled to paths.
//!
//! Knows streams and formats; knows no sockets, and of addresses only what [`crate::flow`] tells.

pub mod egress;
pub mod leg;
pub mod payload;
pub mod plan;

pub use egress::{Egress, StreamKey};
pub use leg::{Leg, Path};
pub use payload::PayloadMap;

use contract::{HearingTable, MemberId, SessionId};

/// A member as the shard keeps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A leg, by its place among the shard's legs.
    Leg(u32),
    /// Says again what it hears.
    Echo,
}

/// One member of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its name.
    pub id: MemberId,
    /// What it is.
    pub kind: Kind,
}

/// A session: its members and who hears whom.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// In the order in which they were opened.
    pub members: Vec<Member>,
    /// As last stated; may name members that are not open.
    pub table: HearingTable,
    /// Listeners that should hear something there is no path for.
    pub paths_missing: u32,
}

impl Session {
    /// A session without members, in which nobody hears anybody.
    #[must_use]
    pub fn new(id: SessionId) -> Self {
        Self { id, members: Vec::with_capacity(2), table: HearingTable::default(), paths_missing: 0 }
    }

    /// What the member is.
    #[must_use]
    pub fn kind(&self, id: MemberId) -> Option<Kind> {
        self.members.iter().find(|member| member.id == id).map(|member| member.kind)
    }

    /// The legs among the members.
    pub fn legs(&self) -> impl Iterator<Item = (MemberId, u32)> + '_ {
        self.members.iter().filter_map(|member| match member.kind {
            Kind::Leg(index) => Some((member.id, index)),
            Kind::Echo => None,
        })
    }
}
