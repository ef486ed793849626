//! Requests to host names: RFC 3263 section 4.3, failover included, and RFC 5922 section 7.3 for connections over TLS. What a zone leads to is tested
//! beside `locate`.

use crate::rig::{Heard, PHONE, Rig, Sent, address, answer};
use core::time::Duration;
use signaling::{
    dns::{Record, Resolution},
    effect::Effect,
    flow::{ConnectionId, FlowEnd, ListenerId, Transport},
    id::LookupId,
    limits::{LOCATE_SEARCHES_MAX, LOCATE_WAIT_MAX, TARGET_WAIT_MAX},
    locate::Place,
    message::Method,
    settings::Listener,
    transaction::{ClientFailure, ClientId, NextHop, NotSent},
};
use std::sync::Arc;

const LIFE: Duration = Duration::from_secs(60);

fn rig() -> Rig {
    let listener = |transport: Transport| Listener {
        transport,
        bound: address(&format!("192.0.2.1:{}", transport.port_default())),
        advertised: ("192.0.2.1".to_owned(), transport.port_default()),
    };
    Rig::with([Transport::Udp, Transport::Tcp, Transport::Tls].map(listener).to_vec())
}

fn by_name(host: &str, transport: Transport) -> NextHop {
    let place = Place { host: host.into(), port: None, transport: Some(transport), secure: false };
    NextHop::Name { listener: ListenerId(0), place: Arc::new(place) }
}

/// What was asked since the last look.
fn asked(rig: &Rig) -> Vec<(LookupId, String)> {
    let questions = rig.out.iter().filter_map(|effect| {
        let Effect::Resolve { lookup, question } = effect else { return None };
        Some((*lookup, format!("{question:?}")))
    });
    questions.collect()
}

fn resolve(rig: &mut Rig, lookup: LookupId, resolution: Resolution) {
    rig.stack.resolved(rig.now, lookup, resolution, &mut rig.user, &mut rig.out);
    rig.check();
}

/// Answers every open question: two servers of the service, at 192.0.2.11 and 192.0.2.12.
fn answer_all(rig: &mut Rig) {
    loop {
        let questions = asked(rig);
        rig.out.retain(|effect| !matches!(effect, Effect::Resolve { .. }));
        if questions.is_empty() {
            return;
        }
        for (lookup, question) in questions {
            let srv =
                |priority, target: &str| Record::Srv { priority, weight: 0, port: 5070, target: target.to_owned() };
            let at = |text: &str| vec![Record::Address(text.parse().expect("an address"))];
            let records = match question.as_str() {
                srvs if srvs.starts_with("Srv ") => vec![srv(1, "one.test"), srv(2, "two.test")],
                "A one.test" => at("192.0.2.11"),
                "A two.test" => at("192.0.2.12"),
                _ => Vec::new(),
            };
            let resolution = match records.is_empty() {
                true => Resolution::Nothing { ttl: LIFE },
                false => Resolution::Found { records, ttl: LIFE },
            };
            resolve(rig, lookup, resolution);
        }
    }
}

/// An INVITE on its way to the first of two servers.
fn invited(transport: Transport) -> (Rig, ClientId) {
    let mut rig = rig();
    let id = rig.ask(Method::Invite, by_name("h.test", transport), b"").expect("begun");
    assert_eq!(
        rig.out.iter().filter(|effect| matches!(effect, Effect::Transmit { .. })).count(),
        0,
        "nothing is known yet"
    );
    answer_all(&mut rig);
    (rig, id)
}

fn branch(sent: &Sent) -> String {
    sent.header("Via").split("branch=").nth(1).expect("a branch").to_owned()
}

#[test]
fn what_is_found_is_remembered_and_the_first_server_is_asked() {
    let (mut rig, id) = invited(Transport::Udp);
    let first = rig.only();
    assert_eq!(first.to(), "udp 192.0.2.11:5070");
    rig.receive(first.flow, answer(&first, 404, "x"));
    assert_eq!(rig.heard(), [Heard::Response(id, 404)]);
    rig.out.clear();
    rig.ask(Method::Options, by_name("h.test", Transport::Udp), b"").expect("sent");
    assert_eq!(asked(&rig), []);
    assert_eq!(rig.only().to(), "udp 192.0.2.11:5070");
    rig.ends_empty();
}

