//! The packages beside dialogs: presence (RFC 3856, 3863), waiting messages (RFC 3842), contacts (RFC 3680).

use super::{PAUSE, common::Phone, three};
use signaling::{
    effect::Reply,
    fact::{CallState, Mailbox, PresenceStatus},
    input::{Command, Input},
};

#[test]
fn presence_follows_registration_call_and_word() {
    let (mut line, mut alice, mut boris, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    let mut told = |line: &mut super::common::Line| {
        line.pass(PAUSE);
        let notify = carol.told(line);
        let basic = if notify.body.contains("<basic>open</basic>") { "open" } else { "closed" };
        let after = notify.body.split("<note>").nth(1).unwrap();
        let activity = ["on-the-phone", "busy", "away", "meeting"]
            .into_iter()
            .find(|activity| notify.body.contains(&format!("<rpid:{activity}/>")))
            .unwrap_or("");
        format!("{basic} {activity} {}", after.split("</note>").next().unwrap())
    };
    assert_eq!(told(&mut line), "open  Available");

    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &boris.sdp());
    line.expect(boris.address, "ACK");
    let mut dialog = invite.dialog(&line.expect(alice.address, "200"));
    dialog.ack(&mut line, "");
    assert_eq!(told(&mut line), "open on-the-phone In Call");

    let set = |line: &mut super::common::Line, status, note: &str| {
        line.order(Command::SetPresence { number: "1001".into(), status, note: note.into() });
    };
    set(&mut line, PresenceStatus::DoNotDisturb, "");
    assert_eq!(told(&mut line), "open busy Do Not Disturb");
    set(&mut line, PresenceStatus::Away, "Back <soon>");
    assert_eq!(told(&mut line), "open on-the-phone Back &lt;soon&gt;", "the call counts again");
    dialog.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    assert_eq!(told(&mut line), "open away Back &lt;soon&gt;");

    let gone = format!("{};expires=0", alice.contact());
    assert_eq!(alice.register_as(&mut line, &gone).status(), 200);
    assert_eq!(told(&mut line), "closed  Back &lt;soon&gt;");
    assert_eq!(alice.register(&mut line).status(), 200);
    assert_eq!(told(&mut line), "open away Back &lt;soon&gt;");
    // A binding that runs out is gone too.
    line.pass_seconds(3_590);
    line.forget("10.0.0.13:5063".parse().unwrap());
}

#[test]
fn a_binding_that_runs_out_is_told() {
    let (mut line, mut alice, _, mut carol) = three();
    let brief = format!("{};expires=60", alice.contact());
    assert_eq!(alice.register_as(&mut line, &brief).status(), 200);
    carol.subscribe(&mut line, "1001", "Event: presence\r\n");
    carol.told(&mut line);
    line.pass_seconds(61);
    assert!(carol.told(&mut line).body.contains("<basic>closed</basic>"));
}

#[test]
fn the_api_sees_what_watchers_are_told() {
    let (mut line, mut alice, boris, _) = three();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    line.expect(boris.address, "INVITE");
    let _ = invite;
    let note = "At the desk".to_owned();
    line.order(Command::SetPresence { number: "1003".into(), status: PresenceStatus::InMeeting, note });
    let unknown =
        line.order(Command::SetPresence { number: "1009".into(), status: PresenceStatus::Busy, note: String::new() });
    assert!(matches!(unknown, Reply::Refused(_)), "{unknown:?}");
    let Reply::Presence(all) = line.order(Command::ListPresence) else { panic!("presence") };
    let seen: Vec<_> = all.iter().map(|view| (view.number.as_str(), view.status, &*view.note, view.call)).collect();
    assert_eq!(
        seen,
        [
            ("1001", PresenceStatus::Available, "", CallState::Calling),
            ("1002", PresenceStatus::Available, "", CallState::Calling),
            ("1003", PresenceStatus::InMeeting, "At the desk", CallState::Idle),
        ]
    );
    assert!(all.iter().all(|view| view.last_activity.is_some()));
}

#[test]
fn waiting_messages_burn_the_lamp() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1003", "Event: message-summary\r\n");
    let notify = carol.told(&mut line);
    assert_eq!(notify.header("Content-Type"), "application/simple-message-summary");
    let summary = |waiting: &str, counts: &str| {
        format!("Messages-Waiting: {waiting}\r\nMessage-Account: sip:1003@pbx.test\r\nVoice-Message: {counts}\r\n")
    };
    assert_eq!(notify.body, summary("no", "0/0 (0/0)"));
    for (new, old, new_urgent, old_urgent, waiting, counts) in
        [(2, 8, 1, 2, "yes", "2/8 (1/2)"), (0, 10, 0, 3, "no", "0/10 (0/3)")]
    {
        line.pass(PAUSE);
        let mailbox = Mailbox { new, old, new_urgent, old_urgent };
        line.happen(Input::MailboxChanged { number: "1003".into(), mailbox });
        assert_eq!(carol.told(&mut line).body, summary(waiting, counts));
    }
    line.happen(Input::MailboxChanged { number: "1009".into(), mailbox: Mailbox::default() });
    line.pass(PAUSE);
    line.expect_silence(carol.phone.address);
}

#[test]
fn contacts_come_and_go_before_the_eyes_of_their_owner() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1003", "Event: reg\r\n");
    let first = carol.told(&mut line);
    assert_eq!(first.header("Content-Type"), "application/reginfo+xml");
    assert!(
        first.body.contains("<registration aor=\"sip:1003@pbx.test\" id=\"a\" state=\"active\">"),
        "{}",
        first.body
    );
    assert!(first.body.contains("state=\"active\" event=\"registered\"><uri>sip:1003@10.0.0.13:5063</uri>"));
    let mut kitchen = Phone::new("1003", "10.0.0.15:5065");
    assert_eq!(kitchen.register(&mut line).status(), 200);
    line.pass(PAUSE);
    let second = carol.told(&mut line);
    assert_eq!(second.body.matches("state=\"active\" event=\"registered\"").count(), 2, "{}", second.body);
    let gone = format!("{};expires=0", kitchen.contact());
    assert_eq!(kitchen.register_as(&mut line, &gone).status(), 200);
    line.pass(PAUSE);
    let third = carol.told(&mut line);
    assert!(third.body.contains("version=\"2\""), "{}", third.body);
    assert!(third.body.contains("state=\"terminated\" event=\"unregistered\"><uri>sip:1003@10.0.0.15:5065</uri>"));
    // A refresh is no change.
    let mut again = carol.phone.clone();
    assert_eq!(again.register(&mut line).status(), 200);
    line.pass(PAUSE);
    line.expect_silence(carol.phone.address);
}
