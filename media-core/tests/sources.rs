//! Whose packets a leg takes, over the simulated network.

mod rig;

use contract::{MediaEvent, MemberId, PeerSpec, SourceRule};
use media_core::observe::Drop;
use rig::{Call, Rig, memory::MemoryRig, name, packets::Stream, peer};

fn call(rule: SourceRule) -> (MemoryRig, Call) {
    let mut rig = MemoryRig::new();
    let call = rig.call(rule);
    (rig, call)
}

/// How many of `packets`, one in 20 ms from phone `number` to leg 0, phone 1 hears.
fn heard(rig: &mut MemoryRig, call: &Call, number: u16, packets: u16) -> u16 {
    // Another stream each time, so that only its source decides.
    let mut stream = Stream::new(rig.tally().turns as u32);
    let from = rig.phone(number);
    (0..packets)
        .filter(|_| {
            rig.pass_ms(20);
            rig.say(from, call.ours[0], &stream.packet());
            rig.hear(call.phones[1]).is_some()
        })
        .count() as u16
}

#[test]
fn a_third_party_is_never_heard_beside_a_signalled_source() {
    let (mut rig, call) = call(SourceRule::Signalled);
    assert_eq!(heard(&mut rig, &call, 9, 50), 0);
    assert_eq!(heard(&mut rig, &call, 0, 50), 50);
    assert_eq!(heard(&mut rig, &call, 9, 50), 0);
}

#[test]
fn a_third_party_is_never_heard_once_the_signalled_source_spoke() {
    let (mut rig, call) = call(SourceRule::Learned);
    assert_eq!(heard(&mut rig, &call, 9, 4), 0, "within the window");
    assert_eq!(heard(&mut rig, &call, 0, 1), 1, "the signalled address wins at once");
    assert_eq!(heard(&mut rig, &call, 9, 50), 0);
    assert_eq!(rig.tally().dropped[Drop::UnknownSource as usize], 4, "later ones do not pass the connected socket");
}

#[test]
fn a_source_behind_a_nat_is_learned_and_answered() {
    let (mut rig, call) = call(SourceRule::Learned);
    assert_eq!(heard(&mut rig, &call, 5, 50), 46, "the fifth packet locks");
    let nat = rig.phone(5);
    assert_eq!(rig.event(), Some(MediaEvent::SourceLearned { session: name(1), member: MemberId(0), source: nat }));
    assert_eq!(rig.tally().sources_learned, 1);
    rig.say(call.phones[1], call.ours[1], &Stream::new(2).packet());
    assert!(rig.hear(nat).is_some(), "media goes where it comes from");
}

#[test]
fn the_signalled_source_takes_over_from_a_learned_one_for_a_while() {
    let (mut rig, call) = call(SourceRule::Learned);
    heard(&mut rig, &call, 5, 20);
    assert_eq!(heard(&mut rig, &call, 0, 10), 10);
    assert_eq!(heard(&mut rig, &call, 5, 50), 0);
}

#[test]
fn a_learned_source_is_locked_for_good_in_the_end() {
    let (mut rig, call) = call(SourceRule::Learned);
    heard(&mut rig, &call, 5, 150);
    assert_eq!(heard(&mut rig, &call, 0, 10), 0);
    assert_eq!(heard(&mut rig, &call, 5, 10), 10);
}

#[test]
fn a_new_description_learns_anew() {
    let (mut rig, call) = call(SourceRule::Learned);
    heard(&mut rig, &call, 0, 10);
    let moved = rig.phone(6);
    rig.describe(1, 0, peer(moved, SourceRule::Learned));
    assert_eq!(heard(&mut rig, &call, 0, 3), 0);
    assert_eq!(heard(&mut rig, &call, 6, 3), 3);
}

#[test]
fn garbage_locks_nothing() {
    let (mut rig, call) = call(SourceRule::Learned);
    rig.describe(1, 0, PeerSpec { rtp: None, ..peer(call.phones[0], SourceRule::Learned) });
    let stranger = rig.phone(9);
    for bytes in [&b"\x80"[..], b"\x00\x01", &[0x80, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        rig.say(stranger, call.ours[0], bytes);
    }
    assert_eq!(heard(&mut rig, &call, 0, 3), 3, "the first valid packet locks");
    assert_eq!(heard(&mut rig, &call, 9, 3), 0);
}