#[test]
fn a_server_that_has_no_room_leads_to_the_next_and_nobody_hears_of_it() {
    for after_a_provisional in [false, true] {
        let (mut rig, id) = invited(Transport::Udp);
        let first = rig.only();
        if after_a_provisional {
            rig.receive(first.flow, answer(&first, 100, "x"));
        }
        rig.receive(first.flow, answer(&first, 503, "x"));
        assert_eq!(rig.heard(), []);
        let sent = rig.sent();
        // RFC 3261 section 17.1.1.3: the ACK belongs to the first server's INVITE.
        assert_eq!((sent[0].line().split(' ').next(), sent[0].to()), (Some("ACK"), "udp 192.0.2.11:5070".to_owned()));
        assert_eq!(branch(&sent[0]), branch(&first));
        assert_eq!(
            (sent[1].line().split(' ').next(), sent[1].to()),
            (Some("INVITE"), "udp 192.0.2.12:5070".to_owned())
        );
        assert_ne!(branch(&sent[1]), branch(&first));
        // The first has nothing more to say; the second is the last, and heard.
        rig.receive(first.flow, answer(&first, 200, "x"));
        assert_eq!(rig.heard(), []);
        rig.receive(sent[1].flow, answer(&sent[1], 503, "y"));
        assert_eq!(rig.heard(), [Heard::Response(id, 503)]);
        rig.out.clear();
        rig.ends_empty();
    }
}

#[test]
fn any_other_answer_is_the_answer() {
    for status in [200, 302, 404, 408, 480, 486, 500, 504, 600, 603] {
        let (mut rig, id) = invited(Transport::Udp);
        let first = rig.only();
        rig.receive(first.flow, answer(&first, status, "x"));
        assert_eq!(rig.heard(), [Heard::Response(id, status)]);
        let others = rig.sent().into_iter().filter(|sent| sent.flow != first.flow).count();
        assert_eq!(others, 0, "{status}");
        rig.ends_empty();
    }
}

#[test]
fn a_silent_server_is_left_for_the_next_and_the_last_has_the_whole_time() {
    let (mut rig, id) = invited(Transport::Udp);
    let first = rig.only();
    let patience = u64::try_from(TARGET_WAIT_MAX.as_millis()).expect("a short time");
    assert_eq!(rig.watch(patience - 1).len(), 2, "T1 and 3*T1 after the first, RFC 3261 section 17.1.1.2");
    let next = rig.watch(1);
    assert_eq!(next.len(), 1, "{next:?}");
    rig.pass(31_999);
    assert_eq!(rig.heard(), []);
    rig.pass(1);
    assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::TimedOut)]);
    rig.receive(first.flow, answer(&first, 200, "x"));
    assert_eq!(rig.heard(), []);
    rig.ends_empty();
    // Who has said anything at all is waited for.
    let (mut rig, _) = invited(Transport::Udp);
    let first = rig.only();
    rig.receive(first.flow, answer(&first, 100, "x"));
    rig.pass(10_000);
    assert_eq!(rig.sent().len(), 0);
}

#[test]
fn a_server_that_cannot_be_connected_to_is_left_for_the_next() {
    let (mut rig, id) = invited(Transport::Tcp);
    assert_eq!(rig.opened()[0].1, "192.0.2.11:5070");
    let first = rig.only();
    rig.lost(rig_connection(&first), FlowEnd::NotOpened);
    assert_eq!(rig.opened()[0].1, "192.0.2.12:5070");
    let second = rig.only();
    assert_ne!(branch(&second), branch(&first));
    rig.lost(rig_connection(&second), FlowEnd::Closed);
    let failed = rig.heard();
    assert!(failed.contains(&Heard::Failure(id, ClientFailure::Unreachable)), "{failed:?}");
    rig.ends_empty();
}

fn rig_connection(sent: &Sent) -> ConnectionId {
    sent.flow.connection.expect("a stream")
}

#[test]
fn who_cannot_be_found_cannot_be_reached() {
    let silence = u64::try_from(LOCATE_WAIT_MAX.as_millis()).expect("a short time");
    for resolution in [None, Some(Resolution::Failed), Some(Resolution::Nothing { ttl: LIFE })] {
        let mut rig = rig();
        let id = rig.ask(Method::Options, by_name("h.test", Transport::Udp), b"").expect("begun");
        let (first, question) = asked(&rig)[0].clone();
        assert_eq!(question, "Srv _sip._udp.h.test");
        rig.out.clear();
        if let Some(resolution) = resolution.clone() {
            resolve(&mut rig, first, resolution.clone());
            let (second, question) = asked(&rig)[0].clone();
            assert_eq!(question, "A h.test");
            resolve(&mut rig, second, resolution);
        } else {
            // Nobody answers, neither the first question nor the second.
            rig.pass(silence - 1);
            assert_eq!(rig.heard(), []);
            rig.pass(1 + silence);
        }
        assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::Unreachable)], "{resolution:?}");
        // Late and twice.
        let records = vec![Record::Address(address(PHONE).ip())];
        resolve(&mut rig, first, Resolution::Found { records, ttl: LIFE });
        assert_eq!((rig.sent().len(), rig.heard().len()), (0, 0));
        rig.ends_empty();
    }
}

