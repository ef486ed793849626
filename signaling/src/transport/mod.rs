//! Between bytes and messages: framing of streams, the general checks of requests and responses, the way back of a response, the way out of a
//! request, and the bytes of both. RFC 3261 section 18, RFC 3581, RFC 5626 section 4.4.1 (keep-alive).
//!
//! It knows messages but neither transactions nor dialogs, and it opens no socket: it says which flow bytes belong on.

pub(crate) mod check;
pub(crate) mod compose;
pub(crate) mod echo;
pub(crate) mod faces;
mod hop;
pub(crate) mod streams;
mod via;

pub use hop::NextHop;
