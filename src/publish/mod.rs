//! One fact, many readers.

pub mod cdr;
mod names;

pub use self::{
    cdr::CallRow,
    names::{disposition, hangup_cause},
};
