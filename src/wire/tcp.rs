//! SIP over TCP: accepts, connects, reads pieces, and keeps a bounded queue for each far side.
//!
//! Deliberately ignorant of messages: framing is signaling's. One task serves one stream, and its memory is the socket, its queue and a few
//! words; the bytes read pass through one buffer of the thread.

use super::{
    core::Core,
    limits::{
        CLOSE_WITHIN, CONNECT_WITHIN, FIRST_ANSWER_WITHIN, KEEP_ALIVE_AFTER, PIECES_PER_TURN, STREAM_IDLE_MAX,
        STREAM_KERNEL_BYTES, STREAM_QUEUE_BYTES_MAX, STREAMS_PER_SOURCE_MAX,
    },
};
use bytes::{Buf, Bytes};
use signaling::{
    flow::{ConnectionId, Flow, FlowEnd, ListenerId},
    input::Input,
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Notify,
    task::spawn_local,
    time::{Instant, sleep_until, timeout, timeout_at},
};

/// Bytes read from a stream at once.
const PIECE_BYTES: usize = 16 * 1024;

thread_local! {
    /// The one buffer all streams are read through; a piece is handed on before the next is read.
    static PIECE: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE_BYTES].into_boxed_slice());
}

/// One stream's queue and state, shared by its task and the hands of the exchange.
struct Stream {
    remote: SocketAddr,
    queue: RefCell<VecDeque<Bytes>>,
    queued: Cell<usize>,
    /// Something was queued, or the state changed.
    wake: Notify,
    /// We had something to say on it.
    spoken_to: Cell<bool>,
    closing: Cell<bool>,
    stalled: Cell<bool>,
}

impl Stream {
    fn new(remote: SocketAddr) -> Rc<Self> {
        Rc::new(Self {
            remote,
            queue: RefCell::default(),
            queued: Cell::new(0),
            wake: Notify::new(),
            spoken_to: Cell::new(false),
            closing: Cell::new(false),
            stalled: Cell::new(false),
        })
    }

    fn push(&self, bytes: Bytes) {
        let queued = self.queued.get() + bytes.len();
        if queued > STREAM_QUEUE_BYTES_MAX {
            self.stalled.set(true);
        } else if !self.closing.get() {
            self.queued.set(queued);
            self.queue.borrow_mut().push_back(bytes);
        }
        self.spoken_to.set(true);
        self.wake.notify_one();
    }

