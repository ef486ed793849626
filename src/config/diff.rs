//! What differs between two configurations, by key path.
//!
//! Items of lists are found again by their number or name, so that a new account is one addition and not a shift of all that follow.

use super::{Config, MASK};
use serde::Serialize;
use serde_json::Value;
use signaling::settings::Secret;
use std::collections::BTreeMap;

/// One difference. Secrets are shown masked, but a changed one is told.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// Where, as `extensions[1001].call_limit`.
    pub path: String,
    /// The value in the first, if it is there.
    pub before: Option<String>,
    /// The value in the second, if it is there.
    pub after: Option<String>,
}

/// What must be done to `a` to make it `b`, in the order of paths.
#[must_use]
pub fn diff(a: &Config, b: &Config) -> Vec<Change> {
    let (before, after) = (a.flat(), b.flat());
    let (secrets_before, secrets_after) = (a.secrets(), b.secrets());
    let mut changes = Vec::new();
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        let secret_changed = secrets_before.get(path) != secrets_after.get(path);
        if old != new || secret_changed {
            changes.push(Change { path: path.clone(), before: old.cloned(), after: new.cloned() });
        }
    }
    changes
}

impl Config {
    /// Every value by its path, defaults filled in, secrets masked.
    #[must_use]
    pub fn flat(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        if let Ok(value) = serde_json::to_value(self) {
            flatten(String::new(), &value, &mut out);
        }
        out
    }

    /// The secrets by the path at which [`Config::flat`] masks them.
    fn secrets(&self) -> BTreeMap<String, Secret> {
        let mut out = BTreeMap::new();
        for extension in &self.extensions {
            let number = &extension.number;
            out.insert(format!("extensions[{number}].secret"), extension.secret.clone());
            if let Some(pin) = &extension.voicemail.pin {
                out.insert(format!("extensions[{number}].voicemail.pin"), pin.clone());
            }
        }
        for key in &self.api.keys {
            out.insert(format!("api.keys[{}].key", key.name), key.key.clone());
        }
        for trunk in &self.trunks {
            if let Some(secret) = &trunk.secret {
                out.insert(format!("trunks[{}].secret", trunk.name), secret.clone());
            }
        }
        if let Some(password) = self.server.trace.hep.as_ref().and_then(|hep| hep.password.as_ref()) {
            out.insert("server.trace.hep.password".to_owned(), password.clone());
        }
        out.insert("store.url".to_owned(), Secret::new(self.store.url.clone()));
        out.insert("mail.smtp".to_owned(), Secret::new(self.mail.smtp.clone().unwrap_or_default()));
        debug_assert!(!out.contains_key(MASK), "paths, not values");
        out
    }
}

fn flatten(path: String, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(path, value, out);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                let key = ["number", "name", "extension", "digit"].iter().find_map(|key| item.get(key)?.as_str());
                let key = key.map_or_else(|| index.to_string(), str::to_owned);
                flatten(format!("{path}[{key}]"), item, out);
            }
        }
        Value::String(text) => {
            out.insert(path, text.clone());
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            out.insert(path, value.to_string());
        }
    }
}
