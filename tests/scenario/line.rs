//! What a telephone speaks SIP through: datagrams, a stream with and without TLS, or a WebSocket as a browser has it.

use crate::{
    authority,
    exchange::{Exchange, PATIENCE},
};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    cell::RefCell,
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket,
    client::{IntoClientRequest as _, client},
};

/// Both directions of a connection.
pub(crate) trait Pipe: Read + Write + Send {}

impl<T: Read + Write + Send> Pipe for T {}

/// A line.
pub(crate) enum Line {
    Datagrams { socket: UdpSocket, exchange: SocketAddr },
    Stream { pipe: RefCell<Box<dyn Pipe>>, begun: RefCell<Vec<u8>>, local: SocketAddr, secure: bool },
    Web { socket: Box<RefCell<WebSocket<Box<dyn Pipe>>>>, name: String, secure: bool },
}

impl Line {
    pub(crate) fn datagrams(exchange: SocketAddr) -> Self {
        let socket = UdpSocket::bind(beside(exchange)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::Datagrams { socket, exchange }
    }

    /// A stream without TLS.
    pub(crate) fn tcp(exchange: &Exchange) -> Self {
        let socket = reach(exchange.listens("tcp"));
        Self::stream(socket.local_addr().unwrap(), false, socket)
    }

    /// A stream over TLS; the fault when there is none to be had.
    pub(crate) fn tls(exchange: &Exchange, config: Arc<ClientConfig>, name: &str) -> std::io::Result<Self> {
        let socket = reach(exchange.listens("tls"));
        let local = socket.local_addr().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        // With TLS 1.3 a client hears only afterwards that its certificate is not taken: a ping is answered or not.
        stream.write_all(b"\r\n\r\n")?;
        let mut pong = [0; 2];
        stream.read_exact(&mut pong)?;
        Ok(Self::stream(local, true, stream))
    }

    /// A stream that is up.
    pub(crate) fn stream(local: SocketAddr, secure: bool, pipe: impl Pipe + 'static) -> Self {
        Self::Stream { pipe: RefCell::new(Box::new(pipe)), begun: RefCell::default(), local, secure }
    }

    /// A connection as a browser makes it; `name` is what it calls itself, RFC 7118 section 5.1.
    pub(crate) fn web(exchange: &Exchange, secure: bool, name: &str) -> Self {
        let (scheme, at) = if secure { ("wss", exchange.listens("wss")) } else { ("ws", exchange.listens("ws")) };
        let mut request = format!("{scheme}://{at}/").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let pipe = connect(exchange, secure);
        let (socket, answer) = client(request, pipe).unwrap_or_else(|fault| panic!("{scheme}: {fault}"));
        assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "sip");
        Self::Web { socket: Box::new(RefCell::new(socket)), name: format!("{name}.invalid"), secure }
    }

    pub(crate) fn send(&self, text: &str) {
        match self {
            Self::Datagrams { socket, exchange } => {
                socket.send_to(text.as_bytes(), exchange).unwrap();
            }
            Self::Stream { pipe, .. } => {
                let mut pipe = pipe.borrow_mut();
                pipe.write_all(text.as_bytes()).and_then(|()| pipe.flush()).unwrap();
            }
            Self::Web { socket, .. } => socket.borrow_mut().send(Message::text(text)).unwrap(),
        }
    }

    /// Sends octets that may be anything, in two pieces where the line has pieces. The far side may refuse the first already.
    pub(crate) fn send_rudely(&self, octets: &[u8]) {
        let (one, two) = octets.split_at(octets.len() / 2);
        let _ = match self {
            Self::Datagrams { socket, exchange } => socket.send_to(octets, exchange).map(|_| ()),
            Self::Stream { pipe, .. } => {
                let mut pipe = pipe.borrow_mut();
                pipe.write_all(one)
                    .and_then(|()| pipe.flush())
                    .and_then(|()| pipe.write_all(two))
                    .and_then(|()| pipe.flush())
            }
            Self::Web { socket, .. } => {
                socket.borrow_mut().send(Message::binary(octets.to_vec())).map_err(std::io::Error::other)
            }
        };
    }

