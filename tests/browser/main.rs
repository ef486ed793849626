//! Chromium with JsSIP against the running program: what a browser's user does, and what is heard at each ear. One tone for each party, and a silent
//! one that must not be heard. Nothing is asserted about how long anything takes.
//!
//! Chromium comes from Debian (`packages.txt`), JsSIP by npm's lock. Without them each test fails and says so; with `IRONBELL_WITHOUT_PEERS=1` it is a
//! printed skip instead.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of a test are small"
)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends, and its patience goes by a clock"
)]

mod bundle;
mod chromium;

#[expect(dead_code, reason = "the scenarios use more of it")]
#[path = "../scenario/authority.rs"]
mod authority;
#[expect(dead_code, reason = "the scenarios use more of it")]
#[path = "../scenario/exchange.rs"]
mod exchange;
#[expect(dead_code, reason = "the scenarios use more of it")]
#[path = "../scenario/http.rs"]
mod http;
#[expect(dead_code, reason = "the scenarios use more of it")]
#[path = "../scenario/line.rs"]
mod line;
#[expect(dead_code, reason = "the scenarios use more of it")]
#[path = "../scenario/phone.rs"]
mod phone;
#[path = "../scenario/sound.rs"]
mod sound;

mod calls;
mod desk;
mod voice;
