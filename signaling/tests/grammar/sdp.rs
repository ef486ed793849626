//! RFC 8866 descriptions, RFC 3264 offers and answers, RFC 3551 payload types, RFC 3605 and 5761 RTCP ports.

use contract::{Codec, Format};
use core::net::SocketAddr;
use signaling::{
    message::Malformed,
    sdp::{
        AnswerFault, Carriage, Description, Direction, Local, Profile, Rewrite, answer, check_answer, offer, rewrite,
    },
};

/// A phone's description with everything that must end at us.
const PHONE: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.5\r\ns=Call me soon, please!\r\ni=\u{e9}\r\nc=IN IP4 192.0.2.5\r\n\
    b=AS:256\r\nt=0 0\r\nk=clear:secret\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\na=fingerprint:sha-256 AA\r\na=tool:x\r\na=sendonly\r\n\
    m=audio 49170 RTP/AVP 96 0 8 101 18 13\r\ni=voice\r\nc=IN IP4 192.0.2.6\r\nb=AS:64\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=fmtp:18 annexb=no\r\n\
    a=rtcp-fb:96 nack\r\na=rtcp-fb:* trr-int 100\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\na=candidate:1 1 UDP 1 192.0.2.5 49170 typ host\r\n\
    a=ice-ufrag:x\r\na=ice-pwd:y\r\na=setup:actpass\r\na=mid:0\r\na=ssrc:1 cname:x\r\na=rtcp:53020 IN IP4 192.0.2.7\r\na=rtcp-mux\r\n\
    a=X-unknown:kept \u{ff}\r\na=ptime:20\r\na=sendrecv\r\n\
    m=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\na=candidate:2 1 UDP 1 192.0.2.5 51372 typ host\r\n";

