//! Which source of packets a leg believes.
//!
//! The signalled address wins at once. Behind a NAT another may be learned: it must have sent for a short window in which the signalled
//! one stayed silent; then the leg locks to it. None of its packets is relayed before that. For a while after, the signalled address still
//! takes over. A new description of another address begins anew.
//!
//! Where connectivity checks decide (RFC 8445), nothing is learned from packets: the address nominated last is believed, and the one before
//! it for what is under way.
//!
//! RFC 3550 leaves source addresses open; RFC 7362 describes this latching and its dangers.

use crate::limits::{LEARN_GRACE, LEARN_PACKETS, LEARN_WINDOW};
use contract::{Instant, SourceRule};
use core::net::SocketAddr;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is the leg's.
    Accepted,
    /// It is the leg's, and the lock is new or has become final.
    Locked,
    /// It is not, or not yet.
    Foreign,
}

/// What a leg knows of its source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Source {
    signalled: Option<SocketAddr>,
    rule: SourceRule,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing heard yet.
    Waiting,
    /// An unexpected address has been heard.
    Candidate { address: SocketAddr, since: Instant, packets: u8 },
    /// Believed. `until`: how long the signalled address may still take over; `None`: no longer.
    Locked { address: SocketAddr, until: Option<Instant> },
    /// Checks decide.
    Checked { nominated: Option<SocketAddr>, before: Option<SocketAddr> },
}

impl Source {
    /// A leg whose far end was described. Under [`SourceRule::Signalled`] a known address is locked from the start.
    #[must_use]
    pub fn new(signalled: Option<SocketAddr>, rule: SourceRule) -> Self {
        let state = match (signalled, rule) {
            (Some(address), SourceRule::Signalled) => State::Locked { address, until: None },
            (None, SourceRule::Signalled) | (_, SourceRule::Learned) => State::Waiting,
        };
        Self { signalled, rule, state }
    }

    /// A leg whose checks decide; until a pair is nominated nobody is believed.
    #[must_use]
    pub const fn checked(signalled: Option<SocketAddr>) -> Self {
        Self { signalled, rule: SourceRule::Signalled, state: State::Checked { nominated: None, before: None } }
    }

    /// Takes over a later description; `checked`: checks decide. Returns whether learning begins anew.
    pub fn describe(&mut self, signalled: Option<SocketAddr>, rule: SourceRule, checked: bool) -> bool {
        match (checked, self.state) {
            (true, State::Checked { .. }) => return false,
            (true, State::Waiting | State::Candidate { .. } | State::Locked { .. }) => {
                *self = Self::checked(signalled);
                return true;
            }
            (false, State::Checked { .. }) => {}
            (false, State::Waiting | State::Candidate { .. } | State::Locked { .. }) => {
                if (self.signalled, self.rule) == (signalled, rule) {
                    return false;
                }
            }
        }
        *self = Self::new(signalled, rule);
        true
    }

    /// The far end chose the pair of this address. Returns whether it is another one than before.
    pub fn nominate(&mut self, address: SocketAddr) -> bool {
        let State::Checked { nominated, before } = &mut self.state else { return false };
        let other = *nominated != Some(address);
        if other {
            *before = nominated.replace(address);
        }
        other
    }

    /// Nobody is believed, and nothing sent, until a pair is nominated.
    pub const fn forget(&mut self) {
        self.state = State::Checked { nominated: None, before: None };
    }

