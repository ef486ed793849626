//! Digits of a telephone keypad.

use core::{fmt, time::Duration};

/// Digits of one leg that wait to be sent.
pub const DIGITS_MAX: usize = 64;

/// One key, RFC 4733 events 0 to 15.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digit(u8);

impl Digit {
    /// By RFC 4733 event code; `None` above 15.
    #[must_use]
    pub const fn from_event(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// By its sign: `0`–`9`, `*`, `#`, `A`–`D` in either case.
    #[must_use]
    pub const fn from_char(sign: char) -> Option<Self> {
        match sign {
            '0'..='9' => Some(Self(sign as u8 - b'0')),
            '*' => Some(Self(10)),
            '#' => Some(Self(11)),
            'A'..='D' => Some(Self(sign as u8 - b'A' + 12)),
            'a'..='d' => Some(Self(sign as u8 - b'a' + 12)),
            _ => None,
        }
    }

    /// RFC 4733 event code, 0 to 15.
    #[must_use]
    pub const fn event(self) -> u8 {
        self.0
    }

    /// As printed on the key.
    #[must_use]
    pub const fn sign(self) -> char {
        b"0123456789*#ABCD"[self.0 as usize & 15] as char
    }
}

impl fmt::Debug for Digit {
    /// A digit may be part of a PIN, so it does not print itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(…)")
    }
}

/// A digit and how long it is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keypress {
    /// Which.
    pub digit: Digit,
    /// How long; held within 40 ms and 6 s.
    pub length: Duration,
}

/// How digits travel between us and one far end.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum DigitMode {
    /// RFC 4733 events, when a `telephone-event` format was negotiated; else as [`DigitMode::Inband`].
    #[default]
    Event,
    /// Tones in the audio.
    Inband,
    /// SIP INFO: the media plane neither sends nor listens for them.
    Info,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_events_are_the_same_digits() {
        for code in 0..16 {
            let digit = Digit::from_event(code).expect("a key");
            assert_eq!((Digit::from_char(digit.sign()), digit.event()), (Some(digit), code));
        }
        assert_eq!((Digit::from_event(16), Digit::from_char('E')), (None, None));
    }
}
