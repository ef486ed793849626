//! The shard's UDP ports, in pairs: RTP even, RTCP the next odd one (RFC 3550 section 11).
//!
//! The pair freed longest ago is used next, so that a call's late packets do not meet another call.

use core::ops::RangeInclusive;
use std::collections::VecDeque;

/// An even port and the odd one after it. Exists once; give it back with [`Ports::give_back`].
#[derive(Debug, Eq, PartialEq)]
#[must_use = "give it back"]
pub struct PortPair(u16);

impl PortPair {
    /// The even port.
    #[must_use]
    pub const fn rtp(&self) -> u16 {
        self.0
    }

    /// The odd port.
    #[must_use]
    pub const fn rtcp(&self) -> u16 {
        self.0 + 1
    }
}

/// A shard's part of the port range.
#[derive(Debug)]
pub struct Ports {
    free: VecDeque<u16>,
    total: usize,
}

impl Ports {
    /// The pairs within `range` that belong to shard `shard` of `shards`: every `shards`-th one.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>, shard: u16, shards: u16) -> Self {
        let first = range.start().next_multiple_of(2);
        let shards = usize::from(shards.max(1));
        let free: VecDeque<u16> = (first..*range.end()).step_by(2).skip(usize::from(shard)).step_by(shards).collect();
        Self { total: free.len(), free }
    }

    /// How many pairs there are.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// How many pairs are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.total - self.free.len()
    }

    /// The pair that was freed longest ago.
    pub fn take(&mut self) -> Option<PortPair> {
        self.free.pop_front().map(PortPair)
    }

    /// Puts a pair behind all others.
    pub fn give_back(&mut self, pair: PortPair) {
        debug_assert!(self.free.len() < self.total && !self.free.contains(&pair.0), "a pair is given back once");
        self.free.push_back(pair.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(range: RangeInclusive<u16>, shard: u16, shards: u16) -> Vec<u16> {
        let mut ports = Ports::new(range, shard, shards);
        core::iter::from_fn(|| ports.take().map(|pair| pair.rtp())).collect()
    }

    #[test]
    fn pairs_are_even_whole_and_disjoint_between_shards() {
        assert_eq!(all(10_000..=10_009, 0, 1), [10_000, 10_002, 10_004, 10_006, 10_008]);
        assert_eq!(all(10_001..=10_008, 0, 1), [10_002, 10_004, 10_006], "10008 has no odd partner in the range");
        assert_eq!(all(10_000..=10_009, 0, 2), [10_000, 10_004, 10_008]);
        assert_eq!(all(10_000..=10_009, 1, 2), [10_002, 10_006]);
        assert_eq!(all(65_532..=65_535, 0, 1), [65_532, 65_534]);
        assert_eq!(all(10_000..=10_000, 0, 1), []);
    }

    #[test]
    fn the_pair_freed_longest_ago_comes_first() {
        let mut ports = Ports::new(10_000..=10_005, 0, 1);
        let (first, second) = (ports.take().expect("free"), ports.take().expect("free"));
        ports.give_back(second);
        ports.give_back(first);
        let order: Vec<u16> = core::iter::from_fn(|| ports.take().map(|pair| pair.rtp())).collect();
        assert_eq!(order, [10_004, 10_002, 10_000]);
        assert_eq!(ports.taken(), 3);
    }
}
