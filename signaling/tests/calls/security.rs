//! Media is protected as each party's account and description say, each leg for itself: RFC 4568, 5763, 8643, 8839.

use super::{
    common::{Dialog, Line, Phone, Sip, extension, settings},
    join,
};
use contract::{DtlsRole, Fingerprint, MediaCommand, MediaEvent, MemberId, PeerSpec, Security, SrtpSuite, Unsecured};
use signaling::{
    fact::{HangupCause, Protection},
    flow::{ConnectionId, Flow, ListenerId, Transport},
    input::Input,
    settings::{Directory, Encryption, Encryption::*, Listener, Settings},
};

/// Keys of phones, of suites with 30, 30 and 44 octets.
const HERS: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
const HIS: &str = "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
const LONG: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=";
/// The certificate of a browser.
const THEIRS: &str =
    "sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2";

fn office(alice: Encryption, boris: Encryption) -> (Line, Phone, Phone) {
    let mut line = Line::with(policy(alice, boris));
    let (alice, boris) = join(&mut line);
    (line, alice, boris)
}

fn policy(alice: Encryption, boris: Encryption) -> Settings {
    let mut settings = settings();
    settings.media_fingerprint = Some(Fingerprint { sha256: [0xab; 32] });
    let account = |number: &str, encryption| signaling::settings::Extension { encryption, ..extension(number, "A") };
    settings.directory = Directory::new([account("1001", alice), account("1002", boris)]);
    settings
}

/// A description of this profile with these attributes.
fn sdp(profile: &str, attributes: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.12\r\ns=-\r\nc=IN IP4 10.0.0.12\r\nt=0 0\r\nm=audio 4000 {profile} 0 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n{attributes}"
    )
}

fn crypto(tag: u32, suite: &str, key: &str) -> String {
    format!("a=crypto:{tag} {suite} inline:{key}\r\n")
}

/// What a browser adds to its description.
fn web(setup: &str, ufrag: &str) -> String {
    format!(
        "a=mid:0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789abcdefghijkl\r\na=ice-options:trickle\r\na=fingerprint:{THEIRS}\r\n\
         a=setup:{setup}\r\na=rtcp-mux\r\n"
    )
}

fn profile(message: &Sip) -> &str {
    message.sdp("m=audio ").split(' ').nth(1).unwrap_or("")
}

/// Suites of the crypto lines, with their tags.
fn suites(message: &Sip) -> Vec<(u32, String)> {
    let lines = message.body.lines().filter_map(|line| line.strip_prefix("a=crypto:"));
    let words = |line: &str| {
        let mut words = line.split(' ');
        (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned())
    };
    lines.map(words).collect()
}

/// What the shard was last told of a leg.
#[track_caller]
fn told(line: &Line, number: u16) -> PeerSpec {
    let peer = line.media.iter().rev().find_map(|command| match command {
        MediaCommand::DescribeLeg { member, peer, .. } if member.0 == number => Some(&**peer),
        _ => None,
    });
    peer.expect("the leg was described").clone()
}

/// How a leg is protected, in a word.
fn how(peer: &PeerSpec) -> &'static str {
    match &peer.security {
        Security::None => "clear",
        Security::Sdes { .. } => "sdes",
        Security::Dtls { .. } => "dtls",
    }
}

/// Alice calls with this description and Boris answers so; her end of the dialog, his, and what each was told.
#[track_caller]
fn call(line: &mut Line, phones: (&mut Phone, &mut Phone), offer: &str, answer: &str) -> (Dialog, Dialog, Sip, Sip) {
    let (alice, boris) = phones;
    let invite = alice.call(line, "1002", offer);
    let asked = line.expect(boris.address, "INVITE");
    let called = boris.answer(line, &asked, 200, answer);
    line.expect(boris.address, "ACK");
    let answered = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answered);
    caller.ack(line, "");
    (caller, called, asked, answered)
}

