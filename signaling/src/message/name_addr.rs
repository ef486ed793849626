//! `name-addr` and `addr-spec` with their parameters, as in From, To, Contact, Route (RFC 3261 section 20.10 and 25.1).

use super::{
    Malformed, Params, Uri,
    lex::{self, Cursor, unquote},
};
use std::borrow::Cow;

/// An address with display name and parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NameAddr<'a> {
    display: Display<'a>,
    /// The address itself.
    pub uri: Uri<'a>,
    params: Params<'a>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Display<'a> {
    None,
    Tokens(&'a [u8]),
    Quoted(&'a [u8]),
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// [`Malformed::NameAddr`], [`Malformed::Uri`], [`Malformed::Host`] or [`Malformed::Parameter`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        cursor.space();
        if cursor.rest.first() == Some(&b'"') {
            let quoted = cursor.quoted().ok_or(Malformed::NameAddr)?;
            cursor.space();
            return Self::bracketed(Display::Quoted(quoted), cursor);
        }
        // display-name = *(token LWS).
        // Deviates: RFC 3261 section 25.1 has no octets above ASCII in a token; many phones send display names in UTF-8 without quotes.
        let before = cursor;
        let words = cursor.run(|byte| lex::is_token(byte) || lex::is_space(byte) || byte >= 0x80);
        if cursor.rest.first() == Some(&b'<') {
            let words = lex::trim(words);
            let display = if words.is_empty() { Display::None } else { Display::Tokens(words) };
            return Self::bracketed(display, cursor);
        }
        Self::plain(before)
    }

    fn bracketed(display: Display<'a>, mut cursor: Cursor<'a>) -> Result<Self, Malformed> {
        if !cursor.byte(b'<') {
            return Err(Malformed::NameAddr);
        }
        let uri = cursor.run(|byte| byte != b'>');
        if !cursor.byte(b'>') {
            return Err(Malformed::NameAddr);
        }
        Ok(Self { display, uri: Uri::parse(uri)?, params: Params::parse(cursor.rest)? })
    }

    /// RFC 3261 section 20.10: without brackets what follows a semicolon belongs to the header field, and the URI holds no comma or question mark.
    fn plain(mut cursor: Cursor<'a>) -> Result<Self, Malformed> {
        let uri = cursor.run(|byte| !lex::is_space(byte) && byte != b';');
        if memchr::memchr2(b',', b'?', uri).is_some() {
            return Err(Malformed::NameAddr);
        }
        Ok(Self { display: Display::None, uri: Uri::parse(uri)?, params: Params::parse(cursor.rest)? })
    }

    /// The display name, escapes undone; empty when there is none.
    #[must_use]
    pub fn display(&self) -> Cow<'a, str> {
        match self.display {
            Display::None => Cow::Borrowed(""),
            Display::Tokens(words) => String::from_utf8_lossy(words),
            Display::Quoted(quoted) => unquote(quoted),
        }
    }

    /// The `tag` parameter, as written.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.value("tag")
    }

    /// The header field's parameters (not the URI's).
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// The value of a parameter of the header field; the outer `None`: not there, the inner: it has no value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.params.get(name)
    }

    /// The `q` parameter in thousandths, 0 to 1000; `None` when absent or not a qvalue.
    #[must_use]
    pub fn q_milli(&self) -> Option<u16> {
        let (whole, fraction) = match self.params.value("q")? {
            [whole @ (b'0' | b'1')] => (*whole, &[][..]),
            [whole @ (b'0' | b'1'), b'.', fraction @ ..] => (*whole, fraction),
            _ => return None,
        };
        if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digit = |at: usize| fraction.get(at).map_or(0, |digit| u16::from(digit - b'0'));
        let milli = u16::from(whole - b'0') * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2);
        (milli <= 1000).then_some(milli)
    }

    /// The `expires` parameter in seconds; what is larger than `u32` is the largest `u32`. `None` when absent or not a number
    /// (RFC 3261 section 20.10: then it is as if absent).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        lex::seconds(self.params.value("expires")?)
    }
}
