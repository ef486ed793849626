//! Subscriptions, publications and messages through the whole exchange, by phones made of text. RFC 6665, 4235, 3842, 3856, 3680, 3903, 3428.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test that finds another thing than it wants fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod dialogs;
mod machine;
mod messages;
mod notifying;
mod packages;
mod publishing;
mod subscribing;
mod watcher;

use common::{Line, Phone};
use core::time::Duration;
use watcher::Watcher;

/// Longer than the pause after a NOTIFY, shorter than the time after which one is sent again.
const PAUSE: Duration = Duration::from_millis(250);

/// Alice (1001), Boris (1002) and Carol (1003), registered; Carol watches.
fn three() -> (Line, Phone, Phone, Watcher) {
    three_on(Line::new())
}

fn three_on(mut line: Line) -> (Line, Phone, Phone, Watcher) {
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    for phone in [&mut alice, &mut boris, &mut carol] {
        assert_eq!(phone.register(&mut line).status(), 200);
    }
    (line, alice, boris, Watcher::new(carol))
}
