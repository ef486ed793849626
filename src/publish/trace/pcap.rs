//! A trace as a capture file that Wireshark and sngrep read: the classic pcap format, Ethernet, IPv4 or IPv6.
//!
//! What went by UDP is one datagram each. What went by a stream is told as TCP segments of one connection a stream, with sequence numbers that go on, so that
//! it can be followed; what was encrypted, and the frames of WebSocket, are told as the messages within. The Ethernet addresses are made up: those below the
//! exchange end in 1, all others in 2. The secrets of messages are masked, as in the ring.

use super::{
    gather::Trace,
    record::{Content, Stamp},
};
use signaling::flow::Transport;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// Octets of one packet at most, as the head of the file announces.
const SNAP: u32 = 65_549;

/// Octets of a TCP segment's data: below any limit of readers and of IP.
const SEGMENT_MAX: usize = 32_768;

/// Octets of a datagram's data: what an IPv4 packet holds. Longer messages cannot have come by UDP.
const DATAGRAM_MAX: usize = 65_507;

const UDP: u8 = 17;
const TCP: u8 = 6;

/// The capture file of a trace.
#[must_use]
pub fn write(trace: &Trace) -> Vec<u8> {
    let mut file = Vec::new();
    // Microseconds; version 2.4; UTC; link type 1: Ethernet.
    file.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    file.extend_from_slice(&2_u16.to_le_bytes());
    file.extend_from_slice(&4_u16.to_le_bytes());
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&SNAP.to_le_bytes());
    file.extend_from_slice(&1_u32.to_le_bytes());
    let mut sequences: BTreeMap<(SocketAddr, SocketAddr), u32> = BTreeMap::new();
    for entry in &trace.entries {
        let Content::Message(passed) = &entry.content else { continue };
        let ends = if passed.inbound { (passed.remote, passed.local) } else { (passed.local, passed.remote) };
        let Some(ends) = Ends::of(ends, passed.inbound) else { continue };
        if passed.transport == Transport::Udp {
            let data = &passed.bytes[..passed.bytes.len().min(DATAGRAM_MAX)];
            packet(&mut file, &entry.stamp, &ends, UDP, &datagram(&ends, data));
            continue;
        }
        for data in passed.bytes.chunks(SEGMENT_MAX) {
            let acknowledged = sequences.get(&(ends.to, ends.from)).copied().unwrap_or(1);
            let sequence = sequences.entry((ends.from, ends.to)).or_insert(1);
            let segment = segment(&ends, *sequence, acknowledged, data);
            *sequence = sequence.wrapping_add(u32::try_from(data.len()).unwrap_or(0));
            packet(&mut file, &entry.stamp, &ends, TCP, &segment);
        }
    }
    file
}

/// Between whom, as the packet says it.
struct Ends {
    from: SocketAddr,
    to: SocketAddr,
    inbound: bool,
}

impl Ends {
    /// `None`: the two are of different families, which no packet can be.
    fn of((from, to): (SocketAddr, SocketAddr), inbound: bool) -> Option<Self> {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (from, to) = (plain(from), plain(to));
        (from.is_ipv4() == to.is_ipv4()).then_some(Self { from, to, inbound })
    }

    /// The sum of the pseudo header, RFC 768 and RFC 8200 section 8.1.
    fn sum(&self, protocol: u8, length: usize) -> u32 {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let length = u32::try_from(length).unwrap_or(0);
        let both = add(add(0, &octets(self.from.ip())), &octets(self.to.ip()));
        add(add(both, &length.to_be_bytes()), &[0, protocol])
    }
}

