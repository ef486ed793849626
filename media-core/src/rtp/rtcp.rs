//! Walking RTCP compound packets and reading their reports, RFC 3550 section 6.

use crate::limits::RTCP_PARTS_MAX;

/// Packet type of a sender report.
pub const SENDER_REPORT: u8 = 200;
/// Packet type of a receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Packet type of a source description.
pub const SOURCE_DESCRIPTION: u8 = 202;
/// Packet type of a goodbye.
pub const GOODBYE: u8 = 203;
/// Packet type of an extended report, RFC 3611 section 2.
pub const EXTENDED_REPORT: u8 = 207;

/// Octets of one report block.
pub const BLOCK_BYTES: usize = 24;
/// Octets before the report blocks of a sender report.
pub const SENDER_REPORT_BYTES: usize = 28;
/// Octets before the report blocks of a receiver report.
pub const RECEIVER_REPORT_BYTES: usize = 8;

/// Why bytes are not an RTCP compound packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotRtcp {
    /// Shorter than what its own headers declare.
    Short,
    /// The version is not 2.
    Version,
    /// The first packet is no report, RFC 3550 section 6.1 (reduced size, RFC 5506, is not negotiated here).
    FirstNotReport,
    /// More packets than [`RTCP_PARTS_MAX`].
    TooMany,
    /// Padding where only the last packet may have it, or more of it than there is.
    Padding,
}

/// One packet of a compound: where it lies and what its header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// Offset of its first octet in the compound.
    pub start: usize,
    /// Offset after its last octet, padding included.
    pub end: usize,
    /// Report or source count.
    pub count: u8,
    /// Packet type.
    pub kind: u8,
}

impl Part {
    /// Reads the header at `start`.
    fn at(compound: &[u8], start: usize) -> Result<Self, NotRtcp> {
        let Some(&[first, kind, high, low]) = compound.get(start..start + 4) else { return Err(NotRtcp::Short) };
        if first >> 6 != 2 {
            return Err(NotRtcp::Version);
        }
        let end = start + 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        if end > compound.len() {
            return Err(NotRtcp::Short);
        }
        // RFC 3550 section 6.4.1: padding only in the last packet of a compound.
        if first & 0x20 != 0 && end != compound.len() {
            return Err(NotRtcp::Padding);
        }
        Ok(Self { start, end, count: first & 0x1f, kind })
    }

    /// Where its report blocks begin; `None` when it is no report, or too short for the blocks it counts.
    #[must_use]
    pub fn blocks_start(&self) -> Option<usize> {
        let head = match self.kind {
            SENDER_REPORT => SENDER_REPORT_BYTES,
            RECEIVER_REPORT => RECEIVER_REPORT_BYTES,
            _ => return None,
        };
        (self.start + head + usize::from(self.count) * BLOCK_BYTES <= self.end).then_some(self.start + head)
    }
}

/// The packets of a compound in order; stops at the first fault.
#[derive(Clone, Debug)]
pub struct Parts<'p> {
    compound: &'p [u8],
    at: usize,
}

impl<'p> Parts<'p> {
    /// Walks `compound`.
    #[must_use]
    pub const fn of(compound: &'p [u8]) -> Self {
        Self { compound, at: 0 }
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<Part, NotRtcp>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.compound.len() {
            return None;
        }
        let part = Part::at(self.compound, self.at);
        self.at = part.map_or(self.compound.len(), |part| part.end);
        Some(part)
    }
}

/// Checks a whole compound, RFC 3550 appendix A.2.
///
/// # Errors
/// [`NotRtcp`].
pub fn check(compound: &[u8]) -> Result<(), NotRtcp> {
    let mut parts = Parts::of(compound);
    let first = parts.next().ok_or(NotRtcp::Short)??;
    if first.kind != SENDER_REPORT && first.kind != RECEIVER_REPORT {
        return Err(NotRtcp::FirstNotReport);
    }
    if first.blocks_start().is_none() {
        return Err(NotRtcp::Short);
    }
    let mut count = 1;
    parts.try_for_each(|part| {
        count += 1;
        if count > RTCP_PARTS_MAX { Err(NotRtcp::TooMany) } else { part.map(drop) }
    })
}

