//! The exchange.

pub mod config;
