//! How tests listen: sines of a known level, and the level of one frequency in what came out (Goertzel).

use core::f64::consts::TAU;

/// A sine of `frequency_hz` and `amplitude` at `rate_hz`.
pub(crate) fn sine(frequency_hz: f64, amplitude: f64, rate_hz: u32, samples: usize) -> Vec<i16> {
    let step = TAU * frequency_hz / f64::from(rate_hz);
    (0..samples).map(|at| (amplitude * (step * at as f64).sin()).round() as i16).collect()
}

/// The amplitude of `frequency_hz` in `samples`. Sharp to rate / length: take whole periods.
pub(crate) fn amplitude(samples: &[i16], frequency_hz: f64, rate_hz: u32) -> f64 {
    let factor = 2.0 * (TAU * frequency_hz / f64::from(rate_hz)).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (f64::from(*sample) + factor * one - two, one);
    }
    let power: f64 = one * one + two * two - factor * one * two;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

/// `of` over `to` in decibels.
pub(crate) fn decibels(of: f64, to: f64) -> f64 {
    20.0 * (of.max(1e-9) / to).log10()
}

/// The amplitude of a sine with the power of all that is in `samples`.
pub(crate) fn loudness(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (2.0 * power / samples.len() as f64).sqrt()
}