fn parse(text: &str) -> Description<'_> {
    Description::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn local() -> Local {
    Local { session_id: 7, version: 8, rtp: address("203.0.113.1:20000"), rtcp: None }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

const fn format(payload_type: u8, codec: Codec, clock_rate_hz: u32, channels: u8) -> Format {
    Format { payload_type, codec, clock_rate_hz, channels }
}

const PCMU: Format = format(0, Codec::Pcmu, 8_000, 1);
const PCMA: Format = format(8, Codec::Pcma, 8_000, 1);
const EVENTS: Format = format(101, Codec::TelephoneEvent, 8_000, 1);

#[test]
fn what_single_lines_say() {
    let description = parse(PHONE);
    let origin = description.origin().expect("an origin");
    assert_eq!(
        (origin.username, origin.session_id, origin.version),
        (&b"alice"[..], &b"2890844526"[..], &b"2890844526"[..])
    );
    assert_eq!(origin.address.ip(), Some(address("192.0.2.5:0").ip()));
    let audio = description.audio().expect("audio");
    assert_eq!(audio.remote_rtp(), Some(address("192.0.2.6:49170")), "the medium's own address");
    assert_eq!(audio.remote_rtcp(), Some(address("192.0.2.6:49170")), "multiplexed");
    assert!(audio.rtcp_mux() && !audio.is_refused());
    assert_eq!(audio.direction(), Direction::SendRecv, "the medium's own direction");
    let media = audio.media();
    assert_eq!((media.kind(), media.port(), media.proto(), media.index()), (&b"audio"[..], 49_170, &b"RTP/AVP"[..], 0));
    assert_eq!((media.ptime_ms(), media.fmtp(18), media.rtpmap(18)), (Some(20), Some(&b"annexb=no"[..]), None));
    let video = description.media().nth(1).expect("video");
    assert_eq!((video.remote_rtp(), video.direction()), (Some(address("192.0.2.5:51372")), Direction::SendOnly));
    assert_eq!(
        audio.formats(),
        [
            format(96, Codec::Opus, 48_000, 2),
            PCMU,
            PCMA,
            EVENTS,
            format(18, Codec::G729, 8_000, 1),
            format(13, Codec::ComfortNoise, 8_000, 1)
        ]
    );
}

/// Each row: what comes after `v=0`, and whether it is a description.
#[test]
fn descriptions_rfc_8866_section_5() {
    const O: &str = "o=- 1 1 IN IP4 192.0.2.1\r\n";
    let good: &[&str] = &[
        "",
        "s=\r\nt=0 0\r\n",
        "s=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 1 RTP/AVP 0\n",
        "m=audio 1 RTP/AVP 0",
        "m=audio 1/2 RTP/AVP 0  8 \r\n",
        "m=audio 1 RTP/AVP 0\r\n\r\n",
        "c=IN IP4 host.example.com\r\n",
        "c=IN IP4 224.2.36.42/127\r\n",
        "c=IN IP6 2001:db8::1\r\n",
        "c=ATM NSAP 47.0091\r\n",
        "m=audio 1 RTP/AVP nonsense\r\n",
        "m=message 1 TCP/MSRP *\r\n",
        "z=\r\n",
    ];
    for rest in good {
        parse(&format!("v=0\r\n{O}{rest}"));
    }
    let bad: &[&str] = &[
        "",
        "\r\n",
        "v=0\r\n",
        "v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
        "o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n",
        "v=0\r\no=- 1 1 IN IP4\r\n",
        "v=0\r\no=- x 1 IN IP4 192.0.2.1\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1 more\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm =video 1 RTP/AVP 31\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 1 RTP/AVP\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 65536 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio -1 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 2001:db8::1\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP6 192.0.2.1\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP5 192.0.2.1\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\r\ns=-\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n s=-\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nS=-\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=a\rb\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=a\u{0}b\r\n",
        "<audio>",
    ];
    for text in bad {
        assert_eq!(Description::parse(text.as_bytes()).err(), Some(Malformed::Sdp), "{text:?}");
    }
    let many = |line: &str, count: usize| format!("v=0\r\n{O}{}", line.repeat(count));
    assert!(Description::parse(many("m=audio 1 RTP/AVP 0\r\n", 32).as_bytes()).is_ok());
    assert!(Description::parse(many("m=audio 1 RTP/AVP 0\r\n", 33).as_bytes()).is_err());
    assert!(Description::parse(many("a=x\r\n", 1_022).as_bytes()).is_ok());
    assert!(Description::parse(many("a=x\r\n", 1_023).as_bytes()).is_err());
    assert!(Description::parse(many(&format!("a={}\r\n", "x".repeat(16_400)), 1).as_bytes()).is_err());
}

/// RFC 3551 table 4, RFC 8866 section 6.6.
#[test]
fn payload_types() {
    let formats = |lines: &str| {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n{lines}");
        parse(&text).audio().map(|audio| audio.formats()).unwrap_or_default()
    };
    assert_eq!(formats("m=audio 1 RTP/AVP 8 0 9\r\n"), [PCMA, PCMU, format(9, Codec::G722, 8_000, 1)]);
    assert_eq!(formats("m=audio 1 RTP/AVP 0 0 128 -1 x 99\r\n"), [PCMU], "twice, out of range, no number, no meaning");
    assert_eq!(
        formats("m=audio 1 RTP/AVP 0\r\na=rtpmap:0 pcma/8000\r\n"),
        [Format { payload_type: 0, ..PCMA }],
        "the map decides"
    );
    assert_eq!(formats("m=audio 1 RTP/AVP 97\r\na=rtpmap:97 PCMA/16000/2\r\n"), [format(97, Codec::Pcma, 16_000, 2)]);
    for broken in ["", "x", "x/", "x/0", "x/y", "x/8000/y", "x/8000/0", "x/8000/256", "x/99999999999"] {
        assert_eq!(formats(&format!("m=audio 1 RTP/AVP 97\r\na=rtpmap:97 {broken}\r\n")), [], "{broken}");
    }
    let unknown = |name: &str| formats(&format!("m=audio 1 RTP/AVP 97\r\na=rtpmap:97 {name}/8000\r\n"));
    assert_eq!(unknown("AMR-WB"), unknown("amr-wb"));
    assert_ne!(unknown("AMR-WB"), unknown("AMR"));
    let all: String = (0..128).map(|number| format!(" {number}")).collect();
    let maps: String = (0..128).map(|number| format!("a=rtpmap:{number} x/8000\r\n")).collect();
    assert_eq!(formats(&format!("m=audio 1 RTP/AVP{all}\r\n{maps}")).len(), 32, "the media plane takes no more");
}

#[test]
fn the_audio_stream_that_is_served() {
    let index = |lines: &str| {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n{lines}");
        parse(&text).audio().map(|audio| audio.media().index())
    };
    assert_eq!(index("m=audio 1 RTP/AVP 0\r\nm=audio 2 RTP/AVP 8\r\n"), Some(0));
    assert_eq!(index("m=video 1 RTP/AVP 31\r\nm=audio 2 RTP/AVPF 8\r\n"), Some(1));
    assert_eq!(index("m=audio 0 RTP/AVP 0\r\nm=audio 2 RTP/AVP 8\r\n"), Some(1));
    assert_eq!(index("m=audio 2 RTP/SAVP 0\r\nm=audio 2 RTP/AVP 8\r\n"), Some(1), "no key, nothing to carry it with");
    assert_eq!(index("m=audio 2 TCP/TLS/RTP/SAVP 0\r\nm=audio 2 RTP/AVP 8\r\n"), Some(1));
    assert_eq!(index("m=audio 0 RTP/AVP 0\r\nm=audio 2 UDP/TLS/RTP/SAVPF 8\r\n"), Some(1));
    assert_eq!(index("m=audio 0 RTP/AVP 0\r\nm=audio 0 RTP/AVP 8\r\n"), Some(0));
    assert_eq!(index("m=audio 2 RTP/SAVP 0\r\nm=image 2 udptl t38\r\n"), Some(0));
    assert_eq!(index("m=audio 2 SIP/RTP 0\r\nm=image 2 udptl t38\r\n"), None);
    assert_eq!(index(""), None);
}

#[test]
fn where_rtp_and_rtcp_go() {
    let text = |connection: &str, rest: &str| format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n{connection}{rest}");
    let rtp =
        |connection: &str, rest: &str| parse(&text(connection, rest)).audio().and_then(|audio| audio.remote_rtp());
    let rtcp = |rest: &str| parse(&text("c=IN IP4 192.0.2.1\r\n", rest)).audio().and_then(|audio| audio.remote_rtcp());
    assert_eq!(rtp("c=IN IP6 2001:db8::1\r\n", "m=audio 4 RTP/AVP 0\r\n"), Some(address("[2001:db8::1]:4")));
    assert_eq!(rtp("c=IN IP4 0.0.0.0\r\n", "m=audio 4 RTP/AVP 0\r\n"), None, "RFC 3264 section 8.4");
    assert_eq!(rtp("c=IN IP6 ::\r\n", "m=audio 4 RTP/AVP 0\r\n"), None, "RFC 6157");
    assert_eq!(rtp("c=IN IP4 192.0.2.1\r\n", "m=audio 0 RTP/AVP 0\r\n"), None);
    assert_eq!(rtp("c=IN IP4 host.example.com\r\n", "m=audio 4 RTP/AVP 0\r\n"), None);
    assert_eq!(rtp("", "m=audio 4 RTP/AVP 0\r\n"), None);
    assert_eq!(rtcp("m=audio 4 RTP/AVP 0\r\n"), Some(address("192.0.2.1:5")));
    assert_eq!(rtcp("m=audio 4 RTP/AVP 0\r\na=rtcp:9\r\n"), Some(address("192.0.2.1:9")));
    assert_eq!(rtcp("m=audio 4 RTP/AVP 0\r\na=rtcp:9 IN IP4 192.0.2.2\r\n"), Some(address("192.0.2.2:9")));
    assert_eq!(rtcp("m=audio 4 RTP/AVP 0\r\na=rtcp:x\r\n"), Some(address("192.0.2.1:5")));
    assert_eq!(rtcp("m=audio 4 RTP/AVP 0\r\na=rtcp:9\r\na=rtcp-mux\r\n"), Some(address("192.0.2.1:4")));
    assert_eq!(rtcp("m=audio 65535 RTP/AVP 0\r\n"), None, "there is no next port");
    assert_eq!(rtcp("m=audio 0 RTP/AVP 0\r\n"), None);
}

/// RFC 3264 sections 5.1 and 8.4: what is said, at the session, on the medium, by the address.
#[test]
fn directions() {
    let direction = |connection: &str, session: &str, port: u16, medium: &str| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 {connection}\r\n{session}m=audio {port} RTP/AVP 0\r\n{medium}"
        );
        parse(&text).audio().map(|audio| audio.direction())
    };
    let numeric = "192.0.2.1";
    assert_eq!(direction(numeric, "", 4, ""), Some(Direction::SendRecv));
    assert_eq!(direction(numeric, "a=sendonly\r\n", 4, ""), Some(Direction::SendOnly));
    assert_eq!(direction(numeric, "a=sendonly\r\n", 4, "a=recvonly\r\n"), Some(Direction::RecvOnly));
    assert_eq!(direction(numeric, "", 4, "a=inactive\r\n"), Some(Direction::Inactive));
    assert_eq!(direction(numeric, "", 0, ""), Some(Direction::Inactive));
    assert_eq!(direction("0.0.0.0", "", 4, ""), Some(Direction::SendOnly));
    assert_eq!(direction("0.0.0.0", "", 4, "a=recvonly\r\n"), Some(Direction::Inactive));
}

