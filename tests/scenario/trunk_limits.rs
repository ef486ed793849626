//! Channels and calls a second of a trunk, both ways together; and the call that no limit holds back.

use crate::{
    carrier::{channels, invites, shown, start},
    handset::Handset,
    http::figure_becomes,
};

#[test]
fn a_full_trunk_is_passed_over_in_both_directions_and_channels_are_given_back() {
    let (exchange, mut a, mut b) = start(["max_calls: 1", "max_calls: 1"]);
    let mut alice = Handset::alice(&exchange).registered();
    let (first, at_a) = alice.dial_by(&mut a, "9123");
    let (second, at_b) = alice.dial_by(&mut b, "9124");
    let third = alice.dial("9125");
    assert_eq!(alice.refused(&third), 503);
    let refused = a.call_in("+49305550", "<sip:+4989777@carrier.test>", "");
    let answer = a.final_answer(&refused);
    assert_eq!(answer.status(), 503);
    assert!(answer.field("Retry-After").parse::<u32>().is_ok(), "{answer:?}");
    for (asked, carrier, invite) in [(&first, &a, &at_a), (&second, &b, &at_b)] {
        carrier.say(invite, 486);
        assert_eq!(alice.refused(asked), 486);
    }
    figure_becomes(&exchange, "ironbell_trunk_calls_active", 0.0);
    let (asked, invite) = alice.dial_by(&mut a, "9126");
    a.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
}

#[test]
fn of_a_burst_from_a_trunk_no_more_calls_begin_in_a_second_than_are_allowed() {
    const BURST: usize = 30;
    let (exchange, mut a, _) = start(["max_cps: 2", ""]);
    // Nobody is registered there, so that each call that is let in is answered at once.
    let asked: Vec<_> = (0..BURST).map(|_| a.call_in("+49305550", "<sip:+4989777@carrier.test>", "")).collect();
    let statuses: Vec<_> = asked.iter().map(|asked| a.refused(asked)).collect();
    let let_in = statuses.iter().filter(|status| **status == 480).count();
    let kept_out = statuses.iter().filter(|status| **status == 503).count();
    assert_eq!(let_in + kept_out, BURST, "{statuses:?}");
    // As many seconds as this would take must not pass while thirty datagrams are read.
    assert!((2..BURST - 1).contains(&let_in), "{statuses:?}");
    figure_becomes(&exchange, "ironbell_trunk_calls_active", 0.0);
}

#[test]
fn an_emergency_call_passes_every_limit_and_the_longest_other_call_makes_room() {
    let (exchange, mut a, b) = start(["max_calls: 1, max_cps: 1", "max_calls: 1"]);
    let mut alice = Handset::alice(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    a.take(&invite);
    alice.connected(&asked);
    // Carol has no right to call outside.
    let asked = carol.dial("9123");
    assert_eq!(carol.refused(&asked), 403);
    let (help, emergency) = carol.dial_by(&mut a, "112");
    assert_eq!(emergency.uri(), format!("sip:112@{}", a.address()));
    let bye = a.request("BYE");
    assert!(bye.field("Reason").starts_with("preemption;"), "{bye:?}");
    a.say(&bye, 200);
    alice.hung_up_on();
    let mut at_a = a.take(&emergency);
    carol.connected(&help);
    assert!((channels(&exchange, "a") - 1.0).abs() < 1e-9, "{}", shown(&exchange, "a"));
    a.hang_up(&mut at_a);
    carol.hung_up_on();
    assert_eq!(invites(&b), 0, "the emergency needed no other trunk");
}
