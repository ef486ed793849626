//! Relaying over the simulated network: what our own code costs a packet, without the kernel's share.

#![allow(missing_docs, reason = "criterion's macros make items without any")]

use contract::{
    BusSet, Codec, Format, Hearing, HearingTable, Instant, LegSpec, MediaCommand, MediaEvent, MemberId, NodeId,
    PeerSpec, SessionId, ShardId, SourceRule,
};
use core::{hint::black_box, net::SocketAddr, time::Duration};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media_core::{
    io::{Io, memory::Memory},
    rtp::Header,
    secure::Certificate,
    shard::{Shard, ShardConfig},
};
use std::{net::Ipv4Addr, sync::Arc};

const CALLS: u64 = 400;

/// A shard with calls up, the addresses of its legs and the packet each of them receives.
struct Bench {
    shard: Shard,
    io: Memory,
    legs: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl Bench {
    fn new() -> Self {
        let mut io = Memory::new(4 * CALLS as u32, 2 * CALLS as u16);
        let config = ShardConfig {
            id: ShardId(0),
            shards: 1,
            bind_v4: Some(Ipv4Addr::LOCALHOST),
            bind_v6: None,
            ports: 10_000..=20_000,
            seed: 1,
            certificate: Arc::new(Certificate::generate().expect("randomness")),
            library: std::sync::Arc::default(),
        };
        let mut shard = Shard::new(config, io.now());
        let doors = shard.doors();
        let mut legs = Vec::new();
        for leg in 0..2 * CALLS {
            let (session, member) = (SessionId::new(NodeId(0), leg / 2), MemberId((leg % 2) as u16));
            let spec = LegSpec {
                ipv6: false,
                silence_timeout: Duration::from_secs(60),
                report_every: None,
                asked_at: Instant::ORIGIN,
            };
            let phone = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000 + 2 * leg as u16));
            let format = Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 };
            let peer = PeerSpec {
                rtp: Some(phone),
                rtcp: None,
                rtcp_mux: false,
                source: SourceRule::Signalled,
                formats: vec![format],
                packet_time: Duration::from_millis(20),
                digits: contract::DigitMode::Event,
                security: contract::Security::None,
                ice: None,
            };
            let bus = BusSet::bus(0);
            let table = HearingTable::new((0..2).map(|side| Hearing {
                member: MemberId(side),
                speaks: bus,
                hears: bus,
                gain: contract::Gain::UNITY,
            }));
            for command in [
                MediaCommand::OpenLeg { session, member, spec },
                MediaCommand::DescribeLeg { session, member, peer: Box::new(peer) },
                MediaCommand::SetHearing { session, table },
            ] {
                doors.commands.push(command).expect("room");
            }
            let now = io.now();
            shard.turn(now, &mut io);
            let Some(MediaEvent::LegOpened { rtp, .. }) = doors.events.pop() else { panic!("opened") };
            let mut packet = vec![0_u8; 172];
            packet[0] = 0x80;
            legs.push((phone, rtp, packet));
        }
        Self { shard, io, legs }
    }

    /// One packet each way of every call.
    fn frame(&mut self) {
        self.io.advance(Duration::from_millis(20));
        for (phone, ours, packet) in &mut self.legs {
            let sequence = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(1);
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
            self.io.deliver(*phone, *ours, packet);
        }
        let now = self.io.now();
        self.shard.turn(now, &mut self.io);
        let mut sent = 0;
        while let Some(datagram) = self.io.sent() {
            black_box(datagram.bytes);
            sent += 1;
        }
        assert_eq!(sent, self.legs.len());
    }
}

fn relay(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let mut group = criterion.benchmark_group("relay");
    group.throughput(Throughput::Elements(2 * CALLS));
    group.bench_function("400 calls, one frame, simulated network included", |bencher| bencher.iter(|| bench.frame()));
    group.finish();
}

fn views(criterion: &mut Criterion) {
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    criterion.bench_function("rtp header read and written", |bencher| {
        bencher.iter(|| {
            if let Ok(header) = Header::parse(black_box(&packet)) {
                header.write(black_box(&mut packet));
            }
        });
    });
}

criterion_group!(benches, relay, views);
criterion_main!(benches);
