//! MESSAGE: to phones that are there, and to phones that are not yet (RFC 3428).

use super::{
    common::{Line, Phone, Sip},
    three,
    watcher::{Watcher, Wish},
};
use core::time::Duration;
use signaling::{
    effect::Ask,
    input::{Input, StoreFault, StoredMessage},
    pbx::Pbx,
};
use std::sync::Arc;

const TEXT: &str = "Content-Type: text/plain\r\n";

fn write(line: &mut Line, from: &mut Watcher, to: &str, headers: &str, body: &str) -> Option<Sip> {
    from.ask(line, Wish { method: "MESSAGE", to, headers, body })
}

/// Carol (1003) writes; Boris (1002) has no phone there.
fn alone() -> (Line, Watcher) {
    let mut line = Line::new();
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    assert_eq!(carol.register(&mut line).status(), 200);
    (line, Watcher::new(carol))
}

fn kept(line: &Line) -> Vec<StoredMessage> {
    let message = |(_, ask): &(_, Ask)| match ask {
        Ask::KeepMessage(message) => Some(message.clone()),
        Ask::SaveBindings { .. } | Ask::ForgetMessage { .. } => None,
    };
    line.asks.iter().filter_map(message).collect()
}

fn forgotten(line: &Line) -> Vec<u64> {
    let id = |(_, ask): &(_, Ask)| match ask {
        Ask::ForgetMessage { id } => Some(*id),
        Ask::SaveBindings { .. } | Ask::KeepMessage(_) => None,
    };
    line.asks.iter().filter_map(id).collect()
}

#[test]
fn a_message_reaches_a_phone_as_it_was_written() {
    for (headers, body) in [
        (TEXT, "Lunch?"),
        ("c: text/html;charset=UTF-8\r\n", "<b>Обед?</b>"),
        ("Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n", "<imdn/>"),
        (
            "Content-Type: message/cpim\r\nSubject: hello\r\n",
            "From: <sip:a@x>\r\n\r\nContent-Type: text/plain\r\n\r\nhi",
        ),
        ("", ""),
    ] {
        let (mut line, _, mut boris, mut carol) = three();
        assert!(write(&mut line, &mut carol, "1002", headers, body).is_none(), "no answer before a phone has it");
        let message = line.expect(boris.address, "MESSAGE");
        assert_eq!((message.uri(), message.body.as_str()), ("sip:1002@10.0.0.12:5062", body));
        assert!(message.header("From").starts_with("\"Carol Chu\" <sip:1003@pbx.test>;tag="), "{message:?}");
        assert_eq!((message.header("To"), message.header("Contact")), ("<sip:1002@pbx.test>", ""));
        for header in headers.split("\r\n").filter(|header| !header.is_empty()) {
            let (name, value) = header.split_once(": ").unwrap();
            let name = if name == "c" { "Content-Type" } else { name };
            assert_eq!(message.header(name), value);
        }
        boris.answer(&mut line, &message, 200, "");
        line.expect(carol.phone.address, "200");
        assert!(kept(&line).is_empty());
        line.expect_rest();
    }
}

#[test]
fn the_first_phone_that_takes_it_counts() {
    let (mut line, _, mut boris, mut carol) = three();
    let mut kitchen = Phone::new("1002", "10.0.0.22:5062");
    assert_eq!(kitchen.register(&mut line).status(), 200);
    write(&mut line, &mut carol, "1002", TEXT, "hi");
    let (desk, other) = (line.expect(boris.address, "MESSAGE"), line.expect(kitchen.address, "MESSAGE"));
    boris.answer(&mut line, &desk, 415, "");
    line.expect_silence(carol.phone.address);
    kitchen.answer(&mut line, &other, 200, "");
    line.expect(carol.phone.address, "200");
    line.expect_rest();
}

