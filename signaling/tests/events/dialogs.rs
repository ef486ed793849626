//! Lamps: the dialogs of an account as its watchers are told (RFC 4235), through calls of every outcome.

use super::{
    PAUSE,
    common::{Line, Phone, Sip, line::settings},
    three, three_on,
    watcher::Watcher,
};
use signaling::settings::{Directory, Visibility};

/// What a document says: completeness, and of each dialog direction, state and remote party.
fn said(notify: &Sip) -> (String, Vec<String>) {
    assert_eq!(notify.header("Content-Type"), "application/dialog-info+xml");
    let attribute = |text: &str, name: &str| {
        let after = text.split(&format!("{name}=\"")).nth(1).unwrap_or("");
        after.split('"').next().unwrap_or("").to_owned()
    };
    let within = |text: &str, name: &str| {
        let after = text.split(&format!("<{name}>")).nth(1).unwrap_or("");
        after.split(&format!("</{name}>")).next().unwrap_or("").to_owned()
    };
    let mut dialogs: Vec<String> = notify
        .body
        .split("<dialog ")
        .skip(1)
        .map(|dialog| {
            let remote = within(dialog, "remote");
            let identity = remote.split("<identity").nth(1).and_then(|rest| rest.split("</identity>").next());
            let identity = identity.unwrap_or("").trim_start_matches(" display=\"").replace("\">", " ");
            format!("{} {} {identity}", attribute(dialog, "direction"), within(dialog, "state"))
        })
        .collect();
    dialogs.sort();
    (attribute(&notify.body, "state"), dialogs)
}

#[track_caller]
fn expect(line: &mut Line, watcher: &mut Watcher, state: &str, dialogs: &[&str]) -> Sip {
    line.pass(PAUSE);
    let notify = watcher.told(line);
    let (completeness, said) = said(&notify);
    assert_eq!((completeness.as_str(), said.iter().map(String::as_str).collect::<Vec<_>>()), (state, dialogs.to_vec()));
    notify
}

