//! A name server of the tests' own, on a local port: it knows what it is told, counts what it is asked, and can be silent. RFC 1035 section 4.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A record.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    A(Ipv4Addr),
    Srv { priority: u16, port: u16, target: &'static str },
    Naptr { order: u16, service: &'static str, replacement: &'static str },
}

impl Record {
    const fn kind(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Srv { .. } => 33,
            Self::Naptr { .. } => 35,
        }
    }

    fn octets(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().to_vec(),
            // RFC 2782.
            Self::Srv { priority, port, target } => {
                [&priority.to_be_bytes()[..], &[0, 0], &port.to_be_bytes(), &labels(target)].concat()
            }
            // RFC 3403 section 4.1: order, preference, flags, services, expression, replacement.
            Self::Naptr { order, service, replacement } => {
                let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
                let texts = [text("s"), text(service), text("")].concat();
                [&order.to_be_bytes()[..], &[0, 1], &texts, &labels(replacement)].concat()
            }
        }
    }
}

#[derive(Default)]
struct Zone {
    records: BTreeMap<String, Vec<Record>>,
    ttl: u32,
    silent: bool,
    /// Names asked for, in order.
    asked: Vec<String>,
}

/// The server. It lives as long as the test's process.
#[derive(Clone)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl NameServer {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone { ttl: 60, ..Zone::default() }));
        let served = Arc::clone(&zone);
        thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = answer(&mut served.lock().unwrap(), &buffer[..length]) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self { address, zone }
    }

    /// What it knows of a name from now on, and how long others may believe that.
    pub(crate) fn knows(&self, name: &str, ttl: Duration, records: &[Record]) {
        let mut zone = self.zone.lock().unwrap();
        zone.ttl = ttl.as_secs() as u32;
        zone.records.insert(name.to_owned(), records.to_vec());
    }

    pub(crate) fn falls_silent(&self) {
        self.zone.lock().unwrap().silent = true;
    }

    /// How often it was asked for names that end so.
    pub(crate) fn asked(&self, end: &str) -> usize {
        self.zone.lock().unwrap().asked.iter().filter(|name| name.ends_with(end)).count()
    }
}

/// A name on the wire.
fn labels(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.split('.') {
        octets.push(label.len() as u8);
        octets.extend(label.bytes());
    }
    octets.push(0);
    octets
}

fn answer(zone: &mut Zone, query: &[u8]) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut name = Vec::new();
    while query[at] != 0 {
        let length = usize::from(query[at]);
        name.push(String::from_utf8(query[at + 1..at + 1 + length].to_vec()).unwrap().to_lowercase());
        at += 1 + length;
    }
    let (question, kind) = (&query[12..at + 5], u16::from_be_bytes([query[at + 1], query[at + 2]]));
    let name = name.join(".");
    zone.asked.push(name.clone());
    if zone.silent {
        return None;
    }
    let known = zone.records.get(&name).cloned().unwrap_or_default();
    let records: Vec<_> = known.iter().filter(|record| record.kind() == kind).collect();
    // Identifier; response, authoritative, recursion as asked; one question, so many answers, and the start of authority where there is none.
    let mut out = query[..2].to_vec();
    out.extend([0x85, 0x80, 0, 1]);
    out.extend((records.len() as u16).to_be_bytes());
    out.extend(if records.is_empty() { [0, 1, 0, 0] } else { [0, 0, 0, 0] });
    out.extend(question);
    let mut record = |kind: u16, octets: &[u8]| {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1]);
        out.extend(zone.ttl.to_be_bytes());
        out.extend((octets.len() as u16).to_be_bytes());
        out.extend(octets);
    };
    for known in &records {
        record(known.kind(), &known.octets());
    }
    if records.is_empty() {
        // RFC 2308 section 3: a negative answer lasts as long as its last number says.
        let numbers = [1, 1, 1, 1, zone.ttl].map(u32::to_be_bytes).concat();
        record(6, &[labels("ns.test"), labels("root.test"), numbers].concat());
    }
    Some(out)
}
