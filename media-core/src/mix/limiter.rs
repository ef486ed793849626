//! Keeps a sum within sixteen bits without crackling: the gain follows the peak of each frame, down at once and up again slowly.
//!
//! A frame is known whole before its first sample leaves, so the gain is down where the peak is; only a peak within the first
//! `RAMP_SAMPLES` of a frame may be held at the end of the scale for that long.

use super::frame::{narrow, peak};

/// Magnitudes up to here pass as they are: 0.8 dB below full scale.
const CEILING: u32 = 30_000;

/// Samples over which the gain moves: 1 ms at 8,000 Hz.
const RAMP_SAMPLES: usize = 8;

/// The gain of 1.
const UNITY: i32 = 1 << 14;

/// How much the gain rises from frame to frame: a twelfth, 0.7 dB.
const RISE: i32 = 12;

/// The gain of one listener's sum.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    /// In 16,384ths.
    gain: i32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: UNITY }
    }
}

impl Limiter {
    /// Brings one frame of a sum into sixteen bits. A sum that has room and had room before passes unchanged.
    pub fn run(&mut self, sum: &[i32], out: &mut [i16]) {
        let peak = peak(sum);
        if peak <= CEILING && self.gain == UNITY {
            return narrow(sum, out);
        }
        let bound =
            if peak > CEILING { (i64::from(CEILING) * i64::from(UNITY) / i64::from(peak)) as i32 } else { UNITY };
        let target = bound.min(self.gain + (self.gain / RISE).max(1));
        let (from, step) = (self.gain, (target - self.gain) / RAMP_SAMPLES as i32);
        for (n, (out, sample)) in out.iter_mut().zip(sum).enumerate() {
            let gain = if n < RAMP_SAMPLES { from + step * (n as i32 + 1) } else { target };
            let limited = (i64::from(*sample) * i64::from(gain)) >> 14;
            *out = limited.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
        }
        self.gain = target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talkers(count: usize, amplitude: f64, frame: usize) -> Vec<i32> {
        let at = |n: usize| {
            (0..count)
                .map(|k| {
                    let hz = 310.0 + 170.0 * k as f64;
                    (amplitude * (2.0 * core::f64::consts::PI * hz * n as f64 / 8_000.0).sin()) as i32
                })
                .sum()
        };
        (frame * 160..(frame + 1) * 160).map(at).collect()
    }

    #[test]
    fn what_fits_passes_unchanged() {
        let mut limiter = Limiter::default();
        let sum = talkers(1, 29_000.0, 0);
        let mut out = [0; 160];
        limiter.run(&sum, &mut out);
        assert!(out.iter().zip(&sum).all(|(out, sum)| i32::from(*out) == *sum));
    }

    #[test]
    fn five_loud_talkers_stay_on_the_scale_and_do_not_crackle() {
        let mut limiter = Limiter::default();
        let (mut out, mut held) = ([0_i16; 160], 0);
        for frame in 0..100 {
            let sum = talkers(5, 32_000.0, frame);
            limiter.run(&sum, &mut out);
            held += out.iter().filter(|sample| **sample == i16::MAX || **sample == i16::MIN).count();
            if frame > 0 {
                // After the onset the shape is that of the sum: each sample is in proportion.
                let pairs =
                    || out.iter().zip(&sum).skip(RAMP_SAMPLES).map(|(out, sum)| (f64::from(*out), f64::from(*sum)));
                let gain =
                    pairs().map(|(out, sum)| out * sum).sum::<f64>() / pairs().map(|(_, sum)| sum * sum).sum::<f64>();
                assert!(pairs().all(|(out, sum)| (out - sum * gain).abs() <= 2.0), "frame {frame}");
            }
        }
        assert!(held <= RAMP_SAMPLES, "{held} samples at the end of the scale");
        let peak = out.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(peak > Some(15_000), "loud stays loud: {peak:?}");
    }

    #[test]
    fn the_gain_is_back_within_a_second() {
        let mut limiter = Limiter::default();
        let mut out = [0; 160];
        limiter.run(&talkers(8, 32_000.0, 0), &mut out);
        let quiet = talkers(1, 1_000.0, 0);
        for _ in 0..50 {
            limiter.run(&quiet, &mut out);
        }
        assert!(out.iter().zip(&quiet).all(|(out, sum)| i32::from(*out) == *sum));
    }
}
