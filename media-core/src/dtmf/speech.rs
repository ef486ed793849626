//! Something like speech for tests: a pulse of gliding pitch through the resonances of vowels, syllables, breath and pauses.

use core::f64::consts::TAU;

/// Vowels by their first four resonances in Hz, of men, women and children.
const VOWELS: [[f64; 4]; 12] = [
    [730.0, 1_090.0, 2_440.0, 3_400.0],
    [270.0, 2_290.0, 3_010.0, 3_500.0],
    [300.0, 870.0, 2_240.0, 3_300.0],
    [530.0, 1_840.0, 2_480.0, 3_500.0],
    [570.0, 840.0, 2_410.0, 3_300.0],
    [850.0, 1_220.0, 2_810.0, 3_700.0],
    [310.0, 2_790.0, 3_310.0, 3_800.0],
    [370.0, 950.0, 2_670.0, 3_500.0],
    [610.0, 2_330.0, 2_990.0, 3_800.0],
    [1_030.0, 1_370.0, 3_170.0, 3_900.0],
    [690.0, 1_320.0, 3_000.0, 3_800.0],
    [430.0, 1_170.0, 3_260.0, 3_900.0],
];

/// A resonance of the throat.
#[derive(Clone, Copy, Default)]
struct Resonance {
    state: [f64; 2],
}

impl Resonance {
    fn run(&mut self, input: f64, hz: f64, width_hz: f64, rate: f64) -> f64 {
        let radius = (-core::f64::consts::PI * width_hz / rate).exp();
        let factor = 2.0 * radius * (TAU * hz / rate).cos();
        let out = input * (1.0 - factor + radius * radius) + factor * self.state[0] - radius * radius * self.state[1];
        self.state = [out, self.state[0]];
        out
    }
}

/// Frames of 20 ms without end.
pub(super) struct Speech {
    rate: f64,
    seed: u64,
    phase: f64,
    throat: [Resonance; 4],
    formants: [f64; 4],
    aim: [f64; 4],
    pitch: f64,
    pitch_aim: f64,
    loudness: f64,
    loudness_aim: f64,
    breath: f64,
    /// Samples until the next sound.
    left: u32,
}

impl Speech {
    pub(super) fn new(seed: u64, rate_hz: u32) -> Self {
        Self {
            rate: f64::from(rate_hz),
            seed,
            phase: 0.0,
            throat: [Resonance::default(); 4],
            formants: VOWELS[0],
            aim: VOWELS[0],
            pitch: 120.0,
            pitch_aim: 120.0,
            loudness: 0.0,
            loudness_aim: 0.0,
            breath: 0.0,
            left: 0,
        }
    }

    fn dice(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 40) as f64 / f64::from(1 << 24)
    }

    fn sound(&mut self) {
        let kind = self.dice();
        self.left = (self.rate * (0.04 + 0.25 * self.dice())) as u32;
        self.aim = VOWELS[(self.dice() * 12.0) as usize % 12].map(|hz| hz * (0.9 + 0.2 * kind));
        self.pitch_aim = 75.0 + 375.0 * self.dice() * self.dice();
        self.loudness_aim = if kind < 0.15 { 0.0 } else { 3_000.0 + 20_000.0 * self.dice() };
        self.breath = if (0.15..0.3).contains(&kind) { 1.0 } else { 0.02 };
    }

    fn sample(&mut self) -> i16 {
        if self.left == 0 {
            self.sound();
        }
        self.left -= 1;
        let near = |now: &mut f64, aim: f64, rate: f64| *now += (aim - *now) * 40.0 / rate;
        near(&mut self.pitch, self.pitch_aim, self.rate);
        near(&mut self.loudness, self.loudness_aim, self.rate);
        for (formant, aim) in self.formants.iter_mut().zip(self.aim) {
            near(formant, aim, self.rate);
        }
        self.phase += self.pitch / self.rate;
        let pulse = if self.phase >= 1.0 {
            self.phase -= 1.0;
            1.0
        } else {
            0.0
        };
        let noise = (self.dice() - 0.5) * self.breath;
        let mut out = pulse * (self.rate / self.pitch).sqrt() * (1.0 - self.breath) + noise;
        for (at, resonance) in self.throat.iter_mut().enumerate() {
            out = resonance.run(out, self.formants[at], 60.0 + 30.0 * at as f64, self.rate);
        }
        (out * self.loudness * 12.0) as i16
    }
}

impl Iterator for Speech {
    type Item = Vec<i16>;

    fn next(&mut self) -> Option<Vec<i16>> {
        Some((0..self.rate as usize / 50).map(|_| self.sample()).collect())
    }
}
