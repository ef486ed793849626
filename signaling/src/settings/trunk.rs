//! Trunks: the providers and gateways by which calls leave and come in, as signaling reads them. What becomes of one while the exchange runs is in
//! [`crate::trunk`].

use super::{Dtmf, Encryption, Extension, Nat, Secret};
use contract::Codec;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use regex_lite::Regex;
use std::{collections::BTreeMap, sync::Arc};

/// One provider or gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    /// Its name in routes, metrics and records.
    pub name: String,
    /// Where it is: a SIP URI without a user part.
    pub server: String,
    /// We register there for so long a time; `None`: we do not.
    pub register: Option<Duration>,
    /// What its challenges are answered with.
    pub credentials: Option<Credentials>,
    /// User part of our From; `None`: the name of the credentials, without those the caller's number.
    pub from_user: Option<String>,
    /// Host part of our From; `None`: the server's.
    pub from_domain: Option<String>,
    /// User part of our Contact: what the provider dials where it does not dial a number of ours.
    pub contact_user: String,
    /// Dial plan context of calls that come in by it.
    pub context: String,
    /// Codecs, preferred first; empty: everything.
    pub codecs: Vec<Codec>,
    /// How keys pressed are told.
    pub dtmf: Dtmf,
    /// Whether media is encrypted by keys in descriptions.
    pub encryption: Encryption,
    /// Whether it is believed what it says of its addresses.
    pub nat: Nat,
    /// Calls at once, in and out together.
    pub calls_max: usize,
    /// New calls in any second, in and out together.
    pub calls_per_second_max: usize,
    /// It is asked this often whether it lives; `None`: it is not asked.
    pub probe_every: Option<Duration>,
    /// An INVITE without any answer for this long is taken elsewhere.
    pub answer_timeout: Duration,
    /// An INVITE without a final answer for this long ends the call.
    pub ring_timeout: Duration,
    /// Lower first.
    pub prefer: u32,
    /// Share among equals.
    pub weight: u32,
    /// Sources whose calls are this trunk's, without authentication.
    pub allow_from: Vec<Network>,
    /// It is in our trust domain (RFC 3325 section 2): what it asserts about callers is believed, and it is told who calls.
    pub trusted: bool,
    /// By which header field a trusted trunk is told who calls.
    pub identity: IdentityForm,
    /// How numbers with a leading `+` are written.
    pub plus: PlusForm,
    /// What becomes of sound before the answer.
    pub early_media: EarlyMedia,
    /// Header fields added, set and removed.
    pub headers: Vec<HeaderRule>,
    /// What is made of its refusals: 4xx to 6xx to another of these.
    pub statuses: BTreeMap<u16, u16>,
}

impl Trunk {
    /// Host and port of the server, and its parameters.
    fn authority(&self) -> &str {
        let rest = self.server.split_once(':').map_or("", |(_, rest)| rest);
        rest.rsplit_once('@').map_or(rest, |(_, authority)| authority)
    }

    /// The server's URI without user part and parameters: what REGISTER and OPTIONS ask.
    #[must_use]
    pub fn place(&self) -> String {
        format!("sip:{}", self.authority().split([';', '?']).next().unwrap_or_default())
    }

    /// The URI of a number there. `user` is escaped already.
    #[must_use]
    pub fn uri_of(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.authority())
    }

    /// The host of our address there: of From, and of the address that is registered.
    #[must_use]
    pub fn domain(&self) -> String {
        if let Some(domain) = &self.from_domain {
            return domain.clone();
        }
        let place = self.authority().split([';', '?']).next().unwrap_or_default();
        match place.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
            Some(_) | None => place.to_owned(),
        }
    }
}

/// A name and a secret at a provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// The authentication name.
    pub user: String,
    /// The secret.
    pub secret: Secret,
}

/// An IP network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// Leading bits that count: up to 32 or 128.
    pub prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address mapped into IPv6 counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32_u32.saturating_sub(self.prefix.into());
                (own.to_bits() ^ other.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128_u32.saturating_sub(self.prefix.into());
                (own.to_bits() ^ other.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// By which header field a trusted trunk is told who calls.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IdentityForm {
    /// P-Asserted-Identity, RFC 3325.
    #[default]
    Asserted,
    /// Remote-Party-ID, as older gateways have it.
    RemoteParty,
    /// From alone: its user part is the caller's number.
    From,
}

/// How numbers with a leading `+` are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PlusForm {
    /// As they are.
    #[default]
    Keep,
    /// Without it.
    Bare,
    /// With `00` in its place.
    Zeros,
}

