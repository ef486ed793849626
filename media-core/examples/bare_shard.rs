//! A bare shard with so many sessions, for measuring: no signaling, no shell.
//!
//! `bare_shard [sessions=400] [members=2] [peers=40000] [ports=10000] [cpu=N] [probes=0]` opens `members` legs a session, all of whom hear all others,
//! and describes their far ends as `127.0.0.1:peers + 2n`, PCMU. Two members are a relayed call, more are a room. It prints one line a leg,
//! `PEER_PORT OUR_ADDRESS`, then `ready`, and works until its standard input ends; then it prints its figures. Meanwhile it opens and closes
//! `probes` legs a second, and tells at the end how long each took from the command until a packet to its port was counted.

use contract::{
    BusSet, Codec, Format, Hearing, HearingTable, LegSpec, MediaCommand, MediaEvent, MemberId, NodeId, PeerSpec,
    SessionId, SourceRule,
};
use core::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use media_core::{Full, MediaConfig, ShardHandle, check_limits, monotonic, secure::Certificate, spawn};
use std::{
    collections::HashMap,
    error::Error,
    io::Read,
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
    thread,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: HashMap<String, u64> = std::env::args()
        .skip(1)
        .map(|argument| {
            let (name, value) = argument.split_once('=').ok_or("name=value")?;
            Ok((name.to_owned(), value.parse()?))
        })
        .collect::<Result<_, Box<dyn Error>>>()?;
    let of = |name: &str, default: u64| arguments.get(name).copied().unwrap_or(default);
    let (sessions, members) = (of("sessions", 400), u16::try_from(of("members", 2))?);
    let (first_peer, first_port) = (u16::try_from(of("peers", 40_000))?, u16::try_from(of("ports", 10_000))?);
    let last_port = u16::try_from(u64::from(first_port) + sessions * u64::from(members) * 2 + 63)?;
    let config = MediaConfig {
        shards: 1,
        cpus: arguments.get("cpu").map(|cpu| usize::try_from(*cpu)).transpose()?.into_iter().collect(),
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
    if let Some(cpu) = arguments.get("cpu") {
        // Who asks is not to stand in the shard's way.
        let ours = core_affinity::get_core_ids().unwrap_or_default();
        if let Some(other) = ours.into_iter().find(|core| core.id as u64 != *cpu) {
            core_affinity::set_for_current(other);
        }
    }
    let shards = spawn(&config, &(Arc::new(|| {}) as media_core::Waker))?;
    let shard = shards.first().ok_or("no shard")?;
    let mut peer = first_peer;
    for session in 0..sessions {
        open(shard, SessionId::new(NodeId(0), session), members, &mut peer)?;
    }
    println!("ready");
    let late_at_first = shard.figures().ticks_late;
    let is_over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&is_over);
    thread::spawn(move || {
        // An error ends it as well as the end does.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ended.store(true, Ordering::Relaxed);
    });
    let probes = of("probes", 0);
    let mut delays = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        if probes == 0 {
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        thread::sleep(Duration::from_secs(1) / u32::try_from(probes)?);
        delays.push(probe(shard, SessionId::new(NodeId(0), sessions + delays.len() as u64))?);
    }
    let figures = shard.figures();
    println!("{figures:#?}");
    println!("{} ticks late since the sessions were open", figures.ticks_late - late_at_first);
    delays.sort_unstable();
    if let Some(last) = delays.len().checked_sub(1) {
        let at = |share: usize| delays[last * share / 1_000].as_secs_f64() * 1e6;
        println!("{} probes, command to effect p50 {:.0} p99 {:.0} us", delays.len(), at(500), at(990));
    }
    Ok(())
}

/// The spec of every leg here.
fn spec() -> LegSpec {
    LegSpec { ipv6: false, silence_timeout: Duration::from_secs(60), report_every: None, asked_at: monotonic() }
}

/// Opens one session whose members all speak to one bus and hear it.
fn open(shard: &ShardHandle, session: SessionId, members: u16, peer: &mut u16) -> Result<(), Box<dyn Error>> {
    for member in (0..members).map(MemberId) {
        send(shard, MediaCommand::OpenLeg { session, member, spec: spec() });
        let local = opened(shard, true)?;
        println!("{peer} {local}");
        let peer_spec = PeerSpec {
            rtp: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, *peer))),
            rtcp: None,
            rtcp_mux: false,
            source: SourceRule::Learned,
            formats: vec![Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 }],
            packet_time: Duration::from_millis(20),
            digits: contract::DigitMode::Event,
            security: contract::Security::None,
            ice: None,
        };
        *peer = peer.checked_add(2).ok_or("no port left for the far ends")?;
        send(shard, MediaCommand::DescribeLeg { session, member, peer: Box::new(peer_spec) });
    }
    let bus = BusSet::bus(0);
    let table = HearingTable::new((0..members).map(|member| Hearing {
        member: MemberId(member),
        speaks: bus,
        hears: bus,
        gain: contract::Gain::UNITY,
    }));
    send(shard, MediaCommand::SetHearing { session, table });
    Ok(())
}

/// How long a leg takes from the command until its port receives: a packet to it reaches the shard at once or never.
fn probe(shard: &ShardHandle, session: SessionId) -> Result<Duration, Box<dyn Error>> {
    let begun = monotonic();
    send(shard, MediaCommand::OpenLeg { session, member: MemberId(0), spec: spec() });
    let local = opened(shard, false)?;
    let took = monotonic().since(begun);
    let phone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    phone.connect(local)?;
    // A port that is not open answers the second with an error.
    phone.send(&[0x80; 12])?;
    phone.send(&[0x80; 12])?;
    send(shard, MediaCommand::CloseSession { session });
    loop {
        match shard.take_event() {
            Some(MediaEvent::SessionClosed { .. }) => return Ok(took),
            Some(_) => {}
            None => thread::sleep(Duration::from_micros(20)),
        }
    }
}

/// The address of the leg that is being opened.
fn opened(shard: &ShardHandle, is_patient: bool) -> Result<SocketAddr, Box<dyn Error>> {
    loop {
        match shard.take_event() {
            Some(MediaEvent::LegOpened { rtp, .. }) => return Ok(rtp),
            Some(MediaEvent::LegRefused { why, .. }) => return Err(format!("{why:?}").into()),
            Some(_) => {}
            None if is_patient => thread::sleep(Duration::from_micros(20)),
            None => core::hint::spin_loop(),
        }
    }
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
