//! Streams that we open ourselves: TCP, and TLS over it with the far side's certificate judged.
//!
//! Deliberately ignorant of why; signaling names the stream, where it leads and whose certificate it must be.

use super::{
    core::Core,
    limits::CONNECT_WITHIN,
    streams::{Stream, Streams},
    tcp, tls,
};
use rustls::pki_types::ServerName;
use signaling::{
    flow::{ConnectionId, Flow, FlowEnd, Transport},
    input::Input,
};
use std::{io, net::SocketAddr, rc::Rc, sync::Arc};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::spawn_local,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Begins to connect.
pub(super) fn open(
    core: &Rc<Core>,
    streams: &mut Streams,
    connection: ConnectionId,
    flow: Flow,
    name: Option<Arc<str>>,
) {
    let (local, stream) = (streams.local(flow.listener), streams.begin(connection, flow.remote));
    let connector = streams.connector();
    let core = Rc::clone(core);
    spawn_local(async move {
        let lost = Input::FlowLost { connection, why: FlowEnd::NotOpened };
        let (Some(stream), Some(local)) = (stream, local) else { return core.handle(lost) };
        let served = match (flow.transport, connector) {
            (Transport::Tcp, _) => serve_plain(&core, local, &stream, connection, flow).await,
            (Transport::Tls, Some(connector)) => {
                serve_secure(&core, local, &stream, connection, flow, connector, name).await
            }
            // Nobody asks for others, and without a listener for TLS there are no certificates.
            (Transport::Tls | Transport::Udp | Transport::Ws | Transport::Wss, _) => {
                Err(io::ErrorKind::Unsupported.into())
            }
        };
        if let Err(fault) = served {
            tracing::info!(component = "wire", transport = %flow.transport, remote = %flow.remote, %fault, "no connection");
            core.streams(|streams| streams.forget(connection));
            core.handle(lost);
        }
    });
}

/// Serves a stream over TCP to its end; an error when it did not come to be.
async fn serve_plain(
    core: &Rc<Core>,
    local: SocketAddr,
    stream: &Rc<Stream>,
    connection: ConnectionId,
    flow: Flow,
) -> io::Result<()> {
    let socket = within(connect(local, flow.remote)).await?;
    core.handle(Input::FlowOpened { connection });
    tcp::run(Rc::clone(core), socket, Rc::clone(stream), connection, flow).await;
    Ok(())
}

/// As [`serve_plain`], over TLS with who shows the certificate of `name`, or of the address.
async fn serve_secure(
    core: &Rc<Core>,
    local: SocketAddr,
    stream: &Rc<Stream>,
    connection: ConnectionId,
    flow: Flow,
    connector: TlsConnector,
    name: Option<Arc<str>>,
) -> io::Result<()> {
    let name = match name {
        Some(name) => ServerName::try_from(name.to_string()).map_err(io::Error::other)?,
        None => ServerName::IpAddress(flow.remote.ip().into()),
    };
    let socket: TlsStream<TcpStream> =
        within(async { connector.connect(name, connect(local, flow.remote).await?).await }).await?;
    core.handle(Input::FlowOpened { connection });
    tls::run(core, socket, stream, connection, flow).await;
    Ok(())
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(CONNECT_WITHIN, work).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn connect(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if local.is_ipv4() == remote.is_ipv4() && !local.ip().is_unspecified() {
        socket.bind(local)?;
    }
    let stream = socket.connect(remote).await?;
    tcp::tune(&stream);
    Ok(stream)
}
