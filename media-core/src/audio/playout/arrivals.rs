//! How late packets come, and how long sound must therefore wait.
//!
//! A packet's *offset* is the clock at its arrival less its position, both in samples. The least offset of the last seconds is the way
//! without waiting; a packet's delay is what its offset is more than that. Delays are counted in a histogram that forgets; sound waits as
//! long as all but a few of a hundred packets needed. Drift of the far end's clock moves the least offset, and the wait with it.

use super::queue::ahead;

/// Width of a class of the histogram, in ms.
const CLASS_MS: u32 = 5;

/// Classes: up to [`super::DELAY_MAX_MS`].
const CLASSES: usize = (super::DELAY_MAX_MS / CLASS_MS) as usize;

/// The part of packets that should come in time.
const IN_TIME: f32 = 0.97;

/// What each packet counts more than the one before it: 500 packets, 10 s of 20 ms, later it counts a third.
const GROWTH: f32 = 1.002;

/// When weights are brought back, far from where a single overflows.
const WEIGHT_MAX: f32 = 1e12;

/// What is believed before anything came: so many packets of [`FIRST_MS`].
const FIRST_WEIGHT: f32 = 10.0;
const FIRST_MS: u32 = 20;

/// The least offset is that of one to two of these spans.
const SPAN_MS: u32 = 4_000;

/// A way that is shorter by this much at once is another way.
const JUMP_MS: u32 = 60;

/// The delays of one stream's packets.
#[derive(Debug)]
pub(super) struct Arrivals {
    rate_hz: u32,
    counts: Box<[f32; CLASSES]>,
    total: f32,
    weight: f32,
    /// The offset of the way without waiting; `None`: nothing came yet.
    base: Option<u32>,
    /// The offset that the histogram's first class begins with, less than a class before the base.
    origin: u32,
    /// The least offset of this span, and of the one before.
    least: u32,
    least_before: u32,
    span_began: u32,
    /// In samples.
    wait: u32,
}

impl Arrivals {
    pub(super) fn new(rate_hz: u32) -> Self {
        let mut new = Self {
            rate_hz,
            counts: Box::new([0.0; CLASSES]),
            total: 0.0,
            weight: 1.0,
            base: None,
            origin: 0,
            least: 0,
            least_before: 0,
            span_began: 0,
            wait: 0,
        };
        new.reset();
        new
    }

    pub(super) fn reset(&mut self) {
        self.counts.fill(0.0);
        self.counts[(FIRST_MS / CLASS_MS) as usize - 1] = FIRST_WEIGHT;
        (self.total, self.weight, self.base) = (FIRST_WEIGHT, 1.0, None);
        self.wait = self.samples(FIRST_MS);
    }

    /// The way is the same, the stream is another.
    pub(super) const fn restart(&mut self) {
        self.base = None;
    }

    const fn samples(&self, ms: u32) -> u32 {
        ms * (self.rate_hz / 1_000)
    }

    /// The offset of the way without waiting; `None`: nothing came yet.
    pub(super) const fn base(&self) -> Option<u32> {
        self.base
    }

    /// How long sound is to wait, in samples, beside what the listener's own pace asks for.
    pub(super) const fn wait(&self) -> u32 {
        self.wait
    }

    /// A packet of `position` came at `clock`.
    pub(super) fn take(&mut self, clock: u32, position: u32) {
        let offset = clock.wrapping_sub(position);
        if self.base.is_none() {
            (self.base, self.origin, self.span_began) = (Some(offset), offset, clock);
            (self.least, self.least_before) = (offset, offset);
        }
        if ahead(offset, self.least) < 0 {
            self.least = offset;
        }
        if ahead(clock, self.span_began) > self.samples(SPAN_MS) as i32 {
            (self.least_before, self.least, self.span_began) = (self.least, offset, clock);
        }
        self.follow(if ahead(self.least_before, self.least) < 0 { self.least_before } else { self.least });
        self.count(ahead(offset, self.origin).max(0).unsigned_abs());
    }

