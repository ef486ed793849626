//! An INVITE without a description: the callee offers in its 200, the caller answers in its ACK (RFC 3261 section 13.2.1).

use crate::{
    exchange::Exchange,
    handset::Handset,
    voice::{Voice, until_heard},
};

#[test]
fn an_offer_in_the_answer_and_an_answer_in_the_ack_make_a_call_that_is_heard() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    boris.formats = &[8, 0, 101];
    let asked = alice.dial_with("1002", "", "");
    let invite = boris.called();
    assert!(invite.body().is_empty(), "{}", invite.body());
    let body = boris.description("sendrecv");
    boris.say_with(&invite, 200, "", &body);
    let answer = alice.final_answer(&asked);
    assert_eq!(answer.formats()[..3], ["8", "0", "101"], "his offer: {}", answer.body());
    let body = alice.description("sendrecv");
    let at_alice = alice.acknowledge(&asked, &answer, &body);
    let ack = boris.acknowledged(&invite);
    assert_eq!(ack.formats(), ["0", "101"], "her answer: {}", ack.body());
    let mut at_boris = boris.ringing_talk(&invite);
    at_boris.hears = ack.ear();
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 2);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}

#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial_with("1002", "", "");
    let invite = boris.called();
    boris.say_taken(&invite);
    let answer = alice.final_answer(&asked);
    alice.acknowledge(&asked, &answer, "");
    alice.hung_up_on();
    boris.acknowledged(&invite);
    boris.hung_up_on();
}
