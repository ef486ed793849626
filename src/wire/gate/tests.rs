//! The gate as packets meet it.

use super::*;
use signaling::settings::Network;
use std::cell::Cell;

const SECOND: Duration = Duration::from_secs(1);

fn at(ms: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(1_000) + Duration::from_millis(ms)
}

fn remote(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| SocketAddr::new(text.parse().expect("an address"), 5_060))
}

fn networks(list: &[(&str, u8)]) -> Networks {
    Networks::new(list.iter().map(|(address, prefix)| Network { address: address.parse().unwrap(), prefix: *prefix }))
}

/// Listener 0 serves 10.0.0.0/8 and 2001:db8::/32, listener 1 everybody.
fn gate() -> Gate {
    let rates = Rates {
        packets: (10, SECOND),
        registers: (2, SECOND),
        invites: (3, SECOND),
        connects: (4, SECOND),
        connections: 6,
    };
    let served = vec![networks(&[("10.0.0.0", 8), ("2001:db8::", 32)]), Networks::all()];
    let lists = (networks(&[("10.9.0.0", 16)]), networks(&[("10.8.0.0", 16), ("10.9.9.9", 32)]));
    Gate::new(Rules::new(lists, served, rates, (5, Duration::from_secs(600)), true))
}

const LOCAL: ListenerId = ListenerId(0);
const PUBLIC: ListenerId = ListenerId(1);

const REGISTER: &[u8] = b"REGISTER sip:pbx.test SIP/2.0\r\nUser-Agent: phone\r\n\r\n";
const INVITE: &[u8] = b"INVITE sip:1002@pbx.test SIP/2.0\r\nUser-Agent: phone\r\n\r\n";
const SCAN: &[u8] = b"OPTIONS sip:100@pbx.test SIP/2.0\r\nUser-Agent: friendly-scanner\r\n\r\n";
const RING: &[u8] = b"SIP/2.0 180 Ringing\r\n\r\n";

/// 10.0.0.50 is a trunk; a phone is registered from 10.0.0.60:5060.
fn standing(remote: SocketAddr) -> Standing {
    match remote.to_string().as_str() {
        trunk if trunk.starts_with("10.0.0.50:") || trunk.starts_with("192.0.2.50:") => Standing::Trunk,
        "10.0.0.60:5060" => Standing::Registered,
        near if near.starts_with("10.0.0.60:") => Standing::Neighbour,
        _ => Standing::Stranger,
    }
}

/// What becomes of `count` copies at once.
fn send(gate: &mut Gate, now: Instant, from: &str, bytes: &[u8], count: usize) -> (usize, Option<Shut>) {
    let outcomes: Vec<_> = (0..count).map(|_| gate.datagram(now, LOCAL, remote(from), bytes, &standing)).collect();
    (outcomes.iter().filter(|outcome| outcome.is_ok()).count(), outcomes.into_iter().find_map(Result::err))
}

#[test]
fn networks_decide_first_and_a_denial_wins() {
    let mut gate = gate();
    for (listener, from, outcome) in [
        (LOCAL, "10.1.1.1", Ok(())),
        (LOCAL, "192.0.2.1", Err(Shut::Outside)),
        (PUBLIC, "192.0.2.1", Ok(())),
        (LOCAL, "2001:db8::1", Ok(())),
        (LOCAL, "2001:db9::1", Err(Shut::Outside)),
        (LOCAL, "10.8.1.1", Err(Shut::Denied)),
        (PUBLIC, "10.8.1.1", Err(Shut::Denied)),
        (LOCAL, "10.9.1.1", Ok(())),
        (LOCAL, "10.9.9.9", Err(Shut::Denied)),
        // A trunk is served wherever it is.
        (LOCAL, "192.0.2.50", Ok(())),
        // A listener that there is not serves nobody.
        (ListenerId(7), "10.1.1.1", Err(Shut::Outside)),
    ] {
        assert_eq!(gate.datagram(at(0), listener, remote(from), RING, &standing), outcome, "{from}");
        assert_eq!(gate.connection(at(0), listener, remote(from), 0, &standing), outcome, "{from}");
    }
}

