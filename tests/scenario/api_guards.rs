//! Who may ask the API, and what it does not take.

use crate::{
    exchange::{Exchange, KEY, VIEWER},
    http::{ask, get},
};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

#[test]
fn only_health_and_figures_are_open() {
    let exchange = Exchange::start();
    for (path, open) in [
        ("/healthz", true),
        ("/readyz", true),
        ("/metrics", true),
        ("/api/status", false),
        ("/api/extensions", false),
        ("/api/calls", false),
        ("/api/cdr", false),
        ("/api/openapi.json", false),
        ("/docs", false),
        ("/nothing", false),
    ] {
        let without = ask(&exchange, "GET", path, "", None);
        assert_eq!(without.status, if open { 200 } else { 401 }, "{path}: {without:?}");
        let wrong = ask(&exchange, "GET", path, "a-key-for-scenarios-0003", None);
        assert_eq!(wrong.status, without.status, "{path}");
        if !open {
            assert!(without.header("www-authenticate").unwrap().starts_with("Bearer"), "{without:?}");
            assert_eq!(without.json()["status"], 401);
        }
        let with = ask(&exchange, "GET", path, VIEWER, None);
        assert_eq!(with.status, if path == "/nothing" { 404 } else { 200 }, "{path}: {with:?}");
    }
}

#[test]
fn every_error_is_a_problem_document() {
    let exchange = Exchange::start();
    let json = |body: &'static str| Some(("application/json", body.as_bytes()));
    let large = vec![b' '; 70_000];
    for (method, path, key, body, status) in [
        ("GET", "/nothing", KEY, None, 404),
        ("PUT", "/api/calls", KEY, None, 405),
        ("DELETE", "/api/calls/x", KEY, None, 404),
        ("DELETE", "/api/calls/00000000000000ff", KEY, None, 404),
        ("DELETE", "/api/calls/00000000000000ff", VIEWER, None, 403),
        ("POST", "/api/call", KEY, Some(("text/plain", b"{}".as_slice())), 415),
        ("POST", "/api/call", KEY, json("{\"from\""), 400),
        ("POST", "/api/call", KEY, json("[]"), 422),
        ("POST", "/api/call", KEY, json("{}"), 422),
        ("POST", "/api/call", KEY, Some(("application/json", large.as_slice())), 413),
        ("GET", "/api/cdr?limit=0", KEY, None, 400),
        ("GET", "/api/cdr?disposition=perhaps", KEY, None, 400),
        ("GET", "/api/calls?%ff=%ff", KEY, None, 400),
    ] {
        let answer = ask(&exchange, method, path, key, body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.kind, "application/problem+json", "{method} {path}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}: {problem}");
        }
    }
}

#[test]
fn a_body_without_an_announced_length_is_cut_at_the_limit() {
    let exchange = Exchange::start();
    let mut stream = TcpStream::connect(exchange.http).unwrap();
    let head = format!(
        "POST /api/call HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    // It stops reading at the limit, so the rest may fail to be written.
    for _ in 0..64 {
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 413");
    assert_eq!(ask(&exchange, "GET", "/healthz", "", None).status, 200);
}

#[test]
fn status_and_description_say_what_the_contract_names() {
    let exchange = Exchange::start();
    let status = get(&exchange, "/api/status");
    for field in ["version", "uptime_seconds", "calls_active", "registrations", "ports_in_use", "trunks_up", "shards"] {
        assert!(!status[field].is_null(), "{field} is missing in {status}");
    }
    for field in ["id", "cpu", "sessions", "packets_per_second", "tier"] {
        assert!(!status["shards"][0][field].is_null(), "{field} is missing in {status}");
    }
    let description = get(&exchange, "/api/openapi.json");
    for path in ["/api/status", "/api/extensions", "/api/calls", "/api/cdr", "/api/call", "/api/calls/{id}"] {
        assert!(description["paths"][path].is_object(), "{path} is not described");
    }
    let extensions = get(&exchange, "/api/extensions?limit=2");
    assert_eq!(extensions["items"].as_array().unwrap().len(), 2);
    let next = extensions["next"].as_str().unwrap();
    let rest = get(&exchange, &format!("/api/extensions?limit=2&after={next}"));
    assert_eq!((&rest["items"][0]["number"], &rest["next"]), (&"1003".into(), &serde_json::Value::Null));
}
