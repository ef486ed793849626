//! How long a binding still lives after a restart.
//!
//! Rows keep the wall time of expiry and three readings of the moment they were written. Within one boot of the machine the uptime tells how long
//! the process was away, whatever happened to the wall clock meanwhile; after a reboot only the wall clock can.

use serde::{Deserialize, Serialize};
use std::{fs, time::Duration};

/// The clocks of a moment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Moment {
    /// Wall clock, milliseconds of Unix time.
    pub(super) wall_ms: i64,
    /// Since the machine booted, sleep included, in milliseconds.
    pub(super) up_ms: i64,
    /// Names the boot; empty when the machine does not tell.
    pub(super) boot: String,
}

impl Moment {
    /// Now.
    pub(super) fn now() -> Self {
        let up = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let up_s: f64 = up.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        Self {
            wall_ms: jiff::Timestamp::now().as_millisecond(),
            up_ms: (up_s * 1_000.0) as i64,
            boot: if up_s > 0.0 { boot } else { String::new() },
        }
    }

    /// What is left of a binding that expires at `expires_ms` (wall) and was saved at `saved`. Never more than it had when it was saved, so that
    /// a wall clock set back cannot keep anybody registered.
    pub(super) fn left(&self, expires_ms: i64, saved: &Self) -> Duration {
        let had = expires_ms.saturating_sub(saved.wall_ms).max(0);
        let away = if !self.boot.is_empty() && self.boot == saved.boot {
            self.up_ms.saturating_sub(saved.up_ms)
        } else {
            self.wall_ms.saturating_sub(saved.wall_ms)
        };
        Duration::from_millis(u64::try_from(had.saturating_sub(away.max(0))).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall_s: i64, up_s: i64, boot: &str) -> Moment {
        Moment { wall_ms: wall_s * 1_000, up_ms: up_s * 1_000, boot: boot.to_owned() }
    }

    #[test]
    fn a_binding_ages_by_the_time_the_exchange_was_away() {
        const HOUR: i64 = 3_600;
        let saved = moment(1_000_000, 5_000, "a");
        let expires = 1_000_600_000;
        for (why, now, left_s) in [
            ("10 s later", moment(1_000_010, 5_010, "a"), 590),
            ("10 s later, the wall clock an hour ahead", moment(1_000_010 + HOUR, 5_010, "a"), 590),
            ("10 s later, the wall clock an hour behind", moment(1_000_010 - HOUR, 5_010, "a"), 590),
            ("20 min later", moment(1_001_200, 6_200, "a"), 0),
            ("a reboot of 100 s", moment(1_000_100, 40, "b"), 500),
            ("a reboot, the wall clock an hour behind", moment(1_000_100 - HOUR, 40, "b"), 600),
            ("a machine without uptime", moment(1_000_100, 0, ""), 500),
        ] {
            assert_eq!(now.left(expires, &saved), Duration::from_secs(left_s), "{why}");
        }
    }
}