#[test]
fn each_source_has_its_rates_and_whoever_is_allowed_or_a_trunk_has_none() {
    for (from, bytes, passed, shut) in [
        ("10.0.0.1", REGISTER, 2, Some(Shut::Registers)),
        ("10.0.0.2", INVITE, 3, Some(Shut::Invites)),
        ("10.0.0.3", RING, 10, Some(Shut::Packets)),
        ("10.9.0.1", REGISTER, 100, None),
        ("10.0.0.50", INVITE, 100, None),
        // Those of its source, and as many of its own.
        ("10.0.0.60:5060", REGISTER, 4, Some(Shut::Registers)),
        ("10.0.0.60:5062", REGISTER, 2, Some(Shut::Registers)),
    ] {
        let mut gate = gate();
        assert_eq!(send(&mut gate, at(0), from, bytes, 100), (passed, shut), "{from}");
        assert_eq!(send(&mut gate, at(10_000), from, bytes, 1), (1, None), "{from}");
    }
}

#[test]
fn a_network_of_64_bits_is_one_source() {
    let mut gate = gate();
    let passed = (0..50_u16).filter(|n| send(&mut gate, at(0), &format!("2001:db8:1:2::{n:x}"), REGISTER, 1).0 == 1);
    assert_eq!(passed.count(), 2);
    assert_eq!(send(&mut gate, at(0), "2001:db8:1:3::1", REGISTER, 1), (1, None));
}

#[test]
fn a_crowd_does_not_take_the_registered_phones_share() {
    let mut gate = gate();
    // Forged from the phone's address, by any port but its own.
    send(&mut gate, at(0), "10.0.0.60:9999", REGISTER, 1_000);
    assert_eq!(send(&mut gate, at(0), "10.0.0.60:5060", REGISTER, 2), (2, None));
}

#[test]
fn scanners_are_silently_dropped_but_not_those_who_are_known() {
    for (from, shut) in [
        ("10.0.0.1", Some(Shut::Scanner)),
        ("10.0.0.60:5061", Some(Shut::Scanner)),
        ("10.0.0.60:5060", None),
        ("10.0.0.50", None),
        ("10.9.0.1", None),
    ] {
        assert_eq!(send(&mut gate(), at(0), from, SCAN, 1).1, shut, "{from}");
    }
    let tolerant = Rules { drops_scanners: false, ..gate().rules };
    assert_eq!(send(&mut Gate::new(tolerant), at(0), "10.0.0.1", SCAN, 1).1, None);
}

#[test]
fn too_many_failures_ban_a_source_on_every_transport() {
    let mut gate = gate();
    let guesser = remote("10.0.0.1:40000");
    for _ in 0..4 {
        assert_eq!(gate.failed(at(0), guesser, &standing), None);
    }
    let ban = gate.failed(at(0), guesser, &standing).expect("the fifth");
    assert_eq!(
        (ban.source.to_string().as_str(), ban.until, ban.reason),
        ("10.0.0.1", at(600_000), BanReason::Failures)
    );
    assert_eq!(send(&mut gate, at(1), "10.0.0.1:5060", RING, 1), (0, Some(Shut::Banned)));
    assert_eq!(gate.connection(at(1), LOCAL, remote("10.0.0.1:1"), 0, &standing), Err(Shut::Banned));
    assert_eq!(gate.piece(at(1), guesser, REGISTER, &standing), Err(Shut::Banned));
    assert_eq!(gate.bans_active(at(1)), 1);
    assert_eq!(send(&mut gate, at(600_000), "10.0.0.1", RING, 1), (1, None), "it ends");
    assert_eq!(gate.bans_active(at(600_000)), 0);
}

#[test]
fn bans_leave_alone_whom_they_must() {
    let mut gate = gate();
    let tries = |gate: &mut Gate, from: &str| (1..=100).find(|_| gate.failed(at(0), remote(from), &standing).is_some());
    assert_eq!(tries(&mut gate, "10.9.0.1"), None, "security.allow");
    assert_eq!(tries(&mut gate, "10.0.0.50"), None, "a trunk");
    // Somebody else behind the address of a registered phone.
    assert_eq!(tries(&mut gate, "10.0.0.60:7000"), Some(25));
    assert_eq!(send(&mut gate, at(1), "10.0.0.60:7000", RING, 1), (0, Some(Shut::Banned)));
    assert_eq!(send(&mut gate, at(1), "10.0.0.60:5060", RING, 1), (1, None), "the phone itself goes on");
    let order = |gate: &mut Gate, address: &str| {
        gate.order(at(2), BanOrder::Put { address: address.parse().unwrap(), span: None }, &standing)
    };
    assert_eq!(order(&mut gate, "10.9.0.1"), None);
    assert_eq!(order(&mut gate, "10.0.0.50"), None);
}

