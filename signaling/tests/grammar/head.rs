//! RFC 3261 sections 7 and 20: start lines, header lines, single header fields.

use signaling::message::{CSeq, Contacts, Header, Index, Malformed, Method, NotSip, StartLine};

/// A request that has everything, with `lines` (each with its CRLF) added and `body` after the head.
pub(crate) fn request(lines: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:b@example.com>;tag=1\r\n\
         To: <sip:a@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{lines}\r\n{body}"
    )
}

/// The start line, then what every message needs.
fn with_start(start: &str) -> String {
    request("", "").replacen("OPTIONS sip:a@example.com SIP/2.0", start, 1)
}

fn fault(text: impl AsRef<[u8]>) -> Result<Option<Malformed>, NotSip> {
    Index::new().parse(text.as_ref()).map(|message| message.fault())
}

#[test]
fn start_lines_section_7_1_and_7_2() {
    let table: &[(&str, Result<Option<Malformed>, NotSip>)] = &[
        ("OPTIONS sip:a@example.com SIP/2.0", Ok(None)),
        ("OPTIONS sip:a@example.com sip/2.0", Ok(None)),
        ("options sip:a@example.com SIP/2.0", Ok(None)),
        ("OPTIONS sip:a@example.com SIP/7.0", Ok(None)),
        ("OPTIONS  sip:a@example.com SIP/2.0", Ok(Some(Malformed::StartLine))),
        ("OPTIONS sip:a@example.com  SIP/2.0", Ok(Some(Malformed::StartLine))),
        ("OPTIONS sip:a@example.com SIP/2.0 ", Ok(Some(Malformed::StartLine))),
        ("OPTIONS sip:a@example.com; lr SIP/2.0", Ok(Some(Malformed::StartLine))),
        ("OPTIONS sip:a@example.com\tx SIP/2.0", Ok(Some(Malformed::StartLine))),
        ("OPTIONS sip:a@\r\n example.com SIP/2.0", Ok(Some(Malformed::StartLine))),
        ("OPT<IONS sip:a@example.com SIP/2.0", Ok(Some(Malformed::StartLine))),
        ("OPTIONS sip:a@example.com HTTP/1.1", Err(NotSip::StartLine)),
        ("OPTIONS SIP/2.0", Err(NotSip::StartLine)),
        ("OPTIONS", Err(NotSip::StartLine)),
        (" OPTIONS sip:a@example.com SIP/2.0", Err(NotSip::StartLine)),
        ("GET / HTTP/1.1", Err(NotSip::StartLine)),
        ("", Err(NotSip::StartLine)),
        ("SIP/2.0 200 OK", Ok(None)),
        ("SIP/2.0 200 ", Ok(None)),
        ("SIP/2.0 200", Ok(None)),
        ("SIP/2.0 699 = 2**3 * 5**2 \u{43d}\u{43e}", Ok(None)),
        ("SIP/2.0 4294967301 better not break the receiver", Ok(Some(Malformed::Status))),
        ("SIP/2.0 099 x", Ok(Some(Malformed::Status))),
        ("SIP/2.0 700 x", Ok(Some(Malformed::Status))),
        ("SIP/2.0 20 x", Ok(Some(Malformed::Status))),
        ("SIP/2.0 2x0 x", Ok(Some(Malformed::Status))),
        ("SIP/2.0  200 OK", Ok(Some(Malformed::Status))),
        ("SIP/3.0 200 OK", Ok(Some(Malformed::Version))),
        ("SIP/ 200 OK", Ok(Some(Malformed::Version))),
    ];
    for (start, expected) in table {
        // An empty start line would be a line end before the start line.
        let text = if start.is_empty() { ":\r\n\r\n".into() } else { with_start(start) };
        assert_eq!(fault(&text), *expected, "{start:?}");
    }
}

#[test]
fn start_lines_are_told_apart() {
    let mut index = Index::new();
    let text = with_start("SIP/2.0 180 Ringing \u{e9}");
    let message = index.parse(text.as_bytes()).expect("a response");
    assert_eq!(message.start(), StartLine::Response { status: 180, reason: "Ringing \u{e9}".as_bytes() });
    assert_eq!((message.is_request(), message.method(), message.status()), (false, None, Some(180)));
    let text = with_start("NEWMETHOD sip:a@example.com SIP/7.0");
    let message = index.parse(text.as_bytes()).expect("a request");
    let method = Method::Other(b"NEWMETHOD");
    assert_eq!(message.start(), StartLine::Request { method, uri: b"sip:a@example.com", version: b"SIP/7.0" });
    assert_eq!((message.is_request(), message.status()), (true, None));
}

