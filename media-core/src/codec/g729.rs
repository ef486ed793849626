//! G.729 annex A and B (RFC 3551 section 4.5.6) by a library of the system, where there is one; else it is only passed on.
//!
//! A payload is any number of frames of ten octets, 10 ms each, and at its end perhaps one of two octets that describes noise.

use super::{Decoder, Encoder, MAX_PACKET_SAMPLES, Malformed, encodable, fits};
use crate::io::library::{G729_OCTETS, G729_SAMPLES, G729Decoder, G729Encoder, G729Frame, bcg729};
use contract::Format;

const RATE_HZ: u32 = 8_000;

struct Decoding(G729Decoder);

/// Speech frames, and the noise frame behind them.
type Frames<'a> = (&'a [[u8; G729_OCTETS]], Option<&'a [u8; 2]>);

/// The frames of a payload.
fn frames(payload: &[u8]) -> Result<Frames<'_>, Malformed> {
    let (speech, rest) = payload.as_chunks();
    match rest {
        [] => Ok((speech, None)),
        // RFC 3551 section 4.5.6: a noise frame is the last one, and known by its length.
        [_, _] => Ok((speech, rest.first_chunk())),
        _ => Err(Malformed::Truncated),
    }
}

/// How many samples a payload holds.
fn samples(payload: &[u8], room: usize) -> Result<usize, Malformed> {
    let (speech, noise) = frames(payload)?;
    fits((speech.len() + usize::from(noise.is_some())) * G729_SAMPLES, room)
}

impl Decoder for Decoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        let count = samples(payload, out.len())?;
        let (speech, noise) = frames(payload)?;
        let (rooms, _) = out.as_chunks_mut();
        let all = speech.iter().map(G729Frame::Speech).chain(noise.map(G729Frame::Noise));
        rooms.iter_mut().zip(all).for_each(|(room, frame)| self.0.decode(frame, room));
        Ok(count)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        samples(payload, MAX_PACKET_SAMPLES).ok()
    }

    fn conceal(&mut self, out: &mut [i16]) -> bool {
        if out.is_empty() || !out.len().is_multiple_of(G729_SAMPLES) {
            return false;
        }
        let (rooms, _) = out.as_chunks_mut();
        rooms.iter_mut().for_each(|room| self.0.decode(G729Frame::Lost, room));
        true
    }

    fn reset(&mut self) {
        // Without memory the old state goes on; the sound of the new source settles within frames.
        if let Some(fresh) = bcg729().and_then(|library| library.decoder()) {
            self.0 = fresh;
        }
    }
}

struct Encoding(G729Encoder);

impl Encoder for Encoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let octets = pcm.len() / G729_SAMPLES * G729_OCTETS;
        if !encodable(pcm.len(), RATE_HZ) || octets > out.len() {
            return 0;
        }
        let ((frames, _), (rooms, _)) = (pcm.as_chunks(), out.as_chunks_mut());
        frames.iter().zip(rooms).map(|(frame, room)| self.0.encode(frame, room)).sum()
    }
}

pub(super) fn available() -> bool {
    bcg729().is_some()
}

pub(super) fn decoder(_: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(Decoding(bcg729()?.decoder()?)))
}

pub(super) fn encoder(_: &Format) -> Option<Box<dyn Encoder>> {
    Some(Box::new(Encoding(bcg729()?.encoder()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::listen::{decibels, loudness, sine};
    use contract::Codec;

    const FORMAT: Format = Format { payload_type: 18, codec: Codec::G729, clock_rate_hz: RATE_HZ, channels: 1 };

    #[test]
    fn a_payload_is_frames_of_ten_octets_and_perhaps_one_of_two() {
        let told = |octets: usize| samples(&[0; 2_000][..octets], MAX_PACKET_SAMPLES);
        assert_eq!([10, 20, 22, 2].map(told), [Ok(80), Ok(160), Ok(240), Ok(80)]);
        assert_eq!([0, 1, 3, 9, 11, 14].map(told), [Err(Malformed::Truncated); 6]);
        assert_eq!(told(370), Err(Malformed::TooLong));
    }

    /// Proves the transcoding where the library is (`tests/interop/packages.txt` installs it), and its absence where it is not.
    #[test]
    fn g729_is_transcoded_where_the_library_is_and_passed_on_where_not() {
        let Some(entry) = crate::codec::entry(&FORMAT) else {
            println!("libbcg729.so.0 is not installed here: G.729 is passed on only");
            assert!(!available() && decoder(&FORMAT).is_none() && encoder(&FORMAT).is_none());
            return;
        };
        println!("libbcg729.so.0 is installed here: G.729 is transcoded");
        assert_eq!((entry.codec, entry.sample_rate_hz), (Codec::G729, RATE_HZ));
        let mut encoder = encoder(&FORMAT).expect("an encoder");
        let mut decoder = decoder(&FORMAT).expect("a decoder");
        let (mut payload, mut out) = ([0; 60], [0; 480]);
        for frame in sine(440.0, 8_000.0, RATE_HZ, 8_000).chunks_exact(160) {
            assert_eq!(encoder.encode(frame, &mut payload), 20);
            assert_eq!(decoder.decode(&payload[..20], &mut out), Ok(160));
        }
        let before = loudness(&out[..160]);
        assert!(decoder.conceal(&mut out[..80]) && !decoder.conceal(&mut out[..81]));
        let after = decibels(loudness(&out[..80]), before);
        assert!(after > -12.0, "a lost frame sounds on, {after:.1} dB");
        // Speech, then a description of noise.
        assert_eq!(decoder.decode(&[&payload[..10], &[0x12, 0x34]].concat(), &mut out), Ok(160));
        decoder.reset();
        assert_eq!(decoder.decode(&payload[..20], &mut out), Ok(160));
    }
}
