//! RTCP through a relay: it must be true on the other side.

mod rig;

use contract::{PeerSpec, SourceRule};
use core::net::SocketAddr;
use core::time::Duration;
use media_core::{observe::Drop, rtp::rtcp};
use rig::{
    Call, Rig,
    memory::MemoryRig,
    packets::{Stream, header, word, words},
    peer,
};

const LEFT: u32 = 0xa11ce;
const RIGHT: u32 = 0xb0b;

fn next(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}

/// A call in which both sides have spoken, with what each heard last.
fn speaking(rule: SourceRule) -> (MemoryRig, Call, [Vec<u8>; 2]) {
    let mut rig = MemoryRig::new();
    let call = rig.call(rule);
    let mut heard = [Vec::new(), Vec::new()];
    for (side, ssrc) in [(0, LEFT), (1, RIGHT)] {
        let mut stream = Stream::new(ssrc);
        for _ in 0..10 {
            rig.say(call.phones[side], call.ours[side], &stream.packet());
            heard[1 - side] = rig.hear(call.phones[1 - side]).expect("relayed").1;
        }
    }
    (rig, call, heard)
}

fn sender_report(ssrc: u32, timestamp: u32) -> Vec<u8> {
    words(&[0x80c8_0006, ssrc, 0x1111_2222, 0x3333_4444, timestamp, 777, 7_777])
}

fn receiver_report(ssrc: u32, about: u32, highest: u32, last: u32, delay: u32) -> Vec<u8> {
    words(&[0x81c9_0007, ssrc, about, 0x0500_0002, highest, 3, last, delay])
}

#[test]
fn a_sender_report_arrives_as_our_streams() {
    let (mut rig, call, heard) = speaking(SourceRule::Signalled);
    rig.say(next(call.phones[0]), next(call.ours[0]), &sender_report(LEFT, 51_440));
    let (from, report) = rig.hear(next(call.phones[1])).expect("relayed");
    assert_eq!(from, next(call.ours[1]));
    let ssrc = header(&heard[1]).ssrc;
    assert_eq!(report, words(&[0x80c8_0006, ssrc, 0x1111_2222, 0x3333_4444, 51_440, 10, 1_600]));
}

#[test]
fn a_sender_report_follows_the_shift_of_timestamps() {
    let (mut rig, call, _) = speaking(SourceRule::Signalled);
    rig.pass_ms(1_000);
    let mut restarted = Stream { timestamp: 0, ..Stream::new(0xc0de) };
    rig.say(call.phones[0], call.ours[0], &restarted.packet());
    let shifted = header(&rig.hear(call.phones[1]).expect("relayed").1);
    rig.say(next(call.phones[0]), next(call.ours[0]), &sender_report(0xc0de, 8_000));
    let (_, report) = rig.hear(next(call.phones[1])).expect("relayed");
    assert_eq!(word(&report, 4), shifted.timestamp + 8_000);
    rig.say(next(call.phones[0]), next(call.ours[0]), &sender_report(LEFT, 8_000));
    let (_, report) = rig.hear(next(call.phones[1])).expect("relayed");
    assert_eq!(report, words(&[0x80c9_0001, shifted.ssrc]), "of the stream that ended only an empty report remains");
}

#[test]
fn a_report_block_speaks_of_the_source() {
    let (mut rig, call, heard) = speaking(SourceRule::Signalled);
    let ours = header(&heard[0]);
    rig.say(
        next(call.phones[0]),
        next(call.ours[0]),
        &receiver_report(LEFT, ours.ssrc, u32::from(ours.sequence), 9, 8),
    );
    let (_, report) = rig.hear(next(call.phones[1])).expect("relayed");
    let ssrc = header(&heard[1]).ssrc;
    assert_eq!(report, receiver_report(ssrc, RIGHT, 1_009, 9, 8));
    rig.say(next(call.phones[0]), next(call.ours[0]), &receiver_report(LEFT, 0xbad, 1, 0, 0));
    let (_, report) = rig.hear(next(call.phones[1])).expect("relayed");
    assert_eq!(report, words(&[0x80c9_0001, ssrc]), "a block about a stranger is taken out");
}

