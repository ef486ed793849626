//! RTCP compounds of our own: reports, names, extended reports, goodbye. RFC 3550 section 6, RFC 3611, RFC 7022 (names).

use super::{
    rtcp::{EXTENDED_REPORT, GOODBYE, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION, set_word},
    xr::{self, Voip},
};

/// Octets of our canonical names: 96 random bits in hexadecimal, RFC 7022 section 5.
pub const CNAME_BYTES: usize = 24;

/// What a sender tells of its stream, RFC 3550 section 6.4.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sender {
    /// NTP time.
    pub ntp: u64,
    /// The stream's timestamp at that time.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets sent.
    pub octets: u32,
}

/// One report block, RFC 3550 section 6.4.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// The stream it is about.
    pub ssrc: u32,
    /// Part lost since the last report, in 1/256.
    pub fraction: u8,
    /// Packets lost since the beginning.
    pub lost: i64,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Interarrival jitter in clock units.
    pub jitter: u32,
    /// Middle of the NTP time of the last sender report; 0: none yet.
    pub last_report: u32,
    /// Time since then in 1/65536 seconds.
    pub delay: u32,
}

/// What an extended report of ours says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extended {
    /// Our clock.
    pub ntp: u64,
    /// Whose reference time came last, the middle of it, and how long ago in 1/65536 seconds.
    pub delay: Option<(u32, u32, u32)>,
    /// How we hear the far end.
    pub voip: Option<Voip>,
}

/// A compound of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compound {
    /// We.
    pub ssrc: u32,
    /// Our stream, when we sent since the last report.
    pub sender: Option<Sender>,
    /// The far end's stream, when there is one.
    pub block: Option<Block>,
    /// Our name.
    pub cname: [u8; CNAME_BYTES],
    /// For a far end that speaks extended reports.
    pub extended: Option<Extended>,
    /// We leave.
    pub goodbye: bool,
}

impl Compound {
    /// Writes it and returns its length. `bytes` holds [`crate::limits::RTCP_OWN_BYTES_MAX`].
    pub fn write(&self, bytes: &mut [u8]) -> usize {
        let mut out = Writer { bytes, at: 0 };
        let kind = if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        out.packet(u8::from(self.block.is_some()), kind, |out| {
            out.word(self.ssrc);
            if let Some(Sender { ntp, timestamp, packets, octets }) = self.sender {
                out.time(ntp);
                [timestamp, packets, octets].into_iter().for_each(|word| out.word(word));
            }
            if let Some(block) = self.block {
                let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
                let words = [block.ssrc, u32::from(block.fraction) << 24 | lost, block.highest, block.jitter];
                words.into_iter().chain([block.last_report, block.delay]).for_each(|word| out.word(word));
            }
        });
        out.packet(1, SOURCE_DESCRIPTION, |out| {
            out.word(self.ssrc);
            // RFC 3550 section 6.5.1: CNAME, its length, its text; then nulls up to a word.
            out.octets(&[1, CNAME_BYTES as u8]);
            out.octets(&self.cname);
            out.octets(&[0; 2]);
        });
        if let Some(extended) = &self.extended {
            out.packet(0, EXTENDED_REPORT, |out| {
                out.word(self.ssrc);
                out.word(u32::from(xr::REFERENCE_TIME) << 24 | 2);
                out.time(extended.ntp);
                if let Some((ssrc, last, delay)) = extended.delay {
                    [u32::from(xr::DELAY) << 24 | 3, ssrc, last, delay].into_iter().for_each(|word| out.word(word));
                }
                if let Some(voip) = extended.voip {
                    voip.write(out.bytes, out.at);
                    out.at += xr::VOIP_METRICS_BYTES;
                }
            });
        }
        if self.goodbye {
            out.packet(1, GOODBYE, |out| out.word(self.ssrc));
        }
        out.at
    }
}

struct Writer<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn packet(&mut self, count: u8, kind: u8, body: impl FnOnce(&mut Self)) {
        let start = self.at;
        self.at += 4;
        body(self);
        let words = ((self.at - start) / 4 - 1) as u32;
        set_word(self.bytes, start, 0x8000_0000 | u32::from(count) << 24 | u32::from(kind) << 16 | words);
    }

    fn word(&mut self, word: u32) {
        set_word(self.bytes, self.at, word);
        self.at += 4;
    }

    fn time(&mut self, ntp: u64) {
        self.word((ntp >> 32) as u32);
        self.word(ntp as u32);
    }

    fn octets(&mut self, octets: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.at..self.at + octets.len()) {
            room.copy_from_slice(octets);
        }
        self.at += octets.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::RTCP_OWN_BYTES_MAX, rtp::rtcp};

    const FULL: Compound = Compound {
        ssrc: 0xace,
        sender: Some(Sender { ntp: 0x1111_2222_3333_4444, timestamp: 160, packets: 2, octets: 320 }),
        block: Some(Block {
            ssrc: 0xb0b,
            fraction: 12,
            lost: -1,
            highest: 0x1_0002,
            jitter: 5,
            last_report: 6,
            delay: 7,
        }),
        cname: *b"0123456789abcdef01234567",
        extended: Some(Extended {
            ntp: 0x1111_2222_3333_4444,
            delay: Some((0xb0b, 8, 9)),
            voip: Some(Voip {
                ssrc: 0xb0b,
                loss: 1,
                burst_density: 2,
                gap_density: 3,
                burst_ms: 4,
                gap_ms: 5,
                round_trip_ms: 6,
                end_system_ms: 7,
                rating: 93,
                mos: [44, 44],
            }),
        }),
        goodbye: true,
    };

    fn written(compound: &Compound) -> Vec<u8> {
        let mut bytes = [0xaa; RTCP_OWN_BYTES_MAX];
        let length = compound.write(&mut bytes);
        assert_eq!(rtcp::check(&bytes[..length]), Ok(()));
        bytes[..length].to_vec()
    }

    fn octets(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_full_compound_is_octet_for_octet_as_the_rfcs_draw_it() {
        let mut expected = octets(&[0x81c8_000c, 0xace, 0x1111_2222, 0x3333_4444, 160, 2, 320]);
        expected.extend(octets(&[0xb0b, 0x0cff_ffff, 0x1_0002, 5, 6, 7]));
        expected.extend(octets(&[0x81ca_0008, 0xace]));
        expected.extend(*b"\x01\x180123456789abcdef01234567\0\0");
        expected.extend(octets(&[0x80cf_0011, 0xace, 0x0400_0002, 0x1111_2222, 0x3333_4444, 0x0500_0003, 0xb0b, 8, 9]));
        expected.extend(octets(&[
            0x0700_0008,
            0xb0b,
            0x0100_0203,
            0x0004_0005,
            0x0006_0007,
            0x7f7f_7f10,
            0x5d7f_2c2c,
            0,
            0,
        ]));
        expected.extend(octets(&[0x81cb_0001, 0xace]));
        assert_eq!(written(&FULL), expected);
    }

    #[test]
    fn the_least_is_an_empty_report_with_a_name() {
        let least = Compound { sender: None, block: None, extended: None, goodbye: false, ..FULL };
        let mut expected = octets(&[0x80c9_0001, 0xace, 0x81ca_0008, 0xace]);
        expected.extend(*b"\x01\x180123456789abcdef01234567\0\0");
        assert_eq!(written(&least), expected);
    }
}
