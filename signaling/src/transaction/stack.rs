//! [`Stack`]: transport and transactions joined. The way in is in `incoming`, the ways out in `sending`; `server` and `client` carry out the steps
//! of the machines. What is here: what a stack consists of, its timers, and what it tells about itself.

use super::{
    Census, ClientId, NextHop, ServerId, TransactionUser, Turn,
    client::{self, Client, Tell},
    clock::Due,
    key::{ByKey, Keys},
    server::{self, Server},
    slab::Slab,
};
use crate::{
    dns::Resolution,
    effect::{Effect, Effects},
    fact::{DropReason, Fact},
    flow::{ConnectionId, Flow, ListenerId},
    id::LookupId,
    locate::Locator,
    message::{Header, Index, Message, Uri, Via},
    settings::Settings,
    transport::{echo::hex, faces::Faces, streams::Streams},
    wheel::{TimerId, Wheel},
};
use contract::Instant;
use core::{fmt, net::SocketAddr};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Everything between bytes and the transaction user.
pub struct Stack {
    pub(super) faces: Faces,
    pub(super) keys: Keys,
    random: ChaCha8Rng,
    pub(super) servers: Slab<Server>,
    pub(super) by_key: ByKey<ServerId>,
    /// Requests outside dialogs, by what their copies have in common.
    pub(super) merged: ByKey<ServerId>,
    pub(super) clients: Slab<Client>,
    /// The CANCEL of each cancelled INVITE.
    pub(super) cancels: BTreeMap<ClientId, ClientId>,
    pub(super) wheel: Wheel<Due>,
    pub(super) streams: Streams,
    /// Client transactions that wait for an answer, by the stream they went by.
    pub(super) depending: BTreeSet<(ConnectionId, ClientId)>,
    /// Addresses that refused TCP, and until when that is remembered.
    pub(super) no_tcp: VecDeque<(SocketAddr, Instant)>,
    pub(super) locator: Locator,
    /// The time-outs of open questions to name servers.
    pub(super) lookups: BTreeMap<LookupId, TimerId>,
    /// For the message being received; taken while it is.
    pub(super) index: Option<Index>,
    /// For messages of our own.
    pub(super) spare: Option<Index>,
}

impl fmt::Debug for Stack {
    /// Counts only: messages may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("census", &self.census()).finish_non_exhaustive()
    }
}

impl Stack {
    /// A stack without transactions. `seed` is the only source of its randomness: branches, tags, Call-IDs.
    #[must_use]
    pub fn new(settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        let mut random = ChaCha8Rng::from_seed(seed);
        let mut secret = [0; 32];
        random.fill_bytes(&mut secret);
        Self {
            faces: Faces::new(&settings.listeners, &settings.domain),
            keys: Keys::new(secret),
            random,
            servers: Slab::new(),
            by_key: ByKey::default(),
            merged: ByKey::default(),
            clients: Slab::new(),
            cancels: BTreeMap::new(),
            wheel: Wheel::new(),
            streams: Streams::default(),
            depending: BTreeSet::new(),
            no_tcp: VecDeque::new(),
            locator: Locator::default(),
            lookups: BTreeMap::new(),
            index: None,
            spare: None,
        }
    }

