//! REGISTER and the store.

use super::common::{Line, Phone};
use core::time::Duration;
use signaling::{
    fact::Fact,
    input::{Input, StoreFault},
};

fn store_failures(line: &Line) -> usize {
    line.facts.iter().filter(|fact| matches!(fact, Fact::StoreFailed)).count()
}

#[test]
fn the_answer_waits_for_the_store_but_not_long() {
    let mut line = Line::new();
    line.store = None;
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    assert_eq!(alice.register(&mut line).start, "", "no answer yet");
    assert_eq!(line.status().queries, 1);
    line.pass(Duration::from_millis(499));
    line.expect_silence(alice.address);
    line.pass(Duration::from_millis(1));
    let answer = line.expect(alice.address, "200");
    assert!(answer.header("Contact").starts_with("<sip:1001@10.0.0.11:5061>"));
    assert_eq!((store_failures(&line), line.status().queries), (1, 0));
    // The late answer is ordinary.
    let query = line.asks[0].0;
    line.happen(Input::Stored { query, outcome: Ok(()) });
    line.happen(Input::Stored { query, outcome: Err(StoreFault::Full) });
    line.expect_silence(alice.address);
    assert_eq!(store_failures(&line), 1);
}

#[test]
fn a_store_that_fails_does_not_stop_the_phone() {
    let mut line = Line::new();
    line.store = Some(Err(StoreFault::Unavailable));
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    assert_eq!(alice.register(&mut line).status(), 200);
    assert_eq!((store_failures(&line), line.status().bindings), (1, 1));
}

#[test]
fn nobody_registers_for_another() {
    let mut line = Line::new();
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    let contact = alice.contact();
    let challenge = alice.send_register(&mut line, &contact, None);
    let authorization = alice.authorization(&challenge, "REGISTER", "sip:pbx.test");
    let text = alice.register_text(&contact, Some(&authorization)).replace("To: <sip:1001@", "To: <sip:1002@");
    line.send(alice.address, &text);
    line.expect(alice.address, "403");
    assert_eq!(line.status().bindings, 0);
}

#[test]
fn bindings_expire_and_are_told() {
    let mut line = Line::new();
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    let contact = format!("{};expires=60", alice.contact());
    assert_eq!(alice.register_as(&mut line, &contact).status(), 200);
    assert_eq!(line.status().registrations, 1);
    line.pass_seconds(60);
    assert_eq!(line.status().bindings, 0);
    assert!(line.facts.iter().any(|fact| matches!(fact, Fact::Unregistered { expired: true, .. })));
}

#[test]
fn too_brief_a_registration_is_told_the_least() {
    let mut line = Line::new();
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    let contact = format!("{};expires=5", alice.contact());
    let refusal = alice.register_as(&mut line, &contact);
    assert_eq!((refusal.status(), refusal.header("Min-Expires")), (423, "60"));
}

#[test]
fn the_path_is_echoed_and_followed() {
    let mut line = Line::new();
    let (mut alice, mut boris) = (Phone::new("1001", "10.0.0.11:5061"), Phone::new("1002", "10.0.0.12:5062"));
    alice.register(&mut line);
    let proxy = "10.0.0.99:5060".parse().unwrap();
    let contact = boris.contact();
    let challenge = boris.send_register(&mut line, &contact, None);
    let authorization = boris.authorization(&challenge, "REGISTER", "sip:pbx.test");
    let text = boris.register_text(&contact, Some(&authorization));
    let text = text.replace("Contact:", "Supported: path\r\nPath: <sip:10.0.0.99:5060;lr>\r\nContact:");
    line.send(boris.address, &text);
    let answer = line.expect(boris.address, "200");
    assert_eq!(answer.header("Path"), "<sip:10.0.0.99:5060;lr>");
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(proxy, "INVITE");
    assert_eq!((asked.uri(), asked.header("Route")), ("sip:1002@10.0.0.12:5062", "<sip:10.0.0.99:5060;lr>"));
}

#[test]
fn bindings_come_back_from_the_store() {
    let mut line = Line::new();
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    boris.register(&mut line);
    let signaling::effect::Ask::SaveBindings { bindings, .. } = line.asks[0].1.clone() else { panic!("bindings") };
    let mut line = Line::new();
    line.happen(Input::Restored(bindings));
    assert_eq!(line.status().bindings, 1);
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    alice.register(&mut line);
    alice.call(&mut line, "1002", &alice.sdp());
    line.expect(boris.address, "INVITE");
}

#[test]
fn an_account_that_is_taken_away_loses_its_bindings() {
    use super::common::line::{extension, settings};
    let mut line = Line::new();
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    alice.register(&mut line);
    let mut changed = settings();
    changed.directory = signaling::settings::Directory::new([extension("1002", "Boris Bell")]);
    line.happen(Input::Configured(std::sync::Arc::new(changed)));
    assert_eq!(line.status().bindings, 0);
    // Nor do they come back with the account.
    let signaling::effect::Ask::SaveBindings { number, bindings } = &line.asks.last().unwrap().1 else { panic!() };
    assert_eq!((number.as_str(), bindings.len()), ("1001", 0));
}

#[test]
fn a_register_that_waits_for_the_store_is_refused_when_its_account_goes() {
    use super::common::line::{extension, settings};
    let mut line = Line::new();
    line.store = None;
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    alice.register(&mut line);
    assert_eq!((line.status().bindings, line.status().queries), (1, 1));
    line.expect_silence(alice.address);
    let mut changed = settings();
    changed.directory = signaling::settings::Directory::new([extension("1002", "Boris Bell")]);
    line.happen(Input::Configured(std::sync::Arc::new(changed)));
    assert_eq!(line.take(alice.address).unwrap().status(), 403);
    assert_eq!(line.status().bindings, 0);
}

#[test]
fn a_changed_name_or_secret_ends_a_registration_and_nothing_else_does() {
    use super::common::line::{extension, settings};
    use signaling::settings::{Directory, Extension, Secret};
    let (mut line, mut alice, _) = super::two();
    let before = line.status().bindings;
    let with = |changed: Extension| {
        let mut settings = settings();
        let others = settings.directory.extensions().filter(|account| account.number != "1001").cloned();
        settings.directory = Directory::new(others.chain([changed]).collect::<Vec<_>>());
        Input::Configured(std::sync::Arc::new(settings))
    };
    line.happen(with(Extension { call_limit: 1, name: "Another Name".into(), ..extension("1001", "Alice Ames") }));
    assert_eq!(line.status().bindings, before);
    line.happen(with(Extension { secret: Secret::new("another-secret-1"), ..extension("1001", "Alice Ames") }));
    assert_eq!(line.status().bindings, before - 1);
    // The phone knows the old one alone.
    assert_ne!(alice.register(&mut line).status(), 200);
    line.happen(with(extension("1001", "Alice Ames")));
    assert_eq!(alice.register(&mut line).status(), 200);
    line.happen(with(Extension { auth_user: "somebody".into(), ..extension("1001", "Alice Ames") }));
    assert_eq!(line.status().bindings, before - 1);
}
