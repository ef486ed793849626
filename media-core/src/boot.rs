//! Threads: one pinned shard each, with its ring, its bell and its doors.
//!
//! Order: limits are read and raised, every shard makes its io_uring on its own thread and says so, then the handles are given out.

use crate::{
    audio::clip::Library,
    io::{
        Io,
        system::{self, Bell},
        uring::{SetupFault, Uring},
    },
    limits::{BUFFER_BYTES, BUFFERS, COMPLETIONS, PANICS_MAX, SUBMISSIONS},
    observe::Tally,
    record::Tape,
    secure::Certificate,
    shard::{Doors, Shard, ShardConfig},
};
use contract::{MediaCommand, MediaEvent, ShardId};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

/// What the media plane is told at boot.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// How many shards, at least one.
    pub shards: u16,
    /// Which CPUs they are pinned to, in order; fewer than shards: the rest is left to the scheduler.
    pub cpus: Vec<usize>,
    /// Where IPv4 legs receive.
    pub bind_v4: Option<Ipv4Addr>,
    /// Where IPv6 legs receive.
    pub bind_v6: Option<Ipv6Addr>,
    /// Ports of all shards together; pairs of an even and the next odd one.
    pub ports: RangeInclusive<u16>,
    /// Where SSRCs come from: random, another in each process.
    pub seed: u64,
    /// Whose hash session descriptions name when media is protected by a handshake.
    pub certificate: Arc<Certificate>,
    /// What players say.
    pub library: Arc<Library>,
}

impl MediaConfig {
    /// The CPUs this process may run on, in order.
    #[must_use]
    pub fn available_cpus() -> Vec<usize> {
        core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
    }

    /// UDP sockets one shard needs when all its ports are taken.
    fn sockets_per_shard(&self) -> u64 {
        let pairs = (self.ports.len() as u64 / 2).div_ceil(u64::from(self.shards.max(1)));
        2 * pairs.max(1)
    }
}

/// A limit of the process that allows fewer calls than the configuration does. Text for the operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LimitNote {
    /// Calls at once that the present limit allows, each with two legs; `None`: it allows them or does not start at all.
    pub calls: Option<u64>,
    /// What it is and what to set.
    pub text: String,
}

/// Raises the soft limits of the process to the hard ones, and says which of them still allow less than `config` does.
///
/// Above a limit legs are refused ([`contract::MediaRefusal::DescriptorsExhausted`]); nothing established is lost.
#[must_use]
pub fn check_limits(config: &MediaConfig) -> Vec<LimitNote> {
    let shards = u64::from(config.shards.max(1));
    let mut notes = Vec::new();
    let needed = config.sockets_per_shard();
    if let Some(files) = system::open_files().soft
        && files < needed
    {
        // Sockets live in the rings' own tables, each of which may have as many entries as the process may have open files.
        let calls = files / 4 * shards;
        notes.push(LimitNote {
            calls: Some(calls),
            text: format!(
                "RLIMIT_NOFILE is {files}: each of {shards} media shards may open {files} sockets, which is enough for {calls} calls; the \
                 configured ports allow {}. Set LimitNOFILE={needed} in the systemd unit (or `ulimit -n {needed}`).",
                needed / 4 * shards
            ),
        });
    }
    let ring =
        u64::from(SUBMISSIONS) * 64 + u64::from(COMPLETIONS) * 16 + u64::from(BUFFERS) * (16 + BUFFER_BYTES as u64);
    let needed = shards * ring.next_multiple_of(4_096);
    if let Some(memory) = system::locked_memory().soft
        && memory < needed
    {
        notes.push(LimitNote {
            calls: None,
            text: format!(
                "RLIMIT_MEMLOCK is {memory} bytes: kernels that charge rings to it may refuse the rings of {shards} media shards. Set \
                 LimitMEMLOCK={needed} in the systemd unit."
            ),
        });
    }
    notes
}

/// Why the media plane does not start.
#[derive(Debug)]
pub enum SpawnFault {
    /// No ring; the text says what to set.
    Ring(SetupFault),
    /// No thread or descriptor.
    System(io::Error),
}

impl fmt::Display for SpawnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(fault) => fault.fmt(f),
            Self::System(error) => write!(f, "a media shard cannot start: {error}"),
        }
    }
}

impl std::error::Error for SpawnFault {}

/// The command ring of the shard is full; here is the command again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Full(pub MediaCommand);

