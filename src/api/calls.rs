//! `/api/calls`: the calls that are up; `/api/call`: one more.

use super::{
    Api,
    auth::Caller,
    body::Object,
    page::{self, Page, Parameters},
    problem::{FieldError, Problem},
};
use crate::{clock, media::recording};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::IntoResponse,
};
use contract::{LegReport, RecordingState};
use serde::Serialize;
use signaling::{
    effect::{CallView, LegView, Refusal, Reply},
    fact::CallState,
    id::CallId,
    input::Command,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// Bytes of a number or address that can be dialled.
pub(super) const DIALLED_BYTES_MAX: usize = 128;

/// One call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Call {
    /// Its name.
    #[schema(example = "0000000000000001")]
    id: String,
    /// Idle, Calling, Ringing, Connected, Hold, Transferring or Ended.
    #[schema(example = "Connected")]
    state: &'static str,
    /// Caller's number.
    from: String,
    /// Dialled number.
    to: String,
    /// When it began, RFC 3339.
    started_at: String,
    /// When it was answered, RFC 3339.
    answered_at: Option<String>,
    /// Its parties.
    legs: Vec<Leg>,
    /// The recording that is being made, `/api/recordings/{id}`.
    recording: Option<String>,
    /// Whether it is running, paused or masked.
    recording_state: Option<&'static str>,
}

/// One party of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Leg {
    /// Its number within the call; 0 is the caller.
    id: u16,
    /// The party's number.
    party: String,
    /// The codec, as in SDP.
    codec: Option<String>,
    /// How its media is protected: `sdes` (keys in session descriptions), `dtls` (a handshake), or nothing.
    media_security: Option<&'static str>,
    /// What carries its media: 0 kernel, 1 relay, 2 DSP.
    tier: Option<u8>,
    /// How well it is heard, once measured.
    quality: Option<Quality>,
}

/// How well a leg is heard.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Quality {
    /// Mean opinion score, 1.0 to 4.5.
    mos: Option<f32>,
    /// Packets that never came, per cent.
    loss_percent: f64,
    /// Interarrival jitter, milliseconds.
    jitter_ms: f64,
    /// Round trip, milliseconds, when the phone tells.
    rtt_ms: Option<f64>,
    /// Lowest score of any interval of about 5 s.
    mos_min: Option<f32>,
    /// Most packets in a row that never came.
    loss_longest: u32,
    /// What the phone hears, as it tells: mean opinion score.
    phone_mos: Option<f32>,
    /// What the phone hears, as it tells: packets it never got, per cent.
    phone_loss_percent: Option<f64>,
    /// What the phone hears, as it tells: jitter, milliseconds.
    phone_jitter_ms: Option<f64>,
}

impl From<LegReport> for Quality {
    fn from(report: LegReport) -> Self {
        Self {
            mos: report.mos,
            loss_percent: report.loss().unwrap_or_default() * 100.0,
            jitter_ms: report.jitter.as_secs_f64() * 1_000.0,
            rtt_ms: report.round_trip.map(|time| time.as_secs_f64() * 1_000.0),
            mos_min: report.mos_min,
            loss_longest: report.bursts.longest,
            phone_mos: report.peer.and_then(|peer| peer.mos),
            phone_loss_percent: report.peer_loss().map(|loss| loss * 100.0),
            phone_jitter_ms: report.peer.map(|peer| peer.jitter.as_secs_f64() * 1_000.0),
        }
    }
}

impl From<LegView> for Leg {
    fn from(view: LegView) -> Self {
        Self {
            id: view.number,
            party: view.party,
            codec: Some(view.codec).filter(|codec| !codec.is_empty()),
            media_security: view.protection.map(signaling::fact::Protection::name),
            tier: view.report.map(|report| report.tier),
            quality: view.report.map(Quality::from),
        }
    }
}

impl From<CallView> for Call {
    fn from(view: CallView) -> Self {
        Self {
            id: view.call.to_string(),
            state: state(view.state),
            from: view.from,
            to: view.to,
            started_at: clock::rfc3339(clock::wall(view.started_at)),
            answered_at: view.answered_at.map(|at| clock::rfc3339(clock::wall(at))),
            legs: view.legs.into_iter().map(Leg::from).collect(),
            recording: view.recording.map(|(recording, _)| recording::name(recording)),
            recording_state: view.recording.map(|(_, state)| match state {
                RecordingState::Running => "running",
                RecordingState::Paused => "paused",
                RecordingState::Masked => "masked",
            }),
        }
    }
}

