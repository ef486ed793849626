//! The audio stream of a description: its formats, and where it goes.

use super::{Direction, Media, description::words};
use crate::message::number;
use contract::{Codec, Format};
use core::net::SocketAddr;

/// An audio medium over RTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Audio<'a>(pub(super) Media<'a>);

/// Formats read from one description. What comes after is not known to us (the media plane takes 32).
pub(super) const FORMATS_MAX: usize = 32;

impl<'a> Audio<'a> {
    /// The medium it is.
    #[must_use]
    pub const fn media(&self) -> Media<'a> {
        self.0
    }

    /// Where RTP goes; `None`: refused, on old-style hold, or by name.
    #[must_use]
    pub fn remote_rtp(&self) -> Option<SocketAddr> {
        self.0.remote_rtp()
    }

    /// Where RTCP goes.
    #[must_use]
    pub fn remote_rtcp(&self) -> Option<SocketAddr> {
        self.0.remote_rtcp()
    }

    /// RTP and RTCP share the port.
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        self.0.rtcp_mux()
    }

    /// Port 0.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.0.port() == 0
    }

    /// The direction, as the describing end means it: port 0 is inactive, and the unspecified address receives nothing (RFC 3264 section 8.4), unless
    /// candidates will tell the address (RFC 8839 section 4.3.2: a trickling agent writes the unspecified one).
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.is_refused() {
            return Direction::Inactive;
        }
        let said = self.0.direction();
        let unspecified = self.0.connection().and_then(|address| address.ip()).is_some_and(|ip| ip.is_unspecified());
        let held = unspecified && self.0.inherited(b"ice-ufrag").next().is_none();
        if held { said.and(Direction::SendOnly) } else { said }
    }

    /// The formats in the order of preference, static payload types without `a=rtpmap` included (RFC 3551 section 6).
    /// Payload types without a meaning are left out, and so is what comes after the first 32.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        let mut formats: Vec<Format> = Vec::with_capacity(8);
        for word in self.0.formats().take(FORMATS_MAX) {
            if let Some(format) = self.format(word)
                && formats.iter().all(|other| other.payload_type != format.payload_type)
            {
                formats.push(format);
            }
        }
        formats
    }

    /// What one word of the `m=` line means.
    pub(super) fn format(&self, word: &[u8]) -> Option<Format> {
        let payload_type = number(word).and_then(|number| u8::try_from(number).ok()).filter(|number| *number < 128)?;
        match self.0.rtpmap(payload_type) {
            Some(rtpmap) => mapped(payload_type, rtpmap),
            None => static_format(payload_type),
        }
    }
}

/// Reads `encoding/clock[/channels]` (RFC 8866 section 6.6).
fn mapped(payload_type: u8, rtpmap: &[u8]) -> Option<Format> {
    let mut parts = words(rtpmap).next()?.split(|byte| *byte == b'/');
    let (name, clock, channels) = (parts.next()?, parts.next()?, parts.next());
    let clock_rate_hz = number(clock).and_then(|clock| u32::try_from(clock).ok()).filter(|clock| *clock > 0)?;
    let channels =
        channels.map_or(Some(1), |channels| number(channels).and_then(|channels| u8::try_from(channels).ok()))?;
    if channels == 0 {
        return None;
    }
    Some(Format { payload_type, codec: codec(name), clock_rate_hz, channels })
}

/// The codec of that encoding name in any case (RFC 4855 section 3).
fn codec(name: &[u8]) -> Codec {
    const KNOWN: [Codec; 8] = [
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::G729,
        Codec::Opus,
        Codec::L16,
        Codec::TelephoneEvent,
        Codec::ComfortNoise,
    ];
    KNOWN.into_iter().find(|codec| name.eq_ignore_ascii_case(codec_name(*codec).as_bytes())).unwrap_or_else(|| {
        // FNV-1a over the name in upper case.
        let fold = |hash: u32, byte: &u8| (hash ^ u32::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0193);
        Codec::Other(name.iter().fold(0x811C_9DC5, fold))
    })
}

/// The encoding name as in `a=rtpmap`; empty for a codec we do not know.
#[must_use]
pub const fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
        Codec::G729 => "G729",
        Codec::Opus => "opus",
        Codec::L16 => "L16",
        Codec::TelephoneEvent => "telephone-event",
        Codec::ComfortNoise => "CN",
        Codec::Other(_) => "",
    }
}

/// RFC 3551 table 4: audio payload types that need no `a=rtpmap`.
fn static_format(payload_type: u8) -> Option<Format> {
    let (name, clock_rate_hz, channels): (&[u8], u32, u8) = match payload_type {
        0 => (b"PCMU", 8_000, 1),
        3 => (b"GSM", 8_000, 1),
        4 => (b"G723", 8_000, 1),
        5 => (b"DVI4", 8_000, 1),
        6 => (b"DVI4", 16_000, 1),
        7 => (b"LPC", 8_000, 1),
        8 => (b"PCMA", 8_000, 1),
        9 => (b"G722", 8_000, 1),
        10 => (b"L16", 44_100, 2),
        11 => (b"L16", 44_100, 1),
        12 => (b"QCELP", 8_000, 1),
        13 => (b"CN", 8_000, 1),
        14 => (b"MPA", 90_000, 1),
        15 => (b"G728", 8_000, 1),
        16 => (b"DVI4", 11_025, 1),
        17 => (b"DVI4", 22_050, 1),
        18 => (b"G729", 8_000, 1),
        _ => return None,
    };
    Some(Format { payload_type, codec: codec(name), clock_rate_hz, channels })
}
