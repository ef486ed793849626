//! What a shard counts, and how others read it without disturbing it.

pub mod counters;
pub mod reason;

pub use counters::{Counters, DELAY_BUCKETS, TIERS, Tally};
pub use reason::Drop;
