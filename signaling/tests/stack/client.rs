//! Requests that we send: RFC 3261 sections 8.1, 9.1, 17.1 and 18.1, RFC 6026.

use crate::rig::{Heard, PHONE, Rig, Sent, answer, by_udp, udp};
use signaling::{
    fact::DropReason,
    message::Method,
    transaction::{ClientFailure, ClientId, NextHop},
};

fn invited() -> (Rig, ClientId, Sent) {
    let mut rig = Rig::new();
    let id = rig.ask(Method::Invite, by_udp(), b"").expect("sent");
    let sent = rig.only();
    (rig, id, sent)
}

#[test]
fn a_request_is_written_in_full() {
    let (_, _, sent) = invited();
    assert_eq!(sent.to(), format!("udp {PHONE}"));
    let via = sent.header("Via");
    let branch = via.strip_prefix("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK").expect("our Via");
    assert_eq!(branch.len(), 32);
    assert_eq!(
        sent.text.replace(&via, "VIA"),
        "INVITE sip:1002@192.0.2.9:5062 SIP/2.0\r\nVia: VIA\r\nMax-Forwards: 70\r\nFrom: <sip:1001@pbx.test>;tag=ours\r\n\
         To: <sip:1002@pbx.test>\r\nCall-ID: call-1\r\nCSeq: 7 INVITE\r\nContact: <sip:1001@192.0.2.1:5060>\r\nX-Test: yes\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn an_invite_without_answer_is_repeated_doubling_and_fails_after_timer_b() {
    let (mut rig, id, _) = invited();
    let when: Vec<_> = rig.watch(31_999).into_iter().map(|(at, _)| at).collect();
    assert_eq!(when, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(rig.heard(), []);
    rig.pass(1);
    assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::TimedOut)]);
    rig.ends_empty();
}

#[test]
fn another_request_is_repeated_up_to_t2_and_fails_after_timer_f() {
    let mut rig = Rig::new();
    let id = rig.ask(Method::Bye, by_udp(), b"").expect("sent");
    let sent = rig.only();
    let when: Vec<_> = rig.watch(12_000).into_iter().map(|(at, _)| at).collect();
    assert_eq!(when, [500, 1500, 3500, 7500, 11_500]);
    // A provisional answer makes it T2 at once.
    rig.datagram(answer(&sent, 183, "x"));
    assert_eq!(rig.heard(), [Heard::Response(id, 183)]);
    let when: Vec<_> = rig.watch(19_999).into_iter().map(|(at, _)| at).collect();
    assert_eq!(when, [3500, 7500, 11_500, 15_500, 19_500]);
    rig.pass(1);
    assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::TimedOut)]);
    rig.ends_empty();
}

#[test]
fn a_100_stops_the_repetition_and_is_not_passed_up() {
    let (mut rig, id, sent) = invited();
    rig.datagram(answer(&sent, 100, "x"));
    assert_eq!(rig.watch(60_000), []);
    assert_eq!(rig.heard(), []);
    rig.datagram(answer(&sent, 180, "x"));
    rig.datagram(answer(&sent, 180, "x"));
    assert_eq!(rig.heard(), [Heard::Response(id, 180), Heard::Response(id, 180)]);
}

#[test]
fn a_refusal_is_passed_up_once_and_acknowledged_each_time() {
    let (mut rig, id, sent) = invited();
    rig.datagram(answer(&sent, 486, "x"));
    let ack = rig.only();
    assert_eq!(ack.line(), "ACK sip:1002@192.0.2.9:5062 SIP/2.0");
    // RFC 3261 section 17.1.1.3.
    assert_eq!(ack.header("Via"), sent.header("Via"));
    assert_eq!((ack.header("To"), ack.header("CSeq")), ("<sip:1002@pbx.test>;tag=x".to_owned(), "7 ACK".to_owned()));
    rig.datagram(answer(&sent, 486, "x"));
    assert_eq!(rig.only().text, ack.text);
    // Another final of the same transaction does not undo the first.
    rig.datagram(answer(&sent, 200, "y"));
    assert_eq!(rig.heard(), [Heard::Response(id, 486)]);
    // Timer D.
    rig.pass(31_999);
    rig.sent();
    rig.datagram(answer(&sent, 486, "x"));
    assert_eq!(rig.lines().len(), 1);
    rig.pass(1);
    rig.datagram(answer(&sent, 486, "x"));
    assert_eq!(rig.drops(), [DropReason::StrayResponse]);
    rig.ends_empty();
}

#[test]
fn every_2xx_is_passed_up_while_timer_m_runs() {
    let (mut rig, id, sent) = invited();
    for tag in ["x", "x", "y"] {
        rig.datagram(answer(&sent, 200, tag));
    }
    assert_eq!(rig.heard(), vec![Heard::Response(id, 200); 3]);
    assert_eq!(rig.lines(), Vec::<String>::new(), "the user acknowledges a 2xx");
    rig.datagram(answer(&sent, 486, "z"));
    rig.datagram(answer(&sent, 180, "z"));
    assert_eq!(rig.heard(), []);
    rig.pass(32_000);
    rig.datagram(answer(&sent, 200, "x"));
    assert_eq!((rig.heard(), rig.drops()), (Vec::new(), vec![DropReason::StrayResponse]));
    rig.ends_empty();
}

