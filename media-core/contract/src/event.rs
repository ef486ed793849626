//! What a shard tells signaling.

use crate::{Codec, Digit, MemberId, PlayerEnd, RecordingId, SessionId};
use core::{net::SocketAddr, time::Duration};

/// What happened on a shard.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// The leg receives. `rtp` carries the local bind address and port; the address to signal is signaling's matter.
    LegOpened {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// Local RTP address; RTCP is on the next port.
        rtp: SocketAddr,
    },
    /// The leg could not be opened; nothing of it remains.
    LegRefused {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// Why.
        why: MediaRefusal,
    },
    /// The leg's source is locked.
    SourceLearned {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// The address believed from now on.
        source: SocketAddr,
    },
    /// No packet, RTP or RTCP, has come for the leg's `silence_timeout`, counted from its opening, its last packet or its last
    /// description, whichever came last.
    LegSilent {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
    },
    /// A key was pressed at the far end of a leg and released, told once however it came.
    DigitPressed {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// Which.
        digit: Digit,
        /// How long it was held.
        length: Duration,
    },
    /// A member began or ceased to talk. Told only of sessions with more than two members that speak.
    TalkChanged {
        /// The session.
        session: SessionId,
        /// Who.
        member: MemberId,
        /// It talks now.
        talking: bool,
    },
    /// A player has nothing more to say. It stays a member until it is closed.
    PlayerEnded {
        /// The session.
        session: SessionId,
        /// The player.
        member: MemberId,
        /// Why.
        why: PlayerEnd,
    },
    /// A recorder was closed; everything it wrote is on its way to the file writer.
    RecorderEnded {
        /// The session.
        session: SessionId,
        /// The recorder.
        member: MemberId,
        /// Its recording.
        recording: RecordingId,
        /// Frames of 20 ms that found no room on the way to the file writer and are silence in the file.
        frames_lost: u64,
    },
    /// Keys are agreed: media flows protected from now on.
    LegSecured {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
    },
    /// The leg has no keys and will not get any.
    LegUnsecured {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// Why.
        why: Unsecured,
    },
    /// Figures of a running leg.
    LegMeasured {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// Since the leg opened.
        report: LegReport,
    },
    /// The leg is closed, its ports are back in the pool.
    LegClosed {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// Over its whole life.
        report: LegReport,
    },
    /// The session and all its members are gone.
    SessionClosed {
        /// The session.
        session: SessionId,
    },
}

impl MediaEvent {
    /// The session the event is about.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        match self {
            Self::LegOpened { session, .. }
            | Self::LegRefused { session, .. }
            | Self::SourceLearned { session, .. }
            | Self::LegSilent { session, .. }
            | Self::DigitPressed { session, .. }
            | Self::TalkChanged { session, .. }
            | Self::PlayerEnded { session, .. }
            | Self::RecorderEnded { session, .. }
            | Self::LegSecured { session, .. }
            | Self::LegUnsecured { session, .. }
            | Self::LegMeasured { session, .. }
            | Self::LegClosed { session, .. }
            | Self::SessionClosed { session } => *session,
        }
    }
}

/// Why a leg has no keys.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Unsecured {
    /// The certificate is not the one the description announced. Of an address that is only to be learned yet this is not told: it may be a
    /// stranger's, and the far end may still come.
    WrongCertificate,
    /// The handshake did not end in time, or ended with an alert.
    HandshakeFailed,
    /// The far end does not want to be sent to any more: its connectivity checks ceased, or it closed the handshake's association
    /// (RFC 7675 sections 5.1 and 5.2). Nothing passes until the leg is described with other credentials.
    ConsentLost,
    /// The keys of the description are of no use.
    BadKeys,
}

/// Why a shard refused. Every one is a limit of ours, never the peer's fault.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MediaRefusal {
    /// No free pair in the port range.
    PortsExhausted,
    /// No descriptor or locked memory left in the process or its ring.
    DescriptorsExhausted,
    /// The shard is at its limit of sessions or members.
    SessionsExhausted,
    /// The system refused the socket for another reason (errno).
    System(i32),
}

