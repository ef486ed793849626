//! Comfort noise (RFC 3389): what is heard while the far end sends nothing, of the level and colour it described.
//!
//! White noise through the all-pole lattice of the reflection coefficients, scaled so that its power is the level that was told.

/// Reflection coefficients that are used (RFC 3389 section 3.1 leaves the order to the sender; ten describe a narrow band). Further ones are
/// left out, as its section 3.2 allows.
const ORDER_MAX: usize = 12;

/// The level in dBov below which noise is silence: less than one step of 16 bits.
const SILENT_DBOV: u8 = 90;

/// How much of the way to a new level is gone in one sample; 63 % within 16 ms at 8,000 Hz.
const GLIDE: f32 = 1.0 / 128.0;

/// Noise as it was described last.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    coefficients: [f32; ORDER_MAX],
    order: usize,
    /// Backward errors of the lattice.
    state: [f32; ORDER_MAX],
    /// The amplitude of the excitation, and where it goes.
    amplitude: f32,
    wanted: f32,
    seed: u32,
}

impl Noise {
    /// Silence, until something else is described. `seed` makes streams unlike, so that two of them do not add up.
    pub(crate) const fn new(seed: u32) -> Self {
        Self { coefficients: [0.0; ORDER_MAX], order: 0, state: [0.0; ORDER_MAX], amplitude: 0.0, wanted: 0.0, seed }
    }

    /// Takes a payload of RFC 3389. An empty one says nothing and changes nothing.
    pub(crate) fn describe(&mut self, payload: &[u8]) {
        let Some((level, reflections)) = payload.split_first() else { return };
        // RFC 3389 section 3.1: the most significant bit is 0 and is not looked at.
        let level = level & 0x7F;
        let mut power = 1.0;
        self.order = reflections.len().min(ORDER_MAX);
        for (coefficient, octet) in self.coefficients.iter_mut().zip(reflections) {
            // RFC 3389 section 3.2: k = 258 (N - 127) / 32768, N from 0 to 254; so it always lies within -1 and 1, and the lattice is stable.
            *coefficient = 258.0 * (f32::from((*octet).min(254)) - 127.0) / 32_768.0;
            power *= 1.0 - *coefficient * *coefficient;
        }
        // RFC 3389 section 3.1: 0 dBov is the power of a square wave of the highest amplitude.
        let rms = if level >= SILENT_DBOV { 0.0 } else { 32_767.0 * 10_f32.powf(-f32::from(level) / 20.0) };
        // Evenly spread excitation of amplitude a has the power a²/3; the lattice multiplies that by 1 / Π(1 - k²).
        self.wanted = rms * (3.0 * power).sqrt();
    }

    /// The next samples.
    pub(crate) fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.amplitude += (self.wanted - self.amplitude) * GLIDE;
            let white = f32::from((self.seed >> 16) as i16) / 32_768.0;
            let mut forward = white * self.amplitude;
            for at in (0..self.order).rev() {
                // RFC 3389 section 3.2 has the sign of its reflection coefficients from the usual recursion, a_m(m) = k_m.
                forward -= self.coefficients[at] * self.state[at];
                let backward = self.state[at] + self.coefficients[at] * forward;
                if let Some(next) = self.state.get_mut(at + 1) {
                    *next = backward;
                }
            }
            self.state[0] = forward;
            // A conversion to an integer saturates.
            *sample = forward as i16;
        }
    }

    /// Whether it has any level.
    pub(crate) fn sounds(&self) -> bool {
        self.wanted > 0.0
    }

    /// Silence again.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.seed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::listen::amplitude;

    fn noise(payload: &[u8]) -> Vec<i16> {
        let mut noise = Noise::new(1);
        noise.describe(payload);
        let mut out = vec![0; 18_000];
        noise.fill(&mut out);
        out.split_off(2_000)
    }

    fn dbov(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (power / 32_767_f64.powi(2)).log10()
    }

    #[test]
    fn the_level_is_the_one_told_whatever_the_colour() {
        for level in [30_u8, 45, 60] {
            for colour in [&[][..], &[60], &[200, 90], &[30, 180, 100, 140, 127, 127, 120, 130, 127, 127]] {
                let heard = dbov(&noise(&[&[level][..], colour].concat()));
                assert!((heard + f64::from(level)).abs() < 1.0, "{level} {colour:?}: {heard}");
            }
        }
        assert!(noise(&[127]).iter().all(|sample| *sample == 0));
    }

    #[test]
    fn the_colour_is_the_one_of_the_coefficients() {
        let band = |samples: &[i16], from: u32| -> f64 {
            (from..from + 800).step_by(10).map(|hz| amplitude(samples, f64::from(hz), 8_000).powi(2)).sum()
        };
        // One pole: a(1) = k = -0.85 makes 1 / (1 - 0.85 z⁻¹), which is dark.
        let (dark, bright) = (noise(&[40, 19]), noise(&[40, 235]));
        assert!(band(&dark, 100) > 10.0 * band(&dark, 3_000));
        assert!(band(&bright, 3_000) > 10.0 * band(&bright, 100));
    }

    #[test]
    fn any_octets_are_harmless() {
        for extreme in [0, 127, 254, 255] {
            for length in [0, 1, 2, 13, 100] {
                let mut noise = Noise::new(7);
                noise.describe(&vec![extreme; length]);
                let mut out = [0; 4_000];
                noise.fill(&mut out);
                assert!(noise.state.iter().all(|value| value.is_finite()));
                noise.describe(&[50]);
                noise.fill(&mut out);
                assert!(dbov(&out[3_000..]).is_finite());
            }
        }
    }
}
