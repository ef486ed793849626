//! RFC 3261 section 18.3, RFC 5626 section 3.5.1: where messages end in a stream, and that parsing agrees.

use super::head::request;
use signaling::message::{Framed, Header, Index, Malformed, frame};

#[test]
fn fronts_of_streams() {
    let message = request("Content-Length: 4\r\n", "body");
    let length = message.len();
    let head = |lines: &str| (request(lines, ""), request(lines, "").len());
    let fault = |lines: &str, why| {
        let (text, head) = head(lines);
        (text, Framed::Fault { head, why })
    };
    let table: Vec<(String, Framed)> = vec![
        (String::new(), Framed::Need),
        ("\r".into(), Framed::Need),
        ("\r\n".into(), Framed::KeepAlive(2)),
        ("\r\n\r".into(), Framed::KeepAlive(2)),
        ("\r\n\r\n".into(), Framed::KeepAlive(4)),
        (format!("\r\n\r\n{message}"), Framed::KeepAlive(4)),
        (message.clone(), Framed::Message(length)),
        (format!("{message}{message}"), Framed::Message(length)),
        (format!("{message}trailing"), Framed::Message(length)),
        (message[..length - 1].into(), Framed::Need),
        (message[..length - 5].into(), Framed::Need),
        (request("l : 0\r\n", ""), Framed::Message(request("l : 0\r\n", "").len())),
        (
            request("CONTENT-LENGTH:\r\n\t2\r\n", "ab"),
            Framed::Message(request("CONTENT-LENGTH:\r\n\t2\r\n", "ab").len()),
        ),
        (
            request("l: 2\r\nContent-Length: 02\r\n", "ab"),
            Framed::Message(request("l: 2\r\nContent-Length: 02\r\n", "ab").len()),
        ),
        fault("", Malformed::LengthMissing),
        fault("Content-Length: 4\r\nl: 5\r\n", Malformed::UnlikeLengths),
        fault("Content-Length: 4, 4\r\n", Malformed::Value(Header::ContentLength)),
        fault("Content-Length: -999\r\n", Malformed::Value(Header::ContentLength)),
        fault("Content-Length: 0\r\nX: y\nContent-Length: 4\r\n", Malformed::LineEnd),
        fault("Content-Length: 0\r\nX: y\rContent-Length: 4\r\n", Malformed::LineEnd),
        fault("Content-Length: 0\r\nContent-Length\r\n : 4\r\n", Malformed::HeaderLine),
        fault("Content-Length: 0\r\nContent Length: 4\r\n", Malformed::HeaderLine),
        fault("Content-Length: 65535\r\n", Malformed::Oversize),
        fault("Content-Length: 18446744073709551615\r\n", Malformed::Oversize),
        // A fold that looks like a header field is none.
        (
            request("Content-Length: 0\r\nX: y\r\n Content-Length: 4\r\n", ""),
            Framed::Message(head("Content-Length: 0\r\nX: y\r\n Content-Length: 4\r\n").1),
        ),
    ];
    for (buffer, expected) in table {
        assert_eq!(frame(buffer.as_bytes()), expected, "{buffer:?}");
    }
}

#[test]
fn a_head_without_end_is_cut_at_the_limit() {
    let mut endless = request("", "").trim_end().to_owned() + "\r\nX: ";
    endless.push_str(&"y".repeat(32_767 - endless.len()));
    assert_eq!(frame(endless.as_bytes()), Framed::Need);
    endless.push('y');
    assert_eq!(frame(endless.as_bytes()), Framed::Fault { head: 32_768, why: Malformed::HeadTooLong });
}

/// At every split: more bytes are asked for until the message is whole, and what is framed is what is parsed.
#[test]
fn framing_and_parsing_agree_at_every_split() {
    let one = request("Content-Length : 4\r\nSubject: x\r\n  y\r\n", "a\r\n\r");
    let two = request("l:\r\n 0\r\n", "");
    let stream = format!("{one}\r\n\r\n{two}");
    for split in 0..=stream.len() {
        let mut buffer = Vec::new();
        let mut bodies = Vec::new();
        for piece in [&stream[..split], &stream[split..]] {
            buffer.extend(piece.as_bytes());
            loop {
                match frame(&buffer) {
                    Framed::Need => break,
                    Framed::KeepAlive(length) => drop(buffer.drain(..length)),
                    Framed::Message(length) => {
                        let message: Vec<u8> = buffer.drain(..length).collect();
                        let mut index = Index::new();
                        let parsed = index.parse(&message).expect("a request");
                        assert_eq!(parsed.fault(), None);
                        bodies.push(parsed.body().to_vec());
                    }
                    Framed::Fault { why, .. } => panic!("{why} at split {split}"),
                }
            }
        }
        assert!(buffer.is_empty());
        assert_eq!(bodies, [b"a\r\n\r".to_vec(), Vec::new()], "split {split}");
    }
}

#[test]
fn the_head_of_a_fault_is_enough_for_an_answer() {
    let text = request("Content-Length: 4\r\nContent-Length: 5\r\n", "abcde");
    let Framed::Fault { head, why } = frame(text.as_bytes()) else { panic!("a fault") };
    let mut index = Index::new();
    let message = index.parse(&text.as_bytes()[..head]).expect("a request");
    assert_eq!((message.fault(), message.body()), (Some(why), &b""[..]));
    assert!(message.top_via().is_ok() && message.cseq().is_ok());
}
