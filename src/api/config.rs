//! The configuration of the running exchange: `POST /api/reload`, `POST /api/config/check`, `GET /api/config/history`, what differs between two that were in
//! force, and `POST /api/config/undo`. For administrators; secrets are masked in all of it.

use super::{
    Api,
    auth::Caller,
    page::{self, Page, Parameters},
    problem::{FieldError, Problem},
};
use crate::{
    config::{Change, Fault},
    reload::{Applied, Cause, Checked, Note, Refused},
};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// One difference, by key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Difference {
    /// The key.
    #[schema(example = "extensions[1001].call_limit")]
    key: String,
    /// Its value before; none: it was not there.
    before: Option<String>,
    /// Its value after; none: it is not there any more.
    after: Option<String>,
}

impl From<Change> for Difference {
    fn from(change: Change) -> Self {
        Self { key: change.path, before: change.before, after: change.after }
    }
}

/// Something about a place in the file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Remark {
    /// The file as it was named.
    file: String,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// What is wrong.
    what: String,
    /// What would be right.
    instead: String,
}

impl From<Fault> for Remark {
    fn from(fault: Fault) -> Self {
        Self {
            file: fault.file,
            line: fault.at.line,
            column: fault.at.column,
            what: fault.what,
            instead: fault.instead,
        }
    }
}

/// A configuration that is in force now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// Its number in the history; none: it could not be kept.
    number: Option<u64>,
    /// What it changed.
    changes: Vec<Difference>,
    /// Keys that wait for the next start of the exchange.
    #[schema(example = json!(["server.rtp.shards"]))]
    needs_restart: Vec<String>,
    /// What is legal and unwise.
    warnings: Vec<Remark>,
}

impl From<Applied> for Reloaded {
    fn from(applied: Applied) -> Self {
        Self {
            number: applied.number,
            changes: applied.changes.into_iter().map(Difference::from).collect(),
            needs_restart: applied.needs_restart,
            warnings: applied.warnings.into_iter().map(Remark::from).collect(),
        }
    }
}

/// What the file would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Examined {
    /// It would be taken.
    good: bool,
    /// Every fault.
    faults: Vec<Remark>,
    /// What is legal and unwise.
    warnings: Vec<Remark>,
    /// What it would change.
    changes: Vec<Difference>,
    /// Keys that would wait for the next start of the exchange.
    needs_restart: Vec<String>,
}

/// A configuration that is or was in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Kept {
    /// Its number.
    number: u64,
    /// Since when it is in force, or was, RFC 3339.
    at: String,
    /// Who brought it: the name of an API key, SIGHUP, start, or the exchange.
    by: String,
    /// Why.
    cause: Cause,
    /// The file it was read from.
    file: String,
    /// SHA-256 of the file.
    hash: String,
    /// How many keys it changed.
    changes: usize,
    /// The one that was put back by it.
    restores: Option<u64>,
    /// It is in force.
    in_force: bool,
}

impl Kept {
    fn new(note: Note, newest: Option<u64>) -> Self {
        Self {
            in_force: newest == Some(note.number),
            number: note.number,
            at: note.at.to_string(),
            by: note.by,
            cause: note.cause,
            file: note.file,
            hash: note.hash,
            changes: note.changes,
            restores: note.restores,
        }
    }
}

/// Why everything stays as it is. Faults are told by their places.
fn refused(refused: Refused) -> Problem {
    let detail = refused.to_string();
    let detail = format!("{}{}.", detail[..1].to_uppercase(), &detail[1..]);
    match refused {
        Refused::Faults(faults) => {
            let place = |fault: &Fault| format!("{}:{}:{}", fault.file, fault.at.line, fault.at.column);
            let error = |fault: Fault| FieldError::new(place(&fault), format!("{}; {}", fault.what, fault.instead));
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with(faults.into_iter().map(error).collect())
        }
        Refused::NothingBefore => Problem::new(StatusCode::CONFLICT, detail),
        Refused::NotKept(_) => Problem::new(StatusCode::NOT_FOUND, detail),
        Refused::Unanswered => Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5),
    }
}

