//! What [`super::Uring`] asks of the kernel: building submissions and entering.

use super::{
    Uring,
    address::{self, NAME_BYTES},
    name::{Kind, Name},
};
use crate::{
    io::{Buffer, Slot},
    limits::BUFFERS,
};
use core::{mem::MaybeUninit, net::SocketAddr, time::Duration};
use io_uring::{
    EnterFlags, opcode,
    squeue::{self, Flags},
    types::{Fixed, SubmitArgs, Timespec},
};
use std::{io, os::fd::AsRawFd};

/// Addressed sends and connects of one submission. More are entered at once.
const MESSAGES: usize = 64;

/// Completions asked for in one wait; also the kernel's cap on deferred work per entry.
const WANTED: u32 = 512;

/// Sends fail rather than wait, so that their buffers are free when the kernel has taken them; a peer's reset raises no signal.
const SEND_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// One addressed message: what the kernel reads while it takes the submission.
struct Message {
    name: [u8; NAME_BYTES],
    part: libc::iovec,
    head: libc::msghdr,
}

/// Messages at addresses that do not move.
pub(super) struct Messages {
    slots: [Message; MESSAGES],
    used: usize,
    /// Says to multishot `recvmsg` how much room a source's name takes. Read by the kernel when it is armed.
    receive: libc::msghdr,
}

impl Messages {
    pub(super) fn new() -> Box<Self> {
        // SAFETY: null pointers and zero lengths are valid values of these C structures.
        let mut messages: Box<Self> = unsafe { Box::new(MaybeUninit::zeroed().assume_init()) };
        messages.receive.msg_namelen = NAME_BYTES as u32;
        messages
    }
}

