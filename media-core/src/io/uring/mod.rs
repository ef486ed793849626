//! [`Io`] on io_uring, Linux 6.1 or later.
//!
//! One ring with `SINGLE_ISSUER | DEFER_TASKRUN`: completions are made when the shard enters the kernel, never behind its back. Sockets live
//! only in the ring's descriptor table (direct descriptors), so they do not count against the process's open files. Receives are multishot
//! into provided buffers: `recvmsg` while anybody may send, `recv` once connected.
//!
//! Ownership of what is sent. A send goes out from the buffer it was received into. It carries `MSG_DONTWAIT`, so the kernel either does it
//! or fails it while it takes the submission, and never keeps it; with skipped success completions that makes the return of
//! `io_uring_enter` with an empty submission queue the proof that every such buffer may be given back.
//!
//! Pace. After a batch with datagrams a wait asks for many completions, so that a busy shard enters the kernel once per [`PACE`]; when that
//! time has passed without one, and when idle, the first to come wakes it at once. Asking for many also lifts the kernel's cap on deferred
//! work per entry, which with a wait for one builds a backlog.

mod address;
mod buffers;
mod name;
mod submit;

use super::{Buffer, Class, Faults, Io, OpenFault, Received, Slot, system};
use crate::{
    io::system::Bell,
    limits::{BUFFER_BYTES, BUFFERS, COMPLETIONS, DATAGRAM_BYTES_MAX, OWN_BUFFERS, PACE, SUBMISSIONS},
};
use buffers::Buffers;
use contract::Instant;
use core::{fmt, net::SocketAddr, time::Duration};
use io_uring::{IoUring, cqueue, types::CancelBuilder};
use name::{Kind, Name};
use socket2::{Domain, Protocol, Socket, Type};
use std::{collections::VecDeque, io, os::fd::AsRawFd};
use submit::Messages;

/// Datagrams a newly connected socket still takes with their source, after which none from before the connect can be left in its queue.
const ADDRESSED_AFTER_CONNECT: u8 = 50;

/// What `recvmsg` writes before a datagram: its own header and the source's name.
const HEAD_BYTES: usize = 16 + address::NAME_BYTES;

/// IPv4 type of service of expedited forwarding: DSCP 46 above two bits of ECN.
const TOS_EXPEDITED: u32 = 46 << 2;

/// Why there is no ring.
#[derive(Debug)]
pub struct SetupFault {
    step: &'static str,
    source: io::Error,
}

impl fmt::Display for SetupFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "io_uring is not usable here ({}: {}); ", self.step, self.source)?;
        match self.source.raw_os_error() {
            Some(libc::ENOSYS | libc::EINVAL) => f.write_str("Linux 6.1 or later is needed"),
            Some(libc::EPERM | libc::EACCES) => f.write_str(
                "set `sysctl kernel.io_uring_disabled=0`, or allow io_uring_setup, io_uring_enter and io_uring_register in the \
                 container's seccomp profile",
            ),
            Some(libc::ENOMEM) => f.write_str("raise `LimitMEMLOCK` (RLIMIT_MEMLOCK) to at least 8 MiB a media shard"),
            Some(libc::EMFILE | libc::ENFILE) => f.write_str("raise `LimitNOFILE` (RLIMIT_NOFILE)"),
            _ => f.write_str("see the manual of io_uring_setup(2)"),
        }
    }
}

impl std::error::Error for SetupFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A slot's socket.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    generation: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    /// Receives from everybody.
    Open,
    /// Connected; datagrams come with their source until this count of the peer's has run out.
    Settling(SocketAddr, u8),
    /// Connected; what comes is the peer's.
    Connected,
}

/// The ring, its buffers and its sockets.
pub struct Uring {
    // Dropped first: the ring must be gone before the memory it refers to.
    ring: IoUring,
    messages: Box<Messages>,
    buffers: Buffers,
    bell: Bell,
    entries: Vec<Entry>,
    slots: u32,
    completions: Vec<cqueue::Entry>,
    next: usize,
    /// Buffers of sends that the kernel has not taken yet.
    leaving: Vec<u16>,
    /// Sockets whose receive ended for want of buffers.
    starved: VecDeque<Name>,
    faults: Faults,
    /// Datagrams of the present batch.
    datagrams: u32,
    /// Closes are queued.
    closing: bool,
    /// The last batch held datagrams, so that more may be gathered.
    busy: bool,
}

impl fmt::Debug for Uring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uring").field("slots", &self.slots).finish_non_exhaustive()
    }
}

