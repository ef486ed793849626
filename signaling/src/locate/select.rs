//! From a host name to an ordered list of addresses: RFC 3263 section 4, as a function of what is known so far.
//!
//! It is asked again with every answer, and says either what is missing or what was found; so the order of answers changes nothing.

use super::{Able, Place, Target};
use crate::{
    dns::{Question, Record, RecordKind},
    flow::Transport,
    limits::{LOCATE_RECORDS_MAX, LOCATE_TARGETS_MAX},
};
use core::net::SocketAddr;

/// How far the search is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Selection {
    /// These answers are needed first.
    Missing(Vec<Question>),
    /// Where to go, in order; empty: nowhere.
    Found(Vec<Target>),
}

/// A machine, before its addresses are known.
type Machine = (Transport, String, u16);

/// Transports in the order of our preference where the domain has none.
const PREFERRED: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

/// Looks where the requests to `place` go. `known` gives the records of a question, none if there are none, `None` if it was not answered yet; `seed`
/// decides among SRV records of equal priority.
pub(crate) fn select<'k>(
    place: &Place,
    able: &Able,
    seed: u64,
    known: impl Fn(&Question) -> Option<&'k [Record]>,
) -> Selection {
    let machines = match machines(place, able, seed, &known) {
        Ok(machines) => machines,
        Err(missing) => return Selection::Missing(missing),
    };
    let mut missing = Vec::new();
    let mut targets = Vec::new();
    for (transport, name, port) in machines {
        // RFC 6724 section 2.1, as RFC 7984 section 4.2 asks: IPv6 first.
        for kind in [RecordKind::Aaaa, RecordKind::A] {
            if !able.speaks(transport, kind == RecordKind::A) {
                continue;
            }
            let question = Question { name: name.clone(), kind };
            let Some(records) = known(&question) else {
                missing.push(question);
                continue;
            };
            for record in records.iter().take(LOCATE_RECORDS_MAX) {
                if let Record::Address(address) = *record
                    && address.is_ipv4() == (kind == RecordKind::A)
                    && !address.is_unspecified()
                    && !address.is_multicast()
                {
                    targets.push(Target { transport, remote: SocketAddr::new(address, port) });
                }
            }
        }
    }
    if !missing.is_empty() {
        missing.dedup();
        missing.truncate(LOCATE_RECORDS_MAX);
        return Selection::Missing(missing);
    }
    targets.truncate(LOCATE_TARGETS_MAX);
    Selection::Found(targets)
}

