//! A stack with a user that writes down what it is told, and messages to feed it.

use contract::{Instant, NodeId};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    effect::{Effect, Effects},
    fact::{DropReason, Fact},
    flow::{ConnectionId, Flow, FlowEnd, ListenerId, Transport},
    locate::Target,
    message::{Index, Malformed, Message, Method},
    settings::{
        CallSettings, Codes, DialPlan, DigestAlgorithm, Directory, Listener, MediaSettings, MessageSettings,
        RegistrationSettings, Settings, SubscriptionSettings,
    },
    transaction::{
        Answer, ClientFailure, ClientId, NextHop, NotSent, OutRequest, SentAck, ServerId, Stack, TransactionUser, Turn,
    },
};
use std::sync::Arc;

/// What the user was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    Request(ServerId, String),
    Ack,
    Cancel(ServerId),
    Response(ClientId, u16),
    Failure(ClientId, ClientFailure),
    Unacknowledged(ServerId),
    Located(u64, Vec<Target>),
    FlowLost(ConnectionId),
}

#[derive(Debug, Default)]
pub(crate) struct User {
    pub(crate) heard: Vec<Heard>,
    /// Answers requests with this at once.
    pub(crate) answers: Option<u16>,
}

impl TransactionUser for User {
    fn on_request(&mut self, turn: &mut Turn<'_>, id: ServerId, request: &Message<'_>, _: Flow) {
        let method = request.method().expect("a request");
        self.heard.push(Heard::Request(id, String::from_utf8_lossy(method.as_bytes()).into_owned()));
        if let Some(status) = self.answers {
            turn.stack.respond(turn.now, id, &Answer::new(status), turn.out);
        }
    }

    fn on_ack(&mut self, _: &mut Turn<'_>, _: &Message<'_>, _: Flow) {
        self.heard.push(Heard::Ack);
    }

    fn on_cancel(&mut self, turn: &mut Turn<'_>, invite: ServerId) {
        self.heard.push(Heard::Cancel(invite));
        turn.stack.respond(turn.now, invite, &Answer::new(487), turn.out);
    }

    fn on_response(&mut self, _: &mut Turn<'_>, id: ClientId, response: &Message<'_>) {
        self.heard.push(Heard::Response(id, response.status().expect("a response")));
    }

    fn on_failure(&mut self, _: &mut Turn<'_>, id: ClientId, why: ClientFailure) {
        self.heard.push(Heard::Failure(id, why));
    }

    fn on_unacknowledged(&mut self, _: &mut Turn<'_>, id: ServerId) {
        self.heard.push(Heard::Unacknowledged(id));
    }

    fn on_located(&mut self, _: &mut Turn<'_>, name: u64, targets: Vec<Target>) {
        self.heard.push(Heard::Located(name, targets));
    }

    fn on_flow_lost(&mut self, _: &mut Turn<'_>, connection: ConnectionId) {
        self.heard.push(Heard::FlowLost(connection));
    }
}

pub(crate) const PHONE: &str = "192.0.2.9:5062";

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(crate) fn udp(remote: &str) -> Flow {
    Flow::datagram(ListenerId(0), address(remote))
}

pub(crate) fn tcp(remote: &str, connection: u64) -> Flow {
    Flow::stream(ListenerId(1), address(remote), ConnectionId(connection))
}

/// One thing sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) flow: Flow,
    pub(crate) text: String,
}

impl Sent {
    /// The first line without the version.
    pub(crate) fn line(&self) -> &str {
        let line = self.text.lines().next().unwrap_or_default();
        line.strip_prefix("SIP/2.0 ").unwrap_or(line)
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let prefix = format!("{name}: ");
        let found = self.text.lines().find_map(|line| line.strip_prefix(&prefix));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.text)).to_owned()
    }

    pub(crate) fn to(&self) -> String {
        format!("{} {}", self.flow.transport, self.flow.remote)
    }
}

