//! The thread that makes records of turns: it reads and masks messages, words decisions, appends to the ring and sends to HOMER.
//!
//! Nobody waits for it. What it cannot take in time is dropped by who would have given it, and counted.

use super::{
    counts::{Counts, Lost},
    hep::Exporter,
    known::{Allowance, Known},
    mask,
    record::{self, Note, Passed, Stamp},
    ring::Ring,
    turn::{Came, Turn, Went},
    words,
};
use crate::clock;
use contract::Instant;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, select};
use jiff::Timestamp;
use signaling::{
    fact::{Choice, Decision},
    flow::{ConnectionId, Flow, ListenerId},
    id::{CallId, LegId},
    message::{Framed, Header, Index, frame},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Pause between two takings, so that a busy exchange wakes this thread some times a second and not for every message.
const GATHER: Duration = Duration::from_millis(50);

/// Turns of one taking before what they made is written.
const BATCH_MAX: usize = 1_024;

/// How often old files are looked for when nothing is written.
const CLEAR_EVERY: Duration = Duration::from_secs(60);

/// Streams whose last piece ended within a message. Beyond it the oldest loses its beginning, so that one message of it is not kept.
const PIECES_MAX: usize = 1_024;

/// After a fault of the disk nothing is written for so long.
const DISK_PAUSE: Duration = Duration::from_secs(10);

/// An order to the keeper.
pub(super) enum Order {
    /// Write what came until now, then answer.
    Flush(Sender<()>),
    /// Write what came until now, and end.
    Stop,
}

/// The keeper.
pub(super) struct Keeper {
    pub(super) turns: Receiver<Turn>,
    pub(super) orders: Receiver<Order>,
    pub(super) writer: Writer,
}

/// What makes records.
pub(super) struct Writer {
    /// Our addresses, by listener.
    listeners: Vec<SocketAddr>,
    ring: Option<Ring>,
    hep: Option<Exporter>,
    /// Bodies of MESSAGE are kept.
    bodies: bool,
    counts: Arc<Counts>,
    known: Known,
    strangers: Allowance,
    pieces: BTreeMap<ConnectionId, Vec<u8>>,
    index: Index,
    batch: Vec<u8>,
    /// Microseconds of the wall clock less those of the monotonic one.
    wall_offset_us: i128,
    faulty_until: Option<Instant>,
}

impl Keeper {
    /// Works until it is told to stop, or nobody is left who could tell it anything.
    pub(super) fn run(mut self) {
        loop {
            select! {
                recv(self.turns) -> turn => match turn {
                    Ok(turn) => self.take(turn),
                    Err(_) => break,
                },
                recv(self.orders) -> order => if self.obey(order.ok()) { break },
                default(CLEAR_EVERY) => {
                    self.writer.clear();
                    continue;
                }
            }
            match self.orders.recv_timeout(GATHER) {
                Ok(order) => {
                    if self.obey(Some(order)) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.drain();
    }

    /// Takes a turn and those that wait behind it.
    fn take(&mut self, turn: Turn) {
        self.writer.set_clock();
        self.writer.turn(turn);
        for turn in self.turns.try_iter().take(BATCH_MAX) {
            self.writer.turn(turn);
        }
        self.writer.write();
    }

    fn drain(&mut self) {
        while let Ok(turn) = self.turns.try_recv() {
            self.take(turn);
        }
    }

    /// `true`: to stop.
    fn obey(&mut self, order: Option<Order>) -> bool {
        match order {
            Some(Order::Flush(done)) => {
                self.drain();
                // Whoever asked may have given up waiting.
                let _ = done.try_send(());
                false
            }
            Some(Order::Stop) | None => true,
        }
    }
}

impl Writer {
    pub(super) fn new(
        listeners: Vec<SocketAddr>,
        ring: Option<Ring>,
        hep: Option<Exporter>,
        bodies: bool,
        counts: Arc<Counts>,
    ) -> Self {
        let mut writer = Self {
            listeners,
            ring,
            hep,
            bodies,
            counts,
            known: Known::default(),
            strangers: Allowance::new(),
            pieces: BTreeMap::new(),
            index: Index::new(),
            batch: Vec::new(),
            wall_offset_us: 0,
            faulty_until: None,
        };
        writer.set_clock();
        writer
    }

    /// Reads how the clocks stand to each other; a wall clock that is set moves what is written from then on.
    fn set_clock(&mut self) {
        let wall = i128::from(Timestamp::now().as_microsecond());
        self.wall_offset_us = wall - i128::from(clock::now().as_nanos() / 1_000);
    }

    fn stamp(&self, at: Instant) -> Stamp {
        let wall_us = i128::from(at.as_nanos() / 1_000) + self.wall_offset_us;
        Stamp { wall_us: u64::try_from(wall_us).unwrap_or(0), mono_ns: at.as_nanos(), ..Stamp::default() }
    }

    /// Makes the records of a turn.
    pub(super) fn turn(&mut self, turn: Turn) {
        self.counts.taken(&turn);
        let Turn { at, came, went } = turn;
        // What a turn decides is known before the message that led to it is written.
        for effect in &went {
            if let Went::Decided(decision) = effect
                && let Decision { call, leg: Some(number), choice: Choice::LegBegan(beginning) } = &**decision
            {
                let leg = LegId { call: *call, number: *number };
                self.known.learn(record::conversation(beginning.call_id.as_bytes()), leg);
            }
        }
        match came {
            Came::Bytes { flow, bytes } => self.received(at, flow, &bytes),
            Came::Opened(connection) => self.note(at, None, None, words::opened(connection)),
            Came::Lost(connection, why) => {
                self.pieces.remove(&connection);
                self.note(at, None, None, words::lost(connection, why));
            }
            Came::Media(event) => {
                let (call, leg) = (CallId::of(event.session()), words::member_of(&event));
                self.note(at, Some(call), leg, words::media(&event));
            }
            Came::Other => {}
        }
        for effect in went {
            match effect {
                Went::Bytes { flow, bytes } => self.message(at, flow, &bytes, false),
                Went::Closed(connection) => {
                    self.pieces.remove(&connection);
                }
                Went::Decided(decision) => {
                    for note in words::decision(&decision) {
                        self.note(at, Some(decision.call), decision.leg, note);
                    }
                }
                Went::Fact(fact) => {
                    if let Some((call, leg, note)) = words::fact(&fact) {
                        self.note(at, Some(call), leg, note);
                    }
                }
                Went::Ordered(session, order) => {
                    let (leg, note) = words::order(&order);
                    self.note(at, Some(CallId::of(session)), leg, note);
                }
            }
        }
    }

    /// Bytes came: whole messages, or a piece of a stream.
    fn received(&mut self, at: Instant, flow: Flow, bytes: &[u8]) {
        let stream = flow.connection.filter(|_| !flow.transport.keeps_messages_apart());
        let Some(connection) = stream else { return self.message(at, flow, bytes, true) };
        let begun = self.pieces.remove(&connection);
        let joined = begun.map(|mut begun| {
            begun.extend_from_slice(bytes);
            begun
        });
        let mut rest = joined.as_deref().unwrap_or(bytes);
        loop {
            match frame(rest) {
                Framed::KeepAlive(length) => rest = &rest[length..],
                Framed::Message(length) => {
                    let (message, after) = rest.split_at(length);
                    self.message(at, flow, message, true);
                    rest = after;
                }
                // The exchange closes the stream; what it could read of the message is what there is to see.
                Framed::Fault { head, .. } => return self.message(at, flow, &rest[..head], true),
                Framed::Need => break,
            }
        }
        if !rest.is_empty() {
            if self.pieces.len() >= PIECES_MAX {
                self.pieces.pop_first();
            }
            let rest = rest.to_vec();
            self.pieces.insert(connection, rest);
        }
    }

    /// One message.
    fn message(&mut self, at: Instant, flow: Flow, bytes: &[u8], inbound: bool) {
        let (mut stamp, local) = (self.stamp(at), self.local(flow.listener));
        let Ok(message) = self.index.parse(bytes) else { return };
        let call_id = message.header(Header::CallId).unwrap_or_default();
        if !call_id.is_empty() {
            stamp.conversation = record::conversation(call_id);
        }
        self.known.complete(&mut stamp);
        if stamp.call.is_none() && !self.strangers.take(at.as_nanos()) {
            return self.counts.lose(Lost::Strangers, 1);
        }
        let correlation = match stamp.call {
            Some(call) => call.to_string(),
            None => String::from_utf8_lossy(call_id).into_owned(),
        };
        let passed = Passed {
            inbound,
            transport: flow.transport,
            connection: flow.connection,
            listener: flow.listener,
            local,
            remote: flow.remote,
            bytes: mask::mask(&message, self.bodies),
        };
        if let Some(hep) = &mut self.hep {
            hep.send(&stamp, &passed, &correlation);
        }
        if self.ring.is_some() {
            record::put_message(&mut self.batch, &stamp, &passed);
            self.counts.kept();
        }
    }

    fn local(&self, listener: ListenerId) -> SocketAddr {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        self.listeners.get(usize::from(listener.0)).copied().unwrap_or(unknown)
    }

    fn note(&mut self, at: Instant, call: Option<CallId>, leg: Option<u16>, note: Note) {
        if self.ring.is_some() {
            let stamp = Stamp { call, leg, ..self.stamp(at) };
            record::put_note(&mut self.batch, &stamp, &note);
        }
    }

    /// Appends what was made to the ring.
    pub(super) fn write(&mut self) {
        let Some(ring) = &mut self.ring else { return };
        if self.batch.is_empty() {
            return;
        }
        let now = clock::now();
        if self.faulty_until.is_some_and(|until| now < until) {
            self.counts.lose(Lost::Disk, 1);
        } else if let Err(fault) = ring.append(SystemTime::from(Timestamp::now()), &self.batch) {
            tracing::error!(component = "trace", %fault, "the trace cannot be written; it goes on in a while");
            self.counts.lose(Lost::Disk, 1);
            self.faulty_until = Some(now + DISK_PAUSE);
        } else {
            self.faulty_until = None;
        }
        self.batch.clear();
    }

    fn clear(&self) {
        let Some(ring) = &self.ring else { return };
        if let Err(fault) = ring.clear(SystemTime::from(Timestamp::now())) {
            tracing::error!(component = "trace", %fault, "old files of the trace cannot be removed");
        }
    }
}
