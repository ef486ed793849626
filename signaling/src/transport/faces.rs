//! How our listening addresses show themselves: what they write into Via and Contact, and which of them a request goes out by.

use super::NextHop;
use crate::{
    flow::{ListenerId, Transport},
    locate::{Able, Place},
    message::{Host, Scheme, Uri},
    settings::Listener,
};
use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// All listening addresses.
#[derive(Debug)]
pub(crate) struct Faces {
    all: Vec<Face>,
    /// Names that lead to ourselves.
    own: Vec<String>,
}

#[derive(Debug)]
struct Face {
    transport: Transport,
    bound: SocketAddr,
    /// `SIP/2.0/UDP host:port;rport;branch=`.
    via: Vec<u8>,
    /// `@host:port` with `;transport=…` for all but UDP.
    contact: String,
}

impl Faces {
    pub(crate) fn new(listeners: &[Listener], domain: &str) -> Self {
        let names = listeners.iter().map(|listener| &*listener.advertised.0).chain([domain]);
        let own = names.map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
        let face = |listener: &Listener| {
            let (host, port) = &listener.advertised;
            let host = match host.parse::<IpAddr>() {
                Ok(IpAddr::V6(address)) => format!("[{address}]"),
                Ok(IpAddr::V4(_)) | Err(_) => host.clone(),
            };
            // RFC 3261 section 19.1.1: UDP is what a URI without the parameter means.
            let parameter = match listener.transport {
                Transport::Udp => String::new(),
                other @ (Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss) => {
                    format!(";transport={}", other.uri_parameter())
                }
            };
            Face {
                transport: listener.transport,
                bound: listener.bound,
                via: format!("SIP/2.0/{} {host}:{port};rport;branch=", listener.transport.token()).into_bytes(),
                contact: format!("@{host}:{port}{parameter}"),
            }
        };
        Self { all: listeners.iter().map(face).collect(), own }
    }

    fn get(&self, listener: ListenerId) -> Option<&Face> {
        self.all.get(usize::from(listener.0))
    }

    /// Everything of a Via value before the branch.
    pub(crate) fn via(&self, listener: ListenerId) -> Option<&[u8]> {
        self.get(listener).map(|face| face.via.as_slice())
    }

