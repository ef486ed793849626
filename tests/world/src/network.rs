//! The network between the phones and the exchange: datagrams that are lost, doubled and overtaken, streams that arrive in pieces and break,
//! NATs that forget. It knows addresses and bytes, no SIP.

use crate::{rng::Rng, swarm::Faults};
use contract::Instant;
use core::{net::SocketAddr, time::Duration};
use signaling::flow::{ConnectionId, Flow, FlowEnd, ListenerId, Transport};
use std::collections::BTreeMap;

/// Something the network brings.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    ToExchange { flow: Flow, bytes: Vec<u8> },
    ToPhone { phone: usize, connection: Option<ConnectionId>, bytes: Vec<u8> },
    Opened(ConnectionId),
    Lost { connection: ConnectionId, why: FlowEnd },
}

/// Deliveries to come, with their times.
pub(crate) type Plan = Vec<(Instant, Delivery)>;

/// One phone's place in the network.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) home: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) listener: ListenerId,
    nat: Option<Nat>,
    /// Nothing comes in or goes out.
    pub(crate) cut: bool,
    /// The stream the phone opened.
    stream: Option<ConnectionId>,
}

#[derive(Debug)]
struct Nat {
    public: SocketAddr,
    used_at: Instant,
}

#[derive(Debug)]
struct Stream {
    phone: usize,
    flow: Flow,
    /// Nothing may overtake what was sent before.
    in_until: Instant,
    out_until: Instant,
    opening: bool,
}

/// The whole.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) faults: Faults,
    rng: Rng,
    pub(crate) hosts: Vec<Host>,
    streams: BTreeMap<ConnectionId, Stream>,
    accepted: u64,
    ephemeral: u16,
}

impl Network {
    pub(crate) const fn new(faults: Faults, rng: Rng) -> Self {
        Self { faults, rng, hosts: Vec::new(), streams: BTreeMap::new(), accepted: 0, ephemeral: 40_000 }
    }

    /// Plugs a phone in; returns its place.
    pub(crate) fn plug(
        &mut self,
        home: SocketAddr,
        transport: Transport,
        listener: ListenerId,
        behind_nat: bool,
    ) -> usize {
        let phone = self.hosts.len();
        let nat = behind_nat.then(|| Nat { public: self.public_address(home, phone), used_at: Instant::ORIGIN });
        self.hosts.push(Host { home, transport, listener, nat, cut: false, stream: None });
        phone
    }

    fn public_address(&mut self, home: SocketAddr, phone: usize) -> SocketAddr {
        self.ephemeral = if self.ephemeral > 60_000 { 40_000 } else { self.ephemeral + 1 };
        let low = u8::try_from(phone + 1).unwrap_or(0);
        if home.is_ipv6() {
            SocketAddr::new([0x2001, 0xdb8, 0, 7, 0, 0, 0, u16::from(low)].into(), self.ephemeral)
        } else {
            SocketAddr::new([198, 51, 100, low].into(), self.ephemeral)
        }
    }

    fn delay(&mut self) -> Duration {
        let most = u64::try_from(self.faults.delay_max.as_nanos()).unwrap_or(0).max(1);
        Duration::from_nanos(50_000 + self.rng.below(most))
    }

    /// How many copies of a datagram arrive.
    fn copies(&mut self) -> usize {
        let copies = 1 + usize::from(self.rng.chance(self.faults.duplicate_percent));
        (0..copies).filter(|_| !self.rng.chance(self.faults.loss_percent)).count()
    }

    /// A phone sends.
    pub(crate) fn phone_sends(&mut self, now: Instant, phone: usize, bytes: &[u8]) -> Plan {
        match self.hosts[phone].transport {
            Transport::Udp => self.datagram_in(now, phone, bytes),
            // No phone of the world speaks by TLS or WebSocket.
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => self.stream_in(now, phone, bytes),
        }
    }

    fn datagram_in(&mut self, now: Instant, phone: usize, bytes: &[u8]) -> Plan {
        let life = self.faults.nat_life;
        let host = &self.hosts[phone];
        if host.cut {
            return Vec::new();
        }
        let (home, listener) = (host.home, host.listener);
        if host.nat.as_ref().is_some_and(|n| now.since(n.used_at) > life) {
            self.rebind(phone);
        }
        let remote = self.hosts[phone].nat.as_mut().map_or(home, |nat| {
            nat.used_at = now;
            nat.public
        });
        let flow = Flow::datagram(listener, remote);
        let copies = self.copies();
        (0..copies).map(|_| (now + self.delay(), Delivery::ToExchange { flow, bytes: bytes.to_vec() })).collect()
    }

    fn stream_in(&mut self, now: Instant, phone: usize, bytes: &[u8]) -> Plan {
        if self.hosts[phone].cut {
            return Vec::new();
        }
        let connection = match self.hosts[phone].stream.filter(|c| self.streams.contains_key(c)) {
            Some(connection) => connection,
            None => self.connect(now, phone),
        };
        let mut plan = Vec::new();
        for piece in self.pieces(bytes) {
            let delay = self.delay();
            let Some(stream) = self.streams.get_mut(&connection) else { break };
            stream.in_until = (now + delay).max(stream.in_until + Duration::from_nanos(1));
            plan.push((stream.in_until, Delivery::ToExchange { flow: stream.flow, bytes: piece }));
        }
        plan
    }

