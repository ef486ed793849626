//! The process's clock, limits and wake-up calls.

use contract::Instant;
use rustix::{
    event::{EventfdFlags, eventfd},
    fd::OwnedFd,
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The monotonic clock of the whole system. Everything that speaks to a shard takes its time from here.
#[must_use]
pub fn monotonic() -> Instant {
    nanos(ClockId::Monotonic)
}

/// The clock of libraries that know no other, read once at boot: they are given differences to it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "their type has no other way to come into being")]
pub fn library_clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// CPU time of the calling thread, user and system, in nanoseconds.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    nanos(ClockId::ThreadCPUTime).as_nanos()
}

fn nanos(clock: ClockId) -> Instant {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Instant::from_nanos(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// A limit of the process; `None`: unlimited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limit {
    /// What holds now.
    pub soft: Option<u64>,
    /// What it may be raised to.
    pub hard: Option<u64>,
}

/// Open files (`RLIMIT_NOFILE`), which also bounds the descriptor table of one ring. Raises the soft limit to the hard one.
#[must_use]
pub fn open_files() -> Limit {
    raised(Resource::Nofile)
}

/// Locked memory in bytes (`RLIMIT_MEMLOCK`), which older kernels charge for rings. Raises the soft limit to the hard one.
#[must_use]
pub fn locked_memory() -> Limit {
    raised(Resource::Memlock)
}

fn raised(resource: Resource) -> Limit {
    let before = getrlimit(resource);
    // A refusal leaves the old limit in force, which is then read and reported.
    let _refused = setrlimit(resource, Rlimit { current: before.maximum, maximum: before.maximum });
    let limit = getrlimit(resource);
    Limit { soft: limit.current, hard: limit.maximum }
}

/// Wakes a sleeping shard from another thread. Cheap while the shard is awake.
#[derive(Clone, Debug)]
pub struct Bell {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    descriptor: OwnedFd,
    asleep: AtomicBool,
}

impl Bell {
    /// A new bell.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { shared: Arc::new(Shared { descriptor, asleep: AtomicBool::new(false) }) })
    }

    /// Wakes the shard if it sleeps or is about to.
    pub fn ring(&self) {
        if self.shared.asleep.swap(false, Ordering::SeqCst) {
            // Cannot fail but when the counter is full, and then the shard wakes anyway.
            let _full = rustix::io::write(&self.shared.descriptor, &1_u64.to_ne_bytes());
        }
    }

    /// The shard says that it will sleep; it must look for work once more after this, and before it sleeps.
    pub fn sleeping(&self) {
        self.shared.asleep.store(true, Ordering::SeqCst);
    }

    /// The shard says that it is awake.
    pub fn awake(&self) {
        self.shared.asleep.store(false, Ordering::SeqCst);
    }

    /// What becomes readable when the bell rings.
    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.shared.descriptor
    }

    /// Makes it unreadable again.
    pub(crate) fn hush(&self) {
        let mut count = [0_u8; 8];
        // Nothing to read is as good.
        let _empty = rustix::io::read(&self.shared.descriptor, &mut count);
    }
}
