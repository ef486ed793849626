//! Extended reports, RFC 3611: the blocks we read and write.
//!
//! Reference time (section 4.4), delay since it (section 4.5) and VoIP metrics (section 4.7); other blocks are walked over.

use super::rtcp::{EXTENDED_REPORT, Parts, set_word, word};

/// Octets before the blocks: header and SSRC.
pub const HEAD_BYTES: usize = 8;
/// Block type of a receiver's reference time.
pub const REFERENCE_TIME: u8 = 4;
/// Block type of the delay since reference times.
pub const DELAY: u8 = 5;
/// Block type of VoIP metrics.
pub const VOIP_METRICS: u8 = 7;

/// Octets of a reference time block.
pub const REFERENCE_TIME_BYTES: usize = 12;
/// Octets of a delay block with one sub-block.
pub const DELAY_BYTES: usize = 16;
/// Octets of a VoIP metrics block.
pub const VOIP_METRICS_BYTES: usize = 36;

/// RFC 3611 section 4.7: this figure is not available.
pub const UNAVAILABLE: u8 = 127;

/// Where one block lies within a compound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// Block type.
    pub kind: u8,
    /// Offset of its first octet.
    pub start: usize,
    /// Offset after its last.
    pub end: usize,
}

impl Block {
    /// The block at `start`; `None` when there is none, or it runs past the end.
    #[must_use]
    pub fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let &[kind, _, high, low] = bytes.get(start..)?.first_chunk()?;
        let end = start + 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        (end <= bytes.len()).then_some(Self { kind, start, end })
    }

    /// The source a delay or metrics block is about. A delay block about several is about none: each leg of ours has one.
    #[must_use]
    pub fn about(&self, bytes: &[u8]) -> Option<u32> {
        let length = self.end - self.start;
        let whole = match self.kind {
            DELAY => length == DELAY_BYTES,
            VOIP_METRICS => length == VOIP_METRICS_BYTES,
            _ => false,
        };
        whole.then(|| word(bytes, self.start + 4))
    }
}

/// What an extended report says that we understand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Said {
    /// The reporter's clock.
    ReferenceTime {
        /// Who says so.
        reporter: u32,
        /// The middle 32 bits of its NTP time.
        middle: u32,
    },
    /// How long ago the reporter got a reference time of ours.
    Delay {
        /// Whose reference time.
        ssrc: u32,
        /// The middle of its NTP time.
        last: u32,
        /// Time since it came, in 1/65536 seconds.
        delay: u32,
    },
    /// How the reporter hears a stream.
    Voip {
        /// Which stream.
        ssrc: u32,
        /// MOS for conversation in tenths, 10 to 50; else MOS for listening; `None`: neither is told.
        mos_tenths: Option<u8>,
    },
}

/// What the extended reports of a compound say.
pub fn said(compound: &[u8]) -> impl Iterator<Item = Said> + '_ {
    Parts::of(compound).map_while(Result::ok).filter(|part| part.kind == EXTENDED_REPORT).flat_map(move |part| {
        let bytes = &compound[..part.end];
        let reporter = word(bytes, part.start + 4);
        let mut at = part.start + HEAD_BYTES;
        core::iter::from_fn(move || {
            let block = Block::at(bytes, at)?;
            at = block.end;
            Some(read(bytes, &block, reporter))
        })
        .flatten()
    })
}

fn read(bytes: &[u8], block: &Block, reporter: u32) -> Option<Said> {
    let field = |offset| word(bytes, block.start + offset);
    match block.kind {
        REFERENCE_TIME if block.end - block.start == REFERENCE_TIME_BYTES => {
            Some(Said::ReferenceTime { reporter, middle: field(4) << 16 | field(8) >> 16 })
        }
        DELAY => block.about(bytes).map(|ssrc| Said::Delay { ssrc, last: field(8), delay: field(12) }),
        VOIP_METRICS => {
            let ssrc = block.about(bytes)?;
            let [_, _, listening, conversation] = field(24).to_be_bytes();
            let known = |mos: u8| (10..=50).contains(&mos).then_some(mos);
            Some(Said::Voip { ssrc, mos_tenths: known(conversation).or(known(listening)) })
        }
        _ => None,
    }
}

