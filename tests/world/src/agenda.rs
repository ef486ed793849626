//! What will happen and when: the future of the world, in order.

use contract::Instant;
use std::collections::BTreeMap;

/// Things to come, by time, then by the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    planned: BTreeMap<(Instant, u64), E>,
    order: u64,
}

impl<E> Agenda<E> {
    pub(crate) const fn new() -> Self {
        Self { planned: BTreeMap::new(), order: 0 }
    }

    pub(crate) fn plan(&mut self, at: Instant, what: E) {
        self.order += 1;
        self.planned.insert((at, self.order), what);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.planned.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, E)> {
        self.planned.pop_first().map(|((at, _), what)| (at, what))
    }

    /// Takes back everything planned that is not wanted any more.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&E) -> bool) {
        self.planned.retain(|_, what| wanted(what));
    }
}
