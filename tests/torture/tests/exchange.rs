//! What the whole exchange makes of each torture message, by datagram and by stream, in one piece and in two; and that it still serves afterwards.

use contract::{Instant, NodeId};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    effect::{Effect, Effects},
    flow::{ConnectionId, Flow, ListenerId, Transport},
    input::Input,
    message::{Framed, Header, Index, frame},
    pbx::Pbx,
    settings::{
        CallSettings, Codes, DialPlan, DigestAlgorithm, Directory, Listener, MediaSettings, MessageSettings,
        RegistrationSettings, Settings, SubscriptionSettings,
    },
};
use std::sync::Arc;
use torture::{Answer, Verdict, ours, published};

fn settings() -> Arc<Settings> {
    let listener = |transport| Listener {
        transport,
        bound: SocketAddr::from(([10, 0, 0, 1], 5060)),
        advertised: ("10.0.0.1".into(), 5060),
    };
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
    Arc::new(Settings {
        node: NodeId(1),
        domain: "pbx.test".into(),
        listeners: [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws].map(listener).to_vec(),
        media: MediaSettings {
            shards: 1,
            advertised_v4: None,
            advertised_v6: None,
            silence_timeout: minute,
            transcode: false,
            g729: false,
        },
        media_fingerprint: None,
        registration: RegistrationSettings { expires_min: minute, expires_max: hour, expires_default: hour },
        subscription: SubscriptionSettings::default(),
        messages: MessageSettings::default(),
        digest: vec![DigestAlgorithm::Md5],
        recording: signaling::settings::RecordingSettings::default(),
        calls: CallSettings { length_max: hour, ring_max: minute, calls_max: 10, session_expires: hour },
        directory: Directory::default(),
        codes: Codes::default(),
        trunks: signaling::settings::Trunks::default(),
        dial: DialPlan::default(),
    })
}

/// An exchange and what it sends.
struct Exchange {
    pbx: Pbx,
    now: Instant,
    serial: u64,
}

/// One way to the exchange.
#[derive(Clone, Copy)]
enum Way {
    Datagram,
    Stream,
    Tls,
    WebSocket,
}

/// What was sent back.
#[derive(Debug, Default, Eq, PartialEq)]
struct Sent {
    /// Statuses of final responses, in order.
    finals: Vec<u16>,
    closed: bool,
}

impl Exchange {
    fn new(settings: &Arc<Settings>) -> Self {
        Self { pbx: Pbx::new(Arc::clone(settings), [3; 32]), now: Instant::ORIGIN + Duration::from_secs(1), serial: 0 }
    }

    fn flow(&mut self, way: Way) -> Flow {
        self.serial += 1;
        let remote = SocketAddr::from(([192, 0, 2, 77], 5_060));
        match way {
            Way::Datagram => Flow::datagram(ListenerId(0), remote),
            Way::Stream => Flow::stream(ListenerId(1), remote, ConnectionId(self.serial)),
            Way::Tls => Flow::connected(Transport::Tls, ListenerId(2), remote, ConnectionId(self.serial)),
            Way::WebSocket => Flow::connected(Transport::Ws, ListenerId(3), remote, ConnectionId(self.serial)),
        }
    }

    /// Passes the pieces in and returns every final response that comes at once.
    fn pass(&mut self, flow: Flow, pieces: &[&[u8]], name: &str) -> Sent {
        let mut effects = Effects::new();
        for bytes in pieces {
            self.pbx.handle(self.now, Input::Received { flow, bytes }, &mut effects);
        }
        assert_eq!(self.pbx.check_invariants(), Ok(()), "{name}");
        let mut sent = Sent::default();
        for effect in effects {
            if let Effect::CloseFlow { .. } = effect {
                sent.closed = true;
            }
            let Effect::Transmit { bytes, .. } = effect else { continue };
            let mut index = Index::new();
            let Ok(message) = index.parse(&bytes) else { continue };
            let status = message.status().unwrap_or_else(|| panic!("{name}: a request was sent: {message:?}"));
            assert_eq!(frame(&bytes), Framed::Message(bytes.len()), "{name}: what is sent is whole");
            let explained = match status {
                405 | 501 => message.header(Header::Allow).is_some(),
                415 => message.header(Header::Accept).is_some() || message.header(Header::AcceptEncoding).is_some(),
                420 => message.header(Header::Unsupported).is_some(),
                401 => message.header(Header::WwwAuthenticate).is_some(),
                _ => true,
            };
            assert!(explained, "{name}: {status} without its header field");
            if status >= 200 {
                sent.finals.push(status);
            }
        }
        sent
    }