#[test]
fn each_leg_is_protected_as_its_account_and_its_phone_say() {
    let key = |tag, suite| crypto(tag, suite, HIS);
    const CM: &str = "AES_CM_128_HMAC_SHA1_80";
    const CM32: &str = "AES_CM_128_HMAC_SHA1_32";
    // Alice's profile and keys, Boris' account, what he is offered, what he answers, how the two legs are protected.
    type Row<'a> = (&'a str, String, Encryption, (&'a str, usize), (&'a str, String), &'a str, &'a str);
    let rows: &[Row<'_>] = &[
        ("RTP/AVP", String::new(), Off, ("RTP/AVP", 0), ("RTP/AVP", String::new()), "clear", "clear"),
        ("RTP/AVP", String::new(), Optional, ("RTP/AVP", 2), ("RTP/AVP", String::new()), "clear", "clear"),
        ("RTP/AVP", String::new(), Optional, ("RTP/AVP", 2), ("RTP/AVP", key(2, CM)), "clear", "sdes"),
        ("RTP/AVP", String::new(), Required, ("RTP/SAVP", 6), ("RTP/SAVP", key(6, CM32)), "clear", "sdes"),
        ("RTP/AVP", crypto(7, CM, HERS), Off, ("RTP/AVP", 0), ("RTP/AVP", String::new()), "sdes", "clear"),
        ("RTP/SAVP", crypto(1, CM, HERS), Off, ("RTP/AVP", 0), ("RTP/AVP", String::new()), "sdes", "clear"),
        ("RTP/SAVPF", crypto(1, CM32, HERS), Required, ("RTP/SAVP", 6), ("RTP/SAVP", key(4, CM)), "sdes", "sdes"),
        ("UDP/TLS/RTP/SAVPF", web("actpass", "abcd"), Off, ("RTP/AVP", 0), ("RTP/AVP", String::new()), "dtls", "clear"),
        (
            "UDP/TLS/RTP/SAVPF",
            web("actpass", "abcd"),
            Required,
            ("RTP/SAVP", 6),
            ("RTP/SAVP", key(4, CM)),
            "dtls",
            "sdes",
        ),
        ("RTP/SAVPF", web("actpass", "abcd"), Off, ("RTP/AVP", 0), ("RTP/AVP", String::new()), "dtls", "clear"),
    ];
    for (hers, keys, account, (offered, count), (his, answer), of_alice, of_boris) in rows {
        let (mut line, mut alice, mut boris) = office(Optional, *account);
        let (mut caller, _, asked, answered) =
            call(&mut line, (&mut alice, &mut boris), &sdp(hers, keys), &sdp(his, answer));
        assert_eq!((profile(&asked), suites(&asked).len()), (*offered, *count), "{}", asked.body);
        // RFC 3264 section 6.1: the answer has the offer's profile.
        assert_eq!(profile(&answered), *hers, "{}", answered.body);
        assert_eq!((how(&told(&line, 0)), how(&told(&line, 1))), (*of_alice, *of_boris), "{}", answered.body);
        for message in [&asked, &answered] {
            assert!(!message.body.contains(HERS) && !message.body.contains(HIS), "keys end at us: {}", message.body);
            assert!(!message.body.contains("19:E2"), "and so do certificates: {}", message.body);
        }
        assert_eq!(line.heard().len(), 2);
        caller.request(&mut line, "BYE", "");
        line.expect_rest();
    }
}

#[test]
fn the_answer_takes_the_first_line_of_the_offer_that_can_be_used_with_a_key_of_ours() {
    let (mut line, mut alice, mut boris) = office(Optional, Off);
    // RFC 4568 section 5.1.2; the lines before the fifth are of no use: suite, MKI, session parameter, length of the key.
    let lines = [
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n".to_owned(),
        "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^20|1:4\r\n".to_owned(),
        "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd UNENCRYPTED_SRTP\r\n"
            .to_owned(),
        crypto(4, "AES_CM_128_HMAC_SHA1_80", LONG),
        format!("a=crypto:5 AEAD_AES_256_GCM inline:{LONG}|2^31 WSH=60\r\n"),
        crypto(6, "AES_CM_128_HMAC_SHA1_80", HERS),
    ];
    let offer = sdp("RTP/SAVP", &lines.concat());
    let (_, _, _, answered) = call(&mut line, (&mut alice, &mut boris), &offer, &sdp("RTP/AVP", ""));
    assert_eq!(suites(&answered), [(5, "AEAD_AES_256_GCM".to_owned())]);
    let Security::Sdes { suite, local, remote } = told(&line, 0).security else { panic!("keys") };
    assert_eq!(suite, SrtpSuite::AeadAes256Gcm);
    assert_eq!(remote.material(), (0..44).collect::<Vec<u8>>());
    assert_ne!(local, remote);
}