impl Uring {
    /// A ring with room for `slots` sockets, which `bell` wakes. Belongs to the calling thread.
    ///
    /// # Errors
    /// [`SetupFault`], which says what to set.
    pub fn new(slots: u32, bell: Bell) -> Result<Self, SetupFault> {
        let fault = |step| move |source| SetupFault { step, source };
        let ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .dontfork()
            .build(SUBMISSIONS)
            .map_err(fault("io_uring_setup"))?;
        ring.submitter().register_files_sparse(slots).map_err(fault("registering a table of sockets"))?;
        let buffers = Buffers::new().map_err(fault("memory for datagrams"))?;
        // SAFETY: the ring of buffers is a mapping of `BUFFERS` entries that lives until after the io_uring is gone.
        unsafe { ring.submitter().register_buf_ring_with_flags(buffers.ring_address(), BUFFERS, 0, 0) }
            .map_err(fault("registering buffers"))?;
        buffers.publish();
        let mut uring = Self {
            ring,
            messages: Messages::new(),
            buffers,
            bell,
            entries: Vec::new(),
            slots,
            completions: Vec::with_capacity(COMPLETIONS as usize),
            next: 0,
            leaving: Vec::with_capacity(usize::from(BUFFERS + OWN_BUFFERS)),
            starved: VecDeque::new(),
            faults: Faults::default(),
            datagrams: 0,
            closing: false,
            busy: false,
        };
        uring.watch_bell();
        Ok(uring)
    }

    fn entry(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.0 as usize)
    }

    /// The receive that should be armed on `slot`; `None`: it is closed.
    fn wanted(&self, slot: Slot) -> Option<Name> {
        let entry = self.entries.get(slot.0 as usize)?;
        let kind = match entry.state {
            State::Closed => return None,
            State::Open | State::Settling(..) => Kind::Addressed,
            State::Connected => Kind::Plain,
        };
        Some(Name::new(kind, entry.generation, slot))
    }

    /// Turns one completion into a datagram, if it is one.
    fn complete(&mut self, completion: &cqueue::Entry) -> Option<Received> {
        let name = Name::unpack(completion.user_data());
        let (result, flags) = (completion.result(), completion.flags());
        match name.kind {
            Kind::Addressed | Kind::Plain => self.received(name, result, flags),
            Kind::Send => {
                self.faults.sends_failed += 1;
                None
            }
            Kind::Connect => {
                self.faults.connects_failed += 1;
                None
            }
            Kind::Bell => {
                self.bell.hush();
                if !cqueue::more(flags) {
                    self.watch_bell();
                }
                None
            }
            Kind::Other => None,
        }
    }

    fn received(&mut self, name: Name, result: i32, flags: u32) -> Option<Received> {
        let number = cqueue::buffer_select(flags);
        if number.is_some() {
            self.buffers.taken();
        }
        let wanted = self.wanted(name.slot);
        // The addressed receive of a socket that has changed to the plain one still counts.
        let current = wanted.is_some_and(|wanted| Name { kind: name.kind, ..wanted } == name);
        // A multishot that ended is armed again, unless it is one that another has replaced.
        if !cqueue::more(flags) && wanted == Some(name) {
            if result == -libc::ENOBUFS {
                self.faults.buffers_exhausted += 1;
                self.starved.push_back(name);
            } else {
                self.arm(name);
            }
        }
        let number = number?;
        let len = usize::try_from(result).unwrap_or_default();
        if !current || result < 0 {
            self.buffers.give(number);
            return None;
        }
        if name.kind == Kind::Plain {
            let buffer = Buffer { number, start: 0, len: len as u16 };
            return Some(Received { slot: name.slot, source: None, buffer, truncated: len >= BUFFER_BYTES });
        }
        let head = self.buffers.slice(number, 0, HEAD_BYTES as u16);
        let payload = len.saturating_sub(HEAD_BYTES);
        // `struct io_uring_recvmsg_out`: name length, control length, payload length, flags; then the name.
        let declared = head[8..].first_chunk().map_or(0, |word| u32::from_ne_bytes(*word)) as usize;
        let Some(source) = address::decode(&head[16..]) else {
            self.buffers.give(number);
            return None;
        };
        if let Some(&Entry { state: State::Settling(peer, left), .. }) = self.entries.get(name.slot.0 as usize)
            && peer == source
        {
            self.settle(name, peer, left);
        }
        let buffer = Buffer { number, start: HEAD_BYTES as u16, len: payload as u16 };
        Some(Received { slot: name.slot, source: Some(source), buffer, truncated: declared > payload })
    }

    /// Counts a datagram of the peer of a newly connected socket; at the last one changes to the cheaper receive.
    fn settle(&mut self, name: Name, peer: SocketAddr, left: u8) {
        let state = if left > 0 { State::Settling(peer, left - 1) } else { State::Connected };
        if let Some(entry) = self.entry(name.slot) {
            entry.state = state;
        }
        if left == 0 {
            self.cancel(name);
            self.arm(Name { kind: Kind::Plain, ..name });
        }
    }
}

impl Io for Uring {
    fn now(&self) -> Instant {
        system::monotonic()
    }

