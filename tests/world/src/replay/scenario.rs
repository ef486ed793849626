//! The file of a scenario, `ironbell-scenario/1`: one JSON object.

use core::{fmt, net::SocketAddr, time::Duration};
use serde_json::Value;
use signaling::{
    flow::{ConnectionId, Flow, ListenerId, Transport},
    input::StoredBinding,
    settings::Listener,
};

/// The form that is read.
const FORM: &str = "ironbell-scenario/1";

/// A call that happened.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The configuration of the exchange, as its loader reads it; secrets are replaced.
    pub configuration: String,
    /// Its sockets.
    pub listeners: Vec<Listener>,
    /// Its media cores.
    pub shards: u16,
    /// When it began, seconds since 1970.
    pub(crate) began_at_s: i64,
    /// The names of the calls then.
    pub(crate) calls: Vec<String>,
    /// The phones that were registered.
    pub(crate) bindings: Vec<StoredBinding>,
    /// What happened.
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// From the first.
    pub(crate) at: Duration,
    pub(crate) what: What,
}

/// What happened in a step.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A message came.
    In { flow: Flow, bytes: Vec<u8> },
    /// A message was sent.
    Out { flow: Flow, bytes: Vec<u8> },
    /// A shard told something about this call.
    Media { call: String, event: Value },
    /// Something happened to a stream.
    Stream { connection: ConnectionId, event: String },
    /// Words for people.
    Note,
}

/// Why a file is no scenario.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn missing(what: &str) -> Unreadable {
    Unreadable(format!("{what} is missing or not readable"))
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// It is none, or of another version.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let whole: Value = serde_json::from_str(text).map_err(|fault| Unreadable(fault.to_string()))?;
        if whole["form"] != FORM {
            return Err(Unreadable(format!("the form is {} and not {FORM}", whole["form"])));
        }
        let list = |name: &str| whole[name].as_array().ok_or_else(|| missing(name));
        let listeners = list("listeners")?.iter().map(listener).collect::<Option<_>>();
        let bindings = list("bindings")?.iter().map(binding).collect::<Option<_>>();
        let steps = list("steps")?.iter().enumerate();
        let steps = steps.map(|(at, value)| step(value).ok_or_else(|| missing(&format!("steps[{at}]"))));
        Ok(Self {
            configuration: whole["configuration"].to_string(),
            listeners: listeners.ok_or_else(|| missing("listeners"))?,
            shards: number(&whole["shards"]).ok_or_else(|| missing("shards"))?,
            began_at_s: whole["began_at_s"].as_i64().ok_or_else(|| missing("began_at_s"))?,
            calls: list("calls")?.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            bindings: bindings.ok_or_else(|| missing("bindings"))?,
            steps: steps.collect::<Result<_, _>>()?,
        })
    }

    /// Streams that others had connected, with their flows.
    pub(crate) fn accepted(&self) -> Vec<(ConnectionId, Flow)> {
        let mut found: Vec<(ConnectionId, Flow)> = Vec::new();
        for step in &self.steps {
            let (What::In { flow, .. } | What::Out { flow, .. }) = &step.what else { continue };
            let Some(connection) = flow.connection else { continue };
            if connection < ConnectionId::outbound(0) && !found.iter().any(|(known, _)| *known == connection) {
                found.push((connection, *flow));
            }
        }
        found
    }
}

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    T::try_from(value.as_u64()?).ok()
}

fn transport(value: &Value) -> Option<Transport> {
    let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
    all.into_iter().find(|transport| value == transport.lower())
}

fn address(value: &Value) -> Option<SocketAddr> {
    value.as_str()?.parse().ok()
}

fn listener(value: &Value) -> Option<Listener> {
    Some(Listener {
        transport: transport(&value["transport"])?,
        bound: address(&value["bound"])?,
        advertised: (value["host"].as_str()?.to_owned(), number(&value["port"])?),
    })
}

fn binding(value: &Value) -> Option<StoredBinding> {
    Some(StoredBinding {
        number: value["number"].as_str()?.to_owned(),
        contact: value["contact"].as_str()?.to_owned(),
        q_milli: 1_000,
        path: Vec::new(),
        call_id: "replayed".to_owned(),
        cseq: 1,
        user_agent: String::new(),
        transport: transport(&value["transport"])?,
        source: address(&value["source"])?,
        listener: number(&value["listener"])?,
        behind_nat: value["behind_nat"].as_bool()?,
        expires_in: Duration::from_secs(3_600),
    })
}

fn step(value: &Value) -> Option<Step> {
    let field = |name: &str| value.get(name).filter(|value| value.is_object());
    let what = if let Some(message) = field("in") {
        What::In { flow: flow(message)?, bytes: bytes(message)? }
    } else if let Some(message) = field("out") {
        What::Out { flow: flow(message)?, bytes: bytes(message)? }
    } else if let Some(event) = field("media") {
        What::Media { call: value["call"].as_str()?.to_owned(), event: event.clone() }
    } else if let Some(event) = field("stream") {
        let connection = ConnectionId(event["connection"].as_str()?.parse().ok()?);
        What::Stream { connection, event: event["event"].as_str()?.to_owned() }
    } else {
        What::Note
    };
    Some(Step { at: Duration::from_nanos(value["at_ns"].as_u64()?), what })
}

fn flow(message: &Value) -> Option<Flow> {
    let connection = message["connection"].as_str();
    let connection = connection.map(|name| name.parse().map(ConnectionId)).transpose().ok()?;
    let (listener, transport) = (ListenerId(number(&message["listener"])?), transport(&message["transport"])?);
    Some(Flow { listener, remote: address(&message["remote"])?, connection, transport })
}

fn bytes(message: &Value) -> Option<Vec<u8>> {
    if let Some(text) = message["text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let hex = message["hex"].as_str()?;
    (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_scenario_is_said() {
        let fault = |text: &str| Scenario::read(text).unwrap_err().0;
        assert!(fault("{").contains("EOF"));
        assert_eq!(fault("{\"form\":\"x\"}"), "the form is \"x\" and not ironbell-scenario/1");
        let start = format!("{{\"form\":\"{FORM}\",\"configuration\":{{}},\"listeners\":[],\"bindings\":[]");
        assert_eq!(fault(&format!("{start}}}")), "steps is missing or not readable");
        let steps = r#","shards":1,"began_at_s":1,"calls":[],"steps":[{"at_ns":1,"in":{}}]}"#;
        assert_eq!(fault(&format!("{start}{steps}")), "steps[0] is missing or not readable");
    }
}
