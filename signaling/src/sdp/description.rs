//! A session description in lines, and what single lines say.

use super::{Audio, Carriage, Direction, Profile};
use crate::{
    limits::SDP_BYTES_MAX,
    message::{Malformed, number, trim},
};
use core::net::{IpAddr, SocketAddr};

/// `type=value`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
}

impl<'a> Line<'a> {
    /// Name and value of an `a=` line.
    pub(super) fn attribute(&self) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        if self.kind != b'a' {
            return None;
        }
        Some(match memchr::memchr(b':', self.value) {
            Some(colon) => (&self.value[..colon], Some(&self.value[colon + 1..])),
            None => (self.value, None),
        })
    }
}

/// A session description: the session's lines, then each medium's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description<'a> {
    lines: Vec<Line<'a>>,
    /// Where each `m=` line stands.
    media: Vec<usize>,
}

/// Media lines of one description. Real ones have under 5; a description with more is malformed.
const MEDIA_MAX: usize = 32;

/// Lines of one description; one with more is malformed.
const LINES_MAX: usize = 1_024;

/// An `o=` line (RFC 8866 section 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin<'a> {
    /// User name, `-` for none.
    pub username: &'a [u8],
    /// Session identifier, digits.
    pub session_id: &'a [u8],
    /// Version, digits; grows with each change.
    pub version: &'a [u8],
    /// Network type, address type and address.
    pub address: Address<'a>,
}

/// `IN IP4 address`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Address<'a> {
    /// A numeric address.
    Ip(IpAddr),
    /// A name, or another network; as written.
    Other(&'a [u8]),
}

impl<'a> Address<'a> {
    /// Reads `nettype addrtype address`; a multicast TTL is left out.
    fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let mut words = words(value);
        let (Some(network), Some(kind), Some(address), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Malformed::Sdp);
        };
        if network != b"IN" {
            return Ok(Self::Other(address));
        }
        let end = memchr::memchr(b'/', address).unwrap_or(address.len());
        let parsed = core::str::from_utf8(&address[..end]).ok().and_then(|text| text.parse::<IpAddr>().ok());
        // A number of the other family than announced is unusable, a name is only not numeric.
        match (kind, parsed) {
            (b"IP4", Some(IpAddr::V4(_))) | (b"IP6", Some(IpAddr::V6(_))) => parsed.map(Self::Ip).ok_or(Malformed::Sdp),
            (b"IP4" | b"IP6", None) => Ok(Self::Other(address)),
            _ => Err(Malformed::Sdp),
        }
    }

    /// The address if it is a number.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Other(_) => None,
        }
    }
}

/// Words between single or several blanks.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

