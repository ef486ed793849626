//! STUN messages in place, as far as connectivity checks use them: RFC 8489, RFC 8445 section 16.
//!
//! Reading points into the datagram and allocates nothing; writing fills a buffer of the caller. Deliberately ignorant of who sent what and
//! of which credentials are right.

use super::crc::crc32;
use core::net::{IpAddr, SocketAddr};
use ring::hmac;
use subtle::ConstantTimeEq;

/// Octets of a message before its attributes. RFC 8489 section 5.
const HEADER: usize = 20;

/// RFC 8489 section 5.
const COOKIE: u32 = 0x2112_a442;

/// By which a FINGERPRINT differs from the check sum. RFC 8489 section 14.7.
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// Octets of the longest answer: every attribute we write, the address an IPv6 one, all kinds of unknown attributes named.
pub const ANSWER_BYTES_MAX: usize = 128;

/// Kinds of unknown attributes that are named in an answer; of further ones nothing is said.
const UNKNOWN_MAX: usize = 8;

mod attribute {
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN: u16 = 0x000a;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const CONTROLLED: u16 = 0x8029;
}

/// What a message is for, of those that are of interest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A check that wants an answer.
    Request,
    /// A sign of life that wants none. RFC 8445 section 11.
    Indication,
    /// The answer to a request that was understood.
    Success,
    /// The answer to one that was not.
    Error,
}

/// A binding message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    kind: Kind,
    bytes: &'m [u8],
    username: Option<&'m [u8]>,
    use_candidate: bool,
    controlled: bool,
    /// Where MESSAGE-INTEGRITY begins, and what it says.
    integrity: Option<(usize, &'m [u8; 20])>,
    fingerprint: bool,
    unknown: [u16; UNKNOWN_MAX],
    unknown_count: usize,
    mapped: Option<SocketAddr>,
}

impl<'m> Message<'m> {
    /// Reads a datagram. `None`: it is no whole message of the method Binding, or its check sum is wrong.
    #[must_use]
    pub fn parse(bytes: &'m [u8]) -> Option<Self> {
        let [t0, t1, l0, l1, c0, c1, c2, c3, ..] = *bytes.first_chunk::<HEADER>()?;
        if u32::from_be_bytes([c0, c1, c2, c3]) != COOKIE
            || usize::from(u16::from_be_bytes([l0, l1])) + HEADER != bytes.len()
        {
            return None;
        }
        // RFC 8489 section 5: the bits of class and method are mixed. Method 1 is Binding.
        let kind = match u16::from_be_bytes([t0, t1]) {
            0x0001 => Kind::Request,
            0x0011 => Kind::Indication,
            0x0101 => Kind::Success,
            0x0111 => Kind::Error,
            _ => return None,
        };
        let mut message = Self {
            kind,
            bytes,
            username: None,
            use_candidate: false,
            controlled: false,
            integrity: None,
            fingerprint: false,
            unknown: [0; UNKNOWN_MAX],
            unknown_count: 0,
            mapped: None,
        };
        let mut at = HEADER;
        while at < bytes.len() {
            let [k0, k1, n0, n1] = *bytes.get(at..)?.first_chunk::<4>()?;
            let (kind, length) = (u16::from_be_bytes([k0, k1]), usize::from(u16::from_be_bytes([n0, n1])));
            let value = bytes.get(at + 4..at + 4 + length)?;
            if !message.take(kind, value, at)? {
                break;
            }
            at += 4 + length.next_multiple_of(4);
        }
        Some(message)
    }

    /// Takes an attribute that begins at `at`. Returns whether more may follow; `None`: it is broken.
    fn take(&mut self, kind: u16, value: &'m [u8], at: usize) -> Option<bool> {
        if kind == attribute::FINGERPRINT {
            // RFC 8489 section 14.7: the last attribute, of four octets.
            let sum = u32::from_be_bytes(*value.first_chunk()?);
            let last = at + 8 == self.bytes.len() && value.len() == 4;
            self.fingerprint = last && sum ^ FINGERPRINT_MASK == crc32(self.bytes.get(..at)?);
            return self.fingerprint.then_some(false);
        }
        // RFC 8489 section 14.5: what follows MESSAGE-INTEGRITY, but FINGERPRINT, is ignored.
        if self.integrity.is_some() {
            return Some(true);
        }
        match kind {
            attribute::USERNAME => self.username = self.username.or(Some(value)),
            attribute::INTEGRITY => self.integrity = Some((at, value.try_into().ok()?)),
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::CONTROLLED => self.controlled = true,
            attribute::XOR_MAPPED_ADDRESS => self.mapped = unmap(value, self.bytes),
            attribute::PRIORITY | attribute::ERROR_CODE | attribute::UNKNOWN => {}
            // RFC 8489 section 14: who does not understand one of the lower half must not go on as if nothing were.
            0..=0x7fff => {
                if let Some(slot) = self.unknown.get_mut(self.unknown_count) {
                    *slot = kind;
                    self.unknown_count += 1;
                }
            }
            0x8000.. => {}
        }
        Some(true)
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its USERNAME.
    #[must_use]
    pub const fn username(&self) -> Option<&'m [u8]> {
        self.username
    }

