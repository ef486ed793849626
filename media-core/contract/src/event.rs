//! What a shard tells signaling.

use crate::{MemberId, SessionId};
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
            | Self::LegMeasured { session, .. }
            | Self::LegClosed { session, .. }
            | Self::SessionClosed { session } => *session,
        }
    }
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
