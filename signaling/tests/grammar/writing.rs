//! What is written is one message and can be read again.

use signaling::message::{Framed, Header, Index, Method, Writer, frame, reason};

#[test]
fn requests_and_responses_are_written_and_read() {
    let mut writer = Writer::request(Method::Invite, "sip:a@example.com");
    writer
        .header(Header::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
        .header(Header::From, "<sip:b@example.com>;tag=1");
    writer.header(Header::To, "<sip:a@example.com>").header("Call-ID", "c").line(b"i-am-unknown", b"\xff\0");
    writer.header(Header::CSeq, "1 INVITE");
    let bytes = writer.finish(Some(("application/sdp", b"v=0\r\n")));
    let mut index = Index::new();
    let message = index.parse(&bytes).expect("a request");
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.body(), b"v=0\r\n");
    assert_eq!(message.header(Header::ContentLength), Some(&b"5"[..]));
    assert_eq!(message.named("I-Am-Unknown").next(), Some(&b"\xff\0"[..]));
    assert_eq!(frame(&bytes), Framed::Message(bytes.len()));

    let mut writer = Writer::response(486, reason(486));
    for (header, name, value) in message.fields() {
        if matches!(header, Header::Via | Header::From | Header::To | Header::CallId | Header::CSeq) {
            writer.line(name, value);
        }
    }
    let bytes = writer.finish(None);
    let mut index = Index::new();
    let message = index.parse(&bytes).expect("a response");
    assert_eq!((message.check(), message.status(), message.body()), (Ok(()), Some(486), &b""[..]));
}

#[test]
fn nothing_passed_in_can_end_its_line() {
    let mut writer = Writer::request(Method::Other(b"BAD METHOD\r\nX: y"), "sip:a@b SIP/2.0\r\nX: y");
    writer.header("Subject", "x\r\nX: y\r\n\r\nbody").header("X\r\nX", "y").header("X: y", "z").header("", "x");
    writer.header(Header::Other, "x").header("content-length", "99").line(b"l", b"99");
    let bytes = writer.finish(Some(("a/b\r\nX: y", b"")));
    let mut index = Index::new();
    let message = index.parse(&bytes).expect("a request");
    assert_eq!(message.method().map(|method| method.as_bytes()), Some(&b"BADMETHODXy"[..]));
    assert_eq!(message.request_uri(), Some(&b"sip:a@b%20SIP/2.0%0D%0AX:%20y"[..]));
    let names: Vec<_> = message.lines().map(|(name, _)| name).collect();
    assert_eq!(names, [&b"Subject"[..], b"Content-Type", b"Content-Length"]);
    assert_eq!(message.header(Header::ContentLength), Some(&b"0"[..]));
    let bytes = Writer::response(42, "x\r\nX: y").finish(None);
    assert_eq!(bytes, &b"SIP/2.0 100 x  X: y\r\nContent-Length: 0\r\n\r\n"[..]);
    assert!(Writer::response(9999, "").finish(None).starts_with(b"SIP/2.0 699 \r\n"));
}

#[test]
fn reasons_fit_their_class() {
    assert_eq!(reason(404), "Not Found");
    // RFC 3261 section 8.1.3.2.
    assert_eq!(reason(499), reason(400));
    assert_eq!(reason(599), reason(500));
    assert_eq!(reason(299), reason(200));
}
