//! A call on which both have fallen silent is ended, one that is held is not.

use crate::{
    exchange::until,
    handset::{Handset, home},
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
