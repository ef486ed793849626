//! Protection of media: SRTP and SRTCP in place.
//!
//! Knows packets as bytes; knows no sockets, sessions or descriptions.

pub mod srtp;
