//! From one sample rate to another among 8,000, 16,000 and 48,000 Hz: a polyphase low-pass of fixed length for each pair.
//!
//! The low-pass is a windowed sinc (Kaiser) that passes up to 3.4 kHz where 8,000 Hz is involved and up to 7 kHz between 16,000 and
//! 48,000 Hz (the bands of G.711 and G.722), and is 60 dB down from 4.4 and 8.5 kHz on. It delays by 2 ms (1.25 ms between 16,000 and
//! 48,000 Hz). Its coefficients are made once in a process; a [`Resampler`] holds only the samples it still needs.

use std::sync::LazyLock;

/// The longest filter, of 48,000 to 8,000 Hz.
const TAPS_MAX: usize = 192;

/// Samples that are taken in at once; longer input is taken in turns.
const BLOCK: usize = 320;

/// Bits after the point of a coefficient. The magnitudes of a filter sum up to less than 4, so a sum of products stays within 32 bits.
const POINT: u32 = 14;

/// The coefficients of one pair of rates.
struct Bank {
    /// Output samples for an input sample; 1 on the way down.
    up: usize,
    /// Input samples for an output sample; 1 on the way up.
    down: usize,
    /// Of each phase, the oldest sample's first.
    taps: usize,
    /// Phase after phase.
    coefficients: Box<[i16]>,
}

impl Bank {
    /// `length` coefficients at the higher rate, which is `ratio` times the lower; half the amplitude at `edge` of the higher rate.
    fn new(ratio: usize, rising: bool, length: usize, edge: f64) -> Self {
        // Kaiser's window for a stop band 60 dB down.
        const BETA: f64 = 5.65;
        let centre = (length - 1) as f64 / 2.0;
        let ideal = |at: usize| {
            let x = at as f64 - centre;
            let sinc = if x == 0.0 {
                2.0 * edge
            } else {
                (2.0 * core::f64::consts::PI * edge * x).sin() / (core::f64::consts::PI * x)
            };
            let r = x / centre;
            sinc * bessel((1.0 - r * r).max(0.0).sqrt() * BETA) / bessel(BETA)
        };
        let prototype: Vec<f64> = (0..length).map(ideal).collect();
        let sum: f64 = prototype.iter().sum();
        let (up, down) = if rising { (ratio, 1) } else { (1, ratio) };
        let taps = length / up;
        let gain = up as f64 * f64::from(1 << POINT) / sum;
        let coefficient = |phase: usize, tap: usize| (gain * prototype[phase + up * (taps - 1 - tap)]).round() as i16;
        let coefficients =
            (0..up).flat_map(|phase| (0..taps).map(move |tap| (phase, tap))).map(|(p, t)| coefficient(p, t)).collect();
        Self { up, down, taps, coefficients }
    }
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..32 {
        let half = x / 2.0 / f64::from(k);
        term *= half * half;
        sum += term;
    }
    sum
}

static FROM_8_TO_16: LazyLock<Bank> = LazyLock::new(|| Bank::new(2, true, 64, 3_900.0 / 16_000.0));
static FROM_16_TO_8: LazyLock<Bank> = LazyLock::new(|| Bank::new(2, false, 64, 3_900.0 / 16_000.0));
static FROM_8_TO_48: LazyLock<Bank> = LazyLock::new(|| Bank::new(6, true, 192, 3_900.0 / 48_000.0));
static FROM_48_TO_8: LazyLock<Bank> = LazyLock::new(|| Bank::new(6, false, 192, 3_900.0 / 48_000.0));
static FROM_16_TO_48: LazyLock<Bank> = LazyLock::new(|| Bank::new(3, true, 120, 7_750.0 / 48_000.0));
static FROM_48_TO_16: LazyLock<Bank> = LazyLock::new(|| Bank::new(3, false, 120, 7_750.0 / 48_000.0));

/// One stream on its way from one rate to another. About 1 kB; nothing allocates after [`Resampler::new`].
pub struct Resampler {
    /// `None`: the rates are the same.
    bank: Option<&'static Bank>,
    /// Input samples still to pass until the next output sample, on the way down.
    skip: usize,
    /// The last `taps - 1` samples of the input so far, then the block at work.
    line: [i16; TAPS_MAX + BLOCK],
}

impl core::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ratio = self.bank.map_or((1, 1), |bank| (bank.up, bank.down));
        f.debug_struct("Resampler").field("ratio", &ratio).finish_non_exhaustive()
    }
}

impl Resampler {
    /// From `from_hz` to `to_hz`; `None` for a rate other than 8,000, 16,000 and 48,000 Hz. Between equal rates samples are copied.
    #[must_use]
    pub fn new(from_hz: u32, to_hz: u32) -> Option<Self> {
        let bank: Option<&'static Bank> = match (from_hz, to_hz) {
            (8_000, 16_000) => Some(&FROM_8_TO_16),
            (16_000, 8_000) => Some(&FROM_16_TO_8),
            (8_000, 48_000) => Some(&FROM_8_TO_48),
            (48_000, 8_000) => Some(&FROM_48_TO_8),
            (16_000, 48_000) => Some(&FROM_16_TO_48),
            (48_000, 16_000) => Some(&FROM_48_TO_16),
            (8_000, 8_000) | (16_000, 16_000) | (48_000, 48_000) => None,
            _ => return None,
        };
        Some(Self { bank, skip: 0, line: [0; TAPS_MAX + BLOCK] })
    }

    /// The next piece of the stream, of any length, into the beginning of `out`; how many samples were written. Whole frames give
    /// whole frames. What finds no room in `out` is lost, the stream goes on.
    pub fn run(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        let Some(bank) = self.bank else {
            let count = input.len().min(out.len());
            out[..count].copy_from_slice(&input[..count]);
            return count;
        };
        let mut written = 0;
        for block in input.chunks(BLOCK) {
            let old = bank.taps - 1;
            self.line[old..old + block.len()].copy_from_slice(block);
            let room = &mut out[written..];
            written += if bank.down == 1 {
                rise(bank, &self.line[..old + block.len()], room)
            } else {
                fall(bank, &self.line[..old + block.len()], &mut self.skip, room)
            };
            self.line.copy_within(block.len()..block.len() + old, 0);
        }
        written
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        self.skip = 0;
        self.line.fill(0);
    }
}

/// `up` samples for each window of `line`.
fn rise(bank: &Bank, line: &[i16], out: &mut [i16]) -> usize {
    let mut written = 0;
    for (window, samples) in line.windows(bank.taps).zip(out.chunks_mut(bank.up)) {
        for (sample, phase) in samples.iter_mut().zip(bank.coefficients.chunks_exact(bank.taps)) {
            *sample = product(window, phase);
        }
        written += samples.len();
    }
    written
}

/// A sample for each `down`th window of `line`; `skip` windows are left out first.
fn fall(bank: &Bank, line: &[i16], skip: &mut usize, out: &mut [i16]) -> usize {
    let windows = line.len() + 1 - bank.taps;
    let mut written = 0;
    let mut at = *skip;
    while at < windows {
        if let Some(sample) = out.get_mut(written) {
            *sample = product(&line[at..at + bank.taps], &bank.coefficients);
            written += 1;
        }
        at += bank.down;
    }
    *skip = at - windows;
    written
}

/// The sum of products, rounded and held within 16 bits.
#[inline]
fn product(window: &[i16], coefficients: &[i16]) -> i16 {
    let sum: i32 = window.iter().zip(coefficients).map(|(x, h)| i32::from(*x) * i32::from(*h)).sum();
    let rounded = (sum + (1 << (POINT - 1))) >> POINT;
    rounded.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests;
