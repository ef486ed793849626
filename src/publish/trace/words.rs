//! Decisions and events as notes: in words for people, and with their figures for programs.

use super::{record::Note, turn::Order};
use crate::{media::recording, publish::names};
use contract::{MediaEvent, RecordingState};
use serde_json::{Value, json};
use signaling::{
    fact::{CallState, Choice, Decision, Fact, LegBeginning},
    flow::{ConnectionId, FlowEnd},
    id::CallId,
    routing::{self, Origin, Request},
};

/// Rules told of one lookup. Those that decided are always told; beyond this those that do not take the number are left out.
const RULES_MAX: usize = 32;

fn note(kind: &str, words: impl Into<String>, data: Value) -> Note {
    Note { kind: kind.to_owned(), words: words.into(), data }
}

/// What was decided. A lookup of the rules is one note for each rule, then one for the plan.
pub(super) fn decision(decision: &Decision) -> Vec<Note> {
    let one = match &decision.choice {
        Choice::LegBegan(beginning) => leg(beginning),
        Choice::Routed { rules, trunk, from, dialled, at } => {
            let origin = match trunk {
                Some(name) => Origin::Trunk { name, caller: from },
                None => Origin::Account(from),
            };
            return routed(routing::view(&rules.0, &Request { origin, dialled, at: *at }), dialled);
        }
        Choice::LedOn { account, obstacle, leads } => note(
            "divert",
            format!("{account} is not reached ({obstacle}) and leads the call on: {leads}"),
            json!({ "account": account, "obstacle": obstacle, "leads": leads }),
        ),
        Choice::Redirected { contact } => {
            note("redirect", format!("the phone sends the call to {contact}"), json!({ "contact": contact }))
        }
        Choice::TrunkPassedOver { trunk, status } => {
            let why = match status {
                488 => "it shares no codec with the caller",
                _ => "it is full, or nothing leads to it",
            };
            note("trunk", format!("trunk {trunk} is passed over: {why}"), json!({ "trunk": trunk, "status": status }))
        }
        Choice::TrunkFailed { status } => {
            let why = if *status == 408 { "it says nothing".to_owned() } else { format!("it answers {status}") };
            note("trunk", format!("the trunk failed: {why}; the next is tried"), json!({ "status": status }))
        }
        Choice::Transfer { to, what } => {
            note("transfer", format!("transfer to {to}: {what}"), json!({ "to": to, "what": what }))
        }
        Choice::Answered => note("answer", "this leg answered first: it is joined with the caller", Value::Null),
        Choice::GivenUp => note("give_up", "this leg is given up before it answered", Value::Null),
        Choice::LegOver { status: 0 } => note("leg_over", "this leg is over: a limit of the exchange", Value::Null),
        Choice::LegOver { status } => {
            note("leg_over", format!("this leg is over before it answered: {status}"), json!({ "status": status }))
        }
        Choice::Ended { cause, status, by } => {
            let cause = names::hangup_cause(*cause);
            let who = by.map(|leg| format!(", leg {leg} hung up")).unwrap_or_default();
            let told = status.map(|status| format!(", the caller is told {status}")).unwrap_or_default();
            note(
                "end",
                format!("the call ends: {cause}{who}{told}"),
                json!({ "cause": cause, "status": status, "by": by }),
            )
        }
    };
    vec![one]
}

fn leg(beginning: &LegBeginning) -> Note {
    let LegBeginning { call_id, party, trunk, contact, behind_nat, calls } = beginning;
    let deed = if *calls { "calls" } else { "is called" };
    let by = if trunk.is_empty() { String::new() } else { format!(" by trunk {trunk}") };
    let preposition = if *calls { "from" } else { "at" };
    let data = json!({
        "call_id": call_id, "party": party, "trunk": trunk, "contact": contact, "behind_nat": behind_nat, "calls": calls,
    });
    note("leg", format!("{party} {deed}{by} {preposition} {contact}"), data)
}

