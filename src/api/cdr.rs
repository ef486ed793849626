//! `GET /api/cdr`: the calls that were.

use super::{
    Api,
    page::{Page, Parameters},
    problem::Problem,
};
use crate::{
    publish::{CallRow, disposition},
    store::Filter,
};
use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use signaling::fact::Disposition;
use std::sync::Arc;

/// The calls that were, newest first.
#[utoipa::path(
    get,
    path = "/api/cdr",
    tag = "cdr",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("from" = Option<String>, Query, description = "Caller's number"),
        ("to" = Option<String>, Query, description = "Dialled number"),
        ("disposition" = Option<String>, Query, description = "answered, no answer, busy or failed"),
        ("since" = Option<String>, Query, description = "Not begun before this time, RFC 3339"),
        ("until" = Option<String>, Query, description = "Begun before this time, RFC 3339"),
    ),
    responses((status = 200, body = Page<CallRow>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut parameters: Parameters,
) -> Result<Json<Page<CallRow>>, Problem> {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let filter = Filter {
        limit: parameters.limit(),
        after: parameters.text("after"),
        from: parameters.text("from"),
        to: parameters.text("to"),
        disposition: parameters.read("disposition", "answered, no answer, busy or failed", read_disposition),
        since: parameters.read("since", "a time such as 2026-11-22T03:00:00Z", time),
        until: parameters.read("until", "a time such as 2026-11-22T03:00:00Z", time),
    };
    parameters.finish()?;
    match api.store.records(filter).await {
        Ok(page) => Ok(Json(Page { items: page.items, next: page.next })),
        Err(fault) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("The store does not answer: {fault}."))
                .retry_after(5))
        }
    }
}

fn read_disposition(text: &str) -> Option<Disposition> {
    [Disposition::Answered, Disposition::NoAnswer, Disposition::Busy, Disposition::Failed]
        .into_iter()
        .find(|known| disposition(*known) == text)
}
