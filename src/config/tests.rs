//! Configurations, good and bad, and what is said of them.

use super::*;

const EXTENSION: &str = "extensions: [{ number: \"1001\", auth_user: alice, secret: Kf3-first-wheel-9 }]\n";

fn load_text(text: &str) -> Result<Config, Vec<String>> {
    let environment = |name: &str| (name == "ALICE").then(|| "Kf3-first-wheel-9".to_owned());
    parse("a.yml", text, &environment).map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

#[test]
fn ten_lines_are_a_working_exchange() {
    let config = load_text("extensions:\n  - { number: 1001, secret: Kf3-first-wheel-9 }\n").expect("loads");
    assert_eq!(config.server.rtp.ports, Range { first: 10_000, last: 20_000 });
    assert_eq!(config.extensions[0].auth_user, "1001");
    let warnings: Vec<String> = config.warnings.iter().map(Fault::to_string).collect();
    let expected = [
        "a.yml:2:15: the account 1001 authenticates by its number, which scanners try first; an auth_user that is not the number",
        "a.yml:2:29: this secret stands in the sample files and is known to everybody; one of your own before anybody else can reach the exchange",
    ];
    assert_eq!(warnings, expected);
    assert!(config.not_active().is_empty());
}

#[test]
fn shipped_files_load_without_faults() {
    for file in ["config/ironbell.yml", "config/examples/small-office.yml", "config/examples/carrier.yml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path).expect("the file");
        let loaded = parse(file, &text, &|name| Some(format!("x7Kq2wLd9-nV4tq0zJc8Ru1y-{}", name.len())));
        let faults: Vec<String> = loaded.err().unwrap_or_default().iter().map(Fault::to_string).collect();
        assert_eq!(faults, Vec::<String>::new());
    }
}

/// What the commented file shows for a key is the key's default.
#[test]
fn the_commented_file_shows_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ironbell.yml");
    let shown = load(&path).expect("loads").flat();
    let defaults = load_text("extensions: []").expect("loads").flat();
    let of_the_example = [
        "api.keys",
        "server.domain",
        "extensions",
        "trunks",
        "dids",
        "routes",
        "queues",
        "auto_attendant",
        "music_on_hold",
        "features.ring_groups",
        "features.paging",
        "features.schedules",
        "mail.from",
    ];
    for (path, value) in &defaults {
        if !of_the_example.iter().any(|section| path.starts_with(section)) {
            assert_eq!(shown.get(path), Some(value), "{path}");
        }
    }
}