#[test]
fn a_rewritten_description_line_by_line() {
    let how = Rewrite {
        local: local(),
        carriage: &Carriage::default(),
        keep: &|_| true,
        order: &[],
        add: &[],
        direction: None,
    };
    let written = String::from_utf8(rewrite(&parse(PHONE), &how)).expect("text");
    let expected = "v=0\r\no=- 7 8 IN IP4 203.0.113.1\r\ns=Call me soon, please!\r\ni=\u{e9}\r\nc=IN IP4 203.0.113.1\r\n\
        b=AS:256\r\nt=0 0\r\na=tool:x\r\n\
        m=audio 20000 RTP/AVP 96 0 8 101 18 13\r\ni=voice\r\nb=AS:64\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=fmtp:18 annexb=no\r\n\
        a=X-unknown:kept \u{ff}\r\na=ptime:20\r\na=sendrecv\r\n\
        m=video 0 RTP/AVP 31\r\n";
    assert_eq!(written, expected);
}

#[test]
fn formats_are_taken_out_and_ordered() {
    let how = Rewrite {
        local: Local { rtp: address("[2001:db8::1]:20000"), rtcp: Some(20_005), ..local() },
        carriage: &Carriage::default(),
        keep: &|format| format.codec != Codec::Opus && format.codec != Codec::ComfortNoise,
        order: &[Codec::G729, Codec::Pcma],
        add: &[],
        direction: Some(Direction::RecvOnly),
    };
    let written = rewrite(&parse(PHONE), &how);
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("m=audio 20000 RTP/AVP 18 8 0 101\r\n"), "{text}");
    assert!(text.contains("o=- 7 8 IN IP6 2001:db8::1\r\n") && text.contains("c=IN IP6 2001:db8::1\r\n"), "{text}");
    assert!(text.contains("a=rtcp:20005\r\n") && text.ends_with("a=recvonly\r\nm=video 0 RTP/AVP 31\r\n"), "{text}");
    for gone in ["opus", "useinbandfec", "rtcp-fb:96", "sendrecv", "secret", "192.0.2", "candidate"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    // The port after RTP's needs no line.
    let next = Rewrite { local: Local { rtcp: Some(20_001), ..how.local }, ..how };
    assert!(!String::from_utf8_lossy(&rewrite(&parse(PHONE), &next)).contains("a=rtcp:"));
}

