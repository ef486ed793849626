//! Files of any sample rate brought to that of the library, once, when they are read. The media plane has its own fixed ratios.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side at the lower of the two rates: the stop band lies 60 dB down.
const CROSSINGS: usize = 16;

/// Of what both rates can carry, how much is kept.
const BAND: f64 = 0.92;

/// Turns mono samples of one rate into those of another, piece by piece.
pub(super) struct Converter {
    /// Output samples for every `down` input samples.
    up: usize,
    down: usize,
    /// Coefficients of each phase, `taps` each.
    phases: Vec<f32>,
    taps: usize,
    /// Input not yet used up.
    pending: Vec<f32>,
    phase: usize,
}

impl Converter {
    /// From `from_hz` to `to_hz`, both at least 1 and at most 768,000; one that changes nothing when they are equal.
    pub(super) fn new(from_hz: u32, to_hz: u32) -> Self {
        let divisor = gcd(from_hz, to_hz);
        let (up, down) = ((to_hz / divisor) as usize, (from_hz / divisor) as usize);
        if up == down {
            return Self { up, down, phases: vec![1.0], taps: 1, pending: Vec::new(), phase: 0 };
        }
        let cut = BAND * f64::from(to_hz).min(f64::from(from_hz)) / f64::from(from_hz);
        let half = (CROSSINGS as f64 / cut).ceil() as usize;
        let taps = 2 * half;
        let mut phases = Vec::with_capacity(up * taps);
        for phase in 0..up {
            let offset = phase as f64 / up as f64;
            let row = (0..taps).map(|tap| {
                let t = tap as f64 - (half as f64 - 1.0) - offset;
                let sinc = if t == 0.0 { 1.0 } else { (PI * cut * t).sin() / (PI * cut * t) };
                let window = (PI * t / (2.0 * half as f64)).cos().powi(2);
                cut * sinc * window
            });
            let row: Vec<f64> = row.collect();
            // A constant stays what it was, at every phase.
            let sum: f64 = row.iter().sum();
            phases.extend(row.iter().map(|tap| (tap / sum) as f32));
        }
        Self { up, down, phases, taps, pending: vec![0.0; half - 1], phase: 0 }
    }

    /// Takes more input and appends what it makes.
    pub(super) fn push(&mut self, input: impl Iterator<Item = f32>, out: &mut Vec<i16>) {
        self.pending.extend(input);
        let mut at = 0;
        while at + self.taps <= self.pending.len() {
            let row = &self.phases[self.phase * self.taps..(self.phase + 1) * self.taps];
            let sum: f32 = self.pending[at..at + self.taps].iter().zip(row).map(|(sample, tap)| sample * tap).sum();
            // The cast saturates, and makes silence of what is not a number.
            out.push((sum * 32_768.0).round() as i16);
            self.phase += self.down;
            at += self.phase / self.up;
            self.phase %= self.up;
        }
        self.pending.drain(..at.min(self.pending.len()));
    }

    /// Appends what is still inside.
    pub(super) fn finish(mut self, out: &mut Vec<i16>) {
        let rest = self.taps / 2;
        if self.taps > 1 {
            self.push(std::iter::repeat_n(0.0, rest), out);
        }
    }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(from_hz: u32, to_hz: u32, hz: f64) -> Vec<i16> {
        let mut converter = Converter::new(from_hz, to_hz);
        let mut out = Vec::new();
        let sound: Vec<f32> =
            (0..from_hz).map(|at| 0.5 * (2.0 * PI * hz * f64::from(at) / f64::from(from_hz)).sin() as f32).collect();
        for piece in sound.chunks(1_000) {
            converter.push(piece.iter().copied(), &mut out);
        }
        converter.finish(&mut out);
        out
    }

    fn peak(sound: &[i16]) -> i32 {
        sound[sound.len() / 4..sound.len() * 3 / 4].iter().map(|sample| i32::from(*sample).abs()).max().unwrap()
    }

    #[test]
    fn a_tone_keeps_its_level_and_length_at_every_rate() {
        for from_hz in [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 44_099] {
            let sound = convert(from_hz, 16_000, 1_000.0);
            assert!((sound.len() as i64 - 16_000).abs() <= 40, "{from_hz}: {}", sound.len());
            assert!((16_000..=16_700).contains(&peak(&sound)), "{from_hz}: {}", peak(&sound));
        }
    }

    #[test]
    fn what_the_new_rate_cannot_carry_is_not_folded_back() {
        for (from_hz, hz) in [(44_100, 10_000.0), (48_000, 12_000.0), (48_000, 23_000.0)] {
            assert!(peak(&convert(from_hz, 16_000, hz)) < 60, "{hz} Hz of {from_hz}");
        }
    }

    #[test]
    fn the_same_rate_changes_nothing() {
        let mut out = Vec::new();
        let mut same = Converter::new(16_000, 16_000);
        same.push([0.0, 0.5, -1.0, 1.0, f32::NAN].into_iter(), &mut out);
        same.finish(&mut out);
        assert_eq!(out, [0, 16_384, -32_768, 32_767, 0]);
    }
}
