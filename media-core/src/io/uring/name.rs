//! What a completion belongs to, in the 64 bits that travel with it.

use crate::io::Slot;

/// What was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Multishot `recvmsg`: datagrams with their source.
    Addressed,
    /// Multishot `recv` on a connected socket.
    Plain,
    /// A send; completes visibly only when it failed.
    Send,
    /// A connect; completes visibly only when it failed.
    Connect,
    /// The bell.
    Bell,
    /// Cancel or close; nothing to do.
    Other,
}

/// The name of a request. The generation distinguishes sockets that have used the same slot one after another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) generation: u32,
    pub(super) slot: Slot,
}

/// Generations count modulo this; a completion is never delayed by so many openings of one slot.
const GENERATIONS: u32 = 1 << 24;

impl Name {
    pub(super) const fn new(kind: Kind, generation: u32, slot: Slot) -> Self {
        Self { kind, generation: generation % GENERATIONS, slot }
    }

    pub(super) const fn pack(self) -> u64 {
        (self.kind as u64) << 56 | (self.generation as u64) << 32 | self.slot.0 as u64
    }

    pub(super) const fn unpack(bits: u64) -> Self {
        let kind = match bits >> 56 {
            0 => Kind::Addressed,
            1 => Kind::Plain,
            2 => Kind::Send,
            3 => Kind::Connect,
            4 => Kind::Bell,
            _ => Kind::Other,
        };
        Self { kind, generation: (bits >> 32) as u32 % GENERATIONS, slot: Slot(bits as u32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_ring() {
        for kind in [Kind::Addressed, Kind::Plain, Kind::Send, Kind::Connect, Kind::Bell, Kind::Other] {
            let name = Name::new(kind, u32::MAX, Slot(u32::MAX));
            assert_eq!(Name::unpack(name.pack()), name);
        }
    }
}