    /// OPTIONS is answered 200.
    fn still_serves(&mut self, flow: Flow, name: &str) {
        let serial = self.serial;
        self.serial += 1;
        let text = format!(
            "OPTIONS sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/{} 192.0.2.77;branch=z9hG4bK-after-{serial}\r\nMax-Forwards: 70\r\n\
             From: <sip:x@pbx.test>;tag=1\r\nTo: <sip:pbx.test>\r\nCall-ID: after-{serial}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            flow.transport.token()
        );
        assert_eq!(self.pass(flow, &[text.as_bytes()], name).finals, [200], "OPTIONS after {name}");
    }

    /// Lets all timers run out; then nothing is left.
    fn come_to_rest(&mut self, name: &str) {
        let mut effects = Effects::new();
        let mut turns = 0;
        while let Some(deadline) = self.pbx.deadline() {
            self.now = self.now.max(deadline);
            self.pbx.handle(self.now, Input::Tick, &mut effects);
            turns += 1;
            assert!(turns < 10_000, "{name}: timers never end");
        }
        let status = self.pbx.status();
        assert_eq!((status.transactions, status.calls, status.dialogs, status.timers), (0, 0, 0, 0), "{name}");
    }
}

fn judge(name: &str, answer: Answer, sent: &Sent, wrong: &mut Vec<String>) {
    let fits = match answer {
        Answer::Silence => sent.finals.is_empty(),
        Answer::OneOf(statuses) => sent.finals.len() == 1 && statuses.contains(&sent.finals[0]),
    };
    if !fits {
        wrong.push(format!("{name}: {:?}, not {answer:?}", sent.finals));
    }
}

#[test]
fn published_messages_by_datagram() {
    published_whole(Way::Datagram);
}

/// RFC 7118 section 5: one message of the WebSocket is one of SIP, as a datagram is.
#[test]
fn published_messages_by_web_socket() {
    published_whole(Way::WebSocket);
}

