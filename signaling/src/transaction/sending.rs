//! The ways out of [`Stack`]: flows resolved, streams opened, bytes sent and counted, and the loss of a stream.

use super::{ClientId, NextHop, NotSent, Stack, TransactionUser, Turn, client::Tell, server::status_of};
use crate::{
    effect::{Effect, Effects},
    fact::{DropReason, Fact, MethodLabel},
    flow::{ConnectionId, Flow, FlowEnd, ListenerId, Transport},
    limits::{TCP_REFUSED_LIFE, TCP_REFUSED_MAX},
    message::Index,
    transport::streams::Inadmissible,
};
use bytes::Bytes;
use contract::Instant;
use core::net::SocketAddr;
use std::sync::Arc;

impl Stack {
    /// Where `hop` leads now; a stream that is needed and not there is asked for.
    pub(super) fn resolve(&mut self, hop: &NextHop, out: &mut Effects) -> Result<Flow, NotSent> {
        match *hop {
            // What needs an answer at once cannot wait for one.
            NextHop::Name { .. } => Err(NotSent::Unreachable),
            NextHop::Flow(flow) => {
                // A stream that did not survive a restart has no name any more.
                let alive = match flow.connection {
                    Some(connection) => self.streams.is_alive(connection),
                    None => !flow.transport.is_reliable(),
                };
                if alive { Ok(flow) } else { Err(NotSent::Unreachable) }
            }
            NextHop::Address { listener, remote, transport } => self.reach(transport, listener, remote, None, out),
        }
    }

    /// The flow to an address; with TLS to who shows the certificate of `name`, or of the address.
    pub(super) fn reach(
        &mut self,
        transport: Transport,
        listener: ListenerId,
        remote: SocketAddr,
        name: Option<&Arc<str>>,
        out: &mut Effects,
    ) -> Result<Flow, NotSent> {
        let name = name.filter(|_| transport == Transport::Tls);
        match transport {
            Transport::Udp => Ok(Flow::datagram(listener, remote)),
            Transport::Tcp | Transport::Tls => {
                if let Some(flow) = self.streams.to(transport, remote, name) {
                    return Ok(flow);
                }
                let name = name.cloned();
                let (connection, flow) =
                    self.streams.open(transport, listener, remote, name.clone()).map_err(|_| NotSent::Exhausted)?;
                out.push(Effect::OpenFlow { connection, listener, remote, transport, name });
                Ok(flow)
            }
            // RFC 7118 section 5.4: nobody can connect to a browser.
            Transport::Ws | Transport::Wss => Err(NotSent::Unreachable),
        }
    }

    /// Sends bytes by a flow.
    fn transmit(&mut self, flow: Flow, bytes: Bytes, out: &mut Effects) -> Result<(), Inadmissible> {
        if let Some(connection) = flow.connection {
            self.streams.admit(connection, bytes.len())?;
        }
        out.push(Effect::Transmit { flow, bytes });
        Ok(())
    }

    pub(super) fn send_request(
        &mut self,
        flow: Flow,
        method: MethodLabel,
        bytes: Bytes,
        out: &mut Effects,
    ) -> Result<(), NotSent> {
        self.transmit(flow, bytes, out).map_err(|why| match why {
            Inadmissible::Gone => NotSent::Unreachable,
            Inadmissible::Full => NotSent::Exhausted,
        })?;
        out.push(Effect::Fact(Fact::Request { method, transport: flow.transport, inbound: false }));
        Ok(())
    }

    /// Sends an answer to the request that came by `flow`, RFC 3261 section 18.2.2, and returns the flow it went by.
    pub(super) fn reply(
        &mut self,
        flow: Flow,
        reply_port: u16,
        bytes: Bytes,
        out: &mut Effects,
    ) -> Result<Flow, Inadmissible> {
        let back = SocketAddr::new(flow.remote.ip(), reply_port);
        let class = status_of(&bytes).map_or(0, |status| u8::try_from(status / 100).unwrap_or(0));
        let to = match flow.connection {
            // An answer to port 0 goes nowhere; the source is as good a guess as any.
            None if reply_port == 0 => flow,
            None => Flow::datagram(flow.listener, back),
            Some(connection) if self.streams.is_alive(connection) => flow,
            // RFC 3261 section 18.2.2: "If that connection is no longer open, the server SHOULD open a connection to the IP address in the
            // received parameter … using the port in the sent-by value".
            Some(_) if flow.transport.can_be_opened() => {
                self.reach(flow.transport, flow.listener, back, None, out).map_err(|why| match why {
                    NotSent::Unreachable => Inadmissible::Gone,
                    NotSent::Exhausted => Inadmissible::Full,
                })?
            }
            // RFC 7118 section 5.4: with the connection of a browser its answers are lost.
            Some(_) => return Err(Inadmissible::Gone),
        };
        match self.transmit(to, bytes, out) {
            Ok(()) => {
                out.push(Effect::Fact(Fact::Response { class, inbound: false }));
                // The way back of a datagram is made anew each time from where the request came from.
                Ok(if flow.connection.is_none() { flow } else { to })
            }
            Err(why) => {
                out.push(Effect::Fact(Fact::Dropped { why: DropReason::Exhausted, source: flow.remote }));
                Err(why)
            }
        }
    }

