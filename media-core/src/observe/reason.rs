//! Why a datagram was not relayed. One byte, an index into counters, a label of bounded value.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// Why a datagram was dropped.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Drop { $($(#[$doc])* $name,)* }

        impl Drop {
            /// Every reason, in the order of its number.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$name),*];

            /// How many reasons there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The label in metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

reasons! {
    /// The leg's far end is not described yet.
    NotDescribed = "not_described",
    /// From an address the leg does not believe.
    UnknownSource = "unknown_source",
    /// No RTP or RTCP packet although it looks like one.
    Malformed = "malformed",
    /// STUN that is no connectivity check of the leg as it is described.
    Stun = "stun",
    /// More connectivity checks than a leg may send in a second.
    StunFlood = "stun_flood",
    /// DTLS of a leg whose media is not protected by a handshake.
    Dtls = "dtls",
    /// More DTLS than a leg, or all legs together, may send.
    DtlsFlood = "dtls_flood",
    /// Neither of the protocols of RFC 7983.
    NotMedia = "not_media",
    /// RTCP on the RTP port of a leg that did not negotiate it, or RTP on the RTCP port.
    WrongPort = "wrong_port",
    /// A payload type neither side negotiated, or the listener cannot take.
    UnknownPayloadType = "unknown_payload_type",
    /// Nobody hears the leg now.
    NobodyHears = "nobody_hears",
    /// Somebody should hear the leg, but this version has no path for it (mixing).
    NoPath = "no_path",
    /// It is not known where the listener is.
    NoDestination = "no_destination",
    /// Older than the last change of source, its number is used already.
    Stale = "stale",
    /// A sequence number far from all before; the next tells whether the source restarted.
    Stray = "stray",
    /// A key that we send its listener has its place.
    KeySounds = "key_sounds",
    /// Longer than a buffer.
    TooLong = "too_long",
    /// RTCP of which nothing remains true for the listener.
    RtcpUnmapped = "rtcp_unmapped",
    /// More RTCP than a leg may send in a second.
    RtcpFlood = "rtcp_flood",
    /// Its tag is wrong: other keys, changed on its way, or not protected although the leg is (RFC 3711 section 3.3).
    NotAuthentic = "not_authentic",
    /// Its number was seen already under the same keys, or is too old to know (RFC 3711 section 3.3.2).
    Replayed = "replayed",
    /// The leg is to be protected and has no keys, or none left.
    NotSecured = "not_secured",
    /// The leg closed while it was under way.
    LegClosed = "leg_closed",
    /// The system did not take it (no route, refused by the peer's host, no memory).
    SendFailed = "send_failed",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_numbered_in_order() {
        for (number, reason) in Drop::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, number);
            assert!(Drop::ALL[..number].iter().all(|earlier| earlier.as_str() != reason.as_str()));
        }
    }
}
