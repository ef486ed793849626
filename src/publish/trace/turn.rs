//! What one turn of the exchange brought, on its way from the signaling thread to the keeper of traces.

use bytes::Bytes;
use contract::{HearingTable, Instant, MediaCommand, MediaEvent, MemberId, SessionId};
use signaling::{
    fact::{Decision, Fact},
    flow::{ConnectionId, Flow, FlowEnd},
};
use std::net::SocketAddr;

/// One input and what came of it, in order.
#[derive(Debug)]
pub(super) struct Turn {
    /// When.
    pub(super) at: Instant,
    /// The input.
    pub(super) came: Came,
    /// The effects.
    pub(super) went: Vec<Went>,
}

/// An input, as far as a trace has a use for it.
#[derive(Debug)]
pub(super) enum Came {
    /// A timer, an order, an answer of the store.
    Other,
    /// Bytes from the wire.
    Bytes { flow: Flow, bytes: Box<[u8]> },
    /// A stream that was asked for is open.
    Opened(ConnectionId),
    /// A stream is gone.
    Lost(ConnectionId, FlowEnd),
    /// From a shard.
    Media(Box<MediaEvent>),
}

/// An effect, as far as a trace has a use for it.
#[derive(Debug)]
pub(super) enum Went {
    /// Bytes to the wire.
    Bytes { flow: Flow, bytes: Bytes },
    /// A stream is closed by us.
    Closed(ConnectionId),
    /// A decision.
    Decided(Box<Decision>),
    /// A fact about a call.
    Fact(Box<Fact>),
    /// An order to a shard.
    Ordered(SessionId, Order),
}

/// An order to a shard without what it must not tell: keys.
#[derive(Debug)]
pub(super) enum Order {
    /// A leg's ports.
    Open(MemberId),
    /// A player, a recorder or the echo.
    Device(MemberId, &'static str),
    /// Where a leg's sound goes, and the codec it is spoken to in.
    Describe(MemberId, Option<SocketAddr>, Option<contract::Codec>),
    /// Who hears whom.
    Hear(HearingTable),
    /// A leg goes on in another session.
    Move(MemberId, SessionId),
    /// A member goes.
    CloseMember(MemberId),
    /// All go.
    CloseSession,
}

impl Order {
    /// What a trace tells of a command; `None`: nothing.
    pub(super) fn of(command: &MediaCommand) -> Option<Self> {
        Some(match command {
            MediaCommand::OpenLeg { member, .. } => Self::Open(*member),
            MediaCommand::OpenDevice { member, device, .. } => {
                let name = match device {
                    contract::Device::Echo => "echo",
                    contract::Device::Player(_) => "player",
                    contract::Device::Recorder(_) => "recorder",
                };
                Self::Device(*member, name)
            }
            MediaCommand::DescribeLeg { member, peer, .. } => {
                Self::Describe(*member, peer.rtp, peer.formats.first().map(|format| format.codec))
            }
            MediaCommand::SetHearing { table, .. } => Self::Hear(table.clone()),
            MediaCommand::MoveLeg { member, to, .. } => Self::Move(*member, *to),
            MediaCommand::CloseMember { member, .. } => Self::CloseMember(*member),
            MediaCommand::CloseSession { .. } => Self::CloseSession,
            // Digits may be a secret, and what a recording does is told by its facts.
            MediaCommand::SendDigits { .. } | MediaCommand::SetRecording { .. } => return None,
        })
    }
}

impl Turn {
    /// Octets that it holds, roughly.
    pub(super) fn octets(&self) -> usize {
        let came = match &self.came {
            Came::Bytes { bytes, .. } => bytes.len(),
            Came::Media(_) => size_of::<MediaEvent>(),
            Came::Other | Came::Opened(_) | Came::Lost(..) => 0,
        };
        let went = self.went.iter().map(|went| match went {
            Went::Bytes { bytes, .. } => bytes.len(),
            Went::Decided(_) | Went::Fact(_) | Went::Ordered(..) => 256,
            Went::Closed(_) => 0,
        });
        size_of::<Self>() + came + went.sum::<usize>() + self.went.len() * size_of::<Went>()
    }
}