#[test]
fn what_may_not_be_is_refused_with_its_reason_and_rings_nowhere() {
    let good = crypto(1, "AES_CM_128_HMAC_SHA1_80", HERS);
    let broken = crypto(1, "AES_CM_128_HMAC_SHA1_80", "short");
    let sha1 = "a=setup:actpass\r\na=fingerprint:sha-1 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70\r\n";
    for (account, profile, attributes, reason) in [
        (Required, "RTP/AVP", "", "Media encryption is required"),
        (Off, "RTP/SAVP", &good, "Media encryption is off"),
        (Optional, "RTP/SAVP", "", "No usable crypto"),
        (Optional, "RTP/SAVP", &broken, "No usable crypto"),
        (Optional, "UDP/TLS/RTP/SAVPF", &good, "No usable crypto"),
        (Optional, "UDP/TLS/RTP/SAVPF", sha1, "No usable crypto"),
        (Optional, "UDP/TLS/RTP/SAVPF", &web("holdconn", "abcd"), "No usable crypto"),
    ] {
        let (mut line, mut alice, boris) = office(account, Optional);
        alice.call(&mut line, "1002", &sdp(profile, attributes));
        let refused = line.expect(alice.address, "488");
        assert!(
            refused.header("Warning").starts_with("399 ") && refused.header("Warning").contains(reason),
            "{refused:?}"
        );
        line.expect_silence(boris.address);
        line.pass_seconds(40);
        assert_eq!(line.record().hangup_cause, HangupCause::Unprotected);
        line.expect_rest();
    }
}

#[test]
fn an_answer_that_does_not_protect_what_was_offered_so_is_not_taken() {
    let cm = |tag| crypto(tag, "AES_CM_128_HMAC_SHA1_80", HIS);
    for (account, profile, attributes) in [
        (Required, "RTP/SAVP", String::new()),
        (Required, "RTP/AVP", String::new()),
        // The tag of another suite, and one that was not offered.
        (Required, "RTP/SAVP", cm(1)),
        (Required, "RTP/SAVP", cm(9)),
        (Optional, "RTP/SAVP", cm(1)),
        (Off, "RTP/SAVP", cm(1)),
    ] {
        let (mut line, mut alice, mut boris) = office(Optional, account);
        alice.call(&mut line, "1002", &sdp("RTP/AVP", ""));
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 200, &sdp(profile, &attributes));
        line.expect(boris.address, "ACK");
        let bye = line.expect(boris.address, "BYE");
        boris.answer(&mut line, &bye, 200, "");
        line.expect(alice.address, "488");
        line.expect_rest();
    }
}

