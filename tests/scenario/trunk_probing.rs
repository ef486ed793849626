//! OPTIONS to a trunk: it goes down when it does not answer and comes up when it does, for operators and for calls.

use crate::{
    carrier::{becomes, invites, shown, start},
    exchange::until,
    handset::Handset,
};
use std::time::Duration;

/// Answers what asks whether the carrier lives, until somebody looks.
fn lives(carrier: &mut Handset, mut seen: impl FnMut() -> bool) {
    for _ in 0..200 {
        if let Some(options) = carrier.wait_within(Duration::from_millis(200), |message| message.is_request("OPTIONS"))
        {
            carrier.say(&options, 200);
        }
        if seen() {
            return;
        }
    }
    panic!("its answers change nothing");
}

#[test]
fn a_trunk_that_does_not_answer_is_down_and_up_again_after_two_answers() {
    let (exchange, mut a, mut b) = start(["options_interval: 1s", "options_interval: 1h"]);
    let options = b.request("OPTIONS");
    assert_eq!((options.uri(), options.field("Accept")), (&*format!("sip:{}", b.address()), "application/sdp"));
    b.say(&options, 404);
    // Whoever answers lives, whatever he says.
    let timed = until(|| Some(shown(&exchange, "b")).filter(|trunk| trunk["rtt_ms"].is_number()));
    assert_eq!(timed.expect("the answer is timed")["state"], "up");
    let mut timed = false;
    lives(&mut a, || {
        timed |= shown(&exchange, "a")["rtt_ms"].is_number();
        timed
    });
    let seen = becomes(&exchange, "a", "down");
    assert_eq!(
        (&seen["reason"], &seen["rtt_ms"]),
        (&"no answer to OPTIONS".into(), &serde_json::Value::Null),
        "{seen}"
    );
    // Nobody waits for it.
    let mut alice = Handset::alice(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut b, "9123");
    b.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
    assert!(!a.has_unread(|message| message.is_request("INVITE")));
    let mut up = false;
    lives(&mut a, || {
        up |= shown(&exchange, "a")["state"] == "up";
        up
    });
    becomes(&exchange, "a", "up");
    let (asked, invite) = alice.dial_by(&mut a, "9124");
    a.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
    assert_eq!(invites(&b), 0);
}
