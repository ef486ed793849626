//! Sections `server`, `api`, `store`, `logging`: the process and its doors.

use super::{
    Reload, password,
    reader::{Reader, Section, boolean, integer, list, name, one_of, sections, text},
    security::{PRIVATE, served},
    trace::Trace,
    value::{self, Amount, Listen, Range, Scheme, amount, duration, host, ip, listen, range, show_duration, socket},
    yaml::{Node, Value},
};
use serde::Serialize;
use signaling::{limits, settings::Secret};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Listening addresses at once.
const LISTENERS_MAX: usize = 64;

/// Certificates beside the first.
const CERTIFICATES_MAX: usize = 256;

/// Name servers at once.
const NAME_SERVERS_MAX: usize = 16;

/// API keys at once.
const KEYS_MAX: usize = 1_000;

/// Section `server`.
#[derive(Clone, Debug, Serialize)]
pub struct Server {
    /// SIP domain and digest realm.
    pub domain: String,
    /// Where everything the exchange writes is kept; relative to the working directory.
    pub data_dir: PathBuf,
    /// Signaling threads.
    pub workers: Amount,
    /// Calls at once; the next is answered 503.
    pub calls_max: usize,
    /// An answered call ends after this.
    #[serde(serialize_with = "show_duration")]
    pub call_length_max: Duration,
    /// How long a stop waits for running calls; `run --drain` wins.
    #[serde(serialize_with = "show_duration")]
    pub drain: Duration,
    /// When a configuration that was read again is taken back.
    pub reload: Reload,
    /// Name servers.
    pub dns: Dns,
    /// SIP.
    pub sip: Sip,
    /// RTP.
    pub rtp: Rtp,
    /// What is kept of the messages of calls.
    pub trace: Trace,
}

/// Section `server.dns`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Dns {
    /// Name servers asked for the hosts of SIP URIs; none: the system's.
    pub servers: Vec<SocketAddr>,
}

/// Section `server.sip`.
#[derive(Clone, Debug, Serialize)]
pub struct Sip {
    /// Listening addresses.
    pub listen: Vec<Listen>,
    /// Networks that listeners serve which do not say otherwise.
    pub networks: Vec<String>,
    /// Host put into Via and Contact instead of the bound address.
    pub advertise: Option<String>,
    /// Session timer, RFC 4028.
    #[serde(serialize_with = "show_duration")]
    pub session_expires: Duration,
    /// Certificate and key.
    pub tls: Tls,
    /// Origins of web pages that may connect by WebSocket; empty: all.
    pub origins: Vec<String>,
    /// Registration expiry limits.
    pub registration: Registration,
    /// Expiry limits of subscriptions and publications.
    pub subscription: Registration,
    /// Digest algorithms offered to phones, in this order. MD5 alone by default: clients exist that give up when they are offered another beside it.
    pub digest: Vec<DigestName>,
}

/// A digest algorithm, RFC 7616.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestName {
    /// `MD5`.
    Md5,
    /// `SHA-256`.
    #[serde(rename = "sha-256")]
    Sha256,
}

/// Section `server.sip.tls`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tls {
    /// PEM file with the chain; none: self-signed.
    pub cert: Option<PathBuf>,
    /// PEM file with the key.
    pub key: Option<PathBuf>,
    /// More certificates, each shown to who asks for a name in it (RFC 6066 section 3).
    pub certificates: Vec<Certificate>,
    /// Whether phones must show a certificate on `tls://`.
    pub verify: Verify,
    /// PEM file with the authorities whose certificates are taken, of phones and of servers; none: the system's, and of phones nobody's.
    pub ca: Option<PathBuf>,
}

/// One of [`Tls::certificates`].
#[derive(Clone, Debug, Serialize)]
pub struct Certificate {
    /// PEM file with the chain.
    pub cert: PathBuf,
    /// PEM file with the key.
    pub key: PathBuf,
}

/// Whether phones must show a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// They are not asked.
    #[default]
    Off,
    /// One that is shown must be good.
    Optional,
    /// Without a good one nobody is let in.
    Required,
}

