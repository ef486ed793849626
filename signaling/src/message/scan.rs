//! The one walk over a message's head. Indexing ([`super::Index`]) and framing ([`super::frame`]) both take it, so that they cannot
//! disagree on where a header field or the message ends.
//!
//! RFC 3261 section 7: lines end in CRLF and in nothing else; a line that begins with white space continues the one before.

use super::{Header, Malformed, lex};
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use core::ops::Range;

/// One header field line, as places in the message.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) header: Header,
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// What the walk found.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// The first line, without its CRLF.
    pub(super) start_line: Range<usize>,
    /// Where the body begins.
    pub(super) end: usize,
    /// Content-Length, if there is one; meaningless with a fault.
    pub(super) length: Option<usize>,
    /// The first fault.
    pub(super) fault: Option<Malformed>,
    /// The first fault that leaves open where the message ends.
    pub(super) uncertain: Option<Malformed>,
}

/// Walks over `bytes`, which begin with a start line, and shows every header field to `see`.
pub(super) fn walk(bytes: &[u8], mut see: impl FnMut(Field)) -> Head {
    let (mut fault, mut uncertain) = (None, None);
    let mut blame = |why| {
        _ = fault.get_or_insert(why);
        if leaves_the_end_open(why) {
            _ = uncertain.get_or_insert(why);
        }
    };
    let mut length = None;
    let mut count = 0;

    let (start_line, mut at) = logical_line(bytes, 0, &mut blame);
    if bytes[start_line.clone()].contains(&b'\r') {
        // RFC 3261 section 7.1: the request line is one line.
        blame(Malformed::StartLine);
    }
    loop {
        match bytes.get(at..) {
            None | Some([]) => {
                blame(Malformed::HeadEnd);
                at = bytes.len();
                break;
            }
            Some([b'\r', b'\n', ..]) => {
                at += 2;
                break;
            }
            Some(_) => {}
        }
        let (line, next) = logical_line(bytes, at, &mut blame);
        at = next;
        count += 1;
        if count == HEADERS_MAX + 1 {
            blame(Malformed::TooManyHeaders);
        }
        let Some(field) = field(bytes, line) else {
            blame(Malformed::HeaderLine);
            continue;
        };
        if field.header == Header::ContentLength {
            // RFC 3261 section 20.14 and RFC 4475 section 3.1.2.3: digits only.
            let declared =
                lex::number(&bytes[field.value.clone()]).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            match (declared, length) {
                (None, _) => blame(Malformed::Value(Header::ContentLength)),
                // RFC 4475 section 3.3.9: nobody knows how long the body is.
                (Some(new), Some(old)) if new != old => blame(Malformed::UnlikeLengths),
                (Some(new), _) => length = Some(new),
            }
        }
        if count <= HEADERS_MAX {
            see(field);
        }
    }
    if at > HEAD_BYTES_MAX {
        blame(Malformed::HeadTooLong);
    }
    Head { start_line, end: at, length, fault, uncertain }
}

/// Whether others could read another length out of a head with this fault: a line that is a header field for them, or two lines
/// where we see one.
const fn leaves_the_end_open(why: Malformed) -> bool {
    matches!(
        why,
        Malformed::LineEnd
            | Malformed::HeaderLine
            | Malformed::HeadEnd
            | Malformed::HeadTooLong
            | Malformed::UnlikeLengths
            | Malformed::Value(Header::ContentLength)
    )
}

/// The line that begins at `start` with its continuations, without the last CRLF; and where the next one begins.
fn logical_line(bytes: &[u8], start: usize, blame: &mut impl FnMut(Malformed)) -> (Range<usize>, usize) {
    let mut at = start;
    loop {
        let Some(found) = memchr::memchr2(b'\r', b'\n', &bytes[at..]) else {
            return (start..bytes.len(), bytes.len());
        };
        let end = at + found;
        match &bytes[end..] {
            [b'\r', b'\n', b' ' | b'\t', ..] => at = end + 2,
            [b'\r', b'\n', ..] => return (start..end, end + 2),
            _ => {
                // A CR or LF alone ends lines for some and not for others; it is refused rather than guessed at.
                blame(Malformed::LineEnd);
                at = end + 1;
            }
        }
    }
}

/// `name HCOLON value`, RFC 3261 section 25.1: white space but no fold may stand before the colon.
fn field(bytes: &[u8], line: Range<usize>) -> Option<Field> {
    let text = &bytes[line.clone()];
    let name_length = text.iter().position(|byte| !lex::is_token(*byte))?;
    let name = &text[..name_length];
    if name.is_empty() {
        return None;
    }
    let mut colon = name_length;
    while matches!(text.get(colon), Some(b' ' | b'\t')) {
        colon += 1;
    }
    if text.get(colon) != Some(&b':') {
        return None;
    }
    let (mut from, mut to) = (colon + 1, text.len());
    while from < to && lex::is_space(text[from]) {
        from += 1;
    }
    while to > from && lex::is_space(text[to - 1]) {
        to -= 1;
    }
    Some(Field {
        header: Header::of(name),
        name: line.start..line.start + name_length,
        value: line.start + from..line.start + to,
    })
}