    /// A Contact value with angle brackets. Octets that may not stand in a user part are escaped (RFC 3261 section 19.1.2).
    pub(crate) fn contact(&self, listener: ListenerId, user: &str) -> String {
        let tail = self.get(listener).map_or("@invalid", |face| &face.contact);
        let mut value = String::with_capacity(user.len() + tail.len() + 6);
        value.push_str("<sip:");
        for byte in user.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
                value.push(char::from(byte));
            } else {
                value.push('%');
                for half in [byte >> 4, byte & 15] {
                    value.push(char::from_digit(half.into(), 16).unwrap_or('0').to_ascii_uppercase());
                }
            }
        }
        // RFC 3261 section 25.1: userinfo is not empty.
        value.push_str(if user.is_empty() { &tail[1..] } else { tail });
        value.push('>');
        value
    }

    /// The end of a Contact's address there, from the `@` on.
    pub(crate) fn contact_end(&self, listener: ListenerId) -> Option<&str> {
        self.get(listener).map(|face| face.contact.as_str())
    }

    /// Our Contacts for a user at all listeners.
    pub(crate) fn contacts(&self, user: &str) -> impl Iterator<Item = String> {
        (0..self.all.len()).filter_map(|at| u16::try_from(at).ok()).map(move |at| self.contact(ListenerId(at), user))
    }

    /// What we have listeners for.
    pub(crate) fn able(&self) -> Able {
        Able::new(self.all.iter().map(|face| (face.transport, face.bound.is_ipv4())))
    }

    /// A request to a host name leaves by `near` or the first listener that suits, as long as nothing is known of the host. Nobody looks for a name of
    /// ours: the request would come back to us.
    fn named(&self, uri: &Uri<'_>, name: &str, near: Option<ListenerId>) -> Option<NextHop> {
        let host = name.trim_end_matches('.').to_ascii_lowercase();
        let transports = transports(uri)?;
        if host.is_empty() || self.own.contains(&host) {
            return None;
        }
        let suits = |face: &Face| transports.contains(&face.transport);
        let near = near.filter(|near| self.get(*near).is_some_and(suits));
        let first = || u16::try_from(self.all.iter().position(suits)?).ok().map(ListenerId);
        let secure = uri.scheme() == Scheme::Sips;
        let transport = uri.param("transport").and_then(|_| transports.first().copied());
        let place = Place { host: host.into(), port: uri.port(), transport, secure };
        Some(NextHop::Name { listener: near.or_else(first)?, place: Arc::new(place) })
    }

    /// The listener of that protocol and of the family of `remote`: `near` itself if it is one, else one at the same address, else the first.
    pub(crate) fn towards(
        &self,
        transport: Transport,
        remote: SocketAddr,
        near: Option<ListenerId>,
    ) -> Option<ListenerId> {
        let fits = |face: &Face| face.transport == transport && face.bound.is_ipv4() == remote.is_ipv4();
        let near = near.and_then(|near| Some((near, self.get(near)?)));
        if let Some((near, _)) = near.filter(|(_, face)| fits(face)) {
            return Some(near);
        }
        let beside = |face: &Face| near.is_some_and(|(_, near)| near.bound.ip() == face.bound.ip());
        let at =
            self.all.iter().position(|face| fits(face) && beside(face)).or_else(|| self.all.iter().position(fits))?;
        u16::try_from(at).ok().map(ListenerId)
    }

    /// Where a request to `uri` goes, RFC 3263 section 4.1 for numeric hosts: the transport it names, else UDP (TLS for `sips`); TCP when we have no
    /// UDP.
    pub(crate) fn next_hop(&self, uri: &Uri<'_>, near: Option<ListenerId>) -> Option<NextHop> {
        let address = match uri.host()? {
            Host::Ip(address) => {
                Some(address).filter(|address| !address.is_unspecified() && !address.is_multicast())?
            }
            Host::Name(name) => return self.named(uri, name, near),
        };
        transports(uri)?.iter().find_map(|&transport| {
            let port = uri.port().unwrap_or(transport.port_default());
            let remote = SocketAddr::new(address, port);
            let listener = self.towards(transport, remote, near).filter(|_| port != 0)?;
            Some(NextHop::Address { listener, remote, transport })
        })
    }
}

