//! Where the requests of a dialog go: the route set of RFC 3261 section 12.2.1.1, and the flow for peers that cannot be reached by their Contact.

use crate::{
    flow::{Flow, ListenerId, Transport},
    message::{NameAddr, Uri},
    transaction::{NextHop, Stack},
};

/// Which way requests of a dialog go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Course {
    listener: ListenerId,
    flow: Option<Flow>,
    sticky: bool,
}

impl Course {
    /// Requests leave by `listener`. `flow` is the way the peer is known to be reached; with `sticky` it is taken before the route set and the
    /// target (a peer behind a NAT, a stream that is open), otherwise after them (a peer whose Contact is a name).
    #[must_use]
    pub const fn new(listener: ListenerId, flow: Option<Flow>, sticky: bool) -> Self {
        Self { listener, flow, sticky }
    }

    /// Our side.
    #[must_use]
    pub const fn listener(&self) -> ListenerId {
        self.listener
    }

    /// The way the peer is known to be reached.
    #[must_use]
    pub const fn flow(&self) -> Option<Flow> {
        self.flow
    }

    /// Streams do not come back. `false`: there was none.
    pub(super) fn forget_stream(&mut self) -> bool {
        self.flow.take_if(|flow| flow.connection.is_some()).is_some()
    }

    /// The peer answered by this flow: it is reached there when nothing better is known.
    pub(super) fn found(&mut self, flow: Flow) {
        self.flow.get_or_insert(flow);
    }

    /// The peer is reached by this connection from now on.
    pub(super) const fn move_to(&mut self, flow: Flow) {
        self.listener = flow.listener;
        self.flow = Some(flow);
    }

    /// Whether the flow is taken first.
    #[must_use]
    pub const fn is_sticky(&self) -> bool {
        self.sticky && self.flow.is_some()
    }

    /// The next hops to try in order for a request whose first route or Request-URI is `first`.
    pub(super) fn hops(&self, stack: &Stack, first: &str) -> [Option<NextHop>; 2] {
        let by_flow = self.flow.map(NextHop::Flow);
        let by_uri = hop(stack, first, self.listener);
        // The address is looked at only when the flow is gone. A name is looked for only where nothing better is known: what a phone calls itself leads
        // nowhere, and a server that answered is spoken to where it did.
        let named = matches!(by_uri, Some(NextHop::Name { .. }));
        // Deviates: RFC 3261 section 12.2.1.1 has the Contact alone. Over TLS one that is an address can be proven by hardly any certificate, and the peer has
        // proven itself by the connection that it answered by.
        let is_secure = |flow: Flow| flow.transport == Transport::Tls && flow.connection.is_some();
        let proven = self.flow.is_some_and(is_secure)
            && matches!(by_uri, Some(NextHop::Address { transport: Transport::Tls, .. }));
        let flow_first = self.is_sticky() || named || proven;
        if flow_first { [by_flow, by_uri] } else { [by_uri, by_flow] }
    }
}

fn hop(stack: &Stack, first: &str, listener: ListenerId) -> Option<NextHop> {
    // A route is a name-addr, a target a bare URI: read as a name-addr it would lose its parameters (RFC 3261 section 20.10).
    let uri = match first.contains('<') {
        true => NameAddr::parse(first.as_bytes()).ok()?.uri,
        false => Uri::parse(first.as_bytes()).ok()?,
    };
    stack.next_hop(&uri, Some(listener))
}

/// Request-URI and Route values for a target and a route set.
pub(super) fn aim(target: &str, route_set: &[String]) -> (String, Vec<String>) {
    let Some(first) = route_set.first() else { return (target.to_owned(), Vec::new()) };
    let Ok(address) = NameAddr::parse(first.as_bytes()) else { return (target.to_owned(), route_set.to_vec()) };
    if address.uri.param("lr").is_some() {
        return (target.to_owned(), route_set.to_vec());
    }
    // RFC 3261 section 12.2.1.1: a strict router finds itself in the Request-URI and the target at the end of Route.
    let mut routes = route_set[1..].to_vec();
    routes.push(format!("<{target}>"));
    (address.uri.as_str().to_owned(), routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_loose_or_strict_as_their_first_says() {
        let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        for (route_set, uri, routes) in [
            (set(&[]), "sip:b@b.test", set(&[])),
            (set(&["<sip:p1;lr>", "<sip:p2>"]), "sip:b@b.test", set(&["<sip:p1;lr>", "<sip:p2>"])),
            (set(&["<sip:p1>", "<sip:p2;lr>"]), "sip:p1", set(&["<sip:p2;lr>", "<sip:b@b.test>"])),
        ] {
            assert_eq!(aim("sip:b@b.test", &route_set), (uri.to_owned(), routes));
        }
    }
}
