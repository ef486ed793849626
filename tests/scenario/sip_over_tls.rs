//! SIP over TLS: calls, certificates of both sides, names, renewal, and servers that are not who they should be.

use crate::{
    authority::{Authority, Issued, trusting},
    exchange::{Exchange, Home, PATIENCE},
    http::{figure, figure_becomes},
    line::Line,
    phone::{Phone, status, talk},
    sound::{TONES, dominant},
};
use rustls::{ServerConnection, StreamOwned};
use std::{fs, net::TcpListener};

/// A home with a listener for TLS that shows `own`; `more` are further keys of its section.
fn home(own: &Issued, more: &str) -> Home {
    let home = Home::new(200);
    let Issued { chain, key } = own;
    let tls = format!("tls: {{ cert: {}, key: {}{more} }}", chain.display(), key.display());
    home.edit("\"tcp://127.0.0.1:0\"] }", &format!("\"tls://127.0.0.1:0\"], {tls} }}"));
    home
}

fn alice(exchange: &Exchange, authority: &Authority) -> Phone {
    Phone::alice_on(Line::tls(exchange, authority.client(None), "pbx.test").unwrap()).registered()
}

#[test]
fn a_phone_registers_calls_and_is_called_over_tls() {
    let authority = Authority::new();
    let exchange = home(&authority.issue("pbx", &["pbx.test"]), "").start();
    let mut alice = alice(&exchange, &authority);
    let mut boris = Phone::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut boris_side = boris.take(&invite);
    let alice_side = alice.answered(&asked);
    let (to_alice, to_boris) = talk((&alice, &alice_side, TONES[0]), (&boris, &boris_side, TONES[1]), 25);
    assert_eq!((dominant(&to_alice.concat()), dominant(&to_boris.concat())), (Some(TONES[1]), Some(TONES[0])));
    boris.hang_up(&mut boris_side);
    alice.hung_up_on();
    let asked = boris.dial("1001");
    let invite = alice.called();
    let at = exchange.listens("tls");
    assert!(invite.to_string().contains(&format!("Via: SIP/2.0/TLS {at};")), "{invite}");
    assert!(invite.to_string().contains(&format!("@{at};transport=tls>")), "{invite}");
    alice.say(&invite, 486);
    assert_eq!(status(&boris.refused(&asked)), 486);
    drop(alice);
    figure_becomes(&exchange, "ironbell_sip_streams_active", 0.0);
    // Nothing else leads to a phone behind TLS.
    figure_becomes(&exchange, "ironbell_registrations", 1.0);
}

#[test]
fn without_a_certificate_of_our_own_one_is_made_for_tls() {
    let home = Home::new(60);
    home.edit("tcp://", "tls://");
    let exchange = home.start();
    let kept = exchange.home.data().join("tls/certificate.pem");
    Phone::alice_on(Line::tls(&exchange, trusting(&kept, None), "pbx.test").unwrap()).registered();
}

#[test]
fn where_a_certificate_is_required_nobody_is_let_in_without_a_good_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let own = authority.issue("pbx", &["pbx.test"]);
    let good = authority.issue("phone", &["phone.test"]);
    let bad = stranger.issue("phone", &["phone.test"]);
    for (verify, without) in [("required", false), ("optional", true)] {
        let more = format!(", verify: {verify}, ca: {}", authority.file().display());
        let exchange = home(&own, &more).start();
        let enters = |own: Option<&Issued>| Line::tls(&exchange, authority.client(own), "pbx.test").is_ok();
        assert!(enters(Some(&good)), "{verify}: a good one");
        assert!(!enters(Some(&bad)), "{verify}: one of another authority");
        assert_eq!(enters(None), without, "{verify}: none");
        figure_becomes(&exchange, "ironbell_sip_streams_active", 0.0);
    }
}

#[test]
fn who_asks_for_a_name_is_shown_its_certificate() {
    let authority = Authority::new();
    let other = authority.issue("other", &["sip.other.test", "*.wide.test"]);
    let more = format!(", certificates: [{{ cert: {}, key: {} }}]", other.chain.display(), other.key.display());
    let exchange = home(&authority.issue("pbx", &["pbx.test"]), &more).start();
    for (name, good) in
        [("pbx.test", true), ("sip.other.test", true), ("one.wide.test", true), ("127.0.0.1", false), ("x.test", false)]
    {
        let line = Line::tls(&exchange, authority.client(None), name);
        assert_eq!(line.is_ok(), good, "{name}");
    }
}

