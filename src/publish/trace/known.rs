//! Which conversation belongs to which leg, as far as it can be remembered, and how much is kept of conversations that belong to none.

use super::record::Stamp;
use signaling::id::LegId;
use std::collections::{BTreeMap, VecDeque};

/// Conversations remembered: more than the legs of as many calls as there can be. The oldest is forgotten; what comes of it later is found by its
/// Call-ID still.
const REMEMBERED_MAX: usize = 131_072;
const _: () = assert!(REMEMBERED_MAX > signaling::limits::CALLS_MAX * 4, "the legs of all calls are remembered");

/// Messages a second of conversations that belong to no call, in the long run: a flood of strangers must not push the calls out of the ring. Further
/// ones are counted.
const STRANGERS_PER_SECOND: u64 = 500;

/// As many at once.
const STRANGERS_AT_ONCE: u64 = 5_000;

/// Legs by conversation.
#[derive(Debug, Default)]
pub(super) struct Known {
    legs: BTreeMap<u64, LegId>,
    order: VecDeque<u64>,
}

impl Known {
    /// Remembers whose conversation it is.
    pub(super) fn learn(&mut self, conversation: u64, leg: LegId) {
        if self.legs.insert(conversation, leg).is_none() {
            self.order.push_back(conversation);
        }
        while self.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.legs.remove(&oldest);
            }
        }
    }

    /// Puts into a stamp what is known of its conversation.
    pub(super) fn complete(&self, stamp: &mut Stamp) {
        if let Some(leg) = self.legs.get(&stamp.conversation) {
            (stamp.call, stamp.leg) = (Some(leg.call), Some(leg.number));
        }
    }
}

/// What strangers may still say.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u64,
    filled_at_ns: u64,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { left: STRANGERS_AT_ONCE, filled_at_ns: 0 }
    }

    /// Whether one more message of strangers is kept at this time.
    pub(super) fn take(&mut self, now_ns: u64) -> bool {
        let each = 1_000_000_000 / STRANGERS_PER_SECOND;
        let more = now_ns.saturating_sub(self.filled_at_ns) / each;
        if more > 0 {
            self.left = self.left.saturating_add(more).min(STRANGERS_AT_ONCE);
            self.filled_at_ns = now_ns - now_ns.saturating_sub(self.filled_at_ns) % each;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::NodeId;
    use signaling::id::CallId;

    #[test]
    fn the_oldest_conversation_is_forgotten_first() {
        let leg = |number| LegId { call: CallId::new(NodeId(0), number), number: 0 };
        let mut known = Known::default();
        let most = REMEMBERED_MAX as u64;
        for conversation in 1..=most + 1 {
            known.learn(conversation, leg(conversation));
        }
        let call = |conversation| {
            let mut stamp = Stamp { conversation, ..Stamp::default() };
            known.complete(&mut stamp);
            stamp.call
        };
        assert_eq!((call(1), call(2)), (None, Some(leg(2).call)));
        assert_eq!(call(most + 1), Some(leg(most + 1).call));
    }

    #[test]
    fn strangers_have_a_burst_and_then_their_pace() {
        let mut allowance = Allowance::new();
        let second = 1_000_000_000;
        let taken = |allowance: &mut Allowance, at| (0..20_000).filter(|_| allowance.take(at)).count() as u64;
        assert_eq!(taken(&mut allowance, 10 * second), STRANGERS_AT_ONCE);
        assert_eq!(taken(&mut allowance, 11 * second), STRANGERS_PER_SECOND);
        assert_eq!(taken(&mut allowance, 11 * second + second / 2), STRANGERS_PER_SECOND / 2);
        assert_eq!(taken(&mut allowance, 1_000 * second), STRANGERS_AT_ONCE);
    }
}
