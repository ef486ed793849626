//! An RTCP compound as it must read on the other side of a relay that renumbers streams.
//!
//! The relay gives each leg one SSRC of its own and shifts sequence numbers and timestamps. What passes must stay true there:
//! SSRCs are exchanged, RTP timestamps and highest sequence numbers shifted, a sender report carries our counts, and what cannot be
//! mapped is taken out. NTP times, LSR and DLSR pass, so that both ends measure their round trip to each other.

use super::{
    rtcp::{
        BLOCK_BYTES, EXTENDED_REPORT, Part, Parts, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION, set_word, word,
    },
    xr,
};

/// How to read a compound from one leg for another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Mapping {
    /// The stream as the other leg knows it: our SSRC there.
    pub ssrc: u32,
    /// What sender reports need; `None`: no stream runs that way now, sender reports become receiver reports.
    pub sender: Option<SenderMapping>,
    /// What report blocks need; `None`: no stream runs the opposite way now, blocks are taken out.
    pub report: Option<ReportMapping>,
}

/// For the sender part of a sender report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SenderMapping {
    /// The SSRC the sender uses itself; a report from another one tells nothing of this stream.
    pub ssrc: u32,
    /// Added to the RTP timestamp.
    pub timestamp_offset: u32,
    /// Packets we sent of the stream.
    pub packets: u32,
    /// Octets we sent of the stream.
    pub octets: u32,
}

/// For report blocks about the opposite stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReportMapping {
    /// Our SSRC, as the reporter knows the stream.
    pub ours: u32,
    /// The SSRC the stream has at its source.
    pub theirs: u32,
    /// What we added to sequence numbers on the way to the reporter.
    pub sequence_offset: u16,
    /// Extended highest number received from the source, for the cycles.
    pub highest: u32,
    /// What the reporter had lost before our stream to it was fed by this source.
    pub lost_before: i32,
}

/// Rewrites a compound that [`super::rtcp::check`] accepted, in place.
///
/// Returns its new length; 0 when nothing is left to send. Packets other than SR, RR, SDES and XR are taken out: a BYE ends the source's
/// stream, not ours, which may go on with another source; feedback names packets in numbers we do not map.
pub fn rewrite(compound: &mut [u8], map: &Mapping) -> usize {
    let (mut read, mut write) = (0, 0);
    while let Some(Ok(part)) = Parts::of(&compound[read..]).next() {
        let part = Part { start: part.start + read, end: part.end + read, ..part };
        write = match part.kind {
            SENDER_REPORT | RECEIVER_REPORT => report(compound, part, write, map),
            SOURCE_DESCRIPTION => description(compound, part, write, map),
            EXTENDED_REPORT => extended(compound, part, write, map),
            _ => write,
        };
        read = part.end;
    }
    write
}

/// Writes one report at `write` and returns the offset after it. `write` never lies behind what is still to be read.
fn report(compound: &mut [u8], part: Part, write: usize, map: &Mapping) -> usize {
    let Some(mut block) = part.blocks_start() else { return write };
    let sender = match map.sender {
        Some(sender) if part.kind == SENDER_REPORT && word(compound, part.start + 4) == sender.ssrc => Some(sender),
        Some(_) | None => None,
    };
    let head = block - part.start;
    // RFC 3550 section 6.4: without a sender part the report is a receiver report.
    let (kind, head_kept) = if sender.is_some() { (SENDER_REPORT, head) } else { (RECEIVER_REPORT, 8) };
    compound.copy_within(part.start..part.start + head_kept, write);
    set_word(compound, write + 4, map.ssrc);
    if let Some(sender) = sender {
        let timestamp = word(compound, write + 16).wrapping_add(sender.timestamp_offset);
        set_word(compound, write + 16, timestamp);
        set_word(compound, write + 20, sender.packets);
        set_word(compound, write + 24, sender.octets);
    }
    let (mut at, mut count) = (write + head_kept, 0);
    for _ in 0..part.count {
        if let Some(report) = map.report
            && word(compound, block) == report.ours
        {
            let highest = word(compound, block + 8) as u16;
            compound.copy_within(block..block + BLOCK_BYTES, at);
            set_word(compound, at, report.theirs);
            // RFC 3550 section 6.4.1: the count is about the source; what was lost of those before it is not its matter.
            let lost = ((word(compound, at + 4) << 8) as i32 >> 8).saturating_sub(report.lost_before);
            let lost = lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
            set_word(compound, at + 4, word(compound, at + 4) & 0xff00_0000 | lost);
            set_word(compound, at + 8, near(report.highest, highest.wrapping_sub(report.sequence_offset)));
            at += BLOCK_BYTES;
            count += 1;
        }
        block += BLOCK_BYTES;
    }
    // Profile-specific extensions and padding behind the blocks are left out.
    set_head(compound, write, count, kind, at);
    at
}

