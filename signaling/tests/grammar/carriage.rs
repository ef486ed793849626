//! How a stream is carried: RFC 4568 (crypto), RFC 8122 (fingerprint), RFC 8839 (ICE), RFC 5761 (rtcp-mux), RFC 9143 (BUNDLE), RFC 8829 by the offer of a
//! real browser.

use contract::{Fingerprint, IceCredentials, SrtpKey, SrtpSuite};
use core::net::SocketAddr;
use signaling::sdp::{
    Carriage, Crypto, Description, Direction, Dtls, Local, Profile, Rewrite, SUITES, Setup, offer, rewrite, suite_name,
};

/// What Chromium 156 offers for one audio track.
const CHROMIUM: &str = "v=0\r\no=- 2411187161105065507 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\n\
    a=msid-semantic: WMS\r\nm=audio 43253 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 192.0.2.2\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=candidate:2699820084 1 udp 2113937151 192.0.2.2 43253 typ host generation 0 network-cost 999\r\n\
    a=candidate:1804418516 1 udp 2113942271 2001:db8::2 43186 typ host generation 0 network-cost 999\r\na=ice-ufrag:JSKV\r\n\
    a=ice-pwd:x0nrilznQN8b4QX7xck952Rt\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 9D:2F:08:CE:9D:59:12:0F:E4:93:30:8B:92:BC:6B:A7:AC:FD:EA:65:B8:84:07:4D:5A:08:C1:1F:F7:86:73:98\r\n\
    a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
    a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\n\
    a=msid:- cf9dc0b9-2c81-4d68-91d1-c922637b7872\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:111 opus/48000/2\r\n\
    a=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 telephone-event/8000\r\na=ssrc:2187617241 cname:4CNRm3/hnmEmY1BW\r\n";

fn parse(text: &str) -> Description<'_> {
    Description::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn carriage(text: &str) -> Carriage {
    let description = parse(text);
    let audio = description.audio().expect("audio");
    Carriage::of(&description, &audio.media())
}

/// A description of one stream with these lines of the session and of the medium.
fn described(session: &str, profile: &str, medium: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{session}m=audio 4 {profile} 0\r\n{medium}"
    )
}

fn local() -> Local {
    let rtp: SocketAddr = "203.0.113.1:20000".parse().expect("an address");
    Local { session_id: 7, version: 8, rtp, rtcp: None }
}

fn line(value: &str) -> Option<Crypto> {
    Crypto::parse(value.as_bytes())
}

#[test]
fn crypto_lines_rfc_4568() {
    // Sections 4, 6.1 and 9.2: examples that we can use.
    const KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    for (value, tag, suite) in [
        (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"), 1, SrtpSuite::AesCm128Sha1_80),
        (format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1048576"), 1, SrtpSuite::AesCm128Sha1_32),
        (
            format!("999999999 AES_CM_128_HMAC_SHA1_80  inline:{KEY} KDR=0 WSH=128 -later"),
            999_999_999,
            SrtpSuite::AesCm128Sha1_80,
        ),
    ] {
        let read = line(&value).unwrap_or_else(|| panic!("{value}"));
        assert_eq!((read.tag, read.suite), (tag, suite), "{value}");
        assert_eq!(&read.key.material()[..4], b"=-n@", "{value}");
    }
    for value in [
        String::new(),
        "1".into(),
        "1 AES_CM_128_HMAC_SHA1_80".into(),
        format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 aes_cm_128_hmac_sha1_80 inline:{KEY}"),
        format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}A"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", &KEY[4..]),
        "1 AES_CM_128_HMAC_SHA1_80 inline:****************************************".into(),
        // The keys of one suite are not those of another.
        format!("1 AEAD_AES_256_GCM inline:{KEY}"),
        // Section 6.1: an MKI, and several keys, which need one each.
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4;inline:{KEY}|2^20|2:4"),
        // Section 6.3: what is not done, and what is not known.
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} FEC_ORDER=FEC_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} later"),
    ] {
        assert_eq!(line(&value), None, "{value}");
    }
}

#[test]
fn every_suite_is_written_as_it_is_read() {
    for (tag, suite) in (1..).zip(SUITES) {
        let material: Vec<u8> = (0..suite.material_len()).map(|n| n as u8 ^ 0x5a).collect();
        let crypto = Crypto { tag, suite, key: SrtpKey::new(suite, &material).expect("a key of its length") };
        let ours = Carriage { profile: Profile::Savp, cryptos: [crypto].into(), ..Carriage::default() };
        let text = String::from_utf8(offer(&local(), &ours, &[], Direction::SendRecv)).expect("text");
        assert!(text.contains(&format!("a=crypto:{tag} {} inline:", suite_name(suite))), "{text}");
        let text = text.replace("RTP/SAVP", "RTP/SAVP 0");
        assert_eq!(carriage(&text), ours);
        assert!(
            !format!("{ours:?}").contains("5a") && format!("{ours:?}").contains("SrtpKey(…)"),
            "keys do not print themselves"
        );
    }
}

