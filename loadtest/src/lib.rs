//! The load tester: simulated phones with their own sockets, real RTP between them, and side-by-side runs against other
//! exchanges.
//!
//! It speaks SIP through the `rsip` crate and RTP through the `rtp` crate, so that an implementation independent of the
//! exchange meets it on the wire. It deliberately shares no code with the exchange: what both got wrong would not be seen.
//! A run is bounded in time and in count, touches only private addresses and stops by itself.

pub mod account;
pub mod clock;
pub mod limits;
pub mod tone;

pub mod digest;
pub mod message;
pub mod sdp;

pub mod ear;
pub mod stream;

pub mod figures;
pub mod station;

pub mod configuration;
pub mod exchange;
pub mod process;
pub mod run;

pub mod compare;
