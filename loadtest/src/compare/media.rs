//! M1, M2, M5: the relay beside rtpengine, the same streams from the same generator through both.
//!
//! Ours is the whole product: the calls are set up by SIP. Generator on processor 0, relay on processor 1.

use super::{Arguments, Measured, Outcome, Target, ng::RtpEngine};
use crate::{
    configuration::Configuration,
    digest::Understands,
    exchange::Exchange,
    figures::Delay,
    process,
    station::{Calling, Registering, Site, Station},
    stream::{StreamSpec, Streams},
    tone::{Law, Tone},
};
use anyhow::{Result, bail};
use core::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};
use std::thread;

const LOCAL: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);

/// Where the generator and where the relay runs; with one processor both where they can.
fn processors() -> (Option<usize>, Option<usize>) {
    if process::processors() < 2 { (None, None) } else { (Some(0), Some(1)) }
}

/// One relay with its calls up and its own streams.
struct Rig {
    streams: Streams,
    pid: u32,
    ours: Option<(Exchange, Station)>,
    // Kept alive with the rig.
    _peer: Option<RtpEngine>,
}

/// What a rig found in all its time.
struct End {
    delay: Delay,
    sent: u64,
    lost: u64,
    late: u64,
    /// Of the lost ones: those that found a socket of the generator full, and those that found one of the relay full.
    full: Full,
}

/// Datagrams dropped because a socket's buffer was full.
#[derive(Clone, Copy, Default)]
struct Full {
    generator: u64,
    relay: u64,
}

impl Rig {
    /// Ironbell with `calls` set up by SIP.
    fn ours(arguments: &Arguments, calls: usize) -> Result<Self> {
        let (generator, relay) = processors();
        let exchange = start_ours(arguments, calls, relay)?;
        let streams = Streams::start(LOCAL, generator)?;
        let mut station = Station::new(site(&exchange, calls), SocketAddr::new(LOCAL, 0))?;
        register(&mut station, calls)?;
        let calling =
            Calling { count: calls, rate: 100.0, talk: None, ring: Duration::ZERO, with_rtp: calls, control: false };
        station.place(&calling, Some(&streams))?;
        if station.up() != calls {
            bail!("{} of {calls} calls came up: {:?}", station.up(), station.tally.session_failures);
        }
        Ok(Self { streams, pid: exchange.pid(), ours: Some((exchange, station)), _peer: None })
    }

    /// rtpengine with `calls` set up by its own protocol.
    fn peer(calls: usize) -> Result<Self> {
        let (generator, relay) = processors();
        let mut engine = RtpEngine::start(relay)?;
        let streams = Streams::start(LOCAL, generator)?;
        add_peer_calls(&mut engine, &streams, 0..calls)?;
        Ok(Self { streams, pid: engine.pid(), ours: None, _peer: Some(engine) })
    }

    /// Waits, answering the exchange meanwhile.
    fn dwell(&mut self, time: Duration) -> Result<()> {
        match &mut self.ours {
            Some((_, station)) => station.dwell(time, Some(&self.streams)),
            None => {
                thread::sleep(time);
                Ok(())
            }
        }
    }

    /// Lets the streams run for a moment, then measures a window, then stops them: µs of processor time per relayed packet.
    fn measure(&mut self, window: Duration) -> Result<f64> {
        self.streams.pause(false)?;
        self.dwell(Duration::from_secs(1))?;
        let received = self.streams.totals().received.load(Relaxed);
        let before = process::cpu_time(self.pid)?;
        self.dwell(window)?;
        let used = process::cpu_time(self.pid)? - before;
        let received = self.streams.totals().received.load(Relaxed) - received;
        self.streams.pause(true)?;
        if received == 0 {
            bail!("no packet was relayed");
        }
        Ok(used.as_secs_f64() * 1e6 / received as f64)
    }

