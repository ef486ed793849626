//! Cadences as samples: up to two frequencies at once, exact in time and frequency, without a click.
//!
//! Each frequency sounds at -13 dBm0 within a digital full scale (ITU-T E.180: tones lie between -5 and -15 dBm0). A tone rises and falls over 4 ms;
//! where two steps have the same frequencies it goes on in phase.

use contract::{CADENCE_STEPS_MAX, Cadence, CadenceStep};
use std::sync::LazyLock;

/// Peak of one frequency: -13 dB under a full-scale sine.
pub const PEAK: f32 = 7_336.0;

/// How long a tone takes to rise or fall, in microseconds.
const RAMP_US: u64 = 4_000;

const TABLE_BITS: u32 = 10;

/// One turn of a sine, and its first value again so that reading between two values needs no wrap.
static SINE: LazyLock<Box<[f32]>> = LazyLock::new(|| {
    let count = 1 << TABLE_BITS;
    (0..=count).map(|at| (f64::from(at) / f64::from(count) * core::f64::consts::TAU).sin() as f32).collect()
});

/// One cadence being sounded.
#[derive(Debug)]
pub struct Tone {
    steps: Box<[Step]>,
    sine: &'static [f32],
    at: usize,
    /// Samples of the present step that were given.
    given: u64,
    phases: [u32; 2],
    repeats: bool,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Phase of one sample, 2^32 a turn; 0: no tone.
    turns: [u32; 2],
    samples: u64,
    rises: u64,
    falls: u64,
}

impl Tone {
    /// The cadence at `rate_hz`; `repeats`: after its last step comes its first. `None`: it has no length.
    #[must_use]
    pub fn new(cadence: &Cadence, rate_hz: u32, repeats: bool) -> Option<Self> {
        let ramp = u64::from(rate_hz) * RAMP_US / 1_000_000;
        let mut steps: Vec<Step> = cadence
            .steps
            .iter()
            .take(CADENCE_STEPS_MAX)
            .map(|step| Step::new(step, rate_hz))
            .filter(|step| step.samples > 0)
            .collect();
        let count = steps.len();
        for at in 0..count {
            let same = |other: usize| steps.get(other).is_some_and(|other| other.turns == steps[at].turns);
            let after_same = if at > 0 { same(at - 1) } else { repeats && same(count - 1) };
            let before_same = if at + 1 < count { same(at + 1) } else { repeats && same(0) };
            let longest = ramp.min(steps[at].samples / 2);
            steps[at].rises = if after_same { 0 } else { longest };
            steps[at].falls = if before_same { 0 } else { longest };
        }
        if steps.is_empty() {
            return None;
        }
        Some(Self { steps: steps.into(), sine: &SINE, at: 0, given: 0, phases: [0; 2], repeats })
    }

    /// Fills as much of `out` as the cadence lasts; returns how much that is, less only when it ended. One that repeats does not end.
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            if self.at == self.steps.len() {
                if !self.repeats {
                    break;
                }
                self.at = 0;
            }
            let step = self.steps[self.at];
            let left = usize::try_from(step.samples - self.given).unwrap_or(usize::MAX);
            let end = filled + left.min(out.len() - filled);
            for sample in &mut out[filled..end] {
                *sample = self.sample(&step);
                self.given += 1;
            }
            filled = end;
            if self.given == step.samples {
                self.given = 0;
                self.at += 1;
                if step.falls > 0 {
                    self.phases = [0; 2];
                }
            }
        }
        filled
    }

    /// Begins anew.
    pub fn rewind(&mut self) {
        (self.at, self.given, self.phases) = (0, 0, [0; 2]);
    }

    fn sample(&mut self, step: &Step) -> i16 {
        let mut sum = 0.0;
        for (phase, turn) in self.phases.iter_mut().zip(step.turns) {
            if turn > 0 {
                let at = (*phase >> (32 - TABLE_BITS)) as usize;
                let between = (*phase & ((1 << (32 - TABLE_BITS)) - 1)) as f32 / (1u32 << (32 - TABLE_BITS)) as f32;
                sum += self.sine[at] + (self.sine[at + 1] - self.sine[at]) * between;
                *phase = phase.wrapping_add(turn);
            }
        }
        let (done, left) = (self.given, step.samples - self.given);
        let rise = if done < step.rises { done as f32 / step.rises as f32 } else { 1.0 };
        let fall = if left <= step.falls { (left - 1) as f32 / step.falls as f32 } else { 1.0 };
        (sum * PEAK * rise.min(fall)) as i16
    }
}

