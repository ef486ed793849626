//! Opus (RFC 6716; RFC 7587) by libopus: mono at 48,000 Hz whatever the far end's bandwidth is, for speech.
//!
//! The payload says itself what it holds: bandwidth, mode, channels, frames. Stereo is decoded to its sum. What was lost is
//! recovered from the next packet's redundancy where that has it (RFC 6716 section 2.1.7), else libopus conceals. libopus allocates
//! when a state is made and never afterwards.

use super::{Decoder, Encoder, MAX_PACKET_SAMPLES, Malformed, encodable, fits};
use contract::Format;
use opus::{Application, Bandwidth, Bitrate, Channels, Signal, packet};

const RATE_HZ: u32 = 48_000;

/// The shortest frame, 2.5 ms; all lengths are multiples of it.
const STEP: usize = RATE_HZ as usize / 400;

/// Wideband speech with redundancy (RFC 7587 section 3.1.1 names 16 to 20 kbit/s for wideband without, 28 to 40 for full band).
const BIT_RATE: i32 = 32_000;

/// libopus's effort, 0 to 10. Above 5 speech sounds hardly better and costs half as much again.
const COMPLEXITY: i32 = 5;

/// The loss that is prepared for until the far end's reports say something else. At 0 % libopus writes no redundancy.
const LOSS_PERCENT: i32 = 5;

struct Decoding(opus::Decoder);

impl Decoder for Decoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        fits(samples(payload)?, out.len())?;
        self.0.decode(payload, out, false).map_err(|_| Malformed::Bitstream)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        fits(samples(payload).ok()?, MAX_PACKET_SAMPLES).ok()
    }

    /// By its octets: at a rate that varies with what is said, pauses are short. A frame of DTX has two at most (RFC 6716 section 2.1.9).
    fn loudness(&self, payload: &[u8]) -> Option<u16> {
        Some(if payload.len() <= 2 { 0 } else { 8 * payload.len().min(1_000) as u16 })
    }

    fn recover(&mut self, next: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        let wanted = samples(next)?.min(out.len() / STEP * STEP);
        if wanted == 0 || !has_redundancy(next) {
            return Ok(0);
        }
        self.0.decode(next, &mut out[..wanted], true).map_err(|_| Malformed::Bitstream)
    }

    fn conceal(&mut self, out: &mut [i16]) -> bool {
        let fitting = !out.is_empty() && out.len().is_multiple_of(STEP) && out.len() <= MAX_PACKET_SAMPLES;
        fitting && self.0.decode(&[], out, false).is_ok_and(|written| written == out.len())
    }

    fn reset(&mut self) {
        // It fails only for requests libopus does not know.
        _ = self.0.reset_state();
    }
}

/// How many samples `payload` holds.
fn samples(payload: &[u8]) -> Result<usize, Malformed> {
    if payload.is_empty() {
        return Err(Malformed::Truncated);
    }
    packet::get_nb_samples(payload, RATE_HZ).map_err(|_| Malformed::Bitstream)
}

/// Whether the first frame of `payload` carries the frame before it once more.
///
/// RFC 6716 section 4.2.3: a SILK frame begins with one bit of voice activity for each 20 ms, then the bit that says so; the second
/// channel's follow. All of them have even odds, so they stand in the first octet as they are.
fn has_redundancy(payload: &[u8]) -> bool {
    let Some((toc, rest)) = payload.split_first() else { return false };
    // RFC 6716 section 3.1: configurations 16 to 31 are CELT only, which has none; 12 to 15 are hybrid of 10 and 20 ms; of the
    // SILK ones every fourth is 10, 20, 40 and 60 ms.
    let config = toc >> 3;
    let activity = match config {
        16.. => return false,
        0..12 if config % 4 >= 2 => u32::from(config % 4),
        _ => 1,
    };
    let Some(first) = first_frame(toc & 3, rest) else { return false };
    let told = |bit: u32| first >> (7 - bit) & 1 == 1;
    told(activity) || (toc & 4 != 0 && told(2 * activity + 1))
}

