//! SUBSCRIBE: RFC 6665 section 4.2.1, clause by clause.

use super::{
    PAUSE,
    common::{Line, line::settings},
    three, three_on,
    watcher::again,
};
use core::time::Duration;
use signaling::settings::{Directory, Visibility};

#[test]
fn a_subscription_is_granted_and_told_at_once() {
    for (headers, granted) in [
        ("Event: presence\r\n", "3600"),
        ("Event: presence\r\nExpires: 600\r\n", "600"),
        ("o: presence\r\nExpires: 100000\r\n", "3600"),
        ("Event: presence\r\nExpires: 60\r\n", "60"),
        ("Event: presence\r\nAccept: text/plain, application/pidf+xml;q=0.5\r\n", "3600"),
        ("Event: presence\r\nAccept: */*\r\n", "3600"),
    ] {
        let (mut line, _, _, mut carol) = three();
        let (answer, dialog) = carol.subscribe(&mut line, "1001", headers);
        // RFC 6665 section 4.2.1.1: the time granted is told; section 3.1.1: it may only be shorter.
        assert_eq!(answer.header("Expires"), granted, "{headers}");
        assert!(!answer.tag("To").is_empty() && answer.contact().starts_with("sip:1001@10.0.0.1"), "{answer:?}");
        // Section 4.2.1.2: "the notifier MUST send a NOTIFY immediately".
        let notify = carol.told(&mut line);
        assert_eq!(notify.header("Event"), "presence");
        assert_eq!(notify.header("Subscription-State"), format!("active;expires={granted}"));
        assert_eq!(notify.header("Content-Type"), "application/pidf+xml");
        assert_eq!((notify.header("Call-ID"), notify.tag("From")), (dialog.call_id.as_str(), answer.tag("To")));
        assert_eq!(notify.uri(), "sip:1003@10.0.0.13:5063");
        assert!(notify.body.contains("<basic>open</basic>"), "{}", notify.body);
        assert_eq!(line.status().subscriptions, 1);
        line.expect_rest();
    }
}

#[test]
fn what_is_not_granted_says_why() {
    let hour = Duration::from_secs(3_600);
    for (to, headers, status, header, value) in [
        // RFC 6665 section 7.2 and 8.2.2.
        ("1001", "", 489, "Allow-Events", "dialog, message-summary, presence, reg"),
        ("1001", "Event: weather\r\n", 489, "Allow-Events", "dialog, message-summary, presence, reg"),
        ("1001", "Event: presence.winfo\r\n", 489, "Allow-Events", "dialog, message-summary, presence, reg"),
        ("1001", "Event: Presence\r\n", 489, "Allow-Events", "dialog, message-summary, presence, reg"),
        ("1001", "Event: presence;;\r\n", 489, "Allow-Events", "dialog, message-summary, presence, reg"),
        // RFC 6665 section 4.2.1.1.
        ("1001", "Event: presence\r\nExpires: 59\r\n", 423, "Min-Expires", "60"),
        ("1001", "Event: presence\r\nAccept: text/plain\r\n", 406, "Server", "Ironbell"),
        ("1009", "Event: presence\r\n", 404, "Server", "Ironbell"),
        // What is nobody else's matter.
        ("1001", "Event: message-summary\r\n", 403, "Server", "Ironbell"),
        ("1001", "Event: reg\r\n", 403, "Server", "Ironbell"),
        ("1001", "Event: presence\r\nRequire: eventlist\r\n", 420, "Unsupported", "eventlist"),
    ] {
        let (mut line, _, _, mut carol) = three();
        let answer = carol.refused(&mut line, to, headers);
        assert_eq!((answer.status(), answer.header(header)), (status, value), "{headers}: {answer:?}");
        line.expect_silence(carol.phone.address);
        assert_eq!(line.status().subscriptions, 0);
        line.pass(hour);
        line.expect_rest();
    }
}

