//! `/api/bans`: sources that are shut out, and the orders to shut out and to let in again (SEC-01).

use super::{
    Api,
    auth::Caller,
    body::Object,
    page::{self, Page, Parameters},
    problem::{FieldError, Problem},
};
use crate::{
    clock, config,
    wire::gate::{self, BanOrder},
};
use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::{net::IpAddr, sync::Arc, time::Duration};
use utoipa::ToSchema;

/// Bytes of an address or a span of time.
const FIELD_BYTES_MAX: usize = 64;

/// The longest ban.
const SPAN_MAX: Duration = Duration::from_secs(8_760 * 3_600);

/// One source that is shut out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ban {
    /// An IPv4 address, or an IPv6 network of 64 bits.
    #[schema(example = "192.0.2.66")]
    source: String,
    /// `failed attempts`, or `operator`.
    #[schema(example = "failed attempts")]
    reason: &'static str,
    /// Since when, RFC 3339; after a restart, since that.
    since: String,
    /// Until when, RFC 3339.
    until: String,
}

impl From<gate::Ban> for Ban {
    fn from(ban: gate::Ban) -> Self {
        let at = |at| clock::rfc3339(clock::wall(at));
        Self { source: ban.source.to_string(), reason: ban.reason.name(), since: at(ban.since), until: at(ban.until) }
    }
}

/// The sources that are shut out, newest first.
#[utoipa::path(
    get,
    path = "/api/bans",
    tag = "bans",
    params(
        ("limit" = Option<usize>, Query, description = "Items of a page, 1 to 1000; 100 unless given"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = Page<Ban>), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub(super) async fn list(State(api): State<Arc<Api>>, mut parameters: Parameters) -> Result<Json<Page<Ban>>, Problem> {
    let limit = parameters.limit();
    let wanted = "`next` of the page before";
    let after = parameters.read("after", wanted, |text| text.split_once('-').map(|_| text.to_owned()));
    parameters.finish()?;
    let bans = api.bans(BanOrder::List).await?.unwrap_or_default();
    // Newest first, as they are listed; bans of one moment by their source.
    let place = |ban: &gate::Ban| format!("{:020}-{:032x}", u64::MAX - ban.since.as_nanos(), ban.source.to_bits());
    let is_after = |after: &str, ban: &gate::Ban| place(ban).as_str() > after;
    let page = page::cut(bans, limit, after.as_deref(), place, is_after);
    Ok(Json(Page { items: page.items.into_iter().map(Ban::from).collect(), next: page.next }))
}

/// Whom to shut out.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field so that every fault is named")]
pub(super) struct Order {
    /// An address; of IPv6 its network of 64 bits is meant.
    #[schema(example = "192.0.2.66")]
    address: String,
    /// For how long, as 30s, 10m or 24h; `security.ban` unless given.
    #[schema(example = "24h")]
    span: Option<String>,
}

/// Shuts a source out. Phones that are registered from it go on as long as they keep their port.
#[utoipa::path(
    post,
    path = "/api/bans",
    tag = "bans",
    request_body = Order,
    responses(
        (status = 201, body = Ban),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem, description = "An address of security.allow, or of a trunk"),
        (status = 422, body = Problem),
    )
)]
pub(super) async fn put(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut body: Object,
) -> Result<(StatusCode, Json<Ban>), Problem> {
    let address = body.text("address", FIELD_BYTES_MAX);
    let span = body.optional_text("span", FIELD_BYTES_MAX);
    body.finish()?;
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(Problem::fields(vec![FieldError::new("address", "not an IP address")]));
    };
    let span = match span.as_deref().map(config::parse_duration) {
        None => None,
        Some(Some(span)) if !span.is_zero() && span <= SPAN_MAX => Some(span),
        Some(_) => return Err(Problem::fields(vec![FieldError::new("span", "not a time such as 30s, 10m or 24h")])),
    };
    let Some(bans) = api.bans(BanOrder::Put { address, span }).await? else {
        let detail = "Addresses of security.allow and of trunks are never banned.";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    let Some(ban) = bans.into_iter().next() else { return Err(super::unexpected()) };
    api.audit(&caller, "ban", &ban.source.to_string()).await;
    Ok((StatusCode::CREATED, Json(Ban::from(ban))))
}

/// Lets a source in again, or all.
#[utoipa::path(
    delete,
    path = "/api/bans",
    tag = "bans",
    params(("address" = Option<String>, Query, description = "An address of the source; all bans end unless given")),
    responses(
        (status = 204, description = "How many bans ended is in the header `Bans-Ended`"),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "The source is not banned"),
    )
)]
pub(super) async fn lift(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let address: Option<IpAddr> = parameters.read("address", "an IP address", |text| text.parse().ok());
    parameters.finish()?;
    let ended = api.bans(BanOrder::Lift(address)).await?.unwrap_or_default();
    if let (Some(address), true) = (address, ended.is_empty()) {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("{address} is not banned.")));
    }
    let detail = address.map_or_else(|| format!("all, {}", ended.len()), |address| address.to_string());
    api.audit(&caller, "lift ban", &detail).await;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert("bans-ended", HeaderValue::from(ended.len()));
    Ok(response)
}
