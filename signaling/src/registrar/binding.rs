//! One binding.

use crate::{flow::Flow, input::StoredBinding};
use contract::Instant;

/// A contact of an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// The Contact URI, as registered.
    pub contact: String,
    /// Preference in thousandths, 0 to 1000.
    pub q_milli: u16,
    /// Path, outermost first (RFC 3327): the Route of requests to the contact.
    pub path: Vec<String>,
    /// Call-ID of the registration.
    pub call_id: String,
    /// CSeq of the registration.
    pub cseq: u32,
    /// The User-Agent header.
    pub user_agent: String,
    /// The flow it was registered by.
    pub flow: Flow,
    /// Requests go by `flow` instead of to the contact.
    pub behind_nat: bool,
    /// When it ends.
    pub expires_at: Instant,
    /// When it was last registered.
    pub registered_at: Instant,
}

impl Binding {
    /// As the store keeps it; `now` makes the time left.
    #[must_use]
    pub fn stored(&self, number: &str, now: Instant) -> StoredBinding {
        StoredBinding {
            number: number.to_owned(),
            contact: self.contact.clone(),
            q_milli: self.q_milli,
            path: self.path.clone(),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            user_agent: self.user_agent.clone(),
            transport: self.flow.transport,
            source: self.flow.remote,
            listener: self.flow.listener.0,
            behind_nat: self.behind_nat,
            expires_in: self.expires_at.since(now),
        }
    }
}
