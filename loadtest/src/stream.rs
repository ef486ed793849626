//! Real RTP: one thread sends every stream's 50 packets a second, staggered over the 20 ms, and listens at every ear.
//!
//! Packets are written and read by the `rtp` crate. A few sockets serve all streams: where a packet comes from (the port the
//! exchange gave to that leg) tells whose ear it is for, so the generator stays cheap beside the exchange it loads.

use crate::{
    clock,
    ear::{Ear, Heard},
    limits::{DRAIN_MAX, SOCKET_BUFFER, STREAMS_MAX},
    tone::{FRAME, Law, TONES, Tone},
};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use core::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use hdrhistogram::Histogram;
use rtp::{header::Header, packet::Packet};
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use std::{
    collections::{BTreeMap, HashMap},
    io::ErrorKind,
    net::UdpSocket,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};
use webrtc_util::marshal::{Marshal as _, Unmarshal as _};

/// Sockets that share all streams. More of them means more room for bursts.
const SOCKETS: usize = 8;

/// The 20 ms are cut into this many turns of 0.25 ms; a turn sends its share and then reads everything that came.
const TURNS: u32 = 80;

/// One turn.
const TURN: Duration = Duration::from_micros(20_000 / TURNS as u64);

/// Sending times remembered for each stream, for the delay of a packet: 1.28 s.
const REMEMBERED: usize = 64;

/// Orders that wait for the thread; the one who gives more waits.
const ORDERS_MAX: usize = 4_096;

/// The name of a stream, given by the caller; small numbers.
pub type StreamId = u32;

/// One party's stream: what it says, where to, and what it should hear.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name.
    pub id: StreamId,
    /// The other party of the call, for the delay from mouth to ear.
    pub partner: StreamId,
    /// Which of [`Streams::addresses`] was signalled.
    pub socket: usize,
    /// Where the exchange wants this leg's audio; its own audio comes from there (symmetric RTP, RFC 4961).
    pub to: SocketAddr,
    /// What it says; `None` is silence.
    pub says: Option<Tone>,
    /// The tone it has, said or not.
    pub own: Tone,
    /// The other party's tone.
    pub hears: Tone,
    /// Coding of both directions.
    pub law: Law,
    /// Whether it says something at once, or only after [`Streams::speak`].
    pub speaking: bool,
}

/// What became of one stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Its name.
    #[serde(skip)]
    pub id: StreamId,
    /// Packets it sent.
    pub sent: u64,
    /// Packets its ear received.
    pub received: u64,
    /// Packets that came a second time.
    pub duplicates: u64,
    /// Packets that came after a later one.
    pub reordered: u64,
    /// Longest time between two packets at the ear.
    pub gap_max: Duration,
    /// What the ear heard.
    pub heard: Heard,
}

/// Totals that can be read while the thread runs.
#[derive(Debug, Default)]
pub struct Totals {
    /// Packets sent.
    pub sent: AtomicU64,
    /// Packets received for a known stream.
    pub received: AtomicU64,
    /// Packets received that belong to no stream.
    pub strays: AtomicU64,
    /// Turns that began a whole frame late: the generator was too slow, its figures are doubtful.
    pub late: AtomicU64,
}

#[derive(Debug)]
enum Order {
    Start(Box<StreamSpec>),
    Speak(StreamId),
    Quiet(StreamId),
    Close(StreamId),
    Measure(bool),
    Pause(bool),
    End,
}

/// The thread's handle.
#[derive(Debug)]
pub struct Streams {
    orders: mpsc::SyncSender<Order>,
    thread: thread::JoinHandle<(Vec<StreamReport>, Histogram<u64>)>,
    addresses: Vec<SocketAddr>,
    totals: Arc<Totals>,
}

