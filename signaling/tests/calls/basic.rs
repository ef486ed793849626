//! A call from ringing to hanging up.

use super::{
    common::{Line, Phone},
    talking, two,
};
use signaling::fact::{CallState, Disposition, HangupCause};

#[test]
fn a_call_rings_is_answered_and_ends_with_the_callers_bye() {
    let (mut line, mut alice, mut boris) = two();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    line.expect(alice.address, "100");
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.header("From").split(";tag=").next(), Some("\"Alice Ames\" <sip:1001@pbx.test>"));
    assert_eq!(asked.header("Max-Forwards"), "69");
    assert_eq!(asked.uri(), "sip:1002@10.0.0.12:5062");
    assert_eq!(asked.header("User-Agent"), "Ironbell");
    assert_ne!(asked.header("Call-ID"), invite.call_id);
    boris.answer(&mut line, &asked, 180, "");
    let ringing = line.expect(alice.address, "180");
    let mut called = boris.answer(&mut line, &asked, 200, &boris.sdp());
    let ack = line.expect(boris.address, "ACK");
    assert_eq!(ack.uri(), "sip:1002@10.0.0.12:5062");
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.tag("To"), ringing.tag("To"));
    assert_eq!(answer.sdp("c=IN IP4 "), "10.0.0.1");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.heard(), [(0, 1), (1, 0)]);
    line.pass_seconds(40);
    line.expect_silence(alice.address);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    assert_eq!(called.call_id, bye.header("Call-ID"));
    called.cseq = 1;
    let record = line.record();
    assert_eq!((record.disposition, record.hangup_cause), (Disposition::Answered, HangupCause::Caller));
    assert_eq!(record.ended_at.since(record.answered_at.unwrap()).as_secs(), 40);
    assert_eq!((record.from.as_str(), record.to.as_str(), record.user_agent.as_str()), ("1001", "1002", "Text Phone"));
    let codecs: Vec<_> = record.legs.iter().map(|leg| (leg.party.as_str(), leg.codec.as_str())).collect();
    assert_eq!(codecs, [("1001", "PCMU"), ("1002", "PCMU")]);
    assert_eq!(line.states(), [CallState::Calling, CallState::Ringing, CallState::Connected, CallState::Ended]);
    line.expect_rest();
}

#[test]
fn the_callee_can_hang_up_too() {
    let (mut line, mut alice, mut boris) = two();
    let (_, mut called) = talking(&mut line, &mut alice, &mut boris);
    called.request(&mut line, "BYE", "");
    line.expect(boris.address, "200");
    let bye = line.expect(alice.address, "BYE");
    alice.answer(&mut line, &bye, 200, "");
    assert_eq!(line.record().hangup_cause, HangupCause::Callee);
    line.expect_rest();
}

#[test]
fn a_wrong_secret_is_refused_and_a_foreign_number_too() {
    let mut line = Line::new();
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    let contact = alice.contact();
    let challenge = alice.send_register(&mut line, &contact, None);
    assert_eq!(challenge.status(), 401);
    let wrong = alice.authorization_with(&challenge, "REGISTER", "sip:pbx.test", "not-the-secret");
    assert_eq!(alice.send_register(&mut line, &contact, Some(&wrong)).status(), 403);
    assert_eq!(line.status().bindings, 0);
}
