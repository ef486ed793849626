//! Names of things both planes know.

use core::fmt;

/// One process of a cluster. Ids made by different nodes never collide, because each carries this in its top byte.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId(pub u8);

/// One media core: a pinned thread that owns the memory of its sessions.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShardId(pub u16);

/// A call's media on a shard. Made by signaling, never used twice by one node.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(u64);

impl SessionId {
    /// The `serial`-th session of `node`; `serial` keeps its low 56 bits.
    #[must_use]
    pub const fn new(node: NodeId, serial: u64) -> Self {
        Self((node.0 as u64) << 56 | serial & 0x00ff_ffff_ffff_ffff)
    }

    /// The node that made it.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NodeId((self.0 >> 56) as u8)
    }

    /// The whole id as a number, as printed.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {:016x}", self.0)
    }
}

/// A member of one session: a leg, or a device such as the echo. Unique within its session and never reused in it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MemberId(pub u16);
