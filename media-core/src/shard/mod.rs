//! The loop of one media core: mailbox, datagrams, wheel, submissions.
//!
//! A [`Shard`] owns its sessions and nothing of the outside: sockets come with each [`Shard::turn`] as an [`Io`], commands and events go
//! through two rings. A datagram is handled without allocation, lock, log or system call of its own.

mod command;
mod compile;
mod legs;
mod packet;
mod report;
mod rtcp;
mod secure;
mod tick;
mod ticks;
mod told;
mod wheel;

use crate::{
    audio::clip::Library,
    flow::Ports,
    io::Io,
    limits::{COMMANDS, COMMANDS_PER_TURN, HANDSHAKE_STEPS, IDLE_WAIT_MAX},
    observe::{Counters, Tally},
    record::Tape,
    secure::Certificate,
    session::Session,
};
use contract::{Instant, MediaCommand, MediaEvent, SessionId, ShardId};
use core::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};
use crossbeam::queue::ArrayQueue;
use legs::Legs;
use secure::Step;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use ticks::Ticks;
use told::Told;
use wheel::Wheel;

/// What a shard is told of itself.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Its name.
    pub id: ShardId,
    /// How many there are; ports are divided among them.
    pub shards: u16,
    /// Where IPv4 legs receive; `None`: they are refused.
    pub bind_v4: Option<Ipv4Addr>,
    /// Where IPv6 legs receive; `None`: they are refused.
    pub bind_v6: Option<Ipv6Addr>,
    /// The port range of all shards.
    pub ports: RangeInclusive<u16>,
    /// Where SSRCs come from; unlike in every process, and secret.
    pub seed: u64,
    /// With which it answers and begins handshakes.
    pub certificate: Arc<Certificate>,
    /// What players say.
    pub library: Arc<Library>,
}

/// The doors of a shard, as others see them.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Commands in. A full ring gives the command back.
    pub commands: Arc<ArrayQueue<MediaCommand>>,
    /// Events out.
    pub events: Arc<ArrayQueue<MediaEvent>>,
    /// What the shard counts.
    pub counters: Arc<Counters>,
    /// Recorded sound out.
    pub tape: Tape,
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Turned {
    /// When the next turn is due, at the latest.
    pub next: Instant,
    /// Events were put into the ring.
    pub told: bool,
}

/// A media core.
#[derive(Debug)]
pub struct Shard {
    config: ShardConfig,
    sessions: BTreeMap<SessionId, Session>,
    legs: Legs,
    ports: Ports,
    wheel: Wheel,
    ticks: Ticks,
    told: Told,
    commands: Arc<ArrayQueue<MediaCommand>>,
    counters: Arc<Counters>,
    tape: Tape,
    tally: Tally,
    paths_missing: u64,
    recorders: usize,
    /// How many legs there have been.
    serial: u32,
    random: u64,
    /// Steps of handshakes that wait for their turn.
    steps: VecDeque<Step>,
    /// ClientHellos kept by legs that are not described yet.
    early: u16,
    /// Whose work is under way, should it panic.
    current: Option<SessionId>,
    next: Instant,
}

/// A due time passed by more than this counts as late.
const LATE: Duration = Duration::from_millis(10);

impl Shard {
    /// A shard without sessions.
    #[must_use]
    pub fn new(config: ShardConfig, now: Instant) -> Self {
        let ports = Ports::new(config.ports.clone(), config.id.0, config.shards);
        let random = config.seed ^ u64::from(config.id.0) << 48;
        Self {
            ports,
            sessions: BTreeMap::new(),
            legs: Legs::default(),
            wheel: Wheel::new(now),
            ticks: Ticks::new(now),
            told: Told::new(),
            commands: Arc::new(ArrayQueue::new(COMMANDS)),
            counters: Arc::default(),
            tape: Tape::default(),
            tally: Tally::default(),
            paths_missing: 0,
            recorders: 0,
            serial: 0,
            random,
            steps: VecDeque::with_capacity(HANDSHAKE_STEPS),
            early: 0,
            current: None,
            next: now + IDLE_WAIT_MAX,
            config,
        }
    }

    /// Its doors.
    #[must_use]
    pub fn doors(&self) -> Doors {
        Doors {
            commands: Arc::clone(&self.commands),
            events: Arc::clone(self.told.ring()),
            counters: Arc::clone(&self.counters),
            tape: self.tape.clone(),
        }
    }

    /// Does what is to be done at `now`, which is the clock of `io`.
    pub fn turn(&mut self, now: Instant, io: &mut impl Io) -> Turned {
        self.tally.turns += 1;
        if now.since(self.next) > LATE {
            self.tally.late_ticks += 1;
        }
        self.told.flush();
        for _ in 0..COMMANDS_PER_TURN {
            // Commands whose answers could be lost stay in their ring, and behind it with the sender.
            let Some(command) = self.told.has_room().then(|| self.commands.pop()).flatten() else { break };
            self.current = Some(command.session());
            self.obey(command, now, io);
        }
        while let Some(received) = io.receive() {
            self.handle(received, now, io);
        }
        self.shake_hands(now, io);
        self.work(now, io);
        self.look_after(now, io);
        self.current = None;
        self.publish(io);
        let due = self.wheel.next().unwrap_or(now + IDLE_WAIT_MAX);
        let due = self.ticks.next().map_or(due, |tick| tick.min(due));
        self.next = if !self.may_sleep() {
            now
        } else if self.told.is_behind() {
            // The shell is slow; look again soon.
            now + Duration::from_millis(1)
        } else {
            due.min(now + IDLE_WAIT_MAX)
        };
        Turned { next: self.next, told: self.told.take_pushed() }
    }

    /// Whether nothing waits, in the mailbox or of handshakes, that could be done now.
    #[must_use]
    pub fn may_sleep(&self) -> bool {
        self.steps.is_empty() && (self.commands.is_empty() || !self.told.has_room())
    }

    /// Notes the CPU time of the thread.
    pub fn note_cpu(&mut self, ns: u64) {
        self.tally.cpu_ns = ns;
    }

    /// Ends the session whose work panicked, if it is known which. Returns whether it was.
    pub fn evict(&mut self, io: &mut impl Io) -> bool {
        self.tally.panics += 1;
        let Some(session) = self.current.take() else { return false };
        let known = self.sessions.contains_key(&session);
        if known {
            self.close_session(session, io.now(), io);
        }
        known
    }

    /// Begins again with empty hands: every session is ended, as if it had been closed.
    pub fn restart(&mut self, io: &mut impl Io) {
        self.tally.restarts += 1;
        while let Some((session, _)) = self.sessions.first_key_value() {
            self.close_session(*session, io.now(), io);
        }
    }

    fn publish(&mut self, io: &mut impl Io) {
        let faults = io.faults();
        self.tally.dropped[crate::observe::Drop::SendFailed as usize] += faults.sends_failed;
        self.tally.connects_failed += faults.connects_failed;
        self.tally.buffers_exhausted += faults.buffers_exhausted;
        self.tally.sessions = self.sessions.len() as u64;
        self.tally.legs = self.legs.len() as u64;
        self.tally.ports_in_use = 2 * self.ports.taken() as u64;
        self.tally.ports_total = 2 * self.ports.total() as u64;
        self.tally.paths_missing = self.paths_missing;
        self.counters.publish(&self.tally);
    }

    /// The next number of SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
