//! [`Authenticator`]: challenges and their answers.

use crate::{message::Message, settings::Directory};
use contract::Instant;

/// What a request's credentials are worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// There are none for our realm, or their nonce is not good any more: answer 401 with [`Authenticator::challenge`]. No failure.
    Challenge {
        /// The digest was right, only the nonce was old: the phone need not ask its user again.
        stale: bool,
    },
    /// They are right and belong to this account.
    Accepted {
        /// Its number.
        number: String,
    },
    /// They were right once: the nonce was used with this count before. Answer as `Challenge { stale: true }`; a failure.
    Replayed,
    /// They are wrong; also when there is no such user, which cannot be told apart. Answer 403; a failure.
    Refused,
}

/// Makes challenges and checks their answers.
#[derive(Debug)]
pub struct Authenticator {}

impl Authenticator {
    /// `seed` makes the key of the nonces and the secret that stands in for unknown users.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let _ = seed;
        Self {}
    }

    /// The values of WWW-Authenticate for a 401, preferred first: SHA-256, then MD5 (RFC 8760 section 2.3).
    pub fn challenge(&mut self, now: Instant, realm: &str, stale: bool) -> Vec<String> {
        let _ = (now, realm, stale);
        Vec::new()
    }

    /// Judges the Authorization headers of `request`.
    pub fn verify(&mut self, now: Instant, request: &Message<'_>, realm: &str, directory: &Directory) -> Verdict {
        let _ = (now, request, realm, directory);
        Verdict::Refused
    }
}