impl Uring {
    /// Queues a submission; enters the kernel when the queue is full. Returns whether it is queued.
    fn push(&mut self, entry: &squeue::Entry) -> bool {
        if self.ring.submission().is_full() {
            self.submit();
        }
        // SAFETY: every pointer of the entry refers to memory that this object owns and keeps until the kernel has taken the entry: buffers
        // (`leaving`), messages (`used` grows until the queue is empty), or memory that lives as long as the ring.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// Arms a multishot receive.
    pub(super) fn arm(&mut self, name: Name) {
        let target = Fixed(name.slot.0);
        let entry = match name.kind {
            Kind::Plain => opcode::RecvMulti::new(target, 0).build(),
            Kind::Addressed | Kind::Send | Kind::Connect | Kind::Bell | Kind::Other => {
                opcode::RecvMsgMulti::new(target, &raw const self.messages.receive, 0).build()
            }
        };
        if !self.push(&entry.user_data(name.pack())) {
            // The kernel takes no submissions now; the next wait tries again.
            self.starved.push_back(name);
        }
    }

    /// Arms starved receives again, the longest starved first: once a quarter of the buffers is back, for earlier they would end at once, and
    /// no more of them than there are buffers for two datagrams each.
    pub(super) fn feed_starved(&mut self) {
        if self.starved.is_empty() || self.buffers.provided() < BUFFERS / 4 {
            return;
        }
        self.buffers.publish();
        for _ in 0..self.starved.len().min(usize::from(self.buffers.provided() / 2)) {
            let Some(name) = self.starved.pop_front() else { return };
            if self.wanted(name.slot) == Some(name) {
                self.arm(name);
            }
        }
    }

    /// Asks to be told when the bell rings.
    pub(super) fn watch_bell(&mut self) {
        let descriptor = io_uring::types::Fd(self.bell.descriptor().as_raw_fd());
        let entry = opcode::PollAdd::new(descriptor, libc::POLLIN as u32).multi(true).build();
        let _full = self.push(&entry.user_data(Name::new(Kind::Bell, 0, Slot(0)).pack()));
    }

    /// Ends the receive called `name`. Takes effect when the kernel takes the submission, before those queued after it.
    pub(super) fn cancel(&mut self, name: Name) {
        let entry = opcode::AsyncCancel::new(name.pack()).build().flags(Flags::SKIP_SUCCESS);
        let _full = self.push(&entry.user_data(Name::new(Kind::Other, 0, name.slot).pack()));
    }

    /// Takes the socket out of the table.
    pub(super) fn push_close(&mut self, slot: Slot) {
        let entry = opcode::Close::new(Fixed(slot.0)).build().flags(Flags::SKIP_SUCCESS);
        let _full = self.push(&entry.user_data(Name::new(Kind::Other, 0, slot).pack()));
        self.closing = true;
    }

    /// Connects to `peer`, or dissolves the connection.
    pub(super) fn push_connect(&mut self, name: Name, peer: Option<SocketAddr>) {
        let (bytes, len) = peer.map_or_else(address::nobody, address::encode);
        let Some(message) = self.message() else {
            self.faults.connects_failed += 1;
            return;
        };
        message.name = bytes;
        let address = (&raw const message.name).cast::<libc::sockaddr>();
        let entry = opcode::Connect::new(Fixed(name.slot.0), address, len).build().flags(Flags::SKIP_SUCCESS);
        if !self.push(&entry.user_data(Name { kind: Kind::Connect, ..name }.pack())) {
            self.faults.connects_failed += 1;
        }
    }

    /// Sends from a connected socket.
    pub(super) fn push_send(&mut self, slot: Slot, buffer: Buffer) {
        let start = self.buffers.address(buffer.number, buffer.start);
        let entry = opcode::Send::new(Fixed(slot.0), start, u32::from(buffer.len)).flags(SEND_FLAGS).build();
        self.leave(slot, &entry, buffer);
    }

    /// Sends from a socket that is not connected.
    pub(super) fn push_send_to(&mut self, slot: Slot, to: SocketAddr, buffer: Buffer) {
        let (bytes, len) = address::encode(to);
        let start = self.buffers.address(buffer.number, buffer.start).cast_mut();
        let Some(message) = self.message() else {
            self.faults.sends_failed += 1;
            self.buffers.give(buffer.number);
            return;
        };
        message.name = bytes;
        message.part = libc::iovec { iov_base: start.cast(), iov_len: buffer.len() };
        message.head.msg_name = (&raw mut message.name).cast();
        message.head.msg_namelen = len;
        message.head.msg_iov = &raw mut message.part;
        message.head.msg_iovlen = 1;
        let head = &raw const message.head;
        let entry = opcode::SendMsg::new(Fixed(slot.0), head).flags(SEND_FLAGS as u32).build();
        self.leave(slot, &entry, buffer);
    }

    fn leave(&mut self, slot: Slot, entry: &squeue::Entry, buffer: Buffer) {
        let name = Name::new(Kind::Send, 0, slot).pack();
        if self.push(&entry.clone().flags(Flags::SKIP_SUCCESS).user_data(name)) {
            self.leaving.push(buffer.number);
        } else {
            self.faults.sends_failed += 1;
            self.buffers.give(buffer.number);
        }
    }

    /// A free message; enters the kernel when there is none.
    fn message(&mut self) -> Option<&mut Message> {
        if self.messages.used == MESSAGES {
            self.submit();
        }
        // Still none when the kernel takes nothing now.
        let message = self.messages.slots.get_mut(self.messages.used)?;
        self.messages.used += 1;
        Some(message)
    }

    /// Enters the kernel with what is queued, without waiting.
    pub(super) fn submit(&mut self) {
        if !self.ring.submission().is_empty() {
            self.enter_once(0, None, 0);
        }
    }

    /// Enters the kernel with what is queued and waits at most `longest`: when busy for many completions within `pace`, then,
    /// and when idle, for the first.
    pub(super) fn enter(&mut self, longest: Duration, pace: Duration) {
        if longest.is_zero() {
            self.enter_once(WANTED, Some(Duration::ZERO), 0);
        } else if !self.busy {
            self.enter_once(1, Some(longest), 0);
        } else if self.ring.params().is_feature_min_timeout() {
            self.enter_once(WANTED, Some(longest), pace.min(longest).subsec_micros());
        } else {
            // Kernels before 6.12 cannot wait for many and then for one: gather for the pace, and find out whether it is still busy.
            self.enter_once(WANTED, Some(pace.min(longest)), 0);
        }
    }

    fn enter_once(&mut self, want: u32, longest: Option<Duration>, gather_us: u32) {
        self.buffers.publish();
        let queued = self.ring.submission().len() as u32;
        let params = self.ring.params();
        let mut flags = EnterFlags::EXT_ARG;
        if want > 0 {
            flags |= EnterFlags::GETEVENTS;
        }
        if params.is_feature_no_iowait() {
            flags |= EnterFlags::NO_IOWAIT;
        }
        let time = longest.map(Timespec::from).unwrap_or_default();
        let mut args = SubmitArgs::new().min_wait_usec(gather_us);
        if longest.is_some() {
            args = args.timespec(&time);
        }
        // SAFETY: the argument is what the flags announce, and lives until the call returns. What the queued entries point to is kept as
        // said in `push`.
        let entered = unsafe { self.ring.submitter().enter(queued, want, flags.bits(), Some(&args)) };
        match entered {
            Ok(_) => {}
            // A signal or the time-out; completions may be there. EBUSY and EAGAIN: the kernel takes no more before completions are taken.
            Err(error) => debug_assert!(
                matches!(
                    error.raw_os_error(),
                    Some(libc::EINTR | libc::ETIME | libc::EBUSY | libc::EAGAIN | libc::ENOMEM | libc::EBADR)
                ) || error.kind() == io::ErrorKind::Interrupted,
                "io_uring_enter: {error}"
            ),
        }
        if self.ring.submission().is_empty() {
            for number in self.leaving.drain(..) {
                self.buffers.give(number);
            }
            self.messages.used = 0;
            self.closing = false;
        }
    }
}
