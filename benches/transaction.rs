//! The stack alone, with real bytes and no socket: what one transaction costs from the bytes that come in to the bytes that go out.
//!
//! Time passes between two rounds, so that finished transactions wait for their timers as they do at 1,000 calls a second, and end.

use contract::{Instant, NodeId};
use core::{net::SocketAddr, time::Duration};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use signaling::{
    effect::{Effect, Effects},
    flow::{ConnectionId, Flow, ListenerId, Transport},
    locate::Target,
    message::{Message, Method},
    settings::{
        CallSettings, Codes, DialPlan, DigestAlgorithm, Directory, Listener, MediaSettings, MessageSettings,
        RegistrationSettings, Settings, SubscriptionSettings,
    },
    transaction::{Answer, ClientFailure, ClientId, NextHop, OutRequest, ServerId, Stack, TransactionUser, Turn},
};
use std::sync::Arc;

const SDP: &str = "v=0\r\no=- 3854832 3854832 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 16384 RTP/AVP 0 8 9 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
    a=sendrecv\r\na=ptime:20\r\n";

/// A user that only remembers the last request.
#[derive(Default)]
struct User {
    request: Option<ServerId>,
}

impl TransactionUser for User {
    fn on_request(&mut self, _: &mut Turn<'_>, id: ServerId, _: &Message<'_>, _: Flow) {
        self.request = Some(id);
    }
    fn on_ack(&mut self, _: &mut Turn<'_>, _: &Message<'_>, _: Flow) {
        self.request = None;
    }
    fn on_cancel(&mut self, _: &mut Turn<'_>, _: ServerId) {}
    fn on_response(&mut self, _: &mut Turn<'_>, _: ClientId, _: &Message<'_>) {}
    fn on_failure(&mut self, _: &mut Turn<'_>, _: ClientId, _: ClientFailure) {}
    fn on_unacknowledged(&mut self, _: &mut Turn<'_>, _: ServerId) {}
    fn on_located(&mut self, _: &mut Turn<'_>, _: u64, _: Vec<Target>) {}
    fn on_flow_lost(&mut self, _: &mut Turn<'_>, _: ConnectionId) {}
}

fn stack() -> Stack {
    let listener = Listener {
        transport: Transport::Udp,
        bound: address("192.0.2.1:5060"),
        advertised: ("192.0.2.1".to_owned(), 5060),
    };
    let second = Duration::from_secs(1);
    let settings = Settings {
        node: NodeId(0),
        domain: "pbx.test".to_owned(),
        listeners: vec![listener],
        media: MediaSettings {
            shards: 1,
            advertised_v4: None,
            advertised_v6: None,
            silence_timeout: second,
            transcode: false,
            g729: false,
        },
        media_fingerprint: None,
        registration: RegistrationSettings { expires_min: second, expires_max: second, expires_default: second },
        subscription: SubscriptionSettings::default(),
        messages: MessageSettings::default(),
        digest: vec![DigestAlgorithm::Md5],
        recording: signaling::settings::RecordingSettings::default(),
        calls: CallSettings { length_max: second, ring_max: second, calls_max: 1, session_expires: second },
        directory: Directory::default(),
        codes: Codes::default(),
        trunks: signaling::settings::Trunks::default(),
        dial: DialPlan::default(),
    };
    Stack::new(Arc::new(settings), [1; 32])
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn message(method: &str, serial: u64, to_tag: &str, body: &str) -> Vec<u8> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:1002@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK-{serial:016x};rport\r\nMax-Forwards: 70\r\n\
         From: \"Alice Ames\" <sip:1001@pbx.test>;tag=af3-{serial:x}\r\nTo: <sip:1002@pbx.test>{to_tag}\r\nCall-ID: {serial:x}-8c9-ffe1@192.0.2.9\r\n\
         CSeq: 2 {method}\r\nContact: <sip:1001@192.0.2.9:5062;ob>\r\nUser-Agent: Bench Phone 1.0\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nSupported: replaces, timer, 100rel\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The rounds of one benchmark.
struct Round {
    stack: Stack,
    user: User,
    now: Instant,
    out: Effects,
    serial: u64,
    sent: usize,
}

impl Round {
    fn new() -> Self {
        Self { stack: stack(), user: User::default(), now: Instant::ORIGIN, out: Vec::new(), serial: 0, sent: 0 }
    }

    /// A new number, and 1 ms later.
    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.now = self.now + Duration::from_millis(1);
        self.stack.fire(self.now, &mut self.user, &mut self.out);
        self.serial
    }

    fn receive(&mut self, bytes: &[u8]) {
        let flow = Flow::datagram(ListenerId(0), address("192.0.2.9:5062"));
        self.stack.receive(self.now, flow, bytes, &mut self.user, &mut self.out);
    }

    /// As the shell does: everything that came out is looked at and dropped.
    fn flush(&mut self) {
        self.sent += self.out.iter().filter(|effect| matches!(effect, Effect::Transmit { .. })).count();
        self.out.clear();
    }
}

/// INVITE in, 100 out, 180 out, 200 out, ACK in: 5 messages.
fn server(round: &mut Round, invite: &[u8], ack: &[u8]) {
    round.receive(invite);
    let id = round.user.request.expect("a request");
    let ringing = Answer { to_tag: Some("b7c1d2e3f4a5968778695a4b"), record_route: true, ..Answer::new(180) };
    round.stack.respond(round.now, id, &ringing, &mut round.out);
    let contact = round.stack.contact_for(ListenerId(0), "1002");
    let answer = Answer {
        status: 200,
        headers: &[("Contact", &contact), ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")],
        body: Some(("application/sdp", SDP.as_bytes())),
        ..ringing
    };
    round.stack.respond(round.now, id, &answer, &mut round.out);
    round.receive(ack);
    round.stack.acknowledged(id);
    round.flush();
}

/// INVITE out, 100 in, 180 in, 200 in, ACK out: 5 messages.
fn client(round: &mut Round, from: &str, call_id: &str) {
    let hop =
        NextHop::Address { listener: ListenerId(0), remote: address("192.0.2.9:5062"), transport: Transport::Udp };
    let ask = OutRequest {
        method: Method::Invite,
        uri: "sip:1002@192.0.2.9:5062;ob",
        from,
        to: "<sip:1002@pbx.test>",
        call_id,
        cseq: 1,
        max_forwards: 69,
        routes: &[],
        contact: Some("<sip:1001@192.0.2.1:5060>"),
        headers: &[("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"), ("Supported", "replaces")],
        body: Some(("application/sdp", SDP.as_bytes())),
    };
    round.stack.request(round.now, hop.clone(), &ask, &mut round.out).expect("sent");
    let invite = round
        .out
        .iter()
        .find_map(|effect| if let Effect::Transmit { bytes, .. } = effect { Some(bytes.clone()) } else { None });
    let invite = invite.expect("an INVITE");
    let via_from = memchr_find(&invite, b"Via: ");
    let via_end = via_from + memchr_find(&invite[via_from..], b"\r\n");
    for (status, body) in [("100 Trying", ""), ("180 Ringing", ""), ("200 OK", SDP)] {
        let mut answer = Vec::with_capacity(1024);
        answer.extend(b"SIP/2.0 ");
        answer.extend(status.as_bytes());
        answer.extend(b"\r\n");
        answer.extend(&invite[via_from..via_end]);
        answer.extend(b"\r\nFrom: ");
        answer.extend(from.as_bytes());
        answer.extend(b"\r\nTo: <sip:1002@pbx.test>;tag=b7c1d2e3f4\r\nCall-ID: ");
        answer.extend(call_id.as_bytes());
        answer.extend(b"\r\nCSeq: 1 INVITE\r\nContact: <sip:1002@192.0.2.9:5062;ob>\r\nContent-Length: ");
        answer.extend(body.len().to_string().as_bytes());
        answer.extend(b"\r\n\r\n");
        answer.extend(body.as_bytes());
        round.receive(&answer);
    }
    let ack = OutRequest { method: Method::Ack, to: "<sip:1002@pbx.test>;tag=b7c1d2e3f4", body: None, ..ask };
    round.stack.send_ack(round.now, hop, &ack, &mut round.out).expect("sent");
    round.flush();
}

fn memchr_find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).expect("it is there")
}

fn transactions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transaction");
    group.throughput(Throughput::Elements(5));
    group.bench_function("server INVITE, 5 messages", |bencher| {
        let mut round = Round::new();
        bencher.iter_batched(
            || (),
            |()| {
                let serial = round.next();
                let invite = message("INVITE", serial, "", SDP);
                let ack = message("ACK", serial + (1 << 40), ";tag=b7c1d2e3f4a5968778695a4b", "");
                server(&mut round, &invite, &ack);
            },
            criterion::BatchSize::PerIteration,
        );
        assert!(round.sent > 0);
    });
    group.bench_function("of that, making the phone's two messages", |bencher| {
        let mut serial = 0;
        bencher.iter(|| {
            serial += 1;
            let invite = message("INVITE", serial, "", SDP);
            let ack = message("ACK", serial + (1 << 40), ";tag=b7c1d2e3f4a5968778695a4b", "");
            (invite, ack)
        });
    });
    group.bench_function("client INVITE, 5 messages", |bencher| {
        let mut round = Round::new();
        bencher.iter(|| {
            let serial = round.next();
            let from = format!("\"Alice Ames\" <sip:1001@pbx.test>;tag={serial:016x}");
            let call_id = format!("{serial:032x}");
            client(&mut round, &from, &call_id);
        });
        assert!(round.sent > 0);
    });
    group.bench_function("server BYE, 2 messages", |bencher| {
        let mut round = Round::new();
        bencher.iter(|| {
            let serial = round.next();
            round.receive(&message("BYE", serial, ";tag=b7c1d2e3f4", ""));
            let id = round.user.request.expect("a request");
            round.stack.respond(round.now, id, &Answer::new(200), &mut round.out);
            round.flush();
        });
    });
    group.finish();
}

criterion_group!(benches, transactions);
criterion_main!(benches);
