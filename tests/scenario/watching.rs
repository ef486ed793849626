//! Lamps, presence and waiting messages: who subscribes is told, at once and at last.

use crate::{
    exchange::Exchange,
    handset::{Handset, home},
    http::{ask, figure_becomes, get},
    message::Message,
};

/// Watches; the grant is waited for.
fn watch(watcher: &mut Handset, number: &str, headers: &str) -> Message {
    let more = format!("Contact: {}\r\n{headers}", watcher.contact());
    let answer = watcher.ask("SUBSCRIBE", &format!("sip:{number}@pbx.test"), number, &more);
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer
}

/// Takes NOTIFYs until one says this; what it says.
fn told(watcher: &mut Handset, part: &str) -> Message {
    loop {
        let notify = watcher.request("NOTIFY");
        watcher.say(&notify, 200);
        if notify.body().contains(part) || notify.field("Subscription-State").contains(part) {
            return notify;
        }
    }
}

#[test]
fn a_lamp_shows_ringing_talking_with_whom_and_the_end() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    watch(&mut carol, "1002", "Event: dialog\r\nAccept: application/dialog-info+xml\r\n");
    let first = told(&mut carol, "dialog-info");
    assert_eq!(first.field("Event"), "dialog");
    assert!(first.field("Subscription-State").starts_with("active;expires="), "{first:?}");
    assert!(first.body().contains("state=\"full\" entity=\"sip:1002@pbx.test\""), "{}", first.body());
    assert!(!first.body().contains("<dialog "), "{}", first.body());

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    let ringing = told(&mut carol, "<state>early</state>");
    assert!(ringing.body().contains("direction=\"recipient\""), "{}", ringing.body());
    assert!(ringing.body().contains("<identity display=\"Alice\">sip:1001@pbx.test</identity>"), "{}", ringing.body());
    let mut at_boris = boris.take(&invite);
    alice.connected(&asked);
    let talking = told(&mut carol, "<state>confirmed</state>");
    assert!(talking.body().contains("sip:1001@pbx.test"), "{}", talking.body());
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
    let over = told(&mut carol, "<state>terminated</state>");
    let id =
        |notify: &Message| notify.body().split("<dialog id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!((id(&ringing), id(&ringing)), (id(&talking), id(&over)));
    figure_becomes(&exchange, "ironbell_subscriptions", 1.0);
}

#[test]
fn presence_follows_the_phone_the_call_the_word_and_what_a_phone_publishes() {
    let exchange = Exchange::start();
    let mut carol = Handset::carol(&exchange).registered();
    watch(&mut carol, "1001", "Event: presence\r\n");
    let first = told(&mut carol, "<basic>closed</basic>");
    assert_eq!(first.field("Content-Type"), "application/pidf+xml");
    let mut alice = Handset::alice(&exchange).registered();
    told(&mut carol, "<note>Available</note>");

    let asked = alice.dial("*43");
    let mut talk = alice.connected(&asked);
    told(&mut carol, "<rpid:on-the-phone/>");
    alice.hang_up(&mut talk);
    told(&mut carol, "<note>Available</note>");

    let wish = br#"{"number": "1001", "state": "in meeting", "text": "Back at three"}"#;
    let answer = ask(&exchange, "POST", "/api/presence/set", crate::exchange::KEY, Some(("application/json", wish)));
    assert_eq!(answer.status, 204, "{answer:?}");
    let meeting = told(&mut carol, "<rpid:meeting/>");
    assert!(meeting.body().contains("<note>Back at three</note>"), "{}", meeting.body());

    let document = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:1001@pbx.test\"><tuple id=\"a\"><status><basic>open</basic></status>\
                    <note>dnd</note></tuple><person><activities><busy/></activities></person></presence>";
    let headers = "Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: 600\r\n";
    let published = alice.begin("PUBLISH", "sip:1001@pbx.test", "1001", headers, document);
    let granted = alice.final_answer(&published);
    assert_eq!((granted.status(), granted.field("Expires")), (200, "600"), "{granted:?}");
    told(&mut carol, "<note>dnd</note>");
    let list = get(&exchange, "/api/presence");
    let alices = &list["items"][0];
    assert_eq!(
        (&alices["number"], &alices["state"], &alices["text"]),
        (&"1001".into(), &"Do Not Disturb".into(), &"dnd".into())
    );
    let headers = format!("Event: presence\r\nSIP-If-Match: {}\r\nExpires: 0\r\n", granted.field("SIP-ETag"));
    assert_eq!(alice.ask("PUBLISH", "sip:1001@pbx.test", "1001", &headers).status(), 200);
    told(&mut carol, "<rpid:meeting/>");
    assert_eq!(alice.register("0", "").status(), 200);
    told(&mut carol, "<basic>closed</basic>");
}

#[test]
fn the_state_of_presence_is_set_by_who_may_and_only_to_what_there_is() {
    let exchange = Exchange::start();
    for (key, body, status) in [
        (crate::exchange::VIEWER, r#"{"number": "1001", "state": "Busy"}"#, 403),
        (crate::exchange::KEY, r#"{"number": "1001", "state": "Dancing"}"#, 422),
        (crate::exchange::KEY, r#"{"number": "1009", "state": "Busy"}"#, 422),
        (crate::exchange::KEY, r#"{"number": "1001"}"#, 422),
        (crate::exchange::KEY, r#"{"number": "1001", "state": "Busy", "text": null}"#, 204),
    ] {
        let answer = ask(&exchange, "POST", "/api/presence/set", key, Some(("application/json", body.as_bytes())));
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
}

#[test]
fn a_phone_subscribes_to_its_waiting_messages_and_to_nobody_elses() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    watch(&mut alice, "1001", "Event: message-summary\r\nAccept: application/simple-message-summary\r\n");
    let summary = told(&mut alice, "Messages-Waiting: no");
    assert!(summary.body().contains("Message-Account: sip:1001@pbx.test\r\nVoice-Message: 0/0"), "{}", summary.body());
    let more = format!("Contact: {}\r\nEvent: message-summary\r\n", alice.contact());
    assert_eq!(alice.ask("SUBSCRIBE", "sip:1002@pbx.test", "1002", &more).status(), 403);
}

#[test]
fn an_account_that_hides_cannot_be_watched() {
    let exchange = home("", "visibility: hidden").start();
    let mut carol = Handset::carol(&exchange).registered();
    let more = format!("Contact: {}\r\nEvent: dialog\r\n", carol.contact());
    assert_eq!(carol.ask("SUBSCRIBE", "sip:1002@pbx.test", "1002", &more).status(), 403);
    assert_eq!(carol.ask("SUBSCRIBE", "sip:1001@pbx.test", "1001", &more).status(), 200);
}

#[test]
fn a_subscription_ends_when_it_is_not_refreshed() {
    let exchange =
        home("sip: { listen: [\"udp://127.0.0.1:0\"], subscription: { min: 1s, max: 10m, default: 5m } }", "");
    exchange.edit("  sip: { listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"] }\n", "");
    let exchange = exchange.start();
    let mut carol = Handset::carol(&exchange).registered();
    let granted = watch(&mut carol, "1001", "Event: presence\r\nExpires: 1\r\n");
    assert_eq!(granted.field("Expires"), "1");
    told(&mut carol, "terminated;reason=timeout");
    figure_becomes(&exchange, "ironbell_subscriptions", 0.0);
}
