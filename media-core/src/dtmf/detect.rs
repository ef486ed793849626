//! Keys heard in sound (ITU-T Q.24), and a voice not taken for them.
//!
//! Sound at 8,000 Hz is cut into blocks of 12.75 ms, and the level of each of the eight tones is taken of each block (Goertzel). A key is
//! one tone of the rows and one of the columns that together are nearly all there is in two blocks in a row, without overtones; a voice has those. It
//! is told when two blocks in a row lack it.

use super::{COLUMNS_HZ, KEYS, ROWS_HZ, keypress};
use crate::audio::resample::Resampler;
use contract::{Digit, Keypress};
use core::{f64::consts::TAU, time::Duration};
use std::sync::LazyLock;

const RATE_HZ: u32 = 8_000;

/// Samples of a block: short enough that 40 ms hold two whole ones, long enough to tell neighbouring tones apart.
const BLOCK: usize = 102;
const _: () = assert!(3 * BLOCK - 1 <= RATE_HZ as usize * 40 / 1_000, "40 ms hold two whole blocks");

/// The least amplitude of either tone: -35 dBm0. ITU-T Q.24 has administrations take keys from -25 to -29 dBm0 on.
const AMPLITUDE_MIN: f32 = 406.0;

/// How much more power the row's tone may have than the column's, and the other way (10 and 6 dB; ITU-T Q.24 table 1: 5 to 10 dB). Long lines
/// damp the column's; and in a short block the stronger tone may cover 2 dB of the weaker one.
const TWIST_ROW: f32 = 10.0;
const TWIST_COLUMN: f32 = 4.0;

/// How much more power a tone must have than any other of its group (8 dB).
const ABOVE_OTHERS: f32 = 6.3;

/// The part of all power that the two tones must have. Tones 1.8 % beside their frequencies have 0.75 of it in their blocks.
const PART: f32 = 0.7;

/// The same when it is known how far they are beside their frequencies. With noise 15 dB below they have 0.97.
const PART_EXACT: f32 = 0.85;

/// How far a tone may lie beside its frequency, in parts of it (ITU-T Q.24 table 1: 1.5 to 1.8 % must be taken).
const BESIDE: f32 = 0.023;

/// How unlike a tone's power may be in two blocks (3 dB): a key is as loud all the time, a voice is not.
const STEADY: f32 = 2.0;

/// A block with less than this part of a key that was pressed lacks it altogether.
const LACKS: f32 = 0.3;

/// The part of a tone's power that its first overtone may have: a voice has more, a telephone less.
const OVERTONE: f32 = 0.1;

/// A row's overtone nearer to the column's tone than this in Hz cannot be told from it.
const APART_HZ: f64 = 150.0;

/// A block is looked at in pieces of this many samples to tell how much of it sounds.
const PIECE: usize = 6;
const _: () = assert!(BLOCK.is_multiple_of(PIECE), "whole pieces");

/// A piece with less than this part of the loudest one's power is silent. Two tones alone come near it where they cancel out.
const SILENT: f32 = 1.0 / 64.0;

/// What sounds shorter is no key, in samples (ITU-T Q.24: keys of 40 ms must be taken, of 20 to 24 ms must not).
const SAMPLES_MIN: u32 = RATE_HZ * 28 / 1_000;

/// Twice the cosine of each tone's step: rows, then columns.
static FACTORS: LazyLock<[f32; 8]> = LazyLock::new(|| {
    let mut factors = [0.0; 8];
    for (factor, hz) in factors.iter_mut().zip(ROWS_HZ.into_iter().chain(COLUMNS_HZ)) {
        *factor = (2.0 * (TAU * hz / f64::from(RATE_HZ)).cos()) as f32;
    }
    factors
});

/// The powers of the eight tones in a block: squares of amplitudes.
type Powers = [f32; 8];

/// What the filters ended with: the last value and the one before it, of each.
#[derive(Clone, Copy, Debug, Default)]
struct Filters {
    one: [f32; 8],
    two: [f32; 8],
}

