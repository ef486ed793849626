//! Sound before the answer: what the callee's phone plays is heard by the caller.

use crate::{
    exchange::Exchange,
    handset::Handset,
    voice::{Voice, until_heard},
};

#[test]
fn the_caller_hears_the_callees_side_before_it_answers_and_both_after() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let body = boris.description("sendrecv");
    boris.say_with(&invite, 183, "", &body);
    let progress = alice.progress(&asked, 183);
    assert_eq!(progress.formats(), ["0", "101"], "{}", progress.body());

    // A description in a 183 is an answer: RFC 3261 section 13.2.1.
    let mut his = Voice::new(0, 2);
    let early = boris.ringing_talk(&invite);
    let heard = until_heard((&boris, &mut his, &early), &alice, 1);
    boris.say_with(&invite, 200, "", &body);
    let mut at_boris = boris.taken(&invite);
    let answer = alice.final_answer(&asked);
    let told = |message: &crate::message::Message| message.ear();
    assert!(answer.body().is_empty() || told(&answer) == told(&progress), "one dialog, one answer: {}", answer.body());
    let mut at_alice = alice.acknowledge(&asked, &answer, "");
    at_alice.hears = at_alice.hears.or(progress.ear());
    let mut hers = Voice::new(0, 1);
    until_heard((&alice, &mut hers, &at_alice), &boris, 2);
    let later = until_heard((&boris, &mut his, &at_boris), &alice, 3);
    assert_eq!(heard[0].ssrc, later[0].ssrc, "the stream goes on over the answer");
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}

#[test]
fn early_media_of_a_call_that_is_refused_leaves_nothing() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let body = boris.description("sendrecv");
    boris.say_with(&invite, 183, "", &body);
    alice.progress(&asked, 183);
    let mut his = Voice::new(0, 2);
    let early = boris.ringing_talk(&invite);
    until_heard((&boris, &mut his, &early), &alice, 1);
    boris.say(&invite, 404);
    assert_eq!(alice.refused(&asked), 404);
    crate::http::figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
}
