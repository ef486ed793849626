//! `GET /api/extensions`: the accounts and their phones.

use super::{
    Api,
    page::{self, Page, Parameters},
    problem::Problem,
};
use crate::clock;
use axum::{Json, extract::State};
use serde::Serialize;
use signaling::{
    effect::{ExtensionView, Reply},
    input::{Command, StoredBinding},
};
use std::sync::Arc;
use utoipa::ToSchema;

/// One account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Extension {
    /// Internal number.
    number: String,
    /// Display name.
    name: String,
    /// Whether a phone is registered.
    registered: bool,
    /// The registered phones, preferred first.
    contacts: Vec<Contact>,
    /// Idle, or the state of its most advanced call.
    #[schema(example = "Idle")]
    state: &'static str,
    /// When it last registered or called, RFC 3339.
    last_activity: Option<String>,
}

/// One registered phone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Contact {
    /// Its Contact URI.
    uri: String,
    /// The address its registration came from.
    source: String,
    /// `udp` or `tcp`.
    transport: &'static str,
    /// What it calls itself.
    user_agent: String,
    /// When the registration ends, RFC 3339.
    expires_at: String,
}

impl From<StoredBinding> for Contact {
    fn from(binding: StoredBinding) -> Self {
        Self {
            uri: binding.contact,
            source: binding.source.to_string(),
            transport: binding.transport.lower(),
            user_agent: binding.user_agent,
            expires_at: clock::rfc3339(clock::wall_in(binding.expires_in)),
        }
    }
}

impl From<ExtensionView> for Extension {
    fn from(view: ExtensionView) -> Self {
        Self {
            number: view.number,
            name: view.name,
            registered: !view.contacts.is_empty(),
            contacts: view.contacts.into_iter().map(Contact::from).collect(),
            state: super::calls::state(view.state),
            last_activity: view.last_activity.map(|at| clock::rfc3339(clock::wall(at))),
        }
    }
}

/// The accounts and their phones, by number.
#[utoipa::path(
    get,
    path = "/api/extensions",
    tag = "extensions",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = Page<Extension>), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut parameters: Parameters,
) -> Result<Json<Page<Extension>>, Problem> {
    let (limit, after) = (parameters.limit(), parameters.text("after"));
    parameters.finish()?;
    let Reply::Extensions(views) = api.ask(Command::ListExtensions).await? else { return Err(super::unexpected()) };
    let is_after = |after: &str, view: &ExtensionView| view.number.as_str() > after;
    let page = page::cut(views, limit, after.as_deref(), |view| view.number.clone(), is_after);
    Ok(Json(Page { items: page.items.into_iter().map(Extension::from).collect(), next: page.next }))
}