/// Listens for keys.
#[derive(Debug)]
pub struct Detector {
    factors: &'static Powers,
    resampler: Option<Box<Resampler>>,
    block: [f32; BLOCK],
    filled: usize,
    /// Of this block, and of the one before.
    now: Filters,
    before: Filters,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No key.
    Quiet,
    /// One block sounded like it.
    Perhaps(Heard),
    /// It is pressed.
    Pressed(Heard),
    /// One block lacked it.
    Missing(Heard),
}

/// A key as heard so far.
#[derive(Clone, Copy, Debug)]
struct Heard {
    row: u8,
    column: u8,
    /// Samples of it.
    samples: u32,
    /// Samples since a block sounded like it.
    since: u32,
    /// The weaker tone's amplitude when it was whole.
    amplitude: f32,
}

impl Detector {
    /// For sound at `rate_hz`: 8,000, 16,000 or 48,000 Hz; at another rate it hears nothing.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let resampler = Resampler::new(rate_hz, RATE_HZ).filter(|_| rate_hz != RATE_HZ).map(Box::new);
        Self {
            factors: &FACTORS,
            resampler,
            block: [0.0; BLOCK],
            filled: 0,
            now: Filters::default(),
            before: Filters::default(),
            state: State::Quiet,
        }
    }

    /// The next piece of sound, at most 60 ms; the key that was released in it. Shorter pieces cannot hold the ends of two.
    pub fn push(&mut self, samples: &[i16]) -> Option<Keypress> {
        let Some(mut resampler) = self.resampler.take() else { return self.listen(samples) };
        let mut pressed = None;
        let mut low = [0; 160];
        // At 48,000 Hz six samples are one.
        for piece in samples.chunks(160) {
            let count = resampler.run(piece, &mut low);
            pressed = pressed.or(self.listen(&low[..count]));
        }
        self.resampler = Some(resampler);
        pressed
    }

    /// Whether a key seems to sound now: earlier than it is certain, so that little of it is heard where it is taken out.
    #[must_use]
    pub const fn is_sounding(&self) -> bool {
        !matches!(self.state, State::Quiet)
    }

    /// Forgets what was heard; another source begins. A key that sounds is released.
    pub fn reset(&mut self) -> Option<Keypress> {
        (self.filled, self.now) = (0, Filters::default());
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
        match core::mem::replace(&mut self.state, State::Quiet) {
            State::Pressed(heard) | State::Missing(heard) => Some(heard.keypress()),
            State::Quiet | State::Perhaps(_) => None,
        }
    }

    /// Samples at 8,000 Hz.
    fn listen(&mut self, samples: &[i16]) -> Option<Keypress> {
        let mut pressed = None;
        let mut rest = samples;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(BLOCK - self.filled));
            let room = &mut self.block[self.filled..];
            room.iter_mut().zip(piece).for_each(|(sample, new)| *sample = f32::from(*new));
            self.filled += piece.len();
            rest = after;
            if self.filled == BLOCK {
                self.filled = 0;
                pressed = pressed.or(self.take_block());
            }
        }
        pressed
    }

    /// A block is complete.
    fn take_block(&mut self) -> Option<Keypress> {
        let energy = energy(&self.block);
        let quiet = energy < AMPLITUDE_MIN * AMPLITUDE_MIN * BLOCK as f32;
        if quiet && !self.is_sounding() {
            self.now = Filters::default();
            return None;
        }
        let filtered = self.filter();
        self.before = core::mem::replace(&mut self.now, filtered);
        let powers = self.powers(&self.now);
        let found = self.key(&powers, energy);
        let (state, pressed) = self.follow(found, &powers);
        self.state = state;
        pressed
    }

    /// Goertzel's filters, all eight side by side.
    fn filter(&self) -> Filters {
        let (mut one, mut two) = ([0.0_f32; 8], [0.0_f32; 8]);
        for sample in &self.block {
            for at in 0..8 {
                (one[at], two[at]) = (sample - two[at] + self.factors[at] * one[at], one[at]);
            }
        }
        Filters { one, two }
    }

    fn powers(&self, filters: &Filters) -> Powers {
        core::array::from_fn(|at| power(filters.one[at], filters.two[at], self.factors[at]))
    }

    /// How far a tone's phase goes on beside what its frequency says from one block to the next, in radians.
    fn beside(&self, tone: usize, step: f32) -> f32 {
        let phase = |filters: &Filters| {
            let (one, two) = (filters.one[tone], filters.two[tone]);
            (two * step.sin()).atan2(one - two * step.cos())
        };
        let turn = core::f32::consts::TAU;
        let beside = phase(&self.now) - phase(&self.before) - step * BLOCK as f32;
        beside - turn * (beside / turn).round()
    }

    /// The row and column that the block sounds like.
    fn key(&self, powers: &Powers, energy: f32) -> Option<(u8, u8)> {
        let (rows, columns) = powers.split_at(4);
        let (row, column) = (strongest(rows)?, strongest(columns)?);
        let (low, high) = (rows[row], columns[column]);
        let loud = low.min(high) >= AMPLITUDE_MIN * AMPLITUDE_MIN;
        let even = low <= high * TWIST_ROW && high <= low * TWIST_COLUMN;
        // A sine of amplitude a has the energy a²/2 a sample.
        let alone = (low + high) * (BLOCK as f32 / 2.0) >= PART * energy;
        if !(loud && even && alone) {
            return None;
        }
        let overtone = |factor: f32, power: f32| self.overtone(factor) > OVERTONE * power;
        let apart = (2.0 * ROWS_HZ[row] - COLUMNS_HZ[column]).abs() > APART_HZ;
        let voiced = overtone(self.factors[4 + column], high) || (apart && overtone(self.factors[row], low));
        (!voiced).then_some((row as u8, column as u8))
    }

    /// The power at twice the frequency of a filter.
    fn overtone(&self, factor: f32) -> f32 {
        // cos 2x = 2 cos² x - 1.
        let factor = factor * factor - 2.0;
        let (mut one, mut two) = (0.0, 0.0);
        for sample in &self.block {
            (one, two) = (sample - two + factor * one, one);
        }
        power(one, two, factor)
    }

    /// How many samples of the block are not silent beside the others.
    fn sounding(&self) -> u32 {
        let (pieces, _) = self.block.as_chunks::<PIECE>();
        let energies = pieces.iter().map(|piece| piece.iter().map(|sample| sample * sample).sum::<f32>());
        let most = energies.clone().fold(0.0, f32::max);
        (energies.filter(|energy| *energy > SILENT * most).count() * PIECE) as u32
    }

    fn follow(&self, found: Option<(u8, u8)>, powers: &Powers) -> (State, Option<Keypress>) {
        let begun = |found: Option<(u8, u8)>| match found {
            Some((row, column)) => State::Perhaps(self.begin(row, column, powers)),
            None => State::Quiet,
        };
        match self.state {
            State::Quiet => (begun(found), None),
            State::Perhaps(heard) if found == Some((heard.row, heard.column)) => {
                let longer = heard.longer(powers, self.sounding());
                let certain = self.is_exact(&heard, powers) && self.is_steady(&heard, powers);
                (if certain { State::Pressed(longer) } else { State::Perhaps(longer) }, None)
            }
            State::Perhaps(_) => (begun(found), None),
            State::Pressed(heard) | State::Missing(heard) if found == Some((heard.row, heard.column)) => {
                (State::Pressed(heard.longer(powers, self.sounding())), None)
            }
            State::Pressed(heard) => {
                // Part of this block may be its end.
                let rest = heard.part(powers);
                let samples = heard.samples + rest;
                (State::Missing(Heard { samples, since: BLOCK as u32 - rest, ..heard }), None)
            }
            State::Missing(heard) if found.is_none() && heard.part(powers) as f32 > LACKS * BLOCK as f32 => {
                // It was interrupted for less than a block, in the middle between two.
                (State::Missing(Heard { since: heard.since.saturating_add(BLOCK as u32), ..heard }), None)
            }
            State::Missing(heard) => {
                (begun(found), Some(heard).filter(|heard| heard.samples >= SAMPLES_MIN).map(|heard| heard.keypress()))
            }
        }
    }

    /// Whether both tones have their frequencies, and are nearly all there is.
    fn is_exact(&self, heard: &Heard, powers: &Powers) -> bool {
        let (row, column) = (usize::from(heard.row), usize::from(heard.column));
        let mut both = 0.0;
        for (tone, hz) in [(row, ROWS_HZ[row]), (4 + column, COLUMNS_HZ[column])] {
            let step = (TAU * hz / f64::from(RATE_HZ)) as f32;
            let beside = self.beside(tone, step).abs();
            if beside > BESIDE * step * BLOCK as f32 {
                return false;
            }
            // What the filter has less of it for that: sin x / x of half the phase.
            let half = beside / 2.0;
            let less = if half > 0.01 { half.sin() / half } else { 1.0 };
            both += powers[tone] / (less * less);
        }
        both * (BLOCK as f32 / 2.0) >= PART_EXACT * energy(&self.block)
    }

    /// Whether both tones are about as loud as in the block before.
    fn is_steady(&self, heard: &Heard, powers: &Powers) -> bool {
        let before = self.powers(&self.before);
        [usize::from(heard.row), 4 + usize::from(heard.column)].into_iter().all(|tone| {
            let (one, other) = (before[tone], powers[tone]);
            one.max(other) <= STEADY * one.min(other)
        })
    }

    /// A key begins in this block, or in the one before.
    fn begin(&self, row: u8, column: u8, powers: &Powers) -> Heard {
        let mut heard = Heard { row, column, samples: self.sounding(), since: 0, amplitude: 0.0 };
        heard.amplitude = heard.weaker(powers);
        heard.samples += heard.part(&self.powers(&self.before));
        heard
    }
}

