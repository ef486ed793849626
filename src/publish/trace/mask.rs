//! Secrets in a SIP message, taken out before anything is written or sent on. Lengths stay, so that the message stays what it was.
//!
//! Masked are: answers to digest challenges (RFC 7616 section 3.4) and every other credential, passwords in URIs (RFC 3261 section 19.1.2), keys of
//! SDES (RFC 4568), passwords of ICE (RFC 8839), keys pressed (`Signal=` in INFO), and the bodies of MESSAGE unless they are wanted.

use signaling::message::{Header, Message, Method};
use std::ops::Range;

/// What stands in place of each octet.
pub(super) const MASK: u8 = b'*';

/// Masks `bytes`, which `message` was read from, starting at `message`'s own first octet.
pub(super) fn mask(message: &Message<'_>, bodies: bool) -> Vec<u8> {
    let bytes = message.as_bytes();
    let mut places = Places { base: bytes, found: Vec::new() };
    for (header, name, value) in message.fields() {
        if matches!(header, Header::Authorization | Header::ProxyAuthorization) {
            places.credentials(value);
        } else if is_answer(header, name) {
            // RFC 7615: the answer of the server, by which a password can be tried as well.
            places.parameters(value, &[b"rspauth".as_slice()]);
        } else {
            places.passwords(value);
        }
    }
    if let Some(uri) = message.request_uri() {
        places.passwords(uri);
    }
    let (body, method) = (message.body(), method(message));
    if method == Some(Method::Message) {
        if !bodies {
            places.whole(body);
        }
    } else if method == Some(Method::Info) {
        // `application/dtmf-relay` has lines, `application/dtmf` the key alone.
        let relayed = find(body, b"signal").is_some();
        if relayed {
            places.lines(body, &[b"signal=".as_slice(), b"signal ="]);
        } else {
            places.whole(body);
        }
    } else {
        places.lines(body, &[b"a=ice-pwd:".as_slice()]);
        places.keys(body);
    }
    let mut masked = bytes.to_vec();
    for place in places.found {
        if let Some(place) = masked.get_mut(place) {
            place.fill(MASK);
        }
    }
    masked
}

/// The method of the transaction that a message belongs to.
fn method<'m>(message: &Message<'m>) -> Option<Method<'m>> {
    message.method().or_else(|| message.cseq().ok().map(|cseq| cseq.method))
}

fn is_answer(header: Header, name: &[u8]) -> bool {
    header == Header::AuthenticationInfo || name.eq_ignore_ascii_case(b"Proxy-Authentication-Info")
}

/// Places within a message.
struct Places<'b> {
    base: &'b [u8],
    found: Vec<Range<usize>>,
}

impl Places<'_> {
    /// A part of the message that is to be masked as a whole.
    fn whole(&mut self, part: &[u8]) {
        if let Some(at) = offset(self.base, part) {
            self.found.push(at..at + part.len());
        }
    }

    /// Of digest credentials the answer; of others everything, because nothing is known of them.
    fn credentials(&mut self, value: &[u8]) {
        let scheme = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(scheme);
        if scheme.eq_ignore_ascii_case(b"Digest") {
            self.parameters(rest, &[b"response".as_slice()]);
        } else {
            self.whole(rest);
        }
    }

    /// The values of these parameters, quoted or not.
    fn parameters(&mut self, value: &[u8], names: &[&[u8]]) {
        for parameter in parameters(value) {
            let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { continue };
            let (name, rest) = parameter.split_at(equals);
            if names.iter().any(|wanted| name.trim_ascii().eq_ignore_ascii_case(wanted)) {
                let value = rest[1..].trim_ascii();
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                self.whole(value.strip_suffix(b"\"").unwrap_or(value));
            }
        }
    }

    /// `sip:user:PASSWORD@host`.
    fn passwords(&mut self, value: &[u8]) {
        let ends = |byte: &u8| matches!(byte, b'>' | b'<' | b'"' | b',' | b' ' | b'\t' | b'\r' | b'\n');
        for scheme in [b"sip:".as_slice(), b"sips:"] {
            let mut rest = value;
            while let Some(at) = find(rest, scheme) {
                rest = &rest[at + scheme.len()..];
                let uri = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
                let Some(at) = uri.iter().position(|byte| *byte == b'@') else { continue };
                if let Some(colon) = uri[..at].iter().position(|byte| *byte == b':') {
                    self.whole(&uri[colon + 1..at]);
                }
            }
        }
    }

    /// What follows one of these beginnings of a line.
    fn lines(&mut self, body: &[u8], beginnings: &[&[u8]]) {
        for line in body.split(|byte| matches!(byte, b'\r' | b'\n')) {
            for beginning in beginnings {
                if line.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning)) {
                    self.whole(&line[beginning.len()..]);
                }
            }
        }
    }

    /// `a=crypto:1 SUITE inline:KEY|LIFE|MKI;inline:KEY`, RFC 4568 section 9.2; also what is written otherwise than it should be.
    fn keys(&mut self, body: &[u8]) {
        let mut rest = body;
        let inline = b"inline:";
        while let Some(at) = find(rest, inline) {
            rest = &rest[at + inline.len()..];
            let ends = |byte: &u8| matches!(byte, b'|' | b';' | b' ' | b'\t' | b'\r' | b'\n');
            self.whole(&rest[..rest.iter().position(ends).unwrap_or(rest.len())]);
        }
    }
}

