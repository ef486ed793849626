//! The line: a `Pbx`, a clock, a mailbox for every address, and obliging media and store.

use super::Sip;
use contract::{Instant, LegReport, MediaCommand, MediaEvent, MediaRefusal, MemberId, SessionId};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    dns::{Question, Record, RecordKind, Resolution},
    effect::{Ask, Effect, Reply, StatusView},
    fact::{CallRecord, CallState, Fact},
    flow::{ConnectionId, Flow, FlowEnd, ListenerId, Transport},
    id::{CallId, QueryId, Ticket},
    input::{Command, Input, StoreFault},
    pbx::Pbx,
    settings::{
        CallSettings, CallerId, Codes, DialPlan, DigestAlgorithm, Directory, Dtmf, Encryption, Extension, Forward,
        Host, Listener, MediaSettings, MessageSettings, Nat, Permissions, Place, RegistrationSettings, Secret,
        Settings, SubscriptionSettings, Visibility,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

pub const DOMAIN: &str = "pbx.test";
pub const SECRET: &str = "Kf3-first-wheel-9";

/// An account as the tests know it; changed by the one who wants it otherwise.
pub fn extension(number: &str, name: &str) -> Extension {
    Extension {
        number: number.into(),
        name: name.into(),
        auth_user: format!("user-{number}"),
        secret: Secret::new(SECRET),
        caller_id: CallerId::default(),
        language: "en".into(),
        call_groups: Vec::new(),
        pickup_groups: Vec::new(),
        context: "internal".into(),
        host: Host::Dynamic,
        permissions: Permissions { transfer: true, ..Permissions::default() },
        call_limit: 4,
        codecs: Vec::new(),
        nat: Nat::Auto,
        dtmf: Dtmf::default(),
        encryption: Encryption::Off,
        music: "default".into(),
        record: None,
        no_answer_after: Duration::from_secs(30),
        visibility: Visibility::Full,
        forward: Forward::default(),
        place: Place::default(),
    }
}

pub fn settings() -> Settings {
    let listener = |transport| Listener {
        transport,
        bound: "10.0.0.1:5060".parse().unwrap(),
        advertised: ("10.0.0.1".into(), 5060),
    };
    Settings {
        node: contract::NodeId(1),
        domain: DOMAIN.into(),
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        media: MediaSettings {
            shards: 2,
            advertised_v4: None,
            advertised_v6: None,
            silence_timeout: Duration::from_secs(60),
            transcode: false,
            g729: false,
        },
        media_fingerprint: None,
        registration: RegistrationSettings {
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(7200),
            expires_default: Duration::from_secs(3600),
        },
        subscription: SubscriptionSettings::default(),
        messages: MessageSettings { kept_max: 3, keep: Duration::from_secs(86_400) },
        digest: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
        recording: signaling::settings::RecordingSettings::default(),
        calls: CallSettings {
            length_max: Duration::from_secs(7200),
            ring_max: Duration::from_secs(60),
            calls_max: 100,
            session_expires: Duration::from_secs(1_800),
        },
        directory: Directory::new([
            extension("1001", "Alice Ames"),
            extension("1002", "Boris Bell"),
            extension("1003", "Carol Chu"),
        ]),
        codes: Codes {
            echo: Some("*43".into()),
            blind_transfer: Some("#".into()),
            attended_transfer: Some("*2".into()),
            transfer_abort: Some("*0".into()),
            transfer_three_way: Some("*3".into()),
        },
        trunks: signaling::settings::Trunks::default(),
        dial: DialPlan::default(),
    }
}

/// What name servers know, and for how long that may be believed.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    pub records: BTreeMap<&'static str, Vec<Record>>,
    pub ttl: Duration,
}

impl Zone {
    fn answer(&self, question: &Question) -> Resolution {
        let kind = |record: &Record| match record {
            Record::Naptr { .. } => RecordKind::Naptr,
            Record::Srv { .. } => RecordKind::Srv,
            Record::Address(address) if address.is_ipv4() => RecordKind::A,
            Record::Address(_) => RecordKind::Aaaa,
        };
        let known = self.records.get(question.name.as_str()).into_iter().flatten();
        let records: Vec<_> = known.filter(|record| kind(record) == question.kind).cloned().collect();
        match records.is_empty() {
            true => Resolution::Nothing { ttl: self.ttl },
            false => Resolution::Found { records, ttl: self.ttl },
        }
    }
}

