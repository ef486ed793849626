//! Section `security`, and which networks a listener serves: who is let in, how much of him, and who is shut out.

use super::{
    Config,
    reader::{Reader, Section, boolean, integer, list, printable, scalar},
    trunk,
    value::{Rate, duration, network, rate, show_duration},
    yaml::Node,
};
use crate::wire::gate::{Networks, Rates, Rules};
use serde::Serialize;
use signaling::settings::Network;
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Networks of one list.
const NETWORKS_MAX: usize = 10_000;

/// The word for every network.
const ANY: &str = "any";

/// The word for networks that no router of the Internet knows.
pub(super) const PRIVATE: &str = "private";

/// Section `security`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Security {
    pub max_failed_attempts: u32,
    #[serde(serialize_with = "show_duration")]
    pub ban: Duration,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub rate: RateLimits,
    pub connections_per_ip: usize,
    pub silent_drop_scanners: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            max_failed_attempts: 5,
            ban: 600 * SECOND,
            allow: vec!["127.0.0.0/8".to_owned()],
            deny: Vec::new(),
            rate: RateLimits::default(),
            connections_per_ip: 1_000,
            silent_drop_scanners: true,
        }
    }
}

/// Section `security.rate`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct RateLimits {
    pub register_per_ip: Rate,
    pub invite_per_ip: Rate,
    pub packets_per_ip: Rate,
    pub connects_per_ip: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        let a_second = |count| Rate { count, per: SECOND };
        Self {
            register_per_ip: a_second(20),
            invite_per_ip: a_second(20),
            packets_per_ip: a_second(500),
            connects_per_ip: a_second(50),
        }
    }
}

impl Security {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        Self {
            max_failed_attempts: s.get(r, "max_failed_attempts", d.max_failed_attempts, integer(1, 10_000)),
            ban: s.get(r, "ban", d.ban, duration(SECOND, 8_760 * HOUR)),
            allow: s.get(r, "allow", d.allow, list(NETWORKS_MAX, network)),
            deny: s.get(r, "deny", d.deny, list(NETWORKS_MAX, network)),
            rate: s.section(r, "rate", |r, s| {
                let d = RateLimits::default();
                RateLimits {
                    register_per_ip: s.get(r, "register_per_ip", d.register_per_ip, rate),
                    invite_per_ip: s.get(r, "invite_per_ip", d.invite_per_ip, rate),
                    packets_per_ip: s.get(r, "packets_per_ip", d.packets_per_ip, rate),
                    connects_per_ip: s.get(r, "connects_per_ip", d.connects_per_ip, rate),
                }
            }),
            connections_per_ip: s.get(r, "connections_per_ip", d.connections_per_ip, integer(1, 100_000)),
            silent_drop_scanners: s.get(r, "silent_drop_scanners", d.silent_drop_scanners, boolean),
        }
    }
}

/// The networks that a listener serves.
pub(super) fn served(r: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let all = list(NETWORKS_MAX, |r, node| {
        let expected = "private, any, or a network such as 192.0.2.0/24";
        match scalar(r, node, expected)? {
            word @ (ANY | PRIVATE) => Some(word.to_owned()),
            text if text.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                r.fault(node.at, format!("`{}` is no network", printable(text)), expected);
                None
            }
            _ => network(r, node),
        }
    })(r, node)?;
    if all.is_empty() {
        r.fault(node.at, "nobody could reach the exchange", "at least one network, or the word any");
    }
    Some(all)
}

/// RFC 1918, RFC 4193, and what does not leave the link or the machine.
fn private() -> impl Iterator<Item = Network> {
    let four = |a, b, prefix| Network { address: Ipv4Addr::new(a, b, 0, 0).into(), prefix };
    let six = |first, last, prefix| Network { address: Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last).into(), prefix };
    [
        four(127, 0, 8),
        four(10, 0, 8),
        four(172, 16, 12),
        four(192, 168, 16),
        four(169, 254, 16),
        six(0, 1, 128),
        six(0xfc00, 0, 7),
        six(0xfe80, 0, 10),
    ]
    .into_iter()
}

fn networks(words: &[String]) -> Networks {
    if words.iter().any(|word| word == ANY) {
        return Networks::all();
    }
    let known = if words.iter().any(|word| word == PRIVATE) { Some(private()) } else { None };
    Networks::new(known.into_iter().flatten().chain(words.iter().filter_map(|word| trunk::parsed(word))))
}

impl Config {
    /// What the gate keeps to. Its listeners are those of `server.sip.listen`, in their order.
    #[must_use]
    pub fn gate(&self) -> Rules {
        let Security { max_failed_attempts, ban, allow, deny, rate, connections_per_ip, silent_drop_scanners } =
            &self.security;
        let of = |rate: Rate| (rate.count, rate.per);
        let sip = &self.server.sip;
        let served = sip.listen.iter().map(|listen| networks(listen.networks.as_ref().unwrap_or(&sip.networks)));
        Rules::new(
            (networks(allow), networks(deny)),
            served.collect(),
            Rates {
                packets: of(rate.packets_per_ip),
                registers: of(rate.register_per_ip),
                invites: of(rate.invite_per_ip),
                connects: of(rate.connects_per_ip),
                connections: *connections_per_ip,
            },
            (*max_failed_attempts, *ban),
            *silent_drop_scanners,
        )
    }
}
