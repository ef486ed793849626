//! SIP over WebSocket, with and without TLS: RFC 7118. One message of the WebSocket is one of SIP; a far side that vanished is found by pings.
//!
//! Deliberately ignorant of SIP: a message goes in as it came, and out as it was queued. Frames are tungstenite's, TLS is rustls'.

use super::{
    core::Core,
    limits::{
        CLOSE_WITHIN, PIECES_PER_TURN, STREAM_QUEUE_BYTES_MAX, UPGRADE_WITHIN, WEBSOCKET_PING_EVERY,
        WEBSOCKET_READ_BYTES, WEBSOCKET_SILENT_MAX,
    },
    streams::Stream,
    tcp::accept,
    tls::Security,
    upgrade::{self, Step},
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::{Sink as _, StreamExt as _};
use signaling::{
    flow::{Flow, FlowEnd, ListenerId, Transport},
    input::Input,
    limits::MESSAGE_BYTES_MAX,
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
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::{spawn_local, yield_now},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// How a listener for WebSockets receives.
pub(super) struct Door {
    /// Its number.
    pub(super) listener: ListenerId,
    /// With TLS, or without.
    pub(super) tls: Option<Arc<ArcSwap<Security>>>,
    /// Pages that may come; empty: all.
    pub(super) origins: Arc<ArcSwap<Vec<String>>>,
}

impl Door {
    const fn transport(&self) -> Transport {
        if self.tls.is_some() { Transport::Wss } else { Transport::Ws }
    }
}

/// Accepts on one listener for ever.
pub(super) async fn serve(core: Rc<Core>, socket: TcpListener, door: Door) {
    let door = Rc::new(door);
    loop {
        let (socket, remote, connection, stream) = accept(&core, &socket, door.listener).await;
        let flow = Flow::connected(door.transport(), door.listener, remote, connection);
        let (core, door) = (Rc::clone(&core), Rc::clone(&door));
        spawn_local(async move {
            let until = Instant::now() + UPGRADE_WITHIN;
            match &door.tls {
                None => run(&core, socket, &door, until, &stream, flow).await,
                Some(tls) => {
                    // Whoever does not finish is closed by being dropped, and nobody has heard of him.
                    let acceptor = TlsAcceptor::from(Arc::clone(&tls.load().browsers));
                    if let Ok(Ok(socket)) = timeout_at(until, acceptor.accept(socket)).await {
                        run(&core, socket, &door, until, &stream, flow).await;
                    }
                }
            }
            core.streams(|streams| streams.forget(connection));
        });
    }
}

/// Serves one connection to its end and tells the exchange, unless the exchange asked for it or never heard of it.
async fn run<S>(core: &Rc<Core>, socket: S, door: &Door, until: Instant, stream: &Stream, flow: Flow)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(Ok(mut socket)) = timeout_at(until, shake(socket, &door.origins.load_full())).await else { return };
    let why = converse(core, &mut socket, stream, flow).await;
    if let (Some(why), Some(connection)) = (why, flow.connection) {
        core.handle(Input::FlowLost { connection, why });
    }
}

/// From HTTP to WebSocket. Who is refused is told why.
async fn shake<S>(mut socket: S, origins: &[String]) -> io::Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match upgrade::judge(&bytes, origins) {
            Step::More => {}
            Step::Accept { head, answer } => {
                socket.write_all(answer.as_bytes()).await?;
                socket.flush().await?;
                let rest = bytes.split_off(head);
                return Ok(WebSocketStream::from_partially_read(socket, rest, Role::Server, Some(limits())).await);
            }
            Step::Refuse { answer } => {
                socket.write_all(answer.as_bytes()).await?;
                socket.shutdown().await?;
                // Closing with unread bytes resets the connection, and the answer would be lost with it.
                let mut rest = [0; 1024];
                while socket.read(&mut rest).await? > 0 {}
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// What a far side may make us hold.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(WEBSOCKET_READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(STREAM_QUEUE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Why a connection ended; `None`: the exchange wanted it closed.
async fn converse<S>(core: &Rc<Core>, socket: &mut WebSocketStream<S>, stream: &Stream, flow: Flow) -> Option<FlowEnd>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accepted = Instant::now();
    let (mut heard, mut ping_at) = (accepted, accepted + WEBSOCKET_PING_EVERY);
    let mut taken = 0;
    loop {
        if stream.is_stalled() {
            return Some(FlowEnd::Stalled);
        }
        if stream.is_closing() {
            // What is queued goes first, if the far side takes it soon.
            let _ = timeout(CLOSE_WITHIN, poll_fn(|context| send(context, socket, stream))).await;
            goodbye(socket, CloseCode::Normal).await;
            return None;
        }
        let quiet = core.quiet_until(flow);
        tokio::select! {
            came = poll_fn(|context| exchange(context, socket, stream, quiet.is_none())) => match came {
                Ok(Some(message)) => {
                    heard = Instant::now();
                    let taken_in = match message {
                        Message::Text(text) => core.piece(flow, text.as_bytes()),
                        Message::Binary(bytes) => core.piece(flow, &bytes),
                        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
                    };
                    if let Err(why) = taken_in {
                        return Some(why);
                    }
                    taken += 1;
                    if taken >= PIECES_PER_TURN {
                        taken = 0;
                        yield_now().await;
                    }
                }
                Ok(None) => return Some(FlowEnd::Closed),
                Err(fault) => {
                    if let Some(code) = blame(&fault) {
                        goodbye(socket, code).await;
                    }
                    return Some(FlowEnd::Failed);
                }
            },
            () = stream.wake.notified() => taken = 0,
            () = sleep_until(quiet.unwrap_or(ping_at)), if quiet.is_some() => taken = 0,
            () = sleep_until(ping_at) => {
                let now = Instant::now();
                let silent = !stream.is_spoken_to() && now >= accepted + WEBSOCKET_SILENT_MAX;
                // Two pings without an answer.
                if silent || now >= heard + 3 * WEBSOCKET_PING_EVERY {
                    return Some(if silent { FlowEnd::Closed } else { FlowEnd::Failed });
                }
                ping_at = now + WEBSOCKET_PING_EVERY;
                // RFC 6455 section 5.5.2. It goes out with the next flush.
                if Pin::new(&mut *socket).start_send(Message::Ping(Bytes::new())).is_err() {
                    return Some(FlowEnd::Failed);
                }
            }
        }
    }
}

/// Sends what is queued as far as the socket takes it, and gives what comes, if something may. `None`: the far side said goodbye.
fn exchange<S>(
    context: &mut Context<'_>,
    socket: &mut WebSocketStream<S>,
    stream: &Stream,
    reads: bool,
) -> Poll<Result<Option<Message>, Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Poll::Ready(Err(fault)) = send(context, socket, stream) {
        return Poll::Ready(Err(fault));
    }
    if !reads {
        return Poll::Pending;
    }
    match ready!(socket.poll_next_unpin(context)) {
        Some(Ok(message)) => Poll::Ready(Ok(Some(message))),
        Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => Poll::Ready(Ok(None)),
        Some(Err(fault)) => Poll::Ready(Err(fault)),
    }
}

/// Sends what is queued; ready when the socket has taken everything.
fn send<S>(context: &mut Context<'_>, socket: &mut WebSocketStream<S>, stream: &Stream) -> Poll<Result<(), Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Pin::new(socket);
    let mut fault = None;
    let drained = stream.drain(|bytes| match socket.as_mut().poll_ready(context) {
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        Poll::Ready(ready) => match ready.and_then(|()| socket.as_mut().start_send(framed(bytes))) {
            Ok(()) => Ok(bytes.len()),
            Err(why) => {
                fault = Some(why);
                Err(io::ErrorKind::BrokenPipe.into())
            }
        },
    });
    if let (Err(_), Some(fault)) = (drained, fault) {
        return Poll::Ready(Err(fault));
    }
    ready!(socket.as_mut().poll_flush(context))?;
    if stream.has_queued() { Poll::Pending } else { Poll::Ready(Ok(())) }
}

/// RFC 7118 section 5: text where it is UTF-8, because a text frame must be; else binary.
fn framed(bytes: &Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes.clone()),
    }
}

/// What the far side is told about its fault, RFC 6455 section 7.4.1; `None`: it would not hear it.
fn blame(fault: &Error) -> Option<CloseCode> {
    match fault {
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => None,
    }
}

/// RFC 6455 section 7.1.2: says why, and waits a moment for the answer, so that what was sent before arrives.
async fn goodbye<S>(socket: &mut WebSocketStream<S>, code: CloseCode)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _ = timeout(CLOSE_WITHIN, async {
        if socket.close(Some(CloseFrame { code, reason: Utf8Bytes::default() })).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await;
}