#[test]
fn the_round_trip_is_measured_from_a_relayed_report() {
    let (mut rig, call, heard) = speaking(SourceRule::Signalled);
    rig.say(next(call.phones[0]), next(call.ours[0]), &sender_report(LEFT, 0));
    rig.pass_ms(300);
    let ours = header(&heard[1]);
    // The phone held it for 250 ms.
    let report = receiver_report(RIGHT, ours.ssrc, u32::from(ours.sequence), 0x2222_3333, 65_536 / 4);
    rig.say(next(call.phones[1]), next(call.ours[1]), &report);
    assert_eq!(rig.close(1)[1].round_trip, Some(Duration::from_millis(50)));
}

#[test]
fn multiplexed_rtcp_uses_the_rtp_port_of_the_side_that_negotiated_it() {
    let (mut rig, call, _) = speaking(SourceRule::Signalled);
    let mux = PeerSpec { rtcp_mux: true, rtcp: Some(call.phones[0]), ..peer(call.phones[0], SourceRule::Signalled) };
    rig.describe(1, 0, mux);
    rig.say(call.phones[0], call.ours[0], &sender_report(LEFT, 0));
    assert!(rig.hear(next(call.phones[1])).is_some(), "from one port to two");
    rig.say(next(call.phones[1]), next(call.ours[1]), &sender_report(RIGHT, 0));
    assert!(rig.hear(call.phones[0]).is_some(), "and from two to one");
    rig.say(call.phones[1], call.ours[1], &sender_report(RIGHT, 0));
    assert_eq!(rig.tally().dropped[Drop::WrongPort as usize], 1, "the other side did not negotiate it");
}

#[test]
fn rtcp_is_believed_from_the_described_address_and_the_host_of_the_media() {
    let (mut rig, call, _) = speaking(SourceRule::Signalled);
    let stranger = SocketAddr::from(([203, 0, 113, 1], 5_005));
    rig.say(stranger, next(call.ours[0]), &sender_report(LEFT, 0));
    assert_eq!(rig.tally().dropped[Drop::UnknownSource as usize], 1);
    let shifted = SocketAddr::new(call.phones[0].ip(), 61_000);
    rig.say(shifted, next(call.ours[0]), &sender_report(LEFT, 0));
    assert!(rig.hear(next(call.phones[1])).is_some());
    rig.say(next(call.phones[1]), next(call.ours[1]), &sender_report(RIGHT, 0));
    assert!(rig.hear(shifted).is_some(), "answers go where it came from");
}

#[test]
fn rtp_on_the_rtcp_port_is_dropped() {
    let (mut rig, call, _) = speaking(SourceRule::Signalled);
    rig.say(next(call.phones[0]), next(call.ours[0]), &Stream::new(LEFT).packet());
    assert_eq!(rig.tally().dropped[Drop::WrongPort as usize], 1);
}

#[test]
fn a_held_listener_still_reports_to_its_speaker() {
    let (mut rig, call, heard) = speaking(SourceRule::Signalled);
    // Side 0 hears side 1 and is not heard.
    rig.hearing(1, &[(0, &[], &[0]), (1, &[0], &[])]);
    let mut stream = Stream { sequence: 1_010, timestamp: 51_600, ..Stream::new(RIGHT) };
    rig.say(call.phones[1], call.ours[1], &stream.packet());
    let ours = header(&rig.hear(call.phones[0]).expect("relayed").1);
    assert_eq!(ours.ssrc, header(&heard[0]).ssrc);
    let report = receiver_report(LEFT, ours.ssrc, u32::from(ours.sequence), 0, 0);
    rig.say(next(call.phones[0]), next(call.ours[0]), &report);
    let (_, heard) = rig.hear(next(call.phones[1])).expect("relayed");
    let block = rtcp::blocks(&heard).next().expect("a block");
    assert_eq!((block.ssrc, block.highest), (RIGHT, 1_010));
}
