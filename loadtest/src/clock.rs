//! The one place that reads a clock.

use std::time::Instant;

/// Now. A load tester measures real time; nothing here is simulated.
#[expect(clippy::disallowed_methods, reason = "the tool's only reading of the clock")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}