#[test]
fn nobody_watches_without_credentials_or_as_another() {
    let (mut line, alice, _, carol) = three();
    let text = |from: &str, serial: &str| {
        format!(
            "SUBSCRIBE sip:1001@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKx{serial};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{from}@pbx.test>;tag=x\r\n\
             To: <sip:1001@pbx.test>\r\nCall-ID: x{serial}\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:x@{}>\r\nEvent: dialog\r\n",
            alice.address, alice.address
        )
    };
    line.send(alice.address, &(text("1001", "a") + "Content-Length: 0\r\n\r\n"));
    let challenge = line.expect(alice.address, "401");
    let proof = carol.phone.authorization(&challenge, "SUBSCRIBE", "sip:1001@pbx.test");
    line.send(alice.address, &format!("{}Authorization: {proof}\r\nContent-Length: 0\r\n\r\n", text("1001", "b")));
    line.expect(alice.address, "403");
    line.expect_silence(alice.address);
    assert_eq!(line.status().subscriptions, 0);
}

#[test]
fn a_watcher_may_ask_once_and_leave() {
    let (mut line, _, _, mut carol) = three();
    // RFC 6665 section 4.4.3.
    let (answer, _) = carol.subscribe(&mut line, "1001", "Event: dialog\r\nExpires: 0\r\n");
    assert_eq!(answer.header("Expires"), "0");
    let notify = carol.told(&mut line);
    assert_eq!(notify.header("Subscription-State"), "terminated;reason=timeout");
    assert!(notify.body.contains("state=\"full\""), "{}", notify.body);
    assert_eq!(line.status().subscriptions, 0);
    line.expect_rest();
}

