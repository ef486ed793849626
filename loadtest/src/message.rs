//! SIP messages as a phone writes and reads them, through the `rsip` crate.
//!
//! Headers are used as text: what a phone needs of them is the branch, a tag, a user part, and to give them back unchanged.

use anyhow::{Context as _, Result};
use core::net::SocketAddr;
use rsip::{Header, Headers, Method, Request, Response, SipMessage, StatusCode, Uri, Version};

/// Every branch we make starts with this and ends with the transaction's number in hex. RFC 3261 section 8.1.1.7.
const BRANCH: &str = "z9hG4bKlt";

/// A request to be written.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Method.
    pub method: Method,
    /// Request-URI.
    pub uri: &'a Uri,
    /// The phone's own socket.
    pub local: SocketAddr,
    /// Transaction number, becomes the branch.
    pub transaction: u64,
    /// From, with tag.
    pub from: &'a str,
    /// To, with tag inside a dialog.
    pub to: &'a str,
    /// Call-ID.
    pub call_id: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// CSeq method where it differs from `method` (never, but for ACK it is ACK): kept with `method`.
    pub contact: Option<&'a str>,
    /// Authorization header value.
    pub authorization: Option<&'a str>,
    /// Further headers.
    pub extra: &'a [(&'a str, String)],
    /// Session description.
    pub sdp: Option<&'a str>,
}

/// The request as bytes.
#[must_use]
pub fn request(asked: &Asked<'_>) -> Vec<u8> {
    let mut headers = vec![
        Header::Via(format!("SIP/2.0/UDP {};rport;branch={BRANCH}{:x}", asked.local, asked.transaction).into()),
        Header::MaxForwards("70".into()),
        Header::From(asked.from.into()),
        Header::To(asked.to.into()),
        Header::CallId(asked.call_id.into()),
        Header::CSeq(format!("{} {}", asked.cseq, asked.method).into()),
    ];
    if let Some(contact) = asked.contact {
        headers.push(Header::Contact(contact.into()));
    }
    if let Some(authorization) = asked.authorization {
        headers.push(Header::Authorization(authorization.into()));
    }
    headers.extend(asked.extra.iter().map(|(name, value)| Header::Other((*name).to_owned(), value.clone())));
    headers.push(Header::UserAgent(concat!("ironbell-loadtest/", env!("CARGO_PKG_VERSION")).into()));
    push_body(&mut headers, asked.sdp);
    Request {
        method: asked.method,
        uri: asked.uri.clone(),
        version: Version::V2,
        headers: headers.into(),
        body: asked.sdp.unwrap_or_default().as_bytes().to_vec(),
    }
    .into()
}

/// An answer to `request` as bytes. `to_tag` is added where To has none.
#[must_use]
pub fn answer(request: &Request, status: u16, to_tag: &str, contact: Option<&str>, sdp: Option<&str>) -> Vec<u8> {
    // RFC 3261 section 8.2.6.2: Via, From, To, Call-ID and CSeq of the request, in order
    let mut headers = Vec::with_capacity(12);
    for header in request.headers.iter() {
        if matches!(
            header,
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) | Header::RecordRoute(_)
        ) {
            headers.push(header.clone());
        } else if let Header::To(to) = header {
            let text = to.to_string();
            let value = text.split_once(':').map_or("", |(_, value)| value.trim());
            headers.push(if value.contains(";tag=") || status == 100 {
                header.clone()
            } else {
                Header::To(format!("{value};tag={to_tag}").into())
            });
        }
    }
    if let Some(contact) = contact {
        headers.push(Header::Contact(contact.into()));
    }
    push_body(&mut headers, sdp);
    Response {
        status_code: StatusCode::from(status),
        version: Version::V2,
        headers: headers.into(),
        body: sdp.unwrap_or_default().as_bytes().to_vec(),
    }
    .into()
}

fn push_body(headers: &mut Vec<Header>, sdp: Option<&str>) {
    if sdp.is_some() {
        headers.push(Header::ContentType("application/sdp".into()));
    }
    headers.push(Header::ContentLength(sdp.map_or(0, str::len).to_string().into()));
}

