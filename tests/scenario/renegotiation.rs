//! Changes in mid-call: UPDATE, glare, a change that is refused, one that is taken back, and INFO.

use crate::{
    exchange::Exchange,
    handset::{Handset, Talk},
    voice::{Voice, until_heard},
};

fn talking(exchange: &Exchange) -> ((Handset, Talk), (Handset, Talk)) {
    let mut alice = Handset::alice(exchange).registered();
    let mut boris = Handset::boris(exchange).registered();
    let body = alice.description("sendrecv");
    let asked = alice.dial_with("1002", "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO\r\n", &body);
    let invite = boris.called();
    let at_boris = boris.take(&invite);
    let at_alice = alice.connected(&asked);
    ((alice, at_alice), (boris, at_boris))
}

#[test]
fn an_update_changes_the_session_and_audio_goes_to_the_new_port() {
    let exchange = Exchange::start();
    let ((mut alice, mut at_alice), (mut boris, mut at_boris)) = talking(&exchange);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&boris, &mut his, &at_boris), &alice, 1);

    alice.rtp = crate::handset::bound();
    alice.ear = alice.rtp.local_addr().unwrap();
    let body = alice.description("sendrecv");
    let asked = alice.begin_change(&mut at_alice, "UPDATE", "", &body);
    let update = boris.request("UPDATE");
    assert_ne!(update.ear(), Some(alice.ear), "her address stays with us: {}", update.body());
    let body = boris.description("sendrecv");
    boris.say_with(&update, 200, "", &body);
    let answer = alice.end_change(&mut at_alice, &asked);
    assert_eq!(answer.status(), 200, "{answer:?}");
    until_heard((&boris, &mut his, &at_boris), &alice, 2);
    until_heard((&alice, &mut hers, &at_alice), &boris, 3);

    // One without a description refreshes only the target (RFC 3311 section 5.2) and concerns nobody else.
    assert_eq!(alice.change(&mut at_alice, "UPDATE", "", "").status(), 200);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    at_boris.hears = None;
    assert!(!boris.has_unread(|message| message.is_request("UPDATE")));
}

#[test]
fn two_changes_at_once_meet_with_491_and_a_later_one_passes() {
    let exchange = Exchange::start();
    let ((mut alice, mut at_alice), (mut boris, mut at_boris)) = talking(&exchange);
    let body = alice.description("sendonly");
    let asked = alice.begin_change(&mut at_alice, "INVITE", "", &body);
    let hers = boris.request("INVITE");
    // RFC 3261 section 14.2: his own while hers waits for his answer.
    let body = boris.description("sendonly");
    assert_eq!(boris.change(&mut at_boris, "INVITE", "", &body).status(), 491);
    boris.say(&hers, 491);
    assert_eq!(alice.end_change(&mut at_alice, &asked).status(), 491);

    let body = alice.description("sendrecv");
    let asked = alice.begin_change(&mut at_alice, "INVITE", "", &body);
    let again = boris.request("INVITE");
    boris.take(&again);
    assert_eq!(alice.end_change(&mut at_alice, &asked).status(), 200);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
}

#[test]
fn a_change_that_is_refused_leaves_the_call_as_it_was() {
    let exchange = Exchange::start();
    let ((mut alice, mut at_alice), (mut boris, at_boris)) = talking(&exchange);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    let body = alice.description("inactive");
    let asked = alice.begin_change(&mut at_alice, "INVITE", "", &body);
    let invite = boris.request("INVITE");
    boris.say(&invite, 488);
    assert_eq!(alice.end_change(&mut at_alice, &asked).status(), 488, "RFC 3261 section 14.1");
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 2);

    // One that is taken back.
    let body = alice.description("inactive");
    let asked = alice.begin_change(&mut at_alice, "INVITE", "", &body);
    let invite = boris.request("INVITE");
    boris.say(&invite, 100);
    alice.cancel(&asked);
    let cancel = boris.request("CANCEL");
    boris.say(&cancel, 200);
    boris.say(&invite, 487);
    assert_eq!(alice.end_change(&mut at_alice, &asked).status(), 487);
    until_heard((&alice, &mut hers, &at_alice), &boris, 3);
    until_heard((&boris, &mut his, &at_boris), &alice, 4);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
}

#[test]
fn info_reaches_the_other_party_with_its_body() {
    let exchange = Exchange::start();
    let ((mut alice, mut at_alice), (mut boris, _)) = talking(&exchange);
    let kind = "Content-Type: application/media_control+xml\r\n";
    let asked = alice.begin_change(&mut at_alice, "INFO", kind, "<picture_fast_update/>");
    let info = boris.request("INFO");
    assert_eq!(info.body(), "<picture_fast_update/>");
    assert_eq!(info.field("Content-Type"), "application/media_control+xml");
    boris.say(&info, 200);
    assert_eq!(alice.end_change(&mut at_alice, &asked).status(), 200);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
}

#[test]
fn a_request_for_a_call_that_is_over_is_told_so() {
    let exchange = Exchange::start();
    let ((mut alice, mut at_alice), (mut boris, mut at_boris)) = talking(&exchange);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    assert_eq!(boris.change(&mut at_boris, "BYE", "", "").status(), 481);
    assert_eq!(alice.change(&mut at_alice, "INFO", "", "").status(), 481);
}
