//! Transport paths as signaling sees them. Framing and routing live in `transport`; sockets live in the shell.

use core::{fmt, net::SocketAddr};

/// A SIP transport protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// RFC 3261 section 18, datagrams.
    Udp,
    /// RFC 3261 section 18, a stream.
    Tcp,
}

impl Transport {
    /// As in a Via header.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// As in a URI's `transport` parameter and in metrics.
    #[must_use]
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// Whether the transport keeps order and does not lose (timers E, A, G then do not run).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lower())
    }
}

/// One of our listening addresses, by its place in [`crate::settings::Settings::listeners`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ListenerId(pub u16);

/// One stream connection. The shell names the accepted ones (top bit clear), signaling those it asks to open (top bit set); never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The `serial`-th connection that signaling asked for.
    #[must_use]
    pub const fn outbound(serial: u64) -> Self {
        Self(serial | 1 << 63)
    }
}

/// Where bytes came from and where the answer goes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Flow {
    /// Our side.
    pub listener: ListenerId,
    /// The far side.
    pub remote: SocketAddr,
    /// `None`: a datagram flow. `Some`: this stream.
    pub connection: Option<ConnectionId>,
    /// The protocol.
    pub transport: Transport,
}

impl Flow {
    /// A datagram flow.
    #[must_use]
    pub const fn datagram(listener: ListenerId, remote: SocketAddr) -> Self {
        Self { listener, remote, connection: None, transport: Transport::Udp }
    }

    /// A TCP stream.
    #[must_use]
    pub const fn stream(listener: ListenerId, remote: SocketAddr, connection: ConnectionId) -> Self {
        Self { listener, remote, connection: Some(connection), transport: Transport::Tcp }
    }
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FlowEnd {
    /// The far side closed it.
    Closed,
    /// It could not be opened: refused, unreachable, or not in time.
    NotOpened,
    /// Reset or another system error.
    Failed,
    /// The far side did not read; our queue for it was full (backpressure).
    Stalled,
}
