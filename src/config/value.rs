//! The small values of the configuration: durations, sizes, addresses, ranges, numbers, secrets.
//!
//! Knows how each is written; not what it is for.

use super::{
    fault::Position,
    reader::{Reader, Reference, list, printable, scalar},
    yaml::{Node, Value},
};
use serde::{Serialize, Serializer};
use signaling::settings::Secret;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// What is shown instead of a secret.
pub const MASK: &str = "(secret)";

/// How a SIP listener is reached.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scheme {
    /// RFC 3261, datagrams.
    Udp,
    /// RFC 3261, a stream.
    Tcp,
    /// RFC 3261 over TLS.
    Tls,
    /// RFC 7118, WebSocket.
    Ws,
    /// RFC 7118 over TLS.
    Wss,
}

impl Scheme {
    const ALL: [(&'static str, Self, u16); 5] = [
        ("udp", Self::Udp, 5060),
        ("tcp", Self::Tcp, 5060),
        ("tls", Self::Tls, 5061),
        ("ws", Self::Ws, 80),
        ("wss", Self::Wss, 443),
    ];

    /// As in the listener's URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// One listening address: `udp://127.0.0.1:5060`. Port 0 takes any free one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    /// The protocol.
    pub scheme: Scheme,
    /// The address to bind.
    pub address: SocketAddr,
    /// The networks it serves; none: those of `server.sip.networks`.
    pub networks: Option<Vec<String>>,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.networks {
            None => serializer.collect_str(self),
            Some(networks) => serializer.collect_str(&format_args!("{self} for {}", networks.join(", "))),
        }
    }
}

/// A count that may be left to the exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Amount {
    /// As the machine allows.
    Auto,
    /// This many.
    Exactly(u16),
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Exactly(count) => serializer.serialize_u16(*count),
        }
    }
}

/// Numbers from `first` to `last`, both included: `10000-20000`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Range {
    /// The lowest.
    pub first: u32,
    /// The highest.
    pub last: u32,
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}-{}", self.first, self.last))
    }
}

/// Shows a span as it is written in a file.
pub(super) fn show_optional_duration<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => show_duration(span, serializer),
        None => serializer.serialize_none(),
    }
}

/// As an operator would write it.
pub(super) fn show_duration<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&spell_duration(*span))
}

/// Hides a secret, and tells whether there is one.
pub(super) fn mask<S: Serializer>(_: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(MASK)
}

/// As [`mask`].
pub(super) fn mask_optional<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some(MASK),
        None => serializer.serialize_none(),
    }
}

/// `90s` as `1m30s`, `3600s` as `1h`.
pub(super) fn spell_duration(span: Duration) -> String {
    let mut left = span.as_millis();
    let mut out = String::new();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if left >= length {
            out.push_str(&format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// `30s`, `5m`, `1h`, `90d`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
        let count: u64 = rest.get(..digits)?.parse().ok()?;
        let tail = rest.get(digits..)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let unit_ms: u64 = match tail.get(..unit_end)? {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        sum = sum.checked_add(count.checked_mul(unit_ms)?)?;
        rest = tail.get(unit_end..)?;
    }
    (!text.is_empty()).then_some(Duration::from_millis(sum))
}

/// A span with its unit, within bounds.
pub(super) fn duration(min: Duration, max: Duration) -> impl Fn(&mut Reader<'_>, &Node) -> Option<Duration> {
    move |r, node| {
        let text = scalar(r, node, "a duration such as 30s, 5m or 1h")?;
        let Some(span) = parse_duration(text) else {
            let what = if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
                format!("the duration `{text}` has no unit")
            } else {
                format!("`{}` is not a duration", printable(text))
            };
            r.fault(node.at, what, "a duration such as 30s, 5m or 1h");
            return None;
        };
        bounded(r, node.at, span, min, max)
    }
}

fn bounded(r: &mut Reader<'_>, at: Position, span: Duration, min: Duration, max: Duration) -> Option<Duration> {
    if (min..=max).contains(&span) {
        return Some(span);
    }
    let instead = format!("from {} to {}", spell_duration(min), spell_duration(max));
    r.fault(at, format!("the duration {} is out of range", spell_duration(span)), instead);
    None
}

/// As [`duration`]; a bare number counts seconds.
pub(super) fn seconds(min: Duration, max: Duration) -> impl Fn(&mut Reader<'_>, &Node) -> Option<Duration> {
    move |r, node| match &node.value {
        Value::Scalar { text, .. } if text.parse::<u32>().is_ok() => {
            let span = Duration::from_secs(text.parse::<u32>().map_or(0, u64::from));
            bounded(r, node.at, span, min, max)
        }
        Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => duration(min, max)(r, node),
    }
}

/// Bytes: `500MB`, `1GB`.
pub(super) fn size(r: &mut Reader<'_>, node: &Node) -> Option<u64> {
    let text = scalar(r, node, "a size such as 500MB or 1GB")?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: Option<u64> = match text.get(digits..).unwrap_or_default() {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "TB" => Some(1_000_000_000_000),
        _ => None,
    };
    let count = text.get(..digits).and_then(|digits| digits.parse::<u64>().ok());
    let bytes = unit.zip(count).and_then(|(unit, count)| count.checked_mul(unit));
    if bytes.is_none() {
        r.fault(node.at, format!("`{}` is not a size", printable(text)), "a size such as 500MB or 1GB");
    }
    bytes
}

/// Requests per time: `20/s`, `100/m`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// So many.
    pub count: u32,
    /// In this time.
    pub per: Duration,
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = spell_duration(self.per);
        serializer.collect_str(&format_args!("{}/{}", self.count, span.trim_start_matches('1')))
    }
}

