//! The accounts of a run: numbers, authentication names and secrets derived from an index, so that the configuration file and
//! the phones agree without telling each other. Nothing here protects anything: these accounts exist for one run.

use crate::limits::ACCOUNTS_MAX;
use md5::{Digest, Md5};

/// One account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Internal number, four digits.
    pub number: String,
    /// Name used in digest authentication; never the number.
    pub auth_user: String,
    /// Digest secret.
    pub secret: String,
}

impl Account {
    /// The account of the `index`-th phone; phones beyond [`ACCOUNTS_MAX`] share the accounts from the start.
    #[must_use]
    pub fn of(index: usize) -> Self {
        // 1000 to 9999 first, then 0000 to 0999: the common case looks like a common dial plan.
        let number = format!("{:04}", (index % ACCOUNTS_MAX + 1_000) % ACCOUNTS_MAX);
        let auth_user = format!("desk-{number}");
        let secret = secret_of(&auth_user);
        Self { number, auth_user, secret }
    }
}

/// `Lt7-` and the MD5 of the authentication name in hex: a function Kamailio's configuration can compute too.
fn secret_of(auth_user: &str) -> String {
    format!("Lt7-{}", hex(&Md5::digest(auth_user.as_bytes())))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_four_digits_and_do_not_repeat_within_the_limit() {
        let numbers: BTreeSet<_> = (0..ACCOUNTS_MAX).map(|i| Account::of(i).number).collect();
        assert_eq!(numbers.len(), ACCOUNTS_MAX);
        assert!(numbers.iter().all(|n| n.len() == 4));
        assert_eq!(Account::of(0).number, "1000");
        assert_eq!(Account::of(ACCOUNTS_MAX), Account::of(0));
    }

    #[test]
    fn the_secret_is_the_one_a_peer_can_compute() {
        // printf desk-1000 | md5sum
        assert_eq!(Account::of(0).secret.len(), 36);
        assert_eq!(hex(&Md5::digest(b"")), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
