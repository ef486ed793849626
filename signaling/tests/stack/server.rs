//! Requests that come to us: RFC 3261 sections 8.2, 9.2, 17.2 and 18.2, RFC 3581, RFC 6026.

use crate::rig::{Heard, Rig, from_phone, request, udp};
use signaling::{fact::DropReason, transaction::Answer};

#[test]
fn an_invite_without_an_answer_at_once_gets_100_and_its_copies_get_it_again() {
    let mut rig = Rig::new();
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!(rig.lines(), ["100 Trying"]);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!(rig.lines(), ["100 Trying"]);
    let id = rig.request_heard();
    rig.respond(id, 180);
    assert_eq!(rig.lines(), ["180 Ringing"]);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!(rig.lines(), ["180 Ringing"]);
}

#[test]
fn an_invite_answered_at_once_gets_no_100() {
    let mut rig = Rig::new();
    rig.user.answers = Some(401);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!(rig.lines(), ["401 Unauthorized"]);
}

#[test]
fn a_refusal_is_repeated_until_its_ack_and_then_absorbs() {
    let mut rig = Rig::new();
    rig.user.answers = Some(486);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!(rig.lines(), ["486 Busy Here"]);
    let when: Vec<_> = rig.watch(10_000).into_iter().map(|(at, _)| at).collect();
    assert_eq!(when, [500, 1500, 3500, 7500]);
    rig.datagram(request("ACK", "z9hG4bK1"));
    assert_eq!(rig.watch(4_999), []);
    // Timer I: late copies are absorbed, not taken for new ones.
    rig.datagram(request("ACK", "z9hG4bK1"));
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!(rig.lines(), Vec::<String>::new());
    assert_eq!(rig.heard().len(), 1);
    rig.ends_empty();
}

#[test]
fn a_refusal_never_acknowledged_is_told_after_timer_h() {
    let mut rig = Rig::new();
    rig.user.answers = Some(486);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    let id = rig.request_heard();
    rig.pass(31_999);
    assert_eq!(rig.heard(), []);
    rig.pass(1);
    assert_eq!(rig.heard(), [Heard::Unacknowledged(id)]);
    rig.sent();
    // late_ack_after_timer_h: it belongs to nothing any more and changes nothing.
    rig.datagram(request("ACK", "z9hG4bK1"));
    assert_eq!((rig.lines(), rig.heard()), (Vec::new(), vec![Heard::Ack]));
    rig.ends_empty();
}

#[test]
fn after_a_2xx_copies_are_absorbed_and_acks_passed_up() {
    let mut rig = Rig::new();
    rig.user.answers = Some(200);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    let id = rig.request_heard();
    assert_eq!(rig.lines(), ["200 OK"]);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    assert_eq!((rig.lines(), rig.heard()), (Vec::new(), Vec::new()));
    // The user repeats the 2xx; the transaction only carries it.
    rig.stack.retransmit(rig.now, id, &mut rig.out);
    assert_eq!(rig.lines(), ["200 OK"]);
    // An ACK with a branch of its own, and one that repeats the INVITE's.
    rig.datagram(request("ACK", "z9hG4bK2"));
    rig.datagram(request("ACK", "z9hG4bK1"));
    assert_eq!(rig.heard(), [Heard::Ack, Heard::Ack]);
    rig.stack.acknowledged(id);
    rig.stack.retransmit(rig.now, id, &mut rig.out);
    assert_eq!(rig.lines(), Vec::<String>::new());
    // Timer L.
    rig.pass(31_999);
    assert_eq!(rig.stack.census().transactions, 1);
    rig.pass(1);
    assert_eq!(rig.stack.census().transactions, 0);
}

