//! Call records as files: one JSON object a line, one file a UTC day, named by the day the call ended (CDR-01, CDR-03).
//!
//! Does not know calls or SIP: it takes finished rows and keeps them.

mod day;
mod keeper;
mod row;
#[cfg(test)]
mod tests;

pub use keeper::{BUFFER_MAX, Cdr, Figures};
pub use row::{CallRow, LegRow, QualityRow, WallTime};
