//! Kinds of files, what they become, and what becomes of damaged ones.

use super::*;

const FILES: [(&str, &[u8]); 5] = [
    ("mp3", include_bytes!("../fixtures/tone.mp3")),
    ("ogg", include_bytes!("../fixtures/tone.ogg")),
    ("flac", include_bytes!("../fixtures/tone.flac")),
    ("aac", include_bytes!("../fixtures/tone.aac")),
    ("m4a", include_bytes!("../fixtures/tone.m4a")),
];

/// A WAV file of a tone of 440 Hz, the same in every channel.
fn wav(rate_hz: u32, channels: u16, seconds: f64) -> Vec<u8> {
    let frames = (f64::from(rate_hz) * seconds) as u32;
    let octets = frames * u32::from(channels) * 2;
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + octets).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate_hz.to_le_bytes());
    file.extend_from_slice(&(rate_hz * u32::from(channels) * 2).to_le_bytes());
    file.extend_from_slice(&(channels * 2).to_le_bytes());
    file.extend_from_slice(b"\x10\0data");
    file.extend_from_slice(&octets.to_le_bytes());
    for at in 0..frames {
        let sample = 8_231.0 * (std::f64::consts::TAU * 440.0 * f64::from(at) / f64::from(rate_hz)).sin();
        for _ in 0..channels {
            file.extend_from_slice(&(sample as i16).to_le_bytes());
        }
    }
    file
}

/// Share of a second of sound that is the tone of 440 Hz, and its amplitude.
fn tone(clip: &Clip) -> (f64, f64) {
    let (from, to) = (clip.samples.len() / 4, clip.samples.len() * 3 / 4);
    let (mut i, mut q, mut all) = (0.0, 0.0, 0.0);
    for (at, sample) in clip.samples[from..to].iter().enumerate() {
        let (angle, sample) = (std::f64::consts::TAU * 440.0 * at as f64 / f64::from(clip.rate_hz), f64::from(*sample));
        i += sample * angle.cos();
        q += sample * angle.sin();
        all += sample * sample;
    }
    let count = (to - from) as f64;
    let amplitude = 2.0 * i.hypot(q) / count;
    (amplitude * amplitude / 2.0 / (all / count), amplitude)
}

#[test]
fn each_kind_of_file_becomes_the_tone_it_holds() {
    for (ending, file) in FILES {
        let clip = octets(file.to_vec(), ending).unwrap_or_else(|fault| panic!("{ending} {fault}"));
        assert_eq!(clip.rate_hz, 16_000);
        let (share, amplitude) = tone(&clip);
        assert!(share > 0.99, "{ending}: {share}");
        assert!((amplitude - 8_231.0).abs() < 500.0, "{ending}: {amplitude}");
        assert!((15_500..18_500).contains(&clip.samples.len()), "{ending}: {}", clip.samples.len());
    }
}

#[test]
fn wav_of_any_rate_and_channels_becomes_mono_at_a_rate_of_the_library() {
    for (rate_hz, channels, becomes) in [
        (8_000, 1, 8_000),
        (8_000, 2, 8_000),
        (11_025, 1, 16_000),
        (16_000, 1, 16_000),
        (44_100, 2, 16_000),
        (48_000, 6, 16_000),
    ] {
        let clip = octets(wav(rate_hz, channels, 0.5), "wav").unwrap();
        assert_eq!((clip.rate_hz, clip.samples.len()), (becomes, becomes as usize / 2), "{rate_hz} in {channels}");
        assert!(tone(&clip).0 > 0.99);
    }
}

#[test]
fn the_ending_need_not_be_right() {
    for (_, file) in FILES {
        assert!(octets(file.to_vec(), "wav").is_ok());
    }
}

#[test]
fn a_file_cut_off_anywhere_is_a_clip_or_a_fault_and_never_a_panic() {
    let mut files: Vec<(&str, Vec<u8>)> = FILES.iter().map(|(ending, file)| (*ending, file.to_vec())).collect();
    files.push(("wav", wav(8_000, 1, 0.1)));
    for (ending, file) in files {
        for length in (0..file.len()).step_by(file.len() / 60 + 1) {
            if let Ok(clip) = octets(file[..length].to_vec(), ending) {
                assert!(!clip.samples.is_empty() && clip.samples.len() < 20_000);
            }
        }
    }
    assert!(matches!(octets(wav(8_000, 1, 4.0)[..16_044].to_vec(), "wav"), Err(Fault::Short(1, 4))));
}

#[test]
fn a_damaged_file_is_a_clip_or_a_fault_and_never_a_panic() {
    let mut random = 0x2545_f491_u32;
    let mut draw = move || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random
    };
    for (ending, file) in
        FILES.iter().map(|(ending, file)| (*ending, file.to_vec())).chain([("wav", wav(8_000, 1, 0.2))])
    {
        for _ in 0..40 {
            let mut file = file.clone();
            for _ in 0..1 + draw() % 20 {
                // Headers are where the harm is done: half of the changes go there.
                let reach = if draw() % 2 == 0 { file.len().min(100) } else { file.len() };
                let at = draw() as usize % reach;
                file[at] = draw() as u8;
            }
            if let Ok(clip) = octets(file, ending) {
                assert!(clip.samples.len() <= SECONDS_MAX * 16_000);
            }
        }
    }
}

#[test]
fn what_is_no_sound_is_told_by_kind() {
    assert!(matches!(octets(b"#!/bin/sh\necho hello\n".repeat(500), "wav"), Err(Fault::Kind(_))));
    assert!(octets(Vec::new(), "mp3").is_err());
    assert!(matches!(octets(wav(8_000, 1, 0.0), "wav"), Err(Fault::Empty | Fault::Kind(_))));
    assert!(matches!(file(Path::new("/")), Err(Fault::Kind(_))));
    assert!(matches!(file(Path::new("/no/such/file.wav")), Err(Fault::Io(_))));
}
