//! A call on which both have fallen silent is ended, one that is held is not.

use crate::{
    exchange::{Exchange, until},
    handset::{Handset, Talk, home},
    http::{figure_becomes, get},
    voice::{Voice, until_heard},
};

#[test]
fn a_call_without_sound_from_either_side_is_ended_and_recorded_as_such() {
    let directory = home("", "");
    directory.edit("shards: 1 }", "shards: 1, timeout: 5s }");
    let exchange = directory.start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let at_boris = boris.take(&invite);
    let at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 2);
    // Both phones are gone without a word.
    let ended = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned());
    let row = ended.or_else(|| until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned())).expect("a record");
    assert_eq!((&row["disposition"], &row["hangup_cause"]), (&"answered".into(), &"media silent".into()), "{row}");
    alice.hung_up_on();
    boris.hung_up_on();
    figure_becomes(&exchange, "ironbell_media_sessions", 0.0);
}

#[test]
fn a_held_call_survives_though_no_packet_comes() {
    let directory = home("", "");
    directory.edit("shards: 1 }", "shards: 1, timeout: 5s }");
    let exchange = directory.start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 2);
    change((&mut alice, &mut at_alice), (&mut boris, &mut at_boris), ("inactive", "inactive"));
    // Twice the time-out, by the clock of another call that has to end by it: Carol's, whose other side is gone.
    for _ in 0..2 {
        silent_call_ends(&exchange);
    }
    assert_eq!(get(&exchange, "/api/calls")["items"].as_array().map(Vec::len), Some(1), "the held one");
    change((&mut alice, &mut at_alice), (&mut boris, &mut at_boris), ("sendrecv", "sendrecv"));
    until_heard((&alice, &mut hers, &at_alice), &boris, 3);
    until_heard((&boris, &mut his, &at_boris), &alice, 4);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
}

/// Alice says a direction, Boris answers with another.
fn change(alice: (&mut Handset, &mut Talk), boris: (&mut Handset, &mut Talk), (said, answered): (&str, &str)) {
    let body = alice.0.description(said);
    let asked = alice.0.begin_change(alice.1, "INVITE", "", &body);
    let invite = boris.0.request("INVITE");
    let body = boris.0.description(answered);
    boris.0.say_with(&invite, 200, "", &body);
    boris.1.hears = invite.ear().or(boris.1.hears);
    assert_eq!(alice.0.end_change(alice.1, &asked).status(), 200);
    boris.0.acknowledged(&invite);
}

/// Carol calls the echo test and says nothing: when the time-out has passed the exchange hangs up.
fn silent_call_ends(exchange: &Exchange) {
    let mut carol = Handset::carol(exchange);
    let asked = carol.dial("*43");
    carol.connected(&asked);
    carol.hung_up_on();
}
