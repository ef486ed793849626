//! The arithmetic and the grammar of digest authentication, both sides: RFC 7616, RFC 8760 (SHA-256 in SIP), RFC 2617 (MD5), and the
//! form of RFC 2069 without `qop` that old phones use.
//!
//! It knows neither nonces' meaning nor accounts.

use crate::message::{Cursor, Malformed, trim, unquote};
use core::fmt;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use crate::settings::DigestAlgorithm as Algorithm;

impl Algorithm {
    /// As in the `algorithm` parameter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The algorithm of that name in any case.
    #[must_use]
    pub const fn of(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"MD5") {
            Some(Self::Md5)
        } else if name.eq_ignore_ascii_case(b"SHA-256") {
            Some(Self::Sha256)
        } else {
            None
        }
    }

    /// The hash of `parts` joined by colons, in lower case hexadecimal.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 => hash::<Md5>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
        }
    }
}

fn hash<D: Digest>(parts: &[&[u8]]) -> String {
    let mut state = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            state.update(b":");
        }
        state.update(part);
    }
    const HEX: &[u8; 16] = b"0123456789abcdef";
    state
        .finalize()
        .iter()
        .flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// What `qop=auth` adds to a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Protection<'a> {
    /// The nonce count as sent: eight hexadecimal digits.
    pub nc: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
}

/// What a response is computed from, but for who it is and the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The realm.
    pub realm: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// The request's method.
    pub method: &'a [u8],
    /// The `uri` parameter.
    pub uri: &'a [u8],
    /// `None`: no `qop`, as in RFC 2069.
    pub protection: Option<Protection<'a>>,
}

/// The response that proves `secret`, RFC 7616 section 3.4.1.
#[must_use]
pub fn expected_response(question: &Question<'_>, user: &str, secret: &str) -> String {
    let algorithm = question.algorithm;
    let ha1 = Zeroizing::new(algorithm.hash(&[user.as_bytes(), question.realm.as_bytes(), secret.as_bytes()]));
    let ha2 = algorithm.hash(&[question.method, question.uri]);
    let (ha1, nonce, ha2) = (ha1.as_bytes(), question.nonce.as_bytes(), ha2.as_bytes());
    match question.protection {
        Some(Protection { nc, cnonce }) => {
            algorithm.hash(&[ha1, nonce, nc.as_bytes(), cnonce.as_bytes(), b"auth", ha2])
        }
        None => algorithm.hash(&[ha1, nonce, ha2]),
    }
}

/// What a client proves itself with: an Authorization or Proxy-Authorization header field.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials<'a> {
    /// The authentication name.
    pub username: Cow<'a, str>,
    /// The realm it answers for.
    pub realm: Cow<'a, str>,
    /// The nonce it answers.
    pub nonce: Cow<'a, str>,
    /// The URI it was computed for.
    pub uri: Cow<'a, str>,
    /// The proof.
    pub response: Cow<'a, str>,
    /// The algorithm; `None`: one we do not serve.
    pub algorithm: Option<Algorithm>,
    /// The server's opaque, returned.
    pub opaque: Option<Cow<'a, str>>,
    /// `qop`, `nc` and `cnonce`.
    pub qop: Qop<'a>,
}

/// The quality of protection of credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Qop<'a> {
    /// None, as in RFC 2069.
    Legacy,
    /// `qop=auth`.
    Auth {
        /// The nonce count.
        nc: u32,
        /// The nonce count as sent.
        nc_text: Cow<'a, str>,
        /// The client's nonce.
        cnonce: Cow<'a, str>,
    },
    /// A quality we did not offer.
    Other,
}

impl<'a> Credentials<'a> {
    /// Reads a header field's value. `None`: another scheme than Digest.
    ///
    /// # Errors
    /// [`Malformed::Parameter`]: not the grammar, or one of username, realm, nonce, uri, response is missing.
    pub fn parse(value: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let Some(fields) = Fields::parse(value)? else { return Ok(None) };
        let required = |name| fields.get(name).ok_or(Malformed::Parameter);
        let qop = match fields.get("qop") {
            None => Qop::Legacy,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let nc_text = required("nc")?;
                // RFC 7616 section 3.4: eight hexadecimal digits.
                let digits = nc_text.len() == 8 && nc_text.bytes().all(|byte| byte.is_ascii_hexdigit());
                let nc = u32::from_str_radix(&nc_text, 16).ok().filter(|_| digits).ok_or(Malformed::Parameter)?;
                Qop::Auth { nc, nc_text, cnonce: required("cnonce")? }
            }
            Some(_) => Qop::Other,
        };
        Ok(Some(Self {
            username: required("username")?,
            realm: required("realm")?,
            nonce: required("nonce")?,
            uri: required("uri")?,
            response: required("response")?,
            algorithm: fields.get("algorithm").map_or(Some(Algorithm::Md5), |name| Algorithm::of(name.as_bytes())),
            opaque: fields.get("opaque"),
            qop,
        }))
    }

    /// Whether the response proves `secret` for a request with `method`, in a time that does not depend on where they differ.
    /// `false` for an algorithm or quality we do not serve. RFC 8760 section 2.6: without `qop` only MD5.
    #[must_use]
    pub fn prove(&self, method: &[u8], secret: &str) -> bool {
        let Some(algorithm) = self.algorithm else { return false };
        let protection = match (&self.qop, algorithm) {
            (Qop::Auth { nc_text, cnonce, .. }, _) => Some(Protection { nc: nc_text, cnonce }),
            (Qop::Legacy, Algorithm::Md5) => None,
            (Qop::Legacy, Algorithm::Sha256) | (Qop::Other, _) => return false,
        };
        let question = Question {
            algorithm,
            realm: &self.realm,
            nonce: &self.nonce,
            method,
            uri: self.uri.as_bytes(),
            protection,
        };
        let expected = expected_response(&question, &self.username, secret);
        let given = self.response.to_ascii_lowercase();
        expected.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for Credentials<'_> {
    /// Without the proof: from it a weak secret can be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// What a server asks: a WWW-Authenticate or Proxy-Authenticate header field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge<'a> {
    /// The realm.
    pub realm: Cow<'a, str>,
    /// The nonce.
    pub nonce: Cow<'a, str>,
    /// The algorithm; `None`: one we do not serve.
    pub algorithm: Option<Algorithm>,
    /// Whether `qop=auth` is offered.
    pub qop_auth: bool,
    /// To be returned.
    pub opaque: Option<Cow<'a, str>>,
    /// The last answer was right but for its old nonce.
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// Reads a header field's value. `None`: another scheme than Digest.
    ///
    /// # Errors
    /// [`Malformed::Parameter`]: not the grammar, or realm or nonce is missing.
    pub fn parse(value: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let Some(fields) = Fields::parse(value)? else { return Ok(None) };
        let required = |name| fields.get(name).ok_or(Malformed::Parameter);
        let offers_auth = |qop: Cow<'_, str>| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth"));
        Ok(Some(Self {
            realm: required("realm")?,
            nonce: required("nonce")?,
            algorithm: fields.get("algorithm").map_or(Some(Algorithm::Md5), |name| Algorithm::of(name.as_bytes())),
            qop_auth: fields.get("qop").is_some_and(offers_auth),
            opaque: fields.get("opaque"),
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }))
    }
}

