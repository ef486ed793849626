//! Calls that go out by the trunks of a route (TRK-02): which is asked, when the next one is, and what each is told.

use super::{
    answer, at,
    common::{Line, Phone, Sip, extension, line::SECRET},
    registering, told, trunk, with,
};
use core::time::Duration;
use signaling::{
    auth::digest::Credentials as Proven,
    fact::{CallDirection, HangupCause},
    flow::FlowEnd,
    input::Input,
    settings::{
        DialPlan, Directory, EarlyMedia, Extension, HeaderRule, Pattern, Permissions, Place, Right, Route, RuleAction,
        RuleDirection, Rules, Settings, Trunk, When, Which,
    },
};

fn route(name: &str, pattern: &str, emergency: bool) -> Route {
    Route {
        name: name.into(),
        which: Which::Pattern(Pattern::parse(pattern).unwrap()),
        strip: usize::from(!emergency),
        prepend: if emergency { String::new() } else { "+4930".into() },
        trunks: vec!["a".into(), "b".into()],
        right: Right::External,
        emergency,
        priority: 100,
        context: "internal".into(),
        when: When::default(),
        place: Place::default(),
    }
}

/// 9NUMBER goes to +4930NUMBER by the trunks a and b, and 112 as it is.
pub(super) fn outward(trunks: impl IntoIterator<Item = Trunk>) -> Settings {
    let allowed = |number: &str, name: &str| Extension {
        permissions: Permissions { external: true, ..Permissions::default() },
        ..extension(number, name)
    };
    let routes = vec![route("world", "_9X.", false), route("emergency", "112", true)];
    Settings {
        directory: Directory::new([allowed("1001", "Alice Ames"), allowed("1002", "Boris Bell")]),
        dial: DialPlan::new(Rules { routes, ..Rules::default() }),
        ..with(trunks)
    }
}

/// The trunks a and b, a first.
pub(crate) fn pair() -> [Trunk; 2] {
    [trunk("a", 1), Trunk { prefer: 20, ..trunk("b", 2) }]
}

pub(crate) fn placed(trunks: impl IntoIterator<Item = Trunk>) -> (Line, Phone) {
    let mut line = Line::with(outward(trunks));
    line.pass(Duration::from_millis(100));
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    assert_eq!(alice.register(&mut line).status(), 200);
    (line, alice)
}

pub(crate) fn carrier(number: u8) -> Phone {
    Phone::new("carrier", &at(number).to_string())
}

/// Whether a message is for `number`, copies of earlier ones thrown away.
fn is_asked(line: &mut Line, number: u8) -> Option<Sip> {
    let mut found = None;
    while let Some(message) = line.take(at(number)) {
        if message.method() == "INVITE" {
            found = Some(message);
        }
    }
    found
}

#[test]
fn a_call_goes_out_by_the_preferred_trunk_as_the_route_and_the_trunk_want() {
    let (mut line, mut alice) = placed(pair());
    let invite = alice.call(&mut line, "9555", &alice.sdp());
    let asked = line.expect(at(1), "INVITE");
    line.expect_silence(at(2));
    assert_eq!((asked.uri(), asked.header("To")), ("sip:+4930555@10.0.1.1:5060", "<sip:+4930555@10.0.1.1>"));
    assert_eq!(asked.header("From").split(";tag=").next(), Some("\"Alice Ames\" <sip:1001@10.0.1.1>"));
    assert_eq!((asked.contact(), asked.header("X-Hops")), ("sip:a@10.0.0.1:5060", "1"));
    // Topology: nothing of the phone's.
    let whole = format!("{:?}{:?}{}", asked.start, asked.headers, asked.body);
    for leaked in ["10.0.0.11", "Text Phone", "pbx.test", invite.call_id.as_str(), invite.branch.as_str()] {
        assert!(!whole.contains(leaked), "{leaked} in {whole}");
    }
    let mut carrier = carrier(1);
    carrier.answer_with(&mut line, &asked, 180, "", "X-Carrier-Node: 7\r\n");
    let ringing = line.expect(alice.address, "180");
    assert!(ringing.all("X-Carrier-Node").is_empty());
    let called = carrier.answer_with(&mut line, &asked, 200, &carrier.sdp(), "X-Carrier-Node: 7\r\n");
    line.expect(at(1), "ACK");
    let answer = line.expect(alice.address, "200");
    let whole = format!("{:?}{}", answer.headers, answer.body);
    for leaked in ["10.0.1.1", "X-Carrier", called.call_id.as_str(), "Text Phone"] {
        assert!(!whole.contains(leaked), "{leaked} in {whole}");
    }
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    assert_eq!(line.heard(), [(0, 1), (1, 0)]);
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(at(1), "BYE");
    carrier.answer(&mut line, &bye, 200, "");
    let record = line.record();
    assert_eq!((record.direction, record.legs[1].trunk.as_str()), (CallDirection::Outbound, "a"));
    line.expect_rest();
}

