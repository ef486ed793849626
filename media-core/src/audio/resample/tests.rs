//! Listening to what the resamplers do to tones.

use super::*;
use crate::audio::listen::{amplitude, decibels, loudness, sine};

const PAIRS: [(u32, u32); 6] =
    [(8_000, 16_000), (16_000, 8_000), (8_000, 48_000), (48_000, 8_000), (16_000, 48_000), (48_000, 16_000)];

/// One second of a tone after the filter has filled, 10 ms at a time.
fn through(from: u32, to: u32, frequency_hz: f64) -> Vec<i16> {
    let input = sine(frequency_hz, 10_000.0, from, from as usize + from as usize / 10);
    let mut resampler = Resampler::new(from, to).expect("a known pair");
    let mut heard = Vec::new();
    let mut out = [0; 960];
    for frame in input.chunks(from as usize / 100) {
        let written = resampler.run(frame, &mut out);
        assert_eq!(written, to as usize / 100, "a frame gives a frame");
        heard.extend_from_slice(&out[..written]);
    }
    heard.split_off(to as usize / 10)
}

#[test]
fn tones_of_the_passband_keep_their_level() {
    for (from, to) in PAIRS {
        let edge = if from.min(to) == 8_000 { 3_400 } else { 6_900 };
        for frequency in [50, 300, 440, 1_000, 2_000, 3_000, 3_400, 5_000, 6_900].into_iter().filter(|f| *f <= edge) {
            let heard = through(from, to, f64::from(frequency));
            let level = decibels(amplitude(&heard, f64::from(frequency), to), 10_000.0);
            assert!(level.abs() < 0.5, "{from} to {to}: {frequency} Hz at {level:.2} dB");
            let rest = decibels(
                (loudness(&heard).powi(2) - amplitude(&heard, f64::from(frequency), to).powi(2)).max(0.0).sqrt(),
                10_000.0,
            );
            assert!(rest < -50.0, "{from} to {to}: {rest:.1} dB beside {frequency} Hz");
        }
    }
}

#[test]
fn tones_above_the_lower_rate_do_not_fold_down() {
    for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
        let first = if to == 8_000 { 4_400 } else { 8_500 };
        for frequency in (first..from / 2).step_by(450) {
            let level = decibels(loudness(&through(from, to, f64::from(frequency))), 10_000.0);
            assert!(level < -50.0, "{from} to {to}: {frequency} Hz still at {level:.1} dB");
        }
    }
}

#[test]
fn a_stream_is_the_same_however_it_is_cut() {
    for (from, to) in PAIRS {
        let input = sine(997.0, 12_000.0, from, 9_600);
        let mut whole = vec![0; 9_600 * 6];
        let length = Resampler::new(from, to).expect("a known pair").run(&input, &mut whole);
        assert_eq!(length as u64, 9_600 * u64::from(to) / u64::from(from));
        let mut seed = 0x1234_5678_u32;
        for _ in 0..20 {
            let mut resampler = Resampler::new(from, to).expect("a known pair");
            let (mut rest, mut heard) = (&input[..], Vec::new());
            while !rest.is_empty() {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (piece, after) = rest.split_at((seed >> 22) as usize % (rest.len() + 1));
                rest = after;
                let mut out = [0; 1_024 * 6];
                let written = resampler.run(piece, &mut out);
                heard.extend_from_slice(&out[..written]);
            }
            assert_eq!(heard, whole[..length], "{from} to {to}");
        }
    }
}

#[test]
fn full_scale_is_limited_not_wrapped() {
    for (from, to) in PAIRS {
        // A square wave overshoots behind any low-pass; a sum that wraps has the other sign.
        let half = from as usize / 200;
        let input: Vec<i16> =
            (0..20 * half).map(|at| if (at / half).is_multiple_of(2) { i16::MAX } else { i16::MIN }).collect();
        let mut out = vec![0; 20 * half * 6];
        let written = Resampler::new(from, to).expect("a known pair").run(&input, &mut out);
        // The first plateau begins with the ripple of a start from nothing.
        let settled = &out[written / 20..written];
        let changes = settled.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0));
        assert!(out[..written].contains(&i16::MAX), "{from} to {to}: it overshoots");
        assert!((18..=19).contains(&changes.count()), "{from} to {to}");
    }
}

#[test]
fn too_little_room_loses_samples_and_not_the_stream() {
    for (from, to) in PAIRS {
        let input = sine(440.0, 12_000.0, from, 960);
        let [mut one, mut two] = [(); 2].map(|()| Resampler::new(from, to).expect("a known pair"));
        let (mut short, mut long) = ([0; 7], [0; 960 * 6]);
        assert_eq!(one.run(&input, &mut short), 7);
        let length = two.run(&input, &mut long);
        assert_eq!(short, long[..7]);
        let mut again = [0; 960 * 6];
        assert_eq!((one.run(&input, &mut again), two.run(&input, &mut long)), (length, length));
        assert_eq!(again, long);
    }
}

#[test]
fn equal_rates_copy_and_unknown_rates_are_refused() {
    let mut out = [0; 4];
    assert_eq!(Resampler::new(8_000, 8_000).expect("equal").run(&[1, 2, 3], &mut out), 3);
    assert_eq!(out, [1, 2, 3, 0]);
    assert!(Resampler::new(8_000, 44_100).is_none() && Resampler::new(44_100, 44_100).is_none());
}

#[test]
fn a_reset_stream_is_a_new_one() {
    for (from, to) in PAIRS {
        let input = sine(440.0, 12_000.0, from, 961);
        let mut resampler = Resampler::new(from, to).expect("a known pair");
        let (mut first, mut second) = ([0; 961 * 6], [0; 961 * 6]);
        resampler.run(&input, &mut first);
        resampler.reset();
        resampler.run(&input, &mut second);
        assert_eq!(first, second);
    }
}
