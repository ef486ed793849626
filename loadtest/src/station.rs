//! The phones: many of them behind one UDP socket, told apart by the user part of their Contact, driven by one thread.
//!
//! Here: the socket, the timers, the pace. Transactions, registering and calling are in the files below. A station does what
//! a polite phone does, repeats what is not answered (RFC 3261 section 17.1), and writes down what came of it.

mod calling;
mod registering;
mod transaction;

pub use calling::{Calling, EarFor};
pub use registering::Registering;

use crate::{
    account::Account,
    clock,
    digest::Understands,
    figures::Tally,
    limits::{DRAIN_MAX, PHONES_MAX, private_only},
    message,
    stream::{Streams, bind},
};
use anyhow::{Context as _, Result, bail};
use calling::Call;
use core::{cmp::Reverse, net::SocketAddr, time::Duration};
use rsip::SipMessage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    collections::{BinaryHeap, HashMap},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::ErrorKind,
    net::UdpSocket,
    time::Instant,
};
use transaction::Client;

/// Where the exchange is and what its phones are like.
#[derive(Clone, Debug)]
pub struct Site {
    /// The exchange's UDP listener.
    pub exchange: SocketAddr,
    /// Domain of its users.
    pub domain: String,
    /// How many phones there are.
    pub phones: usize,
    /// Digest algorithms they understand.
    pub understands: Understands,
    /// Every stage ends after this; what is not finished counts as failed.
    pub patience: Duration,
}

/// What happens later.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Timer {
    /// Send a request again, or give up.
    Resend(u64),
    /// Forget a transaction that is over; until then late finals are acknowledged.
    Forget(u64),
    /// The callee picks up.
    PickUp(usize),
    /// The callee repeats its 200.
    RepeatOk(usize),
    /// Talk time is over.
    HangUp(usize),
    /// The line is quiet: BYE.
    Bye(usize),
    /// A call must be over by now.
    Overdue(usize),
}

/// The phones of one site.
#[derive(Debug)]
pub struct Station {
    site: Site,
    socket: UdpSocket,
    local: SocketAddr,
    run: u64,
    serial: u64,
    order: u64,
    timers: BinaryHeap<Reverse<(Instant, u64, Timer)>>,
    clients: HashMap<u64, Client>,
    /// CSeq of each phone's registrations.
    cseq: Vec<u32>,
    registering: usize,
    calls: Vec<Call>,
    /// Call of each pair of phones.
    pairs: Vec<Option<usize>>,
    free_pairs: std::collections::VecDeque<usize>,
    /// Callee legs by the Call-ID the exchange gave them.
    callee_legs: HashMap<String, usize>,
    up: usize,
    running: usize,
    /// The counts so far.
    pub tally: Tally,
}

impl Station {
    /// A station at `local` (an address of this machine; port 0 takes any).
    ///
    /// # Errors
    /// When an address is not private, the limit of phones is passed or the socket cannot be had.
    pub fn new(site: Site, local: SocketAddr) -> Result<Self> {
        private_only(site.exchange.ip())?;
        private_only(local.ip())?;
        if site.phones > PHONES_MAX {
            bail!("{} phones; the limit is {PHONES_MAX}", site.phones);
        }
        let socket = bind(local)?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            run: RandomState::new().build_hasher().finish(),
            serial: 0,
            order: 0,
            timers: BinaryHeap::new(),
            clients: HashMap::new(),
            cseq: vec![0; site.phones],
            registering: 0,
            calls: Vec::new(),
            pairs: vec![None; site.phones / 2],
            free_pairs: (0..site.phones / 2).collect(),
            callee_legs: HashMap::new(),
            up: 0,
            running: 0,
            tally: Tally::default(),
            site,
        })
    }

    /// The port the phones use, for counting drops.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Calls up now.
    #[must_use]
    pub const fn up(&self) -> usize {
        self.up
    }

    /// Answers and waits for `time`, starts nothing.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn dwell(&mut self, time: Duration, streams: Option<&Streams>) -> Result<()> {
        let until = clock::now() + time;
        while clock::now() < until {
            self.turn(until, streams)?;
        }
        Ok(())
    }

    /// One turn: due timers, then datagrams; sleeps until `wake` at the latest.
    fn turn(&mut self, wake: Instant, streams: Option<&Streams>) -> Result<()> {
        let mut now = clock::now();
        while let Some(Reverse((at, _, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            self.fire(timer, now, streams)?;
        }
        let next = self.timers.peek().map_or(wake, |Reverse((at, ..))| wake.min(*at));
        let wait = next.saturating_duration_since(now);
        let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(fault) => return Err(fault).context("cannot wait for the socket"),
        }
        let mut buffer = [0; 65_535];
        for _ in 0..DRAIN_MAX {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) if source == self.site.exchange => {
                    now = clock::now();
                    self.receive(&buffer[..length], now, streams)?;
                }
                Ok(_) => self.tally.unexpected += 1,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => break,
                // The exchange's port was closed when something was sent: its timers tell.
                Err(fault) if fault.kind() == ErrorKind::ConnectionRefused => {}
                Err(fault) => return Err(fault).context("cannot receive"),
            }
        }
        Ok(())
    }

    fn receive(&mut self, datagram: &[u8], now: Instant, streams: Option<&Streams>) -> Result<()> {
        match message::read(datagram) {
            Ok(SipMessage::Response(response)) => self.on_response(&response, now, streams),
            Ok(SipMessage::Request(request)) => self.on_request(&request, now, streams),
            Err(_) => {
                self.tally.unreadable += 1;
                Ok(())
            }
        }
    }

    fn fire(&mut self, timer: Timer, now: Instant, streams: Option<&Streams>) -> Result<()> {
        match timer {
            Timer::Resend(id) => self.resend(id, now, streams)?,
            Timer::Forget(id) => drop(self.clients.remove(&id)),
            Timer::PickUp(call) => self.pick_up(call, now, streams)?,
            Timer::RepeatOk(call) => self.repeat_ok(call, now)?,
            Timer::HangUp(call) => self.begin_hang_up(call, now, streams)?,
            Timer::Bye(call) => self.bye(call, now, streams)?,
            Timer::Overdue(call) => self.overdue(call, streams)?,
        }
        Ok(())
    }

    fn arm(&mut self, at: Instant, timer: Timer) {
        self.order += 1;
        self.timers.push(Reverse((at, self.order, timer)));
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        match self.socket.send_to(bytes, self.site.exchange) {
            Ok(_) => Ok(()),
            // As good as lost on the way: the retransmission mends it.
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => Ok(()),
            Err(fault) => Err(fault).context("cannot send"),
        }
    }

    fn contact(&self, phone: usize) -> String {
        format!("<sip:p{phone}@{}>", self.local)
    }

    fn address_of_record(&self, phone: usize) -> String {
        format!("<sip:{}@{}>", Account::of(phone).number, self.site.domain)
    }
}

/// Keeps a pace: how many of `count` should have been started after some time.
#[derive(Clone, Copy, Debug)]
struct Pace {
    began: Instant,
    rate: Option<f64>,
}

impl Pace {
    /// How many should be started by `now`; all, if there is no rate.
    fn due(self, now: Instant) -> usize {
        match self.rate {
            Some(rate) => ((now - self.began).as_secs_f64() * rate) as usize + 1,
            None => usize::MAX,
        }
    }

    /// When the `started`-th is due.
    fn next(self, started: usize, now: Instant) -> Instant {
        let at = self.rate.map_or(now, |rate| self.began + Duration::from_secs_f64(started as f64 / rate));
        at.max(now + Duration::from_micros(200))
    }
}
