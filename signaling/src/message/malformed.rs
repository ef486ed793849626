//! What can be wrong with bytes that should be SIP. The blame is the sender's; each fault knows the answer it deserves.

use super::Header;
use core::fmt;

/// Bytes that cannot be answered, because they do not even begin like SIP. They are dropped.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NotSip {
    /// Nothing but line ends.
    Empty,
    /// More than [`crate::limits::MESSAGE_BYTES_MAX`].
    Oversize,
    /// The first line is neither a request line nor a status line.
    StartLine,
}

/// A fault in a SIP message, a header field, a URI or a session description.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Malformed {
    /// Spaces or octets in the request line or status line where RFC 3261 section 7.1 allows none.
    StartLine,
    /// A SIP version that is not 2.0.
    Version,
    /// The Request-URI cannot be read, or carries headers (RFC 3261 section 19.1.1 table 1).
    RequestUri,
    /// The Request-URI has a scheme we do not serve.
    Scheme,
    /// A status code outside 100 to 699.
    Status,
    /// A line of the head that is no header field.
    HeaderLine,
    /// CR or LF alone within the head.
    LineEnd,
    /// The empty line after the head is missing.
    HeadEnd,
    /// More lines than [`crate::limits::HEADERS_MAX`].
    TooManyHeaders,
    /// A head longer than [`crate::limits::HEAD_BYTES_MAX`].
    HeadTooLong,
    /// Several Content-Lengths that differ.
    UnlikeLengths,
    /// A stream message without Content-Length.
    LengthMissing,
    /// The message is shorter than its Content-Length says.
    BodyTruncated,
    /// Head and declared body exceed [`crate::limits::MESSAGE_BYTES_MAX`].
    Oversize,
    /// The method in CSeq is not the request's.
    MethodMismatch,
    /// A header field that must be there is not.
    Missing(Header),
    /// A header field that may be there once is there again.
    Repeated(Header),
    /// A header field's value does not follow its grammar.
    Value(Header),
    /// A URI does not follow its grammar.
    Uri,
    /// A name-addr does not follow its grammar.
    NameAddr,
    /// A parameter does not follow its grammar.
    Parameter,
    /// A host or port does not follow its grammar.
    Host,
    /// The session description does not follow RFC 8866.
    Sdp,
}

impl Malformed {
    /// The status that answers a request with this fault.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            // RFC 3261 sections 21.5.6, 21.4.14 and 21.4.11.
            Self::Version => 505,
            Self::Scheme => 416,
            Self::Oversize => 413,
            Self::StartLine
            | Self::RequestUri
            | Self::Status
            | Self::HeaderLine
            | Self::LineEnd
            | Self::HeadEnd
            | Self::TooManyHeaders
            | Self::HeadTooLong
            | Self::UnlikeLengths
            | Self::LengthMissing
            | Self::BodyTruncated
            | Self::MethodMismatch
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Value(_)
            | Self::Uri
            | Self::NameAddr
            | Self::Parameter
            | Self::Host
            | Self::Sdp => 400,
        }
    }

    /// The reason phrase of that answer; RFC 3261 section 21.4.1 asks it to tell the fault.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::StartLine => "Malformed Start Line",
            Self::Version => super::reason(505),
            Self::RequestUri => "Malformed Request-URI",
            Self::Scheme => super::reason(416),
            Self::Status => "Malformed Status Code",
            Self::HeaderLine => "Malformed Header Line",
            Self::LineEnd => "Stray CR or LF",
            Self::HeadEnd => "Missing Empty Line",
            Self::TooManyHeaders => "Too Many Header Fields",
            Self::HeadTooLong => "Header Section Too Long",
            Self::UnlikeLengths => "Contradicting Content-Length",
            Self::LengthMissing => "Missing Content-Length",
            Self::BodyTruncated => "Body Shorter Than Content-Length",
            Self::Oversize => super::reason(413),
            Self::MethodMismatch => "CSeq Method Differs From Request",
            Self::Missing(header) => header.reason_missing(),
            Self::Repeated(header) => header.reason_repeated(),
            Self::Value(header) => header.reason_malformed(),
            Self::Uri => "Malformed URI",
            Self::NameAddr => "Malformed Address",
            Self::Parameter => "Malformed Parameter",
            Self::Host => "Malformed Host",
            Self::Sdp => "Malformed Session Description",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Malformed {}