impl fmt::Display for Challenge<'_> {
    /// The header field's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", Quoted(&self.realm), Quoted(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}", self.algorithm.unwrap_or(Algorithm::Md5).name())?;
        if self.qop_auth { f.write_str(", qop=\"auth\"") } else { Ok(()) }
    }
}

/// Who answers a challenge, and for which request.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// The authentication name.
    pub user: &'a str,
    /// The secret.
    pub secret: &'a str,
    /// The request's method.
    pub method: &'a [u8],
    /// The Request-URI.
    pub uri: &'a str,
    /// A nonce of the client's own, unpredictable.
    pub cnonce: &'a str,
    /// How often this nonce was used with this one, from 1.
    pub nc: u32,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("user", &self.user).field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// The Authorization (Proxy-Authorization) value that answers `challenge`; `None` for an algorithm we do not serve.
#[must_use]
pub fn authorize(challenge: &Challenge<'_>, client: &Client<'_>) -> Option<String> {
    let algorithm = challenge.algorithm?;
    let nc = format!("{:08x}", client.nc);
    let question = Question {
        algorithm,
        realm: &challenge.realm,
        nonce: &challenge.nonce,
        method: client.method,
        uri: client.uri.as_bytes(),
        protection: challenge.qop_auth.then_some(Protection { nc: &nc, cnonce: client.cnonce }),
    };
    let response = expected_response(&question, client.user, client.secret);
    let mut value = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\", algorithm={}",
        Quoted(client.user),
        Quoted(&challenge.realm),
        Quoted(&challenge.nonce),
        Quoted(client.uri),
        algorithm.name(),
    );
    if let Some(opaque) = &challenge.opaque {
        value += &format!(", opaque={}", Quoted(opaque));
    }
    if challenge.qop_auth {
        value += &format!(", qop=auth, nc={nc}, cnonce={}", Quoted(client.cnonce));
    }
    Some(value)
}

/// Text as a quoted string (RFC 3261 section 25.1); line ends, which may not stand in one, become spaces.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                '\r' | '\n' => f.write_char(' ')?,
                _ => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}

/// `name=value` parameters separated by commas (RFC 3261 section 25.1, `digest-cln`), values without quotes and escapes.
struct Fields<'a>(Vec<(&'a [u8], Cow<'a, str>)>);

/// Parameters in one header field. Real ones hold under 12; one with more is malformed.
const FIELDS_MAX: usize = 32;

impl<'a> Fields<'a> {
    fn parse(value: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let mut cursor = Cursor::new(trim(value));
        let scheme = cursor.token().ok_or(Malformed::Parameter)?;
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return Ok(None);
        }
        let mut fields = Vec::with_capacity(12);
        loop {
            cursor.space();
            let name = cursor.token().ok_or(Malformed::Parameter)?;
            if !cursor.separator(b'=') {
                return Err(Malformed::Parameter);
            }
            let value = match cursor.quoted() {
                Some(quoted) => unquote(quoted),
                None => match cursor.run(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"')) {
                    [] => return Err(Malformed::Parameter),
                    plain => String::from_utf8_lossy(plain),
                },
            };
            // A name that comes twice leaves open which value was proven.
            if fields.len() == FIELDS_MAX
                || fields.iter().any(|(other, _): &(&[u8], _)| name.eq_ignore_ascii_case(other))
            {
                return Err(Malformed::Parameter);
            }
            fields.push((name, value));
            if !cursor.separator(b',') {
                break;
            }
        }
        cursor.space();
        if cursor.rest.is_empty() { Ok(Some(Self(fields))) } else { Err(Malformed::Parameter) }
    }

    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.iter().find(|(written, _)| written.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.clone())
    }
}

#[cfg(test)]
mod tests;