#[test]
fn a_browser_gets_our_certificate_one_candidate_and_the_waiting_part() {
    let (mut line, mut alice, mut boris) = office(Optional, Off);
    let offer =
        format!("{}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n", sdp("UDP/TLS/RTP/SAVPF", &web("actpass", "abcd")))
            .replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n")
            .replace("c=IN IP4 10.0.0.12", "c=IN IP4 0.0.0.0");
    let answer = format!("{}m=video 0 UDP/TLS/RTP/SAVPF 96\r\n", sdp("RTP/AVP", ""));
    let (_, _, asked, answered) = call(&mut line, (&mut alice, &mut boris), &offer, &answer);
    assert_eq!(asked.sdp("a=ice"), "", "{}", asked.body);
    assert!(asked.body.contains("a=sendrecv"), "no hold: its candidates tell the address: {}", asked.body);
    let body = &answered.body;
    let port = answered.sdp("m=audio ").split(' ').next().unwrap().to_owned();
    for wanted in [
        "a=group:BUNDLE 0\r\n",
        "a=ice-lite\r\n",
        "a=mid:0\r\n",
        &format!("a=candidate:1 1 UDP 2130706431 10.0.0.1 {port} typ host\r\na=end-of-candidates\r\n"),
        &format!("a=fingerprint:sha-256 AB{}\r\n", ":AB".repeat(31)),
        "a=setup:passive\r\n",
        "a=rtcp-mux\r\n",
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n",
    ] {
        assert!(body.contains(wanted), "{wanted} in {body}");
    }
    assert!(!body.contains("extmap") && body.matches("a=candidate").count() == 1, "{body}");
    let peer = told(&line, 0);
    let ice = peer.ice.expect("checks");
    assert_eq!((ice.remote.ufrag.as_str(), ice.local.ufrag.as_str()), ("abcd", answered.sdp("a=ice-ufrag:")));
    assert_eq!(ice.local.password, answered.sdp("a=ice-pwd:"));
    assert!(peer.rtcp_mux && peer.rtp.is_none());
    let Security::Dtls { role, fingerprint } = peer.security else { panic!("a handshake") };
    assert_eq!((role, fingerprint.sha256[0], fingerprint.sha256[31]), (DtlsRole::Passive, 0x19, 0xa2));
}

#[test]
fn keys_stay_unless_the_phone_brings_others() {
    let (mut line, mut alice, mut boris) = office(Optional, Required);
    let hers = |key| sdp("RTP/SAVP", &crypto(3, "AES_CM_128_HMAC_SHA1_80", key));
    let his = sdp("RTP/SAVP", &crypto(4, "AES_CM_128_HMAC_SHA1_80", HIS));
    let (mut caller, mut called, _, answered) = call(&mut line, (&mut alice, &mut boris), &hers(HERS), &his);
    let before = (told(&line, 0).security, told(&line, 1).security);
    let our_line = answered.sdp("a=crypto:").to_owned();
    // Hold: one line, the one that is agreed, both ways.
    caller.reinvite(&mut line, &format!("{}a=sendonly\r\n", hers(HERS)));
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!((profile(&asked), suites(&asked)), ("RTP/SAVP", vec![(4, "AES_CM_128_HMAC_SHA1_80".to_owned())]));
    boris.answer(&mut line, &asked, 200, &format!("{his}a=recvonly\r\n"));
    line.expect(boris.address, "ACK");
    assert_eq!(line.expect(alice.address, "200").sdp("a=crypto:"), our_line);
    caller.ack(&mut line, "");
    assert_eq!((told(&line, 0).security, told(&line, 1).security), before);
    // Boris re-keys: RFC 4568 section 7.1.4. Ours towards him stays, and Alice's leg has nothing to do with it.
    let anew = "/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+";
    called.reinvite(&mut line, &sdp("RTP/SAVP", &crypto(1, "AES_CM_128_HMAC_SHA1_80", anew)));
    let asked = line.expect(alice.address, "INVITE");
    assert_eq!(asked.sdp("a=crypto:"), our_line);
    alice.answer(&mut line, &asked, 200, &hers(HERS));
    line.expect(alice.address, "ACK");
    line.expect(boris.address, "200");
    called.ack(&mut line, "");
    assert_eq!(told(&line, 0).security, before.0);
    let (Security::Sdes { local: old, .. }, Security::Sdes { local, remote, .. }) = (before.1, told(&line, 1).security)
    else {
        panic!("keys")
    };
    assert_eq!((local, remote.material()[0]), (old, 0xfe));
    // A re-INVITE that would end the protection is refused, and the session stays.
    called.reinvite(&mut line, &sdp("RTP/AVP", ""));
    assert!(line.expect(boris.address, "488").header("Warning").contains("required"));
    line.expect_silence(alice.address);
    assert_eq!(line.status().calls, 1);
}