impl Heard {
    fn keypress(&self) -> Keypress {
        let sign = KEYS[usize::from(self.row & 3)][usize::from(self.column & 3)];
        let digit = Digit::from_char(sign).unwrap_or(ZERO);
        keypress(digit, Duration::from_micros(u64::from(self.samples) * 1_000_000 / u64::from(RATE_HZ)))
    }

    fn weaker(&self, powers: &Powers) -> f32 {
        powers[usize::from(self.row)].min(powers[4 + usize::from(self.column)]).sqrt()
    }

    /// How many samples of a block that is none of the key's are yet: its tones are as much weaker as they are shorter.
    fn part(&self, powers: &Powers) -> u32 {
        let part = (self.weaker(powers) / self.amplitude.max(1.0)).min(1.0);
        (part * BLOCK as f32) as u32
    }

    /// So many samples more of it.
    fn longer(self, powers: &Powers, samples: u32) -> Self {
        let samples = self.samples.saturating_add(self.since).saturating_add(samples);
        Self { samples, since: 0, amplitude: self.amplitude.max(self.weaker(powers)), ..self }
    }
}

/// The key 0, for a sign that is none; there is no such sign in the table.
const ZERO: Digit = match Digit::from_event(0) {
    Some(digit) => digit,
    None => unreachable!(),
};

/// The energy of a block.
fn energy(block: &[f32; BLOCK]) -> f32 {
    // Eight sums, so that they are made side by side.
    let mut sums = [0.0_f32; 8];
    let (whole, rest) = block.as_chunks::<8>();
    for eight in whole {
        sums.iter_mut().zip(eight).for_each(|(sum, sample)| *sum += sample * sample);
    }
    sums.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>()
}

/// The square of the amplitude that a filter ended with.
fn power(one: f32, two: f32, factor: f32) -> f32 {
    (one * one + two * two - factor * one * two).max(0.0) * (4.0 / (BLOCK * BLOCK) as f32)
}

/// The strongest of a group, if it is strong enough above the others.
fn strongest(powers: &[f32]) -> Option<usize> {
    let best = (0..powers.len()).max_by(|one, other| powers[*one].total_cmp(&powers[*other]))?;
    let clear = |(at, power): (usize, &f32)| at == best || power * ABOVE_OTHERS <= powers[best];
    powers.iter().enumerate().all(clear).then_some(best)
}

#[cfg(test)]
mod tests;
