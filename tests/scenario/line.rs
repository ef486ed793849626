//! What a telephone speaks SIP through: datagrams, or a WebSocket as a browser has it.

use crate::exchange::{Exchange, PATIENCE};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{
    cell::RefCell,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
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
    Web { socket: Box<RefCell<WebSocket<Box<dyn Pipe>>>>, name: String, secure: bool },
}

impl Line {
    pub(crate) fn datagrams(exchange: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::Datagrams { socket, exchange }
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
            Self::Web { socket, .. } => socket.borrow_mut().send(Message::text(text)).unwrap(),
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
            Self::Web { name, .. } => name.clone(),
        }
    }

    /// As in Via.
    pub(crate) const fn token(&self) -> &'static str {
        match self {
            Self::Datagrams { .. } => "UDP",
            Self::Web { secure: false, .. } => "WS",
            Self::Web { secure: true, .. } => "WSS",
        }
    }

    /// What a Contact's URI ends with.
    pub(crate) const fn parameter(&self) -> &'static str {
        match self {
            Self::Datagrams { .. } => "",
            Self::Web { .. } => ";transport=ws",
        }
    }
}

/// A connection to the exchange's listener for WebSockets, before anything is said; over TLS its certificate is checked.
pub(crate) fn connect(exchange: &Exchange, secure: bool) -> Box<dyn Pipe> {
    let at = exchange.listens(if secure { "wss" } else { "ws" });
    let socket = TcpStream::connect(at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    if !secure {
        return Box::new(socket);
    }
    let mut roots = RootCertStore::empty();
    let kept = exchange.home.data().join("tls/certificate.pem");
    roots.add(CertificateDer::from_pem_file(kept).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), at.ip().into()).unwrap();
    Box::new(StreamOwned::new(connection, socket))
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
