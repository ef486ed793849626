//! A full port pool: 503 and a counter; what is up goes on, and room comes back.

use crate::{
    exchange::Home,
    http::{figure, figure_becomes},
    phone::{Phone, header, status},
};

#[test]
fn a_call_without_ports_is_answered_503_and_the_next_finds_room_again() {
    // Two legs with RTP and RTCP each: one call and no more.
    let exchange = Home::new(4).start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let mut carol = Phone::new(exchange.sip, "1003", "1003", "Zt5-third-wheel-2").registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    boris.take(&invite);
    let mut at_alice = alice.answered(&dialling);

    let refused = carol.dial("1002");
    let response = carol.refused(&refused);
    assert_eq!(status(&response), 503);
    assert!(header(&response.headers, "Retry-After").is_some(), "{response}");
    assert!(figure(&exchange, r#"ironbell_media_refused_total{reason="ports_exhausted"}"#) >= 1.0);

    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
    let dialling = carol.dial("*43");
    carol.answered(&dialling);
}