impl Streams {
    /// Binds the sockets at `address` and starts the thread, on `cpu` if given.
    ///
    /// # Errors
    /// When a socket cannot be had.
    pub fn start(address: IpAddr, cpu: Option<usize>) -> Result<Self> {
        let sockets = (0..SOCKETS).map(|_| bind(SocketAddr::new(address, 0))).collect::<Result<Vec<_>>>()?;
        let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<Result<Vec<_>, _>>()?;
        let (orders, inbox) = mpsc::sync_channel(ORDERS_MAX);
        let totals = Arc::new(Totals::default());
        let shared = Arc::clone(&totals);
        let thread = thread::Builder::new().name("rtp".into()).spawn(move || {
            if let Some(cpu) = cpu {
                crate::process::pin(cpu);
            }
            Loop::new(sockets, shared).run(&inbox)
        })?;
        Ok(Self { orders, thread, addresses, totals })
    }

    /// The sockets' addresses; a call's party signals one of them.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The running totals.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Starts to send and to listen.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn open(&self, spec: StreamSpec) -> Result<()> {
        if spec.id as usize >= STREAMS_MAX {
            bail!("more than {STREAMS_MAX} streams");
        }
        self.order(Order::Start(Box::new(spec)))
    }

    /// Starts to send.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn speak(&self, id: StreamId) -> Result<()> {
        self.order(Order::Speak(id))
    }

    /// Stops to send; still listens.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn quiet(&self, id: StreamId) -> Result<()> {
        self.order(Order::Quiet(id))
    }

    /// Ends a stream; its report comes with [`Self::finish`].
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn close(&self, id: StreamId) -> Result<()> {
        self.order(Order::Close(id))
    }

    /// Begins a measured window (delays so far are forgotten) or ends it.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn measure(&self, on: bool) -> Result<()> {
        self.order(Order::Measure(on))
    }

    /// Stops the whole thread where it is, or lets it go on; nothing is sent or read meanwhile.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn pause(&self, on: bool) -> Result<()> {
        self.order(Order::Pause(on))
    }

    /// Ends the thread and all streams: every stream's report, and the delays from mouth to ear in µs.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn finish(self) -> Result<(Vec<StreamReport>, Histogram<u64>)> {
        self.order(Order::End)?;
        self.thread.join().ok().context("the RTP thread failed")
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).ok().context("the RTP thread is gone")
    }
}

/// A UDP socket with large buffers that does not block.
///
/// # Errors
/// When the system refuses.
pub fn bind(address: SocketAddr) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    // The kernel grants what net.core.rmem_max allows; with less the run still works, bursts may be lost and are counted.
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).with_context(|| format!("cannot bind {address}"))?;
    Ok(socket.into())
}

/// The RTP packet in a datagram, if there is one.
#[must_use]
pub fn packet(mut datagram: &[u8]) -> Option<Packet> {
    Packet::unmarshal(&mut datagram).ok()
}

struct Stream {
    spec: StreamSpec,
    packet: Packet,
    first: u16,
    sending: bool,
    sent_at: [u32; REMEMBERED],
    ear: Ear,
    report: StreamReport,
    highest: Option<u16>,
    last_heard: Option<Instant>,
    offset: Option<u16>,
}

struct Loop {
    sockets: Vec<UdpSocket>,
    totals: Arc<Totals>,
    frames: BTreeMap<(u8, Option<Tone>), Bytes>,
    streams: BTreeMap<StreamId, Stream>,
    turns: Vec<Vec<StreamId>>,
    next_turn: usize,
    by_source: HashMap<(usize, SocketAddr), StreamId>,
    finished: Vec<StreamReport>,
    delays: Histogram<u64>,
    measuring: bool,
    paused: bool,
    began: Instant,
}

impl Loop {
    fn new(sockets: Vec<UdpSocket>, totals: Arc<Totals>) -> Self {
        let mut frames = BTreeMap::new();
        for law in [Law::Mu, Law::A] {
            for tone in (0..TONES).map(|i| Some(Tone::nth(i))).chain([None]) {
                frames.insert((law.payload_type(), tone), Bytes::copy_from_slice(&law.frame(tone)));
            }
        }
        Self {
            sockets,
            totals,
            frames,
            streams: BTreeMap::new(),
            turns: vec![Vec::new(); TURNS as usize],
            next_turn: 0,
            by_source: HashMap::new(),
            finished: Vec::new(),
            delays: crate::figures::microseconds(),
            measuring: true,
            paused: false,
            began: clock::now(),
        }
    }

