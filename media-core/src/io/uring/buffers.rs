//! The memory of datagrams and the provided-buffer ring through which the kernel takes buffers from it.

use crate::limits::{BUFFER_BYTES, BUFFERS, OWN_BUFFERS};
use core::{
    ffi::c_void,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU16, Ordering},
};
use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::io;

/// Pages of our own, shared with the kernel. Not touched until used.
struct Region {
    start: NonNull<c_void>,
    len: usize,
}

impl Region {
    fn new(len: usize) -> io::Result<Self> {
        // SAFETY: a fresh private mapping at an address of the kernel's choice overlaps nothing.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }?;
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody refers to it any more: `Uring` cancels all requests before its buffers go.
        let _failed = unsafe { munmap(self.start.as_ptr(), self.len) };
    }
}

/// All buffers of a shard. A buffer is either the kernel's (it lies in the ring) or ours (somebody holds its number). Those numbered from
/// [`BUFFERS`] on are never the kernel's.
pub(super) struct Buffers {
    memory: Region,
    ring: Region,
    /// Counts the entries ever added; the kernel has seen those before the last [`Buffers::publish`].
    tail: u16,
    /// How many are the kernel's, by our count of what we took and gave.
    provided: u16,
    /// Buffers for datagrams of our own that are free.
    own: Vec<u16>,
}

impl Buffers {
    /// Memory for [`BUFFERS`] datagrams, all given to the ring but not yet published, and for [`OWN_BUFFERS`] of our own.
    pub(super) fn new() -> io::Result<Self> {
        let count = usize::from(BUFFERS);
        let memory = Region::new((count + usize::from(OWN_BUFFERS)) * BUFFER_BYTES)?;
        let ring = Region::new(count * size_of::<BufRingEntry>())?;
        let mut buffers =
            Self { memory, ring, tail: 0, provided: 0, own: (BUFFERS..BUFFERS + OWN_BUFFERS).rev().collect() };
        for number in 0..BUFFERS {
            buffers.give(number);
        }
        Ok(buffers)
    }

    /// Where the ring lies, to register it.
    pub(super) fn ring_address(&self) -> u64 {
        self.ring.start.as_ptr() as u64
    }

    /// Where the octets of `number` from `start` lie, to send them. The caller holds the buffer.
    pub(super) fn address(&self, number: u16, start: u16) -> *const u8 {
        let offset = usize::from(number % (BUFFERS + OWN_BUFFERS)) * BUFFER_BYTES + usize::from(start);
        self.memory.start.as_ptr().cast::<u8>().cast_const().wrapping_add(offset)
    }

    /// The kernel handed `number` to us.
    pub(super) fn taken(&mut self) {
        self.provided = self.provided.saturating_sub(1);
    }

    /// How many buffers the kernel has.
    pub(super) fn provided(&self) -> u16 {
        self.provided
    }

    /// The octets of a buffer that is ours.
    pub(super) fn slice(&mut self, number: u16, start: u16, len: u16) -> &mut [u8] {
        let (start, len) = (usize::from(start), usize::from(len));
        assert!(number < BUFFERS + OWN_BUFFERS && start + len <= BUFFER_BYTES, "a buffer's bounds are made by us");
        let first = self.memory.start.as_ptr().cast::<u8>().wrapping_add(usize::from(number) * BUFFER_BYTES + start);
        // SAFETY: in bounds of the mapping by the assertion, and initialised (anonymous pages are zero). The kernel does not write to it:
        // the number was taken from a completion and is given back only by value of its `Buffer`. `&mut self` excludes a second slice.
        unsafe { core::slice::from_raw_parts_mut(first, len) }
    }

    /// Whether a datagram of our own can be made now.
    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// A buffer for a datagram of our own.
    pub(super) fn take_own(&mut self) -> Option<u16> {
        self.own.pop()
    }

    /// Gives a buffer back: to the kernel with the next [`Buffers::publish`], or to those of our own.
    pub(super) fn give(&mut self, number: u16) {
        if number >= BUFFERS {
            self.own.push(number);
            return;
        }
        let address = self.address(number, 0) as u64;
        let entries = self.ring.start.as_ptr().cast::<BufRingEntry>();
        let at = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: `at` is below the number of entries in the mapping. The kernel reads entries only up to the published tail, and there are
        // never more than `BUFFERS` given, so this entry is not being read.
        let entry = unsafe { &mut *entries.add(at) };
        entry.set_addr(address);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
        self.provided += 1;
    }

    /// Shows the kernel what was given.
    pub(super) fn publish(&self) {
        let entries = self.ring.start.as_ptr().cast::<BufRingEntry>().cast_const();
        // SAFETY: the address is that of the ring's first entry, whose reserved field is the tail.
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: the field is an aligned u16 within the mapping, only ever written here, and read by the kernel with acquire.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}
