//! URIs: `sip` and `sips` (RFC 3261 section 19.1), `tel` (RFC 3966), and every other scheme as opaque bytes.

use super::{Malformed, lex};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

/// What kind of URI it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// `sip`.
    Sip,
    /// `sips`.
    Sips,
    /// `tel`.
    Tel,
    /// Anything else; its content is not read.
    Other,
}

/// A host as written in a URI or a Via.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Host<'a> {
    /// A name: letters, digits, `-`, `.`, `_`.
    Name(&'a str),
    /// A numeric address.
    Ip(IpAddr),
}

impl<'a> Host<'a> {
    /// Reads a host; IPv6 only in brackets.
    ///
    /// # Errors
    /// [`Malformed::Host`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = core::str::from_utf8(bytes).map_err(|_| Malformed::Host)?;
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Malformed::Host)?;
            return ipv6(inner).map(|address| Self::Ip(address.into())).ok_or(Malformed::Host);
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(address.into()));
        }
        // Deviates: RFC 3261 section 25.1 has no underscore in host names; many networks have.
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !text.is_empty() && text.bytes().all(belongs) { Ok(Self::Name(text)) } else { Err(Malformed::Host) }
    }

    /// The address, if it is numeric.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name(_) => None,
        }
    }

    /// Equal as hosts are: names without regard to case, addresses by value.
    #[must_use]
    pub fn same(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Self::Name(one), Host::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::Ip(one), Host::Ip(two)) => one == two,
            (Self::Name(_), Host::Ip(_)) | (Self::Ip(_), Host::Name(_)) => false,
        }
    }
}

impl core::fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// An IPv6 address without brackets. RFC 5118 section 4.10: the grammar of RFC 3261 allowed three colons; they are read as two.
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let at = text.find(":::")?;
    // The longest address is 45 characters.
    let mut mended = [0; 45];
    let mended = mended.get_mut(..text.len() - 1)?;
    let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
    mended[..at].copy_from_slice(before.as_bytes());
    mended[at..].copy_from_slice(after.as_bytes());
    core::str::from_utf8(mended).ok()?.parse().ok()
}

/// `host [ ":" port ]`.
fn host_port(bytes: &[u8]) -> Result<(&[u8], Option<u16>), Malformed> {
    let host_end = match bytes.first() {
        Some(b'[') => memchr::memchr(b']', bytes).ok_or(Malformed::Host)? + 1,
        _ => memchr::memchr(b':', bytes).unwrap_or(bytes.len()),
    };
    let (host, rest) = bytes.split_at(host_end);
    match rest {
        [] => Ok((host, None)),
        [b':', digits @ ..] => {
            let port = lex::number(digits).and_then(|port| u16::try_from(port).ok()).ok_or(Malformed::Host)?;
            Ok((host, Some(port)))
        }
        _ => Err(Malformed::Host),
    }
}

/// Octets of the user part with its password: unreserved, user-unreserved, `:`.
// Deviates: RFC 3261 section 25.1 wants `#` escaped; phones send it as it is in feature codes.
static USER: [bool; 256] = lex::octets(b"-_.!~*'()&=+$,;?/:%#");

/// Octets after the host: those of parameters and headers.
// Deviates: RFC 3261 section 25.1 wants `,`, `@` and `#` escaped there; they mean nothing else after the host.
static TAIL: [bool; 256] = lex::octets(b"-_.!~*'()[]/:&+$=;?%,@#");

/// A URI, checked, still as written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Uri<'a> {
    raw: &'a [u8],
    scheme: Scheme,
    user: Option<&'a [u8]>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    params: &'a [u8],
    headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI without anything around it.
    ///
    /// # Errors
    /// [`Malformed::Uri`] or [`Malformed::Host`].
    pub fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let colon = memchr::memchr(b':', raw).ok_or(Malformed::Uri)?;
        let (name, rest) = (&raw[..colon], &raw[colon + 1..]);
        let scheme = match name {
            _ if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            _ if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            _ if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
            // RFC 3986 section 3.1.
            [first, others @ ..]
                if first.is_ascii_alphabetic()
                    && others.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) =>
            {
                Scheme::Other
            }
            _ => return Err(Malformed::Uri),
        };
        if rest.is_empty() {
            return Err(Malformed::Uri);
        }
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(raw, scheme, rest),
            Scheme::Tel | Scheme::Other => Self::parse_opaque(raw, scheme, rest),
        }
    }

    fn parse_sip(raw: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Result<Self, Malformed> {
        let (user, rest) = match memchr::memchr(b'@', rest) {
            Some(0) => return Err(Malformed::Uri),
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        if user.is_some_and(|user| !written_in(user, &USER)) {
            return Err(Malformed::Uri);
        }
        let end = rest.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(rest.len());
        let (host, tail) = rest.split_at(end);
        let (host, port) = host_port(host)?;
        if !written_in(tail, &TAIL) {
            return Err(Malformed::Uri);
        }
        let question = memchr::memchr(b'?', tail).unwrap_or(tail.len());
        let (params, headers) = tail.split_at(question);
        Ok(Self { raw, scheme, user, host: Some(Host::parse(host)?), port, params, headers })
    }

    fn parse_opaque(raw: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Result<Self, Malformed> {
        if !rest.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"')) {
            return Err(Malformed::Uri);
        }
        let (user, params) = match scheme {
            Scheme::Tel => rest.split_at(memchr::memchr(b';', rest).unwrap_or(rest.len())),
            Scheme::Sip | Scheme::Sips | Scheme::Other => (rest, &rest[..0]),
        };
        let user = (scheme == Scheme::Tel).then_some(user);
        Ok(Self { raw, scheme, user, host: None, port: None, params, headers: &rest[..0] })
    }

    /// As written.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// As text; a URI that was parsed is ASCII.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        core::str::from_utf8(self.raw).unwrap_or_default()
    }

    /// What kind it is.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user part as written, without password; of a `tel` URI the number.
    #[must_use]
    pub fn user(&self) -> Option<&'a [u8]> {
        let user = self.user?;
        let end = if self.scheme == Scheme::Tel { None } else { memchr::memchr(b':', user) };
        Some(&user[..end.unwrap_or(user.len())])
    }

    /// The user part with its escapes undone (RFC 3261 section 19.1.2); octets that are no UTF-8 are replaced.
    #[must_use]
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user().map(unescape)
    }

    /// The host; `None` for schemes without.
    #[must_use]
    pub const fn host(&self) -> Option<Host<'a>> {
        self.host
    }

    /// The port, if written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// All parameters, in order, as written.
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        pairs(self.params, b';')
    }

    /// The value of that parameter (name in any case); the outer `None`: not there, the inner: it has no value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.params().find(|(written, _)| same_unescaped(written, name.as_bytes(), true)).map(|(_, value)| value)
    }

    /// All headers (after `?`), in order, as written.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        pairs(self.headers.get(1..).unwrap_or_default(), b'&')
    }

    /// Whether it has headers (after `?`).
    #[must_use]
    pub const fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// The URI up to its parameters: scheme, user, host, port.
    #[must_use]
    pub fn without_params(&self) -> &'a [u8] {
        &self.raw[..self.raw.len() - self.params.len() - self.headers.len()]
    }
}

