//! How a leg's packets are protected, and its connectivity checks.

use core::fmt;

/// Protection of one leg.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Security {
    /// Plain RTP.
    #[default]
    None,
    /// SRTP with keys from the session descriptions (RFC 4568).
    Sdes {
        /// The suite of both directions.
        suite: SrtpSuite,
        /// With which we send.
        local: SrtpKey,
        /// With which we receive.
        remote: SrtpKey,
    },
    /// SRTP with keys from a DTLS handshake (RFC 5763, RFC 5764).
    Dtls {
        /// Who sends the ClientHello.
        role: DtlsRole,
        /// Of the far end's certificate (`a=fingerprint`); another certificate ends the handshake.
        fingerprint: Fingerprint,
    },
}

/// A crypto suite of RFC 4568, RFC 6188 or RFC 7714.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SrtpSuite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    AesCm128Sha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    AesCm128Sha1_32,
    /// `AES_256_CM_HMAC_SHA1_80`.
    AesCm256Sha1_80,
    /// `AES_256_CM_HMAC_SHA1_32`.
    AesCm256Sha1_32,
    /// `AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM`.
    AeadAes256Gcm,
}

impl SrtpSuite {
    /// Every suite.
    pub const ALL: [Self; 6] = [
        Self::AesCm128Sha1_80,
        Self::AesCm128Sha1_32,
        Self::AesCm256Sha1_80,
        Self::AesCm256Sha1_32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    /// Octets of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256Sha1_80 | Self::AesCm256Sha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 | Self::AesCm256Sha1_80 | Self::AesCm256Sha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Octets of master key and salt together, as in `inline:`.
    #[must_use]
    pub const fn material_len(self) -> usize {
        self.key_len() + self.salt_len()
    }
}

/// Octets of the longest master key and salt.
pub const SRTP_MATERIAL_MAX: usize = 46;

/// A master key followed by its salt. Does not print itself.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SrtpKey {
    octets: [u8; SRTP_MATERIAL_MAX],
    len: u8,
}

impl SrtpKey {
    /// Key and salt of `suite`; `None` when the length is not the suite's.
    #[must_use]
    pub fn new(suite: SrtpSuite, material: &[u8]) -> Option<Self> {
        if material.len() != suite.material_len() {
            return None;
        }
        let mut octets = [0; SRTP_MATERIAL_MAX];
        octets[..material.len()].copy_from_slice(material);
        Some(Self { octets, len: material.len() as u8 })
    }

    /// Key, then salt.
    #[must_use]
    pub fn material(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpKey(…)")
    }
}

/// Who begins a DTLS handshake (RFC 4145, RFC 5763).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DtlsRole {
    /// The far end does.
    Passive,
    /// We do.
    Active,
}

/// A hash of a certificate (RFC 8122).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// SHA-256 of its DER encoding.
    pub sha256: [u8; 32],
}

/// Short-term credentials of both sides of the connectivity checks (RFC 8445 section 5.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IceSpec {
    /// Ours.
    pub local: IceCredentials,
    /// The far end's.
    pub remote: IceCredentials,
}

/// `a=ice-ufrag` and `a=ice-pwd`.
#[derive(Clone, Eq, PartialEq)]
pub struct IceCredentials {
    /// 4 to 256 characters.
    pub ufrag: String,
    /// 22 to 256 characters.
    pub password: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}
