//! One binding: what a REGISTER says about a contact, and how it is kept.

use crate::{
    flow::{Flow, ListenerId, Transport},
    input::StoredBinding,
    message::{Message, NameAddr},
    settings::Nat,
};
use contract::Instant;
use core::time::Duration;

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
    /// The flow it was registered by. A stream's connection is `None` after a restart, and when it is gone.
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

    /// As it was before a restart. Streams did not survive it.
    pub(super) fn restored(stored: StoredBinding, now: Instant) -> (String, Self) {
        let flow = Flow {
            listener: ListenerId(stored.listener),
            remote: stored.source,
            connection: None,
            transport: stored.transport,
        };
        let binding = Self {
            contact: stored.contact,
            q_milli: stored.q_milli,
            path: stored.path,
            call_id: stored.call_id,
            cseq: stored.cseq,
            user_agent: stored.user_agent,
            flow,
            behind_nat: stored.behind_nat,
            expires_at: now + stored.expires_in,
            registered_at: now,
        };
        (stored.number, binding)
    }

    /// Whether a request can be sent to it: a phone behind a NAT that came by a stream is out of reach without that stream.
    #[must_use]
    pub const fn is_reachable(&self) -> bool {
        match self.flow.transport {
            Transport::Udp => true,
            Transport::Tcp => !self.behind_nat || self.flow.connection.is_some(),
            Transport::Tls | Transport::Ws | Transport::Wss => self.flow.connection.is_some(),
        }
    }

    /// Whether it ends with the connection it was registered by. RFC 7118 section 5.4: a browser's contact leads nowhere else, nor does that of
    /// a phone which came by TLS (RFC 3261 section 26.3.2.1).
    #[must_use]
    pub const fn ends_with_its_connection(&self) -> bool {
        !self.flow.transport.can_be_opened()
    }

    /// The Contact value of a 200: address, preference if it is not the usual one, time left (RFC 3261 section 10.3 step 8) to the
    /// nearest second, so that the milliseconds a write to the store takes do not show.
    pub(super) fn header(&self, now: Instant) -> String {
        let seconds = (self.expires_at.since(now) + Duration::from_millis(500)).as_secs();
        let contact = &self.contact;
        match self.q_milli {
            1000 => format!("<{contact}>;expires={seconds}"),
            q => {
                let digits = format!("{q:03}");
                let digits = digits.trim_end_matches('0');
                let q = if digits.is_empty() { "0".to_owned() } else { format!("0.{digits}") };
                format!("<{contact}>;q={q};expires={seconds}")
            }
        }
    }
}

/// Whether the account's requests must go back the way the registration came (SIP-10): because it says so, or because Via or Contact name another
/// address than the packets come from. A contact by name counts as another one: only its flow is known to lead there.
pub(super) fn is_behind_nat(nat: Nat, request: &Message<'_>, contact: &NameAddr<'_>, flow: Flow) -> bool {
    match nat {
        Nat::Yes => true,
        Nat::No => false,
        Nat::Auto => {
            let source = flow.remote.ip();
            let sent_by = request.top_via().ok().and_then(|via| via.host().ip());
            let contact = contact.uri.host().and_then(|host| host.ip());
            sent_by.is_some_and(|sent_by| sent_by != source) || contact != Some(source)
        }
    }
}
