//! The client side of digest authentication as the phones do it: MD5 with `qop=auth` (RFC 2617), written apart from ours.

use crate::text;
use md5::{Digest as _, Md5};

/// A challenge once received, and how often its nonce was used.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: bool,
    uses: u32,
}

impl Challenge {
    /// The first MD5 challenge of these header values.
    pub(crate) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.filter_map(Self::read_one).next()
    }

    fn read_one(value: &str) -> Option<Self> {
        let rest = value.strip_prefix("Digest ")?;
        let field = |name: &str| {
            text::comma(rest).into_iter().find_map(|pair| {
                let (n, v) = pair.split_once('=')?;
                n.trim().eq_ignore_ascii_case(name).then(|| v.trim().trim_matches('"').to_owned())
            })
        };
        if field("algorithm").is_some_and(|a| !a.eq_ignore_ascii_case("MD5")) {
            return None;
        }
        Some(Self {
            realm: field("realm")?,
            nonce: field("nonce")?,
            opaque: field("opaque"),
            qop: field("qop").is_some(),
            uses: 0,
        })
    }

    /// The value of an Authorization header; `replay` leaves the count where it was, as a thief would.
    pub(crate) fn answer(&mut self, login: &Login<'_>, method: &str, uri: &str, replay: bool) -> String {
        if !replay || self.uses == 0 {
            self.uses += 1;
        }
        let (count, cnonce) = (format!("{:08x}", self.uses), format!("c{:07x}", self.uses));
        let ha1 = md5(&format!("{}:{}:{}", login.user, self.realm, login.password));
        let ha2 = md5(&format!("{method}:{uri}"));
        let response = if self.qop {
            md5(&format!("{ha1}:{}:{count}:{cnonce}:auth:{ha2}", self.nonce))
        } else {
            md5(&format!("{ha1}:{}:{ha2}", self.nonce))
        };
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm=MD5",
            login.user, self.realm, self.nonce
        );
        if self.qop {
            value.push_str(&format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }
}

/// Who answers a challenge.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2617_section_3_5() {
        // Its client nonce is its own; the arithmetic is checked on the parts.
        let ha1 = md5("Mufasa:testrealm@host.com:Circle Of Life");
        let ha2 = md5("GET:/dir/index.html");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        assert_eq!(md5(&format!("{ha1}:{nonce}:00000001:0a4f113b:auth:{ha2}")), "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn a_sha_256_challenge_is_passed_over_for_an_md5_one() {
        let offered =
            ["Digest realm=\"r\", nonce=\"1\", algorithm=SHA-256", "Digest realm=\"r\", nonce=\"2\", qop=\"auth\""];
        assert!(Challenge::read(offered.into_iter()).is_some_and(|c| c.nonce == "2" && c.qop));
    }
}
