//! Tones made and recognised: G.711 µ-law at 8000 Hz.

use std::f64::consts::TAU;

/// Samples of a packet of 20 ms.
pub(crate) const SAMPLES: usize = 160;

/// The tones a party may have; each its own.
pub(crate) const TONES: [f64; 4] = [440.0, 620.0, 880.0, 1330.0];

/// The `number`-th packet of a steady tone.
pub(crate) fn tone(hertz: f64, number: usize) -> Vec<u8> {
    let sample = |n: usize| (TAU * hertz * n as f64 / 8000.0).sin() * 8_000.0;
    (number * SAMPLES..(number + 1) * SAMPLES).map(|n| encode(sample(n) as i16)).collect()
}

/// The tone that fills the sound, if one of [`TONES`] does: more than four fifths of its energy.
pub(crate) fn dominant(sound: &[u8]) -> Option<f64> {
    let samples: Vec<f64> = sound.iter().map(|byte| f64::from(decode(*byte))).collect();
    dominant_of(&samples, 8_000.0)
}

/// As [`dominant`], of samples at a rate.
pub(crate) fn dominant_of(samples: &[f64], rate_hz: f64) -> Option<f64> {
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if energy < 1.0 {
        return None;
    }
    TONES.into_iter().find(|hertz| goertzel(samples, *hertz, rate_hz) > 0.8 * energy)
}

/// Energy of the samples at one frequency, of the same scale as their sum of squares.
pub(crate) fn goertzel(samples: &[f64], hertz: f64, rate_hz: f64) -> f64 {
    let (sine, cosine) = samples.iter().enumerate().fold((0.0, 0.0), |(sine, cosine), (n, sample)| {
        let angle = TAU * hertz * n as f64 / rate_hz;
        (sine + sample * angle.sin(), cosine + sample * angle.cos())
    });
    2.0 * (sine * sine + cosine * cosine) / samples.len() as f64
}

/// ITU-T G.711, µ-law.
fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (24 - magnitude.leading_zeros() as i32).clamp(0, 7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) | mantissa) as u8
}

fn decode(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = i32::from(byte >> 4 & 7);
    let magnitude = (((i32::from(byte & 0x0f) << 3) + 132) << exponent) - 132;
    (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

#[test]
fn a_tone_is_recognised_and_silence_is_not() {
    for hertz in TONES {
        let sound: Vec<u8> = (0..25).flat_map(|number| tone(hertz, number)).collect();
        assert_eq!(dominant(&sound), Some(hertz));
    }
    assert_eq!(dominant(&[0xff; 4_000]), None);
    let two: Vec<u8> =
        tone(TONES[0], 0).iter().zip(tone(TONES[1], 0)).map(|(a, b)| encode(decode(*a) / 2 + decode(b) / 2)).collect();
    assert_eq!(dominant(&two), None, "two tones at once are neither");
}