/// The comma separated parts of a header field's value; commas in quotes do not part.
fn parameters(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return true,
            _ => {}
        }
        false
    })
}

/// Where `part`, a slice of `base`, begins in it.
fn offset(base: &[u8], part: &[u8]) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(base.as_ptr() as usize)?;
    (at + part.len() <= base.len()).then_some(at)
}

/// Where `wanted` begins, whatever its case.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signaling::message::Index;

    fn masked(text: &str, bodies: bool) -> String {
        let mut index = Index::new();
        let message = index.parse(text.as_bytes()).unwrap();
        let masked = mask(&message, bodies);
        assert_eq!(masked.len(), text.len(), "lengths stay");
        String::from_utf8(masked).unwrap()
    }

    fn request(method: &str, more: &str, body: &str) -> String {
        format!(
            "{method} sip:1002:hunter2@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: \"sip:x\" <sip:1001:opensesame@pbx.test>;tag=a\r\n\
             To: <sip:1002@pbx.test>\r\nCall-ID: a@b\r\nCSeq: 1 {method}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn no_secret_of_a_message_is_left_and_all_else_is() {
        let digest = "Authorization: Digest username=\"a,response=x\", realm=\"pbx.test\", nonce=\"n0nce\", uri=\"sip:1002@pbx.test\",\r\n \
                      response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, cnonce=\"c\", nc=00000001\r\n\
                      Proxy-Authorization: dIgEsT Response = feedfacefeedfacefeedfacefeedface , realm=\"r\"\r\n\
                      Authorization: Bearer abc.def.ghi\r\nProxy-Authorization: Basic YWxhZGRpbg==\r\n\
                      Authentication-Info: rspauth=\"99999999\", nextnonce=\"next\"\r\n";
        let body = "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4;inline:QUFB\r\na=ice-pwd:verysecretpassword\r\na=ice-ufrag:open\r\n";
        let masked = masked(&request("INVITE", digest, body), false);
        for secret in [
            "0123456789abcdef",
            "feedface",
            "abc.def",
            "YWxhZGRpbg",
            "99999999",
            "WVNfX19z",
            "QUFB",
            "verysecret",
            "hunter2",
            "opensesame",
        ] {
            assert!(!masked.contains(secret), "{secret} in\n{masked}");
        }
        for kept in [
            "a,response=x",
            "n0nce",
            "nextnonce=\"next\"",
            "cnonce=\"c\"",
            "|2^20|1:4;inline:****",
            "a=ice-ufrag:open",
            "algorithm=MD5",
            "sip:1001:**********@pbx.test",
        ] {
            assert!(masked.contains(kept), "{kept} not in\n{masked}");
        }
    }

    #[test]
    fn what_people_write_and_the_keys_they_press_are_masked_by_default() {
        let text = request("MESSAGE", "Content-Type: text/plain\r\n", "the code is 4711");
        assert!(masked(&text, false).ends_with("\r\n\r\n****************"));
        assert!(masked(&text, true).ends_with("the code is 4711"));
        let info = request("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n");
        assert!(masked(&info, true).ends_with("Signal=*\r\nDuration=160\r\n"));
        let info = request("INFO", "Content-Type: application/dtmf\r\n", "5");
        assert!(masked(&info, true).ends_with("\r\n\r\n*"));
    }
}
