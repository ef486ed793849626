//! Torture messages of our own.

use crate::Verdict::{self, Accept, Drop, Fault};

/// One of our messages.
#[derive(Clone, Debug)]
pub struct Own {
    /// What is odd about it.
    pub name: &'static str,
    /// The clause that decides.
    pub clause: &'static str,
    /// The message.
    pub bytes: Vec<u8>,
    /// What the grammar makes of it.
    pub verdict: Verdict,
    /// Whether the topmost Via can be read, so that an answer finds its way.
    pub answerable: bool,
}

/// A request with everything it needs; the marks are replaced by [`request`].
const REQUEST: &str = "OPTIONS sip:nobody@example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-torture;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Torturer\" <sip:torturer@example.com>;tag=t0\r\n\
    To: <sip:nobody@example.com>\r\n\
    Call-ID: torture\r\n\
    CSeq: 1 OPTIONS\r\n\
    Content-Length: 0\r\n\
    \r\n";

/// [`REQUEST`] with each of the parts replaced by another.
fn request(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut text = REQUEST.to_owned();
    for (part, other) in changes {
        assert!(text.contains(part), "{part:?} is in the request");
        text = text.replacen(part, other, 1);
    }
    text.into_bytes()
}

/// [`REQUEST`] with lines added before the empty one.
fn lines(lines: &str) -> Vec<u8> {
    request(&[("Content-Length: 0\r\n", &format!("Content-Length: 0\r\n{lines}"))])
}

fn response(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut all = vec![("OPTIONS sip:nobody@example.com SIP/2.0", "SIP/2.0 200 OK")];
    all.extend(changes);
    request(&all)
}

