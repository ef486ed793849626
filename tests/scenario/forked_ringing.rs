//! Several phones of one account ring; the first answer wins.

use crate::{
    exchange::{Exchange, until},
    handset::Handset,
    http::{figure_becomes, get},
    voice::{Voice, until_heard},
};

#[test]
fn all_phones_of_an_account_ring_and_the_first_to_answer_has_the_call() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut desk = Handset::boris(&exchange).registered();
    let mut kitchen = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let (at_desk, in_kitchen) = (desk.called(), kitchen.called());
    assert_ne!(at_desk.field("Call-ID"), in_kitchen.field("Call-ID"), "each branch is a dialog of its own");
    desk.say(&at_desk, 180);
    kitchen.say(&in_kitchen, 180);
    alice.progress(&asked, 180);

    let mut talk = kitchen.take(&in_kitchen);
    let mut at_alice = alice.connected(&asked);
    let cancel = desk.request("CANCEL");
    desk.say(&cancel, 200);
    desk.say(&at_desk, 487);
    desk.acknowledged(&at_desk);

    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &kitchen, 11);
    until_heard((&kitchen, &mut his, &talk), &alice, 22);
    kitchen.hang_up(&mut talk);
    alice.hung_up_on();
    at_alice.hears = None;

    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    let legs = row["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 3, "every leg is in the record: {row}");
    assert_eq!(legs.iter().filter(|leg| !leg["answered_at"].is_null()).count(), 2, "{row}");
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}

#[test]
fn a_phone_that_refuses_leaves_the_others_ringing_and_a_decline_for_all_does_not() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut desk = Handset::boris(&exchange).registered();
    let mut kitchen = Handset::boris(&exchange).registered();

    let asked = alice.dial("1002");
    let (at_desk, in_kitchen) = (desk.called(), kitchen.called());
    desk.say(&at_desk, 486);
    desk.acknowledged(&at_desk);
    kitchen.take(&in_kitchen);
    let mut talk = alice.connected(&asked);
    alice.hang_up(&mut talk);
    kitchen.hung_up_on();

    let asked = alice.dial("1002");
    let (at_desk, in_kitchen) = (desk.called(), kitchen.called());
    kitchen.say(&in_kitchen, 180);
    alice.progress(&asked, 180);
    desk.say(&at_desk, 603);
    assert_eq!(alice.refused(&asked), 603, "RFC 3261 section 16.7 step 5");
    let cancel = kitchen.request("CANCEL");
    kitchen.say(&cancel, 200);
    kitchen.say(&in_kitchen, 487);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut desk = Handset::boris(&exchange).registered();
    let mut kitchen = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let (at_desk, in_kitchen) = (desk.called(), kitchen.called());
    desk.say(&at_desk, 180);
    kitchen.take(&in_kitchen);
    alice.connected(&asked);
    desk.request("CANCEL");
    // RFC 3261 section 9.1: the CANCEL came too late.
    desk.say_taken(&at_desk);
    desk.acknowledged(&at_desk);
    desk.hung_up_on();
    assert_eq!(get(&exchange, "/api/calls")["items"][0]["state"], "Connected", "the call that won goes on");
}