/// The transports that a request to `uri` may go by, preferred first.
fn transports(uri: &Uri<'_>) -> Option<&'static [Transport]> {
    let secure = match uri.scheme() {
        Scheme::Sip => false,
        Scheme::Sips => true,
        // They have no host.
        Scheme::Tel | Scheme::Other => return None,
    };
    let named = |name: &[u8], token: &str| name.eq_ignore_ascii_case(token.as_bytes());
    match (uri.param("transport"), secure) {
        (None, false) => Some(&[Transport::Udp, Transport::Tcp]),
        (None, true) => Some(&[Transport::Tls]),
        (Some(Some(name)), false) if named(name, "udp") => Some(&[Transport::Udp]),
        (Some(Some(name)), false) if named(name, "tcp") => Some(&[Transport::Tcp]),
        (Some(Some(name)), false) if named(name, "tls") => Some(&[Transport::Tls]),
        // RFC 5630 section 3.1.3: with `sips` the parameter says what TLS runs over.
        (Some(Some(name)), true) if named(name, "tcp") || named(name, "tls") => Some(&[Transport::Tls]),
        // RFC 7118 section 5.4: `ws` too, since nobody can connect to a browser.
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces() -> Faces {
        let listener = |transport, bound: &str, host: &str| {
            let bound: SocketAddr = bound.parse().expect("an address");
            Listener { transport, bound, advertised: (host.to_owned(), bound.port()) }
        };
        Faces::new(
            &[
                listener(Transport::Udp, "192.0.2.1:5060", "192.0.2.1"),
                listener(Transport::Tcp, "192.0.2.1:5060", "192.0.2.1"),
                listener(Transport::Udp, "192.0.2.2:5080", "pbx.test"),
                listener(Transport::Udp, "[2001:db8::1]:5060", "2001:db8::1"),
                listener(Transport::Ws, "192.0.2.1:8060", "192.0.2.1"),
                listener(Transport::Wss, "192.0.2.1:8061", "pbx.test"),
                listener(Transport::Tls, "192.0.2.1:5061", "pbx.test"),
            ],
            "pbx.test",
        )
    }

    #[test]
    fn a_numeric_uri_leads_to_a_hop_of_its_family() {
        let hop = |text: &str, near| {
            let uri = Uri::parse(text.as_bytes()).expect("a URI");
            match faces().next_hop(&uri, near)? {
                NextHop::Address { listener, remote, transport } => Some((listener.0, transport, remote.to_string())),
                NextHop::Name { listener, place } => {
                    let Place { host, port, transport, secure } = &*place;
                    Some((listener.0, transport.unwrap_or(Transport::Ws), format!("{host} {port:?} {secure}")))
                }
                NextHop::Flow(flow) => panic!("{flow:?}"),
            }
        };
        let udp = Transport::Udp;
        assert_eq!(hop("sip:a@192.0.2.9", None), Some((0, udp, "192.0.2.9:5060".to_owned())));
        assert_eq!(hop("sip:a@192.0.2.9", Some(ListenerId(2))), Some((2, udp, "192.0.2.9:5060".to_owned())));
        assert_eq!(
            hop("sip:a@192.0.2.9:7;transport=TCP", Some(ListenerId(2))),
            Some((1, Transport::Tcp, "192.0.2.9:7".to_owned()))
        );
        assert_eq!(hop("sip:a@[2001:db8::9]", Some(ListenerId(0))), Some((3, udp, "[2001:db8::9]:5060".to_owned())));
        let tls = Transport::Tls;
        assert_eq!(hop("sip:a@192.0.2.9;transport=tls", None), Some((6, tls, "192.0.2.9:5061".to_owned())));
        assert_eq!(hop("sips:a@192.0.2.9:7", None), Some((6, tls, "192.0.2.9:7".to_owned())));
        assert_eq!(hop("sips:a@192.0.2.9;transport=tcp", None), Some((6, tls, "192.0.2.9:5061".to_owned())));
        // Names are looked for; `Ws` stands for a transport that the URI does not name.
        let named = |listener, transport, rest: &str| Some((listener, transport, rest.to_owned()));
        assert_eq!(hop("sip:a@Host.Test.", Some(ListenerId(2))), named(2, Transport::Ws, "host.test None false"));
        assert_eq!(hop("sip:a@host.test:7;transport=tcp", None), named(1, Transport::Tcp, "host.test Some(7) false"));
        assert_eq!(hop("sips:a@host.test", Some(ListenerId(0))), named(6, Transport::Ws, "host.test None true"));
        for none in [
            "sip:a@[2001:db8::9];transport=tcp",
            // They lead back to us.
            "sip:a@pbx.test",
            "sip:a@PBX.test.:5070",
            "sips:a@192.0.2.9;transport=udp",
            "sips:a@[2001:db8::9]",
            "tel:123",
            "sip:a@192.0.2.9;transport=sctp",
            "sip:a@0.0.0.0",
            "sip:a@224.0.1.75",
            "sip:a@192.0.2.9:0",
            "sip:a@192.0.2.9:9;transport=ws",
            "sip:a@df7jal23ls0d.invalid;transport=ws",
        ] {
            assert_eq!(hop(none, None), None, "{none}");
        }
    }

    #[test]
    fn contacts_name_the_listener_and_escape_the_user() {
        let faces = faces();
        assert_eq!(faces.contact(ListenerId(0), "1001"), "<sip:1001@192.0.2.1:5060>");
        assert_eq!(faces.contact(ListenerId(1), "a b@c"), "<sip:a%20b%40c@192.0.2.1:5060;transport=tcp>");
        assert_eq!(faces.contact(ListenerId(3), ""), "<sip:[2001:db8::1]:5060>");
        assert_eq!(faces.contact(ListenerId(2), "*43"), "<sip:*43@pbx.test:5080>");
        // RFC 7118 section 5.3: a URI says `ws` with TLS too, a Via tells them apart.
        assert_eq!(faces.contact(ListenerId(4), "a"), "<sip:a@192.0.2.1:8060;transport=ws>");
        assert_eq!(faces.contact(ListenerId(5), "a"), "<sip:a@pbx.test:8061;transport=ws>");
        assert_eq!(faces.contact(ListenerId(6), "a"), "<sip:a@pbx.test:5061;transport=tls>");
        assert_eq!(faces.via(ListenerId(5)), Some(&b"SIP/2.0/WSS pbx.test:8061;rport;branch="[..]));
    }
}
