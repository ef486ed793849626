//! SIP messages, their header fields, and framing against parsing.

use signaling::{
    auth::digest::{Challenge, Credentials},
    message::{
        Framed, Header, Index, Malformed, Message, NameAddr, Params, StartLine, Uri, Values, Via, Writer, equivalent,
        frame,
    },
};

/// Reads `bytes` in every way there is.
///
/// # Panics
/// If reading, writing and framing do not agree.
pub fn message(bytes: &[u8]) {
    let mut index = Index::new();
    if let Ok(message) = index.parse(bytes) {
        read(&message);
        if message.check().is_ok() {
            round_trip(&message);
        }
    }
    framing(bytes);
    values(bytes);
}

/// Every typed reader.
fn read(message: &Message<'_>) {
    _ = (message.top_via(), message.from(), message.to(), message.call_id(), message.cseq());
    _ = (
        message.max_forwards(),
        message.expires(),
        message.min_expires(),
        message.retry_after(),
        message.content_type(),
    );
    _ = (message.rseq(), message.rack(), message.session_expires(), message.min_se(), message.refer_to());
    _ = message.replaces();
    if let Ok(contacts) = message.contacts() {
        contacts.iter().for_each(|contact| _ = (contact.q_milli(), contact.expires()));
    }
    _ = format!("{message:?}");
    let mut lines = 0;
    for (header, name, value) in message.fields() {
        lines += 1;
        assert_eq!(Header::of(name), header);
        values(value);
        if header != Header::Other {
            assert!(message.header(header).is_some());
            assert_eq!(message.named(&String::from_utf8_lossy(name)).next().is_some(), name.is_ascii());
        }
    }
    assert_eq!(message.lines().count(), lines);
}

/// Writes a well-formed message anew: it must say the same, and writing it once more must change nothing.
fn round_trip(message: &Message<'_>) {
    let lines = message.lines().count();
    if lines >= 128 || message.as_bytes().len() > 30_000 {
        // With Content-Length and normal blanks it might pass a limit.
        return;
    }
    let first = rewrite(message);
    let mut index = Index::new();
    let again = index.parse(&first).expect("what we write begins like SIP");
    assert_eq!(again.check(), Ok(()), "{}", first.escape_ascii());
    match (message.start(), again.start()) {
        (
            StartLine::Request { method: one, uri: one_uri, .. },
            StartLine::Request { method: two, uri: two_uri, .. },
        ) => {
            assert_eq!((one, one_uri), (two, two_uri));
        }
        (one, two) => assert_eq!(one, two),
    }
    assert_eq!(message.body(), again.body());
    let unfolded = |value: &[u8]| -> Vec<u8> {
        value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
    };
    let others = |message: &Message<'_>| -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = message.fields().filter(|(header, ..)| *header != Header::ContentLength);
        all.map(|(_, name, value)| (name.to_vec(), unfolded(value))).collect()
    };
    assert_eq!(others(message), others(&again));
    assert_eq!(first, rewrite(&again));
    // What we write is whole in a stream.
    assert_eq!(frame(&first), Framed::Message(first.len()));
}

fn rewrite(message: &Message<'_>) -> Vec<u8> {
    let mut writer = match message.start() {
        StartLine::Request { method, uri, .. } => Writer::request(method, uri),
        StartLine::Response { status, reason } => Writer::response(status, reason),
    };
    for (name, value) in message.lines() {
        writer.line(name, value);
    }
    let mut bytes = writer.finish(None).to_vec();
    // The body follows as it was, whatever its type.
    let head = bytes.len() - b"Content-Length: 0\r\n\r\n".len();
    bytes.truncate(head);
    bytes.extend(format!("Content-Length: {}\r\n\r\n", message.body().len()).as_bytes());
    bytes.extend(message.body());
    bytes
}

/// What is framed is what is parsed, however the bytes arrive, whatever follows them.
fn framing(bytes: &[u8]) {
    let framed = frame(bytes);
    let step = (bytes.len() / 64).max(1);
    for end in (0..bytes.len()).step_by(step) {
        match (frame(&bytes[..end]), framed) {
            (Framed::Need, _) => {}
            (Framed::KeepAlive(some), Framed::KeepAlive(all)) => assert!(some <= all),
            (Framed::Message(early), Framed::Message(late)) => assert!(early == late && early <= end),
            (Framed::Fault { head: early, why: one }, Framed::Fault { head: late, why: two }) => {
                assert_eq!((early, one), (late, two))
            }
            (early, late) => panic!("{early:?} became {late:?} after {end}"),
        }
    }
    match framed {
        Framed::Need => {}
        Framed::KeepAlive(length) => {
            assert!(length % 2 == 0 && bytes[..length].chunks(2).all(|pair| pair == b"\r\n"));
        }
        Framed::Fault { head, .. } => assert!(head <= bytes.len()),
        Framed::Message(length) => {
            assert!(length <= bytes.len());
            let (mut whole, mut alone) = (Index::new(), Index::new());
            let parsed = (whole.parse(bytes), alone.parse(&bytes[..length]));
            let (Ok(whole), Ok(alone)) = parsed else {
                assert_eq!(parsed.0.err(), parsed.1.err());
                return;
            };
            assert_eq!((whole.body(), whole.fault(), whole.start()), (alone.body(), alone.fault(), alone.start()));
            assert!(bytes[..length].ends_with(alone.body()));
            assert!(!matches!(
                alone.fault(),
                Some(
                    Malformed::LineEnd
                        | Malformed::HeaderLine
                        | Malformed::HeadEnd
                        | Malformed::HeadTooLong
                        | Malformed::UnlikeLengths
                        | Malformed::BodyTruncated
                        | Malformed::Value(Header::ContentLength)
                )
            ));
        }
    }
}

/// Every reader of single values.
fn values(bytes: &[u8]) {
    assert!(Values::new(bytes).all(|value| !value.is_empty()));
    if let Ok(uri) = Uri::parse(bytes) {
        assert_eq!((uri.as_str().as_bytes(), Uri::parse(uri.as_bytes())), (bytes, Ok(uri)));
        assert!(equivalent(&uri, &uri));
        _ = (uri.user_decoded(), uri.param("lr"), uri.headers().count(), uri.without_params());
    }
    if let Ok(address) = NameAddr::parse(bytes) {
        _ = (address.display(), address.tag(), address.q_milli(), address.expires());
    }
    if let Ok(via) = Via::parse(bytes) {
        _ = (via.branch(), via.received(), via.rport());
    }
    if let Ok(params) = Params::parse(bytes) {
        assert_eq!(params.as_bytes(), bytes);
        _ = params.text("a");
    }
    if let Ok(Some(challenge)) = Challenge::parse(bytes) {
        let written = challenge.to_string();
        let plain = |text: &str| !text.contains(['\r', '\n']);
        if challenge.algorithm.is_some()
            && plain(&challenge.realm)
            && plain(&challenge.nonce)
            && challenge.opaque.iter().all(|text| plain(text))
        {
            assert_eq!(Challenge::parse(written.as_bytes()), Ok(Some(challenge)), "{written}");
        }
    }
    if let Ok(Some(credentials)) = Credentials::parse(bytes) {
        _ = credentials.prove(b"INVITE", "secret");
    }
}
