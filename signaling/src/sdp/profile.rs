//! RTP profiles: the `proto` of an `m=` line (RFC 3551, 3711, 4585, 5124, 5764).

/// How the packets of a stream are framed and protected, as the `m=` line names it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Profile {
    /// `RTP/AVP`, RFC 3551.
    #[default]
    Avp,
    /// `RTP/AVPF`, RFC 4585.
    Avpf,
    /// `RTP/SAVP`, RFC 3711.
    Savp,
    /// `RTP/SAVPF`, RFC 5124.
    Savpf,
    /// `UDP/TLS/RTP/SAVP`, RFC 5764 section 8.
    TlsSavp,
    /// `UDP/TLS/RTP/SAVPF`, RFC 5764 section 8.
    TlsSavpf,
}

impl Profile {
    const ALL: [Self; 6] = [Self::Avp, Self::Avpf, Self::Savp, Self::Savpf, Self::TlsSavp, Self::TlsSavpf];

    /// The profile of that name, which is written as it stands in its RFC.
    #[must_use]
    pub fn named(proto: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name().as_bytes() == proto)
    }

    /// Its name in an `m=` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
            Self::TlsSavp => "UDP/TLS/RTP/SAVP",
            Self::TlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    /// Whether a stream of this profile is never in clear.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Avp | Self::Avpf => false,
            Self::Savp | Self::Savpf | Self::TlsSavp | Self::TlsSavpf => true,
        }
    }

    /// Whether its keys come from a DTLS handshake and from nothing else.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        match self {
            Self::TlsSavp | Self::TlsSavpf => true,
            Self::Avp | Self::Avpf | Self::Savp | Self::Savpf => false,
        }
    }
}
