//! [`Compositor`]: the presence that phones publish (RFC 3903) and operators set, and which of them counts.
//!
//! Each publication lives by itself, under an entity-tag that changes with every PUBLISH. Of what was said last, the last word counts; whether somebody is
//! registered or in a call is not known here. Publications end with the process: their phones publish again (section 4.4).

use super::presence::Presence;
use crate::{
    limits::PUBLICATIONS_PER_ACCOUNT_MAX,
    wheel::{TimerId, Wheel},
};
use contract::Instant;
use std::{collections::BTreeMap, sync::Arc};

/// The name of a publication's present version.
pub type EntityTag = Box<str>;

/// What a PUBLISH asks, RFC 3903 section 4.1.
#[derive(Debug)]
pub enum Publish {
    /// A new publication.
    Initial(Presence),
    /// The same for longer.
    Refresh(EntityTag),
    /// Another state.
    Modify(EntityTag, Presence),
    /// No longer.
    Remove(EntityTag),
}

/// The publication that a PUBLISH names is not there: 412 (RFC 3903 section 6 step 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unmatched;

#[derive(Debug)]
struct Publication {
    etag: EntityTag,
    presence: Presence,
    /// When it was said, in the order of all that was said.
    said: u64,
    expires_at: Instant,
    timer: TimerId,
}

#[derive(Debug, Default)]
struct Account {
    publications: Vec<Publication>,
    set: Option<(u64, Presence)>,
}

/// All publications.
#[derive(Debug, Default)]
pub struct Compositor {
    accounts: BTreeMap<Arc<str>, Account>,
    expiries: Wheel<(Arc<str>, EntityTag)>,
    said: u64,
}

impl Compositor {
    /// Without publications.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Publications that have not run out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.values().map(|account| account.publications.len()).sum()
    }

    /// Whether there is no publication.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Carries out a PUBLISH for an account; the publication is called `etag` from now on, and runs out at `expires_at`.
    ///
    /// # Errors
    /// [`Unmatched`]; nothing changed.
    pub fn publish(
        &mut self,
        number: &str,
        publish: Publish,
        etag: EntityTag,
        expires_at: Instant,
    ) -> Result<(), Unmatched> {
        let (before, presence) = match publish {
            Publish::Initial(presence) => (None, presence),
            Publish::Refresh(before) => {
                let old = self.take(number, &before).ok_or(Unmatched)?;
                // RFC 3903 section 4.3: a refresh does not say anything new.
                self.put(number, etag, old.presence, old.said, expires_at);
                return Ok(());
            }
            Publish::Modify(before, presence) => (Some(before), presence),
            Publish::Remove(before) => return self.take(number, &before).map(drop).ok_or(Unmatched),
        };
        if let Some(before) = before {
            self.take(number, &before).ok_or(Unmatched)?;
        }
        self.said += 1;
        self.put(number, etag, presence, self.said, expires_at);
        Ok(())
    }

    fn take(&mut self, number: &str, etag: &str) -> Option<Publication> {
        let account = self.accounts.get_mut(number)?;
        let at = account.publications.iter().position(|publication| &*publication.etag == etag)?;
        let publication = account.publications.remove(at);
        self.expiries.disarm(publication.timer);
        self.tidy(number);
        Some(publication)
    }

    fn put(&mut self, number: &str, etag: EntityTag, presence: Presence, said: u64, expires_at: Instant) {
        let name: Arc<str> =
            self.accounts.get_key_value(number).map_or_else(|| Arc::from(number), |(name, _)| name.clone());
        let account = self.accounts.entry(name.clone()).or_default();
        if account.publications.len() >= PUBLICATIONS_PER_ACCOUNT_MAX
            && let Some(first) = (0..account.publications.len()).min_by_key(|&at| account.publications[at].expires_at)
        {
            let first = account.publications.remove(first);
            self.expiries.disarm(first.timer);
        }
        let timer = self.expiries.arm(expires_at, (name, etag.clone()));
        account.publications.push(Publication { etag, presence, said, expires_at, timer });
    }

    /// What an operator says of an account.
    pub fn set(&mut self, number: &str, presence: Presence) {
        self.said += 1;
        self.accounts.entry(Arc::from(number)).or_default().set = Some((self.said, presence));
    }

    /// What was said of the account last, if anything that still holds.
    #[must_use]
    pub fn word(&self, number: &str) -> Option<&Presence> {
        let account = self.accounts.get(number)?;
        let published = account.publications.iter().map(|publication| (publication.said, &publication.presence));
        let set = account.set.iter().map(|(said, presence)| (*said, presence));
        published.chain(set).max_by_key(|(said, _)| *said).map(|(_, presence)| presence)
    }

    /// Takes the next publication that has run out, and says whose it was. To be called until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Arc<str>> {
        let (_, (name, etag)) = self.expiries.pop_due(now)?;
        if let Some(account) = self.accounts.get_mut(&name) {
            account.publications.retain(|publication| publication.etag != etag);
        }
        self.tidy(&name);
        Some(name)
    }

    /// When the next publication runs out.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.expiries.next()
    }

    /// Forgets accounts that are not `known` any more.
    pub fn retain(&mut self, known: impl Fn(&str) -> bool) {
        let Self { accounts, expiries, .. } = self;
        accounts.retain(|name, account| {
            let stays = known(name);
            if !stays {
                for publication in &account.publications {
                    expiries.disarm(publication.timer);
                }
            }
            stays
        });
    }

    fn tidy(&mut self, number: &str) {
        if self.accounts.get(number).is_some_and(|account| account.publications.is_empty() && account.set.is_none()) {
            self.accounts.remove(number);
        }
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        if self.expiries.len() != self.len() {
            return Err("every publication runs out");
        }
        if self.accounts.values().any(|account| account.publications.is_empty() && account.set.is_none()) {
            return Err("an account of the compositor says something");
        }
        Ok(())
    }
}
