//! SDES: one `a=crypto` line, a suite and a key (RFC 4568, with the suites of RFC 6188 and RFC 7714).

use super::description::words;
use crate::message::number;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use contract::{SRTP_MATERIAL_MAX, SrtpKey, SrtpSuite};

/// One `a=crypto` line that we can use. Its key does not print itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Crypto {
    /// The number by which an answer refers to a line of its offer.
    pub tag: u32,
    /// The suite.
    pub suite: SrtpSuite,
    /// With which the one who writes the line protects what it sends.
    pub key: SrtpKey,
}

/// Suites in the order in which we offer them: authenticated encryption first, then by the length of the key, short authentication tags last.
pub const SUITES: [SrtpSuite; 6] = [
    SrtpSuite::AeadAes256Gcm,
    SrtpSuite::AeadAes128Gcm,
    SrtpSuite::AesCm256Sha1_80,
    SrtpSuite::AesCm128Sha1_80,
    SrtpSuite::AesCm256Sha1_32,
    SrtpSuite::AesCm128Sha1_32,
];

/// Lines read from one medium. What comes after is not known to us.
const LINES_MAX: usize = 16;

/// Some phones leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The name of a suite in `a=crypto` (RFC 4568 section 6.2, RFC 6188 section 4, RFC 7714 section 14.2).
#[must_use]
pub const fn suite_name(suite: SrtpSuite) -> &'static str {
    match suite {
        SrtpSuite::AesCm128Sha1_80 => "AES_CM_128_HMAC_SHA1_80",
        SrtpSuite::AesCm128Sha1_32 => "AES_CM_128_HMAC_SHA1_32",
        SrtpSuite::AesCm256Sha1_80 => "AES_256_CM_HMAC_SHA1_80",
        SrtpSuite::AesCm256Sha1_32 => "AES_256_CM_HMAC_SHA1_32",
        SrtpSuite::AeadAes128Gcm => "AEAD_AES_128_GCM",
        SrtpSuite::AeadAes256Gcm => "AEAD_AES_256_GCM",
    }
}

impl Crypto {
    /// Reads `tag suite key-params [session-params]`. `None`: it is broken, or asks for what we do not do, so that it counts as not offered
    /// (RFC 4568 section 5.1.2).
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut words = words(value);
        let (tag, suite, key) = (words.next()?, words.next()?, words.next()?);
        // RFC 4568 section 9.1: one to nine digits.
        let tag = number(tag).filter(|_| tag.len() <= 9).and_then(|tag| u32::try_from(tag).ok())?;
        let suite = SUITES.into_iter().find(|known| suite_name(*known).as_bytes() == suite)?;
        if !words.all(is_borne) {
            return None;
        }
        // Several keys need an MKI each (section 6.1), as a single one with MKI does; we have none.
        let mut parts = key.strip_prefix(b"inline:")?.split(|byte| *byte == b'|');
        let material = parts.next()?;
        if !parts.next().is_none_or(is_lifetime) || parts.next().is_some() {
            return None;
        }
        let mut octets = [0; SRTP_MATERIAL_MAX + 2];
        let len = BASE64.decode_slice(material, &mut octets).ok()?;
        let key = SrtpKey::new(suite, octets.get(..len)?)?;
        Some(Self { tag, suite, key })
    }

    /// The lines of one medium that we can use, in their order. Of several with one tag the first counts.
    pub(super) fn of<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Box<[Self]> {
        let mut lines: Vec<Self> = Vec::new();
        for line in values.take(LINES_MAX).flatten().filter_map(Self::parse) {
            if lines.iter().all(|other| other.tag != line.tag) {
                lines.push(line);
            }
        }
        lines.into()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let key = BASE64.encode(self.key.material());
        out.extend(format!("a=crypto:{} {} inline:{key}\r\n", self.tag, suite_name(self.suite)).as_bytes());
    }
}

/// `2^31` or a plain number. RFC 4568 section 6.1: how many packets the key is good for. That is its owner's to keep, who gives another in time.
fn is_lifetime(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"2^").unwrap_or(value);
    number(digits).is_some()
}

/// Whether a session parameter changes nothing for us. RFC 4568 section 6.3: `WSH` is a hint, `KDR=0` the default; `UNENCRYPTED_…`, `UNAUTHENTICATED_SRTP`, `FEC_…`
/// and other rates of derivation are not done. What we do not know is borne only if it begins with `-` (section 6.3.7).
fn is_borne(parameter: &[u8]) -> bool {
    parameter == b"KDR=0" || parameter.starts_with(b"WSH=") || parameter.starts_with(b"-")
}
