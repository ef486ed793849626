//! Requests to host names: the servers are looked for, and tried one after the other. RFC 3263 section 4.3.

use super::{
    ClientId, NotSent, Stack, TransactionUser, Turn,
    client::{Cancel, Client, Input, Machine, Tell},
    clock::Due,
    machine::{client_invite, client_other},
};
use crate::{
    dns::{Question, Resolution},
    effect::{Effect, Effects},
    flow::{Flow, ListenerId, Transport},
    id::LookupId,
    limits::{DATAGRAM_REQUEST_BYTES_MAX, LOCATE_WAIT_MAX, TARGET_WAIT_MAX, TARGET_WAIT_MIN},
    locate::{Place, Progress, Seeker, Target},
    message::{Header, Message, Method},
    transport::compose::{follow_up, moved_to, with_via},
    wheel::TimerId,
};
use contract::Instant;
use core::time::Duration;
use std::{collections::VecDeque, sync::Arc};

/// The servers that a client transaction may still try.
#[derive(Debug)]
pub(super) struct Trail {
    place: Arc<Place>,
    near: ListenerId,
    /// The listener that the request's Contact is of.
    shown: ListenerId,
    rest: VecDeque<Target>,
    /// One was tried.
    begun: bool,
    /// Ends the patience with the one being tried.
    pub(super) patience: Option<TimerId>,
    /// Whoever asks waits until then and no longer.
    until: Option<Instant>,
}

impl Trail {
    /// How long the server being tried may be silent: an equal share of what is left, as long as more than one can have it.
    fn share(&self, now: Instant) -> Duration {
        let servers = u32::try_from(self.rest.len() + 1).unwrap_or(u32::MAX);
        let share = self.until.map(|until| until.since(now) / servers);
        share.map_or(TARGET_WAIT_MAX, |share| share.clamp(TARGET_WAIT_MIN, TARGET_WAIT_MAX))
    }
}

impl Stack {
    /// Looks for the servers of `place` and sends the request, whose bytes the transaction holds, to the first; now or when they are known.
    pub(super) fn search(
        &mut self,
        now: Instant,
        id: ClientId,
        (near, place): (ListenerId, Arc<Place>),
        out: &mut Effects,
    ) -> Result<(), NotSent> {
        let seed = self.random();
        let mut ask = Vec::new();
        let able = self.faces.able();
        let progress = self.locator.begin(now, Seeker::Request(id.0), (Arc::clone(&place), able, seed), &mut ask);
        self.ask_servers(now, ask, out);
        let client = self.clients.get_mut(id.0).ok_or(NotSent::Exhausted)?;
        let mut trail =
            Trail { place, near, shown: near, rest: VecDeque::new(), begun: false, patience: None, until: None };
        match progress {
            Progress::Exhausted => return Err(NotSent::Exhausted),
            Progress::Waiting => {
                client.trail = Some(Box::new(trail));
                return Ok(());
            }
            Progress::Found(targets) => trail.rest = targets.into(),
        }
        client.trail = Some(Box::new(trail));
        match self.try_next(now, id, out) {
            None => Ok(()),
            Some(_) => Err(NotSent::Unreachable),
        }
    }

    fn ask_servers(&mut self, now: Instant, ask: Vec<(LookupId, Question)>, out: &mut Effects) {
        for (lookup, question) in ask {
            let timer = self.wheel.arm(now + LOCATE_WAIT_MAX, Due::Lookup(lookup));
            self.lookups.insert(lookup, timer);
            out.push(Effect::Resolve { lookup, question });
        }
    }

