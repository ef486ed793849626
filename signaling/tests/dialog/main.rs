//! RFC 3261 section 12: what makes a dialog, and where its requests go.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that finds another thing than it wants fails"
)]

#[path = "../common/mod.rs"]
mod common;

use common::{Sip, line::settings};
use contract::Instant;
use signaling::{
    dialog::{Ask, Course, Dialog, Opening, State, Tags},
    effect::{Effect, Effects},
    flow::{Flow, ListenerId},
    message::{Index, Malformed, Message, Method},
    transaction::{NotSent, Stack},
};
use std::sync::Arc;

fn stack() -> Stack {
    Stack::new(Arc::new(settings()), [3; 32])
}

fn read<T>(text: &str, then: impl FnOnce(&Message<'_>) -> T) -> T {
    let text = text.replace('\n', "\r\n");
    then(&Index::new().parse(text.as_bytes()).unwrap())
}

fn invite(more: &str) -> String {
    format!(
        "INVITE sip:1002@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.11;branch=z9hG4bK1\nFrom: \"A\" <sip:1001@pbx.test>;tag=theirs\n\
         To: <sip:1002@pbx.test>\nCall-ID: c1\nCSeq: 7 INVITE\n{more}Content-Length: 0\n\n"
    )
}

fn response(status: u16, tag: &str, more: &str) -> String {
    format!(
        "SIP/2.0 {status} Answer\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\nFrom: <sip:1001@pbx.test>;tag=ours\n\
         To: <sip:1002@pbx.test>{tag}\nCall-ID: c2\nCSeq: 1 INVITE\n{more}Content-Length: 0\n\n"
    )
}

fn course() -> Course {
    Course::new(ListenerId(0), None, false)
}

fn asking(stack: &Stack) -> Dialog {
    let opening = Opening {
        call_id: "c2".into(),
        tag: "ours".into(),
        from: "<sip:1001@pbx.test>".into(),
        to: "<sip:1002@pbx.test>".into(),
        target: "sip:1002@10.0.0.12".into(),
        routes: Vec::new(),
        user: "1001".into(),
        course: course(),
    };
    Dialog::asking(stack, opening)
}

const BYE: Ask<'static> = Ask { method: Method::Bye, max_forwards: 70, headers: &[], body: None };

/// What a request within the dialog looks like, and where it goes.
fn sent(dialog: &mut Dialog, stack: &mut Stack) -> (Sip, String) {
    let mut out = Effects::new();
    dialog.send(Instant::ORIGIN, stack, &mut out, &BYE).unwrap();
    let sent = out.into_iter().find_map(|effect| match effect {
        Effect::Transmit { flow, bytes } => Some((Sip::read(&bytes), flow.remote.to_string())),
        _ => None,
    });
    sent.unwrap()
}

#[test]
fn the_route_set_of_the_called_is_record_route_in_order() {
    let mut stack = stack();
    let text = invite(
        "Contact: <sip:1001@10.0.0.11:5061>\nRecord-Route: <sip:10.0.0.21;lr>\nRecord-Route: <sip:10.0.0.22;lr>\n",
    );
    let mut dialog = read(&text, |invite| Dialog::asked(&stack, invite, "ours", "1002", course())).unwrap();
    assert_eq!(dialog.state(), State::Early);
    let (bye, to) = sent(&mut dialog, &mut stack);
    assert_eq!(bye.all("Route"), ["<sip:10.0.0.21;lr>", "<sip:10.0.0.22;lr>"]);
    assert_eq!((bye.uri(), to.as_str()), ("sip:1001@10.0.0.11:5061", "10.0.0.21:5060"));
    assert_eq!((bye.tag("From"), bye.tag("To"), bye.header("Call-ID")), ("ours", "theirs", "c1"));
}

#[test]
fn the_route_set_of_the_caller_is_record_route_in_reverse_and_made_anew_by_the_2xx() {
    let mut stack = stack();
    let mut dialog = asking(&stack);
    let early =
        response(180, ";tag=one", "Record-Route: <sip:10.0.0.21;lr>, <sip:10.0.0.22;lr>\nContact: <sip:x@10.0.0.31>\n");
    read(&early, |early| dialog.answered(early)).unwrap();
    assert_eq!(dialog.state(), State::Early);
    let (bye, to) = sent(&mut dialog, &mut stack);
    assert_eq!(bye.all("Route"), ["<sip:10.0.0.22;lr>", "<sip:10.0.0.21;lr>"]);
    assert_eq!((bye.uri(), to.as_str()), ("sip:x@10.0.0.31", "10.0.0.22:5060"));
    let last = response(200, ";tag=two", "Contact: <sip:x@10.0.0.32:5070>\n");
    read(&last, |last| dialog.answered(last)).unwrap();
    assert_eq!((dialog.state(), dialog.target()), (State::Confirmed, "sip:x@10.0.0.32:5070"));
    let (bye, to) = sent(&mut dialog, &mut stack);
    assert!(bye.all("Route").is_empty());
    assert_eq!((to.as_str(), bye.tag("To"), bye.cseq()), ("10.0.0.32:5070", "two", 2));
}

#[test]
fn a_strict_router_finds_itself_in_the_request_uri() {
    let mut stack = stack();
    let text = invite("Contact: <sip:1001@10.0.0.11:5061>\nRecord-Route: <sip:10.0.0.21>, <sip:10.0.0.22;lr>\n");
    let mut dialog = read(&text, |invite| Dialog::asked(&stack, invite, "ours", "1002", course())).unwrap();
    let (bye, to) = sent(&mut dialog, &mut stack);
    assert_eq!((bye.uri(), to.as_str()), ("sip:10.0.0.21", "10.0.0.21:5060"));
    assert_eq!(bye.all("Route"), ["<sip:10.0.0.22;lr>", "<sip:1001@10.0.0.11:5061>"]);
}

#[test]
fn a_peer_behind_a_nat_is_reached_by_its_flow() {
    let mut stack = stack();
    let flow = Flow::datagram(ListenerId(0), "203.0.113.7:40000".parse().unwrap());
    let text = invite("Contact: <sip:1001@192.168.1.5:5061>\n");
    let behind = Course::new(ListenerId(0), Some(flow), true);
    let mut dialog = read(&text, |invite| Dialog::asked(&stack, invite, "ours", "1002", behind)).unwrap();
    let (bye, to) = sent(&mut dialog, &mut stack);
    assert_eq!((bye.uri(), to.as_str()), ("sip:1001@192.168.1.5:5061", "203.0.113.7:40000"));
}

#[test]
fn an_invite_needs_a_contact() {
    let stack = stack();
    let made = read(&invite(""), |invite| Dialog::asked(&stack, invite, "ours", "1002", course()).map(|_| ()));
    assert!(matches!(made, Err(Malformed::Missing(_))));
}

#[test]
fn a_provisional_answer_without_a_tag_makes_no_dialog() {
    let stack = stack();
    let mut dialog = asking(&stack);
    read(&response(183, "", ""), |early| dialog.answered(early)).unwrap();
    assert_eq!((dialog.state(), dialog.tags()), (State::Asked, tags("")));
    // A peer of RFC 2543 has none in its 2xx either.
    read(&response(200, "", "Contact: <sip:x@10.0.0.32>\n"), |last| dialog.answered(last)).unwrap();
    assert_eq!(dialog.state(), State::Confirmed);
}

fn tags(remote: &str) -> Tags {
    read(&response(200, &if remote.is_empty() { String::new() } else { format!(";tag={remote}") }, ""), |response| {
        Tags::of_response(response).unwrap()
    })
}

#[test]
fn requests_are_owned_by_call_id_and_both_tags() {
    let stack = stack();
    let text = invite("Contact: <sip:1001@10.0.0.11:5061>\n");
    let dialog = read(&text, |invite| Dialog::asked(&stack, invite, "ours", "1002", course())).unwrap();
    for (from, to, call_id, owned) in [
        (";tag=theirs", ";tag=ours", "c1", true),
        (";tag=theirs", ";tag=other", "c1", false),
        (";tag=other", ";tag=ours", "c1", false),
        ("", ";tag=ours", "c1", false),
        (";tag=theirs", "", "c1", false),
        (";tag=theirs", ";tag=ours", "c2", false),
    ] {
        let request = format!(
            "BYE sip:x@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.11;branch=z9hG4bK2\nFrom: <sip:1001@pbx.test>{from}\nTo: <sip:1002@pbx.test>{to}\n\
             Call-ID: {call_id}\nCSeq: 8 BYE\nContent-Length: 0\n\n"
        );
        assert_eq!(read(&request, |request| dialog.owns_request(request)), owned, "{from} {to} {call_id}");
    }
}

#[test]
fn order_is_judged_by_cseq_and_gaps_are_allowed() {
    let stack = stack();
    let text = invite("Contact: <sip:1001@10.0.0.11:5061>\n");
    let mut dialog = read(&text, |invite| Dialog::asked(&stack, invite, "ours", "1002", course())).unwrap();
    for (cseq, in_order) in [(8, true), (100, true), (99, false), (7, false), (2_147_483_647, true), (1, false)] {
        assert_eq!(dialog.in_order(cseq), in_order, "{cseq}");
    }
}

#[test]
fn sequence_numbers_end_and_are_never_wrapped() {
    let mut stack = stack();
    let text = response(200, ";tag=two", "Contact: <sip:x@10.0.0.32>\n").replace("CSeq: 1", "CSeq: 2147483646");
    let mut dialog = read(&text, |last| Dialog::stray(&stack, last, None)).unwrap();
    let mut out = Effects::new();
    assert!(dialog.send(Instant::ORIGIN, &mut stack, &mut out, &BYE).is_ok());
    assert_eq!(dialog.local_cseq(), 2_147_483_647);
    assert_eq!(dialog.send(Instant::ORIGIN, &mut stack, &mut out, &BYE), Err(NotSent::Exhausted));
}

#[test]
fn a_host_name_is_looked_for_unless_a_flow_is_known() {
    let mut stack = stack();
    let text = response(200, ";tag=two", "Contact: <sip:x@phone.example.net>\n");
    let mut dialog = read(&text, |last| Dialog::stray(&stack, last, None)).unwrap();
    let mut out = Effects::new();
    dialog.send(Instant::ORIGIN, &mut stack, &mut out, &BYE).unwrap();
    assert!(matches!(out[..], [Effect::Resolve { .. }]), "{out:?}");
    out.clear();
    let flow = Flow::datagram(ListenerId(0), "10.0.0.32:5060".parse().unwrap());
    dialog.found(flow);
    dialog.send(Instant::ORIGIN, &mut stack, &mut out, &BYE).unwrap();
    assert!(matches!(out[..], [Effect::Transmit { flow: by, .. }, Effect::Fact(_)] if by == flow), "{out:?}");
}
