//! Where numbers lead: the steps of the plan by table, forwarding through whole calls, and the explainer against the call for drawn configurations.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that finds another thing than it wants fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod explained;
mod forwarding;
mod inbound;
mod rig;
mod rights;
mod steps;
