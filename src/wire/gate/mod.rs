//! The gate before the parser: who may send at all, how much, and who is shut out for a time.
//!
//! It looks at the source of a packet and at its first bytes, and neither locks nor allocates for one. What it knows of sources lives in tables of
//! fixed size (`sources`, `bans`); what happens when they are full is said there. It deliberately parses nothing and answers nothing: a packet passes, or it
//! is dropped and counted by its reason. What an address is to the exchange (a trunk, a registered phone) it asks for when it matters only.
//!
//! A datagram may bear a forged source. Therefore nobody is banned for what he sends without a proof that he receives there: a ban follows wrong
//! answers to challenges, and a challenge is good for the source that it was sent to only. And a ban never holds for an address and port that a phone is
//! registered from, nor for a trunk.

mod bans;
mod networks;
mod peek;
mod rate;
mod rules;
mod sources;

pub use self::{
    bans::{Ban, BanReason},
    networks::Networks,
    rules::{Rates, Rules},
};

use self::{
    bans::Bans,
    peek::Kind,
    rate::Bucket,
    sources::{Key, Sources},
};
use crate::store::StoredBan;
use contract::Instant;
use signaling::flow::{ListenerId, Source, Standing};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// A source from which a phone is registered has so many times the failures of a stranger: several people may be behind it, and one of them mistypes.
const PATIENCE: u32 = 5;

/// An answer to a datagram of somebody who is neither registered nor a trunk is at most so many times as long as what he sent: who forges a source
/// gains nothing by us. The factor of RFC 9000 section 8.1; the longest honest challenge is less than twice the shortest honest request.
pub(super) const AMPLIFICATION_MAX: usize = 3;

/// Why something was dropped before it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shut {
    /// Its network is never served.
    Denied,
    /// Its network is none of the listener's.
    Outside,
    /// Its source is banned.
    Banned,
    /// More packets than a source may send.
    Packets,
    /// More REGISTERs.
    Registers,
    /// More INVITEs.
    Invites,
    /// It says that it is a scanner.
    Scanner,
    /// More connections, at once or in a second.
    Connections,
    /// The answer would have been longer than `AMPLIFICATION_MAX` allows.
    Amplification,
}

impl Shut {
    /// All, in order, as figures call them.
    pub const ALL: [(Self, &str); 9] = [
        (Self::Denied, "denied"),
        (Self::Outside, "foreign_network"),
        (Self::Banned, "banned"),
        (Self::Packets, "rate_packets"),
        (Self::Registers, "rate_register"),
        (Self::Invites, "rate_invite"),
        (Self::Scanner, "scanner"),
        (Self::Connections, "rate_connections"),
        (Self::Amplification, "amplification"),
    ];
}

/// What an operator wants of the bans.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BanOrder {
    /// See those in force, newest first.
    List,
    /// Shut a source out.
    Put {
        /// An address of it.
        address: IpAddr,
        /// For how long; none: as the configuration says.
        span: Option<Duration>,
    },
    /// End the ban of the source of an address, or all; those that were in force are told.
    Lift(Option<IpAddr>),
}

/// What an address is to the exchange.
pub(super) type Ask<'a> = &'a dyn Fn(SocketAddr) -> Standing;

/// What a piece of a stream held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Tally {
    /// REGISTERs.
    pub(super) registers: u32,
    /// INVITEs.
    pub(super) invites: u32,
    /// Requests and responses of all kinds.
    pub(super) messages: u32,
}

/// The gate.
pub(super) struct Gate {
    rules: Rules,
    sources: Sources,
    bans: Bans,
}

