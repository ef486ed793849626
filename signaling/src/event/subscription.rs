//! One subscription: who watches what, in which dialog, and how much he knows.

use super::{
    Package, machine,
    state::{Sight, State, Telling, address},
};
use crate::{
    dialog::{Ask, Dialog},
    message::Method,
    settings::Visibility,
    transaction::{ClientId, NotSent, Turn},
    wheel::TimerId,
};
use contract::Instant;
use core::fmt;
use std::sync::Arc;

/// A subscription. Never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubscriptionId(pub(super) u64);

/// Why a subscription ends, RFC 6665 section 4.1.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It was not refreshed, or the watcher gave it up.
    Timeout,
    /// The watcher may not see it any more.
    Rejected,
    /// What it watched is gone.
    NoResource,
    /// It may subscribe again at once, and prove anew who it is.
    Deactivated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::NoResource => "noresource",
            Self::Deactivated => "deactivated",
        })
    }
}

/// What a subscription is made of.
#[derive(Debug)]
pub struct Opening {
    /// The account that watches.
    pub watcher: Box<str>,
    /// The account that is watched.
    pub number: Box<str>,
    /// In what.
    pub package: Package,
    /// The `id` of the Event header.
    pub event_id: Option<Box<str>>,
    /// What the watcher may see.
    pub sight: Sight,
    /// Our end of the dialog, confirmed.
    pub dialog: Dialog,
    /// When it runs out.
    pub expires_at: Instant,
}

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) watcher: Box<str>,
    pub(super) number: Box<str>,
    pub(super) package: Package,
    pub(super) event_id: Option<Box<str>>,
    pub(super) sight: Sight,
    pub(super) dialog: Dialog,
    pub(super) expires_at: Instant,
    pub(super) machine: machine::State,
    /// Set as soon as it is among the others.
    pub(super) expiry: Option<TimerId>,
    pub(super) pause: Option<TimerId>,
    /// The NOTIFY that is out.
    pub(super) client: Option<ClientId>,
    /// NOTIFYs refused in a row.
    pub(super) refusals: u8,
    /// The number of the next document.
    version: u32,
    /// What the watcher holds, once it is sure that he does or will; `None`: he is to be told everything.
    told: Option<Arc<State>>,
}

impl Subscription {
    pub(super) fn new(opening: Opening) -> Self {
        let Opening { watcher, number, package, event_id, sight, dialog, expires_at } = opening;
        Self {
            watcher,
            number,
            package,
            event_id,
            sight,
            dialog,
            expires_at,
            machine: machine::State::Idle,
            expiry: None,
            pause: None,
            client: None,
            refusals: 0,
            version: 0,
            told: None,
        }
    }

    /// The next NOTIFY tells everything.
    pub(super) fn tell_all(&mut self) {
        self.told = None;
    }

    /// Sends a NOTIFY that tells `state`.
    pub(super) fn notify(
        &mut self,
        turn: &mut Turn<'_>,
        domain: &str,
        state: &Arc<State>,
    ) -> Result<ClientId, NotSent> {
        let left = self.expires_at.since(turn.now).as_secs();
        let body = self.document(domain, state);
        let sent = self.send(turn, &format!("active;expires={left}"), Some(&body));
        if sent.is_ok() {
            self.told = Some(Arc::clone(state));
        }
        sent
    }

    /// Sends the last NOTIFY. Nobody waits for its answer: whatever it is, the subscription is over.
    pub(super) fn notify_last(&mut self, turn: &mut Turn<'_>, domain: &str, reason: Reason, state: Option<&State>) {
        self.tell_all();
        let body = state.map(|state| self.document(domain, state));
        let _ = self.send(turn, &format!("terminated;reason={reason}"), body.as_deref());
    }

    fn document(&mut self, domain: &str, state: &State) -> String {
        let entity = address(&self.number, domain);
        let version = self.version;
        self.version = version.wrapping_add(1);
        state.document(&Telling { entity: &entity, domain, version, since: self.told.as_deref(), sight: self.sight })
    }

    fn send(&mut self, turn: &mut Turn<'_>, standing: &str, body: Option<&str>) -> Result<ClientId, NotSent> {
        // RFC 6665 section 8.2.1: a NOTIFY names the event as its SUBSCRIBE did.
        let event = match &self.event_id {
            Some(id) => format!("{};id={id}", self.package.token()),
            None => self.package.token().to_owned(),
        };
        let headers = [("Event", event.as_str()), ("Subscription-State", standing), ("User-Agent", "Ironbell")];
        let body = body.map(|body| (self.package.media_type(), body.as_bytes()));
        let ask = Ask { method: Method::Notify, max_forwards: 70, headers: &headers, body };
        self.dialog.send(turn.now, turn.stack, turn.out, &ask)
    }
}

impl Sight {
    /// What `watcher` may see of an account that shows `visibility`; `None`: nothing at all. Everybody sees himself.
    #[must_use]
    pub const fn of(visibility: Visibility, is_self: bool, may_pick_up: bool) -> Option<Self> {
        match visibility {
            _ if is_self => Some(Self { parties: true, names: true }),
            Visibility::Full => Some(Self { parties: true, names: may_pick_up }),
            Visibility::Busy => Some(Self { parties: false, names: false }),
            Visibility::Hidden => None,
        }
    }
}
