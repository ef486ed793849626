//! SIP over TLS: accepts, and reads pieces of what was deciphered. RFC 3261 section 26.2.1; TLS is rustls'.
//!
//! Deliberately ignorant of messages, as `tcp` is, and of which certificates there are.

use super::{
    core::Core,
    limits::{CLOSE_WITHIN, FIRST_ANSWER_WITHIN, PIECES_PER_TURN, STREAM_IDLE_MAX, UPGRADE_WITHIN},
    streams::Stream,
    tcp::{PIECE, accept},
};
use arc_swap::ArcSwap;
use rustls::{ClientConfig, ServerConfig};
use signaling::{
    flow::{ConnectionId, Flow, FlowEnd, ListenerId, Transport},
    input::Input,
};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpListener,
    task::{spawn_local, yield_now},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;

/// How TLS is spoken. Replaced as a whole when certificates are read again; connections that are up go on as they began.
#[derive(Clone, Debug)]
pub struct Security {
    /// With phones and servers that connect to us by `tls://`.
    pub phones: Arc<ServerConfig>,
    /// With browsers that connect by `wss://`.
    pub browsers: Arc<ServerConfig>,
    /// With servers that we connect to.
    pub servers: Arc<ClientConfig>,
}

/// Accepts on one listener for ever.
pub(super) async fn serve(core: Rc<Core>, socket: TcpListener, listener: ListenerId, security: Arc<ArcSwap<Security>>) {
    loop {
        let (socket, remote, connection, stream) = accept(&core, &socket, listener).await;
        let flow = Flow::connected(Transport::Tls, listener, remote, connection);
        let acceptor = TlsAcceptor::from(Arc::clone(&security.load().phones));
        let core = Rc::clone(&core);
        spawn_local(async move {
            match timeout(UPGRADE_WITHIN, acceptor.accept(socket)).await {
                Ok(Ok(socket)) => run(&core, socket, &stream, connection, flow).await,
                // Whoever does not finish is closed by being dropped, and the exchange has not heard of him.
                Ok(Err(fault)) => {
                    tracing::info!(component = "wire", %remote, %fault, "a handshake of TLS failed");
                    core.streams(|streams| streams.forget(connection));
                }
                Err(_) => core.streams(|streams| streams.forget(connection)),
            }
        });
    }
}

/// Serves one stream to its end and tells the exchange, unless the exchange asked for it.
pub(super) async fn run<S>(core: &Rc<Core>, mut socket: S, stream: &Stream, connection: ConnectionId, flow: Flow)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let why = converse(core, &mut socket, stream, flow).await;
    core.streams(|streams| streams.forget(connection));
    drop(socket);
    if let Some(why) = why {
        core.handle(Input::FlowLost { connection, why });
    }
}

/// Why a stream ended; `None`: the exchange wanted it closed.
async fn converse<S>(core: &Rc<Core>, socket: &mut S, stream: &Stream, flow: Flow) -> Option<FlowEnd>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accepted = Instant::now();
    let mut heard = accepted;
    let mut taken = 0;
    loop {
        if stream.is_stalled() {
            return Some(FlowEnd::Stalled);
        }
        if stream.is_closing() {
            finish(socket, stream).await;
            return None;
        }
        let until = if stream.is_spoken_to() { heard + STREAM_IDLE_MAX } else { accepted + FIRST_ANSWER_WITHIN };
        let quiet = core.quiet_until(flow);
        tokio::select! {
            came = poll_fn(|context| exchange(context, (core, quiet.is_none()), socket, stream, flow)) => match came {
                Ok(()) => {
                    heard = Instant::now();
                    taken += 1;
                    if taken >= PIECES_PER_TURN {
                        taken = 0;
                        yield_now().await;
                    }
                }
                Err(why) => return Some(why),
            },
            () = stream.wake.notified() => taken = 0,
            () = sleep_until(quiet.unwrap_or(until)), if quiet.is_some() => taken = 0,
            () = sleep_until(until) => return Some(FlowEnd::Closed),
        }
    }
}

/// Sends what is queued as far as the socket takes it, and hands on one piece of what comes, if something may.
fn exchange<S>(
    context: &mut Context<'_>,
    (core, reads): (&Rc<Core>, bool),
    socket: &mut S,
    stream: &Stream,
    flow: Flow,
) -> Poll<Result<(), FlowEnd>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Poll::Ready(Err(_)) = send(context, socket, stream) {
        return Poll::Ready(Err(FlowEnd::Failed));
    }
    if !reads {
        return Poll::Pending;
    }
    PIECE.with_borrow_mut(|piece| {
        let mut piece = ReadBuf::new(piece);
        match ready!(Pin::new(socket).poll_read(context, &mut piece)) {
            Ok(()) if piece.filled().is_empty() => Poll::Ready(Err(FlowEnd::Closed)),
            Ok(()) => Poll::Ready(core.piece(flow, piece.filled())),
            // RFC 8446 section 6.1: an end without close_notify may be a cut by somebody else; either way nothing more comes.
            Err(_) => Poll::Ready(Err(FlowEnd::Failed)),
        }
    })
}

/// Sends what is queued; ready when the socket has taken everything.
fn send<S>(context: &mut Context<'_>, socket: &mut S, stream: &Stream) -> Poll<io::Result<()>>
where
    S: AsyncWrite + Unpin,
{
    let mut socket = Pin::new(socket);
    stream.drain(|bytes| match socket.as_mut().poll_write(context, bytes) {
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        Poll::Ready(written) => written,
    })?;
    ready!(socket.as_mut().poll_flush(context))?;
    if stream.has_queued() { Poll::Pending } else { Poll::Ready(Ok(())) }
}

/// Gives a closing stream a moment to take what is queued, says goodbye, and reads what still comes, so that the last answer is not lost to a reset.
async fn finish<S>(socket: &mut S, stream: &Stream)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let until = Instant::now() + CLOSE_WITHIN;
    let said = timeout_at(until, async {
        poll_fn(|context| send(context, socket, stream)).await?;
        socket.shutdown().await
    });
    if !matches!(said.await, Ok(Ok(()))) {
        return;
    }
    let mut rest = [0; 1024];
    while let Ok(Ok(1..)) = timeout_at(until, socket.read(&mut rest)).await {}
}