#[test]
fn line_ends_before_the_start_line_are_ignored_section_7_5() {
    assert_eq!(fault(format!("\r\n\r\n{}", request("", ""))), Ok(None));
    assert_eq!(fault("\r\n\r\n"), Err(NotSip::Empty));
    assert_eq!(fault(""), Err(NotSip::Empty));
    assert_eq!(fault(vec![b'x'; 65_536]), Err(NotSip::Oversize));
}

#[test]
fn methods_are_told_apart_by_case() {
    const ALL: [&str; 14] = [
        "REGISTER",
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "UPDATE",
        "PRACK",
        "INFO",
        "REFER",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "MESSAGE",
    ];
    for name in ALL {
        let method = Method::of(name.as_bytes());
        assert_eq!(method.known(), Some(method), "{name}");
        assert_eq!(method.as_bytes(), name.as_bytes());
        assert_eq!(format!("{:?}", method.label()).to_uppercase(), name);
        let lower = name.to_lowercase();
        assert_eq!(Method::of(lower.as_bytes()), Method::Other(lower.as_bytes()));
        assert_eq!(Method::of(lower.as_bytes()).known(), None);
    }
}

#[test]
fn header_names_in_any_case_long_and_compact_section_7_3_3() {
    let table = [
        ("Via", Header::Via),
        ("vIA", Header::Via),
        ("v", Header::Via),
        ("V", Header::Via),
        ("i", Header::CallId),
        ("CALL-id", Header::CallId),
        ("m", Header::Contact),
        ("e", Header::ContentEncoding),
        ("l", Header::ContentLength),
        ("c", Header::ContentType),
        ("f", Header::From),
        ("s", Header::Subject),
        ("k", Header::Supported),
        ("t", Header::To),
        ("o", Header::Event),
        ("u", Header::AllowEvents),
        ("r", Header::ReferTo),
        ("b", Header::ReferredBy),
        ("x", Header::SessionExpires),
        ("j", Header::RejectContact),
        ("z", Header::Other),
        ("1", Header::Other),
        ("\u{7f}", Header::Other),
        ("", Header::Other),
        ("Vi", Header::Other),
        ("Viaa", Header::Other),
        ("Content-Lengt", Header::Other),
        ("Content_Length", Header::Other),
        ("X-Anything", Header::Other),
    ];
    for (name, header) in table {
        assert_eq!(Header::of(name.as_bytes()), header, "{name}");
        if header != Header::Other {
            assert_eq!(Header::of(header.name().as_bytes()), header);
            assert_eq!(Header::of(header.name().to_uppercase().as_bytes()), header);
        }
    }
}

#[test]
fn header_lines_section_7_3() {
    let table: &[(&str, Option<Malformed>)] = &[
        ("X: y\r\n", None),
        ("X:\r\n", None),
        ("X:y\r\n", None),
        ("X \t : y\r\n", None),
        ("X:\r\n y\r\n", None),
        ("X: y\r\n\tz\r\n  \r\n w\r\n", None),
        ("X-!.%*_+`'~: y\r\n", None),
        ("X: \u{0}\u{1}\u{7f}\u{ff}\r\n", None),
        ("C%6Fntent-Length: x\r\n", None),
        ("X\r\n : y\r\n", Some(Malformed::HeaderLine)),
        ("no colon\r\n", Some(Malformed::HeaderLine)),
        ("X y: z\r\n", Some(Malformed::HeaderLine)),
        (": y\r\n", Some(Malformed::HeaderLine)),
        ("X\u{0}: y\r\n", Some(Malformed::HeaderLine)),
        ("X: y\n", Some(Malformed::LineEnd)),
        ("X: y\nContent-Length: 5\r\n", Some(Malformed::LineEnd)),
        ("X: y\rz\r\n", Some(Malformed::LineEnd)),
        ("X: y\r\r\n", Some(Malformed::LineEnd)),
        ("Content-Length: -1\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length: +0\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length: 0x0\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length: 0 0\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length: 0, 0\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length:\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length: 99999999999999999999999\r\n", Some(Malformed::Value(Header::ContentLength))),
        ("Content-Length: 0\r\n", None),
        ("Content-Length: 00\r\nl:0\r\n", None),
        ("Content-Length:\r\n 0\r\n", None),
        ("Content-Length: 0\r\nContent-Length: 1\r\n", Some(Malformed::UnlikeLengths)),
        ("Content-Length: 1\r\n", Some(Malformed::BodyTruncated)),
        ("l: 18446744073709551615\r\n", Some(Malformed::BodyTruncated)),
        ("Call-ID: d\r\n", Some(Malformed::Repeated(Header::CallId))),
        ("i: c\r\n", Some(Malformed::Repeated(Header::CallId))),
        ("t: <sip:a@example.com>\r\n", Some(Malformed::Repeated(Header::To))),
        ("Max-Forwards: 70\r\nMax-Forwards: 70\r\n", Some(Malformed::Repeated(Header::MaxForwards))),
        ("Contact: <sip:a@b>\r\nContact: <sip:c@d>\r\n", None),
    ];
    for (line, expected) in table {
        assert_eq!(fault(request(line, "")), Ok(*expected), "{line:?}");
    }
}

