//! Records of a trace as octets in a file, and back.
//!
//! `length u32 · kind u8 · wall µs u64 · monotonic ns u64 · call u64 · leg u16 · conversation u64`, little endian, then what the kind has. The length counts
//! what follows it. What cannot be read ends the reading of its file: after a loss of power a file may end in the middle of a record.

use contract::NodeId;
use serde::{Deserialize, Serialize};
use signaling::{
    flow::{ConnectionId, ListenerId, Transport},
    id::CallId,
    limits::MESSAGE_BYTES_MAX,
};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Octets of a record's head after the length.
const HEAD: usize = 1 + 8 + 8 + 8 + 2 + 8;

/// Octets of what a message has before its bytes.
const MESSAGE_HEAD: usize = 1 + 1 + 8 + 2 + 2 * 19;

/// Octets of a note; longer ones are cut where they are made.
pub(super) const NOTE_MAX: usize = 16_384;

/// Octets of a record.
pub(super) const RECORD_MAX: usize = HEAD + MESSAGE_HEAD + MESSAGE_BYTES_MAX;
const _: () = assert!(HEAD + NOTE_MAX < RECORD_MAX, "a note is a record");

/// What a message and a note have in common.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stamp {
    /// Microseconds since 1970, UTC.
    pub wall_us: u64,
    /// Nanoseconds of the monotonic clock.
    pub mono_ns: u64,
    /// The call it belongs to, as far as was known when it was written.
    pub call: Option<CallId>,
    /// The leg of it.
    pub leg: Option<u16>,
    /// A hash of the SIP Call-ID; 0: it has none.
    pub conversation: u64,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When, and about what.
    pub stamp: Stamp,
    /// The rest.
    pub content: Content,
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A SIP message.
    Message(Passed),
    /// Anything else.
    Note(Note),
}

/// A SIP message that passed, secrets masked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Passed {
    /// Towards us.
    pub inbound: bool,
    /// The protocol.
    pub transport: Transport,
    /// The stream.
    pub connection: Option<ConnectionId>,
    /// Our listening address, by its place.
    pub listener: ListenerId,
    /// Our address; of a stream that we opened, that of the listener.
    pub local: SocketAddr,
    /// The far side.
    pub remote: SocketAddr,
    /// The message.
    pub bytes: Vec<u8>,
}

/// A decision, or something that happened.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Note {
    /// What kind: `leg`, `route`, `end`, `media` …
    pub kind: String,
    /// In words.
    pub words: String,
    /// For programs.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
}

/// The hash of a Call-ID (FNV-1a, 64 bits). It finds candidates; the Call-ID itself decides.
pub(super) fn conversation(call_id: &[u8]) -> u64 {
    let hash = call_id
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash.max(1)
}

/// Appends a message.
pub(super) fn put_message(out: &mut Vec<u8>, stamp: &Stamp, passed: &Passed) {
    let start = put_head(out, 1, stamp);
    out.push(u8::from(passed.inbound));
    out.push(TRANSPORTS.iter().position(|one| *one == passed.transport).map_or(0, |at| at.to_le_bytes()[0]));
    out.extend_from_slice(&passed.connection.map_or(u64::MAX, |connection| connection.0).to_le_bytes());
    out.extend_from_slice(&passed.listener.0.to_le_bytes());
    put_address(out, passed.local);
    put_address(out, passed.remote);
    out.extend_from_slice(&passed.bytes[..passed.bytes.len().min(MESSAGE_BYTES_MAX)]);
    finish(out, start);
}

/// Appends a note; one that is too long loses its data, and then its words.
pub(super) fn put_note(out: &mut Vec<u8>, stamp: &Stamp, note: &Note) {
    let start = put_head(out, 2, stamp);
    let mut json = serde_json::to_vec(note).unwrap_or_default();
    if json.len() > NOTE_MAX {
        let words = note.words.chars().take(NOTE_MAX / 16).collect();
        let brief = Note { kind: note.kind.clone(), words, data: serde_json::Value::Null };
        json = serde_json::to_vec(&brief).unwrap_or_default();
    }
    out.extend_from_slice(&json);
    finish(out, start);
}

const TRANSPORTS: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

fn put_head(out: &mut Vec<u8>, kind: u8, stamp: &Stamp) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    out.extend_from_slice(&stamp.wall_us.to_le_bytes());
    out.extend_from_slice(&stamp.mono_ns.to_le_bytes());
    out.extend_from_slice(&stamp.call.map_or(0, CallId::as_u64).to_le_bytes());
    out.extend_from_slice(&stamp.leg.unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(&stamp.conversation.to_le_bytes());
    start
}

fn finish(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    let (family, ip) = match address.ip() {
        IpAddr::V4(ip) => (4, ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => (6, ip),
    };
    out.push(family);
    out.extend_from_slice(&ip.octets());
    out.extend_from_slice(&address.port().to_le_bytes());
}

/// Reads octets one after the other; `None` when there are not enough.
struct Octets<'b>(&'b [u8]);

