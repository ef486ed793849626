//! The bytes of our requests.

use crate::message::{Header, Message, Method, Writer};
use bytes::Bytes;
use smallvec::SmallVec;

/// A request of ours; fields as in `transaction::OutRequest`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: Method<'a>,
    pub(crate) uri: &'a [u8],
    pub(crate) via: &'a [u8],
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) call_id: &'a [u8],
    pub(crate) cseq: u32,
    pub(crate) max_forwards: u8,
    pub(crate) routes: &'a [String],
    pub(crate) contact: Option<&'a str>,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<(&'a str, &'a [u8])>,
}

impl Asked<'_> {
    /// Writes it.
    pub(crate) fn write(&self) -> Bytes {
        let mut writer = Writer::request(self.method, self.uri);
        writer.header(Header::Via, self.via);
        let mut number = [0; 10];
        writer.header(Header::MaxForwards, decimal(self.max_forwards.into(), &mut number));
        for route in self.routes {
            writer.header(Header::Route, route);
        }
        writer.header(Header::From, self.from);
        writer.header(Header::To, self.to);
        writer.header(Header::CallId, self.call_id);
        writer.header(Header::CSeq, cseq(self.cseq, self.method));
        if let Some(contact) = self.contact {
            writer.header(Header::Contact, contact);
        }
        for (name, value) in self.headers {
            writer.header(*name, value);
        }
        writer.finish(self.body)
    }
}

/// The ACK for a 3xx to 6xx (RFC 3261 section 17.1.1.3) or the CANCEL (section 9.1) of an INVITE that we sent: its Request-URI, topmost Via, From,
/// Call-ID, CSeq number and Routes; To from the response for an ACK, from the INVITE for a CANCEL.
pub(crate) fn follow_up(invite: &Message<'_>, method: Method<'_>, to: &[u8]) -> Option<Bytes> {
    let mut writer = Writer::request(method, invite.request_uri()?);
    writer.header(Header::Via, invite.values(Header::Via).next()?);
    writer.header(Header::MaxForwards, b"70");
    for route in invite.headers(Header::Route) {
        writer.header(Header::Route, route);
    }
    writer.header(Header::From, invite.header(Header::From)?);
    writer.header(Header::To, to);
    writer.header(Header::CallId, invite.header(Header::CallId)?);
    writer.header(Header::CSeq, cseq(invite.cseq().ok()?.number, method));
    Some(writer.finish(None))
}

/// A request of ours with another topmost Via (RFC 3261 section 18.1.1: when it goes by another transport after all).
pub(crate) fn with_via(request: &Message<'_>, via: &[u8]) -> Option<Bytes> {
    rewritten(request, via, None)
}

/// A request of ours that leaves by another listener: with another topmost Via, and with Contact where that one listens (RFC 3261 section 8.1.1.8: where
/// further requests are wanted). `moved` has the end of our Contact's address at both.
pub(crate) fn moved_to(request: &Message<'_>, via: &[u8], moved: (&str, &str)) -> Option<Bytes> {
    rewritten(request, via, Some(moved))
}

fn rewritten(request: &Message<'_>, via: &[u8], moved: Option<(&str, &str)>) -> Option<Bytes> {
    let mut writer = Writer::request(request.method()?, request.request_uri()?);
    let mut top = true;
    for (header, name, value) in request.fields() {
        if header == Header::Via && core::mem::take(&mut top) {
            writer.header(Header::Via, via);
        } else if let Some((from, to)) = moved
            && header == Header::Contact
            && let Ok(contact) = core::str::from_utf8(value)
        {
            writer.header(Header::Contact, contact.replacen(&format!("{from}>"), &format!("{to}>"), 1));
        } else if header != Header::ContentType || request.body().is_empty() {
            // Content-Type of a body is written by the end of the message.
            writer.line(name, value);
        }
    }
    let content_type = request.header(Header::ContentType).and_then(|value| core::str::from_utf8(value).ok());
    Some(writer.finish(content_type.map(|content_type| (content_type, request.body()))))
}

/// `number method`.
fn cseq(number: u32, method: Method<'_>) -> SmallVec<[u8; 24]> {
    let mut digits = [0; 10];
    let mut value = SmallVec::from_slice(decimal(number, &mut digits));
    value.push(b' ');
    value.extend_from_slice(method.as_bytes());
    value
}

