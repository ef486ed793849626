//! Phones whose messages name addresses they do not have (SIP-10), and accounts whose word is believed.

use crate::{
    exchange::Exchange,
    handset::{Handset, bound, home},
    http::get,
    voice::{Voice, settle, until_heard},
};

/// A private address that leads nowhere from here, RFC 1918.
const NOWHERE: &str = "10.255.3.4";

/// Says a wrong address everywhere and does not ask for `rport`.
fn lying(mut phone: Handset) -> Handset {
    phone.claims = format!("{NOWHERE}:5077");
    phone.rport = false;
    phone.ear = format!("{NOWHERE}:40000").parse().unwrap();
    phone
}

fn speaks_and_hears(exchange: &Exchange, mut boris: Handset) {
    let mut alice = Handset::alice(exchange).registered();
    let answer = boris.register("3600", "");
    assert_eq!(answer.status(), 200, "{answer:?}");
    let extensions = get(exchange, "/api/extensions");
    let contact = &extensions["items"][1]["contacts"][0];
    assert_eq!(contact["source"], boris.address().to_string(), "{extensions}");

    // Called at the source of its registration.
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    let mut at_boris = boris.take(&invite);
    let at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&boris, &mut his, &at_boris), &alice, 21);
    // Where he speaks from is where he hears.
    until_heard((&alice, &mut hers, &at_alice), &boris, 11);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();

    // And calls: every answer comes to where the request came from.
    let asked = boris.dial("1001");
    let invite = alice.called();
    let at_alice = alice.say_taken(&invite);
    let mut at_boris = boris.connected(&asked);
    alice.acknowledged(&invite);
    until_heard((&boris, &mut his, &at_boris), &alice, 23);
    until_heard((&alice, &mut hers, &at_alice), &boris, 13);
    // A re-INVITE over the same flow.
    let body = boris.description("sendrecv");
    let changed = boris.begin_change(&mut at_boris, "INVITE", "", &body);
    let again = alice.request("INVITE");
    alice.say_taken(&again);
    assert_eq!(boris.end_change(&mut at_boris, &changed).status(), 200);
    alice.acknowledged(&again);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();

    // And takes a call back.
    let asked = boris.dial("1001");
    let invite = alice.called();
    alice.say(&invite, 180);
    boris.progress(&asked, 180);
    boris.cancel(&asked);
    assert_eq!(boris.refused(&asked), 487);
    let cancel = alice.request("CANCEL");
    alice.say(&cancel, 200);
    alice.say(&invite, 487);
}

#[test]
fn a_phone_with_private_addresses_is_answered_called_and_heard_at_its_source() {
    let exchange = Exchange::start();
    let boris = lying(Handset::boris(&exchange));
    speaks_and_hears(&exchange, boris);
}

#[test]
fn an_account_behind_a_nat_needs_no_rport_even_when_only_the_port_differs() {
    let exchange = home("", "nat: \"yes\"").start();
    let mut boris = lying(Handset::boris(&exchange));
    boris.claims = "127.0.0.1:5077".to_owned();
    speaks_and_hears(&exchange, boris);
}

#[test]
fn an_account_without_nat_is_believed() {
    let exchange = home("", "nat: \"no\"").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange);
    // It speaks from one port and hears at another, as it says.
    let (inbox, mut ear) = (bound(), bound());
    boris.claims = inbox.local_addr().unwrap().to_string();
    boris.inbox = Some(inbox);
    boris.rport = false;
    boris.ear = ear.local_addr().unwrap();
    let mut boris = boris.registered();

    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    let at_alice = alice.connected(&asked);
    settle(&exchange);
    // Packets from elsewhere than it said are not its own.
    let (mut hers, mut his, mut foreign) = (Voice::new(0, 1), Voice::new(0, 2), Voice::new(0, 3));
    for _ in 0..40 {
        boris.speak(&mut foreign, &at_boris, 66);
    }
    core::mem::swap(&mut boris.rtp, &mut ear);
    let heard = until_heard((&boris, &mut his, &at_boris), &alice, 21);
    assert!(heard.iter().all(|packet| packet.mark == 21), "{heard:?}");
    until_heard((&alice, &mut hers, &at_alice), &boris, 11);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}