/// The machines that serve the place, in order.
fn machines<'k>(
    place: &Place,
    able: &Able,
    seed: u64,
    known: &impl Fn(&Question) -> Option<&'k [Record]>,
) -> Result<Vec<Machine>, Vec<Question>> {
    let spoken = |transport: &Transport| able.speaks(*transport, true) || able.speaks(*transport, false);
    // What is spoken to the place if nothing tells more: RFC 3263 section 4.1, UDP for `sip`, TLS for `sips`.
    let usual = match (place.transport, place.secure) {
        (Some(transport), _) => Some(transport).filter(spoken),
        (None, true) => Some(Transport::Tls).filter(spoken),
        (None, false) => PREFERRED.into_iter().find(spoken),
    };
    // RFC 3263 section 4.2: a port leaves nothing to SRV.
    if let Some(port) = place.port {
        let machine = usual.filter(|_| port != 0).map(|transport| (transport, place.host.to_string(), port));
        return Ok(machine.into_iter().collect());
    }
    let services = match place.transport {
        Some(transport) => vec![(transport, service(transport, &place.host))],
        None => services(place, spoken, known)?,
    };
    let mut missing = Vec::new();
    let mut machines = Vec::new();
    let mut published = false;
    for (transport, name) in services.into_iter().filter(|(transport, _)| spoken(transport)) {
        let question = Question { name, kind: RecordKind::Srv };
        let Some(records) = known(&question) else {
            missing.push(question);
            continue;
        };
        published |= !records.is_empty();
        machines.extend(ordered(records, seed).into_iter().map(|(target, port)| (transport, target, port)));
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    // RFC 3263 section 4.2: "If no SRV records were found, the client performs an A or AAAA record lookup of the domain name".
    if !published {
        machines.extend(usual.map(|transport| (transport, place.host.to_string(), transport.port_default())));
    }
    machines.truncate(LOCATE_TARGETS_MAX);
    Ok(machines)
}

/// The services of a domain by its NAPTR records, RFC 3263 section 4.1; without any, all that we speak.
fn services<'k>(
    place: &Place,
    spoken: impl Fn(&Transport) -> bool,
    known: &impl Fn(&Question) -> Option<&'k [Record]>,
) -> Result<Vec<(Transport, String)>, Vec<Question>> {
    let question = Question { name: place.host.to_string(), kind: RecordKind::Naptr };
    let Some(records) = known(&question) else { return Err(vec![question]) };
    let mut found: Vec<_> = records
        .iter()
        .take(LOCATE_RECORDS_MAX)
        .filter_map(|record| {
            let Record::Naptr { order, preference, flags, service, replacement } = record else { return None };
            let transport = transport_of(service)?;
            // RFC 3263 section 4.1: for `sips` only services over TLS; "s" says that SRV follows.
            let fits = flags.eq_ignore_ascii_case("s")
                && (!place.secure || transport == Transport::Tls)
                && spoken(&transport)
                && !replacement.is_empty();
            fits.then(|| ((*order, *preference), (transport, replacement.clone())))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    if found.is_empty() {
        let all = PREFERRED.into_iter().filter(|transport| !place.secure || *transport == Transport::Tls);
        return Ok(all.map(|transport| (transport, service(transport, &place.host))).collect());
    }
    Ok(found.into_iter().map(|(_, service)| service).collect())
}

/// RFC 3263 section 4.1, table 1.
fn transport_of(service: &str) -> Option<Transport> {
    let known = [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, transport)| transport)
}

/// The name of a service's SRV records, RFC 3263 section 4.1.
fn service(transport: Transport, host: &str) -> String {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp | Transport::Ws => "_sip._tcp",
        Transport::Tls | Transport::Wss => "_sips._tcp",
    };
    format!("{prefix}.{host}")
}

/// SRV records in the order in which they are to be tried, RFC 2782: by priority, and by chance weighed among equals.
fn ordered(records: &[Record], seed: u64) -> Vec<(String, u16)> {
    let mut all: Vec<_> = records
        .iter()
        .take(LOCATE_RECORDS_MAX)
        .filter_map(|record| match record {
            // RFC 2782: "A Target of "." means that the service is decidedly not available at this domain".
            Record::Srv { priority, weight, port, target } if !target.is_empty() && *port != 0 => {
                Some((*priority, *weight, target.clone(), *port))
            }
            Record::Srv { .. } | Record::Naptr { .. } | Record::Address(_) => None,
        })
        .collect();
    // RFC 2782: those of weight 0 at the beginning of the list; by name and port, so that the order of the answer does not matter.
    all.sort();
    let mut chance = seed;
    let mut list = Vec::with_capacity(all.len());
    while let Some(priority) = all.first().map(|(priority, ..)| *priority) {
        let equals = all.iter().take_while(|(other, ..)| *other == priority).count();
        let sum: u64 = all[..equals].iter().map(|(_, weight, ..)| u64::from(*weight)).sum();
        chance = next(chance);
        let mut left = chance % (sum + 1);
        let at = all[..equals].iter().position(|(_, weight, ..)| {
            let reached = u64::from(*weight) >= left;
            left = left.saturating_sub(u64::from(*weight));
            reached
        });
        let (_, _, target, port) = all.remove(at.unwrap_or(0));
        list.push((target, port));
    }
    list
}

/// The next number of SplitMix64.
const fn next(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
