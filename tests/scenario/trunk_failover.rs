//! A call leaves a trunk that is silent, broken or out of order for the next one, and never one that spoke for the callee.

use crate::{
    carrier::{becomes, home, invites, on, shown, start, uri},
    exchange::until,
    handset::{Handset, bound},
};
use rustix::net::sockopt::set_socket_linger;
use std::{net::TcpListener, thread, time::Duration};

/// Alice's call is answered by this trunk and ends.
fn served(alice: &mut Handset, asked: &crate::handset::Asked, carrier: &mut Handset) {
    let invite = carrier.called();
    let mut at_carrier = carrier.take(&invite);
    alice.connected(asked);
    carrier.hang_up(&mut at_carrier);
    alice.hung_up_on();
}

#[test]
fn a_silent_trunk_is_left_within_its_time_and_the_next_call_does_not_wait_for_it() {
    let (exchange, a, mut b) = start(["", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    let asked = alice.dial("9123");
    let invite = b.called();
    // RFC 3261 section 17.1.1.2: an INVITE by UDP is repeated after 0.5, 1.5 and 3.5 s. The other trunk was asked before the last of these.
    assert!((1..=3).contains(&invites(&a)), "it was not left within 3.5 s");
    let mut at_b = b.take(&invite);
    alice.connected(&asked);
    let seen = becomes(&exchange, "a", "down");
    assert_eq!(seen["reason"], "calls failed", "{seen}");
    b.hang_up(&mut at_b);
    alice.hung_up_on();
    invites(&a);
    let asked = alice.dial("9124");
    served(&mut alice, &asked, &mut b);
    assert_eq!(invites(&a), 0);
}

#[test]
fn a_trunk_that_cannot_be_connected_to_or_breaks_off_is_left_at_once() {
    for accepts in [true, false] {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = door.local_addr().unwrap();
        // Reads what comes and resets the connection; or nobody is there at all.
        let broken = accepts.then(|| {
            thread::spawn(move || {
                let (socket, _) = door.accept().unwrap();
                let mut first = [0; 6];
                std::io::Read::read_exact(&mut &socket, &mut first).unwrap();
                set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
                first
            })
        });
        let b = bound();
        let exchange =
            home([&format!("{};transport=tcp", uri(at)), &uri(b.local_addr().unwrap())], ["answer_timeout: 30s", ""])
                .start();
        let mut b = on(b, &exchange);
        let mut alice = Handset::alice(&exchange).registered();
        let asked = alice.dial("9123");
        served(&mut alice, &asked, &mut b);
        let asked_first = broken.map(|thread| thread.join().unwrap());
        assert_eq!(asked_first, accepts.then_some(*b"INVITE"));
        becomes(&exchange, "a", "down");
    }
}

#[test]
fn a_trunk_without_room_is_left_alone_as_long_as_it_asked_for_and_used_again() {
    let (exchange, mut a, mut b) = start(["", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    a.say_with(&invite, 503, "Retry-After: 4\r\n", "");
    served(&mut alice, &asked, &mut b);
    let seen = shown(&exchange, "a");
    assert_eq!((&seen["state"], &seen["reason"]), (&"down".into(), &"calls failed".into()), "{seen}");
    assert!(seen["quarantined_until"].is_string(), "{seen}");
    let asked = alice.dial("9124");
    served(&mut alice, &asked, &mut b);
    becomes(&exchange, "a", "up");
    let (asked, invite) = alice.dial_by(&mut a, "9125");
    a.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
}

#[test]
fn other_errors_of_a_server_lead_to_the_next_and_when_none_serves_the_caller_hears_it() {
    let (exchange, mut a, mut b) = start(["", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    for status in [500, 408] {
        let (asked, invite) = alice.dial_by(&mut a, "9123");
        a.say(&invite, status);
        let invite = b.called();
        b.say(&invite, status);
        assert_eq!(alice.refused(&asked), 503, "{status}");
    }
    assert!(until(|| Some(()).filter(|()| shown(&exchange, "a")["calls_active"] == 0)).is_some());
}

#[test]
fn a_trunk_that_speaks_for_the_callee_is_the_last_one_asked() {
    let (exchange, mut a, b) = start(["", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    for status in [486, 603, 600, 404, 403, 480] {
        let (asked, invite) = alice.dial_by(&mut a, "9123");
        a.say(&invite, status);
        assert_eq!(alice.refused(&asked), status);
        assert_eq!(invites(&b), 0, "{status} led to another trunk");
    }
    // Nor is one left that rang.
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    a.say(&invite, 180);
    alice.progress(&asked, 180);
    a.say(&invite, 503);
    assert_eq!(alice.refused(&asked), 503);
    assert_eq!(invites(&b), 0, "503 after ringing led to another trunk");
}