/// Sections `server.sip.registration` (RFC 3261 section 10.3) and `server.sip.subscription` (RFC 6665 section 4.2.1.1).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Registration {
    /// Shorter is answered 423 with Min-Expires.
    #[serde(serialize_with = "show_duration")]
    pub min: Duration,
    /// Longer is granted this.
    #[serde(serialize_with = "show_duration")]
    pub max: Duration,
    /// Granted when the phone names none.
    #[serde(serialize_with = "show_duration")]
    pub default: Duration,
}

/// Section `server.rtp`.
#[derive(Clone, Debug, Serialize)]
pub struct Rtp {
    /// Address the media ports are bound to.
    pub bind: IpAddr,
    /// Address put into session descriptions instead.
    pub advertise: Option<IpAddr>,
    /// The port pool; RTP on even ports, RTCP on the next.
    pub ports: Range,
    /// Media cores.
    pub shards: Amount,
    /// Relay in the network driver.
    pub offload: Offload,
    /// No packet either way for this long ends the call.
    #[serde(serialize_with = "show_duration")]
    pub timeout: Duration,
}

/// Relay in the network driver.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Offload {
    /// Where it can be.
    Auto,
    /// Never.
    Off,
    /// Or the exchange does not start.
    Require,
}

/// Section `api`.
#[derive(Clone, Debug, Serialize)]
pub struct Api {
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// Keys of programs.
    pub keys: Vec<ApiKey>,
    /// Cross-origin requests.
    pub cors: Cors,
    /// Whether `/metrics` is open without a key.
    pub metrics_open: bool,
}

/// One key of [`Api::keys`].
#[derive(Clone, Debug, Serialize)]
pub struct ApiKey {
    /// Names the key in the audit log.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The key: `Authorization: Bearer KEY`.
    #[serde(serialize_with = "value::mask")]
    pub key: Secret,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Look, and act on calls.
    Operator,
    /// Everything.
    Admin,
}

/// Section `api.cors`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cors {
    /// Origins whose pages may call the API with a key; empty: none.
    pub origins: Vec<String>,
}

/// Section `store`.
#[derive(Clone, Debug, Serialize)]
pub struct StoreUrl {
    /// `sqlite:FILE` relative to the data directory, or `postgres://…`.
    #[serde(serialize_with = "value::mask_url")]
    pub url: String,
}

/// Section `logging`.
#[derive(Clone, Debug, Serialize)]
pub struct Logging {
    /// The least severe level written.
    pub level: Level,
    /// Shape of a line.
    pub format: LogFormat,
    /// Also into this file.
    pub file: Option<PathBuf>,
    /// Also to this syslog.
    pub syslog: Option<String>,
}

/// Severity (LOG-01).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the level of its name")]
pub enum Level {
    Error,
    Warning,
    Info,
    Debug,
    Trace,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            domain: "pbx.local".to_owned(),
            data_dir: PathBuf::from("./data"),
            workers: Amount::Auto,
            calls_max: limits::CALLS_MAX,
            call_length_max: 4 * HOUR,
            drain: 30 * SECOND,
            reload: Reload::default(),
            dns: Dns::default(),
            sip: Sip::default(),
            rtp: Rtp::default(),
            trace: Trace::default(),
        }
    }
}

impl Default for Sip {
    fn default() -> Self {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 5060);
        Self {
            listen: [Scheme::Udp, Scheme::Tcp].map(|scheme| Listen { scheme, address, networks: None }).into(),
            networks: vec![PRIVATE.to_owned()],
            advertise: None,
            session_expires: 30 * MINUTE,
            tls: Tls::default(),
            origins: Vec::new(),
            registration: Registration::default(),
            subscription: Registration::default(),
            digest: vec![DigestName::Md5],
        }
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self { min: MINUTE, max: HOUR, default: HOUR }
    }
}

impl Default for Rtp {
    fn default() -> Self {
        Self {
            bind: Ipv4Addr::LOCALHOST.into(),
            advertise: None,
            ports: Range { first: 10_000, last: 20_000 },
            shards: Amount::Auto,
            offload: Offload::Auto,
            timeout: MINUTE,
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8080);
        Self { listen, keys: Vec::new(), cors: Cors::default(), metrics_open: true }
    }
}