#[test]
fn what_every_phone_refuses_is_refused_and_what_none_can_take_is_kept() {
    for (one, two, wanted) in [
        (415, 413, 415),
        (603, 403, 603),
        (415, 480, 202),
        (486, 486, 202),
        (405, 501, 202),
        (405, 415, 202),
        (500, 503, 202),
    ] {
        let (mut line, _, mut boris, mut carol) = three();
        let mut kitchen = Phone::new("1002", "10.0.0.22:5062");
        assert_eq!(kitchen.register(&mut line).status(), 200);
        write(&mut line, &mut carol, "1002", TEXT, "hi");
        let (desk, other) = (line.expect(boris.address, "MESSAGE"), line.expect(kitchen.address, "MESSAGE"));
        boris.answer(&mut line, &desk, one, "");
        kitchen.answer(&mut line, &other, two, "");
        line.expect(carol.phone.address, &wanted.to_string());
        assert_eq!(kept(&line).len(), usize::from(wanted == 202), "{one} and {two}");
    }
}

#[test]
fn kept_messages_are_delivered_in_order_and_once() {
    let (mut line, mut carol) = alone();
    for body in ["one", "two", "three"] {
        assert_eq!(write(&mut line, &mut carol, "1002", TEXT, body).unwrap().status(), 202);
    }
    assert_eq!(line.status().messages, 3);
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    assert_eq!(boris.register(&mut line).status(), 200);
    for body in ["one", "two", "three"] {
        let message = line.expect(boris.address, "MESSAGE");
        assert_eq!(message.body, body);
        line.expect_silence(boris.address);
        boris.answer(&mut line, &message, 200, "");
    }
    line.expect_silence(boris.address);
    assert_eq!(line.status().messages, 0);
    assert_eq!(kept(&line).iter().map(|message| message.id).collect::<Vec<_>>(), forgotten(&line));
    assert_eq!(boris.register(&mut line).status(), 200);
    line.expect_silence(boris.address);
    line.expect_rest();
}

#[test]
fn a_message_waits_behind_those_that_wait() {
    let (mut line, mut carol) = alone();
    write(&mut line, &mut carol, "1002", TEXT, "one");
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    boris.register(&mut line);
    let first = line.expect(boris.address, "MESSAGE");
    assert_eq!(write(&mut line, &mut carol, "1002", TEXT, "two").unwrap().status(), 202);
    line.expect_silence(boris.address);
    boris.answer(&mut line, &first, 200, "");
    assert_eq!(line.expect(boris.address, "MESSAGE").body, "two");
}

#[test]
fn a_phone_that_does_not_answer_does_not_keep_the_sender_waiting() {
    let (mut line, _, mut boris, mut carol) = three();
    write(&mut line, &mut carol, "1002", TEXT, "hi");
    let message = line.expect(boris.address, "MESSAGE");
    line.pass(Duration::from_millis(3_999));
    line.expect_silence(carol.phone.address);
    line.pass(Duration::from_millis(1));
    line.expect(carol.phone.address, "202");
    assert_eq!(line.status().messages, 1);
    line.forget(boris.address);
    // It was there after all: it has the message, and does not get it again.
    boris.answer(&mut line, &message, 200, "");
    assert_eq!(line.status().messages, 0);
    assert_eq!(boris.register(&mut line).status(), 200);
    line.expect_silence(boris.address);
    line.expect_rest();
}

#[test]
fn a_message_that_is_refused_for_what_it_is_does_not_hold_up_the_next() {
    let (mut line, mut carol) = alone();
    for body in ["one", "two"] {
        write(&mut line, &mut carol, "1002", TEXT, body);
    }
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    boris.register(&mut line);
    let first = line.expect(boris.address, "MESSAGE");
    boris.answer(&mut line, &first, 415, "");
    let second = line.expect(boris.address, "MESSAGE");
    // One that cannot now may be asked again when it registers again.
    boris.answer(&mut line, &second, 480, "");
    assert_eq!(line.status().messages, 1);
    line.pass_seconds(60);
    line.expect_silence(boris.address);
    boris.register(&mut line);
    assert_eq!(line.expect(boris.address, "MESSAGE").body, "two");
}

