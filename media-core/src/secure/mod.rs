//! Protection of media: SRTP and SRTCP in place, and the guard of a leg that holds its keys.
//!
//! Knows packets as bytes; knows no sockets, sessions or descriptions.

pub mod guard;
pub mod srtp;

pub use guard::Guard;