    /// Judges a valid packet from `from`.
    pub fn judge(&mut self, from: SocketAddr, now: Instant) -> Verdict {
        let expected = self.signalled == Some(from);
        match self.state {
            State::Checked { nominated, before } => {
                if nominated == Some(from) || before == Some(from) {
                    Verdict::Accepted
                } else {
                    Verdict::Foreign
                }
            }
            State::Locked { address, until: None } => {
                if address == from {
                    Verdict::Accepted
                } else {
                    Verdict::Foreign
                }
            }
            // The lock is for good once the grace has passed; the caller learns it from `Locked` and may connect its socket.
            State::Locked { address, until: Some(until) } if address == from => {
                if now >= until {
                    self.lock(from)
                } else {
                    Verdict::Accepted
                }
            }
            State::Waiting | State::Candidate { .. } | State::Locked { until: Some(_), .. } if expected => {
                self.lock(from)
            }
            State::Locked { until: Some(_), .. } => Verdict::Foreign,
            State::Waiting | State::Candidate { .. } if self.rule == SourceRule::Signalled => Verdict::Foreign,
            // Nobody better can come.
            State::Waiting | State::Candidate { .. } if self.signalled.is_none() => self.lock(from),
            State::Candidate { address, since, packets } if address == from => {
                let packets = packets.saturating_add(1);
                if packets >= LEARN_PACKETS && now.since(since) >= LEARN_WINDOW {
                    self.state = State::Locked { address, until: Some(now + LEARN_GRACE) };
                    return Verdict::Locked;
                }
                self.state = State::Candidate { address, since, packets };
                Verdict::Foreign
            }
            // A second stranger does not displace the first, unless it comes from the signalled host (a NAT that changed the port only).
            State::Candidate { address, .. } if !self.is_signalled_host(from) || self.is_signalled_host(address) => {
                Verdict::Foreign
            }
            State::Waiting | State::Candidate { .. } => {
                self.state = State::Candidate { address: from, since: now, packets: 1 };
                Verdict::Foreign
            }
        }
    }

    /// The address that signaling named.
    #[must_use]
    pub const fn signalled(&self) -> Option<SocketAddr> {
        self.signalled
    }

    /// The address that is believed.
    #[must_use]
    pub const fn locked(&self) -> Option<SocketAddr> {
        match self.state {
            State::Locked { address, .. } => Some(address),
            State::Checked { nominated, .. } => nominated,
            State::Waiting | State::Candidate { .. } => None,
        }
    }

    /// Whether a handshake of `from` is the far end's own: the signalled address, or the one that is believed.
    #[must_use]
    pub fn vouches_for(&self, from: SocketAddr) -> bool {
        self.locked() == Some(from) || self.signalled == Some(from)
    }

    /// Whether an address that nobody vouches for may still turn out to be the far end's.
    #[must_use]
    pub fn may_learn(&self) -> bool {
        self.rule == SourceRule::Learned && matches!(self.state, State::Waiting | State::Candidate { .. })
    }

    /// Whether the lock is for good, so that the socket may be connected.
    #[must_use]
    pub const fn settled(&self) -> bool {
        matches!(self.state, State::Locked { until: None, .. })
    }