fn datagram(ends: &Ends, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 8).unwrap_or(u16::MAX);
    let mut udp = Vec::with_capacity(data.len() + 8);
    udp.extend_from_slice(&ends.from.port().to_be_bytes());
    udp.extend_from_slice(&ends.to.port().to_be_bytes());
    udp.extend_from_slice(&length.to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(data);
    // RFC 768: a sum of zero is sent as all ones, because zero says that there is none.
    let sum = match fold(add(ends.sum(UDP, udp.len()), &udp)) {
        0 => u16::MAX,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    udp
}

fn segment(ends: &Ends, sequence: u32, acknowledged: u32, data: &[u8]) -> Vec<u8> {
    let mut tcp = Vec::with_capacity(data.len() + 20);
    tcp.extend_from_slice(&ends.from.port().to_be_bytes());
    tcp.extend_from_slice(&ends.to.port().to_be_bytes());
    tcp.extend_from_slice(&sequence.to_be_bytes());
    tcp.extend_from_slice(&acknowledged.to_be_bytes());
    // A head of five words; PSH and ACK; a full window.
    tcp.extend_from_slice(&[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend_from_slice(data);
    let sum = fold(add(ends.sum(TCP, tcp.len()), &tcp));
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    tcp
}

fn packet(file: &mut Vec<u8>, stamp: &Stamp, ends: &Ends, protocol: u8, payload: &[u8]) {
    let mut frame = Vec::with_capacity(payload.len() + 54);
    let (ours, theirs) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let (to, from) = if ends.inbound { (ours, theirs) } else { (theirs, ours) };
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from);
    match (ends.from.ip(), ends.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let length = u16::try_from(payload.len() + 20).unwrap_or(u16::MAX);
            frame.extend_from_slice(&[8, 0]);
            let start = frame.len();
            frame.extend_from_slice(&[0x45, 0]);
            frame.extend_from_slice(&length.to_be_bytes());
            // No identification, do not fragment, 64 hops.
            frame.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
            frame.extend_from_slice(&from.octets());
            frame.extend_from_slice(&to.octets());
            let sum = fold(add(0, &frame[start..]));
            frame[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(&[protocol, 64]);
            frame.extend_from_slice(&from.octets());
            frame.extend_from_slice(&to.octets());
        }
        // `Ends` lets no other pair through.
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return,
    }
    frame.extend_from_slice(payload);
    let length = u32::try_from(frame.len()).unwrap_or(SNAP);
    file.extend_from_slice(&u32::try_from(stamp.wall_us / 1_000_000).unwrap_or(u32::MAX).to_le_bytes());
    file.extend_from_slice(&u32::try_from(stamp.wall_us % 1_000_000).unwrap_or(0).to_le_bytes());
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&frame);
}

/// Adds octets to a sum of 16 bit words, RFC 1071.
fn add(sum: u32, octets: &[u8]) -> u32 {
    let words = octets.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    // At most 33,000 words of 16 bits: the sum fits.
    words.fold(sum, |sum, word| sum + word)
}

/// The complement of a sum in 16 bits.
fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{
        super::record::{Passed, Record},
        *,
    };
    use signaling::flow::{ConnectionId, ListenerId};

    fn message(inbound: bool, transport: Transport, local: &str, remote: &str, bytes: &[u8]) -> Record {
        let passed = Passed {
            inbound,
            transport,
            connection: (transport != Transport::Udp).then_some(ConnectionId(4)),
            listener: ListenerId(0),
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            bytes: bytes.to_vec(),
        };
        let stamp = Stamp { wall_us: 1_700_000_000_123_456, ..Stamp::default() };
        Record { stamp, content: Content::Message(passed) }
    }

    fn frames(file: &[u8]) -> Vec<Vec<u8>> {
        assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        let mut rest = &file[24..];
        let mut found = Vec::new();
        while !rest.is_empty() {
            assert_eq!(rest[..8], [0x00, 0xf1, 0x53, 0x65, 0x40, 0xe2, 0x01, 0x00]);
            let length = u32::from_le_bytes(*rest[8..].first_chunk().unwrap()) as usize;
            assert_eq!(rest[8..12], rest[12..16]);
            found.push(rest[16..16 + length].to_vec());
            rest = &rest[16 + length..];
        }
        found
    }

    /// Whether a transport's sum over pseudo header and payload is right.
    fn sums(frame: &[u8]) -> bool {
        let (addresses, protocol, payload) = match frame[12..14] {
            [8, 0] => {
                assert_eq!(fold(add(0, &frame[14..34])), 0, "the sum of the IPv4 head");
                (&frame[26..34], frame[23], &frame[34..])
            }
            _ => (&frame[22..54], frame[20], &frame[54..]),
        };
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        fold(add(add(add(add(0, addresses), &length), &[0, protocol]), payload)) == 0
    }

    #[test]
    fn a_datagram_of_either_family_is_a_packet_with_right_sums() {
        let entries = vec![
            message(true, Transport::Udp, "192.0.2.1:5060", "198.51.100.7:40000", b"OPTIONS sip:a SIP/2.0\r\n\r\n"),
            message(false, Transport::Udp, "[2001:db8::1]:5060", "[2001:db8::2]:5062", b"SIP/2.0 200 OK\r\n\r\n."),
            message(false, Transport::Udp, "192.0.2.1:5060", "[2001:db8::2]:5062", b"of two families"),
        ];
        let frames = frames(&write(&Trace { entries, ..Trace::default() }));
        assert_eq!(frames.len(), 2);
        assert!(frames.iter().all(|frame| sums(frame)));
        assert_eq!(frames[0][26..38], [198, 51, 100, 7, 192, 0, 2, 1, 0x9c, 0x40, 0x13, 0xc4]);
        assert!(frames[0].ends_with(b"OPTIONS sip:a SIP/2.0\r\n\r\n"));
        assert_eq!((frames[1][18..20].to_vec(), frames[1][20]), (vec![0, 27], 17));
    }

    #[test]
    fn a_stream_goes_on_where_its_last_segment_ended() {
        let long = vec![b'x'; SEGMENT_MAX + 10];
        let entries = vec![
            message(true, Transport::Tls, "192.0.2.1:5061", "198.51.100.7:40000", &long),
            message(false, Transport::Tls, "192.0.2.1:5061", "198.51.100.7:40000", b"answer"),
            message(true, Transport::Tls, "192.0.2.1:5061", "198.51.100.7:40000", b"more"),
        ];
        let frames = frames(&write(&Trace { entries, ..Trace::default() }));
        assert!(frames.iter().all(|frame| sums(frame)));
        let place = |frame: &Vec<u8>, at: usize| u32::from_be_bytes(*frame[at..].first_chunk().unwrap());
        let sequences: Vec<(u32, u32)> = frames.iter().map(|frame| (place(frame, 38), place(frame, 42))).collect();
        let (first, all) = (SEGMENT_MAX as u32 + 1, SEGMENT_MAX as u32 + 11);
        assert_eq!(sequences, [(1, 1), (first, 1), (1, all), (all, 7)]);
    }
}
