//! From payloads to samples and back: one file and one line of its table for each codec.
//!
//! A codec here turns one RTP payload into mono samples and samples into one payload. It knows no headers, no clocks, no loss beyond
//! what it is told, and no session. Its state is made when a leg is described; nothing of ours allocates per packet.
//!
//! `telephone-event` (RFC 4733) and comfort noise (RFC 3389) hold no sound and therefore have no line: digits are the room
//! `dtmf`'s subject, noise is playout's.

mod g711;
mod g722;
mod g729;
mod l16;
mod opus;

use contract::{Codec, Format};
use core::time::Duration;

/// Samples of the longest packet that is decoded: 60 ms at 48,000 Hz. A payload that holds more is [`Malformed::TooLong`].
pub const MAX_PACKET_SAMPLES: usize = 2_880;

/// Octets of the longest payload that is encoded, so that IPv4, UDP, RTP and SRTP fit around it into an Ethernet frame.
pub const MAX_PAYLOAD_OCTETS: usize = 1_400;

/// What is wrong with a payload. The packet is lost for the listener; the decoder goes on with the next one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Malformed {
    /// No whole frame: empty, or cut within one.
    Truncated,
    /// More samples than [`MAX_PACKET_SAMPLES`] or than there was room for.
    TooLong,
    /// Octets that the codec's bit stream cannot have.
    Bitstream,
}

/// Payloads to samples. One stream of one source; order and loss are the caller's matter.
pub trait Decoder: Send {
    /// Samples a second of what [`Decoder::decode`] gives.
    fn sample_rate_hz(&self) -> u32;

    /// Decodes one packet's payload, of any packet time up to [`MAX_PACKET_SAMPLES`], into the beginning of `out`; how many samples were
    /// written.
    ///
    /// # Errors
    /// [`Malformed`]; what `out` holds then is of no use.
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed>;

    /// How many samples a payload holds, without decoding it; `None` where decoding would fail for its length.
    fn samples_in(&self, payload: &[u8]) -> Option<usize>;

    /// How loud a payload is, told at a small part of what decoding costs: about the mean magnitude of its samples. An estimate, to choose by
    /// who is heard of many. `None`: only decoding tells.
    fn loudness(&self, payload: &[u8]) -> Option<u16> {
        _ = payload;
        None
    }

    /// What the codec itself carries in `next` about the packet before it, which was lost: that packet's sound, at most `out.len()`
    /// samples. To be called before `next` is decoded. `Ok(0)`: nothing.
    ///
    /// # Errors
    /// [`Malformed`]: `next` is of no use.
    fn recover(&mut self, next: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        _ = (next, out);
        Ok(0)
    }

    /// The codec's own concealment of `out.len()` lost samples; `false`: it has none for this length, the caller conceals. It need not
    /// fade: when to give up is the caller's decision.
    fn conceal(&mut self, out: &mut [i16]) -> bool {
        _ = out;
        false
    }

    /// Forgets the stream so far: another source begins.
    fn reset(&mut self);
}

/// Samples to payloads.
pub trait Encoder: Send {
    /// Samples a second of what [`Encoder::encode`] takes.
    fn sample_rate_hz(&self) -> u32;

    /// Encodes `pcm`, of a length that [`Entry::packet_time`] gives, into the beginning of `out`; how many octets were written. 0: there
    /// is nothing to send, either because the far end fills this silence itself (DTX), or because `out` is too short for `pcm` or
    /// `pcm` has another length.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize;

    /// How many percent of what we send the far end loses, from its RTCP.
    fn tell_loss(&mut self, percent: u8) {
        _ = percent;
    }

    /// Whether silence may be left out (discontinuous transmission). Off until said; no effect on codecs that cannot.
    fn allow_dtx(&mut self, allowed: bool) {
        _ = allowed;
    }
}

