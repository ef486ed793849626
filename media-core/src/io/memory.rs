//! A network within the process: deterministic, with a clock that only the test moves.
//!
//! Behaves as UDP sockets do: a connected socket receives only from its peer, a port is held once, a datagram to nobody vanishes.

use super::{Buffer, Class, Faults, Io, OpenFault, Received, Slot};
use crate::limits::{BUFFER_BYTES, DATAGRAM_BYTES_MAX};
use contract::Instant;
use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The network and its only host.
#[derive(Debug)]
pub struct Memory {
    now: Instant,
    slots: u32,
    memory: Vec<[u8; BUFFER_BYTES]>,
    free: Vec<u16>,
    sockets: BTreeMap<Slot, Socket>,
    bound: BTreeMap<SocketAddr, Slot>,
    held: BTreeSet<u16>,
    inbound: VecDeque<Received>,
    outbound: VecDeque<Outgoing>,
    faults: Faults,
    descriptors: usize,
}

#[derive(Debug)]
struct Socket {
    local: SocketAddr,
    peer: Option<SocketAddr>,
    class: Class,
}

#[derive(Debug)]
struct Outgoing {
    from: SocketAddr,
    to: SocketAddr,
    buffer: Buffer,
}

/// A datagram on its way out.
#[derive(Debug, Eq, PartialEq)]
pub struct Sent<'m> {
    /// The local address it left from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What it says.
    pub bytes: &'m [u8],
}

impl Memory {
    /// A network with `buffers` datagrams in flight at most, and a table of `slots` sockets.
    #[must_use]
    pub fn new(slots: u32, buffers: u16) -> Self {
        Self {
            now: Instant::from_nanos(1_000_000_000),
            slots,
            memory: vec![[0; BUFFER_BYTES]; usize::from(buffers)],
            free: (0..buffers).rev().collect(),
            sockets: BTreeMap::new(),
            bound: BTreeMap::new(),
            held: BTreeSet::new(),
            inbound: VecDeque::with_capacity(usize::from(buffers)),
            outbound: VecDeque::with_capacity(usize::from(buffers)),
            faults: Faults::default(),
            descriptors: usize::MAX,
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: core::time::Duration) {
        self.now = self.now + span;
    }

    /// Another process holds this port.
    pub fn hold(&mut self, port: u16) {
        self.held.insert(port);
    }

    /// The process may have so many sockets.
    pub fn allow_sockets(&mut self, descriptors: usize) {
        self.descriptors = descriptors;
    }

    /// Sockets that are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Datagrams that belong to nobody: all of them unless some are in flight.
    #[must_use]
    pub fn free_buffers(&self) -> usize {
        self.free.len()
    }

    /// The marking of the socket bound to `local`.
    #[must_use]
    pub fn class(&self, local: SocketAddr) -> Option<Class> {
        Some(self.sockets.get(self.bound.get(&local)?)?.class)
    }

    /// A datagram arrives. Returns whether a socket takes it.
    pub fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some(&slot) = self.bound.get(&to) else { return false };
        let peer = self.sockets.get(&slot).and_then(|socket| socket.peer);
        if peer.is_some_and(|peer| peer != from) {
            return false;
        }
        let Some(number) = self.free.pop() else {
            self.faults.buffers_exhausted += 1;
            return false;
        };
        let len = bytes.len().min(DATAGRAM_BYTES_MAX);
        self.memory[usize::from(number)][..len].copy_from_slice(&bytes[..len]);
        let source = if peer.is_some() { None } else { Some(from) };
        let buffer = Buffer { number, start: 0, len: len as u16 };
        self.inbound.push_back(Received { slot, source, buffer, truncated: len < bytes.len() });
        true
    }

    /// Takes the oldest datagram that was sent.
    pub fn sent(&mut self) -> Option<Sent<'_>> {
        let Outgoing { from, to, buffer } = self.outbound.pop_front()?;
        let (number, len) = (usize::from(buffer.number), buffer.len());
        let start = usize::from(buffer.start);
        self.release(buffer);
        Some(Sent { from, to, bytes: &self.memory[number][start..start + len] })
    }

    fn push(&mut self, slot: Slot, to: Option<SocketAddr>, buffer: Buffer) {
        match (self.sockets.get(&slot), to) {
            (Some(socket), Some(to)) => self.outbound.push_back(Outgoing { from: socket.local, to, buffer }),
            (Some(_) | None, _) => {
                self.faults.sends_failed += 1;
                self.release(buffer);
            }
        }
    }
}

impl Io for Memory {
    fn now(&self) -> Instant {
        self.now
    }

    fn open(&mut self, slot: Slot, local: SocketAddr, class: Class) -> Result<(), OpenFault> {
        if slot.0 >= self.slots || self.sockets.len() >= self.descriptors {
            return Err(OpenFault::Descriptors);
        }
        if self.held.contains(&local.port()) || self.bound.contains_key(&local) {
            return Err(OpenFault::InUse);
        }
        self.bound.insert(local, slot);
        self.sockets.insert(slot, Socket { local, peer: None, class });
        Ok(())
    }

    fn connect(&mut self, slot: Slot, peer: Option<SocketAddr>) {
        if let Some(socket) = self.sockets.get_mut(&slot) {
            socket.peer = peer;
        }
    }

    fn close(&mut self, slot: Slot) {
        if let Some(socket) = self.sockets.remove(&slot) {
            self.bound.remove(&socket.local);
        }
        while let Some(at) = self.inbound.iter().position(|received| received.slot == slot) {
            if let Some(received) = self.inbound.remove(at) {
                self.release(received.buffer);
            }
        }
    }

    fn receive(&mut self) -> Option<Received> {
        self.inbound.pop_front()
    }

    fn fresh(&mut self, len: usize) -> Option<Buffer> {
        let number = self.free.pop()?;
        Some(Buffer { number, start: 0, len: len.min(DATAGRAM_BYTES_MAX) as u16 })
    }

    fn bytes(&mut self, buffer: &Buffer) -> &mut [u8] {
        let start = usize::from(buffer.start);
        &mut self.memory[usize::from(buffer.number)][start..start + buffer.len()]
    }

    fn send(&mut self, slot: Slot, buffer: Buffer) {
        let to = self.sockets.get(&slot).and_then(|socket| socket.peer);
        self.push(slot, to, buffer);
    }

    fn send_to(&mut self, slot: Slot, to: SocketAddr, buffer: Buffer) {
        self.push(slot, Some(to), buffer);
    }

    fn release(&mut self, buffer: Buffer) {
        self.free.push(buffer.number);
    }

    fn wait(&mut self, _until: Instant) {}

    fn faults(&mut self) -> Faults {
        core::mem::take(&mut self.faults)
    }

    fn slots(&self) -> u32 {
        self.slots
    }
}
