//! Prometheus figures of what happened, with every handle resolved at boot so that a message costs an addition.
//!
//! Labels are bounded: kinds and reasons, never calls, numbers or addresses. Figures that are a state rather than a count are asked for when
//! they are read ([`Metrics::observe_status`]), so that they are never older than the answer.

use super::{Outcomes, names};
use crate::{media::recording, wire::gate::Shut};
use contract::{Codec, LegReport};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};
use signaling::{
    effect::{StatusView, TrunkView},
    fact::{CallRecord, Disposition, DropReason, Fact, MethodLabel, QualityTarget},
    flow::Transport,
};

/// Why a datagram of ours did not leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lost {
    /// The kernel's send buffer is full.
    SendBufferFull,
    /// No datagram socket belongs to the flow.
    NoSocket,
    /// The system refused: no route, no such network, too large.
    Unsendable,
}

/// All figures the shell counts itself.
pub struct Metrics {
    registry: Registry,
    outcomes: Outcomes,
    requests: Vec<IntCounter>,
    responses: Vec<IntCounter>,
    dropped: Vec<IntCounter>,
    lost: [IntCounter; 3],
    shut: [IntCounter; Shut::ALL.len()],
    auth_failures: IntCounter,
    calls: Vec<IntCounter>,
    setup: Histogram,
    call_bytes: Histogram,
    mos: HistogramVec,
    loss: HistogramVec,
    jitter: HistogramVec,
    round_trip: HistogramVec,
    targets_missed: Vec<IntCounter>,
    store_failures: IntCounter,
    media_refused: Vec<IntCounter>,
    invariants: IntCounterVec,
    records_lost: IntCounter,
    recordings: recording::Counters,
    trunk_up: IntGaugeVec,
    trunk_calls: IntGaugeVec,
    active: IntGauge,
    legs: IntGauge,
    registrations: IntGauge,
    transactions: IntGauge,
    timers: IntGauge,
    streams: IntGauge,
    queries: IntGauge,
    subscriptions: IntGauge,
    publications: IntGauge,
    messages: IntGauge,
    draining: IntGauge,
    bans: IntGauge,
}

