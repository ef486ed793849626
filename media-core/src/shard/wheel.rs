//! When legs are to be looked at again: one due time a leg, coarse, without allocation after boot.
//!
//! A ring of lists, one a tick. What lies beyond the ring is put at its end and looked at early, so a due time is a hint to look, not a
//! promise that something is due.

use contract::Instant;

/// Length of a tick in nanoseconds, a power of two: about 8.4 ms.
const TICK_NS: u64 = 1 << 23;

/// Ticks of the ring: about 8.6 s.
const TICKS: usize = 1_024;

const NOBODY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
    /// [`TICKS`]: in no list.
    tick: u16,
}

/// Due times of legs, by their index.
#[derive(Debug)]
pub(super) struct Wheel {
    links: Vec<Link>,
    first: Box<[u32; TICKS]>,
    occupied: [u64; TICKS / 64],
    /// The next tick to look at, counted from the clock's origin.
    cursor: u64,
}

impl Wheel {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            links: Vec::new(),
            first: Box::new([NOBODY; TICKS]),
            occupied: [0; TICKS / 64],
            cursor: now.as_nanos() / TICK_NS,
        }
    }

    /// Looks at `leg` at `at` or up to one tick later; replaces its earlier due time.
    pub(super) fn arm(&mut self, leg: u32, at: Instant) {
        self.disarm(leg);
        let index = leg as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, Link { before: NOBODY, after: NOBODY, tick: TICKS as u16 });
        }
        let tick = at.as_nanos().div_ceil(TICK_NS).clamp(self.cursor, self.cursor + TICKS as u64 - 1) as usize % TICKS;
        let after = core::mem::replace(&mut self.first[tick], leg);
        if let Some(link) = self.links.get_mut(after as usize) {
            link.before = leg;
        }
        self.links[index] = Link { before: NOBODY, after, tick: tick as u16 };
        self.occupied[tick / 64] |= 1 << (tick % 64);
    }

    /// Forgets `leg`.
    pub(super) fn disarm(&mut self, leg: u32) {
        let Some(link) = self.links.get_mut(leg as usize) else { return };
        let Link { before, after, tick } = *link;
        if usize::from(tick) == TICKS {
            return;
        }
        link.tick = TICKS as u16;
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => self.first[usize::from(tick)] = after,
        }
        if let Some(link) = self.links.get_mut(after as usize) {
            link.before = before;
        }
        if self.first[usize::from(tick)] == NOBODY {
            self.occupied[usize::from(tick) / 64] &= !(1 << (tick % 64));
        }
    }

    /// The next leg to look at by `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<u32> {
        let last = now.as_nanos() / TICK_NS;
        while self.cursor <= last {
            let leg = self.first[self.cursor as usize % TICKS];
            if leg != NOBODY {
                self.disarm(leg);
                return Some(leg);
            }
            // Empty ticks are skipped by whole ring lengths at most once around.
            self.cursor = match self.next_tick() {
                Some(tick) => tick.min(last + 1),
                None => last + 1,
            };
        }
        None
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next_tick().map(|tick| Instant::from_nanos(tick * TICK_NS))
    }

    /// The first occupied tick from the cursor on.
    fn next_tick(&self) -> Option<u64> {
        let start = self.cursor as usize % TICKS;
        let words = self.occupied.len();
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            } else if step == words {
                bits &= !(u64::MAX << (start % 64));
            }
            if bits != 0 {
                let tick = word * 64 + bits.trailing_zeros() as usize;
                return Some(self.cursor + ((tick + TICKS - start) % TICKS) as u64);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn what_is_due_is_found_once_and_not_early_within_the_ring() {
        let mut wheel = Wheel::new(at_ms(1_000));
        wheel.arm(3, at_ms(1_500));
        wheel.arm(4, at_ms(1_500));
        wheel.arm(5, at_ms(1_200));
        wheel.arm(5, at_ms(1_900));
        assert!(wheel.next().is_some_and(|next| next >= at_ms(1_500) && next < at_ms(1_510)));
        assert_eq!(wheel.pop(at_ms(1_499)), None);
        let mut due: Vec<u32> = core::iter::from_fn(|| wheel.pop(at_ms(1_510))).collect();
        due.sort_unstable();
        assert_eq!(due, [3, 4]);
        wheel.disarm(5);
        assert_eq!((wheel.pop(at_ms(100_000)), wheel.next()), (None, None));
    }

    #[test]
    fn what_lies_beyond_the_ring_is_looked_at_early() {
        let mut wheel = Wheel::new(at_ms(0));
        wheel.arm(0, at_ms(60_000));
        let next = wheel.next().expect("armed");
        assert!(next > at_ms(8_000) && next < at_ms(9_000), "{next:?}");
        assert_eq!(wheel.pop(next), Some(0));
    }

    #[test]
    fn the_wheel_agrees_with_a_sorted_map() {
        let mut random = 3_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let (mut wheel, mut model) = (Wheel::new(at_ms(0)), BTreeMap::new());
        let mut now = 0;
        for _ in 0..50_000 {
            match next(4) {
                0 => {
                    let leg = next(50) as u32;
                    wheel.disarm(leg);
                    model.remove(&leg);
                }
                1 | 2 => {
                    let (leg, at) = (next(50) as u32, now + next(8_000));
                    wheel.arm(leg, at_ms(at));
                    model.insert(leg, at);
                }
                _ => {
                    now += next(400);
                    while let Some(leg) = wheel.pop(at_ms(now)) {
                        assert!(model.remove(&leg).is_some_and(|at| at <= now), "leg {leg} at {now}");
                    }
                    assert!(model.values().all(|at| at + 9 > now), "nothing is forgotten");
                }
            }
        }
    }
}