    /// Ends it: the delays, and the exact loss from the first packet to the last. `calls` as it was made with.
    fn finish(mut self, calls: usize) -> Result<End> {
        for id in 0..calls as u32 * 2 {
            self.streams.quiet(id)?;
        }
        self.streams.pause(false)?;
        self.dwell(Duration::from_millis(500))?;
        let late = self.streams.totals().late.load(Relaxed);
        let own: Vec<u16> = self.streams.addresses().iter().map(SocketAddr::port).collect();
        let mut full = Full::default();
        for (port, drops) in process::udp_drops()? {
            if own.contains(&port) {
                full.generator += drops;
            } else {
                full.relay += drops;
            }
        }
        let (reports, delays) = self.streams.finish()?;
        let sent: u64 = reports.iter().map(|report| report.sent).sum();
        let received: u64 = reports.iter().map(|report| report.received - report.duplicates).sum();
        Ok(End { delay: Delay::from(&delays), sent, lost: sent.saturating_sub(received), late, full })
    }
}

/// Sets up calls of these numbers through rtpengine, with their streams.
fn add_peer_calls(engine: &mut RtpEngine, streams: &Streams, calls: Range<usize>) -> Result<()> {
    let addresses = streams.addresses();
    for call in calls {
        let (one, other) = Tone::pair(call);
        let id = (call * 2) as u32;
        let sockets = [(call * 2) % addresses.len(), (call * 2 + 1) % addresses.len()];
        let (to_caller, to_callee) = engine.call(addresses[sockets[0]], addresses[sockets[1]])?;
        let spec = |id: u32, partner, socket, to, own, hears| StreamSpec {
            id,
            partner,
            socket,
            to,
            says: Some(own),
            own,
            hears,
            law: Law::Mu,
            speaking: true,
        };
        streams.open(spec(id, id + 1, sockets[0], to_caller, one, other))?;
        streams.open(spec(id + 1, id, sockets[1], to_callee, other, one))?;
    }
    Ok(())
}

fn start_ours(arguments: &Arguments, calls: usize, cpu: Option<usize>) -> Result<Exchange> {
    Exchange::start(&arguments.ironbell, cpu, |data| {
        let local = Configuration::local(LOCAL, calls * 2, data.to_owned())?;
        Ok(Configuration { rtp_ports: 10_000..=19_999, shards: Some(1), ..local })
    })
}

fn site(exchange: &Exchange, calls: usize) -> Site {
    Site {
        exchange: exchange.sip(),
        domain: "pbx.test".into(),
        phones: calls * 2,
        understands: Understands::Md5,
        patience: Duration::from_secs(120),
    }
}

fn register(station: &mut Station, calls: usize) -> Result<()> {
    station.register(&Registering { first: 0, count: calls * 2, rate: None, expires: 3_600 }, None)?;
    if station.tally.registered != calls as u64 * 2 {
        bail!("registrations failed: {:?}", station.tally.registration_failures);
    }
    Ok(())
}

/// M1.
pub(super) fn relay_cost(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const CALLS: usize = 400;
    let mut rigs = vec![Rig::ours(arguments, CALLS)?];
    rigs[0].streams.pause(true)?;
    if !arguments.alone {
        let peer = Rig::peer(CALLS)?;
        peer.streams.pause(true)?;
        rigs.push(peer);
    }
    let mut costs = vec![Vec::new(); rigs.len()];
    for round in 0..=arguments.rounds() {
        for (side, rig) in rigs.iter_mut().enumerate() {
            let cost = rig.measure(arguments.window())?;
            if round > 0 {
                costs[side].push(cost);
            }
        }
    }
    let mut costs = costs.into_iter();
    let ours = Measured::new("ironbell", costs.next().unwrap_or_default());
    let peer = costs.next().map(|rounds| Measured::new("rtpengine", rounds));
    let outcome = Outcome::new(
        "M1",
        "processor time per relayed packet, 400 calls through SIP",
        "µs",
        ours,
        peer,
        Target::RatioAtMost(0.55),
    );
    let lost = rigs.into_iter().map(|rig| {
        let end = rig.finish(CALLS)?;
        Ok(format!("{} of {}", end.lost, end.sent))
    });
    let lost = lost.collect::<Result<Vec<_>>>()?.join(", ");
    Ok(vec![outcome.note(format!("packets lost from the first to the last: {lost}"))])
}