    /// An address of the family in which the line speaks, with any free port.
    pub(crate) fn beside(&self) -> SocketAddr {
        match self {
            Self::Datagrams { exchange, .. } => beside(*exchange),
            Self::Stream { local, .. } => beside(*local),
            Self::Web { .. } => SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// The next message.
    pub(crate) fn receive(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Datagrams { socket, .. } => {
                let mut buffer = vec![0; 65_536];
                let length = socket.recv(&mut buffer).map_err(|fault| fault.to_string())?;
                buffer.truncate(length);
                Ok(buffer)
            }
            Self::Stream { pipe, begun, .. } => {
                let mut begun = begun.borrow_mut();
                loop {
                    if let Some(length) = whole(&begun) {
                        return Ok(begun.drain(..length).collect());
                    }
                    let mut piece = [0; 4_096];
                    match pipe.borrow_mut().read(&mut piece) {
                        Ok(0) => return Err("closed".to_owned()),
                        Ok(length) => begun.extend(&piece[..length]),
                        Err(fault) => return Err(fault.to_string()),
                    }
                }
            }
            Self::Web { socket, .. } => loop {
                match socket.borrow_mut().read() {
                    Ok(message @ (Message::Text(_) | Message::Binary(_))) => return Ok(message.into_data().to_vec()),
                    Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                    Ok(Message::Close(why)) => return Err(format!("closed: {why:?}")),
                    Err(fault) => return Err(fault.to_string()),
                }
            },
        }
    }

    /// Where the phone is, as its Via and Contact say.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Datagrams { socket, .. } => socket.local_addr().unwrap().to_string(),
            Self::Stream { local, .. } => local.to_string(),
            Self::Web { name, .. } => name.clone(),
        }
    }

    /// As in Via.
    pub(crate) const fn token(&self) -> &'static str {
        match self {
            Self::Datagrams { .. } => "UDP",
            Self::Stream { secure: false, .. } => "TCP",
            Self::Stream { secure: true, .. } => "TLS",
            Self::Web { secure: false, .. } => "WS",
            Self::Web { secure: true, .. } => "WSS",
        }
    }

    /// What a Contact's URI ends with.
    pub(crate) const fn parameter(&self) -> &'static str {
        match self {
            Self::Datagrams { .. } => "",
            Self::Stream { secure: false, .. } => ";transport=tcp",
            Self::Stream { secure: true, .. } => ";transport=tls",
            Self::Web { .. } => ";transport=ws",
        }
    }
}

/// A connection to the exchange's listener for WebSockets, before anything is said; over TLS its certificate is checked.
pub(crate) fn connect(exchange: &Exchange, secure: bool) -> Box<dyn Pipe> {
    let at = exchange.listens(if secure { "wss" } else { "ws" });
    let socket = reach(at);
    if !secure {
        return Box::new(socket);
    }
    let kept = exchange.home.data().join("tls/certificate.pem");
    let connection = ClientConnection::new(authority::trusting(&kept, None), at.ip().into()).unwrap();
    Box::new(StreamOwned::new(connection, socket))
}

/// Any free port of the loopback address of this family.
fn beside(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    }
}

/// A connection that is waited for with patience.
fn reach(at: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// How long the message is that stands at the front, when it is whole. RFC 3261 section 18.3.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]);
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length:"));
    let total = head + length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
    (bytes.len() >= total).then_some(total)
}

/// Reads until the far side closes; the code it gives.
pub(crate) fn closed(socket: &mut WebSocket<Box<dyn Pipe>>) -> Option<u16> {
    loop {
        match socket.read() {
            Ok(Message::Close(why)) => return why.map(|why| why.code.into()),
            Ok(_) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) | Error::Protocol(_)) => return None,
            Err(fault) => panic!("{fault}"),
        }
    }
}
