//! [`Authority`]: answers to the challenges that requests of ours meet, RFC 3261 section 22, RFC 7616, RFC 8760.
//!
//! It keeps what it was challenged with, so that the next request brings its proof along, and it judges when an answer was wrong and would only be wrong
//! again. It deliberately does not know what the requests are for.

use super::digest::{Challenge, Client, authorize};
use crate::{
    message::{Header, Message, Method},
    settings::Credentials,
};
use core::fmt;
use std::borrow::Cow;

/// Who challenges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Challenger {
    /// The far end: 401.
    Server,
    /// A proxy on the way: 407.
    Proxy,
}

/// Both kinds.
const CHALLENGERS: [Challenger; 2] = [Challenger::Server, Challenger::Proxy];

impl Challenger {
    const fn asks_by(self) -> Header {
        match self {
            Self::Server => Header::WwwAuthenticate,
            Self::Proxy => Header::ProxyAuthenticate,
        }
    }

    const fn is_answered_by(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// A challenge that is answered with every request.
#[derive(Clone)]
struct Proof {
    challenge: Challenge<'static>,
    cnonce: String,
    /// How often the nonce was used.
    count: u32,
}

/// Why a challenge is not answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unanswerable {
    /// Our answer was wrong: the name or the secret is.
    Wrong,
    /// It asks for what we do not serve.
    Unserved,
}

/// A name and a secret at a provider, and the challenges that are good at the moment.
#[derive(Clone)]
pub struct Authority {
    credentials: Credentials,
    proofs: [Option<Proof>; 2],
    /// How often the request in hand was challenged, by challenger.
    tries: [u8; 2],
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("user", &self.credentials.user).finish_non_exhaustive()
    }
}

impl Authority {
    /// Nobody has challenged yet.
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials, proofs: [None, None], tries: [0; 2] }
    }

    /// Another request begins.
    pub const fn begin(&mut self) {
        self.tries = [0; 2];
    }

    /// Takes the challenge of a 401 or 407. Afterwards [`Authority::headers`] answers it. `cnonce` is 64 random bits.
    ///
    /// # Errors
    /// It would be of no use to ask again.
    pub fn challenged(&mut self, response: &Message<'_>, cnonce: u64) -> Result<(), Unanswerable> {
        let at = match response.status() {
            Some(401) => 0,
            Some(407) => 1,
            Some(_) | None => return Err(Unanswerable::Unserved),
        };
        // RFC 8760 section 2.4: the topmost that we support.
        let mut challenges = response
            .headers(CHALLENGERS[at].asks_by())
            .filter_map(|value| Challenge::parse(value).ok().flatten())
            .filter(|challenge| challenge.algorithm.is_some());
        let challenge = challenges.next().ok_or(Unanswerable::Unserved)?;
        // RFC 7616 section 3.3: `stale` says that only the nonce was at fault. RFC 3261 section 22.2: credentials that were rejected are not sent again.
        match self.tries[at] {
            0 => {}
            1 if challenge.stale => {}
            _ => return Err(Unanswerable::Wrong),
        }
        self.tries[at] += 1;
        self.proofs[at] = Some(Proof { challenge: owned(challenge), cnonce: format!("{cnonce:016x}"), count: 0 });
        Ok(())
    }

    /// The header fields that prove us in a request with this method and Request-URI; none while nobody has challenged.
    pub fn headers(&mut self, method: Method<'_>, uri: &str) -> Vec<(&'static str, String)> {
        let Self { credentials, proofs, .. } = self;
        let proofs = proofs.iter_mut().zip(CHALLENGERS);
        let answers = proofs.filter_map(|(proof, challenger)| {
            let proof = proof.as_mut()?;
            // RFC 7616 section 3.4: the count grows with each request under the nonce.
            proof.count = proof.count.saturating_add(1);
            let client = Client {
                user: &credentials.user,
                secret: credentials.secret.expose(),
                method: method.as_bytes(),
                uri,
                cnonce: &proof.cnonce,
                nc: proof.count,
            };
            Some((challenger.is_answered_by(), authorize(&proof.challenge, &client)?))
        });
        answers.collect()
    }

    /// Heap octets held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let Credentials { user, secret } = &self.credentials;
        let proofs = self.proofs.iter().flatten();
        let kept = proofs.map(|proof| proof.challenge.realm.len() + proof.challenge.nonce.len() + proof.cnonce.len());
        user.len() + secret.expose().len() + kept.sum::<usize>()
    }
}