#[test]
fn a_final_answer_is_given_once() {
    let mut rig = Rig::new();
    rig.datagram(request("INVITE", "z9hG4bK1"));
    let id = rig.request_heard();
    rig.sent();
    for status in [486, 200, 180] {
        rig.respond(id, status);
    }
    assert_eq!(rig.lines(), ["486 Busy Here"]);
    rig.datagram(request("OPTIONS", "z9hG4bK2"));
    let id = rig.request_heard();
    rig.respond(id, 200);
    rig.respond(id, 500);
    assert_eq!(rig.lines(), ["200 OK"]);
}

#[test]
fn other_requests_are_answered_again_for_as_long_as_copies_may_come() {
    let mut rig = Rig::new();
    rig.datagram(request("BYE", "z9hG4bK1"));
    rig.datagram(request("BYE", "z9hG4bK1"));
    assert_eq!(rig.lines(), Vec::<String>::new(), "no answer yet");
    let id = rig.request_heard();
    rig.respond(id, 200);
    let first = rig.only();
    rig.pass(31_999);
    rig.datagram(request("BYE", "z9hG4bK1"));
    assert_eq!(rig.only().text, first.text);
    assert_eq!(rig.heard(), []);
    // Timer J is over: the same bytes are a new request.
    rig.pass(1);
    rig.datagram(request("BYE", "z9hG4bK1"));
    rig.request_heard();
}

#[test]
fn a_transaction_is_branch_sent_by_and_method() {
    let mut rig = Rig::new();
    rig.user.answers = Some(200);
    let via = |host: &str, branch: &str| format!("SIP/2.0/UDP {host};branch={branch}");
    for (number, (method, via, is_new)) in [
        ("BYE", via("192.0.2.9:5062", "z9hG4bKa"), true),
        ("BYE", via("192.0.2.9:5062", "z9hG4bKa"), false),
        ("BYE", via("192.0.2.9:5062", "z9hG4bKA"), true),
        ("BYE", via("192.0.2.9:5063", "z9hG4bKa"), true),
        ("BYE", via("phone.test:5062", "z9hG4bKa"), true),
        ("BYE", via("Phone.TEST:5062", "z9hG4bKa"), false),
        ("INFO", via("192.0.2.9:5062", "z9hG4bKa"), true),
    ]
    .into_iter()
    .enumerate()
    {
        rig.datagram(from_phone(method, &via, ";tag=ours"));
        assert_eq!(!rig.heard().is_empty(), is_new, "{number}");
    }
}

#[test]
fn without_the_magic_cookie_the_fields_of_rfc_2543_decide() {
    let mut rig = Rig::new();
    rig.user.answers = Some(404);
    for branch in ["", ";branch=1", ";branch=z9hG4bK"] {
        let via = format!("SIP/2.0/UDP 192.0.2.9:5062{branch}");
        rig.datagram(from_phone("INVITE", &via, ""));
        assert_eq!((rig.lines(), rig.heard().len()), (vec!["404 Not Found".to_owned()], 1), "{branch}");
        rig.datagram(from_phone("INVITE", &via, ""));
        assert_eq!((rig.lines(), rig.heard().len()), (vec!["404 Not Found".to_owned()], 0), "{branch}");
        // The ACK has the To tag of the answer.
        rig.datagram(from_phone("ACK", &via, ";tag=whatever"));
        assert_eq!((rig.lines(), rig.heard().len()), (Vec::new(), 0), "{branch}");
        rig.datagram(from_phone("INVITE", &via.replace(".9", ".8"), ""));
        assert_eq!(rig.heard().len(), 1, "{branch}");
        rig.sent();
    }
    rig.ends_empty();
}

