//! PUBLISH: RFC 3903 section 6, clause by clause.

use super::{
    PAUSE,
    common::{Line, Sip},
    three,
    watcher::{Watcher, Wish},
};

const PIDF: &str = "Event: presence\r\nContent-Type: application/pidf+xml\r\n";

fn document(activity: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:1003@pbx.test\"><tuple id=\"t\"><status><basic>open</basic></status></tuple>\
         <person><activities><{activity}/></activities></person></presence>"
    )
}

fn publish(line: &mut Line, watcher: &mut Watcher, to: &str, headers: &str, body: &str) -> Sip {
    watcher.ask(line, Wish { method: "PUBLISH", to, headers, body }).expect("an answer")
}

fn activity(notify: &Sip) -> &'static str {
    let activities = ["on-the-phone", "busy", "away", "meeting"];
    activities.into_iter().find(|activity| notify.body.contains(&format!("<rpid:{activity}/>"))).unwrap_or("none")
}

#[test]
fn a_publication_is_told_changed_refreshed_and_taken_back() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1003", "Event: presence\r\n");
    assert_eq!(activity(&carol.told(&mut line)), "none");
    let first = publish(&mut line, &mut carol, "1003", &format!("{PIDF}Expires: 600\r\n"), &document("meeting"));
    assert_eq!((first.status(), first.header("Expires")), (200, "600"), "{first:?}");
    let tag = first.header("SIP-ETag").to_owned();
    assert!(!tag.is_empty());
    line.pass(PAUSE);
    assert_eq!(activity(&carol.told(&mut line)), "meeting");

    // RFC 3903 section 4.3: a refresh has no body and says nothing new; its entity-tag is another.
    line.pass_seconds(500);
    let second = publish(&mut line, &mut carol, "1003", &format!("Event: presence\r\nSIP-If-Match: {tag}\r\n"), "");
    assert_eq!((second.status(), second.header("Expires")), (200, "3600"));
    assert_ne!(second.header("SIP-ETag"), tag);
    line.pass_seconds(500);
    line.expect_silence(carol.phone.address);

    // Section 4.4.
    let tag = second.header("SIP-ETag").to_owned();
    let third = publish(&mut line, &mut carol, "1003", &format!("{PIDF}SIP-If-Match: {tag}\r\n"), &document("away"));
    assert_eq!(third.status(), 200);
    assert_eq!(activity(&carol.told(&mut line)), "away");
    // Section 4.5.
    let tag = third.header("SIP-ETag").to_owned();
    let headers = format!("Event: presence\r\nSIP-If-Match: {tag}\r\nExpires: 0\r\n");
    line.pass(PAUSE);
    let last = publish(&mut line, &mut carol, "1003", &headers, "");
    assert_eq!((last.status(), last.header("Expires")), (200, "0"));
    assert_eq!(activity(&carol.told(&mut line)), "none");
    assert_eq!(line.status().publications, 0);
    line.expect_rest();
}

#[test]
fn a_publication_runs_out() {
    let (mut line, _, _, mut carol) = three();
    carol.subscribe(&mut line, "1003", "Event: presence\r\n");
    carol.told(&mut line);
    publish(&mut line, &mut carol, "1003", &format!("{PIDF}Expires: 60\r\n"), &document("busy"));
    line.pass(PAUSE);
    assert_eq!(activity(&carol.told(&mut line)), "busy");
    line.pass_seconds(60);
    assert_eq!(activity(&carol.told(&mut line)), "none");
    assert_eq!(line.status().publications, 0);
}

#[test]
fn of_several_publications_the_last_word_counts() {
    let (mut line, _, _, mut carol) = three();
    let desk = publish(&mut line, &mut carol, "1003", PIDF, &document("busy"));
    let mobile = publish(&mut line, &mut carol, "1003", PIDF, &document("away"));
    let shown = |line: &mut Line, carol: &mut Watcher| {
        carol.subscribe(line, "1003", "Event: presence\r\nExpires: 0\r\n");
        activity(&carol.told(line))
    };
    assert_eq!(shown(&mut line, &mut carol), "away");
    let refresh = format!("Event: presence\r\nSIP-If-Match: {}\r\n", desk.header("SIP-ETag"));
    assert_eq!(publish(&mut line, &mut carol, "1003", &refresh, "").status(), 200);
    assert_eq!(shown(&mut line, &mut carol), "away", "a refresh is no word");
    let over = format!("Event: presence\r\nSIP-If-Match: {}\r\nExpires: 0\r\n", mobile.header("SIP-ETag"));
    assert_eq!(publish(&mut line, &mut carol, "1003", &over, "").status(), 200);
    assert_eq!(shown(&mut line, &mut carol), "busy");
}

#[test]
fn what_is_not_published_says_why() {
    let good = document("busy");
    for (to, headers, body, status, header, value) in [
        (
            "1003",
            "Content-Type: application/pidf+xml\r\n",
            good.as_str(),
            489,
            "Allow-Events",
            "dialog, message-summary, presence, reg",
        ),
        (
            "1003",
            "Event: dialog\r\nContent-Type: application/dialog-info+xml\r\n",
            "<a/>",
            489,
            "Allow-Events",
            "dialog, message-summary, presence, reg",
        ),
        ("1001", PIDF, &good, 403, "Server", "Ironbell"),
        ("1009", PIDF, &good, 403, "Server", "Ironbell"),
        ("1003", "Event: presence\r\nSIP-If-Match: nothing\r\n", "", 412, "Server", "Ironbell"),
        ("1003", "Event: presence\r\nSIP-If-Match: nothing\r\nExpires: 0\r\n", "", 412, "Server", "Ironbell"),
        ("1003", "Event: presence\r\nSIP-If-Match: one, two\r\n", "", 400, "Server", "Ironbell"),
        ("1003", "Event: presence\r\n", "", 400, "Server", "Ironbell"),
        ("1003", PIDF, "<presence", 400, "Server", "Ironbell"),
        ("1003", PIDF, "<!DOCTYPE a><presence/>", 400, "Server", "Ironbell"),
        ("1003", "Event: presence\r\nContent-Type: text/plain\r\n", "busy", 415, "Accept", "application/pidf+xml"),
        (
            "1003",
            "Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: 59\r\n",
            &good,
            423,
            "Min-Expires",
            "60",
        ),
        ("1003", PIDF, &"x".repeat(8_193), 413, "Server", "Ironbell"),
    ] {
        let (mut line, _, _, mut carol) = three();
        let answer = publish(&mut line, &mut carol, to, headers, body);
        assert_eq!((answer.status(), answer.header(header)), (status, value), "{headers} {body:.20}: {answer:?}");
        assert_eq!(line.status().publications, 0);
    }
}
