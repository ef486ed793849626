//! Calls through the whole exchange, by phones made of text.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that finds another thing than it wants fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod attended;
mod basic;
mod cancel;
mod codecs;
mod commands;
mod digits;
mod echo;
mod forking;
mod hangup;
mod limits;
mod media;
mod music;
mod recording;
mod refusals;
mod registering;
mod reliable;
mod renegotiation;
mod security;
mod strangers;
mod streams;
mod timers;
mod transfer;
mod ways;

use common::{Dialog, Line, Phone};

/// Alice (1001) and Boris (1002), registered.
fn two() -> (Line, Phone, Phone) {
    let mut line = Line::new();
    let (alice, boris) = join(&mut line);
    (line, alice, boris)
}

fn join(line: &mut Line) -> (Phone, Phone) {
    let (mut alice, mut boris) = (Phone::new("1001", "10.0.0.11:5061"), Phone::new("1002", "10.0.0.12:5062"));
    assert_eq!(alice.register(line).status(), 200);
    assert_eq!(boris.register(line).status(), 200);
    (alice, boris)
}

/// Alice speaks with Boris: both ends of both dialogs, Alice's first.
#[track_caller]
fn talking(line: &mut Line, alice: &mut Phone, boris: &mut Phone) -> (Dialog, Dialog) {
    let invite = alice.call(line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    let called = boris.answer(line, &asked, 200, &boris.sdp());
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(line, "");
    (caller, called)
}
