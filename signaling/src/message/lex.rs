//! The small grammar that all header fields share (RFC 3261 section 25.1): white space with folds, tokens, quoted strings, lists.

use std::borrow::Cow;

/// Octets of `token`.
static TOKEN: [bool; 256] = octets(b"-.!%*_+`'~");

/// Letters, digits and `others`.
pub(super) const fn octets(others: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut at = 0;
    while at < 256 {
        set[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    at = 0;
    while at < others.len() {
        set[others[at] as usize] = true;
        at += 1;
    }
    set
}

/// Whether `byte` may stand in a token.
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// Whether `byte` is white space; CR and LF are, because the only ones left inside a value belong to folds.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without white space and folds around.
#[must_use]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Decimal digits only, at least one.
#[must_use]
pub fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Decimal digits only; what is larger than `u32` becomes the largest `u32` (delta-seconds, RFC 3261 section 20.19).
#[must_use]
pub fn seconds(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(number(bytes).and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX))
}

/// Reads from the front of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes white space and folds.
    pub(crate) fn space(&mut self) {
        while let [first, rest @ ..] = self.rest
            && is_space(*first)
        {
            self.rest = rest;
        }
    }

    /// Takes `byte` and the white space around it, if it is there.
    pub(crate) fn separator(&mut self, byte: u8) -> bool {
        let before = self.rest;
        self.space();
        if self.byte(byte) {
            self.space();
            true
        } else {
            self.rest = before;
            false
        }
    }

    /// Takes `byte` if it comes next.
    pub(crate) fn byte(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes as long as `belongs`.
    pub(crate) fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    /// Takes a token, at least one octet.
    pub(crate) fn token(&mut self) -> Option<&'a [u8]> {
        let token = self.run(is_token);
        (!token.is_empty()).then_some(token)
    }

    /// Takes a quoted string; returns what is between the quotes, still escaped.
    pub(crate) fn quoted(&mut self) -> Option<&'a [u8]> {
        let [b'"', inner @ ..] = self.rest else { return None };
        let end = quote_end(inner)?;
        let (quoted, rest) = inner.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(quoted)
    }
}

/// Where the quote that opened before `bytes` is closed.
fn quote_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// The text of a quoted string: escapes undone, folds made one space, octets that are no UTF-8 replaced.
pub(crate) fn unquote(quoted: &[u8]) -> Cow<'_, str> {
    if memchr::memchr3(b'\\', b'\r', b'\n', quoted).is_none() {
        return String::from_utf8_lossy(quoted);
    }
    let mut text = Vec::with_capacity(quoted.len());
    let mut cursor = Cursor::new(quoted);
    while let [first, rest @ ..] = cursor.rest {
        match first {
            b'\\' => {
                text.extend(rest.first());
                cursor.rest = rest.get(1..).unwrap_or_default();
            }
            b'\r' | b'\n' => {
                cursor.space();
                text.push(b' ');
            }
            other => {
                text.push(*other);
                cursor.rest = rest;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

/// Comma separated values of one header line. Commas within quotes and angle brackets do not separate; empty values are left out.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    /// Of this line's value.
    #[must_use]
    pub const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }
}

// Deviates: RFC 3261 section 7.3.1 has no empty values in a list; they are left out, since nothing can be meant by them.
impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = value_end(self.rest);
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            let value = trim(value);
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    }
}

fn value_end(bytes: &[u8]) -> usize {
    let (mut at, mut in_brackets) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b',' if !in_brackets => return at,
            b'<' => in_brackets = true,
            b'>' => in_brackets = false,
            b'"' if !in_brackets => match quote_end(bytes.get(at + 1..).unwrap_or_default()) {
                Some(length) => at += 1 + length,
                None => return bytes.len(),
            },
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}
