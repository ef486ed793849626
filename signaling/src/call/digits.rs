//! Keys pressed: how they travel to and from each leg, and those that come or go by SIP INFO.
//!
//! Events and tones never pass here: the media plane turns them into each other. There is no standard for INFO digits; what phones do is a body of
//! `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (the sign alone).

use super::{Call, Happening, Office, PRODUCT, Phase};
use crate::{
    call::leg::Pressed,
    dialog::Ask,
    limits::RELAYS_PER_CALL_MAX,
    message::{Message, Method, number, trim},
    settings::Dtmf,
    transaction::ServerId,
};
use contract::{Codec, Digit, DigitMode, Format, Keypress, MemberId};
use core::time::Duration;

/// The length of a key whose INFO does not say.
const LENGTH: Duration = Duration::from_millis(160);

/// Lengths the media plane makes, in milliseconds.
const LENGTHS_MS: core::ops::RangeInclusive<u64> = 40..=6_000;

/// The same key told both by INFO and by the media within this time was pressed once: there are phones that do both.
const ONE_PRESS: Duration = Duration::from_millis(700);

/// The key of an INFO; `None`: it is about something else, or unreadable, and goes to the other party as it is.
pub(super) fn read(request: &Message<'_>) -> Option<Keypress> {
    let kind = request.content_type().ok().flatten()?;
    if !kind.main.eq_ignore_ascii_case(b"application") {
        return None;
    }
    let relay = kind.sub.eq_ignore_ascii_case(b"dtmf-relay");
    if !relay && !kind.sub.eq_ignore_ascii_case(b"dtmf") {
        return None;
    }
    keypress(request.body())
}

/// Reads `Signal=` and `Duration=` lines, or a sign alone.
fn keypress(body: &[u8]) -> Option<Keypress> {
    let mut digit = None;
    let mut length = LENGTH;
    for line in body.split(|byte| matches!(byte, b'\r' | b'\n')).map(trim).filter(|line| !line.is_empty()).take(8) {
        let (name, value) = match memchr::memchr(b'=', line) {
            Some(equals) => (trim(&line[..equals]), trim(&line[equals + 1..])),
            None => (&b"Signal"[..], line),
        };
        if name.eq_ignore_ascii_case(b"Signal") {
            digit = sign(value);
        } else if name.eq_ignore_ascii_case(b"Duration") {
            let said = number(value).filter(|said| *said > 0);
            length =
                said.map_or(LENGTH, |said| Duration::from_millis(said.clamp(*LENGTHS_MS.start(), *LENGTHS_MS.end())));
        }
    }
    Some(Keypress { digit: digit?, length })
}

/// A sign of the keypad, or an event code of two digits as some phones write `*` and `#`.
fn sign(value: &[u8]) -> Option<Digit> {
    match value {
        [sign] => Digit::from_char(char::from(*sign)),
        [b'1', b'0'..=b'5'] => number(value).and_then(|code| u8::try_from(code).ok()).and_then(Digit::from_event),
        _ => None,
    }
}

impl Call {
    /// How keys go to and come from a leg that negotiated these formats.
    pub(super) fn digit_mode(&self, number: u16, formats: &[Format]) -> DigitMode {
        let Some(leg) = self.leg(number) else { return DigitMode::default() };
        let wanted = self.terms(leg.number).dtmf;
        let events = formats.iter().any(|format| format.codec == Codec::TelephoneEvent);
        match wanted {
            Dtmf::Rfc4733 => DigitMode::Event,
            Dtmf::Inband => DigitMode::Inband,
            Dtmf::Info => DigitMode::Info,
            Dtmf::Auto if events => DigitMode::Event,
            Dtmf::Auto if leg.allows_info => DigitMode::Info,
            Dtmf::Auto => DigitMode::Inband,
        }
    }

    /// The mode of a leg that is joined with `other`.
    fn mode(&self, number: u16, other: u16) -> DigitMode {
        self.digit_mode(number, &self.formats_of(number, Some(other)))
    }

