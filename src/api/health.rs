//! `/healthz`: the process lives. `/readyz`: it can do its work. `/metrics`: its figures.

use super::{
    Api,
    problem::{FieldError, Problem},
};
use crate::wire::gate::BanOrder;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use signaling::{effect::Reply, input::Command};
use std::sync::Arc;

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = String)))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// SIP, media and store work.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    security(()),
    responses((status = 200, body = String), (status = 503, body = Problem, description = "Not ready; the reasons are in errors"))
)]
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Result<&'static str, Problem> {
    let mut reasons = Vec::new();
    match api.exchange.ask(Command::Status, super::ANSWER_WITHIN).await {
        Ok(Reply::Status(status)) if status.draining => {
            reasons.push(FieldError::new("sip", "draining: no new calls are taken"))
        }
        Ok(Reply::Status(_)) => {}
        Ok(_) | Err(_) => reasons.push(FieldError::new("sip", "the signaling thread does not answer")),
    }
    if api.leaving() && reasons.is_empty() {
        reasons.push(FieldError::new("sip", "draining: the exchange is being stopped"));
    }
    reasons.extend(api.shards.dead().map(|shard| FieldError::new("media", format!("shard {shard} does not run"))));
    if let Err(fault) = api.store.schema_version().await {
        reasons.push(FieldError::new("store", format!("the store does not answer: {fault}")));
    }
    if reasons.is_empty() {
        return Ok("ready\n");
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not ready; see errors.").with(reasons))
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, Problem> {
    if let Reply::Status(status) = api.ask(Command::Status).await? {
        api.metrics.observe_status(&status);
    }
    // The gate forgets what is over and says how many bans are left.
    let _ = api.bans(BanOrder::List).await?;
    if let Reply::Trunks(trunks) = api.ask(Command::ListTrunks).await? {
        api.metrics.observe_trunks(&trunks);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics.render()))
}
