//! `trace CALL`: the ladder of a call with its decisions, all messages in full, a capture file, a scenario of the simulator.

use super::{
    Failure,
    client::Client,
    output::{Output, Rows, Shape},
};
use serde_json::Value;
use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Which call, and how it is shown.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Question {
    /// The id of a call, running or over, or the SIP Call-ID of one of its legs
    call: String,
    /// All messages in full instead of the ladder
    #[arg(long)]
    text: bool,
    /// Write a capture file for Wireshark or sngrep
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write a scenario that the simulator replays
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
}

pub(super) fn run(client: &Client, question: &Question, output: &Output) -> Result<(), Failure> {
    let path = format!("/api/calls/{}/trace", in_path(&question.call));
    let fetch = |format: &str| client.octets(&path, &[("format", format.to_owned())]);
    let files = [(&question.pcap, "pcap"), (&question.scenario, "sim")];
    for (file, format) in files {
        if let Some(file) = file {
            keep(file, &fetch(format)?)?;
        }
    }
    if files.iter().any(|(file, _)| file.is_some()) && !question.text {
        return Ok(());
    }
    let shown = |octets: Vec<u8>| output.text(&String::from_utf8_lossy(&octets));
    match (question.text, output.shape()) {
        (true, _) => shown(fetch("text")?),
        (false, Shape::Table) => shown(fetch("ladder")?),
        (false, Shape::Json | Shape::Csv) => {
            let json = client.get(&path, &[])?;
            output.rows(&Rows { columns: &["at", "kind", "leg", "what"], cells: cells(&json), json });
        }
    }
    Ok(())
}

fn cells(trace: &Value) -> Vec<Vec<String>> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
    };
    let entries = trace.get("entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let cell = |entry: &Value| {
        let what = match entry.get("message").filter(|message| message.is_object()) {
            Some(message) => {
                let first = text(message.get("text")).lines().next().unwrap_or_default().to_owned();
                format!("{} {first}", text(message.get("direction")))
            }
            None => text(entry.get("words")),
        };
        vec![text(entry.get("at")), text(entry.get("kind")), text(entry.get("leg")), what]
    };
    entries.iter().map(cell).collect()
}

/// Writes a file that nobody else may read: a trace tells who called whom.
fn keep(path: &Path, octets: &[u8]) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(octets));
    written.map_err(|error| Failure::Failed.because(format!("{} cannot be written: {error}", path.display())))
}

/// Text as one segment of a path, RFC 3986 section 2.1.
fn in_path(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        // A segment of dots alone would be another path.
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_call_id_is_one_segment_of_a_path() {
        assert_eq!(in_path("00ab"), "00ab");
        assert_eq!(in_path("..") + &in_path("a/b@[::1]?é"), "%2E%2Ea%2Fb%40%5B%3A%3A1%5D%3F%C3%A9");
    }
}
