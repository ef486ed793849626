//! What is a key, and what is not.

use super::*;
use crate::{
    codec,
    dtmf::{Generator, place, speech::Speech},
};
use contract::{Codec, Format};

/// Two tones, as they never come from a good telephone.
struct Odd {
    /// Beside the right frequencies, in parts of them.
    beside: [f64; 2],
    amplitudes: [f64; 2],
    /// Amplitude of even noise.
    noise: f64,
}

const PLAIN: Odd = Odd { beside: [0.0; 2], amplitudes: [6_000.0; 2], noise: 0.0 };

impl Odd {
    fn sound(&self, digit: Digit, ms: u32, seed: &mut u64) -> Vec<i16> {
        let (row, column) = place(digit);
        let hz = [ROWS_HZ[row] * (1.0 + self.beside[0]), COLUMNS_HZ[column] * (1.0 + self.beside[1])];
        let mut noise = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((*seed >> 40) as f64 / f64::from(1 << 23) - 1.0) * self.noise
        };
        let tone =
            |which: usize, at: u32| self.amplitudes[which] * (TAU * hz[which] * f64::from(at) / 8_000.0 + 1.0).sin();
        (0..ms * 8).map(|at| (tone(0, at) + tone(1, at) + noise()) as i16).collect()
    }
}

/// All keys in turn, `ms` long with a pause as long, and a beginning that lies otherwise against the blocks each time.
fn told(odd: &Odd, ms: u32) -> Vec<Option<Keypress>> {
    let mut detector = Detector::new(8_000);
    let mut seed = 1;
    let mut all = Vec::new();
    for code in 0..16 {
        let sound = odd.sound(Digit::from_event(code).expect("a key"), ms, &mut seed);
        let pause =
            Odd { amplitudes: [0.0; 2], ..*odd }.sound(Digit::from_event(0).expect("a key"), ms.max(80) + 1, &mut seed);
        let pressed: Vec<Keypress> =
            [sound, pause].concat().chunks(160).filter_map(|piece| detector.push(piece)).collect();
        assert!(pressed.len() <= 1);
        all.push(pressed.first().copied());
    }
    all
}

/// Whether all keys are told as what they are.
fn all_told(odd: &Odd, ms: u32) -> bool {
    told(odd, ms).iter().enumerate().all(|(code, key)| key.is_some_and(|key| usize::from(key.digit.event()) == code))
}

#[test]
fn every_key_is_told_once_with_its_length_at_every_rate() {
    for rate in [8_000, 16_000, 48_000_u32] {
        for (frame_ms, ms) in [(10, 40), (20, 50), (20, 100), (60, 73), (20, 700)] {
            let (mut generator, mut detector) = (Generator::new(rate), Detector::new(rate));
            for code in 0..16 {
                let digit = Digit::from_event(code).expect("a key");
                generator.start(digit, Duration::from_millis(ms));
                let mut pressed = Vec::new();
                let mut more = true;
                while more {
                    let mut frame = vec![0; (rate / 1_000 * frame_ms) as usize];
                    more = generator.fill(&mut frame);
                    pressed.extend(detector.push(&frame));
                }
                assert_eq!(pressed.len(), 1, "{rate} {frame_ms} {ms} {code}");
                assert_eq!(pressed[0].digit, digit);
                let off = pressed[0].length.as_millis() as i64 - ms as i64;
                assert!(off.abs() <= 10, "{rate} {ms}: {off}");
            }
        }
    }
}

#[test]
fn keys_of_40_ms_are_taken_wherever_they_begin() {
    assert!(all_told(&PLAIN, 40) && all_told(&PLAIN, 41) && all_told(&PLAIN, 47));
}

#[test]
fn what_is_shorter_than_a_key_is_none() {
    for ms in [5, 12, 20] {
        assert!(told(&PLAIN, ms).iter().all(Option::is_none), "{ms}");
    }
}

#[test]
fn a_key_may_be_a_little_beside_its_frequencies_and_not_more() {
    for beside in [[0.015, 0.015], [-0.015, -0.015], [0.015, -0.015], [-0.015, 0.015]] {
        assert!(all_told(&Odd { beside, ..PLAIN }, 60), "{beside:?}");
    }
    for beside in [[0.04, 0.04], [-0.04, -0.04], [0.04, 0.0], [0.0, -0.04]] {
        let told = told(&Odd { beside, ..PLAIN }, 60);
        assert!(told.iter().filter(|key| key.is_some()).count() <= 2, "{beside:?} {told:?}");
    }
}

