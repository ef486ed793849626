//! Transactions: RFC 3261 section 17 with RFC 6026, and [`Stack`], which joins them to the transport.
//!
//! [`machine`] holds the four machines as pure functions. [`Stack`] matches messages to them, carries out what they say, and tells the
//! [`TransactionUser`]. It does not know dialogs, calls or accounts.

mod client;
mod clock;
mod incoming;
mod key;
mod locating;
pub mod machine;
mod sending;
mod server;
mod slab;
mod stack;
mod user;

pub use crate::transport::NextHop;
pub use stack::Stack;
pub use user::{
    Answer, Census, ClientFailure, ClientId, NotSent, OutRequest, SentAck, ServerId, TransactionUser, Turn,
};