    /// Where to send: the believed address, else the signalled one. Where checks decide, to none but the nominated one.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.state {
            State::Checked { nominated, .. } => nominated,
            State::Waiting | State::Candidate { .. } | State::Locked { .. } => self.locked().or(self.signalled),
        }
    }

    fn lock(&mut self, address: SocketAddr) -> Verdict {
        self.state = State::Locked { address, until: None };
        Verdict::Locked
    }

    fn is_signalled_host(&self, address: SocketAddr) -> bool {
        self.signalled.is_some_and(|signalled| signalled.ip() == address.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn phone() -> SocketAddr {
        address("192.0.2.1:5004")
    }

    fn stranger() -> SocketAddr {
        address("198.51.100.9:4000")
    }

    /// Packets of `from` every 20 ms, from `start_ms`; how many were accepted.
    fn stream(source: &mut Source, from: SocketAddr, start_ms: u64, packets: u64) -> u64 {
        (0..packets)
            .filter(|n| source.judge(from, Instant::from_nanos((start_ms + n * 20) * 1_000_000)) != Verdict::Foreign)
            .count() as u64
    }

    #[test]
    fn a_signalled_source_is_the_only_one_from_the_start() {
        let mut source = Source::new(Some(phone()), SourceRule::Signalled);
        assert_eq!((source.locked(), source.settled()), (Some(phone()), true));
        assert_eq!(stream(&mut source, stranger(), 0, 100), 0);
        assert_eq!(stream(&mut source, phone(), 0, 3), 3);
    }

    #[test]
    fn nobody_is_believed_under_the_strict_rule_without_an_address() {
        let mut source = Source::new(None, SourceRule::Signalled);
        assert_eq!(stream(&mut source, stranger(), 0, 100), 0);
    }

    #[test]
    fn the_signalled_address_wins_at_once_over_a_candidate() {
        let mut source = Source::new(Some(phone()), SourceRule::Learned);
        assert_eq!(stream(&mut source, stranger(), 0, 4), 0);
        assert_eq!(source.judge(phone(), Instant::from_nanos(70_000_000)), Verdict::Locked);
        assert_eq!(stream(&mut source, stranger(), 80, 100), 0);
    }

    #[test]
    fn a_flood_does_not_lock_before_its_window() {
        let mut source = Source::new(Some(phone()), SourceRule::Learned);
        for us in 0..79_000 {
            assert_eq!(source.judge(stranger(), Instant::from_nanos(us * 1_000)), Verdict::Foreign);
        }
    }

    #[test]
    fn a_nat_is_learned_after_five_packets_and_the_signalled_address_may_return() {
        let mut source = Source::new(Some(phone()), SourceRule::Learned);
        assert_eq!(stream(&mut source, stranger(), 0, 10), 6, "the fifth packet locks");
        assert_eq!((source.locked(), source.settled()), (Some(stranger()), false));
        assert_eq!(source.judge(phone(), Instant::from_nanos(500_000_000)), Verdict::Locked);
        assert_eq!(source.destination(), Some(phone()));
    }

    #[test]
    fn a_learned_lock_is_for_good_after_the_grace() {
        let mut source = Source::new(Some(phone()), SourceRule::Learned);
        let grace = LEARN_GRACE + Duration::from_millis(200);
        stream(&mut source, stranger(), 0, grace.as_millis() as u64 / 20);
        assert!(source.settled());
        assert_eq!(stream(&mut source, phone(), 3_000, 10), 0);
    }

    #[test]
    fn without_a_signalled_address_the_first_source_is_taken() {
        let mut source = Source::new(None, SourceRule::Learned);
        assert_eq!(source.judge(stranger(), Instant::ORIGIN), Verdict::Locked);
        assert_eq!(source.judge(phone(), Instant::ORIGIN), Verdict::Foreign);
    }

    #[test]
    fn another_port_of_the_signalled_host_displaces_a_stranger() {
        let mut source = Source::new(Some(phone()), SourceRule::Learned);
        let shifted = address("192.0.2.1:62000");
        stream(&mut source, stranger(), 0, 3);
        stream(&mut source, shifted, 60, 2);
        stream(&mut source, stranger(), 100, 50);
        assert_eq!(source.locked(), None, "the stranger is no candidate any more");
        stream(&mut source, shifted, 1_200, 3);
        assert_eq!(source.locked(), Some(shifted));
    }

    #[test]
    fn the_same_description_again_changes_nothing_and_another_begins_anew() {
        let mut source = Source::new(None, SourceRule::Learned);
        source.judge(stranger(), Instant::ORIGIN);
        assert!(!source.describe(None, SourceRule::Learned, false));
        assert_eq!(source.locked(), Some(stranger()));
        assert!(source.describe(Some(phone()), SourceRule::Learned, false));
        assert_eq!(source.locked(), None);
    }

    #[test]
    fn where_checks_decide_packets_teach_nothing() {
        let mut source = Source::checked(Some(phone()));
        assert_eq!((stream(&mut source, phone(), 0, 100), source.destination()), (0, None));
        assert!(source.nominate(phone()) && !source.nominate(phone()));
        assert_eq!((stream(&mut source, phone(), 2_000, 5), stream(&mut source, stranger(), 2_000, 100)), (5, 0));
        let roamed = address("203.0.113.5:5000");
        assert!(source.nominate(roamed));
        assert_eq!((source.destination(), source.settled()), (Some(roamed), false));
        assert_eq!(stream(&mut source, phone(), 4_000, 5), 5, "under way");
        source.forget();
        assert_eq!((stream(&mut source, roamed, 6_000, 5), source.destination()), (0, None));
    }

    #[test]
    fn a_description_with_checks_keeps_the_nominated_pair_and_one_without_ends_them() {
        let mut source = Source::new(Some(phone()), SourceRule::Learned);
        assert!(source.describe(Some(phone()), SourceRule::Learned, true));
        source.nominate(stranger());
        assert!(!source.describe(None, SourceRule::Learned, true));
        assert_eq!(source.destination(), Some(stranger()));
        assert!(source.describe(Some(phone()), SourceRule::Signalled, false));
        assert_eq!(source.destination(), Some(phone()));
    }
}