impl Gate {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, sources: Sources::new(), bans: Bans::new() }
    }

    /// Judges a datagram.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        listener: ListenerId,
        remote: SocketAddr,
        bytes: &[u8],
        ask: Ask<'_>,
    ) -> Result<(), Shut> {
        if self.known(now, listener, remote, ask)? {
            return Ok(());
        }
        let kind = peek::kind(bytes);
        if let Err(shut) = self.spend(now, Key::of(remote.ip()), kind) {
            match self.standing(now, remote, ask) {
                Standing::Trunk => {}
                // A bucket of its own: who would use it up in the phone's name has to forge its port too.
                Standing::Registered => self.spend(now, Key::exactly(remote), kind)?,
                Standing::Neighbour | Standing::Stranger => return Err(shut),
            }
        }
        self.scanner(now, remote, bytes, ask)
    }

    /// Judges a connection that comes in; `open` are those of its source that are open already.
    pub(super) fn connection(
        &mut self,
        now: Instant,
        listener: ListenerId,
        remote: SocketAddr,
        open: usize,
        ask: Ask<'_>,
    ) -> Result<(), Shut> {
        if self.known(now, listener, remote, ask)? {
            return Ok(());
        }
        let entry = self.sources.entry(Key::of(remote.ip()), now);
        let admitted = open < self.rules.connections && self.rules.connects.take(&mut entry.connects, now);
        if admitted || self.standing(now, remote, ask) == Standing::Trunk {
            return Ok(());
        }
        Err(Shut::Connections)
    }

    /// Judges a piece of a stream before it is read. What it held is booked afterwards ([`Gate::charge`]).
    pub(super) fn piece(&mut self, now: Instant, remote: SocketAddr, bytes: &[u8], ask: Ask<'_>) -> Result<(), Shut> {
        let address = remote.ip();
        if self.rules.deny.contains(address) {
            return Err(Shut::Denied);
        }
        if self.rules.allow.contains(address) {
            return Ok(());
        }
        self.banned(now, remote, ask)?;
        self.scanner(now, remote, bytes, ask)
    }

    /// Books what a piece of a stream held.
    pub(super) fn charge(&mut self, now: Instant, remote: SocketAddr, tally: Tally) {
        if tally == Tally::default() || self.rules.allow.contains(remote.ip()) {
            return;
        }
        let Self { rules, sources, .. } = self;
        let entry = sources.entry(Key::of(remote.ip()), now);
        rules.packets.book(&mut entry.packets, now, tally.messages);
        rules.registers.book(&mut entry.registers, now, tally.registers);
        rules.invites.book(&mut entry.invites, now, tally.invites);
    }

    /// How long streams of a source are not read, because they brought more than it may send. Nothing of a stream is lost: it comes later.
    pub(super) fn owed(&mut self, now: Instant, remote: SocketAddr, ask: Ask<'_>) -> Duration {
        if self.rules.allow.contains(remote.ip()) {
            return Duration::ZERO;
        }
        let Self { rules, sources, .. } = self;
        let entry = sources.entry(Key::of(remote.ip()), now);
        let owed = [
            rules.packets.owed(entry.packets, now),
            rules.registers.owed(entry.registers, now),
            rules.invites.owed(entry.invites, now),
        ];
        let owed = owed.into_iter().max().unwrap_or_default();
        if !owed.is_zero() && self.standing(now, remote, ask) == Standing::Trunk { Duration::ZERO } else { owed }
    }

    /// A wrong answer to a challenge came from there. The ban that follows, if one does.
    pub(super) fn failed(&mut self, now: Instant, remote: SocketAddr, ask: Ask<'_>) -> Option<Ban> {
        if self.rules.allow.contains(remote.ip()) || self.rules.deny.contains(remote.ip()) {
            return None;
        }
        let patience = match ask(remote) {
            Standing::Trunk => return None,
            Standing::Registered | Standing::Neighbour => PATIENCE,
            Standing::Stranger => 1,
        };
        let most = self.rules.failures_max.saturating_mul(patience);
        let bucket = Bucket::new(most, self.rules.ban);
        let entry = self.sources.entry(Key::of(remote.ip()), now);
        if !bucket.fills(&mut entry.failures, now) {
            return None;
        }
        entry.failures = Instant::ORIGIN;
        let ban = Ban {
            source: Source::of(remote.ip()),
            since: now,
            until: now + self.rules.ban,
            reason: BanReason::Failures,
        };
        self.bans.put(now, ban);
        Some(ban)
    }

    /// Shuts a source out by order. `None`: it is one that is never banned.
    fn ban(&mut self, now: Instant, address: IpAddr, span: Option<Duration>, ask: Ask<'_>) -> Option<Ban> {
        if self.rules.allow.contains(address) || ask(SocketAddr::new(address, 0)) == Standing::Trunk {
            return None;
        }
        let until = now + span.unwrap_or(self.rules.ban);
        let ban = Ban { source: Source::of(address), since: now, until, reason: BanReason::Operator };
        self.bans.put(now, ban);
        Some(ban)
    }

    /// Bans that were in force before a restart.
    pub(super) fn restore(&mut self, now: Instant, bans: &[StoredBan]) {
        for StoredBan { source, reason, expires_in } in bans {
            if !self.rules.allow.contains(*source) {
                let ban = Ban { source: Source::of(*source), since: now, until: now + *expires_in, reason: *reason };
                self.bans.put(now, ban);
            }
        }
    }

    /// Ends the ban of a source, or all; those that there were.
    fn lift(&mut self, now: Instant, address: Option<IpAddr>) -> Vec<Ban> {
        let lifted = self.bans.lift(now, address.map(Source::of));
        for ban in &lifted {
            self.sources.entry(Key::of(ban.source.first()), now).failures = Instant::ORIGIN;
        }
        lifted
    }

    /// How many bans are in force.
    pub(super) fn bans_active(&mut self, now: Instant) -> usize {
        self.bans.count(now)
    }

    /// Whether an address is `security.allow`'s.
    pub(super) fn is_allowed(&self, address: IpAddr) -> bool {
        self.rules.allow.contains(address)
    }

    /// Carries an order out. `None`: the source is one that is never banned.
    pub(super) fn order(&mut self, now: Instant, order: BanOrder, ask: Ask<'_>) -> Option<Vec<Ban>> {
        match order {
            BanOrder::List => Some(self.bans.list(now)),
            BanOrder::Put { address, span } => self.ban(now, address, span, ask).map(|ban| vec![ban]),
            BanOrder::Lift(address) => Some(self.lift(now, address)),
        }
    }

    /// What concerns datagrams and connections alike; `true`: nothing further is asked of this one.
    fn known(&mut self, now: Instant, listener: ListenerId, remote: SocketAddr, ask: Ask<'_>) -> Result<bool, Shut> {
        let address = remote.ip();
        if self.rules.deny.contains(address) {
            return Err(Shut::Denied);
        }
        if self.rules.allow.contains(address) {
            return Ok(true);
        }
        if !self.rules.serves(listener, address) && self.standing(now, remote, ask) != Standing::Trunk {
            return Err(Shut::Outside);
        }
        self.banned(now, remote, ask)?;
        Ok(false)
    }

    fn banned(&mut self, now: Instant, remote: SocketAddr, ask: Ask<'_>) -> Result<(), Shut> {
        if !self.bans.holds(now, Source::of(remote.ip())) {
            return Ok(());
        }
        match self.standing(now, remote, ask) {
            Standing::Trunk | Standing::Registered => Ok(()),
            Standing::Neighbour | Standing::Stranger => Err(Shut::Banned),
        }
    }

    fn spend(&mut self, now: Instant, key: Key, kind: Kind) -> Result<(), Shut> {
        let Self { rules, sources, .. } = self;
        let entry = sources.entry(key, now);
        let take =
            |bucket: &Bucket, level: &mut Instant, shut| if bucket.take(level, now) { Ok(()) } else { Err(shut) };
        take(&rules.packets, &mut entry.packets, Shut::Packets)?;
        match kind {
            Kind::Register => take(&rules.registers, &mut entry.registers, Shut::Registers),
            Kind::Invite => take(&rules.invites, &mut entry.invites, Shut::Invites),
            Kind::Other => Ok(()),
        }
    }

    fn scanner(&mut self, now: Instant, remote: SocketAddr, bytes: &[u8], ask: Ask<'_>) -> Result<(), Shut> {
        if !self.rules.drops_scanners || !peek::is_scanner(bytes) {
            return Ok(());
        }
        match self.standing(now, remote, ask) {
            Standing::Trunk | Standing::Registered => Ok(()),
            Standing::Neighbour | Standing::Stranger => Err(Shut::Scanner),
        }
    }

    /// What the address is; that it is nothing is remembered for a moment, so that a flood does not make us ask for each packet.
    fn standing(&mut self, now: Instant, remote: SocketAddr, ask: Ask<'_>) -> Standing {
        let entry = self.sources.entry(Key::of(remote.ip()), now);
        if entry.strange_until > now {
            return Standing::Stranger;
        }
        let standing = ask(remote);
        if standing == Standing::Stranger {
            entry.strange_until = now + sources::STRANGE_FOR;
        }
        standing
    }
}

#[cfg(test)]
mod tests;
