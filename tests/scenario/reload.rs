//! The configuration is read again under running calls: all of it or nothing, at once.

use crate::{
    exchange::{Exchange, Home, KEY, VIEWER},
    handset::{Handset, PORTS},
    http::{ask, figure, figure_becomes, get},
    phone::{Phone, talk},
    sound::{TONES, dominant},
};
use serde_json::Value;
use std::{fs, os::unix::net::UnixDatagram, process::Command};

/// The file is read again; what was answered.
pub(crate) fn reload(exchange: &Exchange) -> Value {
    let answer = ask(exchange, "POST", "/api/reload", KEY, None);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Adds an account.
fn add(exchange: &Exchange, account: &str) {
    exchange.home.edit("extensions:\n", &format!("extensions:\n  - {account}\n"));
}

const DORA: &str = "{ number: \"1004\", name: Dora, secret: \"Wm6-fourth-gate-31\" }";

fn dora(exchange: &Exchange) -> Handset {
    Handset::new(exchange, "1004", "1004", "Wm6-fourth-gate-31")
}

fn keys(list: &Value, field: &str) -> Vec<String> {
    let key = |item: &Value| if field.is_empty() { item.as_str() } else { item[field].as_str() }.map(str::to_owned);
    list.as_array().unwrap().iter().filter_map(key).collect()
}

#[test]
fn a_call_goes_on_across_a_reload_and_accounts_come_and_go_at_once() {
    let exchange = Exchange::start();
    let (mut alice, mut boris) = (Phone::alice(&exchange).registered(), Phone::boris(&exchange).registered());
    let mut carol = Handset::carol(&exchange).registered();
    assert!(dora(&exchange).register("60", "").status() >= 400, "she is not there yet");
    let asked = alice.dial("1002");
    let invite = boris.called();
    let boris_side = boris.take(&invite);
    let mut alice_side = alice.answered(&asked);
    let hear = |alice: &Phone, boris: &Phone| {
        let (to_alice, to_boris) = talk((alice, &alice_side, TONES[0]), (boris, &boris_side, TONES[1]), 25);
        assert_eq!((dominant(&to_alice.concat()), dominant(&to_boris.concat())), (Some(TONES[1]), Some(TONES[0])));
    };
    hear(&alice, &boris);

    // Carol goes, Dora comes; and the parties of the call are taken away under it too.
    add(&exchange, DORA);
    exchange.home.edit("  - { number: \"1003\", name: Carol, secret: \"Zt5-third-wheel-2\" }\n", "");
    exchange.home.edit("  - { number: \"1002\", name: Boris, secret: \"Qs8-second-wheel-4\" }\n", "");
    let told = reload(&exchange);
    let changed = keys(&told["changes"], "key");
    for key in ["extensions[1002].number", "extensions[1003].number", "extensions[1004].number"] {
        assert!(changed.iter().any(|changed| changed == key), "{key}: {told}");
    }
    assert!(!told.to_string().contains("wheel") && !told.to_string().contains("gate"), "{told}");
    hear(&alice, &boris);

    let mut dora = dora(&exchange).registered();
    let asked = dora.dial("1001");
    let call = alice.called();
    alice.say(&call, 486);
    assert_eq!(dora.refused(&asked), 486);
    assert!(carol.register("60", "").status() >= 400);
    for number in ["1003", "1002"] {
        let asked = dora.dial(number);
        assert_eq!(dora.refused(&asked), 404, "{number}");
    }
    assert_eq!(get(&exchange, "/api/status")["registrations"], 2);
    // The call that was begun with him ends like any other, and its record names him.
    alice.hang_up(&mut alice_side);
    boris.hung_up_on();
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    // They come back with the next reload, and have to register again.
    exchange
        .home
        .edit("extensions:\n", "extensions:\n  - { number: \"1002\", name: Boris, secret: \"Qs8-second-wheel-4\" }\n");
    reload(&exchange);
    let asked = dora.dial("1002");
    assert_eq!(dora.refused(&asked), 480);
    assert_eq!(boris.register(60), 200);
}

#[test]
fn a_changed_secret_ends_the_registration_made_with_the_old_one() {
    let exchange = Exchange::start();
    let mut boris = Handset::boris(&exchange).registered();
    let mut alice = Handset::alice(&exchange).registered();
    exchange.home.edit("Qs8-second-wheel-4", "Xe2-other-wheel-77");
    let told = reload(&exchange);
    assert_eq!(keys(&told["changes"], "key"), ["extensions[1002].secret"]);
    assert_eq!(told["changes"][0]["before"], told["changes"][0]["after"], "a secret is shown");
    assert_eq!(get(&exchange, "/api/status")["registrations"], 1);
    let asked = alice.dial("1002");
    assert_eq!(alice.refused(&asked), 480);
    assert!(boris.register("60", "").status() >= 400);
    Handset::new(&exchange, "1002", "1002", "Xe2-other-wheel-77").registered();
    // Nor does a crash bring back what was ended.
    let exchange = exchange.kill().start();
    assert_eq!(get(&exchange, "/api/status")["registrations"], 2);
}

#[test]
fn a_broken_file_changes_nothing_and_every_fault_is_told_by_its_place() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let good = fs::read_to_string(exchange.home.configuration()).unwrap();
    add(&exchange, DORA);
    exchange.home.edit("number: \"1003\"", "number: \"1002\"");
    exchange.home.edit("shards: 1", "shards: many");
    let file = exchange.home.configuration().display().to_string();
    let answer = ask(&exchange, "POST", "/api/reload", KEY, None);
    assert_eq!(answer.status, 422, "{answer:?}");
    let told = keys(&answer.json()["errors"], "field");
    assert_eq!(told.len(), 3, "{answer:?}");
    assert!(told[0].starts_with(&format!("{file}:5:")), "{told:?}");
    let detail = answer.json()["errors"][2]["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("1002 is already the number of an extension in line 14"), "{detail}");
    // The same to who only asks, and on the command line.
    let checked = ask(&exchange, "POST", "/api/config/check", KEY, None).json();
    assert_eq!((&checked["good"], checked["faults"].as_array().unwrap().len()), (&false.into(), 3), "{checked}");
    let run = cli(&exchange, &["reload"]);
    assert_eq!(run.0, 1);
    assert!(run.2.contains(&format!("{}: {detail}", told[2])), "{}", run.2);
    // And to who sends the signal.
    exchange.reload();
    assert!(exchange.said().line(&format!("{}: {detail}", told[2])).is_some());
    assert!(exchange.said().line("3 faults; the one of before stays in force").is_some());
    assert!(figure(&exchange, "ironbell_config_reloads_total{result=\"refused\"}") >= 2.0);
    assert_eq!(get(&exchange, "/api/extensions")["items"].as_array().unwrap().len(), 3);
    assert!(dora(&exchange).register("60", "").status() >= 400, "half of a broken file was taken");
    assert_eq!(alice.register("60", "").status(), 200);
    // Mended, it is taken.
    fs::write(exchange.home.configuration(), good).unwrap();
    add(&exchange, DORA);
    let checked = ask(&exchange, "POST", "/api/config/check", KEY, None).json();
    assert_eq!(checked["good"], true, "{checked}");
    assert!(keys(&checked["changes"], "key").contains(&"extensions[1004].name".to_owned()), "{checked}");
    assert!(dora(&exchange).register("60", "").status() >= 400, "a check has changed something");
    reload(&exchange);
    dora(&exchange).registered();
}

#[test]
fn what_needs_a_restart_is_named_until_then_and_everything_else_is_taken() {
    let exchange = Exchange::start();
    exchange.home.edit("shards: 1", "shards: 2");
    exchange.home.edit("\"tcp://127.0.0.1:0\"", "\"tcp://127.0.0.1:0\", \"udp://127.0.0.2:0\"");
    add(&exchange, DORA);
    let told = reload(&exchange);
    assert_eq!(keys(&told["needs_restart"], ""), ["server.rtp.shards", "server.sip.listen"], "{told}");
    assert!(keys(&told["changes"], "key").iter().all(|key| key.starts_with("extensions[1004].")), "{told}");
    dora(&exchange).registered();
    assert!((figure(&exchange, "ironbell_config_needs_restart") - 1.0).abs() < 1e-9);
    // It is told again at the next reload, although nothing has changed since.
    let told = reload(&exchange);
    assert_eq!((told["changes"].as_array().unwrap().len(), keys(&told["needs_restart"], "").len()), (0, 2), "{told}");
    let run = cli(&exchange, &["reload"]);
    assert_eq!(run.0, 0);
    assert!(run.2.contains("needs restart: server.rtp.shards"), "{}", run.2);
    assert_eq!(get(&exchange, "/api/status")["shards"].as_array().unwrap().len(), 1);
    let exchange = exchange.kill().start();
    assert_eq!(get(&exchange, "/api/status")["shards"].as_array().unwrap().len(), 2);
    assert!(figure(&exchange, "ironbell_config_needs_restart").abs() < 1e-9);
}

#[test]
fn keys_of_the_api_and_the_level_of_the_log_are_changed_too() {
    let exchange = Exchange::start();
    let new = "a-key-for-scenarios-0004";
    exchange.home.edit(VIEWER, new);
    exchange.home.edit("api:\n", "logging: { level: error }\napi:\n  metrics_open: false\n");
    reload(&exchange);
    for (key, path, status) in [
        (VIEWER, "/api/status", 401),
        (new, "/api/status", 200),
        ("", "/metrics", 401),
        (new, "/metrics", 200),
        ("", "/healthz", 200),
    ] {
        assert_eq!(ask(&exchange, "GET", path, key, None).status, status, "{path}");
    }
    // A registration is told at `info`, so it is not told now; with the old level back it is.
    Handset::alice(&exchange).registered();
    exchange.home.edit("level: error", "level: info");
    reload(&exchange);
    Handset::boris(&exchange).registered();
    assert!(exchange.said().line("number=1002").is_some());
    assert!(!exchange.said().all().contains("number=1001"), "{}", exchange.said().all());
}

#[test]
fn only_administrators_reload() {
    let exchange = Exchange::start();
    for (method, path) in [
        ("POST", "/api/reload"),
        ("POST", "/api/config/check"),
        ("POST", "/api/config/undo"),
        ("GET", "/api/config/history"),
        ("GET", "/api/config/history/1/diff/1"),
    ] {
        for (key, status) in [("", 401), (VIEWER, 403)] {
            assert_eq!(ask(&exchange, method, path, key, None).status, status, "{method} {path}");
        }
    }
}

#[test]
fn systemd_is_told_that_a_reload_begins_and_that_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let told = UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(crate::exchange::PATIENCE)).unwrap();
    let exchange = Home::new(PORTS).start_with(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    let next = |what: &str| loop {
        let mut bytes = [0; 512];
        let length = told.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        if text.lines().any(|line| line == what) {
            return text.to_owned();
        }
    };
    next("READY=1");
    exchange.reload();
    let begun = next("RELOADING=1");
    assert!(begun.contains("MONOTONIC_USEC="), "{begun}");
    assert!(next("READY=1").contains("STATUS=ready, configuration 1"));
    exchange.home.edit("shards: 1", "shards: many");
    exchange.reload();
    next("RELOADING=1");
    let over = next("READY=1");
    assert!(over.contains("STATUS=ready; the configuration has a fault; the one of before stays in force"), "{over}");
}

/// Runs a verb of the command line against the exchange: exit code, standard output, standard error.
pub(crate) fn cli(exchange: &Exchange, verb: &[&str]) -> (i32, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_ironbell"))
        .args(verb)
        .args(["-o", "json", "--url", &format!("http://{}", exchange.http)])
        .env("IRONBELL_KEY", KEY)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (run.status.code().unwrap(), text(run.stdout), text(run.stderr))
}