/// A state as it is written.
pub(super) const fn state(state: CallState) -> &'static str {
    match state {
        CallState::Idle => "Idle",
        CallState::Calling => "Calling",
        CallState::Ringing => "Ringing",
        CallState::Connected => "Connected",
        CallState::Hold => "Hold",
        CallState::Transferring => "Transferring",
        CallState::Ended => "Ended",
    }
}

/// The calls that are up, newest first.
#[utoipa::path(
    get,
    path = "/api/calls",
    tag = "calls",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = Page<Call>), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub(super) async fn list(State(api): State<Arc<Api>>, mut parameters: Parameters) -> Result<Json<Page<Call>>, Problem> {
    let limit = parameters.limit();
    let after = parameters.read("after", "the `next` of a page", CallId::parse).map(|id| id.to_string());
    parameters.finish()?;
    let Reply::Calls(mut views) = api.ask(Command::ListCalls).await? else { return Err(super::unexpected()) };
    // Names rise with time, so their order is the order of beginning.
    views.sort_unstable_by_key(|view| core::cmp::Reverse(view.call));
    let is_after = |after: &str, view: &CallView| CallId::parse(after).is_some_and(|after| view.call < after);
    let page = page::cut(views, limit, after.as_deref(), |view| view.call.to_string(), is_after);
    Ok(Json(Page { items: page.items.into_iter().map(Call::from).collect(), next: page.next }))
}

/// Ends a call with BYE or CANCEL.
#[utoipa::path(
    delete,
    path = "/api/calls/{id}",
    tag = "calls",
    params(("id" = String, Path, description = "The call's name")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn hang_up(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Ok(Path(id)) = id else { return Err(no_such_call("")) };
    let Some(call) = CallId::parse(&id) else { return Err(no_such_call(&id)) };
    match api.ask(Command::HangUp { call }).await? {
        Reply::Done => {
            api.audit(&caller, "hang up", &id).await;
            Ok(StatusCode::NO_CONTENT)
        }
        Reply::Refused(Refusal::UnknownCall) => Err(no_such_call(&id)),
        Reply::Refused(refusal) => Err(super::refused(refusal)),
        Reply::Originating { .. }
        | Reply::Calls(_)
        | Reply::Extensions(_)
        | Reply::Presence(_)
        | Reply::Trunks(_)
        | Reply::Status(_)
        | Reply::Explained(_) => Err(super::unexpected()),
    }
}

pub(super) fn no_such_call(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("No call {id:?} is up."))
}

/// A call to place.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field so that every fault is named")]
pub(super) struct Order {
    /// The extension that rings first.
    #[schema(example = "1001")]
    from: String,
    /// What is dialled as soon as it answers.
    #[schema(example = "1002")]
    to: String,
}

/// The call that is being placed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Placed {
    /// Its name.
    call_id: String,
}

/// Click to call: rings `from` first, then `to`.
#[utoipa::path(
    post,
    path = "/api/call",
    tag = "calls",
    request_body = Order,
    responses(
        (status = 202, body = Placed),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem, description = "The extension has no phone registered, or is at its call limit"),
        (status = 413, body = Problem),
        (status = 415, body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn place(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut body: Object,
) -> Result<impl IntoResponse, Problem> {
    let from = body.text("from", DIALLED_BYTES_MAX);
    let to = body.text("to", DIALLED_BYTES_MAX);
    body.finish()?;
    let detail = format!("{from} -> {to}");
    let conflict = |what: &str| Problem::new(StatusCode::CONFLICT, format!("Extension {from} {what}."));
    match api.ask(Command::Originate { from: from.clone(), to }).await? {
        Reply::Originating { call } => {
            api.audit(&caller, "call", &detail).await;
            Ok((StatusCode::ACCEPTED, Json(Placed { call_id: call.to_string() })))
        }
        Reply::Refused(Refusal::UnknownExtension) => {
            Err(Problem::fields(vec![FieldError::new("from", "no extension has this number")]))
        }
        Reply::Refused(Refusal::UnknownDestination) => {
            Err(Problem::fields(vec![FieldError::new("to", "this number leads nowhere")]))
        }
        Reply::Refused(Refusal::NotRegistered) => Err(conflict("has no phone registered")),
        Reply::Refused(Refusal::Busy) => Err(conflict("is at its call limit")),
        Reply::Refused(
            refusal @ (Refusal::UnknownCall
            | Refusal::Exhausted
            | Refusal::Conflict
            | Refusal::NotAnswered
            | Refusal::NotRecorded),
        ) => Err(super::refused(refusal)),
        Reply::Done
        | Reply::Calls(_)
        | Reply::Extensions(_)
        | Reply::Presence(_)
        | Reply::Trunks(_)
        | Reply::Status(_)
        | Reply::Explained(_) => Err(super::unexpected()),
    }
}
