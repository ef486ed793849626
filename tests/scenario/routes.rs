//! Where numbers lead: what the explainer says offline and over the API is what the call does.

use crate::{
    exchange::{Exchange, Home},
    handset::{Handset, PORTS},
    http::{ask, get},
};
use serde_json::Value;
use std::process::Command;

const PLAN: &str = "\
numbering: { country: \"49\" }
trunks: [{ name: carrier, server: \"sip:127.0.0.1:9\" }, { name: other, server: \"sip:127.0.0.1:9\" }]
routes:
  - { name: city, pattern: \"_9.\", strip: 1, prepend: \"+4930\", trunks: [carrier, other] }
  - { name: office, pattern: \"_91X\", trunks: [other], schedule: hours }
  - { name: world, pattern: \"_00.\", strip: 2, prepend: \"+\", trunks: [carrier], permission: international }
  - { name: plus, regex: \"^\\\\+[0-9]+$\", trunks: [carrier] }
  - { name: door, pattern: \"_8X\", trunks: [other], context: lobby }
  - { name: help, pattern: \"112\", trunks: [other, carrier], emergency: true }
dids: [{ number: \"+4930555\", to: \"1002\" }]
contexts: [{ name: lobby, include: [internal] }]
features:
  schedules: [{ name: hours, zone: Europe/Berlin, open: [\"mon-fri 09:00-18:00\"] }]
  blacklist: [\"1003\"]
";

/// Alice may call outside, Boris everywhere and rings for a city number, Carol is on the blacklist.
fn office() -> Home {
    let home = Home::new(PORTS);
    home.edit("secret: \"Kf3-first-wheel-9\"", "secret: \"Kf3-first-wheel-9\", permissions: { external: true }");
    home.edit(
        "secret: \"Qs8-second-wheel-4\"",
        "secret: \"Qs8-second-wheel-4\", numbers: [\"+49307770\"], context: lobby, permissions: { external: true, international: true }",
    );
    home.edit("extensions:\n", &format!("{PLAN}extensions:\n"));
    home
}

/// What the program says about a number from the file alone.
fn offline(exchange: &Exchange, from: &str, to: &str, at: &str) -> Value {
    let run = Command::new(env!("CARGO_BIN_EXE_ironbell"))
        .args(["route", "explain", "--from", from, "--to", to, "--at", at, "-o", "json", "--config"])
        .arg(exchange.home.configuration())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

#[test]
fn the_explainer_says_offline_and_over_the_api_what_the_call_does() {
    let exchange = office().start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    // A Sunday night, when nobody is in the office: what was said for that moment holds for any other here but one.
    let at = "2026-11-22T03:00:00+01:00";
    for (from, to, leads, status) in [
        ("1001", "0044207", "refused: the caller has no right `international`", 403),
        ("1001", "+44207", "refused: the caller has no right `international`", 403),
        ("1001", "81", "refused: nothing takes the number", 404),
        ("1001", "4711", "refused: nothing takes the number", 404),
        ("1001", "75", "refused: not in this version: parking", 501),
        ("1002", "1999", "refused: nothing takes the number", 404),
        ("1003", "1001", "refused: the caller is on the blacklist", 603),
    ] {
        let said = offline(&exchange, from, to, at);
        let path = format!("/api/routes/explain?from={from}&to={}&at=2026-11-22T02:00:00Z", to.replace('+', "%2B"));
        assert_eq!(get(&exchange, &path), said, "{to}");
        assert_eq!((&said["leads"], &said["status"]), (&leads.into(), &status.into()), "{said}");
        let caller = match from {
            "1001" => &mut alice,
            "1002" => &mut boris,
            _ => &mut carol,
        };
        let asked = caller.dial(to);
        assert_eq!(caller.refused(&asked), status, "{to}");
    }
    for (from, to, route, number, trunks) in [
        ("1001", "9123", "city", "+4930123", ["carrier", "other"].as_slice()),
        ("1001", "+49301", "plus", "+49301", &["carrier"]),
        ("1002", "0044207", "world", "+44207", &["carrier"]),
        ("1002", "81", "door", "81", &["other"]),
        ("1003", "112", "help", "112", &["other", "carrier"]),
    ] {
        let said = offline(&exchange, from, to, at);
        assert_eq!((&said["route"], &said["number"]), (&route.into(), &number.into()), "{said}");
        assert_eq!((&said["trunks"], &said["emergency"]), (&trunks.into(), &(route == "help").into()), "{said}");
    }
}

#[test]
fn each_rule_is_told_with_file_and_line_and_why_it_lost() {
    let exchange = office().start();
    let rules = |at: &str| {
        let said = offline(&exchange, "1001", "912", at);
        let line = |rule: &Value| {
            let name = rule["rule"].as_str().unwrap().strip_prefix("route ")?.to_owned();
            assert_eq!(rule["file"], exchange.home.configuration().display().to_string());
            Some((name, rule["line"].as_u64().unwrap(), rule["why"].as_str().unwrap().to_owned()))
        };
        said["rules"].as_array().unwrap().iter().filter_map(line).collect::<Vec<_>>()
    };
    let text = std::fs::read_to_string(exchange.home.configuration()).unwrap();
    let at = |name: &str| text.lines().position(|line| line.contains(&format!("name: {name},"))).unwrap() as u64 + 1;
    let of = |rules: &[(String, u64, String)], name: &str| {
        let (_, line, why) = rules.iter().find(|(rule, ..)| rule == name).unwrap().clone();
        assert_eq!(line, at(name));
        why
    };
    let night = rules("2026-11-22T03:00:00+01:00");
    assert_eq!(of(&night, "office"), "wants `hours` open, and it is closed: sun 2026-11-22 03:00 Europe/Berlin");
    assert_eq!(of(&night, "city"), "takes the number: +493012 goes to carrier, other");
    let day = rules("2026-11-23T12:00:00+01:00");
    assert_eq!(of(&day, "office"), "takes the number: 912 goes to other");
    assert_eq!(of(&day, "city"), "takes the number, but `office` is more specific");
    assert_eq!(of(&day, "door"), "does not take it");
}

#[test]
fn a_city_number_of_an_account_and_a_direct_number_ring_it() {
    let exchange = office().start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    for number in ["+49307770", "+4930555", "0307770"] {
        let asked = alice.dial(number);
        let invite = boris.called();
        let mut talk = boris.take(&invite);
        alice.connected(&asked);
        boris.hang_up(&mut talk);
        alice.hung_up_on();
    }
}

#[test]
fn a_question_about_a_route_names_what_is_wrong_with_it() {
    let exchange = office().start();
    for (query, field) in [("from=1001", "to"), ("to=1001", "from"), ("from=1001&to=1002&at=noon", "at")] {
        let answer = ask(&exchange, "GET", &format!("/api/routes/explain?{query}"), crate::exchange::KEY, None);
        assert_eq!((answer.status, &answer.json()["errors"][0]["field"]), (400, &field.into()), "{query}");
    }
    let said = get(&exchange, "/api/routes/explain?from=%2B49307770&trunk=carrier&to=4930555");
    assert_eq!((&said["extension"], &said["caller"]), (&"1002".into(), &"1002".into()), "{said}");
}

#[test]
fn a_plan_that_cannot_work_is_refused_with_every_fault_at_once() {
    let home = office();
    home.edit("_91X", "_9!");
    home.edit("name: world, pattern: \\\"_00.\\\"".replace('\\', "").as_str(), "name: world, pattern: \"1001\"");
    home.edit("pattern: \"112\"", "pattern: \"_1.\"");
    home.edit("to: \"1002\" }]", "to: \"4711\" }, { number: \"+49307770\", to: \"1001\" }]");
    home.edit("include: [internal]", "include: [internal, lobby, gone]");
    home.edit("schedule: hours", "schedule: ours");
    let run = Command::new(env!("CARGO_BIN_EXE_ironbell"))
        .args(["config", "check"])
        .arg(home.configuration())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
    let told = String::from_utf8(run.stderr).unwrap();
    for part in [
        "the route `world` can never be taken: 1001 is the number of an extension",
        "the emergency route `help` is open to more numbers than can be meant",
        "nothing in this exchange has the number `4711`",
        "+49307770 is already the number of",
        "the context `lobby` includes itself, directly or by others",
        "there is no context `gone`",
        "there is no schedule `ours`; did you mean `hours`?",
    ] {
        let file = home.configuration().display().to_string();
        let line = told.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}:\n{told}"));
        assert!(line.starts_with(&format!("{file}:")), "{line}");
    }
}
