//! Where the servers of a trunk are, so that their calls are known (SIP-16): at the address that its URI has, or where its host name leads, looked for
//! again and again (RFC 3263).
//!
//! What was found last holds until something else is found, so that a name server that is away does not make strangers of a carrier's servers; but not
//! for ever ([`TRUNK_LOCATION_LIFE`]).

use crate::{flow::Transport, limits::TRUNK_LOCATION_LIFE, locate::Target, message::Uri};
use contract::Instant;
use core::net::{IpAddr, SocketAddr};

/// Where a trunk's servers are.
#[derive(Debug, Default)]
pub(super) struct Location {
    /// At most [`crate::limits::LOCATE_TARGETS_MAX`].
    addresses: Vec<SocketAddr>,
    /// When they were found; `None`: they are written in the configuration.
    found: Option<Instant>,
}

impl Location {
    /// What the URI of the server itself tells.
    pub(super) fn new(server: &str) -> Self {
        let Ok(uri) = Uri::parse(server.as_bytes()) else { return Self::default() };
        let names = |transport: Transport| {
            let named = uri.param("transport").flatten();
            named.is_some_and(|name| name.eq_ignore_ascii_case(transport.uri_parameter().as_bytes()))
        };
        let usual = if names(Transport::Tls) { Transport::Tls } else { Transport::Udp };
        let address = uri.host().and_then(|host| host.ip());
        let address = address.map(|ip| SocketAddr::new(ip, uri.port().unwrap_or(usual.port_default())));
        Self { addresses: address.map(canonical).into_iter().collect(), found: None }
    }

    /// This is where the name leads now; nothing: that could not be learned.
    pub(super) fn learn(&mut self, now: Instant, targets: &[Target]) {
        if !targets.is_empty() {
            self.addresses = targets.iter().map(|target| canonical(target.remote)).collect();
            self.addresses.sort_unstable();
            self.addresses.dedup();
            self.found = Some(now);
        }
    }

    /// Whether one of its servers is at exactly this address.
    pub(super) fn holds(&self, now: Instant, source: SocketAddr) -> bool {
        self.is_fresh(now) && self.addresses.contains(&canonical(source))
    }

    /// Whether one of its servers has this address, by whatever port.
    pub(super) fn holds_host(&self, now: Instant, source: IpAddr) -> bool {
        self.is_fresh(now) && self.addresses.iter().any(|address| address.ip() == source.to_canonical())
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.found.is_none_or(|found| now.since(found) < TRUNK_LOCATION_LIFE)
    }
}

/// An IPv4 address mapped into IPv6 counts as what it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn target(text: &str) -> Target {
        Target { transport: Transport::Udp, remote: at(text) }
    }

    #[test]
    fn an_address_is_known_from_the_start_and_for_ever() {
        for (server, source, known) in [
            ("sip:192.0.2.1", "192.0.2.1:5060", true),
            ("sip:192.0.2.1", "[::ffff:192.0.2.1]:5060", true),
            ("sip:192.0.2.1", "192.0.2.1:5061", false),
            ("sip:192.0.2.1", "192.0.2.2:5060", false),
            ("sip:192.0.2.1;transport=tcp", "192.0.2.1:5060", true),
            ("sip:192.0.2.1;transport=tls", "192.0.2.1:5061", true),
            ("sip:192.0.2.1:5070;transport=tls", "192.0.2.1:5070", true),
            ("sip:[2001:db8::1]:5070", "[2001:db8::1]:5070", true),
            ("sip:carrier.test", "192.0.2.1:5060", false),
        ] {
            let known_later = Location::new(server).holds(NOW + TRUNK_LOCATION_LIFE * 9, at(source));
            assert_eq!(known_later, known, "{server} {source}");
        }
    }

    #[test]
    fn what_a_name_led_to_last_holds_for_a_while_and_no_longer() {
        let mut location = Location::new("sip:carrier.test");
        assert!(!location.holds(NOW, at("192.0.2.1:5060")));
        location.learn(NOW, &[target("192.0.2.1:5060"), target("192.0.2.2:5060"), target("192.0.2.1:5060")]);
        let later = NOW + (TRUNK_LOCATION_LIFE - Duration::from_nanos(1));
        // Nobody can tell now.
        location.learn(later, &[]);
        assert!(location.holds(later, at("192.0.2.1:5060")) && location.holds(later, at("192.0.2.2:5060")));
        assert!(!location.holds(NOW + TRUNK_LOCATION_LIFE, at("192.0.2.1:5060")));
        location.learn(later, &[target("192.0.2.3:5060")]);
        assert!(!location.holds(later, at("192.0.2.1:5060")) && location.holds(later, at("192.0.2.3:5060")));
    }
}
