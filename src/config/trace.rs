//! Section `server.trace`: what is kept of the messages and decisions of calls.

use super::{
    reader::{Reader, Section, boolean, integer, text},
    value::{self, duration, secret, show_duration, size},
    yaml::Node,
};
use serde::Serialize;
use signaling::settings::Secret;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The smallest and the largest ring. What is asked for a call is read from the disk as a whole, so that a larger one would be slow to ask.
const RING: std::ops::RangeInclusive<u64> = 2_000_000..=4_000_000_000;

/// Section `server.trace`.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// Whether anything is kept.
    pub enabled: bool,
    /// For how long.
    #[serde(serialize_with = "show_duration")]
    pub keep: Duration,
    /// Octets on the disk; the oldest goes.
    pub max_size: u64,
    /// The folder; relative to the data directory.
    pub dir: PathBuf,
    /// Bodies of MESSAGE are kept as they are; else their octets are masked.
    pub message_bodies: bool,
    /// HOMER.
    pub hep: Option<Hep>,
}

/// Section `server.trace.hep`.
#[derive(Clone, Debug, Serialize)]
pub struct Hep {
    /// `HOST:PORT` that packets go to by UDP.
    #[serde(serialize_with = "show_udp")]
    pub to: String,
    /// Our number as a capture agent.
    pub id: u32,
    /// What HOMER knows us by.
    #[serde(serialize_with = "value::mask_optional")]
    pub password: Option<Secret>,
}

fn show_udp<S: serde::Serializer>(to: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("udp://{to}"))
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            enabled: true,
            keep: DAY,
            max_size: 256_000_000,
            dir: PathBuf::from("trace"),
            message_bodies: false,
            hep: None,
        }
    }
}

impl Trace {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        Self {
            enabled: s.get(r, "enabled", d.enabled, boolean),
            keep: s.get(r, "keep", d.keep, duration(10 * MINUTE, 31 * 24 * HOUR)),
            max_size: s.get(r, "max_size", d.max_size, ring),
            dir: s.get(r, "dir", d.dir, super::server::path),
            message_bodies: s.get(r, "message_bodies", d.message_bodies, boolean),
            hep: s.optional(r, "hep", hep),
        }
    }
}

fn ring(r: &mut Reader<'_>, node: &Node) -> Option<u64> {
    let octets = size(r, node)?;
    if !RING.contains(&octets) {
        r.fault(node.at, "the trace cannot have this size", "between 2MB and 4GB");
    }
    Some(octets)
}

fn hep(r: &mut Reader<'_>, node: &Node) -> Option<Hep> {
    let mut s = Section::of(r, node)?;
    let to = s.required(r, "to", "where HOMER listens, such as udp://homer.example.com:9060", target);
    let id = s.get(r, "id", 2001, integer(1, u64::from(u32::MAX)));
    let password = s.optional(r, "password", secret);
    s.finish(r);
    Some(Hep { to: to?, id: u32::try_from(id).unwrap_or(u32::MAX), password })
}

fn target(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "where HOMER listens, such as udp://homer.example.com:9060 or udp://[2001:db8::1]:9060";
    let whole = text(r, node)?;
    let to = whole.strip_prefix("udp://");
    let good = to.is_some_and(|to| {
        let named = || {
            let (host, port) = to.rsplit_once(':')?;
            (value::is_host(host) && port.parse::<u16>().ok()? > 0).then_some(())
        };
        to.parse::<SocketAddr>().is_ok_and(|address| address.port() > 0) || named().is_some()
    });
    if !good {
        r.fault(node.at, format!("`{}` is no place for HEP", super::reader::printable(&whole)), expected);
        return None;
    }
    to.map(str::to_owned)
}