    /// A name server answered, or none did. Answers that nobody waits for change nothing.
    pub fn resolved<U: TransactionUser>(
        &mut self,
        now: Instant,
        lookup: LookupId,
        resolution: Resolution,
        user: &mut U,
        out: &mut Effects,
    ) {
        let Some(timer) = self.lookups.remove(&lookup) else { return };
        self.wheel.disarm(timer);
        let mut ask = Vec::new();
        let found = self.locator.resolved(now, lookup, resolution, &mut ask).unwrap_or_default();
        self.ask_servers(now, ask, out);
        for (who, targets) in found {
            let id = match who {
                Seeker::Request(id) => ClientId(id),
                Seeker::Interested(name) => {
                    user.on_located(&mut Turn { now, stack: self, out }, name, targets);
                    continue;
                }
            };
            let Some(trail) = self.clients.get_mut(id.0).and_then(|client| client.trail.as_mut()) else { continue };
            trail.rest = targets.into();
            if let Some(Tell::Failure(why)) = self.try_next(now, id, out) {
                user.on_failure(&mut Turn { now, stack: self, out }, id, why);
            }
        }
    }

    /// Looks for the servers of `place`, to which nothing is sent. What is known is given at once; else [`TransactionUser::on_located`] tells, under
    /// `name`, which is no other's while it waits. Nothing found and nobody asked (a limit) are one.
    pub fn locate(&mut self, now: Instant, name: u64, place: &Arc<Place>, out: &mut Effects) -> Option<Vec<Target>> {
        let (able, mut ask) = (self.faces.able(), Vec::new());
        // Whoever wants to know them all does not mind their order.
        let progress = self.locator.begin(now, Seeker::Interested(name), (Arc::clone(place), able, 0), &mut ask);
        self.ask_servers(now, ask, out);
        match progress {
            Progress::Found(targets) => Some(targets),
            Progress::Waiting => None,
            Progress::Exhausted => Some(Vec::new()),
        }
    }

    /// The request is of use until then: the servers of its host name share the time. Of a request to an address there is nothing to share.
    pub fn share_time(&mut self, now: Instant, id: ClientId, until: Instant) {
        let Some(trail) = self.clients.get_mut(id.0).and_then(|client| client.trail.as_mut()) else { return };
        trail.until = Some(until);
        if let Some(patience) = trail.patience.take() {
            self.wheel.disarm(patience);
            trail.patience = Some(self.wheel.arm(now + trail.share(now), Due::Target(id)));
        }
    }

    /// Whether the request may go to another server: there is one, and nobody has given the request up.
    pub(super) fn may_try_next(&self, id: ClientId) -> bool {
        self.clients.get(id.0).is_some_and(|client| {
            client.cancel == Cancel::No && client.trail.as_ref().is_some_and(|trail| !trail.rest.is_empty())
        })
    }

    /// Sends the request to the next server that can be reached; what the user is to be told when there is none.
    pub(super) fn try_next(&mut self, now: Instant, id: ClientId, out: &mut Effects) -> Option<Tell> {
        loop {
            let client = self.clients.get_mut(id.0)?;
            let given_up = client.cancel != Cancel::No;
            let trail = client.trail.as_mut()?;
            if let Some(patience) = trail.patience.take() {
                self.wheel.disarm(patience);
            }
            let target = trail.rest.pop_front().filter(|_| !given_up);
            let (near, place) = (trail.near, Arc::clone(&trail.place));
            let Some(target) = target else {
                return self.step_client(now, id, Input::TransportError, None, out);
            };
            if self.prepare(now, id, near, &place, target, out).is_some() {
                break;
            }
        }
        let client = self.clients.get_mut(id.0)?;
        if let Some(trail) = client.trail.as_mut()
            && !trail.rest.is_empty()
        {
            // Deviates: RFC 3263 section 4.3 waits for the time-out of the transaction (RFC 3261 section 17.1.1.2, 32 s), which no caller does.
            trail.patience = Some(self.wheel.arm(now + trail.share(now), Due::Target(id)));
        }
        self.step_client(now, id, Input::Start, None, out)
    }

