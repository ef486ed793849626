//! S1, S2, S3, S5: SIPp → exchange → SIPp beside Kamailio as a stateful proxy, and the memory of calls and registrations.
//!
//! Ours authenticates every INVITE, is a B2BUA and reserves media; the proxy does neither.

use super::{Arguments, Measured, Outcome, Target, kamailio::Kamailio, sipp::Sipp};
use crate::{
    configuration::Configuration,
    digest::Understands,
    exchange::Exchange,
    process,
    station::{Calling, Registering, Site, Station},
};
use anyhow::{Result, bail};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

const LOCAL: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);

/// Accounts of the call rows: enough that none meets its call limit.
const ACCOUNTS: usize = 1_000;

/// Transactions of 64·T1 are over after this.
const LAST_TRANSACTION: Duration = Duration::from_secs(34);

/// One side: who, where, which process.
struct Side {
    name: &'static str,
    sip: SocketAddr,
    pid: u32,
    credentials: bool,
}

fn start_ours(arguments: &Arguments, accounts: usize) -> Result<Exchange> {
    Exchange::start(&arguments.ironbell, None, |data| {
        let local = Configuration::local(LOCAL, accounts, data.to_owned())?;
        // SIPp reads only the first challenge and understands MD5.
        Ok(Configuration { digest: vec!["md5".into()], ..local })
    })
}

/// Both sides as they run.
struct Sides {
    sides: Vec<Side>,
    // Kept alive.
    _exchange: Exchange,
    _kamailio: Option<Kamailio>,
}

impl Sides {
    fn start(arguments: &Arguments, accounts: usize) -> Result<Self> {
        let exchange = start_ours(arguments, accounts)?;
        let kamailio = (!arguments.alone).then(Kamailio::start).transpose()?;
        let mut sides = vec![Side { name: "ironbell", sip: exchange.sip(), pid: exchange.pid(), credentials: true }];
        if let Some(k) = &kamailio {
            sides.push(Side { name: "kamailio", sip: k.sip(), pid: k.pid(), credentials: false });
        }
        Ok(Self { sides, _exchange: exchange, _kamailio: kamailio })
    }
}

fn outcome_sides(sides: &[Side], values: Vec<Vec<f64>>) -> (Measured, Option<Measured>) {
    let mut measured = sides.iter().zip(values).map(|(side, rounds)| Measured::new(side.name, rounds));
    let ours = measured.next().unwrap_or_else(|| Measured::new("ironbell", Vec::new()));
    (ours, measured.next())
}

/// S1.
pub(super) fn call_cost(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const RATE: u32 = 500;
    let calls = u64::from(RATE) * arguments.window().as_secs();
    let both = Sides::start(arguments, ACCOUNTS)?;
    let sipp = Sipp::new(ACCOUNTS)?;
    for side in &both.sides {
        let counts = sipp.register(side.sip, 200)?;
        if counts.failed > 0 {
            bail!("{} of {} refused {} registrations", side.name, ACCOUNTS, counts.failed);
        }
    }
    let mut values = vec![Vec::new(); both.sides.len()];
    let (mut failed, mut resent) = (vec![0; both.sides.len()], vec![0; both.sides.len()]);
    for round in 0..=arguments.rounds() {
        for (nth, side) in both.sides.iter().enumerate() {
            let _answering = sipp.answer()?;
            let before = process::cpu_time(side.pid)?;
            let counts = sipp.call(side.sip, side.credentials, RATE, calls)?;
            let used = process::cpu_time(side.pid)? - before;
            if counts.succeeded == 0 {
                bail!("{}: no call succeeded", side.name);
            }
            if round > 0 {
                values[nth].push(used.as_secs_f64() * 1_000.0 / counts.succeeded as f64);
                failed[nth] += counts.failed;
                resent[nth] += counts.retransmissions;
            }
        }
    }
    let (ours, peer) = outcome_sides(&both.sides, values);
    Ok(vec![
        Outcome::new(
            "S1",
            "processor time per call, 500 calls/s, SIPp on both sides",
            "ms",
            ours,
            peer,
            Target::AtMost(0.40),
        )
        .note(format!("failed calls {failed:?}, retransmissions {resent:?} (ours, peer)"))
        .note("ours is challenged and authenticated, a B2BUA with media reserved; the proxy asks for no credentials"),
    ])
}

/// S2.
pub(super) fn highest_rate(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const STEPS: [u32; 10] = [250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000];
    let both = Sides::start(arguments, ACCOUNTS)?;
    let sipp = Sipp::new(ACCOUNTS)?;
    for side in &both.sides {
        sipp.register(side.sip, 200)?;
    }
    let mut highest = vec![0_u32; both.sides.len()];
    let mut over = vec![false; both.sides.len()];
    let mut notes = Vec::new();
    for rate in STEPS {
        for (nth, side) in both.sides.iter().enumerate() {
            if over[nth] {
                continue;
            }
            let _answering = sipp.answer()?;
            let counts = sipp.call(side.sip, side.credentials, rate, u64::from(rate) * arguments.window().as_secs())?;
            notes.push(format!(
                "{} at {rate}/s: {} failed, {} retransmissions, {:.0}/s really placed",
                side.name, counts.failed, counts.retransmissions, counts.rate
            ));
            // A generator that falls behind proves nothing about the rate it was asked for.
            let kept = counts.rate >= f64::from(rate) * 0.9;
            if counts.failed == 0 && kept { highest[nth] = rate } else { over[nth] = true }
        }
    }
    let values = highest.iter().map(|rate| vec![f64::from(*rate)]).collect();
    let (ours, peer) = outcome_sides(&both.sides, values);
    let outcome = Outcome::new(
        "S2",
        "highest rate without a failed call, SIPp on the same processors",
        "calls/s",
        ours,
        peer,
        Target::AtLeast(1_000.0),
    );
    Ok(vec![notes.into_iter().fold(outcome, Outcome::note)])
}

