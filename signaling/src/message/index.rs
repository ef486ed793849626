//! The index of one message: where its lines are and which header field each is. Made once, filled again for every message.

use super::{Header, Malformed, Message, NotSip, header::NAMED, lex, scan};
use crate::limits::{HEADERS_MAX, MESSAGE_BYTES_MAX};
use core::fmt;

/// Reusable memory for indexing messages; allocated once by [`Index::new`].
pub struct Index(Box<Table>);

/// Places are 16 bits wide: a message is at most [`MESSAGE_BYTES_MAX`] bytes.
type Place = u16;
const _: () = assert!(MESSAGE_BYTES_MAX <= Place::MAX as usize, "every place in a message fits");
const _: () = assert!(HEADERS_MAX < NONE as usize, "a line's number is not the mark of none");

/// Mark in [`Table::first`] of a header field that is not there.
const NONE: u8 = u8::MAX;

/// One header field line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) header: Header,
    name: (Place, Place),
    value: (Place, Place),
}

/// The first line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Places of method, URI and version.
    Request { method: (Place, Place), uri: (Place, Place), version: (Place, Place) },
    /// The status (0: not readable) and the place of the reason phrase.
    Response { status: u16, reason: (Place, Place) },
}

/// What was found in a message.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) start: Start,
    lines: [Line; HEADERS_MAX],
    count: usize,
    first: [u8; NAMED],
    pub(super) body: (Place, Place),
    pub(super) fault: Option<Malformed>,
}

impl Table {
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines[..self.count]
    }

    /// Number of the first line of that header field.
    pub(super) fn first(&self, header: Header) -> Option<usize> {
        self.first.get(header as usize).copied().filter(|number| *number != NONE).map(usize::from)
    }
}

impl Line {
    pub(super) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        slice(bytes, self.name)
    }

    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        slice(bytes, self.value)
    }
}

pub(super) fn slice(bytes: &[u8], (from, to): (Place, Place)) -> &[u8] {
    &bytes[usize::from(from)..usize::from(to)]
}

#[expect(clippy::cast_possible_truncation, reason = "parse refuses messages with longer places")]
const fn place(range: &core::ops::Range<usize>) -> (Place, Place) {
    (range.start as Place, range.end as Place)
}

/// Header fields that a request or response cannot do without (RFC 3261 sections 8.1.1 and 8.2.6). Max-Forwards is not
/// among them: RFC 2543 did not know it, and section 16.3 step 3 treats its absence.
const MANDATORY: [Header; 5] = [Header::Via, Header::From, Header::To, Header::CallId, Header::CSeq];

/// Header fields whose grammar allows one value, so that a second one leaves open which is meant (RFC 4475 section 3.3.8).
const fn is_single(header: Header) -> bool {
    matches!(
        header,
        Header::From
            | Header::To
            | Header::CallId
            | Header::CSeq
            | Header::MaxForwards
            | Header::ContentType
            | Header::Expires
            | Header::MinExpires
            | Header::Event
            | Header::ReferTo
            | Header::ReferredBy
            | Header::Replaces
            | Header::RSeq
            | Header::RAck
            | Header::SessionExpires
            | Header::MinSe
            | Header::SipIfMatch
            | Header::SubscriptionState
    )
}

impl Index {
    /// Takes the memory.
    #[must_use]
    pub fn new() -> Self {
        let empty = Line { header: Header::Other, name: (0, 0), value: (0, 0) };
        Self(Box::new(Table {
            start: Start::Response { status: 0, reason: (0, 0) },
            lines: [empty; HEADERS_MAX],
            count: 0,
            first: [NONE; NAMED],
            body: (0, 0),
            fault: None,
        }))
    }

