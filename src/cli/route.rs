//! `route explain`: each rule with file and line, and the plan; from a file, or from a running exchange.

use super::{
    Failure,
    output::{Output, Rows, Shape, harmless},
    target::{self, load},
};
use crate::api::Explained;
use jiff::Timestamp;
use serde_json::Value;
use signaling::{
    routing::{self, Origin, Request},
    wall::WallTime,
};
use std::path::Path;

/// What can be asked about routes.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Tell where a number leads, each rule with file and line; offline with --config
    Explain {
        /// The caller: an extension's number, or with --trunk the number that the trunk tells
        #[arg(
            long,
            value_name = "NUMBER",
            default_value = "",
            required_unless_present = "trunk",
            hide_default_value = true
        )]
        from: String,
        /// What is dialled
        #[arg(long, value_name = "NUMBER")]
        to: String,
        /// The trunk that the call comes by
        #[arg(long, value_name = "NAME")]
        trunk: Option<String>,
        /// When, as 2026-11-22T03:00:00+03:00 [default: now]
        #[arg(long, value_name = "TIME", value_parser = time)]
        at: Option<Timestamp>,
    },
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "a time with its zone would be right, such as 2026-11-22T03:00:00+03:00".to_owned())
}

pub(super) fn run(verb: &Verb, target: &target::Options, output: &Output) -> Result<(), Failure> {
    let Verb::Explain { from, to, trunk, at } = verb;
    let trunk = trunk.as_deref();
    let json = match target.file() {
        Some(file) => offline(&file, from, trunk, to, at.unwrap_or_else(Timestamp::now))?,
        None => {
            let mut query = vec![("to", to.clone())];
            query.extend(Some(("from", from.clone())).filter(|(_, from)| !from.is_empty()));
            query.extend(trunk.map(|trunk| ("trunk", trunk.to_owned())));
            query.extend(at.map(|at| ("at", at.to_string())));
            target.client()?.get("/api/routes/explain", &query)?
        }
    };
    show(&json, output);
    Ok(())
}

fn offline(file: &Path, from: &str, trunk: Option<&str>, to: &str, at: Timestamp) -> Result<Value, Failure> {
    let settings = load(file)?.signaling(Vec::new(), 1);
    let origin = match trunk {
        Some(name) => Origin::Trunk { name, caller: from },
        None => Origin::Account(from),
    };
    let request = Request { origin, dialled: to, at: WallTime(at.as_second()) };
    let explained = Explained::new(from, trunk, to, at, routing::view(&settings, &request));
    serde_json::to_value(explained).map_err(|fault| Failure::Failed.because(fault))
}

fn show(json: &Value, output: &Output) {
    let text = |value: &Value, name: &str| match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
    };
    let rules = json.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let cells = rules.iter().map(|rule| {
        let place = match rule.get("line").and_then(Value::as_u64) {
            Some(line) => format!("{}:{line}", text(rule, "file")),
            None => String::new(),
        };
        let mark = if rule.get("decided").and_then(Value::as_bool) == Some(true) { "→" } else { "" };
        vec![mark.to_owned(), text(rule, "rule"), place, text(rule, "why")]
    });
    output.rows(&Rows { columns: &["", "rule", "place", "why"], cells: cells.collect(), json: json.clone() });
    if output.shape() == Shape::Table {
        output.text(&format!("\n{} → {}", harmless(&text(json, "to")), harmless(&text(json, "leads"))));
    }
}
