//! Listening sockets: opened here, or taken as they are given by whoever started the process.
//!
//! A given socket is used for the listener with its protocol and address; what no listener asks for is reported and left alone. The
//! descriptors systemd passes are copied into ours through a process descriptor of our own, which needs no trust in a bare number.

use super::limits::{BACKLOG, DATAGRAM_RECEIVE_BYTES, DATAGRAM_SEND_BYTES};
use rustix::{
    fd::OwnedFd,
    process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open},
};
use signaling::flow::Transport;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{fmt, io, net::SocketAddr};

/// An open listening socket.
#[derive(Debug)]
pub enum Opened {
    /// For datagrams.
    Udp(std::net::UdpSocket),
    /// For streams.
    Tcp(std::net::TcpListener),
    /// For streams over TLS.
    Tls(std::net::TcpListener),
    /// For WebSockets.
    Ws(std::net::TcpListener),
    /// For WebSockets over TLS.
    Wss(std::net::TcpListener),
}

impl Opened {
    /// The protocol.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Udp(_) => Transport::Udp,
            Self::Tcp(_) => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::Ws(_) => Transport::Ws,
            Self::Wss(_) => Transport::Wss,
        }
    }

    /// The address it is bound to, its port as the kernel gave it.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn bound(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(socket) | Self::Tls(socket) | Self::Ws(socket) | Self::Wss(socket) => socket.local_addr(),
        }
    }
}

/// Why an address could not be listened on.
#[derive(Debug)]
pub struct CannotListen {
    /// What for, e.g. `SIP over udp` or `HTTP`.
    pub what: String,
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub fault: io::Error,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, address, fault } = self;
        let kind = fault.kind();
        if kind == io::ErrorKind::AddrInUse {
            write!(f, "{what}: address {address} is in use by another program")
        } else if kind == io::ErrorKind::AddrNotAvailable {
            write!(f, "{what}: address {address} is not an address of this machine")
        } else if kind == io::ErrorKind::PermissionDenied {
            write!(f, "{what}: address {address} is not allowed to this user: {fault}")
        } else {
            write!(f, "{what}: address {address} cannot be opened: {fault}")
        }
    }
}

impl std::error::Error for CannotListen {}

/// Sockets that were open before the process began.
#[derive(Debug, Default)]
pub struct Given {
    sockets: Vec<Socket>,
}

impl Given {
    /// Those that systemd passed (`LISTEN_FDS`), none when it passed none.
    ///
    /// # Errors
    /// When descriptors were promised and cannot be taken.
    pub fn by_systemd() -> io::Result<Self> {
        let numbers: Vec<_> = sd_notify::listen_fds()?.collect();
        if numbers.is_empty() {
            return Ok(Self::default());
        }
        let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
        let take = |number| pidfd_getfd(&ourselves, number, PidfdGetfdFlags::empty()).map(OwnedFd::into);
        Ok(Self { sockets: numbers.into_iter().map(take).collect::<Result<_, _>>()? })
    }

    fn take(&mut self, kind: Type, address: SocketAddr) -> Option<Socket> {
        let fits = |socket: &Socket| {
            let at = socket.local_addr().ok().and_then(|at| at.as_socket());
            socket.r#type().ok() == Some(kind) && at == Some(address)
        };
        let at = self.sockets.iter().position(fits)?;
        Some(self.sockets.swap_remove(at))
    }

    /// How many nobody has asked for.
    #[must_use]
    pub fn left(&self) -> usize {
        self.sockets.len()
    }
}

/// A SIP socket on `address`, given or opened.
///
/// # Errors
/// When the address cannot be listened on.
pub fn sip(given: &mut Given, transport: Transport, address: SocketAddr) -> Result<Opened, CannotListen> {
    let mut open = || match transport {
        Transport::Udp => datagram(given, address).map(Opened::Udp),
        Transport::Tcp => stream(given, address).map(Opened::Tcp),
        Transport::Tls => stream(given, address).map(Opened::Tls),
        Transport::Ws => stream(given, address).map(Opened::Ws),
        Transport::Wss => stream(given, address).map(Opened::Wss),
    };
    open().map_err(|fault| CannotListen { what: format!("SIP over {transport}"), address, fault })
}

/// A socket for HTTP on `address`, given or opened.
///
/// # Errors
/// When the address cannot be listened on.
pub fn http(given: &mut Given, address: SocketAddr) -> Result<std::net::TcpListener, CannotListen> {
    stream(given, address).map_err(|fault| CannotListen { what: "HTTP".to_owned(), address, fault })
}

fn datagram(given: &mut Given, address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = match given.take(Type::DGRAM, address) {
        Some(socket) => socket,
        None => {
            // Without SO_REUSEADDR, which for UDP would let a second exchange take half of the datagrams.
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
            only_its_family(&socket, address)?;
            socket.bind(&address.into())?;
            socket
        }
    };
    // As much as the kernel allows; less works, with more loss under bursts.
    let _ = socket.set_recv_buffer_size(DATAGRAM_RECEIVE_BYTES);
    let _ = socket.set_send_buffer_size(DATAGRAM_SEND_BYTES);
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn stream(given: &mut Given, address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = match given.take(Type::STREAM, address) {
        Some(socket) => socket,
        None => {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            only_its_family(&socket, address)?;
            // A restart must not wait for the connections of before to be forgotten; two listeners are still refused.
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            socket
        }
    };
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn only_its_family(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() { socket.set_only_v6(true) } else { Ok(()) }
}

/// How much of what was asked the kernel gave a datagram socket's receive buffer, in bytes.
#[must_use]
pub fn receive_bytes(socket: &std::net::UdpSocket) -> usize {
    // The kernel counts its own bookkeeping in and says twice what was granted.
    SockRef::from(socket).recv_buffer_size().unwrap_or(0) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_second_listener_on_an_address_is_told_that_it_is_in_use() {
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss] {
            let first = sip(&mut Given::default(), transport, loopback()).unwrap();
            let address = first.bound().unwrap();
            let fault = sip(&mut Given::default(), transport, address).unwrap_err();
            assert_eq!(
                fault.to_string(),
                format!("SIP over {transport}: address {address} is in use by another program")
            );
        }
    }

    #[test]
    fn a_given_socket_is_used_for_its_own_address_only() {
        let socket = Socket::from(std::net::UdpSocket::bind(loopback()).unwrap());
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut given = Given { sockets: vec![socket] };
        let other = sip(&mut given, Transport::Udp, loopback()).unwrap();
        assert_ne!(other.bound().unwrap(), address);
        assert_eq!(given.left(), 1);
        let taken = sip(&mut given, Transport::Udp, address).unwrap();
        assert_eq!((taken.bound().unwrap(), given.left()), (address, 0));
    }
}
