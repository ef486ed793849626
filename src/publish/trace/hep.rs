//! Messages on their way to HOMER, in HEP version 3: one datagram each, never waited for.
//!
//! A packet is `HEP3`, its length, and chunks of vendor 0: `vendor u16 · type u16 · length u16 · value`, big endian, lengths with their own heads. The
//! payload is the message as it is written to the ring, with its secrets masked. What the socket does not take is counted and lost.

use super::{
    counts::{Counts, Lost},
    record::{Passed, Stamp},
};
use crate::config::Hep;
use signaling::{flow::Transport, settings::Secret};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch};

/// How often the name of HOMER is asked for anew.
const LOOK_UP_EVERY: Duration = Duration::from_secs(60);

/// Octets of a UDP payload over IPv4; a longer packet cannot be sent.
const PACKET_MAX: usize = 65_507;

/// `AF_INET` and `AF_INET6` of Linux, which HEP takes for the family.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;

/// IANA's numbers of UDP and TCP.
const UDP: u8 = 17;
const TCP: u8 = 6;

/// HEP's number of SIP.
const SIP: u8 = 1;

/// Sends to HOMER.
#[derive(Debug)]
pub(super) struct Exporter {
    target: watch::Receiver<Option<SocketAddr>>,
    id: u32,
    password: Option<Secret>,
    /// Of the family that was needed last.
    socket: Option<(bool, UdpSocket)>,
    counts: Arc<Counts>,
    packet: Vec<u8>,
}

impl Exporter {
    /// Sends where `settings` say; a name is looked up by `services`, now and then anew.
    pub(super) fn new(settings: &Hep, services: &Handle, counts: Arc<Counts>) -> Self {
        let (found, target) = watch::channel(None);
        let to = settings.to.clone();
        match to.parse::<SocketAddr>() {
            Ok(address) => {
                let _ = found.send(Some(address));
            }
            Err(_) => {
                services.spawn(look_up(to, found));
            }
        }
        Self { target, id: settings.id, password: settings.password.clone(), socket: None, counts, packet: Vec::new() }
    }

    /// Sends one message.
    pub(super) fn send(&mut self, stamp: &Stamp, passed: &Passed, correlation: &str) {
        let target = *self.target.borrow();
        let packet = core::mem::take(&mut self.packet);
        let packet = encode(packet, self.id, self.password.as_ref(), stamp, passed, correlation);
        let sent = target.filter(|_| packet.len() <= PACKET_MAX).and_then(|target| {
            let socket = self.socket_for(target)?;
            // The first attempt may report an error about an earlier datagram.
            socket.send_to(&packet, target).or_else(|_| socket.send_to(&packet, target)).ok()
        });
        match sent {
            Some(_) => self.counts.sent(),
            None => self.counts.lose(Lost::Hep, 1),
        }
        self.packet = packet;
    }

    fn socket_for(&mut self, target: SocketAddr) -> Option<&UdpSocket> {
        let ipv6 = target.is_ipv6();
        if self.socket.as_ref().is_none_or(|(family, _)| *family != ipv6) {
            let any: IpAddr = if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
            let socket = UdpSocket::bind((any, 0)).ok()?;
            socket.set_nonblocking(true).ok()?;
            self.socket = Some((ipv6, socket));
        }
        self.socket.as_ref().map(|(_, socket)| socket)
    }
}

/// Tells where `host:port` is, now and then anew, until nobody wants to know any more.
async fn look_up(to: String, found: watch::Sender<Option<SocketAddr>>) {
    loop {
        match tokio::net::lookup_host(&to).await {
            // What was known before stays when nobody answers.
            Ok(mut addresses) => {
                if let Some(address) = addresses.next() {
                    found.send_replace(Some(address));
                }
            }
            Err(fault) => tracing::warn!(component = "trace", to, %fault, "the host of server.trace.hep is not found"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_UP_EVERY) => {}
            () = found.closed() => return,
        }
    }
}