    fn run(mut self, inbox: &mpsc::Receiver<Order>) -> (Vec<StreamReport>, Histogram<u64>) {
        let mut due = clock::now();
        let mut turn = 0;
        loop {
            // With nothing to do the thread sleeps at the door.
            let idle = self.streams.is_empty() || self.paused;
            let mut order = if idle {
                match inbox.recv() {
                    Ok(order) => Some(order),
                    Err(_) => break,
                }
            } else {
                inbox.try_recv().ok()
            };
            let mut taken = 0;
            while let Some(now) = order.take() {
                if matches!(now, Order::End) {
                    self.close_all();
                    return (self.finished, self.delays);
                }
                self.obey(now);
                taken += 1;
                if taken < ORDERS_MAX {
                    order = inbox.try_recv().ok();
                }
            }
            let now = clock::now();
            if idle {
                due = now;
            } else if now > due + TURN * TURNS {
                self.totals.late.fetch_add(1, Relaxed);
                due = now;
            }
            while due <= now {
                self.send_turn(turn);
                turn = (turn + 1) % self.turns.len();
                due += TURN;
            }
            for socket in 0..self.sockets.len() {
                self.drain(socket);
            }
            thread::sleep(due.saturating_duration_since(clock::now()));
        }
        (self.finished, self.delays)
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start(spec) => self.open(*spec),
            Order::Speak(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.sending = true;
                }
            }
            Order::Quiet(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.sending = false;
                }
            }
            Order::Close(id) => self.close(id),
            Order::Measure(on) => {
                self.measuring = on;
                if on {
                    self.delays.reset();
                }
            }
            Order::Pause(on) => self.paused = on,
            Order::End => {}
        }
    }

    fn open(&mut self, spec: StreamSpec) {
        let id = spec.id;
        let first = (id as u16).wrapping_mul(257);
        let header = Header {
            version: 2,
            payload_type: spec.law.payload_type(),
            sequence_number: first,
            timestamp: id.wrapping_mul(65_537),
            ssrc: 0x4c54_0000 | id,
            marker: true,
            ..Header::default()
        };
        let payload = self.frames.get(&(spec.law.payload_type(), spec.says)).cloned().unwrap_or_default();
        let stream = Stream {
            packet: Packet { header, payload },
            first,
            sending: spec.speaking,
            sent_at: [0; REMEMBERED],
            ear: Ear::new(spec.hears, spec.own, spec.law),
            report: StreamReport {
                id,
                sent: 0,
                received: 0,
                duplicates: 0,
                reordered: 0,
                gap_max: Duration::ZERO,
                heard: Heard::Silence,
            },
            highest: None,
            last_heard: None,
            offset: None,
            spec,
        };
        self.by_source.insert((stream.spec.socket, stream.spec.to), id);
        self.turns[self.next_turn].push(id);
        // 29 has no divisor in common with 80: neighbours land far apart, every turn is used.
        self.next_turn = (self.next_turn + 29) % self.turns.len();
        self.streams.insert(id, stream);
    }

    fn close(&mut self, id: StreamId) {
        if let Some(mut stream) = self.streams.remove(&id) {
            let key = (stream.spec.socket, stream.spec.to);
            if self.by_source.get(&key) == Some(&id) {
                self.by_source.remove(&key);
            }
            for turn in &mut self.turns {
                turn.retain(|other| *other != id);
            }
            stream.report.heard = stream.ear.verdict();
            self.finished.push(stream.report);
        }
    }

    fn close_all(&mut self) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            self.close(id);
        }
    }

    fn send_turn(&mut self, turn: usize) {
        let mut buffer = [0; 12 + FRAME];
        for id in &self.turns[turn] {
            let Some(stream) = self.streams.get_mut(id).filter(|s| s.sending) else { continue };
            let Ok(length) = stream.packet.marshal_to(&mut buffer) else { continue };
            let sequence = stream.packet.header.sequence_number;
            stream.sent_at[usize::from(sequence) % REMEMBERED] = self.began.elapsed().as_micros() as u32;
            if self.sockets[stream.spec.socket].send_to(&buffer[..length], stream.spec.to).is_ok() {
                stream.report.sent += 1;
                self.totals.sent.fetch_add(1, Relaxed);
                stream.packet.header.sequence_number = sequence.wrapping_add(1);
                stream.packet.header.timestamp = stream.packet.header.timestamp.wrapping_add(FRAME as u32);
                stream.packet.header.marker = false;
            }
        }
    }

    fn drain(&mut self, socket: usize) {
        let mut buffer = [0; 1_500];
        for _ in 0..DRAIN_MAX {
            let (length, source) = match self.sockets[socket].recv_from(&mut buffer) {
                Ok(received) => received,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return,
                // A closed port answered: told about an earlier send, says nothing of this socket.
                Err(_) => continue,
            };
            let Some(id) = self.by_source.get(&(socket, source)).copied() else {
                self.totals.strays.fetch_add(1, Relaxed);
                continue;
            };
            let Some(packet) = packet(&buffer[..length]) else {
                self.totals.strays.fetch_add(1, Relaxed);
                continue;
            };
            self.totals.received.fetch_add(1, Relaxed);
            self.hear(id, &packet, clock::now());
        }
    }

    fn hear(&mut self, id: StreamId, packet: &Packet, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let partner = stream.spec.partner;
        let sequence = packet.header.sequence_number;
        stream.report.received += 1;
        match stream.highest {
            Some(highest) if sequence == highest => stream.report.duplicates += 1,
            Some(highest) if sequence.wrapping_sub(highest) > 0x8000 => stream.report.reordered += 1,
            Some(_) | None => stream.highest = Some(sequence),
        }
        if let Some(last) = stream.last_heard.replace(now) {
            stream.report.gap_max = stream.report.gap_max.max(now - last);
        }
        stream.ear.hear(&packet.payload);
        let known_offset = stream.offset;
        if !self.measuring {
            return;
        }
        // A relay may number anew (RFC 3550 section 5.1 lets every sender begin anywhere): the first packet heard then is the first said.
        let Some(mouth) = self.streams.get(&partner) else { return };
        let next = mouth.packet.header.sequence_number;
        let within = |s: u16| (1..=REMEMBERED as u16).contains(&next.wrapping_sub(s));
        let offset = known_offset.unwrap_or(if within(sequence) { 0 } else { sequence.wrapping_sub(mouth.first) });
        let original = sequence.wrapping_sub(offset);
        if within(original) {
            let sent = mouth.sent_at[usize::from(original) % REMEMBERED];
            let elapsed = (now - self.began).as_micros() as u32;
            self.delays.saturating_record(u64::from(elapsed.wrapping_sub(sent)).max(1));
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.offset = Some(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two streams that speak straight into each other's socket; the silent one must be heard as silent.
    #[test]
    fn each_ear_hears_the_other_and_a_silent_party_is_noticed() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let streams = Streams::start(local, None).expect("sockets");
        let at = streams.addresses().to_vec();
        let (one, other) = Tone::pair(0);
        let spec = |id, partner, socket, to: usize, says, own, hears| StreamSpec {
            id,
            partner,
            socket,
            to: at[to],
            says,
            own,
            hears,
            law: Law::Mu,
            speaking: true,
        };
        streams.open(spec(0, 1, 0, 1, Some(one), one, other)).expect("opened");
        streams.open(spec(1, 0, 1, 0, Some(other), other, one)).expect("opened");
        streams.open(spec(2, 3, 2, 3, None, one, other)).expect("opened");
        streams.open(spec(3, 2, 3, 2, Some(other), other, one)).expect("opened");
        while streams.totals().received.load(Relaxed) < 200 {
            thread::yield_now();
        }
        for id in 0..4 {
            streams.close(id).expect("closed");
        }
        let (mut reports, delays) = streams.finish().expect("reports");
        reports.sort_by_key(|r| r.id);
        let heard: Vec<_> = reports.iter().map(|r| r.heard).collect();
        assert_eq!(heard, [Heard::Right, Heard::Right, Heard::Right, Heard::Silence]);
        assert!(!delays.is_empty());
    }
}
