//! SRTP and SRTCP in place: RFC 3711, RFC 6188 (AES-256), RFC 7714 (AES-GCM), with the suites of RFC 4568.
//!
//! Each direction has a context of its own. Nothing allocates once it is made. Deliberately ignorant of where keys come from and of
//! addresses. No MKI, no key derivation rate: the descriptions we make offer neither.

mod cipher;
mod derive;
mod inbound;
mod mac;
mod outbound;
mod replay;

#[cfg(test)]
mod tests;

pub use inbound::Inbound;
pub use outbound::Outbound;

use cipher::{CounterMode, Gcm};
use contract::{SrtpKey, SrtpSuite};
use derive::{Label, Master};
use mac::{Mac, TAG_MAX};

/// Octets by which a protected packet is longer at most: SRTCP with AES-GCM, a tag of 16 and an index of 4.
pub const OVERHEAD_MAX: usize = 20;

/// Octets of RTCP that stay in clear: the first packet's header and SSRC. RFC 3711 section 3.4.
const RTCP_CLEAR: usize = 8;

/// Octets of the E flag and the SRTCP index.
const INDEX_BYTES: usize = 4;

/// The E flag: the compound is encrypted. RFC 3711 section 3.4.
const ENCRYPTED: u32 = 1 << 31;

/// Why a packet is not passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// Too short for what it should hold, or no RTP or RTCP.
    Malformed,
    /// Its number was seen already or is too old to know. RFC 3711 section 3.3.2.
    Replayed,
    /// Its tag is wrong: other keys, no protection at all, or changed on its way.
    NotAuthentic,
    /// No room behind it for tag and index.
    NoRoom,
    /// All numbers of its key are used up. RFC 3711 section 9.2.
    Spent,
}

/// Session keys of RTP or of RTCP, and what is done with them.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "read for each packet, and there are four to a protected leg")]
enum Transform {
    /// AES in counter mode with HMAC-SHA1. `tag`: octets of it that are sent.
    Counter { cipher: CounterMode, mac: Mac, tag: usize },
    /// AES-GCM.
    Gcm(Gcm),
}

/// Whether session keys are for RTP or for RTCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Rtp,
    Rtcp,
}

impl Transform {
    fn new(suite: SrtpSuite, key: &SrtpKey, kind: Kind) -> Option<Self> {
        let master = Master::new(suite, key)?;
        let (encryption, authentication, salting) = match kind {
            Kind::Rtp => (Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            Kind::Rtcp => (Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        };
        let key = master.derive::<32>(encryption);
        let key = key.get(..suite.key_len())?;
        let tag = match suite {
            SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm => {
                return Gcm::new(key, &master.derive(salting)).map(Self::Gcm);
            }
            // RFC 4568 section 6.2.2: the short tag is for RTP only.
            SrtpSuite::AesCm128Sha1_32 | SrtpSuite::AesCm256Sha1_32 if kind == Kind::Rtp => 4,
            SrtpSuite::AesCm128Sha1_80
            | SrtpSuite::AesCm128Sha1_32
            | SrtpSuite::AesCm256Sha1_80
            | SrtpSuite::AesCm256Sha1_32 => TAG_MAX,
        };
        let cipher = CounterMode::new(key, &master.derive(salting))?;
        Some(Self::Counter { cipher, mac: Mac::new(&master.derive::<20>(authentication)), tag })
    }

    /// Octets of the tag.
    const fn tag(&self) -> usize {
        match self {
            Self::Counter { tag, .. } => *tag,
            Self::Gcm(_) => cipher::GCM_TAG,
        }
    }
}

/// Octets of an RTP header that stay in clear, with CSRCs and extension; `None`: it is longer than the packet, or none.
fn clear_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut len = 12 + 4 * usize::from(first & 0x0f);
    // RFC 3550 section 5.3.1: the extension's length counts 32-bit words after its own four octets.
    if first & 0x10 != 0 {
        let words = packet.get(len + 2..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (len <= packet.len()).then_some(len)
}

/// Sequence number and SSRC of a packet with a header.
fn names(packet: &[u8]) -> Option<(u16, u32)> {
    let [_, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = *packet.first_chunk::<12>()?;
    Some((u16::from_be_bytes([s0, s1]), u32::from_be_bytes([c0, c1, c2, c3])))
}

/// The sender's SSRC of an RTCP compound.
fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let [first, _, _, _, ssrc @ ..] = *packet.first_chunk::<RTCP_CLEAR>()?;
    (first >> 6 == 2).then(|| u32::from_be_bytes(ssrc))
}
