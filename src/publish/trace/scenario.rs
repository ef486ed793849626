//! A trace as a scenario of the simulator: what the exchange was, what came to it, and what it sent, so that the call can be played again.
//!
//! One JSON object. `configuration` is that of the exchange with secrets replaced by others that anybody may know; `bindings` are the phones that were
//! called; `steps` are inputs and outputs in order, their times from the first. Whoever plays it again answers challenges with the replaced secrets, and
//! takes what the exchange draws at random (tags, branches, Call-IDs, nonces) as names for what its own run draws.

use super::{
    gather::{Leg, Trace},
    record::{Content, Note, Passed, Record},
};
use crate::config::{Config, MASK};
use serde_json::{Map, Value, json};
use signaling::{message::Index, settings::Listener};

/// The name of the form and its version.
pub const FORM: &str = "ironbell-scenario/1";

/// What of the exchange a scenario holds beside the trace.
#[derive(Clone, Debug)]
pub struct Stage {
    configuration: Value,
    listeners: Value,
    shards: u16,
}

impl Stage {
    /// The exchange with this configuration and these sockets.
    #[must_use]
    pub fn new(config: &Config, listeners: &[Listener], shards: u16) -> Self {
        let listener = |one: &Listener| json!({ "transport": one.transport.lower(), "bound": one.bound, "host": one.advertised.0, "port": one.advertised.1 });
        Self {
            configuration: replaced(serde_json::to_value(config).unwrap_or_default()),
            listeners: listeners.iter().map(listener).collect(),
            shards,
        }
    }
}

/// The configuration with secrets that anybody may know, and without what a call has nothing to do with.
fn replaced(mut whole: Value) -> Value {
    let Some(sections) = whole.as_object_mut() else { return Value::Null };
    for section in ["api", "store", "logging", "mail"] {
        sections.remove(section);
    }
    if let Some(server) = sections.get_mut("server").and_then(Value::as_object_mut) {
        server.remove("trace");
        server.remove("data_dir");
        if let Some(sip) = server.get_mut("sip").and_then(Value::as_object_mut) {
            sip.remove("tls");
        }
    }
    for (section, key) in [("extensions", "number"), ("trunks", "name")] {
        for item in sections.get_mut(section).and_then(Value::as_array_mut).into_iter().flatten() {
            let name = item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(item) = item.as_object_mut()
                && item.get("secret").and_then(Value::as_str) == Some(MASK)
            {
                item.insert("secret".to_owned(), secret_of(&name).into());
            }
        }
    }
    forget_masked(&mut whole);
    whole
}

/// The secret of an account or trunk in a scenario.
fn secret_of(name: &str) -> String {
    format!("Replayed-Wheel-{name}-9x")
}

/// Takes out every secret that is left.
fn forget_masked(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| value.as_str() != Some(MASK));
            fields.values_mut().for_each(forget_masked);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_masked),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The scenario of a trace.
#[must_use]
pub fn write(trace: &Trace, stage: &Stage) -> Value {
    let first = trace.entries.first().map(|entry| entry.stamp).unwrap_or_default();
    let steps = trace.entries.iter().map(|entry| {
        let at = entry.stamp.mono_ns.saturating_sub(first.mono_ns);
        let mut step = step(entry);
        step.insert("at_ns".to_owned(), at.into());
        if let Some(call) = entry.stamp.call {
            step.insert("call".to_owned(), call.to_string().into());
        }
        if let Some(leg) = entry.stamp.leg {
            step.insert("leg".to_owned(), leg.into());
        }
        Value::Object(step)
    });
    json!({
        "form": FORM,
        "program": env!("CARGO_PKG_VERSION"),
        "calls": trace.calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "began_at_s": first.wall_us / 1_000_000,
        "configuration": stage.configuration,
        "listeners": stage.listeners,
        "shards": stage.shards,
        "bindings": bindings(trace),
        "steps": steps.collect::<Vec<_>>(),
        "cut": trace.cut,
    })
}

fn step(entry: &Record) -> Map<String, Value> {
    let (name, value) = match &entry.content {
        Content::Message(passed) => (if passed.inbound { "in" } else { "out" }, message(passed)),
        Content::Note(Note { kind, data, .. }) if kind == "media" => ("media", data.clone()),
        Content::Note(Note { kind, data, .. }) if kind == "stream" => ("stream", data.clone()),
        Content::Note(Note { kind, words, .. }) => ("note", json!({ "kind": kind, "words": words })),
    };
    Map::from_iter([(name.to_owned(), value)])
}

fn message(passed: &Passed) -> Value {
    let mut value = json!({
        "transport": passed.transport.lower(),
        "listener": passed.listener.0,
        "remote": passed.remote,
        "connection": passed.connection.map(|connection| connection.0.to_string()),
    });
    let (key, text) = match core::str::from_utf8(&passed.bytes) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => ("hex", passed.bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    };
    value[key] = text.into();
    value
}

/// The phones of accounts that were called, as they must have been registered.
fn bindings(trace: &Trace) -> Vec<Value> {
    let called = trace.legs.iter().filter(|leg| !leg.calls && leg.trunk.is_empty());
    called.filter_map(|leg| binding(trace, leg)).collect()
}

fn binding(trace: &Trace, leg: &Leg) -> Option<Value> {
    let mut index = Index::new();
    let asked = trace.entries.iter().find_map(|entry| match &entry.content {
        Content::Message(passed) if !passed.inbound => {
            let message = index.parse(&passed.bytes).ok()?;
            let named = message.call_id().is_ok_and(|call_id| call_id == leg.call_id.as_bytes());
            (named && message.is_request()).then_some(passed)
        }
        Content::Message(_) | Content::Note(_) => None,
    })?;
    Some(json!({
        "number": leg.party,
        "contact": leg.contact,
        "transport": asked.transport.lower(),
        "source": asked.remote,
        "listener": asked.listener.0,
        "behind_nat": leg.behind_nat,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_configuration_of_a_scenario_loads_and_holds_no_secret() {
        let text = "extensions:\n  - { number: \"1001\", name: Alice, auth_user: alice, secret: \"Kf3-first-wheel-9\", voicemail: { pin: \"4927\" } }\n\
                    trunks: [{ name: carrier, server: \"sip:127.0.0.1:9\", auth_user: us, secret: \"Trunk-secret-55-a\" }]\n\
                    server: { trace: { hep: { to: \"udp://127.0.0.1:9060\", password: \"homers-password-1\" } } }\n\
                    api: { keys: [{ name: ops, role: admin, key: \"a-long-enough-key-for-tests-0001\" }] }\n";
        let config = config::parse("first.yml", text, &|_| None).unwrap();
        let stage = Stage::new(&config, &[], 1);
        let again = stage.configuration.to_string();
        for secret in ["Kf3-first", "4927", "Trunk-secret", "homers", "a-long-enough", MASK] {
            assert!(!again.contains(secret), "{secret} in {again}");
        }
        let again = config::parse("again.yml", &again, &|_| None).unwrap();
        assert_eq!(again.extensions[0].secret.expose(), "Replayed-Wheel-1001-9x");
        assert_eq!(again.extensions[0].auth_user, "alice");
        assert_eq!(again.trunks[0].name, "carrier");
    }
}
