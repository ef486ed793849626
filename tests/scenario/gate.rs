//! What a hostile network meets: networks, rates, bans, silence. Sources are addresses of the loopback network, none of them allowed by name.

use crate::{
    exchange::KEY,
    exchange::{Exchange, Home, until},
    handset::{Handset, PORTS},
    http::{ask, figure, figure_becomes, get},
};
use std::{
    io::Read as _,
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

/// A directory with `security` and `sip` as given.
fn home(security: &str, sip: &str) -> Home {
    let home = Home::new(PORTS);
    home.edit("api:\n", &format!("security: {{ {security} }}\napi:\n"));
    if !sip.is_empty() {
        home.edit("  sip: { listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"] }", &format!("  sip: {{ {sip} }}"));
    }
    home
}

fn dropped(exchange: &Exchange, reason: &str) -> f64 {
    figure(exchange, &format!("ironbell_sip_dropped_total{{reason=\"{reason}\"}}"))
}

/// Waits until so many were dropped for a reason.
fn drops(exchange: &Exchange, reason: &str, least: f64) {
    let reached = until(|| (dropped(exchange, reason) >= least).then_some(()));
    assert!(reached.is_some(), "{} dropped as {reason}", dropped(exchange, reason));
}

/// A phone at another address of this machine.
fn at(mut phone: Handset, address: &str) -> Handset {
    phone.sip = UdpSocket::bind((address, 0)).unwrap();
    phone.claims = phone.address().to_string();
    phone
}

fn bans(exchange: &Exchange) -> Vec<(String, String)> {
    let list = get(exchange, "/api/bans");
    let text = |ban: &serde_json::Value, key: &str| ban[key].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(|ban| (text(ban, "source"), text(ban, "reason"))).collect()
}

const OPTIONS: &str = "OPTIONS sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-o\r\nFrom: <sip:x@pbx.test>;tag=1\r\n\
    To: <sip:pbx.test>\r\nCall-ID: o@x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

fn guesses(exchange: &Exchange, address: &str, count: usize) {
    let mut guesser = at(Handset::new(exchange, "1002", "1002", "a-guess-of-it-7"), address);
    for _ in 0..count {
        assert_eq!(guesser.register("60", "").status(), 403);
    }
}

#[test]
fn a_guesser_is_banned_on_every_transport_until_an_operator_lets_it_in() {
    let exchange = home("allow: [], max_failed_attempts: 3", "").start();
    let mut alice = Handset::alice(&exchange).registered();
    guesses(&exchange, "127.0.0.66", 3);
    let shown = exchange.said().line("a source is banned").expect("operators are told");
    assert!(shown.contains("127.0.0.66") && shown.contains("failed attempts"), "{shown}");
    assert_eq!(bans(&exchange), [("127.0.0.66".to_owned(), "failed attempts".to_owned())]);
    figure_becomes(&exchange, "ironbell_bans_active", 1.0);
    assert!(figure(&exchange, "ironbell_auth_failures_total") >= 3.0);

    // Datagrams of it are not answered, by whatever port; its connections end at once.
    let other = UdpSocket::bind("127.0.0.66:0").unwrap();
    other.send_to(OPTIONS.as_bytes(), exchange.sip).unwrap();
    drops(&exchange, "banned", 1.0);
    let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    tcp.bind(&SocketAddr::from(([127, 0, 0, 66], 0)).into()).unwrap();
    tcp.connect(&exchange.listens("tcp").into()).unwrap();
    let mut tcp = TcpStream::from(tcp);
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(matches!(tcp.read(&mut [0; 16]), Ok(0) | Err(_)), "it speaks to who is banned");
    drops(&exchange, "banned", 2.0);
    // Who is elsewhere does not notice.
    assert_eq!(alice.register("60", "").status(), 200);

    let lift = |path: &str| ask(&exchange, "DELETE", path, KEY, None).status;
    assert_eq!(lift("/api/bans?address=127.0.0.67"), 404);
    assert_eq!(lift("/api/bans?address=127.0.0.66"), 204);
    assert_eq!(bans(&exchange), []);
    figure_becomes(&exchange, "ironbell_bans_active", 0.0);
    let mut boris = at(Handset::boris(&exchange), "127.0.0.66");
    assert_eq!(boris.register("60", "").status(), 200);
}

#[test]
fn a_phone_that_is_registered_goes_on_behind_an_address_that_is_banned() {
    let exchange = home("allow: [], max_failed_attempts: 2, rate: { register_per_ip: 100/s }", "").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = at(Handset::boris(&exchange), "127.0.0.60").registered();
    // Somebody else in the same office; with a phone that is registered there it takes five times as many.
    guesses(&exchange, "127.0.0.60", 10);
    assert_eq!(bans(&exchange).len(), 1);
    let stranger = UdpSocket::bind("127.0.0.60:0").unwrap();
    stranger.send_to(OPTIONS.as_bytes(), exchange.sip).unwrap();
    drops(&exchange, "banned", 1.0);

    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut his = boris.take(&invite);
    alice.connected(&asked);
    boris.hang_up(&mut his);
    alice.hung_up_on();
    assert_eq!(boris.register("60", "").status(), 200);
}

