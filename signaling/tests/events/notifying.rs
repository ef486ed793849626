//! NOTIFY: when it goes out, how often, and what its answers mean (RFC 6665 section 4.2.2).

use super::{PAUSE, common::Line, three, watcher::Watcher};
use core::time::Duration;
use signaling::{
    fact::PresenceStatus,
    input::{Command, Input},
};
use std::sync::Arc;

fn set(line: &mut Line, number: &str, status: PresenceStatus) {
    line.order(Command::SetPresence { number: number.into(), status, note: String::new() });
}

fn note(notify: &super::common::Sip) -> String {
    let after = notify.body.split("<note>").nth(1).expect("a note");
    after.split("</note>").next().unwrap().to_owned()
}

#[test]
fn changes_in_quick_succession_are_told_together_and_the_last_always() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    carol.told(&mut line);
    for status in [PresenceStatus::Busy, PresenceStatus::Away, PresenceStatus::InMeeting] {
        set(&mut line, "1001", status);
    }
    line.expect_silence(carol.phone.address);
    line.pass(Duration::from_millis(199));
    line.expect_silence(carol.phone.address);
    line.pass(Duration::from_millis(1));
    assert_eq!(note(&carol.told(&mut line)), "In Meeting");
    line.pass_seconds(10);
    line.expect_silence(carol.phone.address);
    // After the pause a change goes out at once.
    set(&mut line, "1001", PresenceStatus::Busy);
    assert_eq!(note(&carol.told(&mut line)), "Busy");
    // What is as it was is told to nobody.
    set(&mut line, "1001", PresenceStatus::Busy);
    line.pass_seconds(10);
    line.expect_silence(carol.phone.address);
    line.expect_rest();
}

#[test]
fn one_notify_is_out_at_a_time() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    let first = line.expect(carol.phone.address, "NOTIFY");
    set(&mut line, "1001", PresenceStatus::Busy);
    line.pass(Duration::from_millis(499));
    line.expect_silence(carol.phone.address);
    carol.phone.answer(&mut line, &first, 200, "");
    line.pass(PAUSE);
    let second = carol.told(&mut line);
    assert_eq!((note(&second), second.cseq()), ("Busy".to_owned(), first.cseq() + 1));
}

#[test]
fn a_watcher_that_is_gone_is_forgotten() {
    for (status, left) in [(481, 0), (489, 0), (404, 0), (501, 0), (200, 1), (500, 1), (486, 1)] {
        let (mut line, _, _, mut carol) = three();
        carol.subscribe(&mut line, "1001", "Event: presence\r\n");
        carol.told_and_says(&mut line, status);
        assert_eq!(line.status().subscriptions, left, "{status}");
    }
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    // RFC 6665 section 4.2.2: timer F.
    line.pass_seconds(31);
    assert_eq!(line.status().subscriptions, 1);
    line.pass_seconds(2);
    assert_eq!(line.status().subscriptions, 0);
    line.forget(carol.phone.address);
    set(&mut line, "1001", PresenceStatus::Busy);
    line.expect_silence(carol.phone.address);
    line.expect_rest();
}

#[test]
fn what_was_refused_is_told_again_in_full() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: dialog\r\n");
    let notify = line.expect(carol.phone.address, "NOTIFY");
    carol.phone.answer_with(&mut line, &notify, 503, "", "Retry-After: 9\r\n");
    line.pass(Duration::from_millis(8_900));
    line.expect_silence(carol.phone.address);
    line.pass(Duration::from_millis(100));
    let second = carol.told(&mut line);
    assert!(second.body.contains("version=\"1\" state=\"full\""), "{}", second.body);
    // Without Retry-After it is tried again too, but not for ever.
    line.pass(PAUSE);
    carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
    for _ in 0..5 {
        carol.told_and_says(&mut line, 500);
        line.pass_seconds(5);
    }
    assert_eq!(line.status().subscriptions, 1);
    line.expect_silence(carol.phone.address);
    line.expect_rest();
}

#[test]
fn a_phone_that_forgot_its_subscription_gets_one_and_not_two() {
    let (mut line, _, _, mut carol) = three();
    let mut other = Watcher::new(super::common::Phone::new("1003", "10.0.0.14:5064"));
    for watcher in [&mut carol, &mut other] {
        watcher.subscribe(&mut line, "1001", "Event: presence\r\n");
        watcher.told(&mut line);
    }
    for _ in 0..3 {
        carol.subscribe(&mut line, "1001", "Event: presence\r\n");
        carol.told(&mut line);
    }
    assert_eq!(line.status().subscriptions, 2, "one of each phone");
    line.pass(PAUSE);
    set(&mut line, "1001", PresenceStatus::Away);
    carol.told(&mut line);
    other.told(&mut line);
    line.expect_silence(carol.phone.address);
}

#[test]
fn whoever_may_not_watch_any_more_is_told_so() {
    let (mut line, _, _, mut carol) = three();
    for number in ["1001", "1002", "1003"] {
        carol.subscribe(&mut line, number, "Event: presence\r\n");
        carol.told(&mut line);
    }
    let mut settings = super::common::settings();
    let accounts = settings.directory.extensions().filter(|account| account.number != "1002").cloned();
    let hidden = accounts.map(|mut account| {
        account.visibility = signaling::settings::Visibility::Hidden;
        account
    });
    settings.directory = signaling::settings::Directory::new(hidden.collect::<Vec<_>>());
    line.happen(Input::Configured(Arc::new(settings)));
    let reasons: Vec<_> = (0..2)
        .map(|_| {
            let last = carol.told(&mut line);
            assert_eq!(last.body, "", "nothing is told to who may not know it");
            last.header("Subscription-State").to_owned()
        })
        .collect();
    assert_eq!(reasons, ["terminated;reason=rejected", "terminated;reason=noresource"]);
    assert_eq!(line.status().subscriptions, 1, "everybody sees himself");
    line.pass(PAUSE);
    line.expect_silence(carol.phone.address);
}

#[test]
fn a_watcher_whose_secret_changed_has_to_prove_who_he_is_again() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    carol.told(&mut line);
    let changed = |secret: &str| {
        let mut settings = super::common::settings();
        let accounts = settings.directory.extensions().cloned().map(|mut account| {
            if account.number == "1003" {
                account.secret = signaling::settings::Secret::new(secret);
            }
            account
        });
        settings.directory = signaling::settings::Directory::new(accounts.collect::<Vec<_>>());
        Input::Configured(Arc::new(settings))
    };
    line.happen(changed("another-secret-1"));
    let last = carol.told(&mut line);
    assert_eq!(last.header("Subscription-State"), "terminated;reason=deactivated");
    assert_eq!((last.body.as_str(), line.status().subscriptions), ("", 0));
}
