//! Packets that wait for their turn, ordered by the position of their first sample, payloads in blocks of one arena.
//!
//! All of it is made once: room for 800 ms of packets of 10 ms, and for 400 ms of the largest payloads that are usual. Where either is
//! full the oldest packet makes room.

/// Packets that wait at most: 800 ms of packets of 10 ms.
const SLOTS: usize = 80;

/// Octets of a block: half of 20 ms of G.711.
const BLOCK: usize = 80;

/// The longest payload that is taken.
pub(super) const PAYLOAD_MAX: usize = 1_472;

/// No block.
const NONE: u8 = u8::MAX;

/// One packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Of its first sample; wraps.
    pub(super) position: u32,
    /// Its RTP sequence number.
    pub(super) sequence: u16,
    /// How much sound it holds.
    pub(super) samples: u16,
    pub(super) length: u16,
    first: u8,
    /// The far end had said that it is silent until this packet.
    pub(super) after_silence: bool,
}

/// The packets that wait.
#[derive(Debug)]
pub(super) struct Queue {
    slots: Vec<Slot>,
    octets: Box<[[u8; BLOCK]]>,
    /// The block behind each block, of a payload or of the free ones.
    chain: Box<[u8]>,
    free: u8,
    free_count: u8,
}

/// How far `position` lies after `other`; negative: before.
pub(super) const fn ahead(position: u32, other: u32) -> i32 {
    position.wrapping_sub(other) as i32
}

impl Queue {
    /// Of so many blocks of 80 octets.
    pub(super) fn new(blocks: u8) -> Self {
        let blocks = blocks.min(NONE - 1);
        let chain = (1..=blocks).map(|next| if next == blocks { NONE } else { next }).collect();
        Self {
            slots: Vec::with_capacity(SLOTS),
            octets: vec![[0; BLOCK]; usize::from(blocks)].into(),
            chain,
            free: 0,
            free_count: blocks,
        }
    }

    /// Takes a packet. How many old ones had to go for it; `None`: it is a second one of its position, or larger than all the room.
    pub(super) fn insert(
        &mut self,
        position: u32,
        sequence: u16,
        samples: u16,
        after_silence: bool,
        payload: &[u8],
    ) -> Option<usize> {
        let blocks = payload.len().div_ceil(BLOCK).max(1);
        if blocks > self.octets.len() || payload.len() > PAYLOAD_MAX {
            return None;
        }
        // Mostly it is the last one.
        let mut at = self.slots.len();
        while at > 0 && ahead(position, self.slots[at - 1].position) <= 0 {
            at -= 1;
        }
        if self.slots.get(at).is_some_and(|slot| slot.position == position) {
            return None;
        }
        let mut dropped = 0;
        while self.slots.len() >= SLOTS || usize::from(self.free_count) < blocks {
            self.drop_first();
            at = at.saturating_sub(1);
            dropped += 1;
        }
        let first = self.store(payload);
        let length = payload.len() as u16;
        self.slots.insert(at, Slot { position, sequence, samples, length, first, after_silence });
        Some(dropped)
    }

    fn store(&mut self, payload: &[u8]) -> u8 {
        let first = self.free;
        let mut last = first;
        for piece in payload.chunks(BLOCK) {
            last = self.free;
            self.octets[usize::from(last)][..piece.len()].copy_from_slice(piece);
            self.free = self.chain[usize::from(last)];
            self.free_count -= 1;
        }
        if payload.is_empty() {
            self.free = self.chain[usize::from(last)];
            self.free_count -= 1;
        }
        self.chain[usize::from(last)] = NONE;
        first
    }

    /// The packet that is next.
    pub(super) fn first(&self) -> Option<Slot> {
        self.slots.first().copied()
    }

    /// The first packet's payload. `out` has room for it.
    pub(super) fn payload<'a>(&self, out: &'a mut [u8]) -> &'a [u8] {
        let Some(slot) = self.slots.first() else { return &[] };
        let payload = &mut out[..usize::from(slot.length)];
        let mut block = slot.first;
        for piece in payload.chunks_mut(BLOCK) {
            piece.copy_from_slice(&self.octets[usize::from(block)][..piece.len()]);
            block = self.chain[usize::from(block)];
        }
        payload
    }

    /// Whether it holds nearly as much as it can: what waits must be played, however early.
    pub(super) fn is_crowded(&self) -> bool {
        self.slots.len() > SLOTS - SLOTS / 8 || usize::from(self.free_count) < self.octets.len() / 8
    }

    /// Takes the first packet away.
    pub(super) fn drop_first(&mut self) {
        if self.slots.is_empty() {
            return;
        }
        let slot = self.slots.remove(0);
        let mut last = slot.first;
        self.free_count += 1;
        while self.chain[usize::from(last)] != NONE {
            last = self.chain[usize::from(last)];
            self.free_count += 1;
        }
        self.chain[usize::from(last)] = self.free;
        self.free = slot.first;
    }

    pub(super) fn clear(&mut self) {
        while !self.slots.is_empty() {
            self.drop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload_of(queue: &Queue) -> Vec<u8> {
        queue.payload(&mut [0; PAYLOAD_MAX]).to_vec()
    }

    #[test]
    fn packets_leave_in_order_of_position_whole() {
        let mut queue = Queue::new(80);
        let sizes = [0, 1, 79, 80, 81, 160, 1_472];
        for (order, at) in [3_usize, 0, 6, 1, 5, 2, 4].into_iter().enumerate() {
            // Across the wrap of the position.
            let position = (at as u32 * 160).wrapping_sub(500);
            let payload = vec![at as u8; sizes[at]];
            assert_eq!(queue.insert(position, order as u16, 160, false, &payload), Some(0));
            assert_eq!(queue.insert(position, 99, 160, false, &payload), None, "the same position again");
        }
        for (at, size) in sizes.into_iter().enumerate() {
            assert_eq!(payload_of(&queue), vec![at as u8; size]);
            queue.drop_first();
        }
        assert_eq!((queue.free_count, queue.first().is_none()), (80, true));
        assert_eq!(payload_of(&queue), []);
    }

    #[test]
    fn the_oldest_makes_room_and_no_block_is_ever_lost() {
        let mut queue = Queue::new(80);
        let mut seed = 5_u32;
        for step in 0..5_000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let length = (seed >> 16) as usize % 1_500;
            let position = step * 160 + (seed >> 28) * 80;
            let taken = length > PAYLOAD_MAX || queue.slots.iter().any(|slot| slot.position == position);
            assert_eq!(queue.insert(position, 0, 160, false, &vec![step as u8; length]).is_none(), taken);
            let used: usize = queue.slots.iter().map(|slot| usize::from(slot.length).div_ceil(BLOCK).max(1)).sum();
            assert_eq!(used + usize::from(queue.free_count), 80);
            assert!(queue.slots.is_sorted_by(|one, other| ahead(other.position, one.position) > 0));
        }
        for step in 0..200 {
            queue.insert(10_000_000 + step, 0, 1, false, &[1]);
        }
        assert_eq!((queue.slots.len(), queue.slots.capacity()), (SLOTS, SLOTS));
        queue.clear();
        assert_eq!(queue.free_count, 80);
    }
}