impl Default for StoreUrl {
    fn default() -> Self {
        Self { url: "sqlite:ironbell.db".to_owned() }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self { level: Level::Info, format: LogFormat::Text, file: None, syslog: None }
    }
}

impl Server {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        let workers = s.get(r, "workers", d.workers, amount(256));
        if matches!(workers, Amount::Exactly(2..)) {
            r.not_active("server.workers");
        }
        Self {
            domain: s.get(r, "domain", d.domain, host),
            data_dir: s.get(r, "data_dir", d.data_dir, path),
            workers,
            calls_max: s.get(r, "calls_max", d.calls_max, integer(1, limits::CALLS_MAX as u64)),
            call_length_max: s.get(r, "call_length_max", d.call_length_max, duration(SECOND, 7 * DAY)),
            drain: s.get(r, "drain", d.drain, duration(Duration::ZERO, DAY)),
            reload: s.section(r, "reload", Reload::read),
            dns: s.section(r, "dns", Dns::read),
            sip: s.section(r, "sip", Sip::read),
            rtp: s.section(r, "rtp", Rtp::read),
            trace: s.section(r, "trace", Trace::read),
        }
    }
}

impl Dns {
    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        Self { servers: s.get(r, "servers", Vec::new(), list(NAME_SERVERS_MAX, name_server)) }
    }
}

/// An address, with a port unless it is that of DNS.
fn name_server(r: &mut Reader<'_>, node: &Node) -> Option<SocketAddr> {
    let server = text(r, node)?;
    let bare = server.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let address = server.parse().ok().or_else(|| bare.map(|address| SocketAddr::new(address, 53)));
    if address.is_none() {
        let what = format!("`{}` is not the address of a name server", super::reader::printable(&server));
        r.fault(node.at, what, "an address such as 192.0.2.53, [2001:db8::53]:53 or 127.0.0.1:5353");
    }
    address
}

impl Sip {
    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        Self {
            listen: s.get(r, "listen", d.listen, listeners),
            networks: s.get(r, "networks", d.networks, served),
            advertise: s.optional(r, "advertise", host),
            // RFC 4028 section 4: the smallest Session-Expires is 90 s.
            session_expires: s.get(r, "session_expires", d.session_expires, duration(90 * SECOND, DAY)),
            tls: s.section(r, "tls", Tls::read),
            origins: s.get(r, "origins", d.origins, list(64, origin)),
            registration: s.section(r, "registration", Registration::read),
            subscription: s.section(r, "subscription", Registration::read),
            digest: s.get(r, "digest", d.digest, digests),
        }
    }
}

fn digests(r: &mut Reader<'_>, node: &Node) -> Option<Vec<DigestName>> {
    let mut seen = Vec::new();
    let all = list(2, |r, node| {
        let one = one_of(&[("md5", DigestName::Md5), ("sha-256", DigestName::Sha256)])(r, node)?;
        if seen.contains(&one) {
            r.fault(node.at, "this algorithm stands here twice", "each algorithm once, preferred first");
        }
        seen.push(one);
        Some(one)
    })(r, node)?;
    if all.is_empty() {
        r.fault(
            node.at,
            "no phone could prove who it is",
            "`[md5]`, `[sha-256]` or both in the order of the challenges",
        );
    }
    Some(all)
}

