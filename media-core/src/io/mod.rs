//! Sockets, datagrams and time as the shard sees them, and the only home of system calls and `unsafe`.
//!
//! [`Io`] has two bodies: [`uring::Uring`] on Linux's io_uring, and [`memory::Memory`], a network within the process for tests.
//! [`library`] opens codecs of the system. Nothing here knows RTP, legs or sessions.

pub mod library;
pub mod memory;
pub mod system;
pub mod uring;

use crate::limits::BUFFER_BYTES;
use contract::Instant;
use core::net::SocketAddr;

/// A socket, named by its place in the table of the shard. The shard chooses it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot(pub u32);

/// A received datagram that is owned: it must be sent or released, else its memory is lost to the shard.
#[derive(Debug)]
#[must_use = "send or release it"]
pub struct Buffer {
    number: u16,
    start: u16,
    len: u16,
}

impl Buffer {
    /// Octets of the datagram.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the datagram is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes it longer by `octets`, which hold whatever was there. Returns whether its memory has the room; else it stays.
    #[must_use]
    pub fn extend(&mut self, octets: usize) -> bool {
        let len = self.len() + octets;
        let fits = usize::from(self.start) + len <= BUFFER_BYTES;
        if fits {
            self.len = len as u16;
        }
        fits
    }

    /// Keeps the first `len` octets.
    pub fn truncate(&mut self, len: usize) {
        self.len = u16::try_from(len).unwrap_or(u16::MAX).min(self.len);
    }
}

/// A datagram and where it came from.
#[derive(Debug)]
pub struct Received {
    /// The socket that received it.
    pub slot: Slot,
    /// Its sender; `None` on a connected socket, which receives only from its peer.
    pub source: Option<SocketAddr>,
    /// The datagram.
    pub buffer: Buffer,
    /// The datagram was longer than the buffer; only its beginning is here.
    pub truncated: bool,
}

/// How a socket's datagrams are marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Expedited forwarding (DSCP 46), RFC 3246.
    Expedited,
    /// Nothing special.
    Default,
}

/// Why a socket could not be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenFault {
    /// The port is held, by whomever.
    InUse,
    /// No descriptor or slot is left.
    Descriptors,
    /// Another error of the system (errno).
    System(i32),
}

/// What went wrong since it was last asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// Datagrams the system did not take.
    pub sends_failed: u64,
    /// Connects the system refused; the socket stays unconnected.
    pub connects_failed: u64,
    /// Receives that ended because no buffer was free; they resume by themselves.
    pub buffers_exhausted: u64,
}

/// Sockets, datagrams and time.
///
/// Nothing blocks but [`Io::wait`]. What is sent may leave as late as the next wait. Slots are closed before they are opened again.
pub trait Io {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Opens a UDP socket bound to `local` and receives on it.
    ///
    /// # Errors
    /// [`OpenFault`]; the slot stays closed.
    fn open(&mut self, slot: Slot, local: SocketAddr, class: Class) -> Result<(), OpenFault>;

    /// From now on receives only from `peer`, and [`Io::send`] sends to it; `None`: from everybody again. What came from others before
    /// and was not taken yet is still delivered, with its source.
    fn connect(&mut self, slot: Slot, peer: Option<SocketAddr>);

    /// Closes a socket; nothing of it is delivered afterwards. A closed slot stays closed.
    fn close(&mut self, slot: Slot);

    /// The next datagram.
    fn receive(&mut self) -> Option<Received>;

    /// A datagram of our own, `len` octets (at most [`crate::limits::DATAGRAM_BYTES_MAX`]) to be filled and sent; what they hold is left over
    /// from an earlier one. `None`: all are on their way.
    fn fresh(&mut self, len: usize) -> Option<Buffer>;

    /// The octets of a datagram.
    fn bytes(&mut self, buffer: &Buffer) -> &mut [u8];

    /// Sends a datagram from a connected socket to its peer.
    fn send(&mut self, slot: Slot, buffer: Buffer);

    /// Sends a datagram from a socket that is not connected.
    fn send_to(&mut self, slot: Slot, to: SocketAddr, buffer: Buffer);

    /// Gives a datagram's memory back.
    fn release(&mut self, buffer: Buffer);

    /// Hands over what was sent, and sleeps until something is to be done: a datagram, a wake-up from outside, or `until`.
    fn wait(&mut self, until: Instant);

    /// What went wrong since the last call.
    fn faults(&mut self) -> Faults;

    /// How many slots there are; [`Io::open`] refuses higher ones.
    fn slots(&self) -> u32;
}
