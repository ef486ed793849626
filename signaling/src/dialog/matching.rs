//! Whether a message belongs to a dialog, RFC 3261 section 12.2.2.

use super::{Dialog, text};
use crate::message::Message;

/// Our tag and the peer's: what tells the dialogs of one INVITE apart.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Tags {
    local: Box<str>,
    remote: Box<str>,
}

impl Tags {
    pub(super) fn new(local: &str, remote: &str) -> Self {
        Self { local: local.into(), remote: remote.into() }
    }

    /// Before all tags of dialogs with this one of ours.
    pub(crate) fn least(local: &str) -> Self {
        Self::new(local, "")
    }

    /// Ours.
    pub(crate) const fn local(&self) -> &str {
        &self.local
    }

    /// As a request from the peer bears them. A peer of RFC 2543 has an empty one.
    #[must_use]
    pub fn of_request(request: &Message<'_>) -> Option<Self> {
        let (from, to) = (request.from().ok()?, request.to().ok()?);
        Some(Self::new(text(to.tag()?), text(from.tag().unwrap_or_default())))
    }

    /// As a response to a request of ours bears them.
    #[must_use]
    pub fn of_response(response: &Message<'_>) -> Option<Self> {
        let (from, to) = (response.from().ok()?, response.to().ok()?);
        Some(Self::new(text(from.tag()?), text(to.tag().unwrap_or_default())))
    }
}

impl Dialog {
    /// Whether a request belongs here: Call-ID, our tag in To, the peer's in From. Missing tags are equal to missing tags only
    /// (section 12.1.1: peers of RFC 2543).
    #[must_use]
    pub fn owns_request(&self, request: &Message<'_>) -> bool {
        let (Ok(from), Ok(to), Ok(call_id)) = (request.from(), request.to(), request.call_id()) else { return false };
        call_id == self.call_id.as_bytes()
            && to.tag() == Some(self.local_tag.as_bytes())
            && from.tag() == self.remote_tag.as_deref().map(str::as_bytes)
    }

    /// Whether a response to a request of ours comes from this dialog's peer, and not from another branch of the same INVITE.
    #[must_use]
    pub fn owns_response(&self, response: &Message<'_>) -> bool {
        let (Ok(from), Ok(to), Ok(call_id)) = (response.from(), response.to(), response.call_id()) else {
            return false;
        };
        call_id == self.call_id.as_bytes()
            && from.tag() == Some(self.local_tag.as_bytes())
            && to.tag() == self.remote_tag.as_deref().map(str::as_bytes)
    }
}