    fn open(&mut self, slot: Slot, local: SocketAddr, class: Class) -> Result<(), OpenFault> {
        if slot.0 >= self.slots {
            return Err(OpenFault::Descriptors);
        }
        // The close of the slot's last socket may still be queued.
        if self.closing {
            self.submit();
        }
        let socket = bound(local, class).map_err(open_fault)?;
        self.ring.submitter().register_files_update(slot.0, &[socket.as_raw_fd()]).map_err(open_fault)?;
        // The table holds the socket now; the process's descriptor is given back when `socket` goes.
        let index = slot.0 as usize;
        if self.entries.len() <= index {
            self.entries.resize(index + 1, Entry::default());
        }
        let entry = &mut self.entries[index];
        entry.generation = entry.generation.wrapping_add(1);
        entry.state = State::Open;
        let name = Name::new(Kind::Addressed, entry.generation, slot);
        self.arm(name);
        Ok(())
    }

    fn connect(&mut self, slot: Slot, peer: Option<SocketAddr>) {
        let Some(entry) = self.entry(slot) else { return };
        let before = Name::new(Kind::Plain, entry.generation, slot);
        let plain = match entry.state {
            State::Closed => return,
            State::Open | State::Settling(..) => false,
            State::Connected => {
                // What the old peer sent without an address must not be taken for the new one's: it becomes another generation's.
                entry.generation = entry.generation.wrapping_add(1);
                true
            }
        };
        entry.state = peer.map_or(State::Open, |peer| State::Settling(peer, ADDRESSED_AFTER_CONNECT));
        let name = Name::new(Kind::Addressed, entry.generation, slot);
        if plain {
            self.cancel(before);
        }
        self.push_connect(name, peer);
        if plain {
            self.arm(name);
        }
    }

    fn close(&mut self, slot: Slot) {
        let Some(name) = self.wanted(slot) else { return };
        if let Some(entry) = self.entry(slot) {
            entry.state = State::Closed;
        }
        self.cancel(name);
        self.push_close(slot);
    }

    fn receive(&mut self) -> Option<Received> {
        while let Some(completion) = self.completions.get(self.next).cloned() {
            self.next += 1;
            if let Some(received) = self.complete(&completion) {
                self.datagrams += 1;
                return Some(received);
            }
        }
        None
    }

    fn fresh(&mut self, len: usize) -> Option<Buffer> {
        if !self.buffers.has_own() {
            // Those queued to be sent are free once the kernel has taken them.
            self.submit();
        }
        let number = self.buffers.take_own()?;
        Some(Buffer { number, start: 0, len: len.min(DATAGRAM_BYTES_MAX) as u16 })
    }

    fn bytes(&mut self, buffer: &Buffer) -> &mut [u8] {
        self.buffers.slice(buffer.number, buffer.start, buffer.len)
    }

    fn send(&mut self, slot: Slot, buffer: Buffer) {
        self.push_send(slot, buffer);
    }

    fn send_to(&mut self, slot: Slot, to: SocketAddr, buffer: Buffer) {
        self.push_send_to(slot, to, buffer);
    }

    fn release(&mut self, buffer: Buffer) {
        self.buffers.give(buffer.number);
    }

    fn wait(&mut self, until: Instant) {
        // Completions not yet taken must not wait for others.
        if self.next < self.completions.len() {
            self.submit();
            return;
        }
        self.busy = core::mem::take(&mut self.datagrams) > 0;
        // After a large batch its buffers must be back before more is received.
        if self.leaving.len() > usize::from(BUFFERS / 8) {
            self.submit();
        }
        self.completions.clear();
        self.next = 0;
        self.feed_starved();
        let now = system::monotonic();
        self.enter(until.since(now), PACE);
        self.completions.extend(self.ring.completion());
    }

    fn faults(&mut self) -> Faults {
        core::mem::take(&mut self.faults)
    }

    fn slots(&self) -> u32 {
        self.slots
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        // Receives must have ended before the memory they write to is unmapped. Nothing to cancel is as good.
        let _none = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
        // What was cancelled lets go of its socket when its completion is made, which happens on entering.
        loop {
            self.enter(Duration::ZERO, PACE);
            if self.ring.completion().count() == 0 {
                break;
            }
        }
        // The kernel takes a ring apart in the background; ports are to be free when this returns.
        let _none = self.ring.submitter().unregister_files();
    }
}

/// A UDP socket bound to `local`.
fn bound(local: SocketAddr, class: Class) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if class == Class::Expedited {
        // A system that does not mark is no reason to refuse the call.
        let _unmarked = match local {
            SocketAddr::V4(_) => socket.set_tos_v4(TOS_EXPEDITED),
            SocketAddr::V6(_) => socket.set_tclass_v6(TOS_EXPEDITED),
        };
    }
    socket.bind(&local.into())?;
    Ok(socket)
}

fn open_fault(error: io::Error) -> OpenFault {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => OpenFault::InUse,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => OpenFault::Descriptors,
        Some(errno) => OpenFault::System(errno),
        None => OpenFault::System(0),
    }
}