#[test]
fn operators_see_put_and_lift_bans() {
    let mut gate = gate();
    let put = |address: &str, span| BanOrder::Put { address: address.parse().unwrap(), span };
    let first = gate.order(at(0), put("10.0.0.1", None), &standing).unwrap();
    let second = gate.order(at(1), put("2001:db8::7", Some(SECOND)), &standing).unwrap();
    assert_eq!((first[0].until, second[0].until), (at(600_000), at(1_001)));
    assert_eq!(gate.order(at(2), BanOrder::List, &standing), Some([second.clone(), first.clone()].concat()));
    assert_eq!(send(&mut gate, at(2), "2001:db8::8", RING, 1), (0, Some(Shut::Banned)));
    let lift = BanOrder::Lift(Some("2001:db8::9".parse().unwrap()));
    assert_eq!(gate.order(at(2), lift, &standing), Some(second));
    assert_eq!(send(&mut gate, at(2), "2001:db8::8", RING, 1), (1, None));
    assert_eq!(gate.order(at(2), lift, &standing), Some(Vec::new()));
    assert_eq!(gate.order(at(2), BanOrder::Lift(None), &standing), Some(first));
    assert_eq!(gate.bans_active(at(2)), 0);
}

#[test]
fn a_restart_takes_bans_over_except_of_who_is_allowed_by_now() {
    let mut gate = gate();
    let ban = |address: &str| StoredBan {
        source: address.parse().unwrap(),
        reason: BanReason::Failures,
        expires_in: 10 * SECOND,
    };
    gate.restore(at(0), &[ban("10.0.0.1"), ban("10.9.0.1")]);
    assert_eq!(send(&mut gate, at(9_999), "10.0.0.1", RING, 1), (0, Some(Shut::Banned)));
    assert_eq!(send(&mut gate, at(9_999), "10.9.0.1", RING, 1), (1, None));
    assert_eq!(send(&mut gate, at(10_000), "10.0.0.1", RING, 1), (1, None));
}

#[test]
fn connections_have_a_rate_and_a_number() {
    let mut gate = gate();
    let mut connect = |now, from: &str, open| gate.connection(now, LOCAL, remote(from), open, &standing).is_ok();
    assert_eq!((0..9).filter(|open| connect(at(0), "10.0.0.1", *open)).count(), 4);
    assert!(connect(at(2_000), "10.0.0.1", 5));
    assert!(!connect(at(2_000), "10.0.0.1", 6));
    assert!(connect(at(2_000), "10.0.0.50", 6), "a trunk");
    assert!(connect(at(2_000), "10.9.0.1", 6), "security.allow");
}

#[test]
fn streams_are_read_later_instead_of_losing_anything() {
    let mut gate = gate();
    let tally = Tally { registers: 6, invites: 0, messages: 6 };
    for (from, ms) in [("10.0.0.1", 2_000), ("10.0.0.60:5060", 2_000), ("10.0.0.50", 0), ("10.9.0.1", 0)] {
        assert_eq!(gate.owed(at(0), remote(from), &standing), Duration::ZERO);
        gate.charge(at(0), remote(from), tally);
        assert_eq!(gate.owed(at(0), remote(from), &standing), Duration::from_millis(ms), "{from}");
        assert_eq!(gate.owed(at(ms), remote(from), &standing), Duration::ZERO, "{from}");
    }
}

#[test]
fn a_flood_asks_what_its_source_is_once_in_a_while() {
    let mut gate = gate();
    let asked = Cell::new(0);
    let ask = |remote| {
        asked.set(asked.get() + 1);
        standing(remote)
    };
    for n in 0..3_000 {
        let _ = gate.datagram(at(n), LOCAL, remote("192.0.2.1"), RING, &ask);
    }
    assert_eq!(asked.get(), 3);
    // Who passes is not asked after at all.
    let _ = gate.datagram(at(0), LOCAL, remote("10.0.0.1"), RING, &ask);
    assert_eq!(asked.get(), 3);
}
