//! Who a request is from: digest authentication, RFC 3261 section 22, RFC 7616, RFC 8760. Both sides: the accounts' proof to us, and ours to providers.
//!
//! Nonces carry their own proof (time, serial, keyed hash), so that a challenge costs no memory; only the counts of nonces that were used
//! rightly are remembered. It does not know what a request is good for, and sends nothing.

mod authenticator;
mod client;
pub mod digest;
mod nonce;

pub use authenticator::{Authenticator, Verdict};
pub use client::{Authority, Unanswerable};
