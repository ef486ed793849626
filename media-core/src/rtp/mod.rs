//! RTP and RTCP as bytes in place: headers read and rewritten without a copy, sequence arithmetic, reception statistics.
//!
//! Everything here takes any bytes and never panics, allocates or reads a clock. It knows no session, socket or address.
//! RFC 3550, RFC 3551 (profile), RFC 5761 (multiplexing), ITU-T G.107 (quality).

pub mod burst;
pub mod control;
pub mod header;
pub mod quality;
pub mod reception;
pub mod rtcp;
pub mod rtcp_rewrite;
pub mod rtcp_write;
pub mod sequence;
pub mod xr;

pub use header::{Header, NotRtp};
pub use reception::{Arrival, Reception};