/// The first octet of the first frame behind the TOC octet (RFC 6716 section 3.2); `None` when it is empty.
fn first_frame(code: u8, rest: &[u8]) -> Option<u8> {
    /// A frame's length and the octets it is written in (RFC 6716 section 3.2.1).
    fn length(octets: &[u8]) -> Option<(usize, usize)> {
        match *octets {
            [first @ 0..252, ..] => Some((usize::from(first), 1)),
            [first, second, ..] => Some((usize::from(first) + 4 * usize::from(second), 2)),
            [_] | [] => None,
        }
    }
    match code {
        0 | 1 => rest.first().copied(),
        2 => {
            let (frame, skip) = length(rest)?;
            if frame == 0 { None } else { rest.get(skip).copied() }
        }
        _ => {
            let (count, mut rest) = rest.split_first()?;
            if count & 0x40 != 0 {
                // Each octet of 255 says that another one follows.
                let octets = rest.iter().position(|octet| *octet != 255)? + 1;
                rest = &rest[octets..];
            }
            if count & 0x80 == 0 {
                return rest.first().copied();
            }
            let (frame, mut skip) = length(rest)?;
            for _ in 2..count & 0x3F {
                skip += length(rest.get(skip..)?)?.1;
            }
            if frame == 0 { None } else { rest.get(skip).copied() }
        }
    }
}

/// Samples of a frame in which both of Opus' ways are at work, 20 ms. A longer packet is several such frames, each for itself within its share of the
/// octets, of which steady sounds get too little; a frame of wide band alone may have up to 60 ms (RFC 6716 section 2.1.4).
const FRAME_MAX: usize = RATE_HZ as usize / 50;

struct Encoding {
    opus: opus::Encoder,
    dtx: bool,
    /// Nothing was encoded yet.
    fresh: bool,
    /// The full band is allowed.
    wide: bool,
}

impl Encoder for Encoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        if !encodable(pcm.len(), RATE_HZ) || out.is_empty() {
            return 0;
        }
        let wide = pcm.len() <= FRAME_MAX;
        if self.wide != wide {
            self.wide = wide;
            let bandwidth = if wide { Bandwidth::Fullband } else { Bandwidth::Wideband };
            _ = self.opus.set_max_bandwidth(bandwidth);
        }
        let encoded = self.opus.encode(pcm, out);
        if core::mem::take(&mut self.fresh) {
            // These fail only for values libopus does not know.
            _ = self.opus.set_signal(Signal::Voice);
            _ = self.opus.set_inband_fec(true);
        }
        match encoded {
            // One or two octets are what libopus says for "nothing": the far end fills the time itself.
            Ok(0..=2) if self.dtx => 0,
            Ok(octets) => octets,
            Err(_) => 0,
        }
    }

    fn tell_loss(&mut self, percent: u8) {
        _ = self.opus.set_packet_loss_perc(i32::from(percent.min(100)));
    }

    fn allow_dtx(&mut self, allowed: bool) {
        self.dtx = self.opus.set_dtx(allowed).is_ok() && allowed;
    }
}

pub(super) fn decoder(_: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(Decoding(opus::Decoder::new(RATE_HZ, Channels::Mono).ok()?)))
}

