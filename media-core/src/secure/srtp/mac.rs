//! HMAC-SHA1 with both pads hashed ahead: RFC 2104, RFC 3711 section 4.2.1.

use core::fmt;
use sha1::block_api::compress;
use zeroize::Zeroize;

/// Octets of the longest tag that is sent.
pub(super) const TAG_MAX: usize = 10;

const BLOCK: usize = 64;

/// FIPS 180-4 section 5.3.1.
const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// A session authentication key.
pub(super) struct Mac {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl Mac {
    pub(super) fn new(key: &[u8; 20]) -> Self {
        let pad = |octet: u8| {
            let mut block = [octet; BLOCK];
            for (padded, key) in block.iter_mut().zip(key) {
                *padded ^= key;
            }
            let mut state = INITIAL;
            compress(&mut state, &[block]);
            block.zeroize();
            state
        };
        Self { inner: pad(0x36), outer: pad(0x5c) }
    }

    /// The tag of `packet` followed by `trailer`, in full.
    pub(super) fn tag(&self, packet: &[u8], trailer: &[u8; 4]) -> [u8; 20] {
        let mut state = self.inner;
        let (whole, rest) = packet.as_chunks::<BLOCK>();
        compress(&mut state, whole);
        let mut last = [[0; BLOCK]; 2];
        let tail = last.as_flattened_mut();
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()..rest.len() + 4].copy_from_slice(trailer);
        let end = rest.len() + 4;
        tail[end] = 0x80;
        let blocks = if end + 9 <= BLOCK { 1 } else { 2 };
        let bits = 8 * (BLOCK + packet.len() + 4) as u64;
        tail[blocks * BLOCK - 8..blocks * BLOCK].copy_from_slice(&bits.to_be_bytes());
        compress(&mut state, &last[..blocks]);
        let mut block = [0; BLOCK];
        block[..20].copy_from_slice(&octets(state));
        block[20] = 0x80;
        block[BLOCK - 8..].copy_from_slice(&(8 * (BLOCK as u64 + 20)).to_be_bytes());
        let mut state = self.outer;
        compress(&mut state, &[block]);
        octets(state)
    }
}

fn octets(state: [u32; 5]) -> [u8; 20] {
    let mut out = [0; 20];
    for (octets, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *octets = word.to_be_bytes();
    }
    out
}

impl Drop for Mac {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2202_section_3_test_case_1() {
        // Its data is "Hi There": four octets of it as the packet, four as the trailer.
        let tag = Mac::new(&[0x0b; 20]).tag(b"Hi T", b"here");
        let expected = [
            0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46,
            0xbe, 0x00,
        ];
        assert_eq!(tag, expected);
    }
}