/// Writes the blocks of an extended report that can be mapped: reference times as they are, what is told of our stream as of its source.
/// The others (run lengths, packet times) name packets in numbers we do not map.
fn extended(compound: &mut [u8], part: Part, write: usize, map: &Mapping) -> usize {
    if part.end - part.start < xr::HEAD_BYTES {
        return write;
    }
    let mut at = write + xr::HEAD_BYTES;
    let mut read = part.start + xr::HEAD_BYTES;
    compound.copy_within(part.start..part.start + xr::HEAD_BYTES, write);
    set_word(compound, write + 4, map.ssrc);
    while let Some(block) = xr::Block::at(&compound[..part.end], read) {
        read = block.end;
        let about = block.about(compound);
        let there = match (block.kind, map.report) {
            (xr::REFERENCE_TIME, _) => None,
            (xr::DELAY | xr::VOIP_METRICS, Some(report)) if about == Some(report.ours) => Some(report.theirs),
            _ => continue,
        };
        compound.copy_within(block.start..block.end, at);
        if let Some(ssrc) = there {
            set_word(compound, at + 4, ssrc);
        }
        at += block.end - block.start;
    }
    if at == write + xr::HEAD_BYTES {
        return write;
    }
    set_head(compound, write, 0, EXTENDED_REPORT, at);
    at
}

/// Writes the chunk of the sender, with its SSRC exchanged; chunks of others are taken out.
fn description(compound: &mut [u8], part: Part, write: usize, map: &Mapping) -> usize {
    // RFC 3550 section 6.5: a chunk is an SSRC and items, ended by at least one null octet up to a word boundary.
    let mut end = part.start + 8;
    if part.count == 0 || end > part.end {
        return write;
    }
    loop {
        match compound.get(end..part.end) {
            Some([0, ..]) => break,
            Some([_, length, ..]) => end += 2 + usize::from(*length),
            // The items run past the packet.
            Some(_) | None => return write,
        }
    }
    let end = part.start + (end - part.start + 1).next_multiple_of(4);
    if end > part.end {
        return write;
    }
    compound.copy_within(part.start..end, write);
    set_word(compound, write + 4, map.ssrc);
    let at = write + (end - part.start);
    set_head(compound, write, 1, SOURCE_DESCRIPTION, at);
    at
}

/// Writes the common header of the packet from `start` to `end`, without padding.
fn set_head(compound: &mut [u8], start: usize, count: u8, kind: u8, end: usize) {
    let words = ((end - start) / 4 - 1) as u32;
    set_word(compound, start, 0x8000_0000 | u32::from(count) << 24 | u32::from(kind) << 16 | words);
}