    /// Makes the transaction one with this server: its flow, a branch of its own (RFC 3263 section 4.3: "a new transaction"), and the machine at its
    /// beginning.
    fn prepare(
        &mut self,
        now: Instant,
        id: ClientId,
        near: ListenerId,
        place: &Place,
        target: Target,
        out: &mut Effects,
    ) -> Option<()> {
        let Target { mut transport, remote } = target;
        let mut listener = self.faces.towards(transport, remote, Some(near))?;
        let client = self.clients.get_mut(id.0)?;
        let shown = client.trail.as_mut().map(|trail| core::mem::replace(&mut trail.shown, listener));
        let ends = (shown.and_then(|shown| self.faces.contact_end(shown)), self.faces.contact_end(listener));
        if client.trail.as_mut().is_some_and(|trail| core::mem::replace(&mut trail.begun, true)) {
            client.attempt = client.attempt.wrapping_add(1);
        }
        let (attempt, request) = (client.attempt, client.bytes.clone());
        let mut instead_of = None;
        // RFC 3261 section 18.1.1, as for addresses.
        if transport == Transport::Udp
            && request.len() > DATAGRAM_REQUEST_BYTES_MAX
            && !self.refuses_tcp(now, remote)
            && let Some(beside) = self.faces.towards(Transport::Tcp, remote, Some(listener))
        {
            instead_of = Some(Flow::datagram(listener, remote));
            (transport, listener) = (Transport::Tcp, beside);
        }
        let via = self.via(listener, id, attempt)?;
        let mut spare = self.spare.take().unwrap_or_default();
        let moved = spare.parse(&request).ok().and_then(|request| match ends {
            (Some(from), Some(to)) if from != to => moved_to(&request, &via, (from, to)),
            _ => with_via(&request, &via),
        });
        self.spare = Some(spare);
        let bytes = moved?;
        // RFC 5922 section 7.3: the certificate is that of the domain asked for, wherever its server is.
        let flow = self.reach(transport, listener, remote, Some(&place.host), out).ok()?;
        if !self.admits(flow, bytes.len()) {
            return None;
        }
        let before = self.clients.get(id.0)?.flow;
        self.unbind(before, id);
        let Self { clients, wheel, .. } = self;
        let client = clients.get_mut(id.0)?;
        client.clock.stop(wheel);
        client.machine = match client.machine {
            Machine::Invite(_) => Machine::Invite(client_invite::State::Calling),
            Machine::Other(_) => Machine::Other(client_other::State::Trying),
        };
        client.flow = flow;
        client.bytes = bytes;
        client.instead_of = instead_of;
        self.bind(flow, id);
        Some(())
    }

    /// The server being tried has been silent for too long.
    pub(super) fn lose_patience(&mut self, now: Instant, id: ClientId, out: &mut Effects) -> Option<Tell> {
        let client = self.clients.get_mut(id.0)?;
        client.trail.as_mut()?.patience = None;
        if client.is_unanswered() && self.may_try_next(id) { self.try_next(now, id, out) } else { None }
    }

    /// RFC 3263 section 4.3: "failure … if the transaction layer reports … a 503 (Service Unavailable) response". Whether the request went to the next
    /// server instead of the user hearing of it; and what he is to hear if none of them could be reached.
    pub(super) fn turn_away(
        &mut self,
        now: Instant,
        id: ClientId,
        response: &Message<'_>,
        out: &mut Effects,
    ) -> Option<Option<Tell>> {
        let client = self.clients.get(id.0)?;
        if response.status() != Some(503) || !client.machine.needs_request() || !self.may_try_next(id) {
            return None;
        }
        let (flow, request) = (client.flow, client.bytes.clone());
        if matches!(client.machine, Machine::Invite(_)) {
            let to = response.header(Header::To).unwrap_or_default();
            let ack = self.with_spare(|index| follow_up(&index.parse(&request).ok()?, Method::Ack, to));
            if let Some(ack) = ack {
                // RFC 3261 section 17.1.1.3. One that is lost is not missed: the server repeats its 503 to nobody and gives up.
                let _ = self.send_request(flow, Method::Ack.label(), ack, out);
            }
        }
        Some(self.try_next(now, id, out))
    }
}

impl Client {
    /// Nothing came back yet.
    pub(super) const fn is_unanswered(&self) -> bool {
        matches!(
            self.machine,
            Machine::Invite(client_invite::State::Calling) | Machine::Other(client_other::State::Trying)
        )
    }
}
