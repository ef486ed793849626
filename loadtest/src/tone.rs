//! Tones and G.711: what each party says and how an ear tells which tone it hears.
//!
//! All tones are multiples of 50 Hz, so that a 20 ms frame (160 samples at 8 kHz) holds whole periods: one frame repeats for
//! ever, and the tones are orthogonal over it. Knows nothing of packets.

use core::f64::consts::TAU;

/// Samples in 20 ms at 8 kHz.
pub const FRAME: usize = 160;

/// How many different tones there are: 300 Hz to 3,400 Hz, the band of a telephone, in steps of 50 Hz.
pub const TONES: usize = 63;

/// A tone, by its place in the band.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Tone(u8);

impl Tone {
    /// The `index`-th tone, counted round.
    #[must_use]
    pub const fn nth(index: usize) -> Self {
        Self((index % TONES) as u8)
    }

    /// Its frequency in Hz.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        300 + 50 * self.0 as u32
    }

    /// Its place in the band, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Two different tones for the `call`-th call; neighbouring calls have none in common.
    #[must_use]
    pub const fn pair(call: usize) -> (Self, Self) {
        let first = call * 2 % TONES;
        // The distance changes from round to round, so that pairs repeat as late as possible.
        let distance = 1 + (call / TONES) % (TONES - 1);
        (Self::nth(first), Self::nth(first + distance))
    }

    /// One frame of it, linear, at half of full scale.
    #[must_use]
    pub fn samples(self) -> [i16; FRAME] {
        let step = TAU * f64::from(self.hertz()) / 8_000.0;
        core::array::from_fn(|n| ((step * n as f64).sin() * 16_000.0) as i16)
    }
}

/// The companding law of a G.711 stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Law {
    /// PCMU, payload type 0.
    Mu,
    /// PCMA, payload type 8.
    A,
}

impl Law {
    /// The static payload type, RFC 3551 table 4.
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The law of a static payload type.
    #[must_use]
    pub const fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Mu),
            8 => Some(Self::A),
            _ => None,
        }
    }

    /// The byte of silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// ITU-T G.711, one sample to one byte.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => {
                let sign: u8 = if sample < 0 { 0x80 } else { 0 };
                let magnitude = (i32::from(sample).abs() + 132).min(32_767);
                let exponent = 24 - (magnitude as u32).leading_zeros().min(24);
                let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
                !(sign | (exponent as u8) << 4 | mantissa as u8)
            }
            Self::A => {
                let sign: u8 = if sample < 0 { 0 } else { 0x80 };
                let magnitude = if sample < 0 { -(i32::from(sample) + 1) } else { i32::from(sample) } >> 4;
                let coded = if magnitude < 16 {
                    magnitude as u8
                } else {
                    let exponent = 28 - (magnitude as u32).leading_zeros();
                    ((exponent as u8) << 4) | ((magnitude >> (exponent - 1)) & 0x0f) as u8
                };
                (sign | coded) ^ 0x55
            }
        }
    }

    /// ITU-T G.711, one byte to one sample.
    #[must_use]
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Mu => {
                let byte = !byte;
                let magnitude = (((i32::from(byte & 0x0f) << 3) + 132) << ((byte >> 4) & 7)) - 132;
                (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
            }
            Self::A => {
                let byte = byte ^ 0x55;
                let mantissa = i32::from(byte & 0x0f);
                let magnitude = match (byte >> 4) & 7 {
                    0 => (mantissa << 4) + 8,
                    exponent => ((mantissa << 4) + 264) << (exponent - 1),
                };
                (if byte & 0x80 == 0 { -magnitude } else { magnitude }) as i16
            }
        }
    }

    /// One frame of `tone`, coded; `None` is silence.
    #[must_use]
    pub fn frame(self, tone: Option<Tone>) -> [u8; FRAME] {
        match tone {
            Some(tone) => tone.samples().map(|sample| self.encode(sample)),
            None => [self.silence(); FRAME],
        }
    }
}

/// Power of every tone in one frame, and the frame's whole power, by Goertzel's method; in units of sample squared.
#[derive(Clone, Debug)]
pub struct Spectrum {
    tones: [f64; TONES],
    whole: f64,
}

impl Spectrum {
    /// The spectrum of one frame.
    #[must_use]
    pub fn of(samples: &[i16; FRAME]) -> Self {
        let mut tones = [0.0; TONES];
        for (index, power) in tones.iter_mut().enumerate() {
            *power = goertzel(samples, f64::from(Tone::nth(index).hertz()));
        }
        let whole = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / FRAME as f64;
        Self { tones, whole }
    }

    /// Mean power of `tone` in the frame.
    #[must_use]
    pub fn power(&self, tone: Tone) -> f64 {
        self.tones[tone.index()]
    }

    /// Mean power of everything.
    #[must_use]
    pub const fn whole(&self) -> f64 {
        self.whole
    }
}

/// Mean power of `hertz` in the samples.
fn goertzel(samples: &[i16; FRAME], hertz: f64) -> f64 {
    let turn = TAU * hertz / 8_000.0;
    let twice_cos = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) + twice_cos * last - before;
        (before, last) = (last, now);
    }
    let squared = last * last + before * before - twice_cos * last * before;
    // A sine of amplitude A gives (A·N/2)² here; its mean power is A²/2.
    2.0 * squared / (FRAME as f64 * FRAME as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_decodes_to_within_its_step_for_every_sample() {
        for law in [Law::Mu, Law::A] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let back = i32::from(law.decode(law.encode(sample)));
                let error = (back - i32::from(sample)).abs();
                let allowed = (i32::from(sample).abs() / 16).max(16) + 8;
                // µ-law clips above 32,635
                assert!(
                    error <= allowed.max(if sample.unsigned_abs() > 32_000 { 650 } else { 0 }),
                    "{law:?} {sample} {back}"
                );
            }
        }
    }

    #[test]
    fn g711_codes_of_the_standard() {
        for (law, sample, byte) in [
            (Law::Mu, 0, 0xff),
            (Law::Mu, 32_635, 0x80),
            (Law::Mu, -32_635, 0x00),
            (Law::A, 0, 0xd5),
            (Law::A, 32_767, 0xaa),
            (Law::A, -1, 0x55),
        ] {
            assert_eq!(law.encode(sample), byte, "{law:?} {sample}");
        }
    }

    #[test]
    fn a_tone_is_heard_in_its_own_place_only() {
        for law in [Law::Mu, Law::A] {
            for index in 0..TONES {
                let frame = law.frame(Some(Tone::nth(index))).map(|byte| law.decode(byte));
                let spectrum = Spectrum::of(&frame);
                for other in 0..TONES {
                    let share = spectrum.power(Tone::nth(other)) / spectrum.whole();
                    if other == index {
                        assert!(share > 0.95, "{share}")
                    } else {
                        assert!(share < 0.01, "{index} {other} {share}")
                    }
                }
            }
        }
    }

    #[test]
    fn the_two_parties_of_a_call_never_share_a_tone() {
        for call in 0..10_000 {
            let (one, other) = Tone::pair(call);
            assert_ne!(one, other);
        }
    }
}
