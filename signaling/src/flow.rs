//! Transport paths as signaling sees them. Framing and routing live in `transport`; sockets live in the shell.

use core::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// A SIP transport protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// RFC 3261 section 18, datagrams.
    Udp,
    /// RFC 3261 section 18, a stream.
    Tcp,
    /// RFC 3261 section 26.2.1, a stream over TLS.
    Tls,
    /// RFC 7118, WebSocket.
    Ws,
    /// RFC 7118, WebSocket over TLS.
    Wss,
}

impl Transport {
    /// As in a Via header.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            // RFC 7118 section 5.2.
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As in metrics, in the store and in what people read.
    #[must_use]
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The value of a URI's `transport` parameter. RFC 7118 section 5.3: `ws` with and without TLS.
    ///
    // Deviates: RFC 3261 section 26.2.2 deprecates `tls`; phones write and read it where they do not know `sips`.
    #[must_use]
    pub const fn uri_parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// The port of an address that names none, RFC 3261 section 19.1.2, RFC 7118 section 5.1.
    #[must_use]
    pub const fn port_default(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether the transport keeps order and does not lose (timers E, A, G then do not run).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => true,
        }
    }

    /// Whether bytes come as whole messages, and not as pieces of a stream. RFC 7118 section 5: one message of SIP is one message of the WebSocket.
    #[must_use]
    pub const fn keeps_messages_apart(self) -> bool {
        match self {
            Self::Udp | Self::Ws | Self::Wss => true,
            Self::Tcp | Self::Tls => false,
        }
    }

    /// Whether we can begin to speak to a phone by it. RFC 7118 section 5.4: a browser cannot be connected to; it is reached by the connection it made,
    /// or not at all. RFC 3261 section 26.3.2.1: nor can a phone that came by TLS, which has no certificate to show. Servers can.
    #[must_use]
    pub const fn can_be_opened(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => true,
            Self::Tls | Self::Ws | Self::Wss => false,
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
        Self::connected(Transport::Tcp, listener, remote, connection)
    }

    /// A connection of that protocol.
    #[must_use]
    pub const fn connected(
        transport: Transport,
        listener: ListenerId,
        remote: SocketAddr,
        connection: ConnectionId,
    ) -> Self {
        Self { listener, remote, connection: Some(connection), transport }
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

/// Who an address counts as: an IPv4 address, or the 64 leading bits of an IPv6 address, because the other 64 are its owner's to choose
/// (RFC 4291 section 2.5.4). One owner of a /64 cannot pass for many sources.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Source(u128);

impl Source {
    /// Of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // The low 64 bits of a mapped address are not 0, those of a network are: the two never meet.
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & !(u64::MAX as u128)),
        }
    }

    /// All its bits.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// Its first address.
    #[must_use]
    pub const fn first(self) -> IpAddr {
        Ipv6Addr::from_bits(self.0).to_canonical()
    }
}

impl fmt::Display for Source {
    /// `192.0.2.1`, or `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first() {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

/// What is known of an address before it has proven anything.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Standing {
    /// Nothing.
    Stranger,
    /// A phone is registered from the same [`Source`], by another port.
    Neighbour,
    /// A phone is registered from exactly this address and port.
    Registered,
    /// It is an address of a trunk.
    Trunk,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_of_many_addresses_is_one_source() {
        let of = |text: &str| Source::of(text.parse().expect("an address"));
        for (address, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(of(address).to_string(), shown);
        }
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("::1"), of("0.0.0.1"));
    }
}
