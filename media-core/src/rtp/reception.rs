//! Reception statistics of one leg: RFC 3550 section 6.4.1 (jitter) and appendix A.3 (loss).
//!
//! A leg may hear several sources one after another (a new SSRC, a restart); what earlier ones lost is kept.

use super::{
    burst::{Behind, Bursts},
    header::Header,
    sequence::{Sequence, Step},
};
use contract::{Instant, LossBursts};
use core::time::Duration;

/// What a packet is within the stream of its leg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// The next one, perhaps after a gap.
    Fresh,
    /// Reordered or repeated.
    Late,
    /// The first of a new stream: another SSRC, or a restart of the sequence.
    NewStream,
    /// A stray number; not to be used.
    Stray,
}

/// What has been received on one leg.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reception {
    stream: Option<Stream>,
    /// Changes with every new stream, so that others can tell whether it is still the one they knew.
    epoch: u32,
    packets: u64,
    octets: u64,
    lost_before: u64,
    duplicates: u32,
    reordered: u32,
    bursts: Bursts,
}

/// What a receiver tells a sender of its stream, RFC 3550 section 6.4.1.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Received {
    /// The stream.
    pub ssrc: u32,
    /// Which of the leg's streams it is, [`Reception::epoch`].
    pub epoch: u32,
    /// Packets that should have come.
    pub expected: u64,
    /// Packets that came, repeated ones counted as often as they came.
    pub packets: u64,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Interarrival jitter in clock units.
    pub jitter: u32,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    sequence: Sequence,
    packets: u64,
    /// Arrival minus timestamp of the last packet, in clock units.
    transit: u32,
    /// Jitter in clock units times 16, as in RFC 3550 appendix A.8.
    jitter_16: u32,
    clock_rate_hz: u32,
    /// Timestamp of the newest packet, and how far it lies after that of the packet before it: one packet's sound.
    timestamp: u32,
    packet_units: u32,
}

impl Reception {
    /// Takes a packet that arrived at `now`; `clock_rate_hz` is that of its payload type.
    #[inline]
    pub fn take(&mut self, header: &Header, clock_rate_hz: u32, now: Instant) -> Arrival {
        let arrival = match &mut self.stream {
            Some(stream) if stream.ssrc == header.ssrc => match stream.sequence.take(header.sequence) {
                Step::Forward(step) => {
                    self.bursts.forward(u32::from(step));
                    stream.note(step, header.timestamp, clock_rate_hz);
                    Arrival::Fresh
                }
                Step::Late => {
                    match self.bursts.behind(stream.sequence.behind(header.sequence)) {
                        Behind::Reordered => self.reordered = self.reordered.saturating_add(1),
                        Behind::Duplicate => self.duplicates = self.duplicates.saturating_add(1),
                        Behind::TooLate => {}
                    }
                    Arrival::Late
                }
                Step::Jump => return Arrival::Stray,
                Step::Restart => Arrival::NewStream,
            },
            Some(_) | None => Arrival::NewStream,
        };
        self.packets += 1;
        self.octets += header.payload_len() as u64;
        let transit = in_clock_units(now, clock_rate_hz).wrapping_sub(header.timestamp);
        match &mut self.stream {
            Some(stream) if arrival != Arrival::NewStream => {
                stream.packets += 1;
                // Other clocks (telephone-event beside a wideband codec) are not comparable.
                if stream.clock_rate_hz == clock_rate_hz && arrival == Arrival::Fresh {
                    let distance = (transit.wrapping_sub(stream.transit) as i32).unsigned_abs();
                    stream.transit = transit;
                    // RFC 3550 appendix A.8; a step of the timestamp beyond ten seconds says nothing about jitter.
                    if distance < clock_rate_hz.saturating_mul(10) {
                        let decay = stream.jitter_16.saturating_add(8) >> 4;
                        stream.jitter_16 = stream.jitter_16.saturating_add(distance) - decay;
                    }
                }
            }
            other => {
                let ended = other.replace(Stream {
                    ssrc: header.ssrc,
                    sequence: Sequence::starting(header.sequence),
                    packets: 1,
                    transit,
                    jitter_16: 0,
                    clock_rate_hz,
                    timestamp: header.timestamp,
                    packet_units: 0,
                });
                self.bursts.begin();
                if let Some(ended) = ended {
                    self.lost_before += ended.lost();
                }
                self.epoch = self.epoch.wrapping_add(1);
            }
        }
        arrival
    }