#[test]
fn bytes_that_are_no_text_stay_as_they_are() {
    let mut bytes = request("", "").into_bytes();
    let at = bytes.len() - 2;
    bytes.splice(at..at, b"X: \xff\xfe\x00\r\nContent-Length: 3\r\n".iter().copied());
    bytes.extend(b"\xc3\x28\x00rest that is no body");
    let mut index = Index::new();
    let message = index.parse(&bytes).expect("a request");
    assert_eq!(message.fault(), None);
    assert_eq!(message.named("x").next(), Some(&b"\xff\xfe\x00"[..]));
    assert_eq!(message.body(), b"\xc3\x28\x00");
}

#[test]
fn the_body_ends_with_the_datagram_without_a_length_section_18_3() {
    let mut index = Index::new();
    let text = request("", "all of it");
    assert_eq!(index.parse(text.as_bytes()).map(|message| message.body()), Ok(&b"all of it"[..]));
    let text = request("l: 3\r\n", "all of it");
    assert_eq!(index.parse(text.as_bytes()).map(|message| message.body()), Ok(&b"all"[..]));
    let text = request("l: -3\r\n", "all of it");
    assert_eq!(index.parse(text.as_bytes()).map(|message| message.body()), Ok(&b""[..]), "nobody can tell");
}

#[test]
fn what_every_message_needs_section_8_1_1() {
    let full = request("", "");
    for (name, header) in [
        ("Via", Header::Via),
        ("From", Header::From),
        ("To", Header::To),
        ("Call-ID", Header::CallId),
        ("CSeq", Header::CSeq),
    ] {
        let lines = full.split_inclusive("\r\n").filter(|line| !line.starts_with(name));
        assert_eq!(fault(lines.collect::<String>()), Ok(Some(Malformed::Missing(header))));
        assert!(Malformed::Missing(header).reason().contains(name));
    }
    assert_eq!(fault(full.trim_end()), Ok(Some(Malformed::HeadEnd)));
}

#[test]
fn the_number_of_header_lines_is_limited() {
    let own = 5;
    assert_eq!(fault(request(&"X-A: y\r\n".repeat(128 - own), "")), Ok(None));
    let text = request(&"X-A: y\r\n".repeat(129 - own), "");
    assert_eq!(fault(&text), Ok(Some(Malformed::TooManyHeaders)));
    // A Content-Length behind the limit still counts: framing sees it too.
    let text = request(&format!("{}l: 3\r\n", "X-A: y\r\n".repeat(129)), "abcdef");
    let mut index = Index::new();
    let message = index.parse(text.as_bytes()).expect("a request");
    assert_eq!((message.fault(), message.body()), (Some(Malformed::TooManyHeaders), &b"abc"[..]));
    assert_eq!(message.lines().count(), 128);
}

#[test]
fn a_head_is_limited_in_bytes() {
    assert_eq!(fault(request(&format!("X: {}\r\n", "y".repeat(32_768)), "")), Ok(Some(Malformed::HeadTooLong)));
}