    fn connect(&mut self, now: Instant, phone: usize) -> ConnectionId {
        self.accepted += 1;
        let connection = ConnectionId(self.accepted);
        let (home, listener) = (self.hosts[phone].home, self.hosts[phone].listener);
        let mut remote = if self.hosts[phone].nat.is_some() { self.public_address(home, phone) } else { home };
        self.ephemeral += 1;
        remote.set_port(self.ephemeral);
        let flow = Flow::stream(listener, remote, connection);
        self.streams.insert(connection, Stream { phone, flow, in_until: now, out_until: now, opening: false });
        self.hosts[phone].stream = Some(connection);
        connection
    }

    fn pieces(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if !self.faults.fragments || bytes.len() < 2 || !self.rng.chance(30) {
            return vec![bytes.to_vec()];
        }
        let at = usize::try_from(self.rng.between(1, bytes.len() as u64 - 1)).unwrap_or(1);
        vec![bytes[..at].to_vec(), bytes[at..].to_vec()]
    }

    /// The exchange sends.
    pub(crate) fn exchange_sends(&mut self, now: Instant, flow: Flow, bytes: &[u8]) -> Plan {
        let Some(connection) = flow.connection else { return self.datagram_out(now, flow, bytes) };
        let mut plan = Vec::new();
        for piece in self.pieces(bytes) {
            let delay = self.delay();
            let Some(stream) = self.streams.get_mut(&connection) else { break };
            stream.out_until = (now + delay).max(stream.out_until + Duration::from_nanos(1));
            let (phone, at) = (stream.phone, stream.out_until);
            plan.push((at, Delivery::ToPhone { phone, connection: Some(connection), bytes: piece }));
        }
        plan
    }

    fn datagram_out(&mut self, now: Instant, flow: Flow, bytes: &[u8]) -> Plan {
        let life = self.faults.nat_life;
        let Some(phone) = self.hosts.iter().position(|h| {
            h.transport == Transport::Udp
                && match &h.nat {
                    Some(nat) => nat.public == flow.remote && now.since(nat.used_at) <= life,
                    None => h.home == flow.remote,
                }
        }) else {
            return Vec::new();
        };
        if self.hosts[phone].cut {
            return Vec::new();
        }
        if let Some(nat) = &mut self.hosts[phone].nat {
            nat.used_at = now;
        }
        let copies = self.copies();
        (0..copies)
            .map(|_| (now + self.delay(), Delivery::ToPhone { phone, connection: None, bytes: bytes.to_vec() }))
            .collect()
    }

    /// The exchange opens a stream.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        listener: ListenerId,
        remote: SocketAddr,
    ) -> Plan {
        let found = self
            .hosts
            .iter()
            .position(|h| h.transport == Transport::Tcp && h.nat.is_none() && h.home == remote && !h.cut);
        let refused = self.rng.chance(self.faults.refuse_percent);
        let delay = self.delay();
        match found {
            Some(phone) if !refused => {
                let flow = Flow::stream(listener, remote, connection);
                self.streams
                    .insert(connection, Stream { phone, flow, in_until: now, out_until: now + delay, opening: true });
                vec![(now + delay, Delivery::Opened(connection))]
            }
            Some(_) | None => vec![(now + delay, Delivery::Lost { connection, why: FlowEnd::NotOpened })],
        }
    }

    /// Whether a planned delivery still can happen, asked at its time.
    pub(crate) fn arrives(&mut self, delivery: &Delivery) -> bool {
        match delivery {
            Delivery::ToExchange { flow, .. } => flow.connection.is_none_or(|c| self.streams.contains_key(&c)),
            Delivery::ToPhone { phone, connection, .. } => {
                !self.hosts[*phone].cut && connection.is_none_or(|c| self.streams.contains_key(&c))
            }
            Delivery::Opened(connection) => {
                let Some(stream) = self.streams.get_mut(connection) else { return false };
                stream.opening = false;
                let phone = stream.phone;
                self.hosts[phone].stream = Some(*connection);
                true
            }
            Delivery::Lost { .. } => true,
        }
    }

    /// The exchange closed a stream; returns whose it was.
    pub(crate) fn close(&mut self, connection: ConnectionId) -> Option<usize> {
        self.streams.remove(&connection).map(|s| s.phone)
    }

    /// All streams of a phone break.
    pub(crate) fn reset(&mut self, now: Instant, phone: usize) -> Plan {
        let gone: Vec<ConnectionId> = self.streams.iter().filter(|(_, s)| s.phone == phone).map(|(c, _)| *c).collect();
        gone.into_iter()
            .filter_map(|connection| {
                let stream = self.streams.remove(&connection)?;
                let why = if stream.opening { FlowEnd::NotOpened } else { FlowEnd::Failed };
                Some((now + self.delay(), Delivery::Lost { connection, why }))
            })
            .collect()
    }

    /// The NAT forgets the phone and gives it another port.
    pub(crate) fn rebind(&mut self, phone: usize) {
        let home = self.hosts[phone].home;
        if self.hosts[phone].nat.is_some() {
            let public = self.public_address(home, phone);
            self.hosts[phone].nat = Some(Nat { public, used_at: Instant::ORIGIN });
        }
    }
}