impl Octets<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let [family] = self.take()?;
        let ip = Ipv6Addr::from(self.take::<16>()?);
        let port = u16::from_le_bytes(self.take()?);
        let ip = if family == 4 { IpAddr::V4(ip.to_ipv4_mapped()?) } else { IpAddr::V6(ip) };
        Some(SocketAddr::new(ip, port))
    }
}

/// A record whose content is not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed<'b> {
    /// When, and about what.
    pub(super) stamp: Stamp,
    kind: u8,
    rest: &'b [u8],
}

/// The next record of `bytes`, and what follows it.
pub(super) fn next(bytes: &[u8]) -> Option<(Sealed<'_>, &[u8])> {
    let (length, after) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if !(HEAD..=RECORD_MAX).contains(&length) || after.len() < length {
        return None;
    }
    let (record, rest) = after.split_at(length);
    let mut octets = Octets(record);
    let [kind] = octets.take()?;
    let (wall_us, mono_ns) = (octets.u64()?, octets.u64()?);
    let call = call_of(octets.u64()?);
    let leg = u16::from_le_bytes(octets.take()?);
    let conversation = octets.u64()?;
    let stamp = Stamp { wall_us, mono_ns, call, leg: (leg != u16::MAX).then_some(leg), conversation };
    Some((Sealed { stamp, kind, rest: octets.0 }, rest))
}

/// A call's name from its number; 0 is none.
fn call_of(number: u64) -> Option<CallId> {
    let [.., node] = number.to_le_bytes();
    (number != 0).then(|| CallId::new(NodeId(node), number))
}

impl Sealed<'_> {
    /// Whether it is a note.
    pub(super) const fn is_note(&self) -> bool {
        self.kind == 2
    }

    /// Reads it; `None`: it is of a kind that this version does not know, or broken.
    pub(super) fn open(&self) -> Option<Record> {
        let content = match self.kind {
            1 => {
                let mut octets = Octets(self.rest);
                let [inbound, transport] = octets.take()?;
                let connection = octets.u64()?;
                Content::Message(Passed {
                    inbound: inbound != 0,
                    transport: *TRANSPORTS.get(usize::from(transport))?,
                    connection: (connection != u64::MAX).then_some(ConnectionId(connection)),
                    listener: ListenerId(u16::from_le_bytes(octets.take()?)),
                    local: octets.address()?,
                    remote: octets.address()?,
                    bytes: octets.0.to_vec(),
                })
            }
            2 => Content::Note(serde_json::from_slice(self.rest).ok()?),
            _ => return None,
        };
        Some(Record { stamp: self.stamp, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> (Stamp, Passed) {
        let stamp = Stamp {
            wall_us: 1_700_000_000_000_000,
            mono_ns: 12,
            call: Some(CallId::new(NodeId(3), 77)),
            leg: Some(2),
            conversation: conversation(b"a@b"),
        };
        let passed = Passed {
            inbound: true,
            transport: Transport::Wss,
            connection: Some(ConnectionId(9)),
            listener: ListenerId(4),
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "[2001:db8::1]:5061".parse().unwrap(),
            bytes: b"OPTIONS sip:a SIP/2.0\r\n\r\n".to_vec(),
        };
        (stamp, passed)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (stamp, passed) = message();
        let note =
            Note { kind: "end".into(), words: "the caller hung up".into(), data: serde_json::json!({"status": 200}) };
        let mut file = Vec::new();
        put_message(&mut file, &stamp, &passed);
        put_note(&mut file, &Stamp::default(), &note);
        let (first, rest) = next(&file).unwrap();
        assert_eq!(first.open(), Some(Record { stamp, content: Content::Message(passed) }));
        let (second, rest) = next(rest).unwrap();
        assert!(second.is_note() && rest.is_empty());
        assert_eq!(second.open(), Some(Record { stamp: Stamp::default(), content: Content::Note(note) }));
    }

    #[test]
    fn a_file_that_was_cut_anywhere_is_read_up_to_there() {
        let (stamp, passed) = message();
        let mut file = Vec::new();
        put_message(&mut file, &stamp, &passed);
        let whole = file.len();
        put_message(&mut file, &stamp, &passed);
        for cut in 0..file.len() {
            let read = next(&file[..cut]);
            assert_eq!(read.is_some(), cut >= whole, "{cut}");
            if let Some((_, rest)) = read {
                assert!(next(rest).is_none());
            }
        }
        // Nor do octets that are no record do harm.
        for byte in 0..=255 {
            assert!(next(&[byte; 64]).is_none());
        }
    }

    #[test]
    fn a_note_that_is_too_long_is_cut() {
        let note =
            Note { kind: "route".into(), words: "é".repeat(NOTE_MAX), data: serde_json::json!("x".repeat(NOTE_MAX)) };
        let mut file = Vec::new();
        put_note(&mut file, &Stamp::default(), &note);
        assert!(file.len() <= 4 + HEAD + NOTE_MAX);
        let Content::Note(read) = next(&file).unwrap().0.open().unwrap().content else { panic!("it was a note") };
        assert!(read.kind == "route" && note.words.starts_with(&read.words) && read.data.is_null());
    }
}