#[test]
fn an_audio_stream_without_a_format_that_passes_is_refused() {
    let how = Rewrite {
        local: local(),
        carriage: &Carriage::default(),
        keep: &|_| false,
        order: &[],
        add: &[],
        direction: None,
    };
    let written = rewrite(&parse(PHONE), &how);
    let text = String::from_utf8_lossy(&written);
    assert!(text.ends_with("m=audio 0 RTP/AVP 96 0 8 101 18 13\r\nm=video 0 RTP/AVP 31\r\n"), "{text}");
}

#[test]
fn a_rewritten_description_is_a_fixed_point() {
    let how = Rewrite {
        local: local(),
        carriage: &Carriage::default(),
        keep: &|_| true,
        order: &[Codec::Pcma],
        add: &[],
        direction: None,
    };
    let once = rewrite(&parse(PHONE), &how);
    let twice = rewrite(&Description::parse(&once).expect("a description"), &how);
    assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice));
}

#[test]
fn old_style_hold_is_passed_on_as_a_direction() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n";
    let how = Rewrite {
        local: local(),
        carriage: &Carriage::default(),
        keep: &|_| true,
        order: &[],
        add: &[],
        direction: None,
    };
    let written = rewrite(&parse(text), &how);
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("c=IN IP4 203.0.113.1\r\n") && text.ends_with("a=sendonly\r\n"), "{text}");
}

#[test]
fn our_own_offer() {
    let formats = [PCMU, format(96, Codec::Opus, 48_000, 2), EVENTS, format(97, Codec::Other(1), 8_000, 1)];
    let written = offer(&local(), &Carriage::default(), &formats, Direction::SendRecv);
    let expected = "v=0\r\no=- 7 8 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 96 101\r\n\
        a=rtpmap:0 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(String::from_utf8_lossy(&written), expected);
    assert_eq!(parse(expected).audio().map(|audio| audio.formats()), Some(formats[..3].to_vec()));
}

