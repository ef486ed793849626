//! Figures of the media cores: read from their counters, as rates for people and as totals for Prometheus.

use crate::clock;
use contract::Instant;
use media_core::{
    ShardHandle,
    observe::{DELAY_BUCKETS, Drop, TIERS, Tally},
};
use prometheus::{
    IntCounterVec, IntGauge, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often rates are taken.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// A shard whose turns have not risen for this long does not run. An idle shard turns ten times a second.
const DEAD_AFTER: Duration = Duration::from_secs(3);

const TIER_LABELS: [&str; TIERS] = ["0", "1", "2"];

/// One shard's figures of the last second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardRate {
    /// Its number.
    pub id: u16,
    /// The part of a core it used, 0 to 1.
    pub cpu: f64,
    /// Media sessions now.
    pub sessions: u64,
    /// Packets received and sent.
    pub packets_per_second: f64,
    /// The highest tier that carried packets; 1 when none did, because that is where the next one goes.
    pub tier: u8,
}

/// One shard as it is watched.
pub trait Watched: Send + Sync {
    /// Its figures as last published.
    fn figures(&self) -> Tally;

    /// Whether its thread runs.
    fn is_alive(&self) -> bool;
}

impl Watched for ShardHandle {
    fn figures(&self) -> Tally {
        Self::figures(self)
    }

    fn is_alive(&self) -> bool {
        Self::is_alive(self)
    }
}

/// All shards, watched.
pub struct Shards {
    shards: Vec<Arc<dyn Watched>>,
    samples: Mutex<Vec<Sample>>,
}

struct Sample {
    at: Instant,
    tally: Tally,
    rate: ShardRate,
    turned_at: Instant,
}

impl Shards {
    /// Watches these shards, numbered by their order.
    #[must_use]
    pub fn new(shards: Vec<Arc<dyn Watched>>) -> Arc<Self> {
        let now = clock::now();
        let sample = |(id, shard): (u16, &Arc<dyn Watched>)| {
            let tally = shard.figures();
            let rate = ShardRate { id, cpu: 0.0, sessions: tally.sessions, packets_per_second: 0.0, tier: 1 };
            Sample { at: now, tally, rate, turned_at: now }
        };
        let samples = (0..).zip(&shards).map(sample).collect();
        Arc::new(Self { shards, samples: Mutex::new(samples) })
    }

    /// Takes the rates since the last time.
    pub fn sample(&self) {
        let now = clock::now();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        for (sample, shard) in samples.iter_mut().zip(&self.shards) {
            let tally = shard.figures();
            if tally.turns != sample.tally.turns {
                sample.turned_at = now;
            }
            sample.rate = rate(sample.rate.id, &sample.tally, &tally, now.since(sample.at));
            (sample.at, sample.tally) = (now, tally);
        }
    }