#[test]
fn a_restart_of_the_checks_is_answered_with_new_credentials_on_the_same_association() {
    let (mut line, mut alice, mut boris) = office(Off, Off);
    let offer = |setup: &str, ufrag: &str| sdp("UDP/TLS/RTP/SAVPF", &web(setup, ufrag));
    let plain = sdp("RTP/AVP", "");
    let (mut caller, mut called, _, first) =
        call(&mut line, (&mut alice, &mut boris), &offer("passive", "abcd"), &plain);
    assert!(first.body.contains("a=setup:active"), "{}", first.body);
    let mut ufrags = vec![first.sdp("a=ice-ufrag:").to_owned()];
    // The same credentials, then others.
    for (ufrag, is_new) in [("abcd", false), ("efgh", true), ("efgh", false)] {
        caller.reinvite(&mut line, &offer("actpass", ufrag));
        let asked = line.expect(boris.address, "INVITE");
        boris.answer(&mut line, &asked, 200, &plain);
        line.expect(boris.address, "ACK");
        let answered = line.expect(alice.address, "200");
        caller.ack(&mut line, "");
        let ours = answered.sdp("a=ice-ufrag:").to_owned();
        assert_eq!(ufrags.last() != Some(&ours), is_new, "{ufrag}");
        // RFC 8842 section 5.3: the parts of an association that goes on.
        assert!(answered.body.contains("a=setup:active"), "{}", answered.body);
        let peer = told(&line, 0);
        let ice = peer.ice.expect("checks");
        assert_eq!((ice.local.ufrag.as_str(), ice.remote.ufrag.as_str()), (ours.as_str(), ufrag));
        assert!(matches!(peer.security, Security::Dtls { role: DtlsRole::Active, .. }));
        ufrags.push(ours);
    }
    // We offer, on behalf of Boris: the same credentials, and the browser may choose the part, which it keeps.
    called.reinvite(&mut line, &plain);
    let asked = line.expect(alice.address, "INVITE");
    assert_eq!((profile(&asked), asked.sdp("a=setup:")), ("UDP/TLS/RTP/SAVPF", "actpass"));
    assert_eq!(Some(asked.sdp("a=ice-ufrag:")), ufrags.last().map(String::as_str));
    assert!(asked.body.contains("a=ice-lite\r\n") && asked.body.contains("a=rtcp-mux\r\n"), "{}", asked.body);
    alice.answer(&mut line, &asked, 200, &offer("passive", "efgh"));
    line.expect(alice.address, "ACK");
    line.expect(boris.address, "200");
    called.ack(&mut line, "");
    assert!(matches!(told(&line, 0).security, Security::Dtls { role: DtlsRole::Active, .. }));
}

#[test]
fn media_that_cannot_be_protected_ends_the_call_and_says_why() {
    for (why, cause, reason) in [
        (Unsecured::WrongCertificate, HangupCause::Unprotected, "SIP;cause=488;text=\"Media could not be protected\""),
        (Unsecured::HandshakeFailed, HangupCause::Unprotected, "SIP;cause=488;text=\"Media could not be protected\""),
        (Unsecured::ConsentLost, HangupCause::PeerGone, ""),
    ] {
        let (mut line, mut alice, mut boris) = office(Off, Off);
        let offer = sdp("UDP/TLS/RTP/SAVPF", &web("actpass", "abcd"));
        call(&mut line, (&mut alice, &mut boris), &offer, &sdp("RTP/AVP", ""));
        let session = line.call().session();
        line.happen(Input::Media(MediaEvent::LegSecured { session, member: MemberId(0) }));
        line.expect_silence(alice.address);
        line.happen(Input::Media(MediaEvent::LegUnsecured { session, member: MemberId(0), why }));
        for phone in [&mut alice, &mut boris] {
            let bye = line.expect(phone.address, "BYE");
            assert_eq!(bye.header("Reason"), reason);
            phone.answer(&mut line, &bye, 200, "");
        }
        assert_eq!(line.record().hangup_cause, cause);
        let protections: Vec<_> = line.record().legs.iter().map(|leg| leg.protection).collect();
        assert_eq!(protections, [Some(Protection::Dtls), None]);
        line.expect_rest();
    }
}