#[test]
fn an_operator_bans_and_a_restart_remembers_it() {
    let exchange = home("allow: [\"127.0.0.1/32\"]", "").start();
    let order = |exchange: &Exchange, body: &str| {
        ask(exchange, "POST", "/api/bans", KEY, Some(("application/json", body.as_bytes()))).status
    };
    for (body, status) in [
        ("{\"address\": \"127.0.0.77\", \"span\": \"1h\"}", 201),
        ("{\"address\": \"127.0.0.78\"}", 201),
        ("{\"address\": \"2001:db8::1\", \"span\": \"24h\"}", 201),
        ("{\"address\": \"127.0.0.1\"}", 409),
        ("{\"address\": \"a host\"}", 422),
        ("{\"address\": \"127.0.0.79\", \"span\": \"soon\"}", 422),
        ("{}", 422),
    ] {
        assert_eq!(order(&exchange, body), status, "{body}");
    }
    assert_eq!(ask(&exchange, "DELETE", "/api/bans?address=127.0.0.78", KEY, None).status, 204);
    let list =
        || vec![("2001:db8::/64".to_owned(), "operator".to_owned()), ("127.0.0.77".to_owned(), "operator".to_owned())];
    assert_eq!(bans(&exchange), list());
    // The store is told in its own time.
    let file = exchange.home.data().join("ironbell.db-wal");
    assert!(until(|| std::fs::metadata(&file).ok().filter(|file| file.len() > 0)).is_some());
    exchange.terminate();
    let mut exchange = exchange;
    assert!(exchange.wait().success());
    let exchange = exchange.kill().start();
    let mut known = bans(&exchange);
    known.sort_unstable();
    let mut wanted = list();
    wanted.sort_unstable();
    assert_eq!(known, wanted);
    let banned = UdpSocket::bind("127.0.0.77:0").unwrap();
    banned.send_to(OPTIONS.as_bytes(), exchange.sip).unwrap();
    drops(&exchange, "banned", 1.0);
    let answer = ask(&exchange, "DELETE", "/api/bans", KEY, None);
    assert_eq!((answer.status, answer.header("bans-ended")), (204, Some("2")));
}

#[test]
fn listeners_serve_their_networks_and_denied_ones_never() {
    let sip = "listen: [{ at: \"udp://127.0.0.1:0\", networks: [127.0.0.1, 127.0.0.60/31] }, \"tcp://127.0.0.1:0\"]";
    let exchange = home("allow: [], deny: [127.0.0.61]", sip).start();
    let mut inside = at(Handset::boris(&exchange), "127.0.0.60");
    assert_eq!(inside.register("60", "").status(), 200);
    for (from, reason) in [("127.0.0.61:0", "denied"), ("127.0.0.62:0", "foreign_network")] {
        UdpSocket::bind(from).unwrap().send_to(OPTIONS.as_bytes(), exchange.sip).unwrap();
        drops(&exchange, reason, 1.0);
    }
}

#[test]
fn a_scanner_hears_nothing_and_a_flood_is_held_to_its_share() {
    let exchange =
        home("allow: [], rate: { register_per_ip: 10/s, invite_per_ip: 10/s, packets_per_ip: 100/s }", "").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = at(Handset::boris(&exchange), "127.0.0.60").registered();
    let scanner = UdpSocket::bind("127.0.0.66:0").unwrap();
    let named = OPTIONS.replace("Max-Forwards", "User-Agent: friendly-scanner\r\nMax-Forwards");
    scanner.send_to(named.as_bytes(), exchange.sip).unwrap();
    drops(&exchange, "scanner", 1.0);

    let flood = UdpSocket::bind("127.0.0.67:0").unwrap();
    let register = OPTIONS.replace("OPTIONS", "REGISTER");
    for n in 0..400 {
        flood.send_to(register.replace("z9hG4bK-o", &format!("z9hG4bK-{n}")).as_bytes(), exchange.sip).unwrap();
        flood.send_to(OPTIONS.replace("z9hG4bK-o", &format!("z9hG4bKo{n}")).as_bytes(), exchange.sip).unwrap();
    }
    drops(&exchange, "rate_register", 1.0);
    drops(&exchange, "rate_packets", 1.0);
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut his = boris.take(&invite);
    alice.connected(&asked);
    boris.hang_up(&mut his);
    alice.hung_up_on();
}

#[test]
fn a_stream_that_brings_too_much_is_read_later_and_loses_nothing() {
    let exchange = home("allow: [], rate: { register_per_ip: 20/s }", "").start();
    let tcp = TcpStream::connect(exchange.listens("tcp")).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let all: String = (0..60)
        .map(|n| {
            let register = OPTIONS.replace("OPTIONS", "REGISTER").replace("UDP", "TCP");
            register.replace("z9hG4bK-o", &format!("z9hG4bK-{n}")).replace("o@x", &format!("{n}@x"))
        })
        .collect();
    std::io::Write::write_all(&mut &tcp, all.as_bytes()).unwrap();
    let mut heard = String::new();
    while heard.matches("SIP/2.0 401 ").count() < 60 {
        let mut piece = [0; 8_192];
        let length = (&tcp).read(&mut piece).expect("every request is answered");
        assert!(length > 0, "closed after {heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    assert!(dropped(&exchange, "rate_register").abs() < 1e-9);
}

#[test]
fn who_asks_with_next_to_nothing_is_not_answered_at_length() {
    let two = "listen: [\"udp://127.0.0.1:0\"], digest: [sha-256, md5]";
    let exchange = home("allow: []", two).start();
    let stranger = UdpSocket::bind("127.0.0.66:0").unwrap();
    let least = "REGISTER sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;rport;branch=z9hG4bKa\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 REGISTER\r\nMax-Forwards:1\r\n\r\n";
    stranger.send_to(least.as_bytes(), exchange.sip).unwrap();
    drops(&exchange, "amplification", 1.0);
    // An honest request is.
    let register = OPTIONS.replace("OPTIONS", "REGISTER");
    stranger.send_to(register.as_bytes(), exchange.sip).unwrap();
    stranger.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 2_048];
    let length = stranger.recv(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"SIP/2.0 401 ") && length <= 3 * register.len(), "{length}");
}
