//! Errors as problem documents, RFC 9457.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, a reference to its explanation.
    #[schema(example = "/docs#problem-not-found")]
    pub r#type: Cow<'static, str>,
    /// The kind in words; the same for every problem of the kind.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(value_type = u16)]
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    /// This occurrence in words.
    pub detail: String,
    /// Fields or parts that are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after_seconds: Option<u32>,
}

/// One field or part at fault.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// What is wrong with it; what would be right.
    pub detail: String,
}

impl FieldError {
    /// The field's fault.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// The kinds, each with its status and its words.
pub(super) const KINDS: [(StatusCode, &str, &str); 13] = [
    (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read"),
    (StatusCode::UNAUTHORIZED, "unauthorized", "A key is needed"),
    (StatusCode::FORBIDDEN, "forbidden", "The key does not allow this"),
    (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
    (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The resource does not know this method"),
    (StatusCode::CONFLICT, "conflict", "The present state does not allow this"),
    (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is not JSON"),
    (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "Fields are missing or wrong"),
    (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The exchange failed"),
    (StatusCode::NOT_IMPLEMENTED, "not-implemented", "Not active in this version"),
    (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The exchange cannot do this now"),
    (StatusCode::GATEWAY_TIMEOUT, "late", "The exchange did not answer in time"),
];

impl Problem {
    /// A problem of the kind that `status` names.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let known = KINDS.iter().find(|(code, _, _)| *code == status);
        let (r#type, title) = match known {
            Some((_, kind, title)) => (Cow::Owned(format!("/docs#problem-{kind}")), *title),
            None => (Cow::Borrowed("about:blank"), status.canonical_reason().unwrap_or("Error")),
        };
        Self { r#type, title, status, detail: detail.into(), errors: Vec::new(), retry_after_seconds: None }
    }

    /// With these fields named.
    #[must_use]
    pub fn with(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// With a time after which to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// 422 with these fields named.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Fields are missing or wrong; see errors.").with(errors)
    }

    /// 400 with these query parameters named.
    #[must_use]
    pub fn parameters(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Query parameters are wrong; see errors.").with(errors)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ironbell\""));
        }
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