fn routed(view: signaling::effect::RouteView, dialled: &str) -> Vec<Note> {
    let takes_nothing = "does not take it";
    let mut notes: Vec<Note> = Vec::new();
    for rule in &view.rules {
        if notes.len() >= RULES_MAX && !rule.decided || view.rules.len() > RULES_MAX && rule.why == takes_nothing {
            continue;
        }
        let place =
            if rule.place.is_written() { format!(" ({}:{})", view.file, rule.place.line) } else { String::new() };
        let data = json!({ "rule": rule.rule, "decided": rule.decided });
        notes.push(note("rule", format!("{}{place}: {}", rule.rule, rule.why), data));
    }
    let data = json!({ "kind": view.kind, "route": view.route, "number": view.number, "extension": view.extension, "trunks": view.trunks });
    notes.push(note("route", format!("{dialled} leads to {}", view.leads), data));
    notes
}

/// What a fact says of a call; `None`: nothing that the decisions do not say.
pub(super) fn fact(fact: &Fact) -> Option<(CallId, Option<u16>, Note)> {
    Some(match fact {
        Fact::CallChanged { call, state } => {
            let state = state_name(*state);
            (*call, None, note("state", state, json!({ "state": state })))
        }
        Fact::MediaRefused { call, why } => {
            let why = names::REFUSALS[names::refusal_place(*why)];
            (*call, None, note("media_refused", format!("media refused a leg: {why}"), json!({ "why": why })))
        }
        Fact::QualityMissed { call, leg, target, .. } => {
            let target = names::target(*target);
            (
                *call,
                Some(*leg),
                note("quality", format!("the sound misses its target: {target}"), json!({ "target": target })),
            )
        }
        Fact::RecordingBegan(start) => {
            let id = recording::name(start.recording);
            (start.call, None, note("recording", format!("recording {id} begins"), json!({ "recording": id })))
        }
        Fact::RecordingChanged { call, recording, state } => {
            let (id, state) = (recording::name(*recording), recording_state(*state));
            (
                *call,
                None,
                note("recording", format!("recording {id}: {state}"), json!({ "recording": id, "state": state })),
            )
        }
        Fact::RecordingEnded { call, recording, .. } => {
            let id = recording::name(*recording);
            (*call, None, note("recording", format!("recording {id} ends"), json!({ "recording": id })))
        }
        Fact::Request { .. }
        | Fact::Response { .. }
        | Fact::Dropped { .. }
        | Fact::AuthFailed { .. }
        | Fact::Registered { .. }
        | Fact::Unregistered { .. }
        | Fact::StoreFailed
        | Fact::CallSetUp { .. }
        | Fact::CallEnded(_)
        | Fact::TrunkUp { .. }
        | Fact::TrunkDown { .. }
        | Fact::Decided(_)
        | Fact::InvariantViolated { .. } => return None,
    })
}

const fn state_name(state: CallState) -> &'static str {
    match state {
        CallState::Idle => "idle",
        CallState::Calling => "calling",
        CallState::Ringing => "ringing",
        CallState::Connected => "connected",
        CallState::Hold => "hold",
        CallState::Transferring => "transferring",
        CallState::Ended => "ended",
    }
}

const fn recording_state(state: RecordingState) -> &'static str {
    match state {
        RecordingState::Running => "running",
        RecordingState::Paused => "paused",
        RecordingState::Masked => "masked",
    }
}

/// The leg that an event is about.
pub(super) const fn member_of(event: &MediaEvent) -> Option<u16> {
    match event {
        MediaEvent::LegOpened { member, .. }
        | MediaEvent::LegRefused { member, .. }
        | MediaEvent::SourceLearned { member, .. }
        | MediaEvent::LegSilent { member, .. }
        | MediaEvent::DigitPressed { member, .. }
        | MediaEvent::TalkChanged { member, .. }
        | MediaEvent::PlayerEnded { member, .. }
        | MediaEvent::RecorderEnded { member, .. }
        | MediaEvent::LegSecured { member, .. }
        | MediaEvent::LegUnsecured { member, .. }
        | MediaEvent::LegMeasured { member, .. }
        | MediaEvent::LegClosed { member, .. } => Some(member.0),
        MediaEvent::SessionClosed { .. } => None,
    }
}

