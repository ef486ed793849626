//! A relayed packet allocates nothing.

mod rig;

use contract::SourceRule;
use core::time::Duration;
use media_core::{io::Io, shard::Shard};
use rig::{Call, Rig, memory::MemoryRig, packets::Stream};

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