    /// New settings. Transactions and streams stay.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.faces = Faces::new(&settings.listeners, &settings.domain);
    }

    /// Carries out every timer that is due.
    pub fn fire<U: TransactionUser>(&mut self, now: Instant, user: &mut U, out: &mut Effects) {
        while let Some((_, due)) = self.wheel.pop_due(now) {
            match due {
                Due::Server(id, timer) => {
                    if let Some(server) = self.servers.get_mut(id.0) {
                        server.clock.fired(timer);
                    }
                    if self.step_server(now, id, server::Input::Fired(timer), None, out)
                        == Some(server::Tell::Unacknowledged)
                    {
                        user.on_unacknowledged(&mut Turn { now, stack: self, out }, id);
                    }
                }
                Due::Client(id, timer) => {
                    if let Some(client) = self.clients.get_mut(id.0) {
                        client.clock.fired(timer);
                    }
                    if let Some(Tell::Failure(why)) = self.step_client(now, id, client::Input::Fired(timer), None, out)
                    {
                        user.on_failure(&mut Turn { now, stack: self, out }, id, why);
                    }
                }
                Due::Lookup(lookup) => self.resolved(now, lookup, Resolution::Failed, user, out),
                Due::Target(id) => {
                    if let Some(Tell::Failure(why)) = self.lose_patience(now, id, out) {
                        user.on_failure(&mut Turn { now, stack: self, out }, id, why);
                    }
                }
                Due::Stream(connection) => {
                    if let Some(stream) = self.streams.get_mut(connection) {
                        stream.patience = None;
                        let source = stream.flow.remote;
                        out.push(Effect::Fact(Fact::Dropped { why: DropReason::Malformed, source }));
                        self.close_stream(now, connection, user, out);
                    }
                }
            }
        }
    }

    /// When [`Stack::fire`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Where a request to `uri` goes. RFC 3263 section 4.1 for numeric hosts: the transport the URI names, else UDP (TLS for `sips`), else (without a UDP
    /// listener of the family) TCP; by `near` if it fits, else by a listener at the same address, else by the first that fits. A host name other than
    /// ours is looked for when the request is sent. `None` for other schemes than `sip` and `sips`, and where no listener fits.
    #[must_use]
    pub fn next_hop(&self, uri: &Uri<'_>, near: Option<ListenerId>) -> Option<NextHop> {
        self.faces.next_hop(uri, near)
    }

    /// The flow by which a request of ours went; `None` when its transaction is over.
    #[must_use]
    pub fn flow_of(&self, id: ClientId) -> Option<Flow> {
        self.clients.get(id.0).map(|client| client.flow)
    }

    /// Our Contact at a listener, in angle brackets: `<sip:user@host:port>`, or with `;transport=tcp`.
    #[must_use]
    pub fn contact_for(&self, listener: ListenerId, user: &str) -> String {
        self.faces.contact(listener, user)
    }

    /// Our Contacts for a user at all our listeners.
    pub fn contacts(&self, user: &str) -> impl Iterator<Item = String> {
        self.faces.contacts(user)
    }

    /// Whether an INVITE of ours has had a provisional response, 100 included.
    #[must_use]
    pub fn is_proceeding(&self, id: ClientId) -> bool {
        self.clients.get(id.0).is_some_and(|client| client.is_proceeding())
    }

    /// Whether a request has passed us before: one of its Vias is ours (RFC 3261 section 16.3 step 4).
    #[must_use]
    pub fn has_passed(&self, request: &Message<'_>) -> bool {
        let mut vias = request.values(Header::Via).filter_map(|value| Via::parse(value).ok());
        vias.any(|via| via.branch().is_some_and(|branch| self.client_of(branch).is_some()))
    }

    /// A new tag for From or To, RFC 3261 section 19.3: 64 random bits.
    pub fn tag(&mut self) -> String {
        String::from_utf8_lossy(&hex(self.random())).into_owned()
    }

    /// A new Call-ID, RFC 3261 section 8.1.1.4: 128 random bits.
    pub fn call_id(&mut self) -> String {
        self.tag() + &self.tag()
    }

    /// Random bits for whatever the user needs.
    pub fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// How much there is of everything.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            transactions: self.servers.len() + self.clients.len(),
            timers: self.wheel.len(),
            streams: self.streams.len(),
        }
    }

    /// Checks what must always hold. Takes time in proportion to the transactions: for tests and the simulator.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        let mut timers = 0;
        let mut merged = 0;
        for (name, server) in self.servers.iter() {
            timers += server.clock.armed();
            merged += usize::from(server.merge != 0);
            if self.by_key.get(&server.key) != Some(&ServerId(name)) {
                return Err("every server transaction is found by its key");
            }
            if server.machine.is_open() != server.echo.is_some() {
                return Err("a server transaction can be answered exactly until it was");
            }
            if !server.machine.is_open() && server.clock.armed() == 0 {
                return Err("an answered server transaction has a timer that ends it");
            }
        }
        if self.by_key.len() != self.servers.len() || self.merged.len() != merged {
            return Err("no key outlives its transaction");
        }
        for (name, client) in self.clients.iter() {
            timers += client.clock.armed();
            timers += usize::from(client.trail.as_ref().is_some_and(|trail| trail.patience.is_some()));
            if client.cancels.is_some_and(|invite| self.cancels.get(&invite) != Some(&ClientId(name))) {
                return Err("every CANCEL is found by its INVITE");
            }
        }
        if self.depending.iter().any(|(_, id)| self.clients.get(id.0).is_none()) {
            return Err("no stream knows a transaction that is over");
        }
        if self.cancels.values().any(|id| self.clients.get(id.0).is_none()) {
            return Err("no CANCEL is remembered that is over");
        }
        self.streams.check()?;
        self.locator.check()?;
        if self.lookups.len() != self.locator.open() {
            return Err("every open question has its time-out");
        }
        if self.wheel.len() != timers + self.streams.waiting() + self.lookups.len() {
            return Err("every timer belongs to something");
        }
        Ok(())
    }
}
