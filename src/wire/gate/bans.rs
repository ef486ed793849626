//! Sources that are shut out for a time: a table of fixed size.

use contract::Instant;
use signaling::flow::Source;
use std::collections::BTreeMap;

/// Bans at once. One more takes the place of that which would end first.
const BANS_MAX: usize = 16_384;

/// A source that is shut out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ban {
    /// Who.
    pub source: Source,
    /// Since when.
    pub since: Instant,
    /// Until when.
    pub until: Instant,
    /// Why.
    pub reason: BanReason,
}

/// Why a source is shut out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BanReason {
    /// Too many wrong answers to challenges.
    Failures,
    /// An operator wants it.
    Operator,
}

impl BanReason {
    /// As operators read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failures => "failed attempts",
            Self::Operator => "operator",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Failures, Self::Operator].into_iter().find(|reason| reason.name() == name)
    }
}

/// All bans.
pub(super) struct Bans(BTreeMap<Source, Ban>);

impl Bans {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether a source is shut out.
    pub(super) fn holds(&self, now: Instant, source: Source) -> bool {
        !self.0.is_empty() && self.0.get(&source).is_some_and(|ban| ban.until > now)
    }

    /// Shuts a source out, in place of a ban that it had.
    pub(super) fn put(&mut self, now: Instant, ban: Ban) {
        if self.0.len() >= BANS_MAX && !self.0.contains_key(&ban.source) {
            self.purge(now);
        }
        if self.0.len() >= BANS_MAX
            && !self.0.contains_key(&ban.source)
            && let Some(first) = self.0.values().min_by_key(|ban| (ban.until, ban.source)).map(|ban| ban.source)
        {
            self.0.remove(&first);
        }
        self.0.insert(ban.source, ban);
    }

    /// Ends the ban of a source, or all.
    pub(super) fn lift(&mut self, now: Instant, source: Option<Source>) -> Vec<Ban> {
        self.purge(now);
        match source {
            Some(source) => self.0.remove(&source).into_iter().collect(),
            None => core::mem::take(&mut self.0).into_values().collect(),
        }
    }

    /// Those in force, newest first.
    pub(super) fn list(&mut self, now: Instant) -> Vec<Ban> {
        self.purge(now);
        let mut all: Vec<Ban> = self.0.values().copied().collect();
        all.sort_unstable_by_key(|ban| (core::cmp::Reverse(ban.since), ban.source));
        all
    }

    /// How many are in force.
    pub(super) fn count(&mut self, now: Instant) -> usize {
        self.purge(now);
        self.0.len()
    }

    fn purge(&mut self, now: Instant) {
        self.0.retain(|_, ban| ban.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::IpAddr, time::Duration};

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(seconds)
    }

    fn ban(n: u32, since: u64, until: u64) -> Ban {
        let source = Source::of(IpAddr::from(n.to_be_bytes()));
        Ban { source, since: at(since), until: at(until), reason: BanReason::Failures }
    }

    #[test]
    fn a_ban_holds_until_its_end_and_is_listed_so_long() {
        let mut bans = Bans::new();
        bans.put(at(1), ban(1, 1, 10));
        bans.put(at(2), ban(2, 2, 20));
        assert_eq!(bans.list(at(3)), [ban(2, 2, 20), ban(1, 1, 10)]);
        for (seconds, held) in [(9, [true, true]), (10, [false, true]), (20, [false, false])] {
            assert_eq!([1, 2].map(|n| bans.holds(at(seconds), ban(n, 0, 0).source)), held, "{seconds}");
        }
        assert_eq!(bans.count(at(10)), 1);
        assert_eq!(bans.lift(at(11), Some(ban(1, 0, 0).source)), []);
        assert_eq!(bans.lift(at(11), None), [ban(2, 2, 20)]);
        assert!(!bans.holds(at(11), ban(2, 0, 0).source));
    }

    #[test]
    fn at_the_limit_the_ban_that_ends_first_gives_way() {
        let mut bans = Bans::new();
        let most = u32::try_from(BANS_MAX).unwrap();
        for n in 0..most {
            bans.put(at(1), ban(n, 1, 1_000 + u64::from(n)));
        }
        bans.put(at(2), ban(most, 2, 5_000_000));
        // A longer ban of who has one takes nobody's place.
        bans.put(at(2), ban(7, 2, 5_000_000));
        assert_eq!(bans.count(at(2)), BANS_MAX);
        assert!(!bans.holds(at(2), ban(0, 0, 0).source));
        assert!([1, 7, most].iter().all(|n| bans.holds(at(2), ban(*n, 0, 0).source)));
    }
}
