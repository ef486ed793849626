//! From one sample rate to another among 8,000, 16,000 and 48,000 Hz: polyphase low-passes of fixed length.
//!
//! Each low-pass is a windowed sinc (Kaiser) that passes up to 3.4 kHz where 8,000 Hz is involved and up to 7 kHz between 16,000 and
//! 48,000 Hz (the bands of G.711 and G.722), and is 60 dB down from 4.4 and 8.5 kHz on. From 8,000 to 48,000 Hz there are two of them with
//! 16,000 Hz in between, since the second can then be short. They delay by 1.25 to 2.25 ms. Coefficients are made once in a process; a
//! [`Resampler`] holds only the samples it still needs.
//!
//! Vector code is chosen for the processor at work. On the way up sums are made for many samples side by side, and a sample once loaded serves
//! every phase; on the way down a sum of products of 16 bits is the fastest there is.

use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch, f32x16};
use std::sync::LazyLock;

/// Bits after the point of a coefficient on the way down. The magnitudes of a filter sum up to less than 4, so a sum of products stays
/// within 32 bits.
const POINT: u32 = 14;

/// The longest filter on the way down, of 48,000 to 8,000 Hz.
const FALL_MAX: usize = 192;

/// Samples that are taken in at once on the way down.
const FALL_BLOCK: usize = 480;

/// Coefficients of the longest phase on the way up.
const PHASE_MAX: usize = 40;

/// Sums that are made side by side on the way up.
const LANES: usize = 32;

/// Samples that are taken in at once on the way up, and by a second filter.
const RISE_BLOCK: usize = 160;
const SECOND_BLOCK: usize = 2 * RISE_BLOCK;
const _: () = assert!(RISE_BLOCK.is_multiple_of(LANES), "whole rows of sums");

/// What this processor can do at a time.
pub(crate) static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);

