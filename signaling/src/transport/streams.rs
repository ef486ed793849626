//! Streams: which there are, to whom, and what of a message has come so far. RFC 3261 section 18.3.

use crate::{
    flow::{ConnectionId, Flow, ListenerId, Transport},
    limits::{STREAM_QUEUE_BYTES_MAX, STREAMS_CLOSED_MAX, STREAMS_MAX},
    wheel::TimerId,
};
use core::net::SocketAddr;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) flow: Flow,
    /// Whose certificate it showed, or is to show, with TLS.
    name: Option<Arc<str>>,
    state: State,
    /// The beginning of a message whose end has not come.
    pub(crate) begun: Vec<u8>,
    /// Ends the stream when the message stays incomplete.
    pub(crate) patience: Option<TimerId>,
}

#[derive(Debug)]
enum State {
    /// Asked for; so many bytes wait for it in the shell.
    Opening {
        queued: usize,
    },
    Open,
}

/// What a stream leads to.
type Address = (Transport, SocketAddr, Option<Arc<str>>);

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    table: BTreeMap<ConnectionId, Stream>,
    /// Those that requests to an address may go by. A TLS stream that was accepted is none: nobody has shown that it leads to whom the address is meant
    /// for (RFC 5923 section 8.1), so it serves its own flow only. One that we opened serves the name it was opened for.
    by_remote: BTreeMap<Address, ConnectionId>,
    /// Streams we closed, whose last bytes may still come.
    closed: VecDeque<ConnectionId>,
    serial: u64,
}

impl Streams {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn get_mut(&mut self, connection: ConnectionId) -> Option<&mut Stream> {
        self.table.get_mut(&connection)
    }

    pub(crate) fn is_alive(&self, connection: ConnectionId) -> bool {
        self.table.contains_key(&connection)
    }

    /// The stream that bytes came by; a new one that the shell accepted is taken in. `None`: we closed it.
    pub(crate) fn receiving(&mut self, flow: Flow, connection: ConnectionId) -> Result<Option<&mut Stream>, Full> {
        if !self.table.contains_key(&connection) {
            if self.closed.contains(&connection) {
                return Ok(None);
            }
            if self.table.len() >= STREAMS_MAX {
                return Err(Full);
            }
            self.insert(connection, flow, None, State::Open);
        }
        Ok(self.table.get_mut(&connection))
    }

    fn insert(&mut self, connection: ConnectionId, flow: Flow, name: Option<Arc<str>>, state: State) {
        let accepted = matches!(state, State::Open);
        if !(accepted && flow.transport == Transport::Tls) {
            self.by_remote.insert((flow.transport, flow.remote, name.clone()), connection);
        }
        self.table.insert(connection, Stream { flow, name, state, begun: Vec::new(), patience: None });
    }

    /// The stream to `remote`, if there is one; with TLS to who showed the certificate of `name`.
    pub(crate) fn to(&self, transport: Transport, remote: SocketAddr, name: Option<&Arc<str>>) -> Option<Flow> {
        let connection = self.by_remote.get(&(transport, remote, name.cloned()))?;
        self.table.get(connection).map(|stream| stream.flow)
    }

    /// Names a stream that is to be opened.
    pub(crate) fn open(
        &mut self,
        transport: Transport,
        listener: ListenerId,
        remote: SocketAddr,
        name: Option<Arc<str>>,
    ) -> Result<(ConnectionId, Flow), Full> {
        if self.table.len() >= STREAMS_MAX {
            return Err(Full);
        }
        self.serial += 1;
        let connection = ConnectionId::outbound(self.serial);
        let flow = Flow::connected(transport, listener, remote, connection);
        self.insert(connection, flow, name, State::Opening { queued: 0 });
        Ok((connection, flow))
    }

    pub(crate) fn opened(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.table.get_mut(&connection) {
            stream.state = State::Open;
        }
    }

    /// Whether `bytes` more may be sent by the stream now; counts them while it is being opened.
    pub(crate) fn admit(&mut self, connection: ConnectionId, bytes: usize) -> Result<(), Inadmissible> {
        let stream = self.table.get_mut(&connection).ok_or(Inadmissible::Gone)?;
        match &mut stream.state {
            State::Open => Ok(()),
            State::Opening { queued } if *queued + bytes <= STREAM_QUEUE_BYTES_MAX => {
                *queued += bytes;
                Ok(())
            }
            State::Opening { .. } => Err(Inadmissible::Full),
        }
    }

    /// Forgets a stream that is gone.
    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<Stream> {
        let stream = self.table.remove(&connection)?;
        let remote = (stream.flow.transport, stream.flow.remote, stream.name.clone());
        if self.by_remote.get(&remote) == Some(&connection) {
            self.by_remote.remove(&remote);
        }
        Some(stream)
    }

    /// Forgets a stream that we close; what still comes by it is thrown away.
    pub(crate) fn close(&mut self, connection: ConnectionId) -> Option<Stream> {
        if self.closed.len() >= STREAMS_CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(connection);
        self.remove(connection)
    }

    /// Whether so many bytes more may be sent by the stream now.
    pub(crate) fn would_admit(&self, connection: ConnectionId, bytes: usize) -> bool {
        self.table.get(&connection).is_some_and(|stream| match stream.state {
            State::Open => true,
            State::Opening { queued } => queued + bytes <= STREAM_QUEUE_BYTES_MAX,
        })
    }

    /// Streams with an incomplete message.
    pub(crate) fn waiting(&self) -> usize {
        self.table.values().filter(|stream| stream.patience.is_some()).count()
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let known = self.by_remote.values().all(|connection| self.table.contains_key(connection));
        if known { Ok(()) } else { Err("every address of a stream leads to a stream") }
    }
}

/// [`STREAMS_MAX`] is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

/// Why bytes may not be sent by a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inadmissible {
    /// There is no such stream any more.
    Gone,
    /// [`STREAM_QUEUE_BYTES_MAX`] is reached.
    Full,
}
