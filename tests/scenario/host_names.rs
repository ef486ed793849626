//! Phones and servers by their names: RFC 3263 with a name server of the tests' own.

use crate::{
    exchange::{Exchange, Home, until},
    line::Line,
    name_server::{NameServer, Record},
    phone::{Phone, status},
};
use std::{
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::Duration,
};

const LOCAL: Record = Record::A(Ipv4Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(600);

/// An exchange whose account 1003 is at `host`, with its name server.
fn start(host: &str) -> (Exchange, NameServer) {
    let names = NameServer::start();
    let home = Home::new(60);
    home.edit("  domain: pbx.test\n", &format!("  domain: pbx.test\n  dns: {{ servers: [\"{}\"] }}\n", names.address));
    home.edit("\"Zt5-third-wheel-2\"", &format!("\"Zt5-third-wheel-2\", host: \"{host}\""));
    (home.start(), names)
}

/// A phone that is where the name server will say.
fn carol(exchange: &Exchange) -> (Phone, u16) {
    let line = Line::datagrams(exchange.sip);
    let port = line.name().rsplit(':').next().unwrap().parse().unwrap();
    (Phone::on(line, "1003", "1003", "Zt5-third-wheel-2"), port)
}

fn service(priority: u16, port: u16, target: &'static str) -> Record {
    Record::Srv { priority, port, target }
}

#[test]
fn the_second_server_is_called_when_the_first_has_no_room_or_is_silent() {
    let (exchange, names) = start("sip:carol@carol.test");
    let mut boris = Phone::boris(&exchange).registered();
    let (mut carol, port) = carol(&exchange);
    let busy = Line::datagrams(exchange.sip);
    let busy_at = busy.name().rsplit(':').next().unwrap().parse().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap().port();
    let mut busy = Phone::on(busy, "1003", "1003", "Zt5-third-wheel-2");
    names.knows(
        "carol.test",
        LONG,
        &[Record::Naptr { order: 1, service: "SIP+D2U", replacement: "_sip._udp.carol.test" }],
    );
    names.knows(
        "_sip._udp.carol.test",
        LONG,
        &[
            service(1, busy_at, "busy.carol.test"),
            service(2, silent_at, "silent.carol.test"),
            service(3, port, "good.carol.test"),
        ],
    );
    for host in ["busy.carol.test", "silent.carol.test", "good.carol.test"] {
        names.knows(host, LONG, &[LOCAL]);
    }
    let asked = boris.dial("1003");
    let refused = busy.called();
    busy.say(&refused, 503);
    let invite = carol.called();
    let mut carol_side = carol.take(&invite);
    boris.answered(&asked);
    assert!(silent.recv(&mut [0; 2_048]).is_ok(), "the silent one was asked between them");
    carol.hang_up(&mut carol_side);
    boris.hung_up_on();
    // What was answered once is not asked again.
    let questions = names.asked("carol.test");
    let asked = boris.dial("1003");
    let refused = busy.called();
    busy.say(&refused, 603);
    assert!(status(&boris.refused(&asked)) >= 400, "a refusal leads to nobody else");
    assert_eq!(names.asked("carol.test"), questions);
}

/// Refuses everybody with this status; its port.
fn refuses(status: &'static str) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            let repeated =
                |line: &&str| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name));
            let tagged =
                |line: &str| if line.starts_with("To:") { format!("{line};tag=x\r\n") } else { format!("{line}\r\n") };
            let lines: String = text.lines().filter(repeated).map(tagged).collect();
            if text.starts_with("INVITE ") {
                socket
                    .send_to(format!("SIP/2.0 {status} No\r\n{lines}Content-Length: 0\r\n\r\n").as_bytes(), from)
                    .unwrap();
            }
        }
    });
    port
}

#[test]
fn an_answer_that_has_ended_is_asked_for_again() {
    let (exchange, names) = start("sip:carol@carol.test;transport=udp");
    let mut boris = Phone::boris(&exchange).registered();
    let (old, new) = (refuses("486"), refuses("404"));
    let mut refused = || {
        let asked = boris.dial("1003");
        status(&boris.refused(&asked))
    };
    let second = Duration::from_secs(1);
    names.knows("host.carol.test", second, &[LOCAL]);
    names.knows("_sip._udp.carol.test", second, &[service(1, old, "host.carol.test")]);
    assert_eq!(refused(), 486);
    names.knows("_sip._udp.carol.test", second, &[service(1, new, "host.carol.test")]);
    // Until the answer ends, calls go to the server of before.
    until(|| (refused() != 486).then_some(())).expect("it is asked again");
}

#[test]
fn who_has_no_address_cannot_be_called_and_others_can() {
    let (exchange, names) = start("sip:carol@nobody.test");
    let mut boris = Phone::boris(&exchange).registered();
    let mut alice = Phone::alice(&exchange).registered();
    let asked = boris.dial("1003");
    assert_eq!(status(&boris.refused(&asked)), 480);
    assert!(names.asked("nobody.test") > 0);
    names.falls_silent();
    let unknown = boris.dial("1003");
    let asked = boris.dial("1001");
    let invite = alice.called();
    alice.say(&invite, 486);
    assert_eq!(status(&boris.refused(&asked)), 486);
    assert_eq!(status(&boris.refused(&unknown)), 480);
}