/// Reads a datagram.
///
/// # Errors
/// When `rsip` cannot read it.
pub fn read(datagram: &[u8]) -> Result<SipMessage> {
    SipMessage::try_from(datagram).map_err(|fault| anyhow::anyhow!("unreadable message: {fault}"))
}

/// The first header `wanted` knows, as text without its name.
pub fn header<'h>(headers: &'h Headers, wanted: impl Fn(&'h Header) -> Option<&'h str>) -> Option<&'h str> {
    headers.iter().find_map(wanted)
}

/// The number of our transaction from the top Via, if the branch is ours.
#[must_use]
pub fn transaction_of(headers: &Headers) -> Option<u64> {
    let via = header(headers, |h| if let Header::Via(v) = h { Some(v.value()) } else { None })?;
    let (_, after) = via.split_once(BRANCH)?;
    let end = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len());
    u64::from_str_radix(&after[..end], 16).ok()
}

/// Call-ID.
#[must_use]
pub fn call_id(headers: &Headers) -> Option<&str> {
    header(headers, |h| if let Header::CallId(v) = h { Some(v.value()) } else { None })
}

/// CSeq number.
#[must_use]
pub fn cseq(headers: &Headers) -> Option<u32> {
    let text = header(headers, |h| if let Header::CSeq(v) = h { Some(v.value()) } else { None })?;
    text.split_whitespace().next()?.parse().ok()
}

/// To, whole.
#[must_use]
pub fn to(headers: &Headers) -> Option<&str> {
    header(headers, |h| if let Header::To(v) = h { Some(v.value()) } else { None })
}

/// From, whole.
#[must_use]
pub fn from(headers: &Headers) -> Option<&str> {
    header(headers, |h| if let Header::From(v) = h { Some(v.value()) } else { None })
}

/// The URI of the first Contact.
///
/// # Errors
/// When there is none or it cannot be read.
pub fn contact(headers: &Headers) -> Result<Uri> {
    let text =
        header(headers, |h| if let Header::Contact(v) = h { Some(v.value()) } else { None }).context("no Contact")?;
    let uri = match text.split_once('<') {
        Some((_, rest)) => rest.split_once('>').context("Contact without >")?.0,
        None => text.split_once(';').map_or(text, |(uri, _)| uri),
    };
    Uri::try_from(uri.trim()).map_err(|fault| anyhow::anyhow!("unreadable Contact {uri}: {fault}"))
}

/// The user part of a name-addr or addr-spec.
#[must_use]
pub fn user_of(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("sip:")?;
    after.split_once('@').map(|(user, _)| user)
}

/// The challenges of a 401, in the order offered.
pub fn challenges(headers: &Headers) -> impl Iterator<Item = &str> {
    headers.iter().filter_map(|h| if let Header::WwwAuthenticate(v) = h { Some(v.value()) } else { None })
}

/// Trait in scope for `value()`.
use rsip::prelude::UntypedHeader as _;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let uri = Uri::try_from("sip:1001@pbx.test").expect("a URI");
        let bytes = request(&Asked {
            method: Method::Invite,
            uri: &uri,
            local: "127.0.0.1:7000".parse().expect("an address"),
            transaction: 0xab,
            from: "<sip:1000@pbx.test>;tag=f",
            to: "<sip:1001@pbx.test>",
            call_id: "c1",
            cseq: 3,
            contact: Some("<sip:p0@127.0.0.1:7000>"),
            authorization: None,
            extra: &[],
            sdp: Some("v=0\r\n"),
        });
        let SipMessage::Request(read_back) = read(&bytes).expect("readable") else { panic!("a request") };
        assert_eq!(transaction_of(&read_back.headers), Some(0xab));
        assert_eq!(call_id(&read_back.headers), Some("c1"));
        assert_eq!(cseq(&read_back.headers), Some(3));
        assert_eq!(user_of(from(&read_back.headers).expect("From")), Some("1000"));
        assert_eq!(contact(&read_back.headers).expect("Contact").user(), Some("p0"));

        let bytes = answer(&read_back, 200, "t", Some("<sip:p1@127.0.0.1:7000>"), None);
        let SipMessage::Response(reply) = read(&bytes).expect("readable") else { panic!("a response") };
        assert_eq!(to(&reply.headers), Some("<sip:1001@pbx.test>;tag=t"));
        assert_eq!(u16::from(reply.status_code), 200);
    }
}
