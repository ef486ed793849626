//! Views of a running exchange.

use super::{
    Failure,
    client::Client,
    output::{Output, Rows, harmless},
};
use serde_json::{Value, json};
use std::net::IpAddr;

/// What can be done to calls.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum CallVerb {
    /// Ring FROM, then TO, and connect them
    Place {
        /// The extension that rings first
        from: String,
        /// Anything that can be dialled
        to: String,
    },
    /// End a call
    End {
        /// Its id
        id: String,
    },
}

/// What can be done about bans.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum BanVerb {
    /// Shut a source out
    Add {
        /// An address of it; of IPv6 its network of 64 bits is meant
        address: IpAddr,
        /// For how long, as 30s, 10m or 24h [default: security.ban]
        #[arg(long = "for", value_name = "DURATION")]
        span: Option<String>,
    },
    /// Let a source in again
    Lift {
        /// An address of it
        #[arg(required_unless_present = "all")]
        address: Option<IpAddr>,
        /// All of them
        #[arg(long, conflicts_with = "address")]
        all: bool,
    },
}

/// Which call records are wanted.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CdrFilter {
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: usize,
    /// Caller's number
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// Dialled number
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// How the call ended
    #[arg(long, value_parser = ["answered", "no answer", "busy", "failed"])]
    disposition: Option<String>,
    /// Not begun before this time, as 2026-11-22T03:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Begun before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// `status`.
pub(super) fn status(client: &Client, output: &Output) -> Result<(), Failure> {
    let json = client.get("/api/status", &[])?;
    let mut cells = Vec::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        match value {
            Value::Array(shards) => {
                for shard in shards {
                    let figures = format!(
                        "cpu {:.0} %, sessions {}, packets/s {:.0}, tier {}",
                        number(shard, "cpu") * 100.0,
                        text(shard, "sessions"),
                        number(shard, "packets_per_second"),
                        text(shard, "tier")
                    );
                    cells.push(vec![format!("shard {}", text(shard, "id")), figures]);
                }
            }
            Value::Number(seconds) if name == "uptime_seconds" => {
                cells.push(vec!["uptime".to_owned(), span(seconds.as_f64().unwrap_or_default())]);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                cells.push(vec![name.replace('_', " "), text(&json, name)]);
            }
        }
    }
    output.rows(&Rows { columns: &["figure", "value"], cells, json });
    Ok(())
}

/// `calls`.
pub(super) fn calls(client: &Client, verb: Option<&CallVerb>, output: &Output) -> Result<(), Failure> {
    match verb {
        None => {
            let items = client.list("/api/calls", &[], usize::MAX)?;
            let cells = items.iter().map(|call| {
                let legs = call.get("legs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let codecs: Vec<String> = legs.iter().map(|leg| text(leg, "codec")).collect();
                let mos: Vec<String> =
                    legs.iter().map(|leg| leg.get("quality").map_or_else(String::new, |q| text(q, "mos"))).collect();
                let mut row = columns(call, &["id", "state", "from", "to", "started_at", "answered_at"]);
                row.extend([codecs.join(" "), mos.join(" ").trim().to_owned()]);
                row
            });
            let cells = cells.collect();
            let names = ["id", "state", "from", "to", "started", "answered", "codecs", "mos"];
            output.rows(&Rows { columns: &names, cells, json: Value::Array(items) });
        }
        Some(CallVerb::Place { from, to }) => {
            let json = client.post("/api/call", &json!({ "from": from, "to": to }))?;
            let cells = vec![vec![text(&json, "call_id")]];
            output.rows(&Rows { columns: &["call id"], cells, json });
        }
        Some(CallVerb::End { id }) => {
            // The id becomes part of a path.
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(Failure::Usage.because(format!("{} is not the id of a call", harmless(id))));
            }
            client.delete(&format!("/api/calls/{id}"))?;
        }
    }
    Ok(())
}