pub(super) fn encoder(_: &Format) -> Option<Box<dyn Encoder>> {
    let mut opus = opus::Encoder::new(RATE_HZ, Channels::Mono, Application::Voip).ok()?;
    opus.set_bitrate(Bitrate::Bits(BIT_RATE)).ok()?;
    opus.set_complexity(COMPLEXITY).ok()?;
    // The first frame is CELT only, which music without redundancy is: a decoder that heard another encoder until then begins SILK anew after such a
    // frame (RFC 6716 section 4.5.2), as this encoder does. Otherwise the two would predict from different pasts, and with steady tones that error grows
    // until the decoder is at full scale.
    opus.set_signal(Signal::Music).ok()?;
    opus.set_packet_loss_perc(LOSS_PERCENT).ok()?;
    Some(Box::new(Encoding { opus, dtx: false, fresh: true, wide: true }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::listen::{amplitude, decibels, loudness, sine};
    use contract::Codec;

    const FORMAT: Format = Format { payload_type: 111, codec: Codec::Opus, clock_rate_hz: RATE_HZ, channels: 2 };

    /// Something like a voiced sound: it rises and falls, so that one frame is not the one before.
    fn voice(samples: usize) -> Vec<i16> {
        let swell = |at: usize| 1.0 + 0.8 * (at as f64 / 1_900.0).sin();
        let tone = [210.0, 420.0, 630.0, 1_260.0].map(|hz| sine(hz, 2_000.0, RATE_HZ, samples));
        (0..samples).map(|at| (tone.iter().map(|t| f64::from(t[at])).sum::<f64>() * swell(at)) as i16).collect()
    }

    fn packets(pcm: &[i16], encoder: &mut dyn Encoder) -> Vec<Vec<u8>> {
        let mut payload = [0; 1_400];
        pcm.chunks_exact(960)
            .map(|frame| {
                let length = encoder.encode(frame, &mut payload);
                payload[..length].to_vec()
            })
            .collect()
    }

    /// A pure tone has no end of its past: what two sides predict from unlike pasts goes on being unlike.
    #[test]
    fn a_listener_to_whom_another_encoder_speaks_hears_what_is_said() {
        let both = |samples| -> Vec<i16> {
            sine(1_790.0, 3_000.0, RATE_HZ, samples)
                .iter()
                .zip(sine(2_650.0, 7_300.0, RATE_HZ, samples))
                .map(|(one, other)| one + other)
                .collect()
        };
        let pcm = both(160 * 960);
        for switch in 20..50 {
            let mut decoder = decoder(&FORMAT).expect("a decoder");
            let mut told = packets(&pcm[..switch * 960], &mut *encoder(&FORMAT).expect("an encoder"));
            told.extend(packets(&pcm[switch * 960..], &mut *encoder(&FORMAT).expect("another")));
            for (number, packet) in told.iter().enumerate() {
                let mut heard = [0; 960];
                assert_eq!(decoder.decode(packet, &mut heard), Ok(960));
                let peak = heard.iter().map(|sample| sample.unsigned_abs()).max();
                assert!(peak < Some(12_500), "changed at {switch}, frame {number} has a peak of {peak:?}");
            }
        }
    }

    #[test]
    fn steady_sounds_keep_their_level_in_packets_of_any_length() {
        for ms in [10, 20, 40, 60] {
            let samples = 48 * ms;
            let tones = [(440.0, 6_000.0), (1_010.0, 3_000.0), (2_650.0, 14_000.0)];
            let parts = tones.map(|(hz, peak)| sine(hz, peak, RATE_HZ, 50 * samples));
            let pcm: Vec<i16> = (0..50 * samples).map(|at| parts.iter().map(|part| part[at]).sum()).collect();
            let (mut encoder, mut decoder) =
                (encoder(&FORMAT).expect("an encoder"), decoder(&FORMAT).expect("a decoder"));
            for (number, said) in pcm.chunks_exact(samples).enumerate() {
                let (mut payload, mut heard) = ([0; 1_400], vec![0; samples]);
                let length = encoder.encode(said, &mut payload);
                assert_eq!(decoder.decode(&payload[..length], &mut heard), Ok(samples));
                let gain = decibels(loudness(&heard), loudness(said));
                // The first sounds after a delay.
                assert!(number == 0 || gain.abs() < 4.0, "{ms} ms, packet {number}: {gain} dB");
            }
        }
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next_one() {
        let mut encoder = encoder(&FORMAT).expect("an encoder");
        encoder.tell_loss(20);
        let sent = packets(&voice(96_000), &mut *encoder);
        let mut with_redundancy = 0;
        let (mut whole, mut lossy) = (decoder(&FORMAT).expect("one"), decoder(&FORMAT).expect("another"));
        let (mut wanted, mut heard) = ([0; 960], [0; 960]);
        let (mut error, mut level) = (0.0, 0.0);
        for (at, pair) in sent.windows(2).enumerate() {
            whole.decode(&pair[0], &mut wanted).expect("well formed");
            if at > 10 && at % 7 == 3 {
                if lossy.recover(&pair[1], &mut heard) == Ok(960) {
                    with_redundancy += 1;
                    let difference: Vec<i16> = wanted.iter().zip(&heard).map(|(a, b)| a.saturating_sub(*b)).collect();
                    error += loudness(&difference).powi(2);
                    level += loudness(&wanted).powi(2);
                } else {
                    assert!(lossy.conceal(&mut heard));
                }
            } else {
                lossy.decode(&pair[0], &mut heard).expect("well formed");
            }
        }
        assert!(with_redundancy >= 6, "only {with_redundancy} packets carry the one before");
        let ratio: f64 = 10.0 * f64::log10(error / level);
        assert!(ratio < -3.0, "recovered sound differs by {ratio:.1} dB from the sent one");
    }

    #[test]
    fn without_loss_nothing_is_carried_twice() {
        let mut encoder = encoder(&FORMAT).expect("an encoder");
        encoder.tell_loss(0);
        let mut decoder = decoder(&FORMAT).expect("a decoder");
        for payload in packets(&voice(48_000), &mut *encoder).iter().skip(5) {
            assert_eq!(decoder.recover(payload, &mut [0; 960]), Ok(0));
        }
    }

    #[test]
    fn a_lost_packet_is_concealed_with_what_sounded_before() {
        let mut encoder = encoder(&FORMAT).expect("an encoder");
        let mut decoder = decoder(&FORMAT).expect("a decoder");
        let mut out = [0; 960];
        for payload in packets(&sine(440.0, 8_000.0, RATE_HZ, 48_000), &mut *encoder) {
            decoder.decode(&payload, &mut out).expect("well formed");
        }
        assert!(decoder.conceal(&mut out));
        let level = decibels(loudness(&out), 8_000.0);
        assert!(level > -12.0, "the first lost frame sounds on, {level:.1} dB");
        assert!(!decoder.conceal(&mut [0; 100]), "100 samples are no multiple of 2.5 ms");
    }

    #[test]
    fn silence_is_left_out_only_when_that_is_allowed() {
        let silence = vec![0; 96_000];
        let mut plain = encoder(&FORMAT).expect("an encoder");
        assert!(packets(&silence, &mut *plain).iter().all(|payload| !payload.is_empty()));
        let mut sparing = encoder(&FORMAT).expect("an encoder");
        sparing.allow_dtx(true);
        let sent = packets(&silence, &mut *sparing).iter().filter(|payload| !payload.is_empty()).count();
        assert!((1..50).contains(&sent), "{sent} of 100 packets of silence were sent");
        let speech = packets(&voice(48_000), &mut *sparing);
        assert!(speech.iter().skip(1).all(|payload| !payload.is_empty()));
    }

    #[test]
    fn every_bandwidth_and_both_channels_are_heard_at_48_khz() {
        for (rate, channels) in [8_000, 12_000, 16_000, 24_000, 48_000]
            .into_iter()
            .flat_map(|rate| [(rate, Channels::Mono), (rate, Channels::Stereo)])
        {
            let mut theirs = opus::Encoder::new(rate, channels, Application::Audio).expect("a far end");
            let mut decoder = decoder(&FORMAT).expect("a decoder");
            let (mut payload, mut out) = ([0; 1_400], [0; MAX_PACKET_SAMPLES]);
            let mut heard = Vec::new();
            let tone = sine(1_000.0, 8_000.0, rate, rate as usize);
            let interleaved: Vec<i16> = match channels {
                Channels::Mono => tone,
                Channels::Stereo => tone.iter().flat_map(|sample| [*sample; 2]).collect(),
            };
            for frame in interleaved.chunks_exact(rate as usize / 50 * channels as usize) {
                let length = theirs.encode(frame, &mut payload).expect("encoded");
                let written = decoder.decode(&payload[..length], &mut out).expect("well formed");
                heard.extend_from_slice(&out[..written]);
            }
            let level = decibels(amplitude(&heard[24_000..], 1_000.0, RATE_HZ), 8_000.0);
            assert!(level.abs() < 1.0, "{rate} Hz, {channels:?}: {level:.2} dB");
        }
    }

    #[test]
    fn a_packet_of_more_than_60_ms_is_too_long() {
        // RFC 6716 section 3.2.5: code 3, four frames of 20 ms.
        let payload = [9 << 3 | 3, 4, 0, 0, 0, 0];
        let mut decoder = decoder(&FORMAT).expect("a decoder");
        assert_eq!(decoder.samples_in(&payload), None);
        assert_eq!(decoder.decode(&payload, &mut [0; 5_760]), Err(Malformed::TooLong));
    }

    #[test]
    fn redundancy_is_found_wherever_the_first_frame_stands() {
        // SILK wideband 20 ms is configuration 9: voice activity, then the bit in question.
        let toc = 9 << 3;
        for (told, frame) in [(true, 0b0100_0000), (false, 0b1011_1111)] {
            for payload in [
                vec![toc, frame, 0],
                vec![toc | 1, frame, 0],
                vec![toc | 2, 1, frame, 0],
                vec![toc | 3, 2, frame, 0],
                vec![toc | 3, 0x42, 2, frame, 0, 0, 0],
                vec![toc | 3, 0x83, 1, 1, frame, 0, 0],
            ] {
                assert_eq!(has_redundancy(&payload), told, "{payload:?}");
            }
        }
        // Two frames' activity in 40 ms, three in 60 ms; the second channel's bits behind.
        assert!(has_redundancy(&[10 << 3, 0b0010_0000]) && !has_redundancy(&[10 << 3, 0b0100_0000]));
        assert!(has_redundancy(&[11 << 3, 0b0001_0000]) && has_redundancy(&[11 << 3 | 4, 0b0000_0001]));
        assert!(has_redundancy(&[toc | 4, 0b0001_0000]) && !has_redundancy(&[toc, 0b0001_0000]));
        // CELT has none; neither has a packet that ends early.
        assert!(!has_redundancy(&[16 << 3, 0xFF]) && !has_redundancy(&[toc]) && !has_redundancy(&[toc | 3, 0x83, 255]));
    }
}