#[test]
fn the_same_request_by_another_way_is_482() {
    let mut rig = Rig::new();
    let copy = |method: &str, branch: &str| request(method, branch).replace(&format!("call-{branch}"), "one");
    rig.datagram(copy("INVITE", "z9hG4bK1"));
    rig.sent();
    rig.heard();
    rig.datagram(copy("INVITE", "z9hG4bK2"));
    assert_eq!((rig.lines(), rig.heard()), (vec!["482 Loop Detected".to_owned()], Vec::new()));
    // Within a dialog it is the dialog's matter.
    rig.datagram(copy("INVITE", "z9hG4bK3").replace("1002@pbx.test>", "1002@pbx.test>;tag=ours"));
    assert_eq!(rig.heard().len(), 1);
    rig.sent();
    // Phones that repeat a challenged request with the same number are served.
    rig.user.answers = Some(401);
    let options = |branch: &str| copy("OPTIONS", branch);
    rig.datagram(options("z9hG4bK4"));
    rig.datagram(options("z9hG4bK5"));
    assert_eq!(rig.lines(), ["401 Unauthorized", "401 Unauthorized"]);
    rig.user.answers = Some(200);
    rig.datagram(options("z9hG4bK6"));
    rig.datagram(options("z9hG4bK7"));
    assert_eq!(rig.lines(), ["200 OK", "482 Loop Detected"]);
}

