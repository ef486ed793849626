//! Client transactions: what is kept of each, and how [`Stack`] carries out a step of one.

use super::{
    ClientFailure, ClientId, NextHop, NotSent, OutRequest, SentAck, Stack,
    clock::{Clock, Due},
    key::COOKIE,
    locating::Trail,
    machine::{Do, Timer, client_invite, client_other},
};
use crate::{
    effect::Effects,
    fact::MethodLabel,
    flow::{Flow, FlowEnd, ListenerId, Transport},
    limits::{DATAGRAM_REQUEST_BYTES_MAX, TRANSACTIONS_MAX},
    locate::Seeker,
    message::{Message, Method},
    transport::{
        compose::{Asked, follow_up, with_via},
        echo::hex,
    },
};
use bytes::Bytes;
use contract::Instant;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use smallvec::SmallVec;

/// A request that we sent, as long as answers to it are expected or recognised.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) machine: Machine,
    pub(super) label: MethodLabel,
    pub(super) flow: Flow,
    /// The request as long as it may be repeated, acknowledged or cancelled; then its ACK if there is one.
    pub(super) bytes: Bytes,
    pub(super) clock: Clock,
    pub(super) cancel: Cancel,
    /// The datagram flow that was left for a stream because of the request's size (RFC 3261 section 18.1.1).
    pub(super) instead_of: Option<Flow>,
    /// The user was given the final response or the failure.
    pub(super) told: bool,
    /// For a CANCEL: the INVITE it cancels.
    pub(super) cancels: Option<ClientId>,
    /// For a request to a host name: the servers that may still be tried.
    pub(super) trail: Option<Box<Trail>>,
    /// How many servers were tried before this one; part of the branch.
    pub(super) attempt: u8,
}

/// Which machine, and where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Machine {
    Invite(client_invite::State),
    Other(client_other::State),
}

/// How far the giving up of an INVITE is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cancel {
    No,
    /// RFC 3261 section 9.1: it waits for a provisional response.
    Wanted,
    Sent,
}

/// What can happen to a client transaction of either kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Start,
    /// A response with this status.
    Response(u16),
    CancelSent,
    Fired(Timer),
    TransportError,
}

/// What the user is to be told after a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tell {
    Response,
    Failure(ClientFailure),
}

impl Machine {
    fn next(self, input: Input, reliable: bool) -> (Self, &'static [Do]) {
        match self {
            Self::Invite(state) => {
                use client_invite::Input as To;
                let input = match input {
                    Input::Start => To::Start,
                    Input::Response(..200) => To::Provisional,
                    Input::Response(..300) => To::Success,
                    Input::Response(_) => To::Failure,
                    Input::CancelSent => To::CancelSent,
                    Input::Fired(timer) => To::Fired(timer),
                    Input::TransportError => To::TransportError,
                };
                let step = client_invite::next(state, input, reliable);
                (Self::Invite(step.state), step.effects)
            }
            Self::Other(state) => {
                use client_other::Input as To;
                let input = match input {
                    Input::Start => To::Start,
                    Input::Response(..200) => To::Provisional,
                    Input::Response(_) => To::Final,
                    // An INVITE alone can be cancelled.
                    Input::CancelSent => return (self, &[]),
                    Input::Fired(timer) => To::Fired(timer),
                    Input::TransportError => To::TransportError,
                };
                let step = client_other::next(state, input, reliable);
                (Self::Other(step.state), step.effects)
            }
        }
    }

    /// Whether the request itself is still needed: to be repeated, acknowledged or cancelled.
    pub(super) const fn needs_request(self) -> bool {
        match self {
            Self::Invite(state) => matches!(state, client_invite::State::Calling | client_invite::State::Proceeding),
            Self::Other(state) => matches!(state, client_other::State::Trying | client_other::State::Proceeding),
        }
    }

    const fn is_over(self) -> bool {
        matches!(self, Self::Invite(client_invite::State::Terminated) | Self::Other(client_other::State::Terminated))
    }
}

impl Client {
    pub(super) const fn is_proceeding(&self) -> bool {
        matches!(self.machine, Machine::Invite(client_invite::State::Proceeding))
    }
}

