//! What is remembered of sources: a table of fixed size, eight places for each of its sets.
//!
//! A source that comes when its set is full takes the place of one without failures that was heard longest ago, and of one with failures only where all
//! have some. Who is forgotten begins anew, with full buckets. Which sources share a set nobody outside can know (a keyed hash), and to push out one's own
//! failures takes tens of thousands of sources, all of which must be able to receive a challenge.

use contract::Instant;
use signaling::flow::Source;
use std::{
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Sets of [`PLACES`] sources: 32,768 sources, some 3 MB.
const SETS: usize = 4_096;
const _: () = assert!(SETS.is_power_of_two(), "a set is found by a mask");

/// Sources of one set.
const PLACES: usize = 8;

/// How long it is believed that a source is nothing to the exchange. As long a phone that just registered counts as a stranger where limits and bans do.
pub(super) const STRANGE_FOR: Duration = Duration::from_secs(1);

/// Whose buckets: those of a source, or of one address and port.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    bits: u128,
    port: u16,
}

impl Key {
    /// Of the source of an address.
    pub(super) const fn of(address: IpAddr) -> Self {
        Self { bits: Source::of(address).to_bits(), port: 0 }
    }

    /// Of exactly this address and port.
    pub(super) const fn exactly(remote: SocketAddr) -> Self {
        let bits = match remote.ip().to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        Self { bits, port: remote.port() }
    }
}

/// What is remembered of one source: the levels of its buckets (`rate`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    key: Key,
    /// When it was last heard; the origin: nobody's place.
    heard: Instant,
    /// Of all packets.
    pub(super) packets: Instant,
    /// Of REGISTERs.
    pub(super) registers: Instant,
    /// Of INVITEs.
    pub(super) invites: Instant,
    /// Of connections.
    pub(super) connects: Instant,
    /// Of wrong answers to challenges.
    pub(super) failures: Instant,
    /// So long it is believed to be nothing to the exchange.
    pub(super) strange_until: Instant,
}

impl Entry {
    const fn new(key: Key) -> Self {
        Self {
            key,
            heard: Instant::ORIGIN,
            packets: Instant::ORIGIN,
            registers: Instant::ORIGIN,
            invites: Instant::ORIGIN,
            connects: Instant::ORIGIN,
            failures: Instant::ORIGIN,
            strange_until: Instant::ORIGIN,
        }
    }
}

/// The table.
pub(super) struct Sources {
    entries: Box<[[Entry; PLACES]]>,
    keyed: RandomState,
}

impl Sources {
    pub(super) fn new() -> Self {
        let nobody = Entry::new(Key { bits: 0, port: 0 });
        Self { entries: vec![[nobody; PLACES]; SETS].into(), keyed: RandomState::new() }
    }

    /// What is remembered of a source; a place for it is made where there is none.
    pub(super) fn entry(&mut self, key: Key, now: Instant) -> &mut Entry {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let set = &mut self.entries[self.keyed.hash_one(key) as usize & (SETS - 1)];
        let known = set.iter().position(|entry| entry.key == key && entry.heard > Instant::ORIGIN);
        let at = known.unwrap_or_else(|| {
            let rank = |entry: &Entry| (entry.failures > now, entry.heard);
            let least = (0..PLACES).min_by_key(|at| rank(&set[*at])).unwrap_or(0);
            set[least] = Entry::new(key);
            least
        });
        let entry = &mut set[at];
        // The clock stands at its origin in no process that runs.
        entry.heard = now.max(Instant::from_nanos(1));
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> Key {
        Key::of(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn who_failed_is_not_forgotten_for_a_crowd_that_did_not() {
        let mut sources = Sources::new();
        let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
        let until = at(10_000);
        sources.entry(key(1), at(1)).failures = until;
        sources.entry(key(2), at(1)).packets = until;
        for n in 3..300_000 {
            sources.entry(key(n), at(2));
        }
        assert_eq!(sources.entry(key(1), at(3)).failures, until);
        assert_eq!(sources.entry(key(2), at(3)).packets, Instant::ORIGIN, "forgotten: it begins anew");
    }

    #[test]
    fn an_address_and_its_port_are_another_entry_than_the_source() {
        let mut sources = Sources::new();
        let remote: SocketAddr = "[::]:5060".parse().unwrap();
        let (now, level) = (Instant::from_nanos(5), Instant::from_nanos(9));
        sources.entry(Key::exactly(remote), now).packets = level;
        assert_eq!(sources.entry(Key::of(remote.ip()), now).packets, Instant::ORIGIN);
        assert_eq!(sources.entry(Key::exactly(remote), now).packets, level);
    }
}
