//! The one door to the media plane: sessions, their members, and who hears whom.
//!
//! A call owns one [`Session`]; every [`contract::MediaCommand`] of the exchange is made in this module and every [`contract::MediaEvent`] enters a call through it.
//! [`Door`] chooses the shard and counts what was opened and not yet reported closed. Nothing here knows SIP, and nothing says *how* audio flows:
//! the hearing table is computed from the directions that were negotiated ([`hearing`]).

pub mod hearing;
pub mod session;
pub mod targets;

pub use hearing::{Ear, bridge, echo, hold, scene};
pub use session::{Member, MemberState, Session};

use contract::ShardId;

/// Which shard carries how many sessions.
#[derive(Clone, Debug)]
pub struct Door {
    sessions_by_shard: Vec<usize>,
}

impl Door {
    /// A door to `shards` shards; at least one is assumed.
    #[must_use]
    pub fn new(shards: u16) -> Self {
        Self { sessions_by_shard: vec![0; usize::from(shards.max(1))] }
    }

    /// The shard with the fewest sessions (of equals the first), which has one more from now on. Balanced by [`Door::leave`].
    pub(crate) fn enter(&mut self) -> ShardId {
        let (at, _) =
            self.sessions_by_shard.iter().enumerate().min_by_key(|(_, sessions)| **sessions).unwrap_or((0, &0));
        if let Some(sessions) = self.sessions_by_shard.get_mut(at) {
            *sessions += 1;
        }
        ShardId(u16::try_from(at).unwrap_or(0))
    }

    /// One more session on `shard`, which carries another one that may come together with it. Balanced by [`Door::leave`].
    pub(crate) fn enter_at(&mut self, shard: ShardId) -> ShardId {
        match self.sessions_by_shard.get_mut(usize::from(shard.0)) {
            Some(sessions) => {
                *sessions += 1;
                shard
            }
            None => self.enter(),
        }
    }

    /// A session of `shard` is gone.
    pub(crate) fn leave(&mut self, shard: ShardId) {
        if let Some(sessions) = self.sessions_by_shard.get_mut(usize::from(shard.0)) {
            *sessions = sessions.saturating_sub(1);
        }
    }

    /// Sessions opened and not yet reported closed.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions_by_shard.iter().sum()
    }

    /// All shards.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.sessions_by_shard.len()).map(|at| ShardId(u16::try_from(at).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_go_to_the_shard_with_the_fewest_and_balance() {
        let mut door = Door::new(2);
        let shards: Vec<u16> = (0..3).map(|_| door.enter().0).collect();
        assert_eq!(shards, [0, 1, 0]);
        door.leave(ShardId(0));
        door.leave(ShardId(0));
        assert_eq!(door.enter(), ShardId(0));
        assert_eq!(door.sessions(), 2);
        door.leave(ShardId(0));
        door.leave(ShardId(1));
        assert_eq!(door.sessions(), 0);
    }

    #[test]
    fn an_exchange_without_a_shard_is_given_one() {
        assert_eq!(Door::new(0).shards().count(), 1);
    }
}
