//! A bare shard that relays N calls, for measuring: no signaling, no shell.
//!
//! `relay_only CALLS [FIRST_PEER_PORT] [FIRST_PORT] [CPU]` opens two legs a call and describes their far ends as
//! `127.0.0.1:FIRST_PEER_PORT + 2n`. It prints one line a leg, `PEER_PORT RELAY_ADDRESS`, then `ready`, and relays until its standard input
//! ends; then it prints its figures.

use contract::{
    BusSet, Codec, Format, Hearing, HearingTable, LegSpec, MediaCommand, MediaEvent, MemberId, NodeId, PeerSpec,
    SessionId, SourceRule,
};
use core::{net::SocketAddr, time::Duration};
use media_core::{Full, MediaConfig, ShardHandle, check_limits, monotonic, secure::Certificate, spawn};
use std::{error::Error, io::Read, net::Ipv4Addr, sync::Arc, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let calls: u64 = arguments.next().map_or(Ok(400), |text| text.parse())?;
    let first_peer: u16 = arguments.next().map_or(Ok(40_000), |text| text.parse())?;
    let first_port: u16 = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let cpus = arguments.next().map(|text| text.parse()).transpose()?.into_iter().collect();
    let last_port = u16::try_from(u64::from(first_port) + calls * 4 + 63)?;
    let config = MediaConfig {
        shards: 1,
        cpus,
        bind_v4: Some(Ipv4Addr::LOCALHOST),
        bind_v6: None,
        ports: first_port..=last_port,
        seed: 1,
        certificate: Arc::new(Certificate::generate()?),
        library: Arc::default(),
    };
    for note in check_limits(&config) {
        eprintln!("{}", note.text);
    }
    let shards = spawn(&config, &(Arc::new(|| {}) as media_core::Waker))?;
    let shard = shards.first().ok_or("no shard")?;
    for call in 0..calls {
        open(shard, SessionId::new(NodeId(0), call), first_peer, call)?;
    }
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{:#?}", shard.figures());
    Ok(())
}

/// Opens one call: two legs on one bus.
fn open(shard: &ShardHandle, session: SessionId, first_peer: u16, call: u64) -> Result<(), Box<dyn Error>> {
    let spec =
        LegSpec { ipv6: false, silence_timeout: Duration::from_secs(60), report_every: None, asked_at: monotonic() };
    for side in 0..2 {
        let member = MemberId(side);
        send(shard, MediaCommand::OpenLeg { session, member, spec });
        let local = loop {
            match shard.take_event() {
                Some(MediaEvent::LegOpened { rtp, .. }) => break rtp,
                Some(event) => return Err(format!("{event:?}").into()),
                None => thread::sleep(Duration::from_micros(20)),
            }
        };
        let port = u16::try_from(u64::from(first_peer) + 4 * call + 2 * u64::from(side))?;
        let rtp = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        println!("{port} {local}");
        let peer = PeerSpec {
            rtp: Some(rtp),
            rtcp: None,
            rtcp_mux: false,
            source: SourceRule::Learned,
            formats: vec![Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 }],
            packet_time: Duration::from_millis(20),
            digits: contract::DigitMode::Event,
            security: contract::Security::None,
            ice: None,
        };
        send(shard, MediaCommand::DescribeLeg { session, member, peer: Box::new(peer) });
    }
    let bus = BusSet::bus(0);
    let table = HearingTable::new((0..2).map(|side| Hearing {
        member: MemberId(side),
        speaks: bus,
        hears: bus,
        gain: contract::Gain::UNITY,
    }));
    send(shard, MediaCommand::SetHearing { session, table });
    Ok(())
}

/// Sends a command, waiting for room.
fn send(shard: &ShardHandle, command: MediaCommand) {
    let mut waiting = Err(Full(command));
    while let Err(Full(command)) = waiting {
        waiting = shard.send(command);
        if waiting.is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
