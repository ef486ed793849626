//! The configurations that were in force: kept for us alone, compared, put back.

use crate::{
    exchange::{Exchange, KEY},
    handset::Handset,
    http::{ask, get},
    reload::{cli, reload},
};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _};

fn limit_of_alice(exchange: &Exchange, limit: u32) {
    let text = fs::read_to_string(exchange.home.configuration()).unwrap();
    let line = text.lines().find(|line| line.contains("\"1001\"")).unwrap();
    let account = "  - { number: \"1001\", name: Alice, auth_user: alice, secret: \"Kf3-first-wheel-9\"";
    exchange.home.edit(line, &format!("{account}, call_limit: {limit} }}"));
}

/// Number and cause of each, newest first.
fn history(exchange: &Exchange) -> Vec<(u64, String)> {
    let items = get(exchange, "/api/config/history");
    let row = |item: &Value| (item["number"].as_u64().unwrap(), item["cause"].as_str().unwrap().to_owned());
    let rows = items["items"].as_array().unwrap();
    assert!(rows.iter().enumerate().all(|(at, row)| row["in_force"] == (at == 0)), "{items}");
    rows.iter().map(row).collect()
}

#[test]
fn what_was_in_force_is_kept_compared_and_put_back() {
    let exchange = Exchange::start();
    assert_eq!(history(&exchange), [(1, "start".to_owned())]);
    limit_of_alice(&exchange, 1);
    assert_eq!(reload(&exchange)["number"], 2);
    // The same once more is not another one.
    assert_eq!(reload(&exchange)["number"], 2);
    limit_of_alice(&exchange, 2);
    exchange.home.edit("Qs8-second-wheel-4", "Xe2-other-wheel-77");
    assert_eq!(reload(&exchange)["number"], 3);
    let row = get(&exchange, "/api/config/history?limit=1")["items"][0].clone();
    assert_eq!((&row["by"], &row["changes"]), (&"ops".into(), &2.into()), "{row}");

    let answer = ask(&exchange, "GET", "/api/config/history/1/diff/3", KEY, None);
    let changes = answer.json();
    let of = |key: &str| changes.as_array().unwrap().iter().find(|change| change["key"] == key).unwrap().clone();
    let limit = of("extensions[1001].call_limit");
    assert_eq!((&limit["before"], &limit["after"]), (&"4".into(), &"2".into()));
    assert_eq!(of("extensions[1002].secret")["after"], "(secret)");
    assert!(!answer.body.contains("wheel"), "{}", answer.body);
    assert_eq!(ask(&exchange, "GET", "/api/config/history/1/diff/9", KEY, None).status, 404);

    // Back one, and on the command line one more.
    let undone = ask(&exchange, "POST", "/api/config/undo", KEY, None).json();
    assert_eq!(undone["number"], 4, "{undone}");
    Handset::boris(&exchange).registered();
    let run = cli(&exchange, &["config", "undo"]);
    assert_eq!(run.0, 0, "{}", run.2);
    let undone: Value = serde_json::from_str(&run.1).unwrap();
    assert_eq!(
        (&undone["changes"][0]["key"], &undone["changes"][0]["after"]),
        (&"extensions[1001].call_limit".into(), &"4".into())
    );
    assert_eq!(ask(&exchange, "POST", "/api/config/undo", KEY, None).status, 409, "there is none before the first");
    // To where it was.
    assert_eq!(ask(&exchange, "POST", "/api/config/undo?to=3", KEY, None).json()["number"], 6);
    assert_eq!(ask(&exchange, "POST", "/api/config/undo?to=77", KEY, None).status, 404);
    assert!(Handset::boris(&exchange).register("60", "").status() >= 400);
    let causes = ["undo", "undo", "undo", "reload", "reload", "start"];
    let rows: Vec<_> = (1..=6).rev().zip(causes.map(str::to_owned)).collect();
    assert_eq!(history(&exchange), rows);
    let (code, shown, _) = cli(&exchange, &["config", "history", "--limit", "2"]);
    assert_eq!((code, serde_json::from_str::<Value>(&shown).unwrap().as_array().unwrap().len()), (0, 2));
    let (code, shown, _) = cli(&exchange, &["config", "diff", "5", "6"]);
    assert!(code == 0 && shown.contains("extensions[1001].call_limit"), "{shown}");

    for entry in fs::read_dir(exchange.home.data().join("config")).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    // The history outlives the process; what it is started with is what is in force then.
    let exchange = exchange.kill().start();
    assert_eq!(history(&exchange).first(), Some(&(6, "undo".to_owned())), "the file is the one that was put back");
    let home = exchange.kill();
    home.edit("call_limit: 2", "call_limit: 3");
    let exchange = home.start();
    assert_eq!(history(&exchange).first(), Some(&(7, "start".to_owned())));
}
