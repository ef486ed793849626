//! Messages between accounts (RFC 3428, pager mode): those that phones are being asked to take, and those that are kept until a phone registers.
//!
//! [`Pager`] is the book: which message waits for which answers, in which order the kept ones of an account go out, and when they are too old. It sends and
//! answers nothing, and deliberately does not know who may write to whom, where phones are, or what a message says: `pbx` does that.

mod book;

pub use book::{Kept, Outcome, Pager};
