//! L16: uncompressed samples of 16 bits, most significant octet first (RFC 3551 section 4.5.11), at 8,000 or 16,000 Hz.
//!
//! 48,000 Hz has no line in the table: 20 ms of it do not fit into an Ethernet frame.

use super::{Decoder, Encoder, MAX_PACKET_SAMPLES, Malformed, encodable, fits};
use contract::Format;

/// Either direction.
struct L16 {
    rate_hz: u32,
}

/// How many samples `payload` holds; half a sample is none.
const fn samples(payload: &[u8], room: usize) -> Result<usize, Malformed> {
    if payload.len().is_multiple_of(2) { fits(payload.len() / 2, room) } else { Err(Malformed::Truncated) }
}

impl Decoder for L16 {
    fn sample_rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        let count = samples(payload, out.len())?;
        let (pairs, _) = payload.as_chunks();
        out.iter_mut().zip(pairs).for_each(|(sample, pair)| *sample = i16::from_be_bytes(*pair));
        Ok(count)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        samples(payload, MAX_PACKET_SAMPLES).ok()
    }

    fn reset(&mut self) {}
}

impl Encoder for L16 {
    fn sample_rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let octets = 2 * pcm.len();
        if !encodable(pcm.len(), self.rate_hz) || octets > out.len() {
            return 0;
        }
        let (pairs, _) = out.as_chunks_mut();
        pairs.iter_mut().zip(pcm).for_each(|(pair, sample)| *pair = sample.to_be_bytes());
        octets
    }
}

pub(super) fn decoder(format: &Format) -> Option<Box<dyn Decoder>> {
    Some(Box::new(L16 { rate_hz: format.clock_rate_hz }))
}

pub(super) fn encoder(format: &Format) -> Option<Box<dyn Encoder>> {
    Some(Box::new(L16 { rate_hz: format.clock_rate_hz }))
}