#[test]
fn every_fault_is_told_in_one_run_in_the_order_of_the_file() {
    let text = "\
server:
  domian: pbx.test
  sip:
    listen: [\"udp//127.0.0.1:5060\", \"sctp://127.0.0.1\", \"udp://pbx:5060\"]
  rtp: { ports: 20000-10000, timeout: 60, bind: here }
api: { listen: 8080 }
extensions:
  - number: \"1001\"
    secret: \"1234\"
    call_limit: lots
    voicemail: { pin: \"1234\", enable: true }
  - { number: \"1001\", auth_user: bob, secret: \"Qs8-second-wheel-4\", forward: { busy: \"4711\" } }
queues: [{ number: \"8001\", members: [{ extension: \"1101\" }] }]
";
    let expected = [
        "a.yml:2:3: unknown key `domian`; did you mean `domain`?",
        "a.yml:4:14: `udp//127.0.0.1:5060` is not a listener; udp://ADDRESS:PORT, also tcp, tls, ws, wss",
        "a.yml:4:37: `sctp` is not a protocol of SIP; udp, tcp, tls, ws or wss",
        "a.yml:4:57: `pbx:5060` is not an IP address with a port; udp://ADDRESS:PORT with a numeric address; 0.0.0.0 for all",
        "a.yml:5:17: the range 20000-10000 is empty; FIRST-LAST within 1024-65535",
        "a.yml:5:39: the duration `60` has no unit; a duration such as 30s, 5m or 1h",
        "a.yml:5:49: `here` is not an IP address; an address such as 192.0.2.1 or 2001:db8::1",
        "a.yml:6:16: `8080` is not an address with a port; an address with a port, such as 127.0.0.1:8080 or [::1]:8080",
        "a.yml:9:13: the secret consists of digits alone; 12 or more mixed characters drawn by lot, such as the output of `openssl rand -base64 15`",
        "a.yml:10:17: `lots` is not a whole number; a whole number from 1 to 1000",
        "a.yml:11:23: the PIN is among the first anybody would try; 4 to 10 digits drawn by lot",
        "a.yml:11:31: unknown key `enable`; did you mean `enabled`?",
        "a.yml:12:15: 1001 is already the number of an extension in line 8; a number with one owner",
        "a.yml:12:86: nothing in this exchange has the number `4711`; a number that exists, or one that a route takes",
        "a.yml:13:51: there is no extension `1101`; did you mean `1001`?",
    ];
    let mut told = load_text(text).expect_err("faults");
    told.retain(|fault| !fault.contains("no phone could reach"));
    assert_eq!(told, expected);
}

/// One fault each: `(key with value, its fault)`, put before a good list of accounts.
#[test]
fn a_bad_value_is_told_with_what_would_be_right() {
    for (text, fault) in [
        ("server: { workers: 0 }", "1:20: `0` is not a count; auto, or a whole number from 1 to 256"),
        ("server: { calls_max: 20001 }", "1:22: 20001 is out of range; a whole number from 1 to 20000"),
        ("server: { calls_max: -1 }", "1:22: -1 is out of range; a whole number from 1 to 20000"),
        ("server: { drain: 5 minutes }", "1:18: `5 minutes` is not a duration; a duration such as 30s, 5m or 1h"),
        ("server: { call_length_max: 8d }", "1:28: the duration 8d is out of range; from 1s to 7d"),
        ("server: [a]", "1:9: a list where keys with values are expected; `key: value`"),
        ("server: { domain: [a] }", "1:19: a list where a single value is expected; a host name or an IP address"),
        ("server: { domain: a b }", "1:19: `a b` is not a host; a host name or an IP address, without a port"),
        ("server: { sip: { session_expires: 60s } }", "1:35: the duration 1m is out of range; from 1m30s to 1d"),
        (
            "server: { sip: { registration: { min: 2h, max: 3h, default: 3h } } }",
            "1:32: min is longer than an hour; at most 1h (RFC 3261 section 10.3)",
        ),
        (
            "server: { sip: { registration: { min: 5m, max: 1m } } }",
            "1:32: min 5m, default 1h and max 1m are out of order; min ≤ default ≤ max",
        ),
        (
            "server: { sip: { listen: [udp://127.0.0.1:12000] } }",
            "1:27: the listener udp://127.0.0.1:12000 lies within the RTP ports; a port outside server.rtp.ports",
        ),
        (
            "server: { sip: { listen: [tcp://127.0.0.1:8080] } }",
            "1:27: the listener tcp://127.0.0.1:8080 and api.listen, 127.0.0.1:8080, want the same port; a port each",
        ),
        (
            "server: { sip: { listen: [] } }",
            "1:26: no phone could reach the exchange; at least one udp://, tcp://, tls://, ws:// or wss:// listener",
        ),
        (
            "server: { sip: { tls: { verify: required } } }",
            "1:23: nobody could say whose certificates are good; `ca` with the authorities of the phones",
        ),
        (
            "server: { sip: { tls: { certificates: [{ cert: a.pem }] } } }",
            "1:40: `key` is missing; a PEM file with the key",
        ),
        (
            "server: { sip: { tls: { cert: a.pem } } }",
            "1:23: a certificate and its key belong together; both `cert` and `key`, or neither",
        ),
        (
            "server: { rtp: { ports: 10000-10002 } }",
            "1:25: these ports do not hold one call; at least 4 ports: RTP and RTCP for two parties",
        ),
        (
            "server: { rtp: { offload: require } }",
            "1:27: this version has no offload, so it cannot be required; auto or off",
        ),
        (
            "server: { rtp: { offload: atuo } }",
            "1:27: `atuo` is not known here; did you mean `auto`? one of auto, off, require",
        ),
        (
            "api: { keys: [{ name: ops, role: admin, key: short }] }",
            "1:46: the API key is too short; at least 24 characters",
        ),
        ("api: { keys: [{ name: ops, role: admin }] }", "1:15: `key` is missing; `openssl rand -base64 24` makes one"),
        (
            "api: { cors: { origins: [\"*\"] } }",
            "1:26: `*` is not an origin; an origin such as https://desk.example.com",
        ),
        ("store: { url: postgres://u:hunter2@h/db }", "1:15: this version has no PostgreSQL store; sqlite:ironbell.db"),
        (
            "store: { url: mysql://u:hunter2@h/db }",
            "1:15: this is not the URL of a store; sqlite:FILE, relative to data_dir",
        ),
        (
            "logging: { level: verbose }",
            "1:19: `verbose` is not known here; one of error, warning, warn, info, debug, trace",
        ),
        (
            "trunks: [{ name: a, server: 127.0.0.1 }]",
            "1:29: `127.0.0.1` is not a SIP URI; a SIP URI such as sip:192.0.2.1:5060",
        ),
        (
            "trunks: [{ name: a, server: \"sip:h:0\" }]",
            "1:29: `sip:h:0` is not a SIP URI; a SIP URI such as sip:192.0.2.1:5060",
        ),
        (
            "trunks: [{ name: a, server: \"sip:carrier.test;transport=tls\" }]",
            "1:29: nothing in server.sip.listen has the transport of `sip:carrier.test;transport=tls`; a listener of that transport, by which its requests leave",
        ),
        (
            "trunks: [{ name: a, server: \"sip:PBX.local.\" }]",
            "1:29: `sip:PBX.local.` is this exchange itself; the provider's host name",
        ),
        (
            "trunks: [{ name: a, server: \"sips:carrier.test\" }]",
            "1:29: `sips:carrier.test` is not the address of a server; a SIP URI such as sip:192.0.2.1:5060 or sip:carrier.example;transport=tls",
        ),
        (
            "trunks: [{ name: a, server: \"sip:192.0.2.1\", register: true }]",
            "1:10: a trunk that registers needs a name and a secret; `auth_user` and `secret`, or `register: false`",
        ),
        (
            "trunks: [{ name: a, server: \"sip:192.0.2.1\", allow_from: [10.0.0.0/33] }]",
            "1:59: `10.0.0.0/33` is not a network; a network such as 192.0.2.0/24, or one address",
        ),
        (
            "routes: [{ name: r, pattern: \"112\", trunks: [carrier-x] }]",
            "1:46: there is no trunk `carrier-x`; the name of a trunk of this file",
        ),
        ("routes: [{ name: r, trunks: [] }]", "1:10: the route takes no numbers; `pattern` or `regex`"),
        (
            "routes: [{ name: r, pattern: \"_9Q\", trunks: [] }]",
            "1:30: `_9Q` is not a pattern; a number, or _ and X, Z, N, [1-5], . or ! at the end",
        ),
        (
            "dids: [{ number: \"+1202\", to: \"1002\" }]",
            "1:31: nothing in this exchange has the number `1002`; a number that exists, or one that a route takes",
        ),
        (
            "features: { codes: { echo: \"*8\", pickup: \"*8\" } }",
            "1:28: the code `*8` is already there in line 1; each once",
        ),
        ("features: { recording: { min_free: 1 gig } }", "1:36: `1 gig` is not a size; a size such as 500MB or 1GB"),
        ("server: { trace: { max_size: 1MB } }", "1:30: the trace cannot have this size; between 2MB and 4GB"),
        ("server: { trace: { keep: 1m } }", "1:26: the duration 1m is out of range; from 10m to 31d"),
        (
            "server: { trace: { hep: { to: \"tcp://homer:9060\" } } }",
            "1:31: `tcp://homer:9060` is no place for HEP; where HOMER listens, such as udp://homer.example.com:9060 or udp://[2001:db8::1]:9060",
        ),
        (
            "server: { trace: { hep: { id: 7 } } }",
            "1:25: `to` is missing; where HOMER listens, such as udp://homer.example.com:9060",
        ),
        (
            "features: { ring_groups: [{ number: \"1001\", members: [\"1001\"] }] }",
            "1:37: 1001 is already the number of an extension in line 2; a number with one owner",
        ),
        (
            "features: { schedules: [{ name: o, zone: Europe/Moskau }] }",
            "1:42: the time zone `Europe/Moskau` is not known; a name such as Europe/Moscow or UTC",
        ),
        (
            "features: { schedules: [{ name: o, open: [mon-fri 18:00-09:00] }] }",
            "1:43: `mon-fri 18:00-09:00` is not an opening time; days and hours such as mon-fri 09:00-18:00",
        ),
        (
            "features: { schedules: [{ name: o, holidays: [2027-02-30] }] }",
            "1:47: `2027-02-30` is not a date; a date such as 2027-01-01",
        ),
        (
            "queues: [{ number: \"8001\", strategy: all }]",
            "1:38: `all` is not known here; one of ring-all, ringall, round-robin, least-recent, fewest-calls, least-talk, random, sequential, priority, skills",
        ),
        (
            "queues: [{ number: \"8001\", music_on_hold: jazz }]",
            "1:43: there is no music on hold `jazz`; a name from music_on_hold",
        ),
        (
            "auto_attendant: { menu_options: [{ digit: \"10\", destination: \"1001\" }] }",
            "1:43: `10` is not a key of a phone; a digit, * or #",
        ),
        (
            "mail: { smtp: \"http://u:hunter2@h\" }",
            "1:15: this is not the URL of a mail server; smtp://user:pass@host:587 or smtps://…",
        ),
        ("security: { rate: { register_per_ip: 20 } }", "1:38: `20` is not a rate; a rate such as 20/s or 100/m"),
        ("security: { silent_drop_scanners: yes }", "1:35: `yes` is neither true nor false; true or false"),
        ("sever: { a: 1 }", "1:1: unknown key `sever`; did you mean `server`?"),
        ("server: &a { workers: auto }", "1:12: an anchor (&) has no use here; the value itself wherever it is needed"),
        ("logging: { file: !path x }", "1:24: a tag (!) has no use here; the value without a tag"),
    ] {
        let told = load_text(&format!("{text}\n{EXTENSION}")).expect_err(text);
        assert_eq!(told, [format!("a.yml:{fault}")], "{text}");
    }
}

/// One account each: `(keys, its fault)`.
#[test]
fn a_bad_account_is_told_with_what_would_be_right() {
    for (keys, fault) in [
        (
            "number: \"1001\"",
            "1:14: `secret` is missing; 12 or more mixed characters drawn by lot, such as the output of `openssl rand -base64 15`",
        ),
        (
            "number: \"1001\", secret: \"1001\"",
            "1:40: the secret is the account's own number or name; 12 or more mixed characters drawn by lot, such as the output of `openssl rand -base64 15`",
        ),
        (
            "number: \"1001\", auth_user: alice, secret: Alice",
            "1:58: the secret is the account's own number or name; 12 or more mixed characters drawn by lot, such as the output of `openssl rand -base64 15`",
        ),
        (
            "number: \"10011\", secret: Kf3-first-wheel-9",
            "1:24: `10011` is not a number of this exchange; 2 to 4 digits, such as \"1001\"",
        ),
        (
            "number: \"1001\", secret: \"env:NOBODY\"",
            "1:40: the environment has no NOBODY; an environment variable that is set",
        ),
        (
            "number: \"1001\", secret: [Kf3-first-wheel-9]",
            "1:40: no secret stands here; a secret in quotes, env:NAME or file:/path",
        ),
        (
            "number: \"1001\", secret: Kf3-first-wheel-9, codecs: [pcma, pcma]",
            "1:74: this codec stands here twice; each codec once, preferred first",
        ),
        (
            "number: \"1001\", secret: Kf3-first-wheel-9, host: 192.0.2.1",
            "1:65: `192.0.2.1` is not a SIP URI; a SIP URI such as sip:192.0.2.1:5060",
        ),
        ("number: \"1001\", secret: Kf3-first-wheel-9, email: alice", "1:66: `alice` is not a mail address; name@host"),
        (
            "number: \"1001\", secret: Kf3-first-wheel-9, auth_user: \"a:b\"",
            "1:70: `a:b` cannot be an auth_user; 1 to 64 characters without \" \\ or :",
        ),
        (
            "number: \"1001\", secret: Kf3-first-wheel-9, permissions: { extenal: true }",
            "1:74: unknown key `extenal`; did you mean `external`?",
        ),
        (
            "number: \"1001\", secret: Kf3-first-wheel-9, number: \"1002\"",
            "1:59: `number` stands here twice, first in line 1; each key once",
        ),
        (
            "number: \"1001\", secret: Kf3-first-wheel-9, name: \"a\\u0007b\"",
            "1:65: this text holds a control character; text on one line",
        ),
    ] {
        let told = load_text(&format!("extensions: [{{ {keys} }}]")).expect_err(keys);
        assert_eq!(told, [format!("a.yml:{fault}")], "{keys}");
    }
}

#[test]
fn two_accounts_cannot_share_an_auth_user() {
    let text = "extensions:\n  - { number: \"1001\", secret: Kf3-first-wheel-9 }\n  - { number: \"1002\", auth_user: \"1001\", secret: Qs8-second-wheel-4 }\n";
    let told = load_text(text).expect_err("faults");
    assert_eq!(
        told,
        ["a.yml:3:5: the auth_user `1001` is already taken in line 2; an auth_user of its own (default: the number)"]
    );
}

#[test]
fn what_is_no_yaml_is_told_by_its_place() {
    for (text, start) in [
        ("", "a.yml:1:1: `extensions` is missing"),
        ("just text", "a.yml:1:1: a single value where keys with values are expected"),
        ("extensions: [\n", "a.yml:1:13: this is not YAML"),
        ("a: b: c\n", "a.yml:1:5: this is not YAML"),
        ("extensions: []\n---\nextensions: []\n", "a.yml:2:1: a second document begins here"),
        ("? [a]\n: b\nextensions: []\n", "a.yml:1:3: this key is not text"),
    ] {
        let told = load_text(text).expect_err(text);
        assert!(told.iter().any(|fault| fault.starts_with(start)), "{text:?}: {told:?}");
    }
}

#[test]
fn a_file_cannot_grow_when_it_is_read() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let before = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let told = load_text(&bomb).expect_err("faults");
    assert!(told.iter().any(|fault| fault.contains("an alias (*) has no use here")));
    let deep = "[".repeat(100_000);
    assert!(load_text(&format!("extensions: {deep}")).is_err());
    let deep = "extensions:\n".to_owned() + &(0..500).map(|n| " ".repeat(n + 1) + "a:\n").collect::<String>();
    assert!(load_text(&deep).is_err());
}

#[test]
fn faults_beyond_the_limit_are_counted() {
    let text: String = (0..500).map(|n| format!("key{n}: 1\n")).collect();
    let told = load_text(&text).expect_err("faults");
    assert_eq!(told.len(), 200);
    assert!(told[199].contains("more faults in this file"), "{}", told[199]);
}

#[test]
fn no_message_shows_a_secret() {
    let text = "\
api: { keys: [{ name: ops, key: hunter2-api }] }
extensions: [{ number: \"1001\", secret: hunter2, voicemail: { pin: hunter2 } }]
trunks: [{ name: a, server: \"sip:192.0.2.1\", secret: \"hunter2\\n\" }]
mail: { smtp: \"ftp://u:hunter2@h\" }
store: { url: \"x://u:hunter2@h\" }
";
    for fault in load_text(text).expect_err("faults") {
        assert!(!fault.contains("hunter2"), "{fault}");
    }
}

#[test]
fn secrets_come_from_the_environment_and_from_files_and_are_never_shown() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("bob");
    fs::write(&file, "Qs8-second-wheel-4\n").expect("written");
    let text = format!(
        "extensions:\n  - {{ number: \"1001\", secret: \"env:ALICE\" }}\n  - {{ number: \"1002\", secret: \"file:{}\" }}\n",
        file.display()
    );
    let config = load_text(&text).expect("loads");
    assert_eq!(config.extensions[0].secret.expose(), "Kf3-first-wheel-9");
    assert_eq!(config.extensions[1].secret.expose(), "Qs8-second-wheel-4");
    let shown = format!("{config:?}{}", serde_saphyr::to_string(&config).expect("YAML"));
    assert!(!shown.contains("wheel"));
}

#[test]
fn a_difference_is_told_by_its_key_and_a_secret_only_as_different() {
    let a = load_text(
        "extensions: [{ number: \"1001\", auth_user: a, secret: Kf3-first-wheel-9 }, { number: \"1002\", auth_user: b, secret: Zt5-third-wheel-2 }]",
    );
    let b = load_text(
        "server: { drain: 1m }\nextensions: [{ number: \"1002\", auth_user: b, secret: Qs8-second-wheel-4, call_limit: 9 }]",
    );
    let changes = diff(&a.expect("loads"), &b.expect("loads"));
    let of = |path: &str| changes.iter().find(|change| change.path == path).cloned();
    let change = |path: &str, before: &str, after: &str| {
        Some(Change { path: path.to_owned(), before: Some(before.to_owned()), after: Some(after.to_owned()) })
    };
    assert_eq!(of("server.drain"), change("server.drain", "30s", "1m"));
    assert_eq!(of("extensions[1002].call_limit"), change("extensions[1002].call_limit", "4", "9"));
    assert_eq!(of("extensions[1002].secret"), change("extensions[1002].secret", MASK, MASK));
    assert_eq!(of("extensions[1001].number").and_then(|change| change.after), None);
    assert_eq!(of("extensions[1002].auth_user"), None, "what is the same is not told");
}

#[test]
fn what_does_not_act_yet_is_listed_once() {
    let text = format!(
        "trunks: [{{ name: a, server: \"sip:192.0.2.1\" }}]\nserver: {{ sip: {{ listen: [udp://127.0.0.1:5060, tls://127.0.0.1:5061] }} }}\nqueues: []\nlogging: {{ syslog: somewhere }}\n{EXTENSION}"
    );
    let config = load_text(&text).expect("loads");
    assert_eq!(config.not_active(), ["logging.syslog"]);
}

#[test]
fn signaling_gets_every_account_and_limit() {
    let text = "\
server: { domain: pbx.test, calls_max: 7, call_length_max: 1h, rtp: { bind: 192.0.2.9, timeout: 20s }, sip: { registration: { min: 10s, max: 2h, default: 30m } } }
extensions:
  - { number: \"1001\", name: Alice, auth_user: alice, secret: Kf3-first-wheel-9, caller_id: { name: Front, number: \"+12025550101\" }, codecs: [g722, pcma], nat: \"no\", forward: { no_answer_after: 12s }, call_group: 3 }
  - { number: \"1002\", auth_user: door, secret: Qs8-second-wheel-4, host: \"sip:192.0.2.7:5062\" }
features: { codes: { echo: \"*99\" } }
";
    let settings = load_text(text).expect("loads").signaling(Vec::new(), 2);
    assert_eq!((settings.domain.as_str(), settings.calls.calls_max, settings.media.shards), ("pbx.test", 7, 2));
    assert_eq!(settings.media.advertised_v4, "192.0.2.9".parse().ok());
    assert_eq!(settings.media.advertised_v6, None);
    assert_eq!(settings.registration.expires_min.as_secs(), 10);
    assert_eq!(settings.codes.echo.as_deref(), Some("*99"));
    let alice = settings.directory.by_auth_user("alice").expect("an account");
    assert_eq!((alice.caller_id.name.as_str(), alice.caller_id.number.as_str()), ("Front", "+12025550101"));
    assert_eq!(alice.codecs, [contract::Codec::G722, contract::Codec::Pcma]);
    assert_eq!((alice.no_answer_after.as_secs(), alice.call_groups.as_slice()), (12, [3].as_slice()));
    let door = settings.directory.extension("1002").expect("an account");
    assert_eq!(door.host, signaling::settings::Host::Fixed("sip:192.0.2.7:5062".to_owned()));
}

#[test]
fn demo_accounts_keep_their_secrets_and_differ_between_machines() {
    use std::os::unix::fs::PermissionsExt;
    let (here, there) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let data_dir = here.path().join("new");
    let (config, first) = dev(&data_dir).expect("made");
    let (_, again) = dev(&data_dir).expect("found");
    let (_, other) = dev(there.path()).expect("made");
    assert_eq!(first.extensions[0].secret, again.extensions[0].secret);
    assert_eq!(first.api_key, again.api_key);
    assert_ne!(first.extensions[0].secret, first.extensions[1].secret);
    assert_ne!(first.extensions[0].secret, other.extensions[0].secret);
    assert_eq!(config.server.data_dir, data_dir);
    assert_eq!(config.extensions.iter().map(|e| e.number.as_str()).collect::<Vec<_>>(), ["1001", "1002"]);
    assert_eq!(fs::metadata(&first.file).expect("the file").permissions().mode() & 0o777, 0o600);
}