impl Step {
    fn new(step: &CadenceStep, rate_hz: u32) -> Self {
        // A frequency the rate cannot carry is left out.
        let turn = |hz: u16| {
            if u32::from(hz) * 2 < rate_hz { ((u64::from(hz) << 32) / u64::from(rate_hz.max(1))) as u32 } else { 0 }
        };
        let samples =
            step.length.as_micros().min(u128::from(u64::MAX / 48_000)) as u64 * u64::from(rate_hz) / 1_000_000;
        Self { turns: step.frequencies_hz.map(turn), samples, rises: 0, falls: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn step(frequencies_hz: [u16; 2], ms: u64) -> CadenceStep {
        CadenceStep { frequencies_hz, length: Duration::from_millis(ms) }
    }

    fn tone(steps: Vec<CadenceStep>, rate_hz: u32, repeats: bool) -> Tone {
        Tone::new(&Cadence { steps }, rate_hz, repeats).unwrap()
    }

    /// Amplitude of `hz` in `sound`, by correlation.
    fn amplitude(sound: &[i16], hz: f64, rate_hz: u32) -> f64 {
        let (mut i, mut q) = (0.0, 0.0);
        for (at, sample) in sound.iter().enumerate() {
            let angle = core::f64::consts::TAU * hz * at as f64 / f64::from(rate_hz);
            i += f64::from(*sample) * angle.cos();
            q += f64::from(*sample) * angle.sin();
        }
        2.0 * i.hypot(q) / sound.len() as f64
    }

    #[test]
    fn each_frequency_sounds_at_its_level_and_no_other() {
        for rate_hz in [8_000, 16_000, 48_000] {
            let mut out = vec![0; rate_hz as usize];
            assert_eq!(tone(vec![step([350, 440], 2_000)], rate_hz, false).fill(&mut out), out.len());
            let steady = &out[rate_hz as usize / 10..];
            for hz in [350.0, 440.0] {
                let level = 20.0 * (amplitude(steady, hz, rate_hz) / 32_768.0).log10();
                assert!((level + 13.0).abs() < 0.1, "{hz} Hz at {level} dB, {rate_hz} samples a second");
            }
            for hz in [400.0, 700.0, 1_400.0] {
                assert!(amplitude(steady, hz, rate_hz) < 10.0, "{hz}");
            }
        }
    }

    #[test]
    fn a_cadence_keeps_time_to_the_sample_whatever_the_frames() {
        let steps = vec![step([425, 0], 500), step([0, 0], 250)];
        for frame in [1, 7, 80, 160, 1_000] {
            let mut tone = tone(steps.clone(), 8_000, false);
            let (mut all, mut out) = (Vec::new(), vec![0; frame]);
            loop {
                let filled = tone.fill(&mut out);
                all.extend_from_slice(&out[..filled]);
                if filled < frame {
                    break;
                }
            }
            assert_eq!(all.len(), 6_000);
            assert!(all[4_000..].iter().all(|sample| *sample == 0));
            assert!(all[3_000..3_900].iter().any(|sample| sample.abs() > 7_000));
        }
    }

    #[test]
    fn no_edge_clicks() {
        let mut out = vec![0; 16_000];
        tone(vec![step([480, 620], 250), step([0, 0], 250)], 8_000, true).fill(&mut out);
        // The steepest a sum of these tones may be, plus what the ramp adds.
        let steepest =
            f64::from(PEAK) * core::f64::consts::TAU * (480.0 + 620.0) / 8_000.0 + 2.0 * f64::from(PEAK) / 32.0;
        let jump = out.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap();
        assert!(f64::from(jump) <= steepest, "{jump} > {steepest}");
        assert_eq!((out[0], out[1_999], out[2_000]), (0, 0, 0));
        assert!(out[1].abs() < 1_000 && out[1_998].abs() < 1_000);
    }

    #[test]
    fn a_tone_that_repeats_or_goes_on_in_the_next_step_keeps_its_phase() {
        let mut whole = vec![0; 8_000];
        tone(vec![step([425, 0], 2_000)], 8_000, true).fill(&mut whole);
        let mut pieces = vec![0; 8_000];
        tone(vec![step([425, 0], 33), step([425, 0], 50)], 8_000, true).fill(&mut pieces);
        assert_eq!(whole, pieces);
    }

    #[test]
    fn what_has_no_length_or_no_place_in_the_rate_does_no_harm() {
        assert!(Tone::new(&Cadence { steps: vec![] }, 8_000, true).is_none());
        assert!(Tone::new(&Cadence { steps: vec![step([425, 0], 0)] }, 8_000, true).is_none());
        let mut out = [1; 160];
        tone(vec![step([4_000, u16::MAX], 20)], 8_000, false).fill(&mut out);
        assert_eq!(out, [0; 160]);
        let endless = CadenceStep { frequencies_hz: [u16::MAX; 2], length: Duration::MAX };
        assert_eq!(tone(vec![endless; 20], 48_000, true).fill(&mut out), 160);
    }
}
