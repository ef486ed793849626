//! A relayed packet and a mixed frame allocate nothing.

mod rig;

use contract::{
    Cadence, CadenceStep, Device, MediaCommand, MemberId, PlayerSpec, RecorderSpec, RecordingId, RecordingState,
    Repeat, Sound, SourceRule,
};
use core::time::Duration;
use media_core::{io::Io, shard::Shard};
use rig::{
    Call, PCMA, PCMU, Rig, event,
    memory::MemoryRig,
    name,
    packets::Stream,
    tones::{Phone, talk},
};

/// Relays a packet each way and a report, a thousand times; how often memory was allocated meanwhile.
fn allocations(
    shard: &mut Shard,
    rig: &mut media_core::io::memory::Memory,
    call: &Call,
    packets: &[[Vec<u8>; 2]],
) -> u64 {
    let mut relayed = 0;
    let counted = allocation_counter::measure(|| {
        for both in packets {
            for ((phone, ours), packet) in call.phones.into_iter().zip(call.ours).zip(both) {
                rig.deliver(phone, ours, packet);
            }
            let mut rtcp = (call.phones[0], call.ours[0]);
            rtcp.0.set_port(rtcp.0.port() + 1);
            rtcp.1.set_port(rtcp.1.port() + 1);
            rig.deliver(rtcp.0, rtcp.1, &[0x80, 201, 0, 1, 0, 0, 0, 1]);
            rig.advance(Duration::from_millis(20));
            let now = rig.now();
            shard.turn(now, rig);
            while rig.sent().is_some() {
                relayed += 1;
            }
        }
    });
    assert_eq!(relayed, 3 * packets.len(), "the test measures relaying");
    counted.count_total
}

#[test]
fn a_relayed_packet_allocates_nothing() {
    let mut bench = MemoryRig::new();
    let call = bench.call(SourceRule::Signalled);
    let mut streams = [Stream::new(1), Stream::new(2)];
    let packets: Vec<[Vec<u8>; 2]> = (0..1_000).map(|_| streams.each_mut().map(Stream::packet)).collect();
    let MemoryRig { shard, io, .. } = &mut bench;
    assert_eq!(allocations(shard, io, &call, &packets), 0);
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1_u8))));
    assert_eq!(counted.count_total, 1, "the counter counts");
}

/// Three parties, music and a recorder on one bus; a key pressed now and then.
#[test]
fn a_mixed_frame_allocates_nothing() {
    let mut bench = MemoryRig::new();
    let formats = [PCMU, PCMA, PCMU];
    let mut phones: Vec<Phone> =
        (0..3).map(|n| Phone::new(&mut bench, n, formats[usize::from(n)], 440.0 + 170.0 * f64::from(n))).collect();
    phones[2].describe(&mut bench, 2, |spec| spec.formats = vec![PCMU, event(101)]);
    let steps = vec![CadenceStep { frequencies_hz: [300, 0], length: Duration::from_millis(100) }];
    let player = PlayerSpec { sounds: vec![Sound::Tone(Cadence { steps })], repeat: Repeat::Forever };
    let recorder = RecorderSpec {
        recording: RecordingId(1),
        rate_hz: 8_000,
        channels: vec![MemberId(0), MemberId(1)],
        state: RecordingState::Running,
    };
    for (member, device) in [(3, Device::Player(player)), (4, Device::Recorder(recorder))] {
        bench.tell(MediaCommand::OpenDevice { session: name(1), member: MemberId(member), device });
    }
    let both = &[0][..];
    bench.hearing(1, &[(0, both, both), (1, both, both), (2, both, both), (3, both, &[]), (4, &[], both)]);
    talk(&mut bench, &mut phones, 500);
    let mut streams: Vec<Stream> =
        (0..3).map(|n| Stream { payload_type: formats[n].payload_type, ..Stream::new(90 + n as u32) }).collect();
    let mut packets: Vec<Vec<Vec<u8>>> = (0..500).map(|_| streams.iter_mut().map(Stream::packet).collect()).collect();
    for (n, packets) in packets.iter_mut().enumerate() {
        // Every second a key of 60 ms.
        if n % 50 < 3 {
            let packet = &mut packets[2];
            let duration = 160 * (n % 50 + 1) as u16;
            packet.truncate(12);
            packet[1] = 101;
            packet[4..8].copy_from_slice(&((n - n % 50) as u32 * 160).to_be_bytes());
            packet.extend([5, if n % 50 == 2 { 0x8a } else { 10 }, (duration >> 8) as u8, duration as u8]);
        }
    }
    let addresses: Vec<_> = phones.iter().map(|phone| (phone.address, phone.ours)).collect();
    let tape = bench.doors().tape.clone();
    let events = bench.doors().events.clone();
    while events.pop().is_some() {}
    let MemoryRig { shard, io, .. } = &mut bench;
    let (mut sent, mut recorded, mut told) = (0, 0, 0);
    let counted = allocation_counter::measure(|| {
        for packets in &packets {
            for ((phone, ours), packet) in addresses.iter().zip(packets) {
                io.deliver(*phone, *ours, packet);
            }
            io.advance(Duration::from_millis(20));
            let now = io.now();
            shard.turn(now, io);
            while io.sent().is_some() {
                sent += 1;
            }
            while let Some(block) = tape.take() {
                recorded += block.samples.len();
                tape.give_back(block);
            }
            while events.pop().is_some() {
                told += 1;
            }
        }
    });
    assert!(sent >= 1_500 && recorded > 150_000 && told >= 10, "the test measures mixing: {sent} {recorded} {told}");
    assert_eq!(counted.count_total, 0);
}