#[test]
fn the_callees_lamp_blinks_burns_and_goes_out() {
    let (mut line, mut alice, mut boris, mut carol) = three();
    carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
    let first = carol.told(&mut line);
    assert_eq!(said(&first), ("full".into(), Vec::new()));
    assert!(first.body.contains("version=\"0\" state=\"full\" entity=\"sip:1002@pbx.test\""), "{}", first.body);

    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    expect(&mut line, &mut carol, "partial", &["recipient trying Alice Ames sip:1001@pbx.test"]);
    boris.answer(&mut line, &asked, 180, "");
    line.expect(alice.address, "180");
    let ringing = expect(&mut line, &mut carol, "partial", &["recipient early Alice Ames sip:1001@pbx.test"]);
    assert!(ringing.body.contains("version=\"2\""), "{}", ringing.body);
    assert!(
        ringing.body.contains("<local><identity display=\"Boris Bell\">sip:1002@pbx.test</identity>"),
        "{}",
        ringing.body
    );
    let mut called = boris.answer(&mut line, &asked, 200, &boris.sdp());
    line.expect(boris.address, "ACK");
    let mut caller = invite.dialog(&line.expect(alice.address, "200"));
    caller.ack(&mut line, "");
    let talking = expect(&mut line, &mut carol, "partial", &["recipient confirmed Alice Ames sip:1001@pbx.test"]);
    let id = |notify: &Sip| notify.body.split("<dialog id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(id(&ringing), id(&talking));
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    let over = expect(&mut line, &mut carol, "partial", &["recipient terminated Alice Ames sip:1001@pbx.test"]);
    assert_eq!(id(&over), id(&talking));
    line.pass_seconds(5);
    line.expect_silence(carol.phone.address);
    // Somebody who asks now sees nothing of it.
    carol.subscribe(&mut line, "1002", "Event: dialog\r\nExpires: 0\r\n");
    assert_eq!(said(&carol.told(&mut line)), ("full".into(), Vec::new()));
    line.forget(alice.address);
    line.expect_rest();
}

#[test]
fn the_callers_lamp_follows_what_he_hears() {
    let (mut line, mut alice, mut boris, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: dialog\r\n");
    carol.told(&mut line);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    expect(&mut line, &mut carol, "partial", &["initiator trying Boris Bell sip:1002@pbx.test"]);
    boris.answer(&mut line, &asked, 180, "");
    line.expect(alice.address, "180");
    expect(&mut line, &mut carol, "partial", &["initiator early Boris Bell sip:1002@pbx.test"]);
    line.send(alice.address, &invite.cancel());
    line.expect(alice.address, "200");
    expect(&mut line, &mut carol, "partial", &["initiator terminated Boris Bell sip:1002@pbx.test"]);
}

#[test]
fn refusals_and_missed_calls_end_the_blinking() {
    for status in [486, 603, 480] {
        let (mut line, mut alice, mut boris, mut carol) = three();
        carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
        carol.told(&mut line);
        alice.call(&mut line, "1002", &alice.sdp());
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 180, "");
        expect(&mut line, &mut carol, "partial", &["recipient early Alice Ames sip:1001@pbx.test"]);
        boris.answer(&mut line, &asked, status, "");
        expect(&mut line, &mut carol, "partial", &["recipient terminated Alice Ames sip:1001@pbx.test"]);
    }
}

#[test]
fn all_phones_of_an_account_are_one_lamp() {
    let (mut line, mut alice, mut boris, mut carol) = three();
    let mut kitchen = Phone::new("1002", "10.0.0.22:5062");
    assert_eq!(kitchen.register(&mut line).status(), 200);
    carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
    carol.told(&mut line);
    alice.call(&mut line, "1002", &alice.sdp());
    let at_desk = line.expect(boris.address, "INVITE");
    let in_kitchen = line.expect(kitchen.address, "INVITE");
    boris.answer(&mut line, &at_desk, 180, "");
    kitchen.answer(&mut line, &in_kitchen, 180, "");
    expect(&mut line, &mut carol, "partial", &["recipient early Alice Ames sip:1001@pbx.test"]);
    kitchen.answer(&mut line, &in_kitchen, 200, &kitchen.sdp());
    expect(&mut line, &mut carol, "partial", &["recipient confirmed Alice Ames sip:1001@pbx.test"]);
}

#[test]
fn a_watcher_that_comes_in_the_middle_sees_what_is() {
    let (mut line, mut alice, mut boris, mut carol) = three();
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
    expect(&mut line, &mut carol, "full", &["recipient early Alice Ames sip:1001@pbx.test"]);
    // And what comes to it.
    let mut dora = Phone::new("1003", "10.0.0.19:5069");
    dora.call(&mut line, "1002", &dora.sdp());
    line.expect(boris.address, "INVITE");
    expect(&mut line, &mut carol, "partial", &["recipient trying Carol Chu sip:1003@pbx.test"]);
}

#[test]
fn a_call_to_oneself_is_two_dialogs() {
    let (mut line, mut alice, _, mut carol) = three();
    carol.subscribe(&mut line, "1001", "Event: dialog\r\n");
    carol.told(&mut line);
    alice.call(&mut line, "1001", &alice.sdp());
    line.expect(alice.address, "INVITE");
    let both = ["initiator trying Alice Ames sip:1001@pbx.test", "recipient trying Alice Ames sip:1001@pbx.test"];
    expect(&mut line, &mut carol, "partial", &both);
}

#[test]
fn a_watcher_sees_no_more_than_it_may() {
    let watch = |visibility: Visibility, pickup: bool| {
        let mut settings = settings();
        let changed = settings.directory.extensions().cloned().map(|mut account| {
            account.visibility = visibility;
            account.permissions.pickup = pickup;
            account
        });
        settings.directory = Directory::new(changed.collect::<Vec<_>>());
        let (mut line, mut alice, mut boris, mut carol) = three_on(Line::with(settings));
        alice.call(&mut line, "1002", &alice.sdp());
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 180, "");
        carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
        let notify = carol.told(&mut line);
        let call_id = asked.header("Call-ID").to_owned();
        (notify.body, call_id)
    };
    let (full, call_id) = watch(Visibility::Full, true);
    let name = format!("call-id=\"{call_id}\" local-tag=\"u5062\" remote-tag=\"");
    assert!(full.contains(&name) && full.contains("sip:1001@pbx.test"), "{full}");
    let (without_names, _) = watch(Visibility::Full, false);
    assert!(!without_names.contains("call-id") && without_names.contains("sip:1001@pbx.test"), "{without_names}");
    let (busy, _) = watch(Visibility::Busy, true);
    assert!(busy.contains("<state>early</state>"), "{busy}");
    for secret in ["1001", "Alice", "call-id", "tag", "remote"] {
        assert!(!busy.contains(secret), "{secret} in {busy}");
    }
}

#[test]
fn names_of_people_do_not_break_the_document() {
    let mut settings = settings();
    let changed = settings.directory.extensions().cloned().map(|mut account| {
        if account.number == "1001" {
            account.caller_id.name = "A<\"b\">&'c'".into();
            account.caller_id.number = "+1 (202) #1".into();
        }
        account
    });
    settings.directory = Directory::new(changed.collect::<Vec<_>>());
    let (mut line, mut alice, boris, mut carol) = three_on(Line::with(settings));
    alice.call(&mut line, "1002", &alice.sdp());
    line.expect(boris.address, "INVITE");
    carol.subscribe(&mut line, "1002", "Event: dialog\r\n");
    let body = carol.told(&mut line).body;
    let wanted = "display=\"A&lt;&quot;b&quot;&gt;&amp;&apos;c&apos;\">sip:+1%20(202)%20%231@pbx.test</identity>";
    assert!(body.contains(wanted), "{body}");
}
