//! Calls whose media is protected by keys of the session descriptions.

mod rig;

use contract::{MediaEvent, PeerSpec, Security, SourceRule, SrtpKey, SrtpSuite, Unsecured};
use core::net::SocketAddr;
use media_core::{
    io::Io,
    limits::KEY_OVERLAP,
    observe::Drop,
    secure::srtp::{Inbound, OVERHEAD_MAX, Outbound},
};
use rig::{
    Call, Rig, TWO_ON_A_BUS,
    memory::MemoryRig,
    packets::{Stream, header},
    peer,
};

/// A phone's end of the keys.
struct Phone {
    out: Outbound,
    inbound: Inbound,
    security: Security,
}

impl Phone {
    /// `seed`: unlike keys for unlike seeds.
    fn new(suite: SrtpSuite, seed: u8) -> Self {
        let key = |way: u8| {
            let material: Vec<u8> =
                (0..suite.material_len() as u8).map(|octet| octet ^ seed.wrapping_mul(29)).collect();
            let material: Vec<u8> = material.into_iter().map(|octet| octet.wrapping_add(way)).collect();
            SrtpKey::new(suite, &material).expect("of the suite")
        };
        let (local, remote) = (key(0x40), key(0x80));
        Self {
            out: Outbound::new(suite, &remote).expect("keys"),
            inbound: Inbound::new(suite, &local).expect("keys"),
            security: Security::Sdes { suite, local, remote },
        }
    }

    fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut bytes = packet.to_vec();
        bytes.resize(packet.len() + OVERHEAD_MAX, 0);
        let len = self.out.protect_rtp(&mut bytes, packet.len()).expect("protected");
        bytes.truncate(len);
        bytes
    }

    fn protect_report(&mut self, compound: &[u8]) -> Vec<u8> {
        let mut bytes = compound.to_vec();
        bytes.resize(compound.len() + OVERHEAD_MAX, 0);
        let len = self.out.protect_rtcp(&mut bytes, compound.len()).expect("protected");
        bytes.truncate(len);
        bytes
    }

    fn open(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let len = self.inbound.unprotect_rtp(&mut packet).expect("authentic");
        packet.truncate(len);
        packet
    }
}

fn secured(phone: SocketAddr, source: SourceRule, security: &Security) -> PeerSpec {
    PeerSpec { security: security.clone(), ..peer(phone, source) }
}

/// A call whose side 0 is protected by the keys of `phone`, and whose side 1 is in clear.
fn half(bench: &mut MemoryRig, phone: &Phone, source: SourceRule) -> Call {
    let ours = [bench.open(1, 0), bench.open(1, 1)];
    let phones = [bench.phone(0), bench.phone(1)];
    bench.describe(1, 0, secured(phones[0], source, &phone.security));
    assert!(matches!(bench.event(), Some(MediaEvent::LegSecured { .. })));
    bench.describe(1, 1, peer(phones[1], SourceRule::Signalled));
    bench.hearing(1, TWO_ON_A_BUS);
    Call { ours, phones }
}

fn payload(packet: &[u8]) -> Vec<u8> {
    header(packet).payload(packet).to_vec()
}

fn dropped(bench: &mut MemoryRig, reason: Drop) -> u64 {
    bench.tally().dropped[reason as usize]
}

#[test]
fn phones_with_unlike_suites_hear_each_other() {
    for suites in [
        [SrtpSuite::AesCm128Sha1_80, SrtpSuite::AeadAes256Gcm],
        [SrtpSuite::AesCm128Sha1_32, SrtpSuite::AesCm256Sha1_32],
        [SrtpSuite::AeadAes128Gcm, SrtpSuite::AesCm256Sha1_80],
    ] {
        let mut bench = MemoryRig::new();
        let mut ends = [Phone::new(suites[0], 1), Phone::new(suites[1], 2)];
        let call = half(&mut bench, &ends[0], SourceRule::Signalled);
        bench.describe(1, 1, secured(call.phones[1], SourceRule::Signalled, &ends[1].security));
        let mut streams = [Stream::new(1), Stream::new(2)];
        for _ in 0..50 {
            for side in 0..2 {
                let plain = streams[side].packet();
                let sealed = ends[side].protect(&plain);
                bench.say(call.phones[side], call.ours[side], &sealed);
                let (from, heard) = bench.hear(call.phones[1 - side]).expect("relayed");
                assert_eq!(from, call.ours[1 - side]);
                let heard = ends[1 - side].open(heard);
                assert_eq!(payload(&heard), payload(&plain), "{suites:?}");
            }
            bench.pass_ms(20);
        }
    }
}

