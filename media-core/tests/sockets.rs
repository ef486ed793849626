//! The core behaviours over io_uring and real sockets on loopback.

mod rig;

use contract::{MediaCommand, MediaRefusal, SourceRule};
use core::{net::SocketAddr, time::Duration};
use media_core::{MediaConfig, Waker, check_limits, spawn};
use rig::{
    Rig, TWO_ON_A_BUS, name,
    packets::{Stream, header, word, words},
    peer,
    sockets::SocketRig,
};
use std::{
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    sync::{Arc, mpsc},
};

fn exchange(rig: &mut SocketRig, call: &rig::Call, streams: &mut [Stream; 2], packets: usize) {
    for _ in 0..packets {
        for (side, stream) in streams.iter_mut().enumerate() {
            let sent = stream.packet();
            rig.say(call.phones[side], call.ours[side], &sent);
            let (from, heard) = rig.hear(call.phones[1 - side]).expect("relayed");
            assert_eq!((from, &heard[12..]), (call.ours[1 - side], &sent[12..]));
        }
    }
}

#[test]
fn two_legs_hear_each_other_through_learning_connecting_and_the_plain_receive() {
    for (port, rule) in [(30_000, SourceRule::Signalled), (30_100, SourceRule::Learned)] {
        let mut rig = SocketRig::new(port);
        let call = rig.call(rule);
        // More than the packets after which a connected socket changes its way of receiving.
        exchange(&mut rig, &call, &mut [Stream::new(1), Stream::new(2)], 200);
        let reports = rig.close(1);
        assert!(reports.iter().all(|report| (report.packets_received, report.packets_lost) == (200, 0)));
        assert_eq!(rig.tally().buffers_exhausted, 0);
    }
}

#[test]
fn a_third_party_does_not_pass_a_connected_socket() {
    let mut rig = SocketRig::new(30_200);
    let call = rig.call(SourceRule::Signalled);
    let mut streams = [Stream::new(1), Stream::new(2)];
    exchange(&mut rig, &call, &mut streams, 3);
    let stranger = rig.stranger();
    for _ in 0..20 {
        rig.say(stranger, call.ours[0], &Stream::new(9).packet());
    }
    // What is heard next is what the phone said after the stranger.
    exchange(&mut rig, &call, &mut streams, 100);
}

#[test]
fn a_new_description_moves_a_connected_leg() {
    let mut rig = SocketRig::new(30_300);
    let mut call = rig.call(SourceRule::Signalled);
    let mut streams = [Stream::new(1), Stream::new(2)];
    exchange(&mut rig, &call, &mut streams, 100);
    for (number, rule) in [(5, SourceRule::Signalled), (6, SourceRule::Learned), (0, SourceRule::Learned)] {
        let old = call.phones[0];
        call.phones[0] = rig.phone(number);
        rig.describe(1, 0, peer(call.phones[0], rule));
        rig.say(old, call.ours[0], &Stream::new(7).packet());
        streams[0] = Stream::new(u32::from(number) + 100);
        exchange(&mut rig, &call, &mut streams, 100);
    }
}

#[test]
fn rtcp_passes_on_its_own_ports() {
    let mut rig = SocketRig::new(30_400);
    let call = rig.call(SourceRule::Signalled);
    exchange(&mut rig, &call, &mut [Stream::new(1), Stream::new(2)], 1);
    let (reporter, listener) = (rig.stranger(), rig.stranger());
    for (side, rtcp) in [(0, reporter), (1, listener)] {
        rig.describe(
            1,
            side,
            contract::PeerSpec { rtcp: Some(rtcp), ..peer(call.phones[usize::from(side)], SourceRule::Signalled) },
        );
    }
    let ours = SocketAddr::new(call.ours[0].ip(), call.ours[0].port() + 1);
    rig.say(reporter, ours, &words(&[0x80c9_0001, 1]));
    let (from, heard) = rig.hear(listener).expect("relayed");
    assert_eq!((from.port(), word(&heard, 0)), (call.ours[1].port() + 1, 0x80c9_0001));
}

#[test]
fn an_ipv6_leg_talks_to_an_ipv4_leg() {
    let mut rig = SocketRig::new(31_200);
    let (ours, phone) = (rig.open(1, 0), rig.phone(0));
    let spec = contract::LegSpec { ipv6: true, ..rig::spec() };
    rig.tell(MediaCommand::OpenLeg { session: name(1), member: contract::MemberId(1), spec });
    let Some(contract::MediaEvent::LegOpened { rtp: ours_v6, .. }) = rig.event() else { panic!("opened") };
    let phone_v6 = rig.stranger_at(Ipv6Addr::LOCALHOST.into());
    for (side, phone, rule) in [(0, phone, SourceRule::Signalled), (1, phone_v6, SourceRule::Learned)] {
        rig.describe(1, side, peer(phone, rule));
    }
    rig.hearing(1, TWO_ON_A_BUS);
    let call = rig::Call { ours: [ours, ours_v6], phones: [phone, phone_v6] };
    exchange(&mut rig, &call, &mut [Stream::new(1), Stream::new(2)], 100);
}

