//! `GET /api/presence` and `POST /api/presence/set`: whether and in what mood people can be reached, as their watchers are told.

use super::{
    Api,
    auth::Caller,
    body::Object,
    page::{self, Page, Parameters},
    problem::{FieldError, Problem},
};
use crate::clock;
use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::Serialize;
use signaling::{
    effect::{PresenceView, Refusal, Reply},
    fact::PresenceStatus,
    input::Command,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// Bytes of a number.
const NUMBER_BYTES_MAX: usize = 64;

/// Bytes of a note; what is longer than its letters may be is cut.
const NOTE_BYTES_MAX: usize = 4 * signaling::limits::PRESENCE_NOTE_LETTERS_MAX;

/// The presence of one account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Presence {
    /// Internal number.
    number: String,
    /// Display name.
    name: String,
    /// Available, Busy, Away, Do Not Disturb, In Call, In Meeting or Offline.
    #[schema(example = "Available")]
    state: &'static str,
    /// Words of its own.
    text: Option<String>,
    /// Idle, or the state of its most advanced call.
    #[schema(example = "Idle")]
    call: &'static str,
    /// When it last registered, called, wrote or watched, RFC 3339.
    last_activity: Option<String>,
}

impl From<PresenceView> for Presence {
    fn from(view: PresenceView) -> Self {
        Self {
            number: view.number,
            name: view.name,
            state: view.status.words(),
            text: Some(view.note).filter(|note| !note.is_empty()),
            call: super::calls::state(view.call),
            last_activity: view.last_activity.map(|at| clock::rfc3339(clock::wall(at))),
        }
    }
}

/// The presence of all accounts, by number.
#[utoipa::path(
    get,
    path = "/api/presence",
    tag = "presence",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = Page<Presence>), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut parameters: Parameters,
) -> Result<Json<Page<Presence>>, Problem> {
    let (limit, after) = (parameters.limit(), parameters.text("after"));
    parameters.finish()?;
    let Reply::Presence(views) = api.ask(Command::ListPresence).await? else { return Err(super::unexpected()) };
    let is_after = |after: &str, view: &PresenceView| view.number.as_str() > after;
    let page = page::cut(views, limit, after.as_deref(), |view| view.number.clone(), is_after);
    Ok(Json(Page { items: page.items.into_iter().map(Presence::from).collect(), next: page.next }))
}

/// What an account's presence shall say.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field so that every fault is named")]
pub(super) struct Wish {
    /// The account.
    #[schema(example = "1001")]
    number: String,
    /// Available, Busy, Away, Do Not Disturb, In Call, In Meeting or Offline.
    #[schema(example = "In Meeting")]
    state: String,
    /// Words of its own, up to 140 letters.
    #[schema(example = "Back at three")]
    text: Option<String>,
}

/// Sets an account's presence, until it is set or published otherwise or the exchange restarts.
#[utoipa::path(
    post,
    path = "/api/presence/set",
    tag = "presence",
    request_body = Wish,
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 413, body = Problem),
        (status = 415, body = Problem),
        (status = 422, body = Problem),
    )
)]
pub(super) async fn set(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut body: Object,
) -> Result<StatusCode, Problem> {
    let number = body.text("number", NUMBER_BYTES_MAX);
    let state = body.text("state", NUMBER_BYTES_MAX);
    let note = body.optional_text("text", NOTE_BYTES_MAX).unwrap_or_default();
    body.finish()?;
    let known = PresenceStatus::ALL.into_iter().find(|status| status.words().eq_ignore_ascii_case(&state));
    let Some(status) = known else {
        let words: Vec<_> = PresenceStatus::ALL.iter().map(|status| status.words()).collect();
        return Err(Problem::fields(vec![FieldError::new("state", format!("none of {}", words.join(", ")))]));
    };
    let detail = format!("{number}: {}", status.words());
    match api.ask(Command::SetPresence { number, status, note }).await? {
        Reply::Done => {
            api.audit(&caller, "presence", &detail).await;
            Ok(StatusCode::NO_CONTENT)
        }
        Reply::Refused(Refusal::UnknownExtension) => {
            Err(Problem::fields(vec![FieldError::new("number", "no extension has this number")]))
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