    /// Writes what the socket takes.
    fn flush(&self, socket: &TcpStream) -> io::Result<()> {
        let mut queue = self.queue.borrow_mut();
        while let Some(first) = queue.front_mut() {
            match socket.try_write(first) {
                Ok(written) => {
                    self.queued.set(self.queued.get() - written);
                    first.advance(written);
                    if first.is_empty() {
                        queue.pop_front();
                    }
                }
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

/// All streams.
pub(super) struct Streams {
    by_name: BTreeMap<ConnectionId, Rc<Stream>>,
    by_source: BTreeMap<IpAddr, usize>,
    bound: Vec<SocketAddr>,
    max: usize,
    next: u64,
}

impl Streams {
    /// No stream yet; at most `max` at once. `bound` are the listeners' addresses, which outbound streams are bound to.
    pub(super) fn new(bound: Vec<SocketAddr>, max: usize) -> Self {
        Self { by_name: BTreeMap::new(), by_source: BTreeMap::new(), bound, max, next: 0 }
    }

    /// Queues a message. A stream that is gone has been reported, or is about to be.
    pub(super) fn transmit(&mut self, connection: ConnectionId, bytes: Bytes) {
        if let Some(stream) = self.by_name.get(&connection) {
            stream.push(bytes);
        }
    }

    /// Ends a stream after what is queued; nobody is told.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.by_name.get(&connection) {
            stream.closing.set(true);
            stream.wake.notify_one();
        }
    }

    /// Begins to connect.
    pub(super) fn open(&mut self, core: &Rc<Core>, connection: ConnectionId, listener: ListenerId, remote: SocketAddr) {
        let local = self.bound.get(usize::from(listener.0)).map(|bound| SocketAddr::new(bound.ip(), 0));
        let stream = Stream::new(remote);
        let admitted = self.admit(connection, &stream);
        // Ours from the start: the far side may well speak first.
        stream.spoken_to.set(true);
        let core = Rc::clone(core);
        spawn_local(async move {
            let socket = match local {
                Some(local) if admitted => connect(local, remote).await.ok(),
                Some(_) | None => None,
            };
            let Some(socket) = socket else {
                if admitted {
                    core.streams(|streams| streams.forget(connection));
                }
                core.handle(Input::FlowLost { connection, why: FlowEnd::NotOpened });
                return;
            };
            core.handle(Input::FlowOpened { connection });
            run(core, socket, stream, connection, Flow::stream(listener, remote, connection)).await;
        });
    }

    fn admit(&mut self, connection: ConnectionId, stream: &Rc<Stream>) -> bool {
        let source = stream.remote.ip();
        let of_source = self.by_source.get(&source).copied().unwrap_or(0);
        if self.by_name.len() >= self.max || of_source >= STREAMS_PER_SOURCE_MAX {
            return false;
        }
        self.by_source.insert(source, of_source + 1);
        self.by_name.insert(connection, Rc::clone(stream));
        true
    }

    fn forget(&mut self, connection: ConnectionId) {
        let Some(stream) = self.by_name.remove(&connection) else { return };
        if let Some(of_source) = self.by_source.get_mut(&stream.remote.ip()) {
            *of_source -= 1;
            if *of_source == 0 {
                self.by_source.remove(&stream.remote.ip());
            }
        }
    }

    fn accept(&mut self, remote: SocketAddr) -> Option<(ConnectionId, Rc<Stream>)> {
        let connection = ConnectionId(self.next);
        let stream = Stream::new(remote);
        self.admit(connection, &stream).then(|| {
            self.next += 1;
            (connection, stream)
        })
    }
}

/// Accepts on one listener for ever.
pub(super) async fn serve(core: Rc<Core>, socket: TcpListener, listener: ListenerId) {
    loop {
        match socket.accept().await {
            Ok((socket, remote)) => {
                // At the limit the connection is closed by being dropped.
                if let Some((connection, stream)) = core.streams(|streams| streams.accept(remote)) {
                    tune(&socket);
                    let flow = Flow::stream(listener, remote, connection);
                    spawn_local(run(Rc::clone(&core), socket, stream, connection, flow));
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

async fn connect(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if local.is_ipv4() == remote.is_ipv4() && !local.ip().is_unspecified() {
        socket.bind(local)?;
    }
    let stream = timeout(CONNECT_WITHIN, socket.connect(remote)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    tune(&stream);
    Ok(stream)
}

fn tune(socket: &TcpStream) {
    let socket_ref = socket2::SockRef::from(socket);
    let probes = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE_AFTER);
    // Without them the stream still works, only less well.
    let _ = socket.set_nodelay(true);
    let _ = socket_ref.set_send_buffer_size(STREAM_KERNEL_BYTES);
    let _ = socket_ref.set_recv_buffer_size(STREAM_KERNEL_BYTES);
    let _ = socket_ref.set_tcp_keepalive(&probes);
}

/// Serves one stream to its end and tells the exchange, unless the exchange asked for it.
async fn run(core: Rc<Core>, socket: TcpStream, stream: Rc<Stream>, connection: ConnectionId, flow: Flow) {
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
        if stream.stalled.get() {
            return Some(FlowEnd::Stalled);
        }
        if stream.flush(socket).is_err() {
            return Some(FlowEnd::Failed);
        }
        if stream.closing.get() {
            finish(socket, stream).await;
            return None;
        }
        let until = if stream.spoken_to.get() { heard + STREAM_IDLE_MAX } else { accepted + FIRST_ANSWER_WITHIN };
        let interest =
            if stream.queued.get() > 0 { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        tokio::select! {
            ready = socket.ready(interest) => match ready {
                Ok(ready) if ready.is_readable() => match read(core, socket, stream, flow) {
                    Ok(true) => heard = Instant::now(),
                    Ok(false) => {}
                    Err(why) => return Some(why),
                },
                Ok(_) => {}
                Err(_) => return Some(FlowEnd::Failed),
            },
            () = stream.wake.notified() => {}
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
                Ok(length) => core.handle(Input::Received { flow, bytes: &piece[..length] }),
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(count > 0),
                Err(_) => return Err(FlowEnd::Failed),
            }
            if stream.closing.get() || stream.stalled.get() {
                break;
            }
        }
        Ok(true)
    })
}

/// Gives a closing stream a moment to take what is queued, then says goodbye.
async fn finish(socket: &TcpStream, stream: &Stream) {
    let until = Instant::now() + CLOSE_WITHIN;
    while stream.queued.get() > 0 {
        match timeout_at(until, socket.writable()).await {
            Ok(Ok(())) if stream.flush(socket).is_ok() => {}
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