/// S3.
pub(super) fn registration_cost(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const USERS: usize = 10_000;
    const PHONES: usize = 20_000;
    let both = Sides::start(arguments, USERS)?;
    let sipp = Sipp::new(if arguments.quick { 4_000 } else { USERS })?;
    let mut costs = vec![Vec::new(); both.sides.len()];
    for round in 0..=arguments.rounds().min(3) {
        for (nth, side) in both.sides.iter().enumerate() {
            let before = process::cpu_time(side.pid)?;
            let counts = sipp.register(side.sip, 1_000)?;
            let used = process::cpu_time(side.pid)? - before;
            if counts.failed > 0 {
                bail!("{}: {} registrations failed", side.name, counts.failed);
            }
            if round > 0 {
                costs[nth].push(used.as_secs_f64() * 1_000.0 / counts.succeeded as f64);
            }
        }
    }
    let (ours, peer) = outcome_sides(&both.sides, costs);
    let mut outcomes = vec![
        Outcome::new(
            "S3",
            "processor time per authenticated registration, 1,000/s, SIPp",
            "ms",
            ours,
            peer,
            Target::None,
        )
        .note("ours writes every registration to disk before it answers; the peer keeps them in memory"),
    ];
    for (what, rate) in
        [("avalanche, as fast as answers come", None), ("avalanche at twice the rate asked for", Some(4_000.0))]
    {
        let mut seconds = vec![Vec::new(); both.sides.len()];
        let mut notes = Vec::new();
        for (nth, side) in both.sides.iter().enumerate() {
            let site = Site {
                exchange: side.sip,
                domain: "pbx.test".into(),
                phones: PHONES,
                understands: Understands::Md5,
                patience: Duration::from_secs(120),
            };
            let mut station = Station::new(site, SocketAddr::new(LOCAL, 0))?;
            let took = station.register(&Registering { first: 0, count: PHONES, rate, expires: 3_600 }, None)?;
            notes.push(format!(
                "{}: {} of {PHONES} registered, {} retransmissions, failures {:?}",
                side.name, station.tally.registered, station.tally.retransmissions, station.tally.registration_failures
            ));
            // Lost registrations make any time too long.
            let lost = station.tally.registered != PHONES as u64;
            seconds[nth].push(if lost { f64::INFINITY } else { took.as_secs_f64() });
        }
        let (ours, peer) = outcome_sides(&both.sides, seconds);
        let outcome = Outcome::new("S3", format!("20,000 phones, {what}"), "s", ours, peer, Target::AtMost(10.0));
        outcomes.push(notes.into_iter().fold(outcome, Outcome::note));
    }
    Ok(outcomes)
}

/// S5: slopes between two fill levels, each read when all transactions are over, so that what is made once is not counted.
pub(super) fn memory(arguments: &Arguments) -> Result<Vec<Outcome>> {
    const PHONES: usize = 5_000;
    const CALLS: usize = 1_000;
    let (mut registrations, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds().min(3) {
        let exchange = start_ours(arguments, PHONES * 2)?;
        let site = Site {
            exchange: exchange.sip(),
            domain: "pbx.test".into(),
            phones: PHONES * 2,
            understands: Understands::Md5,
            patience: Duration::from_secs(120),
        };
        let mut station = Station::new(site, SocketAddr::new(LOCAL, 0))?;
        let mut levels = Vec::new();
        for first in [0, PHONES] {
            station.register(&Registering { first, count: PHONES, rate: None, expires: 3_600 }, None)?;
            station.dwell(LAST_TRANSACTION, None)?;
            levels.push(process::private_memory(exchange.pid())?);
        }
        let calling =
            Calling { count: CALLS, rate: 200.0, talk: None, ring: Duration::ZERO, with_rtp: 0, control: false };
        for _ in 0..2 {
            station.place(&calling, None)?;
            station.dwell(LAST_TRANSACTION, None)?;
            levels.push(process::private_memory(exchange.pid())?);
        }
        if station.up() != CALLS * 2 || station.tally.registered != PHONES as u64 * 2 {
            bail!("{} calls up, {} registered", station.up(), station.tally.registered);
        }
        let slope =
            |from: usize, count: usize| levels[from + 1].saturating_sub(levels[from]) as f64 / count as f64 / 1_024.0;
        registrations.push(slope(0, PHONES));
        calls.push(slope(2, CALLS));
    }
    Ok(vec![
        Outcome::new(
            "S5",
            "memory per registration, from 5,000 to 10,000",
            "kB",
            Measured::new("ironbell", registrations),
            None,
            Target::AtMost(1.0),
        ),
        Outcome::new(
            "S5",
            "memory per established call, from 1,000 to 2,000",
            "kB",
            Measured::new("ironbell", calls),
            None,
            Target::AtMost(8.0),
        )
        .note("the whole process, media sockets included; the budget is for signaling alone"),
    ])
}
