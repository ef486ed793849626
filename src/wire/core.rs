//! The exchange and the hands that perform what it wants: one value on one thread, lent to whichever task has something to tell it.
//!
//! Tasks of the signaling thread share a [`Core`] and call [`Core::handle`]; it never waits, so no two of them are ever inside, and nothing
//! between a socket and the exchange queues, copies or locks.

use super::{
    gate::{AMPLIFICATION_MAX, Ban, BanOrder, Gate, Shut, Tally},
    limits::{MEDIA_RETRY, PANICS_MAX},
    mailbox::Letter,
    outbound,
    streams::{Stream, Streams},
    udp::Datagrams,
};
use crate::{
    clock,
    media::{Plane, Sent},
    publish::{Publisher, trace::Tracer},
    resolve::Lookup,
};
use contract::{Instant, MediaCommand, MediaEvent, MediaRefusal, ShardId};
use signaling::{
    dns::Resolution,
    effect::{Ask, Effect, Effects, Reply},
    fact::{Fact, MethodLabel},
    flow::{ConnectionId, Flow, FlowEnd, ListenerId, Standing},
    id::{QueryId, Ticket},
    input::{Command, Input, StoreFault, StoredBinding, StoredMessage},
    pbx::Pbx,
};
use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};
use tokio::sync::{Notify, mpsc, oneshot};

/// What the store shall write; answered through [`super::Exchange::stored`].
#[derive(Debug)]
pub struct StoreOrder {
    /// The question's name.
    pub query: QueryId,
    /// What to write.
    pub ask: Ask,
}

/// The exchange, its sockets and its surroundings.
pub(super) struct Core {
    inner: RefCell<Inner>,
    /// Woken when the next deadline moved forward, or has come to be.
    pub(super) deadline_moved: Notify,
}

struct Inner {
    pbx: Pbx,
    effects: Effects,
    later: VecDeque<Input<'static>>,
    gate: Gate,
    /// Whose datagram is being handled, and how many octets of answers it may still have.
    answerable: Option<(SocketAddr, usize)>,
    /// What the piece of a stream held that is being handled.
    tally: Tally,
    datagrams: Datagrams,
    streams: Streams,
    plane: Plane,
    publisher: Publisher,
    tracer: Option<Tracer>,
    lookups: mpsc::Sender<Lookup>,
    store: mpsc::Sender<StoreOrder>,
    waiting: HashMap<Ticket, oneshot::Sender<Reply>>,
    next_ticket: u64,
    armed: Option<Instant>,
    panics: u32,
}

impl Core {
    pub(super) fn new(
        (pbx, gate): (Pbx, Gate),
        datagrams: Datagrams,
        streams: Streams,
        plane: Plane,
        (publisher, tracer): (Publisher, Option<Tracer>),
        lookups: mpsc::Sender<Lookup>,
        store: mpsc::Sender<StoreOrder>,
    ) -> Rc<Self> {
        let inner = Inner {
            pbx,
            effects: Effects::with_capacity(64),
            later: VecDeque::new(),
            gate,
            answerable: None,
            tally: Tally::default(),
            datagrams,
            streams,
            plane,
            publisher,
            tracer,
            lookups,
            store,
            waiting: HashMap::new(),
            next_ticket: 0,
            armed: None,
            panics: 0,
        };
        Rc::new(Self { inner: RefCell::new(inner), deadline_moved: Notify::new() })
    }

    /// Tells the exchange one thing and performs what it wants, in its order.
    pub(super) fn handle(self: &Rc<Self>, input: Input<'_>) {
        let mut inner = self.inner.borrow_mut();
        inner.handle(self, input);
        if inner.deadline_is_sooner() {
            self.deadline_moved.notify_one();
        }
    }

    /// A datagram came.
    pub(super) fn datagram(self: &Rc<Self>, listener: ListenerId, remote: SocketAddr, bytes: &[u8]) {
        let mut inner = self.inner.borrow_mut();
        let Inner { gate, pbx, .. } = &mut *inner;
        if let Err(shut) =
            gate.datagram(clock::now(), listener, remote, bytes, &|remote| pbx.standing(clock::now(), remote))
        {
            return inner.publisher.shut(shut);
        }
        inner.answerable = (!inner.gate.is_allowed(remote.ip())).then(|| (remote, bytes.len() * AMPLIFICATION_MAX));
        inner.handle(self, Input::Received { flow: Flow::datagram(listener, remote), bytes });
        inner.answerable = None;
        if inner.deadline_is_sooner() {
            self.deadline_moved.notify_one();
        }
    }

