//! A shard on a bench: commands in, events out, phones around it. The same over simulated and real sockets.

#![allow(dead_code, unreachable_pub, reason = "each test binary is a crate of its own and uses its part of the rig")]

pub mod browser;
pub mod memory;
pub mod packets;
pub mod sockets;
pub mod tones;

use contract::{
    BusSet, Codec, Format, Hearing, HearingTable, Instant, LegReport, LegSpec, MediaCommand, MediaEvent, MediaRefusal,
    MemberId, NodeId, PeerSpec, SessionId, ShardId, SourceRule,
};
use core::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};
use media_core::{
    observe::Tally,
    secure::Certificate,
    shard::{Doors, ShardConfig},
};
use std::sync::Arc;

/// What every bench can do.
pub trait Rig {
    /// The shard's doors.
    fn doors(&self) -> &Doors;
    /// Works off what is there.
    fn settle(&mut self);
    /// The address of phone `number`; its RTCP has the next port.
    fn phone(&mut self, number: u16) -> SocketAddr;
    /// A phone sends.
    fn say(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]);
    /// What the phone at `at` hears next, and from where; `None`: nothing comes.
    fn hear(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)>;

    /// The clock.
    fn now(&self) -> Instant;
    /// What the phone at `at` has heard already.
    fn poll(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)>;

    /// Obeys one command.
    fn tell(&mut self, command: MediaCommand) {
        self.doors().commands.push(command).expect("room");
        self.settle();
    }

    fn event(&mut self) -> Option<MediaEvent> {
        self.settle();
        self.doors().events.pop()
    }

    fn tally(&mut self) -> Tally {
        self.settle();
        self.doors().counters.snapshot()
    }

    fn try_open(&mut self, session: u64, member: u16) -> Result<SocketAddr, MediaRefusal> {
        self.tell(MediaCommand::OpenLeg { session: name(session), member: MemberId(member), spec: spec() });
        match self.event() {
            Some(MediaEvent::LegOpened { rtp, .. }) => Ok(rtp),
            Some(MediaEvent::LegRefused { why, .. }) => Err(why),
            other => panic!("an open is answered: {other:?}"),
        }
    }

    fn open(&mut self, session: u64, member: u16) -> SocketAddr {
        self.try_open(session, member).expect("opened")
    }

    fn describe(&mut self, session: u64, member: u16, peer: PeerSpec) {
        self.tell(MediaCommand::DescribeLeg { session: name(session), member: MemberId(member), peer: Box::new(peer) });
    }

    fn hearing(&mut self, session: u64, rows: &[(u16, &[u32], &[u32])]) {
        self.tell(MediaCommand::SetHearing { session: name(session), table: table(rows) });
    }

    /// Two legs on a bus, described with phones 0 and 1. Returns the shard's addresses and the phones'.
    fn call(&mut self, source: SourceRule) -> Call {
        let ours = [self.open(1, 0), self.open(1, 1)];
        let phones = [self.phone(0), self.phone(1)];
        for side in 0..2 {
            self.describe(1, side, peer(phones[usize::from(side)], source));
        }
        self.hearing(1, TWO_ON_A_BUS);
        Call { ours, phones }
    }

    /// Closes the session; the reports of its legs.
    fn close(&mut self, session: u64) -> Vec<LegReport> {
        self.tell(MediaCommand::CloseSession { session: name(session) });
        let mut reports = Vec::new();
        loop {
            match self.event() {
                Some(MediaEvent::LegClosed { report, .. }) => reports.push(report),
                Some(MediaEvent::SessionClosed { session: closed }) => {
                    assert_eq!(closed, name(session));
                    return reports;
                }
                Some(_) => {}
                None => panic!("a close is answered"),
            }
        }
    }
}

/// Both sides of a call: index 0 and 1.
pub struct Call {
    pub ours: [SocketAddr; 2],
    pub phones: [SocketAddr; 2],
}

pub const TWO_ON_A_BUS: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[0]), (1, &[0], &[0])];

pub fn name(session: u64) -> SessionId {
    SessionId::new(NodeId(0), session)
}

pub fn spec() -> LegSpec {
    LegSpec { ipv6: false, silence_timeout: Duration::from_secs(60), report_every: None, asked_at: Instant::ORIGIN }
}

pub fn table(rows: &[(u16, &[u32], &[u32])]) -> HearingTable {
    let set = |buses: &[u32]| buses.iter().fold(BusSet::NONE, |all, bus| all.with(BusSet::bus(*bus)));
    HearingTable::new(rows.iter().map(|(member, speaks, hears)| Hearing {
        member: MemberId(*member),
        speaks: set(speaks),
        hears: set(hears),
        gain: contract::Gain::UNITY,
    }))
}

pub const PCMU: Format = Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 };
pub const PCMA: Format = Format { payload_type: 8, codec: Codec::Pcma, clock_rate_hz: 8_000, channels: 1 };

pub const fn event(payload_type: u8) -> Format {
    Format { payload_type, codec: Codec::TelephoneEvent, clock_rate_hz: 8_000, channels: 1 }
}

/// A far end with G.711 and its RTCP on the next port.
pub fn peer(rtp: SocketAddr, source: SourceRule) -> PeerSpec {
    let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
    PeerSpec {
        rtp: Some(rtp),
        rtcp: Some(rtcp),
        rtcp_mux: false,
        source,
        formats: vec![PCMU, PCMA],
        packet_time: Duration::from_millis(20),
        digits: contract::DigitMode::Event,
        security: contract::Security::None,
        ice: None,
    }
}

/// A certificate of its own.
pub fn certificate() -> Arc<Certificate> {
    Arc::new(Certificate::generate().expect("randomness"))
}

/// A shard alone, on loopback.
pub fn config(ports: RangeInclusive<u16>) -> ShardConfig {
    ShardConfig {
        id: ShardId(0),
        shards: 1,
        bind_v4: Some(Ipv4Addr::LOCALHOST),
        bind_v6: Some(Ipv6Addr::LOCALHOST),
        ports,
        seed: 7,
        certificate: certificate(),
        library: std::sync::Arc::default(),
    }
}