impl Stack {
    /// One step of a client transaction. `response` is what just came.
    pub(super) fn step_client(
        &mut self,
        now: Instant,
        id: ClientId,
        input: Input,
        response: Option<&Message<'_>>,
        out: &mut Effects,
    ) -> Option<Tell> {
        let Self { clients, wheel, .. } = self;
        let client = clients.get_mut(id.0)?;
        let (machine, effects) = client.machine.next(input, client.flow.transport.is_reliable());
        client.machine = machine;
        let mut tell = None;
        let (mut send_request, mut send_ack) = (false, false);
        for effect in effects {
            match *effect {
                Do::SendRequest => send_request = true,
                Do::SendAck => send_ack = true,
                Do::PassResponse => tell = Some(Tell::Response),
                Do::TellTimeout => tell = Some(Tell::Failure(ClientFailure::TimedOut)),
                Do::TellTransportError => tell = Some(Tell::Failure(ClientFailure::Unreachable)),
                Do::Arm(timer) => client.clock.arm(wheel, now, timer, Due::Client(id, timer)),
                Do::ArmAgain(timer) => client.clock.arm_again(wheel, now, timer, Due::Client(id, timer)),
                Do::ArmSlow(timer) => client.clock.arm_slow(wheel, now, timer, Due::Client(id, timer)),
                Do::Disarm(timer) => client.clock.disarm(wheel, timer),
                // Effects of server machines.
                Do::SendResponse | Do::ResendResponse | Do::PassAck | Do::TellUnacknowledged => {}
            }
        }
        // Of what the figures tell, the user hears the end once: an ACK that could not be sent does not undo the response.
        match tell {
            Some(Tell::Failure(_)) if client.told => tell = None,
            Some(Tell::Failure(_)) => client.told = true,
            Some(Tell::Response) if matches!(input, Input::Response(200..)) => client.told = true,
            Some(Tell::Response) | None => {}
        }
        let (flow, label) = (client.flow, client.label);
        if send_request {
            let bytes = client.bytes.clone();
            if self.send_request(flow, label, bytes, out).is_err() {
                return self.step_client(now, id, Input::TransportError, None, out).or(tell);
            }
        }
        if send_ack {
            self.acknowledge_failure(id, response, out);
        }
        self.settle_client(id);
        tell
    }

    /// Sends the ACK for a 3xx to 6xx (RFC 3261 section 17.1.1.3), made from the INVITE the first time and kept for repetitions.
    fn acknowledge_failure(&mut self, id: ClientId, response: Option<&Message<'_>>, out: &mut Effects) {
        let Some(client) = self.clients.get(id.0) else { return };
        let (flow, kept) = (client.flow, client.bytes.clone());
        let ack = if kept.starts_with(b"ACK ") {
            Some(kept)
        } else {
            let to = response.and_then(|response| response.header(crate::message::Header::To)).unwrap_or_default();
            self.with_spare(|index| follow_up(&index.parse(&kept).ok()?, Method::Ack, to))
        };
        let Some(ack) = ack else { return };
        if let Some(client) = self.clients.get_mut(id.0) {
            client.bytes = ack.clone();
        }
        // An ACK that cannot be sent is asked for again by the next copy of the response.
        let _ = self.send_request(flow, MethodLabel::Ack, ack, out);
    }

