//! Which protocol a datagram speaks, by its first octets: RFC 7983 section 7, RFC 5761 section 4.

/// What shares a port with RTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
    /// STUN.
    Stun,
    /// DTLS.
    Dtls,
    /// None of them.
    Other,
}

impl Protocol {
    /// Tells by the first two octets.
    #[inline]
    #[must_use]
    pub const fn of(datagram: &[u8]) -> Self {
        match datagram {
            // RFC 5761 section 4: RTCP packet types 192 to 223 are RTP payload types 64 to 95 with the marker, which RTP must not use.
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, ..] => Self::Rtp,
            // RFC 7983 section 7.
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_octets_tell() {
        for (bytes, protocol) in [
            (&[0x80, 0][..], Protocol::Rtp),
            (&[0x80, 0x80 | 63], Protocol::Rtp),
            (&[0xbf, 127], Protocol::Rtp),
            (&[0x80, 200], Protocol::Rtcp),
            (&[0x81, 223], Protocol::Rtcp),
            (&[0x80, 224], Protocol::Rtp),
            (&[0x80], Protocol::Rtp),
            (&[0, 1], Protocol::Stun),
            (&[22, 254], Protocol::Dtls),
            (&[64, 0], Protocol::Other),
            (&[192, 0], Protocol::Other),
            (&[], Protocol::Other),
        ] {
            assert_eq!(Protocol::of(bytes), protocol, "{bytes:?}");
        }
    }
}
