//! What makes us refuse a request before we know who sent it: RFC 3261 sections 8.2.1 to 8.2.3.

use crate::{
    call::{ALLOW, PRODUCT, SDP},
    message::{Header, Message, Method},
    transaction::Answer,
};

/// A refusal, with the header field that tells what would be right.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) header: Option<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn plain(status: u16) -> Self {
        Self { status, header: None }
    }
}

/// Judges method, Require and body.
pub(super) fn check(request: &Message<'_>, method: Method<'_>) -> Result<(), Refusal> {
    let with =
        |status: u16, name: &'static str, value: &str| Err(Refusal { status, header: Some((name, value.to_owned())) });
    match method {
        // RFC 3261 section 8.2.1.
        Method::Notify => return with(405, "Allow", ALLOW),
        Method::Other(_) => return with(501, "Allow", ALLOW),
        Method::Register
        | Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Update
        | Method::Prack
        | Method::Refer
        | Method::Info
        | Method::Subscribe
        | Method::Publish
        | Method::Message => {}
    }
    // RFC 3911: nobody joins two calls by a header of an INVITE.
    if method == Method::Invite && request.header(Header::Join).is_some() {
        return Err(Refusal::plain(501));
    }
    // RFC 3261 section 8.2.2.3.
    let known = |tag: &[u8]| known(method).iter().any(|known| tag.eq_ignore_ascii_case(known.as_bytes()));
    let unknown: Vec<String> = request
        .values(Header::Require)
        .filter(|tag| !tag.is_empty() && !known(tag))
        .map(|tag| String::from_utf8_lossy(tag).into_owned())
        .collect();
    if !unknown.is_empty() {
        return with(420, "Unsupported", &unknown.join(", "));
    }
    if matches!(method, Method::Invite | Method::Update | Method::Prack) && !request.body().is_empty() {
        if !is_sdp(request) && !is_optional(request) {
            // RFC 3261 section 8.2.3.
            return with(415, "Accept", SDP);
        }
        if request.values(Header::ContentEncoding).any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return with(415, "Accept-Encoding", "identity");
        }
        if request.body().len() > crate::limits::SDP_BYTES_MAX {
            return Err(Refusal::plain(413));
        }
    }
    // RFC 3261 section 21.4.7: an answer in a form that the sender does not take would be of no use.
    if method == Method::Invite
        && request.header(Header::Accept).is_some()
        && !request.values(Header::Accept).any(takes_sdp)
    {
        return Err(Refusal::plain(406));
    }
    Ok(())
}

/// The option tags that a request of this method may require.
const fn known(method: Method<'_>) -> &'static [&'static str] {
    match method {
        Method::Register => &["path"],
        // RFC 3262, RFC 4028, RFC 3891.
        Method::Invite => &["100rel", "timer", "replaces"],
        Method::Update => &["timer"],
        // RFC 4488.
        Method::Refer => &["norefersub"],
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Prack
        | Method::Info
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Message
        | Method::Other(_) => &[],
    }
}

/// Whether a range of Accept holds our media type.
fn takes_sdp(range: &[u8]) -> bool {
    let range = range.split(|byte| *byte == b';').next().unwrap_or_default();
    let range = crate::message::trim(range);
    [&b"*/*"[..], b"application/*", b"application/sdp"].iter().any(|ours| range.eq_ignore_ascii_case(ours))
}

/// Whether the body is a session description. Without Content-Type it is taken for one.
pub(super) fn is_sdp(request: &Message<'_>) -> bool {
    match request.content_type() {
        Ok(Some(kind)) => kind.main.eq_ignore_ascii_case(b"application") && kind.sub.eq_ignore_ascii_case(b"sdp"),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// RFC 3261 section 20.11: a body that may be ignored.
fn is_optional(request: &Message<'_>) -> bool {
    let disposition = request.header(Header::ContentDisposition).unwrap_or_default();
    disposition.to_ascii_lowercase().windows(17).any(|part| part == b"handling=optional")
}

/// The answer for a refusal.
pub(super) fn answer<'a>(refusal: &'a Refusal, headers: &'a mut Vec<(&'a str, &'a str)>) -> Answer<'a> {
    headers.push(("Server", PRODUCT));
    if let Some((name, value)) = &refusal.header {
        headers.push((name, value));
    }
    Answer { headers, once: true, ..Answer::new(refusal.status) }
}
