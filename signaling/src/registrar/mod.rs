//! Where accounts can be reached: bindings by RFC 3261 section 10.3, Path by RFC 3327.
//!
//! It knows accounts by number, judges a REGISTER of an authenticated account, and keeps the bindings. It does not authenticate, answers nothing
//! itself and does not know the store: [`Outcome`] says what to answer and [`Registrar::stored`] what to keep.

mod binding;
mod table;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub use table::{Change, Outcome, Registrar};