/// What a shard told. Which key was pressed is not: keys may be a secret.
pub(super) fn media(event: &MediaEvent) -> Note {
    let (name, words, more) = match event {
        MediaEvent::LegOpened { rtp, .. } => ("leg_opened", format!("ports are open at {rtp}"), json!({ "rtp": rtp })),
        MediaEvent::LegRefused { why, .. } => {
            let why = names::REFUSALS[names::refusal_place(*why)];
            ("leg_refused", format!("ports are refused: {why}"), json!({ "why": why }))
        }
        MediaEvent::SourceLearned { source, .. } => {
            ("source_learned", format!("sound comes from {source}"), json!({ "source": source }))
        }
        MediaEvent::LegSilent { .. } => ("leg_silent", "no packet comes any more".to_owned(), Value::Null),
        MediaEvent::DigitPressed { length, .. } => {
            ("digit_pressed", "a key was pressed".to_owned(), json!({ "length_ms": length.as_millis() }))
        }
        MediaEvent::TalkChanged { talking, .. } => {
            let words = if *talking { "begins to talk" } else { "ceases to talk" };
            ("talk_changed", words.to_owned(), json!({ "talking": talking }))
        }
        MediaEvent::PlayerEnded { .. } => {
            ("player_ended", "the player has nothing more to say".to_owned(), Value::Null)
        }
        MediaEvent::RecorderEnded { .. } => ("recorder_ended", "the recorder is closed".to_owned(), Value::Null),
        MediaEvent::LegSecured { .. } => ("leg_secured", "media is protected".to_owned(), Value::Null),
        MediaEvent::LegUnsecured { why, .. } => {
            let why = format!("{why:?}");
            ("leg_unsecured", format!("media cannot be protected: {why}"), json!({ "why": why }))
        }
        MediaEvent::LegMeasured { .. } => ("leg_measured", "figures".to_owned(), Value::Null),
        MediaEvent::LegClosed { report, .. } => {
            let (came, went) = (report.packets_received, report.packets_sent);
            let figures = json!({ "received": came, "sent": went, "lost": report.packets_lost, "mos": report.mos });
            (
                "leg_closed",
                format!("ports are closed; {came} packets came, {went} went, {} lost", report.packets_lost),
                figures,
            )
        }
        MediaEvent::SessionClosed { .. } => ("session_closed", "the media session is closed".to_owned(), Value::Null),
    };
    let mut data = json!({ "event": name, "member": member_of(event) });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    note("media", words, data)
}

/// What a shard is ordered.
pub(super) fn order(order: &Order) -> (Option<u16>, Note) {
    let (leg, words) = match order {
        Order::Open(member) => (Some(member.0), "ports are asked for".to_owned()),
        Order::Device(member, name) => (Some(member.0), format!("a device joins: {name}")),
        Order::Describe(member, rtp, codec) => {
            let to = rtp.map_or_else(|| "nowhere".to_owned(), |rtp| rtp.to_string());
            (Some(member.0), format!("sound goes to {to} as {}", names::codec(*codec)))
        }
        Order::Hear(table) => (None, hearing(table)),
        Order::Move(member, to) => (Some(member.0), format!("goes on in call {}", CallId::of(*to))),
        Order::CloseMember(member) => (Some(member.0), "the member goes".to_owned()),
        Order::CloseSession => (None, "all members go".to_owned()),
    };
    (leg, note("order", words, Value::Null))
}

fn hearing(table: &contract::HearingTable) -> String {
    let hears = |row: &contract::Hearing| {
        let heard: Vec<String> = table.speakers_to(row.member).map(|member| member.0.to_string()).collect();
        let heard = if heard.is_empty() { "nobody".to_owned() } else { heard.join(", ") };
        format!("{} hears {heard}", row.member.0)
    };
    // A room is too large to be told member by member.
    match table.rows() {
        [] => "nobody hears anybody".to_owned(),
        rows if rows.len() > 16 => format!("{} members hear each other", rows.len()),
        rows => rows.iter().map(hears).collect::<Vec<_>>().join("; "),
    }
}

/// A stream that was asked for is open.
pub(super) fn opened(connection: ConnectionId) -> Note {
    note("stream", "the stream is open", json!({ "event": "opened", "connection": connection.0.to_string() }))
}

/// A stream is gone.
pub(super) fn lost(connection: ConnectionId, why: FlowEnd) -> Note {
    let (name, words) = match why {
        FlowEnd::Closed => ("closed", "the far side closed the stream"),
        FlowEnd::NotOpened => ("not_opened", "the stream could not be opened"),
        FlowEnd::Failed => ("failed", "the stream broke"),
        FlowEnd::Stalled => ("stalled", "the far side of the stream did not read"),
    };
    note("stream", words, json!({ "event": name, "connection": connection.0.to_string() }))
}
