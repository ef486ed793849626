//! One party's network side.

use super::{
    egress::{Egress, StreamKey},
    payload::PayloadMap,
};
use crate::{
    flow::{Gate, PortPair, Source},
    ice::Agent,
    io::Buffer,
    rtp::{
        Reception,
        control::{Control, Ours},
    },
    secure::{Certificate, Guard, dtls::Association, guard::Keyed},
};
use contract::{Codec, Format, IceSpec, Instant, LegReport, MemberId, PeerSpec, Security, SessionId};
use core::{net::SocketAddr, time::Duration};

/// The tier of every path of this version, [`LegReport::tier`].
pub const RELAY_TIER: u8 = 1;

/// Where a leg's packets go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Path {
    /// Nobody hears it.
    Silent,
    /// Somebody should hear it, but there is no path.
    Missing,
    /// To this leg.
    Relay(u32),
}

/// What a leg's far end was described as.
#[derive(Debug)]
pub struct Peer {
    /// Which RTP source is believed, and where RTP goes.
    pub source: Source,
    /// Where RTCP goes by the description.
    pub rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// Negotiated formats, preferred first.
    pub formats: Box<[Format]>,
}

/// A leg.
#[derive(Debug)]
pub struct Leg {
    /// Never the same for two legs of a shard within 2³² legs.
    pub serial: u32,
    /// Whose it is.
    pub session: SessionId,
    /// Its name there.
    pub member: MemberId,
    /// Where it receives RTP.
    pub local: SocketAddr,
    /// Its ports.
    pub ports: PortPair,
    /// Its far end, once described.
    pub peer: Option<Peer>,
    /// The RTP socket is connected to the believed source.
    pub connected: bool,
    /// The believed source that signaling was told of.
    pub told_source: Option<SocketAddr>,
    /// Where RTCP was last heard from.
    pub rtcp_source: Option<SocketAddr>,
    /// What came.
    pub reception: Reception,
    /// What goes.
    pub egress: Egress,
    /// Where its packets go.
    pub path: Path,
    /// Whose packets it gets.
    pub feed: Option<u32>,
    /// Payload types on the way of `path`.
    pub payloads: PayloadMap,
    /// Datagrams of it, or for it, that were dropped.
    pub dropped: u64,
    /// When it was last heard, or last described.
    pub heard_at: Instant,
    /// Its silence was reported.
    pub silent: bool,
    /// After this long without a packet it is.
    pub silence_timeout: Duration,
    /// When its next report is due.
    pub report_at: Option<Instant>,
    /// How often it is measured.
    pub report_every: Option<Duration>,
    /// Its RTCP.
    pub control: Control,
    /// Its keys; `None`: its media is in clear.
    pub guard: Option<Box<Guard>>,
    /// Its connectivity checks; `None`: the far end does none.
    pub checks: Option<Box<Agent>>,
    /// Its handshake, on the way.
    pub handshake: Handshake,
}

/// How an address that a handshake comes from is judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Belief {
    /// It is the far end's, by description or by its checks.
    Sure,
    /// It may turn out to be.
    Strange,
    /// It is not.
    Foreign,
}

/// What a leg's handshake is about besides its bytes.
#[derive(Debug, Default)]
pub struct Handshake {
    /// With whom.
    pub far_end: Option<SocketAddr>,
    /// A ClientHello that came before the description.
    pub early: Option<(Option<SocketAddr>, Buffer)>,
    /// How much may come from addresses that are vouched for.
    pub gate: Gate,
    /// How much may come from others.
    pub strange_gate: Gate,
}

impl Leg {
    /// The stream it sends now.
    #[must_use]
    pub const fn stream(&self) -> StreamKey {
        StreamKey { leg: self.serial, epoch: self.reception.epoch() }
    }

    /// Its negotiated formats; none before it is described.
    #[must_use]
    pub fn formats(&self) -> &[Format] {
        self.peer.as_ref().map_or(&[], |peer| &peer.formats)
    }

    /// Where RTCP goes when it has a port of its own: where it was heard from, else as described, else next to a learned RTP source.
    #[must_use]
    pub fn rtcp_destination(&self) -> Option<SocketAddr> {
        let peer = self.peer.as_ref()?;
        if let Some(heard) = self.rtcp_source {
            return Some(heard);
        }
        match (peer.source.locked(), peer.source.signalled()) {
            (Some(locked), signalled) if Some(locked) != signalled => {
                Some(SocketAddr::new(locked.ip(), locked.port().checked_add(1)?))
            }
            _ => peer.rtcp,
        }
    }

    /// Whether it is known where RTCP goes.
    #[must_use]
    pub fn knows_rtcp(&self) -> bool {
        match &self.peer {
            Some(peer) if peer.rtcp_mux => self.connected || peer.source.destination().is_some(),
            Some(_) => self.rtcp_destination().is_some(),
            None => false,
        }
    }

    /// Whether RTCP from `from` is this leg's: from the described address, or from the host whose RTP is believed.
    #[must_use]
    pub fn believes_rtcp(&self, from: SocketAddr) -> bool {
        self.peer.as_ref().is_some_and(|peer| {
            peer.rtcp == Some(from) || peer.source.locked().is_some_and(|locked| locked.ip() == from.ip())
        })
    }

