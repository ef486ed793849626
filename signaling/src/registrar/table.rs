//! [`Registrar`]: the bindings of all accounts.

use super::Binding;
use crate::{
    flow::{ConnectionId, Flow},
    input::StoredBinding,
    message::Message,
    settings::{Extension, RegistrationSettings},
};
use contract::Instant;
use core::time::Duration;

/// What a REGISTER did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Answer 200 with [`Registrar::contact_headers`] and the request's Path; no binding changed (the phone only asked).
    Listed,
    /// The same, and the bindings changed: they are to be stored first.
    Changed(Vec<Change>),
    /// Answer 423 with Min-Expires; nothing changed.
    TooBrief {
        /// The shortest time granted.
        min: Duration,
    },
    /// Answer 400 with this reason phrase; nothing changed.
    Malformed(&'static str),
    /// Answer 500: an older request than the one that made the binding (RFC 3261 section 10.3 step 7); nothing changed.
    OutOfOrder,
    /// Answer 503: more contacts in one request than [`crate::limits::CONTACTS_PER_ACCOUNT_MAX`]; nothing changed.
    TooMany,
}

/// What became of one binding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// It is new.
    Added(String),
    /// It was there before.
    Refreshed(String),
    /// It was removed, by its phone or for a newer one.
    Removed(String),
}

/// All bindings.
#[derive(Debug, Default)]
pub struct Registrar {}

impl Registrar {
    /// Without bindings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out a REGISTER of an authenticated account, all of it or nothing.
    pub fn register(
        &mut self,
        now: Instant,
        account: &Extension,
        limits: &RegistrationSettings,
        request: &Message<'_>,
        flow: Flow,
    ) -> Outcome {
        let _ = (now, account, limits, request, flow);
        Outcome::Listed
    }

    /// The bindings of an account that have not expired, preferred first; of equal preference the latest registered first.
    #[must_use]
    pub fn bindings(&self, now: Instant, number: &str) -> Vec<&Binding> {
        let _ = (now, number);
        Vec::new()
    }

    /// The Contact header values of the 200, each with the time left.
    #[must_use]
    pub fn contact_headers(&self, now: Instant, number: &str) -> Vec<String> {
        let _ = (now, number);
        Vec::new()
    }

    /// The bindings of an account as the store keeps them.
    #[must_use]
    pub fn stored(&self, now: Instant, number: &str) -> Vec<StoredBinding> {
        let _ = (now, number);
        Vec::new()
    }

    /// Takes up what the store kept.
    pub fn restore(&mut self, now: Instant, bindings: Vec<StoredBinding>) {
        let _ = (now, bindings);
    }

    /// Takes the next binding that has expired: account and contact. To be called until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<(String, String)> {
        let _ = now;
        None
    }

    /// When the next binding expires.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// A stream is gone: bindings behind a NAT that came by it cannot be reached until they are registered again, and are left out of
    /// [`Registrar::bindings`].
    pub fn flow_lost(&mut self, connection: ConnectionId) {
        let _ = connection;
    }

    /// Removes the bindings of an account that is no longer in the directory; returns their contacts.
    pub fn forget(&mut self, number: &str) -> Vec<String> {
        let _ = number;
        Vec::new()
    }

    /// Bindings, and accounts that have at least one.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (0, 0)
    }

    /// Numbers of accounts with at least one binding, in order.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        core::iter::empty()
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        Ok(())
    }
}
