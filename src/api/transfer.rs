//! `/api/call/transfer`, and the same under the path of a call: one handler for both (C14 of the catalogue).

use super::{
    Api,
    auth::Caller,
    body::Object,
    calls::{DIALLED_BYTES_MAX, no_such_call},
    problem::{FieldError, Problem},
};
use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use signaling::{
    effect::{Refusal, Reply},
    id::CallId,
    input::Command,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// A transfer.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field so that every fault is named")]
pub(super) struct Transfer {
    /// The call; not with the path that names it.
    #[schema(example = "0000000000000001")]
    call_id: Option<String>,
    /// Where to; not with `complete` and `abort`.
    #[schema(example = "1003")]
    to: Option<String>,
    /// The party that transfers the other one; the one that was called, else the caller, unless given.
    #[schema(example = "1002")]
    by: Option<String>,
    /// `blind` (unless given): at once. `attended`: `by` talks with `to` first. `complete`, `abort`: ends the one under way.
    kind: Option<String>,
}

/// Transfers a party of a call.
#[utoipa::path(
    post,
    path = "/api/call/transfer",
    tag = "calls",
    request_body = Transfer,
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "The call is not in a state for it, nobody in it may transfer, or the number has no phone registered or is busy"),
        (status = 413, body = Problem),
        (status = 415, body = Problem),
        (status = 422, body = Problem),
    )
)]
pub(super) async fn transfer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut body: Object,
) -> Result<StatusCode, Problem> {
    let id = body.text("call_id", DIALLED_BYTES_MAX);
    order(&api, &caller, &id, body).await
}

/// Transfers a party of the call in the path.
#[utoipa::path(
    post,
    path = "/api/telephony/calls/{id}/transfer",
    tag = "calls",
    params(("id" = String, Path, description = "The call's name")),
    request_body = Transfer,
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    )
)]
pub(super) async fn transfer_of(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    body: Object,
) -> Result<StatusCode, Problem> {
    let Ok(Path(id)) = id else { return Err(no_such_call("")) };
    order(&api, &caller, &id, body).await
}

async fn order(api: &Api, caller: &Caller, id: &str, mut body: Object) -> Result<StatusCode, Problem> {
    let kind = body.optional_text("kind", DIALLED_BYTES_MAX).unwrap_or_else(|| "blind".to_owned());
    let begins = match kind.as_str() {
        "blind" | "attended" => true,
        "complete" | "abort" => false,
        _ => {
            body.fault("kind", "not one of blind, attended, complete, abort");
            false
        }
    };
    let to = if begins { body.text("to", DIALLED_BYTES_MAX) } else { String::new() };
    let by = if begins { body.optional_text("by", DIALLED_BYTES_MAX) } else { None };
    body.finish()?;
    let Some(call) = CallId::parse(id) else { return Err(no_such_call(id)) };
    let command = match begins {
        true => Command::Transfer { call, by, to: to.clone(), consult: kind == "attended" },
        false => Command::ConcludeTransfer { call, complete: kind == "complete" },
    };
    match api.ask(command).await? {
        Reply::Done => {
            api.audit(caller, "transfer", &format!("{id} {kind} {to}")).await;
            Ok(StatusCode::NO_CONTENT)
        }
        Reply::Refused(Refusal::UnknownCall) => Err(no_such_call(id)),
        Reply::Refused(Refusal::UnknownDestination) => {
            Err(Problem::fields(vec![FieldError::new("to", "this number leads nowhere")]))
        }
        Reply::Refused(Refusal::NotRegistered) => {
            Err(Problem::new(StatusCode::CONFLICT, format!("Extension {to} has no phone registered.")))
        }
        Reply::Refused(Refusal::Busy) => {
            Err(Problem::new(StatusCode::CONFLICT, format!("Extension {to} is at its call limit.")))
        }
        Reply::Refused(refusal) => Err(super::refused(refusal)),
        Reply::Originating { .. }
        | Reply::Calls(_)
        | Reply::Extensions(_)
        | Reply::Presence(_)
        | Reply::Trunks(_)
        | Reply::Explained(_)
        | Reply::Status(_) => Err(super::unexpected()),
    }
}