fn owned(challenge: Challenge<'_>) -> Challenge<'static> {
    let keep = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    let Challenge { realm, nonce, algorithm, qop_auth, opaque, stale } = challenge;
    Challenge { realm: keep(realm), nonce: keep(nonce), algorithm, qop_auth, opaque: opaque.map(keep), stale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::digest::Credentials as Proven, message::Index, settings::Secret};

    fn authority() -> Authority {
        Authority::new(Credentials { user: "account-17".into(), secret: Secret::new("Trunk-secret-55") })
    }

    fn challenged(authority: &mut Authority, status: u16, lines: &str) -> Result<(), Unanswerable> {
        let bytes = format!(
            "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:a@x>;tag=2\r\nCall-ID: c\r\n\
             CSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let mut index = Index::new();
        let response = index.parse(bytes.as_bytes()).expect("SIP");
        authority.challenged(&response, 7)
    }

    const MD5: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";
    const SHA: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"\r\n";
    const STALE: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n3\", stale=true, qop=\"auth\"\r\n";
    const OTHER: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n4\", algorithm=SHA-512, qop=\"auth\"\r\n";
    const PROXY: &str = "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n5\"\r\n";

    fn proven(headers: &[(&'static str, String)]) -> Vec<(&'static str, u32, bool)> {
        let read = |(name, value): &(&'static str, String)| {
            let credentials = Proven::parse(value.as_bytes()).expect("grammar").expect("Digest");
            let count = u32::from_str_radix(value.split("nc=").nth(1).unwrap_or("0").get(..8).unwrap_or("0"), 16);
            (*name, count.unwrap_or(0), credentials.prove(b"REGISTER", "Trunk-secret-55"))
        };
        headers.iter().map(read).collect()
    }

    #[test]
    fn the_topmost_algorithm_that_is_served_is_answered() {
        for (lines, algorithm) in
            [(format!("{SHA}{MD5}"), "SHA-256"), (format!("{MD5}{SHA}"), "MD5"), (format!("{OTHER}{MD5}"), "MD5")]
        {
            let mut authority = authority();
            assert_eq!(challenged(&mut authority, 401, &lines), Ok(()));
            let headers = authority.headers(Method::Register, "sip:x");
            assert!(headers[0].1.contains(&format!("algorithm={algorithm}")), "{headers:?}");
            assert_eq!(proven(&headers), [("Authorization", 1, true)]);
        }
        for lines in [OTHER, "", "WWW-Authenticate: Basic realm=\"r\"\r\n", "WWW-Authenticate: Digest nonce=\"n\"\r\n"]
        {
            assert_eq!(challenged(&mut authority(), 401, lines), Err(Unanswerable::Unserved));
        }
    }

    #[test]
    fn the_count_grows_with_each_request_under_a_nonce() {
        let mut authority = authority();
        assert!(authority.headers(Method::Register, "sip:x").is_empty());
        challenged(&mut authority, 401, MD5).unwrap();
        for count in 1..4 {
            assert_eq!(proven(&authority.headers(Method::Register, "sip:x")), [("Authorization", count, true)]);
        }
        authority.begin();
        challenged(&mut authority, 401, SHA).unwrap();
        assert_eq!(proven(&authority.headers(Method::Register, "sip:x")), [("Authorization", 1, true)]);
    }

    #[test]
    fn a_wrong_answer_is_given_once_and_a_stale_nonce_replaced_once() {
        let mut one = authority();
        assert_eq!(challenged(&mut one, 401, MD5), Ok(()));
        assert_eq!(challenged(&mut one, 401, MD5), Err(Unanswerable::Wrong));
        let mut two = authority();
        assert_eq!(challenged(&mut two, 401, MD5), Ok(()));
        assert_eq!(challenged(&mut two, 401, STALE), Ok(()));
        assert_eq!(challenged(&mut two, 401, STALE), Err(Unanswerable::Wrong));
        two.begin();
        assert_eq!(challenged(&mut two, 401, MD5), Ok(()));
    }

    #[test]
    fn a_proxy_and_the_far_end_are_both_answered() {
        let mut authority = authority();
        challenged(&mut authority, 407, PROXY).unwrap();
        challenged(&mut authority, 401, MD5).unwrap();
        let headers = authority.headers(Method::Register, "sip:x");
        assert_eq!(proven(&headers), [("Authorization", 1, true), ("Proxy-Authorization", 0, true)]);
    }

    #[test]
    fn an_authority_does_not_print_its_secret() {
        let mut authority = authority();
        challenged(&mut authority, 401, MD5).unwrap();
        assert!(!format!("{authority:?}").contains("Trunk-secret"));
    }
}
