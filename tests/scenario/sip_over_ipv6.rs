//! SIP and media over IPv6, by every transport of phones.

use crate::{
    authority::Authority,
    exchange::Home,
    line::Line,
    phone::{Phone, V6_NAME, status, talk},
    sound::{TONES, dominant},
};

#[test]
fn phones_call_one_another_over_ipv6_by_every_transport() {
    let authority = Authority::new();
    let own = authority.issue("pbx", &["pbx.test", "::1"]);
    let home = Home::new(200);
    let tls = format!("tls: {{ cert: {}, key: {} }}", own.chain.display(), own.key.display());
    home.edit("\"tcp://127.0.0.1:0\"] }", &format!("\"tcp://[::1]:0\", \"tls://[::1]:0\"], {tls} }}"));
    home.edit("udp://127.0.0.1:0", "udp://[::1]:0");
    home.edit("bind: 127.0.0.1", "bind: \"::1\"");
    let exchange = home.start();
    let mut boris = Phone::boris(&exchange).registered();
    let lines: [(&str, &dyn Fn() -> Line); 3] = [
        ("UDP", &|| Line::datagrams(exchange.sip)),
        ("TCP", &|| Line::tcp(&exchange)),
        ("TLS", &|| Line::tls(&exchange, authority.client(None), "::1").unwrap()),
    ];
    for (token, line) in lines {
        let mut alice = Phone::alice_on(line()).registered();
        let asked = alice.dial("1002");
        let invite = boris.called();
        let mut boris_side = boris.take(&invite);
        let alice_side = alice.answered(&asked);
        let (to_alice, to_boris) = talk((&alice, &alice_side, TONES[0]), (&boris, &boris_side, TONES[1]), 25);
        assert_eq!((dominant(&to_alice.concat()), dominant(&to_boris.concat())), (Some(TONES[1]), Some(TONES[0])));
        boris.hang_up(&mut boris_side);
        alice.hung_up_on();
        let asked = boris.dial("1001");
        let ringing = alice.called();
        let invite = ringing.to_string();
        // RFC 5118 section 4: an IPv6 address stands in brackets in Via and Contact, without them in `c=`.
        assert!(invite.contains(&format!("Via: SIP/2.0/{token} {V6_NAME}:")), "{invite}");
        assert!(invite.contains(&format!("@{V6_NAME}:")) && invite.contains("c=IN IP6 ::1\r\n"), "{invite}");
        alice.say(&ringing, 486);
        assert_eq!(status(&boris.refused(&asked)), 486);
        assert_eq!(alice.register(0), 200);
    }
}
