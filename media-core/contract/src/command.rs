//! What signaling tells a shard.

use crate::{
    DigitMode, Format, HearingTable, IceSpec, Instant, Keypress, MemberId, PlayerSpec, RecorderSpec, RecordingState,
    Security, SessionId,
};
use core::{net::SocketAddr, time::Duration};

/// An order to a shard. A session exists from its first command until [`MediaCommand::CloseSession`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MediaCommand {
    /// Reserve a pair of UDP ports (RTP even, RTCP the next odd one) and receive on them.
    /// Answered by [`crate::MediaEvent::LegOpened`] or [`crate::MediaEvent::LegRefused`].
    OpenLeg {
        /// The session, made if it does not exist yet.
        session: SessionId,
        /// The new member's name.
        member: MemberId,
        /// What is fixed for the leg's life.
        spec: LegSpec,
    },
    /// Add a member without a network side.
    OpenDevice {
        /// The session, made if it does not exist yet.
        session: SessionId,
        /// The new member's name.
        member: MemberId,
        /// What it is.
        device: Device,
    },
    /// What the far end's session description says of this leg. Complete and idempotent; sent again after each offer/answer.
    DescribeLeg {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// The far end.
        peer: Box<PeerSpec>,
    },
    /// Who hears whom from now on. Complete and idempotent.
    SetHearing {
        /// The session.
        session: SessionId,
        /// The whole table.
        table: HearingTable,
    },
    /// Give what a recorder writes from now on another state. No effect on a member that is no recorder.
    SetRecording {
        /// The session.
        session: SessionId,
        /// The recorder.
        member: MemberId,
        /// From now on.
        state: RecordingState,
    },
    /// Send digits to the far end of a leg, in the way of its [`DigitMode`], after those not sent yet; at most [`crate::DIGITS_MAX`] wait,
    /// further ones are dropped and counted. Nobody but the far end hears them. No effect on [`DigitMode::Info`].
    SendDigits {
        /// The session.
        session: SessionId,
        /// The leg.
        member: MemberId,
        /// What, in order.
        digits: Vec<Keypress>,
    },
    /// Make a leg a member of another session of the same shard: its ports, keys, source and streams go on, so that the far end notices nothing.
    /// Whom it hears then is said by the tables of both sessions. From then on it is told of under its new name. No effect when there is no such
    /// leg, or the other session has no room or has a member of that name.
    MoveLeg {
        /// The session it leaves.
        session: SessionId,
        /// Its name there.
        member: MemberId,
        /// The session it joins, made if it does not exist yet.
        to: SessionId,
        /// Its name there.
        name: MemberId,
    },
    /// End one member; its ports return to the pool. Answered by [`crate::MediaEvent::LegClosed`] when it was a leg.
    CloseMember {
        /// The session.
        session: SessionId,
        /// The member.
        member: MemberId,
    },
    /// End the session and all its members: one [`crate::MediaEvent::LegClosed`] a leg, then [`crate::MediaEvent::SessionClosed`].
    /// Answered even if the session is not known, so that a late or repeated command balances.
    CloseSession {
        /// The session.
        session: SessionId,
    },
}

impl MediaCommand {
    /// The session the command is about.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        match self {
            Self::OpenLeg { session, .. }
            | Self::OpenDevice { session, .. }
            | Self::DescribeLeg { session, .. }
            | Self::SetHearing { session, .. }
            | Self::SetRecording { session, .. }
            | Self::SendDigits { session, .. }
            | Self::MoveLeg { session, .. }
            | Self::CloseMember { session, .. }
            | Self::CloseSession { session } => *session,
        }
    }
}

/// What is fixed for a leg's life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LegSpec {
    /// Receive on IPv6 instead of IPv4.
    pub ipv6: bool,
    /// After this long without a packet the leg is reported silent ([`crate::MediaEvent::LegSilent`]), once, until it speaks again.
    pub silence_timeout: Duration,
    /// How often [`crate::MediaEvent::LegMeasured`] is sent; `None`: only with the close.
    pub report_every: Option<Duration>,
    /// When signaling asked, for the measure "command to effect".
    pub asked_at: Instant,
}

/// A member without a network side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Device {
    /// Says again what it hears.
    Echo,
    /// Speaks sounds; answers with [`crate::MediaEvent::PlayerEnded`] when it has none left.
    Player(PlayerSpec),
    /// Writes what it hears; answers with [`crate::MediaEvent::RecorderEnded`] when it is closed.
    Recorder(RecorderSpec),
}

/// The far end of a leg, from its session description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerSpec {
    /// Where RTP goes. `None` (port 0 or `0.0.0.0`): nothing is sent until a description or, if the rule allows, a packet says where.
    pub rtp: Option<SocketAddr>,
    /// Where RTCP goes: `a=rtcp` (RFC 3605), else the RTP port plus one; the RTP address itself when multiplexed.
    pub rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// Which sources are believed.
    pub source: SourceRule,
    /// The negotiated payload types, preferred first; at most 32.
    pub formats: Vec<Format>,
    /// How much sound one packet to the far end holds (`a=ptime`), 10 to 60 ms; 20 ms when it does not say.
    pub packet_time: Duration,
    /// How digits go to and come from the far end.
    pub digits: DigitMode,
    /// How packets are protected. With anything but [`Security::None`] no unprotected packet is accepted or sent.
    pub security: Security,
    /// Connectivity checks (RFC 8445, we are the lite side); `None`: the far end does none. With them the nominated address is believed
    /// instead of `rtp` and `source`, and `rtcp_mux` is expected.
    pub ice: Option<IceSpec>,
}

/// Which source of packets a leg believes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceRule {
    /// Only the signalled address and port.
    Signalled,
    /// The signalled address is preferred; another source may be learned within a short window, then it is locked (NAT, "comedia").
    Learned,
}
