//! What legs hear of each other, over the simulated network.

mod rig;

use contract::{MediaCommand, MediaEvent, MemberId, PeerSpec, SourceRule};
use core::{net::SocketAddr, time::Duration};
use media_core::{io::Class, observe::Drop};
use rig::{
    Call, PCMA, PCMU, Rig, TWO_ON_A_BUS, event,
    memory::MemoryRig,
    name,
    packets::{Stream, header},
    peer, spec,
};

fn call() -> (MemoryRig, Call) {
    let mut rig = MemoryRig::new();
    let call = rig.call(SourceRule::Learned);
    (rig, call)
}

/// What phone 1 hears of the next packet of `stream` that phone 0 sends.
fn relayed(rig: &mut MemoryRig, call: &Call, stream: &mut Stream) -> Option<Vec<u8>> {
    rig.say(call.phones[0], call.ours[0], &stream.packet());
    rig.hear(call.phones[1]).map(|(from, bytes)| {
        assert_eq!(from, call.ours[1], "it comes from the port that was signalled to the listener");
        bytes
    })
}

fn dropped(rig: &mut MemoryRig, reason: Drop) -> u64 {
    rig.tally().dropped[reason as usize]
}

#[test]
fn two_legs_on_a_bus_hear_each_other_with_payloads_untouched() {
    let (mut rig, call) = call();
    let (mut left, mut right) = (Stream::new(1), Stream::new(2));
    for n in 0..100_u16 {
        let bytes = relayed(&mut rig, &call, &mut left).expect("relayed");
        assert_eq!(header(&bytes).payload(&bytes), [(1_000 + n) as u8; 160]);
        rig.say(call.phones[1], call.ours[1], &right.packet());
        assert!(rig.hear(call.phones[0]).is_some());
        rig.pass_ms(20);
    }
    assert_eq!((rig.hear(call.phones[0]), rig.hear(call.phones[1])), (None, None), "nobody hears himself");
    let reports = rig.close(1);
    for report in reports {
        assert_eq!((report.packets_received, report.packets_sent, report.packets_lost), (100, 100, 0));
        assert_eq!((report.octets_received, report.octets_sent, report.packets_dropped), (16_000, 16_000, 0));
        assert_eq!((report.tier, report.jitter), (1, Duration::ZERO));
        assert!(report.mos.is_some_and(|mos| mos > 4.3));
    }
}

#[test]
fn rtp_is_marked_expedited_and_bound_to_an_even_port() {
    let (rig, call) = call();
    for ours in call.ours {
        assert_eq!(ours.port() % 2, 0);
        assert_eq!(rig.io.class(ours), Some(Class::Expedited));
        let rtcp = SocketAddr::new(ours.ip(), ours.port() + 1);
        assert_eq!(rig.io.class(rtcp), Some(Class::Default));
    }
}

#[test]
fn hold_and_resume_continue_the_stream() {
    let (mut rig, call) = call();
    let mut stream = Stream::new(1);
    let first = header(&relayed(&mut rig, &call, &mut stream).expect("relayed"));
    rig.hearing(1, &[(0, &[0], &[]), (1, &[], &[])]);
    for _ in 0..250 {
        rig.pass_ms(20);
        assert_eq!(relayed(&mut rig, &call, &mut stream), None, "a held leg hears nothing");
    }
    assert_eq!(dropped(&mut rig, Drop::NobodyHears), 250);
    rig.hearing(1, TWO_ON_A_BUS);
    rig.pass_ms(20);
    let after = header(&relayed(&mut rig, &call, &mut stream).expect("relayed"));
    assert_eq!(after.sequence, first.sequence + 1);
    assert_eq!(after.timestamp, first.timestamp + 251 * 160);
    assert_eq!((after.ssrc, after.marker), (first.ssrc, true));
    let next = header(&relayed(&mut rig, &call, &mut stream).expect("relayed"));
    assert_eq!((next.sequence, next.timestamp, next.marker), (after.sequence + 1, after.timestamp + 160, false));
    let reports = rig.close(1);
    assert_eq!(reports[0].packets_received, 253, "a leg nobody hears is still measured");
}

#[test]
fn the_same_table_again_does_not_disturb_the_stream() {
    let (mut rig, call) = call();
    let mut stream = Stream::new(1);
    relayed(&mut rig, &call, &mut stream);
    stream.skip(3);
    rig.hearing(1, TWO_ON_A_BUS);
    rig.describe(1, 1, peer(call.phones[1], SourceRule::Learned));
    let bytes = relayed(&mut rig, &call, &mut stream).expect("relayed");
    assert_eq!((header(&bytes).sequence, header(&bytes).marker), (1_004, false), "the gap is still to be seen");
}

