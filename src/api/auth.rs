//! Who may ask: Bearer keys, RFC 6750, with a role each.
//!
//! Only `/healthz`, `/readyz` and, when configured, `/metrics` are open. The documentation page is also shown to a browser that gives the key
//! as the password of Basic authentication (RFC 7617), because a browser cannot send a Bearer key of itself; nothing that changes anything
//! accepts that, so that no foreign page can make a browser act.

use super::{Api, problem::Problem};
use crate::config::{self, ApiKey, Role};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Who asks; found by the guard, for handlers that record it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The name of the key.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

impl Caller {
    /// Who may change how the exchange is set, or see it.
    ///
    /// # Errors
    /// 403.
    pub(super) fn administers(&self) -> Result<(), Problem> {
        match self.role {
            Role::Admin => Ok(()),
            Role::Viewer | Role::Operator => {
                Err(Problem::new(StatusCode::FORBIDDEN, "This is for keys with the role admin."))
            }
        }
    }
}

/// Who may come in, and from where.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    /// All keys.
    keys: Keys,
    /// Whether `/metrics` needs no key.
    metrics_open: bool,
    /// Origins whose pages may ask, with a key.
    origins: Vec<HeaderValue>,
}

impl Doors {
    /// Those of a configuration.
    #[must_use]
    pub fn new(api: &config::Api) -> Self {
        Self {
            keys: Keys::new(api.keys.clone()),
            metrics_open: api.metrics_open,
            origins: api.cors.origins.iter().filter_map(|origin| origin.parse().ok()).collect(),
        }
    }

    /// Whether a page of this origin may ask.
    pub(super) fn admit(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(origin)
    }
}

/// All keys.
#[derive(Clone, Debug, Default)]
struct Keys(Vec<ApiKey>);

impl Keys {
    /// These keys.
    const fn new(keys: Vec<ApiKey>) -> Self {
        Self(keys)
    }

    /// The key that reads `given`. Every key is compared to its end, so that time does not tell how much of one was right.
    fn find(&self, given: &str) -> Option<&ApiKey> {
        let same = |key: &&ApiKey| bool::from(key.key.expose().as_bytes().ct_eq(given.as_bytes()));
        self.0.iter().fold(None, |found, key| if same(&key) { Some(key) } else { found })
    }
}

/// Lets a request pass, or says what is missing.
pub(super) async fn guard(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let doors = api.doors.load_full();
    if matches!(path, "/healthz" | "/readyz") || (path == "/metrics" && doors.metrics_open) {
        return next.run(request).await;
    }
    let for_browsers =
        matches!(path, "/docs" | "/docs/style.css" | "/api/openapi.json") && request.method() == Method::GET;
    let given = bearer(request.headers()).or_else(|| for_browsers.then(|| basic(request.headers())).flatten());
    let key = given.as_deref().and_then(|given| doors.keys.find(given));
    let Some(key) = key else {
        let detail = "Send the header `Authorization: Bearer KEY` with a key of the configuration (api.keys).";
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
        if for_browsers {
            response.headers_mut().append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"ironbell, password: an API key\""),
            );
        }
        return response;
    };
    let needed = if matches!(*request.method(), Method::GET | Method::HEAD) { Role::Viewer } else { Role::Operator };
    if key.role < needed {
        return Problem::new(StatusCode::FORBIDDEN, "The key may read only.").into_response();
    }
    let caller = Caller { name: key.name.clone(), role: key.role };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    credentials(headers, "bearer").map(str::to_owned)
}

fn basic(headers: &HeaderMap) -> Option<String> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(credentials(headers, "basic")?).ok()?;
    String::from_utf8(decoded).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

/// What follows the scheme's name, which is case-insensitive (RFC 9110 section 11.1).
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (name, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use signaling::settings::Secret;

    fn keys() -> Keys {
        let key = |name: &str, role, key: &str| ApiKey { name: name.to_owned(), role, key: Secret::new(key) };
        Keys::new(vec![key("ops", Role::Admin, "the-first-long-key"), key("eye", Role::Viewer, "the-second-long-key")])
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_key_is_found_whole_and_never_by_a_part() {
        assert_eq!(keys().find("the-second-long-key").unwrap().name, "eye");
        for wrong in ["", "the", "the-first-long-ke", "the-first-long-key ", "THE-FIRST-LONG-KEY"] {
            assert!(keys().find(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        assert_eq!(bearer(&headers("bEaReR  abc")).as_deref(), Some("abc"));
        assert_eq!(bearer(&headers("Basic abc")), None);
        assert_eq!(basic(&headers("Basic eDphOmI=")).as_deref(), Some("a:b"));
        assert_eq!(basic(&headers("Basic !")), None);
    }
}
