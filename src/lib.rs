//! The exchange.

pub mod config;
pub mod publish;
pub mod store;
