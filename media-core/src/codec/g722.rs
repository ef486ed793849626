//! G.722 at 64 kbit/s (ITU-T G.722; RFC 3551 section 4.5.2): 16,000 samples a second in 8,000 octets.
//!
//! A pair of samples becomes one of a low and one of a high band, and each is told by how it differs from what was predicted: the low
//! one in six bits, the high one in two. Names in capitals are those of the blocks of the Recommendation's section 6, whose arithmetic this
//! is bit by bit.
//!
//! Its RTP clock is 8,000 Hz, by an old mistake that RFC 3551 keeps: timestamps count octets, not samples.

use super::{Decoder, Encoder, MAX_PACKET_SAMPLES, Malformed, encodable, fits};
use crate::audio::resample::LEVEL;
use contract::Format;
use fearless_simd::{Simd, dispatch};

const RATE_HZ: u32 = 16_000;

/// Coefficients of the quadrature mirror filters (table 11): every other one, the rest is its mirror image.
const QMF: [i16; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Taps of the filters, and the samples of the past that they need.
const TAPS: usize = 2 * QMF.len();
const PAST: usize = TAPS - 2;

/// Both filters of the encoder, for samples in the order of time: their sum and their difference.
const LOW: [i16; TAPS] = mirrored(1);
const HIGH: [i16; TAPS] = mirrored(-1);

const fn mirrored(sign: i16) -> [i16; TAPS] {
    let mut taps = [0; TAPS];
    let mut at = 0;
    while at < QMF.len() {
        taps[2 * at] = sign * QMF[at];
        taps[2 * at + 1] = QMF[QMF.len() - 1 - at];
        at += 1;
    }
    taps
}

/// Decision levels of the low band (table 14), less the first, which is 0.
const LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339,
    1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];

/// The decision level of the high band.
const LEVEL_HIGH: i32 = 564;

/// What the six bits of the low band stand for (table 17).
const OUT_6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360,
    -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032,
    -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576,
    7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040,
    728, 432, 136, -432, -136,
];

/// What the upper four of them stand for, by which the prediction adapts.
const OUT_4: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];

/// What the two bits of the high band stand for.
const OUT_2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// How the four bits change the scale of the low band (table 15), and the two that of the high band.
const SCALE_4: [i32; 16] = [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];
const SCALE_2: [i32; 4] = [798, -214, 798, -214];

/// The scale of the low band at most, and its place; the same of the high band.
const LOW_SCALE: (i32, i32) = (18_432, 8);
const HIGH_SCALE: (i32, i32) = (22_528, 10);

/// Powers of two by 32nds (table 16).
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834,
    2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

