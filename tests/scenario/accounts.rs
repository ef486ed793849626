//! What an account says of itself: who authenticates, who is shown, where its phone is.

use crate::{
    exchange::{Exchange, Home},
    handset::{Handset, home},
};

#[test]
fn an_account_authenticates_by_a_name_that_is_not_its_number() {
    let exchange = Exchange::start();
    let mut by_name = Handset::new(&exchange, "1001", "alice", "Kf3-first-wheel-9");
    assert_eq!(by_name.register("60", "").status(), 200);
    let mut by_number = Handset::new(&exchange, "1001", "1001", "Kf3-first-wheel-9");
    assert!(matches!(by_number.register("60", "").status(), 401 | 403));
    // Nobody calls, or registers, as another.
    let mut other = Handset::new(&exchange, "1002", "alice", "Kf3-first-wheel-9");
    assert_eq!(other.register("60", "").status(), 403);
    let asked = other.dial("1001");
    assert_eq!(other.refused(&asked), 403);
}

#[test]
fn the_callee_is_shown_the_accounts_name_and_number() {
    let exchange = home("", "caller_id: { name: \"Front \\\"Desk\\\"\", number: \"1900\" }").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = boris.dial("1001");
    let invite = alice.called();
    let from = invite.field("From");
    assert!(from.starts_with("\"Front \\\"Desk\\\"\" <sip:1900@pbx.test>;tag="), "{from}");
    alice.say(&invite, 486);
    assert_eq!(boris.refused(&asked), 486);

    // Without a caller ID: name and number of the account.
    let asked = alice.dial("1002");
    let invite = boris.called();
    assert!(invite.field("From").starts_with("\"Alice\" <sip:1001@pbx.test>;tag="), "{}", invite.field("From"));
    boris.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
}

#[test]
fn a_phone_at_a_fixed_address_is_called_without_registering() {
    // Its address must be known before the exchange starts.
    let home = Home::new(60);
    let socket = crate::handset::bound();
    let at = socket.local_addr().unwrap();
    home.edit("\"Qs8-second-wheel-4\"", &format!("\"Qs8-second-wheel-4\", host: \"sip:boris@{at}\""));
    let exchange = home.start();
    let mut boris = Handset::boris(&exchange);
    boris.claims = at.to_string();
    boris.sip = socket;
    let mut alice = Handset::alice(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    assert_eq!(invite.uri(), format!("sip:boris@{at}"));
    let mut talk = boris.take(&invite);
    alice.connected(&asked);
    boris.hang_up(&mut talk);
    alice.hung_up_on();
}