    /// The next piece of a stream came; an error when the stream is to end.
    pub(super) fn piece(self: &Rc<Self>, flow: Flow, bytes: &[u8]) -> Result<(), FlowEnd> {
        let mut inner = self.inner.borrow_mut();
        let Inner { gate, pbx, .. } = &mut *inner;
        if let Err(shut) = gate.piece(clock::now(), flow.remote, bytes, &|remote| pbx.standing(clock::now(), remote)) {
            inner.publisher.shut(shut);
            return Err(FlowEnd::Closed);
        }
        inner.tally = Tally::default();
        inner.handle(self, Input::Received { flow, bytes });
        let tally = inner.tally;
        inner.gate.charge(clock::now(), flow.remote, tally);
        if inner.deadline_is_sooner() {
            self.deadline_moved.notify_one();
        }
        Ok(())
    }

    /// Until when nothing more is read of a stream.
    pub(super) fn quiet_until(&self, flow: Flow) -> Option<tokio::time::Instant> {
        let mut inner = self.inner.borrow_mut();
        let Inner { gate, pbx, .. } = &mut *inner;
        let owed = gate.owed(clock::now(), flow.remote, &|remote| pbx.standing(clock::now(), remote));
        (!owed.is_zero()).then(|| tokio::time::Instant::now() + owed)
    }

    /// A connection was accepted; `None`: it is to be dropped.
    pub(super) fn accepted(&self, listener: ListenerId, remote: SocketAddr) -> Option<(ConnectionId, Rc<Stream>)> {
        let mut inner = self.inner.borrow_mut();
        let Inner { gate, pbx, streams, .. } = &mut *inner;
        let open = streams.of_source(remote);
        let judged =
            gate.connection(clock::now(), listener, remote, open, &|remote| pbx.standing(clock::now(), remote));
        let stream = judged.and_then(|()| inner.streams.accept(remote).ok_or(Shut::Connections));
        stream.inspect_err(|shut| inner.publisher.shut(*shut)).ok()
    }

    /// Gives the exchange the bindings and messages of before; told before anything but the time.
    pub(super) fn restore(self: &Rc<Self>, bindings: Vec<StoredBinding>, messages: Vec<StoredMessage>) {
        self.handle(Input::Restored(bindings));
        self.handle(Input::RestoredMessages(messages));
    }

    /// Tells the exchange what the wall clock shows.
    pub(super) fn tell_time(self: &Rc<Self>) {
        self.handle(Input::ClockRead(clock::wall_time()));
    }

    /// Opens a letter.
    pub(super) fn open(self: &Rc<Self>, letter: Letter) {
        let input = match letter {
            Letter::Asked { command, reply } => self.inner.borrow_mut().admit(command, reply),
            Letter::Configured { settings, taken } => {
                // Told first: whoever hears it may count on it, because nothing comes between.
                if taken.send(()).is_err() {
                    return;
                }
                Input::Configured(settings)
            }
            Letter::Gate { order, reply } => {
                // Whoever asked may have given up waiting.
                let _ = reply.send(self.inner.borrow_mut().order(order));
                return;
            }
            Letter::Resolved { lookup, resolution } => Input::Resolved { lookup, resolution },
            Letter::Stored { query, outcome } => Input::Stored { query, outcome },
        };
        self.handle(input);
    }

    /// Takes one media event from the shards, if there is one.
    pub(super) fn media_event(&self) -> Option<MediaEvent> {
        self.inner.borrow_mut().plane.event()
    }

    /// When the timer shall fire next; remembered as armed.
    pub(super) fn arm(&self) -> Option<Instant> {
        let mut inner = self.inner.borrow_mut();
        inner.armed = inner.deadline();
        inner.armed
    }

