//! Request bodies: JSON objects of a bounded size, with every fault named.

use super::problem::{FieldError, Problem};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde_json::{Map, Value};

/// Largest body.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A JSON object.
pub(super) struct Object {
    fields: Map<String, Value>,
    faults: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = "Send the body as `Content-Type: application/json`.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => Problem::new(StatusCode::BAD_REQUEST, "The body ended early."),
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self { fields, faults: Vec::new() }),
            Ok(_) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The body is JSON but not an object.")),
            Err(fault) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("The body is not JSON: {fault}."))),
        }
    }
}

impl Object {
    /// Takes a text field out; what is wrong with it is kept for [`Self::finish`].
    pub(super) fn text(&mut self, name: &str, bytes_max: usize) -> String {
        let fault = match self.fields.remove(name) {
            None => "missing; a text would be right".to_owned(),
            Some(Value::String(text)) if text.trim().is_empty() => "empty".to_owned(),
            Some(Value::String(text)) if text.len() > bytes_max => format!("longer than {bytes_max} bytes"),
            Some(Value::String(text)) if text.chars().any(char::is_control) => "holds control characters".to_owned(),
            Some(Value::String(text)) => return text.trim().to_owned(),
            Some(_) => "not a text".to_owned(),
        };
        self.faults.push(FieldError::new(name, fault));
        String::new()
    }

    /// As [`Self::text`] for a field that may be missing or null.
    pub(super) fn optional_text(&mut self, name: &str, bytes_max: usize) -> Option<String> {
        match self.fields.get(name) {
            None => None,
            Some(Value::Null) => {
                self.fields.remove(name);
                None
            }
            Some(Value::String(text)) if text.trim().is_empty() => {
                self.fields.remove(name);
                None
            }
            Some(_) => Some(self.text(name, bytes_max)),
        }
    }

    /// Says that a field is wrong.
    pub(super) fn fault(&mut self, name: &str, fault: &str) {
        self.faults.push(FieldError::new(name, fault));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When fields were wrong, or are left that nobody knows.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        self.faults.extend(self.fields.into_iter().map(|(name, _)| FieldError::new(name, "no such field here")));
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::fields(self.faults)) }
    }
}

/// 413.
pub(super) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("A body may hold {BODY_BYTES_MAX} bytes."))
}
