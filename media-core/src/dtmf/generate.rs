//! Keys as sound (ITU-T Q.23).

use super::{COLUMNS_HZ, ROWS_HZ, place};
use contract::Digit;
use core::{f64::consts::TAU, time::Duration};

/// Peak of the row's tone: -11 dBm0, where a sine of full scale has 3.14 dBm0 (ITU-T G.711 table 5).
const ROW_PEAK: f64 = 6_433.0;

/// Peak of the column's tone: -9 dBm0; lines damp high tones more.
const COLUMN_PEAK: f64 = 8_099.0;

/// Over this long a tone rises and falls.
const RAMP_MS: u64 = 4;

/// The silence behind each key, so that the next one is another even if it is the same.
const PAUSE: Duration = Duration::from_millis(60);

/// A tone by its recursion: each value from the two before it.
#[derive(Clone, Copy, Debug, Default)]
struct Tone {
    factor: f64,
    now: f64,
    before: f64,
}

impl Tone {
    fn new(frequency_hz: f64, peak: f64, rate_hz: u32) -> Self {
        let step = TAU * frequency_hz / f64::from(rate_hz);
        Self { factor: 2.0 * step.cos(), now: 0.0, before: -peak * step.sin() }
    }

    fn next(&mut self) -> f64 {
        let value = self.now;
        (self.now, self.before) = (self.factor * self.now - self.before, self.now);
        value
    }
}

/// Says keys, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Generator {
    rate_hz: u32,
    tones: [Tone; 2],
    /// Samples of the key that were given.
    given: u64,
    /// Samples of the key.
    length: u64,
    /// Samples of the key and its pause.
    all: u64,
}

impl Generator {
    /// Silent, at `rate_hz`.
    #[must_use]
    pub const fn new(rate_hz: u32) -> Self {
        let tones = [Tone { factor: 0.0, now: 0.0, before: 0.0 }; 2];
        Self { rate_hz, tones, given: 0, length: 0, all: 0 }
    }

    /// Begins a key of this length, at least 40 ms and at most 6 s. One that sounds still is cut off.
    pub fn start(&mut self, digit: Digit, length: Duration) {
        let (row, column) = place(digit);
        self.tones =
            [Tone::new(ROWS_HZ[row], ROW_PEAK, self.rate_hz), Tone::new(COLUMNS_HZ[column], COLUMN_PEAK, self.rate_hz)];
        let samples = |time: Duration| time.as_micros() as u64 * u64::from(self.rate_hz) / 1_000_000;
        self.length = samples(length.clamp(super::LENGTH_MIN, super::LENGTH_MAX));
        (self.given, self.all) = (0, self.length + samples(PAUSE));
    }

    /// Whether a key sounds, or the pause behind it.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.given < self.all
    }

    /// The next samples of the key, silence behind it; whether there is more of it, the pause included.
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        let ramp = u64::from(self.rate_hz) * RAMP_MS / 1_000;
        for sample in out {
            if self.given >= self.length {
                self.given = self.given.saturating_add(1);
                *sample = 0;
                continue;
            }
            let [row, column] = &mut self.tones;
            let edge = (self.given + 1).min(self.length - self.given).min(ramp) as f64 / ramp.max(1) as f64;
            *sample = ((row.next() + column.next()) * edge).round() as i16;
            self.given += 1;
        }
        self.is_busy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::listen::{amplitude, decibels};

    #[test]
    fn a_key_is_its_two_tones_at_their_levels_and_then_a_pause() {
        for rate in [8_000, 16_000, 48_000] {
            for code in 0..16 {
                let digit = Digit::from_event(code).expect("a key");
                let mut generator = Generator::new(rate);
                generator.start(digit, Duration::from_secs(6));
                let mut out = vec![0; 6 * rate as usize];
                assert!(generator.fill(&mut out));
                // The last of six seconds: the recursion holds its level.
                let second = &out[5 * rate as usize - 4_000..6 * rate as usize - 4_000];
                let (row, column) = place(digit);
                for (hz, peak) in [(ROWS_HZ[row], ROW_PEAK), (COLUMNS_HZ[column], COLUMN_PEAK)] {
                    assert!(decibels(amplitude(second, hz, rate), peak).abs() < 0.05, "{digit:?} {hz}");
                }
                let mut pause = vec![1; rate as usize * 6 / 100];
                assert!(!generator.fill(&mut pause) && pause.iter().all(|sample| *sample == 0));
            }
        }
    }

    #[test]
    fn it_rises_and_falls() {
        let mut generator = Generator::new(8_000);
        generator.start(Digit::from_event(1).expect("a key"), Duration::from_millis(100));
        let mut out = [0; 800];
        assert!(generator.fill(&mut out));
        assert!(out[..4].iter().chain(&out[796..]).all(|sample| sample.unsigned_abs() < 2_000), "{:?}", &out[..4]);
        assert!(out[32..768].iter().any(|sample| *sample > 13_000));
    }
}