/// A [`Rate`].
pub(super) fn rate(r: &mut Reader<'_>, node: &Node) -> Option<Rate> {
    let text = scalar(r, node, "a rate such as 20/s or 100/m")?;
    let rate = text.split_once('/').and_then(|(count, unit)| {
        let per = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3_600),
            _ => return None,
        };
        count.parse().ok().filter(|count| *count > 0).map(|count| Rate { count, per })
    });
    if rate.is_none() {
        r.fault(node.at, format!("`{}` is not a rate", printable(text)), "a rate such as 20/s or 100/m");
    }
    rate
}

/// `auto` or a count.
pub(super) fn amount(max: u16) -> impl Fn(&mut Reader<'_>, &Node) -> Option<Amount> {
    move |r, node| {
        let expected = format!("auto, or a whole number from 1 to {max}");
        let text = scalar(r, node, &expected)?;
        if text == "auto" {
            return Some(Amount::Auto);
        }
        let count = text.parse().ok().filter(|count| (1..=max).contains(count));
        if count.is_none() {
            r.fault(node.at, format!("`{}` is not a count", printable(text)), expected);
        }
        count.map(Amount::Exactly)
    }
}

/// A range of numbers within bounds.
pub(super) fn range(min: u32, max: u32) -> impl Fn(&mut Reader<'_>, &Node) -> Option<Range> {
    move |r, node| {
        let expected = format!("FIRST-LAST within {min}-{max}");
        let text = scalar(r, node, &expected)?;
        let ends = text.split_once('-').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        let Some((first, last)) = ends else {
            r.fault(node.at, format!("`{}` is not a range", printable(text)), expected);
            return None;
        };
        if first > last {
            r.fault(node.at, format!("the range {first}-{last} is empty"), expected);
            return None;
        }
        if first < min || last > max {
            r.fault(node.at, format!("the range {first}-{last} is too wide"), expected);
            return None;
        }
        Some(Range { first, last })
    }
}

/// An IP address.
pub(super) fn ip(r: &mut Reader<'_>, node: &Node) -> Option<IpAddr> {
    let text = scalar(r, node, "an IP address")?;
    let address = text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    if address.is_none() {
        r.fault(
            node.at,
            format!("`{}` is not an IP address", printable(text)),
            "an address such as 192.0.2.1 or 2001:db8::1",
        );
    }
    address
}

/// IP address and port.
pub(super) fn socket(r: &mut Reader<'_>, node: &Node) -> Option<SocketAddr> {
    let expected = "an address with a port, such as 127.0.0.1:8080 or [::1]:8080";
    let text = scalar(r, node, expected)?;
    let address = text.parse().ok();
    if address.is_none() {
        r.fault(node.at, format!("`{}` is not an address with a port", printable(text)), expected);
    }
    address
}

/// A listener's URL.
pub(super) fn listen(r: &mut Reader<'_>, node: &Node) -> Option<Listen> {
    let expected = "udp://ADDRESS:PORT, also tcp, tls, ws, wss";
    let text = scalar(r, node, expected)?;
    let Some((scheme, rest)) = text.split_once("://") else {
        r.fault(node.at, format!("`{}` is not a listener", printable(text)), expected);
        return None;
    };
    let Some((_, scheme, default_port)) = Scheme::ALL.into_iter().find(|(name, ..)| *name == scheme) else {
        r.fault(node.at, format!("`{}` is not a protocol of SIP", printable(scheme)), "udp, tcp, tls, ws or wss");
        return None;
    };
    let bare = rest.trim_start_matches('[').trim_end_matches(']');
    let address = rest.parse().ok().or_else(|| bare.parse().ok().map(|ip| SocketAddr::new(ip, default_port)));
    let Some(address) = address else {
        let what = format!("`{}` is not an IP address with a port", printable(rest));
        r.fault(node.at, what, format!("{}://ADDRESS:PORT with a numeric address; 0.0.0.0 for all", scheme.as_str()));
        return None;
    };
    Some(Listen { scheme, address, networks: None })
}

/// A host name or IP address, as in a URI.
pub(super) fn host(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = scalar(r, node, "a host name or an IP address")?;
    if !is_host(text) {
        r.fault(
            node.at,
            format!("`{}` is not a host", printable(text)),
            "a host name or an IP address, without a port",
        );
        return None;
    }
    Some(text.to_owned())
}

