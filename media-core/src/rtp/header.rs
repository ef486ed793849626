//! The RTP fixed header as a view of bytes, RFC 3550 section 5.1.
//!
//! Deliberately ignorant of what the payload holds and of header extensions beyond their length.

/// Octets of the fixed header.
pub const FIXED_BYTES: usize = 12;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotRtp {
    /// Shorter than what its own header declares.
    Short,
    /// The version is not 2.
    Version,
    /// The padding count is zero or larger than what follows the header.
    Padding,
}

/// The fields of one RTP header, read once. The packet itself stays where it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The marker bit; what it means is the payload format's matter.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload begins: after CSRCs and extension.
    payload_start: usize,
    /// Where the payload ends: before padding.
    payload_end: usize,
}

impl Header {
    /// Reads the header of a whole packet.
    ///
    /// # Errors
    /// [`NotRtp`] by the validity checks of RFC 3550 appendix A.1 that need no state.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, NotRtp> {
        let Some((fixed, rest)) = packet.split_first_chunk::<FIXED_BYTES>() else { return Err(NotRtp::Short) };
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return Err(NotRtp::Version);
        }
        let mut payload_start = FIXED_BYTES + 4 * usize::from(first & 0x0f);
        // RFC 3550 section 5.3.1: the extension's length counts 32-bit words after its own four octets.
        if first & 0x10 != 0 {
            let at = payload_start - FIXED_BYTES;
            let Some(&[_, _, high, low]) = rest.get(at..at + 4) else { return Err(NotRtp::Short) };
            payload_start += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        let mut payload_end = packet.len();
        if payload_start > payload_end {
            return Err(NotRtp::Short);
        }
        // RFC 3550 section 5.1: the last octet of the padding counts itself.
        if first & 0x20 != 0 {
            let padding = usize::from(packet[packet.len() - 1]);
            if padding == 0 || padding > payload_end - payload_start {
                return Err(NotRtp::Padding);
            }
            payload_end -= padding;
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_start,
            payload_end,
        })
    }

    /// The header of a packet of our own: no CSRC, no extension, `payload_len` octets behind it. Its SSRC is the stream's.
    #[must_use]
    pub const fn own(payload_type: u8, sequence: u16, timestamp: u32, marker: bool, payload_len: usize) -> Self {
        let payload_end = FIXED_BYTES + payload_len;
        Self { marker, payload_type, sequence, timestamp, ssrc: 0, payload_start: FIXED_BYTES, payload_end }
    }

    /// Octets of payload, without extension and padding.
    #[inline]
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload_end - self.payload_start
    }

    /// The payload of the packet this header was read from; empty for another packet that is shorter.
    #[must_use]
    pub fn payload<'p>(&self, packet: &'p [u8]) -> &'p [u8] {
        packet.get(self.payload_start..self.payload_end).unwrap_or_default()
    }

    /// Writes marker, payload type, sequence, timestamp and SSRC over those of `packet`; everything else stays.
    /// A packet without room for a header is left alone.
    #[inline]
    pub fn write(&self, packet: &mut [u8]) {
        let Some(fixed) = packet.first_chunk_mut::<FIXED_BYTES>() else { return };
        fixed[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }

    /// As [`Header::write`], over octets that held no packet.
    #[inline]
    pub fn write_own(&self, packet: &mut [u8]) {
        if let Some(first) = packet.first_mut() {
            *first = 2 << 6;
        }
        self.write(packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 16] = [0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4];

    #[test]
    fn fields_are_where_rfc_3550_section_5_1_puts_them() {
        let header = Header::parse(&PLAIN).expect("valid");
        assert!(header.marker);
        assert_eq!((header.payload_type, header.sequence, header.timestamp), (8, 0x1234, 160));
        assert_eq!(header.ssrc, 0xdead_beef);
        assert_eq!(header.payload(&PLAIN), [1, 2, 3, 4]);
    }

    #[test]
    fn contributors_extension_and_padding_are_not_payload() {
        let mut packet = vec![0xb2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        packet.extend([0; 8]); // two CSRCs
        packet.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]); // one extension word
        packet.extend([7, 7, 7, 0, 0, 3]); // three octets, three of padding
        let header = Header::parse(&packet).expect("valid");
        assert_eq!(header.payload(&packet), [7, 7, 7]);
        assert_eq!(header.payload_len(), 3);
    }

    #[test]
    fn broken_packets_are_told_apart() {
        let with = |change: fn(&mut Vec<u8>)| {
            let mut packet = PLAIN.to_vec();
            change(&mut packet);
            Header::parse(&packet)
        };
        assert_eq!(with(|p| p.truncate(11)), Err(NotRtp::Short));
        assert_eq!(with(|p| p[0] = 0x40), Err(NotRtp::Version));
        assert_eq!(with(|p| p[0] = 0x82), Err(NotRtp::Short), "two CSRCs do not fit");
        assert_eq!(with(|p| p[0] = 0x90), Err(NotRtp::Short), "the extension's words do not fit");
        assert_eq!(with(|p| (p[0], p[15]) = (0xa0, 0)), Err(NotRtp::Padding));
        assert_eq!(with(|p| (p[0], p[15]) = (0xa0, 5)), Err(NotRtp::Padding));
        assert!(with(|p| (p[0], p[15]) = (0xa0, 4)).is_ok(), "padding alone is a packet");
    }

    #[test]
    fn writing_touches_only_its_fields() {
        let mut packet = PLAIN;
        let header = Header::parse(&packet).expect("valid");
        Header { marker: false, payload_type: 0, sequence: 7, timestamp: 8, ssrc: 9, ..header }.write(&mut packet);
        assert_eq!(packet, [0x80, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 1, 2, 3, 4]);
        header.write(&mut packet);
        assert_eq!(packet, PLAIN);
    }

    #[test]
    fn no_prefix_of_any_packet_panics() {
        let mut random = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = [0_u8; 40];
            for byte in &mut bytes {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (random >> 56) as u8;
            }
            bytes[0] = bytes[0] & 0x3f | 0x80;
            let packet = &bytes[..(random >> 32) as usize % 41];
            if let Ok(header) = Header::parse(packet) {
                assert_eq!(header.payload(packet).len(), header.payload_len());
            }
        }
    }
}