#[test]
fn a_key_may_be_loud_quiet_twisted_and_noisy() {
    for amplitudes in [[16_000.0; 2], [600.0; 2], [6_000.0, 2_700.0], [4_000.0, 7_000.0]] {
        assert!(
            all_told(&Odd { amplitudes, ..PLAIN }, 60),
            "{amplitudes:?} {:?}",
            told(&Odd { amplitudes, ..PLAIN }, 60)
        );
    }
    // 15 dB: even noise of amplitude a has the power a²/3, the tones together 6,000².
    assert!(all_told(&Odd { noise: 6_000.0 * 3_f64.sqrt() * 0.178, ..PLAIN }, 60));
    for amplitudes in [[200.0; 2], [6_000.0, 1_000.0], [1_000.0, 6_000.0], [8_000.0, 0.0], [0.0, 8_000.0]] {
        assert!(told(&Odd { amplitudes, ..PLAIN }, 100).iter().all(Option::is_none), "{amplitudes:?}");
    }
}

#[test]
fn a_short_break_is_no_release_and_a_pause_is() {
    let digit = Digit::from_event(7).expect("a key");
    for (break_ms, keys) in [(5, 1), (10, 1), (45, 2), (80, 2)] {
        for shift in 0..13 {
            let mut detector = Detector::new(8_000);
            let tone = PLAIN.sound(digit, 100, &mut 1);
            let sound = [vec![0; shift * 8], tone.clone(), vec![0; break_ms * 8], tone, vec![0; 800]].concat();
            let pressed: Vec<_> = sound.chunks(160).filter_map(|piece| detector.push(piece)).collect();
            assert_eq!(pressed.len(), keys, "{break_ms} {shift}");
        }
    }
}

#[test]
fn keys_pass_through_every_codec() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        let (clock_rate_hz, channels) = if codec == Codec::Opus { (48_000, 2) } else { (8_000, 1) };
        let format = Format { payload_type: 0, codec, clock_rate_hz, channels };
        let entry = codec::entry(&format).expect("of the table");
        let rate = entry.sample_rate_hz;
        let mut encoder = (entry.open_encoder)(&format).expect("available");
        let mut decoder = (entry.open_decoder)(&format).expect("available");
        let (mut generator, mut detector) = (Generator::new(rate), Detector::new(rate));
        let mut heard = String::new();
        let signs = "0123456789*#ABCD";
        for sign in signs.chars() {
            generator.start(Digit::from_char(sign).expect("a key"), Duration::from_millis(80));
            let mut more = true;
            while more {
                let mut frame = vec![0; rate as usize / 50];
                more = generator.fill(&mut frame);
                let mut payload = [0; codec::MAX_PAYLOAD_OCTETS];
                let length = encoder.encode(&frame, &mut payload);
                let written = decoder.decode(&payload[..length], &mut frame).expect("well formed");
                heard.extend(detector.push(&frame[..written]).map(|key| key.digit.sign()));
            }
        }
        let silence = vec![0; rate as usize / 20];
        heard.extend(detector.push(&silence).map(|key| key.digit.sign()));
        assert_eq!(heard, signs, "{codec:?}");
    }
}

#[test]
fn half_an_hour_of_talk_presses_no_key() {
    for seed in 0..6 {
        let mut detector = Detector::new(8_000);
        let pressed = Speech::new(seed, 8_000).take(15_000).filter_map(|frame| detector.push(&frame)).count();
        assert_eq!(pressed, 0, "{seed}");
    }
}

#[test]
fn tones_of_the_network_press_no_key() {
    for pair in [
        [350.0, 440.0],
        [425.0, 0.0],
        [480.0, 620.0],
        [440.0, 480.0],
        [950.0, 1_400.0],
        [1_100.0, 0.0],
        [2_100.0, 0.0],
        [1_800.0, 0.0],
    ] {
        let mut detector = Detector::new(8_000);
        let sample =
            |at: u32| pair.iter().map(|hz| 6_000.0 * (TAU * hz * f64::from(at) / 8_000.0).sin()).sum::<f64>() as i16;
        let sound: Vec<i16> = (0..16_000).map(sample).chain([0; 800]).collect();
        assert!(sound.chunks(160).all(|piece| detector.push(piece).is_none()), "{pair:?}");
    }
}

#[test]
fn a_reset_releases_what_is_pressed() {
    let mut detector = Detector::new(8_000);
    assert_eq!(detector.reset(), None);
    let digit = Digit::from_event(3).expect("a key");
    for piece in PLAIN.sound(digit, 200, &mut 1).chunks(160) {
        assert_eq!(detector.push(piece), None);
    }
    assert!(detector.is_sounding());
    assert_eq!(detector.reset().map(|key| key.digit), Some(digit));
    assert!(!detector.is_sounding());
}

#[test]
fn listening_allocates_nothing_and_any_sound_is_harmless() {
    let extremes: Vec<i16> = (0..4_800).map(|at| if at / 7 % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
    for rate in [8_000, 16_000, 48_000, 11_025] {
        let mut detector = Detector::new(rate);
        let counted = allocation_counter::measure(|| {
            for length in [0, 1, 101, 102, 103, 960, 2_880, 4_800] {
                detector.push(&extremes[..length]);
            }
        });
        assert_eq!(counted.count_total, 0, "{rate}");
    }
}
