//! Protection of media: SRTP and SRTCP in place, handshakes and our certificate, and the guard of a leg that holds its keys.
//!
//! Knows packets as bytes; knows no sockets, sessions or descriptions.

pub mod certificate;
pub mod dtls;
pub mod guard;
mod keys;
pub mod srtp;

pub use certificate::Certificate;
pub use guard::Guard;