#[test]
fn certificates_are_renewed_under_a_call_and_broken_ones_are_not_taken() {
    let (old, new) = (Authority::new(), Authority::new());
    let own = old.issue("pbx", &["pbx.test"]);
    let exchange = home(&own, "").start();
    let mut alice = alice(&exchange, &old);
    let mut boris = Phone::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let boris_side = boris.take(&invite);
    let mut alice_side = alice.answered(&asked);
    new.issue("pbx", &["pbx.test"]).replace(&own);
    exchange.reload();
    assert!(exchange.said().line("the certificates in use are the new ones").is_some(), "they are not read again");
    assert!(Line::tls(&exchange, old.client(None), "pbx.test").is_err(), "the old one is still shown");
    assert!(Line::tls(&exchange, new.client(None), "pbx.test").is_ok());
    fs::write(&own.key, "no key").unwrap();
    exchange.reload();
    assert!(exchange.said().line("the certificates of before stay").is_some(), "a broken key is taken");
    assert!(Line::tls(&exchange, new.client(None), "pbx.test").is_ok());
    let (to_alice, to_boris) = talk((&alice, &alice_side, TONES[0]), (&boris, &boris_side, TONES[1]), 25);
    assert_eq!((dominant(&to_alice.concat()), dominant(&to_boris.concat())), (Some(TONES[1]), Some(TONES[0])));
    alice.hang_up(&mut alice_side);
    boris.hung_up_on();
}

#[test]
fn the_end_of_a_certificate_is_told_before_and_after_it_has_come() {
    let authority = Authority::new();
    let ended = authority.issue_until("ended", &["ended.test"], (2020, 1, 1));
    let more = format!(", certificates: [{{ cert: {}, key: {} }}]", ended.chain.display(), ended.key.display());
    let exchange = home(&authority.issue("pbx", &["pbx.test"]), &more).start();
    assert!(exchange.said().line("the certificate of ended.test has ended at 2020-01-01T00:00:00Z").is_some());
    let ends =
        |name: &str| figure(&exchange, &format!("ironbell_certificate_end_timestamp_seconds{{name=\"{name}\"}}"));
    assert!((ends("ended.test") - 1_577_836_800.0).abs() < 1.0);
    assert!((ends("pbx.test") - 4_070_908_800.0).abs() < 1.0);
    assert!(!exchange.said().all().contains("the certificate of pbx.test ends"));
}

/// A phone that is a server of TLS, and is called by its address.
#[test]
fn a_server_is_called_over_tls_if_it_is_who_it_should_be() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let own = authority.issue("pbx", &["pbx.test"]);
    let trusted = format!(", ca: {}", authority.file().display());
    for (shown, good) in [
        (authority.issue("good", &["127.0.0.1"]), true),
        (authority.issue("elsewhere", &["127.0.0.2", "carol.test"]), false),
        (stranger.issue("stranger", &["127.0.0.1"]), false),
        (authority.issue_until("ended", &["127.0.0.1"], (2020, 1, 1)), false),
    ] {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = door.local_addr().unwrap();
        let home = home(&own, &trusted);
        home.edit("\"Zt5-third-wheel-2\"", &format!("\"Zt5-third-wheel-2\", host: \"sip:carol@{at};transport=tls\""));
        let exchange = home.start();
        let mut boris = Phone::boris(&exchange).registered();
        let asked = boris.dial("1003");
        let (socket, from) = door.accept().unwrap();
        assert_eq!(from.ip(), exchange.listens("tls").ip());
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Authority::server(&shown)).unwrap(), socket);
        let shaken = loop {
            match stream.conn.complete_io(&mut stream.sock) {
                Ok(_) if !stream.conn.is_handshaking() => break true,
                Ok((0, 0)) | Err(_) => break false,
                Ok(_) => {}
            }
        };
        if good {
            assert!(shaken);
            let mut carol = Phone::on(Line::stream(at, true, stream), "1003", "1003", "Zt5-third-wheel-2");
            let invite = carol.called();
            assert!(invite.to_string().contains("Via: SIP/2.0/TLS "), "{invite}");
            let mut carol_side = carol.take(&invite);
            let boris_side = boris.answered(&asked);
            let (to_boris, to_carol) = talk((&boris, &boris_side, TONES[0]), (&carol, &carol_side, TONES[1]), 25);
            assert_eq!((dominant(&to_boris.concat()), dominant(&to_carol.concat())), (Some(TONES[1]), Some(TONES[0])));
            carol.hang_up(&mut carol_side);
            boris.hung_up_on();
        } else {
            // Whoever shows another's certificate hears no word of SIP.
            assert_eq!(status(&boris.refused(&asked)), 480, "{shown:?}");
            drop(stream);
        }
        figure_becomes(&exchange, "ironbell_calls_active", 0.0);
    }
}
