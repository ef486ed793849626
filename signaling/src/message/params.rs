//! Parameters of header fields: `*( SEMI generic-param )`, RFC 3261 section 25.1. Parameters of URIs are in [`super::uri`].

use super::{
    Malformed,
    lex::{Cursor, unquote},
};
use std::borrow::Cow;

/// Parameters of a header field, checked, still as written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// Reads `bytes`: nothing, or `;name`, `;name=value`, again and again.
    ///
    /// # Errors
    /// [`Malformed::Parameter`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        while one(&mut cursor)?.is_some() {}
        Ok(Self(bytes))
    }

    /// All of them, in order: name as written, and the value without quotes, still escaped.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut cursor = Cursor::new(self.0);
        core::iter::from_fn(move || one(&mut cursor).ok().flatten())
    }

    /// The value of the first parameter of that name in any case; the outer `None`: not there, the inner: it has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.iter().find(|(written, _)| written.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of that parameter; `None` also when it has none.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name).flatten()
    }

    /// The value of that parameter as text, escapes undone.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.value(name).map(unquote)
    }

    /// As written, from the first semicolon on.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// A parameter's name and value.
type Parameter<'a> = (&'a [u8], Option<&'a [u8]>);

fn one<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Parameter<'a>>, Malformed> {
    cursor.space();
    if cursor.rest.is_empty() {
        return Ok(None);
    }
    if !cursor.separator(b';') {
        return Err(Malformed::Parameter);
    }
    let name = cursor.token().ok_or(Malformed::Parameter)?;
    if !cursor.separator(b'=') {
        return Ok(Some((name, None)));
    }
    if cursor.rest.first() == Some(&b'"') {
        let value = cursor.quoted().ok_or(Malformed::Parameter)?;
        return Ok(Some((name, Some(value))));
    }
    // Deviates: RFC 3261 section 25.1 has a token or a host here; tags and branches with `=`, `/` or `@` are common and harmless.
    let value = cursor.run(|byte| byte > b' ' && byte != 0x7F && !matches!(byte, b';' | b',' | b'"' | b'<' | b'>'));
    if value.is_empty() { Err(Malformed::Parameter) } else { Ok(Some((name, Some(value)))) }
}