#[test]
fn a_port_held_by_another_socket_is_skipped() {
    let _held = UdpSocket::bind((Ipv4Addr::LOCALHOST, 30_501)).expect("free");
    let mut rig = SocketRig::new(30_500);
    assert_eq!(rig.open(1, 0).port(), 30_502);
}

#[test]
fn a_closed_port_is_free_for_others_and_its_slot_for_the_next_leg() {
    let mut rig = SocketRig::new(30_600);
    for session in 0..200 {
        let ours = rig.open(session, 0);
        rig.close(session);
        rig.settle();
        UdpSocket::bind(ours).expect("closed");
    }
    assert_eq!((rig.tally().legs, rig.tally().ports_in_use), (0, 0));
}

#[test]
fn the_table_of_sockets_is_a_limit_with_a_refusal() {
    let mut rig = SocketRig::new(30_700);
    for session in 0..32 {
        rig.open(session, 0);
    }
    assert_eq!(rig.try_open(99, 0), Err(MediaRefusal::DescriptorsExhausted));
    rig.close(5);
    rig.open(99, 0);
}

#[test]
fn a_burst_beyond_all_buffers_is_relayed_whole() {
    let mut rig = SocketRig::new(30_800);
    let call = rig.call(SourceRule::Signalled);
    let mut streams = [Stream::new(1), Stream::new(2)];
    exchange(&mut rig, &call, &mut streams, 1);
    let (from, to) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("free"), call.ours[0]);
    rig.describe(1, 0, peer(from.local_addr().expect("bound"), SourceRule::Signalled));
    rig.settle();
    let mut heard = 0;
    for _ in 0..20 {
        // Fits the socket's queue; the shard meanwhile sleeps.
        for _ in 0..150 {
            from.send_to(&streams[0].packet(), to).expect("sent");
        }
        for _ in 0..150 {
            let (_, packet) = rig.hear(call.phones[1]).expect("relayed");
            heard += 1;
            assert_eq!(header(&packet).sequence, 1_000 + heard);
        }
    }
    assert_eq!(heard, 3_000);
}

#[test]
fn a_peer_that_refuses_does_not_stop_the_leg() {
    let mut rig = SocketRig::new(30_900);
    let call = rig.call(SourceRule::Signalled);
    let mut streams = [Stream::new(1), Stream::new(2)];
    exchange(&mut rig, &call, &mut streams, 60);
    let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("free").local_addr().expect("bound");
    rig.describe(1, 1, peer(gone, SourceRule::Signalled));
    for _ in 0..50 {
        rig.say(call.phones[0], call.ours[0], &streams[0].packet());
    }
    rig.describe(1, 1, peer(call.phones[1], SourceRule::Signalled));
    rig.settle();
    exchange(&mut rig, &call, &mut streams, 60);
}

#[test]
fn spawned_shards_answer_from_their_own_ports_and_stop() {
    let config = MediaConfig {
        shards: 2,
        cpus: Vec::new(),
        bind_v4: Some(Ipv4Addr::LOCALHOST),
        bind_v6: None,
        ports: 31_000..=31_099,
        seed: 3,
        certificate: rig::certificate(),
        library: Arc::default(),
    };
    assert_eq!(check_limits(&config), []);
    let (ring, rang) = mpsc::sync_channel(64);
    let waker: Waker = Arc::new(move || ring.try_send(()).unwrap_or_default());
    let shards = spawn(&config, &waker).expect("started");
    for (number, shard) in shards.iter().enumerate() {
        shard
            .send(MediaCommand::OpenLeg { session: name(1), member: contract::MemberId(0), spec: rig::spec() })
            .expect("room");
        shard.send(MediaCommand::SetHearing { session: name(1), table: rig::table(TWO_ON_A_BUS) }).expect("room");
        let event = loop {
            if let Some(event) = shard.take_event() {
                break event;
            }
            rang.recv_timeout(Duration::from_secs(10)).expect("the shard wakes the shell");
        };
        let contract::MediaEvent::LegOpened { rtp, .. } = event else { panic!("{event:?}") };
        assert_eq!(usize::from(rtp.port() - 31_000) / 2 % 2, number);
        assert!(shard.is_alive());
    }
    drop(shards);
    for port in 31_000..31_004 {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("the shards are gone");
    }
}

#[test]
fn limits_that_do_not_suffice_are_named_with_what_they_allow() {
    let config = MediaConfig {
        shards: 1,
        cpus: Vec::new(),
        bind_v4: Some(Ipv4Addr::LOCALHOST),
        bind_v6: None,
        ports: 1_024..=65_535,
        seed: 3,
        certificate: rig::certificate(),
        library: Arc::default(),
    };
    let files = media_core::io::system::open_files().soft.unwrap_or(u64::MAX);
    let note = check_limits(&config).into_iter().find(|note| note.text.contains("LimitNOFILE=64512"));
    assert_eq!(note.and_then(|note| note.calls), (files < 64_512).then_some(files / 4));
}
