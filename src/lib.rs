//! The exchange.
