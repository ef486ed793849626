//! Whom a certificate is for: RFC 5922 section 7.
//!
//! Knows names and addresses; who signed the certificate is somebody else's question.

use std::net::IpAddr;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// Names in one certificate that are looked at; those after them are not.
const NAMES_MAX: usize = 256;

/// The identities in a certificate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Identities {
    domains: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Identities {
    /// RFC 5922 section 7.1: the SIP URIs without a user part and the DNS names of subjectAltName. A common name is nobody's identity: no authority has
    /// signed a server's certificate without the extension for years.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut found = Self::default();
        let names = certificate.subject_alternative_name().ok().flatten();
        for name in names.iter().flat_map(|names| &names.value.general_names).take(NAMES_MAX) {
            if let GeneralName::DNSName(name) = name {
                found.domains.push(name.to_ascii_lowercase());
            } else if let GeneralName::URI(uri) = name {
                found.domains.extend(domain_of(uri));
            } else if let GeneralName::IPAddress(octets) = name {
                found.addresses.extend(address_of(octets));
            }
        }
        found
    }

    /// As [`Identities::of`]; none in what is no certificate.
    pub(super) fn read(der: &[u8]) -> Self {
        X509Certificate::from_der(der).map(|(_, certificate)| Self::of(&certificate)).unwrap_or_default()
    }

    /// Whether the certificate is that of a domain or an address. RFC 5922 section 7.2: domains are compared as RFC 4343 says.
    ///
    // Deviates: RFC 5922 section 7.2 matches no wildcard. `*.example.com` is taken for one label more, as RFC 6125 section 6.4.3 does, because carriers
    // serve whole platforms with such certificates.
    pub(super) fn covers(&self, name: &str) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.domains.iter().any(|domain| match domain.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => *domain == name,
        })
    }

    /// The first of them, for people.
    pub(super) fn first(&self) -> Option<String> {
        self.domains.first().cloned().or_else(|| self.addresses.first().map(ToString::to_string))
    }
}

/// RFC 5922 section 7.1: "If the scheme of the URI is not \"sip\", then the implementation MUST NOT accept the value as a SIP domain identity", and one with a
/// user part is no domain either.
fn domain_of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    (scheme.eq_ignore_ascii_case("sip") && !rest.contains('@') && !rest.starts_with("*."))
        .then(|| rest.to_ascii_lowercase())
}

fn address_of(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn identities(names: &[SanType]) -> Identities {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        Identities::read(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn a_certificate_is_that_of_whom_its_names_say() {
        let domain = |name: &str| SanType::DnsName(name.try_into().unwrap());
        let uri = |name: &str| SanType::URI(name.try_into().unwrap());
        let found = identities(&[
            domain("pbx.example.com"),
            domain("*.carrier.example"),
            uri("sip:Domain.example"),
            uri("sip:alice@user.example"),
            uri("sips:other.example"),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ]);
        for name in [
            "pbx.example.com",
            "PBX.Example.Com.",
            "one.carrier.example",
            "domain.example",
            "192.0.2.1",
            "2001:db8:0::1",
        ] {
            assert!(found.covers(name), "{name}");
        }
        for name in [
            "example.com",
            "x.pbx.example.com",
            "carrier.example",
            "a.b.carrier.example",
            ".carrier.example",
            "user.example",
            "other.example",
            "192.0.2.2",
            "",
        ] {
            assert!(!found.covers(name), "{name}");
        }
        assert_eq!(found.first().as_deref(), Some("pbx.example.com"));
        assert!(!Identities::read(b"rubbish").covers(""));
    }
}