#[test]
fn values_over_lines_and_commas() {
    let text = request(
        "Route: <sip:a,b;lr>, \"x, \\\", y\" <sip:c>\r\nX: 1\r\nroute: <sip:d>,,\r\n , <sip:e>\r\nAccept:\r\nSupported: 100rel,timer\r\n",
        "",
    );
    let mut index = Index::new();
    let message = index.parse(text.as_bytes()).expect("a request");
    let routes: Vec<_> = message.values(Header::Route).collect();
    assert_eq!(routes, [&b"<sip:a,b;lr>"[..], b"\"x, \\\", y\" <sip:c>", b"<sip:d>", b"<sip:e>"]);
    assert_eq!(message.headers(Header::Route).count(), 2);
    assert_eq!(message.header(Header::Accept), Some(&b""[..]));
    assert_eq!(message.values(Header::Accept).count(), 0);
    assert_eq!(message.header(Header::Require), None);
    assert_eq!(message.headers(Header::Require).count(), 0);
    assert!(message.lists(Header::Supported, "TIMER") && !message.lists(Header::Supported, "time"));
    let text = request("Route: \"open, <sip:a>, <sip:b>\r\n", "");
    let message = index.parse(text.as_bytes()).expect("a request");
    assert_eq!(message.values(Header::Route).count(), 1, "an open quote takes the rest");
}

