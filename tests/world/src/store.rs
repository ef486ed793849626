//! The store as the exchange sees it: it answers, slowly, twice, with a fault, or never.

use crate::{rng::Rng, swarm::StoreFaults};
use core::time::Duration;
use signaling::{
    effect::Ask,
    id::QueryId,
    input::{StoreFault, StoredBinding},
};
use std::collections::{BTreeMap, BTreeSet};

/// What was kept, and how it misbehaves.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) faults: StoreFaults,
    rng: Rng,
    pub(crate) bindings: BTreeMap<String, Vec<StoredBinding>>,
    pub(crate) messages: BTreeSet<u64>,
}

/// One answer to come.
pub(crate) type Answer = (Duration, QueryId, Result<(), StoreFault>);

impl Store {
    pub(crate) const fn new(faults: StoreFaults, rng: Rng) -> Self {
        Self { faults, rng, bindings: BTreeMap::new(), messages: BTreeSet::new() }
    }

    pub(crate) fn obey(&mut self, query: QueryId, ask: Ask) -> Vec<Answer> {
        if self.rng.chance(self.faults.never_percent) {
            return Vec::new();
        }
        let outcome = if self.rng.chance(self.faults.fail_percent) {
            Err(if self.rng.chance(50) { StoreFault::Full } else { StoreFault::Unavailable })
        } else {
            match ask {
                Ask::SaveBindings { number, bindings } => {
                    self.bindings.insert(number, bindings);
                }
                Ask::KeepMessage(message) => {
                    self.messages.insert(message.id);
                }
                Ask::ForgetMessage { id } => {
                    self.messages.remove(&id);
                }
            }
            Ok(())
        };
        let most = u64::try_from(self.faults.delay_max.as_nanos()).unwrap_or(0);
        let times = 1 + usize::from(self.rng.chance(self.faults.twice_percent));
        (0..times).map(|_| (Duration::from_nanos(30_000 + self.rng.below(most)), query, outcome)).collect()
    }
}
