//! G.711 µ-law and A-law (ITU-T G.711; RFC 3551 sections 4.5.14): one octet a sample at 8,000 Hz.
//!
//! Both laws are a floating-point format of seven bits: three of exponent, four of mantissa. So an IEEE 754 single does the work: its
//! exponent and the top of its mantissa, taken together, *are* the code. There is no table, no branch and no shift by a
//! variable, so the compiler turns the loops into vector code, of the widest kind that the processor at work has.
//!
//! As in ITU-T G.191, a negative sample is complemented, not negated, and the bits below the law's resolution (14 bits
//! for µ-law, 13 for A-law) are cut off: each sample stands for the middle of its step, and the code is symmetrical about zero.

use super::{Decoder, Encoder, MAX_PACKET_SAMPLES, Malformed, encodable, fits};
use crate::audio::resample::LEVEL;
use crate::mix::frame;
use contract::Format;
use fearless_simd::{Simd, dispatch};

/// Bits of an IEEE 754 single below its exponent, less the four of the code's mantissa.
const SHIFT: u32 = 23 - 4;

/// Half a step of the mantissa: a decoded value lies in the middle of its interval.
const HALF: u32 = 1 << (SHIFT - 1);

/// Added to a whole number below 2^23 it moves that number into the low bits of the mantissa.
const WHOLE: f32 = 8_388_608.0;

/// What is added before µ-law's logarithm, at 14 bits (ITU-T G.711 table 2, note 2).
const BIAS: i32 = 33;

/// A single with the given exponent, as the code's bits would hold it with exponent 0.
const fn exponent(power: u32) -> u32 {
    (127 + power) << 4
}

/// One sample as µ-law.
#[inline(always)]
fn mu_code(sample: i16) -> u8 {
    let sign = sample >> 15;
    let magnitude = i32::from((sample ^ sign) >> 2) + BIAS;
    // ITU-T G.711 section 3.3: beyond the virtual decision value everything is the last interval.
    let magnitude = if magnitude > 0x1FFF { 0x1FFF } else { magnitude };
    let code = ((magnitude as f32).to_bits() >> SHIFT).wrapping_sub(exponent(5));
    // All bits are inverted for transmission; the sign bit is 1 for positive.
    !(code as u8) ^ (sign as u8 & 0x80)
}

/// One sample of µ-law.
#[inline(always)]
fn mu_sample(code: u8) -> i16 {
    let bits = u32::from(!code & 0x7F);
    let magnitude = f32::from_bits(((bits + exponent(7)) << SHIFT) | HALF) + WHOLE;
    let magnitude = (magnitude.to_bits() & 0x7F_FFFF) as i32 - 4 * BIAS;
    let sign = i32::from(code >> 7) - 1;
    ((magnitude ^ sign) - sign) as i16
}

/// One sample as A-law.
#[inline(always)]
fn a_code(sample: i16) -> u8 {
    let sign = sample >> 15;
    let magnitude = i32::from((sample ^ sign) >> 4);
    let steep = ((magnitude as f32).to_bits() >> SHIFT).wrapping_sub(exponent(3));
    // The first two segments are one straight line.
    let code = if magnitude < 16 { magnitude as u32 } else { steep };
    // ITU-T G.711 table 1, note 2: even bits are inverted for transmission; the sign bit is 1 for positive.
    (code as u8 | (!sign as u8 & 0x80)) ^ 0x55
}

/// One sample of A-law.
#[inline(always)]
fn a_sample(code: u8) -> i16 {
    let bits = u32::from((code ^ 0x55) & 0x7F);
    let steep = f32::from_bits(((bits + exponent(7)) << SHIFT) | HALF) + WHOLE;
    let steep = (steep.to_bits() & 0x7F_FFFF) as i32;
    let magnitude = if bits < 16 { (bits << 4 | 8) as i32 } else { steep };
    let sign = i32::from(code >> 7) - 1;
    ((magnitude ^ sign) - sign) as i16
}

/// One of `out` for each of `from`, as many as there is room for.
#[inline(always)]
fn each<A: Copy, B>(from: &[A], out: &mut [B], one: impl Fn(A) -> B) {
    #[inline(always)]
    fn run<S: Simd, A: Copy, B>(simd: S, from: &[A], out: &mut [B], one: impl Fn(A) -> B) {
        simd.vectorize(|| out.iter_mut().zip(from).for_each(|(to, from)| *to = one(*from)));
    }
    dispatch!(*LEVEL, simd => run(simd, from, out, one));
}

/// As many codes of `pcm` as there is room for.
fn encode_mu(pcm: &[i16], out: &mut [u8]) {
    each(pcm, out, mu_code);
}

/// As many samples of `codes` as there is room for.
fn decode_mu(codes: &[u8], out: &mut [i16]) {
    each(codes, out, mu_sample);
}

/// As many codes of `pcm` as there is room for.
fn encode_a(pcm: &[i16], out: &mut [u8]) {
    each(pcm, out, a_code);
}

/// As many samples of `codes` as there is room for.
fn decode_a(codes: &[u8], out: &mut [i16]) {
    each(codes, out, a_sample);
}

/// Either direction of either law; it has no state.
struct Law<F>(F);

impl<F: Fn(&[u8], &mut [i16]) + Send> Decoder for Law<F> {
    fn sample_rate_hz(&self) -> u32 {
        8_000
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        let samples = fits(payload.len(), out.len())?;
        (self.0)(payload, &mut out[..samples]);
        Ok(samples)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        fits(payload.len(), MAX_PACKET_SAMPLES).ok()
    }

