//! OPTIONS to trunks (SIP-11): up and down with hysteresis.

use super::{answer, at, begun, told, trunk, view, with};
use core::time::Duration;
use signaling::{input::Input, settings::Trunk};
use std::sync::Arc;

fn probed() -> Trunk {
    Trunk { probe_every: Some(Duration::from_secs(30)), ..trunk("a", 1) }
}

#[test]
fn a_trunk_that_is_not_asked_is_up_from_the_start() {
    let mut line = begun([trunk("a", 1)]);
    assert_eq!(told(&line), [("a".to_owned(), None)]);
    line.pass_seconds(1_000);
    line.expect_silence(at(1));
}

#[test]
fn an_answer_is_timed_and_any_answer_is_one() {
    for status in [200, 404, 405, 500] {
        let mut line = begun([probed()]);
        let options = line.expect(at(1), "OPTIONS");
        assert_eq!(options.uri(), "sip:10.0.1.1:5060");
        line.pass(Duration::from_millis(40));
        answer(&mut line, 1, &options, status, "");
        let seen = view(&mut line);
        assert_eq!(seen.fault, None);
        assert!(seen.round_trip.is_some_and(|trip| trip >= Duration::from_millis(40)), "{seen:?}");
        line.pass_seconds(28);
        line.expect_silence(at(1));
        line.pass_seconds(2);
        line.expect(at(1), "OPTIONS");
    }
}

#[test]
fn one_missing_answer_is_none_and_two_take_it_down_and_two_answers_bring_it_back() {
    let mut line = begun([probed()]);
    let options = line.expect(at(1), "OPTIONS");
    answer(&mut line, 1, &options, 200, "");
    line.pass_seconds(33);
    assert_eq!(told(&line).len(), 1, "one missing answer is none");
    // The next comes soon.
    line.forget(at(1));
    line.pass_seconds(6);
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("no answer to OPTIONS"))));
    assert_eq!((view(&mut line).round_trip, line.status().trunks_up), (None, 0));
    let mut answers = 0;
    while told(&line).len() == 2 {
        line.pass(Duration::from_millis(100));
        while let Some(options) = line.take(at(1)) {
            // Copies of those that were missed come too.
            answer(&mut line, 1, &options, 200, "");
            answers += 1;
        }
        assert!(answers < 20);
    }
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
}

#[test]
fn a_proxy_that_says_that_nobody_is_behind_it_is_no_answer() {
    let mut line = begun([probed()]);
    for _ in 0..2 {
        let options = line.expect(at(1), "OPTIONS");
        answer(&mut line, 1, &options, 503, "");
        line.pass_seconds(2);
    }
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("no answer to OPTIONS"))));
}

#[test]
fn a_trunk_that_the_configuration_has_no_more_is_left_in_peace() {
    let mut line = begun([probed(), trunk("b", 2)]);
    line.forget(at(1));
    line.happen(Input::Configured(Arc::new(with([trunk("b", 2)]))));
    line.pass_seconds(40);
    assert_eq!(told(&line), [("a".into(), None), ("b".into(), None), ("a".into(), Some("removed"))]);
    line.forget(at(1));
    line.pass_seconds(300);
    line.expect_silence(at(1));
    line.happen(Input::Configured(Arc::new(with([probed(), trunk("b", 2)]))));
    line.pass_seconds(1);
    line.expect(at(1), "OPTIONS");
}