    /// Indexes `bytes`: one datagram, or what [`super::frame`] said is one message. Does not allocate.
    ///
    /// A message that is broken but still recognisable is returned with its [`Message::fault`], because a request deserves an answer.
    ///
    /// # Errors
    /// [`NotSip`] for what cannot be answered.
    pub fn parse<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Message<'a>, NotSip> {
        let table = &mut *self.0;
        table.count = 0;
        table.first = [NONE; NAMED];
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(NotSip::Oversize);
        }
        // RFC 3261 section 7.5: line ends before the start line are ignored.
        let mut skipped = 0;
        while let Some([b'\r', b'\n']) = bytes.get(skipped..skipped + 2) {
            skipped += 2;
        }
        let bytes = &bytes[skipped..];
        if bytes.is_empty() {
            return Err(NotSip::Empty);
        }

        let mut repeated = None;
        let head = scan::walk(bytes, |field| {
            if let Some(first) = table.first.get_mut(field.header as usize) {
                if *first == NONE {
                    #[expect(clippy::cast_possible_truncation, reason = "at most HEADERS_MAX")]
                    {
                        *first = table.count as u8;
                    }
                } else if is_single(field.header) {
                    repeated = repeated.or(Some(field.header));
                }
            }
            if let Some(line) = table.lines.get_mut(table.count) {
                *line = Line { header: field.header, name: place(&field.name), value: place(&field.value) };
                table.count += 1;
            }
        });
        let (start, start_fault) = start(bytes, head.start_line)?;
        table.start = start;
        let missing = || MANDATORY.into_iter().find(|header| table.first[*header as usize] == NONE);

        let available = bytes.len() - head.end;
        let (length, length_fault) = match (head.uncertain, head.length) {
            (Some(_), _) => (0, None),
            // RFC 3261 section 18.3: without Content-Length the body reaches to the end of the datagram, …
            (_, None) => (available, None),
            // … what comes after the declared body is not part of the message, …
            (_, Some(length)) if length <= available => (length, None),
            // … and a body cut short is a fault.
            (_, Some(_)) => (available, Some(Malformed::BodyTruncated)),
        };
        table.body = place(&(head.end..head.end + length));
        table.fault = start_fault
            .or(head.fault)
            .or(length_fault)
            .or_else(|| missing().map(Malformed::Missing))
            .or(repeated.map(Malformed::Repeated));
        Ok(Message { bytes, table: &self.0 })
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("lines", &self.0.count).finish_non_exhaustive()
    }
}

/// Reads the first line. RFC 3261 section 7.1: `Method SP Request-URI SP SIP-Version`; section 7.2: `SIP-Version SP Status-Code SP Reason-Phrase`.
fn start(bytes: &[u8], line: core::ops::Range<usize>) -> Result<(Start, Option<Malformed>), NotSip> {
    let text = &bytes[line.clone()];
    let first_space = memchr::memchr(b' ', text).ok_or(NotSip::StartLine)?;
    let (first, rest) = (&text[..first_space], &text[first_space + 1..]);
    if let Some(version) = version_digits(first) {
        let (code, reason) = match memchr::memchr(b' ', rest) {
            Some(space) => (&rest[..space], first_space + 2 + space..text.len()),
            None => (rest, text.len()..text.len()),
        };
        // RFC 3261 section 7.2: three digits, 1xx to 6xx.
        let status = match code {
            [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9'] => {
                code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
            }
            _ => 0,
        };
        let fault = if version != b"2.0" {
            Some(Malformed::Version)
        } else if status == 0 {
            Some(Malformed::Status)
        } else {
            None
        };
        let reason = line.start + reason.start..line.start + reason.end;
        return Ok((Start::Response { status, reason: place(&reason) }, fault));
    }
    // Blanks after the version are a fault (RFC 4475 section 3.1.2.10), but the request is still recognisable.
    let trimmed = lex::trim(text).len();
    let last_space =
        memchr::memrchr(b' ', &text[..trimmed]).filter(|last| *last >= first_space).ok_or(NotSip::StartLine)?;
    let version = &text[last_space + 1..trimmed];
    if first.is_empty() || version_digits(version).is_none() || last_space == first_space {
        return Err(NotSip::StartLine);
    }
    let uri = &text[first_space + 1..last_space];
    let spaced = trimmed != text.len() || uri.is_empty() || uri.iter().any(|byte| lex::is_space(*byte));
    let fault = (spaced || !first.iter().all(|byte| lex::is_token(*byte))).then_some(Malformed::StartLine);
    let at = |from: usize, to: usize| place(&(line.start + from..line.start + to));
    let start = Start::Request {
        method: at(0, first_space),
        uri: at(first_space + 1, last_space),
        version: at(last_space + 1, trimmed),
    };
    Ok((start, fault))
}

/// What follows `SIP/` (in any case: RFC 3261 section 7.1), if that is digits and dots.
fn version_digits(word: &[u8]) -> Option<&[u8]> {
    let (name, digits) = word.split_at_checked(4)?;
    (name.eq_ignore_ascii_case(b"SIP/") && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'))
        .then_some(digits)
}
