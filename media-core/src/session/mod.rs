//! Sessions, their legs and devices, and the hearing table compiled to paths.
//!
//! Knows streams and formats; knows no sockets, and of addresses only what [`crate::flow`] tells.

pub mod bridge;
pub mod device;
pub mod ear;
pub mod egress;
pub mod keys;
pub mod leg;
pub mod payload;
pub mod plan;
pub mod voice;

pub use bridge::Bridge;
pub use device::Device;
pub use ear::Ear;
pub use egress::{Egress, StreamKey};
pub use keys::{Keys, Way};
pub use leg::{Leg, Path};
pub use payload::PayloadMap;
pub use voice::Voice;

use contract::{HearingTable, MemberId, SessionId};

/// A member as the shard keeps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A leg, by its place among the shard's legs.
    Leg(u32),
    /// Says again what it hears.
    Echo,
    /// Speaks sounds.
    Player,
    /// Writes what it hears.
    Recorder,
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
    /// By name.
    members: Vec<Member>,
    /// As last stated; may name members that are not open.
    pub table: HearingTable,
    /// Listeners that should hear something there is no path for.
    pub paths_missing: u32,
    /// The devices among the members.
    pub devices: Vec<Device>,
    /// Who is summed for whom; `None`: all is relayed or silent.
    pub bridge: Option<Box<Bridge>>,
}

impl Session {
    /// A session without members, in which nobody hears anybody.
    #[must_use]
    pub fn new(id: SessionId) -> Self {
        Self {
            id,
            members: Vec::with_capacity(2),
            table: HearingTable::default(),
            paths_missing: 0,
            devices: Vec::new(),
            bridge: None,
        }
    }

    /// Adds a member whose name is not used yet.
    pub fn join(&mut self, member: Member) {
        let at = self.members.partition_point(|other| other.id < member.id);
        self.members.insert(at, member);
    }

    /// Removes a member; what it was.
    pub fn part(&mut self, id: MemberId) -> Option<Kind> {
        let at = self.members.binary_search_by_key(&id, |member| member.id).ok()?;
        Some(self.members.remove(at).kind)
    }

    /// Every member, by name.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What the member is.
    #[must_use]
    pub fn kind(&self, id: MemberId) -> Option<Kind> {
        let at = self.members.binary_search_by_key(&id, |member| member.id).ok()?;
        Some(self.members[at].kind)
    }

    /// The legs among the members.
    pub fn legs(&self) -> impl Iterator<Item = (MemberId, u32)> + '_ {
        self.members.iter().filter_map(|member| match member.kind {
            Kind::Leg(index) => Some((member.id, index)),
            Kind::Echo | Kind::Player | Kind::Recorder => None,
        })
    }

    /// The device of this name.
    pub fn device(&mut self, id: MemberId) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.member == id)
    }
}
