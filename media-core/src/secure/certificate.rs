//! The certificate of this process for DTLS-SRTP: self-signed, made at boot, named in session descriptions by its hash.
//!
//! RFC 5763 section 5, RFC 8122, RFC 8827 section 6.5. It proves nothing but that the far end of the handshake is the one that signaling
//! spoke to. Deliberately ignorant of handshakes.

use crate::{io::system, limits::HANDSHAKE_MAX};
use contract::Fingerprint;
use core::{fmt, time::Duration};
use dimpl::{Config, DtlsCertificate};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SerialNumber, date_time_ymd};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use std::{sync::Arc, time::Instant};

/// Octets of the serial number, which no two certificates share: browsers remember issuer and number.
const SERIAL_BYTES: usize = 16;

/// The first of a handshake's repetitions; each further one waits twice as long. Longer than a round trip across an ocean, and shorter than a
/// second, which a caller hears.
const RETRY_FIRST: Duration = Duration::from_millis(200);

/// Repetitions of what is not answered.
const RETRIES: usize = 7;
const _: () = assert!(
    RETRY_FIRST.as_millis() * ((2 << RETRIES) - 1) >= HANDSHAKE_MAX.as_millis(),
    "there is always another repetition"
);

/// No certificate could be made: the system gives no randomness.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotMade;

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate of the media plane cannot be made: no randomness from the system")
    }
}

impl std::error::Error for NotMade {}

/// A certificate and its private key, and the terms of the handshakes in which it is shown. Does not print the key.
pub struct Certificate {
    identity: DtlsCertificate,
    fingerprint: Fingerprint,
    terms: Arc<Config>,
    origin: Instant,
}

impl Certificate {
    /// A new one: ECDSA on P-256, which RFC 8827 section 6.5 makes mandatory.
    ///
    /// # Errors
    /// [`NotMade`].
    pub fn generate() -> Result<Self, NotMade> {
        let mut serial = [0; SERIAL_BYTES];
        SystemRandom::new().fill(&mut serial).map_err(|_| NotMade)?;
        // RFC 5280 section 4.1.2.2: a positive number.
        serial[0] = serial[0] & 0x7f | 0x40;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| NotMade)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "ironbell");
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        // RFC 8122 section 5: the hash is what is believed. Dates are there because the format has them; without a clock they are wide.
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2049, 1, 1);
        let made = params.self_signed(&key).map_err(|_| NotMade)?;
        let certificate = made.der().to_vec();
        let fingerprint = fingerprint(&certificate);
        // Without a cookie's round trip: who may begin is decided by address and, with ICE, by the checks before it.
        let terms = Config::builder()
            .use_server_cookie(false)
            .flight_start_rto(RETRY_FIRST)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE_MAX)
            .build()
            .map_err(|_| NotMade)?;
        let identity = DtlsCertificate { certificate, private_key: key.serialize_der() };
        Ok(Self { identity, fingerprint, terms: Arc::new(terms), origin: system::library_clock() })
    }

    /// Its hash, as session descriptions name it.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Certificate and key, as a handshake needs them.
    pub(super) const fn identity(&self) -> &DtlsCertificate {
        &self.identity
    }

    /// The terms of handshakes.
    pub(super) const fn terms(&self) -> &Arc<Config> {
        &self.terms
    }

    /// The point of the handshake library's clock that is taken for [`contract::Instant::ORIGIN`]. Only differences matter.
    pub(super) const fn origin(&self) -> Instant {
        self.origin
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.identity.private_key);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// The hash of a certificate in DER.
#[must_use]
pub fn fingerprint(certificate: &[u8]) -> Fingerprint {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, certificate).as_ref());
    Fingerprint { sha256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_none_prints_its_key() {
        let (one, two) = (Certificate::generate().expect("made"), Certificate::generate().expect("made"));
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_eq!(one.fingerprint(), fingerprint(&one.identity().certificate));
        assert!(!format!("{one:?}").contains("private"));
    }

    #[test]
    fn a_fingerprint_is_sha_256() {
        // FIPS 180-4: the hash of "abc".
        assert_eq!(fingerprint(b"abc").sha256[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
