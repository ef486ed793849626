//! The runs: register, call, or both at once; then the books are compared, the generator's with the exchange's.

use crate::{
    digest::Understands,
    ear::Heard,
    exchange::Exchange,
    figures::{Audio, Delay, Findings},
    limits::STREAMS_MAX,
    process,
    station::{Calling, Registering, Site, Station},
    stream::{StreamReport, Streams},
};
use anyhow::{Result, bail};
use core::{net::SocketAddr, sync::atomic::Ordering::Relaxed, time::Duration};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// RFC 3261 table 4: the longest-lived transaction ends 64·T1 after its last message; a little more for the store and the scrape.
pub const LAST_TIMER: Duration = Duration::from_secs(40);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For the heading.
    pub name: String,
    /// Local address of the phones.
    pub local: SocketAddr,
    /// Where the exchange is (ignored when one is started).
    pub exchange: SocketAddr,
    /// Domain.
    pub domain: String,
    /// How many phones register.
    pub phones: usize,
    /// Registrations a second; `None`: as fast as answers come.
    pub register_rate: Option<f64>,
    /// Calls, if any.
    pub calls: Option<Calling>,
    /// With calls of no talk time: stay up this long before hanging up.
    pub stay: Duration,
    /// While calls are up, register all phones once more.
    pub refresh: bool,
    /// Digest algorithms the phones understand.
    pub understands: Understands,
    /// Longest time for each stage.
    pub patience: Duration,
}

/// Runs the plan against `exchange` (started by us: it is measured as well) or against the plan's address.
///
/// # Errors
/// When a limit is passed or a socket fails; what goes wrong on the wire is in the findings.
pub fn run(plan: &Plan, exchange: Option<&Exchange>) -> Result<Findings> {
    let with_rtp = plan.calls.map_or(0, |calls| calls.with_rtp.min(calls.count));
    if with_rtp * 2 > STREAMS_MAX {
        bail!("{with_rtp} calls with RTP; the limit is {}", STREAMS_MAX / 2);
    }
    let site = Site {
        exchange: exchange.map_or(plan.exchange, Exchange::sip),
        domain: plan.domain.clone(),
        phones: plan.phones,
        understands: plan.understands,
        patience: plan.patience,
    };
    let mut station = Station::new(site, plan.local)?;
    let streams = (with_rtp > 0).then(|| Streams::start(plan.local.ip(), None)).transpose()?;
    let cpu = exchange.map(|e| process::cpu_time(e.pid())).transpose()?;
    let own_cpu = process::cpu_time(std::process::id())?;
    let everybody = Registering { first: 0, count: plan.phones, rate: plan.register_rate, expires: 3_600 };
    let took = station.register(&everybody, streams.as_ref())?;
    let registrations = (plan.phones > 0).then(|| station.tally.registrations(took));

    let mut calling_faults = Vec::new();
    if let Some(calls) = plan.calls {
        station.place(&calls, streams.as_ref())?;
        if calls.talk.is_none() {
            if station.up() < calls.count {
                calling_faults.push(format!("{} of {} calls were up at once", station.up(), calls.count));
            }
            if plan.refresh {
                station.register(
                    &Registering { rate: plan.register_rate.or(Some(500.0)), ..everybody },
                    streams.as_ref(),
                )?;
            }
            station.dwell(plan.stay, streams.as_ref())?;
            station.hang_up(calls.rate, streams.as_ref())?;
        }
    }
    let exchange_cpu_seconds = match (exchange, cpu) {
        (Some(exchange), Some(before)) => Some((process::cpu_time(exchange.pid())? - before).as_secs_f64()),
        _ => None,
    };
    let generator_cpu_seconds = Some((process::cpu_time(std::process::id())? - own_cpu).as_secs_f64());

    let audio = streams.map(|streams| listen(streams, with_rtp, plan.calls.is_some_and(|c| c.control))).transpose()?;
    let gauges = exchange.map(|exchange| exchange.settle(LAST_TIMER)).transpose()?.unwrap_or_default();
    let sessions = plan.calls.is_some().then(|| station.tally.sessions());
    let mut findings = Findings {
        run: plan.name.clone(),
        registrations: registrations.map(|mut first| {
            // The refreshes count as well; the time is that of the first round.
            let all = station.tally.registrations(took);
            (first.attempts, first.registered, first.failures) = (all.attempts, all.registered, all.failures);
            first
        }),
        sessions,
        audio,
        retransmissions: station.tally.retransmissions,
        unreadable: station.tally.unreadable,
        unexpected: station.tally.unexpected,
        gauges,
        exchange_cpu_seconds,
        generator_cpu_seconds,
        faults: calling_faults,
    };
    judge(&mut findings);
    Ok(findings)
}