impl<'a> Description<'a> {
    /// Reads a description. Lines may end in CRLF or LF (RFC 8866 section 5); the last one may lack its end.
    ///
    /// # Errors
    /// [`Malformed::Sdp`]: no `v=0` first, no `o=`, a line that is no `type=value`, an `o=`, `c=` or `m=` line against its grammar,
    /// or more than the limits allow. Lines that RFC 8866 wants but nobody needs, `s=` and `t=`, may be missing.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > SDP_BYTES_MAX {
            return Err(Malformed::Sdp);
        }
        let mut lines = Vec::with_capacity(24);
        let mut media = Vec::new();
        let mut blank = false;
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match line {
                // Blank lines are borne at the end only.
                [] => blank = true,
                _ if blank => return Err(Malformed::Sdp),
                [kind @ b'a'..=b'z', b'=', value @ ..] if memchr::memchr2(b'\r', 0, value).is_none() => {
                    if *kind == b'm' {
                        media.push(lines.len());
                    }
                    lines.push(Line { kind: *kind, value });
                }
                _ => return Err(Malformed::Sdp),
            }
            if lines.len() > LINES_MAX || media.len() > MEDIA_MAX {
                return Err(Malformed::Sdp);
            }
        }
        let description = Self { lines, media };
        // Deviates: RFC 8866 section 5 wants `s=` and `t=`; nobody needs them, and some phones leave them out.
        // RFC 8866 section 5.1.
        if description.lines.first().is_none_or(|line| line.kind != b'v' || trim(line.value) != b"0") {
            return Err(Malformed::Sdp);
        }
        description.origin()?;
        description
            .lines
            .iter()
            .filter(|line| line.kind == b'c')
            .try_for_each(|line| Address::parse(line.value).map(drop))?;
        for section in 0..description.media.len() {
            MediaLine::parse(description.section(section).first().map_or(&[][..], |line| line.value))?;
        }
        Ok(description)
    }

    /// The `o=` line.
    ///
    /// # Errors
    /// Never for a description that was parsed.
    pub fn origin(&self) -> Result<Origin<'a>, Malformed> {
        let line = self.session_lines().iter().find(|line| line.kind == b'o').ok_or(Malformed::Sdp)?;
        let mut words = words(line.value);
        let mut next = || words.next().ok_or(Malformed::Sdp);
        let (username, session_id, version, network) = (next()?, next()?, next()?, next()?);
        if !session_id.iter().chain(version).all(u8::is_ascii_digit) {
            return Err(Malformed::Sdp);
        }
        let address = offset_of(line.value, network).and_then(|at| line.value.get(at..)).ok_or(Malformed::Sdp)?;
        Ok(Origin { username, session_id, version, address: Address::parse(address)? })
    }

    /// The media in order.
    pub fn media(&self) -> impl ExactSizeIterator<Item = Media<'_>> {
        (0..self.media.len()).map(|index| self.medium(index))
    }

    /// The audio stream we serve: the first with RTP over UDP that is not refused (port 0) and can be carried, else the first that is not refused,
    /// else the first at all. Phones that leave the choice offer the same stream twice, with keys and without.
    #[must_use]
    pub fn audio(&self) -> Option<Audio<'_>> {
        let audio = || self.media().filter(Media::is_rtp_audio);
        let open = || audio().filter(|media| media.port() != 0);
        let carried = open().find(|media| Carriage::of(self, media).is_complete());
        carried.or_else(|| open().next()).or_else(|| audio().next()).map(Audio)
    }

    pub(super) fn medium(&self, index: usize) -> Media<'_> {
        let lines = self.section(index);
        let line = lines.first().and_then(|line| MediaLine::parse(line.value).ok()).unwrap_or_default();
        Media { index, line, lines: lines.get(1..).unwrap_or_default(), session: self.session_lines() }
    }

    /// The lines before the first `m=`.
    pub(super) fn session_lines(&self) -> &[Line<'a>] {
        &self.lines[..self.media.first().copied().unwrap_or(self.lines.len())]
    }

    /// The lines of a medium, its `m=` first.
    pub(super) fn section(&self, index: usize) -> &[Line<'a>] {
        let end = self.media.get(index + 1).copied().unwrap_or(self.lines.len());
        self.media.get(index).and_then(|start| self.lines.get(*start..end)).unwrap_or_default()
    }
}

/// Where `inner`, a part of `outer`, begins in it.
fn offset_of(outer: &[u8], inner: &[u8]) -> Option<usize> {
    (inner.as_ptr() as usize).checked_sub(outer.as_ptr() as usize)
}

/// An `m=` line (RFC 8866 section 5.14).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct MediaLine<'a> {
    kind: &'a [u8],
    port: u16,
    proto: &'a [u8],
    formats: &'a [u8],
}

impl<'a> MediaLine<'a> {
    fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = value;
        let mut word = || {
            let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
            let from = &rest[start..];
            let (word, after) = from.split_at(memchr::memchr(b' ', from).unwrap_or(from.len()));
            rest = after;
            if word.is_empty() { Err(Malformed::Sdp) } else { Ok(word) }
        };
        let (kind, port, proto) = (word()?, word()?, word()?);
        let port = &port[..memchr::memchr(b'/', port).unwrap_or(port.len())];
        let port = number(port).and_then(|port| u16::try_from(port).ok()).ok_or(Malformed::Sdp)?;
        let formats = trim(rest);
        if formats.is_empty() { Err(Malformed::Sdp) } else { Ok(Self { kind, port, proto, formats }) }
    }
}

/// One medium of a description.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Media<'a> {
    index: usize,
    line: MediaLine<'a>,
    /// Without the `m=` line.
    lines: &'a [Line<'a>],
    session: &'a [Line<'a>],
}

