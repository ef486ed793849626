//! What a shard tells signaling.

use crate::{Digit, MemberId, PlayerEnd, RecordingId, SessionId};
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
    /// The certificate is not the one the description announced.
    WrongCertificate,
    /// The handshake did not end in time, or ended with an alert.
    HandshakeFailed,
    /// The far end stopped answering connectivity checks (RFC 7675).
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

/// Figures of one leg, from our side of it.
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
    /// Interarrival jitter, RFC 3550 section 6.4.1.
    pub jitter: Duration,
    /// Round trip from the peer's RTCP, when it tells.
    pub round_trip: Option<Duration>,
    /// Mean opinion score 1.0 to 4.5 by the E-model, when it can be told.
    pub mos: Option<f32>,
    /// The tier that carries the leg now: 0 kernel, 1 relay, 2 DSP.
    pub tier: u8,
}