/// Reads the configuration again and puts it into force: all of it, or with a fault nothing.
#[utoipa::path(
    post,
    path = "/api/reload",
    tag = "config",
    responses(
        (status = 200, body = Reloaded),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem, description = "The file has faults, each by its place; the one of before stays in force"),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn reload(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Reloaded>, Problem> {
    caller.administers()?;
    api.reloads.reload(&caller.name).await.map(|applied| Json(applied.into())).map_err(refused)
}

/// Tells what the file would do, and changes nothing.
#[utoipa::path(
    post,
    path = "/api/config/check",
    tag = "config",
    responses((status = 200, body = Examined), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn check(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Examined>, Problem> {
    caller.administers()?;
    let Checked { faults, warnings, changes, needs_restart } = api.reloads.check().await.map_err(refused)?;
    Ok(Json(Examined {
        good: faults.is_empty(),
        faults: faults.into_iter().map(Remark::from).collect(),
        warnings: warnings.into_iter().map(Remark::from).collect(),
        changes: changes.into_iter().map(Difference::from).collect(),
        needs_restart,
    }))
}

/// The configurations that were in force, newest first.
#[utoipa::path(
    get,
    path = "/api/config/history",
    tag = "config",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<u64>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = Page<Kept>),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    )
)]
pub(super) async fn history(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut parameters: Parameters,
) -> Result<Json<Page<Kept>>, Problem> {
    caller.administers()?;
    let limit = parameters.limit();
    let after = parameters.read("after", "the `next` of a page", |text| text.parse::<u64>().ok());
    parameters.finish()?;
    let mut notes = api.reloads.notes();
    notes.reverse();
    let newest = notes.first().map(|note| note.number);
    let after = after.map(|after| after.to_string());
    let is_after = |after: &str, note: &Note| after.parse::<u64>().is_ok_and(|after| note.number < after);
    let page = page::cut(notes, limit, after.as_deref(), |note| note.number.to_string(), is_after);
    let items = page.items.into_iter().map(|note| Kept::new(note, newest)).collect();
    Ok(Json(Page { items, next: page.next }))
}

/// What differs between two configurations of the history, key by key.
#[utoipa::path(
    get,
    path = "/api/config/history/{before}/diff/{after}",
    tag = "config",
    params(
        ("before" = u64, Path, description = "The number of one"),
        ("after" = u64, Path, description = "The number of the other"),
    ),
    responses(
        (status = 200, body = Vec<Difference>),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem, description = "One of them cannot be read any more"),
    )
)]
pub(super) async fn difference(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    numbers: Result<Path<(u64, u64)>, PathRejection>,
) -> Result<Json<Vec<Difference>>, Problem> {
    caller.administers()?;
    let Ok(Path((before, after))) = numbers else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "Configurations have numbers."));
    };
    let changes = api.reloads.difference(before, after).await.map_err(refused)?;
    Ok(Json(changes.into_iter().map(Difference::from).collect()))
}

/// Puts back what was in force before. The file is not touched: it is read again at the next reload or start.
#[utoipa::path(
    post,
    path = "/api/config/undo",
    tag = "config",
    params(("to" = Option<u64>, Query, description = "The number of the one to put back, instead of the one before")),
    responses(
        (status = 200, body = Reloaded),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "There is none before"),
        (status = 422, body = Problem, description = "It cannot be put into force any more"),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn undo(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut parameters: Parameters,
) -> Result<Json<Reloaded>, Problem> {
    caller.administers()?;
    let to = parameters.read("to", "the number of a configuration", |text| text.parse::<u64>().ok());
    parameters.finish()?;
    api.reloads.undo(&caller.name, to).await.map(|applied| Json(applied.into())).map_err(refused)
}