/// The number with the low half `low` that lies nearest to `highest`.
const fn near(highest: u32, low: u16) -> u32 {
    highest.wrapping_add(low.wrapping_sub(highest as u16) as i16 as i32 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp::{GOODBYE, blocks, check};

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn mapping() -> Mapping {
        Mapping {
            ssrc: 0xb0b,
            sender: Some(SenderMapping { ssrc: 0xa11ce, timestamp_offset: 1_000, packets: 50, octets: 8_000 }),
            report: Some(ReportMapping {
                ours: 0xace,
                theirs: 0xcafe,
                sequence_offset: 10,
                highest: 0x0002_0005,
                lost_before: 0,
            }),
        }
    }

    #[test]
    fn a_sender_report_is_true_on_the_other_side() {
        let mut compound = words(&[0x80c8_0006, 0xa11ce, 0x11, 0x22, 160, 99, 999]);
        assert_eq!(rewrite(&mut compound, &mapping()), 28);
        assert_eq!(compound, words(&[0x80c8_0006, 0xb0b, 0x11, 0x22, 1_160, 50, 8_000]));
    }

    #[test]
    fn blocks_are_mapped_to_the_source_and_strangers_taken_out() {
        let block = |ssrc, highest| [ssrc, 0x0100_0003, highest, 7, 8, 9];
        let mut compound = words(&[&[0x82c9_000d, 0xa11ce][..], &block(0x5ea, 1), &block(0xace, 0x0000_0008)].concat());
        let length = rewrite(&mut compound, &mapping());
        assert_eq!(length, 32);
        // 8 on our side is 8 - 10 at the source, in the cycle next to what we received from it.
        let expected = [&[0x81c9_0007, 0xb0b][..], &block(0xcafe, 0x0001_fffe)].concat();
        assert_eq!(compound[..length], words(&expected));
        assert_eq!(check(&compound[..length]), Ok(()));
    }

    #[test]
    fn a_sender_report_of_an_unmapped_stream_becomes_a_receiver_report() {
        let mut compound = words(&[0x81c8_000c, 0xbad, 1, 2, 3, 4, 5, 0xace, 0, 15, 0, 0, 0]);
        let length = rewrite(&mut compound, &mapping());
        assert_eq!(&compound[..8], words(&[0x81c9_0007, 0xb0b]));
        assert_eq!(blocks(&compound[..length]).next().map(|block| block.ssrc), Some(0xcafe));
    }

    #[test]
    fn goodbye_and_unknown_packets_are_taken_out_and_names_pass() {
        let mut compound = words(&[0x80c9_0001, 0xa11ce]);
        compound.extend(words(&[0x81cc_0002, 0xa11ce, 0]));
        compound.extend(words(&[0x81ca_0003, 0xa11ce]));
        compound.extend(*b"\x01\x04abcd\0\0");
        compound.extend(words(&[0x81cb_0001, 0xa11ce]));
        assert_eq!(compound[compound.len() - 7], GOODBYE);
        let length = rewrite(&mut compound, &mapping());
        let mut expected = words(&[0x80c9_0001, 0xb0b, 0x81ca_0003, 0xb0b]);
        expected.extend(*b"\x01\x04abcd\0\0");
        assert_eq!(compound[..length], expected);
    }

    #[test]
    fn broken_items_are_left_out() {
        let mut compound = words(&[0x80c9_0001, 0xa11ce, 0x81ca_0002, 0xa11ce]);
        compound.extend(*b"\x01\xffab");
        assert_eq!(rewrite(&mut compound, &mapping()), 8);
    }

    #[test]
    fn any_bytes_are_walked_without_a_panic() {
        let mut random = 7_u64;
        for round in 0..50_000_u32 {
            let mut bytes = [0_u8; 96];
            for byte in &mut bytes {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (random >> 56) as u8;
            }
            bytes[0] = 0x80 | bytes[0] & 0x1f;
            bytes[1] = 200 + (round % 3) as u8;
            (bytes[2], bytes[3]) = (0, (random >> 40) as u8 % 24);
            let compound = &mut bytes[..(random >> 20) as usize % 97];
            let length = rewrite(compound, &mapping());
            assert!(length <= compound.len());
        }
    }
}
