//! [`Registrar`]: the bindings of all accounts.

use super::{Binding, binding::is_behind_nat};
use crate::{
    flow::{ConnectionId, Flow, Source},
    input::StoredBinding,
    limits::{CONTACT_BYTES_MAX, CONTACTS_PER_ACCOUNT_MAX, PATH_VALUES_MAX, REGISTRATION_FIELD_BYTES_MAX},
    message::{Contacts, Header, Message, NameAddr, Scheme, Uri, equivalent},
    settings::{Extension, RegistrationSettings},
    wheel::{TimerId, Wheel},
};
use contract::Instant;
use core::{
    cmp::Reverse,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
    /// Answer 503: more contacts in one request than [`CONTACTS_PER_ACCOUNT_MAX`]; nothing changed.
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

/// The bindings of one account: never none.
#[derive(Debug, Default)]
struct Account {
    bindings: Vec<Binding>,
    /// Due when the first of them expires.
    timer: Option<TimerId>,
}

/// All bindings.
#[derive(Debug, Default)]
pub struct Registrar {
    accounts: BTreeMap<Arc<str>, Account>,
    expiries: Wheel<Arc<str>>,
    by_connection: BTreeSet<(ConnectionId, Arc<str>)>,
    by_remote: BTreeSet<(IpAddr, u16, Arc<str>)>,
}

impl Registrar {
    /// Without bindings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out a REGISTER of an authenticated account, all of it or nothing (RFC 3261 section 10.3 steps 6 to 8).
    pub fn register(
        &mut self,
        now: Instant,
        account: &Extension,
        limits: &RegistrationSettings,
        request: &Message<'_>,
        flow: Flow,
    ) -> Outcome {
        let (Ok(contacts), Ok(expires), Ok(call_id), Ok(cseq)) =
            (request.contacts(), request.expires(), request.call_id(), request.cseq())
        else {
            return Outcome::Malformed("Malformed Registration");
        };
        let call_id = String::from_utf8_lossy(call_id);
        let before = self.alive(now, &account.number);
        // RFC 3261 section 10.3 step 7: within one Call-ID, only what came later counts.
        let is_older = |binding: &Binding| binding.call_id == call_id && binding.cseq >= cseq.number;
        let list = match contacts {
            Contacts::List(list) => list,
            // RFC 3261 section 10.3 step 6.
            Contacts::Star if expires != Some(0) => return Outcome::Malformed("Contact * Needs Expires 0"),
            Contacts::Star if before.iter().any(is_older) => return Outcome::OutOfOrder,
            Contacts::Star => {
                let removed = before.into_iter().map(|binding| Change::Removed(binding.contact)).collect::<Vec<_>>();
                self.put(&account.number, Vec::new());
                return if removed.is_empty() { Outcome::Listed } else { Outcome::Changed(removed) };
            }
        };
        if list.iter().next().is_none() {
            return Outcome::Listed;
        }
        if list.iter().count() > CONTACTS_PER_ACCOUNT_MAX {
            return Outcome::TooMany;
        }
        let template = match template(now, request, &call_id, cseq.number, flow) {
            Ok(template) => template,
            Err(why) => return Outcome::Malformed(why),
        };

        let mut after = before.clone();
        let mut changes = Vec::new();
        for contact in list.iter() {
            match contact.uri.scheme() {
                Scheme::Sip | Scheme::Sips => {}
                Scheme::Tel | Scheme::Other => return Outcome::Malformed("Contact Scheme Not Served"),
            }
            if contact.uri.as_bytes().len() > CONTACT_BYTES_MAX {
                return Outcome::Malformed("Contact Too Long");
            }
            let same = |binding: &Binding| {
                Uri::parse(binding.contact.as_bytes()).is_ok_and(|uri| equivalent(&uri, &contact.uri))
            };
            if before.iter().any(|binding| same(binding) && is_older(binding)) {
                return Outcome::OutOfOrder;
            }
            // RFC 3261 section 10.3 step 7: the contact's own time, else the request's, else ours.
            let asked = contact.expires().or(expires).map(|seconds| Duration::from_secs(seconds.into()));
            let granted = match asked {
                None => limits.expires_default,
                Some(asked) if asked.is_zero() => {
                    if let Some(at) = after.iter().position(same) {
                        changes.push(Change::Removed(after.remove(at).contact));
                    }
                    continue;
                }
                Some(asked) if asked < limits.expires_min => {
                    return Outcome::TooBrief { min: limits.expires_min };
                }
                Some(asked) => asked.min(limits.expires_max),
            };
            let binding = made(&template, account, request, &contact, flow, now + granted);
            if let Some(old) = after.iter_mut().find(|binding| same(binding)) {
                changes.push(Change::Refreshed(binding.contact.clone()));
                *old = binding;
            } else {
                changes.push(Change::Added(binding.contact.clone()));
                after.push(binding);
            }
        }
        // Those of this request are the newest and stay.
        while after.len() > CONTACTS_PER_ACCOUNT_MAX {
            let is_new = |binding: &Binding| binding.call_id == call_id && binding.cseq == cseq.number;
            let first = (0..after.len()).min_by_key(|&at| (is_new(&after[at]), after[at].expires_at));
            let Some(first) = first else { break };
            changes.push(Change::Removed(after.remove(first).contact));
        }
        self.put(&account.number, after);
        if changes.is_empty() { Outcome::Listed } else { Outcome::Changed(changes) }
    }

    /// The account's bindings that have not expired.
    fn alive(&self, now: Instant, number: &str) -> Vec<Binding> {
        let account = self.accounts.get(number);
        let bindings = account.map_or(&[][..], |account| &account.bindings);
        bindings.iter().filter(|binding| binding.expires_at > now).cloned().collect()
    }

    /// Makes these the account's only bindings.
    fn put(&mut self, number: &str, bindings: Vec<Binding>) {
        let mut name: Arc<str> = Arc::from(number);
        if let Some((kept, account)) = self.accounts.remove_entry(number) {
            name = kept;
            if let Some(timer) = account.timer {
                self.expiries.disarm(timer);
            }
            for binding in &account.bindings {
                self.by_remote.remove(&origin(binding, &name));
                if let Some(connection) = binding.flow.connection {
                    self.by_connection.remove(&(connection, name.clone()));
                }
            }
        }
        let Some(first) = bindings.iter().map(|binding| binding.expires_at).min() else { return };
        for binding in &bindings {
            self.by_remote.insert(origin(binding, &name));
            if let Some(connection) = binding.flow.connection {
                self.by_connection.insert((connection, name.clone()));
            }
        }
        let timer = Some(self.expiries.arm(first, name.clone()));
        self.accounts.insert(name, Account { bindings, timer });
    }

    /// The bindings of an account that have not expired and can be reached, preferred first; of equal preference the latest registered first.
    #[must_use]
    pub fn bindings(&self, now: Instant, number: &str) -> Vec<&Binding> {
        let account = self.accounts.get(number);
        let bindings = account.map_or(&[][..], |account| &account.bindings);
        let mut found: Vec<_> =
            bindings.iter().filter(|binding| binding.expires_at > now && binding.is_reachable()).collect();
        found.sort_by_key(|binding| Reverse((binding.q_milli, binding.registered_at)));
        found
    }

    /// The contacts of an account that have not expired, in the order of their registration.
    pub fn contacts(&self, now: Instant, number: &str) -> impl Iterator<Item = String> {
        let account = self.accounts.get(number);
        let bindings = account.map_or(&[][..], |account| &account.bindings);
        bindings.iter().filter(move |binding| binding.expires_at > now).map(|binding| binding.contact.clone())
    }

    /// The Contact header values of the 200, each with the time left.
    #[must_use]
    pub fn contact_headers(&self, now: Instant, number: &str) -> Vec<String> {
        let account = self.accounts.get(number);
        let bindings = account.map_or(&[][..], |account| &account.bindings);
        bindings.iter().filter(|binding| binding.expires_at > now).map(|binding| binding.header(now)).collect()
    }

    /// The bindings of an account as the store keeps them.
    #[must_use]
    pub fn stored(&self, now: Instant, number: &str) -> Vec<StoredBinding> {
        let account = self.accounts.get(number);
        let bindings = account.map_or(&[][..], |account| &account.bindings);
        let alive = bindings.iter().filter(|binding| binding.expires_at > now);
        alive.map(|binding| binding.stored(number, now)).collect()
    }

    /// Takes up what the store kept; what is here already is newer and stays.
    pub fn restore(&mut self, now: Instant, bindings: Vec<StoredBinding>) {
        for stored in bindings {
            let (number, binding) = Binding::restored(stored, now);
            let mut all = self.alive(now, &number);
            let known = all.iter().any(|other| other.contact == binding.contact);
            if !known && all.len() < CONTACTS_PER_ACCOUNT_MAX && binding.expires_at > now {
                all.push(binding);
                self.put(&number, all);
            }
        }
    }

    /// Takes the next binding that has expired: account and contact. To be called until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<(String, String)> {
        let (_, name) = self.expiries.pop_due(now)?;
        let account = self.accounts.get_mut(&name)?;
        account.timer = None;
        let mut bindings = core::mem::take(&mut account.bindings);
        let at = bindings.iter().position(|binding| binding.expires_at <= now)?;
        let gone = bindings.remove(at);
        self.by_remote.remove(&origin(&gone, &name));
        if let Some(connection) = gone.flow.connection {
            self.by_connection.remove(&(connection, name.clone()));
        }
        self.put(&name, bindings);
        Some((name.to_string(), gone.contact))
    }

    /// When the next binding expires.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.expiries.next()
    }

    /// A stream is gone: bindings behind a NAT that came by it cannot be reached until they are registered again, and are left out of
    /// [`Registrar::bindings`]. Those of a WebSocket end with it; account and contact of each are returned.
    pub fn flow_lost(&mut self, connection: ConnectionId) -> Vec<(String, String)> {
        let mut gone = Vec::new();
        let from = (connection, Arc::from(""));
        let concerned: Vec<_> =
            self.by_connection.range(from..).take_while(|(other, _)| *other == connection).cloned().collect();
        for key in concerned {
            self.by_connection.remove(&key);
            let Some(account) = self.accounts.get_mut(&key.1) else { continue };
            let mut ends = false;
            for binding in &mut account.bindings {
                if binding.flow.connection == Some(connection) {
                    binding.flow.connection = None;
                    ends |= binding.ends_with_its_connection();
                }
            }
            if ends {
                let ended = |binding: &Binding| binding.ends_with_its_connection() && !binding.is_reachable();
                let (ended, left): (Vec<_>, _) = core::mem::take(&mut account.bindings).into_iter().partition(ended);
                for binding in &ended {
                    self.by_remote.remove(&origin(binding, &key.1));
                }
                gone.extend(ended.into_iter().map(|binding| (key.1.to_string(), binding.contact)));
                self.put(&key.1, left);
            }
        }
        gone
    }

    /// Removes the bindings of an account that is no longer in the directory; returns their contacts.
    pub fn forget(&mut self, number: &str) -> Vec<String> {
        let account = self.accounts.get(number);
        let contacts = account
            .map(|account| account.bindings.iter().map(|binding| binding.contact.clone()).collect())
            .unwrap_or_default();
        self.put(number, Vec::new());
        contacts
    }

    /// Whether a binding came from exactly this address and port.
    #[must_use]
    pub fn is_registered_from(&self, remote: SocketAddr) -> bool {
        let (address, port) = (remote.ip().to_canonical(), remote.port());
        let first = self.by_remote.range((address, port, Arc::from(""))..).next();
        first.is_some_and(|(other, its, _)| (*other, *its) == (address, port))
    }

    /// Whether a binding came from this source, by whatever port.
    #[must_use]
    pub fn is_registered_near(&self, source: Source) -> bool {
        let next = self.by_remote.range((source.first(), 0, Arc::from(""))..).next();
        next.is_some_and(|(address, _, _)| Source::of(*address) == source)
    }

    /// Bindings, and accounts that have at least one.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.accounts.values().map(|account| account.bindings.len()).sum(), self.accounts.len())
    }

    /// Numbers of accounts with at least one binding, in order.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(|name| &**name)
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        for (name, account) in &self.accounts {
            let first = account.bindings.iter().map(|binding| binding.expires_at).min();
            if first.is_none() {
                return Err("an account here has a binding");
            }
            if account.bindings.len() > CONTACTS_PER_ACCOUNT_MAX {
                return Err("no account has too many bindings");
            }
            if account.timer.map(TimerId::at) != first {
                return Err("every binding expires");
            }
            let mut connections = account.bindings.iter().filter_map(|binding| binding.flow.connection);
            if !connections.all(|connection| self.by_connection.contains(&(connection, name.clone()))) {
                return Err("every stream of a binding is known");
            }
        }
        if self.expiries.len() != self.accounts.len() {
            return Err("every expiry belongs to an account");
        }
        let bindings =
            || self.accounts.iter().flat_map(|(name, account)| account.bindings.iter().map(move |one| (one, name)));
        if bindings().map(|(binding, name)| origin(binding, name)).collect::<BTreeSet<_>>() != self.by_remote {
            return Err("the addresses of bindings are known, and no others");
        }
        let of = |name: &Arc<str>| self.accounts.get(name).map_or(&[][..], |account| &account.bindings);
        let used = |(connection, name): &(ConnectionId, Arc<str>)| {
            of(name).iter().any(|binding| binding.flow.connection == Some(*connection))
        };
        if !self.by_connection.iter().all(used) {
            return Err("no stream outlives its bindings");
        }
        Ok(())
    }
}