impl Metrics {
    /// All figures at zero.
    ///
    /// # Errors
    /// When two figures have one name, which is a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Maker { registry: &registry };
        let requests = make.counters(
            "ironbell_sip_requests_total",
            "SIP requests read and sent.",
            &["method", "transport", "direction"],
        )?;
        let responses =
            make.counters("ironbell_sip_responses_total", "SIP responses read and sent.", &["class", "direction"])?;
        let dropped = make.counters(
            "ironbell_sip_dropped_total",
            "SIP messages thrown away, and datagrams that could not be sent.",
            &["reason"],
        )?;
        let calls = make.counters("ironbell_calls_total", "Calls that ended.", &["direction", "disposition"])?;
        let refused = make.counters("ironbell_media_refused_total", "Legs a shard refused.", &["reason"])?;
        let targets = make.counters(
            "ironbell_media_quality_breaches_total",
            "Times the sound of a leg fell below a target: loss over 3 %, latency over 150 ms, jitter over 30 ms.",
            &["what"],
        )?;
        let recorded = make.counters(
            "ironbell_recordings_total",
            "Recordings that ended: whole, cut before their call, or refused for want of room.",
            &["outcome"],
        )?;
        let invariants = make.counters(
            "ironbell_invariant_violations_total",
            "Checks of the exchange by itself that failed: defects.",
            &["invariant"],
        )?;
        for known in ["panic", "state", "balance"] {
            invariants.with_label_values(&[known]);
        }
        make.gauge("ironbell_up", "1 while the exchange runs.")?.set(1);
        let build = make.gauges("ironbell_build_info", "The version that runs.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            requests: names::METHODS
                .iter()
                .flat_map(|method| names::TRANSPORTS.map(|transport| (method, transport)))
                .flat_map(|(method, transport)| {
                    names::DIRECTIONS.map(|direction| [method.1, transport.lower(), direction])
                })
                .map(|labels| requests.with_label_values(&labels))
                .collect(),
            responses: ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"]
                .iter()
                .flat_map(|class| names::DIRECTIONS.map(|direction| responses.with_label_values(&[*class, direction])))
                .collect(),
            dropped: names::DROPS.iter().map(|(_, reason)| dropped.with_label_values(&[*reason])).collect(),
            lost: ["send_buffer_full", "no_socket", "unsendable"].map(|reason| dropped.with_label_values(&[reason])),
            shut: Shut::ALL.map(|(_, reason)| dropped.with_label_values(&[reason])),
            calls: names::CALL_DIRECTIONS
                .iter()
                .flat_map(|(_, direction)| names::DISPOSITIONS.map(|(_, name)| [*direction, name]))
                .map(|labels| calls.with_label_values(&labels))
                .collect(),
            media_refused: names::REFUSALS.iter().map(|reason| refused.with_label_values(&[*reason])).collect(),
            auth_failures: make.counter("ironbell_auth_failures_total", "Wrong, unknown or replayed credentials.")?,
            setup: make.histogram(
                "ironbell_call_setup_seconds",
                "From a call's INVITE to its answer.",
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0],
            )?,
            call_bytes: make.histogram(
                "ironbell_call_bytes",
                "Memory a call held at its largest.",
                &[1024.0, 2048.0, 4096.0, 6144.0, 8192.0, 12288.0, 16384.0, 32768.0, 65536.0],
            )?,
            mos: make.sounds(
                "ironbell_media_mos",
                "Mean opinion score of a direction of a leg, by the E-model: in is what came from its phone, out what its phone tells.",
                &[1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.2, 4.3, 4.4, 4.5],
            )?,
            loss: make.sounds(
                "ironbell_media_loss_ratio",
                "The part of packets of a direction of a leg that never came.",
                &[0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0],
            )?,
            jitter: make.sounds(
                "ironbell_media_jitter_seconds",
                "Interarrival jitter of a direction of a leg.",
                &[0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5],
            )?,
            round_trip: make.sounds(
                "ironbell_media_round_trip_seconds",
                "Round trip to the phone of a leg, as its RTCP tells.",
                &[0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0],
            )?,
            targets_missed: QualityTarget::ALL
                .map(|target| targets.with_label_values(&[names::target(target)]))
                .to_vec(),
            store_failures: make.counter("ironbell_store_failures_total", "Writes the store did not take in time.")?,
            records_lost: make.counter("ironbell_records_lost_total", "Call records that found no room any more.")?,
            recordings: recording::Counters {
                active: make.gauge("ironbell_recordings_active", "Recordings being written.")?,
                finished: recorded.with_label_values(&["finished"]),
                cut: recorded.with_label_values(&["cut"]),
                refused: recorded.with_label_values(&["refused"]),
                frames_lost: make.counter(
                    "ironbell_recording_frames_lost_total",
                    "Frames of 20 ms that were lost on the way to a file and are silence in it.",
                )?,
                behind: make.counter(
                    "ironbell_recording_blocks_refused_total",
                    "Blocks of sound that a file was too slow for.",
                )?,
                room: make.gauge(
                    "ironbell_recording_disk_state",
                    "0: the disk of recordings has room; 1: below the warning; 2: below the floor, nothing is recorded.",
                )?,
            },
            trunk_up: make.gauges("ironbell_trunk_up", "1 while the trunk can be used.", &["trunk"])?,
            trunk_calls: make.gauges("ironbell_trunk_calls_active", "Channels of the trunk that are taken.", &["trunk"])?,
            active: make.gauge("ironbell_calls_active", "Calls up.")?,
            legs: make.gauge("ironbell_legs_active", "Legs of the calls that are up.")?,
            registrations: make.gauge("ironbell_registrations", "Accounts with at least one binding.")?,
            transactions: make.gauge("ironbell_transactions_active", "SIP transactions.")?,
            timers: make.gauge("ironbell_timers_active", "Timers armed in signaling.")?,
            streams: make.gauge("ironbell_sip_streams_active", "SIP stream connections with state.")?,
            queries: make.gauge("ironbell_store_queries_active", "Questions to the store without an answer.")?,
            subscriptions: make.gauge("ironbell_subscriptions", "Subscriptions to presence, lamps, messages and contacts.")?,
            publications: make.gauge("ironbell_publications", "Presence states that phones publish.")?,
            messages: make.gauge("ironbell_messages_waiting", "Text messages kept until a phone takes them.")?,
            bans: make.gauge("ironbell_bans_active", "Sources banned.")?,
            draining: make.gauge("ironbell_draining", "1 while no new calls are taken.")?,
            invariants,
            outcomes: Outcomes::default(),
            registry,
        })
    }

    /// Adds figures that others keep.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(&self, collector: Box<dyn Collector>) -> prometheus::Result<()> {
        self.registry.register(collector)
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(32 * 1024);
        // Writing to a string cannot fail, and the families are the registry's own.
        let _ = prometheus::TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    /// Takes over the figures of the whole.
    pub fn observe_status(&self, status: &StatusView) {
        self.active.set(figure(status.calls));
        self.legs.set(figure(status.legs));
        self.registrations.set(figure(status.registrations));
        self.transactions.set(figure(status.transactions));
        self.timers.set(figure(status.timers));
        self.streams.set(figure(status.streams));
        self.queries.set(figure(status.queries));
        self.subscriptions.set(figure(status.subscriptions));
        self.publications.set(figure(status.publications));
        self.messages.set(figure(status.messages));
        self.draining.set(i64::from(status.draining));
    }

    /// Takes over how it is with the trunks. One that the configuration has no more is not shown any more.
    pub fn observe_trunks(&self, trunks: &[TrunkView]) {
        self.trunk_up.reset();
        self.trunk_calls.reset();
        for trunk in trunks {
            self.trunk_up.with_label_values(&[&trunk.name]).set(i64::from(trunk.fault.is_none()));
            self.trunk_calls.with_label_values(&[&trunk.name]).set(figure(trunk.calls));
        }
    }

    /// Counts a fact.
    pub fn observe(&self, fact: &Fact) {
        self.outcomes.observe(fact);
        match fact {
            Fact::Request { method, transport, inbound } => request(&self.requests, *method, *transport, *inbound),
            Fact::Response { class, inbound } => {
                let at = (usize::from(*class).clamp(1, 6) - 1) * 2 + usize::from(!*inbound);
                self.responses[at].inc();
            }
            Fact::Dropped { why, .. } => self.dropped[drop_place(*why)].inc(),
            Fact::AuthFailed { .. } => self.auth_failures.inc(),
            Fact::StoreFailed => self.store_failures.inc(),
            Fact::CallSetUp { took, .. } => self.setup.observe(took.as_secs_f64()),
            Fact::CallEnded(record) => self.observe_call(record),
            Fact::MediaRefused { why, .. } => self.media_refused[names::refusal_place(*why)].inc(),
            Fact::QualityMissed { target, .. } => self.targets_missed[*target as usize].inc(),
            Fact::InvariantViolated { invariant } => self.invariants.with_label_values(&[*invariant]).inc(),
            Fact::Registered { .. }
            | Fact::Unregistered { .. }
            | Fact::TrunkUp { .. }
            | Fact::TrunkDown { .. }
            | Fact::CallChanged { .. }
            | Fact::RecordingBegan(_)
            | Fact::RecordingChanged { .. }
            | Fact::RecordingEnded { .. }
            | Fact::Decided(_) => {}
        }
    }

    /// What became of calls.
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// The figures of recordings, for who makes them.
    #[must_use]
    pub fn recordings(&self) -> recording::Counters {
        self.recordings.clone()
    }

    fn observe_call(&self, record: &CallRecord) {
        let of_direction = record.direction as usize * names::DISPOSITIONS.len();
        self.calls[of_direction + disposition_place(record.disposition)].inc();
        #[expect(clippy::cast_precision_loss, reason = "a call's memory is far below 2^52 bytes")]
        self.call_bytes.observe(record.bytes as f64);
        for report in record.legs.iter().filter_map(|leg| leg.report) {
            self.observe_sound(&report);
        }
    }

    /// Counts how a leg sounded, each direction by itself. A direction without a packet did not sound.
    fn observe_sound(&self, report: &LegReport) {
        let codec = names::codec(report.codec);
        let tier = names::TIERS[usize::from(report.tier).min(names::TIERS.len() - 1)];
        let [inward, outward] = names::DIRECTIONS.map(|direction| [codec, tier, direction]);
        if let Some(loss) = report.loss() {
            self.loss.with_label_values(&inward).observe(loss);
            self.jitter.with_label_values(&inward).observe(report.jitter.as_secs_f64());
        }
        if let Some(mos) = report.mos {
            self.mos.with_label_values(&inward).observe(f64::from(mos));
        }
        if let Some(trip) = report.round_trip {
            self.round_trip.with_label_values(&outward).observe(trip.as_secs_f64());
        }
        let Some(peer) = report.peer else { return };
        if let Some(loss) = report.peer_loss() {
            self.loss.with_label_values(&outward).observe(loss);
            self.jitter.with_label_values(&outward).observe(peer.jitter.as_secs_f64());
        }
        if let Some(mos) = peer.mos {
            self.mos.with_label_values(&outward).observe(f64::from(mos));
        }
    }

    /// Counts a datagram that did not leave.
    pub fn lost(&self, why: Lost) {
        let [full, no_socket, unsendable] = &self.lost;
        match why {
            Lost::SendBufferFull => full.inc(),
            Lost::NoSocket => no_socket.inc(),
            Lost::Unsendable => unsendable.inc(),
        }
    }

    /// Counts what was dropped before it was read.
    pub fn shut(&self, why: Shut) {
        self.shut[why as usize].inc();
    }

    /// Takes over how many bans are in force.
    pub fn bans_active(&self, count: usize) {
        self.bans.set(figure(count));
    }

    /// Counts a record that found no room.
    pub fn record_lost(&self) {
        self.records_lost.inc();
    }
}

