//! A client of the API.

use crate::exchange::{Exchange, KEY, PATIENCE, until};
use serde_json::Value;

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One request, with a key unless it is empty.
pub(crate) fn ask(exchange: &Exchange, method: &str, path: &str, key: &str, body: Option<(&str, &[u8])>) -> Answer {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", exchange.http));
    if !key.is_empty() {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    if let Some((kind, _)) = body {
        request = request.header("Content-Type", kind);
    }
    let request = request.body(body.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default()).unwrap();
    let mut response = agent.run(request).unwrap();
    let headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
        .collect();
    let body = response.body_mut().read_to_string().unwrap();
    let kind =
        headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone()).unwrap_or_default();
    Answer { status: response.status().as_u16(), kind, body, headers }
}

/// A GET as administrator that must succeed.
pub(crate) fn get(exchange: &Exchange, path: &str) -> Value {
    let answer = ask(exchange, "GET", path, KEY, None);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// A figure of `/metrics`, the sum over its labels; `name` may hold a whole `name{labels}`.
pub(crate) fn figure(exchange: &Exchange, name: &str) -> f64 {
    let answer = ask(exchange, "GET", "/metrics", "", None);
    assert_eq!(answer.status, 200, "{answer:?}");
    let of_name = |line: &&str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' ') || (rest.starts_with('{') && !name.contains('{')))
    };
    let lines: Vec<_> = answer.body.lines().filter(of_name).collect();
    assert!(!lines.is_empty(), "no figure {name} in\n{}", answer.body);
    lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Waits until a figure has a value. The slowest are transactions, which stay for 64*T1, 32 s.
pub(crate) fn figure_becomes(exchange: &Exchange, name: &str, wanted: f64) {
    let reached =
        [(); 4].iter().find_map(|()| until(|| ((figure(exchange, name) - wanted).abs() < 1e-9).then_some(())));
    assert!(reached.is_some(), "{name} is {} and not {wanted}", figure(exchange, name));
}
