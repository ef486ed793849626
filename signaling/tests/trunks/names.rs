//! Trunks by host name: whose calls theirs are, how long that is believed, and how their servers share the time of a call.

use super::{
    answer, at,
    common::{Line, Phone, line::Zone, sdp},
    outbound::outward,
    told, trunk,
};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    dns::Record,
    flow::{FlowEnd, ListenerId, Transport},
    input::Input,
    limits::{PROBE_WAIT, TRUNK_LOCATE_EVERY, TRUNK_LOCATION_LIFE},
    settings::{Listener, Trunk},
};

const MINUTE: Duration = Duration::from_secs(60);

fn named(name: &str) -> Trunk {
    Trunk { server: "sip:carrier.test".into(), ..trunk(name, 1) }
}

fn service(priority: u16, target: &str) -> Record {
    Record::Srv { priority, weight: 0, port: 5060, target: target.into() }
}

fn host(text: &str) -> Vec<Record> {
    vec![Record::Address(text.parse().unwrap())]
}

/// Two servers, at 10.0.1.1 and 10.0.1.2, by UDP.
fn zone(ttl: Duration) -> Zone {
    let records = [
        ("_sip._udp.carrier.test", vec![service(1, "one.test"), service(2, "two.test")]),
        ("one.test", host("10.0.1.1")),
        ("two.test", host("10.0.1.2")),
    ];
    Zone { records: records.into(), ttl }
}

fn placed(trunks: impl IntoIterator<Item = Trunk>, zone: Option<Zone>) -> (Line, Phone) {
    let mut line = Line::with(outward(trunks));
    line.zone = zone;
    line.pass(Duration::from_millis(100));
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    assert_eq!(alice.register(&mut line).status(), 200);
    (line, alice)
}

/// The first answer above 100 to a call for 1002.
fn call_from(line: &mut Line, source: SocketAddr, serial: u32) -> u16 {
    // Copies of refusals that were never acknowledged.
    line.forget(source);
    let body = sdp("10.0.2.7", 4000);
    line.send(
        source,
        &format!(
            "INVITE sip:1002@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bKg{serial};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+4930111@carrier.test>;tag=g{serial}\r\nTo: <sip:1002@pbx.test>\r\nCall-ID: g{serial}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:gw@{source}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    loop {
        let message = line.take(source).expect("an answer");
        if message.status() > 100 {
            return message.status();
        }
    }
}

/// No direct number is 1002 here: a call that needs no proof finds nobody.
const KNOWN: u16 = 404;
const STRANGER: u16 = 401;

#[test]
fn calls_from_any_server_that_the_name_leads_to_are_the_trunks() {
    let (mut line, _) = placed([named("a")], Some(zone(MINUTE)));
    let sources = [at(1), at(2), at(3), SocketAddr::from(([10, 0, 1, 1], 5061))];
    let mut serial = 0;
    let answers = sources.map(|source| {
        serial += 1;
        call_from(&mut line, source, serial)
    });
    assert_eq!(answers, [KNOWN, KNOWN, STRANGER, STRANGER]);
}

#[test]
fn servers_that_move_are_followed_when_their_records_end() {
    let (mut line, _) = placed([named("a")], Some(zone(MINUTE)));
    let asked = line.questions;
    line.pass(TRUNK_LOCATE_EVERY);
    assert_eq!(line.questions, asked, "what may be believed is not asked again");
    line.zone.as_mut().unwrap().records.insert("two.test", host("10.0.1.3"));
    line.pass(MINUTE);
    assert!(line.questions > asked);
    assert_eq!([2, 3].map(|server| call_from(&mut line, at(server), server.into())), [STRANGER, KNOWN]);
}

#[test]
fn a_name_server_that_is_away_makes_no_strangers_for_a_while() {
    let (mut line, _) = placed([named("a")], Some(zone(MINUTE)));
    line.zone = None;
    line.pass(TRUNK_LOCATION_LIFE - MINUTE);
    assert_eq!(call_from(&mut line, at(1), 1), KNOWN);
    // The first minute after it fell silent its answers were still good.
    line.pass(MINUTE * 3);
    assert_eq!(call_from(&mut line, at(1), 2), STRANGER);
    line.zone = Some(zone(MINUTE));
    line.pass(MINUTE);
    assert_eq!(call_from(&mut line, at(1), 3), KNOWN);
}

#[test]
fn the_servers_of_a_name_share_the_time_that_the_trunk_has() {
    let (mut line, mut alice) = placed([named("a"), Trunk { prefer: 20, ..trunk("b", 9) }], Some(zone(MINUTE)));
    alice.call(&mut line, "9555", &alice.sdp());
    line.expect(at(1), "INVITE");
    line.pass(Duration::from_millis(1_499));
    line.expect_silence(at(2));
    line.pass(Duration::from_millis(1));
    let second = line.expect(at(2), "INVITE");
    assert_eq!(second.uri(), "sip:+4930555@carrier.test");
    line.pass(Duration::from_millis(1_499));
    line.expect_silence(at(9));
    // Both were silent: the next trunk is asked in the same time as if there had been one.
    line.pass(Duration::from_millis(1));
    line.expect(at(9), "INVITE");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("calls failed"))));
}

