//! At most so many in a second.

use contract::Instant;

/// Counts what comes within a second of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    second: u64,
    count: u16,
}

impl Gate {
    /// Whether one more may pass, if `max` may in a second.
    pub fn admits(&mut self, now: Instant, max: u16) -> bool {
        let second = now.as_nanos() / 1_000_000_000;
        if self.second != second {
            *self = Self { second, count: 0 };
        }
        let room = self.count < max;
        self.count += u16::from(room);
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_waits_for_the_next_second() {
        let mut gate = Gate::default();
        let mut passed = |ms: u64| (0..10).filter(|_| gate.admits(Instant::from_nanos(ms * 1_000_000), 4)).count();
        assert_eq!([passed(5_000), passed(5_999), passed(6_000)], [4, 0, 4]);
    }
}