#[test]
fn a_silent_trunk_is_left_for_the_next_after_its_answer_timeout_exactly() {
    let (mut line, mut alice) = placed(pair());
    let invite = alice.call(&mut line, "9555", &alice.sdp());
    let first = line.expect(at(1), "INVITE");
    line.pass(Duration::from_millis(2_999));
    line.expect_silence(at(2));
    line.pass(Duration::from_millis(1));
    let second = line.expect(at(2), "INVITE");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("calls failed"))));
    let mut two = carrier(2);
    two.answer(&mut line, &second, 200, &two.sdp());
    line.expect(at(2), "ACK");
    let answer = line.expect(alice.address, "200");
    invite.dialog(&answer).ack(&mut line, "");
    // The first wakes up too late: what it believes in is ended, and the call goes on.
    line.forget(at(1));
    let mut one = carrier(1);
    one.answer(&mut line, &first, 200, &one.sdp());
    line.expect(at(1), "ACK");
    let bye = line.expect(at(1), "BYE");
    one.answer(&mut line, &bye, 200, "");
    line.expect_silence(at(2));
    line.expect_silence(alice.address);
    assert_eq!(line.status().calls, 1);
    // The next call does not wait for it again.
    line.forget(at(1));
    alice.call(&mut line, "9556", &alice.sdp());
    line.expect(at(2), "INVITE");
    line.expect_silence(at(1));
}

#[test]
fn a_trying_trunk_has_time_and_a_ringing_one_is_never_left() {
    let (mut line, mut alice) = placed(pair());
    alice.call(&mut line, "9555", &alice.sdp());
    let asked = line.expect(at(1), "INVITE");
    answer(&mut line, 1, &asked, 100, "");
    line.pass_seconds(20);
    line.expect_silence(at(2));
    let mut one = carrier(1);
    one.answer(&mut line, &asked, 180, "");
    one.answer(&mut line, &asked, 503, "");
    line.expect(alice.address, "180");
    line.expect(alice.address, "503");
    assert!(is_asked(&mut line, 2).is_none());
}

#[test]
fn who_refuses_after_ringing_is_heard_as_he_said() {
    for (status, told) in [(486, "486"), (603, "603"), (480, "480"), (500, "503")] {
        for early in [180, 183] {
            let (mut line, mut alice) = placed(pair());
            alice.call(&mut line, "9555", &alice.sdp());
            let asked = line.expect(at(1), "INVITE");
            let mut one = carrier(1);
            one.answer(&mut line, &asked, early, "");
            line.expect(alice.address, &early.to_string());
            one.answer(&mut line, &asked, status, "");
            line.expect(alice.address, told);
            assert!(is_asked(&mut line, 2).is_none(), "{status}");
        }
    }
}