impl<'a> Media<'a> {
    /// Its place among the media, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// `audio`, `video`, … as written.
    #[must_use]
    pub const fn kind(&self) -> &'a [u8] {
        self.line.kind
    }

    /// The port; 0: refused.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.line.port
    }

    /// `RTP/AVP`, … as written.
    #[must_use]
    pub const fn proto(&self) -> &'a [u8] {
        self.line.proto
    }

    /// The formats as written: payload types for RTP.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.line.formats)
    }

    /// Whether it is audio over RTP, the only kind that is served.
    #[must_use]
    pub fn is_rtp_audio(&self) -> bool {
        self.kind() == b"audio" && Profile::named(self.proto()).is_some()
    }

    /// The values of the attributes of that name on this medium; those of the session if it has none.
    pub(super) fn inherited<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let of = |lines: &'a [Line<'a>]| {
            lines.iter().filter_map(Line::attribute).filter(move |(written, _)| *written == name)
        };
        let lines = if of(self.lines).next().is_some() { self.lines } else { self.session };
        of(lines).filter_map(|(_, value)| value)
    }

    /// The attributes of that name on this medium: their values.
    pub fn attributes<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a, 'n> {
        self.lines
            .iter()
            .filter_map(Line::attribute)
            .filter(move |(written, _)| *written == name)
            .map(|(_, value)| value)
    }

    /// The value of the first attribute of that name on this medium.
    #[must_use]
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes(name).next().flatten()
    }

    /// The address of this medium, else of the session.
    #[must_use]
    pub fn connection(&self) -> Option<Address<'a>> {
        let line = self.lines.iter().chain(self.session).find(|line| line.kind == b'c')?;
        Address::parse(line.value).ok()
    }

    /// The direction as said on this medium, else on the session, else both ways.
    #[must_use]
    pub fn direction(&self) -> Direction {
        let said =
            |lines: &[Line<'_>]| lines.iter().filter_map(Line::attribute).find_map(|(name, _)| Direction::named(name));
        said(self.lines).or_else(|| said(self.session)).unwrap_or_default()
    }

    /// Where RTP goes; `None` for port 0, an unspecified address (RFC 3264 section 8.4) and names.
    #[must_use]
    pub fn remote_rtp(&self) -> Option<SocketAddr> {
        let address = self.connection()?.ip().filter(|address| !address.is_unspecified())?;
        (self.port() != 0).then(|| SocketAddr::new(address, self.port()))
    }

    /// Where RTCP goes: with RTP when multiplexed (RFC 5761), as `a=rtcp` says (RFC 3605), else the port after RTP's.
    #[must_use]
    pub fn remote_rtcp(&self) -> Option<SocketAddr> {
        let rtp = self.remote_rtp()?;
        if self.rtcp_mux() {
            return Some(rtp);
        }
        let next = || rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
        let Some(value) = self.attribute(b"rtcp") else { return next() };
        let (port, address) = value.split_at(memchr::memchr(b' ', value).unwrap_or(value.len()));
        let Some(port) = number(trim(port)).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0) else {
            return next();
        };
        let address = match trim(address) {
            [] => rtp.ip(),
            address => Address::parse(address).ok().and_then(|address| address.ip()).unwrap_or(rtp.ip()),
        };
        Some(SocketAddr::new(address, port))
    }

    /// RTP and RTCP share the port.
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        self.attributes(b"rtcp-mux").next().is_some()
    }

    /// Packet time in milliseconds.
    #[must_use]
    pub fn ptime_ms(&self) -> Option<u16> {
        number(trim(self.attribute(b"ptime")?)).and_then(|ptime| u16::try_from(ptime).ok())
    }

    /// The longest packet in milliseconds.
    #[must_use]
    pub fn maxptime_ms(&self) -> Option<u16> {
        number(trim(self.attribute(b"maxptime")?)).and_then(|ptime| u16::try_from(ptime).ok())
    }

    /// The value of `a=rtpmap` for that payload type: `encoding/clock[/channels]`.
    #[must_use]
    pub fn rtpmap(&self, payload_type: u8) -> Option<&'a [u8]> {
        self.of_payload_type(b"rtpmap", payload_type)
    }

    /// The value of `a=fmtp` for that payload type.
    #[must_use]
    pub fn fmtp(&self, payload_type: u8) -> Option<&'a [u8]> {
        self.of_payload_type(b"fmtp", payload_type)
    }

    fn of_payload_type(&self, name: &[u8], payload_type: u8) -> Option<&'a [u8]> {
        self.attributes(name).flatten().find_map(|value| {
            let value = trim(value);
            let (number_part, rest) = value.split_at(memchr::memchr(b' ', value)?);
            (number(number_part) == Some(payload_type.into())).then(|| trim(rest))
        })
    }
}
