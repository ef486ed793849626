//! What is told of a call afterwards: every message of its legs, why it went as it did, and nothing that is secret; as a ladder, as a capture file, to HOMER, and
//! as a scenario that plays it again.

use crate::{
    exchange::{Exchange, Home, KEY, PATIENCE, VIEWER, until},
    handset::{Handset, PORTS, home},
    http::{ask, figure, figure_becomes, get},
    message::Message,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    process::{Command, Output},
    sync::Arc,
};
use world::replay::{Difference, Scenario, play};

/// Alice calls Boris, both speak to nobody, and Boris hangs up. The call's name, and the Call-ID that Alice gave it.
fn a_call(exchange: &Exchange) -> (String, String) {
    let mut alice = Handset::alice(exchange).registered();
    let mut boris = Handset::boris(exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    let ringing = alice.progress(&asked, 180);
    let mut talk = boris.take(&invite);
    alice.connected(&asked);
    let call = get(exchange, "/api/calls")["items"][0]["id"].as_str().unwrap().to_owned();
    boris.hang_up(&mut talk);
    alice.hung_up_on();
    figure_becomes(exchange, "ironbell_media_sessions", 0.0);
    (call, ringing.field("Call-ID").to_owned())
}

fn trace(exchange: &Exchange, call: &str) -> Value {
    get(exchange, &format!("/api/calls/{}/trace", call.replace('@', "%40")))
}

fn entries(trace: &Value) -> &[Value] {
    trace["entries"].as_array().unwrap()
}

/// The messages in the order in which each came first: the leg, the direction, and the method or status.
fn messages(trace: &Value) -> Vec<(u64, String, String)> {
    let messages = entries(trace).iter().filter(|entry| entry["kind"] == "message");
    let read = |entry: &Value| {
        let message = &entry["message"];
        let line = message["text"].as_str().unwrap().lines().next().unwrap();
        let line = line.strip_prefix("SIP/2.0 ").map_or_else(|| line.split(' ').next().unwrap(), |rest| &rest[..3]);
        (entry["leg"].as_u64().unwrap(), message["direction"].as_str().unwrap().to_owned(), line.to_owned())
    };
    let mut first: Vec<(u64, String, String)> = Vec::new();
    // A slow machine makes phones and the exchange repeat themselves, so that only the first of its kind has a place that is sure.
    for message in messages.map(read) {
        if !first.contains(&message) {
            first.push(message);
        }
    }
    first
}

fn words_of(trace: &Value, kind: &str) -> Vec<String> {
    let of_kind = entries(trace).iter().filter(|entry| entry["kind"] == kind);
    of_kind.map(|entry| entry["words"].as_str().unwrap().to_owned()).collect()
}

/// The program as an administrator's command.
fn command(exchange: &Exchange, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ironbell"))
        .args(arguments)
        .args(["--url", &format!("http://{}", exchange.http)])
        .env("IRONBELL_KEY", KEY)
        .output()
        .unwrap()
}

#[test]
fn a_trace_has_every_message_of_all_legs_and_why_the_call_went_so() {
    let exchange = Exchange::start();
    let (call, call_id) = a_call(&exchange);
    let told = trace(&exchange, &call);
    assert_eq!((&told["calls"], &told["cut"]), (&serde_json::json!([call]), &false.into()), "{told}");
    let legs: Vec<_> = told["legs"].as_array().unwrap().iter().map(|leg| (&leg["party"], &leg["calls"])).collect();
    assert_eq!(legs, [(&"1001".into(), &true.into()), (&"1002".into(), &false.into())]);
    assert_eq!(told["legs"][0]["call_id"], *call_id);
    let expected = [
        (0, "in", "INVITE"),
        (0, "out", "401"),
        (0, "in", "ACK"),
        (0, "out", "100"),
        (1, "out", "INVITE"),
        (1, "in", "180"),
        (0, "out", "180"),
        (1, "in", "200"),
        (1, "out", "ACK"),
        (0, "out", "200"),
        (1, "in", "BYE"),
        (1, "out", "200"),
        (0, "out", "BYE"),
        (0, "in", "200"),
    ];
    let expected = expected.map(|(leg, way, word)| (leg, way.to_owned(), word.to_owned()));
    assert_eq!(messages(&told), expected);
    // The decisions, with the place in the file of the rule that decided.
    let file = exchange.home.configuration().display().to_string();
    let rules = words_of(&told, "rule");
    assert!(rules.iter().any(|rule| rule.starts_with(&format!("extension 1002 ({file}:"))), "{rules:?}");
    assert_eq!(words_of(&told, "route"), ["1002 leads to extension 1002, Boris"]);
    assert_eq!(words_of(&told, "answer"), ["this leg answered first: it is joined with the caller"]);
    assert_eq!(words_of(&told, "end"), ["the call ends: callee, leg 1 hung up"]);
    assert_eq!(words_of(&told, "state"), ["calling", "ringing", "connected", "ended"]);
    assert!(words_of(&told, "order").contains(&"0 hears 1; 1 hears 0".to_owned()), "{told}");
    assert!(words_of(&told, "media").iter().any(|words| words.starts_with("ports are open at 127.0.0.1:")));
    // By either leg's Call-ID the same is found.
    assert_eq!(trace(&exchange, &call_id), told);
    assert_eq!(trace(&exchange, told["legs"][1]["call_id"].as_str().unwrap()), told);
    assert!(figure(&exchange, "ironbell_trace_messages_total") >= 16.0);
    assert!(figure(&exchange, "ironbell_trace_lost_total").abs() < 0.5);
}

#[test]
fn the_command_prints_a_ladder_with_decisions_and_writes_a_capture_file() {
    let exchange = Exchange::start();
    let (call, call_id) = a_call(&exchange);
    let ladder = command(&exchange, &["trace", &call, "-o", "table"]);
    assert!(ladder.status.success(), "{ladder:?}");
    let ladder = String::from_utf8(ladder.stdout).unwrap();
    let line =
        |part: &str| ladder.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}:\n{ladder}"));
    assert!(line("1001 (0)").contains("ironbell") && line("1001 (0)").contains("1002 (1)"), "{ladder}");
    assert!(line("180 Ringing").contains("<──") || line("180 So").contains("<──"), "{ladder}");
    assert!(line("· 1002 leads to").ends_with("1002 leads to extension 1002, Boris"), "{ladder}");
    let text = String::from_utf8(command(&exchange, &["trace", &call_id, "--text"]).stdout).unwrap();
    assert!(text.contains("  Call-ID: ") && text.contains("leg 1 (1002)"), "{text}");

    let file = exchange.home.data().join("call.pcap");
    let written = command(&exchange, &["trace", &call, "--pcap", file.to_str().unwrap()]);
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    let packets = packets(&fs::read(&file).unwrap());
    let told = trace(&exchange, &call);
    let of_trace: Vec<String> =
        entries(&told).iter().filter_map(|entry| Some(entry["message"]["text"].as_str()?.to_owned())).collect();
    assert_eq!(packets.iter().map(|(.., text)| text.clone()).collect::<Vec<_>>(), of_trace);
    assert!(packets.iter().all(|(from, to, _)| *from == exchange.sip || *to == exchange.sip));

    assert_eq!(command(&exchange, &["trace", "00000000000000ff"]).status.code(), Some(1));
}

