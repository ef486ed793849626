//! Forwarding (CALL-10): where the plan leads, and calls that are led on while the caller waits.

use crate::{
    common::{Line, Phone, Sip},
    rig::{MONDAY_NOON, SUNDAY_NIGHT, leads, pattern, route, settings, while_office, with_rights},
};
use signaling::{
    fact::{Disposition, HangupCause},
    input::Input,
    settings::{Destination, Directory, Extension, Forward, ForwardRule, Place, Route, Rules, Settings, When},
};

fn to(text: &str) -> Option<Destination> {
    Some(Destination::parse(text))
}

/// 1001 to 1008; those below 1005 may call outside.
fn office(forwards: &[(&str, Forward)]) -> Settings {
    let rules = Rules { routes: vec![Route { strip: 1, ..route(1, "city", "_9X.") }], ..Rules::default() };
    let accounts = ["1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008"].map(|number| {
        let forward = forwards.iter().find(|(of, _)| *of == number).map(|(_, forward)| forward.clone());
        Extension { forward: forward.unwrap_or_default(), ..with_rights(number, number < "1005", false) }
    });
    Settings { directory: Directory::new(accounts), ..settings(rules) }
}

fn always(text: &str) -> Forward {
    Forward { always: to(text), ..Forward::default() }
}

#[test]
fn calls_are_led_on_by_caller_by_time_and_always() {
    let rule = |text: &str, when: When| ForwardRule { to: Destination::parse(text), when, place: Place::default() };
    let director = Forward {
        rules: vec![
            rule("1003", When { callers: vec![pattern("_100[45]")], schedule: None }),
            rule("voicemail", while_office(false)),
        ],
        ..always("1004")
    };
    let settings =
        office(&[("1001", director), ("1003", always("1002")), ("1005", always("91234")), ("1004", always("hangup"))]);
    for (from, dialled, at, wanted) in [
        ("1004", "1001", MONDAY_NOON, "1002"),
        ("1002", "1001", SUNDAY_NIGHT, "no voicemail"),
        ("1002", "1001", MONDAY_NOON, "refused: the call is declined"),
        // The secretary reaches the director whose calls are led to her.
        ("1002", "1003", MONDAY_NOON, "1003"),
        // It goes on with the rights of who forwards.
        ("1001", "1005", MONDAY_NOON, "refused: the caller has no right `external`"),
    ] {
        assert_eq!(leads(&settings, from, dialled, at), wanted, "{from} {dialled}");
    }
}

#[test]
fn circles_and_long_ways_end() {
    let circle = office(&[("1002", always("1003")), ("1003", always("1002"))]);
    assert_eq!(leads(&circle, "1001", "1002", MONDAY_NOON), "refused: it would be led on too often");
    let way = |last: &'static str| {
        let numbers = ["1002", "1003", "1004", "1005", "1006", "1007"];
        let pairs = numbers.windows(2).filter(|pair| pair[1] <= last);
        office(&pairs.map(|pair| (pair[0], always(pair[1]))).collect::<Vec<_>>())
    };
    assert_eq!(leads(&way("1007"), "1001", "1002", MONDAY_NOON), "1007", "five steps are taken");
    let six = office(&[
        ("1001", always("1002")),
        ("1002", always("1003")),
        ("1003", always("1004")),
        ("1004", always("1005")),
        ("1005", always("1006")),
        ("1006", always("1007")),
    ]);
    assert_eq!(leads(&six, "1008", "1001", MONDAY_NOON), "refused: it would be led on too often");
}

/// The phones of these numbers, registered.
fn phones<const N: usize>(line: &mut Line, numbers: [&str; N]) -> [Phone; N] {
    line.happen(Input::ClockRead(MONDAY_NOON));
    numbers.map(|number| {
        let mut phone = Phone::new(number, &format!("10.0.0.{}:5060", &number[3..]));
        assert_eq!(phone.register(line).status(), 200);
        phone
    })
}