fn published_whole(way: Way) {
    let Some(all) = published::all() else { return };
    let settings = settings();
    let mut wrong = Vec::new();
    let mut veteran = Exchange::new(&settings);
    for (case, bytes) in &all {
        let mut fresh = Exchange::new(&settings);
        let flow = fresh.flow(way);
        let sent = fresh.pass(flow, &[bytes], case.file);
        judge(&format!("{} (section {})", case.file, case.section), case.answer, &sent, &mut wrong);
        fresh.still_serves(flow, case.file);
        fresh.come_to_rest(case.file);
        veteran.pass(flow, &[bytes], case.file);
        veteran.still_serves(flow, case.file);
    }
    veteran.come_to_rest("all of them");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a stream changes: a length must be there, and a message that is not whole is waited for.
fn by_stream(answer: Answer, bytes: &[u8]) -> Answer {
    match frame(bytes) {
        Framed::Need => Answer::Silence,
        Framed::Fault { .. } if answer != Answer::Silence => Answer::OneOf(&[400]),
        Framed::Fault { .. } | Framed::KeepAlive(_) | Framed::Message(_) => answer,
    }
}

#[test]
fn published_messages_by_stream() {
    published_in_a_stream(Way::Stream);
}

#[test]
fn published_messages_by_tls() {
    published_in_a_stream(Way::Tls);
}

fn published_in_a_stream(way: Way) {
    let Some(all) = published::all() else { return };
    let settings = settings();
    let mut wrong = Vec::new();
    for (case, bytes) in &all {
        let answer = by_stream(case.answer, bytes);
        // The second of the two requests is a message of its own here; the first is judged.
        let double = case.file.ends_with("/dblreq.dat");
        let mut exchange = Exchange::new(&settings);
        let flow = exchange.flow(way);
        let whole = exchange.pass(flow, &[bytes], case.file);
        let judged =
            Sent { finals: whole.finals.iter().copied().take(if double { 1 } else { 9 }).collect(), ..Sent::default() };
        judge(&format!("{} (section {})", case.file, case.section), answer, &judged, &mut wrong);
        // What is left over in the stream would be taken for the beginning of the next message.
        let open = !whole.closed && frame(bytes) == Framed::Message(bytes.len());
        let after = if open { flow } else { exchange.flow(way) };
        exchange.still_serves(after, case.file);
        exchange.come_to_rest(case.file);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn published_messages_by_stream_split_at_every_byte() {
    let Some(all) = published::all() else { return };
    let settings = settings();
    for (case, bytes) in &all {
        let mut exchange = Exchange::new(&settings);
        let flow = exchange.flow(Way::Stream);
        let whole = exchange.pass(flow, &[bytes], case.file);
        for split in 1..bytes.len() {
            let mut exchange = Exchange::new(&settings);
            let flow = exchange.flow(Way::Stream);
            let (one, two) = bytes.split_at(split);
            let sent = exchange.pass(flow, &[one, two], case.file);
            assert_eq!(sent, whole, "{} split at {split}", case.file);
        }
        let mut exchange = Exchange::new(&settings);
        let flow = exchange.flow(Way::Stream);
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(exchange.pass(flow, &pieces, case.file), whole, "{} byte by byte", case.file);
    }
}

/// What our messages deserve: their fault, or any answer that takes them for well-formed.
fn due(own: &ours::Own) -> Answer {
    const TAKEN: Answer = Answer::OneOf(&[200, 401, 403, 404, 405, 481, 501]);
    let answered = own.answerable && !own.bytes.starts_with(b"ACK") && !own.bytes.starts_with(b"SIP/");
    match own.verdict {
        Verdict::Accept if answered => TAKEN,
        Verdict::Fault(400) if answered => Answer::OneOf(&[400]),
        Verdict::Fault(416) if answered => Answer::OneOf(&[416]),
        Verdict::Fault(505) if answered => Answer::OneOf(&[505]),
        Verdict::Accept | Verdict::Fault(_) | Verdict::Drop => Answer::Silence,
    }
}

#[test]
fn our_messages_by_datagram() {
    ours_whole(Way::Datagram);
}

#[test]
fn our_messages_by_web_socket() {
    ours_whole(Way::WebSocket);
}

fn ours_whole(way: Way) {
    let settings = settings();
    let mut wrong = Vec::new();
    for own in ours::all() {
        let mut exchange = Exchange::new(&settings);
        let flow = exchange.flow(way);
        let sent = exchange.pass(flow, &[&own.bytes], own.name);
        judge(&format!("{} ({})", own.name, own.clause), due(&own), &sent, &mut wrong);
        exchange.still_serves(flow, own.name);
        exchange.come_to_rest(own.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_messages_by_stream() {
    let settings = settings();
    for own in ours::all() {
        let mut exchange = Exchange::new(&settings);
        let flow = exchange.flow(Way::Stream);
        let whole = exchange.pass(flow, &[&own.bytes], own.name);
        if own.bytes.len() < 1_000 {
            for split in 1..own.bytes.len() {
                let mut exchange = Exchange::new(&settings);
                let flow = exchange.flow(Way::Stream);
                let (one, two) = own.bytes.split_at(split);
                assert_eq!(exchange.pass(flow, &[one, two], own.name), whole, "{} split at {split}", own.name);
            }
        }
        let after = exchange.flow(Way::Stream);
        exchange.still_serves(after, own.name);
        exchange.come_to_rest(own.name);
    }
}