/// A running shard. Dropping the handle stops it; its sessions end without events.
#[derive(Debug)]
pub struct ShardHandle {
    id: ShardId,
    cpu: Option<usize>,
    doors: Doors,
    bell: Bell,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl ShardHandle {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ShardId {
        self.id
    }

    /// The CPU it is pinned to.
    #[must_use]
    pub const fn cpu(&self) -> Option<usize> {
        self.cpu
    }

    /// Passes a command. Never blocks.
    ///
    /// # Errors
    /// [`Full`]: the sender keeps the command and tries again after the next event or a millisecond.
    pub fn send(&self, command: MediaCommand) -> Result<(), Full> {
        self.doors.commands.push(command).map_err(Full)?;
        self.bell.ring();
        Ok(())
    }

    /// The oldest event not taken yet. After a wake-up take events until there is none.
    #[must_use]
    pub fn take_event(&self) -> Option<MediaEvent> {
        self.doors.events.pop()
    }

    /// Its figures as last published, at most one turn old (100 ms when idle).
    #[must_use]
    pub fn figures(&self) -> Tally {
        self.doors.counters.snapshot()
    }

    /// Where the sound of its recorders comes out; for one file writer.
    #[must_use]
    pub fn tape(&self) -> Tape {
        self.doors.tape.clone()
    }

    /// Whether its thread runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for ShardHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // A shard that panicked has said so already.
            let _panicked = thread.join();
        }
    }
}

/// Called from a shard's thread when it has put events into its ring. Must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Starts the shards. All of them run, or none.
///
/// # Errors
/// [`SpawnFault`].
pub fn spawn(config: &MediaConfig, waker: &Waker) -> Result<Vec<ShardHandle>, SpawnFault> {
    let files = system::open_files().soft.unwrap_or(u64::MAX);
    // One ring's table may have 2^20 entries at most.
    let slots = config.sockets_per_shard().min(files).min(1 << 20) as u32;
    (0..config.shards.max(1)).map(|number| start(config, number, slots, Arc::clone(waker))).collect()
}

fn start(config: &MediaConfig, number: u16, slots: u32, waker: Waker) -> Result<ShardHandle, SpawnFault> {
    let cpu = config.cpus.get(usize::from(number)).copied();
    let shard = Shard::new(
        ShardConfig {
            id: ShardId(number),
            shards: config.shards.max(1),
            bind_v4: config.bind_v4,
            bind_v6: config.bind_v6,
            ports: config.ports.clone(),
            seed: config.seed,
            certificate: Arc::clone(&config.certificate),
            library: Arc::clone(&config.library),
        },
        system::monotonic(),
    );
    let (doors, stop) = (shard.doors(), Arc::new(AtomicBool::new(false)));
    let bell = Bell::new().map_err(SpawnFault::System)?;
    let (ready, started) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(format!("media-{number}")).spawn({
        let (bell, stop) = (bell.clone(), Arc::clone(&stop));
        move || {
            if let Some(id) = cpu {
                // A CPU that may not be used is no reason not to run.
                core_affinity::set_for_current(core_affinity::CoreId { id });
            }
            match Uring::new(slots, bell.clone()) {
                Ok(io) => {
                    let _gone = ready.send(Ok(()));
                    run(shard, io, &bell, &stop, &waker);
                }
                Err(fault) => {
                    let _gone = ready.send(Err(fault));
                }
            }
        }
    });
    let thread = thread.map_err(SpawnFault::System)?;
    let handle = ShardHandle { id: ShardId(number), cpu, doors, bell, stop, thread: Some(thread) };
    match started.recv() {
        Ok(Ok(())) => Ok(handle),
        Ok(Err(fault)) => Err(SpawnFault::Ring(fault)),
        Err(_) => Err(SpawnFault::System(io::Error::other("its thread ended before it began"))),
    }
}

/// How often the CPU time of the thread is read.
const CPU_EVERY: Duration = Duration::from_millis(50);

fn run(mut shard: Shard, mut io: Uring, bell: &Bell, stop: &AtomicBool, waker: &Waker) {
    let (mut panics, mut cpu_at) = (0, io.now());
    while !stop.load(Ordering::Acquire) {
        bell.awake();
        let now = io.now();
        if now >= cpu_at {
            shard.note_cpu(system::thread_cpu_ns());
            cpu_at = now + CPU_EVERY;
        }
        match catch_unwind(AssertUnwindSafe(|| shard.turn(now, &mut io))) {
            Ok(turned) => {
                panics = 0;
                if turned.told {
                    waker();
                }
                bell.sleeping();
                // Looked at once more after saying so: a command pushed in between rang no bell.
                let until = if shard.may_sleep() && !stop.load(Ordering::Acquire) { turned.next } else { now };
                io.wait(until);
            }
            Err(_) => {
                // The panic has printed itself. The session it happened in ends; the others go on.
                panics += 1;
                let evicted = catch_unwind(AssertUnwindSafe(|| shard.evict(&mut io)));
                if panics >= PANICS_MAX || !matches!(evicted, Ok(true)) {
                    panics = 0;
                    if catch_unwind(AssertUnwindSafe(|| shard.restart(&mut io))).is_err() {
                        // Its state is past mending; the handle shows the thread as not alive.
                        return;
                    }
                }
                waker();
            }
        }
    }
}