/// What makes a run fail.
fn judge(findings: &mut Findings) {
    let mut faults = core::mem::take(&mut findings.faults);
    if let Some(r) = &findings.registrations
        && r.registered != r.attempts
    {
        faults.push(format!("{} of {} registrations failed", r.attempts - r.registered, r.attempts));
    }
    if let Some(s) = &findings.sessions
        && s.completed != s.attempts
    {
        faults.push(format!("{} of {} calls failed", s.attempts - s.completed, s.attempts));
    }
    if let Some(a) = &findings.audio {
        if a.lost > 0 {
            faults.push(format!(
                "{} of {} packets lost ({} of them in the generator's own sockets)",
                a.lost, a.sent, a.own_drops
            ));
        }
        if !a.ears_wrong.is_empty() {
            faults.push(format!("{} ears did not hear the right tone", a.ears_wrong.len()));
        }
        if a.control_noticed == Some(false) {
            faults.push("the silent control was heard as sound: the listening proves nothing".into());
        }
    }
    if findings.unreadable > 0 {
        faults.push(format!("{} messages could not be read", findings.unreadable));
    }
    for (gauge, value) in findings.gauges.iter().filter(|(_, value)| **value != 0.0) {
        faults.push(format!("{gauge} is {value} after the last transaction timer"));
    }
    findings.faults = faults;
}

/// Ends the streams and listens to what each ear heard.
fn listen(streams: Streams, calls: usize, control: bool) -> Result<Audio> {
    let ports: Vec<u16> = streams.addresses().iter().map(SocketAddr::port).collect();
    let own_drops = process::socket_drops(&ports);
    let strays = streams.totals().strays.load(Relaxed);
    let generator_late = streams.totals().late.load(Relaxed);
    let (reports, delays) = streams.finish()?;
    Ok(weigh(&reports, &delays, calls, control, Audio { strays, own_drops, generator_late, ..Audio::default() }))
}

fn weigh(reports: &[StreamReport], delays: &Histogram<u64>, calls: usize, control: bool, mut audio: Audio) -> Audio {
    let by_id: BTreeMap<u32, &StreamReport> = reports.iter().map(|report| (report.id, report)).collect();
    audio.calls = calls;
    audio.delay = Delay::from(delays);
    for call in 0..calls as u32 {
        let ends = [(call * 2, call * 2 + 1, "caller"), (call * 2 + 1, call * 2, "callee")];
        for (ear, mouth, who) in ends {
            let (Some(ear), Some(mouth)) = (by_id.get(&ear), by_id.get(&mouth)) else {
                audio.ears_wrong.push(format!("call {call}: the {who} never got audio"));
                continue;
            };
            audio.sent += mouth.sent;
            audio.received += ear.received;
            audio.lost += mouth.sent.saturating_sub(ear.received - ear.duplicates);
            audio.duplicates += ear.duplicates;
            audio.reordered += ear.reordered;
            audio.gap_max_ms = audio.gap_max_ms.max(ear.gap_max.as_secs_f64() * 1_000.0);
            let is_control = control && call as usize + 1 == calls && who == "caller";
            if is_control {
                audio.control_noticed = Some(ear.heard == Heard::Silence);
            } else if ear.heard == Heard::Right {
                audio.ears_right += 1;
            } else {
                audio.ears_wrong.push(format!("call {call}: the {who} heard {}", ear.heard));
            }
        }
    }
    audio
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(id: u32, sent: u64, received: u64, heard: Heard) -> StreamReport {
        StreamReport { id, sent, received, duplicates: 0, reordered: 0, gap_max: Duration::ZERO, heard }
    }

    #[test]
    fn losses_are_counted_from_mouth_to_ear_and_the_control_is_not_a_failure() {
        let reports = [
            report(0, 100, 90, Heard::Right),
            report(1, 95, 99, Heard::Own),
            report(2, 10, 10, Heard::Silence),
            report(3, 10, 10, Heard::Right),
        ];
        let audio = weigh(&reports, &crate::figures::microseconds(), 2, true, Audio::default());
        assert_eq!((audio.lost, audio.ears_right, audio.ears_wrong.len()), (6, 2, 1));
        assert_eq!(audio.control_noticed, Some(true));
    }

    #[test]
    fn a_control_that_is_heard_fails_the_run() {
        let reports = [report(0, 9, 9, Heard::Right), report(1, 9, 9, Heard::Right)];
        let audio = weigh(&reports, &crate::figures::microseconds(), 1, true, Audio::default());
        assert_eq!(audio.control_noticed, Some(false));
    }
}
