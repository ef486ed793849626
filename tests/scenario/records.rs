//! Call records: their fields, each disposition, the file of the day, and asking for them page by page.

use crate::{
    exchange::{Exchange, KEY, until},
    handset::{Handset, home},
    http::{ask, get},
};
use serde_json::Value;
use std::fs;

fn rows(exchange: &Exchange, count: usize) -> Vec<Value> {
    let rows = until(|| {
        let rows = get(exchange, "/api/cdr")["items"].as_array().unwrap().clone();
        (rows.len() >= count).then_some(rows)
    });
    rows.unwrap_or_else(|| panic!("no {count} records: {}", get(exchange, "/api/cdr")))
}

/// One call of each disposition: no answer, busy, failed, cancelled, answered. Each begins when the one before it is recorded.
fn calls_of_every_kind(exchange: &Exchange) {
    let mut alice = Handset::alice(exchange).registered();
    let mut boris = Handset::boris(exchange).registered();

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    // Nobody answers: 1 s is configured.
    assert_eq!(alice.refused(&asked), 480);
    let cancel = boris.request("CANCEL");
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    boris.acknowledged(&invite);
    rows(exchange, 1);

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
    rows(exchange, 2);

    let asked = alice.dial("4711");
    assert_eq!(alice.refused(&asked), 404);
    rows(exchange, 3);

    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    alice.cancel(&asked);
    assert_eq!(alice.refused(&asked), 487);
    let cancel = boris.request("CANCEL");
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    boris.acknowledged(&invite);
    rows(exchange, 4);

    let body = alice.description("sendrecv");
    let asked = alice.dial_with("1002", "User-Agent: Alice's phone 2.0\r\n", &body);
    let invite = boris.called();
    let body = boris.description("sendrecv");
    boris.say_with(&invite, 200, "Server: Boris's phone 1.1\r\n", &body);
    boris.taken(&invite);
    let mut talk = alice.connected(&asked);
    alice.hang_up(&mut talk);
    boris.hung_up_on();
}

#[test]
fn every_call_has_one_record_with_its_disposition_in_the_api_and_in_the_file_of_the_day() {
    let exchange = home("", "forward: { no_answer_after: 1s }").start();
    calls_of_every_kind(&exchange);
    let rows = rows(&exchange, 5);
    assert_eq!(rows.len(), 5, "one record a call");

    // Newest first.
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (row["disposition"].as_str().unwrap(), row["hangup_cause"].as_str().unwrap(), row["sip_status"].as_u64())
        })
        .collect();
    let wanted = [
        ("answered", "caller", None),
        ("no answer", "cancelled", Some(487)),
        ("failed", "unreachable", Some(404)),
        ("busy", "refused", Some(486)),
        ("no answer", "no answer", Some(480)),
    ];
    assert_eq!(told, wanted, "{rows:#?}");

    let answered = &rows[0];
    assert_eq!((&answered["from"], &answered["to"]), (&"1001".into(), &"1002".into()), "{answered}");
    assert_eq!(answered["user_agent"], "Alice's phone 2.0", "{answered}");
    assert_eq!((&answered["recording"], &answered["originated"]), (&Value::Null, &false.into()), "{answered}");
    let legs = answered["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 2, "{answered}");
    assert_eq!((&legs[0]["id"], &legs[0]["party"], &legs[1]["party"]), (&0.into(), &"1001".into(), &"1002".into()));
    assert_eq!(
        (&legs[1]["user_agent"], &legs[1]["codec"]),
        (&"Boris's phone 1.1".into(), &"PCMU".into()),
        "{answered}"
    );
    for row in &rows {
        let id = row["id"].as_str().unwrap();
        assert_eq!(rows.iter().filter(|other| other["id"] == id).count(), 1, "{id} twice");
        for name in ["started_at", "ended_at"] {
            assert!(row[name].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{name} in {row}");
        }
        let answered = row["disposition"] == "answered";
        assert_eq!(row["answered_at"].is_null(), !answered, "{row}");
        assert!(answered || row["billable_seconds"].as_f64() == Some(0.0), "{row}");
        assert!(row["duration_seconds"].as_f64() >= row["billable_seconds"].as_f64(), "{row}");
    }

    // The files hold the same rows, oldest first, each in that of the day it ended.
    let mut filed = Vec::new();
    let mut files: Vec<_> =
        fs::read_dir(exchange.home.data().join("cdr")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let day = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(file.extension().unwrap(), "jsonl");
        for line in fs::read_to_string(&file).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            assert!(row["ended_at"].as_str().unwrap().starts_with(&day), "{row} in {day}");
            filed.push(row);
        }
    }
    filed.reverse();
    assert_eq!(filed, rows);
}

#[test]
fn records_are_asked_for_page_by_page_and_by_what_they_say() {
    let exchange = home("", "forward: { no_answer_after: 1s }").start();
    calls_of_every_kind(&exchange);
    let all = rows(&exchange, 5);
    let mut paged = Vec::new();
    let mut path = "/api/cdr?limit=2".to_owned();
    let mut pages = 0;
    loop {
        let page = get(&exchange, &path);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        paged.extend(items.iter().cloned());
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/cdr?limit=2&after={next}");
    }
    assert_eq!((paged, pages), (all.clone(), 3));

    let count = |query: &str| get(&exchange, &format!("/api/cdr?{query}"))["items"].as_array().unwrap().len();
    assert_eq!(count("disposition=no%20answer"), 2);
    assert_eq!(count("disposition=answered&from=1001&to=1002"), 1);
    assert_eq!(count("from=1002"), 0);
    assert_eq!(count("to=4711"), 1);
    assert_eq!(count(&format!("since={}", all[1]["started_at"].as_str().unwrap())), 2);
    assert_eq!(count(&format!("until={}", all[3]["started_at"].as_str().unwrap())), 1);
    for query in ["limit=0", "limit=x", "disposition=lost", "since=yesterday", "colour=1"] {
        let answer = ask(&exchange, "GET", &format!("/api/cdr?{query}"), KEY, None);
        assert_eq!((answer.status, answer.kind.as_str()), (400, "application/problem+json"), "{query}");
        let field = query.split('=').next().unwrap();
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}: {answer:?}");
    }
}
