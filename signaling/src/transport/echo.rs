//! What an answer repeats from its request: RFC 3261 section 8.2.6.2. Taken once, so that answering later needs no request.

use super::via;
use crate::message::{Header, Message, Via, Writer, reason};
use bytes::Bytes;
use core::net::SocketAddr;

/// Header lines for the answers of one request: Via, From, To, Call-ID, CSeq, and Record-Route after them.
#[derive(Debug)]
pub(crate) struct Echo {
    lines: Box<[u8]>,
    /// Where a To tag is to be put; `None` when To has one or cannot be read.
    tag_at: Option<u32>,
    record_route_at: u32,
    /// The To tag if nobody gives another.
    tag: u64,
}

/// What an answer says beyond its [`Echo`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) status: u16,
    pub(crate) reason: Option<&'a str>,
    pub(crate) to_tag: Option<&'a str>,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<(&'a str, &'a [u8])>,
    pub(crate) record_route: bool,
}

impl Echo {
    /// Takes what there is; of a broken request that may be little. `None` without a topmost Via that can be read, since then no answer would find
    /// its way (RFC 3261 section 18.2.2).
    pub(crate) fn take(request: &Message<'_>, source: SocketAddr, tag: u64) -> Option<(Self, u16)> {
        let value = request.values(Header::Via).next()?;
        let has_no_tag = request.to().is_ok_and(|to| to.tag().is_none());
        Self::from_parts(request, (value, request.top_via().ok()?), has_no_tag, source, tag)
    }

    /// As [`Echo::take`], with what was read before: the topmost Via as written and as read, and whether To can take a tag. Also returns the port
    /// that answers go to.
    pub(crate) fn from_parts(
        request: &Message<'_>,
        (value, top): (&[u8], Via<'_>),
        has_no_tag: bool,
        source: SocketAddr,
        tag: u64,
    ) -> Option<(Self, u16)> {
        let mut lines = Writer::lines();
        let mut stamped = Vec::with_capacity(192);
        let mut values = request.values(Header::Via);
        values.next();
        via::stamp(value, &top, source, &mut stamped);
        lines.line(Header::Via.name().as_bytes(), &stamped);
        for value in values {
            lines.header(Header::Via, value);
        }
        if let Some(value) = request.header(Header::From) {
            lines.header(Header::From, value);
        }
        let mut tag_at = None;
        if let Some(value) = request.header(Header::To) {
            lines.header(Header::To, value);
            if has_no_tag {
                // Before the line end just written.
                tag_at = u32::try_from(lines.written().len() - 2).ok();
            }
        }
        for name in [Header::CallId, Header::CSeq] {
            if let Some(value) = request.header(name) {
                lines.header(name, value);
            }
        }
        let record_route_at = u32::try_from(lines.written().len()).ok()?;
        for value in request.headers(Header::RecordRoute) {
            lines.header(Header::RecordRoute, value);
        }
        let echo = Self { lines: lines.written().into(), tag_at, record_route_at, tag };
        Some((echo, via::reply_port(&top, source)))
    }

    /// Writes an answer.
    pub(crate) fn answer(&self, said: &Said<'_>) -> Bytes {
        let mut writer = Writer::response(said.status, said.reason.unwrap_or_else(|| reason(said.status)));
        let (common, record_route) = self.lines.split_at(self.record_route_at as usize);
        match self.tag_at {
            // RFC 3261 section 8.2.6.2: a tag in every answer but 100.
            Some(at) if said.status > 100 => {
                let (before, after) = common.split_at(at as usize);
                writer.append(before).append(b";tag=");
                match said.to_tag {
                    Some(tag) => writer.append(tag.as_bytes()),
                    None => writer.append(&hex(self.tag)),
                };
                writer.append(after);
            }
            _ => {
                writer.append(common);
            }
        }
        if said.record_route {
            writer.append(record_route);
        }
        for (name, value) in said.headers {
            writer.header(*name, value);
        }
        writer.finish(said.body)
    }
}

/// 16 lower-case hexadecimal digits.
pub(crate) fn hex(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    core::array::from_fn(|at| DIGITS[(number >> (60 - 4 * at) & 15) as usize])
}