/// Whether two URIs are equal by RFC 3261 section 19.1.4; other schemes than `sip` and `sips` byte by byte, `tel` without regard to
/// visual separators.
#[must_use]
pub fn equivalent(one: &Uri<'_>, two: &Uri<'_>) -> bool {
    if one.raw == two.raw {
        return true;
    }
    if one.scheme != two.scheme {
        return false;
    }
    match one.scheme {
        Scheme::Other => false,
        Scheme::Tel => {
            let digits = |uri: &Uri<'_>| -> Vec<u8> {
                let separator = |byte: &u8| matches!(byte, b'-' | b'.' | b'(' | b')');
                uri.user
                    .unwrap_or_default()
                    .iter()
                    .filter(|byte| !separator(byte))
                    .map(u8::to_ascii_lowercase)
                    .collect()
            };
            digits(one) == digits(two) && one.params.eq_ignore_ascii_case(two.params)
        }
        Scheme::Sip | Scheme::Sips => {
            let users = match (one.user, two.user) {
                (None, None) => true,
                (Some(one), Some(two)) => same_unescaped(one, two, false),
                (None, Some(_)) | (Some(_), None) => false,
            };
            let hosts = one.host.zip(two.host).is_some_and(|(one, two)| one.same(&two));
            // "A URI omitting any component with a default value will not match a URI explicitly containing that component".
            users
                && hosts
                && one.port == two.port
                && params_agree(one, two)
                && params_agree(two, one)
                && headers_agree(one, two)
        }
    }
}

/// Parameters that count even when only one of the URIs has them.
const DECISIVE: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];

fn params_agree(one: &Uri<'_>, two: &Uri<'_>) -> bool {
    one.params().all(|(name, value)| match two.params().find(|(other, _)| same_unescaped(name, other, true)) {
        Some((_, other)) => same_unescaped(value.unwrap_or_default(), other.unwrap_or_default(), true),
        None => !DECISIVE.iter().any(|decisive| same_unescaped(name, decisive, true)),
    })
}

fn headers_agree(one: &Uri<'_>, two: &Uri<'_>) -> bool {
    let all_in = |one: &Uri<'_>, two: &Uri<'_>| {
        one.headers().all(|(name, value)| {
            two.headers().any(|(other_name, other)| {
                same_unescaped(name, other_name, true)
                    && same_unescaped(value.unwrap_or_default(), other.unwrap_or_default(), false)
            })
        })
    };
    one.headers().count() == two.headers().count() && all_in(one, two) && all_in(two, one)
}

/// Octets with escapes undone.
fn unescaped(bytes: &[u8]) -> impl Iterator<Item = u8> + Clone {
    let mut at = 0;
    core::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        at += 1;
        if byte == b'%'
            && let Some([high, low]) = bytes.get(at..at + 2)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            at += 2;
            return Some(high << 4 | low);
        }
        Some(byte)
    })
}

fn same_unescaped(one: &[u8], two: &[u8], any_case: bool) -> bool {
    let fold = move |byte: u8| if any_case { byte.to_ascii_lowercase() } else { byte };
    unescaped(one).map(fold).eq(unescaped(two).map(fold))
}

pub(super) fn unescape(bytes: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'%', bytes).is_none() {
        return String::from_utf8_lossy(bytes);
    }
    let octets: Vec<u8> = unescaped(bytes).collect();
    Cow::Owned(String::from_utf8_lossy(&octets).into_owned())
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Only octets of the set, and every `%` begins an escape.
fn written_in(bytes: &[u8], set: &[bool; 256]) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| {
        set[usize::from(*byte)]
            && (*byte != b'%'
                || matches!(bytes.get(at + 1..at + 3), Some([high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
    })
}

fn pairs(bytes: &[u8], separator: u8) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    bytes.split(move |byte| *byte == separator).filter(|pair| !pair.is_empty()).map(|pair| {
        match memchr::memchr(b'=', pair) {
            Some(equals) => (&pair[..equals], Some(&pair[equals + 1..])),
            None => (pair, None),
        }
    })
}