/// One report block, RFC 3550 section 6.4.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReportBlock {
    /// The source it is about.
    pub ssrc: u32,
    /// Part of the packets lost since its last report, in 1/256.
    pub fraction: u8,
    /// Packets lost since the beginning; negative with many repeated ones.
    pub lost: i32,
    /// Extended highest sequence number received.
    pub highest: u32,
    /// Interarrival jitter in units of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0: none yet.
    pub last_report: u32,
    /// Time since that report, in 1/65536 seconds.
    pub delay: u32,
}

/// The report blocks of a compound.
pub fn blocks(compound: &[u8]) -> impl Iterator<Item = ReportBlock> + '_ {
    Parts::of(compound).map_while(Result::ok).flat_map(move |part| {
        let start = part.blocks_start();
        (0..usize::from(part.count)).filter_map(move |n| {
            let block = compound.get(start? + n * BLOCK_BYTES..)?.first_chunk::<BLOCK_BYTES>()?;
            Some(ReportBlock {
                ssrc: word(block, 0),
                fraction: block[4],
                // Three octets with a sign.
                lost: (word(block, 4) << 8) as i32 >> 8,
                highest: word(block, 8),
                jitter: word(block, 12),
                last_report: word(block, 16),
                delay: word(block, 20),
            })
        })
    })
}

/// The middle 32 bits of the NTP time of the first sender report.
#[must_use]
pub fn sender_time(compound: &[u8]) -> Option<u32> {
    let part = Parts::of(compound).map_while(Result::ok).find(|part| part.kind == SENDER_REPORT)?;
    part.blocks_start().map(|_| word(compound, part.start + 10))
}

/// The big-endian word at `at`; 0 where there is none.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word))
}

/// Writes a big-endian word at `at`; nothing where there is no room.
pub(crate) fn set_word(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(word) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *word = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, count: u8, body_words: usize) -> Vec<u8> {
        let mut bytes = vec![0x80 | count, kind, 0, body_words as u8];
        bytes.resize(4 + body_words * 4, 0);
        bytes
    }

    #[test]
    fn compounds_are_checked_as_appendix_a_2_says() {
        let report = packet(RECEIVER_REPORT, 0, 1);
        let names = packet(SOURCE_DESCRIPTION, 1, 2);
        assert_eq!(check(&[report.clone(), names.clone()].concat()), Ok(()));
        assert_eq!(check(&names), Err(NotRtcp::FirstNotReport));
        assert_eq!(check(&[]), Err(NotRtcp::Short));
        assert_eq!(check(&report[..7]), Err(NotRtcp::Short));
        let mut padded = report.clone();
        padded[0] |= 0x20;
        assert_eq!(check(&[padded, names.clone()].concat()), Err(NotRtcp::Padding));
        let mut old = names;
        old[0] = 0x41;
        assert_eq!(check(&[report, old].concat()), Err(NotRtcp::Version));
    }

    #[test]
    fn a_count_beyond_the_packet_yields_no_blocks() {
        assert_eq!(blocks(&packet(RECEIVER_REPORT, 3, 1)).count(), 0);
        assert_eq!(blocks(&packet(RECEIVER_REPORT, 2, 13)).count(), 2);
        assert_eq!(blocks(&packet(SENDER_REPORT, 1, 12)).count(), 1);
    }

    #[test]
    fn sender_time_is_the_middle_of_the_ntp_time() {
        let mut report = packet(SENDER_REPORT, 0, 6);
        report[8..16].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(sender_time(&report), Some(0x0304_0506));
        assert_eq!(sender_time(&packet(RECEIVER_REPORT, 0, 1)), None);
    }
}