/// M2.
pub(super) fn relay_delay(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const CALLS: usize = 1_500;
    let mut rounds: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(), Default::default()];
    let mut medians = Vec::new();
    // A round is a fresh start here: the delay of a queue that fills up shows only from the beginning.
    for _ in 0..arguments.rounds().min(3) {
        for (side, (delays, losses)) in rounds.iter_mut().enumerate() {
            if side == 1 && arguments.alone {
                continue;
            }
            let mut rig = if side == 0 { Rig::ours(arguments, CALLS)? } else { Rig::peer(CALLS)? };
            rig.dwell(Duration::from_secs(1))?;
            rig.streams.measure(true)?;
            rig.measure(arguments.window())?;
            let end = rig.finish(CALLS)?;
            delays.push(end.delay.p99_ms);
            losses.push(end.lost as f64 * 100.0 / end.sent as f64);
            medians.push(format!(
                "{} p50 {:.2} ms, {} of {} lost ({} at full sockets of the generator, {} at the relay's), generator late {} times",
                if side == 0 { "ironbell" } else { "rtpengine" },
                end.delay.p50_ms,
                end.lost,
                end.sent,
                end.full.generator,
                end.full.relay,
                end.late,
            ));
        }
    }
    let mut sides = rounds.into_iter().zip(["ironbell", "rtpengine"]);
    let mut next = || sides.next().map(|((d, l), name)| (Measured::new(name, d), Measured::new(name, l)));
    let Some((delay, loss)) = next() else { bail!("nothing measured") };
    let (peer_delay, peer_loss) = next().filter(|(d, _)| !d.rounds.is_empty()).unzip();
    Ok(vec![
        Outcome::new(
            "M2",
            "p99 mouth to ear, 1,500 calls, 150,000 packets/s",
            "ms",
            delay,
            peer_delay,
            Target::AtMost(2.0),
        )
        .note("the generator's own reading delay of up to 0.25 ms is contained")
        .note(medians.join("; ")),
        Outcome::new("M2", "packets lost, from the first to the last", "%", loss, peer_loss, Target::AtMost(0.0)),
    ])
}

/// M5: the slope between 500 and 1,000 calls, so that what is made once is not counted.
pub(super) fn relay_memory(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const CALLS: usize = 500;
    let mut ours = Vec::new();
    let mut peers = Vec::new();
    let slope = |levels: &[u64]| levels[1].saturating_sub(levels[0]) as f64 / 1_024.0 / CALLS as f64;
    let settle = Duration::from_secs(if arguments.quick { 2 } else { 34 });
    for _ in 0..arguments.rounds().min(3) {
        let exchange = start_ours(arguments, CALLS * 2, None)?;
        let streams = Streams::start(LOCAL, None)?;
        let mut station = Station::new(site(&exchange, CALLS * 2), SocketAddr::new(LOCAL, 0))?;
        register(&mut station, CALLS * 2)?;
        let calling =
            Calling { count: CALLS, rate: 200.0, talk: None, ring: Duration::ZERO, with_rtp: CALLS, control: false };
        let mut levels = Vec::new();
        for _ in 0..2 {
            station.place(&calling, Some(&streams))?;
            station.dwell(settle, Some(&streams))?;
            levels.push(process::private_memory(exchange.pid())?);
        }
        if station.up() != CALLS * 2 {
            bail!("{} of {} calls came up: {:?}", station.up(), CALLS * 2, station.tally.session_failures);
        }
        ours.push(slope(&levels));
        drop(exchange);
        streams.finish()?;

        if !arguments.alone {
            let mut engine = RtpEngine::start(None)?;
            let streams = Streams::start(LOCAL, None)?;
            let mut levels = Vec::new();
            for first in [0, CALLS] {
                add_peer_calls(&mut engine, &streams, first..first + CALLS)?;
                thread::sleep(Duration::from_secs(2));
                levels.push(process::private_memory(engine.pid())?);
            }
            peers.push(slope(&levels));
            streams.finish()?;
        }
    }
    let peer = (!peers.is_empty()).then(|| Measured::new("rtpengine", peers));
    Ok(vec![
        Outcome::new(
            "M5",
            "memory per relayed call, from 500 to 1,000",
            "kB",
            Measured::new("ironbell", ours),
            peer,
            Target::AtMost(4.0),
        )
        .note("ours is the whole process, signaling and call state included; the budget is for the media plane alone"),
    ])
}