#[test]
fn a_new_ssrc_continues_the_stream() {
    let (mut rig, call) = call();
    let mut old = Stream::new(1);
    let before = header(&relayed(&mut rig, &call, &mut old).expect("relayed"));
    rig.pass_ms(60);
    let mut new = Stream { ssrc: 99, sequence: 60_000, timestamp: 3, payload_type: 0 };
    let after = header(&relayed(&mut rig, &call, &mut new).expect("relayed"));
    assert_eq!((after.ssrc, after.sequence), (before.ssrc, before.sequence + 1));
    assert_eq!((after.timestamp, after.marker), (before.timestamp + 480, true));
}

#[test]
fn a_new_address_by_description_continues_the_stream() {
    let (mut rig, mut call) = call();
    let mut stream = Stream::new(1);
    let before = header(&relayed(&mut rig, &call, &mut stream).expect("relayed"));
    let old = call.phones[0];
    call.phones[0] = rig.phone(7);
    rig.describe(1, 0, peer(call.phones[0], SourceRule::Signalled));
    let mut moved = Stream::new(500);
    let after = header(&relayed(&mut rig, &call, &mut moved).expect("relayed"));
    assert_eq!((after.ssrc, after.sequence, after.marker), (before.ssrc, before.sequence + 1, true));
    rig.say(old, call.ours[0], &stream.packet());
    assert_eq!(rig.hear(call.phones[1]), None, "the old address is not believed any more");
}

#[test]
fn reordered_and_repeated_packets_pass_as_they_came() {
    let (mut rig, call) = call();
    let mut stream = Stream::new(1);
    let packets: Vec<Vec<u8>> = (0..5).map(|_| stream.packet()).collect();
    let mut heard = Vec::new();
    for index in [0, 2, 1, 2, 4] {
        rig.say(call.phones[0], call.ours[0], &packets[index]);
        heard.push(header(&rig.hear(call.phones[1]).expect("relayed").1).sequence);
    }
    assert_eq!(heard, [1_000, 1_002, 1_001, 1_002, 1_004]);
}

#[test]
fn a_stray_sequence_number_is_dropped_and_a_restart_goes_on() {
    let (mut rig, call) = call();
    let mut stream = Stream::new(1);
    relayed(&mut rig, &call, &mut stream);
    let mut restarted = Stream { sequence: 40_000, ..Stream::new(1) };
    assert_eq!(relayed(&mut rig, &call, &mut restarted), None);
    let bytes = relayed(&mut rig, &call, &mut restarted).expect("two in order are a restart");
    assert_eq!((header(&bytes).sequence, header(&bytes).marker), (1_001, true));
    assert_eq!(dropped(&mut rig, Drop::Stray), 1);
}

#[test]
fn payload_types_are_mapped_by_coding_and_unknown_ones_dropped() {
    let (mut rig, call) = call();
    rig.describe(1, 0, PeerSpec { formats: vec![PCMU, event(101)], ..peer(call.phones[0], SourceRule::Learned) });
    rig.describe(1, 1, PeerSpec { formats: vec![PCMU, PCMA, event(96)], ..peer(call.phones[1], SourceRule::Learned) });
    for (sent, heard) in [(0, Some(0)), (101, Some(96)), (8, Some(8)), (18, None)] {
        let mut stream = Stream { payload_type: sent, ..Stream::new(1) };
        let bytes = relayed(&mut rig, &call, &mut stream);
        assert_eq!(bytes.map(|bytes| header(&bytes).payload_type), heard, "payload type {sent}");
    }
    assert_eq!(dropped(&mut rig, Drop::UnknownPayloadType), 1);
}

#[test]
fn an_echo_is_heard_by_its_speaker() {
    let mut rig = MemoryRig::new();
    let (ours, phone) = (rig.open(1, 0), rig.phone(0));
    rig.tell(MediaCommand::OpenDevice { session: name(1), member: MemberId(1), device: contract::Device::Echo });
    rig.describe(1, 0, peer(phone, SourceRule::Signalled));
    rig.hearing(1, &[(0, &[0], &[1]), (1, &[1], &[0])]);
    let mut stream = Stream::new(1);
    let sent = stream.packet();
    rig.say(phone, ours, &sent);
    let (from, heard) = rig.hear(phone).expect("echoed");
    assert_eq!((from, header(&heard).payload(&heard)), (ours, &sent[12..]));
    assert_ne!(header(&heard).ssrc, 1, "it is our stream, not the phone's come back");
}