/// The callee is asked, answers, and the caller hears it.
#[track_caller]
fn connects(line: &mut Line, caller: &mut Phone, invite: &crate::common::phone::Invite, callee: &mut Phone) {
    let asked = line.expect(callee.address, "INVITE");
    let mut called = callee.answer(line, &asked, 200, &callee.sdp());
    line.expect(callee.address, "ACK");
    let answer = line.expect(caller.address, "200");
    invite.dialog(&answer).ack(line, "");
    assert_eq!(line.heard(), [(0, called_leg(line)), (called_leg(line), 0)]);
    called.request(line, "BYE", "");
    line.expect(callee.address, "200");
    let bye = line.expect(caller.address, "BYE");
    caller.answer(line, &bye, 200, "");
}

fn called_leg(line: &Line) -> u16 {
    line.heard().first().map(|(_, speaker)| *speaker).unwrap()
}

#[test]
fn a_busy_account_leads_the_call_on() {
    let mut line = Line::with(office(&[("1002", Forward { busy: to("1003"), ..Forward::default() })]));
    let [mut alice, mut boris, mut carol] = phones(&mut line, ["1001", "1002", "1003"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 486, "");
    line.expect(boris.address, "ACK");
    line.expect(alice.address, "181");
    connects(&mut line, &mut alice, &invite, &mut carol);
    let record = line.record();
    assert_eq!((record.disposition, record.to.as_str(), record.legs.len()), (Disposition::Answered, "1002", 3));
    line.expect_rest();
}

#[test]
fn an_account_without_a_phone_and_one_at_its_limit_lead_the_call_on() {
    let away = Forward { unreachable: to("1003"), busy: to("1004"), ..Forward::default() };
    let mut settings = office(&[("1002", away)]);
    let mut full = settings.directory.extension("1002").unwrap().clone();
    let mut line = Line::with(settings.clone());
    let [mut alice, mut carol] = phones(&mut line, ["1001", "1003"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    line.expect(alice.address, "181");
    connects(&mut line, &mut alice, &invite, &mut carol);
    line.expect_rest();

    full.call_limit = 0;
    settings.directory = Directory::new(
        settings.directory.extensions().filter(|account| account.number != "1002").cloned().chain([full]),
    );
    let mut line = Line::with(settings);
    let [mut alice, _, mut dora] = phones(&mut line, ["1001", "1002", "1004"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    line.expect(alice.address, "181");
    connects(&mut line, &mut alice, &invite, &mut dora);
    line.expect_rest();
}

#[test]
fn a_silent_account_leads_the_call_on_and_its_phone_stops_ringing() {
    let mut line = Line::with(office(&[("1002", Forward { no_answer: to("1003"), ..Forward::default() })]));
    let [mut alice, mut boris, mut carol] = phones(&mut line, ["1001", "1002", "1003"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 183, &boris.sdp());
    line.expect(alice.address, "183");
    line.pass_seconds(30);
    let cancel = line.expect(boris.address, "CANCEL");
    line.expect(alice.address, "181");
    // The phone answers while the CANCEL is on its way: it is too late.
    boris.answer(&mut line, &asked, 200, &boris.sdp());
    line.expect(boris.address, "ACK");
    let bye = line.expect(boris.address, "BYE");
    boris.answer(&mut line, &bye, 200, "");
    boris.answer(&mut line, &cancel, 200, "");
    connects(&mut line, &mut alice, &invite, &mut carol);
    line.expect_rest();
}

#[test]
fn forwarding_goes_on_from_account_to_account_and_ends_where_it_began() {
    let chain = office(&[
        ("1002", Forward { busy: to("1003"), ..Forward::default() }),
        ("1003", Forward { unreachable: to("1004"), ..Forward::default() }),
        ("1004", Forward { busy: to("1002"), ..Forward::default() }),
    ]);
    let mut line = Line::with(chain);
    let [mut alice, mut boris, mut dora] = phones(&mut line, ["1001", "1002", "1004"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let busy = |line: &mut Line, phone: &mut Phone| {
        let asked = line.expect(phone.address, "INVITE");
        phone.answer(line, &asked, 486, "");
        line.expect(phone.address, "ACK");
    };
    busy(&mut line, &mut boris);
    line.expect(alice.address, "181");
    line.expect(alice.address, "181");
    busy(&mut line, &mut dora);
    line.expect(alice.address, "181");
    // 1002 led the call on before: its phones are asked once more, and what they say now counts.
    busy(&mut line, &mut boris);
    let refusal = line.expect(alice.address, "486");
    line.send(alice.address, &invite.ack(&refusal));
    assert_eq!(line.record().disposition, Disposition::Busy);
    line.expect_rest();
}

#[test]
fn the_caller_hangs_up_while_the_call_is_led_on() {
    let mut line = Line::with(office(&[("1002", Forward { busy: to("1003"), ..Forward::default() })]));
    let [mut alice, mut boris, mut carol] = phones(&mut line, ["1001", "1002", "1003"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 600, "");
    line.expect(alice.address, "181");
    let asked = line.expect(carol.address, "INVITE");
    carol.answer(&mut line, &asked, 180, "");
    line.expect(alice.address, "180");
    line.send(alice.address, &invite.cancel());
    line.expect(alice.address, "200");
    let ended = line.expect(alice.address, "487");
    line.send(alice.address, &invite.ack(&ended));
    let cancel = line.expect(carol.address, "CANCEL");
    carol.answer(&mut line, &cancel, 200, "");
    carol.answer(&mut line, &asked, 487, "");
    assert_eq!(line.record().hangup_cause, HangupCause::Cancelled);
    line.expect_rest();
}

/// `voicemail` is not in this version: the refusal is the one that would have come without forwarding, and says so.
#[test]
fn forwarding_to_what_is_not_built_keeps_the_refusal_and_tells_the_reason() {
    let all = Forward {
        busy: to("voicemail"),
        no_answer: to("voicemail"),
        unreachable: to("voicemail"),
        ..Forward::default()
    };
    let told = |line: &mut Line, alice: &Phone, invite: &crate::common::phone::Invite, status: &str| {
        let refusal: Sip = line.expect(alice.address, status);
        assert_eq!(refusal.header("Warning"), "399 Ironbell \"No voicemail in this version\"");
        line.send(alice.address, &invite.ack(&refusal));
        let disposition = line.record().disposition;
        line.expect_rest();
        disposition
    };
    let mut line = Line::with(office(&[("1002", all.clone())]));
    let [mut alice] = phones(&mut line, ["1001"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    assert_eq!(told(&mut line, &alice, &invite, "480"), Disposition::Failed);

    let mut line = Line::with(office(&[("1002", all.clone())]));
    let [mut alice, mut boris] = phones(&mut line, ["1001", "1002"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 486, "");
    assert_eq!(told(&mut line, &alice, &invite, "486"), Disposition::Busy);

    let mut line = Line::with(office(&[("1002", all)]));
    let [mut alice, mut boris] = phones(&mut line, ["1001", "1002"]);
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 180, "");
    line.expect(alice.address, "180");
    line.pass_seconds(30);
    assert_eq!(told(&mut line, &alice, &invite, "480"), Disposition::NoAnswer);
}

#[test]
fn a_call_that_a_rule_refuses_says_so() {
    for (to, status, warning) in [
        ("91234", "403", "399 Ironbell \"External calls are not permitted\""),
        ("1002", "480", "399 Ironbell \"No voicemail in this version\""),
        ("1003", "603", "399 Ironbell \"The call is declined\""),
    ] {
        let mut line = Line::with(office(&[("1002", always("voicemail")), ("1003", always("hangup"))]));
        let [mut caller] = phones(&mut line, ["1005"]);
        let invite = caller.call(&mut line, to, &caller.sdp());
        let refusal = line.expect(caller.address, status);
        assert_eq!(refusal.header("Warning"), warning, "{to}");
        line.send(caller.address, &invite.ack(&refusal));
        line.expect_rest();
    }
}