    /// The rates of the last second.
    #[must_use]
    pub fn rates(&self) -> Vec<ShardRate> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let with_now = |(sample, shard): (&Sample, &Arc<dyn Watched>)| ShardRate {
            sessions: shard.figures().sessions,
            ..sample.rate
        };
        samples.iter().zip(&self.shards).map(with_now).collect()
    }

    /// The shards that do not run.
    pub fn dead(&self) -> impl Iterator<Item = u16> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let is_dead = |(sample, shard): &(&Sample, &Arc<dyn Watched>)| {
            !shard.is_alive() || sample.at.since(sample.turned_at) >= DEAD_AFTER
        };
        let dead = samples.iter().zip(&self.shards).filter(is_dead).map(|(sample, _)| sample.rate.id);
        dead.collect::<Vec<_>>().into_iter()
    }

    /// Ports taken from the pool.
    #[must_use]
    pub fn ports_in_use(&self) -> u64 {
        self.shards.iter().map(|shard| shard.figures().ports_in_use).sum()
    }

    /// Media sessions.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.shards.iter().map(|shard| shard.figures().sessions).sum()
    }

    fn tallies(&self) -> impl Iterator<Item = (String, Tally)> {
        self.shards.iter().enumerate().map(|(id, shard)| (id.to_string(), shard.figures()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures of one second are far below 2^52")]
fn rate(id: u16, before: &Tally, after: &Tally, span: Duration) -> ShardRate {
    let seconds = span.as_secs_f64().max(1e-3);
    let moved = |tier: usize| {
        let sum = |tally: &Tally| tally.packets_in[tier] + tally.packets_out[tier];
        sum(after).saturating_sub(sum(before))
    };
    let packets: u64 = (0..TIERS).map(moved).sum();
    let tier = (0..TIERS).rev().find(|tier| moved(*tier) > 0).unwrap_or(1);
    ShardRate {
        id,
        cpu: (after.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e9 / seconds).min(1.0),
        sessions: after.sessions,
        packets_per_second: packets as f64 / seconds,
        tier: u8::try_from(tier).unwrap_or(1),
    }
}

/// The shards as Prometheus reads them.
pub struct ShardCollector {
    shards: Arc<Shards>,
    packets: IntCounterVec,
    dropped: IntCounterVec,
    late: IntCounterVec,
    mixed: IntCounterVec,
    faults: IntCounterVec,
    cpu: prometheus::CounterVec,
    opened: IntCounterVec,
    handshakes: IntCounterVec,
    sessions: IntGauge,
    ports: IntGauge,
    ports_total: IntGauge,
    by_shard: IntGaugeVec,
}

impl ShardCollector {
    /// A collector over `shards`.
    ///
    /// # Errors
    /// When a name is not a valid one, which is a mistake in this file.
    pub fn new(shards: Arc<Shards>) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        Ok(Self {
            packets: counters(
                "ironbell_media_packets_total",
                "RTP and RTCP packets accepted and sent.",
                &["shard", "tier", "direction"],
            )?,
            dropped: counters("ironbell_media_dropped_total", "Datagrams not relayed.", &["shard", "reason"])?,
            late: counters(
                "ironbell_shard_tick_late_total",
                "Turns more than 10 ms late, and frames of 20 ms that began more than 2 ms late.",
                &["shard"],
            )?,
            mixed: counters(
                "ironbell_media_mix_total",
                "Frames of 20 ms of sessions that were mixed, and what was encoded for them.",
                &["shard", "kind"],
            )?,
            faults: counters(
                "ironbell_shard_events_total",
                "What a shard met that it should not often meet.",
                &["shard", "kind"],
            )?,
            opened: counters(
                "ironbell_media_open_delay_total",
                "Legs opened, by the delay from the command until the port receives: below `below_us` microseconds.",
                &["below_us"],
            )?,
            handshakes: counters(
                "ironbell_media_handshakes_total",
                "DTLS handshakes of legs, by whether they ended with keys.",
                &["shard", "result"],
            )?,
            cpu: prometheus::CounterVec::new(
                Opts::new("ironbell_shard_cpu_seconds_total", "User and system time of a shard's thread."),
                &["shard"],
            )?,
            sessions: IntGauge::new("ironbell_media_sessions", "Media sessions.")?,
            ports: IntGauge::new("ironbell_media_ports_in_use", "UDP ports taken from the pool.")?,
            ports_total: IntGauge::new("ironbell_media_ports_total", "UDP ports of the pool.")?,
            by_shard: IntGaugeVec::new(Opts::new("ironbell_shard_sessions", "Media sessions of a shard."), &["shard"])?,
            shards,
        })
    }

    fn read(&self) {
        let (mut sessions, mut ports, mut ports_total, mut delays) = (0, 0, 0, [0; DELAY_BUCKETS]);
        for (shard, tally) in self.shards.tallies() {
            let shard = shard.as_str();
            for (tier, label) in TIER_LABELS.iter().enumerate() {
                raise(&self.packets.with_label_values(&[shard, *label, "in"]), tally.packets_in[tier]);
                raise(&self.packets.with_label_values(&[shard, *label, "out"]), tally.packets_out[tier]);
            }
            for reason in Drop::ALL {
                raise(&self.dropped.with_label_values(&[shard, reason.as_str()]), tally.dropped[reason as usize]);
            }
            raise(&self.late.with_label_values(&[shard]), tally.late_ticks + tally.ticks_late);
            raise(&self.mixed.with_label_values(&[shard, "frames"]), tally.ticks);
            raise(&self.mixed.with_label_values(&[shard, "encodes"]), tally.encodes);
            raise(&self.handshakes.with_label_values(&[shard, "keys"]), tally.handshakes);
            raise(&self.handshakes.with_label_values(&[shard, "none"]), tally.handshakes_failed);
            for (kind, count) in [
                ("legs_refused", tally.legs_refused),
                ("sources_learned", tally.sources_learned),
                ("commands_misused", tally.commands_misused),
                ("reports_skipped", tally.reports_skipped),
                ("buffers_exhausted", tally.buffers_exhausted),
                ("frames_skipped", tally.ticks_skipped),
                ("packets_unmade", tally.packets_unmade),
                ("digits_dropped", tally.digits_dropped),
                ("connects_failed", tally.connects_failed),
                ("panics", tally.panics),
                ("restarts", tally.restarts),
            ] {
                raise(&self.faults.with_label_values(&[shard, kind]), count);
            }
            let cpu = self.cpu.with_label_values(&[shard]);
            cpu.inc_by((Duration::from_nanos(tally.cpu_ns).as_secs_f64() - cpu.get()).max(0.0));
            self.by_shard.with_label_values(&[shard]).set(figure(tally.sessions));
            sessions += tally.sessions;
            ports += tally.ports_in_use;
            ports_total += tally.ports_total;
            delays.iter_mut().zip(tally.open_delay).for_each(|(sum, count)| *sum += count);
        }
        for (bucket, count) in delays.into_iter().enumerate() {
            let below = if bucket + 1 == DELAY_BUCKETS { "inf".to_owned() } else { (1_u64 << bucket).to_string() };
            raise(&self.opened.with_label_values(&[below.as_str()]), count);
        }
        self.sessions.set(figure(sessions));
        self.ports.set(figure(ports));
        self.ports_total.set(figure(ports_total));
    }

    fn all(&self) -> [&dyn Collector; 12] {
        [
            &self.packets,
            &self.dropped,
            &self.late,
            &self.mixed,
            &self.faults,
            &self.cpu,
            &self.opened,
            &self.handshakes,
            &self.sessions,
            &self.ports,
            &self.ports_total,
            &self.by_shard,
        ]
    }
}

impl Collector for ShardCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read();
        self.all().into_iter().flat_map(Collector::collect).collect()
    }
}

