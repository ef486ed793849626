//! Answering a digest challenge, RFC 7616 and RFC 2617, with the arithmetic of the `rsip` crate.
//!
//! Does not verify anything and keeps no nonce: every request that was challenged is answered once.

use crate::account::Account;
use anyhow::{Context as _, Result, bail};
use rsip::{
    headers::auth::{Algorithm, AuthQop},
    services::DigestGenerator,
};

/// Which algorithms a phone understands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Understands {
    /// MD5 only, as most desk phones.
    Md5,
    /// SHA-256 only.
    Sha256,
    /// The first one offered; half of the phones understand MD5 only.
    Both,
}

impl Understands {
    /// What the `index`-th phone understands.
    #[must_use]
    pub const fn of_phone(self, index: usize) -> Self {
        match self {
            Self::Both if index.is_multiple_of(2) => Self::Md5,
            Self::Both | Self::Md5 | Self::Sha256 => self,
        }
    }

    const fn takes(self, algorithm: &Algorithm) -> bool {
        match algorithm {
            Algorithm::Md5 => matches!(self, Self::Md5 | Self::Both),
            Algorithm::Sha256 => matches!(self, Self::Sha256 | Self::Both),
            Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512 | Algorithm::Sha512Sess => false,
        }
    }
}

/// The value of an Authorization header that answers the first of `challenges` the phone understands.
///
/// # Errors
/// When none is understood.
pub fn authorize<'c>(
    challenges: impl IntoIterator<Item = &'c str>,
    account: &Account,
    understands: Understands,
    method: &rsip::Method,
    uri: &rsip::Uri,
    cnonce: u64,
) -> Result<String> {
    for challenge in challenges {
        let Some(parameters) = challenge.trim().strip_prefix("Digest ") else { continue };
        let Some(algorithm) = algorithm(parameter(parameters, "algorithm").unwrap_or("MD5")) else { continue };
        // RFC 8760 section 2.4: the topmost challenge the client can answer is taken
        if understands.takes(&algorithm) {
            return answer(parameters, algorithm, account, method, uri, cnonce);
        }
    }
    bail!("no challenge that this phone understands")
}

fn answer(
    parameters: &str,
    algorithm: Algorithm,
    account: &Account,
    method: &rsip::Method,
    uri: &rsip::Uri,
    cnonce: u64,
) -> Result<String> {
    let realm = parameter(parameters, "realm").context("challenge without realm")?;
    let nonce = parameter(parameters, "nonce").context("challenge without nonce")?;
    let cnonce = format!("{cnonce:016x}");
    let offers_auth = parameter(parameters, "qop").is_some_and(|list| list.split(',').any(|q| q.trim() == "auth"));
    let qop = offers_auth.then(|| AuthQop::Auth { cnonce: cnonce.clone(), nc: 1 });
    let response = DigestGenerator {
        username: &account.auth_user,
        password: &account.secret,
        nonce,
        uri,
        realm,
        method,
        qop: qop.as_ref(),
        algorithm,
    }
    .compute();
    let mut line = format!(
        "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
        account.auth_user,
        if algorithm == Algorithm::Sha256 { "SHA-256" } else { "MD5" },
    );
    if qop.is_some() {
        line.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = parameter(parameters, "opaque") {
        line.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Ok(line)
}

fn algorithm(name: &str) -> Option<Algorithm> {
    if name.eq_ignore_ascii_case("MD5") {
        Some(Algorithm::Md5)
    } else if name.eq_ignore_ascii_case("SHA-256") {
        Some(Algorithm::Sha256)
    } else {
        None
    }
}

/// The value of one parameter, without its quotes. Values with escaped quotes do not occur in realms and nonces we meet.
fn parameter<'p>(parameters: &'p str, name: &str) -> Option<&'p str> {
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim(), &after[end..])
            }
        };
        if key.trim().trim_start_matches(',').trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1, whose URI is HTTP's; the arithmetic is the same for any URI text.
    #[test]
    fn parameters_are_read_with_and_without_quotes() {
        let text = "realm=\"a, b\", qop=\"auth, auth-int\",algorithm=SHA-256 ,nonce=\"x==\"";
        assert_eq!(parameter(text, "realm"), Some("a, b"));
        assert_eq!(parameter(text, "algorithm"), Some("SHA-256"));
        assert_eq!(parameter(text, "nonce"), Some("x=="));
        assert_eq!(parameter(text, "opaque"), None);
    }

    #[test]
    fn the_topmost_challenge_understood_is_answered() {
        let sha = "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
        let md5 = "Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
        let account = Account::of(0);
        let uri = rsip::Uri::try_from("sip:pbx.test").expect("a URI");
        let ask = |challenges: &[&str], understands| {
            authorize(challenges.iter().copied(), &account, understands, &rsip::Method::Register, &uri, 7)
        };
        assert!(ask(&[sha, md5], Understands::Both).expect("answered").contains("SHA-256"));
        assert!(ask(&[sha, md5], Understands::Md5).expect("answered").contains("algorithm=MD5"));
        assert!(ask(&[sha], Understands::Md5).is_err());
    }
}