/// A codec that can be decoded and encoded here.
#[derive(Debug)]
pub struct Entry {
    /// Which.
    pub codec: Codec,
    /// RTP clock rate in Hz, as in `a=rtpmap`.
    pub clock_rate_hz: u32,
    /// Channels, as in `a=rtpmap`. Samples are mono whatever it says.
    pub channels: u8,
    /// Samples a second of its sound. Not always the clock rate.
    pub sample_rate_hz: u32,
    /// How much sound one packet can hold, in ms, ascending: what [`Encoder::encode`] takes. Limited by the codec's frames and by
    /// [`MAX_PAYLOAD_OCTETS`]. A decoder takes other lengths too.
    packet_ms: &'static [u8],
    /// Makes a decoder; `None` where the codec is not available on this machine, or its library refuses.
    pub open_decoder: fn(&Format) -> Option<Box<dyn Decoder>>,
    /// Makes an encoder; `None` as with the decoder.
    pub open_encoder: fn(&Format) -> Option<Box<dyn Encoder>>,
    /// Whether it can be opened on this machine. Looked up once.
    available: fn() -> bool,
}

impl Entry {
    /// How much sound a packet to a far end that wishes for `wanted` holds: as much, else the next shorter the codec has, at
    /// least 10 ms.
    #[must_use]
    pub fn packet_time(&self, wanted: Duration) -> Duration {
        let fitting =
            self.packet_ms.iter().rev().map(|ms| Duration::from_millis(u64::from(*ms))).find(|ms| *ms <= wanted);
        fitting.unwrap_or(Duration::from_millis(10))
    }
}

const ANY: &[u8] = &[10, 20, 30, 40, 50, 60];

/// Every codec we can decode and encode. A new one is its file and its line.
#[rustfmt::skip]
static TABLE: [Entry; 7] = [
    Entry { codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1, sample_rate_hz: 8_000, packet_ms: ANY, open_decoder: g711::mu_decoder, open_encoder: g711::mu_encoder, available: always },
    Entry { codec: Codec::Pcma, clock_rate_hz: 8_000, channels: 1, sample_rate_hz: 8_000, packet_ms: ANY, open_decoder: g711::a_decoder, open_encoder: g711::a_encoder, available: always },
    Entry { codec: Codec::G722, clock_rate_hz: 8_000, channels: 1, sample_rate_hz: 16_000, packet_ms: ANY, open_decoder: g722::decoder, open_encoder: g722::encoder, available: always },
    Entry { codec: Codec::G729, clock_rate_hz: 8_000, channels: 1, sample_rate_hz: 8_000, packet_ms: ANY, open_decoder: g729::decoder, open_encoder: g729::encoder, available: g729::available },
    Entry { codec: Codec::Opus, clock_rate_hz: 48_000, channels: 2, sample_rate_hz: 48_000, packet_ms: &[10, 20, 40, 60], open_decoder: opus::decoder, open_encoder: opus::encoder, available: always },
    Entry { codec: Codec::L16, clock_rate_hz: 8_000, channels: 1, sample_rate_hz: 8_000, packet_ms: ANY, open_decoder: l16::decoder, open_encoder: l16::encoder, available: always },
    Entry { codec: Codec::L16, clock_rate_hz: 16_000, channels: 1, sample_rate_hz: 16_000, packet_ms: &[10, 20, 30, 40], open_decoder: l16::decoder, open_encoder: l16::encoder, available: always },
];

const fn always() -> bool {
    true
}

/// How `format` is decoded and encoded; `None`: it can only be passed on.
#[must_use]
pub fn entry(format: &Format) -> Option<&'static Entry> {
    find(&TABLE, format)
}

fn find<'a>(table: &'a [Entry], format: &Format) -> Option<&'a Entry> {
    let wanted = (format.codec, format.clock_rate_hz, format.channels);
    table.iter().find(|entry| (entry.codec, entry.clock_rate_hz, entry.channels) == wanted && (entry.available)())
}

/// Everything that can be decoded and encoded on this machine.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().filter(|entry| (entry.available)())
}

/// Whether `samples` can be decoded into `room` samples.
const fn fits(samples: usize, room: usize) -> Result<usize, Malformed> {
    if samples == 0 {
        Err(Malformed::Truncated)
    } else if samples > MAX_PACKET_SAMPLES || samples > room {
        Err(Malformed::TooLong)
    } else {
        Ok(samples)
    }
}

/// Whether `samples` at `rate_hz` are what an encoder takes: 10 to 60 ms in steps of 10 ms.
const fn encodable(samples: usize, rate_hz: u32) -> bool {
    let step = rate_hz as usize / 100;
    samples.is_multiple_of(step) && samples >= step && samples <= 6 * step
}

#[cfg(test)]
mod tests;
