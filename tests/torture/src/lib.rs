//! Torture messages, and what is to become of each.
//!
//! [`published`] are those of RFC 4475 and RFC 5118: they are not kept here but read from a directory, and a test that misses them says so.
//! [`ours`] are written for the same clauses and for what the RFCs leave out: smuggling, limits, octets that are no text.

pub mod ours;
pub mod published;

/// What the grammar makes of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Well-formed.
    Accept,
    /// A broken request, and the status that tells it.
    Fault(u16),
    /// A broken response, or nothing like SIP: thrown away.
    Drop,
}

/// What an exchange sends back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Nothing.
    Silence,
    /// A final response with one of these statuses.
    OneOf(&'static [u16]),
}