impl PlusForm {
    /// The number as the trunk wants it.
    #[must_use]
    pub fn write(self, number: &str) -> String {
        match (self, number.strip_prefix('+')) {
            (Self::Keep, _) | (_, None) => number.to_owned(),
            (Self::Bare, Some(digits)) => digits.to_owned(),
            (Self::Zeros, Some(digits)) => format!("00{digits}"),
        }
    }
}

/// What becomes of sound before the answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EarlyMedia {
    /// The caller hears it.
    #[default]
    Relay,
    /// The caller's phone makes its own ringing tone.
    Ring,
}

/// Which way requests go that a rule changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RuleDirection {
    /// From the trunk to a phone.
    In,
    /// To the trunk.
    Out,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleAction {
    /// One more field of that name. Parts in braces are filled in: `{caller}`, `{callee}`, and `{Some-Header}` with the field of the other party's
    /// INVITE; a value whose field is not there is not added.
    Add {
        /// The field's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// As `Add`, in place of all fields of that name.
    Set {
        /// The field's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Takes out fields.
    Remove(Names),
    /// Lets fields of the other party's INVITE pass as they are.
    Pass(Names),
}

/// Names of header fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Names {
    /// This one.
    One(String),
    /// All that match.
    Matching(NameExpression),
}

/// A regular expression.
#[derive(Clone, Debug)]
pub struct NameExpression(Regex);

impl NameExpression {
    /// Compiles `text`; upper and lower case count as one, as in names of header fields.
    ///
    /// # Errors
    /// What is wrong with it, also when it is too large.
    pub fn new(text: &str) -> Result<Self, String> {
        let limit = crate::limits::EXPRESSION_BYTES_MAX;
        let built = regex_lite::RegexBuilder::new(text).case_insensitive(true).size_limit(limit).build();
        built.map(Self).map_err(|fault| fault.to_string())
    }

    /// Whether it matches somewhere in `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for NameExpression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// Header fields that no rule touches: what transactions, dialogs, sessions, proofs and extensions hang on.
#[must_use]
pub fn is_protected(name: &str) -> bool {
    const PROTECTED: [&str; 58] = [
        "Accept",
        "Accept-Encoding",
        "Allow",
        "Authorization",
        "Authentication-Info",
        "Call-ID",
        "i",
        "Contact",
        "m",
        "Content-Disposition",
        "Content-Encoding",
        "e",
        "Content-Length",
        "l",
        "Content-Type",
        "c",
        "CSeq",
        "Date",
        "Event",
        "o",
        "Expires",
        "From",
        "f",
        "Join",
        "Max-Breadth",
        "Max-Forwards",
        "MIME-Version",
        "Min-Expires",
        "Min-SE",
        "Path",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Require",
        "RAck",
        "Record-Route",
        "Refer-To",
        "r",
        "Replaces",
        "Require",
        "Route",
        "RSeq",
        "Security-Client",
        "Security-Server",
        "Security-Verify",
        "Service-Route",
        "Session-Expires",
        "x",
        "Subscription-State",
        "Supported",
        "k",
        "Timestamp",
        "To",
        "t",
        "Unsupported",
        "Via",
        "v",
        "WWW-Authenticate",
        HOPS,
    ];
    PROTECTED.iter().any(|protected| protected.eq_ignore_ascii_case(name))
}

/// The header field in which INVITEs between exchanges like this one count how often they were passed on.
pub const HOPS: &str = "X-Hops";

/// One rule about header fields of INVITEs.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderRule {
    /// Which way.
    pub direction: RuleDirection,
    /// What.
    pub action: RuleAction,
}

/// All trunks by name.
#[derive(Clone, Debug, Default)]
pub struct Trunks(BTreeMap<String, Arc<Trunk>>);

impl Trunks {
    /// These trunks. Names are unique (the configuration check refuses others); of two alike the later one stays.
    #[must_use]
    pub fn new(trunks: impl IntoIterator<Item = Trunk>) -> Self {
        Self(trunks.into_iter().map(|trunk| (trunk.name.clone(), Arc::new(trunk))).collect())
    }

    /// The trunk of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.0.get(name)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them has rules about header fields.
    #[must_use]
    pub fn have_rules(&self) -> bool {
        self.0.values().any(|trunk| !trunk.headers.is_empty())
    }

    /// All of them in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Trunk>> {
        self.0.values()
    }

    /// The trunk whose network `source` lies in: of several the one with the narrowest network, then the first by name.
    #[must_use]
    pub fn of_source(&self, source: SocketAddr) -> Option<&Arc<Trunk>> {
        let narrowest = |trunk: &Arc<Trunk>| {
            let networks = trunk.allow_from.iter().filter(|network| network.contains(source.ip()));
            networks.map(|network| network.prefix).max()
        };
        let found = self.0.values().filter_map(|trunk| Some((narrowest(trunk)?, trunk)));
        found.min_by_key(|(prefix, _)| core::cmp::Reverse(*prefix)).map(|(_, trunk)| trunk)
    }
}

