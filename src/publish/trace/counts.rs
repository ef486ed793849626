//! How many messages were kept, and what was lost on the way.

use super::turn::Turn;
use prometheus::{IntCounter, IntCounterVec, Opts, core::Collector, proto::MetricFamily};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Octets of turns on the way to the keeper. One more turn is dropped and counted.
const OCTETS_MAX: usize = 32 << 20;

/// Why something is not in the trace.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lost {
    /// Turns that found no room on the way to the keeper.
    Queue,
    /// Messages of conversations that belong to no call, beyond what is kept of those.
    Strangers,
    /// Blocks of records that the disk did not take.
    Disk,
    /// Messages that could not be sent to HOMER.
    Hep,
}

const LOST: [(Lost, &str); 4] =
    [(Lost::Queue, "queue"), (Lost::Strangers, "strangers"), (Lost::Disk, "disk"), (Lost::Hep, "hep")];

/// The figures.
#[derive(Debug)]
pub(super) struct Counts {
    octets: AtomicUsize,
    messages: IntCounter,
    sent: IntCounter,
    lost: Vec<IntCounter>,
    vector: IntCounterVec,
}

impl Counts {
    pub(super) fn new() -> prometheus::Result<Self> {
        let vector = IntCounterVec::new(
            Opts::new(
                "ironbell_trace_lost_total",
                "What is not in the trace: turns (queue), messages (strangers, hep), blocks of records (disk).",
            ),
            &["reason"],
        )?;
        Ok(Self {
            octets: AtomicUsize::new(0),
            messages: IntCounter::new("ironbell_trace_messages_total", "SIP messages written to the trace.")?,
            sent: IntCounter::new("ironbell_hep_sent_total", "SIP messages sent to HOMER.")?,
            lost: LOST.iter().map(|(_, name)| vector.with_label_values(&[*name])).collect(),
            vector,
        })
    }

    /// Whether a turn may go on its way; counts its octets if so.
    pub(super) fn admit(&self, octets: usize) -> bool {
        let admitted = self.octets.load(Ordering::Relaxed) + octets <= OCTETS_MAX;
        if admitted {
            self.octets.fetch_add(octets, Ordering::Relaxed);
        } else {
            self.lose(Lost::Queue, 1);
        }
        admitted
    }

    /// A turn that was admitted found no room.
    pub(super) fn refused(&self, octets: usize) {
        self.octets.fetch_sub(octets, Ordering::Relaxed);
        self.lose(Lost::Queue, 1);
    }

    /// A turn has arrived.
    pub(super) fn taken(&self, turn: &Turn) {
        self.octets.fetch_sub(turn.octets(), Ordering::Relaxed);
    }

    pub(super) fn kept(&self) {
        self.messages.inc();
    }

    pub(super) fn sent(&self) {
        self.sent.inc();
    }

    pub(super) fn lose(&self, why: Lost, count: u64) {
        self.lost[why as usize].inc_by(count);
    }
}

/// The figures for who scrapes them.
pub(super) struct Figures(pub(super) std::sync::Arc<Counts>);

impl Collector for Figures {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        let Counts { messages, sent, vector, .. } = &*self.0;
        [messages.desc(), sent.desc(), vector.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Counts { messages, sent, vector, .. } = &*self.0;
        [messages.collect(), sent.collect(), vector.collect()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_way_is_bounded() {
        let counts = Counts::new().unwrap();
        assert!(counts.admit(OCTETS_MAX) && !counts.admit(1));
        counts.refused(OCTETS_MAX);
        assert!(counts.admit(1));
        assert_eq!(counts.lost[Lost::Queue as usize].get(), 2);
        for (place, (why, _)) in LOST.iter().enumerate() {
            assert_eq!(*why as usize, place);
        }
    }
}
