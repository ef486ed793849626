//! Rooms and conversions over the simulated network: what our own code costs one party in 20 ms, without the kernel's share.
//!
//! Timed is the shard's turn alone: packets in, playout, decoding, sums, encoding, packets out. What makes and takes packets is not.

#![allow(missing_docs, reason = "criterion's macros make items without any")]

use contract::{
    BusSet, Codec, DigitMode, Format, Gain, Hearing, HearingTable, Instant, LegSpec, MediaCommand, MediaEvent,
    MemberId, NodeId, PeerSpec, Security, SessionId, ShardId, SourceRule,
};
use core::{f64::consts::TAU, hint::black_box, net::SocketAddr, time::Duration};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media_core::{
    codec,
    io::{Io, memory::Memory, system::thread_cpu_ns},
    secure::Certificate,
    shard::{Shard, ShardConfig},
};
use std::{net::Ipv4Addr, sync::Arc};

const PCMU: Format = Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 };
const G722: Format = Format { payload_type: 9, codec: Codec::G722, clock_rate_hz: 8_000, channels: 1 };
const OPUS: Format = Format { payload_type: 111, codec: Codec::Opus, clock_rate_hz: 48_000, channels: 2 };

/// Packets of a second of somebody's tone.
const PACKETS: usize = 50;

struct Party {
    phone: SocketAddr,
    ours: SocketAddr,
    packets: Vec<Vec<u8>>,
    clock_step: u32,
}

struct Rooms {
    shard: Shard,
    io: Memory,
    parties: Vec<Party>,
    frame: u32,
}

