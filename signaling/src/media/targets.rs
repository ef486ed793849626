//! The targets for sound that anybody may expect (RTP-11), and when a leg misses one.
//!
//! A target is missed once until it is met again with a third to spare, so that a line on the edge does not raise an alert with every measure.
//! Looks at figures only; who is told is the call's matter.

use crate::fact::QualityTarget;
use contract::LegReport;
use core::time::Duration;

/// The part of packets that may be lost, ITU-T G.1010 table I.1 for conversation.
const LOSS_MAX: f64 = 0.03;

/// One way, ITU-T G.114.
const LATENCY_MAX: Duration = Duration::from_millis(150);

/// Interarrival jitter.
const JITTER_MAX: Duration = Duration::from_millis(30);

/// Packets a measure of loss needs; one of fewer would be missed by a single packet.
const PACKETS_MIN: u64 = 100;

/// What has been seen of one leg.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Watch {
    missed: [bool; QualityTarget::ALL.len()],
    received: u64,
    lost: u64,
    /// A target was missed before.
    told: bool,
}

impl Watch {
    /// Whether a target is told of for the first time; asked once for each that is.
    pub fn is_first(&mut self) -> bool {
        !core::mem::replace(&mut self.told, true)
    }

    /// Looks at the latest figures; the targets newly missed.
    #[must_use]
    pub fn look(&mut self, report: &LegReport) -> [Option<QualityTarget>; QualityTarget::ALL.len()] {
        let received = report.packets_received.saturating_sub(self.received);
        let lost = report.packets_lost.saturating_sub(self.lost);
        let loss = (received + lost >= PACKETS_MIN).then(|| {
            (self.received, self.lost) = (report.packets_received, report.packets_lost);
            lost as f64 / (received + lost) as f64
        });
        let peer = report.peer.unwrap_or_default();
        let latency = report.round_trip.unwrap_or_default() / 2 + report.playout_delay.unwrap_or_default();
        let jitter = report.jitter.max(peer.jitter);
        let [was_lossy, was_slow, was_uneven] = self.missed;
        self.missed = [
            // Without packets to judge by it stays as it was.
            loss.map_or(was_lossy, |loss| misses(loss.max(f64::from(peer.loss)), LOSS_MAX, was_lossy)),
            misses(latency.as_secs_f64(), LATENCY_MAX.as_secs_f64(), was_slow),
            misses(jitter.as_secs_f64(), JITTER_MAX.as_secs_f64(), was_uneven),
        ];
        let newly = |at: usize, was: bool| (self.missed[at] && !was).then_some(QualityTarget::ALL[at]);
        [newly(0, was_lossy), newly(1, was_slow), newly(2, was_uneven)]
    }
}

/// Whether a figure misses its target, given whether it did before.
fn misses(figure: f64, most: f64, before: bool) -> bool {
    figure > if before { most * 2.0 / 3.0 } else { most }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(received: u64, lost: u64, jitter_ms: u64, round_trip_ms: u64) -> LegReport {
        LegReport {
            packets_received: received,
            packets_lost: lost,
            jitter: Duration::from_millis(jitter_ms),
            round_trip: Some(Duration::from_millis(round_trip_ms)),
            ..LegReport::default()
        }
    }

    fn newly(watch: &mut Watch, report: &LegReport) -> Vec<QualityTarget> {
        watch.look(report).into_iter().flatten().collect()
    }

    #[test]
    fn each_target_is_missed_by_itself_and_told_once() {
        let mut watch = Watch::default();
        assert_eq!(newly(&mut watch, &report(500, 15, 30, 300)), [], "on the targets is within");
        assert_eq!(newly(&mut watch, &report(950, 65, 30, 300)), [QualityTarget::Loss]);
        assert_eq!(newly(&mut watch, &report(1_400, 115, 31, 302)), [QualityTarget::Latency, QualityTarget::Jitter]);
        assert_eq!(newly(&mut watch, &report(1_850, 165, 90, 900)), [], "they are known");
    }

    #[test]
    fn a_line_on_the_edge_is_told_again_only_after_it_was_good() {
        let mut watch = Watch::default();
        for (jitter_ms, told) in
            [(31, true), (29, false), (31, false), (21, false), (35, false), (20, false), (31, true)]
        {
            assert_eq!(!newly(&mut watch, &report(0, 0, jitter_ms, 0)).is_empty(), told, "{jitter_ms} ms");
        }
    }

    #[test]
    fn loss_is_that_since_the_last_measure_and_few_packets_say_nothing() {
        let mut watch = Watch::default();
        assert_eq!(newly(&mut watch, &report(50, 40, 0, 0)), []);
        assert_eq!(newly(&mut watch, &report(60, 40, 0, 0)), [QualityTarget::Loss]);
        assert_eq!(newly(&mut watch, &report(560, 40, 0, 0)), []);
        assert_eq!(newly(&mut watch, &report(1_000, 100, 0, 0)), [QualityTarget::Loss], "it was good in between");
    }

    #[test]
    fn what_the_far_end_hears_counts_too() {
        let mut watch = Watch::default();
        let peer = Some(contract::PeerReport { loss: 0.2, ..Default::default() });
        assert_eq!(newly(&mut watch, &LegReport { peer, ..report(500, 0, 0, 0) }), [QualityTarget::Loss]);
    }
}