fn listeners(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Listen>> {
    let mut seen: Vec<Listen> = Vec::new();
    let all = list(LISTENERS_MAX, |r, node| {
        let one = listener(r, node)?;
        let is_same = |other: &Listen| (other.scheme, other.address) == (one.scheme, one.address);
        if one.address.port() != 0 && seen.iter().any(is_same) {
            r.fault(node.at, format!("{one} stands here twice"), "each listener once");
        }
        r.place(node.at, format!("server.sip.listen[{one}]"));
        seen.push(one.clone());
        Some(one)
    })(r, node)?;
    if all.is_empty() {
        r.fault(
            node.at,
            "no phone could reach the exchange",
            "at least one udp://, tcp://, tls://, ws:// or wss:// listener",
        );
    }
    Some(all)
}

/// A URL, or `{ at: URL, networks: [...] }`.
fn listener(r: &mut Reader<'_>, node: &Node) -> Option<Listen> {
    if !matches!(node.value, Value::Map(_)) {
        return listen(r, node);
    }
    let mut section = Section::of(r, node)?;
    let at = section.required(r, "at", "the listener, such as udp://0.0.0.0:5060", listen);
    let networks = section.optional(r, "networks", served);
    section.finish(r);
    Some(Listen { networks, ..at? })
}

impl Tls {
    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let at = s.at;
        for key in ["cert", "key", "ca"] {
            s.mark(r, key, &format!("server.sip.tls.{key}"));
        }
        let tls = Self {
            cert: s.optional(r, "cert", path),
            key: s.optional(r, "key", path),
            certificates: s.get(r, "certificates", Vec::new(), certificates),
            verify: s.get(
                r,
                "verify",
                Verify::Off,
                one_of(&[("off", Verify::Off), ("optional", Verify::Optional), ("required", Verify::Required)]),
            ),
            ca: s.optional(r, "ca", path),
        };
        if tls.verify != Verify::Off && tls.ca.is_none() {
            r.fault(at, "nobody could say whose certificates are good", "`ca` with the authorities of the phones");
        }
        if tls.cert.is_some() != tls.key.is_some() {
            r.fault(at, "a certificate and its key belong together", "both `cert` and `key`, or neither");
        }
        tls
    }
}

fn certificates(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Certificate>> {
    let mut count = 0;
    sections(CERTIFICATES_MAX, |r, s| {
        r.place(s.at, format!("server.sip.tls.certificates[{count}]"));
        count += 1;
        let cert = s.required(r, "cert", "a PEM file with the chain", path);
        let key = s.required(r, "key", "a PEM file with the key", path);
        Some(Certificate { cert: cert?, key: key? })
    })(r, node)
}

impl Registration {
    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        let limits = || duration(SECOND, 30 * DAY);
        let at = s.at;
        let read = Self {
            min: s.get(r, "min", d.min, limits()),
            max: s.get(r, "max", d.max, limits()),
            default: s.get(r, "default", d.default, limits()),
        };
        if read.min > read.default || read.default > read.max {
            let what = format!(
                "min {}, default {} and max {} are out of order",
                value::spell_duration(read.min),
                value::spell_duration(read.default),
                value::spell_duration(read.max)
            );
            r.fault(at, what, "min ≤ default ≤ max");
        }
        // RFC 3261 section 10.3 step 7, RFC 6665 section 4.2.1.1: an expiry of an hour or more must not be refused as too brief.
        if read.min > HOUR {
            r.fault(at, "min is longer than an hour", "at most 1h (RFC 3261 section 10.3)");
        }
        read
    }
}

impl Rtp {
    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        let offload = s.get(r, "offload", d.offload, |r, node| {
            let offload =
                one_of(&[("auto", Offload::Auto), ("off", Offload::Off), ("require", Offload::Require)])(r, node)?;
            if offload == Offload::Require {
                r.fault(node.at, "this version has no offload, so it cannot be required", "auto or off");
            }
            Some(offload)
        });
        Self {
            bind: s.get(r, "bind", d.bind, ip),
            advertise: s.optional(r, "advertise", ip),
            ports: s.get(r, "ports", d.ports, |r, node| {
                let ports = range(1_024, 65_535)(r, node)?;
                if ports.last - ports.first < 3 {
                    r.fault(
                        node.at,
                        "these ports do not hold one call",
                        "at least 4 ports: RTP and RTCP for two parties",
                    );
                }
                Some(ports)
            }),
            shards: s.get(r, "shards", d.shards, amount(256)),
            offload,
            timeout: s.get(r, "timeout", d.timeout, duration(5 * SECOND, DAY)),
        }
    }
}