/// Where a binding came from, as it is found again.
fn origin(binding: &Binding, name: &Arc<str>) -> (IpAddr, u16, Arc<str>) {
    (binding.flow.remote.ip().to_canonical(), binding.flow.remote.port(), name.clone())
}

/// What all bindings of one REGISTER have in common.
fn template(
    now: Instant,
    request: &Message<'_>,
    call_id: &str,
    cseq: u32,
    flow: Flow,
) -> Result<Binding, &'static str> {
    if call_id.len() > REGISTRATION_FIELD_BYTES_MAX {
        return Err("Call-ID Too Long");
    }
    // RFC 3327 section 5.3: the registrar keeps the Path with the binding.
    let path: Vec<_> = request.values(Header::Path).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
    if path.len() > PATH_VALUES_MAX || path.iter().any(|value| value.len() > REGISTRATION_FIELD_BYTES_MAX) {
        return Err("Path Too Long");
    }
    if request.addresses(Header::Path).any(|address| address.is_err()) {
        return Err("Malformed Path");
    }
    let user_agent = request.header(Header::UserAgent).unwrap_or_default();
    let user_agent = &user_agent[..user_agent.len().min(REGISTRATION_FIELD_BYTES_MAX)];
    Ok(Binding {
        contact: String::new(),
        q_milli: 1000,
        path,
        call_id: call_id.to_owned(),
        cseq,
        user_agent: String::from_utf8_lossy(user_agent).into_owned(),
        flow,
        behind_nat: false,
        expires_at: now,
        registered_at: now,
    })
}

fn made(
    template: &Binding,
    account: &Extension,
    request: &Message<'_>,
    contact: &NameAddr<'_>,
    flow: Flow,
    expires_at: Instant,
) -> Binding {
    Binding {
        contact: contact.uri.as_str().to_owned(),
        q_milli: contact.q_milli().unwrap_or(1000),
        behind_nat: is_behind_nat(account.nat, request, contact, flow),
        expires_at,
        ..template.clone()
    }
}
