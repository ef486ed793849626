//! Who is asked and as whom: targets of a number, and the names written into From and To.

use super::{Call, leg::Target};
use crate::{
    dialog::{Course, Dialog},
    flow::Flow,
    message::{Uri, equivalent, quoted},
    registrar::Binding,
    settings::{Extension, Host},
};

pub(super) use crate::message::escaped;

/// Where and with what User-Agent a phone of an account is.
#[derive(Debug)]
pub(super) struct Phone {
    pub(super) target: Target,
    pub(super) user_agent: Box<str>,
    pub(super) behind_nat: bool,
    pub(super) web: bool,
}

/// Where the phones of an account are reached, preferred first.
pub(crate) fn targets_of(office: &super::Office<'_>, account: &Extension) -> Vec<Target> {
    phones_of(office, account).into_iter().map(|phone| phone.target).collect()
}

fn phones_of(office: &super::Office<'_>, account: &Extension) -> Vec<Phone> {
    match &account.host {
        Host::Dynamic => office.registrar.bindings(office.now, &account.number).into_iter().map(phone_at).collect(),
        Host::Fixed(uri) => fixed(office, uri).into_iter().collect(),
    }
}

impl Call {
    /// The phones of an account, preferred first.
    pub(super) fn phones_of(&self, office: &super::Office<'_>, account: &Extension) -> Vec<Phone> {
        phones_of(office, account)
    }

    /// A party's request came by `flow`: who cannot be connected to is reached by the connection it speaks by.
    pub(crate) fn heard(&mut self, number: u16, flow: Flow) {
        if let Some(dialog) = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()) {
            dialog.reconnected(flow);
        }
    }

    /// A branch was answered by `flow`.
    pub(crate) fn found(&mut self, number: u16, flow: Flow) {
        if let Some(dialog) = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()) {
            dialog.found(flow);
        }
    }

    /// The account's phone at `contact` has connected anew, by `flow`.
    pub(crate) fn reconnected(&mut self, account: &str, contact: &str, flow: Flow) {
        let Ok(contact) = Uri::parse(contact.as_bytes()) else { return };
        let leads_there = |dialog: &&mut Dialog| {
            Uri::parse(dialog.target().as_bytes()).is_ok_and(|target| equivalent(&target, &contact))
        };
        let legs = self.legs.iter_mut().filter(|leg| &*leg.party == account);
        legs.filter_map(|leg| leg.dialog.as_mut()).filter(leads_there).for_each(|dialog| dialog.reconnected(flow));
    }

    /// From towards the phones of `towards`: what the account wants shown, at our domain, without tag.
    pub(super) fn shown_as(&self, number: &str) -> String {
        let domain = &self.settings.domain;
        let Some(account) = self.account(number) else { return format!("<sip:{}@{domain}>", escaped(number)) };
        let shown = &account.caller_id;
        let name = if shown.name.is_empty() { &account.name } else { &shown.name };
        let number = if shown.number.is_empty() { &account.number } else { &shown.number };
        match name.is_empty() {
            true => format!("<sip:{}@{domain}>", escaped(number)),
            false => format!("{} <sip:{}@{domain}>", quoted(name), escaped(number)),
        }
    }
}

fn phone_at(binding: &Binding) -> Phone {
    // A Path is the way (RFC 3327 section 5.3); a stream that is open and a NAT are to be used as they are.
    let sticky = binding.path.is_empty() && (binding.behind_nat || binding.flow.connection.is_some());
    Phone {
        target: Target {
            uri: binding.contact.clone(),
            routes: binding.path.clone(),
            course: Course::new(binding.flow.listener, Some(binding.flow), sticky),
        },
        user_agent: binding.user_agent.as_str().into(),
        behind_nat: binding.behind_nat,
        web: super::protect::is_web(binding.flow.transport),
    }
}

/// A phone that is always at `uri`, if that can be reached at all.
pub(super) fn fixed(office: &super::Office<'_>, uri: &str) -> Option<Phone> {
    let parsed = Uri::parse(uri.as_bytes()).ok()?;
    let hop = office.stack.next_hop(&parsed, None)?;
    Some(Phone {
        target: Target { uri: uri.to_owned(), routes: Vec::new(), course: Course::new(hop.listener(), None, false) },
        user_agent: Box::default(),
        behind_nat: false,
        web: false,
    })
}
