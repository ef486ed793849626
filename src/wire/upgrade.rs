//! The way from HTTP to a WebSocket: what a browser asks, and what it is answered. RFC 6455 section 4.2, RFC 7118 section 4.
//!
//! Bytes in, bytes out; it knows neither sockets nor SIP.

use std::fmt::Write as _;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Octets of a request's head; the cookies of an origin may fill most of it. One more and it is refused.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields of a request; one more and it is refused.
const FIELDS_MAX: usize = 64;

/// What is to be done with the bytes that came so far.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The head is not complete.
    More,
    /// Send this; what comes after the first `head` bytes is the WebSocket's.
    Accept {
        /// Length of the request's head.
        head: usize,
        /// The answer.
        answer: String,
    },
    /// Send this and close.
    Refuse {
        /// The answer.
        answer: String,
    },
}

/// Judges what came so far. With `origins` pages of other origins are refused; who names none is no browser and may come.
pub(super) fn judge(bytes: &[u8], origins: &[String]) -> Step {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => match answer(&request, origins) {
            Ok(answer) => Step::Accept { head, answer },
            Err(answer) => Step::Refuse { answer },
        },
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => Step::More,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => Step::Refuse {
            answer: refusal("431 Request Header Fields Too Large", "", "The head of the request is too long."),
        },
        Err(_) => Step::Refuse { answer: refusal("400 Bad Request", "", "This is no request of HTTP.") },
    }
}

/// RFC 6455 section 4.2.2; the refusal if section 4.2.1 is not met.
fn answer(request: &httparse::Request<'_, '_>, origins: &[String]) -> Result<String, String> {
    let bad = |why| refusal("400 Bad Request", "", why);
    if request.method != Some("GET") {
        return Err(refusal("405 Method Not Allowed", "Allow: GET\r\n", "A WebSocket begins with GET."));
    }
    if !lists(request, "Upgrade", "websocket") {
        // Whoever opens the address in a browser, for instance to look at the certificate.
        let more = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
        return Err(refusal("426 Upgrade Required", more, "This address speaks SIP over WebSocket (RFC 7118)."));
    }
    // RFC 6455 section 4.4.
    if value(request, "Sec-WebSocket-Version") != Some("13") {
        let more = "Sec-WebSocket-Version: 13\r\n";
        return Err(refusal("426 Upgrade Required", more, "Only version 13 of WebSocket is spoken here."));
    }
    if request.version != Some(1) || !lists(request, "Connection", "upgrade") || value(request, "Host").is_none() {
        return Err(bad("A WebSocket begins with HTTP/1.1, Host and Connection: Upgrade."));
    }
    // RFC 6455 section 4.2.1: 16 bytes in base64.
    let key = value(request, "Sec-WebSocket-Key").filter(|key| key.len() == 24 && key.ends_with("=="));
    let Some(key) = key else { return Err(bad("Sec-WebSocket-Key is missing or malformed.")) };
    // RFC 7118 section 4.1: the client names `sip`.
    if !lists(request, "Sec-WebSocket-Protocol", "sip") {
        return Err(bad("The protocol `sip` is not among those offered (RFC 7118 section 4.1)."));
    }
    if let Some(origin) = value(request, "Origin")
        && !origins.is_empty()
        && !origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return Err(refusal("403 Forbidden", "", "Pages of this origin are not served (server.sip.origins)."));
    }
    let accept = derive_accept_key(key.as_bytes());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: sip\r\n\r\n"
    ))
}

fn refusal(status: &str, more: &str, why: &str) -> String {
    let mut answer = String::with_capacity(256);
    // Memory takes everything; the result says nothing.
    let _ = write!(
        answer,
        "HTTP/1.1 {status}\r\n{more}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}\n",
        why.len() + 1
    );
    answer
}

/// The value of a field that stands there once.
fn value<'a>(request: &httparse::Request<'_, 'a>, name: &str) -> Option<&'a str> {
    let mut values = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let value = core::str::from_utf8(values.next()?.value).ok()?.trim();
    values.next().is_none().then_some(value)
}

/// Whether a list, in one field or several, holds the word.
fn lists(request: &httparse::Request<'_, '_>, name: &str, word: &str) -> bool {
    let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let values = fields.filter_map(|field| core::str::from_utf8(field.value).ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of RFC 7118 section 4.2, with the key of RFC 6455 section 1.3.
    const ASKED: &str = "GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://www.example.com\r\nSec-WebSocket-Protocol: xmpp, sip\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn status(asked: &str, origins: &[String]) -> String {
        match judge(asked.as_bytes(), origins) {
            Step::More => "more".to_owned(),
            Step::Accept { answer, .. } | Step::Refuse { answer } => {
                answer.split(' ').nth(1).unwrap_or_default().to_owned()
            }
        }
    }

    #[test]
    fn the_request_of_a_browser_is_accepted_with_the_protocol_sip() {
        let Step::Accept { head, answer } = judge(format!("{ASKED}rest").as_bytes(), &[]) else { panic!("refused") };
        assert_eq!(head, ASKED.len());
        assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
        assert!(answer.contains("\r\nSec-WebSocket-Protocol: sip\r\n"), "{answer}");
    }

    #[test]
    fn what_is_no_request_for_sip_is_refused_with_its_reason() {
        for (from, to, want) in [
            ("", "", "101"),
            ("GET / HTTP/1.1", "get / http/1.1", "400"),
            ("GET", "POST", "405"),
            ("HTTP/1.1", "HTTP/1.0", "400"),
            ("Upgrade: websocket", "Upgrade: h2c", "426"),
            ("Version: 13", "Version: 8", "426"),
            ("keep-alive, Upgrade", "close", "400"),
            ("Host: sip-ws.example.com\r\n", "", "400"),
            ("xmpp, sip", "xmpp", "400"),
            ("Sec-WebSocket-Protocol: xmpp, sip\r\n", "", "400"),
            (
                "Sec-WebSocket-Protocol: xmpp, sip\r\n",
                "Sec-WebSocket-Protocol: x\r\nsec-websocket-protocol: SIP\r\n",
                "101",
            ),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhl", "400"),
            ("\r\n\r\n", "\r\n", "more"),
        ] {
            assert_eq!(status(&ASKED.replacen(from, to, 1), &[]), want, "{from:?} → {to:?}");
        }
        assert_eq!(status(&ASKED.replace("Host", &("X: y\r\n".repeat(FIELDS_MAX) + "Host")), &[]), "431");
        assert_eq!(status(&format!("GET /{} ", "x".repeat(HEAD_BYTES_MAX)), &[]), "431");
    }

    #[test]
    fn pages_of_other_origins_are_refused_where_origins_are_named() {
        let allowed = ["https://desk.example.com".to_owned()];
        assert_eq!(status(ASKED, &allowed), "403");
        assert_eq!(status(&ASKED.replace("http://www.example.com", "https://DESK.example.com"), &allowed), "101");
        assert_eq!(status(&ASKED.replace("Origin: http://www.example.com\r\n", ""), &allowed), "101");
    }
}