    /// Lets go of what the state reached does not need any more.
    fn settle_client(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id.0) else { return };
        if client.machine.is_over() {
            let Some(mut client) = self.clients.remove(id.0) else { return };
            client.clock.stop(&mut self.wheel);
            self.forget_trail(id, client.trail);
            self.unbind(client.flow, id);
            if let Some(invite) = client.cancels {
                self.cancels.remove(&invite);
            }
        } else if !client.machine.needs_request() {
            if client.machine != Machine::Invite(client_invite::State::Completed) {
                client.bytes = Bytes::new();
            }
            let flow = client.flow;
            self.unbind(flow, id);
        }
    }

    /// Sends a request other than ACK and CANCEL.
    ///
    /// # Errors
    /// [`NotSent`]; then no transaction was made and the user will hear nothing of it.
    pub fn request(
        &mut self,
        now: Instant,
        hop: NextHop,
        ask: &OutRequest<'_>,
        out: &mut Effects,
    ) -> Result<ClientId, NotSent> {
        if self.servers.len() + self.clients.len() >= TRANSACTIONS_MAX {
            return Err(NotSent::Exhausted);
        }
        let machine = if ask.method == Method::Invite {
            Machine::Invite(client_invite::State::Calling)
        } else {
            Machine::Other(client_other::State::Trying)
        };
        let id = ClientId(self.clients.insert(Client {
            machine,
            label: ask.method.label(),
            // Set as soon as it is known.
            flow: Flow::datagram(hop.listener(), NOWHERE),
            bytes: Bytes::new(),
            clock: Clock::default(),
            cancel: Cancel::No,
            instead_of: None,
            told: false,
            cancels: None,
            trail: None,
            attempt: 0,
        }));
        let sent = self.start(now, id, hop, ask, out);
        if sent.is_err()
            && let Some(client) = self.clients.remove(id.0)
        {
            self.forget_trail(id, client.trail);
        }
        sent.map(|()| id)
    }

    fn start(
        &mut self,
        now: Instant,
        id: ClientId,
        hop: NextHop,
        ask: &OutRequest<'_>,
        out: &mut Effects,
    ) -> Result<(), NotSent> {
        let via = self.via(hop.listener(), id, 0).ok_or(NotSent::Unreachable)?;
        let mut bytes = asked(ask, ask.method, &via).write();
        if let NextHop::Name { listener, place } = hop {
            if let Some(client) = self.clients.get_mut(id.0) {
                client.bytes = bytes;
            }
            return self.search(now, id, (listener, place), out);
        }
        let mut instead_of = None;
        let mut flow = None;
        // RFC 3261 section 18.1.1: "If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes and the path MTU is unknown,
        // the request MUST be sent using … TCP".
        // Deviates: where only the flow of a registration leads to a phone (behind a NAT) it goes by that flow, because nothing else arrives.
        if let NextHop::Address { listener, remote, transport: Transport::Udp } = hop
            && bytes.len() > DATAGRAM_REQUEST_BYTES_MAX
            && !self.refuses_tcp(now, remote)
            && let Some(beside) = self.faces.towards(Transport::Tcp, remote, Some(listener))
            && let Ok(stream) = self.reach(Transport::Tcp, beside, remote, None, out)
            && let Some(via) = self.via(beside, id, 0)
        {
            bytes = asked(ask, ask.method, &via).write();
            flow = Some(stream);
            instead_of = Some(Flow::datagram(listener, remote));
        }
        let flow = match flow {
            Some(flow) => flow,
            None => self.resolve(&hop, out)?,
        };
        if !self.admits(flow, bytes.len()) {
            return Err(NotSent::Exhausted);
        }
        if let Some(client) = self.clients.get_mut(id.0) {
            client.flow = flow;
            client.bytes = bytes;
            client.instead_of = instead_of;
        }
        self.bind(flow, id);
        match self.step_client(now, id, Input::Start, None, out) {
            None => Ok(()),
            Some(_) => Err(NotSent::Unreachable),
        }
    }

    fn forget_trail(&mut self, id: ClientId, trail: Option<Box<Trail>>) {
        let Some(trail) = trail else { return };
        self.locator.forget(Seeker::Request(id.0));
        if let Some(patience) = trail.patience {
            self.wheel.disarm(patience);
        }
    }

    /// Gives up an INVITE (RFC 3261 section 9.1). The CANCEL waits for a provisional answer; afterwards the INVITE ends by a final answer or, 64*T1
    /// after the CANCEL, by [`ClientFailure::TimedOut`]. Nothing happens when it is over.
    pub fn cancel(&mut self, now: Instant, id: ClientId, out: &mut Effects) {
        let Some(client) = self.clients.get_mut(id.0) else { return };
        if client.cancel != Cancel::No {
            return;
        }
        match client.machine {
            Machine::Invite(client_invite::State::Calling) => client.cancel = Cancel::Wanted,
            Machine::Invite(client_invite::State::Proceeding) => self.send_cancel(now, id, out),
            // RFC 3261 section 9.1: no CANCEL after a final response, and none for other methods.
            Machine::Invite(_) | Machine::Other(_) => {}
        }
    }

    /// Sends the CANCEL that waited for a provisional response.
    pub(super) fn send_wanted_cancel(&mut self, now: Instant, id: ClientId, out: &mut Effects) {
        let wanted = self.clients.get(id.0).is_some_and(|client| {
            client.cancel == Cancel::Wanted && client.machine == Machine::Invite(client_invite::State::Proceeding)
        });
        if wanted {
            self.send_cancel(now, id, out);
        }
    }

    fn send_cancel(&mut self, now: Instant, id: ClientId, out: &mut Effects) {
        let Some(client) = self.clients.get_mut(id.0) else { return };
        client.cancel = Cancel::Sent;
        let (flow, invite, attempt) = (client.flow, client.bytes.clone(), client.attempt);
        self.step_client(now, id, Input::CancelSent, None, out);
        let cancel = self.with_spare(|index| {
            let invite = index.parse(&invite).ok()?;
            follow_up(&invite, Method::Cancel, invite.header(crate::message::Header::To)?)
        });
        let Some(bytes) = cancel else { return };
        let cancel = ClientId(self.clients.insert(Client {
            machine: Machine::Other(client_other::State::Trying),
            label: MethodLabel::Cancel,
            flow,
            bytes,
            clock: Clock::default(),
            cancel: Cancel::No,
            instead_of: None,
            // Nobody asks what became of a CANCEL: the INVITE's end tells.
            told: true,
            cancels: Some(id),
            trail: None,
            attempt,
        }));
        self.cancels.insert(id, cancel);
        self.bind(flow, cancel);
        self.step_client(now, cancel, Input::Start, None, out);
    }

    /// Sends the ACK for a 2xx (RFC 3261 section 13.2.2.4): no transaction, a branch of its own.
    ///
    /// # Errors
    /// [`NotSent`].
    pub fn send_ack(
        &mut self,
        now: Instant,
        hop: NextHop,
        ask: &OutRequest<'_>,
        out: &mut Effects,
    ) -> Result<SentAck, NotSent> {
        let _ = now;
        let unique = self.random();
        let via = self.via(hop.listener(), ClientId(unique), 0).ok_or(NotSent::Unreachable)?;
        let bytes = asked(ask, Method::Ack, &via).write();
        let flow = self.resolve(&hop, out)?;
        self.send_request(flow, MethodLabel::Ack, bytes.clone(), out)?;
        Ok(SentAck { flow, bytes })
    }

    /// Sends an ACK again; nothing happens when its stream is gone.
    pub fn resend_ack(&mut self, ack: &SentAck, out: &mut Effects) {
        let _ = self.send_request(ack.flow, MethodLabel::Ack, ack.bytes.clone(), out);
    }

    /// A Via value with the branch of this transaction: cookie, name, what nobody can guess, and which of several servers is being tried.
    pub(super) fn via(&self, listener: ListenerId, id: ClientId, attempt: u8) -> Option<SmallVec<[u8; 128]>> {
        let mut via = SmallVec::from_slice(self.faces.via(listener)?);
        via.extend_from_slice(COOKIE);
        via.extend_from_slice(&hex(id.0));
        via.extend_from_slice(&hex(self.keys.cookie(id.0)));
        if attempt > 0 {
            via.extend_from_slice(&hex(attempt.into()));
        }
        Some(via)
    }

    /// The transaction that a branch of ours names.
    pub(super) fn client_of(&self, branch: &[u8]) -> Option<ClientId> {
        let (name, rest) = branch.strip_prefix(COOKIE)?.split_at_checked(16)?;
        let (cookie, attempt) = rest.split_at_checked(16)?;
        let name = u64::from_str_radix(core::str::from_utf8(name).ok()?, 16).ok()?;
        if cookie != hex(self.keys.cookie(name)).as_slice() {
            return None;
        }
        // A server that was given up has nothing more to say.
        let same = self.clients.get(name).is_none_or(|client| match client.attempt {
            0 => attempt.is_empty(),
            tried => attempt == hex(tried.into()).as_slice(),
        });
        same.then_some(ClientId(name))
    }

    /// The stream of a client transaction is gone. A request that came to the stream only for its size goes back to UDP, RFC 3261 section 18.1.1:
    /// "If this causes a request to be sent … over a different transport …, the value in the top Via MUST be changed to reflect the new transport".
    pub(super) fn lose_stream(&mut self, now: Instant, id: ClientId, why: FlowEnd, out: &mut Effects) -> Option<Tell> {
        let client = self.clients.get_mut(id.0)?;
        let untouched = matches!(
            client.machine,
            Machine::Invite(client_invite::State::Calling) | Machine::Other(client_other::State::Trying)
        );
        let next = untouched && client.instead_of.is_none();
        let back = if untouched && why == FlowEnd::NotOpened { client.instead_of.take() } else { None };
        let Some(back) = back else {
            // RFC 3263 section 4.3: a failure of the transport leads to the next server.
            if next && self.may_try_next(id) {
                return self.try_next(now, id, out);
            }
            return self.step_client(now, id, Input::TransportError, None, out);
        };
        let (request, attempt) = (client.bytes.clone(), client.attempt);
        let via = self.via(back.listener, id, attempt);
        let bytes = via.and_then(|via| self.with_spare(|index| with_via(&index.parse(&request).ok()?, &via)));
        let (Some(bytes), Some(client)) = (bytes, self.clients.get_mut(id.0)) else {
            return self.step_client(now, id, Input::TransportError, None, out);
        };
        client.flow = back;
        client.bytes = bytes;
        client.clock.stop(&mut self.wheel);
        // As if it began now: nothing has been sent.
        self.step_client(now, id, Input::Start, None, out)
    }
}

/// The far side of a request whose way is not known yet.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

fn asked<'a>(ask: &OutRequest<'a>, method: Method<'a>, via: &'a [u8]) -> Asked<'a> {
    Asked {
        method,
        uri: ask.uri.as_bytes(),
        via,
        from: ask.from.as_bytes(),
        to: ask.to.as_bytes(),
        call_id: ask.call_id.as_bytes(),
        cseq: ask.cseq,
        max_forwards: ask.max_forwards,
        routes: ask.routes,
        contact: ask.contact,
        headers: ask.headers,
        body: ask.body,
    }
}
