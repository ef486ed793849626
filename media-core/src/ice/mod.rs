//! Connectivity checks as the lite side answers them: RFC 8445 with RFC 8489 (STUN) and RFC 7675 (consent).
//!
//! The far end sends every check; we say from where it came, and believe the address it nominates. Knows bytes and addresses; knows no
//! sockets, sessions or media.

// Deviates: RFC 8445 section 11 has the lite side send keepalives too. The far end's checks come every few seconds (RFC 7675), and we answer.

pub mod agent;
mod crc;
pub mod stun;

pub use agent::{Agent, Heard};