pub(crate) struct Rig {
    pub(crate) stack: Stack,
    pub(crate) user: User,
    pub(crate) now: Instant,
    pub(crate) out: Effects,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let listener = |transport| Listener {
            transport,
            bound: address("192.0.2.1:5060"),
            advertised: ("192.0.2.1".to_owned(), 5060),
        };
        Self::with(vec![listener(Transport::Udp), listener(Transport::Tcp)])
    }

    pub(crate) fn with(listeners: Vec<Listener>) -> Self {
        let second = Duration::from_secs(1);
        let settings = Settings {
            node: NodeId(0),
            domain: "pbx.test".to_owned(),
            listeners,
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
        Self {
            stack: Stack::new(Arc::new(settings), [3; 32]),
            user: User::default(),
            now: Instant::ORIGIN,
            out: Vec::new(),
        }
    }

    pub(crate) fn receive(&mut self, flow: Flow, bytes: impl AsRef<[u8]>) {
        self.stack.receive(self.now, flow, bytes.as_ref(), &mut self.user, &mut self.out);
        self.check();
    }

    /// Something came from [`PHONE`] by UDP.
    pub(crate) fn datagram(&mut self, bytes: impl AsRef<[u8]>) {
        self.receive(udp(PHONE), bytes);
    }

    pub(crate) fn lost(&mut self, connection: ConnectionId, why: FlowEnd) {
        self.stack.flow_lost(self.now, connection, why, &mut self.user, &mut self.out);
        self.check();
    }

    pub(crate) fn check(&self) {
        assert_eq!(self.stack.check_invariants(), Ok(()));
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(due) = self.stack.deadline().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.stack.fire(self.now, &mut self.user, &mut self.out);
            self.check();
        }
        self.now = until;
    }

    /// Lets time pass and tells when something was sent, in ms from now, and its first line.
    pub(crate) fn watch(&mut self, ms: u64) -> Vec<(u64, String)> {
        let (from, until) = (self.now, self.now + Duration::from_millis(ms));
        let mut seen = Vec::new();
        while let Some(due) = self.stack.deadline().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.stack.fire(self.now, &mut self.user, &mut self.out);
            self.check();
            let at = u64::try_from(self.now.since(from).as_millis()).expect("a short test");
            seen.extend(self.sent().into_iter().map(|sent| (at, sent.line().to_owned())));
        }
        self.now = until;
        seen
    }

    /// What was sent since the last look.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        for effect in &self.out {
            if let Effect::Transmit { flow, bytes } = effect {
                // Everything we say can be read without a fault, but for what a broken request did not give us to repeat.
                if bytes.len() > 4 {
                    let mut index = Index::new();
                    let fault = index.parse(bytes).expect("SIP").fault();
                    assert!(matches!(fault, None | Some(Malformed::Missing(_))), "{fault:?}");
                }
                let text = String::from_utf8(bytes.to_vec()).expect("text");
                sent.push(Sent { flow: *flow, text });
            }
        }
        self.out.clear();
        sent
    }

    /// First lines of what was sent since the last look.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        self.sent().iter().map(|sent| sent.line().to_owned()).collect()
    }

    /// The one thing sent since the last look.
    pub(crate) fn only(&mut self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    pub(crate) fn drops(&self) -> Vec<DropReason> {
        let dropped = self
            .out
            .iter()
            .filter_map(|effect| if let Effect::Fact(Fact::Dropped { why, .. }) = effect { Some(*why) } else { None });
        dropped.collect()
    }

    pub(crate) fn closed(&self) -> Vec<ConnectionId> {
        let closed = self
            .out
            .iter()
            .filter_map(|effect| if let Effect::CloseFlow { connection } = effect { Some(*connection) } else { None });
        closed.collect()
    }

    /// Streams asked for since the last look, and where to.
    pub(crate) fn opened(&self) -> Vec<(ConnectionId, String)> {
        let opened = self.out.iter().filter_map(|effect| {
            let Effect::OpenFlow { connection, remote, .. } = effect else { return None };
            Some((*connection, remote.to_string()))
        });
        opened.collect()
    }

    pub(crate) fn heard(&mut self) -> Vec<Heard> {
        core::mem::take(&mut self.user.heard)
    }

    /// The request just told.
    pub(crate) fn request_heard(&mut self) -> ServerId {
        match self.heard()[..] {
            [Heard::Request(id, _)] => id,
            ref other => panic!("{other:?}"),
        }
    }

    pub(crate) fn respond(&mut self, id: ServerId, status: u16) {
        self.stack.respond(self.now, id, &Answer::new(status), &mut self.out);
        self.check();
    }

    pub(crate) fn ask(&mut self, method: Method<'_>, hop: NextHop, body: &[u8]) -> Result<ClientId, NotSent> {
        let ask = ask(method, body);
        let id = self.stack.request(self.now, hop, &ask, &mut self.out);
        self.check();
        id
    }

    pub(crate) fn ack(&mut self, hop: NextHop) -> Result<SentAck, NotSent> {
        self.stack.send_ack(self.now, hop, &ask(Method::Ack, b""), &mut self.out)
    }

    /// Everything is over when all timers have passed.
    pub(crate) fn ends_empty(mut self) {
        self.pass(200_000);
        let census = self.stack.census();
        assert_eq!((census.transactions, census.timers), (0, 0), "{census:?}");
    }
}

fn ask<'a>(method: Method<'a>, body: &'a [u8]) -> OutRequest<'a> {
    OutRequest {
        method,
        uri: "sip:1002@192.0.2.9:5062",
        from: "<sip:1001@pbx.test>;tag=ours",
        to: "<sip:1002@pbx.test>",
        call_id: "call-1",
        cseq: 7,
        max_forwards: 70,
        routes: &[],
        contact: Some("<sip:1001@192.0.2.1:5060>"),
        headers: &[("X-Test", "yes")],
        body: if body.is_empty() { None } else { Some(("application/sdp", body)) },
    }
}

pub(crate) fn by_udp() -> NextHop {
    NextHop::Address { listener: ListenerId(0), remote: address(PHONE), transport: Transport::Udp }
}

pub(crate) fn by_tcp() -> NextHop {
    NextHop::Address { listener: ListenerId(1), remote: address(PHONE), transport: Transport::Tcp }
}

/// A request from [`PHONE`] with this branch.
pub(crate) fn request(method: &str, branch: &str) -> String {
    from_phone(method, &format!("SIP/2.0/UDP 192.0.2.9:5062;branch={branch}"), "")
}

/// A request with this Via value and To tag.
pub(crate) fn from_phone(method: &str, via: &str, to_tag: &str) -> String {
    let call = via.strip_prefix("SIP/2.0/UDP 192.0.2.9:5062;branch=").unwrap_or(via);
    let call = call.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    format!(
        "{method} sip:1002@192.0.2.1 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: <sip:1001@pbx.test>;tag=theirs\r\n\
         To: <sip:1002@pbx.test>{to_tag}\r\nCall-ID: call-{call}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The answer of the far side to something we sent.
pub(crate) fn answer(sent: &Sent, status: u16, tag: &str) -> String {
    let lines = ["Via", "From", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", sent.header(name)));
    format!(
        "SIP/2.0 {status} Whatever\r\n{}To: {};tag={tag}\r\nContent-Length: 0\r\n\r\n",
        lines.concat(),
        sent.header("To")
    )
}