/// Held within 16 bits.
#[inline(always)]
const fn held(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

/// Whether both have the same sign; nothing has that of a positive one.
#[inline(always)]
const fn alike(one: i32, other: i32) -> bool {
    (one ^ other) >= 0
}

/// What one band knows.
#[derive(Clone, Copy, Debug)]
struct Band {
    /// S: the prediction, and SZ: its part from the differences.
    predicted: i32,
    from_zeros: i32,
    /// RLT and PLT: the reconstructed samples before, of all and of the part.
    samples: [i32; 2],
    parts: [i32; 2],
    /// A: coefficients of the poles.
    poles: [i32; 2],
    /// DLT and B: the differences before, and coefficients of the zeros.
    differences: [i32; 6],
    zeros: [i32; 6],
    /// NB: the logarithm of the scale, and DET: the scale.
    logarithm: i32,
    scale: i32,
}

impl Band {
    /// As after a reset (section 6.2), with the given scale.
    const fn new(scale: i32) -> Self {
        Self {
            predicted: 0,
            from_zeros: 0,
            samples: [0; 2],
            parts: [0; 2],
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
            logarithm: 0,
            scale,
        }
    }

    /// INVQ: the difference that a code's value stands for.
    #[inline(always)]
    const fn difference(&self, value: i32) -> i32 {
        (self.scale * value) >> 15
    }

    /// LOGSC, SCALE: the next scale.
    #[inline(always)]
    fn rescale(&mut self, change: i32, (most, place): (i32, i32)) {
        self.logarithm = (((self.logarithm * 127) >> 7) + change).clamp(0, most);
        let power = POWERS[(self.logarithm >> 6 & 31) as usize];
        let shift = place - (self.logarithm >> 11);
        self.scale = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }

    /// Takes the difference that both ends know, and predicts the next sample.
    #[inline(always)]
    fn adapt(&mut self, difference: i32) {
        // RECONS, PARREC.
        let sample = held(self.predicted + difference);
        let part = held(self.from_zeros + difference);
        // UPPOL2.
        let [one, two] = self.poles;
        let onwards = alike(part, self.parts[0]);
        let four = held(4 * one);
        let second = if onwards { (-four).min(32_767) } else { four };
        let second = (second >> 7) + if alike(part, self.parts[1]) { 128 } else { -128 } + ((two * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        // UPPOL1.
        let first = held(((one * 32_640) >> 15) + if onwards { 192 } else { -192 });
        let most = held(15_360 - second);
        self.poles = [first.clamp(-most, most), second];
        // UPZERO.
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            *zero = held(((*zero * 32_640) >> 15) + if alike(difference, before) { step } else { -step });
        }
        // DELAYA.
        let [a, b, c, d, e, _] = self.differences;
        self.differences = [difference, a, b, c, d, e];
        self.samples = [sample, self.samples[0]];
        self.parts = [part, self.parts[0]];
        // FILTEP, FILTEZ, PREDIC.
        let product = |coefficient: i32, value: i32| (coefficient * held(2 * value)) >> 15;
        let sum = |coefficients: &[i32], values: &[i32]| -> i32 {
            coefficients.iter().zip(values).map(|(coefficient, value)| product(*coefficient, *value)).sum()
        };
        self.from_zeros = held(sum(&self.zeros, &self.differences));
        self.predicted = held(held(sum(&self.poles, &self.samples)) + self.from_zeros);
    }

    /// The low band goes on by a code of four bits.
    #[inline(always)]
    fn low(&mut self, code: usize) {
        let difference = self.difference(OUT_4[code & 15]);
        self.rescale(SCALE_4[code & 15], LOW_SCALE);
        self.adapt(difference);
    }

    /// The high band goes on by a code of two bits.
    #[inline(always)]
    fn high(&mut self, code: usize) {
        let difference = self.difference(OUT_2[code & 3]);
        self.rescale(SCALE_2[code & 3], HIGH_SCALE);
        self.adapt(difference);
    }

    /// SUBTRA: how far a sample is from its prediction, and the magnitude of that as it is compared.
    #[inline(always)]
    const fn apart(&self, sample: i32) -> (i32, i32) {
        let apart = held(sample - self.predicted);
        (apart, if apart < 0 { -(apart + 1) } else { apart })
    }
}

/// What either direction keeps.
struct Bands {
    low: Band,
    high: Band,
    /// What the filter still needs of the past.
    past: [i16; PAST],
}

impl Bands {
    const fn new() -> Self {
        Self { low: Band::new(32), high: Band::new(8), past: [0; PAST] }
    }

    /// One octet of a sample of each band, QUANTL and QUANTH.
    #[inline(always)]
    fn code(&mut self, low: i32, high: i32) -> u8 {
        let (apart, magnitude) = self.low.apart(low);
        let scale = self.low.scale;
        let level = LEVELS.partition_point(|level| (level * scale) >> 12 <= magnitude) as u8 + 1;
        // Table 13: the codes of positive differences fall from 61, of negative ones from 63, and from the third on from 31.
        let six = match (apart < 0, level) {
            (false, _) => 62 - level,
            (true, 1 | 2) => 64 - level,
            (true, _) => 34 - level,
        };
        self.low.low(usize::from(six >> 2));
        let (apart, magnitude) = self.high.apart(high);
        let far = magnitude >= (LEVEL_HIGH * self.high.scale) >> 12;
        let two = u8::from(!far) + if apart < 0 { 0 } else { 2 };
        self.high.high(usize::from(two));
        two << 6 | six
    }

    /// A sample of each band of one octet, held within 15 bits (LIMIT).
    #[inline(always)]
    fn samples(&mut self, code: u8) -> (i16, i16) {
        let (six, two) = (usize::from(code & 63), usize::from(code >> 6));
        let low = self.low.predicted + self.low.difference(OUT_6[six]);
        self.low.low(six >> 2);
        let high = self.high.predicted + self.high.difference(OUT_2[two]);
        self.high.high(two);
        (low.clamp(-16_384, 16_383) as i16, high.clamp(-16_384, 16_383) as i16)
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) {
        dispatch!(*LEVEL, simd => self.encode_by(simd, pcm, out));
    }

    #[inline(always)]
    fn encode_by<S: Simd>(&mut self, _: S, pcm: &[i16], out: &mut [u8]) {
        let mut line = [0; PAST + MAX_PACKET_SAMPLES];
        line[..PAST].copy_from_slice(&self.past);
        line[PAST..PAST + pcm.len()].copy_from_slice(pcm);
        self.past.copy_from_slice(&line[pcm.len()..pcm.len() + PAST]);
        for (window, code) in line.array_windows::<TAPS>().step_by(2).zip(&mut out[..pcm.len() / 2]) {
            let sum = |taps: &[i16; TAPS]| -> i32 {
                window.iter().zip(taps).map(|(sample, tap)| i32::from(*sample) * i32::from(*tap)).sum()
            };
            *code = self.code(sum(&LOW) >> 14, sum(&HIGH) >> 14);
        }
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) {
        dispatch!(*LEVEL, simd => self.decode_by(simd, payload, out));
    }

    #[inline(always)]
    fn decode_by<S: Simd>(&mut self, _: S, payload: &[u8], out: &mut [i16]) {
        let mut line = [0; PAST + MAX_PACKET_SAMPLES];
        line[..PAST].copy_from_slice(&self.past);
        let (pairs, _) = line[PAST..].as_chunks_mut();
        for (pair, code) in pairs.iter_mut().zip(payload) {
            let (low, high) = self.samples(*code);
            *pair = [low + high, low - high];
        }
        let (pairs, _) = out.as_chunks_mut();
        for (window, pair) in line.array_windows::<TAPS>().step_by(2).zip(&mut pairs[..payload.len()]) {
            let (mut first, mut second) = (0, 0);
            for (at, tap) in QMF.into_iter().enumerate() {
                second += i32::from(window[2 * at]) * i32::from(tap);
                first += i32::from(window[2 * at + 1]) * i32::from(QMF[QMF.len() - 1 - at]);
            }
            *pair = [held(first >> 11) as i16, held(second >> 11) as i16];
        }
        let end = 2 * payload.len();
        self.past.copy_from_slice(&line[end..end + PAST]);
    }
}

struct Decoding(Bands);

impl Decoder for Decoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        // Two samples an octet; any octet is a valid code.
        let samples = fits(2 * payload.len(), out.len())?;
        self.0.decode(payload, &mut out[..samples]);
        Ok(samples)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        fits(2 * payload.len(), MAX_PACKET_SAMPLES).ok()
    }

    fn reset(&mut self) {
        self.0 = Bands::new();
    }
}