impl Api {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        s.mark(r, "listen", "api.listen");
        Self {
            listen: s.get(r, "listen", d.listen, socket),
            keys: s.get(r, "keys", d.keys, keys),
            cors: s.section(r, "cors", |r, s| Cors { origins: s.get(r, "origins", Vec::new(), list(64, origin)) }),
            metrics_open: s.get(r, "metrics_open", d.metrics_open, boolean),
        }
    }
}

fn keys(r: &mut Reader<'_>, node: &Node) -> Option<Vec<ApiKey>> {
    let mut seen: Vec<ApiKey> = Vec::new();
    sections(KEYS_MAX, |r, s| {
        let at = s.at;
        let name = s.required(r, "name", "a name such as `ops`", name);
        let role = s.get(
            r,
            "role",
            Role::Viewer,
            one_of(&[("admin", Role::Admin), ("operator", Role::Operator), ("viewer", Role::Viewer)]),
        );
        let key = s.required(r, "key", "`openssl rand -base64 24` makes one", |r, node| {
            let key = value::secret(r, node)?;
            if key.expose().chars().count() < password::API_KEY_CHARS_MIN {
                let instead = format!("at least {} characters", password::API_KEY_CHARS_MIN);
                r.fault(node.at, "the API key is too short", instead);
            }
            if password::is_published(key.expose()) {
                r.warn(node.at, password::PUBLISHED_WARNING.0, password::PUBLISHED_WARNING.1);
            }
            if !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                r.fault(
                    node.at,
                    "the API key cannot stand in an Authorization header",
                    "printable ASCII without spaces",
                );
            }
            Some(key)
        });
        let key = ApiKey { name: name?, role, key: key? };
        if seen.iter().any(|other| other.name == key.name) {
            r.fault(at, format!("the API key `{}` is there twice", key.name), "each name once");
        }
        if seen.iter().any(|other| other.key == key.key) {
            r.fault(at, format!("the API key `{}` is the same as another", key.name), "a key of its own");
        }
        seen.push(key.clone());
        Some(key)
    })(r, node)
}

fn origin(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "an origin such as https://desk.example.com";
    let origin = text(r, node)?;
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let good = rest.is_some_and(|rest| {
        let (host, port) = rest.rsplit_once(':').filter(|_| !rest.ends_with(']')).unwrap_or((rest, "443"));
        value::is_host(host) && port.parse::<u16>().is_ok()
    });
    if !good {
        r.fault(node.at, format!("`{}` is not an origin", super::reader::printable(&origin)), expected);
        return None;
    }
    Some(origin)
}

impl StoreUrl {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let url = s.get(r, "url", Self::default().url, |r, node| {
            let url = text(r, node)?;
            let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
            match scheme {
                "sqlite" if url.len() > "sqlite:".len() => {}
                // The URL may hold a password, so the message does not repeat it.
                "postgres" | "postgresql" => {
                    r.fault(node.at, "this version has no PostgreSQL store", "sqlite:ironbell.db")
                }
                _ => r.fault(node.at, "this is not the URL of a store", "sqlite:FILE, relative to data_dir"),
            }
            Some(url)
        });
        Self { url }
    }
}

impl Logging {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        s.mark_not_active(r, "syslog", "logging.syslog");
        s.mark(r, "file", "logging.file");
        Self {
            level: s.get(
                r,
                "level",
                d.level,
                one_of(&[
                    ("error", Level::Error),
                    ("warning", Level::Warning),
                    ("warn", Level::Warning),
                    ("info", Level::Info),
                    ("debug", Level::Debug),
                    ("trace", Level::Trace),
                ]),
            ),
            format: s.get(r, "format", d.format, one_of(&[("text", LogFormat::Text), ("json", LogFormat::Json)])),
            file: s.optional(r, "file", path),
            syslog: s.optional(r, "syslog", text),
        }
    }
}

/// A path in the file system; not looked at here, so that a file can be checked on another machine.
pub(super) fn path(r: &mut Reader<'_>, node: &Node) -> Option<PathBuf> {
    let path = text(r, node)?;
    if path.is_empty() {
        r.fault(node.at, "the path is empty", "a path");
        return None;
    }
    Some(PathBuf::from(path))
}