/// 20 ms of a tone after another, as somebody's encoder makes them.
fn packets(format: &Format, hz: f64) -> Vec<Vec<u8>> {
    let entry = codec::entry(format).expect("a codec");
    let mut encoder = (entry.open_encoder)(format).expect("an encoder");
    let samples = entry.sample_rate_hz as usize / 50;
    let frame = |n: usize| -> Vec<i16> {
        let at = |n: usize| (6_000.0 * (TAU * hz * n as f64 / f64::from(entry.sample_rate_hz)).sin()) as i16;
        (n * samples..(n + 1) * samples).map(at).collect()
    };
    let packet = |n: usize| {
        let mut payload = [0; codec::MAX_PAYLOAD_OCTETS];
        let octets = encoder.encode(&frame(n), &mut payload);
        let mut packet = vec![0x80, format.payload_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.extend(&payload[..octets]);
        packet
    };
    (0..PACKETS).map(packet).collect()
}

impl Rooms {
    /// `rooms` rooms, each with one party for each of `formats`, all of whom talk.
    fn new(rooms: usize, formats: &[Format]) -> Self {
        let all = rooms * formats.len();
        let mut io = Memory::new(4 * all as u32, 3 * all as u16);
        let config = ShardConfig {
            id: ShardId(0),
            shards: 1,
            bind_v4: Some(Ipv4Addr::LOCALHOST),
            bind_v6: None,
            ports: 10_000..=20_000,
            seed: 1,
            certificate: Arc::new(Certificate::generate().expect("randomness")),
            library: Arc::default(),
        };
        let mut shard = Shard::new(config, io.now());
        let doors = shard.doors();
        let mut parties = Vec::new();
        for room in 0..rooms {
            let session = SessionId::new(NodeId(0), room as u64);
            for (member, format) in formats.iter().enumerate() {
                let number = parties.len() as u16;
                let phone = SocketAddr::from((Ipv4Addr::LOCALHOST, 30_000 + 2 * number));
                let spec = LegSpec {
                    ipv6: false,
                    silence_timeout: Duration::from_secs(60),
                    report_every: None,
                    asked_at: Instant::ORIGIN,
                };
                let peer = PeerSpec {
                    rtp: Some(phone),
                    rtcp: None,
                    rtcp_mux: false,
                    source: SourceRule::Signalled,
                    formats: vec![*format],
                    packet_time: Duration::from_millis(20),
                    digits: DigitMode::Info,
                    security: Security::None,
                    ice: None,
                };
                let member = MemberId(member as u16);
                for command in [
                    MediaCommand::OpenLeg { session, member, spec },
                    MediaCommand::DescribeLeg { session, member, peer: Box::new(peer) },
                ] {
                    doors.commands.push(command).expect("room");
                }
                let now = io.now();
                shard.turn(now, &mut io);
                let Some(MediaEvent::LegOpened { rtp, .. }) = doors.events.pop() else { panic!("opened") };
                parties.push(Party {
                    phone,
                    ours: rtp,
                    packets: packets(format, 300.0 + f64::from(number % 97) * 20.0),
                    clock_step: format.clock_rate_hz / 50,
                });
            }
            let bus = BusSet::bus(0);
            let row = |member| Hearing { member: MemberId(member), speaks: bus, hears: bus, gain: Gain::UNITY };
            let table = HearingTable::new((0..formats.len() as u16).map(row));
            doors.commands.push(MediaCommand::SetHearing { session, table }).expect("room");
            let now = io.now();
            shard.turn(now, &mut io);
        }
        let mut bench = Self { shard, io, parties, frame: 0 };
        for _ in 0..25 {
            bench.frame();
        }
        bench
    }

    /// Everybody says 20 ms, and hears 20 ms; how long the shard took.
    fn frame(&mut self) -> Duration {
        self.frame += 1;
        for party in &mut self.parties {
            let packet = &mut party.packets[self.frame as usize % PACKETS];
            packet[2..4].copy_from_slice(&(self.frame as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(self.frame * party.clock_step).to_be_bytes());
            self.io.deliver(party.phone, party.ours, packet);
        }
        self.io.advance(Duration::from_millis(20));
        let now = self.io.now();
        // CPU time, so that others on the machine do not count.
        let begun = thread_cpu_ns();
        self.shard.turn(now, &mut self.io);
        let took = Duration::from_nanos(thread_cpu_ns() - begun);
        let mut sent = 0;
        while let Some(datagram) = self.io.sent() {
            black_box(datagram.bytes);
            sent += 1;
        }
        assert!(self.frame < 25 || sent == self.parties.len(), "everybody hears: {sent}");
        took
    }
}

fn rooms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mix");
    group.sample_size(20);
    for (rooms, members) in [(333, 3), (20, 50), (1, 1_000)] {
        let formats = vec![PCMU; members];
        let mut bench = Rooms::new(rooms, &formats);
        group.throughput(Throughput::Elements((rooms * members) as u64));
        group.bench_function(format!("{rooms} rooms of {members}, PCMU, a frame"), |bencher| {
            bencher.iter_custom(|frames| (0..frames).map(|_| bench.frame()).sum());
        });
    }
    group.finish();
}

/// A call between two codecs, beside the codecs' own calls for the same frames.
fn conversions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcode");
    group.sample_size(20);
    for (name, other, calls) in [("Opus", OPUS, 4), ("G722", G722, 50)] {
        let mut bench = Rooms::new(calls, &[PCMU, other]);
        group.throughput(Throughput::Elements(calls as u64));
        group.bench_function(format!("PCMU and {name}, {calls} calls both ways, a frame"), |bencher| {
            bencher.iter_custom(|frames| (0..frames).map(|_| bench.frame()).sum());
        });
        let mut raw: Vec<_> = (0..calls).flat_map(|_| [PCMU, other]).map(|format| Raw::new(&format)).collect();
        group.bench_function(format!("PCMU and {name}, {calls} calls both ways, the codecs alone"), |bencher| {
            bencher.iter_custom(|frames| {
                let begun = thread_cpu_ns();
                for frame in 0..frames as usize {
                    raw.iter_mut().for_each(|raw| raw.frame(frame));
                }
                Duration::from_nanos(thread_cpu_ns() - begun)
            });
        });
    }
    group.finish();
}

/// A decoder and an encoder of one codec.
struct Raw {
    decoder: Box<dyn codec::Decoder>,
    encoder: Box<dyn codec::Encoder>,
    packets: Vec<Vec<u8>>,
}

impl Raw {
    fn new(format: &Format) -> Self {
        let entry = codec::entry(format).expect("a codec");
        Self {
            decoder: (entry.open_decoder)(format).expect("a decoder"),
            encoder: (entry.open_encoder)(format).expect("an encoder"),
            packets: packets(format, 440.0),
        }
    }

    fn frame(&mut self, number: usize) {
        let mut pcm = [0; codec::MAX_PACKET_SAMPLES];
        let samples = self.decoder.decode(&self.packets[number % PACKETS][12..], &mut pcm).expect("decodes");
        let mut payload = [0; codec::MAX_PAYLOAD_OCTETS];
        black_box(self.encoder.encode(&pcm[..samples], &mut payload));
    }
}

criterion_group!(benches, rooms, conversions);
criterion_main!(benches);
