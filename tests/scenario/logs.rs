//! The log: its levels, text or JSON, console and file, and what never stands in it.

use crate::{
    exchange::{Exchange, until},
    handset::{Handset, home},
    http::get,
};
use serde_json::Value;
use std::fs;

fn a_call_and_a_wrong_secret(exchange: &Exchange) {
    let mut thief = Handset::new(exchange, "1002", "1002", "guessed-it-9");
    assert!(matches!(thief.register("60", "").status(), 401 | 403));
    let mut alice = Handset::alice(exchange).registered();
    let asked = alice.dial("1002");
    assert_eq!(alice.refused(&asked), 480);
    assert!(until(|| get(exchange, "/api/cdr")["items"].get(0).cloned()).is_some());
}

#[test]
fn a_log_for_machines_has_time_level_component_and_message_in_console_and_file() {
    let home = home("", "");
    home.edit("api:\n", "logging: { level: debug, format: json, file: LOGFILE }\napi:\n");
    let file = home.data().with_extension("log");
    home.edit("LOGFILE", file.to_str().unwrap());
    let mut exchange = home.start();
    a_call_and_a_wrong_secret(&exchange);
    exchange.terminate();
    assert!(exchange.wait().success());

    let said = exchange.said().all();
    let filed = fs::read_to_string(&file).unwrap();
    for text in [&said, &filed] {
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}")))
            .collect();
        for line in &lines {
            let name = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}"));
            assert!(name("timestamp").parse::<jiff::Timestamp>().is_ok(), "{line}");
            assert!(["DEBUG", "INFO", "WARN", "ERROR"].contains(&name("level")), "{line}");
            name("component");
            name("message");
        }
        let of = |component: &str, level: &str| {
            lines.iter().any(|line| line["component"] == component && line["level"] == level)
        };
        assert!(of("boot", "INFO") && of("call", "INFO") && of("call", "DEBUG") && of("auth", "INFO"), "{text}");
        for secret in ["Kf3-first-wheel-9", "guessed-it-9", "a-key-for-scenarios-0001"] {
            assert!(!text.contains(secret), "{secret} stands in the log");
        }
    }
}

#[test]
fn a_higher_level_says_less() {
    let home = home("", "");
    let file = home.data().with_extension("log");
    home.edit("api:\n", &format!("logging: {{ level: warning, file: {} }}\napi:\n", file.display()));
    // Account 1002 authenticates by its own number, which is worth a warning.
    let (mut process, said) = crate::exchange::launch(&home.configuration(), &[]);
    let warned = until(|| fs::read_to_string(&file).ok().filter(|text| text.contains("WARN")));
    process.kill().unwrap();
    process.wait().unwrap();
    let text = warned.unwrap_or_else(|| panic!("no warning: {}", said.all()));
    assert!(!text.contains("INFO") && !text.contains("DEBUG"), "{text}");
}
