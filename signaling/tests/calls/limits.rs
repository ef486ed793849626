//! Limits of accounts and of the exchange.

use super::{
    common::{
        Line, Phone,
        line::{extension, settings},
    },
    join, talking, two,
};
use signaling::{
    fact::{Disposition, Fact, HangupCause},
    input::Command,
    settings::Directory,
};

fn limited(alice: usize, boris: usize) -> Line {
    let mut settings = settings();
    let (mut one, mut two) = (extension("1001", "Alice Ames"), extension("1002", "Boris Bell"));
    (one.call_limit, two.call_limit) = (alice, boris);
    settings.directory = Directory::new([one, two, extension("1003", "Carol Chu")]);
    Line::with(settings)
}

#[test]
fn a_busy_callee_is_busy_and_free_again_afterwards() {
    let mut line = limited(4, 1);
    let (mut alice, mut boris) = join(&mut line);
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    carol.register(&mut line);
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    let invite = carol.call(&mut line, "1002", &carol.sdp());
    let refusal = line.expect(carol.address, "486");
    line.send(carol.address, &invite.ack(&refusal));
    assert_eq!(line.record().disposition, Disposition::Busy);
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    carol.call(&mut line, "1002", &carol.sdp());
    line.expect(boris.address, "INVITE");
}

#[test]
fn incoming_and_outgoing_calls_count_together() {
    let mut line = limited(1, 4);
    let (mut alice, mut boris) = join(&mut line);
    talking(&mut line, &mut alice, &mut boris);
    alice.call(&mut line, "1003", &alice.sdp());
    line.expect(alice.address, "486");
    boris.call(&mut line, "1001", &boris.sdp());
    line.expect(boris.address, "486");
}

#[test]
fn a_call_to_oneself_counts_twice() {
    let mut line = limited(1, 1);
    let (mut alice, _) = join(&mut line);
    alice.call(&mut line, "1001", &alice.sdp());
    line.expect(alice.address, "486");
    line.expect_rest();
}

#[test]
fn the_exchange_takes_no_more_calls_than_it_may() {
    let mut settings = settings();
    settings.calls.calls_max = 1;
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = join(&mut line);
    talking(&mut line, &mut alice, &mut boris);
    alice.call(&mut line, "1002", &alice.sdp());
    let refusal = line.expect(alice.address, "503");
    assert_eq!(refusal.header("Retry-After"), "5");
    assert_eq!(line.record().hangup_cause, HangupCause::Exhausted);
}

#[test]
fn a_full_port_pool_is_answered_503_and_told() {
    let (mut line, mut alice, boris) = two();
    line.media_full = true;
    alice.call(&mut line, "1002", &alice.sdp());
    let refusal = line.expect(alice.address, "503");
    assert!(!refusal.header("Retry-After").is_empty());
    line.expect_silence(boris.address);
    assert!(line.facts.iter().any(|fact| matches!(fact, Fact::MediaRefused { .. })));
    assert_eq!(line.record().hangup_cause, HangupCause::Exhausted);
    line.expect_rest();
}

#[test]
fn views_tell_who_calls_whom() {
    let (mut line, mut alice, mut boris) = two();
    talking(&mut line, &mut alice, &mut boris);
    let signaling::effect::Reply::Calls(calls) = line.order(Command::ListCalls) else { panic!("calls") };
    assert_eq!((calls[0].from.as_str(), calls[0].to.as_str(), calls[0].legs.len()), ("1001", "1002", 2));
    assert_eq!(calls[0].legs[1].codec, "PCMU");
    let signaling::effect::Reply::Extensions(extensions) = line.order(Command::ListExtensions) else {
        panic!("extensions")
    };
    let states: Vec<_> = extensions.iter().map(|extension| (extension.number.as_str(), extension.state)).collect();
    use signaling::fact::CallState::{Connected, Idle};
    assert_eq!(states, [("1001", Connected), ("1002", Connected), ("1003", Idle)]);
    assert_eq!(extensions[0].contacts.len(), 1);
}

#[test]
fn an_established_call_is_small() {
    let (mut line, mut alice, mut boris) = two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    caller.request(&mut line, "BYE", "");
    let bytes = line.record().bytes;
    assert!((1_000..8_192).contains(&bytes), "{bytes}");
}