#[test]
fn a_cancel_is_answered_and_told_while_its_invite_is_open() {
    let mut rig = Rig::new();
    rig.datagram(request("INVITE", "z9hG4bK1"));
    let invite = rig.request_heard();
    let ringing = Answer { to_tag: Some("callee"), ..Answer::new(180) };
    rig.stack.respond(rig.now, invite, &ringing, &mut rig.out);
    rig.sent();
    rig.datagram(request("CANCEL", "z9hG4bK1"));
    assert_eq!(rig.heard(), [Heard::Cancel(invite)]);
    let sent = rig.sent();
    assert_eq!(sent.iter().map(|sent| sent.line()).collect::<Vec<_>>(), ["200 OK", "487 Request Terminated"]);
    // RFC 3261 section 9.2: the To tag of both.
    assert_eq!(sent[0].header("To"), "<sip:1002@pbx.test>;tag=callee");
    assert_eq!(sent[0].header("CSeq"), "1 CANCEL");
    // A copy is answered again and told no more.
    rig.datagram(request("CANCEL", "z9hG4bK1"));
    assert_eq!((rig.lines(), rig.heard()), (vec!["200 OK".to_owned()], Vec::new()));
    rig.datagram(request("ACK", "z9hG4bK1"));
    rig.ends_empty();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing_and_one_without_invite_is_481() {
    let mut rig = Rig::new();
    rig.user.answers = Some(200);
    rig.datagram(request("INVITE", "z9hG4bK1"));
    rig.sent();
    rig.heard();
    rig.datagram(request("CANCEL", "z9hG4bK1"));
    assert_eq!((rig.lines(), rig.heard()), (vec!["200 OK".to_owned()], Vec::new()));
    rig.datagram(request("CANCEL", "z9hG4bK2"));
    assert_eq!(rig.lines(), ["481 Call/Transaction Does Not Exist"]);
    rig.ends_empty();
}

#[test]
fn answers_go_where_the_via_says_or_where_the_request_came_from() {
    for (via, source, to) in [
        ("SIP/2.0/UDP 192.0.2.9:5062", "192.0.2.9:40000", "udp 192.0.2.9:5062"),
        ("SIP/2.0/UDP 192.0.2.9", "192.0.2.9:40000", "udp 192.0.2.9:5060"),
        ("SIP/2.0/UDP 10.1.1.1:5062", "192.0.2.9:40000", "udp 192.0.2.9:5062"),
        ("SIP/2.0/UDP 10.1.1.1:5062;rport", "192.0.2.9:40000", "udp 192.0.2.9:40000"),
        ("SIP/2.0/UDP 192.0.2.9;maddr=198.51.100.1", "192.0.2.9:40000", "udp 192.0.2.9:5060"),
        ("SIP/2.0/UDP 192.0.2.9;received=198.51.100.1", "192.0.2.9:40000", "udp 192.0.2.9:5060"),
    ] {
        let mut rig = Rig::new();
        rig.user.answers = Some(200);
        rig.receive(udp(source), from_phone("OPTIONS", &format!("{via};branch=z9hG4bK1"), ""));
        assert_eq!(rig.only().to(), to, "{via}");
    }
}

#[test]
fn a_phone_known_to_be_behind_a_nat_is_answered_at_its_source() {
    let mut rig = Rig::new();
    rig.receive(udp("192.0.2.9:40000"), request("OPTIONS", "z9hG4bK1"));
    let id = rig.request_heard();
    rig.stack.answer_to_source(id);
    rig.respond(id, 200);
    assert_eq!(rig.only().to(), "udp 192.0.2.9:40000");
}

#[test]
fn an_answer_repeats_what_rfc_3261_section_8_2_6_2_wants() {
    let mut rig = Rig::new();
    rig.datagram(
        "INVITE sip:1002@192.0.2.1 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1;rport, SIP/2.0/TCP a.test;branch=z9hG4bK0\r\n\
         Via: SIP/2.0/UDP b.test;branch=z9hG4bK9\r\nf: \"A\" <sip:1001@pbx.test>\r\n ;tag=theirs\r\nt: sip:1002@pbx.test\r\ni: c\r\n\
         CSeq: 1  INVITE\r\nRecord-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\nMax-Forwards: 70\r\nl: 0\r\n\r\n",
    );
    assert_eq!(
        rig.only().text,
        "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1;received=192.0.2.9;rport=5062\r\n\
         Via: SIP/2.0/TCP a.test;branch=z9hG4bK0\r\nVia: SIP/2.0/UDP b.test;branch=z9hG4bK9\r\n\
         From: \"A\" <sip:1001@pbx.test>   ;tag=theirs\r\nTo: sip:1002@pbx.test\r\nCall-ID: c\r\nCSeq: 1  INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    let id = rig.request_heard();
    let answer = Answer {
        once: false,
        status: 200,
        reason: Some("Fine\r\nEvil: yes"),
        to_tag: Some("callee"),
        headers: &[("Contact", "<sip:1002@192.0.2.1>"), ("X", "a\r\nEvil: yes")],
        body: Some(("application/sdp", b"v=0\r\n")),
        record_route: true,
    };
    rig.stack.respond(rig.now, id, &answer, &mut rig.out);
    let sent = rig.only();
    assert!(sent.text.ends_with(
        "To: sip:1002@pbx.test;tag=callee\r\nCall-ID: c\r\nCSeq: 1  INVITE\r\nRecord-Route: <sip:p1;lr>, <sip:p2;lr>\r\n\
         Record-Route: <sip:p3;lr>\r\nContact: <sip:1002@192.0.2.1>\r\nX: a  Evil: yes\r\nContent-Type: application/sdp\r\n\
         Content-Length: 5\r\n\r\nv=0\r\n"
    ));
    assert!(sent.text.starts_with("SIP/2.0 200 Fine  Evil: yes\r\nVia: "));
}

#[test]
fn every_answer_to_copies_of_one_request_has_the_same_tag_and_others_have_not() {
    let mut rig = Rig::new();
    let tag = |rig: &mut Rig, branch: &str| {
        rig.datagram(request("CANCEL", branch));
        rig.only().header("To")
    };
    let first = tag(&mut rig, "z9hG4bK1");
    assert!(first.starts_with("<sip:1002@pbx.test>;tag="));
    assert_eq!(tag(&mut rig, "z9hG4bK1"), first);
    assert_ne!(tag(&mut rig, "z9hG4bK2"), first);
}

#[test]
fn keep_alives_by_udp_are_no_fault() {
    let mut rig = Rig::new();
    for bytes in ["\r\n\r\n", "\r\n", "", "\0", "\0\0\0\0", "\r\n\r\n\r\n\r\n", "jaK\0"] {
        rig.datagram(bytes);
        assert_eq!((rig.drops(), rig.lines()), (Vec::new(), Vec::new()), "{bytes:?}");
    }
    rig.datagram("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(rig.drops(), [DropReason::Malformed]);
}
