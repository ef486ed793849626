//! Via values (RFC 3261 section 20.42, RFC 3581).

use super::{
    Host, Malformed, Params,
    lex::{self, Cursor},
};
use core::net::IpAddr;

/// One Via value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Via<'a> {
    transport: &'a [u8],
    host: Host<'a>,
    port: Option<u16>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value. Any protocol version is read, so that a request of another version can be answered.
    ///
    /// # Errors
    /// [`Malformed::Host`] or [`Malformed::Parameter`] for those parts, [`Malformed::Value`] for the rest.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHY: Malformed = Malformed::Value(super::Header::Via);
        let mut cursor = Cursor::new(bytes);
        cursor.space();
        // sent-protocol = protocol-name SLASH protocol-version SLASH transport
        let name = cursor.token().ok_or(WHY)?;
        if !name.eq_ignore_ascii_case(b"SIP") || !cursor.separator(b'/') {
            return Err(WHY);
        }
        cursor.token().ok_or(WHY)?;
        if !cursor.separator(b'/') {
            return Err(WHY);
        }
        let transport = cursor.token().ok_or(WHY)?;
        let before = cursor.rest.len();
        cursor.space();
        if cursor.rest.len() == before {
            return Err(WHY);
        }
        // sent-by = host [ COLON port ], with white space around the colon.
        let host = match cursor.rest.first() {
            Some(b'[') => {
                let end = memchr::memchr(b']', cursor.rest).ok_or(Malformed::Host)? + 1;
                let (host, rest) = cursor.rest.split_at(end);
                cursor.rest = rest;
                host
            }
            _ => cursor.run(|byte| !lex::is_space(byte) && byte != b':' && byte != b';'),
        };
        let host = Host::parse(host)?;
        let port = if cursor.separator(b':') {
            let digits = cursor.run(|byte| byte.is_ascii_digit());
            Some(lex::number(digits).and_then(|port| u16::try_from(port).ok()).ok_or(Malformed::Host)?)
        } else {
            None
        };
        Ok(Self { transport, host, port, params: Params::parse(cursor.rest)? })
    }

    /// The transport token as written, `UDP` and so on.
    #[must_use]
    pub const fn transport(&self) -> &'a [u8] {
        self.transport
    }

    /// The host of sent-by.
    #[must_use]
    pub const fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port of sent-by, if written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The `branch` parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.value("branch")
    }

    /// The `received` parameter as an address. RFC 5118 section 4.5: IPv6 with or without brackets.
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let value = core::str::from_utf8(self.params.value("received")?).ok()?;
        match value.strip_prefix('[').and_then(|value| value.strip_suffix(']')) {
            Some(inner) => inner.parse().ok().map(IpAddr::V6),
            None => value.parse().ok(),
        }
    }

    /// The `rport` parameter (RFC 3581): not there, there without value, there with a port.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get("rport")?;
        Some(value.and_then(lex::number).and_then(|port| u16::try_from(port).ok()))
    }

    /// All parameters.
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.params
    }
}
