//! Providers of the tests' own: sockets that are there before the exchange is, so that its configuration can name them, and servers that ask for proof.

use crate::{
    exchange::{Exchange, Home, until},
    handset::{Asked, Handset, PORTS, bound},
    http::{figure, get},
    message::Message,
    name_server::NameServer,
};
use rsip::{
    headers::auth::{Algorithm, AuthQop},
    services::DigestGenerator,
};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};

/// What a provider knows its customer by.
pub(crate) const CUSTOMER: (&str, &str) = ("account-17", "Trunk-secret-55-a");

/// Numbers of the city go by the trunks `a` and `b`, `a` first; of ours, +49305550 rings Boris.
const PLAN: &str = "\
numbering: { country: \"49\" }
routes:
  - { name: city, pattern: \"_9.\", strip: 1, prepend: \"+4930\", trunks: [a, b] }
  - { name: help, pattern: \"112\", trunks: [a, b], emergency: true }
dids: [{ number: \"+49305550\", to: \"1002\" }]
";

/// A home with the trunks `a` and `b` at these URIs; `more` are further keys of each. They are not asked whether they live unless that says so.
pub(crate) fn home(servers: [&str; 2], more: [&str; 2]) -> Home {
    let home = Home::new(PORTS);
    let trunk = |at: usize, name: &str, prefer: u8| {
        let probing = if more[at].contains("options_interval") { "" } else { ", options_interval: off" };
        let more = if more[at].is_empty() { String::new() } else { format!(", {}", more[at]) };
        format!("  - {{ name: {name}, server: \"{}\", prefer: {prefer}{probing}{more} }}\n", servers[at])
    };
    let trunks = format!("trunks:\n{}{}", trunk(0, "a", 10), trunk(1, "b", 20));
    home.edit("secret: \"Kf3-first-wheel-9\"", "secret: \"Kf3-first-wheel-9\", permissions: { external: true }");
    home.edit("extensions:\n", &format!("{PLAN}{trunks}extensions:\n"));
    home
}

/// The URI of a server at `address`.
pub(crate) fn uri(address: SocketAddr) -> String {
    format!("sip:{address}")
}

/// An exchange with two providers, `a` first.
pub(crate) fn start(more: [&str; 2]) -> (Exchange, Handset, Handset) {
    let (a, b) = (bound(), bound());
    let [at_a, at_b] = [&a, &b].map(|socket| uri(socket.local_addr().unwrap()));
    let exchange = home([&at_a, &at_b], more).start();
    let (a, b) = (on(a, &exchange), on(b, &exchange));
    (exchange, a, b)
}

/// Starts an exchange that asks this name server.
pub(crate) fn start_named(names: &NameServer, home: Home) -> Exchange {
    home.edit("  domain: pbx.test\n", &format!("  domain: pbx.test\n  dns: {{ servers: [\"{}\"] }}\n", names.address));
    home.start()
}

/// A provider on a socket that the configuration names.
pub(crate) fn on(socket: UdpSocket, exchange: &Exchange) -> Handset {
    let mut carrier = Handset::new(exchange, "carrier", CUSTOMER.0, CUSTOMER.1);
    carrier.claims = socket.local_addr().unwrap().to_string();
    carrier.sip = socket;
    carrier
}

/// What `GET /api/trunks` says of one.
pub(crate) fn shown(exchange: &Exchange, name: &str) -> Value {
    let all = get(exchange, "/api/trunks");
    let found = all["items"].as_array().unwrap().iter().find(|trunk| trunk["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all}")).clone()
}

/// Waits until the API shows the trunk as `state`, and the figure says so too; what the API says then.
pub(crate) fn becomes(exchange: &Exchange, name: &str, state: &str) -> Value {
    let seen = until(|| Some(shown(exchange, name)).filter(|trunk| trunk["state"] == state));
    let seen = seen.unwrap_or_else(|| panic!("{name} is not {state}: {}", shown(exchange, name)));
    crate::http::figure_becomes(
        exchange,
        &format!("ironbell_trunk_up{{trunk=\"{name}\"}}"),
        f64::from(u8::from(state == "up")),
    );
    seen
}

/// Calls that hold a channel.
pub(crate) fn channels(exchange: &Exchange, name: &str) -> f64 {
    figure(exchange, &format!("ironbell_trunk_calls_active{{trunk=\"{name}\"}}"))
}

/// How many INVITEs have come to a socket since somebody last read from it, copies included.
pub(crate) fn invites(carrier: &Handset) -> usize {
    carrier.sip.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4_096];
    let mut count = 0;
    while let Ok(length) = carrier.sip.recv(&mut buffer) {
        count += usize::from(buffer[..length].starts_with(b"INVITE "));
    }
    carrier.sip.set_nonblocking(false).unwrap();
    count
}

impl Handset {
    /// Answers a request with a challenge, RFC 7616; `status` is 401 or 407.
    pub(crate) fn challenge(&self, request: &Message, status: u16, algorithm: &str, nonce: &str) {
        let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let line =
            format!("{name}: Digest realm=\"carrier.test\",nonce=\"{nonce}\",algorithm={algorithm},qop=\"auth\"\r\n");
        self.say_with(request, status, &line, "");
    }

    /// Lets the next REGISTER prove itself, and grants it for `expires` seconds; the REGISTER that was granted.
    pub(crate) fn grant(&mut self, expires: u32) -> Message {
        let asked = self.request("REGISTER");
        assert!(asked.find("Authorization").is_none(), "proof before it was asked for: {asked:?}");
        self.challenge(&asked, 401, "SHA-256", "n-1");
        let asked = self.request("REGISTER");
        assert!(proves(&asked, "Authorization", CUSTOMER), "{asked:?}");
        let contact = format!("Contact: {};expires={expires}\r\n", asked.field("Contact"));
        self.say_with(&asked, 200, &contact, "");
        asked
    }

    /// Dials; the request, and the INVITE at the provider.
    pub(crate) fn dial_by(&mut self, carrier: &mut Self, number: &str) -> (Asked, Message) {
        let asked = self.dial(number);
        (asked, carrier.called())
    }
}

/// Whether a request bears the proof that is due to somebody with this name and secret, computed by another's code.
pub(crate) fn proves(request: &Message, field: &str, (user, secret): (&str, &str)) -> bool {
    let value = request.field(field).strip_prefix("Digest ").unwrap();
    let said = |name: &str| {
        let parts = value.split(',').filter_map(|part| part.trim().split_once('='));
        let mut found = parts.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, text)| text.trim_matches('"').to_owned()).unwrap_or_else(|| panic!("no {name}: {value}"))
    };
    let method: rsip::Method = request.method().parse().unwrap();
    let count = u8::from_str_radix(&said("nc"), 16).unwrap();
    let expected = DigestGenerator {
        username: user,
        password: secret,
        nonce: &said("nonce"),
        uri: &rsip::Uri::try_from(request.uri()).unwrap(),
        realm: &said("realm"),
        method: &method,
        qop: Some(&AuthQop::Auth { cnonce: said("cnonce"), nc: count }),
        algorithm: if said("algorithm") == "SHA-256" { Algorithm::Sha256 } else { Algorithm::Md5 },
    }
    .compute();
    said("username") == user && said("uri") == request.uri() && said("response") == expected
}
