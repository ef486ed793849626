//! A fault of a configuration file, told by its place.
//!
//! Knows nothing of what is configured.

use std::fmt;

/// A place in a file. Lines and columns count characters from 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Where a file begins; the place of faults that concern all of it.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// What is wrong at a place, and what would be right. Never holds a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The file as it was named by the operator.
    pub file: String,
    /// Where in it.
    pub at: Position,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub instead: String,
}

impl fmt::Display for Fault {
    /// `FILE:LINE:COL: what is wrong; what would be right`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}; {}", self.file, self.at.line, self.at.column, self.what, self.instead)
    }
}

impl std::error::Error for Fault {}