#[test]
fn an_invite_given_up_before_its_server_is_known_is_never_sent() {
    let mut rig = rig();
    let id = rig.ask(Method::Invite, by_name("h.test", Transport::Udp), b"").expect("begun");
    rig.stack.cancel(rig.now, id, &mut rig.out);
    answer_all(&mut rig);
    assert_eq!(rig.heard(), [Heard::Failure(id, ClientFailure::Unreachable)]);
    assert_eq!(rig.sent().len(), 0);
    // One given up while a server is silent goes to no other.
    let (mut rig, id) = invited(Transport::Udp);
    rig.only();
    rig.stack.cancel(rig.now, id, &mut rig.out);
    rig.pass(40_000);
    assert!(rig.sent().iter().all(|sent| sent.to() == "udp 192.0.2.11:5070"));
    rig.ends_empty();
}

#[test]
fn a_connection_over_tls_serves_the_name_it_was_opened_for() {
    let mut rig = rig();
    let opened = |rig: &mut Rig, host: &str| {
        rig.ask(Method::Options, by_name(host, Transport::Tls), b"").expect("begun");
        answer_all(rig);
        let names: Vec<_> = rig
            .out
            .iter()
            .filter_map(|effect| {
                let Effect::OpenFlow { name, transport, remote, .. } = effect else { return None };
                assert_eq!((*transport, remote.to_string().as_str()), (Transport::Tls, "192.0.2.11:5070"));
                Some(name.as_deref().map(str::to_owned))
            })
            .collect();
        rig.sent();
        names
    };
    assert_eq!(opened(&mut rig, "h.test"), [Some("h.test".to_owned())]);
    assert_eq!(opened(&mut rig, "h.test"), [], "it is used again");
    assert_eq!(opened(&mut rig, "other.test"), [Some("other.test".to_owned())], "the same server under another name");
    // By its address the server is yet another: nobody has shown a certificate for that.
    let hop =
        NextHop::Address { listener: ListenerId(2), remote: address("192.0.2.11:5070"), transport: Transport::Tls };
    rig.ask(Method::Options, hop, b"").expect("sent");
    assert_eq!(rig.opened().len(), 1);
}

#[test]
fn one_search_too_many_is_not_begun() {
    let mut rig = rig();
    for serial in 0..LOCATE_SEARCHES_MAX {
        rig.ask(Method::Options, by_name(&format!("h{serial}.test"), Transport::Udp), b"").expect("begun");
    }
    assert_eq!(rig.ask(Method::Options, by_name("more.test", Transport::Udp), b""), Err(NotSent::Exhausted));
    rig.ends_empty();
}

#[test]
fn a_request_that_is_of_use_for_a_while_gives_each_server_an_equal_part_of_it() {
    // When they are known before and when they are found later.
    for known in [true, false] {
        for (wait, share) in [(3_000, 1_500), (1_500, 1_000), (60_000, 3_500)] {
            let mut rig = rig();
            if known {
                rig.ask(Method::Options, by_name("h.test", Transport::Udp), b"").expect("begun");
                answer_all(&mut rig);
                rig.out.clear();
            }
            let id = rig.ask(Method::Invite, by_name("h.test", Transport::Udp), b"").expect("begun");
            let until = rig.now + Duration::from_millis(wait);
            rig.stack.share_time(rig.now, id, until);
            rig.check();
            answer_all(&mut rig);
            let second = |rig: &mut Rig| {
                rig.sent()
                    .into_iter()
                    .filter(|sent| sent.line().starts_with("INVITE ") && sent.to().contains("192.0.2.12"))
                    .count()
            };
            assert_eq!(second(&mut rig), 0);
            rig.pass(share - 1);
            assert_eq!(second(&mut rig), 0, "{known} {wait}: too early");
            rig.pass(1);
            assert_eq!(second(&mut rig), 1, "{known} {wait}: too late");
        }
    }
}

#[test]
fn whoever_wants_to_know_is_told_every_server_and_nothing_is_sent() {
    let mut rig = rig();
    let place = Place { host: "h.test".into(), port: None, transport: Some(Transport::Udp), secure: false };
    let place = Arc::new(place);
    assert_eq!(rig.stack.locate(rig.now, 7, &place, &mut rig.out), None);
    answer_all(&mut rig);
    let heard = rig.heard();
    let [Heard::Located(7, targets)] = heard.as_slice() else { panic!("{heard:?}") };
    let remotes: Vec<String> = targets.iter().map(|target| target.remote.to_string()).collect();
    assert_eq!(remotes, ["192.0.2.11:5070", "192.0.2.12:5070"]);
    assert_eq!(rig.stack.locate(rig.now, 8, &place, &mut rig.out).as_ref(), Some(targets), "it is known now");
    assert!(rig.out.iter().all(|effect| !matches!(effect, Effect::Transmit { .. })));
    rig.ends_empty();
}
