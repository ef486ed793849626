//! The time after a reload: what calls met before it and with it is compared, and the configuration of before is put back when they begin to fail.

use super::{Cause, Reloads, State, Terms, Verdict, judge};
use crate::{clock, publish::Tally};
use contract::Instant;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

/// How often a configuration on trial is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is noted what was counted, for the time before the next reload.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);

/// Samples kept: the ten minutes before a reload are what it is compared with.
const SAMPLES_MAX: usize = 60;

/// A configuration that is being watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// What calls met before it.
    before: Tally,
    /// Since when it is in force.
    since: Instant,
    /// What is put back if it fails: the last one that was not on trial.
    back_to: u64,
}

/// What was counted in the last minutes.
#[derive(Debug, Default)]
pub(super) struct Samples(VecDeque<(Instant, Tally)>);

impl Samples {
    fn take(&mut self, now: Instant, all: Tally) {
        if self.0.back().is_some_and(|(at, _)| now.since(*at) < SAMPLE_EVERY) {
            return;
        }
        if self.0.len() == SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, all));
    }

    /// What was counted between the oldest sample and `all`.
    fn lately(&self, all: Tally) -> Tally {
        all.since(self.0.front().map(|(_, tally)| *tally).unwrap_or_default())
    }
}

impl Reloads {
    /// Watches for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut every = interval(LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            self.look().await;
        }
    }

    /// A configuration came into force over `origin`. What an operator puts back is meant, and what we put back was good before: neither is on trial.
    pub(super) fn put_to_trial(&self, state: &mut State, cause: Cause, origin: Option<u64>, changes: bool) {
        if cause != Cause::Reload {
            state.trial = None;
        } else if changes && let Some(origin) = origin {
            // One that replaces another on trial is compared with what was before both.
            let all = self.metrics.outcomes().all();
            let (before, back_to) = match state.trial {
                Some(trial) => (trial.before, trial.back_to),
                None => (state.samples.lately(all), origin),
            };
            state.trial = Some(Trial { before, since: clock::now(), back_to });
            self.metrics.outcomes().begin();
        }
    }

    async fn look(self: &Arc<Self>) {
        let mut state = self.state.lock().await;
        let now = clock::now();
        state.samples.take(now, self.metrics.outcomes().all());
        let Some(trial) = state.trial else { return };
        let reload = self.running().server.reload;
        let terms =
            Terms { rollback: reload.rollback, watch: reload.watch, calls_min: reload.calls_min, rise: reload.rise };
        match judge(trial.before, self.metrics.outcomes().fresh(), now.since(trial.since), terms) {
            Verdict::Wait => {}
            Verdict::Stays => {
                state.trial = None;
                tracing::info!(component = "reload", "calls go on as before with the new configuration; it stays");
            }
            Verdict::TakeBack { before, after } => {
                state.trial = None;
                tracing::error!(
                    component = "reload",
                    before,
                    after,
                    "calls fail with the new configuration, {after} of 100 instead of {before}"
                );
                if terms.rollback {
                    self.take_back(&mut state, trial.back_to).await;
                }
            }
        }
    }

    async fn take_back(self: &Arc<Self>, state: &mut State, number: u64) {
        let outcome = self.put_back(state, number, "the exchange", Cause::Rollback).await;
        if outcome.is_ok() {
            self.reloads.with_label_values(&["rolled_back"]).inc();
            tracing::error!(
                component = "reload",
                "the configuration {number} is put back; {} still says otherwise and is read at the next start or reload",
                self.source.file.display()
            );
        }
        self.tell("the exchange", &outcome);
    }
}
