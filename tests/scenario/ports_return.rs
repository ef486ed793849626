//! The port pool after many calls of every end.

use crate::{
    exchange::Home,
    handset::Handset,
    http::{figure, figure_becomes},
};

#[test]
fn a_pool_for_two_calls_serves_any_number_of_calls_one_after_another() {
    // RTP and RTCP for two legs each: two calls at once.
    let exchange = Home::new(8).start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut heard_at = std::collections::BTreeSet::new();
    for round in 0..12 {
        let asked = alice.dial("1002");
        let invite = boris.called();
        heard_at.insert(invite.ear().unwrap().port());
        match round % 4 {
            0 => {
                let mut talk = boris.take(&invite);
                alice.connected(&asked);
                boris.hang_up(&mut talk);
                alice.hung_up_on();
            }
            1 => {
                boris.take(&invite);
                let mut talk = alice.connected(&asked);
                alice.hang_up(&mut talk);
                boris.hung_up_on();
            }
            2 => {
                boris.say(&invite, 486);
                assert_eq!(alice.refused(&asked), 486);
            }
            _ => {
                boris.say(&invite, 180);
                alice.progress(&asked, 180);
                alice.cancel(&asked);
                let cancel = boris.request("CANCEL");
                boris.say(&cancel, 200);
                boris.say(&invite, 487);
                assert_eq!(alice.refused(&asked), 487);
            }
        }
        figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    }
    figure_becomes(&exchange, "ironbell_media_ports_in_use", 0.0);
    figure_becomes(&exchange, "ironbell_media_sessions", 0.0);
    assert!(heard_at.iter().all(|port| port % 2 == 0), "RFC 3550 section 11: RTP on even ports: {heard_at:?}");
    assert!((figure(&exchange, "ironbell_media_ports_total") - 8.0).abs() < 1e-9);
    assert!(figure(&exchange, r#"ironbell_media_refused_total{reason="ports_exhausted"}"#).abs() < 1e-9);
}