/// One packet, in memory that was used before.
fn encode(
    mut packet: Vec<u8>,
    id: u32,
    password: Option<&Secret>,
    stamp: &Stamp,
    passed: &Passed,
    correlation: &str,
) -> Vec<u8> {
    packet.clear();
    packet.extend_from_slice(b"HEP3\0\0");
    let mut chunk = |kind: u16, value: &[u8]| {
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(&kind.to_be_bytes());
        packet.extend_from_slice(&u16::try_from(value.len() + 6).unwrap_or(u16::MAX).to_be_bytes());
        packet.extend_from_slice(value);
    };
    let (from, to) = if passed.inbound { (passed.remote, passed.local) } else { (passed.local, passed.remote) };
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            chunk(1, &[FAMILY_V4]);
            chunk(3, &from.octets());
            chunk(4, &to.octets());
        }
        (from, to) => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            chunk(1, &[FAMILY_V6]);
            chunk(5, &octets(from));
            chunk(6, &octets(to));
        }
    }
    // TLS and WebSocket go over TCP; HEP names what IP carries.
    chunk(2, &[if passed.transport == Transport::Udp { UDP } else { TCP }]);
    chunk(7, &from.port().to_be_bytes());
    chunk(8, &to.port().to_be_bytes());
    chunk(9, &u32::try_from(stamp.wall_us / 1_000_000).unwrap_or(u32::MAX).to_be_bytes());
    chunk(10, &u32::try_from(stamp.wall_us % 1_000_000).unwrap_or(0).to_be_bytes());
    chunk(11, &[SIP]);
    chunk(12, &id.to_be_bytes());
    if let Some(password) = password {
        chunk(14, password.expose().as_bytes());
    }
    if !correlation.is_empty() {
        chunk(17, correlation.as_bytes());
    }
    chunk(15, &passed.bytes);
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use signaling::flow::ListenerId;

    #[test]
    fn a_packet_is_what_the_specification_shows() {
        let stamp = Stamp { wall_us: 1_313_440_215_345_000, ..Stamp::default() };
        let passed = Passed {
            inbound: true,
            transport: Transport::Udp,
            connection: None,
            listener: ListenerId(0),
            local: "192.168.2.3:5080".parse().unwrap(),
            remote: "212.202.0.1:12010".parse().unwrap(),
            bytes: b"INVITE sip:bob".to_vec(),
        };
        let packet = encode(Vec::new(), 228, Some(&Secret::new("myhep")), &stamp, &passed, "a");
        let expected: &[&[u8]] = &[
            b"HEP3\x00\x83",
            b"\0\0\0\x01\0\x07\x02",
            b"\0\0\0\x03\0\x0a\xd4\xca\0\x01",
            b"\0\0\0\x04\0\x0a\xc0\xa8\x02\x03",
            b"\0\0\0\x02\0\x07\x11",
            b"\0\0\0\x07\0\x08\x2e\xea",
            b"\0\0\0\x08\0\x08\x13\xd8",
            b"\0\0\0\x09\0\x0a\x4e\x49\x81\xd7",
            b"\0\0\0\x0a\0\x0a\0\x05\x43\xa8",
            b"\0\0\0\x0b\0\x07\x01",
            b"\0\0\0\x0c\0\x0a\0\0\0\xe4",
            b"\0\0\0\x0e\0\x0bmyhep",
            b"\0\0\0\x11\0\x07a",
            b"\0\0\0\x0f\0\x14INVITE sip:bob",
        ];
        assert_eq!(packet, expected.concat());
    }

    #[test]
    fn addresses_of_either_family_are_told_and_the_direction_is_kept() {
        let passed = Passed {
            inbound: false,
            transport: Transport::Tls,
            connection: None,
            listener: ListenerId(0),
            local: "[2001:db8::9]:5061".parse().unwrap(),
            remote: "[2001:db8::1]:40000".parse().unwrap(),
            bytes: b"x".to_vec(),
        };
        let packet = encode(vec![7; 9], 1, None, &Stamp::default(), &passed, "");
        let source = [b"\0\0\0\x05\0\x16".as_slice(), &"2001:db8::9".parse::<Ipv6Addr>().unwrap().octets()].concat();
        assert!(packet.windows(source.len()).any(|window| window == source));
        assert!(packet.windows(7).any(|window| window == b"\0\0\0\x01\0\x07\x0a"));
        assert!(packet.windows(7).any(|window| window == b"\0\0\0\x02\0\x07\x06"));
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
    }
}
