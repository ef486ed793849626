//! What a leg is sent: one stream with one SSRC, continuous whatever its sources do.
//!
//! A source passes with its own steps of sequence and timestamp, so that loss and silence stay visible behind the relay. When the source
//! changes (another leg, another SSRC, a restart, sound after a hold) the stream goes on: sequence plus one, timestamp advanced by the time
//! that passed, marker set. RFC 3550 section 5.1, RFC 3551 section 4.1 (marker).

use crate::{
    limits::{STALE_WINDOW, TIMESTAMP_STEP_MAX},
    rtp::{Header, reception::in_clock_units},
};
use contract::Instant;

/// One stream of one leg, never the same for two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamKey {
    /// The leg's serial number on its shard.
    pub leg: u32,
    /// Which of its streams, [`crate::rtp::Reception::epoch`].
    pub epoch: u32,
}

/// The outgoing stream of a leg.
#[derive(Clone, Copy, Debug)]
pub struct Egress {
    ssrc: u32,
    source: Option<StreamKey>,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// The source's number at its first packet.
    base: u16,
    /// Packets since then, saturating.
    since_change: u32,
    last_sequence: u16,
    last_timestamp: u32,
    last_at: Instant,
    packets: u64,
    octets: u64,
}

impl Egress {
    /// A stream that has sent nothing yet.
    #[must_use]
    pub const fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            source: None,
            sequence_offset: 0,
            timestamp_offset: 0,
            base: 0,
            since_change: 0,
            last_sequence: 0,
            last_timestamp: 0,
            last_at: Instant::ORIGIN,
            packets: 0,
            octets: 0,
        }
    }

    /// What it hears now is another; the next packet continues the stream.
    pub const fn interrupt(&mut self) {
        self.source = None;
    }

    /// The header with which a packet of `source` leaves at `now`; `None` when its number is used already.
    ///
    /// The payload type is the caller's matter.
    #[inline]
    pub fn renumber(&mut self, source: StreamKey, header: &Header, clock_rate_hz: u32, now: Instant) -> Option<Header> {
        let mut out = *header;
        out.ssrc = self.ssrc;
        if self.source == Some(source) {
            // RFC 3550 has no number before the first: a late packet from before the change would repeat one.
            if self.since_change < STALE_WINDOW && (header.sequence.wrapping_sub(self.base) as i16) < 0 {
                return None;
            }
            self.since_change = self.since_change.saturating_add(1);
            out.sequence = header.sequence.wrapping_add(self.sequence_offset);
            out.timestamp = header.timestamp.wrapping_add(self.timestamp_offset);
            if (out.sequence.wrapping_sub(self.last_sequence) as i16) > 0 {
                let passed = self.passed(clock_rate_hz, now);
                let step = (out.timestamp.wrapping_sub(self.last_timestamp).wrapping_sub(passed) as i32).unsigned_abs();
                if u64::from(step) > TIMESTAMP_STEP_MAX.as_secs() * u64::from(clock_rate_hz) {
                    self.continue_time(&mut out, header, passed);
                }
                self.note(&out, now);
            }
        } else {
            if self.packets > 0 {
                out.sequence = self.last_sequence.wrapping_add(1);
                self.sequence_offset = out.sequence.wrapping_sub(header.sequence);
                let passed = self.passed(clock_rate_hz, now);
                self.continue_time(&mut out, header, passed);
            }
            self.source = Some(source);
            self.base = header.sequence;
            self.since_change = 0;
            self.note(&out, now);
        }
        self.packets += 1;
        self.octets += header.payload_len() as u64;
        Some(out)
    }

    /// The last packet was of the moment at which its source's clock stood at `timestamp`, whatever it says: packets of an RFC 4733 event bear
    /// the time of its beginning.
    pub const fn stood_at(&mut self, timestamp: u32) {
        self.last_timestamp = timestamp.wrapping_add(self.timestamp_offset);
    }

    /// Clock units since the last packet.
    #[inline]
    fn passed(&self, clock_rate_hz: u32, now: Instant) -> u32 {
        in_clock_units(Instant::from_nanos(now.as_nanos().saturating_sub(self.last_at.as_nanos())), clock_rate_hz)
    }

    fn continue_time(&mut self, out: &mut Header, header: &Header, passed: u32) {
        out.timestamp = self.last_timestamp.wrapping_add(passed.max(1));
        self.timestamp_offset = out.timestamp.wrapping_sub(header.timestamp);
        out.marker = true;
    }

    #[inline]
    const fn note(&mut self, out: &Header, now: Instant) {
        self.last_sequence = out.sequence;
        self.last_timestamp = out.timestamp;
        self.last_at = now;
    }

    /// Our SSRC towards the leg.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The stream that is passed on now.
    #[must_use]
    pub const fn source(&self) -> Option<StreamKey> {
        self.source
    }

    /// Added to the source's sequence numbers.
    #[must_use]
    pub const fn sequence_offset(&self) -> u16 {
        self.sequence_offset
    }

    /// Added to the source's timestamps.
    #[must_use]
    pub const fn timestamp_offset(&self) -> u32 {
        self.timestamp_offset
    }

    /// The stream's timestamp at `now`, by a clock of `clock_rate_hz`.
    #[must_use]
    pub fn timestamp_at(&self, now: Instant, clock_rate_hz: u32) -> u32 {
        self.last_timestamp.wrapping_add(self.passed(clock_rate_hz, now))
    }

    /// Packets sent.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload octets sent.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: StreamKey = StreamKey { leg: 1, epoch: 1 };
    const SECOND: StreamKey = StreamKey { leg: 2, epoch: 1 };

    fn packet(sequence: u16, timestamp: u32) -> Header {
        let mut bytes = [0_u8; 172];
        bytes[0] = 0x80;
        let mut header = Header::parse(&bytes).expect("valid");
        (header.ssrc, header.sequence, header.timestamp) = (77, sequence, timestamp);
        header
    }

    fn at_ms(ms: u64) -> Instant {
        Instant::from_nanos(1_000_000_000 + ms * 1_000_000)
    }

    fn sent(
        egress: &mut Egress,
        source: StreamKey,
        sequence: u16,
        timestamp: u32,
        ms: u64,
    ) -> Option<(u16, u32, bool)> {
        let out = egress.renumber(source, &packet(sequence, timestamp), 8_000, at_ms(ms))?;
        assert_eq!(out.ssrc, 5);
        Some((out.sequence, out.timestamp, out.marker))
    }

    #[test]
    fn the_first_source_passes_with_its_numbers() {
        let mut egress = Egress::new(5);
        assert_eq!(sent(&mut egress, FIRST, 65_535, 160, 0), Some((65_535, 160, false)));
        assert_eq!(sent(&mut egress, FIRST, 1, 480, 40), Some((1, 480, false)), "a gap stays a gap");
        assert_eq!(sent(&mut egress, FIRST, 0, 320, 41), Some((0, 320, false)), "a late one is passed late");
    }

    #[test]
    fn another_source_continues_the_stream() {
        let mut egress = Egress::new(5);
        sent(&mut egress, FIRST, 100, 16_000, 0);
        assert_eq!(sent(&mut egress, SECOND, 9_000, 7, 500), Some((101, 16_000 + 4_000, true)));
        assert_eq!(sent(&mut egress, SECOND, 9_001, 167, 520), Some((102, 20_160, false)));
        assert_eq!(
            sent(&mut egress, SECOND, 8_999, 4_000_000_000, 521),
            None,
            "its number was used by the first source"
        );
    }

    #[test]
    fn sound_after_a_hold_continues_the_stream() {
        let mut egress = Egress::new(5);
        sent(&mut egress, FIRST, 100, 16_000, 0);
        egress.interrupt();
        // The source spoke on for 10 s, unheard.
        assert_eq!(sent(&mut egress, FIRST, 600, 96_000, 10_000), Some((101, 96_000, true)));
    }

    #[test]
    fn a_new_origin_of_time_is_smoothed_and_a_long_silence_is_not() {
        let mut egress = Egress::new(5);
        sent(&mut egress, FIRST, 1, 1_000, 0);
        assert_eq!(sent(&mut egress, FIRST, 2, 3_000_000_000, 20), Some((2, 1_160, true)));
        assert_eq!(sent(&mut egress, FIRST, 3, 3_000_000_160, 40), Some((3, 1_320, false)));
        // 60 s of silence suppression: the timestamp tells the same as the clock.
        assert_eq!(sent(&mut egress, FIRST, 4, 3_000_480_160, 60_040), Some((4, 481_320, false)));
    }

    #[test]
    fn long_after_a_change_low_numbers_are_ordinary_again() {
        let mut egress = Egress::new(5);
        sent(&mut egress, FIRST, 0, 0, 0);
        for n in 1..70_000_u32 {
            assert!(sent(&mut egress, FIRST, n as u16, n * 160, u64::from(n) * 20).is_some(), "packet {n}");
        }
    }
}
