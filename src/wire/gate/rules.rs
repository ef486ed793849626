//! What the gate keeps to, as the configuration says it.

use super::{networks::Networks, rate::Bucket};
use signaling::flow::ListenerId;
use std::{net::IpAddr, time::Duration};

/// The rules.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) allow: Networks,
    pub(super) deny: Networks,
    /// By listener.
    pub(super) served: Vec<Networks>,
    pub(super) packets: Bucket,
    pub(super) registers: Bucket,
    pub(super) invites: Bucket,
    pub(super) connects: Bucket,
    /// Connections of one source at once.
    pub(super) connections: usize,
    /// Failures that are one too many.
    pub(super) failures_max: u32,
    /// How long a ban lasts, and in what time failures are forgotten.
    pub(super) ban: Duration,
    pub(super) drops_scanners: bool,
}

/// What one source may send: so many in a time.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Packets of all kinds.
    pub packets: (u32, Duration),
    /// REGISTERs.
    pub registers: (u32, Duration),
    /// INVITEs.
    pub invites: (u32, Duration),
    /// Connections.
    pub connects: (u32, Duration),
    /// Connections at once.
    pub connections: usize,
}

impl Rules {
    /// `allow` is never limited or banned, `deny` never served, even where both hold an address; `served` are the networks of each listener, in its order.
    #[must_use]
    pub fn new(
        (allow, deny): (Networks, Networks),
        served: Vec<Networks>,
        rates: Rates,
        (failures_max, ban): (u32, Duration),
        drops_scanners: bool,
    ) -> Self {
        let bucket = |(count, per)| Bucket::new(count, per);
        Self {
            allow,
            deny,
            served,
            packets: bucket(rates.packets),
            registers: bucket(rates.registers),
            invites: bucket(rates.invites),
            connects: bucket(rates.connects),
            connections: rates.connections,
            failures_max,
            ban,
            drops_scanners,
        }
    }

    /// Whether a listener serves an address.
    pub(super) fn serves(&self, listener: ListenerId, address: IpAddr) -> bool {
        self.served.get(usize::from(listener.0)).is_some_and(|networks| networks.contains(address))
    }
}