struct Encoding(Bands);

impl Encoder for Encoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let octets = pcm.len() / 2;
        if !encodable(pcm.len(), RATE_HZ) || octets > out.len() {
            return 0;
        }
        self.0.encode(pcm, &mut out[..octets]);
        octets
    }
}

pub(super) fn decoder(_: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(Decoding(Bands::new())))
}

pub(super) fn encoder(_: &Format) -> Option<Box<dyn Encoder>> {
    Some(Box::new(Encoding(Bands::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that fades in.
    fn noise(samples: usize) -> Vec<i16> {
        let mut seed = 1_u32;
        let mut next = |at: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((i64::from((seed >> 16) as i16) * at as i64) >> 9) as i16
        };
        (0..samples).map(&mut next).collect()
    }

    #[test]
    fn a_known_stream_has_its_octets() {
        let mut octets = [0; 160];
        Bands::new().encode(&noise(320), &mut octets);
        // As spandsp has them; `tests/spandsp.rs` compares more where it is there.
        let known = [
            250, 122, 222, 114, 158, 228, 134, 27, 173, 4, 46, 188, 20, 174, 144, 10, 170, 38, 139, 174, 24, 107, 52,
            52, 125, 14, 48, 189, 39, 158, 62, 116, 188, 116, 39, 182, 175, 78, 94, 218, 47, 178, 147, 231, 119, 82,
            140, 120,
        ];
        assert_eq!(octets[..48], known);
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let pcm = noise(1_920);
        let (mut whole, mut cut) = ([0; 960], [0; 960]);
        Bands::new().encode(&pcm, &mut whole);
        let mut bands = Bands::new();
        for (pcm, octets) in pcm.chunks(160).zip(cut.chunks_mut(80)) {
            bands.encode(pcm, octets);
        }
        assert_eq!(whole, cut);
        let (mut one, mut other) = ([0; 1_920], [0; 1_920]);
        Bands::new().decode(&whole, &mut one);
        let mut bands = Bands::new();
        for (octets, pcm) in cut.chunks(240).zip(other.chunks_mut(480)) {
            bands.decode(octets, pcm);
        }
        assert_eq!(one, other);
    }
}
