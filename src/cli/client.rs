//! HTTP to a running exchange: values in, values or a [`Failure`] out.

use super::{Failure, output::harmless};
use serde_json::Value;
use signaling::settings::Secret;
use std::time::Duration;
use ureq::{Agent, Body, http::Response};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Items asked for at once.
const PAGE: usize = 1_000;

/// Bytes of one answer.
const ANSWER_MAX: u64 = 64 << 20;

/// A client of one exchange.
pub(super) struct Client {
    agent: Agent,
    url: String,
    key: Option<Secret>,
}

impl Client {
    pub(super) fn new(url: String, key: Option<Secret>) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .build()
            .new_agent();
        Self { agent, url, key }
    }

    /// `GET path`.
    pub(super) fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        self.read(self.asked(path, query, "application/json"))
    }

    /// `GET path`, whatever form the answer has.
    pub(super) fn octets(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, Failure> {
        self.answered(self.asked(path, query, "*/*"))
    }

    fn asked(&self, path: &str, query: &[(&str, String)], accept: &str) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(format!("{}{path}", self.url)).header("Accept", accept);
        for (name, value) in query {
            request = request.query(name, value);
        }
        if let Some(bearer) = self.bearer() {
            request = request.header("Authorization", bearer);
        }
        request.call()
    }

    /// `POST path` with a body.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        if let Some(bearer) = self.bearer() {
            request = request.header("Authorization", bearer);
        }
        self.read(request.send_json(body))
    }

    /// `DELETE path`.
    pub(super) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let mut request = self.agent.delete(format!("{}{path}", self.url));
        if let Some(bearer) = self.bearer() {
            request = request.header("Authorization", bearer);
        }
        self.read(request.call())
    }

    /// All items of a list, or the first `max`, page by page.
    pub(super) fn list(&self, path: &str, query: &[(&str, String)], max: usize) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.min(max - items.len()).to_string()));
            query.extend(after.map(|after| ("after", after)));
            let page = self.get(path, &query)?;
            let found = page.get("items").and_then(Value::as_array);
            let Some(found) = found else { return Err(self.strange()) };
            items.extend(found.iter().cloned());
            after = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() || found.is_empty() || items.len() >= max {
                items.truncate(max);
                return Ok(items);
            }
        }
    }

    fn bearer(&self) -> Option<String> {
        self.key.as_ref().map(|key| format!("Bearer {}", key.expose()))
    }

    fn strange(&self) -> Failure {
        Failure::Failed.because(format!("{} does not answer like an exchange of this version", self.url))
    }

    fn read(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, Failure> {
        let octets = self.answered(answer)?;
        if octets.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&octets).map_err(|_| self.strange())
    }

    /// The octets of an answer that says yes.
    fn answered(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Vec<u8>, Failure> {
        let mut answer = answer.map_err(|error| {
            Failure::Unreachable.because(format!("the exchange at {} cannot be reached: {error}", self.url))
        })?;
        let status = answer.status();
        let octets =
            answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(|error| {
                Failure::Unreachable.because(format!("the answer of {} broke off: {error}", self.url))
            })?;
        if status.is_success() {
            return Ok(octets);
        }
        let value: Option<Value> = serde_json::from_slice(&octets).ok();
        let why = value.as_ref().and_then(|problem| problem.get("detail").or(problem.get("title"))?.as_str());
        let why = harmless(why.unwrap_or("no reason given"));
        // Fields at fault, or places in a file, each on its line.
        let errors = value.as_ref().and_then(|problem| problem.get("errors")?.as_array());
        for error in errors.into_iter().flatten() {
            let part = |name: &str| harmless(error.get(name).and_then(Value::as_str).unwrap_or_default());
            eprintln!("{}: {}", part("field"), part("detail"));
        }
        match status.as_u16() {
            401 if self.key.is_none() => {
                let how = "set IRONBELL_KEY, or name --key-file or --config";
                Err(Failure::Refused.because(format!("the exchange wants a key; {how}")))
            }
            401 | 403 => Err(Failure::Refused.because(why)),
            code => Err(Failure::Failed.because(format!("{why} ({code})"))),
        }
    }
}
