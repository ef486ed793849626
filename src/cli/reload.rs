//! `reload`, and the history of a running exchange.

use super::{
    Failure,
    client::Client,
    live::text,
    output::{Output, Rows, harmless},
};
use serde_json::{Value, json};

/// `reload`.
pub(super) fn reload(client: &Client, output: &Output) -> Result<(), Failure> {
    let applied = client.post("/api/reload", &json!({}))?;
    tell(applied, output);
    Ok(())
}

/// `config undo`.
pub(super) fn undo(client: &Client, to: Option<u64>, output: &Output) -> Result<(), Failure> {
    let path = to.map_or_else(|| "/api/config/undo".to_owned(), |to| format!("/api/config/undo?to={to}"));
    let applied = client.post(&path, &json!({}))?;
    eprintln!("the file is as it was, and is read again at the next reload or start");
    tell(applied, output);
    Ok(())
}

/// `config history`.
pub(super) fn history(client: &Client, limit: usize, output: &Output) -> Result<(), Failure> {
    let items = client.list("/api/config/history", &[], limit)?;
    let names = ["number", "at", "by", "cause", "changes", "restores", "in_force"];
    let cells = items.iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
    let columns = ["number", "at", "by", "cause", "changes", "restores", "in force"];
    output.rows(&Rows { columns: &columns, cells, json: Value::Array(items) });
    Ok(())
}

/// `config diff` of two numbers.
pub(super) fn difference(client: &Client, before: u64, after: u64, output: &Output) -> Result<(), Failure> {
    let changes = client.get(&format!("/api/config/history/{before}/diff/{after}"), &[])?;
    output.rows(&rows(&changes, changes.clone()));
    Ok(())
}

/// What is in force now goes to standard output, what is to be minded to standard error.
fn tell(applied: Value, output: &Output) {
    let list = |name: &str| applied.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for warning in list("warnings") {
        let [file, line, column, what, instead] =
            ["file", "line", "column", "what", "instead"].map(|name| harmless(&text(warning, name)));
        eprintln!("warning: {file}:{line}:{column}: {what}; {instead}");
    }
    for key in list("needs_restart") {
        eprintln!("needs restart: {}", harmless(key.as_str().unwrap_or_default()));
    }
    let changes = applied.get("changes").cloned().unwrap_or_default();
    output.rows(&rows(&changes, applied));
}

fn rows(changes: &Value, json: Value) -> Rows<'static> {
    let changes = changes.as_array().map(Vec::as_slice).unwrap_or_default();
    let cells = changes.iter().map(|change| ["key", "before", "after"].map(|name| text(change, name)).to_vec());
    Rows { columns: &["key", "before", "after"], cells: cells.collect(), json }
}