/// From, to and payload of each packet of a capture file with IPv4 and UDP.
fn packets(file: &[u8]) -> Vec<(SocketAddr, SocketAddr, String)> {
    assert_eq!((&file[..4], &file[20..24]), ([0xd4, 0xc3, 0xb2, 0xa1].as_slice(), [1, 0, 0, 0].as_slice()));
    let mut rest = &file[24..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let frame = &rest[16..16 + length];
        assert_eq!((&frame[12..15], frame[23]), ([8, 0, 0x45].as_slice(), 17));
        let end = |ip: usize, port: usize| {
            let ip = Ipv4Addr::new(frame[ip], frame[ip + 1], frame[ip + 2], frame[ip + 3]);
            SocketAddr::new(ip.into(), u16::from_be_bytes([frame[port], frame[port + 1]]))
        };
        let text = String::from_utf8(frame[42..].to_vec()).unwrap();
        found.push((end(26, 34), end(30, 36), text));
        rest = &rest[16 + length..];
    }
    found
}

#[test]
fn an_invite_that_no_call_came_of_is_found_by_its_call_id() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange);
    let asked = alice.dial("4711");
    let refused = alice.final_answer(&asked);
    assert_eq!(refused.status(), 404);
    let told = trace(&exchange, refused.field("Call-ID"));
    assert_eq!(words_of(&told, "route"), ["4711 leads to refused: nothing takes the number"]);
    assert_eq!(words_of(&told, "end"), ["the call ends: unreachable, the caller is told 404"]);

    // A stranger has no account: nothing of a call, and yet every message.
    let stranger = Handset::new(&exchange, "9999", "nobody", "no-such-secret-77");
    let body = stranger.description("sendrecv");
    let invite = format!(
        "INVITE sip:1002@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKstranger\r\nFrom: <sip:9999@pbx.test>;tag=s\r\n\
         To: <sip:1002@pbx.test>\r\nCall-ID: a/stranger?@nowhere\r\nCSeq: 1 INVITE\r\nContact: {}\r\nMax-Forwards: 70\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        stranger.claims,
        stranger.contact(),
        body.len()
    );
    stranger.send(&invite);
    let found = until(|| {
        let answer = ask(&exchange, "GET", "/api/calls/a%2Fstranger%3F%40nowhere/trace", KEY, None);
        let found = (answer.status == 200).then(|| answer.json())?;
        (entries(&found).len() >= 2).then_some(found)
    });
    let found = found.expect("a trace of the stranger's INVITE");
    assert_eq!((&found["calls"], &found["legs"]), (&serde_json::json!([]), &serde_json::json!([])));
    let text = |at: usize| entries(&found)[at]["message"]["text"].as_str().unwrap().to_owned();
    assert!(text(0).starts_with("INVITE ") && text(1).starts_with("SIP/2.0 401"), "{found}");
}