struct Maker<'r> {
    registry: &'r Registry,
}

impl Maker<'_> {
    fn add<C: Collector + Clone + 'static>(&self, figure: C) -> prometheus::Result<C> {
        self.registry.register(Box::new(figure.clone()))?;
        Ok(figure)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<prometheus::IntGaugeVec> {
        self.add(prometheus::IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// A histogram of what legs sound like. There from the first scrape for the codec that every phone has, for others from their first leg.
    fn sounds(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let figure = self.add(HistogramVec::new(opts, &["codec", "tier", "direction"])?)?;
        for direction in names::DIRECTIONS {
            figure.with_label_values(&[names::codec(Some(Codec::Pcmu)), "1", direction]);
        }
        Ok(figure)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }
}

fn request(counters: &[IntCounter], method: MethodLabel, transport: Transport, inbound: bool) {
    let transport = names::TRANSPORTS.iter().position(|known| *known == transport).unwrap_or(0);
    let at = (method_place(method) * names::TRANSPORTS.len() + transport) * 2 + usize::from(!inbound);
    counters[at].inc();
}

fn method_place(method: MethodLabel) -> usize {
    // The table is in the order of the enumeration; a test holds them together.
    method as usize
}

fn drop_place(why: DropReason) -> usize {
    why as usize
}

fn disposition_place(disposition: Disposition) -> usize {
    disposition as usize
}

fn figure(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_labels_are_in_the_order_of_their_enumerations() {
        for (place, (method, _)) in names::METHODS.iter().enumerate() {
            assert_eq!(method_place(*method), place);
        }
        for (place, (why, _)) in names::DROPS.iter().enumerate() {
            assert_eq!(drop_place(*why), place);
        }
        for (place, (why, _)) in Shut::ALL.iter().enumerate() {
            assert_eq!(*why as usize, place);
        }
        for (place, (disposition, _)) in names::DISPOSITIONS.iter().enumerate() {
            assert_eq!(disposition_place(*disposition), place);
        }
    }

    #[test]
    fn a_request_is_counted_under_its_own_labels() {
        let metrics = Metrics::new().unwrap();
        metrics.observe(&Fact::Request { method: MethodLabel::Other, transport: Transport::Tcp, inbound: false });
        metrics.observe(&Fact::Request { method: MethodLabel::Register, transport: Transport::Udp, inbound: true });
        metrics.observe(&Fact::Response { class: 6, inbound: false });
        let text = metrics.render();
        for line in [
            r#"ironbell_sip_requests_total{direction="out",method="OTHER",transport="tcp"} 1"#,
            r#"ironbell_sip_requests_total{direction="in",method="REGISTER",transport="udp"} 1"#,
            r#"ironbell_sip_requests_total{direction="in",method="INVITE",transport="udp"} 0"#,
            r#"ironbell_sip_responses_total{class="6xx",direction="out"} 1"#,
            "ironbell_up 1",
            "ironbell_calls_active 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
    #[test]
    fn each_direction_of_a_leg_is_measured_by_itself() {
        let metrics = Metrics::new().unwrap();
        let peer = contract::PeerReport { packets_lost: 250, mos: Some(3.1), ..Default::default() };
        metrics.observe_sound(&LegReport {
            codec: Some(Codec::Opus),
            tier: 2,
            packets_received: 990,
            packets_lost: 10,
            packets_sent: 1_000,
            mos: Some(4.15),
            peer: Some(peer),
            ..LegReport::default()
        });
        // A leg that nothing came from and that tells nothing did not sound.
        metrics.observe_sound(&LegReport { codec: Some(Codec::Opus), tier: 2, ..LegReport::default() });
        let text = metrics.render();
        for line in [
            r#"ironbell_media_loss_ratio_sum{codec="opus",direction="in",tier="2"} 0.01"#,
            r#"ironbell_media_loss_ratio_sum{codec="opus",direction="out",tier="2"} 0.25"#,
            r#"ironbell_media_loss_ratio_count{codec="opus",direction="in",tier="2"} 1"#,
            r#"ironbell_media_mos_bucket{codec="opus",direction="in",tier="2",le="4"} 0"#,
            r#"ironbell_media_mos_bucket{codec="opus",direction="in",tier="2",le="4.2"} 1"#,
            r#"ironbell_media_mos_bucket{codec="opus",direction="out",tier="2",le="3.3"} 1"#,
            r#"ironbell_media_mos_count{codec="PCMU",direction="in",tier="1"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
