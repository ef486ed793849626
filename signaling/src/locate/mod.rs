//! Where the servers of a domain are: RFC 3263, with the answers of name servers asked for by message and kept for as long as they may be believed.
//!
//! Pure: it says which questions are open and takes what was answered, late, twice or never. It does not know transactions; who searches gives a name
//! of its own and is told what was found.

mod cache;
mod select;
#[cfg(test)]
mod tests;

use self::{
    cache::{Cache, Known},
    select::{Selection, select},
};
use crate::{
    dns::{Question, Resolution},
    flow::Transport,
    id::LookupId,
    limits::{LOCATE_QUESTIONS_MAX, LOCATE_SEARCHES_MAX},
};
use contract::Instant;
use core::net::SocketAddr;
use std::{collections::BTreeMap, sync::Arc};

/// A host by name, as a URI tells it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Place {
    /// The name in lower case.
    pub host: Arc<str>,
    /// The port, if the URI has one.
    pub port: Option<u16>,
    /// The transport, if the URI names one.
    pub transport: Option<Transport>,
    /// Only TLS will do (`sips`).
    pub secure: bool,
}

/// One address of a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target {
    /// The protocol.
    pub transport: Transport,
    /// The address.
    pub remote: SocketAddr,
}

/// The transports and families that we have listeners for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Able(Vec<(Transport, bool)>);

impl Able {
    /// Those of these listeners, each by transport and whether it is of IPv4.
    pub(crate) fn new(listeners: impl Iterator<Item = (Transport, bool)>) -> Self {
        Self(listeners.collect())
    }

    fn speaks(&self, transport: Transport, v4: bool) -> bool {
        self.0.contains(&(transport, v4))
    }
}

/// Who searches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Seeker {
    /// A request of this name, which goes to the first server that answers.
    Request(u64),
    /// Somebody who wants to know, under a name of his own.
    Interested(u64),
}

/// How a search stands.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// Where to go, in order; empty: nowhere.
    Found(Vec<Target>),
    /// Answers are waited for.
    Waiting,
    /// A limit of ours; nothing was begun.
    Exhausted,
}

/// All searches, the questions they wait for, and what is known.
#[derive(Debug, Default)]
pub(crate) struct Locator {
    cache: Cache,
    open: BTreeMap<LookupId, Question>,
    asked: BTreeMap<Question, LookupId>,
    searches: BTreeMap<Seeker, Search>,
    serial: u64,
}

#[derive(Debug)]
struct Search {
    place: Arc<Place>,
    able: Able,
    seed: u64,
    /// What was learned in its course, so that an answer cannot end before the search does.
    known: BTreeMap<Question, Known>,
}

impl Locator {
    /// Begins a search under the name `who`, which is no other's. `ask` is given the questions that are now open.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        who: Seeker,
        (place, able, seed): (Arc<Place>, Able, u64),
        ask: &mut Vec<(LookupId, Question)>,
    ) -> Progress {
        if self.searches.len() >= LOCATE_SEARCHES_MAX {
            return Progress::Exhausted;
        }
        let mut search = Search { place, able, seed, known: BTreeMap::new() };
        let progress = self.look(now, &mut search, ask);
        if progress == Progress::Waiting {
            self.searches.insert(who, search);
        }
        progress
    }

    /// Goes as far as what is known leads, and opens the questions beyond.
    fn look(&mut self, now: Instant, search: &mut Search, ask: &mut Vec<(LookupId, Question)>) -> Progress {
        loop {
            let known = |question: &Question| search.known.get(question).map(|known| &**known);
            let missing = match select(&search.place, &search.able, search.seed, known) {
                Selection::Found(targets) => return Progress::Found(targets),
                Selection::Missing(missing) => missing,
            };
            let mut learned = false;
            for question in missing {
                if let Some(known) = self.cache.get(now, &question) {
                    learned = true;
                    search.known.insert(question, Arc::clone(known));
                } else if self.asked.contains_key(&question) {
                } else if self.open.len() >= LOCATE_QUESTIONS_MAX {
                    return Progress::Exhausted;
                } else {
                    self.serial += 1;
                    let id = LookupId(self.serial);
                    self.open.insert(id, question.clone());
                    self.asked.insert(question.clone(), id);
                    ask.push((id, question));
                }
            }
            if !learned {
                return Progress::Waiting;
            }
        }
    }

    /// A question was answered, or is given up ([`Resolution::Failed`]): the searches that end with it. `None`: it is not open (any more).
    pub(crate) fn resolved(
        &mut self,
        now: Instant,
        id: LookupId,
        resolution: Resolution,
        ask: &mut Vec<(LookupId, Question)>,
    ) -> Option<Vec<(Seeker, Vec<Target>)>> {
        let question = self.open.remove(&id)?;
        self.asked.remove(&question);
        let known = self.cache.put(now, question.clone(), resolution);
        let mut found = Vec::new();
        for (who, mut search) in core::mem::take(&mut self.searches) {
            // To those that did not ask it is of no use and does no harm.
            search.known.insert(question.clone(), Arc::clone(&known));
            match self.look(now, &mut search, ask) {
                Progress::Found(targets) => found.push((who, targets)),
                Progress::Waiting => {
                    self.searches.insert(who, search);
                }
                Progress::Exhausted => found.push((who, Vec::new())),
            }
        }
        Some(found)
    }

    /// Whoever searched does not want to know any more. Its questions stay open: others may have the same.
    pub(crate) fn forget(&mut self, who: Seeker) {
        self.searches.remove(&who);
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.open.len() != self.asked.len() {
            return Err("every open question has one name");
        }
        if !self.searches.is_empty() && self.open.is_empty() {
            return Err("every search waits for an answer");
        }
        Ok(())
    }

    /// Questions without an answer.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }
}
