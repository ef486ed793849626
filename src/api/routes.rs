//! `GET /api/routes/explain`: where a number leads and why, by the settings that the exchange runs with.

use super::{
    Api,
    page::Parameters,
    problem::{FieldError, Problem},
};
use crate::clock;
use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::Serialize;
use signaling::{
    effect::{Reply, RouteView, RuleView},
    input::Command,
    wall::WallTime,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// Where a number leads, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explained {
    /// Who calls.
    from: String,
    /// The trunk that the call comes by.
    trunk: Option<String>,
    /// What is dialled.
    to: String,
    /// When, RFC 3339.
    at: String,
    /// extension, echo, trunks, `not_built`, nowhere or refused.
    #[schema(example = "trunks")]
    kind: &'static str,
    /// The target in words.
    leads: String,
    /// The SIP answer of a call that goes nowhere.
    status: Option<u16>,
    /// The account whose phones ring.
    extension: Option<String>,
    /// The route to the world.
    route: Option<String>,
    /// What the trunk is sent.
    number: Option<String>,
    /// The trunks of the route, in its order.
    trunks: Vec<String>,
    /// No right and no limit holds for the call.
    emergency: bool,
    /// The account that a call from a trunk comes from.
    caller: Option<String>,
    /// The accounts that led the call on, the first first.
    diverted: Vec<String>,
    /// Each rule in the order in which they were looked at.
    rules: Vec<Rule>,
}

/// What became of one rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rule {
    /// The rule.
    #[schema(example = "route local")]
    rule: String,
    /// The file it is written in; null: it is of every exchange, or stands for many.
    file: Option<String>,
    /// The line.
    line: Option<u32>,
    /// It decided where the call leads.
    decided: bool,
    /// What became of it.
    why: String,
}

impl Explained {
    /// A view of the exchange as it is told outside.
    #[must_use]
    pub fn new(from: &str, trunk: Option<&str>, to: &str, at: Timestamp, view: RouteView) -> Self {
        let RouteView {
            file,
            rules,
            kind,
            leads,
            status,
            extension,
            route,
            number,
            trunks,
            emergency,
            caller,
            diverted,
        } = view;
        let rule = |rule: RuleView| Rule {
            rule: rule.rule,
            file: rule.place.is_written().then(|| file.clone()),
            line: rule.place.is_written().then_some(rule.place.line),
            decided: rule.decided,
            why: rule.why,
        };
        Self {
            from: from.to_owned(),
            trunk: trunk.map(str::to_owned),
            to: to.to_owned(),
            at: clock::rfc3339(at),
            kind,
            leads,
            status,
            extension,
            route,
            number,
            trunks,
            emergency,
            caller,
            diverted,
            rules: rules.into_iter().map(rule).collect(),
        }
    }
}

/// Where a number leads, and why.
#[utoipa::path(
    get,
    path = "/api/routes/explain",
    tag = "routes",
    params(
        ("from" = String, Query, description = "The caller: an extension's number, or with `trunk` the number that the trunk tells"),
        ("to" = String, Query, description = "What is dialled"),
        ("trunk" = Option<String>, Query, description = "The trunk that the call comes by"),
        ("at" = Option<String>, Query, description = "When, RFC 3339; now unless given"),
    ),
    responses((status = 200, body = Explained), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub(super) async fn explain(
    State(api): State<Arc<Api>>,
    mut parameters: Parameters,
) -> Result<Json<Explained>, Problem> {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let (from, to, trunk) = (parameters.text("from"), parameters.text("to"), parameters.text("trunk"));
    let at = parameters.read("at", "a time such as 2026-11-22T03:00:00Z", time).unwrap_or_else(Timestamp::now);
    parameters.finish()?;
    let missing = |name: &str| Problem::parameters(vec![FieldError::new(name, "missing; a number would be right")]);
    let to = to.ok_or_else(|| missing("to"))?;
    let from = match &trunk {
        // A trunk need not say who calls.
        Some(_) => from.unwrap_or_default(),
        None => from.ok_or_else(|| missing("from"))?,
    };
    let command = Command::Explain {
        from: from.clone(),
        trunk: trunk.clone(),
        to: to.clone(),
        at: Some(WallTime(at.as_second())),
    };
    let Reply::Explained(view) = api.ask(command).await? else { return Err(super::unexpected()) };
    Ok(Json(Explained::new(&from, trunk.as_deref(), &to, at, *view)))
}
