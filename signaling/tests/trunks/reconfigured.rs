//! New settings under running trunks: who is as before is left alone, who changed begins anew with what changed, who is gone takes its registration back.

use super::{answer, at, begun, common::Line, common::Sip, registering, told, trunk, view, with};
use core::time::Duration;
use signaling::{
    input::Input,
    settings::{Credentials, Secret, Trunk},
};
use std::sync::Arc;

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";

fn configure(line: &mut Line, trunks: impl IntoIterator<Item = Trunk>) {
    line.happen(Input::Configured(Arc::new(with(trunks))));
    line.pass(Duration::from_millis(200));
}

/// The next REGISTER. OPTIONS before it are answered.
fn register(line: &mut Line) -> Sip {
    loop {
        let request = line.take(at(1)).expect("a REGISTER");
        if !request.start.starts_with("OPTIONS") {
            return request;
        }
        answer(line, 1, &request, 200, "");
    }
}

/// The line with a registered trunk, and its last REGISTER.
fn registered(trunk: Trunk) -> (Line, Sip) {
    let mut line = begun([trunk]);
    let first = register(&mut line);
    answer(&mut line, 1, &first, 401, CHALLENGE);
    let second = register(&mut line);
    answer(&mut line, 1, &second, 200, "Expires: 600\r\n");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
    (line, second)
}

#[test]
fn a_trunk_that_stays_as_it_is_hears_nothing_of_a_reload() {
    let probed = || Trunk { probe_every: Some(Duration::from_secs(30)), ..registering("a", 1) };
    let (mut line, _) = registered(probed());
    let before = told(&line);
    let limits = |trunk: Trunk| Trunk { calls_max: 2, codecs: vec![contract::Codec::Pcma], prefer: 3, ..trunk };
    for trunks in [vec![probed()], vec![probed(), trunk("b", 2)], vec![limits(probed())]] {
        configure(&mut line, trunks);
        line.expect_silence(at(1));
    }
    let after = told(&line).split_off(before.len());
    assert!(after.iter().all(|(name, _)| name == "b"), "{after:?}");
    assert_eq!((view(&mut line).calls_max, view(&mut line).fault), (2, None));
    // Asked and refreshed as if nothing had been.
    line.pass_seconds(30);
    line.expect(at(1), "OPTIONS");
}

#[test]
fn a_trunk_that_is_gone_takes_its_registration_back() {
    let (mut line, last) = registered(registering("a", 1));
    configure(&mut line, []);
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("removed"))));
    let farewell = line.expect(at(1), "REGISTER");
    assert_eq!((farewell.header("Expires"), farewell.contact()), ("0", last.contact()));
    assert_eq!((farewell.header("Call-ID"), farewell.cseq()), (last.header("Call-ID"), last.cseq() + 1));
    // The proof comes along; a nonce that has become stale is answered.
    assert!(farewell.header("Authorization").contains("nc=00000002"), "{farewell:?}");
    answer(&mut line, 1, &farewell, 401, &CHALLENGE.replace("n1", "n2"));
    let proven = line.expect(at(1), "REGISTER");
    assert!(proven.header("Expires") == "0" && proven.header("Authorization").contains("n2"), "{proven:?}");
    answer(&mut line, 1, &proven, 200, "");
    line.pass_seconds(1_000);
    line.expect_silence(at(1));
    assert_eq!(line.status().transactions, 0);
}

#[test]
fn another_secret_is_shown_by_a_new_register_and_the_trunk_is_up_all_the_time() {
    let (mut line, last) = registered(registering("a", 1));
    let before = told(&line).len();
    let credentials = Credentials { user: "account-17".into(), secret: Secret::new("another-1") };
    let changed = || Trunk { credentials: Some(credentials.clone()), ..registering("a", 1) };
    configure(&mut line, [changed()]);
    let again = line.expect(at(1), "REGISTER");
    assert_eq!((again.header("Call-ID"), again.cseq()), (last.header("Call-ID"), last.cseq() + 1));
    // The nonce is asked for anew: the proof of before was of another secret.
    assert!(again.header("Authorization").is_empty());
    answer(&mut line, 1, &again, 401, CHALLENGE);
    let proven = line.expect(at(1), "REGISTER");
    answer(&mut line, 1, &proven, 200, "Expires: 600\r\n");
    assert_eq!(told(&line).len(), before, "{:?}", told(&line));
    line.pass_seconds(400);
    line.expect_silence(at(1));
}

#[test]
fn another_address_is_registered_and_the_old_one_taken_back() {
    let (mut line, last) = registered(registering("a", 1));
    configure(&mut line, [registering("a", 3)]);
    let farewell = line.expect(at(1), "REGISTER");
    assert_eq!((farewell.header("Expires"), farewell.header("Call-ID")), ("0", last.header("Call-ID")));
    answer(&mut line, 1, &farewell, 200, "");
    let fresh = line.expect(at(3), "REGISTER");
    assert!(fresh.header("Expires") == "600" && fresh.header("Call-ID") != last.header("Call-ID"), "{fresh:?}");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("not registered"))));
    answer(&mut line, 3, &fresh, 200, "Expires: 600\r\n");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
}

#[test]
fn a_trunk_that_comes_back_is_one_like_any_other() {
    let (mut line, _) = registered(registering("a", 1));
    configure(&mut line, []);
    line.forget(at(1));
    configure(&mut line, [registering("a", 1)]);
    let again = line.expect(at(1), "REGISTER");
    answer(&mut line, 1, &again, 200, "Expires: 600\r\n");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
}

#[test]
fn an_answer_to_what_the_settings_of_before_asked_is_not_taken_for_one_to_these() {
    let mut line = begun([registering("a", 1)]);
    let first = line.expect(at(1), "REGISTER");
    configure(&mut line, [registering("a", 3)]);
    let fresh = line.expect(at(3), "REGISTER");
    answer(&mut line, 1, &first, 200, "Expires: 600\r\n");
    assert_eq!(view(&mut line).fault, Some("not registered"));
    answer(&mut line, 3, &fresh, 200, "Expires: 600\r\n");
    assert_eq!(view(&mut line).fault, None);
}

#[test]
fn probing_that_is_switched_off_lets_a_silent_trunk_be_used() {
    let probed = Trunk { probe_every: Some(Duration::from_secs(30)), ..trunk("a", 1) };
    let mut line = begun([probed]);
    line.pass_seconds(40);
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("no answer to OPTIONS"))));
    line.forget(at(1));
    configure(&mut line, [trunk("a", 1)]);
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
    // Copies of what was asked before end by themselves.
    line.pass_seconds(40);
    line.forget(at(1));
    line.pass_seconds(300);
    line.expect_silence(at(1));
}
