//! RTP payload formats as negotiated by SDP.

/// A codec both planes can name. What the media plane cannot decode it may still relay between legs that share it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Codec {
    /// G.711 µ-law, RFC 3551.
    Pcmu,
    /// G.711 A-law, RFC 3551.
    Pcma,
    /// G.722, RFC 3551 (its RTP clock is 8000 Hz).
    G722,
    /// G.729, RFC 3551.
    G729,
    /// Opus, RFC 7587.
    Opus,
    /// Linear 16-bit PCM in network order, RFC 3551.
    L16,
    /// DTMF and other events, RFC 4733.
    TelephoneEvent,
    /// Comfort noise, RFC 3389.
    ComfortNoise,
    /// A codec we do not know; the number distinguishes unlike `rtpmap` lines within one process.
    Other(u32),
}

/// One payload type of one leg: `a=rtpmap:PT codec/clock/channels`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Format {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// What the payload holds.
    pub codec: Codec,
    /// RTP clock rate in Hz.
    pub clock_rate_hz: u32,
    /// Number of audio channels.
    pub channels: u8,
}

impl Format {
    /// Whether a payload of `self` means the same under `other`, apart from the payload type number.
    #[must_use]
    pub fn same_coding(&self, other: &Self) -> bool {
        (self.codec, self.clock_rate_hz, self.channels) == (other.codec, other.clock_rate_hz, other.channels)
    }
}