/// The line.
pub struct Line {
    pub pbx: Pbx,
    pub now: Instant,
    mailboxes: BTreeMap<SocketAddr, VecDeque<Sip>>,
    pub facts: Vec<Fact>,
    pub media: Vec<MediaCommand>,
    pub replies: Vec<Reply>,
    pub asks: Vec<(QueryId, Ask)>,
    pub opened: Vec<(ConnectionId, SocketAddr)>,
    /// Media answers at once.
    pub media_obliging: bool,
    /// The next legs are refused.
    pub media_full: bool,
    /// The store answers at once, this.
    pub store: Option<Result<(), StoreFault>>,
    /// Name servers answer at once, this; `None`: they are silent.
    pub zone: Option<Zone>,
    /// What they were asked.
    pub questions: usize,
    /// Bytes to these addresses are lost.
    pub deaf: BTreeSet<SocketAddr>,
    legs: BTreeSet<(SessionId, MemberId)>,
    next_port: u16,
}

impl Line {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        Self {
            pbx: Pbx::new(Arc::new(settings), [7; 32]),
            now: Instant::ORIGIN + Duration::from_secs(1000),
            mailboxes: BTreeMap::new(),
            facts: Vec::new(),
            media: Vec::new(),
            replies: Vec::new(),
            asks: Vec::new(),
            opened: Vec::new(),
            media_obliging: true,
            media_full: false,
            store: Some(Ok(())),
            zone: None,
            questions: 0,
            deaf: BTreeSet::new(),
            legs: BTreeSet::new(),
            next_port: 10_000,
        }
    }

    /// Lets something happen, and everything that follows from it at once.
    pub fn happen(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.pbx.handle(self.now, input, &mut out);
        self.pbx.check_invariants().unwrap_or_else(|broken| panic!("{broken}"));
        for effect in out {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Transmit { flow, bytes } => {
                let message = Sip::read(&bytes);
                if !self.deaf.contains(&flow.remote) {
                    self.mailboxes.entry(flow.remote).or_default().push_back(message);
                }
            }
            Effect::OpenFlow { connection, remote, .. } => self.opened.push((connection, remote)),
            Effect::CloseFlow { .. } => {}
            Effect::Resolve { lookup, question } => {
                self.questions += 1;
                if let Some(resolution) = self.zone.as_ref().map(|zone| zone.answer(&question)) {
                    self.happen(Input::Resolved { lookup, resolution });
                }
            }
            Effect::Media { command, .. } => {
                self.media.push(command.clone());
                if self.media_obliging {
                    self.oblige(&command);
                }
            }
            Effect::Store { query, ask } => {
                self.asks.push((query, ask));
                if let Some(outcome) = self.store {
                    self.happen(Input::Stored { query, outcome });
                }
            }
            Effect::Reply { reply, .. } => self.replies.push(reply),
            Effect::Fact(fact) => self.facts.push(fact),
        }
    }

    /// Answers a media command as a shard would.
    pub fn oblige(&mut self, command: &MediaCommand) {
        match command {
            MediaCommand::OpenLeg { session, member, .. } if self.media_full => {
                let why = MediaRefusal::PortsExhausted;
                self.happen(Input::Media(MediaEvent::LegRefused { session: *session, member: *member, why }));
            }
            MediaCommand::OpenLeg { session, member, spec } => {
                self.legs.insert((*session, *member));
                let ours = if spec.ipv6 { "2001:db8::1" } else { "10.0.0.1" };
                let rtp = SocketAddr::new(ours.parse().unwrap(), self.next_port);
                self.next_port += 2;
                self.happen(Input::Media(MediaEvent::LegOpened { session: *session, member: *member, rtp }));
            }
            MediaCommand::MoveLeg { session, member, to, name } => {
                assert!(self.legs.remove(&(*session, *member)), "who is moved is there");
                assert!(self.legs.insert((*to, *name)), "a name is used once");
            }
            MediaCommand::CloseMember { session, member } => self.close_leg(*session, *member),
            MediaCommand::CloseSession { session } => {
                let legs: Vec<_> = self.legs.iter().filter(|(of, _)| of == session).copied().collect();
                for (session, member) in legs {
                    self.close_leg(session, member);
                }
                self.happen(Input::Media(MediaEvent::SessionClosed { session: *session }));
            }
            MediaCommand::OpenDevice { .. }
            | MediaCommand::DescribeLeg { .. }
            | MediaCommand::SetHearing { .. }
            | MediaCommand::SetRecording { .. }
            | MediaCommand::SendDigits { .. } => {}
        }
    }

    fn close_leg(&mut self, session: SessionId, member: MemberId) {
        if self.legs.remove(&(session, member)) {
            let report = LegReport { packets_received: 5, ..LegReport::default() };
            self.happen(Input::Media(MediaEvent::LegClosed { session, member, report }));
        }
    }

    /// Ports that shards still hold.
    pub fn ports(&self) -> usize {
        self.legs.len()
    }

    /// A datagram comes from `from`.
    pub fn send(&mut self, from: SocketAddr, text: &str) {
        // The third listener of a test is of the other family.
        let listener = ListenerId(if from.is_ipv6() { 2 } else { 0 });
        self.happen(Input::Received { flow: Flow::datagram(listener, from), bytes: text.as_bytes() });
    }

    /// Bytes come on a stream.
    pub fn send_on(&mut self, connection: ConnectionId, from: SocketAddr, text: &str) {
        self.happen(Input::Received { flow: Flow::stream(ListenerId(1), from, connection), bytes: text.as_bytes() });
    }

    /// A stream ends.
    pub fn lose(&mut self, connection: ConnectionId) {
        self.happen(Input::FlowLost { connection, why: FlowEnd::Closed });
    }

    /// Lets time pass; every deadline in between is kept.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.pbx.deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.happen(Input::Tick);
        }
        self.now = end;
    }

    pub fn pass_seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// The next message for `to`, if any.
    pub fn take(&mut self, to: SocketAddr) -> Option<Sip> {
        self.mailboxes.get_mut(&to)?.pop_front()
    }

    fn skip_trying(&mut self, to: SocketAddr) {
        if let Some(mailbox) = self.mailboxes.get_mut(&to) {
            mailbox.retain(|message| message.status() != 100);
        }
    }

    /// The next message for `to`, which must begin like this: a status or a method.
    #[track_caller]
    pub fn expect(&mut self, to: SocketAddr, what: &str) -> Sip {
        if what != "100" {
            self.skip_trying(to);
        }
        let message = self.take(to).unwrap_or_else(|| panic!("{to} waits for {what} in vain"));
        let found = message.start.trim_start_matches("SIP/2.0 ").to_owned();
        assert!(found.starts_with(what), "{to} waits for {what}, gets {found}\n{message:?}");
        message
    }

    /// Nothing is in the mailbox of `to`.
    #[track_caller]
    pub fn expect_silence(&mut self, to: SocketAddr) {
        self.skip_trying(to);
        if let Some(message) = self.take(to) {
            panic!("{to} wants silence, gets {}", message.start);
        }
    }

    /// Everything in the mailbox of `to` is thrown away.
    pub fn forget(&mut self, to: SocketAddr) {
        self.mailboxes.remove(&to);
    }

    pub fn order(&mut self, command: Command) -> Reply {
        self.happen(Input::Asked { ticket: Ticket(1), command });
        self.replies.pop().expect("every command is answered")
    }

    pub fn status(&self) -> StatusView {
        self.pbx.status()
    }

    /// The records written so far.
    pub fn records(&self) -> Vec<CallRecord> {
        let record = |fact: &Fact| match fact {
            Fact::CallEnded(record) => Some((**record).clone()),
            _ => None,
        };
        self.facts.iter().filter_map(record).collect()
    }

    /// The only record.
    #[track_caller]
    pub fn record(&self) -> CallRecord {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "one record a call");
        records.remove(0)
    }

    /// States told of calls, in order.
    pub fn states(&self) -> Vec<CallState> {
        let state = |fact: &Fact| match fact {
            Fact::CallChanged { state, .. } => Some(*state),
            _ => None,
        };
        self.facts.iter().filter_map(state).collect()
    }

    /// Who hears whom in the only call: pairs (listener, speaker).
    #[track_caller]
    pub fn heard(&self) -> Vec<(u16, u16)> {
        let tables: Vec<_> = self.pbx.hearing().collect();
        assert_eq!(tables.len(), 1, "one call");
        let table = tables[0].1;
        let rows = table.rows().iter();
        rows.flat_map(|row| table.speakers_to(row.member).map(|speaker| (row.member.0, speaker.0))).collect()
    }

    /// The only call.
    #[track_caller]
    pub fn call(&self) -> CallId {
        let calls: Vec<_> = self.pbx.hearing().map(|(call, _)| call).collect();
        assert_eq!(calls.len(), 1, "one call");
        calls[0]
    }

    /// After every timer nothing is left but bindings.
    #[track_caller]
    pub fn expect_rest(&mut self) {
        self.pass_seconds(100);
        let status = self.status();
        let rest = StatusView {
            bindings: status.bindings,
            registrations: status.registrations,
            subscriptions: status.subscriptions,
            publications: status.publications,
            messages: status.messages,
            trunks_up: status.trunks_up,
            draining: status.draining,
            streams: status.streams,
            ..StatusView::default()
        };
        let status = StatusView { timers: 0, ..status };
        assert_eq!(status, rest);
        assert_eq!(self.ports(), 0, "ports are returned");
    }
}
