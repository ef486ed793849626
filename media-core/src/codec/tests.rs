//! What holds for every codec of the table: tones keep their level, bad payloads are errors, nothing allocates.

use super::*;
use crate::audio::{
    listen::{amplitude, decibels, sine},
    resample::Resampler,
};

/// One second of a tone, encoded and decoded 20 ms at a time, after a second to settle.
fn through(entry: &Entry, frequency_hz: f64, packet_ms: usize) -> Vec<i16> {
    let format = format(entry);
    let mut encoder = (entry.open_encoder)(&format).expect("available");
    let mut decoder = (entry.open_decoder)(&format).expect("available");
    let rate = entry.sample_rate_hz;
    assert_eq!((encoder.sample_rate_hz(), decoder.sample_rate_hz()), (rate, rate));
    let pcm = sine(frequency_hz, 8_000.0, rate, 24 * rate as usize / 10);
    let (mut payload, mut out) = ([0; MAX_PAYLOAD_OCTETS], [0; MAX_PACKET_SAMPLES]);
    let mut heard = Vec::new();
    for frame in pcm.chunks_exact(rate as usize * packet_ms / 1_000) {
        let length = encoder.encode(frame, &mut payload);
        assert!(length > 0, "{:?} sends {packet_ms} ms", entry.codec);
        assert_eq!(decoder.samples_in(&payload[..length]), Some(frame.len()));
        assert_eq!(decoder.decode(&payload[..length], &mut out), Ok(frame.len()));
        heard.extend_from_slice(&out[..frame.len()]);
    }
    heard[rate as usize..2 * rate as usize].to_vec()
}

fn format(entry: &Entry) -> Format {
    Format { payload_type: 96, codec: entry.codec, clock_rate_hz: entry.clock_rate_hz, channels: entry.channels }
}

#[test]
fn tones_keep_their_level_through_every_codec_and_packet_time() {
    for entry in entries() {
        for packet_ms in [10, 20, 30, 40, 50, 60] {
            if entry.packet_time(Duration::from_millis(packet_ms)) != Duration::from_millis(packet_ms) {
                continue;
            }
            for tone in [440.0, 1_000.0] {
                let heard = through(entry, tone, packet_ms as usize);
                let level = decibels(amplitude(&heard, tone, entry.sample_rate_hz), 8_000.0);
                assert!(level.abs() < 1.0, "{:?} {packet_ms} ms {tone} Hz: {level:.2} dB", entry.codec);
            }
        }
    }
}

#[test]
fn tones_keep_their_level_between_each_pair_of_codecs() {
    for from in entries() {
        for to in entries() {
            for tone in [440.0, 1_000.0] {
                let heard = through(from, tone, 20);
                let mut resampler = Resampler::new(from.sample_rate_hz, to.sample_rate_hz).expect("a known pair");
                let mut pcm = vec![0; to.sample_rate_hz as usize];
                assert_eq!(resampler.run(&heard, &mut pcm), pcm.len());
                let mut encoder = (to.open_encoder)(&format(to)).expect("available");
                let mut decoder = (to.open_decoder)(&format(to)).expect("available");
                let (mut payload, mut out) = ([0; MAX_PAYLOAD_OCTETS], [0; MAX_PACKET_SAMPLES]);
                let mut last = Vec::new();
                for frame in pcm.chunks_exact(to.sample_rate_hz as usize / 50) {
                    let length = encoder.encode(frame, &mut payload);
                    let written = decoder.decode(&payload[..length], &mut out).expect("what we encode is well formed");
                    last.extend_from_slice(&out[..written]);
                }
                let last = &last[last.len() / 2..];
                let level = decibels(amplitude(last, tone, to.sample_rate_hz), 8_000.0);
                // G.729 keeps no waveform; twice through it is once more a decibel.
                let most = if from.codec == Codec::G729 && to.codec == Codec::G729 { 2.0 } else { 1.0 };
                assert!(level.abs() < most, "{:?} to {:?} at {tone} Hz: {level:.2} dB", from.codec, to.codec);
            }
        }
    }
}

#[test]
fn what_holds_no_sound_has_no_entry() {
    for codec in [Codec::TelephoneEvent, Codec::ComfortNoise, Codec::Other(1)] {
        assert!(entry(&Format { payload_type: 101, codec, clock_rate_hz: 8_000, channels: 1 }).is_none());
    }
    assert!(entry(&Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 16_000, channels: 1 }).is_none());
}

#[test]
fn a_packet_time_the_codec_lacks_becomes_the_next_shorter() {
    let time = |codec, clock_rate_hz, channels, ms| {
        let entry = entry(&Format { payload_type: 96, codec, clock_rate_hz, channels }).expect("known");
        entry.packet_time(Duration::from_millis(ms)).as_millis()
    };
    assert_eq!([5, 10, 19, 30, 61].map(|ms| time(Codec::Pcmu, 8_000, 1, ms)), [10, 10, 10, 30, 60]);
    assert_eq!([30, 50, 60].map(|ms| time(Codec::Opus, 48_000, 2, ms)), [20, 40, 60]);
    assert_eq!(time(Codec::L16, 16_000, 1, 60), 40);
}