/// Figures of one leg, from our side of it: what came from the far end, and what the far end tells of what it got.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LegReport {
    /// RTP packets accepted from the peer.
    pub packets_received: u64,
    /// RTP packets sent to the peer.
    pub packets_sent: u64,
    /// RTP payload octets accepted.
    pub octets_received: u64,
    /// RTP payload octets sent.
    pub octets_sent: u64,
    /// Packets that never came, by sequence number (RFC 3550 appendix A.3); never negative.
    pub packets_lost: u64,
    /// Packets dropped for whatever reason (unknown source, malformed, nobody hears).
    pub packets_dropped: u64,
    /// Packets that came more than once.
    pub packets_duplicate: u32,
    /// Packets that came after a later one, and still in time to be of use.
    pub packets_reordered: u32,
    /// Interarrival jitter, RFC 3550 section 6.4.1.
    pub jitter: Duration,
    /// The largest jitter of any measured interval.
    pub jitter_max: Duration,
    /// Round trip from the peer's RTCP, when it tells.
    pub round_trip: Option<Duration>,
    /// The longest round trip measured.
    pub round_trip_max: Option<Duration>,
    /// How long sound waits here to be played evenly; `None`: it is passed on as it comes.
    pub playout_delay: Option<Duration>,
    /// How losses from the peer were spread.
    pub bursts: LossBursts,
    /// Mean opinion score 1.0 to 4.5 by the E-model of what came from the peer, when it can be told.
    pub mos: Option<f32>,
    /// The lowest score of any measured interval.
    pub mos_min: Option<f32>,
    /// What the peer tells of what it got from us; `None`: it tells nothing.
    pub peer: Option<PeerReport>,
    /// The preferred speech codec, which scores are for.
    pub codec: Option<Codec>,
    /// The tier that carries the leg now: 0 kernel, 1 relay, 2 DSP.
    pub tier: u8,
}

/// How losses were spread, RFC 3611 section 4.7.2 with a Gmin of 16: a burst begins and ends with a loss and has no 16 packets in a row in it
/// that came; all else is gap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossBursts {
    /// The part of packets within bursts that was lost, 0 to 1.
    pub burst_density: f32,
    /// The mean length of bursts; zero without any.
    pub burst_duration: Duration,
    /// The part of packets within gaps that was lost, 0 to 1.
    pub gap_density: f32,
    /// The mean length of gaps.
    pub gap_duration: Duration,
    /// The most packets in a row that were lost.
    pub longest: u32,
}

/// What the far end of a leg tells of our stream, from its reports (RFC 3550 section 6.4.1, RFC 3611 section 4.7). On a relayed leg that is
/// the whole way from the other party.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeerReport {
    /// Packets it has not got, over the life of our stream; never negative.
    pub packets_lost: u32,
    /// The part it lost, 0 to 1, in the interval of its last report.
    pub loss: f32,
    /// The largest such part.
    pub loss_max: f32,
    /// Its interarrival jitter.
    pub jitter: Duration,
    /// The largest jitter it told.
    pub jitter_max: Duration,
    /// Mean opinion score of what it hears: its own figure when it tells one, else by the E-model.
    pub mos: Option<f32>,
    /// The lowest score.
    pub mos_min: Option<f32>,
}

impl LegReport {
    /// The part of the peer's packets that never came, 0 to 1; `None` when none were expected.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        let expected = self.packets_received.saturating_add(self.packets_lost);
        (expected > 0).then(|| self.packets_lost as f64 / expected as f64)
    }

    /// The part of our packets that the peer tells it never got, 0 to 1; `None` when it tells nothing, or nothing was sent. What was lost
    /// before it came to us was never sent, yet is part of what the peer misses.
    #[must_use]
    pub fn peer_loss(&self) -> Option<f64> {
        let lost = self.peer?.packets_lost;
        (self.packets_sent > 0).then(|| (f64::from(lost) / self.packets_sent as f64).min(1.0))
    }
}
