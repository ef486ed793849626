//! In which order the trunks of a route are tried: lower preference first, equals shared by weight as RFC 2782 does it with servers, those that are down last.

use crate::settings::Trunk;
use std::sync::Arc;

/// A trunk that could be tried.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) trunk: Arc<Trunk>,
    pub(super) is_up: bool,
}

/// The order. Trunks that are down are tried when no other is there, or when life depends on it.
pub(super) fn order(mut candidates: Vec<Candidate>, emergency: bool, mut dice: impl FnMut() -> u64) -> Vec<Arc<Trunk>> {
    if !emergency && candidates.iter().any(|candidate| candidate.is_up) {
        candidates.retain(|candidate| candidate.is_up);
    }
    // The sort is stable: of equal preference and equal luck in the order of the route.
    candidates.sort_by_key(|candidate| (!candidate.is_up, candidate.trunk.prefer));
    let mut ordered = Vec::with_capacity(candidates.len());
    let mut rest = candidates.into_iter().peekable();
    while let Some(first) = rest.next() {
        let rank = (first.is_up, first.trunk.prefer);
        let mut equals = vec![first];
        while let Some(next) = rest.next_if(|next| (next.is_up, next.trunk.prefer) == rank) {
            equals.push(next);
        }
        while !equals.is_empty() {
            let chosen = if equals.len() == 1 { 0 } else { draw(&equals, dice()) };
            ordered.push(equals.remove(chosen).trunk);
        }
    }
    ordered
}

/// RFC 2782, "Weight": each with a chance in proportion to its weight. Without any weight the first is taken; a weight of 0 beside others is taken last.
fn draw(equals: &[Candidate], dice: u64) -> usize {
    let all: u64 = equals.iter().map(|candidate| u64::from(candidate.trunk.weight)).sum();
    if all == 0 {
        return 0;
    }
    let mut left = dice % all;
    for (at, candidate) in equals.iter().enumerate() {
        let weight = u64::from(candidate.trunk.weight);
        if left < weight {
            return at;
        }
        left -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::{super::tests::trunk, *};
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };

    fn candidate(name: &str, prefer: u32, weight: u32, is_up: bool) -> Candidate {
        Candidate { trunk: Arc::new(Trunk { prefer, weight, ..trunk(name) }), is_up }
    }

    fn names(ordered: &[Arc<Trunk>]) -> String {
        ordered.iter().map(|trunk| trunk.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lower_preference_comes_first_and_what_is_down_only_when_nothing_else_is_there() {
        for (candidates, emergency, wanted) in [
            (vec![candidate("a", 20, 1, true), candidate("b", 10, 1, true)], false, "b a"),
            (vec![candidate("a", 20, 1, true), candidate("b", 10, 1, false)], false, "a"),
            (vec![candidate("a", 20, 1, true), candidate("b", 10, 1, false)], true, "a b"),
            (vec![candidate("a", 20, 1, false), candidate("b", 10, 1, false)], false, "b a"),
            (vec![candidate("a", 10, 0, true), candidate("b", 10, 0, true)], false, "a b"),
            (vec![candidate("a", 10, 0, true), candidate("b", 10, 1, true)], false, "b a"),
            (vec![], false, ""),
        ] {
            assert_eq!(names(&order(candidates, emergency, || 0)), wanted);
        }
    }

    #[test]
    fn equals_share_by_weight() {
        let mut random = ChaCha8Rng::from_seed([3; 32]);
        let mut first = [0_u32; 2];
        for _ in 0..4_000 {
            let candidates = vec![candidate("a", 10, 3, true), candidate("b", 10, 1, true)];
            let ordered = order(candidates, false, || random.next_u64());
            assert_eq!(ordered.len(), 2);
            first[usize::from(ordered[0].name == "b")] += 1;
        }
        assert!((2_850..3_150).contains(&first[0]), "three of four go by the one of weight 3: {first:?}");
    }
}