/// RFC 3264 section 6.
#[test]
fn our_own_answer() {
    let takes = |format: &Format| matches!(format.codec, Codec::Pcma | Codec::Pcmu | Codec::TelephoneEvent);
    let written = answer(&parse(PHONE), &local(), &Carriage::default(), takes, Direction::SendRecv).expect("an answer");
    let text = String::from_utf8_lossy(&written);
    assert!(
        text.contains("m=audio 20000 RTP/AVP 0 8 101\r\n") && text.ends_with("a=sendrecv\r\nm=video 0 RTP/AVP 31\r\n"),
        "{text}"
    );
    let held = PHONE.replace("a=sendrecv", "a=sendonly");
    let written = answer(&parse(&held), &local(), &Carriage::default(), takes, Direction::SendRecv).expect("an answer");
    assert!(String::from_utf8_lossy(&written).contains("a=recvonly\r\n"));
    let feedback = PHONE.replace("RTP/AVP 96", "RTP/AVPF 96");
    let written = answer(
        &parse(&feedback),
        &local(),
        &Carriage { profile: Profile::Avpf, ..Carriage::default() },
        takes,
        Direction::SendRecv,
    )
    .expect("an answer");
    assert!(String::from_utf8_lossy(&written).contains("m=audio 20000 RTP/AVPF 0 8 101\r\n"), "the offer's profile");
    assert_eq!(answer(&parse(PHONE), &local(), &Carriage::default(), |_| false, Direction::SendRecv), None);
    let only_events = |format: &Format| format.codec == Codec::TelephoneEvent;
    assert_eq!(
        answer(&parse(PHONE), &local(), &Carriage::default(), only_events, Direction::SendRecv),
        None,
        "nobody can speak with events"
    );
    let refused = PHONE.replace("m=audio 49170", "m=audio 0");
    assert_eq!(answer(&parse(&refused), &local(), &Carriage::default(), takes, Direction::SendRecv), None);
}

/// RFC 3264 sections 6 and 7: offer and answer in media lines, and what is agreed.
#[test]
fn answers_that_fit_and_that_do_not() {
    let text =
        |lines: &str| format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}");
    let check = |offer: &str, answer: &str| {
        let (offer, answer) = (text(offer), text(answer));
        check_answer(&parse(&offer), &parse(&answer))
    };
    const OFFER: &str = "m=audio 1 RTP/AVP 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\nm=video 3 RTP/AVP 31\r\n";
    let agreed = check(
        OFFER,
        "m=audio 5 RTP/AVP 8 101 9\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\nm=video 0 RTP/AVP 31\r\n",
    )
    .expect("an answer that fits");
    assert_eq!(
        agreed.offerer,
        [PCMA, Format { payload_type: 96, ..EVENTS }],
        "in the answer's order, with the offer's numbers"
    );
    assert_eq!(agreed.answerer, [PCMA, EVENTS]);
    assert_eq!(agreed.direction, Direction::SendOnly);
    let faults: &[(&str, AnswerFault)] = &[
        ("m=audio 5 RTP/AVP 8\r\n", AnswerFault::Count),
        ("m=video 5 RTP/AVP 8\r\nm=audio 5 RTP/AVP 8\r\n", AnswerFault::Kind),
        ("m=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\n", AnswerFault::Refused),
        ("m=audio 5 RTP/SAVP 8\r\nm=video 0 RTP/AVP 31\r\n", AnswerFault::Refused),
        ("m=audio 5 RTP/AVP 9\r\nm=video 0 RTP/AVP 31\r\n", AnswerFault::NoCommonFormat),
        (
            "m=audio 5 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\nm=video 0 RTP/AVP 31\r\n",
            AnswerFault::NoCommonFormat,
        ),
    ];
    for (answer, fault) in faults {
        assert_eq!(check(OFFER, answer), Err(*fault), "{answer:?}");
    }
    // An answer may not receive more than was offered.
    let agreed =
        check("m=audio 1 RTP/AVP 0\r\na=sendonly\r\n", "m=audio 5 RTP/AVP 0\r\na=sendrecv\r\n").expect("an answer");
    assert_eq!(agreed.direction, Direction::SendOnly);
}

#[test]
fn what_is_rewritten_both_ways_still_fits() {
    let how = Rewrite {
        local: local(),
        carriage: &Carriage::default(),
        keep: &|format| format.codec != Codec::Opus,
        order: &[],
        add: &[],
        direction: None,
    };
    let passed_on = rewrite(&parse(PHONE), &how);
    let passed_on = Description::parse(&passed_on).expect("an offer");
    let answered =
        answer(&passed_on, &local(), &Carriage::default(), |format| format.codec == Codec::Pcma, Direction::SendRecv)
            .expect("an answer");
    let answered = Description::parse(&answered).expect("an answer");
    let passed_back = rewrite(&answered, &how);
    let agreed = check_answer(&parse(PHONE), &Description::parse(&passed_back).expect("an answer")).expect("it fits");
    assert_eq!(agreed.offerer, [PCMA]);
}
