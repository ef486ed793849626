//! The way in to [`Stack`]: bytes to messages, messages to transactions, transactions to the user.

use super::{
    ClientId, ServerId, Stack, TransactionUser, Turn,
    client::{self, Tell},
    clock::{Clock, Due},
    key::Marks,
    machine::{server_invite, server_other},
    server::{self, Machine, Server},
};
use crate::{
    effect::{Effect, Effects},
    fact::{DropReason, Fact},
    flow::{ConnectionId, Flow},
    limits::{RETRY_AFTER, STREAM_MESSAGE_WAIT_MAX, TRANSACTIONS_MAX},
    message::{Framed, Header, Index, Malformed, Message, Method, NotSip, frame},
    transport::{
        check::{Fault, check, may_travel},
        compose::decimal,
        echo::{Echo, Said},
    },
};
use bytes::Bytes;
use contract::Instant;

/// RFC 5626 section 4.4.1: asks whether we are there.
const PING: &[u8] = b"\r\n\r\n";

/// RFC 5626 section 4.4.1: the answer to a double CRLF on a stream.
const PONG: &[u8] = b"\r\n";

impl Stack {
    /// Bytes came: a whole datagram or message of a WebSocket, or the next piece of a stream.
    pub fn receive<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: &[u8],
        user: &mut U,
        out: &mut Effects,
    ) {
        match flow.connection {
            None => self.take(now, flow, bytes, user, out),
            Some(connection) if flow.transport.keeps_messages_apart() => {
                self.receive_message(now, flow, connection, bytes, user, out);
            }
            Some(connection) => self.receive_stream(now, flow, connection, bytes, user, out),
        }
    }

    /// RFC 7118 section 5: one message of the WebSocket is one of SIP, so nothing is searched for its end, and Content-Length may be missing.
    fn receive_message<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        connection: ConnectionId,
        bytes: &[u8],
        user: &mut U,
        out: &mut Effects,
    ) {
        match self.streams.receiving(flow, connection) {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(_) => {
                out.push(Effect::Fact(Fact::Dropped { why: DropReason::Exhausted, source: flow.remote }));
                out.push(Effect::CloseFlow { connection });
                return;
            }
        }
        // RFC 7118 section 6: the keep-alive of RFC 5626 section 4.4.1 is usable here too.
        if bytes == PING {
            out.push(Effect::Transmit { flow, bytes: Bytes::from_static(PONG) });
            return;
        }
        self.take(now, flow, bytes, user, out);
    }

    /// The next piece of a stream: whole messages are taken one after the other, the beginning of another is kept.
    fn receive_stream<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        connection: ConnectionId,
        bytes: &[u8],
        user: &mut U,
        out: &mut Effects,
    ) {
        let stream = match self.streams.receiving(flow, connection) {
            Ok(Some(stream)) => stream,
            Ok(None) => return,
            Err(_) => {
                out.push(Effect::Fact(Fact::Dropped { why: DropReason::Exhausted, source: flow.remote }));
                out.push(Effect::CloseFlow { connection });
                return;
            }
        };
        // Most pieces are whole messages; they are read where they are.
        let mut begun = core::mem::take(&mut stream.begun);
        let all = if begun.is_empty() {
            bytes
        } else {
            begun.extend_from_slice(bytes);
            &begun
        };
        let mut rest = all;
        let mut ponged = false;
        loop {
            match frame(rest) {
                Framed::KeepAlive(length) => {
                    // RFC 5626 section 4.4.1. One pong a piece, so that nobody makes us send more than he did.
                    if length >= 4 && !core::mem::replace(&mut ponged, true) {
                        out.push(Effect::Transmit { flow, bytes: Bytes::from_static(PONG) });
                    }
                    rest = &rest[length..];
                }
                Framed::Message(length) => {
                    let (message, after) = rest.split_at(length);
                    self.take(now, flow, message, user, out);
                    if !self.streams.is_alive(connection) {
                        return;
                    }
                    rest = after;
                }
                Framed::Fault { head, why } => {
                    // What follows cannot be found any more (RFC 3261 section 18.3 leaves no way to).
                    self.refuse_head(flow, &rest[..head], why, out);
                    self.close_stream(now, connection, user, out);
                    return;
                }
                Framed::Need => break,
            }
        }
        let rest = if rest.len() == begun.len() { begun } else { rest.to_vec() };
        self.keep_rest(now, connection, rest);
    }

    /// Keeps the beginning of a message, and lets it wait for its end no longer than is reasonable.
    fn keep_rest(&mut self, now: Instant, connection: ConnectionId, rest: Vec<u8>) {
        let Some(stream) = self.streams.get_mut(connection) else { return };
        let waits = !rest.is_empty();
        stream.begun = rest;
        match stream.patience {
            None if waits => {
                stream.patience = Some(self.wheel.arm(now + STREAM_MESSAGE_WAIT_MAX, Due::Stream(connection)));
            }
            Some(timer) if !waits => {
                stream.patience = None;
                self.wheel.disarm(timer);
            }
            Some(_) | None => {}
        }
    }

    /// Answers the head of a message whose end cannot be found, if it is a request that can be answered.
    fn refuse_head(&mut self, flow: Flow, head: &[u8], why: Malformed, out: &mut Effects) {
        let mut index = self.index.take().unwrap_or_default();
        let fault = Fault { status: why.status(), reason: why.reason() };
        match index.parse(head) {
            Ok(message) if message.is_request() => self.refuse(flow, &message, fault, &[], out),
            Ok(_) => drop_it(flow, DropReason::StrayResponse, out),
            Err(_) => drop_it(flow, DropReason::Malformed, out),
        }
        self.index = Some(index);
    }

    /// One message.
    fn take<U: TransactionUser>(&mut self, now: Instant, flow: Flow, bytes: &[u8], user: &mut U, out: &mut Effects) {
        // Taken out, so that the message borrows nothing of the stack while the user works with both.
        let mut index: Index = self.index.take().unwrap_or_default();
        match index.parse(bytes) {
            Ok(message) if message.is_request() => self.take_request(now, flow, &message, user, out),
            Ok(message) => self.take_response(now, flow, &message, user, out),
            // Line ends, zeros and the like keep NAT bindings open; they are no fault.
            Err(NotSip::Empty) => {}
            Err(NotSip::StartLine) if bytes.len() <= 4 => {}
            Err(NotSip::StartLine) => drop_it(flow, DropReason::Malformed, out),
            Err(NotSip::Oversize) => drop_it(flow, DropReason::Oversize, out),
        }
        self.index = Some(index);
    }

    fn take_request<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message<'_>,
        user: &mut U,
        out: &mut Effects,
    ) {
        let Some(method) = request.method() else { return };
        let fact = Fact::Request { method: method.label(), transport: flow.transport, inbound: true };
        out.push(Effect::Fact(fact));
        if let Err(fault) = check(request) {
            return self.refuse(flow, request, fault, &[], out);
        }
        // RFC 3261 section 17.2.3: an ACK belongs to the transaction of its INVITE.
        let of = if method == Method::Ack { Method::Invite } else { method };
        let Some(marks) = Marks::read(request) else {
            return drop_it(flow, DropReason::Malformed, out);
        };
        let key = self.keys.server(&marks, of);
        if let Some(&id) = self.by_key.get(&key) {
            return self.take_known(now, flow, id, request, user, out);
        }
        if method == Method::Ack {
            // The ACK of a 2xx, or of an answer given without a transaction.
            user.on_ack(&mut Turn { now, stack: self, out }, request, flow);
        } else if method == Method::Cancel {
            self.take_cancel(now, flow, (key, &marks), request, user, out);
        } else {
            self.take_new(now, flow, (key, &marks), request, user, out);
        }
    }

    /// A request that matches a transaction: a copy, or an ACK.
    fn take_known<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        request: &Message<'_>,
        user: &mut U,
        out: &mut Effects,
    ) {
        let input = match request.method() {
            Some(Method::Ack) => server::Input::Ack,
            _ => server::Input::Again,
        };
        match self.step_server(now, id, input, None, out) {
            Some(server::Tell::Ack) => user.on_ack(&mut Turn { now, stack: self, out }, request, flow),
            Some(server::Tell::Unacknowledged) | None => {}
        }
    }

    /// A request that begins a transaction.
    fn take_new<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        (key, marks): (u64, &Marks<'_>),
        request: &Message<'_>,
        user: &mut U,
        out: &mut Effects,
    ) {
        if let Err(fault) = may_travel(request, marks.has_to_tag) {
            return self.refuse(flow, request, fault, &[], out);
        }
        let merge = self.keys.merge(marks);
        // RFC 3261 section 8.2.2.2: the same request by another way.
        if merge != 0 && self.merged.contains_key(&merge) {
            return self.refuse(flow, request, fault(482), &[], out);
        }
        let machine = match request.method() {
            Some(Method::Invite) => Machine::Invite(server_invite::State::Proceeding),
            _ => Machine::Other(server_other::State::Trying),
        };
        let Some(id) = self.begin(flow, (key, marks), merge, machine, request, out) else { return };
        user.on_request(&mut Turn { now, stack: self, out }, id, request, flow);
        // RFC 3261 section 17.2.1: 100 unless the user answers within 200 ms. Who has not answered yet waits for somebody.
        let silent = self.servers.get(id.0).is_some_and(|server| {
            server.machine == Machine::Invite(server_invite::State::Proceeding) && server.last.is_empty()
        });
        if silent {
            self.respond(now, id, &super::Answer::new(100), out);
        }
    }

    /// RFC 3261 section 9.2.
    fn take_cancel<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        (key, marks): (u64, &Marks<'_>),
        request: &Message<'_>,
        user: &mut U,
        out: &mut Effects,
    ) {
        let Some(invite) = self.by_key.get(&self.keys.server(marks, Method::Invite)).copied() else {
            return self.refuse(flow, request, fault(481), &[], out);
        };
        let Some(id) = self.begin(flow, (key, marks), 0, Machine::Other(server_other::State::Trying), request, out)
        else {
            return;
        };
        // Whose INVITE is answered at its source hears only there.
        if self.servers.get(invite.0).is_some_and(|server| server.reply_port == server.flow.remote.port()) {
            self.answer_to_source(id);
        }
        // RFC 3261 section 9.2: the To tag of this answer and of those to the INVITE should be the same.
        let (open, said) = match self.servers.get(invite.0) {
            Some(server) => (server.machine.is_open(), server.last.clone()),
            None => (false, Bytes::new()),
        };
        let tag = self.with_spare(|index| {
            let tag = index.parse(&said).ok()?.to().ok()?.tag()?.to_vec();
            String::from_utf8(tag).ok()
        });
        let answer = super::Answer { to_tag: tag.as_deref(), ..super::Answer::new(200) };
        self.respond(now, id, &answer, out);
        if open {
            user.on_cancel(&mut Turn { now, stack: self, out }, invite);
        }
    }

    /// Makes a server transaction; at the limit the request is answered without one.
    fn begin(
        &mut self,
        flow: Flow,
        (key, marks): (u64, &Marks<'_>),
        merge: u64,
        machine: Machine,
        request: &Message<'_>,
        out: &mut Effects,
    ) -> Option<ServerId> {
        if self.servers.len() + self.clients.len() >= TRANSACTIONS_MAX {
            self.refuse(flow, request, fault(503), &[("Retry-After", &retry_after())], out);
            drop_it(flow, DropReason::Exhausted, out);
            return None;
        }
        let (top, tag) = (marks.top(), self.keys.tag_of(key));
        let (echo, reply_port) = Echo::from_parts(request, top, !marks.has_to_tag, flow.remote, tag)?;
        let id = ServerId(self.servers.insert(Server {
            key,
            merge,
            flow,
            reply_port,
            machine,
            echo: Some(Box::new(echo)),
            last: Bytes::new(),
            clock: Clock::default(),
        }));
        self.by_key.insert(key, id);
        if merge != 0 {
            self.merged.insert(merge, id);
        }
        Some(id)
    }

    /// Answers a request without a transaction: every copy gets the same answer (RFC 3261 section 8.2.7). An ACK is never answered.
    fn refuse(&mut self, flow: Flow, request: &Message<'_>, fault: Fault, headers: &[(&str, &str)], out: &mut Effects) {
        if request.method() == Some(Method::Ack) {
            return drop_it(flow, DropReason::Malformed, out);
        }
        let Some((echo, reply_port)) = Echo::take(request, flow.remote, self.keys.tag(request)) else {
            return drop_it(flow, DropReason::Malformed, out);
        };
        let bytes = echo.answer(&Said {
            status: fault.status,
            reason: Some(fault.reason),
            to_tag: None,
            headers,
            body: None,
            record_route: false,
        });
        // A way back that is closed is told by the fact that `reply` leaves.
        let _ = self.reply(flow, reply_port, bytes, out);
    }

    fn take_response<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        response: &Message<'_>,
        user: &mut U,
        out: &mut Effects,
    ) {
        let status = response.status().unwrap_or(0);
        let class = u8::try_from(status / 100).unwrap_or(0);
        if class != 0 {
            out.push(Effect::Fact(Fact::Response { class, inbound: true }));
        }
        let Some(id) = self.client_for(response) else {
            return drop_it(flow, DropReason::StrayResponse, out);
        };
        if let Some(turned) = self.turn_away(now, id, response, out) {
            if let Some(Tell::Failure(why)) = turned {
                user.on_failure(&mut Turn { now, stack: self, out }, id, why);
            }
            return;
        }
        match self.step_client(now, id, client::Input::Response(status), Some(response), out) {
            // RFC 3261 section 8.1.1 and 16.7 step 5: 100 is for the transaction alone.
            Some(Tell::Response) if status > 100 && !self.is_cancel(id) => {
                user.on_response(&mut Turn { now, stack: self, out }, id, response);
            }
            Some(Tell::Failure(why)) => user.on_failure(&mut Turn { now, stack: self, out }, id, why),
            Some(Tell::Response) | None => {}
        }
        if class == 1 {
            self.send_wanted_cancel(now, id, out);
        }
    }

    /// The transaction a response belongs to, RFC 3261 section 17.1.3: our branch in the topmost Via, and the method in CSeq. Broken responses
    /// (section 8.1.2) and those with more than one Via (section 8.1.3.3) belong to none.
    ///
    // Deviates: sent-by is not compared with our addresses (RFC 3261 section 18.1.2); the branch holds 64 bits that only we can have written.
    fn client_for(&self, response: &Message<'_>) -> Option<ClientId> {
        response.check().ok()?;
        let mut vias = response.values(Header::Via);
        if vias.next().is_none() || vias.next().is_some() {
            return None;
        }
        let id = self.client_of(response.top_via().ok()?.branch()?)?;
        let method = response.cseq().ok()?.method;
        if method == Method::Cancel {
            return self.cancels.get(&id).copied();
        }
        let client = self.clients.get(id.0)?;
        (client.label == method.label()).then_some(id)
    }

    fn is_cancel(&self, id: ClientId) -> bool {
        self.clients.get(id.0).is_some_and(|client| client.cancels.is_some())
    }
}

fn fault(status: u16) -> Fault {
    Fault { status, reason: crate::message::reason(status) }
}

fn retry_after() -> String {
    let mut digits = [0; 10];
    let seconds = u32::try_from(RETRY_AFTER.as_secs()).unwrap_or(u32::MAX);
    String::from_utf8_lossy(decimal(seconds, &mut digits)).into_owned()
}

fn drop_it(flow: Flow, why: DropReason, out: &mut Effects) {
    out.push(Effect::Fact(Fact::Dropped { why, source: flow.remote }));
}