    /// A key came by INFO in a leg's dialog.
    pub(super) fn info_digit(&mut self, office: &mut Office<'_>, from: u16, server: ServerId, keypress: Keypress) {
        office.refuse(server, 200, None);
        if self.is_repeated(office, from, keypress, true) {
            return;
        }
        self.key_pressed(from, keypress.digit);
        let Some(other) = self.other(from) else { return };
        match self.mode(other, from) {
            DigitMode::Info => self.send_info(office, other, keypress),
            DigitMode::Event | DigitMode::Inband => {
                self.session.send_digits(&mut office.books.door, office.out, MemberId(other), vec![keypress]);
            }
        }
    }

    /// A key came in a leg's media. The media plane has passed it on, unless the other leg takes INFO.
    pub(super) fn digit_pressed(&mut self, office: &mut Office<'_>, from: u16, keypress: Keypress) {
        let joined = self.phase == Phase::Connected || self.transfer.is_some();
        if !joined || self.is_repeated(office, from, keypress, false) {
            return;
        }
        self.key_pressed(from, keypress.digit);
        if let Some(other) = self.other(from)
            && self.mode(other, from) == DigitMode::Info
        {
            self.send_info(office, other, keypress);
        }
    }

    /// A key of a party that may transfer the other is told to features.
    fn key_pressed(&mut self, from: u16, digit: Digit) {
        let transferring = self.is_transferred_by(from);
        if transferring || self.may_transfer(from).is_ok() {
            self.happened_anyway(Happening::Pressed { by: from, digit, transferring });
        }
    }

    /// Remembers a key; `true`: it was told already, the other way.
    fn is_repeated(&mut self, office: &Office<'_>, from: u16, keypress: Keypress, by_info: bool) -> bool {
        let now = office.now;
        let Some(leg) = self.leg_mut(from) else { return true };
        let Keypress { digit, length } = keypress;
        let repeated = leg.pressed.is_some_and(|last| {
            last.digit == digit && last.by_info != by_info && now.since(last.at) < ONE_PRESS + length
        });
        leg.pressed = if repeated { None } else { Some(Pressed { digit, at: now, by_info }) };
        repeated
    }

    fn send_info(&mut self, office: &mut Office<'_>, to: u16, keypress: Keypress) {
        // At the limit of requests that are not answered the phone does not take them anyway.
        if self.relays.len() >= RELAYS_PER_CALL_MAX {
            return;
        }
        let body = format!("Signal={}\r\nDuration={}\r\n", keypress.digit.sign(), keypress.length.as_millis());
        let ask = Ask {
            method: Method::Info,
            max_forwards: 70,
            headers: &[("User-Agent", PRODUCT)],
            body: Some(("application/dtmf-relay", body.as_bytes())),
        };
        self.pass_info(office, to, None, &ask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_the_bodies_that_phones_write() {
        for (body, expected) in [
            ("Signal=5\r\nDuration=160\r\n", Some(('5', 160))),
            ("Signal= 5\r\nDuration= 200", Some(('5', 200))),
            ("signal=#\nduration=9999999\n", Some(('#', 6_000))),
            ("Signal=11\r\nDuration=1\r\n", Some(('#', 40))),
            ("Signal=10\r\n", Some(('*', 160))),
            ("Duration=100\r\nSignal=A\r\n", Some(('A', 100))),
            ("7", Some(('7', 160))),
            ("*\r\n", Some(('*', 160))),
            ("Signal=16\r\n", None),
            ("Signal=\r\n", None),
            ("Signal=!\r\n", None),
            ("12", Some(('A', 160))),
            ("123", None),
            ("", None),
        ] {
            let read = keypress(body.as_bytes());
            let read = read.map(|read| (read.digit.sign(), read.length.as_millis()));
            assert_eq!(read, expected, "{body:?}");
        }
    }
}
