//! Frames of 20 ms and their sums. Sums are 32 bits wide: 65,536 full-scale voices do not overflow them.

use contract::Gain;
use core::time::Duration;

/// How much sound a frame holds.
pub const FRAME_TIME: Duration = Duration::from_millis(20);

/// Samples of the longest frame.
pub const FRAME_MAX: usize = Rate::Full.frame();

/// A sample rate of the plane.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rate {
    /// 8,000 Hz.
    #[default]
    Narrow,
    /// 16,000 Hz.
    Wide,
    /// 48,000 Hz.
    Full,
}

impl Rate {
    /// Every rate, lowest first.
    pub const ALL: [Self; 3] = [Self::Narrow, Self::Wide, Self::Full];

    /// Samples a second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// Samples of a frame.
    #[must_use]
    pub const fn frame(self) -> usize {
        self.hz() as usize / 50
    }

    /// The rate of so many samples a second; `None`: sound of the plane never has it.
    #[must_use]
    pub fn from_hz(hz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.hz() == hz)
    }
}

/// Adds a frame to a sum.
#[inline]
pub fn add(sum: &mut [i32], frame: &[i16]) {
    for (sum, sample) in sum.iter_mut().zip(frame) {
        *sum += i32::from(*sample);
    }
}

/// Adds a sum to a sum.
#[inline]
pub fn add_sum(sum: &mut [i32], other: &[i32]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += *other;
    }
}

/// `sum` without `own`, into `out`.
#[inline]
pub fn less(sum: &[i32], own: &[i16], out: &mut [i32]) {
    for ((out, sum), own) in out.iter_mut().zip(sum).zip(own) {
        *out = *sum - i32::from(*own);
    }
}

/// The largest magnitude of a sum.
#[inline]
#[must_use]
pub fn peak(sum: &[i32]) -> u32 {
    let (low, high) = sum.iter().fold((0, 0), |(low, high): (i32, i32), sample| (low.min(*sample), high.max(*sample)));
    low.unsigned_abs().max(high.unsigned_abs())
}

/// Sixteen bits of each sample of a sum that is known to fit; what does not is held at the end of the scale.
#[inline]
pub fn narrow(sum: &[i32], out: &mut [i16]) {
    for (out, sample) in out.iter_mut().zip(sum) {
        *out = (*sample).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    }
}

/// The mean magnitude of a frame.
#[inline]
#[must_use]
pub fn loudness(frame: &[i16]) -> u16 {
    let sum: u32 = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
    (sum / frame.len().max(1) as u32) as u16
}

/// A [`Gain`] as a factor, in 2,048ths: at 30 dB a full-scale sample still fits 32 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Factor(i32);

impl Factor {
    /// The factor of a gain; `None` when it changes nothing.
    #[must_use]
    pub fn new(gain: Gain) -> Option<Self> {
        (gain != Gain::UNITY).then(|| Self((10_f64.powf(f64::from(gain.tenths_db()) / 200.0) * 2_048.0).round() as i32))
    }

    /// Makes a frame louder or softer; what passes the end of the scale is held there.
    pub fn apply(self, frame: &mut [i16]) {
        for sample in frame {
            let louder = (i32::from(*sample) * self.0) >> 11;
            *sample = louder.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_less_one_is_the_sum_of_the_others() {
        let frames = [[30_000_i16, -30_000, 5], [30_000, -30_000, 6], [30_000, -30_000, -7]];
        let mut sum = [0; 3];
        for frame in &frames {
            add(&mut sum, frame);
        }
        let mut out = [0; 3];
        less(&sum, &frames[2], &mut out);
        assert_eq!(out, [60_000, -60_000, 11]);
        assert_eq!(peak(&sum), 90_000);
        let mut narrowed = [0; 3];
        narrow(&sum, &mut narrowed);
        assert_eq!(narrowed, [i16::MAX, i16::MIN, 4]);
    }

    #[test]
    fn gains_are_decibels() {
        for (tenths, input, expected) in
            [(60, 1_000, 1_995), (-60, 1_000, 501), (200, 100, 1_000), (300, 20_000, 32_767), (-300, -32_768, -1_036)]
        {
            let mut frame = [input];
            Factor::new(Gain::from_tenths_db(tenths)).expect("a change").apply(&mut frame);
            assert!((i32::from(frame[0]) - expected).abs() <= 1 + expected.abs() / 200, "{tenths} tenths: {frame:?}");
        }
        assert_eq!(Factor::new(Gain::UNITY), None);
    }
}