#[test]
fn a_codec_we_cannot_convert_has_no_path_to_a_third_and_is_counted() {
    let (mut rig, call) = call();
    let third = rig.open(1, 2);
    let phone = rig.phone(2);
    let odd =
        contract::Format { payload_type: 98, codec: contract::Codec::Other(1), clock_rate_hz: 8_000, channels: 1 };
    for (member, address) in [(0, call.phones[0]), (1, call.phones[1]), (2, phone)] {
        rig.describe(1, member, PeerSpec { formats: vec![odd], ..peer(address, SourceRule::Learned) });
    }
    rig.hearing(1, &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[0], &[0])]);
    let mut stream = Stream { payload_type: 98, ..Stream::new(1) };
    assert_eq!(relayed(&mut rig, &call, &mut stream), None);
    assert_eq!((rig.tally().paths_missing, dropped(&mut rig, Drop::NoPath)), (3, 1));
    rig.tell(MediaCommand::CloseMember { session: name(1), member: MemberId(2) });
    assert_eq!(rig.tally().paths_missing, 0);
    assert!(relayed(&mut rig, &call, &mut stream).is_some(), "two are left and have a path");
    assert!(!rig.io.deliver(phone, third, b"late"), "its port is closed");
}

#[test]
fn what_is_not_rtp_is_dropped_by_kind() {
    let (mut rig, call) = call();
    let mut long = Stream::new(1).packet();
    long.resize(4_000, 0);
    let cases: [(&[u8], Drop); 7] = [
        (b"", Drop::NotMedia),
        (b"\xff\xff\xff", Drop::NotMedia),
        (b"\x00\x01\x00\x00", Drop::Stun),
        (b"\x16\xfe\xfd", Drop::Dtls),
        (b"\x80\x00\x00", Drop::Malformed),
        (b"\x80\xc8\x00\x06", Drop::Malformed),
        (&long, Drop::TooLong),
    ];
    for (bytes, reason) in cases {
        let before = dropped(&mut rig, reason);
        rig.say(call.phones[0], call.ours[0], bytes);
        assert_eq!(dropped(&mut rig, reason), before + 1, "{reason:?}");
    }
    assert_eq!(rig.hear(call.phones[1]), None);
    assert_eq!(rig.io.free_buffers(), 256, "every buffer is back");
    assert_eq!(rig.close(1)[0].packets_dropped, 7);
}

#[test]
fn nothing_passes_before_the_description_or_without_a_destination() {
    let mut rig = MemoryRig::new();
    let ours = [rig.open(1, 0), rig.open(1, 1)];
    let phones = [rig.phone(0), rig.phone(1)];
    rig.hearing(1, TWO_ON_A_BUS);
    rig.say(phones[0], ours[0], &Stream::new(1).packet());
    assert_eq!(dropped(&mut rig, Drop::NotDescribed), 1);
    rig.describe(1, 0, peer(phones[0], SourceRule::Signalled));
    rig.describe(1, 1, PeerSpec { rtp: None, ..peer(phones[1], SourceRule::Learned) });
    rig.say(phones[0], ours[0], &Stream::new(1).packet());
    assert_eq!(dropped(&mut rig, Drop::NoDestination), 1);
    // The rule allows that a packet says where.
    rig.say(phones[1], ours[1], &Stream::new(2).packet());
    assert!(rig.hear(phones[0]).is_some());
    rig.say(phones[0], ours[0], &Stream::new(1).packet());
    assert!(rig.hear(phones[1]).is_some());
}

#[test]
fn silence_is_reported_once_until_the_leg_speaks_or_is_described_again() {
    let mut rig = MemoryRig::new();
    let short = contract::LegSpec { silence_timeout: Duration::from_secs(2), ..spec() };
    rig.tell(MediaCommand::OpenLeg { session: name(1), member: MemberId(0), spec: short });
    let Some(MediaEvent::LegOpened { rtp: ours, .. }) = rig.event() else { panic!("opened") };
    let phone = rig.phone(0);
    let silent = Some(MediaEvent::LegSilent { session: name(1), member: MemberId(0) });
    rig.pass_ms(1_900);
    assert_eq!(rig.event(), None);
    rig.pass_ms(200);
    assert_eq!(rig.event(), silent);
    rig.pass_ms(20_000);
    assert_eq!(rig.event(), None, "once");
    rig.describe(1, 0, peer(phone, SourceRule::Signalled));
    let mut stream = Stream::new(1);
    for _ in 0..500 {
        rig.say(phone, ours, &stream.packet());
        rig.pass_ms(20);
    }
    assert_eq!(rig.event(), None, "speaking for longer than the time-out");
    rig.pass_ms(2_100);
    assert_eq!(rig.event(), silent);
    rig.describe(1, 0, peer(phone, SourceRule::Signalled));
    rig.pass_ms(2_100);
    assert_eq!(rig.event(), silent);
}

#[test]
fn a_leg_is_measured_as_often_as_asked() {
    let mut rig = MemoryRig::new();
    let every = contract::LegSpec { report_every: Some(Duration::from_secs(1)), ..spec() };
    rig.tell(MediaCommand::OpenLeg { session: name(1), member: MemberId(0), spec: every });
    rig.event();
    rig.pass_ms(10_200);
    let measured = core::iter::from_fn(|| rig.event())
        .filter(|event| matches!(event, MediaEvent::LegMeasured { member: MemberId(0), .. }))
        .count();
    assert!((9..=10).contains(&measured), "{measured}");
}