    /// The deadline has come.
    pub(super) fn tick(self: &Rc<Self>) {
        let due = {
            let mut inner = self.inner.borrow_mut();
            inner.armed = None;
            inner.plane.retry();
            inner.pbx.deadline().is_some_and(|at| at <= clock::now())
        };
        if due {
            self.handle(Input::Tick);
        }
    }

    /// The exchange's own checks, run while it works.
    pub(super) fn check(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.waiting.retain(|_, reply| !reply.is_closed());
        let active = inner.gate.bans_active(clock::now());
        inner.publisher.bans_active(active);
        if let Err(invariant) = inner.pbx.check_invariants() {
            tracing::error!(
                component = "wire",
                invariant,
                "an invariant is violated; this is a defect of the exchange"
            );
            let fact = Fact::InvariantViolated { invariant };
            inner.publisher.publish(fact);
        }
    }

    /// The streams, for the tasks that serve them.
    pub(super) fn streams<T>(&self, with: impl FnOnce(&mut Streams) -> T) -> T {
        with(&mut self.inner.borrow_mut().streams)
    }
}

impl Inner {
    fn handle(&mut self, core: &Rc<Core>, input: Input<'_>) {
        self.turn(core, input);
        // Each of these answers an effect of the turn before, so their number is bounded by what the exchange asked for.
        while let Some(input) = self.later.pop_front() {
            self.turn(core, input);
        }
    }

    fn turn(&mut self, core: &Rc<Core>, input: Input<'_>) {
        let now = clock::now();
        if let Some(tracer) = &mut self.tracer {
            tracer.begin(now, &input);
        }
        let mut effects = core::mem::take(&mut self.effects);
        let pbx = &mut self.pbx;
        // A panic in the exchange is a defect of ours, and one peer's message must not end the calls of all others. What was asked for until
        // then is performed, because the state already counts on it. The state may be inconsistent from here on: the exchange checks itself,
        // and when it no longer holds together, or panics again and again, the process ends loudly and its supervisor starts it anew, with its
        // registrations. Waiting for the calls to end would keep a broken exchange in service.
        let outcome = catch_unwind(AssertUnwindSafe(|| pbx.handle(now, input, &mut effects)));
        if outcome.is_err() {
            self.panicked();
        }
        for effect in effects.drain(..) {
            self.perform(core, effect);
        }
        self.effects = effects;
        if let Some(tracer) = &mut self.tracer {
            tracer.end();
        }
    }

    fn panicked(&mut self) {
        self.panics += 1;
        self.publisher.publish(Fact::InvariantViolated { invariant: "panic" });
        let sane = catch_unwind(AssertUnwindSafe(|| self.pbx.check_invariants()));
        let verdict = match sane {
            Ok(Ok(())) if self.panics < PANICS_MAX => {
                tracing::error!(
                    component = "wire",
                    panics = self.panics,
                    "the exchange panicked; its state holds together, it goes on"
                );
                return;
            }
            Ok(Ok(())) => "too many panics",
            Ok(Err(invariant)) => invariant,
            Err(_) => "its checks panic too",
        };
        tracing::error!(component = "wire", verdict, "the exchange panicked and cannot go on");
        eprintln!("ironbell: the exchange panicked and cannot go on: {verdict}");
        std::process::abort();
    }