    /// Whether a request of `bytes` may be sent by the flow now.
    pub(super) fn admits(&mut self, flow: Flow, bytes: usize) -> bool {
        match flow.connection {
            None => true,
            // Asked without counting: the request itself is counted when it is sent.
            Some(connection) => self.streams.would_admit(connection, bytes),
        }
    }

    /// Remembers that a client transaction depends on the flow.
    pub(super) fn bind(&mut self, flow: Flow, id: ClientId) {
        if let Some(connection) = flow.connection {
            self.depending.insert((connection, id));
        }
    }

    pub(super) fn unbind(&mut self, flow: Flow, id: ClientId) {
        if let Some(connection) = flow.connection {
            self.depending.remove(&(connection, id));
        }
    }

    /// Whether the address refused TCP lately.
    pub(super) fn refuses_tcp(&self, now: Instant, remote: SocketAddr) -> bool {
        self.no_tcp.iter().any(|(address, until)| *address == remote && *until > now)
    }

    fn remember_refusal(&mut self, now: Instant, remote: SocketAddr) {
        self.no_tcp.retain(|(address, until)| *address != remote && *until > now);
        if self.no_tcp.len() >= TCP_REFUSED_MAX {
            self.no_tcp.pop_front();
        }
        self.no_tcp.push_back((remote, now + TCP_REFUSED_LIFE));
    }

    /// Reads a message of our own while another one is being read.
    pub(super) fn with_spare<T>(&mut self, read: impl FnOnce(&mut Index) -> Option<T>) -> Option<T> {
        read(self.spare.get_or_insert_with(Index::new))
    }

    /// A stream that the stack asked for is open.
    pub fn flow_opened(&mut self, connection: ConnectionId) {
        self.streams.opened(connection);
    }

    /// A stream is gone, or never came to be.
    pub fn flow_lost<U: TransactionUser>(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        why: FlowEnd,
        user: &mut U,
        out: &mut Effects,
    ) {
        let Some(stream) = self.streams.remove(connection) else { return };
        let whither = (stream.flow.transport, stream.flow.remote, why);
        self.end_stream(now, connection, stream.patience, whither, user, out);
    }

    /// Closes a stream whose bytes cannot be read any further; others are not concerned.
    pub(super) fn close_stream<U: TransactionUser>(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        user: &mut U,
        out: &mut Effects,
    ) {
        let Some(stream) = self.streams.close(connection) else { return };
        out.push(Effect::CloseFlow { connection });
        let whither = (stream.flow.transport, stream.flow.remote, FlowEnd::Failed);
        self.end_stream(now, connection, stream.patience, whither, user, out);
    }

    fn end_stream<U: TransactionUser>(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        patience: Option<crate::wheel::TimerId>,
        (transport, remote, why): (Transport, SocketAddr, FlowEnd),
        user: &mut U,
        out: &mut Effects,
    ) {
        if let Some(timer) = patience {
            self.wheel.disarm(timer);
        }
        if why == FlowEnd::NotOpened && transport == Transport::Tcp {
            self.remember_refusal(now, remote);
        }
        let all = (connection, ClientId(0))..=(connection, ClientId(u64::MAX));
        let depending: Vec<_> = self.depending.range(all).copied().collect();
        for (connection, id) in depending {
            self.depending.remove(&(connection, id));
            if let Some(Tell::Failure(why)) = self.lose_stream(now, id, why, out) {
                user.on_failure(&mut Turn { now, stack: self, out }, id, why);
            }
        }
        user.on_flow_lost(&mut Turn { now, stack: self, out }, connection);
    }
}