#[test]
fn a_refresh_is_granted_and_told_everything_again() {
    let (mut line, _, _, mut carol) = three();
    let (_, mut dialog) = carol.subscribe(&mut line, "1001", "Event: dialog;id=7\r\nExpires: 600\r\n");
    assert_eq!(carol.told(&mut line).header("Event"), "dialog;id=7");
    line.pass_seconds(500);
    let answer = again(&mut line, &mut dialog, "Event: dialog;id=7\r\nExpires: 300\r\n");
    assert_eq!((answer.status(), answer.header("Expires")), (200, "300"), "{answer:?}");
    let notify = carol.told(&mut line);
    assert_eq!(notify.header("Subscription-State"), "active;expires=300");
    assert!(notify.body.contains("version=\"1\" state=\"full\""), "{}", notify.body);
    // The time of before does not count any more.
    line.pass_seconds(299);
    assert_eq!(line.status().subscriptions, 1);
    line.expect_silence(carol.phone.address);
    line.pass(4 * PAUSE);
    // RFC 6665 section 4.2.1.2: a subscription that runs out is told so.
    assert_eq!(carol.told(&mut line).header("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(line.status().subscriptions, 0);
    // RFC 6665 section 4.1.2.2.
    assert_eq!(again(&mut line, &mut dialog, "Event: dialog;id=7\r\n").status(), 481);
    line.expect_rest();
}

#[test]
fn a_watcher_that_leaves_is_told_once_more() {
    let (mut line, _, _, mut carol) = three();
    let (_, mut dialog) = carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    carol.told(&mut line);
    // RFC 6665 section 4.1.2.3.
    let answer = again(&mut line, &mut dialog, "Event: presence\r\nExpires: 0\r\n");
    assert_eq!((answer.status(), answer.header("Expires")), (200, "0"));
    let last = carol.told(&mut line);
    assert_eq!(last.header("Subscription-State"), "terminated;reason=timeout");
    assert!(last.body.contains("<basic>open</basic>"));
    assert_eq!(line.status().subscriptions, 0);
    line.expect_rest();
}

#[test]
fn requests_within_the_dialog_are_judged() {
    let (mut line, _, _, mut carol) = three();
    let (_, mut dialog) = carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    carol.told(&mut line);
    for (headers, status) in [
        ("Event: presence\r\nExpires: 5\r\n", 423),
        ("Event: weather\r\n", 489),
        // RFC 6665 section 4.5.2: a dialog has one subscription.
        ("Event: dialog\r\n", 403),
        ("Event: presence;id=1\r\n", 403),
    ] {
        assert_eq!(again(&mut line, &mut dialog, headers).status(), status, "{headers}");
    }
    // RFC 3261 section 12.2.2: an older request.
    dialog.request_as(&mut line, "SUBSCRIBE", 1, "", "Event: presence\r\n");
    line.expect(carol.phone.address, "500");
    let mut stranger = dialog.clone();
    stranger.local = stranger.local.replace("tag=w", "tag=v");
    assert_eq!(again(&mut line, &mut stranger, "Event: presence\r\n").status(), 481);
    assert_eq!(line.status().subscriptions, 1, "nothing of that ends it");
    line.expect_silence(carol.phone.address);
}

#[test]
fn a_subscription_within_a_call_is_refused_without_harm_to_the_call() {
    let (mut line, mut alice, mut boris, carol) = three();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &boris.sdp());
    line.expect(boris.address, "ACK");
    let mut dialog = invite.dialog(&line.expect(alice.address, "200"));
    dialog.ack(&mut line, "");
    assert_eq!(again(&mut line, &mut dialog, "Event: dialog\r\n").status(), 403);
    assert_eq!(line.status().calls, 1);
    line.expect_silence(carol.phone.address);
}

#[test]
fn an_account_shows_what_it_wants_and_to_itself_everything() {
    for (visibility, status) in [(Visibility::Full, 200), (Visibility::Busy, 200), (Visibility::Hidden, 403)] {
        for event in ["dialog", "presence"] {
            let mut settings = settings();
            let changed = settings.directory.extensions().cloned().map(|mut account| {
                account.visibility = visibility;
                account
            });
            settings.directory = Directory::new(changed.collect::<Vec<_>>());
            let (mut line, _, _, mut carol) = three_on(Line::with(settings));
            let headers = format!("Event: {event}\r\n");
            assert_eq!(carol.refused(&mut line, "1001", &headers).status(), status, "{visibility:?} {event}");
            line.forget(carol.phone.address);
            assert_eq!(carol.refused(&mut line, "1003", &headers).status(), 200, "{visibility:?} {event}");
        }
    }
}

#[test]
fn the_way_of_the_last_subscribe_is_the_way_of_the_next_notify() {
    let (mut line, _, _, mut carol) = three();
    // Behind a NAT: its Contact leads nowhere.
    let home = carol.phone.address;
    carol.phone.address = "192.168.7.7:5060".parse().unwrap();
    let behind = carol.phone.contact();
    carol.phone.address = home;
    let text = |cseq: u32, to: &str, more: &str| {
        format!(
            "SUBSCRIBE sip:1001@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.7:5060;branch=z9hG4bKn{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:1003@pbx.test>;tag=n\r\nTo: {to}\r\nCall-ID: nat\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: {behind}\r\nEvent: presence\r\n{more}Content-Length: 0\r\n\r\n"
        )
    };
    line.send(home, &text(1, "<sip:1001@pbx.test>", ""));
    let challenge = line.expect(home, "401");
    let proof = carol.phone.authorization(&challenge, "SUBSCRIBE", "sip:1001@pbx.test");
    line.send(home, &text(2, "<sip:1001@pbx.test>", &format!("Authorization: {proof}\r\n")));
    let answer = line.expect(home, "200");
    carol.told(&mut line);
    // The NAT has given it another port.
    let moved = "10.0.0.13:6000".parse().unwrap();
    line.send(moved, &text(3, answer.header("To"), ""));
    line.expect(moved, "200");
    line.pass(PAUSE);
    carol.phone.address = moved;
    carol.told(&mut line);
    line.expect_silence(home);
}