#[test]
fn a_codec_this_machine_lacks_has_no_entry() {
    let table = [true, false].map(|here| Entry {
        codec: if here { Codec::Pcmu } else { Codec::G729 },
        clock_rate_hz: 8_000,
        channels: 1,
        sample_rate_hz: 8_000,
        packet_ms: ANY,
        open_decoder: |_| None,
        open_encoder: |_| None,
        available: if here { || true } else { || false },
    });
    let known = |codec| find(&table, &Format { payload_type: 18, codec, clock_rate_hz: 8_000, channels: 1 }).is_some();
    assert!(known(Codec::Pcmu) && !known(Codec::G729));
}

#[test]
fn each_entry_is_found_by_its_own_format_and_only_once() {
    for one in entries() {
        let found = entry(&format(one)).expect("found");
        assert!(core::ptr::eq(found, one), "{one:?}");
    }
}

/// The next number of a linear congruential generator, its better bits.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

#[test]
fn any_octets_are_decoded_or_refused_and_never_more() {
    for entry in entries() {
        let mut decoder = (entry.open_decoder)(&format(entry)).expect("available");
        let mut seed = 7;
        for _ in 0..3_000 {
            let length = next(&mut seed) % [4, 40, 400, 1_473][next(&mut seed) % 4];
            let payload: Vec<u8> = (0..length).map(|_| next(&mut seed) as u8).collect();
            let mut out = vec![0x5A5A; next(&mut seed) % (MAX_PACKET_SAMPLES + 2)];
            let told = decoder.samples_in(&payload);
            assert!(told.is_none_or(|samples| (1..=MAX_PACKET_SAMPLES).contains(&samples)));
            match decoder.decode(&payload, &mut out) {
                Ok(written) => assert_eq!(Some(written), told),
                Err(Malformed::TooLong) => assert!(told.is_none_or(|samples| samples > out.len())),
                Err(Malformed::Truncated | Malformed::Bitstream) => {}
            }
            if let Ok(written) = decoder.recover(&payload, &mut out) {
                assert!(written <= out.len());
            }
            decoder.conceal(&mut out);
            if next(&mut seed).is_multiple_of(50) {
                decoder.reset();
            }
        }
    }
}

#[test]
fn no_octets_are_no_packet() {
    for entry in entries() {
        let mut decoder = (entry.open_decoder)(&format(entry)).expect("available");
        assert_eq!(decoder.samples_in(&[]), None);
        assert_eq!(decoder.decode(&[], &mut [0; MAX_PACKET_SAMPLES]), Err(Malformed::Truncated));
    }
}

#[test]
fn sound_of_another_length_is_not_sent() {
    for entry in entries() {
        let mut encoder = (entry.open_encoder)(&format(entry)).expect("available");
        let step = entry.sample_rate_hz as usize / 100;
        let pcm = vec![0; 7 * step];
        for samples in [0, 1, step - 1, step + 1, 7 * step] {
            assert_eq!(encoder.encode(&pcm[..samples], &mut [0; MAX_PAYLOAD_OCTETS]), 0, "{entry:?} {samples}");
        }
        assert_eq!(encoder.encode(&pcm[..step], &mut []), 0);
    }
}

#[test]
fn no_packet_allocates() {
    for entry in entries() {
        let mut encoder = (entry.open_encoder)(&format(entry)).expect("available");
        let mut decoder = (entry.open_decoder)(&format(entry)).expect("available");
        let mut resampler = Resampler::new(entry.sample_rate_hz, 8_000).expect("a known pair");
        let pcm = sine(440.0, 8_000.0, entry.sample_rate_hz, entry.sample_rate_hz as usize / 50);
        let (mut payload, mut out, mut narrow) =
            ([0; MAX_PAYLOAD_OCTETS], [0; MAX_PACKET_SAMPLES], [0; MAX_PACKET_SAMPLES]);
        let counted = allocation_counter::measure(|| {
            for _ in 0..50 {
                let length = encoder.encode(&pcm, &mut payload);
                encoder.tell_loss(10);
                let written = decoder.decode(&payload[..length], &mut out).expect("well formed");
                _ = decoder.recover(&payload[..length], &mut out);
                decoder.conceal(&mut out[..written]);
                assert_eq!(resampler.run(&out[..written], &mut narrow), 160);
                _ = decoder.decode(&[0xFF], &mut out);
            }
        });
        assert_eq!(counted.count_total, 0, "{:?}", entry.codec);
    }
}
