//! Session keys from a master key: RFC 3711 section 4.3, RFC 6188 section 3 (AES-256), RFC 7714 section 11.

use super::cipher::CounterMode;
use contract::{SrtpKey, SrtpSuite};
use zeroize::Zeroizing;

/// What a session key is for. RFC 3711 section 4.3.2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// A master key and salt, ready to derive from.
pub(super) struct Master {
    cipher: CounterMode,
    salt: Zeroizing<[u8; 14]>,
}

impl Master {
    /// `None`: the key is of another suite.
    pub(super) fn new(suite: SrtpSuite, key: &SrtpKey) -> Option<Self> {
        let (key, given) = key.material().split_at_checked(suite.key_len())?;
        // RFC 7714 section 11: the salt of 96 bits is followed by 16 zero bits.
        let mut salt = Zeroizing::new([0; 14]);
        salt.get_mut(..given.len())?.copy_from_slice(given);
        (given.len() == suite.salt_len()).then_some(())?;
        Some(Self { cipher: CounterMode::new(key, &[0; 14])?, salt })
    }

    /// The first octets of the key stream for `label`.
    pub(super) fn derive<const N: usize>(&self, label: Label) -> Zeroizing<[u8; N]> {
        // RFC 3711 section 4.3.1: with a derivation rate of zero, key_id is the label followed by 48 zero bits.
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&*self.salt);
        counter[7] ^= label as u8;
        let mut out = Zeroizing::new([0; N]);
        self.cipher.apply(counter, &mut *out);
        out
    }
}