/// Brings a counter up to what the shard has counted; a shard's figures never fall.
fn raise(counter: &prometheus::IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

fn figure(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Tally, bool);

    impl Watched for Fixed {
        fn figures(&self) -> Tally {
            self.0
        }

        fn is_alive(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn rates_are_differences_over_the_time_between() {
        let before = Tally { cpu_ns: 1_000, ..Tally::default() };
        let mut after = Tally { cpu_ns: 1_000 + 500_000_000, sessions: 2, ..Tally::default() };
        after.packets_in[1] = 100;
        after.packets_out[1] = 100;
        let rate = rate(3, &before, &after, Duration::from_secs(2));
        assert_eq!(rate, ShardRate { id: 3, cpu: 0.25, sessions: 2, packets_per_second: 100.0, tier: 1 });
    }

    #[test]
    fn a_shard_is_read_under_its_number() {
        let mut tally = Tally { ports_in_use: 4, ..Tally::default() };
        tally.drop(Drop::UnknownSource);
        let shards = Shards::new(vec![Arc::new(Fixed(Tally::default(), true)), Arc::new(Fixed(tally, false))]);
        assert_eq!(shards.dead().collect::<Vec<_>>(), [1]);
        let registry = prometheus::Registry::new();
        registry.register(Box::new(ShardCollector::new(Arc::clone(&shards)).unwrap())).unwrap();
        for _ in 0..2 {
            let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
            assert!(text.contains(r#"ironbell_media_dropped_total{reason="unknown_source",shard="1"} 1"#), "{text}");
            assert!(text.contains("ironbell_media_ports_in_use 4"), "{text}");
        }
        assert_eq!(shards.ports_in_use(), 4);
    }
}
