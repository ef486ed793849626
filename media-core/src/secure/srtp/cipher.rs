//! AES in counter mode (RFC 3711 section 4.1.1, RFC 6188) and AES-GCM (RFC 7714), with the initialisation vectors SRTP gives them.

use super::Refused;
use aes::{
    Aes128Enc, Aes256Enc, Block,
    cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U16},
};
use core::fmt;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

/// Octets of the tag of AES-GCM. RFC 7714 section 12.
pub(super) const GCM_TAG: usize = 16;

/// Octets of a block of AES.
const BLOCK: usize = 16;

enum Aes {
    Short(Aes128Enc),
    Long(Aes256Enc),
}

/// AES in counter mode with a session salt.
pub(super) struct CounterMode {
    aes: Aes,
    salt: Zeroizing<[u8; 14]>,
}

impl CounterMode {
    /// `None`: neither a key of 16 nor one of 32 octets.
    pub(super) fn new(key: &[u8], salt: &[u8; 14]) -> Option<Self> {
        let aes = match key.len() {
            16 => Aes::Short(Aes128Enc::new_from_slice(key).ok()?),
            32 => Aes::Long(Aes256Enc::new_from_slice(key).ok()?),
            _ => return None,
        };
        Some(Self { aes, salt: Zeroizing::new(*salt) })
    }

    /// The first counter block of a packet: `(salt × 2¹⁶) ⊕ (SSRC × 2⁶⁴) ⊕ (index × 2¹⁶)`.
    pub(super) fn counter(&self, ssrc: u32, index: u64) -> [u8; BLOCK] {
        let mut salt = [0; BLOCK];
        salt[..14].copy_from_slice(&*self.salt);
        (u128::from_be_bytes(salt) ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16).to_be_bytes()
    }

    /// Encrypts or decrypts, from the block `counter` on.
    pub(super) fn apply(&self, counter: [u8; BLOCK], data: &mut [u8]) {
        let stream = KeyStream { counter: u128::from_be_bytes(counter), data };
        match &self.aes {
            Aes::Short(aes) => aes.encrypt_with_backend(stream),
            Aes::Long(aes) => aes.encrypt_with_backend(stream),
        }
    }
}

/// A key stream laid over data. Runs within the code that was chosen for the processor, once a packet: choosing it for each few blocks costs
/// as much as the blocks, and the wide variants gain nothing below 64 of them.
struct KeyStream<'d> {
    counter: u128,
    data: &'d mut [u8],
}

impl BlockSizeUser for KeyStream<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for KeyStream<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Self { mut counter, data } = self;
        let mut next = || {
            let mut block = Block::from(counter.to_be_bytes());
            counter = counter.wrapping_add(1);
            backend.encrypt_block_inplace(&mut block);
            u128::from_ne_bytes(block.into())
        };
        let (whole, rest) = data.as_chunks_mut::<BLOCK>();
        for part in whole {
            *part = (u128::from_ne_bytes(*part) ^ next()).to_ne_bytes();
        }
        if !rest.is_empty() {
            for (octet, key) in rest.iter_mut().zip(next().to_ne_bytes()) {
                *octet ^= key;
            }
        }
    }
}

impl fmt::Debug for CounterMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterMode(…)")
    }
}

/// AES-GCM with a session salt.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    /// `None`: neither a key of 16 nor one of 32 octets.
    pub(super) fn new(key: &[u8], salt: &[u8; 12]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self { key: LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?), salt: *salt })
    }

    /// RFC 7714 sections 8.1 and 9.1: two zero octets, the SSRC, the 48-bit index; of RTCP its 31 bits, led by zeros.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut octets = [0; 12];
        octets[2..6].copy_from_slice(&ssrc.to_be_bytes());
        octets[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (octet, salt) in octets.iter_mut().zip(self.salt) {
            *octet ^= salt;
        }
        Nonce::assume_unique_for_key(octets)
    }

    /// Encrypts `data`; its tag.
    pub(super) fn seal(&self, ssrc: u32, index: u64, clear: &[u8], data: &mut [u8]) -> Result<[u8; GCM_TAG], Refused> {
        let sealed = self.key.seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(clear), data);
        let tag = sealed.map_err(|_| Refused::NoRoom)?;
        tag.as_ref().try_into().map_err(|_| Refused::NoRoom)
    }

    /// Decrypts `data`, which ends with its tag. What a wrong tag leaves of it is undefined.
    pub(super) fn open(&self, ssrc: u32, index: u64, clear: &[u8], data: &mut [u8]) -> Result<(), Refused> {
        let opened = self.key.open_in_place(self.nonce(ssrc, index), Aad::from(clear), data);
        opened.map(|_| ()).map_err(|_| Refused::NotAuthentic)
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        // The key within is the library's, which does not wipe it.
        self.salt.zeroize();
    }
}

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm(…)")
    }
}
