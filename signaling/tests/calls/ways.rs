//! Which way messages go: through proxies, through a NAT, over IPv6.

use super::{
    common::{
        Line, Phone,
        line::{extension, settings},
        sdp,
    },
    join, talking, two,
};
use contract::{MediaCommand, SourceRule};
use core::net::SocketAddr;
use signaling::{
    flow::{Flow, ListenerId, Transport},
    input::Input,
    settings::{Directory, Listener, Nat},
};

/// The last thing a shard was told of a leg's far end.
fn source_of(line: &Line, number: u16) -> SourceRule {
    let told = line.media.iter().rev().find_map(|command| match command {
        MediaCommand::DescribeLeg { member, peer, .. } if member.0 == number => Some(peer.source),
        _ => None,
    });
    told.expect("the leg was described")
}

#[test]
fn requests_within_a_dialog_follow_the_proxies_of_its_beginning() {
    let (mut line, mut alice, mut boris) = two();
    let (near, far): (SocketAddr, SocketAddr) = ("10.0.0.21:5060".parse().unwrap(), "10.0.0.22:5060".parse().unwrap());
    let route = "Record-Route: <sip:10.0.0.21;lr>\r\n";
    let body = alice.sdp();
    let invite = alice.call_with(&mut line, "1002", &body, route);
    let asked = line.expect(boris.address, "INVITE");
    assert!(asked.all("Record-Route").is_empty(), "the two dialogs have nothing in common");
    let body = boris.sdp();
    boris.answer_with(&mut line, &asked, 200, &body, "Record-Route: <sip:10.0.0.22;lr>\r\n");
    let ack = line.expect(far, "ACK");
    assert_eq!((ack.header("Route"), ack.uri()), ("<sip:10.0.0.22;lr>", "sip:1002@10.0.0.12:5062"));
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.header("Record-Route"), "<sip:10.0.0.21;lr>");
    invite.dialog(&answer).ack(&mut line, "");
    let call = line.call();
    line.order(signaling::input::Command::HangUp { call });
    let bye = line.expect(near, "BYE");
    assert_eq!((bye.header("Route"), bye.uri()), ("<sip:10.0.0.21;lr>", "sip:1001@10.0.0.11:5061"));
    line.expect(far, "BYE");
    line.expect_rest();
}

#[test]
fn a_phone_behind_a_nat_is_reached_where_it_comes_from() {
    let (mut line, mut alice, mut boris) = two();
    // What the headers say is of the phone's own network; what arrives is of the router.
    let outside: SocketAddr = "203.0.113.7:40000".parse().unwrap();
    let inside = |text: &str| text.replace("10.0.0.11:5061", "192.168.1.5:5061");
    let send = |line: &mut Line, text: &str| {
        line.happen(Input::Received { flow: Flow::datagram(ListenerId(0), outside), bytes: inside(text).as_bytes() });
    };
    let body = sdp("192.168.1.5", 4000);
    let first = alice.invite("1002", &body, "", 1);
    send(&mut line, &first.text);
    let challenge = line.expect(outside, "401");
    send(&mut line, &first.ack(&challenge));
    let second = alice.authorized(&first, &challenge, &body, "");
    send(&mut line, &second.text);
    let asked = line.expect(boris.address, "INVITE");
    let body = boris.sdp();
    let mut called = boris.answer(&mut line, &asked, 200, &body);
    line.expect(boris.address, "ACK");
    let answer = line.expect(outside, "200");
    let ack = second.dialog(&answer).text("ACK", second.cseq, "", "", "z9hG4bKack");
    send(&mut line, &ack);
    assert_eq!((source_of(&line, 0), source_of(&line, 1)), (SourceRule::Learned, SourceRule::Signalled));
    called.request(&mut line, "BYE", "");
    let bye = line.expect(outside, "BYE");
    assert_eq!(bye.uri(), "sip:1001@192.168.1.5:5061");
    line.expect_rest();
}

#[test]
fn nat_treatment_is_as_the_account_says() {
    for (nat, source) in [(Nat::Yes, SourceRule::Learned), (Nat::No, SourceRule::Signalled)] {
        let mut settings = settings();
        let mut alice = extension("1001", "Alice Ames");
        alice.nat = nat;
        settings.directory = Directory::new([alice, extension("1002", "Boris Bell")]);
        let mut line = Line::with(settings);
        let (mut alice, mut boris) = join(&mut line);
        talking(&mut line, &mut alice, &mut boris);
        assert_eq!(source_of(&line, 0), source, "{nat:?}");
    }
}

#[test]
fn phones_of_two_families_speak_through_their_own_addresses() {
    let mut settings = settings();
    settings.listeners.push(Listener {
        transport: Transport::Udp,
        bound: "[2001:db8::1]:5060".parse().unwrap(),
        advertised: ("2001:db8::1".into(), 5060),
    });
    settings.media.advertised_v4 = Some("198.51.100.1".parse().unwrap());
    settings.media.advertised_v6 = Some("2001:db8::1".parse().unwrap());
    let mut line = Line::with(settings);
    let (mut alice, mut boris) = (Phone::new("1001", "10.0.0.11:5061"), Phone::new("1002", "[2001:db8::12]:5062"));
    alice.register(&mut line);
    boris.register(&mut line);
    let body = alice.sdp();
    let invite = alice.call(&mut line, "1002", &body);
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(asked.sdp("c=IN IP6 "), "2001:db8::1");
    assert_eq!(asked.contact(), "sip:1001@[2001:db8::1]:5060");
    let families: Vec<bool> = line
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::OpenLeg { spec, .. } => Some(spec.ipv6),
            _ => None,
        })
        .collect();
    assert_eq!(families, [false, true]);
    let body = sdp("2001:db8::12", 4000).replace("IN IP4", "IN IP6");
    boris.answer(&mut line, &asked, 200, &body);
    let answer = line.expect(alice.address, "200");
    assert_eq!(answer.sdp("c=IN IP4 "), "198.51.100.1");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    caller.request(&mut line, "BYE", "");
    line.expect(boris.address, "ACK");
    line.expect(boris.address, "BYE");
    line.expect_rest();
}

#[test]
fn a_second_phone_behind_the_same_nat_is_ended_on_the_way_of_the_first() {
    let (mut line, mut alice, mut boris) = two();
    let outside: SocketAddr = "203.0.113.9:40000".parse().unwrap();
    boris.register_as(&mut line, "<sip:1002@10.0.0.12:5062>;expires=0");
    boris.address = outside;
    boris.register_as(&mut line, "<sip:1002@192.168.1.6:5062>;expires=600");
    let body = alice.sdp();
    alice.call(&mut line, "1002", &body);
    let asked = line.expect(outside, "INVITE");
    let body = sdp("192.168.1.6", 4000);
    let inside = "Contact: <sip:1002@192.168.1.6:5062>\r\n";
    boris.answer_as(&mut line, &asked, 200, &body, inside, "one");
    line.expect(outside, "ACK");
    boris.answer_as(&mut line, &asked, 200, &body, inside, "two");
    assert_eq!(line.expect(outside, "ACK").tag("To"), "two");
    assert_eq!(line.expect(outside, "BYE").tag("To"), "two");
}