    /// It has a FINGERPRINT, which is right.
    #[must_use]
    pub const fn has_fingerprint(&self) -> bool {
        self.fingerprint
    }

    /// Its sender nominates the pair. RFC 8445 section 7.1.2.
    #[must_use]
    pub const fn nominates(&self) -> bool {
        self.use_candidate
    }

    /// Its sender takes itself for the controlled side.
    #[must_use]
    pub const fn is_controlled(&self) -> bool {
        self.controlled
    }

    /// The attributes that must be understood and are not.
    #[must_use]
    pub fn unknown(&self) -> &[u16] {
        self.unknown.get(..self.unknown_count).unwrap_or_default()
    }

    /// What names the transaction. RFC 8489 section 5.
    #[must_use]
    pub fn transaction(&self) -> [u8; 12] {
        self.bytes.get(8..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
    }

    /// The address in an answer.
    #[must_use]
    pub const fn mapped(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// Whether it was made with `key` and is unchanged. RFC 8489 section 14.5.
    #[must_use]
    pub fn is_authentic(&self, key: &hmac::Key) -> bool {
        let Some((at, tag)) = self.integrity else { return false };
        let Some(covered) = self.bytes.get(..at) else { return false };
        bool::from(integrity(key, covered).as_ref().ct_eq(tag))
    }
}

/// The HMAC of a message whose MESSAGE-INTEGRITY follows `covered`: its length counts as if the message ended with it.
fn integrity(key: &hmac::Key, covered: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    let length = (covered.len() + 24).saturating_sub(HEADER) as u16;
    context.update(covered.get(..2).unwrap_or_default());
    context.update(&length.to_be_bytes());
    context.update(covered.get(4..).unwrap_or_default());
    context.sign()
}

/// The key of short-term credentials: the password as it is. RFC 8489 section 9.1.1; ICE's characters need no preparation.
#[must_use]
pub fn key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}

/// RFC 8489 section 14.2.
fn unmap(value: &[u8], message: &[u8]) -> Option<SocketAddr> {
    let [_, family, p0, p1] = *value.first_chunk::<4>()?;
    let port = u16::from_be_bytes([p0, p1]) ^ (COOKIE >> 16) as u16;
    let mask = *message.get(4..)?.first_chunk::<16>()?;
    let address = value.get(4..)?;
    let ip = match family {
        1 => {
            let mut octets = *address.first_chunk::<4>()?;
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            IpAddr::from(octets)
        }
        2 => {
            let mut octets = *address.first_chunk::<16>()?;
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            IpAddr::from(octets)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes a message into a buffer; what does not fit is left out, and [`Writer::finish`] says so.
#[derive(Debug)]
pub struct Writer<'b> {
    bytes: &'b mut [u8],
    len: usize,
    whole: bool,
}

impl<'b> Writer<'b> {
    /// A message without attributes.
    #[must_use]
    pub fn new(bytes: &'b mut [u8], kind: Kind, transaction: &[u8; 12]) -> Self {
        let mut writer = Self { bytes, len: 0, whole: true };
        let kind: u16 = match kind {
            Kind::Request => 0x0001,
            Kind::Indication => 0x0011,
            Kind::Success => 0x0101,
            Kind::Error => 0x0111,
        };
        writer.put(&kind.to_be_bytes());
        writer.put(&[0, 0]);
        writer.put(&COOKIE.to_be_bytes());
        writer.put(transaction);
        writer
    }

    fn put(&mut self, octets: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + octets.len()) {
            Some(room) => {
                room.copy_from_slice(octets);
                self.len += octets.len();
            }
            None => self.whole = false,
        }
    }

    /// Appends an attribute of any kind.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.put(&kind.to_be_bytes());
        self.put(&(value.len() as u16).to_be_bytes());
        self.put(value);
        self.put(&[0; 3][..value.len().next_multiple_of(4) - value.len()]);
    }

    /// From where the request came. RFC 8489 section 14.2.
    pub fn mapped(&mut self, address: SocketAddr) {
        let mask: [u8; 16] = self.bytes.get(4..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&(address.port() ^ (COOKIE >> 16) as u16).to_be_bytes());
        let len = match address.ip() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..].copy_from_slice(&ip.octets());
                20
            }
        };
        value[4..].iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        self.attribute(attribute::XOR_MAPPED_ADDRESS, &value[..len]);
    }

    /// Why the request is refused, without words. RFC 8489 section 14.8.
    pub fn error(&mut self, code: u16) {
        self.attribute(attribute::ERROR_CODE, &[0, 0, (code / 100) as u8, (code % 100) as u8]);
    }

    /// What was not understood. RFC 8489 section 14.9.
    pub fn unknown(&mut self, kinds: &[u16]) {
        let mut value = [0; 2 * UNKNOWN_MAX];
        let mut len = 0;
        for (room, kind) in value.as_chunks_mut::<2>().0.iter_mut().zip(kinds) {
            *room = kind.to_be_bytes();
            len += 2;
        }
        self.attribute(attribute::UNKNOWN, &value[..len]);
    }

    /// Signs it with `key`, adds its check sum, and says how long it is; `None`: it did not fit.
    #[must_use]
    pub fn finish(mut self, key: &hmac::Key) -> Option<usize> {
        let tag = integrity(key, self.bytes.get(..self.len)?);
        self.attribute(attribute::INTEGRITY, tag.as_ref());
        let length = ((self.len + 8).checked_sub(HEADER)? as u16).to_be_bytes();
        self.bytes.get_mut(2..4)?.copy_from_slice(&length);
        let sum = crc32(self.bytes.get(..self.len)?) ^ FINGERPRINT_MASK;
        self.attribute(attribute::FINGERPRINT, &sum.to_be_bytes());
        self.whole.then_some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.1, sample request.
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae8022001053\
        54554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
        000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";

    /// RFC 5769 section 2.2, sample IPv4 response.
    const RESPONSE: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b74\
        65737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7802800\
        04c07d4c96";

    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    fn octets(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("hex"))
            .collect()
    }

    #[test]
    fn the_sample_request_of_rfc_5769_is_read() {
        let bytes = octets(REQUEST);
        let message = Message::parse(&bytes).expect("a message");
        assert_eq!((message.kind(), message.username()), (Kind::Request, Some(&b"evtj:h6vY"[..])));
        assert!(message.has_fingerprint() && message.is_controlled() && !message.nominates());
        assert!(message.is_authentic(&key(PASSWORD)));
        assert!(!message.is_authentic(&key("another")));
        assert_eq!(message.unknown(), []);
    }

    #[test]
    fn the_sample_response_of_rfc_5769_is_read() {
        let bytes = octets(RESPONSE);
        let message = Message::parse(&bytes).expect("a message");
        assert_eq!(message.kind(), Kind::Success);
        assert!(message.is_authentic(&key(PASSWORD)));
        assert_eq!(message.mapped(), Some("192.0.2.1:32853".parse().expect("an address")));
    }

    #[test]
    fn every_octet_changed_is_noticed() {
        let whole = octets(REQUEST);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let noticed = Message::parse(&bytes)
                    .is_none_or(|message| !message.has_fingerprint() || !message.is_authentic(&key(PASSWORD)));
                assert!(noticed, "octet {at}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for address in ["192.0.2.7:1", "[2001:db8::9]:65535"] {
            let address: SocketAddr = address.parse().expect("an address");
            let mut bytes = [0; ANSWER_BYTES_MAX];
            let mut writer = Writer::new(&mut bytes, Kind::Error, &[7; 12]);
            writer.error(420);
            writer.unknown(&[1, 2, 3, 4, 5, 6, 7, 8]);
            writer.mapped(address);
            let len = writer.finish(&key(PASSWORD)).expect("it fits");
            let message = Message::parse(&bytes[..len]).expect("a message");
            assert_eq!((message.kind(), message.transaction()), (Kind::Error, [7; 12]));
            assert_eq!(message.mapped(), Some(address));
            assert!(message.has_fingerprint() && message.is_authentic(&key(PASSWORD)));
        }
    }

    #[test]
    fn what_does_not_fit_is_not_sent() {
        let mut bytes = [0; 30];
        let mut writer = Writer::new(&mut bytes, Kind::Success, &[7; 12]);
        writer.mapped("192.0.2.7:1".parse().expect("an address"));
        assert_eq!(writer.finish(&key(PASSWORD)), None);
    }

    #[test]
    fn attributes_that_must_be_understood_are_named() {
        let mut bytes = [0; ANSWER_BYTES_MAX];
        let mut writer = Writer::new(&mut bytes, Kind::Request, &[7; 12]);
        writer.attribute(0x7000, &[1]);
        writer.attribute(0xc057, &[1, 2, 3, 4]);
        let len = writer.finish(&key(PASSWORD)).expect("it fits");
        assert_eq!(Message::parse(&bytes[..len]).expect("a message").unknown(), [0x7000]);
    }
}
