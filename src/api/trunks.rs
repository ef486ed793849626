//! `GET /api/trunks`: the providers and gateways, whether they can be used, and their channels (TRK-05).

use super::{
    Api,
    page::{self, Page, Parameters},
    problem::Problem,
};
use crate::clock;
use axum::{Json, extract::State};
use serde::Serialize;
use signaling::{
    effect::{Reply, TrunkView},
    input::Command,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// One trunk.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trunk {
    /// Its name.
    name: String,
    /// Its server's URI.
    server: String,
    /// `up`, or `down`.
    #[schema(example = "up")]
    state: &'static str,
    /// Why it is down.
    reason: Option<&'static str>,
    /// Whether our registration holds; none when it is not registered with.
    registered: Option<bool>,
    /// When the registration ends, RFC 3339.
    registered_until: Option<String>,
    /// The last answer to a registration.
    register_status: Option<u16>,
    /// Until when it is left alone because calls failed, RFC 3339.
    quarantined_until: Option<String>,
    /// The time from the last OPTIONS to its answer; none when it is not asked, or did not answer.
    rtt_ms: Option<f64>,
    /// Channels taken.
    calls_active: usize,
    /// Channels there are.
    calls_max: usize,
}

impl From<TrunkView> for Trunk {
    fn from(view: TrunkView) -> Self {
        let at = |at| clock::rfc3339(clock::wall(at));
        Self {
            name: view.name,
            server: view.server,
            state: if view.fault.is_none() { "up" } else { "down" },
            reason: view.fault,
            registered: view.registers.then_some(view.registered_until.is_some()),
            registered_until: view.registered_until.map(at),
            register_status: view.register_status,
            quarantined_until: view.quarantined_until.map(at),
            rtt_ms: view.round_trip.map(|trip| trip.as_secs_f64() * 1_000.0),
            calls_active: view.calls,
            calls_max: view.calls_max,
        }
    }
}

/// The trunks, by name.
#[utoipa::path(
    get,
    path = "/api/trunks",
    tag = "trunks",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = Page<Trunk>), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut parameters: Parameters,
) -> Result<Json<Page<Trunk>>, Problem> {
    let (limit, after) = (parameters.limit(), parameters.text("after"));
    parameters.finish()?;
    let Reply::Trunks(views) = api.ask(Command::ListTrunks).await? else { return Err(super::unexpected()) };
    let is_after = |after: &str, view: &TrunkView| view.name.as_str() > after;
    let page = page::cut(views, limit, after.as_deref(), |view| view.name.clone(), is_after);
    Ok(Json(Page { items: page.items.into_iter().map(Trunk::from).collect(), next: page.next }))
}
