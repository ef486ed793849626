//! How many there may be.

use super::{common::Line, three};
use signaling::limits::{PUBLICATIONS_PER_ACCOUNT_MAX, SUBSCRIPTIONS_PER_ACCOUNT_MAX};

fn text(line: &mut Line, watcher: &mut super::Watcher, event: &str) -> u16 {
    let answer = watcher.refused(line, "1001", &format!("Event: {event}\r\n"));
    line.forget(watcher.phone.address);
    answer.status()
}

#[test]
fn a_watcher_has_so_many_subscriptions_and_no_more() {
    let (mut line, _, _, mut carol) = three();
    for number in 0..SUBSCRIPTIONS_PER_ACCOUNT_MAX {
        assert_eq!(text(&mut line, &mut carol, &format!("dialog;id={number}")), 200);
    }
    assert_eq!(text(&mut line, &mut carol, "dialog;id=x"), 403);
    assert_eq!(line.status().subscriptions, SUBSCRIPTIONS_PER_ACCOUNT_MAX);
    // Nobody answers: all end by timer F.
    line.pass_seconds(40);
    assert_eq!(line.status().subscriptions, 0);
    line.forget(carol.phone.address);
    assert_eq!(text(&mut line, &mut carol, "dialog;id=x"), 200);
}

#[test]
fn of_too_many_publications_the_one_that_ends_first_goes() {
    let (mut line, _, _, mut carol) = three();
    let body = "<presence/>";
    for seconds in 0..=PUBLICATIONS_PER_ACCOUNT_MAX {
        let headers =
            format!("Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: {}\r\n", 100 + seconds);
        let wish = super::watcher::Wish { method: "PUBLISH", to: "1003", headers: &headers, body };
        assert_eq!(carol.ask(&mut line, wish).unwrap().status(), 200);
    }
    assert_eq!(line.status().publications, PUBLICATIONS_PER_ACCOUNT_MAX);
    line.pass_seconds(100);
    assert_eq!(line.status().publications, PUBLICATIONS_PER_ACCOUNT_MAX);
    line.pass_seconds(1);
    assert_eq!(line.status().publications, PUBLICATIONS_PER_ACCOUNT_MAX - 1);
}

#[test]
fn an_event_id_is_not_kept_at_any_length() {
    let (mut line, _, _, mut carol) = three();
    assert_eq!(text(&mut line, &mut carol, &format!("dialog;id={}", "x".repeat(129))), 400);
    assert_eq!(text(&mut line, &mut carol, &format!("dialog;id={}", "x".repeat(128))), 200);
}
