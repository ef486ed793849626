//! The shell of the exchange: the only home of sockets, disk, HTTP, clocks and waiting.
//!
//! The exchange itself is a value in the `signaling` crate and moves no byte; media moves on the shards of `media-core`. This crate reads the
//! configuration, feeds the value, performs its effects, keeps its records and shows its state.

pub mod api;
pub mod boot;
pub mod cli;
pub mod clock;
pub mod config;
pub mod media;
pub mod publish;
pub mod reload;
pub mod resolve;
pub mod store;
pub mod wire;