#[test]
fn lines_with_a_tag_that_was_there_and_too_many_lines_are_left_out() {
    let of = |tag: usize| {
        format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n")
    };
    let tags = |lines: &str| -> Vec<u32> {
        carriage(&described("", "RTP/SAVP", lines)).cryptos.iter().map(|crypto| crypto.tag).collect()
    };
    assert_eq!(tags(&[of(2), of(2), of(1)].concat()), [2, 1]);
    assert_eq!(tags(&(1..100).map(of).collect::<String>()).len(), 16);
}

#[test]
fn what_a_browser_offers() {
    let read = carriage(CHROMIUM);
    let dtls = read.dtls.expect("a certificate");
    assert_eq!(
        (dtls.fingerprint.sha256[0], dtls.fingerprint.sha256[31], dtls.setup),
        (0x9d, 0x98, Some(Setup::ActPass))
    );
    let ice = read.ice.as_deref().expect("credentials");
    assert_eq!((ice.ufrag.as_str(), ice.password.as_str()), ("JSKV", "x0nrilznQN8b4QX7xck952Rt"));
    assert_eq!((read.profile, read.mid.as_deref()), (Profile::TlsSavpf, Some("0")));
    assert!(read.rtcp_mux && read.bundled && !read.ice_lite && read.cryptos.is_empty() && read.is_complete());
    assert!(!format!("{read:?}").contains("x0nrilzn"), "the password does not print itself");
}

#[test]
fn a_browsers_offer_becomes_one_for_a_plain_phone_and_the_answer_one_for_the_browser() {
    let plain = Rewrite {
        local: local(),
        carriage: &Carriage::default(),
        keep: &|_| true,
        order: &[],
        add: &[],
        direction: None,
    };
    let text = String::from_utf8(rewrite(&parse(CHROMIUM), &plain)).expect("text");
    assert_eq!(
        text,
        "v=0\r\no=- 7 8 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 111 63 9 0 8 13 110 126\r\n\
         a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
         a=rtpmap:126 telephone-event/8000\r\na=sendrecv\r\n"
    );
    let ours = Carriage {
        profile: Profile::TlsSavpf,
        rtcp_mux: true,
        bundled: true,
        ice_lite: true,
        mid: Some("0".into()),
        cryptos: Box::default(),
        dtls: Some(Dtls { fingerprint: Fingerprint { sha256: [0x1f; 32] }, setup: Some(Setup::Passive) }),
        ice: Some(Box::new(IceCredentials { ufrag: "ours".into(), password: "0123456789+/abcdefghij".into() })),
    };
    let phones = described("", "RTP/AVP", "a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n");
    let back = Rewrite { carriage: &ours, ..plain };
    let text = String::from_utf8(rewrite(&parse(&phones), &back)).expect("text");
    let fingerprint = vec!["1F"; 32].join(":");
    assert_eq!(
        text,
        format!(
            "v=0\r\no=- 7 8 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\n\
             m=audio 20000 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=mid:0\r\na=ice-ufrag:ours\r\n\
             a=ice-pwd:0123456789+/abcdefghij\r\na=candidate:1 1 UDP 2130706431 203.0.113.1 20000 typ host\r\na=end-of-candidates\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:passive\r\na=rtcp-mux\r\na=sendrecv\r\n"
        )
    );
    assert_eq!(carriage(&text), ours);
    // Without multiplexing RTCP is a component of its own, RFC 8839 section 5.1.
    let two = Carriage { rtcp_mux: false, ..ours };
    let text = String::from_utf8(rewrite(&parse(&phones), &Rewrite { carriage: &two, ..plain })).expect("text");
    assert!(text.contains("a=candidate:1 2 UDP 2130706430 203.0.113.1 20001 typ host\r\n"), "{text}");
}