/// The VoIP metrics we tell, in the units of RFC 3611 section 4.7.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Voip {
    /// The stream they are about.
    pub ssrc: u32,
    /// Part lost in 1/256.
    pub loss: u8,
    /// Part lost within bursts in 1/256.
    pub burst_density: u8,
    /// Part lost within gaps in 1/256.
    pub gap_density: u8,
    /// Mean burst in milliseconds.
    pub burst_ms: u16,
    /// Mean gap in milliseconds.
    pub gap_ms: u16,
    /// Round trip in milliseconds; 0: not known.
    pub round_trip_ms: u16,
    /// Delay within our system in milliseconds; 0: not known.
    pub end_system_ms: u16,
    /// Rating 0 to 100, or [`UNAVAILABLE`].
    pub rating: u8,
    /// Listening and conversational score in tenths, or [`UNAVAILABLE`].
    pub mos: [u8; 2],
}

impl Voip {
    /// Writes the block at `at`; nothing where there is no room.
    pub fn write(&self, bytes: &mut [u8], at: usize) {
        let halves = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        let [listening, conversation] = self.mos;
        let words = [
            u32::from(VOIP_METRICS) << 24 | 8,
            self.ssrc,
            // Nothing is discarded before it is passed on.
            u32::from_be_bytes([self.loss, 0, self.burst_density, self.gap_density]),
            halves(self.burst_ms, self.gap_ms),
            halves(self.round_trip_ms, self.end_system_ms),
            // Levels and echo are not measured.
            u32::from_be_bytes([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, super::burst::GMIN as u8]),
            u32::from_be_bytes([self.rating, UNAVAILABLE, listening, conversation]),
            // The receiver's configuration and its buffer are not told.
            0,
            0,
        ];
        for (n, word) in words.into_iter().enumerate() {
            set_word(bytes, at + 4 * n, word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(blocks: &[u32]) -> Vec<u8> {
        let mut words = vec![0x80c9_0001, 9, 0x80cf_0000 | (blocks.len() as u32 + 1), 9];
        words.extend(blocks);
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn blocks_are_read_where_rfc_3611_puts_them() {
        let compound = report(&[0x0400_0002, 0x1111_2222, 0x3333_4444, 0x0500_0003, 7, 8, 65_536]);
        let expected =
            [Said::ReferenceTime { reporter: 9, middle: 0x2222_3333 }, Said::Delay { ssrc: 7, last: 8, delay: 65_536 }];
        assert!(said(&compound).eq(expected));
    }

    #[test]
    fn metrics_are_read_as_they_are_written() {
        let voip = Voip {
            ssrc: 5,
            loss: 13,
            burst_density: 90,
            gap_density: 1,
            burst_ms: 340,
            gap_ms: 9_000,
            round_trip_ms: 50,
            end_system_ms: 40,
            rating: 88,
            mos: [42, 41],
        };
        let mut compound = report(&[0; 9]);
        voip.write(&mut compound, 16);
        let words: Vec<u32> = compound[16..]
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap_or_default()))
            .collect();
        assert_eq!(
            words,
            [0x0700_0008, 5, 0x0d00_5a01, 0x0154_2328, 0x0032_0028, 0x7f7f_7f10, 0x587f_2a29, 0, 0],
            "RFC 3611 section 4.7"
        );
        assert!(said(&compound).eq([Said::Voip { ssrc: 5, mos_tenths: Some(41) }]));
    }

    #[test]
    fn blocks_that_do_not_fit_and_unknown_ones_say_nothing() {
        assert_eq!(said(&report(&[0x0400_0003, 1, 2])).count(), 0, "runs past the packet");
        assert_eq!(said(&report(&[0x0100_0001, 1, 0x0400_0001, 1])).count(), 0, "unknown, then short");
        assert_eq!(said(&report(&[0x0700_0000])).count(), 0);
        let unknown = report(&[0x0700_0008, 1, 0, 0, 0, 0, 0x7f7f_7f7f, 0, 0]);
        assert!(said(&unknown).eq([Said::Voip { ssrc: 1, mos_tenths: None }]));
    }
}
