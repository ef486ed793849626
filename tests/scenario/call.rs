//! Two phones call each other, hear each other, and leave nothing behind.

use crate::{
    exchange::Exchange,
    http::{figure, figure_becomes, get},
    phone::{Phone, status, talk},
    sound::{TONES, dominant},
};

/// Packets of a second of speech.
const SECOND: usize = 50;

#[test]
fn two_phones_hear_each_other_and_nothing_is_left_behind() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(180);
    let mut at_boris = boris.take(&invite);
    let mut at_alice = alice.answered(&dialling);

    let (heard_by_alice, heard_by_boris) = talk((&alice, &at_alice, TONES[0]), (&boris, &at_boris, TONES[1]), SECOND);
    assert_eq!((heard_by_alice.len(), heard_by_boris.len()), (SECOND, SECOND), "packets are lost or doubled");
    assert_eq!(dominant(&heard_by_alice.concat()), Some(TONES[1]));
    assert_eq!(dominant(&heard_by_boris.concat()), Some(TONES[0]));

    let calls = get(&exchange, "/api/calls");
    let call = &calls["items"][0];
    assert_eq!(
        (&call["from"], &call["to"], &call["state"]),
        (&"1001".into(), &"1002".into(), &"Connected".into()),
        "{calls}"
    );
    assert_eq!(call["legs"].as_array().unwrap().len(), 2, "{calls}");
    assert!(figure(&exchange, "ironbell_media_ports_in_use") >= 4.0);

    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    let row = crate::exchange::until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&row["from"], &row["to"]), (&"1001".into(), &"1002".into()), "{row}");
    assert_eq!((&row["disposition"], &row["hangup_cause"]), (&"answered".into(), &"caller".into()), "{row}");
    assert!(row["billable_seconds"].as_f64().unwrap() >= 1.0, "{row}");
    for gauge in ["calls_active", "media_sessions", "media_ports_in_use", "transactions_active", "legs_active"] {
        figure_becomes(&exchange, &format!("ironbell_{gauge}"), 0.0);
    }
    assert!((figure(&exchange, "ironbell_invariant_violations_total")).abs() < 1e-9);
    assert!(
        (figure(&exchange, r#"ironbell_calls_total{direction="internal",disposition="answered"}"#) - 1.0).abs() < 1e-9
    );
    at_boris.hears = None;
}

#[test]
fn the_callee_may_hang_up_too() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    alice.answered(&dialling);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    let row = crate::exchange::until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!(row["hangup_cause"], "callee", "{row}");
}

#[test]
fn a_caller_who_gives_up_ends_the_ringing() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(180);
    alice.cancel(&dialling);
    let cancel = boris.request(rsip::Method::Cancel);
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    assert_eq!(status(&alice.refused(&dialling)), 487);
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    let row = crate::exchange::until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&row["disposition"], &row["hangup_cause"]), (&"no answer".into(), &"cancelled".into()), "{row}");
}
