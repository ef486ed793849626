//! Trunks by host name: found by NAPTR, SRV and A, their servers tried one after the other and known when they call, and over TLS who has their name.

use crate::{
    authority::{Authority, Issued},
    carrier::{becomes, home, on, shown, start_named},
    exchange::{Exchange, PATIENCE},
    handset::{Handset, bound},
    line::Line,
    name_server::{NameServer, Record},
    phone::Phone,
};
use rsip::Method;
use rustls::{ServerConnection, StreamOwned};
use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

const LOCAL: Record = Record::A(Ipv4Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(600);

/// Lets the name lead to these ports by a service, in this order.
fn publish(names: &NameServer, service: &'static str, ports: &[u16]) {
    let at =
        |(index, port): (usize, &u16)| Record::Srv { priority: index as u16, port: *port, target: "host.carrier.test" };
    names.knows("host.carrier.test", LONG, &[LOCAL]);
    names.knows(service, LONG, &ports.iter().enumerate().map(at).collect::<Vec<_>>());
}

#[test]
fn a_trunk_by_name_is_called_at_the_server_that_answers_and_calls_from_any_of_them() {
    let names = NameServer::start();
    let (silent, second) = (bound(), bound());
    let ports = [&silent, &second].map(|socket| socket.local_addr().unwrap().port());
    let naptr = Record::Naptr { order: 1, service: "SIP+D2U", replacement: "_sip._udp.carrier.test" };
    names.knows("carrier.test", LONG, &[naptr]);
    publish(&names, "_sip._udp.carrier.test", &ports);
    let exchange = start_named(&names, home(["sip:carrier.test", "sip:127.0.0.1:9"], ["", ""]));
    let (mut silent, mut second) = (on(silent, &exchange), on(second, &exchange));
    let mut alice = Handset::alice(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut second, "9123");
    assert_eq!(invite.uri(), "sip:+4930123@carrier.test");
    assert!(invite.field("From").contains("@carrier.test>;tag="), "{invite:?}");
    assert_eq!(silent.called().field("Call-ID"), invite.field("Call-ID"), "the first was asked before");
    let mut at_second = second.take(&invite);
    alice.connected(&asked);
    second.hang_up(&mut at_second);
    alice.hung_up_on();
    becomes(&exchange, "a", "up");
    // Who is at an address that the name leads to needs no proof.
    for carrier in [&mut silent, &mut second] {
        let asked = carrier.call_in("+4930556", "<sip:+4989777@carrier.test>", "");
        assert_eq!(carrier.refused(&asked), 404);
    }
    let mut stranger = Handset::new(&exchange, "stranger", "x", "y");
    let asked = stranger.call_in("+4930556", "<sip:+4989777@carrier.test>", "");
    assert_eq!(stranger.refused(&asked), 401);
}

/// An exchange with a trunk over TLS by name, and the door of its server.
fn secure(authority: &Authority, more: &str) -> (Exchange, TcpListener) {
    let names = NameServer::start();
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    publish(&names, "_sips._tcp.carrier.test", &[door.local_addr().unwrap().port()]);
    let Issued { chain, key } = authority.issue("pbx", &["pbx.test"]);
    let home = home(["sip:carrier.test;transport=tls", "sip:127.0.0.1:9"], [more, ""]);
    let tls =
        format!("tls: {{ cert: {}, key: {}, ca: {} }}", chain.display(), key.display(), authority.file().display());
    home.edit("\"tcp://127.0.0.1:0\"] }", &format!("\"tls://127.0.0.1:0\"], {tls} }}"));
    (start_named(&names, home), door)
}

/// The carrier behind the door, if the exchange takes its certificate.
fn welcome(door: &TcpListener, shown: &Issued) -> Option<Phone> {
    let (socket, _) = door.accept().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(ServerConnection::new(Authority::server(shown)).unwrap(), socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    let line = Line::stream(door.local_addr().unwrap(), true, stream);
    Some(Phone::on(line, "carrier", "carrier", "none"))
}

#[test]
fn a_trunk_over_tls_is_spoken_to_if_its_certificate_has_the_name_and_calls_by_the_same_connection() {
    let authority = Authority::new();
    let (exchange, door) = secure(&authority, "register: true, auth_user: account-17, secret: \"Trunk-secret-55-a\"");
    let mut carrier = welcome(&door, &authority.issue("carrier", &["carrier.test"])).expect("it is who it should be");
    let register = carrier.request(Method::Register);
    let at = exchange.listens("tls");
    assert!(register.to_string().contains(&format!("Contact: <sip:account-17@{at};transport=tls>")), "{register}");
    carrier.say(&register, 200);
    let seen = becomes(&exchange, "a", "up");
    assert_eq!(seen["registered"], true, "{seen}");
    let mut alice = Handset::alice(&exchange).registered();
    let asked = alice.dial("9123");
    let invite = carrier.called();
    assert!(
        invite.to_string().to_lowercase().starts_with("invite sip:+4930123@carrier.test;transport=tls "),
        "{invite}"
    );
    let mut at_carrier = carrier.take(&invite);
    alice.connected(&asked);
    carrier.hang_up(&mut at_carrier);
    alice.hung_up_on();
}

#[test]
fn who_shows_a_certificate_of_another_name_or_of_an_unknown_authority_hears_no_word_of_sip() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for bad in [authority.issue("other", &["other.test", "127.0.0.1"]), stranger.issue("carrier", &["carrier.test"])] {
        let (exchange, door) = secure(&authority, "");
        let mut alice = Handset::alice(&exchange).registered();
        let asked = alice.dial("9123");
        assert!(welcome(&door, &bad).is_none(), "it is spoken to");
        assert_eq!(alice.refused(&asked), 503);
        assert_eq!(shown(&exchange, "a")["reason"], "calls failed");
    }
}
