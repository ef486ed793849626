//! `GET /api/calls/{id}/trace`: all messages and decisions of a call, running or over, as far as the ring goes back.

use super::{Api, auth::Caller, page::Parameters, problem::Problem};
use crate::{
    clock,
    config::Role,
    publish::trace::{self, Content, Record, Trace, Traces, Wanted, pcap, scenario},
};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::PathRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use signaling::id::CallId;
use std::sync::Arc;
use utoipa::ToSchema;

/// Bytes of a SIP Call-ID that can be asked for.
const CALL_ID_BYTES_MAX: usize = 256;

/// The trace of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Traced {
    /// The calls; none when no call came of the messages.
    calls: Vec<String>,
    /// The legs in the order of their beginnings.
    legs: Vec<TracedLeg>,
    /// Messages and decisions in order.
    entries: Vec<Entry>,
    /// More is there than can be told at once: what comes later is left out.
    cut: bool,
}

/// A leg in a trace.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TracedLeg {
    /// The call.
    call: String,
    /// Its number within the call.
    number: u16,
    /// The party's number.
    party: String,
    /// The trunk, if there is one.
    trunk: Option<String>,
    /// The SIP Call-ID.
    call_id: String,
    /// Where it is reached, or where it called from.
    contact: String,
    /// It called us, and was not called.
    calls: bool,
}

/// A message or a decision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    /// When, RFC 3339 with microseconds.
    at: String,
    /// `message`, or the kind of the note: leg, rule, route, divert, trunk, answer, state, media, order, end and others.
    kind: String,
    /// The leg's place in `legs`.
    leg: Option<usize>,
    /// Of a note: in words.
    words: Option<String>,
    /// Of a note: its figures.
    data: Option<Value>,
    /// Of a message.
    message: Option<Message>,
}

/// A SIP message that passed. Secrets are masked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    /// in, towards the exchange, or out.
    direction: &'static str,
    /// The protocol.
    transport: &'static str,
    /// The exchange's address.
    local: String,
    /// The far side's address.
    remote: String,
    /// The message; octets that are no UTF-8 are replaced.
    text: String,
}

impl From<Trace> for Traced {
    fn from(trace: Trace) -> Self {
        let entries = trace.entries.iter().map(|record| entry(&trace, record)).collect();
        let legs = trace.legs.iter().map(|leg| TracedLeg {
            call: leg.call.to_string(),
            number: leg.number,
            party: leg.party.clone(),
            trunk: Some(leg.trunk.clone()).filter(|trunk| !trunk.is_empty()),
            call_id: leg.call_id.clone(),
            contact: leg.contact.clone(),
            calls: leg.calls,
        });
        Self {
            calls: trace.calls.iter().map(ToString::to_string).collect(),
            legs: legs.collect(),
            entries,
            cut: trace.cut,
        }
    }
}

fn entry(trace: &Trace, record: &Record) -> Entry {
    let at = i64::try_from(record.stamp.wall_us).ok().and_then(|at| Timestamp::from_microsecond(at).ok());
    let (kind, words, data, message) = match &record.content {
        Content::Message(passed) => {
            let message = Message {
                direction: if passed.inbound { "in" } else { "out" },
                transport: passed.transport.lower(),
                local: passed.local.to_string(),
                remote: passed.remote.to_string(),
                text: String::from_utf8_lossy(&passed.bytes).into_owned(),
            };
            ("message".to_owned(), None, None, Some(message))
        }
        Content::Note(note) => {
            (note.kind.clone(), Some(note.words.clone()), Some(note.data.clone()).filter(|data| !data.is_null()), None)
        }
    };
    let at = at.map(clock::rfc3339_micros).unwrap_or_default();
    Entry { at, kind, leg: trace.leg_of(record), words, data, message }
}

/// Forms of a trace.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Ladder,
    Text,
    Pcap,
    Scenario,
}

fn form(text: &str) -> Option<Form> {
    Some(match text {
        "json" => Form::Json,
        "ladder" => Form::Ladder,
        "text" => Form::Text,
        "pcap" => Form::Pcap,
        "sim" => Form::Scenario,
        _ => return None,
    })
}

/// Everything that passed and was decided in a call. Only an administrator's key may ask; every question is in the audit.
#[utoipa::path(
    get,
    path = "/api/calls/{id}/trace",
    tag = "calls",
    params(
        ("id" = String, Path, description = "The call's name, or the SIP Call-ID of one of its legs, also of an INVITE that no call came of"),
        ("format" = Option<String>, Query, description = "json (unless given), ladder, text, pcap (a capture file), or sim (a scenario of the simulator)"),
    ),
    responses(
        (status = 200, body = Traced),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "The trace holds nothing of it, or nothing is traced"),
        (status = 503, body = Problem, description = "The trace cannot be read"),
    )
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    if caller.role < Role::Admin {
        return Err(Problem::new(StatusCode::FORBIDDEN, "Traces are for administrators."));
    }
    let form = parameters.read("format", "json, ladder, text, pcap or sim", form).unwrap_or(Form::Json);
    parameters.finish()?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "The trace holds nothing of this call.");
    let Ok(Path(id)) = id else { return Err(unknown()) };
    if id.len() > CALL_ID_BYTES_MAX {
        return Err(unknown());
    }
    let Some(traces) = &api.traces else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "No calls are traced: server.trace.enabled is false."));
    };
    let trace = find(traces, &id).await?.ok_or_else(unknown)?;
    api.audit(&caller, "fetch trace", &id).await;
    let named = |kind: &'static str| [(header::CONTENT_TYPE, kind)];
    Ok(match form {
        Form::Json => Json(Traced::from(trace)).into_response(),
        Form::Ladder => (named("text/plain; charset=utf-8"), trace::ladder(&trace)).into_response(),
        Form::Text => (named("text/plain; charset=utf-8"), trace::text(&trace)).into_response(),
        Form::Pcap => (named("application/vnd.tcpdump.pcap"), pcap::write(&trace)).into_response(),
        Form::Scenario => Json(scenario::write(&trace, traces.stage())).into_response(),
    })
}

/// A call's name is tried first; a Call-ID may look like one.
async fn find(traces: &Traces, id: &str) -> Result<Option<Trace>, Problem> {
    let silent = |fault: std::io::Error| {
        tracing::error!(component = "trace", %fault, "the trace cannot be read");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The trace cannot be read.")
    };
    if let Some(call) = CallId::parse(id)
        && let Some(trace) = traces.of(Wanted::Call(call)).await.map_err(silent)?
    {
        return Ok(Some(trace));
    }
    traces.of(Wanted::Conversation(id.to_owned())).await.map_err(silent)
}
