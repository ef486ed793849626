//! Where packets come from and go to: reserved ports, believed sources, and which protocol a datagram speaks.
//!
//! Knows addresses and first octets; knows no sockets, streams or sessions.

pub mod demux;
pub mod gate;
pub mod ports;
pub mod source;

pub use demux::Protocol;
pub use gate::Gate;
pub use ports::{PortPair, Ports};
pub use source::{Source, Verdict};
