//! Who is registered. A REGISTER that reached the exchange takes effect by the time its 200 leaves; between the two both states are allowed,
//! and so they are for a second around an expiry, because headers round to seconds.

use crate::{
    net::{Findings, Net},
    text::{self, Sip},
};
use contract::Instant;
use core::time::Duration;
use signaling::{effect::ExtensionView, input::StoredBinding, settings::RegistrationSettings};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Seconds are rounded, and an answer may wait half a second for the store.
const BLUR: Duration = Duration::from_millis(2_100);
/// More than ever wait for the store at once.
const DONE_MAX: usize = 32;

/// A REGISTER under way.
#[derive(Debug)]
struct Pending {
    /// The order of arrival, in which they take effect; answers may leave in another, because each waits for the store by itself.
    serial: u64,
    number: String,
    /// Contact URI and what was asked for it.
    contacts: Vec<(String, u64)>,
    everything: bool,
}

impl Pending {
    fn touches(&self, number: &str, contact: &str) -> bool {
        self.number == number && (self.everything || self.contacts.iter().any(|(c, _)| c == contact))
    }
}

/// A binding.
#[derive(Debug)]
struct Known {
    until: Instant,
}

/// All bindings that there must be.
#[derive(Debug)]
pub(crate) struct Registrations {
    limits: RegistrationSettings,
    bindings: BTreeMap<(String, String), Known>,
    pending: BTreeMap<String, Pending>,
    answered: BTreeSet<String>,
    arrived: u64,
    /// Those lately answered 200.
    done: VecDeque<Pending>,
}

impl Registrations {
    pub(crate) const fn new(limits: RegistrationSettings) -> Self {
        Self {
            limits,
            bindings: BTreeMap::new(),
            pending: BTreeMap::new(),
            answered: BTreeSet::new(),
            arrived: 0,
            done: VecDeque::new(),
        }
    }

    /// The store gave these back at the start.
    pub(crate) fn restored(&mut self, now: Instant, bindings: &[StoredBinding]) {
        for b in bindings {
            let known = Known { until: now + b.expires_in };
            self.bindings.insert((b.number.clone(), b.contact.clone()), known);
        }
    }

    /// A REGISTER reached the exchange.
    pub(crate) fn asked(&mut self, request: &Sip) {
        let branch = request.branch().to_owned();
        if self.answered.contains(&branch) {
            return;
        }
        let default =
            request.get("expires").and_then(|e| e.parse().ok()).unwrap_or(self.limits.expires_default.as_secs());
        let values: Vec<&str> = request.all("contact").flat_map(text::comma).collect();
        let contacts = values
            .iter()
            .filter(|v| **v != "*")
            .map(|v| {
                let asked = text::parameter(v, "expires").and_then(|e| e.parse().ok()).unwrap_or(default);
                (text::uri(v).to_owned(), asked)
            })
            .collect();
        let number = text::user(text::uri(request.text("to"))).to_owned();
        self.arrived += 1;
        let (serial, everything) = (self.arrived, values.contains(&"*"));
        self.pending.entry(branch).or_insert(Pending { serial, number, contacts, everything });
    }

    /// A response to a REGISTER left the exchange.
    pub(crate) fn told(&mut self, now: Instant, response: &Sip, found: &mut Findings) {
        let status = response.status().unwrap_or(0);
        if status < 200 {
            return;
        }
        let branch = response.branch().to_owned();
        self.answered.insert(branch.clone());
        let Some(pending) = self.pending.remove(&branch) else { return };
        if status != 200 {
            return;
        }
        let listed: BTreeMap<&str, u64> = response
            .all("contact")
            .flat_map(text::comma)
            .map(|c| (text::uri(c), text::parameter(c, "expires").and_then(|e| e.parse().ok()).unwrap_or(0)))
            .collect();
        let later: Vec<&Pending> =
            self.pending.values().chain(&self.done).filter(|other| other.serial > pending.serial).collect();
        let overtaken = |contact: &str| later.iter().any(|other| other.touches(&pending.number, contact));
        if pending.everything {
            self.bindings.retain(|(number, contact), _| *number != pending.number || overtaken(contact));
        }
        for (contact, asked) in &pending.contacts {
            if overtaken(contact) {
                continue;
            }
            let key = (pending.number.clone(), contact.clone());
            let granted = listed.get(contact.as_str());
            if *asked == 0 {
                self.bindings.remove(&key);
                continue;
            }
            let Some(granted) = granted else {
                found.add(Net::Registration, format!("the 200 does not list {contact}, just registered"));
                continue;
            };
            // RFC 3261 section 10.3 step 7: shorter than asked is allowed, longer is not; never outside our limits.
            let most = (*asked).min(self.limits.expires_max.as_secs());
            if *granted > most || *granted + 1 < self.limits.expires_min.as_secs() {
                found.add(Net::Registration, format!("{contact} asked {asked} s and was granted {granted} s"));
            }
            self.bindings.insert(key, Known { until: now + Duration::from_secs(*granted) });
        }
        self.compare(now, &pending.number, &listed.keys().map(|k| (*k).to_owned()).collect(), found);
        self.done.push_back(pending);
        if self.done.len() > DONE_MAX {
            self.done.pop_front();
        }
    }

    /// `true`: must be there. `false`: may be. `None`: must not.
    fn expected(&self, now: Instant, number: &str, contact: &str) -> Option<bool> {
        let key = (number.to_owned(), contact.to_owned());
        let in_the_air = self.pending.values().any(|p| p.touches(number, contact));
        let known = self.bindings.get(&key).filter(|k| k.until + BLUR > now);
        match known {
            Some(known) => Some(!in_the_air && known.until > now + BLUR),
            None => in_the_air.then_some(false),
        }
    }

    fn compare(&self, now: Instant, number: &str, there: &BTreeSet<String>, found: &mut Findings) {
        for contact in there {
            if self.expected(now, number, contact).is_none() {
                found.add(Net::Registration, format!("{number} has the binding {contact}, which is over or never was"));
            }
        }
        for (owner, contact) in self.bindings.keys().filter(|(owner, _)| owner == number) {
            if self.expected(now, owner, contact) == Some(true) && !there.contains(contact) {
                found.add(Net::Registration, format!("{number} lost the binding {contact}"));
            }
        }
    }

    /// The exchange lists its accounts.
    pub(crate) fn listed(&self, now: Instant, extensions: &[ExtensionView], found: &mut Findings) {
        for extension in extensions {
            let there = extension.contacts.iter().map(|c| c.contact.clone()).collect();
            self.compare(now, &extension.number, &there, found);
        }
    }

    /// The exchange counts its bindings.
    pub(crate) fn counted(&self, now: Instant, count: usize, found: &mut Findings) {
        let (mut least, mut most) = (0, 0);
        for (number, contact) in self.bindings.keys() {
            match self.expected(now, number, contact) {
                Some(true) => {
                    least += 1;
                    most += 1;
                }
                Some(false) => most += 1,
                None => {}
            }
        }
        most += self.pending.values().map(|p| p.contacts.len()).sum::<usize>();
        if !(least..=most).contains(&count) {
            found.add(Net::Registration, format!("{count} bindings, the reference has {least} to {most}"));
        }
    }
}