    /// Takes over a description. Returns whether the source is to be learned anew.
    pub fn describe(&mut self, spec: PeerSpec) -> bool {
        let PeerSpec { rtp, rtcp, rtcp_mux, source: rule, formats, ice, .. } = spec;
        let formats = formats.into_boxed_slice();
        match &mut self.peer {
            Some(peer) => {
                let anew = peer.source.describe(rtp, rule, ice.is_some());
                if peer.rtcp != rtcp || anew {
                    self.rtcp_source = None;
                }
                (peer.rtcp, peer.rtcp_mux, peer.formats) = (rtcp, rtcp_mux, formats);
                anew
            }
            None => {
                let source = if ice.is_some() { Source::checked(rtp) } else { Source::new(rtp, rule) };
                self.peer = Some(Peer { source, rtcp, rtcp_mux, formats });
                true
            }
        }
    }

    /// Takes over how its media is protected. Returns what changed.
    pub fn guard(&mut self, security: &Security, certificate: &Certificate, now: Instant) -> Keyed {
        if *security == Security::None {
            self.guard = None;
            return Keyed::Same;
        }
        self.guard.get_or_insert_default().describe(security, certificate, now)
    }

    /// Takes over how it is checked.
    pub fn check(&mut self, ice: Option<&IceSpec>, now: Instant) {
        match (&mut self.checks, ice) {
            (Some(agent), Some(ice)) => agent.describe(ice, now),
            (checks, ice) => *checks = ice.map(|ice| Box::new(Agent::new(ice))),
        }
    }

    /// Judges an address; `None`: its socket is connected, and the system has judged.
    #[must_use]
    pub fn belief(&self, from: Option<SocketAddr>) -> Belief {
        match (from, &self.peer, &self.checks) {
            (None, Some(_), _) if self.connected => Belief::Sure,
            (Some(from), Some(_), Some(checks)) if checks.knows(from) => Belief::Sure,
            (Some(from), Some(peer), None) if peer.source.vouches_for(from) => Belief::Sure,
            (Some(_), Some(peer), None) if peer.source.may_learn() => Belief::Strange,
            _ => Belief::Foreign,
        }
    }

    /// The association its keys come from.
    pub fn association(&mut self) -> Option<&mut Association> {
        self.guard.as_mut().and_then(|guard| guard.association())
    }

    /// When it is silent, to be measured, or to be reported on next.
    #[must_use]
    pub fn due_at(&self) -> Instant {
        let mut due = self.control.due_at();
        for of_security in
            [self.guard.as_ref().and_then(|guard| guard.due()), self.checks.as_ref().and_then(|checks| checks.due())]
        {
            due = of_security.map_or(due, |at| due.min(at));
        }
        if !self.silent {
            due = due.min(self.heard_at + self.silence_timeout);
        }
        self.report_at.map_or(due, |report| due.min(report))
    }

    /// Whether RTCP of another leg is passed on to it, or its own to another: then both ends report to each other, and not we to them.
    #[must_use]
    pub const fn is_relayed(&self) -> bool {
        matches!(self.path, Path::Relay(_)) || self.feed.is_some()
    }

    /// Our stream to it, as RTCP tells of it.
    #[must_use]
    pub fn ours(&self, now: Instant) -> Ours {
        let speech = self.speech();
        let clock_rate_hz = speech.map_or(8_000, |format| format.clock_rate_hz);
        Ours {
            ssrc: self.egress.ssrc(),
            codec: speech.map(|format| format.codec),
            clock_rate_hz,
            packets: self.egress.packets(),
            octets: self.egress.octets(),
            timestamp: self.egress.timestamp_at(now, clock_rate_hz),
            playout: None,
        }
    }

    /// The preferred format for speech.
    fn speech(&self) -> Option<&Format> {
        self.formats().iter().find(|format| !matches!(format.codec, Codec::TelephoneEvent | Codec::ComfortNoise))
    }

    /// Its figures.
    #[must_use]
    pub fn report(&self) -> LegReport {
        let codec = self.speech().map(|format| format.codec);
        let mos = codec.and_then(|codec| self.control.mos(&self.reception, codec, None));
        LegReport {
            packets_received: self.reception.packets(),
            packets_sent: self.egress.packets(),
            octets_received: self.reception.octets(),
            octets_sent: self.egress.octets(),
            packets_lost: self.reception.lost(),
            packets_dropped: self.dropped,
            packets_duplicate: self.reception.duplicates(),
            packets_reordered: self.reception.reordered(),
            jitter: self.reception.jitter(),
            jitter_max: self.control.jitter_max().max(self.reception.jitter()),
            round_trip: self.control.round_trip(),
            round_trip_max: self.control.round_trip_max(),
            playout_delay: None,
            bursts: self.reception.bursts(),
            mos,
            // Of a leg shorter than an interval the whole is the worst known.
            mos_min: self.control.mos_min().or(mos),
            peer: self.control.peer(),
            codec,
            tier: RELAY_TIER,
        }
    }
}