/// `length` coefficients of a low-pass that sum up to 1; half the amplitude at `edge` of the rate they are for.
fn low_pass(length: usize, edge: f64) -> Vec<f64> {
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
    prototype.into_iter().map(|coefficient| coefficient / sum).collect()
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

/// The coefficients of one way up: of each tap those of all `RATIO` phases, the oldest sample's first.
type RiseBank<const RATIO: usize> = Box<[[f32; RATIO]]>;

fn rising<const RATIO: usize>(taps: usize, edge: f64) -> RiseBank<RATIO> {
    let prototype = low_pass(RATIO * taps, edge);
    let coefficient = |tap: usize, phase: usize| (RATIO as f64 * prototype[phase + RATIO * (taps - 1 - tap)]) as f32;
    (0..taps).map(|tap| core::array::from_fn(|phase| coefficient(tap, phase))).collect()
}

/// The coefficients of one way down. The filter is symmetrical.
fn falling<const TAPS: usize>(edge: f64) -> [i16; TAPS] {
    let prototype = low_pass(TAPS, edge);
    core::array::from_fn(|tap| (prototype[tap] * f64::from(1 << POINT)).round() as i16)
}

static FROM_8_TO_16: LazyLock<RiseBank<2>> = LazyLock::new(|| rising(32, 3_900.0 / 16_000.0));
static FROM_16_TO_48: LazyLock<RiseBank<3>> = LazyLock::new(|| rising(PHASE_MAX, 7_750.0 / 48_000.0));
/// Where the filter before it has left nothing above 4.4 kHz.
static FROM_NARROW_16_TO_48: LazyLock<RiseBank<3>> = LazyLock::new(|| rising(8, 8_000.0 / 48_000.0));
static FROM_16_TO_8: LazyLock<[i16; 64]> = LazyLock::new(|| falling(3_900.0 / 16_000.0));
static FROM_48_TO_8: LazyLock<[i16; FALL_MAX]> = LazyLock::new(|| falling(3_900.0 / 48_000.0));
static FROM_48_TO_16: LazyLock<[i16; 128]> = LazyLock::new(|| falling(7_750.0 / 48_000.0));

/// One filter up.
struct Rise<const RATIO: usize> {
    bank: &'static [[f32; RATIO]],
    /// The last samples of the input so far, the newest last.
    past: [f32; PHASE_MAX - 1],
}

impl<const RATIO: usize> Rise<RATIO> {
    fn new(bank: &'static RiseBank<RATIO>) -> Self {
        Self { bank, past: [0.0; PHASE_MAX - 1] }
    }

    /// `RATIO` samples for each of `input`, at most [`SECOND_BLOCK`], into the beginning of `out`, which has room for them; how many.
    #[inline(always)]
    fn run<S: Simd, T: Copy>(&mut self, simd: S, input: &[f32], out: &mut [T], sample: impl Fn(f32) -> T) -> usize {
        let past = self.bank.len() - 1;
        let mut line = [0.0; PHASE_MAX - 1 + SECOND_BLOCK];
        line[..past].copy_from_slice(&self.past[..past]);
        line[past..past + input.len()].copy_from_slice(input);
        self.past[..past].copy_from_slice(&line[input.len()..input.len() + past]);
        let (groups, _) = out.as_chunks_mut::<RATIO>();
        for (row, groups) in groups[..input.len()].chunks_mut(LANES).enumerate() {
            let mut sums = [[f32x16::splat(simd, 0.0); 2]; RATIO];
            for (window, coefficients) in line[row * LANES..].array_windows::<LANES>().zip(self.bank) {
                let low = f32x16::from_slice(simd, &window[..16]);
                let high = f32x16::from_slice(simd, &window[16..]);
                for (sum, coefficient) in sums.iter_mut().zip(coefficients) {
                    let coefficient = f32x16::splat(simd, *coefficient);
                    *sum = [low.mul_add(coefficient, sum[0]), high.mul_add(coefficient, sum[1])];
                }
            }
            let mut phases = [[sample(0.0); LANES]; RATIO];
            for (phase, [low, high]) in phases.iter_mut().zip(sums) {
                let mut singles = [0.0; LANES];
                low.store_slice(&mut singles[..16]);
                high.store_slice(&mut singles[16..]);
                phase.iter_mut().zip(singles).for_each(|(to, from)| *to = sample(from));
            }
            for (at, group) in groups.iter_mut().enumerate() {
                *group = core::array::from_fn(|phase| phases[phase][at]);
            }
        }
        RATIO * input.len()
    }
}

/// One filter down: every `ratio`th window of the stream gives a sample.
struct Fall {
    bank: FallBank,
    ratio: usize,
    /// Input samples still to pass until the next output sample.
    skip: usize,
    /// The last samples of the input so far, the newest last.
    past: [i16; FALL_MAX - 1],
}

#[derive(Clone, Copy)]
enum FallBank {
    From16To8(&'static [i16; 64]),
    From48To8(&'static [i16; FALL_MAX]),
    From48To16(&'static [i16; 128]),
}

impl Fall {
    fn new(bank: FallBank, ratio: usize) -> Self {
        Self { bank, ratio, skip: 0, past: [0; FALL_MAX - 1] }
    }

    /// What comes of `input`, at most [`FALL_BLOCK`] samples, into the beginning of `out`; how many.
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S, input: &[i16], out: &mut [i16]) -> usize {
        match self.bank {
            FallBank::From16To8(bank) => self.filter(simd, bank, input, out),
            FallBank::From48To8(bank) => self.filter(simd, bank, input, out),
            FallBank::From48To16(bank) => self.filter(simd, bank, input, out),
        }
    }

    #[inline(always)]
    fn filter<S: Simd, const TAPS: usize>(
        &mut self,
        simd: S,
        bank: &[i16; TAPS],
        input: &[i16],
        out: &mut [i16],
    ) -> usize {
        let mut line = [0; FALL_MAX - 1 + FALL_BLOCK];
        let length = TAPS - 1 + input.len();
        line[..TAPS - 1].copy_from_slice(&self.past[..TAPS - 1]);
        line[TAPS - 1..length].copy_from_slice(input);
        self.past[..TAPS - 1].copy_from_slice(&line[input.len()..length]);
        let first = self.skip.min(input.len());
        let given = (input.len() - first).div_ceil(self.ratio);
        self.skip = self.skip + given * self.ratio - input.len();
        let windows = line[first..length].array_windows::<TAPS>().step_by(self.ratio);
        simd.vectorize(|| out.iter_mut().zip(windows).for_each(|(sample, window)| *sample = product(window, bank)));
        given.min(out.len())
    }
}

/// The sum of products, rounded and held within 16 bits.
#[inline(always)]
fn product<const TAPS: usize>(window: &[i16; TAPS], coefficients: &[i16; TAPS]) -> i16 {
    let sum: i32 = window.iter().zip(coefficients).map(|(x, h)| i32::from(*x) * i32::from(*h)).sum();
    let rounded = (sum + (1 << (POINT - 1))) >> POINT;
    rounded.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// The nearest whole number, held within 16 bits.
#[inline(always)]
fn rounded(sample: f32) -> i16 {
    // Added to a single below 2²², this leaves the nearest whole number in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    (sample.clamp(-32_768.0, 32_767.0) + WHOLE).to_bits() as i16
}

/// The way between two rates.
enum Way {
    Same,
    Double(Rise<2>),
    Triple(Rise<3>),
    Sixfold(Rise<2>, Rise<3>),
    Down(Fall),
}

/// One stream on its way from one rate to another. Less than 1 kB; nothing allocates after [`Resampler::new`].
pub struct Resampler {
    way: Way,
}

impl core::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ratio = match &self.way {
            Way::Same => (1, 1),
            Way::Double(_) => (2, 1),
            Way::Triple(_) => (3, 1),
            Way::Sixfold(..) => (6, 1),
            Way::Down(fall) => (1, fall.ratio),
        };
        f.debug_struct("Resampler").field("ratio", &ratio).finish_non_exhaustive()
    }
}

impl Resampler {
    /// From `from_hz` to `to_hz`; `None` for a rate other than 8,000, 16,000 and 48,000 Hz. Between equal rates samples are copied.
    #[must_use]
    pub fn new(from_hz: u32, to_hz: u32) -> Option<Self> {
        let way = match (from_hz, to_hz) {
            (8_000, 16_000) => Way::Double(Rise::new(&FROM_8_TO_16)),
            (16_000, 48_000) => Way::Triple(Rise::new(&FROM_16_TO_48)),
            (8_000, 48_000) => Way::Sixfold(Rise::new(&FROM_8_TO_16), Rise::new(&FROM_NARROW_16_TO_48)),
            (16_000, 8_000) => Way::Down(Fall::new(FallBank::From16To8(&FROM_16_TO_8), 2)),
            (48_000, 8_000) => Way::Down(Fall::new(FallBank::From48To8(&FROM_48_TO_8), 6)),
            (48_000, 16_000) => Way::Down(Fall::new(FallBank::From48To16(&FROM_48_TO_16), 3)),
            (8_000, 8_000) | (16_000, 16_000) | (48_000, 48_000) => Way::Same,
            _ => return None,
        };
        Some(Self { way })
    }

    /// The next piece of the stream, of any length, into the beginning of `out`; how many samples were written. Whole frames give
    /// whole frames. What finds no room in `out` is lost, the stream goes on.
    pub fn run(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        dispatch!(*LEVEL, simd => self.run_by(simd, input, out))
    }

    #[inline(always)]
    fn run_by<S: Simd>(&mut self, simd: S, input: &[i16], out: &mut [i16]) -> usize {
        let mut written = 0;
        match &mut self.way {
            Way::Same => {
                written = input.len().min(out.len());
                out[..written].copy_from_slice(&input[..written]);
            }
            Way::Down(fall) => {
                for block in input.chunks(FALL_BLOCK) {
                    written += fall.run(simd, block, &mut out[written..]);
                }
            }
            Way::Double(rise) => written = rise_by(simd, rise, input, out),
            Way::Triple(rise) => written = rise_by(simd, rise, input, out),
            Way::Sixfold(first, second) => {
                for block in input.chunks(RISE_BLOCK) {
                    let mut between = [0.0; SECOND_BLOCK];
                    let count = first.run(simd, &singles(block)[..block.len()], &mut between, |sample| sample);
                    written += rise_into(simd, second, &between[..count], &mut out[written..]);
                }
            }
        }
        written
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        match &mut self.way {
            Way::Same => {}
            Way::Double(rise) => rise.past.fill(0.0),
            Way::Triple(rise) => rise.past.fill(0.0),
            Way::Sixfold(first, second) => {
                first.past.fill(0.0);
                second.past.fill(0.0);
            }
            Way::Down(fall) => {
                fall.skip = 0;
                fall.past.fill(0);
            }
        }
    }
}

/// One filter up, from samples to samples.
#[inline(always)]
fn rise_by<S: Simd, const RATIO: usize>(simd: S, rise: &mut Rise<RATIO>, input: &[i16], out: &mut [i16]) -> usize {
    let mut written = 0;
    for block in input.chunks(RISE_BLOCK) {
        written += rise_into(simd, rise, &singles(block)[..block.len()], &mut out[written..]);
    }
    written
}

/// The same of one block; what finds no room is lost.
#[inline(always)]
fn rise_into<S: Simd, const RATIO: usize>(simd: S, rise: &mut Rise<RATIO>, block: &[f32], out: &mut [i16]) -> usize {
    if out.len() >= RATIO * block.len() {
        return rise.run(simd, block, out, rounded);
    }
    let mut last = [0; 3 * SECOND_BLOCK];
    rise.run(simd, block, &mut last, rounded);
    out.copy_from_slice(&last[..out.len()]);
    out.len()
}

#[inline(always)]
fn singles(block: &[i16]) -> [f32; RISE_BLOCK] {
    let mut singles = [0.0; RISE_BLOCK];
    singles.iter_mut().zip(block).for_each(|(to, from)| *to = f32::from(*from));
    singles
}

#[cfg(test)]
mod tests;