/// The digits of `number`.
pub(crate) fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Index;

    #[test]
    fn numbers_are_written_in_decimal() {
        let mut digits = [0; 10];
        for number in [0, 7, 10, 70, 255, 2_147_483_647, u32::MAX] {
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }

    #[test]
    fn another_via_leaves_everything_else_as_it_was() {
        let asked = Asked {
            method: Method::Invite,
            uri: b"sip:1002@192.0.2.9",
            via: b"SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK7;rport",
            from: b"<sip:1001@pbx.test>;tag=a",
            to: b"<sip:1002@pbx.test>",
            call_id: b"c",
            cseq: 3,
            max_forwards: 70,
            routes: &["<sip:192.0.2.8;lr>".to_owned()],
            contact: Some("<sip:x@192.0.2.1:5060>"),
            headers: &[("X-A", "1"), ("Subject", "a\r\nb")],
            body: Some(("application/sdp", b"v=0\r\n")),
        };
        let (mut one, mut two) = (Index::new(), Index::new());
        let bytes = asked.write();
        let udp = b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK7;rport";
        let again = with_via(&one.parse(&bytes).expect("ours"), udp).expect("a request");
        let wanted = String::from_utf8(bytes.to_vec()).expect("text").replace("/TCP", "/UDP");
        let (again, wanted) = (two.parse(&again).expect("ours"), one.parse(wanted.as_bytes()).expect("ours"));
        assert_eq!(again.check(), Ok(()));
        assert_eq!(again.body(), wanted.body());
        let lines = |message: &Message<'_>| {
            let mut lines = message.lines().map(|(name, value)| (name.to_vec(), value.to_vec())).collect::<Vec<_>>();
            lines.sort();
            lines
        };
        assert_eq!(lines(&again), lines(&wanted));
    }

    #[test]
    fn a_request_that_leaves_elsewhere_asks_to_be_answered_there() {
        let asked = |contact| Asked {
            method: Method::Register,
            uri: b"sip:carrier.test",
            via: b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK7;rport",
            from: b"<sip:a@carrier.test>;tag=a",
            to: b"<sip:a@carrier.test>",
            call_id: b"c",
            cseq: 1,
            max_forwards: 70,
            routes: &[],
            contact: Some(contact),
            headers: &[("X-A", "<sip:x@192.0.2.1:5060>")],
            body: None,
        };
        let mut index = Index::new();
        for (before, after) in [
            ("<sip:x@192.0.2.1:5060>", "<sip:x@192.0.2.1:5061;transport=tls>"),
            ("<sip:x@192.0.2.1:5060>;expires=0", "<sip:x@192.0.2.1:5061;transport=tls>;expires=0"),
            ("<sip:x@192.0.2.7:5060>", "<sip:x@192.0.2.7:5060>"),
        ] {
            let bytes = asked(before).write();
            let via = b"SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK7;rport";
            let ends = ("@192.0.2.1:5060", "@192.0.2.1:5061;transport=tls");
            let moved = moved_to(&index.parse(&bytes).expect("ours"), via, ends).expect("a request");
            let moved = index.parse(&moved).expect("ours");
            assert_eq!(moved.header(Header::Contact), Some(after.as_bytes()));
            assert_eq!(moved.header(Header::Via), Some(&via[..]));
            assert_eq!(moved.named("X-A").next(), Some(&b"<sip:x@192.0.2.1:5060>"[..]));
        }
    }

    #[test]
    fn a_follow_up_takes_its_fields_from_the_invite() {
        let invite = b"INVITE sip:b@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nRoute: <sip:r1;lr>, <sip:r2;lr>\r\n\
            From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:a@a>\r\nContent-Length: 0\r\n\r\n";
        let mut index = Index::new();
        let ack = follow_up(&index.parse(invite).expect("SIP"), Method::Ack, b"<sip:b@x>;tag=2").expect("an ACK");
        let want = "ACK sip:b@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nRoute: <sip:r1;lr>, <sip:r2;lr>\r\n\
            From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(core::str::from_utf8(&ack), Ok(want));
    }
}
