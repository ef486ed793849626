//! Where one message ends in a stream (RFC 3261 section 18.3).

use super::{Malformed, scan};
use crate::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};

/// What stands at the front of a stream's buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framed {
    /// That many bytes of line ends: CRLF CRLF is a ping, CRLF a pong (RFC 5626 section 3.5.1), or both mere filling (RFC 3261 section 7.5).
    KeepAlive(usize),
    /// More bytes are needed to tell.
    Need,
    /// A message of that many bytes.
    Message(usize),
    /// Nobody can tell where the message ends, so nothing after it can be read. The first `head` bytes are its head, as far as it came,
    /// enough for an answer if they parse; then the stream is to be closed.
    Fault {
        /// Length of the head.
        head: usize,
        /// What is wrong.
        why: Malformed,
    },
}

/// Looks at the front of `buffer`.
#[must_use]
pub fn frame(buffer: &[u8]) -> Framed {
    let mut blank = 0;
    while let Some([b'\r', b'\n']) = buffer.get(blank..blank + 2) {
        blank += 2;
    }
    if blank > 0 {
        return Framed::KeepAlive(blank);
    }
    if buffer.is_empty() || buffer == b"\r" {
        return Framed::Need;
    }
    // The walk ends at the first CRLF CRLF too: an empty line is one that begins with CRLF right after a CRLF.
    let Some(end) = memchr::memmem::find(buffer.get(..HEAD_BYTES_MAX).unwrap_or(buffer), b"\r\n\r\n") else {
        return if buffer.len() < HEAD_BYTES_MAX {
            Framed::Need
        } else {
            Framed::Fault { head: HEAD_BYTES_MAX, why: Malformed::HeadTooLong }
        };
    };
    let head = scan::walk(&buffer[..end + 4], |_| {});
    debug_assert_eq!(head.end, end + 4, "the walk and the search agree");
    let fault = |why| Framed::Fault { head: head.end, why };
    match (head.uncertain, head.length) {
        (Some(why), _) => fault(why),
        // RFC 3261 section 18.3: Content-Length must be used with streams.
        (_, None) => fault(Malformed::LengthMissing),
        (_, Some(length)) => match head.end.checked_add(length) {
            Some(total) if total <= MESSAGE_BYTES_MAX => {
                if total <= buffer.len() {
                    Framed::Message(total)
                } else {
                    Framed::Need
                }
            }
            _ => fault(Malformed::Oversize),
        },
    }
}
