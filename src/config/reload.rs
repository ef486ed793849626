//! Section `server.reload`: when a configuration that was read anew is taken back.

use super::{
    reader::{Reader, Section, boolean, integer},
    value::{duration, show_duration},
};
use serde::Serialize;
use std::time::Duration;

/// Section `server.reload`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reload {
    /// A configuration with which calls begin to fail is taken back.
    pub rollback: bool,
    /// For how long it is watched.
    #[serde(serialize_with = "show_duration")]
    pub watch: Duration,
    /// Nothing is decided by fewer calls than these.
    pub calls_min: u64,
    /// By how many of a hundred calls more may fail than before.
    pub rise: u64,
}

impl Default for Reload {
    fn default() -> Self {
        Self { rollback: true, watch: Duration::from_secs(300), calls_min: 20, rise: 25 }
    }
}

impl Reload {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
        Self {
            rollback: s.get(r, "rollback", d.rollback, boolean),
            watch: s.get(r, "watch", d.watch, duration(second, day)),
            calls_min: s.get(r, "calls_min", d.calls_min, integer(1, 1_000_000)),
            rise: s.get(r, "rise", d.rise, integer(1, 100)),
        }
    }
}