#[test]
fn reports_are_protected_on_a_port_of_their_own_and_on_the_shared_one() {
    for mux in [false, true] {
        let mut bench = MemoryRig::new();
        let mut phone = Phone::new(SrtpSuite::AesCm128Sha1_80, 1);
        let call = half(&mut bench, &phone, SourceRule::Signalled);
        let mut there = secured(call.phones[0], SourceRule::Signalled, &phone.security);
        there.rtcp_mux = mux;
        bench.describe(1, 0, there);
        for (side, plain) in [Stream::new(1).packet(), Stream::new(2).packet()].into_iter().enumerate() {
            let sent = if side == 0 { phone.protect(&plain) } else { plain };
            bench.say(call.phones[side], call.ours[side], &sent);
            bench.hear(call.phones[1 - side]).expect("relayed");
        }
        let next = |address: SocketAddr| SocketAddr::new(address.ip(), address.port() + 1);
        let at = |address: SocketAddr| if mux { address } else { next(address) };
        let report = |ssrc: u8| {
            let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, ssrc];
            report.extend([0; 20]);
            report
        };
        let sealed = phone.protect_report(&report(1));
        bench.say(at(call.phones[0]), at(call.ours[0]), &sealed);
        let (_, heard) = bench.hear(next(call.phones[1])).expect("relayed in clear");
        assert_eq!(heard[..2], [0x80, 200]);
        bench.say(next(call.phones[1]), next(call.ours[1]), &report(2));
        let (_, mut heard) = bench.hear(at(call.phones[0])).expect("relayed protected");
        let len = phone.inbound.unprotect_rtcp(&mut heard).expect("authentic");
        assert_eq!((len, &heard[..2]), (28, &[0x80, 200][..]));
        bench.say(at(call.phones[0]), at(call.ours[0]), &report(1));
        assert_eq!(bench.hear(next(call.phones[1])), None, "in clear");
    }
}

#[test]
fn what_is_in_clear_under_other_keys_or_replayed_is_silent_and_counted() {
    let mut bench = MemoryRig::new();
    let (mut phone, mut stranger) =
        (Phone::new(SrtpSuite::AesCm128Sha1_80, 1), Phone::new(SrtpSuite::AesCm128Sha1_80, 9));
    let call = half(&mut bench, &phone, SourceRule::Signalled);
    let mut stream = Stream::new(1);
    let (clear, other) = (stream.packet(), stranger.protect(&stream.packet()));
    for packet in [&clear, &other, &vec![0x80, 0], &vec![0x80; 1_400]] {
        bench.say(call.phones[0], call.ours[0], packet);
        assert_eq!(bench.hear(call.phones[1]), None);
    }
    assert_eq!((dropped(&mut bench, Drop::NotAuthentic), dropped(&mut bench, Drop::Malformed)), (3, 1));
    let sealed = phone.protect(&stream.packet());
    bench.say(call.phones[0], call.ours[0], &sealed);
    assert!(bench.hear(call.phones[1]).is_some(), "the leg stands");
    bench.say(call.phones[0], call.ours[0], &sealed);
    assert_eq!(bench.hear(call.phones[1]), None);
    assert_eq!(dropped(&mut bench, Drop::Replayed), 1);
}

#[test]
fn only_authentic_packets_teach_a_source() {
    let mut bench = MemoryRig::new();
    let (mut phone, mut stranger) = (Phone::new(SrtpSuite::AeadAes128Gcm, 1), Phone::new(SrtpSuite::AeadAes128Gcm, 9));
    let call = half(&mut bench, &phone, SourceRule::Learned);
    let (third, behind_nat) = (bench.phone(8), bench.phone(9));
    let (mut junk, mut stream) = (Stream::new(7), Stream::new(1));
    for _ in 0..20 {
        let sealed = stranger.protect(&junk.packet());
        bench.say(third, call.ours[0], &sealed);
        bench.pass_ms(20);
    }
    assert_eq!(bench.event(), None, "nothing is learned from junk");
    for _ in 0..20 {
        let sealed = phone.protect(&stream.packet());
        bench.say(behind_nat, call.ours[0], &sealed);
        bench.pass_ms(20);
    }
    assert!(matches!(bench.event(), Some(MediaEvent::SourceLearned { source, .. }) if source == behind_nat));
    assert!(bench.hear(call.phones[1]).is_some());
}