#[test]
fn a_name_that_leads_nowhere_is_left_for_the_next_trunk() {
    for zone in [Some(Zone::default()), None] {
        let silent = zone.is_none();
        let (mut line, mut alice) = placed([named("a"), Trunk { prefer: 20, ..trunk("b", 9) }], zone);
        alice.call(&mut line, "9555", &alice.sdp());
        if silent {
            line.pass(Duration::from_secs(3));
        }
        line.expect(at(9), "INVITE");
    }
}

#[test]
fn a_second_server_that_answers_options_keeps_the_trunk_up() {
    let probed = Trunk { probe_every: Some(MINUTE / 2), ..named("a") };
    let (mut line, _) = placed([probed], Some(zone(MINUTE * 60)));
    for _ in 0..4 {
        line.expect(at(1), "OPTIONS");
        line.pass(PROBE_WAIT / 2);
        let options = line.expect(at(2), "OPTIONS");
        assert_eq!(options.uri(), "sip:carrier.test");
        answer(&mut line, 2, &options, 200, "");
        line.forget(at(1));
        line.pass(MINUTE / 2 - Duration::from_millis(1));
        line.forget(at(1));
        line.forget(at(2));
        line.pass(Duration::from_millis(1));
    }
    assert_eq!(told(&line), [("a".to_owned(), None)]);
}

#[test]
fn a_registration_over_tls_names_the_listener_for_tls_though_the_name_alone_told_of_it() {
    let mut settings = outward([Trunk { server: "sip:carrier.test".into(), ..super::registering("a", 1) }]);
    settings.listeners.push(Listener {
        transport: Transport::Tls,
        bound: "10.0.0.1:5061".parse().unwrap(),
        advertised: ("10.0.0.1".into(), 5061),
    });
    let mut line = Line::with(settings);
    let naptr = Record::Naptr {
        order: 1,
        preference: 1,
        flags: "s".into(),
        service: "SIPS+D2T".into(),
        replacement: "_sips._tcp.carrier.test".into(),
    };
    let records = [
        ("carrier.test", vec![naptr]),
        ("_sips._tcp.carrier.test", vec![service(1, "one.test")]),
        ("one.test", host("10.0.1.1")),
    ];
    line.zone = Some(Zone { records: records.into(), ttl: MINUTE });
    line.pass(Duration::from_millis(100));
    let (connection, remote) = line.opened[0];
    assert_eq!(remote, at(1));
    line.happen(Input::FlowOpened { connection });
    let register = line.expect(at(1), "REGISTER");
    assert!(register.header("Via").starts_with("SIP/2.0/TLS 10.0.0.1:5061;"), "{register:?}");
    assert_eq!(register.contact(), "sip:a@10.0.0.1:5061;transport=tls");
    let flow = signaling::flow::Flow::connected(Transport::Tls, ListenerId(2), at(1), connection);
    let vias: String = register.all("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
    let ok = format!(
        "SIP/2.0 200 OK\r\n{vias}From: {}\r\nTo: {};tag=s\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:a@10.0.0.1:5061;transport=tls>;expires=90\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
        register.header("From"),
        register.header("To"),
        register.header("Call-ID"),
        register.header("CSeq"),
    );
    line.happen(Input::Received { flow, bytes: ok.as_bytes() });
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
    // It was granted for 90 s: refreshed in time.
    line.pass_seconds(82);
    line.expect(at(1), "REGISTER");
    line.happen(Input::FlowLost { connection, why: FlowEnd::Closed });
}