#[test]
fn fingerprints_rfc_8122() {
    let hash = "19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2";
    let sha1 = "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n";
    let found = |session: &str, medium: &str| {
        let read = carriage(&described(session, "UDP/TLS/RTP/SAVP", medium));
        read.dtls.map(|dtls| (dtls.fingerprint.sha256[0], dtls.setup))
    };
    let line = |value: &str| format!("a=fingerprint:{value}\r\n");
    let good = line(&format!("sha-256 {hash}"));
    assert_eq!(found("", &good), Some((0x19, None)));
    assert_eq!(found(&good, "a=setup:active\r\n"), Some((0x19, Some(Setup::Active))), "of the session");
    assert_eq!(found(&format!("{good}a=setup:active\r\n"), "a=setup:passive\r\n"), Some((0x19, Some(Setup::Passive))));
    assert_eq!(found("", &format!("{sha1}{good}")), Some((0x19, None)), "several, RFC 8122 section 5");
    assert_eq!(found("", &line(&format!("SHA-256 {}", hash.to_lowercase()))), Some((0x19, None)));
    for broken in [sha1.to_owned(), line(&format!("sha-256 {}", &hash[3..])), line(&format!("sha-256 {hash}:00"))] {
        assert_eq!(found("", &broken), None, "{broken}");
    }
    for broken in ["sha-256", "sha-256 ", "sha-256 +9:E2", &format!("sha-256 {}", hash.replace("19:", "+9:"))] {
        assert_eq!(found("", &line(broken)), None, "{broken}");
    }
    assert_eq!(found("", &format!("{good}a=setup:holdconn\r\n")), None);
}

#[test]
fn credentials_of_checks_rfc_8839() {
    let password = "0123456789abcdefghijkl";
    let found = |session: &str, medium: &str| {
        carriage(&described(session, "UDP/TLS/RTP/SAVP", medium)).ice.map(|ice| (ice.ufrag, ice.password.len()))
    };
    let both = |ufrag: &str, password: &str| format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n");
    assert_eq!(found("", &both("8hhY", password)), Some(("8hhY".into(), 22)));
    assert_eq!(found(&both("8hhY", password), ""), Some(("8hhY".into(), 22)), "of the session");
    assert_eq!(found(&both("sess", password), &both("medi", password)), Some(("medi".into(), 22)));
    assert_eq!(found("", &both(&"u".repeat(256), &"p".repeat(256))).map(|(_, length)| length), Some(256));
    for (ufrag, password) in [
        ("8hh", password),
        ("8hhY", &password[1..]),
        ("8 hY", password),
        ("8hh\u{e9}", password),
        (&*"u".repeat(257), password),
        ("8hhY", &*"p".repeat(257)),
    ] {
        assert_eq!(found("", &both(ufrag, password)), None, "{ufrag} {password}");
    }
    assert_eq!(found("", "a=ice-ufrag:8hhY\r\n"), None);
    assert!(carriage(&described("a=ice-lite\r\n", "RTP/AVP", "")).ice_lite);
}

#[test]
fn groups_and_names_rfc_5888() {
    let found = |session: &str, medium: &str| {
        let read = carriage(&described(session, "RTP/AVP", medium));
        (read.mid.map(String::from), read.bundled, read.rtcp_mux)
    };
    assert_eq!(found("a=group:BUNDLE 0 1\r\n", "a=mid:1\r\na=rtcp-mux\r\n"), (Some("1".into()), true, true));
    assert_eq!(found("a=group:LS 0 1\r\n", "a=mid:1\r\n"), (Some("1".into()), false, false));
    assert_eq!(found("a=group:BUNDLE 0\r\n", "a=mid:1\r\n"), (Some("1".into()), false, false));
    assert_eq!(found("a=group:BUNDLE 0\r\n", ""), (None, false, false));
    for broken in ["a=mid:\r\n", "a=mid:a b\r\n", "a=mid:a:b\r\n", &format!("a=mid:{}\r\n", "x".repeat(65))] {
        assert_eq!(found("", broken).0, None, "{broken}");
    }
}

#[test]
fn profiles_are_known_by_their_names() {
    for (name, is_secure, is_tls) in [
        ("RTP/AVP", false, false),
        ("RTP/AVPF", false, false),
        ("RTP/SAVP", true, false),
        ("RTP/SAVPF", true, false),
        ("UDP/TLS/RTP/SAVP", true, true),
        ("UDP/TLS/RTP/SAVPF", true, true),
    ] {
        let profile = Profile::named(name.as_bytes()).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((profile.name(), profile.is_secure(), profile.is_tls()), (name, is_secure, is_tls));
        // A stream that must be protected and names nothing to do it with cannot be carried.
        assert_eq!(carriage(&described("", name, "")).is_complete(), !is_secure, "{name}");
    }
    for unknown in ["rtp/avp", "TCP/RTP/AVP", "UDP/TLS/RTP/AVP", "udptl"] {
        assert_eq!(Profile::named(unknown.as_bytes()), None, "{unknown}");
    }
}