#[test]
fn traces_are_for_administrators_and_are_audited_questions() {
    let exchange = Exchange::start();
    let (call, _) = a_call(&exchange);
    let path = format!("/api/calls/{call}/trace");
    for (path, key, status) in [
        (path.clone(), VIEWER, 403),
        (path.clone(), "", 401),
        (format!("{path}?format=html"), KEY, 400),
        ("/api/calls/ffffffffffffffff/trace".to_owned(), KEY, 404),
        ("/api/calls/%2E%2E/trace".to_owned(), KEY, 404),
    ] {
        assert_eq!(ask(&exchange, "GET", &path, key, None).status, status, "{path}");
    }
    let home = Home::new(PORTS);
    home.edit("server:\n", "server:\n  trace: { enabled: false }\n");
    let silent = home.start();
    let (call, _) = a_call(&silent);
    let answer = ask(&silent, "GET", &format!("/api/calls/{call}/trace"), KEY, None);
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("server.trace.enabled"), "{answer:?}");
    assert!(!silent.home.data().join("trace").exists());
}

/// Every octet of the ring.
fn ring(data: &Path) -> Vec<u8> {
    let files = fs::read_dir(data.join("trace")).unwrap().map(|file| file.unwrap().path());
    files.flat_map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn no_secret_reaches_the_trace() {
    let exchange = home("", "media_encryption: optional").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
    let body = alice.description("sendrecv").replace("RTP/AVP", "RTP/SAVP")
        + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n");
    let asked = alice.dial_with("1002", "", &body);
    let invite = boris.called();
    boris.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
    let said =
        alice.begin("MESSAGE", "sip:1002@pbx.test", "1002", "Content-Type: text/plain\r\n", "the door code is 8812");
    let message = boris.request("MESSAGE");
    assert_eq!(message.body(), "the door code is 8812");
    boris.say(&message, 200);
    let answer = alice.final_answer(&said);
    let told = trace(&exchange, answer.field("Call-ID"));
    assert!(told.to_string().contains("*********************"), "{told}");

    // What both phones sent as answers to challenges, and what the exchange sent as keys, is known to nobody but them: so the ring is searched for what is
    // left when nothing is masked.
    let octets = ring(&exchange.home.data());
    let text = String::from_utf8_lossy(&octets);
    for secret in ["8812", key, "Kf3-first", "Qs8-second"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let after = |name: &str| -> Vec<String> {
        text.match_indices(name).map(|(at, _)| text[at + name.len()..].chars().take(8).collect()).collect()
    };
    let (answers, keys) = (after("response=\""), after("inline:"));
    assert!(answers.len() >= 4 && answers.iter().all(|answer| answer == "********"), "{answers:?}");
    assert!(keys.len() >= 2 && keys.iter().all(|key| key == "********"), "{keys:?}");
}

#[test]
fn a_trace_outlives_a_kill() {
    let exchange = Exchange::start();
    let (call, call_id) = a_call(&exchange);
    let before = trace(&exchange, &call);
    let exchange = exchange.kill().start();
    assert_eq!(trace(&exchange, &call_id), before);
    // Names begin anew with the process: the newest call of a name is meant.
    let (again, another) = a_call(&exchange);
    assert_eq!(again, call);
    assert_eq!(trace(&exchange, &call)["legs"][0]["call_id"], *another);
    assert_eq!(trace(&exchange, &call_id), before);
}

/// A packet as HOMER reads it: chunks of vendor 0 by their type.
fn chunks(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    assert_eq!(&packet[..4], b"HEP3");
    let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    assert_eq!(usize::from(word(4)), packet.len());
    let (mut at, mut found) = (6, BTreeMap::new());
    while at < packet.len() {
        let (vendor, kind, length) = (word(at), word(at + 2), usize::from(word(at + 4)));
        assert_eq!(vendor, 0);
        assert!(found.insert(kind, packet[at + 6..at + length].to_vec()).is_none(), "chunk {kind} stands twice");
        at += length;
    }
    found
}

#[test]
fn homer_is_sent_every_message_of_a_call() {
    let homer = UdpSocket::bind("127.0.0.1:0").unwrap();
    homer.set_read_timeout(Some(PATIENCE)).unwrap();
    let home = Home::new(PORTS);
    let hep = format!("udp://{}", homer.local_addr().unwrap());
    home.edit(
        "server:\n",
        &format!(
            "server:\n  trace: {{ enabled: false, hep: {{ to: \"{hep}\", id: 77, password: homers-password-1 }} }}\n"
        ),
    );
    let exchange = home.start();
    let (call, call_id) = a_call(&exchange);
    let mut buffer = vec![0; 65_536];
    let mut of_call = Vec::new();
    let mut lines = Vec::new();
    while !lines.iter().any(|line: &String| line.starts_with("BYE sip:1001")) {
        let length = homer.recv(&mut buffer).unwrap();
        let chunks = chunks(&buffer[..length]);
        let text = String::from_utf8(chunks[&15].clone()).unwrap();
        let message = Message::read(text.as_bytes());
        assert_eq!((&*chunks[&1], &*chunks[&2], &*chunks[&11]), ([2].as_slice(), [17].as_slice(), [1].as_slice()));
        assert_eq!((&*chunks[&12], &*chunks[&14]), ([0, 0, 0, 77].as_slice(), b"homers-password-1".as_slice()));
        let address = |ip: u16, port: u16| {
            let ip: [u8; 4] = chunks[&ip].clone().try_into().unwrap();
            SocketAddr::new(IpAddr::from(ip), u16::from_be_bytes(chunks[&port].clone().try_into().unwrap()))
        };
        let (from, to) = (address(3, 7), address(4, 8));
        assert!((from == exchange.sip) != (to == exchange.sip), "{from} {to}");
        let seconds = u32::from_be_bytes(chunks[&9].clone().try_into().unwrap());
        assert!(seconds > 1_700_000_000);
        assert!(u32::from_be_bytes(chunks[&10].clone().try_into().unwrap()) < 1_000_000);
        assert!(!text.contains("response=\"") || text.contains("response=\"****"), "{text}");
        let correlation = String::from_utf8(chunks[&17].clone()).unwrap();
        lines.push(text.lines().next().unwrap().to_owned());
        if correlation == call {
            of_call.push(message.field("Call-ID").to_owned());
        } else {
            // Registrations, and what is said before there is a call.
            assert_eq!(correlation, message.field("Call-ID"));
        }
    }
    of_call.dedup();
    of_call.sort_unstable();
    of_call.dedup();
    assert!(of_call.len() == 2 && of_call.contains(&call_id), "both legs bear the call's name: {of_call:?}");
    assert!(figure(&exchange, "ironbell_hep_sent_total") >= 14.0);
}

#[test]
fn a_call_plays_again_in_the_simulator_as_it_was() {
    let exchange = Exchange::start();
    let (call, _) = a_call(&exchange);
    let file = exchange.home.data().join("call.json");
    let written = command(&exchange, &["trace", &call, "--scenario", file.to_str().unwrap()]);
    assert!(written.status.success(), "{written:?}");
    let text = fs::read_to_string(&file).unwrap();
    for secret in ["Kf3-first", "Qs8-second", KEY] {
        assert!(!text.contains(secret), "{secret}");
    }
    let scenario = Scenario::read(&text).unwrap();
    let config = ironbell::config::parse("scenario", &scenario.configuration, &|_| None)
        .unwrap_or_else(|faults| panic!("{faults:?}"));
    let settings = Arc::new(config.signaling(scenario.listeners.clone(), scenario.shards));
    let played = play(&scenario, &settings).unwrap_or_else(|difference| panic!("{difference}"));
    assert!(played.came >= 8 && played.same >= 8, "{played:?}");

    // Had the phone not answered, or had the exchange said something else, that would be seen.
    let busy = text.replace("SIP/2.0 200 So\\r\\n", "SIP/2.0 486 So\\r\\n");
    assert_ne!(busy, text);
    let difference = play(&Scenario::read(&busy).unwrap(), &settings).unwrap_err();
    assert!(matches!(&difference, Difference::NotSent { message, .. } if message.starts_with("ACK ")), "{difference}");
    let other = text.replace("SIP/2.0 180 Ringing", "SIP/2.0 183 Session Progress");
    assert_ne!(other, text);
    let difference = play(&Scenario::read(&other).unwrap(), &settings).unwrap_err();
    assert!(matches!(&difference, Difference::NotSent { message, .. } if message.contains("183")), "{difference}");
}
