//! Recordings: the list of those that were and are made, their sound, and the recording of a call that is up.

use super::{
    Api,
    auth::Caller,
    body::Object,
    page::{Page, Parameters},
    problem::{FieldError, Problem},
};
use crate::{
    media::recording::{Progress, RecordingRow},
    store::{Fault, Wanted},
};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::PathRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use signaling::{
    effect::{Refusal, Reply},
    id::CallId,
    input::{Command, RecordOrder},
};
use std::sync::Arc;
use utoipa::ToSchema;

/// Octets of a file that is answered whole; a longer recording is fetched from the disk.
const SOUND_MAX: u64 = 256 << 20;

/// The recordings, newest first.
#[utoipa::path(
    get,
    path = "/api/recordings",
    tag = "recordings",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("call" = Option<String>, Query, description = "Those of this call only"),
    ),
    responses((status = 200, body = Page<RecordingRow>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut parameters: Parameters,
) -> Result<Json<Page<RecordingRow>>, Problem> {
    let (limit, after) = (parameters.limit(), parameters.text("after"));
    let wanted = parameters.text("call").map_or(Wanted::All, Wanted::Call);
    parameters.finish()?;
    let page = api.store.recordings(wanted, limit, after).await.map_err(|fault| silent(&fault))?;
    Ok(Json(Page { items: page.items, next: page.next }))
}

/// One recording.
#[utoipa::path(
    get,
    path = "/api/recordings/{id}",
    tag = "recordings",
    params(("id" = String, Path, description = "The recording's name")),
    responses((status = 200, body = RecordingRow), (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RecordingRow>, Problem> {
    Ok(Json(named(&api, id).await?))
}

/// Its sound, as the WAV file it is. Every fetch is in the audit.
#[utoipa::path(
    get,
    path = "/api/recordings/{id}/sound",
    tag = "recordings",
    params(("id" = String, Path, description = "The recording's name")),
    responses(
        (status = 200, description = "WAV", content_type = "audio/wav"),
        (status = 401, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It is being written, or too long to be answered whole"),
        (status = 410, body = Problem, description = "Its file is gone"),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn sound(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let row = named(&api, id).await?;
    match row.state {
        Progress::Finished | Progress::Cut | Progress::Recovered => {}
        Progress::Running => return Err(Problem::new(StatusCode::CONFLICT, "The recording is being written.")),
        Progress::Missing | Progress::Expired => return Err(Problem::new(StatusCode::GONE, "Its file is gone.")),
    }
    let path = api.data_dir.join(&row.file);
    let length = tokio::fs::metadata(&path).await.map(|about| about.len());
    if length.is_ok_and(|length| length > SOUND_MAX) {
        let detail = format!("The file is longer than {SOUND_MAX} octets; fetch it from the disk.");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let Ok(sound) = tokio::fs::read(&path).await else {
        return Err(Problem::new(StatusCode::GONE, "Its file is gone."));
    };
    api.audit(&caller, "fetch recording", &row.id).await;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], sound).into_response())
}

/// What shall become of a call's recording.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field so that every fault is named")]
pub(super) struct Order {
    /// start, pause (nothing is written), mask (silence is written), resume or stop.
    #[schema(example = "start")]
    order: String,
}

/// Starts, pauses, masks, resumes or stops the recording of a call. Each order may be given again.
#[utoipa::path(
    post,
    path = "/api/calls/{id}/recording",
    tag = "recordings",
    params(("id" = String, Path, description = "The call's name")),
    request_body = Order,
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "The call is not answered, or not being recorded"),
        (status = 415, body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn order(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    mut body: Object,
) -> Result<StatusCode, Problem> {
    let word = body.text("order", 16);
    body.finish()?;
    let order = match word.as_str() {
        "start" => RecordOrder::Start,
        "pause" => RecordOrder::Pause,
        "mask" => RecordOrder::Mask,
        "resume" => RecordOrder::Resume,
        "stop" => RecordOrder::Stop,
        _ => return Err(Problem::fields(vec![FieldError::new("order", "start, pause, mask, resume or stop")])),
    };
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "No such call is up.");
    let Ok(Path(id)) = id else { return Err(unknown()) };
    let call = CallId::parse(&id).ok_or_else(unknown)?;
    match api.ask(Command::Record { call, order }).await? {
        Reply::Done => {
            api.audit(&caller, "recording", &format!("{word} {id}")).await;
            Ok(StatusCode::NO_CONTENT)
        }
        Reply::Refused(Refusal::NotAnswered) => {
            Err(Problem::new(StatusCode::CONFLICT, "The call is not answered, or has one party only."))
        }
        Reply::Refused(Refusal::NotRecorded) => {
            Err(Problem::new(StatusCode::CONFLICT, "The call is not being recorded."))
        }
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

async fn named(api: &Api, id: Result<Path<String>, PathRejection>) -> Result<RecordingRow, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "There is no such recording.");
    let Ok(Path(id)) = id else { return Err(unknown()) };
    let page = api.store.recordings(Wanted::Named(id), 1, None).await.map_err(|fault| silent(&fault))?;
    page.items.into_iter().next().ok_or_else(unknown)
}

fn silent(fault: &Fault) -> Problem {
    match fault {
        Fault::Misuse(why) => Problem::fields(vec![FieldError::new("after", *why)]),
        Fault::Unavailable(_) | Fault::Full => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("The store does not answer: {fault}.")).retry_after(5)
        }
    }
}