    /// The base is another now: moves the histogram's origin with it by whole classes, so that each still counts the same offsets.
    fn follow(&mut self, base: u32) {
        self.base = Some(base);
        let class = self.samples(CLASS_MS) as i32;
        let moved = ahead(base, self.origin);
        if moved < -(self.samples(JUMP_MS) as i32) {
            // A way that is suddenly this much shorter is another way: how it spreads is known, where it lies is new.
            (self.least_before, self.origin) = (base, base);
            return;
        }
        let classes = moved.div_euclid(class);
        let by = (classes.unsigned_abs() as usize).min(CLASSES - 1);
        if classes > 0 {
            let passed: f32 = self.counts[..=by].iter().sum();
            self.counts.copy_within(by.., 0);
            self.counts[CLASSES - by..].fill(0.0);
            self.counts[0] = passed;
        } else if classes < 0 {
            let beyond: f32 = self.counts[CLASSES - by..].iter().sum();
            self.counts.copy_within(..CLASSES - by, by);
            self.counts[..by].fill(0.0);
            self.counts[CLASSES - 1] += beyond;
        }
        self.origin = self.origin.wrapping_add_signed(classes * class);
    }

    fn count(&mut self, delay: u32) {
        let class = (delay / self.samples(CLASS_MS)) as usize;
        self.weight *= GROWTH;
        self.counts[class.min(CLASSES - 1)] += self.weight;
        self.total += self.weight;
        if self.weight > WEIGHT_MAX {
            let scale = 1.0 / self.weight;
            self.counts.iter_mut().for_each(|count| *count *= scale);
            (self.weight, self.total) = (1.0, self.counts.iter().sum());
        }
        let mut below = 0.0;
        let enough = self.counts.iter().position(|count| {
            below += count;
            below >= IN_TIME * self.total
        });
        self.wait = (enough.unwrap_or(CLASSES - 1) as u32 + 1) * self.samples(CLASS_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8_000;

    /// Packets of 20 ms with these delays in ms; the wait in ms after each.
    fn waits(arrivals: &mut Arrivals, from: u32, delays: impl Iterator<Item = u32>) -> Vec<u32> {
        let take = |(at, delay): (usize, u32)| {
            let position = (from + at as u32) * 160;
            arrivals.take(position.wrapping_add(delay * 8).wrapping_add(77), position);
            arrivals.wait() / 8
        };
        delays.enumerate().map(take).collect()
    }

    #[test]
    fn a_clean_way_needs_little_waiting() {
        let waits = waits(&mut Arrivals::new(RATE), 0, core::iter::repeat_n(30, 1_000));
        assert_eq!((waits[0], waits[999]), (20, 5), "the base is the way, not the clock");
    }

    #[test]
    fn the_wait_covers_nearly_all_packets_and_forgets() {
        let mut arrivals = Arrivals::new(RATE);
        let spread = waits(&mut arrivals, 0, (0..1_000).map(|at| at * 37 % 60));
        assert!((55..=60).contains(&spread[999]), "{}", spread[999]);
        let calm = waits(&mut arrivals, 1_000, core::iter::repeat_n(0, 2_500));
        assert_eq!(calm[2_499], 5);
        assert!(calm[300] > 40, "not at once: {}", calm[300]);
    }

    #[test]
    fn another_way_moves_the_base_and_leaves_the_wait() {
        let mut arrivals = Arrivals::new(RATE);
        waits(&mut arrivals, 0, (0..2_000).map(|at| 20 + at * 37 % 20));
        let longer = waits(&mut arrivals, 2_000, (0..2_000).map(|at| 100 + at * 37 % 20));
        let worst = longer.iter().max().copied();
        assert!(worst.is_some_and(|most| (95..=105).contains(&most)), "it waits meanwhile: {worst:?}");
        assert!(longer[1_999] <= 25, "{}", longer[1_999]);
        let shorter = waits(&mut arrivals, 4_000, (0..2_000).map(|at| at * 37 % 20));
        assert!(shorter.iter().all(|wait| *wait <= 30), "{:?}", shorter.iter().max());
    }

    #[test]
    fn a_long_stream_stays_finite() {
        let mut arrivals = Arrivals::new(RATE);
        let all = waits(&mut arrivals, 0, (0..200_000).map(|at| at * 37 % 30));
        assert!(all[5_000..].iter().all(|wait| (25..=30).contains(wait)));
        assert!(arrivals.total.is_finite() && arrivals.weight <= WEIGHT_MAX * GROWTH);
    }
}
