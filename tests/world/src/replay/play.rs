//! Playing: inputs at their times, timers between them, and the comparison of what is sent.

use super::{
    names::Names,
    scenario::{Scenario, Step, What},
    secrets,
};
use bytes::Bytes;
use contract::{Instant, LegReport, MediaEvent, MediaRefusal, MemberId, SessionId, Unsecured};
use core::{fmt, time::Duration};
use serde_json::Value;
use signaling::{
    effect::{Effect, Effects},
    fact::Fact,
    flow::{ConnectionId, Flow, FlowEnd},
    id::CallId,
    input::Input,
    pbx::Pbx,
    settings::Settings,
    wall::WallTime,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Any will do: what is drawn from it is another than then in any case.
const SEED: [u8; 32] = *b"the same call with other numbers";

/// What was played.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Played {
    /// Messages that came.
    pub came: usize,
    /// Messages that were sent and were the same.
    pub same: usize,
}

/// Where the run of now is another than that of then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Difference {
    /// A message that was sent then is not sent now.
    NotSent {
        /// When, from the first step.
        at: Duration,
        /// It.
        message: String,
        /// What was sent now, and what is different, of those that begin alike.
        nearest: String,
    },
    /// A message is sent now that was not sent then.
    Sent {
        /// It.
        message: String,
    },
    /// An invariant of the exchange does not hold.
    Violated(&'static str),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { at, message, nearest } => write!(f, "not sent at {at:?}:\n{message}\n{nearest}"),
            Self::Sent { message } => write!(f, "sent now and not then:\n{message}"),
            Self::Violated(invariant) => write!(f, "violated: {invariant}"),
        }
    }
}

/// Plays a scenario with the settings of its configuration.
///
/// # Errors
/// The first difference.
pub fn play(scenario: &Scenario, settings: &Arc<Settings>) -> Result<Played, Difference> {
    let mut player = Player {
        pbx: Pbx::new(Arc::clone(settings), SEED),
        settings: Arc::clone(settings),
        now: Instant::ORIGIN + Duration::from_secs(1_000),
        names: Names::default(),
        sent: VecDeque::new(),
        matched: Vec::new(),
        connections: BTreeMap::new(),
        calls_then: scenario.calls.clone(),
        calls_now: Vec::new(),
        played: Played::default(),
    };
    player.tell(Input::ClockRead(WallTime(scenario.began_at_s)))?;
    player.tell(Input::Restored(scenario.bindings.clone()))?;
    for (_, flow) in scenario.accepted() {
        // RFC 5626 section 4.4.1: whoever connected is known from his first octets on.
        player.tell(Input::Received { flow, bytes: b"\r\n\r\n" })?;
    }
    player.sent.clear();
    let start = player.now;
    for step in &scenario.steps {
        player.step(start, step)?;
    }
    player.finish()
}

struct Player {
    pbx: Pbx,
    settings: Arc<Settings>,
    now: Instant,
    names: Names,
    /// What was sent and not compared yet.
    sent: VecDeque<(Flow, Bytes)>,
    /// What was compared, of both runs: repetitions are as many as the clocks made them.
    matched: Vec<(Vec<u8>, Bytes)>,
    /// Streams that the exchange opened, by their names of then.
    connections: BTreeMap<ConnectionId, ConnectionId>,
    calls_then: Vec<String>,
    calls_now: Vec<CallId>,
    played: Played,
}

impl Player {
    fn step(&mut self, start: Instant, step: &Step) -> Result<(), Difference> {
        let at = start + step.at;
        match &step.what {
            What::In { flow, bytes } => {
                self.wait(at)?;
                let flow = self.flow(*flow);
                let text = String::from_utf8_lossy(bytes);
                let text = secrets::restored(&self.names.renamed(&text), &self.settings);
                self.played.came += 1;
                self.tell(Input::Received { flow, bytes: text.as_bytes() })
            }
            What::Out { flow, bytes } => {
                self.wait(at)?;
                self.compare(step.at, flow, bytes)
            }
            What::Media { call, event } => {
                self.wait(at)?;
                let known = self.calls_then.iter().position(|then| then == call);
                let session = known.and_then(|at| self.calls_now.get(at)).map(|call| call.session());
                match session.and_then(|session| media(session, event)) {
                    Some(event) => self.tell(Input::Media(event)),
                    None => Ok(()),
                }
            }
            What::Stream { connection, event } => {
                self.wait(at)?;
                let connection = self.connections.get(connection).copied().unwrap_or(*connection);
                let why = match event.as_str() {
                    "opened" => return self.tell(Input::FlowOpened { connection }),
                    "closed" => FlowEnd::Closed,
                    "not_opened" => FlowEnd::NotOpened,
                    "stalled" => FlowEnd::Stalled,
                    _ => FlowEnd::Failed,
                };
                self.tell(Input::FlowLost { connection, why })
            }
            What::Note => Ok(()),
        }
    }