#[test]
fn the_ack_of_a_2xx_has_a_branch_of_its_own_and_can_be_repeated() {
    let (mut rig, _, sent) = invited();
    let ack = rig.ack(by_udp()).expect("sent");
    let first = rig.only();
    assert!(first.line().starts_with("ACK ") && first.header("CSeq") == "7 ACK");
    assert_ne!(first.header("Via"), sent.header("Via"));
    rig.stack.resend_ack(&ack, &mut rig.out);
    assert_eq!(rig.only().text, first.text);
}

#[test]
fn a_cancel_waits_for_a_provisional_answer() {
    let (mut rig, id, sent) = invited();
    rig.stack.cancel(rig.now, id, &mut rig.out);
    rig.stack.cancel(rig.now, id, &mut rig.out);
    assert_eq!(rig.lines(), Vec::<String>::new());
    rig.datagram(answer(&sent, 100, "x"));
    let cancel = rig.only();
    assert_eq!(cancel.line(), "CANCEL sip:1002@192.0.2.9:5062 SIP/2.0");
    // RFC 3261 section 9.1.
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(cancel.header(name), sent.header(name));
    }
    assert_eq!(cancel.header("CSeq"), "7 CANCEL");
    rig.datagram(answer(&cancel, 200, "x"));
    assert_eq!(rig.heard(), [], "the answer to the CANCEL is nobody's");
    rig.datagram(answer(&sent, 487, "x"));
    assert_eq!(rig.lines(), ["ACK sip:1002@192.0.2.9:5062 SIP/2.0"]);
    assert_eq!(rig.heard(), [Heard::Response(id, 487)]);
    rig.ends_empty();
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_passed_up() {
    let (mut rig, id, sent) = invited();
    rig.datagram(answer(&sent, 180, "x"));
    rig.stack.cancel(rig.now, id, &mut rig.out);
    let cancel = rig.sent().remove(0);
    rig.datagram(answer(&sent, 200, "x"));
    rig.datagram(answer(&cancel, 481, "x"));
    assert_eq!(rig.heard(), [Heard::Response(id, 180), Heard::Response(id, 200)]);
    rig.ends_empty();
}

#[test]
fn a_cancelled_invite_that_stays_silent_times_out() {
    let (mut rig, id, sent) = invited();
    rig.datagram(answer(&sent, 180, "x"));
    rig.heard();
    rig.pass(50_000);
    rig.stack.cancel(rig.now, id, &mut rig.out);
    rig.pass(31_999);
    assert_eq!(rig.heard(), []);
    rig.pass(1);
    assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::TimedOut)]);
    rig.ends_empty();
}

#[test]
fn a_cancelled_invite_never_answered_at_all_times_out_without_a_cancel() {
    let (mut rig, id, _) = invited();
    rig.stack.cancel(rig.now, id, &mut rig.out);
    rig.pass(32_000);
    assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::TimedOut)]);
    assert!(rig.lines().iter().all(|line| line.starts_with("INVITE ")));
    rig.ends_empty();
}

#[test]
fn responses_that_are_not_ours_or_broken_are_dropped() {
    let (mut rig, _, sent) = invited();
    let good = answer(&sent, 200, "x");
    let via = sent.header("Via");
    let end = |letter: char| format!("{}{letter}", &via[..via.len() - 1]);
    let foreign = if via.ends_with('0') { end('1') } else { end('0') };
    for broken in [
        // A branch nobody here wrote.
        good.replace(&via, &foreign),
        good.replace(&via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1"),
        good.replace(&via, "SIP/2.0/UDP 192.0.2.1:5060"),
        // RFC 3261 section 8.1.3.3.
        good.replace("From: ", "Via: SIP/2.0/UDP a.test;branch=z9hG4bK1\r\nFrom: "),
        // Another method, another version, no status.
        good.replace("7 INVITE", "7 BYE"),
        good.replace("7 INVITE", "7 CANCEL"),
        good.replace("SIP/2.0 200", "SIP/7.0 200"),
        good.replace("SIP/2.0 200", "SIP/2.0 4294967301"),
        good.replace("SIP/2.0 200", "SIP/2.0 700"),
        good.replace("Call-ID: call-1\r\n", ""),
        good.replace("Content-Length: 0", "Content-Length: 5"),
    ] {
        assert_ne!(broken, good);
        rig.datagram(&broken);
        assert_eq!((rig.drops(), rig.heard()), (vec![DropReason::StrayResponse], Vec::new()), "{broken}");
        rig.out.clear();
    }
    rig.datagram(good);
    assert_eq!(rig.heard().len(), 1);
}

#[test]
fn a_flow_is_taken_as_it_is() {
    let mut rig = Rig::new();
    let flow = udp("198.51.100.7:40001");
    rig.ask(Method::Options, NextHop::Flow(flow), b"").expect("sent");
    assert_eq!(rig.only().flow, flow);
}
