//! Lost sound, made up from what was heard before it: the last period of the voice again, in the spirit of ITU-T G.711 appendix I.
//!
//! For codecs that conceal nothing themselves. After a while more than one period is repeated, so that a long loss does not beep; it fades
//! and ends in silence.

use super::pitch::{self, LAG_MAX_MS, Side};

/// How long a loss sounds as loud as what was before it.
const FLAT_MS: u32 = 20;

/// After how long it is silence.
pub(crate) const END_MS: u32 = 120;

/// Samples before a loss that are looked at: two periods and the quarter before them, the window of the search and its longest lag.
pub(crate) const PAST_MS: usize = 40;

/// The shortest repetition, 200 Hz (ITU-T G.711 I.2.4); a shorter one would buzz.
const LAG_MIN_US: usize = 5_000;

/// Less alike than this is no voice: the longest repetition buzzes least.
const VOICED: f32 = 0.4;

/// The gain of what is made up, `given` samples after its beginning; 1 is 32,768.
pub(crate) fn gain(given: u32, rate_hz: u32, flat_ms: u32, end_ms: u32) -> i32 {
    let per_ms = rate_hz / 1_000;
    let (flat, end) = (flat_ms * per_ms, end_ms * per_ms);
    if given <= flat { 32_768 } else { ((u64::from(end.saturating_sub(given)) << 15) / u64::from(end - flat)) as i32 }
}

/// `sample` at a gain of `gain` / 32,768.
pub(crate) fn scaled(sample: i16, gain: i32) -> i16 {
    ((i32::from(sample) * gain) >> 15) as i16
}

/// The loss being concealed.
#[derive(Debug)]
pub(crate) struct Concealer {
    rate_hz: u32,
    /// Two periods; its last quarter flows into its beginning.
    periods: Box<[i16]>,
    /// Samples of `periods` in use.
    length: usize,
    /// One period.
    lag: usize,
    at: usize,
    given: u32,
    /// What the first sample lacks to go on from the last one heard; it vanishes within a quarter of a period.
    step: i32,
}

impl Concealer {
    /// With all its storage.
    pub(crate) fn new(rate_hz: u32) -> Self {
        let longest = LAG_MAX_MS * rate_hz as usize / 1_000;
        Self { rate_hz, periods: vec![0; 2 * longest].into(), length: 0, lag: longest, at: 0, given: 0, step: 0 }
    }

    /// A loss begins after `past`, of at least [`PAST_MS`].
    pub(crate) fn begin(&mut self, past: &[i16]) {
        self.given = 0;
        let longest = self.periods.len() / 2;
        let found = pitch::find(past, pitch::WINDOW_MAX_MS, Side::Past, LAG_MIN_US, self.rate_hz);
        let lag = found.filter(|lag| lag.likeness > VOICED).map_or(longest, |lag| lag.samples.min(longest));
        let length = 2 * lag;
        let quarter = lag / 4;
        if past.len() < length + quarter + 1 {
            // Nothing was heard yet.
            (self.length, self.lag, self.at, self.step) = (0, longest, 0, 0);
            return;
        }
        let end = past.len();
        let periods = &mut self.periods[..length];
        periods.copy_from_slice(&past[end - length..]);
        for at in 0..quarter {
            // What comes before the beginning of the two periods flows into it.
            let before = i32::from(past[end - length - quarter + at]);
            let sample = &mut periods[length - quarter + at];
            let mixed = i32::from(*sample) * (quarter - at) as i32 + before * (at + 1) as i32;
            *sample = (mixed / (quarter + 1) as i32) as i16;
        }
        (self.length, self.lag) = (length, lag);
        // The first time only the last period.
        self.at = lag;
        self.step = i32::from(past[end - 1]) - i32::from(past[end - lag - 1]);
    }

    /// The next samples of it.
    pub(crate) fn fill(&mut self, out: &mut [i16]) {
        if self.length == 0 || self.ended() {
            out.fill(0);
            self.given = self.given.saturating_add(out.len() as u32);
            return;
        }
        let quarter = (self.lag / 4).max(1) as u32;
        for sample in out {
            let mut value = i32::from(self.periods[self.at]);
            if self.given < quarter {
                value += self.step * (quarter - self.given) as i32 / quarter as i32;
            }
            let value = value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            *sample = scaled(value, gain(self.given, self.rate_hz, FLAT_MS, END_MS));
            self.given = self.given.saturating_add(1);
            self.at = if self.at + 1 == self.length { 0 } else { self.at + 1 };
        }
    }

    /// Whether it has faded to silence.
    pub(crate) const fn ended(&self) -> bool {
        self.length == 0 || self.given >= END_MS * (self.rate_hz / 1_000)
    }

    /// The period it repeats, in samples.
    pub(crate) const fn lag(&self) -> usize {
        self.lag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::listen::{amplitude, decibels, sine};

    fn concealed(rate: u32, frequency: f64, samples: usize) -> (Vec<i16>, Vec<i16>) {
        let past = sine(frequency, 10_000.0, rate, rate as usize / 10);
        let mut concealer = Concealer::new(rate);
        concealer.begin(&past);
        let mut out = vec![0; samples];
        // However it is asked for.
        out.chunks_mut(37).for_each(|piece| concealer.fill(piece));
        (past, out)
    }

    #[test]
    fn a_tone_goes_on_with_its_level_and_without_a_click() {
        for rate in [8_000, 16_000, 48_000] {
            for frequency in [150.0, 440.0, 1_000.0] {
                let twenty = rate as usize / 50;
                let (past, out) = concealed(rate, frequency, twenty);
                let level = decibels(amplitude(&out, frequency, rate), 10_000.0);
                assert!(level.abs() < 1.0, "{rate} {frequency}: {level}");
                let steepest = 10_000.0 * core::f64::consts::TAU * frequency / f64::from(rate);
                let joined = [&past[past.len() - 2..], &out[..]].concat();
                let jump = joined.windows(2).map(|two| i32::from(two[1]) - i32::from(two[0])).map(i32::abs).max();
                assert!(f64::from(jump.unwrap()) < 1.6 * steepest + 100.0, "{rate} {frequency} {jump:?} {steepest}");
            }
        }
    }

    #[test]
    fn a_long_loss_fades_and_ends_in_silence() {
        for rate in [8_000, 16_000, 48_000] {
            let (_, out) = concealed(rate, 300.0, rate as usize / 5);
            let ms = |from: usize, to: usize| &out[from * rate as usize / 1_000..to * rate as usize / 1_000];
            let level = |from, to| ms(from, to).iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!(level(0, 20) > 9_000 && level(60, 80) < 7_000 && level(60, 80) > 3_000 && level(100, 110) < 2_500);
            assert!(ms(END_MS as usize, 200).iter().all(|sample| *sample == 0));
        }
    }

    #[test]
    fn a_loss_before_anything_was_heard_is_silence() {
        let mut concealer = Concealer::new(8_000);
        concealer.begin(&[]);
        let mut out = [1; 160];
        concealer.fill(&mut out);
        assert!(concealer.ended() && out == [0; 160]);
    }

    #[test]
    fn full_scale_does_not_wrap() {
        let past: Vec<i16> = (0..800).map(|at| if at / 37 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let mut concealer = Concealer::new(8_000);
        concealer.begin(&past);
        let mut out = [0; 160];
        concealer.fill(&mut out);
        assert!(out.iter().all(|sample| sample.unsigned_abs() > 16_000 || *sample > -32_768));
    }
}
