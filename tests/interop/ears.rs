//! Hears every RTP packet that arrives at the phones, by a raw socket in each one's namespace, and tells what was said to whom
//! and when.

use crate::namespace::{PHONES, enter_phone};
use loadtest::{
    clock,
    ear::{Ear, Heard},
    tone::{Law, Tone},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::Read as _,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::sync_channel,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Longest wait for packets that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The two tones of every test here.
pub(crate) fn caller_tone() -> Tone {
    Tone::nth(3)
}

/// The callee's.
pub(crate) fn callee_tone() -> Tone {
    Tone::nth(10)
}

/// One packet of RTP that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// When.
    pub(crate) at: Instant,
    /// Where.
    pub(crate) destination: SocketAddr,
    /// Its sequence number.
    pub(crate) sequence: u16,
    /// Its payload type.
    pub(crate) payload_type: u8,
    /// What it says.
    pub(crate) payload: Vec<u8>,
}

/// Listens until dropped.
pub(crate) struct Ears {
    heard: Arc<Mutex<Vec<Arrived>>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Ears {
    /// Starts to listen at every phone.
    pub(crate) fn open() -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..PHONES.len())
            .map(|phone| {
                let (sink, end) = (Arc::clone(&heard), Arc::clone(&over));
                let (ready, begun) = sync_channel(1);
                let thread = std::thread::spawn(move || {
                    enter_phone(phone);
                    let socket = raw_socket();
                    ready.send(()).expect("somebody waits");
                    listen(socket, &sink, &end);
                });
                begun.recv().expect("it listens");
                thread
            })
            .collect();
        Self { heard, over, threads }
    }

    /// What arrived at `address` from `from` on until now.
    pub(crate) fn at(&self, address: Ipv4Addr, from: Instant) -> Vec<Arrived> {
        let heard = self.heard.lock().expect("no panic inside");
        heard.iter().filter(|p| p.destination.ip() == address && p.at >= from).cloned().collect()
    }

    /// Waits until `count` packets with the right tone have arrived at `address` from `from` on.
    pub(crate) fn wait_for_tone(&self, address: Ipv4Addr, expected: Tone, own: Tone, from: Instant, count: usize) {
        let until = clock::now() + PATIENCE;
        loop {
            let packets: Vec<Arrived> = self
                .at(address, from)
                .into_iter()
                .filter(|p| verdict(std::slice::from_ref(p), expected, own) == Heard::Right)
                .collect();
            if packets.len() >= count {
                return;
            }
            assert!(clock::now() < until, "{address} heard the right tone in {} packets only", packets.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until nothing has arrived at `address` for 300 ms, which is 15 packets.
    pub(crate) fn wait_for_silence(&self, address: Ipv4Addr) {
        let until = clock::now() + PATIENCE;
        loop {
            let from = clock::now();
            std::thread::sleep(Duration::from_millis(300));
            if self.at(address, from).is_empty() {
                return;
            }
            assert!(clock::now() < until, "packets still arrive at {address}");
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

/// A raw UDP socket gets a copy of every datagram that arrives, with its IP header: raw(7).
fn raw_socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).expect("a raw socket");
    socket.set_recv_buffer_size(4 << 20).expect("a buffer");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    socket
}

fn listen(mut socket: Socket, sink: &Mutex<Vec<Arrived>>, end: &AtomicBool) {
    let mut buffer = [0; 2_048];
    while !end.load(Relaxed) {
        let Ok(length) = socket.read(&mut buffer) else { continue };
        if let Some(packet) = decode(&buffer[..length]) {
            sink.lock().expect("no panic inside").push(packet);
        }
    }
}

/// What these packets say to somebody who should hear `expected` and whose own tone is `own`.
pub(crate) fn verdict(packets: &[Arrived], expected: Tone, own: Tone) -> Heard {
    let law = packets.first().and_then(|p| Law::of_payload_type(p.payload_type)).unwrap_or(Law::Mu);
    let mut ear = Ear::new(expected, own, law);
    packets.iter().for_each(|packet| ear.hear(&packet.payload));
    ear.verdict()
}

/// How many sequence numbers are missing between the first and the last packet.
pub(crate) fn missing(packets: &[Arrived]) -> usize {
    let (Some(first), Some(last)) = (packets.first(), packets.last()) else { return 0 };
    usize::from(last.sequence.wrapping_sub(first.sequence)) + 1 - packets.len()
}

fn decode(bytes: &[u8]) -> Option<Arrived> {
    let header = usize::from(bytes.first()? & 0x0f) * 4;
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?));
    let destination = address(16)?;
    let udp = bytes.get(header..)?;
    let port = |at: usize| Some(u16::from_be_bytes(udp.get(at..at + 2)?.try_into().ok()?));
    let payload = udp.get(8..)?;
    // RFC 3550 section 5.1: version 2; SIP begins with a letter, RTCP has payload types above 72 with the marker bit
    if payload.len() < 12 || payload[0] >> 6 != 2 || (192..=223).contains(&payload[1]) {
        return None;
    }
    let packet = loadtest::stream::packet(payload)?;
    Some(Arrived {
        at: clock::now(),
        destination: SocketAddr::from((destination, port(2)?)),
        sequence: packet.header.sequence_number,
        payload_type: packet.header.payload_type,
        payload: packet.payload.to_vec(),
    })
}

#[test]
fn rtp_is_told_from_sip_and_rtcp() {
    let mut datagram = vec![0x45; 20];
    datagram[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    datagram.extend([0x10, 0, 0x20, 0, 0, 0, 0, 0]);
    let rtp = [&datagram[..], &[0x80, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]].concat();
    let found = decode(&rtp).expect("RTP");
    assert_eq!((found.destination, found.sequence), ("10.0.0.2:8192".parse().expect("an address"), 7));
    let rtcp = [&datagram[..], &[0x80, 200, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]].concat();
    assert!(decode(&rtcp).is_none());
    assert!(decode(&[&datagram[..], b"INVITE sip:x SIP/2.0"].concat()).is_none());
    assert!(decode(&[]).is_none());
}
