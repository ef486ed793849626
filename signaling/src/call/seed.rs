//! The secret of one leg, from which its keys and credentials are made. Whoever knows the seed and the session's changes knows them all again, so nothing
//! else has to be kept.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use contract::{IceCredentials, SRTP_MATERIAL_MAX, SrtpKey, SrtpSuite};
use core::fmt;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Octets of a hash.
const BLOCK: usize = 32;

/// A secret that does not print itself and is wiped when dropped.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; BLOCK]>);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// A seed of these random bits.
    #[must_use]
    pub fn new(mut random: impl FnMut() -> u64) -> Self {
        let mut octets = Zeroizing::new([0; BLOCK]);
        for part in octets.chunks_exact_mut(size_of::<u64>()) {
            part.copy_from_slice(&random().to_be_bytes());
        }
        Self(octets)
    }

    /// The key with which we send under `suite`. RFC 4568 section 7.1.4: it stays the same through the session.
    pub(super) fn key(&self, suite: SrtpSuite) -> Option<SrtpKey> {
        let mut material = Zeroizing::new([0; SRTP_MATERIAL_MAX]);
        let octets = material.get_mut(..suite.material_len())?;
        for (number, part) in (0..).zip(octets.chunks_mut(BLOCK)) {
            let block = self.block(b"srtp", u32::from(suite_number(suite)) << 8 | number);
            part.copy_from_slice(&block[..part.len()]);
        }
        SrtpKey::new(suite, octets)
    }

    /// Our credentials in connectivity checks after so many restarts. RFC 8445 section 5.3: 24 random bits and 128 at the least.
    pub(super) fn credentials(&self, restarts: u32) -> IceCredentials {
        let text = |label: &[u8], length: usize| STANDARD_NO_PAD.encode(&self.block(label, restarts)[..length]);
        IceCredentials { ufrag: text(b"ufrag", 6), password: text(b"password", 18) }
    }

    fn block(&self, label: &[u8], number: u32) -> Zeroizing<[u8; BLOCK]> {
        let mut block = Zeroizing::new([0; BLOCK]);
        // A key of any length is taken.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) {
            mac.update(label);
            mac.update(&number.to_be_bytes());
            block.copy_from_slice(&mac.finalize().into_bytes());
        }
        block
    }
}

const fn suite_number(suite: SrtpSuite) -> u8 {
    match suite {
        SrtpSuite::AesCm128Sha1_80 => 0,
        SrtpSuite::AesCm128Sha1_32 => 1,
        SrtpSuite::AesCm256Sha1_80 => 2,
        SrtpSuite::AesCm256Sha1_32 => 3,
        SrtpSuite::AeadAes128Gcm => 4,
        SrtpSuite::AeadAes256Gcm => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::SUITES;

    fn seed(first: u64) -> Seed {
        let mut next = first;
        Seed::new(|| {
            next += 1;
            next
        })
    }

    #[test]
    fn keys_differ_by_leg_and_suite_and_stay_the_same() {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for seed in [seed(1), seed(2)] {
            for suite in SUITES {
                let key = seed.key(suite).expect("a key of the suite's length");
                assert_eq!(seed.key(suite), Some(key));
                // 128 bits in common would be one key.
                assert!(keys.iter().all(|other| other[..16] != key.material()[..16]), "{suite:?}");
                keys.push(key.material().to_vec());
            }
        }
    }

    #[test]
    fn credentials_are_new_after_a_restart_and_long_enough() {
        let (first, second) = (seed(1).credentials(0), seed(1).credentials(1));
        assert!(first.ufrag != second.ufrag && first.password != second.password);
        assert_eq!((first.ufrag.len(), first.password.len()), (8, 24));
        assert_eq!(seed(1).credentials(0), first);
        assert_ne!(seed(2).credentials(0).password, first.password);
    }

    #[test]
    fn a_seed_does_not_print_itself() {
        assert_eq!(format!("{:?}", seed(1)), "Seed(…)");
    }
}