#[test]
fn refusals_that_say_nothing_of_the_callee_are_tried_elsewhere_and_no_others() {
    for (status, elsewhere, told) in [
        (408, true, "503"),
        (500, true, "503"),
        (502, true, "503"),
        (503, true, "503"),
        (504, true, "503"),
        (403, false, "403"),
        (404, false, "404"),
        (480, false, "480"),
        (484, false, "484"),
        (486, false, "486"),
        (600, false, "600"),
        (603, false, "603"),
        (604, false, "604"),
    ] {
        let (mut line, mut alice) = placed(pair());
        alice.call(&mut line, "9555", &alice.sdp());
        let asked = line.expect(at(1), "INVITE");
        carrier(1).answer(&mut line, &asked, status, "");
        line.expect(at(1), "ACK");
        let second = is_asked(&mut line, 2);
        assert_eq!(second.is_some(), elsewhere, "{status}");
        if let Some(second) = second {
            line.expect_silence(alice.address);
            carrier(2).answer(&mut line, &second, status, "");
        }
        line.expect(alice.address, told);
        line.pass_seconds(40);
        assert!(
            is_asked(&mut line, 1).is_none() && is_asked(&mut line, 2).is_none(),
            "{status}: nobody is asked twice"
        );
        let cause = line.record().hangup_cause;
        let wanted = if elsewhere { HangupCause::Unreachable } else { HangupCause::Refused };
        assert_eq!(cause, wanted, "{status}");
        line.expect_rest();
    }
}

#[test]
fn a_broken_connection_is_tried_elsewhere_at_once() {
    let tcp = Trunk { server: "sip:10.0.1.1:5060;transport=tcp".into(), ..trunk("a", 1) };
    let (mut line, mut alice) = placed([tcp, Trunk { prefer: 20, ..trunk("b", 2) }]);
    alice.call(&mut line, "9555", &alice.sdp());
    let (connection, remote) = line.opened[0];
    assert_eq!(remote, at(1));
    assert!(is_asked(&mut line, 2).is_none());
    line.happen(Input::FlowLost { connection, why: FlowEnd::NotOpened });
    line.expect(at(2), "INVITE");
}

#[test]
fn retry_after_is_honoured_and_then_the_trunk_is_used_again() {
    let (mut line, mut alice) = placed(pair());
    alice.call(&mut line, "9555", &alice.sdp());
    let asked = line.expect(at(1), "INVITE");
    carrier(1).answer_with(&mut line, &asked, 503, "", "Retry-After: 100\r\n");
    let second = line.expect(at(2), "INVITE");
    carrier(2).answer(&mut line, &second, 486, "");
    for (wait, used) in [(98, 2), (3, 1)] {
        line.pass_seconds(wait);
        line.forget(at(1));
        line.forget(at(2));
        line.forget(alice.address);
        alice.call(&mut line, "9555", &alice.sdp());
        let asked = is_asked(&mut line, used).unwrap_or_else(|| panic!("trunk {used} after {wait} s more"));
        carrier(used).answer(&mut line, &asked, 486, "");
    }
}

