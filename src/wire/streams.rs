//! The streams there are: a bounded queue for each far side, and how many may be.
//!
//! Deliberately ignorant of sockets and protocols: the tasks that serve them are in `tcp` and `websocket`.

use super::{limits::STREAM_QUEUE_BYTES_MAX, tls::Security};
use arc_swap::ArcSwap;
use bytes::{Buf as _, Bytes};
use signaling::flow::{ConnectionId, ListenerId, Source};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
};
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

/// One stream's queue and state, shared by its task and the hands of the exchange.
pub(super) struct Stream {
    remote: SocketAddr,
    queue: RefCell<VecDeque<Bytes>>,
    queued: Cell<usize>,
    /// Something was queued, or the state changed.
    pub(super) wake: Notify,
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

    /// Queues a message; one that does not fit makes the stream stalled.
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

    /// Gives what is queued to `write`, in order, until that takes no more. It says how much it took.
    pub(super) fn drain(&self, mut write: impl FnMut(&Bytes) -> io::Result<usize>) -> io::Result<()> {
        let mut queue = self.queue.borrow_mut();
        while let Some(first) = queue.front_mut() {
            match write(first) {
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

    /// Whether something is queued.
    pub(super) fn has_queued(&self) -> bool {
        self.queued.get() > 0
    }

    /// We had something to say on it.
    pub(super) fn is_spoken_to(&self) -> bool {
        self.spoken_to.get()
    }

    /// It shall end after what is queued.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// The far side does not read.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.get()
    }
}

/// All streams.
pub(super) struct Streams {
    by_name: BTreeMap<ConnectionId, Rc<Stream>>,
    by_source: BTreeMap<Source, usize>,
    bound: Vec<SocketAddr>,
    max: usize,
    next: u64,
    tls: Option<Arc<ArcSwap<Security>>>,
}

impl Streams {
    /// No stream yet; at most `max` at once. `bound` are the listeners' addresses, which outbound streams are bound to.
    pub(super) fn new(bound: Vec<SocketAddr>, max: usize, tls: Option<Arc<ArcSwap<Security>>>) -> Self {
        Self { by_name: BTreeMap::new(), by_source: BTreeMap::new(), bound, max, next: 0, tls }
    }

    /// How TLS is spoken by streams that we open.
    pub(super) fn connector(&self) -> Option<TlsConnector> {
        self.tls.as_ref().map(|tls| TlsConnector::from(Arc::clone(&tls.load().servers)))
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

    /// A stream that we open ourselves. `None`: there are too many.
    pub(super) fn begin(&mut self, connection: ConnectionId, remote: SocketAddr) -> Option<Rc<Stream>> {
        let stream = Stream::new(remote);
        // Ours from the start: the far side may well speak first.
        stream.spoken_to.set(true);
        self.admit(connection, &stream).then_some(stream)
    }

    /// The address that streams of a listener of ours are bound to.
    pub(super) fn local(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.bound.get(usize::from(listener.0)).map(|bound| SocketAddr::new(bound.ip(), 0))
    }

    fn admit(&mut self, connection: ConnectionId, stream: &Rc<Stream>) -> bool {
        if self.by_name.len() >= self.max {
            return false;
        }
        *self.by_source.entry(Source::of(stream.remote.ip())).or_default() += 1;
        self.by_name.insert(connection, Rc::clone(stream));
        true
    }

    /// Streams of the source of an address, ours to it included.
    pub(super) fn of_source(&self, remote: SocketAddr) -> usize {
        self.by_source.get(&Source::of(remote.ip())).copied().unwrap_or(0)
    }

    /// A stream has ended.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        let Some(stream) = self.by_name.remove(&connection) else { return };
        let source = Source::of(stream.remote.ip());
        if let Some(of_source) = self.by_source.get_mut(&source) {
            *of_source -= 1;
            if *of_source == 0 {
                self.by_source.remove(&source);
            }
        }
    }

    /// A stream that was accepted. `None`: there are too many.
    pub(super) fn accept(&mut self, remote: SocketAddr) -> Option<(ConnectionId, Rc<Stream>)> {
        let connection = ConnectionId(self.next);
        let stream = Stream::new(remote);
        self.admit(connection, &stream).then(|| {
            self.next += 1;
            (connection, stream)
        })
    }
}
