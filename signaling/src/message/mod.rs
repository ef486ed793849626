//! SIP messages: reading any bytes in place, and writing.
//!
//! A message is indexed once ([`Index::parse`]), without copying or allocating; header fields are read on demand and what is not
//! understood stays byte for byte. Nothing here panics on any bytes. It deliberately knows neither transports nor transactions nor
//! whether a message makes sense to anyone: only RFC 3261 sections 7, 18.3, 19.1, 20 and 25, and the later grammar they point to.

mod escape;
mod extension;
mod frame;
mod header;
mod index;
mod lex;
mod malformed;
mod method;
mod name_addr;
mod params;
mod reason;
mod scan;
mod typed;
mod uri;
mod via;
mod write;

pub(crate) use escape::escaped;
pub use escape::quoted;
pub use extension::{RAck, ReferTo, RefresherRole, Replaces, SessionExpires};
pub use frame::{Framed, frame};
pub use header::Header;
pub use index::Index;
pub(crate) use lex::{Cursor, unquote};
pub use lex::{Values, number, seconds, trim};
pub use malformed::{Malformed, NotSip};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use reason::reason;
pub use typed::{CSeq, ContactList, Contacts, ContentType};
pub use uri::{Host, Scheme, Uri, equivalent};
pub use via::Via;
pub use write::{FieldName, Writer};

use core::fmt;
use index::{Start, Table, slice};

/// A message in place: its bytes and where everything is.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    table: &'a Table,
}

/// The first line of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartLine<'a> {
    /// RFC 3261 section 7.1.
    Request {
        /// What is asked.
        method: Method<'a>,
        /// The Request-URI, not yet read.
        uri: &'a [u8],
        /// As written, `SIP/2.0` or another.
        version: &'a [u8],
    },
    /// RFC 3261 section 7.2.
    Response {
        /// 100 to 699; 0 when unreadable (then the message has a fault).
        status: u16,
        /// As written; any octets but CR and LF, perhaps none.
        reason: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// The first line.
    #[must_use]
    pub fn start(&self) -> StartLine<'a> {
        match self.table.start {
            Start::Request { method, uri, version } => StartLine::Request {
                method: Method::of(slice(self.bytes, method)),
                uri: slice(self.bytes, uri),
                version: slice(self.bytes, version),
            },
            Start::Response { status, reason } => StartLine::Response { status, reason: slice(self.bytes, reason) },
        }
    }

    /// Whether it is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.table.start, Start::Request { .. })
    }

    /// The request's method; `None` for a response.
    #[must_use]
    pub fn method(&self) -> Option<Method<'a>> {
        match self.start() {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The response's status; `None` for a request.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.table.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The request's URI as written; `None` for a response.
    #[must_use]
    pub fn request_uri(&self) -> Option<&'a [u8]> {
        match self.start() {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    /// The value of the first line of that header field, without white space around; folds are left in it (CR, LF count as white space).
    #[must_use]
    pub fn header(&self, name: Header) -> Option<&'a [u8]> {
        let number = self.table.first(name)?;
        self.table.lines().get(number).map(|line| line.value(self.bytes))
    }

    /// The values of that header field, one per line.
    pub fn headers(&self, name: Header) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, lines) = (self.bytes, self.table.lines());
        let from = self.table.first(name).unwrap_or(lines.len());
        lines[from..].iter().filter(move |line| line.header == name).map(move |line| line.value(bytes))
    }

    /// The comma separated values of that header field, over all its lines, in order.
    pub fn values(&self, name: Header) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.headers(name).flat_map(Values::new)
    }

    /// The values of header fields that have no name in [`Header`], one per line; the case of `name` does not matter.
    pub fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.lines().filter(move |(written, _)| written.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// All header fields in order: name as written, value as in [`Message::header`].
    pub fn lines(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.table.lines().iter().map(move |line| (line.name(bytes), line.value(bytes)))
    }

    /// All header fields in order: which it is, name as written, value.
    pub fn fields(&self) -> impl Iterator<Item = (Header, &'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.table.lines().iter().map(move |line| (line.header, line.name(bytes), line.value(bytes)))
    }

    /// The body: as long as Content-Length says, or to the end of the datagram without it. Empty when nobody can tell its length.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        slice(self.bytes, self.table.body)
    }

    /// The first fault in the message's structure. Header fields' own grammar is judged when they are read, or by [`Message::check`].
    #[must_use]
    pub const fn fault(&self) -> Option<Malformed> {
        self.table.fault
    }

    /// The whole message as received, without line ends before it.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl fmt::Debug for Message<'_> {
    /// The first line and the names of the header fields: values may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.lines().map(|(name, _)| String::from_utf8_lossy(name));
        f.debug_struct("Message")
            .field("start", &self.start())
            .field("names", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