#[test]
fn challenges_of_either_kind_are_answered_in_the_whole_dialog() {
    let credentials = registering("a", 1).credentials;
    for (status, asks, answers) in
        [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")]
    {
        let challenge = format!("{asks}: Digest realm=\"c\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n");
        let (mut line, mut alice) = placed([Trunk { credentials: credentials.clone(), ..trunk("a", 1) }]);
        let invite = alice.call(&mut line, "9555", &alice.sdp());
        let first = line.expect(at(1), "INVITE");
        answer(&mut line, 1, &first, status, &challenge);
        line.expect(at(1), "ACK");
        let second = line.expect(at(1), "INVITE");
        let proves = |request: &Sip, method: &str| {
            let value = request.header(answers).to_owned();
            let proven = Proven::parse(value.as_bytes()).ok().flatten();
            proven.is_some_and(|proven| proven.prove(method.as_bytes(), SECRET))
        };
        assert!(proves(&second, "INVITE"), "{second:?}");
        // RFC 3261 section 8.1.3.5.
        assert_eq!((second.header("Call-ID"), second.tag("From")), (first.header("Call-ID"), first.tag("From")));
        assert_eq!((second.cseq(), second.tag("To")), (first.cseq() + 1, ""));
        line.expect_silence(alice.address);
        let mut one = carrier(1);
        let mut called = one.answer(&mut line, &second, 200, &one.sdp());
        let ack = line.expect(at(1), "ACK");
        assert_eq!(ack.header(answers), second.header(answers));
        let answered = line.expect(alice.address, "200");
        let mut caller = invite.dialog(&answered);
        caller.ack(&mut line, "");
        caller.request(&mut line, "BYE", "");
        let bye = line.expect(at(1), "BYE");
        assert!(proves(&bye, "BYE"));
        // Even a BYE is challenged anew by some.
        answer(&mut line, 1, &bye, status, &challenge.replace("\"n\"", "\"m\", stale=true"));
        let again = line.expect(at(1), "BYE");
        assert!(proves(&again, "BYE") && again.header(answers).contains("nonce=\"m\""));
        answer(&mut line, 1, &again, 200, "");
        called.cseq = 1;
        line.expect_rest();
    }
}

#[test]
fn a_trunk_that_rejects_our_proof_is_not_asked_a_third_time() {
    let credentials = registering("a", 1).credentials;
    let challenge = "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"\r\n";
    let (mut line, mut alice) = placed([Trunk { credentials, ..trunk("a", 1) }, Trunk { prefer: 20, ..trunk("b", 2) }]);
    alice.call(&mut line, "9555", &alice.sdp());
    for _ in 0..2 {
        let asked = line.expect(at(1), "INVITE");
        answer(&mut line, 1, &asked, 401, challenge);
        line.expect(at(1), "ACK");
    }
    line.expect_silence(at(1));
    // That is no fault of the callee's.
    line.expect(at(2), "INVITE");
}

#[test]
fn a_full_trunk_is_passed_over_and_when_all_are_full_the_caller_is_told() {
    let limited = |name, number, prefer| Trunk { calls_max: 1, prefer, ..trunk(name, number) };
    let (mut line, mut alice) = placed([limited("a", 1, 10), limited("b", 2, 20)]);
    for number in [1, 2] {
        alice.call(&mut line, "9555", &alice.sdp());
        assert!(is_asked(&mut line, number).is_some(), "{number}");
    }
    line.forget(alice.address);
    alice.call(&mut line, "9555", &alice.sdp());
    line.expect(alice.address, "503");
    assert!(is_asked(&mut line, 1).is_none() && is_asked(&mut line, 2).is_none());
}

#[test]
fn an_emergency_call_takes_the_channel_of_the_longest_other_call() {
    let (mut line, mut alice) = placed([Trunk { calls_max: 1, calls_per_second_max: 1, ..trunk("a", 1) }]);
    let invite = alice.call(&mut line, "9555", &alice.sdp());
    let asked = line.expect(at(1), "INVITE");
    let mut one = carrier(1);
    one.answer(&mut line, &asked, 200, &one.sdp());
    line.expect(at(1), "ACK");
    let answered = line.expect(alice.address, "200");
    invite.dialog(&answered).ack(&mut line, "");
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    assert_eq!(boris.register(&mut line).status(), 200);
    boris.call(&mut line, "112", &boris.sdp());
    let mut got = [line.take(at(1)).unwrap(), line.take(at(1)).unwrap()];
    got.sort_by(|one, other| one.method().cmp(other.method()));
    let [bye, emergency] = got;
    assert!(bye.method() == "BYE" && bye.header("Reason").starts_with("preemption;"), "{bye:?}");
    assert_eq!((emergency.method(), emergency.uri()), ("INVITE", "sip:112@10.0.1.1:5060"));
    line.expect(alice.address, "BYE");
    assert_eq!(line.record().hangup_cause, HangupCause::Preempted);
    // Another emergency ends nobody's.
    line.forget(alice.address);
    alice.call(&mut line, "112", &alice.sdp());
    line.expect(at(1), "INVITE");
    assert_eq!(line.records().len(), 1);
}

#[test]
fn sound_before_the_answer_is_passed_on_or_not_as_the_trunk_says() {
    for (policy, status, has_sound) in [(EarlyMedia::Relay, "183", true), (EarlyMedia::Ring, "180", false)] {
        let (mut line, mut alice) = placed([Trunk { early_media: policy, ..trunk("a", 1) }]);
        let invite = alice.call(&mut line, "9555", &alice.sdp());
        let asked = line.expect(at(1), "INVITE");
        let mut one = carrier(1);
        one.answer(&mut line, &asked, 183, &one.sdp());
        let early = line.expect(alice.address, status);
        assert_eq!(!early.body.is_empty(), has_sound);
        assert_eq!(!line.heard().is_empty(), has_sound);
        one.answer(&mut line, &asked, 200, &one.sdp());
        let answered = line.expect(alice.address, "200");
        assert!(!answered.body.is_empty());
        invite.dialog(&answered).ack(&mut line, "");
        assert_eq!(line.heard(), [(0, 1), (1, 0)]);
    }
}

#[test]
fn a_trunks_own_meaning_of_a_refusal_and_its_own_header_fields_are_obeyed() {
    let rule = |action| HeaderRule { direction: RuleDirection::Out, action };
    let set = |name: &str, value: &str| rule(RuleAction::Set { name: name.into(), value: value.into() });
    let headers =
        vec![set("User-Agent", "Office"), set("X-Account", "{caller}/{X-Cost}"), set("X-None", "{X-Nothing}")];
    let odd = Trunk { headers, statuses: [(404, 503)].into(), ..trunk("a", 1) };
    let (mut line, mut alice) = placed([odd, Trunk { prefer: 20, ..trunk("b", 2) }]);
    alice.call_with(&mut line, "9555", &alice.sdp(), "X-Cost: 7\r\nX-Private: 1\r\n");
    let asked = line.expect(at(1), "INVITE");
    assert_eq!((asked.all("User-Agent"), asked.header("X-Account")), (vec!["Office"], "1001/7"));
    assert!(asked.all("X-None").is_empty() && asked.all("X-Private").is_empty());
    carrier(1).answer(&mut line, &asked, 404, "");
    let second = line.expect(at(2), "INVITE");
    assert!(second.all("X-Account").is_empty(), "rules are a trunk's own");
}

#[test]
fn a_caller_who_gives_up_ends_the_search() {
    let (mut line, mut alice) = placed(pair());
    let invite = alice.call(&mut line, "9555", &alice.sdp());
    line.expect(at(1), "INVITE");
    line.pass_seconds(1);
    line.send(alice.address, &invite.cancel());
    line.forget(at(1));
    line.pass_seconds(60);
    assert!(is_asked(&mut line, 2).is_none());
    line.expect_rest();
}

#[test]
fn a_call_from_a_trunk_has_no_account_s_rights() {
    // It says the number of an account that may call outside; it may not.
    let network = signaling::settings::Network { address: "10.0.2.0".parse().unwrap(), prefix: 24 };
    let (mut line, _alice) = placed([Trunk { allow_from: vec![network], ..trunk("a", 1) }]);
    let source = "10.0.2.7:5060".parse().unwrap();
    line.send(
        source,
        "INVITE sip:9555@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.2.7:5060;branch=z9hG4bKg1;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:1001@carrier.test>;tag=g1\r\nTo: <sip:9555@pbx.test>\r\nCall-ID: g1\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:gw@10.0.2.7:5060>\r\nContent-Length: 0\r\n\r\n",
    );
    line.expect(source, "404");
    assert!(is_asked(&mut line, 1).is_none());
}