#[test]
fn only_what_is_on_disk_is_promised() {
    let (mut line, mut carol) = alone();
    line.store = Some(Err(StoreFault::Full));
    let answer = write(&mut line, &mut carol, "1002", TEXT, "hi").unwrap();
    assert_eq!((answer.status(), answer.header("Retry-After")), (503, "5"));
    assert_eq!(line.status().messages, 0);
    line.store = None;
    assert!(write(&mut line, &mut carol, "1002", TEXT, "hi").is_none());
    line.pass(Duration::from_millis(500));
    line.expect(carol.phone.address, "503");
    assert_eq!(line.status().messages, 0);
    assert_eq!(forgotten(&line).len(), 2, "it may have been written after all");
    line.pass_seconds(1);
    line.expect_rest();
}

#[test]
fn messages_are_bounded_by_number_size_and_age() {
    let (mut line, mut carol) = alone();
    for _ in 0..3 {
        assert_eq!(write(&mut line, &mut carol, "1002", TEXT, "hi").unwrap().status(), 202);
    }
    assert_eq!(write(&mut line, &mut carol, "1002", TEXT, "hi").unwrap().status(), 480);
    assert_eq!(write(&mut line, &mut carol, "1001", &format!("{TEXT}Expires: 60\r\n"), "hi").unwrap().status(), 202);
    assert_eq!(write(&mut line, &mut carol, "1001", TEXT, &"x".repeat(1_300)).unwrap().status(), 202);
    assert_eq!(write(&mut line, &mut carol, "1001", TEXT, &"x".repeat(1_301)).unwrap().status(), 413);
    assert_eq!(write(&mut line, &mut carol, "1009", TEXT, "hi").unwrap().status(), 404);
    assert_eq!(line.status().messages, 5);
    line.pass_seconds(60);
    assert_eq!((line.status().messages, forgotten(&line).len()), (4, 1));
    line.pass_seconds(86_400);
    assert_eq!((line.status().messages, forgotten(&line).len()), (0, 5));
    line.expect_rest();
}

#[test]
fn messages_of_before_a_restart_are_delivered() {
    let (mut line, mut carol) = alone();
    for body in ["one", "two"] {
        write(&mut line, &mut carol, "1002", TEXT, body);
    }
    let messages = kept(&line);
    line.pbx = Pbx::new(Arc::new(super::common::settings()), [9; 32]);
    line.happen(Input::RestoredMessages(messages));
    assert_eq!(line.status().messages, 2);
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    boris.register(&mut line);
    for body in ["one", "two"] {
        let message = line.expect(boris.address, "MESSAGE");
        assert_eq!(message.body, body);
        boris.answer(&mut line, &message, 200, "");
    }
    assert_eq!(line.status().messages, 0);
}

#[test]
fn nobody_writes_as_another() {
    let (mut line, alice, boris, carol) = three();
    let text = |serial: &str, proof: &str| {
        format!(
            "MESSAGE sip:1002@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKm{serial};rport\r\nMax-Forwards: 70\r\nFrom: <sip:1001@pbx.test>;tag=x\r\n\
             To: <sip:1002@pbx.test>\r\nCall-ID: m{serial}\r\nCSeq: 1 MESSAGE\r\n{proof}Content-Length: 0\r\n\r\n",
            alice.address
        )
    };
    line.send(alice.address, &text("a", ""));
    let challenge = line.expect(alice.address, "401");
    let proof = carol.phone.authorization(&challenge, "MESSAGE", "sip:1002@pbx.test");
    line.send(alice.address, &text("b", &format!("Authorization: {proof}\r\n")));
    line.expect(alice.address, "403");
    line.expect_silence(boris.address);
}