#[test]
fn a_phone_that_rings_without_keys_is_given_up_and_the_caller_is_told() {
    let (mut line, mut alice, mut boris) = office(Off, Required);
    alice.call(&mut line, "1002", &sdp("RTP/AVP", ""));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 183, &sdp("RTP/SAVP", &crypto(4, "AES_CM_128_HMAC_SHA1_80", HIS)));
    line.expect(alice.address, "183");
    assert_eq!(line.heard(), [(0, 1), (1, 0)], "early media");
    let session = line.call().session();
    line.happen(Input::Media(MediaEvent::LegUnsecured { session, member: MemberId(1), why: Unsecured::BadKeys }));
    line.expect(boris.address, "CANCEL");
    assert!(line.expect(alice.address, "488").header("Warning").contains("could not be protected"));
}

#[test]
fn a_browser_is_offered_what_it_takes_and_a_plain_phone_reaches_it() {
    let mut settings = policy(Off, Required);
    settings.listeners.push(Listener {
        transport: Transport::Ws,
        bound: "10.0.0.1:8088".parse().unwrap(),
        advertised: ("10.0.0.1".into(), 8088),
    });
    let mut line = Line::with(settings);
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    alice.register(&mut line);
    let mut boris = Phone::new("1002", "10.0.0.12:40000");
    let way = Flow::connected(Transport::Ws, ListenerId(2), boris.address, ConnectionId(7));
    let contact = "<sip:boris@browser.invalid;transport=ws>;expires=600";
    let on_web = |line: &mut Line, text: String| {
        line.happen(Input::Received { flow: way, bytes: text.replace("SIP/2.0/UDP", "SIP/2.0/WS").as_bytes() });
    };
    on_web(&mut line, boris.register_text(contact, None));
    let challenge = line.expect(boris.address, "401");
    let authorization = boris.authorization(&challenge, "REGISTER", "sip:pbx.test");
    on_web(&mut line, boris.register_text(contact, Some(&authorization)));
    line.expect(boris.address, "200");

    let invite = alice.call(&mut line, "1002", &sdp("RTP/AVP", ""));
    let asked = line.expect(boris.address, "INVITE");
    assert_eq!(profile(&asked), "UDP/TLS/RTP/SAVPF", "a browser's media is encrypted by a handshake");
    for wanted in ["a=group:BUNDLE 0\r\n", "a=mid:0\r\n", "a=ice-lite\r\n", "a=setup:actpass\r\n", "a=rtcp-mux\r\n"] {
        assert!(asked.body.contains(wanted), "{wanted} in {}", asked.body);
    }
    let body = sdp("UDP/TLS/RTP/SAVPF", &web("active", "efgh"));
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=b\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:boris@browser.invalid;transport=ws>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        asked.header("Via"),
        asked.header("From"),
        asked.header("To"),
        asked.header("Call-ID"),
        asked.header("CSeq"),
        body.len()
    );
    on_web(&mut line, text);
    line.expect(boris.address, "ACK");
    let answered = line.expect(alice.address, "200");
    assert_eq!((profile(&answered), answered.sdp("a=ice")), ("RTP/AVP", ""));
    invite.dialog(&answered).ack(&mut line, "");
    let peer = told(&line, 1);
    assert!(matches!(peer.security, Security::Dtls { role: DtlsRole::Passive, .. }) && peer.rtcp_mux);
    let ice = peer.ice.expect("checks");
    assert_eq!((ice.local.ufrag.as_str(), ice.remote.ufrag.as_str()), (asked.sdp("a=ice-ufrag:"), "efgh"));
    assert_eq!(how(&told(&line, 0)), "clear");
}