/// What media a party may use, be it an account or a trunk.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Codecs, preferred first; empty: everything.
    pub codecs: &'a [Codec],
    /// How keys pressed are told.
    pub dtmf: Dtmf,
    /// Encryption.
    pub encryption: Encryption,
    /// The class of music heard by whom it holds; `None`: the default one.
    pub music: Option<&'a str>,
}

impl Default for Terms<'_> {
    /// A party we know nothing of.
    fn default() -> Self {
        Self { codecs: &[], dtmf: Dtmf::default(), encryption: Encryption::default(), music: None }
    }
}

impl<'a> From<&'a Extension> for Terms<'a> {
    fn from(account: &'a Extension) -> Self {
        let Extension { codecs, dtmf, encryption, music, .. } = account;
        Self { codecs, dtmf: *dtmf, encryption: *encryption, music: Some(music) }
    }
}

impl<'a> From<&'a Trunk> for Terms<'a> {
    fn from(trunk: &'a Trunk) -> Self {
        let Trunk { codecs, dtmf, encryption, .. } = trunk;
        Self { codecs, dtmf: *dtmf, encryption: *encryption, music: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses_only() {
        for (network, prefix, address, contained) in [
            ("192.0.2.0", 24, "192.0.2.255", true),
            ("192.0.2.0", 24, "192.0.3.0", false),
            ("192.0.2.7", 32, "192.0.2.7", true),
            ("192.0.2.7", 32, "192.0.2.6", false),
            ("0.0.0.0", 0, "203.0.113.9", true),
            ("192.0.2.0", 24, "::ffff:192.0.2.9", true),
            ("2001:db8::", 32, "2001:db8:1::9", true),
            ("2001:db8::", 32, "2001:db9::9", false),
            ("::", 0, "2001:db9::9", true),
            ("::", 0, "192.0.2.9", false),
        ] {
            let network = Network { address: network.parse().unwrap(), prefix };
            assert_eq!(network.contains(address.parse().unwrap()), contained, "{network:?} {address}");
        }
    }

    #[test]
    fn a_servers_uri_gives_its_place_domain_and_numbers() {
        for (server, place, domain, number) in [
            ("sip:192.0.2.1", "sip:192.0.2.1", "192.0.2.1", "sip:112@192.0.2.1"),
            ("sip:192.0.2.1:5070", "sip:192.0.2.1:5070", "192.0.2.1", "sip:112@192.0.2.1:5070"),
            ("sip:a@c.test:5070;transport=tcp", "sip:c.test:5070", "c.test", "sip:112@c.test:5070;transport=tcp"),
            ("sip:[2001:db8::1]", "sip:[2001:db8::1]", "[2001:db8::1]", "sip:112@[2001:db8::1]"),
            ("sip:[2001:db8::1]:5070", "sip:[2001:db8::1]:5070", "[2001:db8::1]", "sip:112@[2001:db8::1]:5070"),
        ] {
            let trunk = Trunk { server: server.into(), ..crate::trunk::tests::trunk("a") };
            assert_eq!(
                (trunk.place(), trunk.domain(), trunk.uri_of("112")),
                (place.into(), domain.into(), number.into())
            );
        }
    }

    #[test]
    fn international_numbers_are_written_as_the_trunk_wants() {
        for (form, number, written) in [
            (PlusForm::Keep, "+4930", "+4930"),
            (PlusForm::Bare, "+4930", "4930"),
            (PlusForm::Zeros, "+4930", "004930"),
            (PlusForm::Zeros, "112", "112"),
        ] {
            assert_eq!(form.write(number), written);
        }
    }
}