/// All of them.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn all() -> Vec<Own> {
    const LENGTH: &str = "Content-Length: 0\r\n";
    const VIA: &str = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-torture;rport\r\n";
    const URI: &str = "OPTIONS sip:nobody@example.com SIP/2.0";
    let via = |count: usize| {
        (0..count).map(|at| format!("Via: SIP/2.0/UDP 192.0.2.{at};branch=z9hG4bK{at}\r\n")).collect::<String>()
    };
    let vias_in_a_line =
        (0..100).map(|at| format!(", SIP/2.0/TCP h{at}.example.com;branch=z9hG4bK{at}")).collect::<String>();
    let body = "INVITE sip:x SIP/2.0\r\nContent-Length: 5\r\n\r\n\0\0\0";
    let with_body =
        |length: &str| request(&[("Content-Length: 0\r\n\r\n", &format!("Content-Length: {length}\r\n\r\n{body}"))]);
    let own = |name, clause, verdict, bytes| Own { name, clause, bytes, verdict, answerable: true };
    let lost = |name, clause, verdict, bytes| Own { name, clause, bytes, verdict, answerable: false };

    let mut all = vec![
        // Well-formed.
        own("plain", "RFC 3261 section 11", Accept, request(&[])),
        own(
            "compact names in both cases",
            "RFC 3261 section 7.3.3",
            Accept,
            request(&[
                ("Via:", "V:"),
                ("From:", "f:"),
                ("To:", "T :"),
                ("Call-ID:", "i\t:"),
                ("Content-Length:", "L:"),
            ]),
        ),
        own(
            "folds wherever one may be",
            "RFC 3261 section 7.3.1",
            Accept,
            request(&[
                (
                    "Via: SIP/2.0/UDP 192.0.2.1:5060;",
                    "Via:\r\n SIP\r\n /\r\n\t2.0/\r\n UDP\r\n 192.0.2.1\r\n :\r\n 5060\r\n ;\r\n ",
                ),
                ("70", "\r\n  \r\n\t70\r\n "),
                ("\"Torturer\" <", "\"Tor\r\n turer\"\r\n <"),
                (">;tag=t0", ">\r\n ;\r\n tag\r\n =\r\n t0"),
                ("1 OPTIONS\r\n", "1\r\n\tOPTIONS\r\n"),
                ("Content-Length: 0", "Content-Length \t :\r\n\t 0\r\n "),
            ]),
        ),
        own(
            "a fold that looks like a length",
            "RFC 3261 section 7.3.1",
            Accept,
            lines("Subject: x\r\n Content-Length: 9\r\n"),
        ),
        own(
            "one hundred Vias in lines",
            "RFC 3261 section 20.42",
            Accept,
            request(&[(VIA, &format!("{VIA}{}", via(99)))]),
        ),
        own(
            "one hundred Vias in a line",
            "RFC 3261 section 7.3.1",
            Accept,
            request(&[(";rport", &format!(";rport{vias_in_a_line}"))]),
        ),
        own("as many lines as may be", "limit", Accept, lines(&"X-A: y\r\n".repeat(128 - 7))),
        own(
            "line ends before the start",
            "RFC 3261 section 7.5",
            Accept,
            [b"\r\n\r\n\r\n".as_slice(), &request(&[])].concat(),
        ),
        own("what comes after the body", "RFC 3261 section 18.3", Accept, [request(&[]), request(&[])].concat()),
        own("a body that looks like a head", "RFC 3261 section 7.4", Accept, with_body(&body.len().to_string())),
        own("a body cut where its length says", "RFC 3261 section 18.3", Accept, with_body("3")),
        own("equal lengths twice", "RFC 3261 section 20.14", Accept, lines("l: 0\r\ncontent-length: 000\r\n")),
        own("no length at all", "RFC 3261 section 18.3", Accept, request(&[(LENGTH, "")])),
        own(
            "escaped NUL, BEL, DEL and quotes in a quoted string",
            "RFC 3261 section 25.1",
            Accept,
            request(&[("\"Torturer\"", "\"\\\0\\\u{7}\\\u{7f}\\\"\\\\ > , ; <\"")]),
        ),
        own(
            "text outside ASCII unquoted",
            "robustness",
            Accept,
            request(&[("\"Torturer\"", "Folterknecht J\u{fc}rgen")]),
        ),
        own("octets that are no UTF-8", "RFC 3261 section 7.3.1", Accept, {
            let mut bytes = lines("Subject: ??\r\n");
            bytes.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xFE);
            bytes
        }),
        own(
            "empty values",
            "RFC 3261 section 25.1",
            Accept,
            lines("Accept:\r\nSupported: \r\nSubject:\r\n \r\nAllow: ,,\r\n"),
        ),
        own("largest CSeq", "RFC 3261 section 8.1.1.5", Accept, request(&[("CSeq: 1 ", "CSeq: 2147483647 ")])),
        own(
            "zeros before numbers",
            "RFC 3261 section 25.1",
            Accept,
            request(&[("CSeq: 1 ", "CSeq: 00000000000001 "), ("70", "00255")]),
        ),
        own(
            "a tel URI asked for",
            "RFC 3966",
            Accept,
            request(&[("sip:nobody@example.com SIP", "tel:+1-201-555-0123 SIP")]),
        ),
        own(
            "a sips URI asked for",
            "RFC 3261 section 19.1",
            Accept,
            request(&[("sip:nobody@example.com SIP", "sips:nobody@example.com SIP")]),
        ),
        own(
            "IPv6 with port and parameters",
            "RFC 5118 section 4.4",
            Accept,
            request(&[("nobody@example.com SIP", "[2001:db8::1]:5070;lr;transport=udp SIP")]),
        ),
        own(
            "an unknown method in lower case",
            "RFC 3261 section 7.1",
            Accept,
            request(&[("OPTIONS sip", "options sip"), ("1 OPTIONS", "1 options")]),
        ),
        own(
            "an unknown method that CSeq does not repeat",
            "RFC 4475 section 3.1.2.18",
            Accept,
            request(&[("OPTIONS sip", "NEWMETHOD sip")]),
        ),
        own(
            "commas in quotes and brackets",
            "RFC 3261 section 7.3.1",
            Accept,
            lines("Contact: \"a, \\\", b\" <sip:a,b@example.com>, <sip:c@example.com>\r\n"),
        ),
        own(
            "every character a user may have",
            "RFC 3261 section 25.1",
            Accept,
            request(&[("sip:nobody@", "sip:-_.!~*'()&=+$,;?/%00%ff:pw@")]),
        ),
        own("a tag with a sign it should not have", "robustness", Accept, request(&[("tag=t0", "tag=t0==/@:?")])),
        own(
            "a status nobody registered",
            "RFC 3261 section 8.1.3.2",
            Accept,
            response(&[("200 OK", "699 \u{1}\u{ff}")]),
        ),
        // Where the head ends, and how long the body is: smuggling.
        own("a line that ends in LF", "RFC 3261 section 7", Fault(400), lines("Subject: x\nContent-Length: 9\r\n")),
        own("a line that ends in CR", "RFC 3261 section 7", Fault(400), lines("Subject: x\rContent-Length: 9\r\n")),
        lost("all lines end in LF", "RFC 3261 section 7", Fault(400), {
            let text = request(&[]);
            let at = text.windows(2).position(|pair| pair == b"\r\n").unwrap_or(0) + 2;
            let (start, rest) = text.split_at(at);
            [start, &rest.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<_>>()].concat()
        }),
        own("CR CR LF", "RFC 3261 section 7", Fault(400), lines("Subject: x\r\r\n")),
        own(
            "no empty line",
            "RFC 3261 section 7",
            Fault(400),
            request(&[("Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n")]),
        ),
        own("a fold before the colon", "RFC 3261 section 25.1", Fault(400), lines("Content-Length\r\n : 9\r\n")),
        own("a name with a blank", "RFC 3261 section 25.1", Fault(400), lines("Content Length: 9\r\n")),
        own("a name with NUL", "RFC 3261 section 25.1", Fault(400), lines("Content-Length\0: 9\r\n")),
        own("a line without a colon", "RFC 3261 section 7.3", Fault(400), lines("Subject\r\n")),
        own("a line without a name", "RFC 3261 section 7.3", Fault(400), lines(": x\r\n")),
        own("unlike lengths", "RFC 4475 section 3.3.9", Fault(400), lines("l: 1\r\n")),
        own(
            "unlike lengths, the second huge",
            "RFC 4475 section 3.3.9",
            Fault(400),
            lines("Content-Length: 18446744073709551615\r\n"),
        ),
        own("a length list", "RFC 3261 section 20.14", Fault(400), with_body("3, 3")),
        own("a length with a sign", "RFC 3261 section 20.14", Fault(400), with_body("+3")),
        own("a length below zero", "RFC 4475 section 3.1.2.3", Fault(400), with_body("-3")),
        own("a length in hexadecimal", "RFC 3261 section 20.14", Fault(400), with_body("0x3")),
        own("a length with NUL", "RFC 3261 section 20.14", Fault(400), with_body("3\0")),
        own("a length with a fraction", "RFC 3261 section 20.14", Fault(400), with_body("3.0")),
        own("a length folded in two", "RFC 3261 section 20.14", Fault(400), with_body("3\r\n 3")),
        own("a length without digits", "RFC 3261 section 20.14", Fault(400), with_body("")),
        own("a length past 64 bits", "RFC 3261 section 20.14", Fault(400), with_body("18446744073709551616")),
        own("a body shorter than its length", "RFC 3261 section 18.3", Fault(400), with_body("65536")),
        own("one line more than may be", "limit", Fault(400), lines(&"X-A: y\r\n".repeat(129 - 7))),
        own("a head longer than may be", "limit", Fault(400), lines(&format!("X-A: {}\r\n", "y".repeat(32_768)))),
        // Start lines.
        own("a blank more", "RFC 4475 section 3.1.2.9", Fault(400), request(&[("OPTIONS sip", "OPTIONS  sip")])),
        own("a tab for a blank", "RFC 3261 section 7.1", Fault(400), request(&[("com SIP/2.0", "com\t SIP/2.0")])),
        own(
            "a tab after the version",
            "RFC 4475 section 3.1.2.10",
            Fault(400),
            request(&[("SIP/2.0\r\nVia", "SIP/2.0\t\r\nVia")]),
        ),
        own(
            "a method that is no token",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("OPTIONS sip", "OP(T)IONS sip"), ("1 OPTIONS", "1 OP")]),
        ),
        own(
            "a folded request line",
            "RFC 3261 section 7.1",
            Fault(400),
            request(&[("com SIP/2.0", "com\r\n SIP/2.0")]),
        ),
        own(
            "a Request-URI in brackets",
            "RFC 4475 section 3.1.2.7",
            Fault(400),
            request(&[(URI, "OPTIONS <sip:nobody@example.com> SIP/2.0")]),
        ),
        own(
            "a Request-URI with headers",
            "RFC 4475 section 3.1.2.11",
            Fault(400),
            request(&[("com SIP/2.0", "com?Subject=x SIP/2.0")]),
        ),
        own(
            "a Request-URI with half an escape",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("nobody@example.com SIP", "no%4@example.com SIP")]),
        ),
        own(
            "a Request-URI with two hosts",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("nobody@example.com SIP", "nobody@a@b SIP")]),
        ),
        own(
            "a Request-URI with NUL",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("nobody@example.com SIP", "no\0body@example.com SIP")]),
        ),
        own(
            "a Request-URI without a host",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("nobody@example.com SIP", "nobody@ SIP")]),
        ),
        own(
            "a port past 65535",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("example.com SIP", "example.com:65536 SIP")]),
        ),
        own(
            "IPv6 without brackets",
            "RFC 5118 section 4.2",
            Fault(400),
            request(&[("example.com SIP", "2001:db8::1 SIP")]),
        ),
        own(
            "a scheme nobody serves",
            "RFC 3261 section 8.2.2.1",
            Fault(416),
            request(&[("sip:nobody@example.com SIP", "mailto:nobody@example.com SIP")]),
        ),
        own("an older version", "RFC 3261 section 21.5.6", Fault(505), request(&[("com SIP/2.0", "com SIP/1.0")])),
        own(
            "a version written otherwise",
            "RFC 3261 section 7.1",
            Fault(505),
            request(&[("com SIP/2.0", "com SIP/2.00")]),
        ),
        own(
            "another version of something broken",
            "RFC 4475 section 3.1.2.16",
            Fault(505),
            request(&[("com SIP/2.0", "com SIP/3.0"), ("Call-ID: torture\r\n", "")]),
        ),
        // Header fields.
        own("no Call-ID", "RFC 4475 section 3.3.1", Fault(400), request(&[("Call-ID: torture\r\n", "")])),
        own("no To", "RFC 4475 section 3.3.1", Fault(400), request(&[("To: <sip:nobody@example.com>\r\n", "")])),
        own("two Call-IDs, one compact", "RFC 4475 section 3.3.8", Fault(400), lines("i: torture\r\n")),
        own("two CSeqs alike", "RFC 4475 section 3.3.8", Fault(400), lines("CSeq: 1 OPTIONS\r\n")),
        own(
            "a Call-ID with a blank",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("Call-ID: torture", "Call-ID: tor ture")]),
        ),
        own("an empty Call-ID", "RFC 3261 section 25.1", Fault(400), request(&[("Call-ID: torture", "Call-ID:")])),
        own("CSeq of 2^31", "RFC 3261 section 8.1.1.5", Fault(400), request(&[("CSeq: 1 ", "CSeq: 2147483648 ")])),
        own(
            "CSeq of 2^64",
            "RFC 4475 section 3.1.2.4",
            Fault(400),
            request(&[("CSeq: 1 ", "CSeq: 18446744073709551616 ")]),
        ),
        own("CSeq below zero", "RFC 3261 section 25.1", Fault(400), request(&[("CSeq: 1 ", "CSeq: -1 ")])),
        own("CSeq of another method", "RFC 4475 section 3.1.2.17", Fault(400), request(&[("1 OPTIONS", "1 INVITE")])),
        own(
            "CSeq of the method in another case",
            "RFC 3261 section 7.1",
            Fault(400),
            request(&[("1 OPTIONS", "1 options")]),
        ),
        own(
            "From with an open quote",
            "RFC 4475 section 3.1.2.6",
            Fault(400),
            request(&[("\"Torturer\"", "\"Torturer")]),
        ),
        own(
            "From with an open bracket",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[("torturer@example.com>", "torturer@example.com")]),
        ),
        own(
            "From with a comma outside quotes",
            "RFC 4475 section 3.1.2.15",
            Fault(400),
            request(&[("\"Torturer\"", "Torturer, The")]),
        ),
        own(
            "From with a parameter without a name",
            "RFC 3261 section 25.1",
            Fault(400),
            request(&[(";tag=t0", ";=t0")]),
        ),
        own(
            "a Contact of all and one more",
            "RFC 3261 section 20.10",
            Fault(400),
            lines("Contact: *\r\nContact: <sip:a@b>\r\n"),
        ),
        own(
            "a Contact of semicolons",
            "RFC 4475 section 3.1.2.1",
            Fault(400),
            lines("Contact: \"Joe\" <sip:joe@example.org>;;;;\r\n"),
        ),
        own("a Route that is no address", "RFC 3261 section 20.34", Fault(400), lines("Route: <sip:a@b>, x y z\r\n")),
        own("a Via below the topmost that is none", "RFC 3261 section 20.42", Fault(400), lines("Via: nonsense\r\n")),
        own("Max-Forwards past 255", "RFC 3261 section 20.22", Fault(400), request(&[("70", "256")])),
        own("Max-Forwards below zero", "RFC 3261 section 20.22", Fault(400), request(&[("70", "-1")])),
        own("Expires in words", "RFC 3261 section 20.19", Fault(400), lines("Expires: soon\r\n")),
        own(
            "a Content-Type without a subtype",
            "RFC 3261 section 20.15",
            Fault(400),
            lines("Content-Type: application\r\n"),
        ),
        // Nobody can be told.
        lost("no Via", "RFC 3261 section 18.2.2", Fault(400), request(&[(VIA, "")])),
        lost(
            "a Via of semicolons",
            "RFC 4475 section 3.1.2.1",
            Fault(400),
            request(&[(VIA, "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n")]),
        ),
        lost("a response below 100", "RFC 3261 section 7.2", Drop, response(&[("200", "099")])),
        lost("a response past 699", "RFC 4475 section 3.1.2.19", Drop, response(&[("200", "4294967301")])),
        lost(
            "a response of another version",
            "RFC 3261 section 7.1",
            Drop,
            response(&[("SIP/2.0 200", "SIP/3.0 200")]),
        ),
        lost(
            "a response with an unreadable CSeq",
            "RFC 4475 section 3.1.2.5",
            Drop,
            response(&[("CSeq: 1 ", "CSeq: 9292394834772304023312 ")]),
        ),
        lost("a response without CSeq", "RFC 3261 section 8.2.6.2", Drop, response(&[("CSeq: 1 OPTIONS\r\n", "")])),
        lost(
            "a response with unlike lengths",
            "RFC 3261 section 18.3",
            Drop,
            response(&[(LENGTH, "l: 0\r\nl: 1\r\n")]),
        ),
        lost("a response shorter than its length", "RFC 3261 section 18.3", Drop, response(&[(LENGTH, "l: 1\r\n")])),
        lost("HTTP", "RFC 3261 section 7.1", Drop, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_vec()),
        lost("STUN", "RFC 8489 section 5", Drop, b"\x00\x01\x00\x00\x21\x12\xa4\x42torturetortu".to_vec()),
        lost(
            "RTP",
            "RFC 3550 section 5.1",
            Drop,
            [b"\x80\x00\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78".as_slice(), &[0xFF; 160]].concat(),
        ),
        lost("a word", "RFC 3261 section 7.1", Drop, b"INVITE".to_vec()),
        lost("NULs", "RFC 3261 section 7.1", Drop, vec![0; 1_000]),
        lost("blanks", "RFC 3261 section 7.1", Drop, vec![b' '; 60_000]),
        lost("colons", "RFC 3261 section 7.1", Drop, b":\r\n".repeat(20_000)),
    ];
    all.push(own(
        "an ACK that is broken",
        "RFC 3261 section 17.1.1.3",
        Fault(400),
        request(&[("OPTIONS sip", "ACK sip"), ("1 OPTIONS", "1 INVITE")]),
    ));
    all
}
