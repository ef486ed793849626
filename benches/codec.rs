//! What 20 ms of sound cost: codecs and resamplers, playout and listening for keys, and transcoding beside the raw codec calls it is made of.

#![allow(missing_docs, reason = "criterion's macros make items without any")]

use contract::{Codec, Format, Instant};
use core::{f64::consts::TAU, hint::black_box};
use criterion::{Criterion, criterion_group, criterion_main};
use media_core::{
    audio::{playout::Playout, resample::Resampler},
    codec::{Decoder, Encoder, MAX_PACKET_SAMPLES, MAX_PAYLOAD_OCTETS, entry},
    dtmf::Detector,
};

const FRAMES: usize = 100;

/// Two seconds that sound roughly like speech to a codec: harmonics of a gliding pitch, syllables, breath.
fn voice(rate_hz: u32) -> Vec<Vec<i16>> {
    let rate = f64::from(rate_hz);
    let (mut phase, mut noise) = (0.0, 1_u32);
    let mut sample = |at: usize| {
        let time = at as f64 / rate;
        phase += TAU * (120.0 + 30.0 * (TAU * 0.7 * time).sin()) / rate;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let breath = f64::from((noise >> 16) as i16) * 0.01;
        let harmonics: f64 = (1..20).map(|n| (phase * f64::from(n)).sin() / f64::from(n)).sum();
        let syllable = (TAU * 2.0 * time).sin().max(0.0);
        (4_000.0 * harmonics * syllable + breath) as i16
    };
    let length = rate_hz as usize / 50;
    (0..FRAMES).map(|frame| (0..length).map(|at| sample(frame * length + at)).collect()).collect()
}

fn format(codec: Codec) -> Format {
    let (clock_rate_hz, channels) = if codec == Codec::Opus { (48_000, 2) } else { (8_000, 1) };
    Format { payload_type: 96, codec, clock_rate_hz, channels }
}

fn decoder(codec: Codec) -> Box<dyn Decoder> {
    entry(&format(codec)).and_then(|entry| (entry.open_decoder)(&format(codec))).expect("a decoder")
}

fn encoder(codec: Codec) -> Box<dyn Encoder> {
    entry(&format(codec)).and_then(|entry| (entry.open_encoder)(&format(codec))).expect("an encoder")
}

fn payloads(codec: Codec) -> Vec<Vec<u8>> {
    let mut encoder = encoder(codec);
    let mut payload = [0; MAX_PAYLOAD_OCTETS];
    let encode = |frame: &Vec<i16>| {
        let length = encoder.encode(frame, &mut payload);
        payload[..length].to_vec()
    };
    let rate = encoder_rate(codec);
    voice(rate).iter().map(encode).collect()
}

fn encoder_rate(codec: Codec) -> u32 {
    entry(&format(codec)).expect("known").sample_rate_hz
}

/// Each codec's own calls, as the pipeline makes them.
fn raw(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("20 ms");
    let mut codecs = vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
    codecs.extend(entry(&format(Codec::G729)).map(|entry| entry.codec));
    for codec in codecs {
        let (frames, packets) = (voice(encoder_rate(codec)), payloads(codec));
        let (mut encoder, mut decoder) = (encoder(codec), decoder(codec));
        let (mut payload, mut out) = ([0; MAX_PAYLOAD_OCTETS], [0; MAX_PACKET_SAMPLES]);
        let mut frame = frames.iter().cycle();
        group.bench_function(format!("{codec:?} encode"), |bencher| {
            bencher.iter(|| frame.next().map(|pcm| encoder.encode(black_box(pcm), black_box(&mut payload))));
        });
        let mut packet = packets.iter().cycle();
        group.bench_function(format!("{codec:?} decode"), |bencher| {
            bencher.iter(|| packet.next().map(|one| decoder.decode(black_box(one), black_box(&mut out))));
        });
    }
    for (from, to) in
        [(8_000, 16_000), (16_000, 8_000), (8_000, 48_000), (48_000, 8_000), (16_000, 48_000), (48_000, 16_000)]
    {
        let pcm = &voice(from)[10];
        let mut resampler = Resampler::new(from, to).expect("a known pair");
        let mut out = [0; MAX_PACKET_SAMPLES];
        group.bench_function(format!("resample {from} to {to}"), |bencher| {
            bencher.iter(|| resampler.run(black_box(pcm), black_box(&mut out)));
        });
    }
    group.finish();
}

/// Decode, resample, encode; to be held against the sum of the raw calls.
fn transcode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("20 ms transcoded");
    for (from, to) in
        [(Codec::Pcmu, Codec::Opus), (Codec::Opus, Codec::Pcmu), (Codec::Pcmu, Codec::G722), (Codec::G722, Codec::Pcmu)]
    {
        let packets = payloads(from);
        let (mut decoder, mut encoder) = (decoder(from), encoder(to));
        let mut resampler = Resampler::new(decoder.sample_rate_hz(), encoder.sample_rate_hz()).expect("a known pair");
        let (mut pcm, mut other) = ([0; MAX_PACKET_SAMPLES], [0; MAX_PACKET_SAMPLES]);
        let mut payload = [0; MAX_PAYLOAD_OCTETS];
        let mut packet = packets.iter().cycle();
        group.bench_function(format!("{from:?} to {to:?}"), |bencher| {
            bencher.iter(|| {
                let one = packet.next().map_or(&[][..], Vec::as_slice);
                let decoded = decoder.decode(black_box(one), &mut pcm).unwrap_or_default();
                let resampled = resampler.run(&pcm[..decoded], &mut other);
                encoder.encode(&other[..resampled], black_box(&mut payload))
            });
        });
    }
    group.finish();
}

/// A packet in and a frame out, evenly and with a twentieth of the packets lost; and a frame listened to.
fn playout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("20 ms played out");
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        for lost in [0, 5] {
            let packets = payloads(codec);
            let rate_hz = encoder_rate(codec);
            let clock_rate_hz = format(codec).clock_rate_hz;
            let (mut playout, mut decoder) = (Playout::new(rate_hz, clock_rate_hz), decoder(codec));
            let mut out = vec![0; rate_hz as usize / 50];
            let mut at = 0_u64;
            group.bench_function(format!("{codec:?}, {lost} % lost"), |bencher| {
                bencher.iter(|| {
                    let now = Instant::from_nanos(at * 20_000_000);
                    let payload = &packets[at as usize % FRAMES];
                    let timestamp = (at as u32).wrapping_mul(clock_rate_hz / 50);
                    if at % 100 * lost % 100 < 100 - lost {
                        playout.insert(now, at as u16, timestamp, false, 96, black_box(payload), &*decoder);
                    }
                    at += 1;
                    playout.pull(now, &mut *decoder, black_box(&mut out))
                });
            });
        }
    }
    for rate_hz in [8_000, 16_000, 48_000] {
        let frames = voice(rate_hz);
        let mut frame = frames.iter().cycle();
        let mut detector = Detector::new(rate_hz);
        group.bench_function(format!("keys at {rate_hz} Hz"), |bencher| {
            bencher.iter(|| frame.next().map(|pcm| detector.push(black_box(pcm))));
        });
    }
    group.finish();
}

criterion_group!(benches, raw, transcode, playout);
criterion_main!(benches);