/// `reg`.
pub(super) fn registrations(client: &Client, registered: bool, output: &Output) -> Result<(), Failure> {
    let mut items = client.list("/api/extensions", &[], usize::MAX)?;
    if registered {
        items.retain(|account| account.get("registered").and_then(Value::as_bool) == Some(true));
    }
    let mut cells = Vec::new();
    for account in &items {
        let contacts = account.get("contacts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut name = columns(account, &["number", "name", "state"]);
        if contacts.is_empty() {
            let mut row = name.clone();
            row.resize(8, String::new());
            cells.push(row);
        }
        for contact in contacts {
            let phone = columns(contact, &["uri", "source", "transport", "user_agent", "expires_at"]);
            cells.push(name.iter().cloned().chain(phone).collect());
            // Further phones of an account stand below its first.
            name = vec![String::new(); name.len()];
        }
    }
    let names = ["number", "name", "state", "contact", "source", "transport", "phone", "expires"];
    output.rows(&Rows { columns: &names, cells, json: Value::Array(items) });
    Ok(())
}

/// `trunk`.
pub(super) fn trunks(client: &Client, output: &Output) -> Result<(), Failure> {
    let items = client.list("/api/trunks", &[], usize::MAX)?;
    let keys = [
        "name",
        "server",
        "state",
        "reason",
        "registered",
        "registered_until",
        "quarantined_until",
        "rtt_ms",
        "calls_active",
        "calls_max",
    ];
    let cells = items.iter().map(|trunk| columns(trunk, &keys)).collect();
    let names =
        ["name", "server", "state", "reason", "registered", "until", "quarantined until", "rtt ms", "calls", "most"];
    output.rows(&Rows { columns: &names, cells, json: Value::Array(items) });
    Ok(())
}

/// `bans`.
pub(super) fn bans(client: &Client, verb: Option<&BanVerb>, output: &Output) -> Result<(), Failure> {
    let keys = ["source", "reason", "since", "until"];
    match verb {
        None => {
            let items = client.list("/api/bans", &[], usize::MAX)?;
            let cells = items.iter().map(|ban| columns(ban, &keys)).collect();
            output.rows(&Rows { columns: &keys, cells, json: Value::Array(items) });
        }
        Some(BanVerb::Add { address, span }) => {
            let json = client.post("/api/bans", &json!({ "address": address.to_string(), "span": span }))?;
            let cells = vec![columns(&json, &keys)];
            output.rows(&Rows { columns: &keys, cells, json });
        }
        Some(BanVerb::Lift { address: Some(address), .. }) => {
            client.delete(&format!("/api/bans?address={address}"))?;
        }
        Some(BanVerb::Lift { address: None, .. }) => {
            client.delete("/api/bans")?;
        }
    }
    Ok(())
}

/// `cdr`.
pub(super) fn records(client: &Client, filter: &CdrFilter, output: &Output) -> Result<(), Failure> {
    let given = [
        ("from", &filter.from),
        ("to", &filter.to),
        ("disposition", &filter.disposition),
        ("since", &filter.since),
        ("until", &filter.until),
    ];
    let query: Vec<(&str, String)> =
        given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
    let max = if filter.limit == 0 { usize::MAX } else { filter.limit };
    let items = client.list("/api/cdr", &query, max)?;
    let keys = [
        "id",
        "from",
        "to",
        "started_at",
        "answered_at",
        "ended_at",
        "duration_seconds",
        "billable_seconds",
        "disposition",
        "hangup_cause",
        "user_agent",
    ];
    let cells = items.iter().map(|row| columns(row, &keys)).collect();
    let names =
        ["id", "from", "to", "started", "answered", "ended", "seconds", "billable", "disposition", "cause", "phone"];
    output.rows(&Rows { columns: &names, cells, json: Value::Array(items) });
    Ok(())
}

fn columns(item: &Value, keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| text(item, key)).collect()
}

/// A field as a cell; nothing for what is not there.
pub(super) fn text(item: &Value, key: &str) -> String {
    match item.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => other.to_string(),
    }
}

fn number(item: &Value, key: &str) -> f64 {
    item.get(key).and_then(Value::as_f64).unwrap_or_default()
}

/// `3 d 04:05:06`.
fn span(seconds: f64) -> String {
    let seconds = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    if days == 0 { clock } else { format!("{days} d {clock}") }
}
