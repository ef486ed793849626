//! One party's network side.

use super::{
    Ear, Keys, Voice, Way,
    egress::{Egress, StreamKey},
    payload::PayloadMap,
};
use crate::{
    codec,
    dtmf::event,
    flow::{Gate, PortPair, Source},
    ice::Agent,
    io::Buffer,
    limits::KEYS_PER_FRAME_MAX,
    rtp::{
        Header, Reception,
        control::{Control, Ours},
    },
    secure::{Certificate, Guard, dtls::Association, guard::Keyed},
};
use contract::{Codec, Format, IceSpec, Instant, Keypress, LegReport, MemberId, PeerSpec, Security, SessionId};
use core::{net::SocketAddr, time::Duration};

/// Packets pass as they are, [`LegReport::tier`].
pub const RELAY_TIER: u8 = 1;

/// Packets are decoded, summed and encoded.
pub const DSP_TIER: u8 = 2;

/// Where a leg's packets go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Path {
    /// Nobody hears it.
    Silent,
    /// Somebody should hear it, but it can neither be passed on nor decoded.
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
    /// How much sound one packet to it holds.
    pub packet_time: Duration,
    /// How keys go to it and come from it.
    pub keys: Way,
    /// Its payload types of RFC 4733 events, one bit each.
    pub events: u128,
}

/// What became of a packet beside being passed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// It is sound, or a key, that somebody hears in a sum.
    pub heard: bool,
    /// Keys that it ended.
    pub pressed: [Option<Keypress>; KEYS_PER_FRAME_MAX],
}

/// Numbers of the packets that we make for a leg ourselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Script {
    /// Of the next packet.
    pub sequence: u16,
    /// Of the next frame.
    pub timestamp: u32,
    /// Changes whenever these numbers are counted by another clock.
    pub epoch: u32,
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
    /// What it says, as sound; `None`: nobody needs the samples.
    pub voice: Option<Box<Voice>>,
    /// What it hears, when that is a sum.
    pub ear: Option<Box<Ear>>,
    /// Keys on their way to it; `None`: there never was one.
    pub keys: Option<Box<Keys>>,
    /// Numbers of what we send it ourselves.
    pub script: Script,
    /// Reads the events of its far end.
    pub pressed: event::Incoming,
    /// Its far end sent what its listener cannot take, though we could convert it.
    pub unlike: bool,
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

    /// The stream we make for it ourselves.
    #[must_use]
    pub const fn own_stream(&self) -> StreamKey {
        // Streams of far ends are counted from below.
        StreamKey { leg: self.serial, epoch: u32::MAX - self.script.epoch }
    }

    /// Which tier carries it.
    #[must_use]
    pub const fn tier(&self) -> u8 {
        if self.voice.is_some() || self.ear.is_some() { DSP_TIER } else { RELAY_TIER }
    }

    /// Whether it is known where its packets go.
    #[inline]
    #[must_use]
    pub fn has_destination(&self) -> bool {
        self.connected || self.peer.as_ref().is_some_and(|peer| peer.source.destination().is_some())
    }

    /// Takes in a packet of sound or of a key, if somebody needs it.
    #[inline]
    pub fn take(&mut self, header: &Header, packet: &[u8], clock_rate_hz: u32, now: Instant) -> Taken {
        let epoch = self.reception.epoch();
        let mut taken = Taken::default();
        if self.peer.as_ref().is_some_and(|peer| peer.events >> header.payload_type & 1 == 1) {
            let payload = header.payload(packet);
            let keys = self.pressed.push(now, header.timestamp, header.marker, payload, clock_rate_hz);
            for (place, key) in taken.pressed.iter_mut().zip(keys) {
                *place = Some(key);
            }
            if let Some(voice) = &mut self.voice {
                voice.press(taken.pressed.into_iter().flatten());
                taken.heard = true;
            }
            return taken;
        }
        if self.pressed.is_sounding() {
            // Sound again, and nothing more of the key: the packets that told its end were lost.
            taken.pressed[0] = self.pressed.overdue(now);
        }
        if let Some(voice) = &mut self.voice {
            voice.press_late(taken.pressed[0]);
            taken.heard = voice.insert(header, header.payload(packet), epoch, now);
        }
        taken
    }

    /// Whether packets of this type are sound that we could decode.
    #[must_use]
    pub fn can_decode(&self, payload_type: u8) -> bool {
        let format = self.formats().iter().find(|format| format.payload_type == payload_type);
        !self.unlike && format.is_some_and(|format| codec::entry(format).is_some())
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
        let PeerSpec { rtp, rtcp, rtcp_mux, source: rule, formats, packet_time, digits, ice, .. } = spec;
        let keys = Way::new(digits, &formats);
        let events = formats.iter().filter(|format| format.codec == Codec::TelephoneEvent);
        let events = events.fold(0, |events, format| events | 1_u128 << (format.payload_type & 0x7f));
        self.unlike = false;
        let formats = formats.into_boxed_slice();
        match &mut self.peer {
            Some(peer) => {
                let anew = peer.source.describe(rtp, rule, ice.is_some());
                if peer.rtcp != rtcp || anew {
                    self.rtcp_source = None;
                }
                (peer.rtcp, peer.rtcp_mux, peer.formats) = (rtcp, rtcp_mux, formats);
                (peer.packet_time, peer.keys, peer.events) = (packet_time, keys, events);
                anew
            }
            None => {
                let source = if ice.is_some() { Source::checked(rtp) } else { Source::new(rtp, rule) };
                self.peer = Some(Peer { source, rtcp, rtcp_mux, formats, packet_time, keys, events });
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
            playout: self.playout_delay(),
        }
    }

    /// The preferred format for speech.
    fn speech(&self) -> Option<&Format> {
        self.formats().iter().find(|format| !matches!(format.codec, Codec::TelephoneEvent | Codec::ComfortNoise))
    }

    /// How long its sound waits to be played evenly.
    fn playout_delay(&self) -> Option<Duration> {
        self.voice.as_ref().map(|voice| voice.figures().delay)
    }

    /// Its figures.
    #[must_use]
    pub fn report(&self) -> LegReport {
        let codec = self.speech().map(|format| format.codec);
        let mos = codec.and_then(|codec| self.control.mos(&self.reception, codec, self.playout_delay()));
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
            playout_delay: self.playout_delay(),
            bursts: self.reception.bursts(),
            mos,
            // Of a leg shorter than an interval the whole is the worst known.
            mos_min: self.control.mos_min().or(mos),
            peer: self.control.peer(),
            codec,
            tier: self.tier(),
        }
    }
}
