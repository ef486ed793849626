//! G.722 at 64 kbit/s (ITU-T G.722; RFC 3551 section 4.5.2): 16,000 samples a second in 8,000 octets.
//!
//! Its RTP clock is 8,000 Hz, by an old mistake that RFC 3551 keeps: timestamps count octets, not samples.

use super::{Decoder, Encoder, MAX_PACKET_SAMPLES, Malformed, encodable, fits};
use audio_codec::g722::{G722Decoder, G722Encoder};
use contract::Format;

const RATE_HZ: u32 = 16_000;

struct Decoding(G722Decoder);

impl Decoder for Decoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        // Two samples an octet; any octet is a valid code.
        fits(2 * payload.len(), out.len())?;
        self.0.decode_frame_into(payload, out).map_err(|_| Malformed::TooLong)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        fits(2 * payload.len(), MAX_PACKET_SAMPLES).ok()
    }

    fn reset(&mut self) {
        self.0 = G722Decoder::new();
    }
}

struct Encoding(G722Encoder);

impl Encoder for Encoding {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        if !encodable(pcm.len(), RATE_HZ) || pcm.len() / 2 > out.len() {
            return 0;
        }
        audio_codec::Encoder::encode_into(&mut self.0, pcm, out).unwrap_or_default()
    }
}

pub(super) fn decoder(_: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(Decoding(G722Decoder::new())))
}

pub(super) fn encoder(_: &Format) -> Option<Box<dyn Encoder>> {
    Some(Box::new(Encoding(G722Encoder::new())))
}
