//! SIP over TCP: accepts, and reads pieces.
//!
//! Deliberately ignorant of messages: framing is signaling's. One task serves one stream, and its memory is the socket, its queue and a few
//! words; the bytes read pass through one buffer of the thread.

use super::{
    core::Core,
    limits::{
        CLOSE_WITHIN, FIRST_ANSWER_WITHIN, KEEP_ALIVE_AFTER, PIECES_PER_TURN, STREAM_IDLE_MAX, STREAM_KERNEL_BYTES,
    },
    streams::Stream,
};
use signaling::{
    flow::{ConnectionId, Flow, FlowEnd, ListenerId},
    input::Input,
};
use std::{cell::RefCell, io, net::SocketAddr, rc::Rc};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::{Instant, sleep_until, timeout_at},
};

/// Bytes read from a stream at once.
const PIECE_BYTES: usize = 16 * 1024;

thread_local! {
    /// The one buffer all streams are read through; a piece is handed on before the next is read.
    pub(super) static PIECE: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE_BYTES].into_boxed_slice());
}

/// Accepts on one listener for ever.
pub(super) async fn serve(core: Rc<Core>, socket: TcpListener, listener: ListenerId) {
    loop {
        let (socket, remote, connection, stream) = accept(&core, &socket, listener).await;
        let flow = Flow::stream(listener, remote, connection);
        spawn_local(run(Rc::clone(&core), socket, stream, connection, flow));
    }
}

/// The next connection for which there is room.
pub(super) async fn accept(
    core: &Core,
    listening: &TcpListener,
    listener: ListenerId,
) -> (TcpStream, SocketAddr, ConnectionId, Rc<Stream>) {
    loop {
        match listening.accept().await {
            Ok((socket, remote)) => {
                // At the limit, and where the gate is shut, the connection is closed by being dropped.
                if let Some((connection, stream)) = core.accepted(listener, remote) {
                    tune(&socket);
                    return (socket, remote, connection, stream);
                }
            }
            Err(fault) => {
                // Out of descriptors: the connection stays in the kernel's backlog until others have ended.
                tracing::warn!(component = "wire", %fault, "a connection cannot be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Sets what a stream needs of the kernel.
pub(super) fn tune(socket: &TcpStream) {
    let socket_ref = socket2::SockRef::from(socket);
    let probes = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE_AFTER);
    // Without them the stream still works, only less well.
    let _ = socket.set_nodelay(true);
    let _ = socket_ref.set_send_buffer_size(STREAM_KERNEL_BYTES);
    let _ = socket_ref.set_recv_buffer_size(STREAM_KERNEL_BYTES);
    let _ = socket_ref.set_tcp_keepalive(&probes);
}

/// Serves one stream to its end and tells the exchange, unless the exchange asked for it.
pub(super) async fn run(core: Rc<Core>, socket: TcpStream, stream: Rc<Stream>, connection: ConnectionId, flow: Flow) {
    let why = converse(&core, &socket, &stream, flow).await;
    core.streams(|streams| streams.forget(connection));
    drop(socket);
    if let Some(why) = why {
        core.handle(Input::FlowLost { connection, why });
    }
}

/// Why a stream ended; `None`: the exchange wanted it closed.
async fn converse(core: &Rc<Core>, socket: &TcpStream, stream: &Stream, flow: Flow) -> Option<FlowEnd> {
    let accepted = Instant::now();
    let mut heard = accepted;
    loop {
        if stream.is_stalled() {
            return Some(FlowEnd::Stalled);
        }
        if flush(stream, socket).is_err() {
            return Some(FlowEnd::Failed);
        }
        if stream.is_closing() {
            finish(socket, stream).await;
            return None;
        }
        let until = if stream.is_spoken_to() { heard + STREAM_IDLE_MAX } else { accepted + FIRST_ANSWER_WITHIN };
        let quiet = core.quiet_until(flow);
        let interest = match (quiet, stream.has_queued()) {
            (None, false) => Interest::READABLE,
            (None, true) => Interest::READABLE | Interest::WRITABLE,
            (Some(_), _) => Interest::WRITABLE,
        };
        tokio::select! {
            ready = socket.ready(interest), if quiet.is_none() || stream.has_queued() => match ready {
                Ok(ready) if ready.is_readable() => match read(core, socket, stream, flow) {
                    Ok(true) => heard = Instant::now(),
                    Ok(false) => {}
                    Err(why) => return Some(why),
                },
                Ok(_) => {}
                Err(_) => return Some(FlowEnd::Failed),
            },
            () = stream.wake.notified() => {}
            () = sleep_until(quiet.unwrap_or(until)), if quiet.is_some() => {}
            () = sleep_until(until) => return Some(FlowEnd::Closed),
        }
    }
}

/// Reads a few pieces; whether there was one.
fn read(core: &Rc<Core>, socket: &TcpStream, stream: &Stream, flow: Flow) -> Result<bool, FlowEnd> {
    PIECE.with_borrow_mut(|piece| {
        for count in 0..PIECES_PER_TURN {
            match socket.try_read(piece) {
                Ok(0) => return Err(FlowEnd::Closed),
                Ok(length) => core.piece(flow, &piece[..length])?,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(count > 0),
                Err(_) => return Err(FlowEnd::Failed),
            }
            if stream.is_closing() || stream.is_stalled() || core.quiet_until(flow).is_some() {
                break;
            }
        }
        Ok(true)
    })
}

/// Writes what the socket takes.
fn flush(stream: &Stream, socket: &TcpStream) -> io::Result<()> {
    stream.drain(|bytes| socket.try_write(bytes))
}

/// Gives a closing stream a moment to take what is queued, then says goodbye.
async fn finish(socket: &TcpStream, stream: &Stream) {
    let until = Instant::now() + CLOSE_WITHIN;
    while stream.has_queued() {
        match timeout_at(until, socket.writable()).await {
            Ok(Ok(())) if flush(stream, socket).is_ok() => {}
            Ok(_) | Err(_) => return,
        }
    }
    let _ = socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Write);
    // What the far side still says is read and thrown away for a moment: closing with unread bytes resets the connection, and the last answer
    // would be lost with it.
    let mut rest = [0; 1024];
    loop {
        match timeout_at(until, socket.readable()).await {
            Ok(Ok(())) => match socket.try_read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            },
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