#[test]
fn cseq_section_20_16() {
    const BAD: Result<CSeq<'static>, Malformed> = Err(Malformed::Value(Header::CSeq));
    let table: &[(&str, Result<CSeq<'_>, Malformed>)] = &[
        ("1 OPTIONS", Ok(CSeq { number: 1, method: Method::Options })),
        ("0009\r\n  INVITE", Ok(CSeq { number: 9, method: Method::Invite })),
        ("2147483647 ACK", Ok(CSeq { number: 2_147_483_647, method: Method::Ack })),
        ("2147483648 ACK", BAD),
        ("36893488147419103232 REGISTER", BAD),
        ("-1 ACK", BAD),
        ("1", BAD),
        ("1ACK", BAD),
        ("ACK", BAD),
        ("ACK 1", BAD),
        ("1 ACK x", BAD),
        ("", BAD),
    ];
    for (value, expected) in table {
        let text = request("", "").replace("CSeq: 1 OPTIONS", &format!("CSeq: {value}"));
        let mut index = Index::new();
        assert_eq!(index.parse(text.as_bytes()).expect("a request").cseq(), *expected, "{value:?}");
    }
}

#[test]
fn numbers_sections_20_19_and_20_22() {
    let mut index = Index::new();
    let mut read = |lines: &str| {
        let text = request(lines, "");
        let message = index.parse(text.as_bytes()).expect("a request");
        (message.max_forwards(), message.expires(), message.retry_after())
    };
    assert_eq!(read(""), (Ok(None), Ok(None), Ok(None)));
    assert_eq!(
        read("Max-Forwards: 0068\r\nExpires: 0\r\nRetry-After: 5\r\n"),
        (Ok(Some(68)), Ok(Some(0)), Ok(Some(5)))
    );
    assert_eq!(
        read("Max-Forwards: 255\r\nExpires: 4294967296\r\nRetry-After: 18 (busy);duration=3\r\n"),
        (Ok(Some(255)), Ok(Some(u32::MAX)), Ok(Some(18)))
    );
    assert_eq!(read(&format!("Expires: 1{}\r\n", "0".repeat(100))).1, Ok(Some(u32::MAX)));
    assert_eq!(
        read("Max-Forwards: 300\r\nExpires: 1 2\r\nRetry-After: soon\r\n"),
        (
            Err(Malformed::Value(Header::MaxForwards)),
            Err(Malformed::Value(Header::Expires)),
            Err(Malformed::Value(Header::RetryAfter))
        )
    );
    assert_eq!(read("Max-Forwards:\r\n").0, Err(Malformed::Value(Header::MaxForwards)));
}

#[test]
fn contacts_section_20_10() {
    let count = |lines: &str| {
        let text = request(lines, "");
        let mut index = Index::new();
        let message = index.parse(text.as_bytes()).expect("a request");
        match message.contacts() {
            Ok(Contacts::Star) => Ok(None),
            Ok(list @ Contacts::List(_)) => Ok(Some(list.iter().count())),
            Err(why) => Err(why),
        }
    };
    assert_eq!(count(""), Ok(Some(0)));
    assert_eq!(count("m: *\r\n"), Ok(None));
    assert_eq!(count("m: <sip:a@b>;q=0.5, sip:c@d\r\nContact: \"x, y\" <tel:+1>\r\n"), Ok(Some(3)));
    assert_eq!(count("m: *, <sip:a@b>\r\n"), Err(Malformed::Value(Header::Contact)));
    assert_eq!(count("m: *\r\nm: *\r\n"), Err(Malformed::Value(Header::Contact)));
    assert_eq!(count("m: <sip:a@b>;;\r\n"), Err(Malformed::Value(Header::Contact)));
}

#[test]
fn content_types_section_20_15() {
    let is_sdp = |value: &str| {
        let text = request(&format!("Content-Type: {value}\r\n"), "");
        let mut index = Index::new();
        let message = index.parse(text.as_bytes()).expect("a request");
        message.content_type().map(|found| found.is_some_and(|found| found.is("application", "sdp")))
    };
    for (value, expected) in [
        ("application/sdp", Ok(true)),
        ("Application / SDP", Ok(true)),
        ("application/sdp;charset=utf-8", Ok(true)),
        ("application/sdpx", Ok(false)),
        ("multipart/mixed;boundary=\"a b\"", Ok(false)),
        ("sdp", Err(Malformed::Value(Header::ContentType))),
        ("application/", Err(Malformed::Value(Header::ContentType))),
        ("application/sdp x", Err(Malformed::Value(Header::ContentType))),
        ("", Err(Malformed::Value(Header::ContentType))),
    ] {
        assert_eq!(is_sdp(value), expected, "{value}");
    }
}

#[test]
fn an_index_is_reused_without_traces() {
    let mut index = Index::new();
    let long = request(&"Route: <sip:a>\r\n".repeat(50), "");
    assert_eq!(index.parse(long.as_bytes()).map(|message| message.headers(Header::Route).count()), Ok(50));
    let short = request("", "");
    let message = index.parse(short.as_bytes()).expect("a request");
    assert_eq!((message.headers(Header::Route).count(), message.lines().count()), (0, 5));
    assert!(index.parse(b"junk").is_err());
}

#[test]
fn debug_shows_no_values() {
    let text = request("Authorization: Digest response=\"deadbeef\"\r\n", "");
    let mut index = Index::new();
    let shown = format!("{:?}", index.parse(text.as_bytes()).expect("a request"));
    assert!(shown.contains("Authorization") && !shown.contains("deadbeef"), "{shown}");
}

#[test]
fn check_orders_the_faults_by_the_answer_they_deserve() {
    let status = |text: String| {
        let mut index = Index::new();
        index.parse(text.as_bytes()).expect("a request").check().err().map(Malformed::status)
    };
    let full = || request("", "");
    assert_eq!(status(full()), None);
    assert_eq!(status(full().replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia")), Some(505));
    assert_eq!(status(full().replace("SIP/2.0\r\nVia", "SIP/7.0 \r\nVia").replace("To:", "X:")), Some(505));
    assert_eq!(status(full().replace("OPTIONS sip:a@example.com", "OPTIONS unknown:x")), Some(416));
    assert_eq!(status(full().replace("OPTIONS sip:a@example.com", "OPTIONS tel:+1")), None);
    assert_eq!(status(full().replace("OPTIONS sip:a@example.com", "OPTIONS sip:a@example.com?x=y")), Some(400));
    assert_eq!(status(full().replace("OPTIONS sip:a@example.com", "OPTIONS <sip:a@example.com>")), Some(400));
    assert_eq!(status(full().replace("1 OPTIONS", "1 INVITE")), Some(400));
    assert_eq!(status(full().replace("Call-ID: c", "Call-ID: c d")), Some(400));
    assert_eq!(status(full().replace("From: <", "From: \"<")), Some(400));
    assert_eq!(status(full().replace("UDP 192.0.2.1", "UDP 192.0.2.1;;")), Some(400));
    assert_eq!(status(request("Via: SIP/2.0/UDP\r\n", "")), Some(400), "also below the topmost");
    assert_eq!(status(request("Route: sip:a b\r\n", "")), Some(400));
    assert_eq!(status(request("Content-Type: sdp\r\n", "")), Some(400));
    assert_eq!(
        status(request("Date: Fri, 01 Jan 2010 16:00:00 EST\r\n", "")),
        None,
        "RFC 4475 section 3.1.2.12: not ours to judge"
    );
}
