//! Which transaction a request belongs to: RFC 3261 section 17.2.3, as one number.
//!
//! Keys are hashes under a secret, 64 bits wide, so that a transaction keeps 8 bytes instead of the header fields they were made of. With 400,000
//! transactions one wrong match is expected in 10^13 messages, and nobody who does not know the secret can bring one about.

use crate::message::{CSeq, Header, Host, Message, Method, Via};
use core::{hash::Hasher as _, net::IpAddr};
use std::{collections::BTreeMap, hash::DefaultHasher};

/// A table by keys.
pub(super) type ByKey<T> = BTreeMap<u64, T>;

/// The fields that tell one request from another, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks<'a> {
    uri: &'a [u8],
    via_value: &'a [u8],
    via: Via<'a>,
    from_tag: Option<&'a [u8]>,
    pub(super) has_to_tag: bool,
    call_id: &'a [u8],
    cseq: CSeq<'a>,
}

impl<'a> Marks<'a> {
    /// Reads them; `None` when one of them cannot be read, which the general checks have ruled out.
    pub(super) fn read(request: &Message<'a>) -> Option<Self> {
        let via_value = request.values(Header::Via).next()?;
        Some(Self {
            uri: request.request_uri()?,
            via_value,
            via: Via::parse(via_value).ok()?,
            from_tag: request.from().ok()?.tag(),
            has_to_tag: request.to().ok()?.tag().is_some(),
            call_id: request.call_id().ok()?,
            cseq: request.cseq().ok()?,
        })
    }

    /// The topmost Via as written and as read.
    pub(super) const fn top(&self) -> (&'a [u8], Via<'a>) {
        (self.via_value, self.via)
    }
}

/// The secret under which keys, branches and tags are made.
pub(super) struct Keys {
    secret: [u8; 32],
}

/// What a hash is for, so that no two uses meet.
#[derive(Clone, Copy)]
enum Use {
    Branch = 1,
    Fields = 2,
    Merge = 3,
    Cookie = 4,
    Tag = 5,
}

impl Keys {
    pub(super) const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    fn begin(&self, purpose: Use) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        hasher.write_u8(purpose as u8);
        hasher
    }

    /// The key of the server transaction of a request, taken as one with `method`: that of the INVITE for its ACK and its CANCEL.
    pub(super) fn server(&self, marks: &Marks<'_>, method: Method<'_>) -> u64 {
        // RFC 3261 section 17.2.3: the branch, sent-by and the method, if the branch begins with the magic cookie. One that is only the cookie
        // names no transaction (RFC 4475 section 3.2).
        if let Some(branch) =
            marks.via.branch().filter(|branch| branch.len() > COOKIE.len() && branch.starts_with(COOKIE))
        {
            let mut hasher = self.begin(Use::Branch);
            part(&mut hasher, method.as_bytes());
            part(&mut hasher, branch);
            host(&mut hasher, &marks.via.host());
            hasher.write_u16(marks.via.port().unwrap_or(0));
            return hasher.finish();
        }
        // RFC 3261 section 17.2.3 for elements of RFC 2543: Request-URI, From tag, Call-ID, CSeq number, topmost Via. The To tag is left out: an
        // INVITE and its ACK differ in it by rule, and two requests that differ in it alone cannot have the same CSeq number.
        let mut hasher = self.begin(Use::Fields);
        part(&mut hasher, method.as_bytes());
        part(&mut hasher, marks.uri);
        part(&mut hasher, marks.from_tag.unwrap_or_default());
        part(&mut hasher, marks.call_id);
        hasher.write_u32(marks.cseq.number);
        part(&mut hasher, marks.via_value);
        hasher.finish()
    }

    /// What a merged request has in common with the first of its copies: From tag, Call-ID, CSeq (RFC 3261 section 8.2.2.2). 0: nothing, because
    /// it is within a dialog or its From has no tag.
    pub(super) fn merge(&self, marks: &Marks<'_>) -> u64 {
        let Some(from_tag) = marks.from_tag.filter(|_| !marks.has_to_tag) else { return 0 };
        let mut hasher = self.begin(Use::Merge);
        part(&mut hasher, from_tag);
        part(&mut hasher, marks.call_id);
        hasher.write_u32(marks.cseq.number);
        part(&mut hasher, marks.cseq.method.as_bytes());
        hasher.finish().max(1)
    }

    /// The part of a branch of ours that nobody can guess.
    pub(super) fn cookie(&self, name: u64) -> u64 {
        let mut hasher = self.begin(Use::Cookie);
        hasher.write_u64(name);
        hasher.finish()
    }

    /// A To tag for the transaction with this key.
    pub(super) fn tag_of(&self, key: u64) -> u64 {
        let mut hasher = self.begin(Use::Tag);
        hasher.write_u64(key);
        hasher.finish()
    }

    /// A To tag that is the same for every copy of a request (RFC 3261 section 8.2.7). Works for broken requests, too.
    pub(super) fn tag(&self, request: &Message<'_>) -> u64 {
        let mut hasher = self.begin(Use::Tag);
        for name in [Header::From, Header::CallId, Header::CSeq, Header::Via] {
            part(&mut hasher, request.header(name).unwrap_or_default());
        }
        hasher.finish()
    }
}

/// RFC 3261 section 8.1.1.7.
pub(super) const COOKIE: &[u8] = b"z9hG4bK";

/// Bytes with their length, so that two fields never run together.
fn part(hasher: &mut DefaultHasher, bytes: &[u8]) {
    hasher.write_usize(bytes.len());
    hasher.write(bytes);
}

fn host(hasher: &mut DefaultHasher, host: &Host<'_>) {
    match host {
        Host::Name(name) => {
            hasher.write_usize(name.len());
            name.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        }
        Host::Ip(IpAddr::V4(address)) => hasher.write(&address.octets()),
        Host::Ip(IpAddr::V6(address)) => hasher.write(&address.octets()),
    }
}