    /// Of its first 5 ms.
    fn loudness(&self, payload: &[u8]) -> Option<u16> {
        let mut some = [0; 40];
        let count = payload.len().min(some.len());
        (self.0)(&payload[..count], &mut some[..count]);
        Some(frame::loudness(&some[..count]))
    }

    fn reset(&mut self) {}
}

impl<F: Fn(&[i16], &mut [u8]) + Send> Encoder for Law<F> {
    fn sample_rate_hz(&self) -> u32 {
        8_000
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        if !encodable(pcm.len(), 8_000) || pcm.len() > out.len() {
            return 0;
        }
        (self.0)(pcm, &mut out[..pcm.len()]);
        pcm.len()
    }
}

pub(super) fn mu_decoder(_: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(Law(decode_mu)))
}

pub(super) fn mu_encoder(_: &Format) -> Option<Box<dyn Encoder>> {
    Some(Box::new(Law(encode_mu)))
}

pub(super) fn a_decoder(_: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(Law(decode_a)))
}

pub(super) fn a_encoder(_: &Format) -> Option<Box<dyn Encoder>> {
    Some(Box::new(Law(encode_a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positive decision values of a law, from its table in ITU-T G.711: segments of sixteen (for the first: `first`) equal
    /// intervals, each segment's twice as wide as those before; in units of the 16-bit sample.
    fn decision_values(unit: u32, first: &[(u32, u32)]) -> Vec<u32> {
        let mut values = vec![0];
        for (count, width) in first {
            for _ in 0..*count {
                values.push(values[values.len() - 1] + width * unit);
            }
        }
        values
    }

    /// Table 2a: x1 = 1, then 15 intervals of 2, then seven segments of 16 intervals of 4, 8, … 256, up to 8159; 14 bits.
    fn mu_table() -> Vec<u32> {
        let table = decision_values(
            4,
            &[(1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)],
        );
        assert_eq!((table[1], table[16], table[32], table[128]), (4, 31 * 4, 95 * 4, 8_159 * 4));
        table
    }

    /// Table 1a: 32 intervals of 2, then 16 each of 4, 8, … 128, up to 4096; 13 bits with the sign.
    fn a_table() -> Vec<u32> {
        let table = decision_values(8, &[(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)]);
        assert_eq!((table[32], table[64], table[128]), (64 * 8, 256 * 8, 4_096 * 8));
        table
    }

    /// The number of the interval a sample lies in. A sample stands for the middle of its step, so it never lies on a decision value.
    fn interval(sample: i16, table: &[u32]) -> usize {
        let twice = (2 * i32::from(sample) + 1).unsigned_abs();
        (table.iter().filter(|value| 2 * **value < twice).count() - 1).min(127)
    }

    #[test]
    fn mu_law_is_that_of_the_recommendation_for_every_sample() {
        let table = mu_table();
        for sample in i16::MIN..=i16::MAX {
            // Table 2a column 5: character signal 1 0000000 for the highest positive interval, 1 1111111 for the lowest.
            let code = (127 - interval(sample, &table) as u8) | if sample >= 0 { 0x80 } else { 0 };
            assert_eq!(mu_code(sample), code, "{sample}");
        }
    }

    #[test]
    fn a_law_is_that_of_the_recommendation_for_every_sample() {
        let table = a_table();
        for sample in i16::MIN..=i16::MAX {
            let code = (interval(sample, &table) as u8) | if sample >= 0 { 0x80 } else { 0 };
            // Table 1a note 2: even bits inverted.
            assert_eq!(a_code(sample), code ^ 0x55, "{sample}");
        }
    }

    #[test]
    fn every_code_is_decoded_to_the_middle_of_its_interval() {
        let (mu, a) = (mu_table(), a_table());
        for code in 0..=255_u8 {
            let middle = |table: &[u32], number: u8| {
                let number = usize::from(number);
                ((table[number] + table[number + 1]) / 2) as i16
            };
            let signed = |value: i16| if code >= 128 { value } else { -value };
            // Table 2a: y0 = 0, not the middle of its interval.
            let number = 127 - (code & 127);
            let value = if number == 0 { 0 } else { middle(&mu, number) };
            assert_eq!(mu_sample(code), signed(value), "µ-law {code}");
            assert_eq!(a_sample(code), signed(middle(&a, (code ^ 0x55) & 127)), "A-law {code}");
        }
    }

    #[test]
    fn what_was_decoded_is_encoded_to_the_same_code() {
        for code in 0..=255_u8 {
            assert_eq!(a_code(a_sample(code)), code);
            // µ-law has two zeros.
            assert_eq!(mu_code(mu_sample(code)), if code == 0x7F { 0xFF } else { code });
        }
    }

    #[test]
    fn whole_slices_are_as_single_samples() {
        let pcm: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let mut codes = vec![0; pcm.len()];
        encode_mu(&pcm, &mut codes);
        assert!(codes.iter().zip(&pcm).all(|(code, sample)| *code == mu_code(*sample)));
        encode_a(&pcm, &mut codes);
        assert!(codes.iter().zip(&pcm).all(|(code, sample)| *code == a_code(*sample)));
        let all: Vec<u8> = (0..=255).collect();
        let mut samples = [0; 256];
        decode_mu(&all, &mut samples);
        assert!(samples.iter().zip(&all).all(|(sample, code)| *sample == mu_sample(*code)));
        decode_a(&all, &mut samples);
        assert!(samples.iter().zip(&all).all(|(sample, code)| *sample == a_sample(*code)));
    }
}
