//! Each method of RFC 3261 as a client sees it, and those that are not served.

use crate::{
    exchange::Exchange,
    handset::Handset,
    http::{figure, figure_becomes},
};

#[test]
fn options_is_answered_with_what_is_served() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange);
    let answer = alice.ask("OPTIONS", "sip:pbx.test", "1002", "Accept: application/sdp\r\n");
    assert_eq!(answer.status(), 200, "{answer:?}");
    for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "REGISTER"] {
        assert!(answer.field("Allow").split(',').any(|known| known.trim() == method), "{method} in {answer:?}");
    }
    assert!(answer.field("Accept").contains("application/sdp"), "{answer:?}");
    assert!(answer.find("Supported").is_some() && answer.find("Server").is_some(), "{answer:?}");
}

#[test]
fn register_invite_ack_bye_and_cancel_go_both_ways_and_are_counted() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();

    // As server for Alice, as client towards Boris; then BYE the other way round.
    let asked = alice.dial("1002");
    let trying = alice.progress(&asked, 100);
    assert!(trying.find("Contact").is_none(), "RFC 3261 section 17.2.1: {trying:?}");
    let invite = boris.called();
    boris.say(&invite, 180);
    assert!(alice.progress(&asked, 180).field("To").contains(";tag="), "RFC 3261 section 12.1.1");
    boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    let options = alice.change(&mut at_alice, "OPTIONS", "", "");
    assert_eq!(options.status(), 200, "within the dialog: {options:?}");
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    alice.cancel(&asked);
    let cancel = boris.request("CANCEL");
    assert_eq!((cancel.field("Call-ID"), cancel.cseq().0), (invite.field("Call-ID"), invite.cseq().0), "section 9.1");
    assert_eq!(cancel.field("Via"), invite.field("Via"), "section 9.1: the branch of the INVITE");
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    assert_eq!(alice.refused(&asked), 487);
    let ack = boris.acknowledged(&invite);
    assert_eq!(ack.field("Via"), invite.field("Via"), "section 17.1.1.3");

    for method in ["INVITE", "ACK", "BYE", "CANCEL"] {
        for direction in ["in", "out"] {
            let name =
                format!(r#"ironbell_sip_requests_total{{direction="{direction}",method="{method}",transport="udp"}}"#);
            assert!(figure(&exchange, &name) >= 1.0, "{name}");
        }
    }
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
}

#[test]
fn what_is_not_served_is_refused_with_what_is() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    for (method, more, status, header) in [
        ("NOTIFY", "Event: presence\r\nSubscription-State: active\r\n", 405, "Allow"),
        ("SUBSCRIBE", "Event: weather\r\n", 489, "Allow-Events"),
        ("PUBLISH", "Event: weather\r\n", 489, "Allow-Events"),
        ("DANCE", "", 501, "Allow"),
        ("OPTIONS", "Require: levitation\r\n", 420, "Unsupported"),
    ] {
        let answer = alice.ask(method, "sip:1002@pbx.test", "1002", more);
        assert_eq!(answer.status(), status, "{method}: {answer:?}");
        assert!(answer.find(header).is_some(), "{method}: {answer:?}");
    }
    for (method, to) in [("BYE", "1002"), ("INFO", "1002")] {
        let answer = alice.ask(method, "sip:1002@pbx.test", to, "");
        assert_eq!(answer.status(), 481, "{method} outside any dialog: {answer:?}");
    }
    let asked = alice.dial_with("1002", "Content-Type: text/plain\r\n", "hello");
    assert_eq!(alice.refused(&asked), 415);
}