    /// Which of the leg's streams is the present one.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The present stream's SSRC.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.stream.map(|stream| stream.ssrc)
    }

    /// The present stream's sequence numbers.
    #[must_use]
    pub fn sequence(&self) -> Option<Sequence> {
        self.stream.map(|stream| stream.sequence)
    }

    /// Packets taken over the leg's life.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload octets taken over the leg's life.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Packets that never came, over all streams; never negative although duplicates count as received.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, Stream::lost)
    }

    /// Packets that came more than once.
    #[must_use]
    pub const fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Packets that came after a later one, in time to be of use.
    #[must_use]
    pub const fn reordered(&self) -> u32 {
        self.reordered
    }

    /// How losses were spread over the leg's life.
    #[must_use]
    pub fn bursts(&self) -> LossBursts {
        self.bursts.figures(self.packet_time())
    }

    /// G.107's BurstR over the leg's life.
    #[must_use]
    pub fn burst_ratio(&self) -> f32 {
        self.bursts.ratio()
    }

    /// What a report block says of the present stream.
    #[must_use]
    pub fn received(&self) -> Option<Received> {
        let stream = self.stream.as_ref()?;
        Some(Received {
            ssrc: stream.ssrc,
            epoch: self.epoch,
            expected: stream.sequence.expected(),
            packets: stream.packets,
            highest: stream.sequence.highest(),
            jitter: stream.jitter_16 >> 4,
        })
    }

    /// How much sound a packet holds; 20 ms until two in a row have come.
    #[must_use]
    pub fn packet_time(&self) -> Duration {
        match &self.stream {
            Some(stream) if stream.packet_units > 0 => {
                let ns = u64::from(stream.packet_units) * 1_000_000_000 / u64::from(stream.clock_rate_hz.max(1));
                Duration::from_nanos(ns)
            }
            Some(_) | None => Duration::from_millis(20),
        }
    }

    /// The present stream's interarrival jitter.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        self.stream.map_or(Duration::ZERO, |stream| {
            let units = u64::from(stream.jitter_16 >> 4);
            Duration::from_nanos(units * 1_000_000_000 / u64::from(stream.clock_rate_hz.max(1)))
        })
    }
}

impl Stream {
    /// Notes the newest packet's timestamp, and from two in a row how long a packet lasts; pauses and events say nothing about that.
    #[inline]
    fn note(&mut self, step: u16, timestamp: u32, clock_rate_hz: u32) {
        let units = timestamp.wrapping_sub(self.timestamp);
        if step == 1 && clock_rate_hz == self.clock_rate_hz && units > 0 && units <= clock_rate_hz / 8 {
            self.packet_units = units;
        }
        self.timestamp = timestamp;
    }

    /// RFC 3550 appendix A.3.
    fn lost(&self) -> u64 {
        self.sequence.expected().saturating_sub(self.packets)
    }
}

/// A point in time as a wrapping count of clock units.
#[inline]
pub(crate) fn in_clock_units(at: Instant, clock_rate_hz: u32) -> u32 {
    let ns = at.as_nanos();
    // Seconds and the rest apart, so that the product cannot overflow.
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    (seconds.wrapping_mul(u64::from(clock_rate_hz)) as u32)
        .wrapping_add((rest * u64::from(clock_rate_hz) / 1_000_000_000) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        let mut bytes = [0_u8; 172];
        bytes[0] = 0x80;
        let mut header = Header::parse(&bytes).expect("valid");
        (header.ssrc, header.sequence, header.timestamp) = (ssrc, sequence, timestamp);
        header
    }

    fn at_ms(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn loss_counts_what_never_came_and_is_never_negative() {
        let mut reception = Reception::default();
        for sequence in [1, 2, 5, 6, 6, 6, 6, 6] {
            reception.take(&packet(1, sequence, 0), 8_000, at_ms(0));
        }
        assert_eq!(reception.lost(), 0, "duplicates hide loss as in appendix A.3, and do not go below zero");
        let mut reception = Reception::default();
        for sequence in [1, 2, 5, 4] {
            reception.take(&packet(1, sequence, 0), 8_000, at_ms(0));
        }
        assert_eq!(reception.lost(), 1, "3 is missing, 4 came late");
    }

    #[test]
    fn loss_of_an_earlier_ssrc_is_kept() {
        let mut reception = Reception::default();
        for (ssrc, sequence) in [(1, 10), (1, 13), (2, 500), (2, 501)] {
            reception.take(&packet(ssrc, sequence, 0), 8_000, at_ms(0));
        }
        assert_eq!((reception.lost(), reception.packets(), reception.epoch()), (2, 4, 2));
        assert_eq!(reception.ssrc(), Some(2));
    }

    #[test]
    fn even_arrivals_have_no_jitter_and_uneven_ones_converge() {
        let mut reception = Reception::default();
        for n in 0..100_u32 {
            reception.take(&packet(1, n as u16, n * 160), 8_000, at_ms(u64::from(n) * 20));
        }
        assert_eq!(reception.jitter(), Duration::ZERO);
        for n in 100..1_000_u32 {
            let late = u64::from(n % 2) * 10;
            reception.take(&packet(1, n as u16, n * 160), 8_000, at_ms(u64::from(n) * 20 + late));
        }
        let jitter = reception.jitter();
        assert!(jitter > Duration::from_millis(9) && jitter < Duration::from_millis(11), "{jitter:?}");
    }

    #[test]
    fn a_stray_number_is_not_taken() {
        let mut reception = Reception::default();
        reception.take(&packet(1, 10, 0), 8_000, at_ms(0));
        assert_eq!(reception.take(&packet(1, 30_000, 0), 8_000, at_ms(0)), Arrival::Stray);
        assert_eq!(reception.packets(), 1);
        assert_eq!(reception.take(&packet(1, 30_001, 0), 8_000, at_ms(0)), Arrival::NewStream);
        assert_eq!(reception.packets(), 2);
    }
}
