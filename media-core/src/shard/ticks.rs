//! When bridges work: each once in 20 ms, spread over them so that the work is level.

use crate::{limits::FRAMES_LATE_MAX, mix::frame::FRAME_TIME};
use contract::{Instant, SessionId};
use core::time::Duration;

/// Slots of 1 ms in a frame.
const SLOTS: usize = FRAME_TIME.as_millis() as usize;

const SLOT: Duration = Duration::from_millis(1);

/// The bridges of a shard by slot.
#[derive(Debug)]
pub(super) struct Ticks {
    slots: [Vec<SessionId>; SLOTS],
    /// The number of the next slot to work in, counted from the clock's origin.
    cursor: u64,
    /// The place within it.
    at: usize,
    count: usize,
}

/// Work that is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tick {
    pub(super) session: SessionId,
    /// When it was due.
    pub(super) at: Instant,
}

impl Ticks {
    pub(super) fn new(now: Instant) -> Self {
        Self { slots: Default::default(), cursor: slot(now) + 1, at: 0, count: 0 }
    }

    /// Gives a session the slot with the least work; its number.
    pub(super) fn add(&mut self, session: SessionId, now: Instant) -> u8 {
        if self.count == 0 {
            (self.cursor, self.at) = (slot(now) + 1, 0);
        }
        // Begins to look after the present slot, so that the first frame is soon.
        let first = self.cursor as usize + 1;
        let least = (0..SLOTS).map(|n| (first + n) % SLOTS).min_by_key(|slot| self.slots[*slot].len()).unwrap_or(0);
        self.slots[least].push(session);
        self.count += 1;
        least as u8
    }

    pub(super) fn remove(&mut self, session: SessionId, slot: u8) {
        let slot = usize::from(slot);
        let Some(place) = self.slots[slot].iter().position(|other| *other == session) else { return };
        self.slots[slot].remove(place);
        self.count -= 1;
        if self.cursor as usize % SLOTS == slot && place < self.at {
            self.at -= 1;
        }
    }

    /// The next work that is due by `now`, and how many slots were left out because they were too late.
    pub(super) fn pop(&mut self, now: Instant) -> (Option<Tick>, u64) {
        let last = slot(now);
        if self.count == 0 {
            return (None, 0);
        }
        let oldest = (last + 1).saturating_sub(FRAMES_LATE_MAX * SLOTS as u64);
        let left_out = oldest.saturating_sub(self.cursor);
        if left_out > 0 {
            (self.cursor, self.at) = (oldest, 0);
        }
        while self.cursor <= last {
            if let Some(session) = self.slots[self.cursor as usize % SLOTS].get(self.at) {
                self.at += 1;
                return (Some(Tick { session: *session, at: time(self.cursor) }), left_out);
            }
            (self.cursor, self.at) = (self.cursor + 1, 0);
        }
        (None, left_out)
    }

    /// When there is work next.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.count == 0 {
            return None;
        }
        if self.at > 0 {
            return Some(time(self.cursor));
        }
        let slots = self.cursor..self.cursor + SLOTS as u64;
        slots.into_iter().find(|slot| !self.slots[*slot as usize % SLOTS].is_empty()).map(time)
    }
}

const fn slot(at: Instant) -> u64 {
    at.as_nanos() / SLOT.as_nanos() as u64
}

const fn time(slot: u64) -> Instant {
    Instant::from_nanos(slot * SLOT.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::NodeId;

    fn name(number: u64) -> SessionId {
        SessionId::new(NodeId(0), number)
    }

    fn due(ticks: &mut Ticks, now: Instant) -> (Vec<u64>, u64) {
        let (mut sessions, mut left_out) = (Vec::new(), 0);
        loop {
            let (tick, more) = ticks.pop(now);
            left_out += more;
            let Some(tick) = tick else { return (sessions, left_out) };
            sessions.push((0..50).find(|number| name(*number) == tick.session).expect("known"));
        }
    }

    #[test]
    fn each_works_once_in_a_frame_and_the_work_is_level() {
        let start = Instant::from_nanos(5_000_000_000);
        let mut ticks = Ticks::new(start);
        let slots: Vec<u8> = (0..40).map(|number| ticks.add(name(number), start)).collect();
        assert!((0..SLOTS as u8).all(|slot| slots.iter().filter(|other| **other == slot).count() == 2));
        let mut worked = [0; 40];
        for ms in 1..=100 {
            let (sessions, left_out) = due(&mut ticks, start + SLOT * ms);
            assert_eq!((sessions.len(), left_out), (2, 0));
            sessions.iter().for_each(|session| worked[*session as usize] += 1);
        }
        assert_eq!(worked, [5; 40]);
    }

    #[test]
    fn a_shard_that_was_late_leaves_old_frames_out() {
        let start = Instant::from_nanos(5_000_000_000);
        let mut ticks = Ticks::new(start);
        ticks.add(name(1), start);
        let (sessions, left_out) = due(&mut ticks, start + Duration::from_secs(2));
        assert_eq!(sessions.len() as u64, FRAMES_LATE_MAX);
        assert!((1_900..2_000).contains(&left_out), "{left_out}");
        assert_eq!(due(&mut ticks, start + Duration::from_secs(2)).0, []);
    }

    #[test]
    fn who_leaves_in_the_midst_of_a_slot_takes_no_other_along() {
        let start = Instant::from_nanos(5_000_000_000);
        let mut ticks = Ticks::new(start);
        let slots: Vec<u8> = (0..41).map(|number| ticks.add(name(number), start)).collect();
        let full = slots[40];
        let there: Vec<u64> = (0..41).filter(|number| slots[*number as usize] == full).collect();
        assert_eq!(there.len(), 3);
        let mut seen = Vec::new();
        for ms in 1..=20 {
            while let (Some(tick), _) = ticks.pop(start + SLOT * ms) {
                if tick.session == name(there[0]) {
                    ticks.remove(name(there[0]), full);
                }
                seen.push(tick.session);
            }
        }
        assert!(there.iter().all(|number| seen.contains(&name(*number))));
        assert_eq!(ticks.next().map(|at| at > start), Some(true));
    }
}