    /// The flow of now that stands for one of then.
    fn flow(&self, mut flow: Flow) -> Flow {
        flow.connection = flow.connection.map(|then| self.connections.get(&then).copied().unwrap_or(then));
        flow
    }

    /// Lets the time come, with the timers that are due before it.
    fn wait(&mut self, until: Instant) -> Result<(), Difference> {
        while let Some(due) = self.pbx.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.tell(Input::Tick)?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn tell(&mut self, input: Input<'_>) -> Result<(), Difference> {
        let mut effects = Effects::new();
        self.pbx.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Transmit { flow, bytes } => self.sent.push_back((flow, bytes)),
                Effect::Fact(Fact::CallChanged { call, .. }) if !self.calls_now.contains(&call) => {
                    self.calls_now.push(call);
                }
                Effect::Fact(Fact::InvariantViolated { invariant }) => return Err(Difference::Violated(invariant)),
                // Shards, streams, names and the store answer as they did then, or not at all.
                Effect::OpenFlow { .. }
                | Effect::Resolve { .. }
                | Effect::CloseFlow { .. }
                | Effect::Media { .. }
                | Effect::Store { .. }
                | Effect::Reply { .. }
                | Effect::Fact(_) => {}
            }
        }
        self.pbx.check_invariants().map_err(Difference::Violated)
    }

    /// Finds the message of now that is one of then.
    fn compare(&mut self, at: Duration, flow: &Flow, then: &[u8]) -> Result<(), Difference> {
        let mut nearest = String::new();
        for place in 0..self.sent.len() {
            let (flow_now, now) = &self.sent[place];
            if flow_now.remote != flow.remote || flow_now.transport != flow.transport {
                continue;
            }
            match self.names.same(then, now) {
                Ok(()) => {
                    if let (Some(before), Some(after)) = (flow.connection, flow_now.connection) {
                        self.connections.insert(before, after);
                    }
                    let now = now.clone();
                    self.sent.remove(place);
                    self.matched.push((then.to_vec(), now));
                    self.played.same += 1;
                    return Ok(());
                }
                Err(why) if first_line(then) == first_line(now) => nearest = why,
                Err(_) => {}
            }
        }
        if self.matched.iter().any(|(before, _)| before == then) {
            return Ok(());
        }
        Err(Difference::NotSent { at, message: String::from_utf8_lossy(then).into_owned(), nearest })
    }

    /// Nothing of the call may be left that was not sent then.
    fn finish(mut self) -> Result<Played, Difference> {
        let repeated = |now: &Bytes| self.matched.iter().any(|(_, before)| before == now);
        let of_call = |now: &Bytes| {
            let call_id = call_id(now);
            call_id.is_some() && self.matched.iter().any(|(_, before)| self::call_id(before) == call_id)
        };
        let extra = self.sent.iter().find(|(_, now)| !repeated(now) && of_call(now));
        if let Some((_, now)) = extra {
            return Err(Difference::Sent { message: String::from_utf8_lossy(now).into_owned() });
        }
        self.sent.clear();
        Ok(self.played)
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == b'\r').next().unwrap_or_default()
}

fn call_id(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with("call-id:"));
    line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
}

/// What a shard told then, of the call of now; `None`: it was not told in full.
fn media(session: SessionId, event: &Value) -> Option<MediaEvent> {
    let member = || event["member"].as_u64().and_then(|member| u16::try_from(member).ok()).map(MemberId);
    let address = |name: &str| event[name].as_str()?.parse().ok();
    Some(match event["event"].as_str()? {
        "leg_opened" => MediaEvent::LegOpened { session, member: member()?, rtp: address("rtp")? },
        "leg_refused" => {
            let why = match event["why"].as_str()? {
                "ports_exhausted" => MediaRefusal::PortsExhausted,
                "descriptors_exhausted" => MediaRefusal::DescriptorsExhausted,
                "sessions_exhausted" => MediaRefusal::SessionsExhausted,
                _ => MediaRefusal::System(0),
            };
            MediaEvent::LegRefused { session, member: member()?, why }
        }
        "source_learned" => MediaEvent::SourceLearned { session, member: member()?, source: address("source")? },
        "leg_silent" => MediaEvent::LegSilent { session, member: member()? },
        "talk_changed" => MediaEvent::TalkChanged { session, member: member()?, talking: event["talking"].as_bool()? },
        "leg_secured" => MediaEvent::LegSecured { session, member: member()? },
        "leg_unsecured" => {
            let why = match event["why"].as_str()? {
                "WrongCertificate" => Unsecured::WrongCertificate,
                "HandshakeFailed" => Unsecured::HandshakeFailed,
                "ConsentLost" => Unsecured::ConsentLost,
                _ => Unsecured::BadKeys,
            };
            MediaEvent::LegUnsecured { session, member: member()?, why }
        }
        "leg_closed" => MediaEvent::LegClosed { session, member: member()?, report: LegReport::default() },
        "session_closed" => MediaEvent::SessionClosed { session },
        // Which key was pressed is not told, and recordings have names of their own.
        _ => return None,
    })
}
