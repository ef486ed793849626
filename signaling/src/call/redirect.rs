//! A phone sends the caller elsewhere: 3xx is followed here, never passed on (RFC 3261 sections 8.1.3.4, 16.7 step 4).

use super::{Call, Office, fork::Branch, target};
use crate::{
    fact::Choice,
    limits::REDIRECTS_MAX,
    message::{Message, NameAddr, Scheme, Uri},
    routing::{self, Origin, Request, Target},
    settings::Settings,
};
use std::sync::Arc;

impl Call {
    /// A branch answers 3xx: its contacts are tried in the order of their preference, numbers of ours at their phones.
    pub(super) fn redirected(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) {
        let dialling = matches!(self.phase, super::Phase::Dialling { .. });
        if dialling && self.redirects < REDIRECTS_MAX {
            self.redirects += 1;
            let mut contacts: Vec<NameAddr<'_>> =
                response.contacts().map(|contacts| contacts.iter().collect()).unwrap_or_default();
            // The sort is stable: of equal preference in the order given.
            contacts.sort_by_key(|contact| core::cmp::Reverse(contact.q_milli().unwrap_or(1_000)));
            let party = self.leg(number).map(|leg| leg.party.clone()).unwrap_or_default();
            for contact in contacts {
                self.follow(office, &party, &contact.uri);
            }
        }
        let status = response.status().unwrap_or(0);
        self.branch_over(office, number, status);
    }

    fn follow(&mut self, office: &mut Office<'_>, party: &str, uri: &Uri<'_>) {
        if uri.scheme() != Scheme::Sip {
            return;
        }
        let settings = Arc::clone(&self.settings);
        if !is_ours(&settings, uri) {
            // RFC 3261 section 16.5: no target twice.
            let known = self.legs.iter().any(|leg| &*leg.contact == uri.as_str());
            if !known && let Some(phone) = target::fixed(office, uri.as_str()) {
                self.tell_redirection(office, uri);
                self.add_branch(office, Branch { party, phone, trunk: None });
            }
            return;
        }
        let Some(dialled) = uri.user_decoded() else { return };
        // With the rights of the account whose phone sends the caller on.
        let request = Request { origin: Origin::Account(party), dialled: &dialled, at: office.wall };
        let Target::Extension(account) = routing::plan(&settings, &request).target else {
            return;
        };
        if office.books.calls_of(&account.number) >= account.call_limit && account.number != *self.to {
            return;
        }
        self.tell_redirection(office, uri);
        for phone in self.phones_of(office, account) {
            if !self.legs.iter().any(|leg| *leg.contact == *phone.target.uri) {
                self.add_branch(office, Branch { party: &account.number, phone, trunk: None });
            }
        }
    }

    fn tell_redirection(&self, office: &mut Office<'_>, uri: &Uri<'_>) {
        office.decided(self.id, None, || Choice::Redirected { contact: uri.as_str().to_owned() });
    }
}

/// Whether a URI names this exchange: its domain, or one of its addresses.
pub(crate) fn is_ours(settings: &Settings, uri: &Uri<'_>) -> bool {
    let Some(host) = uri.host() else { return false };
    let named = |name: &str| crate::message::Host::parse(name.as_bytes()).is_ok_and(|ours| ours.same(&host));
    if named(&settings.domain) {
        return true;
    }
    let port = uri.port().unwrap_or(5_060);
    settings.listeners.iter().any(|listener| {
        let (advertised, advertised_port) = &listener.advertised;
        (port == *advertised_port && named(advertised))
            || (port == listener.bound.port() && host.ip() == Some(listener.bound.ip()))
    })
}