    fn perform(&mut self, core: &Rc<Core>, effect: Effect) {
        match effect {
            Effect::Transmit { flow, bytes } => match flow.connection {
                Some(connection) => {
                    if let Some(tracer) = &mut self.tracer {
                        tracer.sent(flow, bytes.clone());
                    }
                    self.streams.transmit(connection, bytes);
                }
                None if self.reflects(flow.remote, &bytes) => self.publisher.shut(Shut::Amplification),
                None => {
                    self.datagrams.transmit(flow.listener, flow.remote, &bytes, &self.publisher);
                    if let Some(tracer) = &mut self.tracer {
                        tracer.sent(flow, bytes);
                    }
                }
            },
            Effect::OpenFlow { connection, listener, remote, transport, name } => {
                let flow = Flow::connected(transport, listener, remote, connection);
                outbound::open(core, &mut self.streams, connection, flow, name);
            }
            Effect::CloseFlow { connection } => {
                if let Some(tracer) = &mut self.tracer {
                    tracer.closed(connection);
                }
                self.streams.close(connection);
            }
            Effect::Resolve { lookup, question } => {
                if self.lookups.try_send(Lookup { lookup, question }).is_err() {
                    self.later.push_back(Input::Resolved { lookup, resolution: Resolution::Failed });
                }
            }
            Effect::Media { shard, command } => {
                if let Some(tracer) = &mut self.tracer {
                    tracer.ordered(&command);
                }
                self.command(shard, command);
            }
            Effect::Store { query, ask } => {
                if let Err(refused) = self.store.try_send(StoreOrder { query, ask }) {
                    let fault = match refused {
                        mpsc::error::TrySendError::Full(_) => StoreFault::Full,
                        mpsc::error::TrySendError::Closed(_) => StoreFault::Unavailable,
                    };
                    self.later.push_back(Input::Stored { query, outcome: Err(fault) });
                }
            }
            Effect::Reply { ticket, reply } => {
                if let Some(waiting) = self.waiting.remove(&ticket) {
                    // Whoever asked may have given up waiting.
                    let _ = waiting.send(reply);
                }
            }
            Effect::Fact(Fact::Decided(decision)) => {
                if let Some(tracer) = &mut self.tracer {
                    tracer.decided(decision);
                }
            }
            Effect::Fact(fact) => {
                if let Some(tracer) = &mut self.tracer {
                    tracer.fact(&fact);
                }
                self.watch(&fact);
                self.publisher.publish(fact);
            }
        }
    }

    /// What the gate learns from what happens.
    fn watch(&mut self, fact: &Fact) {
        if let Fact::Request { method, inbound: true, .. } = *fact {
            self.tally.messages += 1;
            self.tally.registers += u32::from(method == MethodLabel::Register);
            self.tally.invites += u32::from(method == MethodLabel::Invite);
        } else if let Fact::Response { inbound: true, .. } = *fact {
            self.tally.messages += 1;
        } else if let Fact::AuthFailed { source, replayed: false } = *fact {
            let (Self { gate, pbx, publisher, .. }, now) = (self, clock::now());
            if let Some(ban) = gate.failed(now, source, &|remote| pbx.standing(clock::now(), remote)) {
                publisher.banned(&ban);
                publisher.bans_active(gate.bans_active(now));
            }
        }
    }

    /// Whether an answer to the datagram at hand is longer than it may be: who sent it might not be where he says.
    fn reflects(&mut self, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some((source, left)) = &mut self.answerable else { return false };
        if to.ip() != source.ip() || !bytes.starts_with(b"SIP/2.0 ") {
            return false;
        }
        if let Some(rest) = left.checked_sub(bytes.len()) {
            *left = rest;
            return false;
        }
        self.pbx.standing(clock::now(), *source) < Standing::Registered
    }

    fn command(&mut self, shard: ShardId, command: MediaCommand) {
        match self.plane.send(shard, command) {
            Sent::Taken => {}
            Sent::Refused { session, member } => {
                let why = MediaRefusal::SessionsExhausted;
                self.later.push_back(Input::Media(MediaEvent::LegRefused { session, member, why }));
            }
        }
    }

    fn order(&mut self, order: BanOrder) -> Option<Vec<Ban>> {
        let (Self { gate, pbx, publisher, .. }, now) = (self, clock::now());
        let bans = gate.order(now, order, &|remote| pbx.standing(clock::now(), remote))?;
        match order {
            BanOrder::List => {}
            BanOrder::Put { .. } => bans.iter().for_each(|ban| publisher.banned(ban)),
            BanOrder::Lift(_) => bans.iter().for_each(|ban| publisher.lifted(ban)),
        }
        publisher.bans_active(gate.bans_active(now));
        Some(bans)
    }

    fn admit(&mut self, command: Command, reply: oneshot::Sender<Reply>) -> Input<'static> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.waiting.insert(ticket, reply);
        Input::Asked { ticket, command }
    }

    fn deadline(&self) -> Option<Instant> {
        let retry = self.plane.holds_back().then(|| clock::now() + MEDIA_RETRY);
        [self.pbx.deadline(), retry].into_iter().flatten().min()
    }

    fn deadline_is_sooner(&self) -> bool {
        match (self.deadline(), self.armed) {
            (Some(wanted), Some(armed)) => wanted < armed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}
