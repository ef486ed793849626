//! Connectivity checks as the lite side answers them: RFC 8445 with RFC 8489 (STUN) and RFC 7675 (consent).
//!
//! The far end sends every check; we say from where it came, and believe the address it nominates. Knows bytes and addresses; knows no
//! sockets, sessions or media.

pub mod agent;
mod crc;
pub mod stun;

pub use agent::{Agent, Heard};
