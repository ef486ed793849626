//! One fact, many readers: figures, call records, the log.
//!
//! Features know none of this; they emit [`Fact`]s. What is counted is counted on the signaling thread, because that costs an addition; what
//! is written is handed to the [`journal`], because disks wait.

pub mod cdr;
pub mod journal;
pub mod log;
pub mod metrics;
mod names;
mod outcomes;
pub mod process;
pub mod shards;
pub mod trace;

pub use self::{
    cdr::CallRow,
    metrics::{Lost, Metrics},
    names::{call_direction, disposition, hangup_cause, transfer_outcome},
    outcomes::{Outcomes, Tally},
};

use self::log::Number;
use crate::{
    media::recording::{self, Beginning, Recorder},
    store::StoredBan,
    wire::gate::{Ban, Shut},
};
use signaling::fact::{CallRecord, Fact, RecordingStart};
use std::{net::IpAddr, sync::Arc};
use tokio::sync::mpsc;

/// Call records on the way to the journal, which never waits for a disk: as many as end in the seconds a starved machine may take to run it.
/// One more is lost, counted and shouted about.
pub const JOURNAL_QUEUE_MAX: usize = 65_536;

/// The signaling thread's end: takes facts, never waits.
pub struct Publisher {
    metrics: Arc<Metrics>,
    journal: mpsc::Sender<Box<CallRecord>>,
    recorder: Recorder,
    bans: mpsc::Sender<Kept>,
}

/// What the store is to know of a source: its ban, or that it has none any more.
pub type Kept = (IpAddr, Option<StoredBan>);

/// Bans on their way to the store. One more is in force, and a restart will not know of it.
pub const BANS_QUEUE_MAX: usize = 1_024;

impl Publisher {
    /// Counts into `metrics`, hands records to `journal` and bans to `bans`, and tells `recorder` what is recorded.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        journal: mpsc::Sender<Box<CallRecord>>,
        recorder: Recorder,
        bans: mpsc::Sender<Kept>,
    ) -> Self {
        Self { metrics, journal, recorder, bans }
    }

    /// Takes one fact.
    pub fn publish(&mut self, fact: Fact) {
        self.metrics.observe(&fact);
        match fact {
            Fact::CallEnded(record) => self.record(record),
            Fact::Registered { number, contact, refreshed: false } => {
                tracing::info!(component = "registrar", number = %Number(&number), contact, "registered");
            }
            Fact::Registered { number, refreshed: true, .. } => {
                tracing::debug!(component = "registrar", number = %Number(&number), "registration refreshed");
            }
            Fact::Unregistered { number, contact, expired } => {
                tracing::info!(component = "registrar", number = %Number(&number), contact, expired, "unregistered");
            }
            Fact::AuthFailed { source, .. } => {
                tracing::info!(component = "auth", %source, "credentials refused");
            }
            Fact::TrunkUp { trunk } => tracing::info!(component = "trunk", trunk, "up"),
            Fact::TrunkDown { trunk, why } => tracing::warn!(component = "trunk", trunk, why, "down"),
            Fact::StoreFailed => {
                tracing::warn!(
                    component = "store",
                    "the store did not take a write in time; a registration is kept in memory only, a message is not kept"
                );
            }
            Fact::MediaRefused { call, why } => {
                tracing::warn!(component = "media", %call, ?why, "a leg was refused");
            }
            // One line a leg; that it misses a target again, or another, is for the counter.
            Fact::QualityMissed { call, leg, target, first: true } => {
                tracing::warn!(component = "media", %call, leg, target = names::target(target), "the sound of a leg is below target");
            }
            Fact::QualityMissed { call, leg, target, first: false } => {
                tracing::debug!(component = "media", %call, leg, target = names::target(target), "the sound of a leg is below target");
            }
            Fact::RecordingBegan(start) => self.record_sound(*start),
            Fact::RecordingChanged { call, recording, state } => {
                tracing::info!(component = "recording", %call, id = recording::name(recording), ?state, "changed");
            }
            Fact::RecordingEnded { call, recording, frames_lost } => {
                tracing::info!(component = "recording", %call, id = recording::name(recording), frames_lost, "ended");
                self.recorder.ended(recording, frames_lost);
            }
            Fact::InvariantViolated { invariant } => {
                tracing::error!(
                    component = "signaling",
                    invariant,
                    "an invariant is violated; this is a defect of the exchange"
                );
            }
            Fact::CallChanged { call, state } => tracing::debug!(component = "call", %call, ?state, "changed"),
            Fact::CallSetUp { call, took } => tracing::debug!(component = "call", %call, ?took, "answered"),
            Fact::Dropped { why, source } => tracing::debug!(component = "transport", ?why, %source, "dropped"),
            // Decisions are the trace's matter.
            Fact::Request { .. } | Fact::Response { .. } | Fact::Decided(_) => {}
        }
    }

    /// Counts a datagram that did not leave.
    pub fn lost(&self, why: Lost) {
        self.metrics.lost(why);
    }

    /// Counts what was dropped before it was read.
    pub fn shut(&self, why: Shut) {
        self.metrics.shut(why);
    }

    /// Tells that a source is shut out from now on.
    pub fn banned(&self, ban: &Ban) {
        let span = ban.until.since(ban.since);
        tracing::warn!(
            component = "gate",
            source = %ban.source,
            reason = ban.reason.name(),
            seconds = span.as_secs(),
            "a source is banned"
        );
        let stored = StoredBan { source: ban.source.first(), reason: ban.reason, expires_in: span };
        self.keep(ban, Some(stored));
    }

    /// Tells that the ban of a source was lifted.
    pub fn lifted(&self, ban: &Ban) {
        tracing::info!(component = "gate", source = %ban.source, "the ban of a source is lifted");
        self.keep(ban, None);
    }

    /// Tells how many bans are in force.
    pub fn bans_active(&self, count: usize) {
        self.metrics.bans_active(count);
    }

    fn keep(&self, ban: &Ban, stored: Option<StoredBan>) {
        if self.bans.try_send((ban.source.first(), stored)).is_err() {
            tracing::warn!(component = "gate", source = %ban.source, "the store is behind: a restart will not know of this");
        }
    }

    fn record_sound(&self, start: RecordingStart) {
        let RecordingStart { recording, call, from, to, channels, rate_hz, started_at, ordered } = start;
        tracing::info!(component = "recording", %call, id = recording::name(recording), ordered, "began");
        let beginning = Beginning { recording, call, from, to, channels, rate_hz, started_at, ordered };
        if let Err(recording) = self.recorder.begin(beginning) {
            tracing::error!(component = "recording", %call, id = recording::name(recording), "no room for a recording: it is lost");
        }
    }

    fn record(&mut self, record: Box<CallRecord>) {
        if let Err(refused) = self.journal.try_send(record) {
            self.metrics.record_lost();
            tracing::error!(component = "cdr", call = %refused.into_inner().call, "no room for a call record: it is lost");
        }
    }
}
