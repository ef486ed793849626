//! The HTTP face: one file a resource; a request becomes a command to the exchange, its reply an answer.
//!
//! Deliberately without knowledge of SIP and without state of its own. What is answered is described by the types, from which
//! `/api/openapi.json` and `/docs` are made.

mod auth;
mod bans;
mod body;
mod calls;
mod cdr;
mod config;
mod docs;
mod extensions;
mod health;
pub mod page;
mod presence;
pub mod problem;
mod recordings;
mod routes;
mod serve;
mod status;
mod trace;
mod transfer;
mod trunks;

pub use self::{auth::Doors, routes::Explained, serve::serve};

use self::{auth::Caller, problem::Problem};
use crate::{
    publish::{Metrics, shards::Shards, trace::Traces},
    reload::Reloads,
    store::Store,
    wire::{
        Exchange, Unanswered,
        gate::{Ban, BanOrder},
    },
};
use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use contract::Instant;
use signaling::{
    effect::{Refusal, Reply},
    input::Command,
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::{
    InfoBuilder, OpenApi, OpenApiBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long the exchange has to answer; it needs microseconds, so this means it hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How long a request may take as a whole, its body included.
const REQUEST_WITHIN: Duration = Duration::from_secs(15);

/// What the resources draw on.
pub struct Api {
    /// The exchange.
    pub exchange: Exchange,
    /// Records and the audit.
    pub store: Store,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Paths of recordings are relative to it.
    pub data_dir: PathBuf,
    /// The traces of calls; `None`: none are kept.
    pub traces: Option<Traces>,
    /// The media cores.
    pub shards: Arc<Shards>,
    /// Who may ask.
    pub doors: Arc<ArcSwap<Doors>>,
    /// Where configurations are replaced.
    pub reloads: Arc<Reloads>,
    /// When the exchange began.
    pub started_at: Instant,
    /// Set once the exchange is being stopped.
    pub leaving: AtomicBool,
}

impl Api {
    /// The bans that an order concerns; `None`: the source is one that is never banned.
    async fn bans(&self, order: BanOrder) -> Result<Option<Vec<Ban>>, Problem> {
        self.exchange.bans(order, ANSWER_WITHIN).await.map_err(unanswered)
    }

    async fn ask(&self, command: Command) -> Result<Reply, Problem> {
        match self.exchange.ask(command, ANSWER_WITHIN).await {
            Ok(reply) => Ok(reply),
            Err(why) => Err(unanswered(why)),
        }
    }

    /// The order is carried out whether or not it can be written down: a store that fails must not stop an operator.
    async fn audit(&self, caller: &Caller, action: &str, detail: &str) {
        if let Err(fault) = self.store.audit(&caller.name, action, detail).await {
            tracing::warn!(component = "api", action, %fault, "an action could not be written to the audit");
        }
    }

    fn leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }
}

fn unanswered(why: Unanswered) -> Problem {
    match why {
        Unanswered::Late => Problem::new(StatusCode::GATEWAY_TIMEOUT, "The exchange did not answer in time."),
        Unanswered::Gone => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The exchange is being stopped."),
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Exhausted => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The exchange is at its limit, or being stopped.")
                .retry_after(5)
        }
        Refusal::UnknownCall => Problem::new(StatusCode::NOT_FOUND, "No such call is up."),
        Refusal::Conflict => {
            Problem::new(StatusCode::CONFLICT, "The call is not in a state for it, or nobody in it may do it.")
        }
        Refusal::UnknownExtension
        | Refusal::UnknownDestination
        | Refusal::NotRegistered
        | Refusal::Busy
        | Refusal::NotAnswered
        | Refusal::NotRecorded => Problem::new(StatusCode::CONFLICT, "The exchange refused."),
    }
}

fn unexpected() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The exchange answered something else than was asked.")
}

/// The description of the whole API, as served and as `ironbell openapi` prints it.
#[must_use]
pub fn openapi() -> OpenApi {
    resources().into_openapi()
}

fn resources() -> OpenApiRouter<Arc<Api>> {
    let info = InfoBuilder::new().title("Ironbell").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Errors are problem documents (RFC 9457). Times are RFC 3339 in UTC, durations are in seconds.",
    ));
    let mut api = OpenApiBuilder::new().info(info).build();
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A key of `api.keys`.")).build();
    let mut components = utoipa::openapi::Components::new();
    components.add_security_scheme("key", SecurityScheme::Http(key));
    api.components = Some(components);
    api.security = Some(vec![SecurityRequirement::new("key", [] as [&str; 0])]);
    OpenApiRouter::with_openapi(api)
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(status::get))
        .routes(routes!(extensions::list))
        .routes(routes!(presence::list))
        .routes(routes!(presence::set))
        .routes(routes!(calls::list))
        .routes(routes!(calls::hang_up))
        .routes(routes!(transfer::transfer))
        .routes(routes!(transfer::transfer_of))
        .routes(routes!(calls::place))
        .routes(routes!(trace::get))
        .routes(routes!(cdr::list))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::get))
        .routes(routes!(recordings::sound))
        .routes(routes!(recordings::order))
        .routes(routes!(bans::list))
        .routes(routes!(bans::put))
        .routes(routes!(bans::lift))
        .routes(routes!(trunks::list))
        .routes(routes!(routes::explain))
        .routes(routes!(config::reload))
        .routes(routes!(config::check))
        .routes(routes!(config::history))
        .routes(routes!(config::difference))
        .routes(routes!(config::undo))
}

/// Everything that answers.
pub fn router(api: Arc<Api>) -> Router {
    let (router, description) = resources().split_for_parts();
    let doors = Arc::clone(&api.doors);
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| doors.load().admit(origin)))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .max_age(Duration::from_secs(600));
    router
        .merge(docs::router(description))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(body::BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), auth::guard))
        .layer(middleware::from_fn(bound))
        .layer(cors)
        .layer(middleware::from_fn(harden))
        .with_state(api)
}

async fn not_found(request: Request) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("Nothing is at {:?}.", request.uri().path()))
}

async fn not_allowed(request: Request) -> Problem {
    let detail =
        format!("{:?} does not know {}; the header Allow says what it knows.", request.uri().path(), request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Bounds what a request may bring and how long it may take.
async fn bound(request: Request, next: Next) -> Response {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > body::BODY_BYTES_MAX as u64) {
        let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
        return (close, body::too_large()).into_response();
    }
    match tokio::time::timeout(REQUEST_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "The request took too long.").into_response(),
    }
}

/// Tells browsers to do nothing clever with an answer.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
