//! The command line as its users meet it.

use super::{client::Client, output::harmless, *};
use serde_json::{Value, json};
use signaling::settings::Secret;
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread::{self, JoinHandle},
};

/// Answers each request of one client with the next of `answers` and gives back the requests' heads and bodies.
fn exchange(answers: Vec<(u16, Value)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let thread = thread::spawn(move || {
        let mut seen = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = Vec::new();
            let mut piece = [0; 4_096];
            loop {
                let text = String::from_utf8_lossy(&request).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head
                        .lines()
                        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                    if body.len() >= length.unwrap_or(0) {
                        break;
                    }
                }
                let read = stream.read(&mut piece).expect("a request");
                assert_ne!(read, 0, "a whole request");
                request.extend_from_slice(&piece[..read]);
            }
            seen.push(String::from_utf8_lossy(&request).into_owned());
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).expect("written");
        }
        seen
    });
    (url, thread)
}

fn client(url: &str) -> Client {
    Client::new(url.to_owned(), Some(Secret::new("a-key-of-the-tests-0123456789")))
}

#[test]
fn the_tree_of_verbs_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn verbs_of_the_outer_face_are_understood() {
    for line in [
        "run --config a.yml",
        "run --config a.yml --drain 5m",
        "run --dev",
        "run --dev --listen 192.0.2.1 --data-dir d",
        "config check a.yml",
        "config show",
        "config show --config a.yml",
        "config diff a.yml b.yml",
        "config diff 3 4 --url http://h:1",
        "config check --elsewhere a.yml",
        "config history --limit 3",
        "config undo",
        "config undo --to 3 --key-file k",
        "reload",
        "reload --config a.yml",
        "status -o json",
        "-o csv calls",
        "calls place 1001 *43",
        "calls end 00000000000000a1 --url http://h:1",
        "reg --registered",
        "cdr --limit 0 --from 1001 --disposition busy --since 2026-11-22T03:00:00Z",
        "bans",
        "bans add 192.0.2.66 --for 24h",
        "bans lift 2001:db8::1",
        "bans lift --all -o json",
        "openapi",
        "completions bash",
    ] {
        let arguments = std::iter::once("ironbell").chain(line.split(' '));
        if let Err(error) = Cli::try_parse_from(arguments) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    for line in [
        "",
        "run",
        "run --dev --config a.yml",
        "run --config a.yml --drain 5",
        "run --config a.yml --listen 127.0.0.1",
        "config check",
        "status -o xml",
        "cdr --disposition gone",
        "dial",
        "bans lift",
        "bans lift 192.0.2.1 --all",
        "bans add host",
        "status --key secret",
    ] {
        let arguments = std::iter::once("ironbell").chain(line.split(' ').filter(|word| !word.is_empty()));
        let error = Cli::try_parse_from(arguments).err().unwrap_or_else(|| panic!("{line} is accepted"));
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn a_list_is_fetched_page_by_page_with_the_key() {
    let item = |id: u32| json!({ "id": id });
    let (url, seen) = exchange(vec![
        (200, json!({ "items": [item(3), item(2)], "next": "2&x" })),
        (200, json!({ "items": [item(1)], "next": null })),
    ]);
    let items = client(&url).list("/api/cdr", &[("disposition", "no answer".to_owned())], usize::MAX);
    assert_eq!(items, Ok(vec![item(3), item(2), item(1)]));
    let seen = seen.join().expect("served");
    assert!(seen[0].starts_with("GET /api/cdr?disposition=no%20answer&limit=1000 "), "{}", seen[0]);
    assert!(seen[1].contains("&after=2%26x "), "{}", seen[1]);
    assert!(seen[1].to_lowercase().contains("authorization: bearer a-key-of-the-tests-0123456789"));
}

#[test]
fn a_list_stops_at_the_limit() {
    let (url, seen) =
        exchange(vec![(200, json!({ "items": [1, 2], "next": "2" })), (200, json!({ "items": [3], "next": "3" }))]);
    assert_eq!(client(&url).list("/api/cdr", &[], 3), Ok(vec![json!(1), json!(2), json!(3)]));
    assert!(seen.join().expect("served")[1].contains("limit=1&"));
}

#[test]
fn answers_become_exit_codes() {
    let problem = |detail: &str| json!({ "title": "t", "detail": detail });
    for (status, body, code) in [
        (401, problem("a key is needed"), 4),
        (403, problem("the key may only look"), 4),
        (404, problem("no such call"), 1),
        (503, problem("draining"), 1),
        (500, Value::Null, 1),
    ] {
        let (url, served) = exchange(vec![(status, body)]);
        let failure = client(&url).get("/api/status", &[]).expect_err("a failure");
        assert_eq!(failure.code(), code, "{status}");
        served.join().expect("served");
    }
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let failure = client(&format!("http://{closed}")).get("/api/status", &[]).expect_err("nobody there");
    assert_eq!(failure.code(), 3);
}

#[test]
fn ending_and_placing_calls_are_the_requests_of_the_api() {
    let (url, seen) = exchange(vec![(202, json!({ "call_id": "00000000000000a1" })), (204, Value::Null)]);
    let (client, output) = (client(&url), Output::new(Some(Shape::Json)));
    let place = live::CallVerb::Place { from: "1001".to_owned(), to: "*43".to_owned() };
    assert_eq!(live::calls(&client, Some(&place), &output), Ok(()));
    let end = live::CallVerb::End { id: "00000000000000a1".to_owned() };
    assert_eq!(live::calls(&client, Some(&end), &output), Ok(()));
    let seen = seen.join().expect("served");
    let body = seen[0].split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
    assert!(seen[0].starts_with("POST /api/call "), "{}", seen[0]);
    assert_eq!(body, Some(json!({ "from": "1001", "to": "*43" })));
    assert!(seen[1].starts_with("DELETE /api/calls/00000000000000a1 "));
    let sly = live::CallVerb::End { id: "../keys".to_owned() };
    assert_eq!(live::calls(&client, Some(&sly), &output), Err(Failure::Usage));
}

#[test]
fn what_a_phone_says_does_nothing_to_a_terminal() {
    assert_eq!(harmless("phone\u{1b}[2J\r\n\u{9b}31m"), "phone\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}31m");
}

#[test]
fn cells_of_a_spreadsheet_are_quoted_as_rfc_4180_says() {
    let rows = output::Rows {
        columns: &["a", "b"],
        cells: vec![vec!["x,y".to_owned(), "say \"no\"".to_owned()], vec![String::new(), "plain".to_owned()]],
        json: Value::Null,
    };
    assert_eq!(output::csv(&rows), "a,b\r\n\"x,y\",\"say \"\"no\"\"\"\r\n,plain\r\n");
    let table = output::table(&rows);
    assert!(table.contains("say \"no\"") && table.starts_with(" A"), "{table:?}");
}