/// RFC 3261 section 25.1: hostname, IPv4address or IPv6reference (its brackets may be left out).
pub(super) fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// A SIP URI with a host.
pub(super) fn sip_uri(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "a SIP URI such as sip:192.0.2.1:5060";
    let text = scalar(r, node, expected)?;
    let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
    let good = rest.is_some_and(|rest| {
        let authority = rest.split(['?', ';']).next().unwrap_or_default();
        let hostport = authority.rsplit_once('@').map_or(authority, |(_, hostport)| hostport);
        let host = match hostport.rsplit_once(':') {
            Some((host, port)) if !hostport.ends_with(']') => {
                if port.parse::<u16>().map_or(true, |port| port == 0) {
                    return false;
                }
                host
            }
            Some(_) | None => hostport,
        };
        is_host(host) && !text.contains(char::is_whitespace) && !text.contains(['<', '>', '"'])
    });
    if !good {
        r.fault(node.at, format!("`{}` is not a SIP URI", printable(text)), expected);
        return None;
    }
    Some(text.to_owned())
}

/// A network in CIDR form, or one address.
pub(super) fn network(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "a network such as 192.0.2.0/24, or one address";
    let text = scalar(r, node, expected)?;
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let good = address.parse::<IpAddr>().is_ok_and(|address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= bits))
    });
    if !good {
        r.fault(node.at, format!("`{}` is not a network", printable(text)), expected);
        return None;
    }
    Some(text.to_owned())
}

/// A number of our own plan: `min` to `max` digits.
pub(super) fn number(min: usize, max: usize) -> impl Fn(&mut Reader<'_>, &Node) -> Option<String> {
    move |r, node| {
        let expected =
            format!("{min} to {max} digits, such as \"{}\"", "1001".get(..min.max(max.min(4))).unwrap_or("1001"));
        let text = scalar(r, node, &expected)?;
        if !(min..=max).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            r.fault(node.at, format!("`{}` is not a number of this exchange", printable(text)), expected);
            return None;
        }
        Some(text.to_owned())
    }
}

/// What a phone can dial: digits, `*`, `#`, a leading `+`.
pub(super) fn dialled(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "digits, *, # and a leading +";
    let text = scalar(r, node, expected)?;
    if !is_dialled(text) {
        r.fault(node.at, format!("`{}` cannot be dialled", printable(text)), expected);
        return None;
    }
    Some(text.to_owned())
}

fn is_dialled(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    (1..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*' || byte == b'#')
}

/// Where a call goes on: a number, `voicemail`, `voicemail:NUMBER` or `hangup`. What it names must exist.
pub(super) fn destination(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "a number, voicemail, voicemail:NUMBER or hangup";
    let text = scalar(r, node, expected)?;
    match text.split_once(':') {
        Some(("voicemail", number)) => r.refer(node.at, Reference::Extension(number.to_owned())),
        None if text == "voicemail" || text == "hangup" => {}
        None if is_dialled(text) => r.refer(node.at, Reference::Destination(text.to_owned())),
        Some(_) | None => {
            r.fault(node.at, format!("`{}` is no destination", printable(text)), expected);
            return None;
        }
    }
    Some(text.to_owned())
}

/// The number of an extension of this file.
pub(super) fn extension(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let number = scalar(r, node, "the number of an extension")?;
    r.refer(node.at, Reference::Extension(number.to_owned()));
    Some(number.to_owned())
}

/// Numbers of extensions.
pub(super) fn extensions(r: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    list(10_000, extension)(r, node)
}

/// A secret: itself, `env:NAME` or `file:/path`. Messages name the place it was looked for, never what was found.
pub(super) fn secret(r: &mut Reader<'_>, node: &Node) -> Option<Secret> {
    let expected = "a secret in quotes, env:NAME or file:/path";
    let text = match &node.value {
        Value::Scalar { text, .. } => text,
        Value::Null | Value::List(_) | Value::Map(_) => {
            r.fault(node.at, "no secret stands here", expected);
            return None;
        }
    };
    let found = if let Some(name) = text.strip_prefix("env:") {
        let found = (r.environment)(name);
        if found.is_none() {
            r.fault(
                node.at,
                format!("the environment has no {}", printable(name)),
                "an environment variable that is set",
            );
        }
        found?
    } else if let Some(path) = text.strip_prefix("file:") {
        match std::fs::read_to_string(path) {
            Ok(found) => found.trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) => {
                let what = format!("the secret's file {} cannot be read: {}", printable(path), error.kind());
                r.fault(node.at, what, "a file that the exchange may read");
                return None;
            }
        }
    } else {
        text.clone()
    };
    if found.is_empty() || found.chars().any(char::is_control) {
        r.fault(node.at, "the secret is empty or holds control characters", expected);
        return None;
    }
    Some(Secret::new(found))
}

/// Hides the credentials of a URL.
pub(super) fn mask_url<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&masked_url(url))
}

/// As [`mask_url`].
pub(super) fn mask_optional_url<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match url {
        Some(url) => serializer.serialize_some(&masked_url(url)),
        None => serializer.serialize_none(),
    }
}

fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{MASK}@{host}"),
        None => url.to_owned(),
    }
}