#[test]
fn keys_change_in_mid_call_without_loss() {
    for suite in [SrtpSuite::AesCm128Sha1_80, SrtpSuite::AeadAes128Gcm] {
        let mut bench = MemoryRig::new();
        let (mut before, mut after) = (Phone::new(suite, 1), Phone::new(suite, 2));
        let call = half(&mut bench, &before, SourceRule::Signalled);
        let mut stream = Stream::new(1);
        let mut heard = |bench: &mut MemoryRig, phone: &mut Phone| {
            let sealed = phone.protect(&stream.packet());
            bench.say(call.phones[0], call.ours[0], &sealed);
            bench.hear(call.phones[1]).is_some()
        };
        assert!(heard(&mut bench, &mut before));
        bench.describe(1, 0, secured(call.phones[0], SourceRule::Signalled, &after.security));
        assert!(matches!(bench.event(), Some(MediaEvent::LegSecured { .. })));
        assert!(heard(&mut bench, &mut before), "under way");
        assert!(heard(&mut bench, &mut after));
        assert!(heard(&mut bench, &mut before), "under way");
        bench.say(call.phones[1], call.ours[1], &Stream::new(2).packet());
        let (_, sent) = bench.hear(call.phones[0]).expect("relayed");
        after.open(sent);
        bench.pass(KEY_OVERLAP);
        assert!(!heard(&mut bench, &mut before), "too late");
        assert!(heard(&mut bench, &mut after));
    }
}

#[test]
fn the_same_keys_described_again_keep_their_numbers() {
    let mut bench = MemoryRig::new();
    let mut phone = Phone::new(SrtpSuite::AesCm128Sha1_80, 1);
    let call = half(&mut bench, &phone, SourceRule::Signalled);
    let mut stream = Stream::new(1);
    stream.sequence = 65_530;
    let mut last = Vec::new();
    for _ in 0..12 {
        last = phone.protect(&stream.packet());
        bench.say(call.phones[0], call.ours[0], &last);
        assert!(bench.hear(call.phones[1]).is_some());
    }
    bench.describe(1, 0, secured(call.phones[0], SourceRule::Signalled, &phone.security));
    assert_eq!(bench.event(), None);
    bench.say(call.phones[0], call.ours[0], &last);
    assert_eq!(bench.hear(call.phones[1]), None, "a replay stays one");
    let sealed = phone.protect(&stream.packet());
    bench.say(call.phones[0], call.ours[0], &sealed);
    assert!(bench.hear(call.phones[1]).is_some(), "the roll-over counter stays");
}

#[test]
fn a_leg_without_usable_keys_is_told_and_passes_nothing() {
    let suite = SrtpSuite::AesCm128Sha1_80;
    let Security::Sdes { local, .. } = Phone::new(suite, 1).security else { panic!("keys") };
    let Security::Sdes { remote: unlike, .. } = Phone::new(SrtpSuite::AeadAes256Gcm, 1).security else {
        panic!("keys")
    };
    for (security, expected) in [
        (Security::Sdes { suite, local, remote: local }, Unsecured::BadKeys),
        (Security::Sdes { suite, local, remote: unlike }, Unsecured::BadKeys),
    ] {
        let mut bench = MemoryRig::new();
        let call = bench.call(SourceRule::Signalled);
        bench.describe(1, 0, secured(call.phones[0], SourceRule::Signalled, &security));
        assert!(matches!(bench.event(), Some(MediaEvent::LegUnsecured { why, .. }) if why == expected));
        for side in 0..2 {
            bench.say(call.phones[side], call.ours[side], &Stream::new(1).packet());
            assert_eq!(bench.hear(call.phones[1 - side]), None);
        }
        assert_eq!(dropped(&mut bench, Drop::NotSecured), 2);
    }
}

#[test]
fn a_protected_packet_allocates_nothing() {
    for suite in [SrtpSuite::AesCm128Sha1_80, SrtpSuite::AeadAes128Gcm] {
        let mut bench = MemoryRig::new();
        let mut phone = Phone::new(suite, 1);
        let call = half(&mut bench, &phone, SourceRule::Signalled);
        let mut streams = [Stream::new(1), Stream::new(2)];
        let packets: Vec<_> = (0..200).map(|_| (phone.protect(&streams[0].packet()), streams[1].packet())).collect();
        let mut relayed = 0;
        let MemoryRig { shard, io, .. } = &mut bench;
        let counted = allocation_counter::measure(|| {
            for (sealed, plain) in &packets {
                io.deliver(call.phones[0], call.ours[0], sealed);
                io.deliver(call.phones[1], call.ours[1], plain);
                let now = io.now();
                shard.turn(now, io);
                while io.sent().is_some() {
                    relayed += 1;
                }
            }
        });
        assert_eq!((relayed, counted.count_total), (2 * packets.len(), 0), "{suite:?}");
    }
}
