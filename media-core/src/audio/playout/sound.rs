//! Decoded sound: what was heard last, and what will be heard next.

use crate::audio::conceal::PAST_MS;
use core::ops::Range;

/// Samples in one piece of memory: the past, then what lies ahead.
#[derive(Debug)]
pub(super) struct Sound {
    samples: Box<[i16]>,
    /// What is kept of the past at least.
    past: usize,
    /// The next one to be heard.
    at: usize,
    /// Behind the last one.
    end: usize,
}

impl Sound {
    /// Room for so many samples ahead.
    pub(super) fn new(rate_hz: u32, ahead: usize) -> Self {
        let past = PAST_MS * rate_hz as usize / 1_000;
        // Twenty more, so that not each packet moves everything.
        let slack = rate_hz as usize / 50;
        Self { samples: vec![0; past + ahead + slack].into(), past, at: past, end: past }
    }

    /// How many samples lie ahead.
    pub(super) const fn ahead(&self) -> usize {
        self.end - self.at
    }

    /// Room for at least `wanted` samples behind the last one, or all there is.
    pub(super) fn room(&mut self, wanted: usize) -> &mut [i16] {
        if self.samples.len() - self.end < wanted {
            let drop = self.at - self.past;
            self.samples.copy_within(drop..self.end, 0);
            (self.at, self.end) = (self.past, self.end - drop);
        }
        &mut self.samples[self.end..]
    }

    /// So many samples were written to the room.
    pub(super) fn grow(&mut self, count: usize) {
        self.end = (self.end + count).min(self.samples.len());
    }

    /// Everything up to the last sample.
    pub(super) fn all(&self) -> &[i16] {
        &self.samples[..self.end]
    }

    /// What lies ahead.
    pub(super) fn next(&self) -> &[i16] {
        &self.samples[self.at..self.end]
    }

    /// The last `count` samples.
    pub(super) fn tail(&mut self, count: usize) -> &mut [i16] {
        &mut self.samples[self.end.saturating_sub(count)..self.end]
    }

    /// What was heard last and what lies ahead, from `before` samples ago on.
    pub(super) fn around(&self, before: usize) -> &[i16] {
        &self.samples[self.at - before.min(self.past)..self.end]
    }

    /// What is to be heard next leaves, into the beginning of `out`; how much.
    pub(super) fn leave(&mut self, out: &mut [i16]) -> usize {
        let count = out.len().min(self.ahead());
        out[..count].copy_from_slice(&self.samples[self.at..self.at + count]);
        self.at += count;
        count
    }

    /// Takes `lag` samples out of what lies ahead, the first period melting into the one behind it. False: too little lies ahead.
    pub(super) fn shorten(&mut self, lag: usize) -> bool {
        if self.ahead() < 2 * lag {
            return false;
        }
        let at = self.at;
        melt(&mut self.samples, at..at + lag, at + lag);
        self.samples.copy_within(at + 2 * lag..self.end, at + lag);
        self.end -= lag;
        true
    }

    /// Puts `lag` samples in: what comes first melts into a repetition of what was heard last. False: too little lies ahead, or there is no
    /// room.
    pub(super) fn lengthen(&mut self, lag: usize) -> bool {
        if self.ahead() < lag || lag > self.past || self.room(lag).len() < lag {
            return false;
        }
        let at = self.at;
        self.samples.copy_within(at..self.end, at + lag);
        self.end += lag;
        // The first period of it stands in its place still; it melts into the past's last one.
        melt(&mut self.samples, at..at + lag, at - lag);
        true
    }

    /// Puts `samples` before the last `count` ones. False: there is no room.
    pub(super) fn put_before(&mut self, count: usize, samples: &[i16]) -> bool {
        if self.room(samples.len()).len() < samples.len() || count > self.ahead() {
            return false;
        }
        let from = self.end - count;
        self.samples.copy_within(from..self.end, from + samples.len());
        self.samples[from..from + samples.len()].copy_from_slice(samples);
        self.end += samples.len();
        true
    }

    /// Takes the first `drop` of the last `count` samples out.
    pub(super) fn take_from(&mut self, count: usize, drop: usize) {
        let from = self.end - count.min(self.ahead());
        let drop = drop.min(self.end - from);
        self.samples.copy_within(from + drop..self.end, from);
        self.end -= drop;
    }
}

/// The samples of `range` become those from `to` on, gradually.
fn melt(samples: &mut [i16], range: Range<usize>, to: usize) {
    let length = range.len();
    for step in 0..length {
        samples[range.start + step] = between(samples[range.start + step], samples[to + step], step, length);
    }
}

/// `step` of `length` on the way from one sample to another.
pub(super) fn between(from: i16, to: i16, step: usize, length: usize) -> i16 {
    let (from, to, step, length) = (i64::from(from), i64::from(to), step as i64 + 1, length as i64 + 1);
    ((from * (length - step) + to * step) / length) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(ahead: &[i16]) -> Sound {
        let mut sound = Sound::new(8_000, 1_000);
        let mut out = [0; 400];
        // A past of a repeating ramp, so that every period is like the next.
        for _ in 0..2 {
            let ramp: Vec<i16> = (0..400).map(|at| at % 40 * 100).collect();
            sound.room(400)[..400].copy_from_slice(&ramp);
            sound.grow(400);
            assert_eq!(sound.leave(&mut out), 400);
        }
        sound.room(ahead.len())[..ahead.len()].copy_from_slice(ahead);
        sound.grow(ahead.len());
        sound
    }

    fn ramp(count: usize) -> Vec<i16> {
        (0..count as i16).map(|at| at % 40 * 100).collect()
    }

    #[test]
    fn whole_periods_are_taken_out_and_put_in_without_a_trace() {
        for lag in [40, 80] {
            let mut one = sound(&ramp(400));
            assert!(one.shorten(lag));
            assert_eq!(one.next(), ramp(400 - lag));
            let mut other = sound(&ramp(400));
            assert!(other.lengthen(lag));
            assert_eq!(other.next(), ramp(400 + lag));
        }
    }

    #[test]
    fn what_cannot_be_stretched_stays_as_it_is() {
        let mut sound = sound(&ramp(70));
        assert!(!sound.shorten(40) && !sound.lengthen(80) && !sound.lengthen(321));
        assert_eq!(sound.next(), ramp(70));
    }

    #[test]
    fn samples_are_put_before_the_last_ones_and_taken_out_again() {
        let mut sound = sound(&[1, 2, 3, 4]);
        assert!(sound.put_before(2, &[7, 8, 9]));
        assert_eq!(sound.next(), [1, 2, 7, 8, 9, 3, 4]);
        sound.take_from(5, 3);
        assert_eq!(sound.next(), [1, 2, 3, 4]);
        assert!(!sound.put_before(5, &[1]) && !sound.put_before(0, &[0; 2_000]));
    }
}
