//! Answers of name servers for as long as they may be believed, at most [`LOCATE_CACHE_MAX`] of them.

use crate::{
    dns::{Question, Record, Resolution},
    limits::{LOCATE_CACHE_MAX, LOCATE_FAILED_LIFE, LOCATE_NOTHING_LIFE_MAX, LOCATE_TTL_MAX, LOCATE_TTL_MIN},
};
use contract::Instant;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is known about a question; nothing: there are no records, or nobody could tell.
pub(super) type Known = Arc<[Record]>;

/// The answers.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: BTreeMap<Question, (Known, Instant)>,
    ends: BTreeSet<(Instant, Question)>,
}

impl Cache {
    /// What is known now.
    pub(super) fn get(&self, now: Instant, question: &Question) -> Option<&Known> {
        self.known.get(question).filter(|(_, until)| *until > now).map(|(known, _)| known)
    }

    /// Keeps an answer, bounded in time both ways, and gives what it says. At the limit the one that ends first goes.
    pub(super) fn put(&mut self, now: Instant, question: Question, resolution: Resolution) -> Known {
        let (known, life): (Known, _) = match resolution {
            Resolution::Found { records, ttl } => (records.into(), ttl.clamp(LOCATE_TTL_MIN, LOCATE_TTL_MAX)),
            Resolution::Nothing { ttl } => (Known::default(), ttl.clamp(LOCATE_TTL_MIN, LOCATE_NOTHING_LIFE_MAX)),
            Resolution::Failed => (Known::default(), LOCATE_FAILED_LIFE),
        };
        let until = now + life;
        if let Some((_, before)) = self.known.insert(question.clone(), (Arc::clone(&known), until)) {
            self.ends.remove(&(before, question.clone()));
        }
        self.ends.insert((until, question));
        while self.known.len() > LOCATE_CACHE_MAX
            && let Some((_, question)) = self.ends.pop_first()
        {
            self.known.remove(&question);
        }
        known
    }
}
