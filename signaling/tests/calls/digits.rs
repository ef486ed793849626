//! Keys by SIP INFO, and between phones that tell them in other ways.

use super::{
    common::{Dialog, Line, Phone, extension, settings},
    join, talking,
};
use contract::{Digit, Keypress, MediaCommand, MediaEvent, MemberId};
use core::time::Duration;
use signaling::{
    input::Input,
    settings::{Directory, Dtmf},
};

fn call(alice: Dtmf, boris: Dtmf) -> (Line, Phone, Phone, Dialog, Dialog) {
    call_where(true, alice, boris)
}

/// A call where the media plane makes events and tones, or does not.
fn call_where(transcode: bool, alice: Dtmf, boris: Dtmf) -> (Line, Phone, Phone, Dialog, Dialog) {
    let account = |number: &str, dtmf: Dtmf| signaling::settings::Extension { dtmf, ..extension(number, "Phone") };
    let mut settings = settings();
    settings.directory = Directory::new([account("1001", alice), account("1002", boris)]);
    settings.media.transcode = transcode;
    let mut line = Line::with(settings);
    let (mut first, mut second) = join(&mut line);
    let (caller, called) = talking(&mut line, &mut first, &mut second);
    (line, first, second, caller, called)
}

fn info(line: &mut Line, from: &mut Dialog, kind: &str, body: &str) {
    from.cseq += 1;
    let cseq = from.cseq;
    from.request_as(line, "INFO", cseq, body, &format!("Content-Type: application/{kind}\r\n"));
}

/// Keys sent into a leg's media.
fn sent(line: &Line, number: u16) -> Vec<(char, u128)> {
    let digits = line.media.iter().filter_map(|command| match command {
        MediaCommand::SendDigits { member, digits, .. } if member.0 == number => Some(digits),
        _ => None,
    });
    digits.flatten().map(|key: &Keypress| (key.digit.sign(), key.length.as_millis())).collect()
}

fn press(line: &mut Line, number: u16, sign: char) {
    let session = line.call().session();
    let (digit, length) = (Digit::from_char(sign).unwrap(), Duration::from_millis(120));
    line.happen(Input::Media(MediaEvent::DigitPressed { session, member: MemberId(number), digit, length }));
}

#[test]
fn an_info_becomes_events_or_tones_of_the_other() {
    for dtmf in [Dtmf::Rfc4733, Dtmf::Inband] {
        let (mut line, alice, boris, mut caller, _) = call(Dtmf::Info, dtmf);
        info(&mut line, &mut caller, "dtmf-relay", "Signal=5\r\nDuration=250\r\n");
        line.expect(alice.address, "200");
        info(&mut line, &mut caller, "dtmf", "#");
        line.expect(alice.address, "200");
        line.expect_silence(boris.address);
        assert_eq!((sent(&line, 1), sent(&line, 0)), (vec![('5', 250), ('#', 160)], vec![]), "{dtmf:?}");
    }
}

#[test]
fn an_info_stays_one_between_two_phones_that_speak_it() {
    let (mut line, alice, mut boris, mut caller, _) = call(Dtmf::Info, Dtmf::Info);
    info(&mut line, &mut caller, "dtmf", "9");
    line.expect(alice.address, "200");
    let asked = line.expect(boris.address, "INFO");
    assert_eq!(
        (asked.header("Content-Type"), asked.body.as_str()),
        ("application/dtmf-relay", "Signal=9\r\nDuration=160\r\n")
    );
    boris.answer(&mut line, &asked, 200, "");
    line.expect_silence(alice.address);
    assert!(sent(&line, 1).is_empty());
}

#[test]
fn a_key_in_the_media_becomes_an_info_for_who_takes_nothing_else() {
    let (mut line, alice, mut boris, mut caller, _) = call(Dtmf::Rfc4733, Dtmf::Info);
    press(&mut line, 0, '*');
    let asked = line.expect(boris.address, "INFO");
    assert_eq!(asked.body, "Signal=*\r\nDuration=120\r\n");
    // One that is refused is no reason to end the call.
    boris.answer(&mut line, &asked, 415, "");
    line.expect_silence(alice.address);
    assert_eq!(line.status().calls, 1);
    caller.request(&mut line, "BYE", "");
    line.expect(boris.address, "BYE");
}

#[test]
fn a_key_in_the_media_is_the_media_planes_matter_where_both_take_events() {
    let (mut line, alice, boris, _, _) = call(Dtmf::Rfc4733, Dtmf::Rfc4733);
    press(&mut line, 0, '1');
    line.expect_silence(alice.address);
    line.expect_silence(boris.address);
    assert!(sent(&line, 1).is_empty());
}

#[test]
fn a_phone_that_tells_a_key_both_ways_pressed_it_once() {
    let (mut line, alice, mut boris, mut caller, _) = call(Dtmf::Rfc4733, Dtmf::Info);
    for media_first in [true, false] {
        if media_first {
            press(&mut line, 0, '7');
        }
        info(&mut line, &mut caller, "dtmf", "7");
        line.expect(alice.address, "200");
        if !media_first {
            press(&mut line, 0, '7');
        }
        let asked = line.expect(boris.address, "INFO");
        boris.answer(&mut line, &asked, 200, "");
        line.expect_silence(boris.address);
        line.pass_seconds(2);
    }
    // The same key twice, in one way, was pressed twice.
    for _ in 0..2 {
        press(&mut line, 0, '7');
        let asked = line.expect(boris.address, "INFO");
        boris.answer(&mut line, &asked, 200, "");
    }
}

#[test]
fn a_phone_that_answers_no_info_is_not_flooded_with_them() {
    let (mut line, _, boris, _, _) = call(Dtmf::Rfc4733, Dtmf::Info);
    for _ in 0..20 {
        press(&mut line, 0, '3');
    }
    let mut asked = 0;
    while line.take(boris.address).is_some() {
        asked += 1;
    }
    assert_eq!(asked, signaling::limits::RELAYS_PER_CALL_MAX);
}

#[test]
fn an_info_about_something_else_passes_as_it_is() {
    let (mut line, alice, mut boris, mut caller, _) = call(Dtmf::Rfc4733, Dtmf::Rfc4733);
    for (kind, body) in [("media_control+xml", "<x/>"), ("dtmf-relay", "Signal=unreadable\r\n")] {
        info(&mut line, &mut caller, kind, body);
        let asked = line.expect(boris.address, "INFO");
        assert_eq!(asked.body, body);
        boris.answer(&mut line, &asked, 200, "");
        line.expect(alice.address, "200");
    }
    assert!(sent(&line, 1).is_empty());
}

#[test]
fn keys_pass_as_they_are_where_the_media_plane_makes_none() {
    let (mut line, alice, mut boris, mut caller, _) = call_where(false, Dtmf::Rfc4733, Dtmf::Rfc4733);
    info(&mut line, &mut caller, "dtmf-relay", "Signal=5\r\nDuration=160\r\n");
    let asked = line.expect(boris.address, "INFO");
    assert_eq!(asked.body, "Signal=5\r\nDuration=160\r\n");
    boris.answer(&mut line, &asked, 200, "");
    line.expect(alice.address, "200");
    assert!(sent(&line, 1).is_empty());
}
