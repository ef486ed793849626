//! What a leg hears, as packets: frames of its mix gathered to its packet time and encoded.

use crate::{
    codec::{self, Encoder},
    mix::{FRAME_MAX, Limiter, Rate, frame::FRAME_TIME},
};
use contract::{Codec, Format};
use core::{fmt, time::Duration};

/// Sound on its way to one leg.
pub struct Ear {
    format: Format,
    rate: Rate,
    encoder: Box<dyn Encoder>,
    packet_time: Duration,
    /// Samples of one packet.
    packet_samples: usize,
    /// Sound that waits for its packet to be full; less than a packet between frames.
    pending: Box<[i16]>,
    filled: usize,
    /// Of the leg's own mix.
    pub limiter: Limiter,
    /// Frames for which it waits for the first sound of its sum.
    pub awaits: u8,
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear")
            .field("format", &self.format)
            .field("packet_time", &self.packet_time)
            .finish_non_exhaustive()
    }
}

impl Ear {
    /// The ear of a far end that takes `formats`, preferred first, `packet_time` in a packet; `None`: we can encode none of them.
    #[must_use]
    pub fn new(formats: &[Format], packet_time: Duration) -> Option<Self> {
        formats.iter().find_map(|format| {
            let entry = codec::entry(format)?;
            let rate = Rate::from_hz(entry.sample_rate_hz)?;
            let encoder = (entry.open_encoder)(format)?;
            let packet_time = entry.packet_time(packet_time);
            let packet_samples = (packet_time.as_millis() as usize * rate.hz() as usize) / 1_000;
            let room = if packet_time == FRAME_TIME { 0 } else { packet_samples + rate.frame() };
            let pending = vec![0; room].into();
            Some(Self {
                format: *format,
                rate,
                encoder,
                packet_time,
                packet_samples,
                pending,
                filled: 0,
                limiter: Limiter::default(),
                awaits: 0,
            })
        })
    }

    /// Whether it is the ear of a far end that takes `formats`, `packet_time` in a packet.
    #[must_use]
    pub fn is_of(&self, formats: &[Format], packet_time: Duration) -> bool {
        let preferred = formats.iter().find_map(|format| Some((format, codec::entry(format)?)));
        preferred
            .is_some_and(|(format, entry)| *format == self.format && entry.packet_time(packet_time) == self.packet_time)
    }

    /// What it is sent.
    #[must_use]
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// The rate of the frames it takes.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Units of the RTP clock in a packet.
    #[must_use]
    pub const fn packet_units(&self) -> u32 {
        (self.packet_time.as_millis() as u64 * self.format.clock_rate_hz as u64 / 1_000) as u32
    }

    /// Units of the RTP clock that wait for their packet to be full.
    #[must_use]
    pub const fn waiting_units(&self) -> u32 {
        (self.filled as u64 * self.format.clock_rate_hz as u64 / self.rate.hz() as u64) as u32
    }

    /// Whether a frame encoded for another ear of this format is just as good here: nothing waits, and a payload does not depend on those before.
    #[must_use]
    pub fn shares(&self) -> bool {
        self.pending.is_empty() && matches!(self.format.codec, Codec::Pcmu | Codec::Pcma | Codec::L16)
    }

    /// Takes a frame. For each packet that is full, `send` is given a way to encode it: octets written, 0 for a packet that is left out.
    pub fn hear(&mut self, frame: &[i16], mut send: impl FnMut(&mut dyn FnMut(&mut [u8]) -> usize)) {
        if self.pending.is_empty() {
            return send(&mut |out| self.encoder.encode(frame, out));
        }
        let frame = &frame[..frame.len().min(FRAME_MAX).min(self.pending.len() - self.filled)];
        self.pending[self.filled..self.filled + frame.len()].copy_from_slice(frame);
        self.filled += frame.len();
        let mut taken = 0;
        while self.filled - taken >= self.packet_samples {
            let packet = &self.pending[taken..taken + self.packet_samples];
            send(&mut |out| self.encoder.encode(packet, out));
            taken += self.packet_samples;
        }
        self.pending.copy_within(taken..self.filled, 0);
        self.filled -= taken;
    }

    /// Encodes a frame as for any ear that [`Ear::shares`].
    pub fn encode_shared(&mut self, frame: &[i16], out: &mut [u8]) -> usize {
        self.encoder.encode(frame, out)
    }

    /// How many percent of what we send the far end loses.
    pub fn tell_loss(&mut self, percent: u8) {
        self.encoder.tell_loss(percent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(packet_ms: u64, frames: usize) -> Vec<usize> {
        let pcmu = Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 };
        let mut ear = Ear::new(&[pcmu], Duration::from_millis(packet_ms)).expect("a codec");
        assert_eq!(u64::from(ear.packet_units()), packet_ms * 8);
        let mut sent = Vec::new();
        for frame in 0..frames {
            let mut count = 0;
            ear.hear(&[(frame * 1_000) as i16; 160], |encode| {
                let mut out = [0; 480];
                assert_eq!(encode(&mut out), packet_ms as usize * 8);
                count += 1;
            });
            sent.push(count);
        }
        sent
    }

    #[test]
    fn frames_are_gathered_to_the_packet_time() {
        assert_eq!(packets(20, 3), [1, 1, 1]);
        assert_eq!(packets(10, 3), [2, 2, 2]);
        assert_eq!(packets(30, 6), [0, 1, 1, 0, 1, 1]);
        assert_eq!(packets(40, 4), [0, 1, 0, 1]);
        assert_eq!(packets(50, 5), [0, 0, 1, 0, 1]);
        assert_eq!(packets(60, 6), [0, 0, 1, 0, 0, 1]);
    }
}
