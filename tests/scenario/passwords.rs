//! Digest authentication, and that a changed file changes name and secret with the next start.

use crate::{
    exchange::{Exchange, Home},
    handset::Handset,
    http::{figure, get},
    phone::Phone,
};

#[test]
fn without_the_secret_nothing_is_granted_and_with_it_everything() {
    let exchange = Exchange::start();
    let mut thief = Handset::new(&exchange, "1002", "1002", "guessed-it-9");
    let refused = thief.register("60", "");
    assert!(matches!(refused.status(), 401 | 403), "{refused:?}");
    let asked = thief.dial("1001");
    assert!(matches!(thief.refused(&asked), 401 | 403));
    assert!(figure(&exchange, "ironbell_auth_failures_total") >= 2.0);
    assert_eq!(get(&exchange, "/api/status")["registrations"], 0);

    let mut boris = Handset::boris(&exchange);
    assert_eq!(boris.register("60", "").status(), 200);
    assert_eq!(get(&exchange, "/api/status")["registrations"], 1);
}

#[test]
fn credentials_are_good_once_and_for_their_own_request() {
    let exchange = Exchange::start();
    let mut boris = Handset::boris(&exchange);
    let at = boris.claims.clone();
    let register = |cseq: u32, proof: &str| {
        format!(
            "REGISTER sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-once{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:1002@pbx.test>;tag=once\r\nTo: <sip:1002@pbx.test>\r\nCall-ID: once@phone\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:1002@{at}>\r\n{proof}Content-Length: 0\r\n\r\n"
        )
    };
    let answer = |boris: &mut Handset, cseq: u32| boris.wait(|message| message.cseq() == (cseq, "REGISTER"));
    boris.send(&register(1, ""));
    let challenge = answer(&mut boris, 1);
    let proof = |method: &str| {
        Phone::credentials(("1002", "Qs8-second-wheel-4"), challenge.field("WWW-Authenticate"), method, "sip:pbx.test")
    };
    // A response computed for another method.
    boris.send(&register(2, &proof("INVITE")));
    assert!(matches!(answer(&mut boris, 2).status(), 401 | 403));
    boris.send(&register(3, &proof("REGISTER")));
    assert_eq!(answer(&mut boris, 3).status(), 200);
    // RFC 7616 section 5.12: the same count once more is a replay.
    boris.send(&register(4, &proof("REGISTER")));
    assert!(matches!(answer(&mut boris, 4).status(), 401 | 403));
}

#[test]
fn a_changed_name_and_secret_hold_from_the_next_start_and_the_old_secret_is_refused() {
    let exchange = Exchange::start();
    let mut boris = Handset::boris(&exchange);
    assert_eq!(boris.register("60", "").status(), 200);
    let home: Home = exchange.kill();
    home.edit("name: Boris", "name: Boris Bell");
    home.edit("Qs8-second-wheel-4", "Mv2-another-wheel-6");
    let exchange = home.start();

    let accounts = get(&exchange, "/api/extensions");
    assert_eq!(accounts["items"][1]["name"], "Boris Bell", "{accounts}");
    let mut old = Handset::boris(&exchange);
    assert!(matches!(old.register("60", "").status(), 401 | 403));
    let mut new = Handset::new(&exchange, "1002", "1002", "Mv2-another-wheel-6");
    assert_eq!(new.register("60", "").status(), 200);
    let mut alice = Handset::alice(&exchange).registered();
    let asked = new.dial("1001");
    let invite = alice.called();
    assert!(invite.field("From").starts_with("\"Boris Bell\""), "{}", invite.field("From"));
    alice.say(&invite, 486);
    assert_eq!(new.refused(&asked), 486);
}
