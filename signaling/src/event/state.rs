//! What is told of an account, one kind for each package, and whether two watchers are told the same.

use super::{
    Package,
    dialog::{self, ObservedDialog},
    mwi, presence,
    presence::Presence,
    reg::{self, ObservedContact},
};
use crate::{fact::Mailbox, message::escaped};

/// The state of an account in one package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Its dialogs, in the order of their names.
    Dialogs(Vec<ObservedDialog>),
    /// The messages in its mailbox.
    Mailbox(Mailbox),
    /// Whether it can be reached.
    Presence(Presence),
    /// Its contacts, in the order of their names.
    Contacts(Vec<ObservedContact>),
}

/// How much a watcher may see of the dialogs of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sight {
    /// With whom they are.
    pub parties: bool,
    /// What names them on the wire, by which a ringing call could be picked up (RFC 4235 section 7).
    pub names: bool,
}

/// What a document needs beside the state.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// Whose state it is, a SIP URI.
    pub entity: &'a str,
    /// Our domain.
    pub domain: &'a str,
    /// The number of the document within its subscription, from 0.
    pub version: u32,
    /// What the watcher holds already, when only the difference is to be told.
    pub since: Option<&'a State>,
    /// What the watcher may see.
    pub sight: Sight,
}

impl State {
    /// The package it belongs to.
    #[must_use]
    pub const fn package(&self) -> Package {
        match self {
            Self::Dialogs(_) => Package::Dialog,
            Self::Mailbox(_) => Package::MessageSummary,
            Self::Presence(_) => Package::Presence,
            Self::Contacts(_) => Package::Registration,
        }
    }

    /// The document that tells it.
    #[must_use]
    pub fn document(&self, telling: &Telling<'_>) -> String {
        match self {
            Self::Dialogs(dialogs) => {
                let since = match telling.since {
                    Some(Self::Dialogs(since)) => Some(since.as_slice()),
                    Some(Self::Mailbox(_) | Self::Presence(_) | Self::Contacts(_)) | None => None,
                };
                dialog::document(dialogs, since, telling)
            }
            Self::Mailbox(mailbox) => mwi::document(*mailbox, telling.entity),
            Self::Presence(presence) => presence::document(presence, telling.entity),
            Self::Contacts(contacts) => {
                let since = match telling.since {
                    Some(Self::Contacts(since)) => since.as_slice(),
                    Some(Self::Dialogs(_) | Self::Mailbox(_) | Self::Presence(_)) | None => &[],
                };
                reg::document(contacts, since, telling)
            }
        }
    }
}

/// The SIP URI of a number at a domain. What RFC 3261 section 25.1 does not allow in a user part is escaped.
#[must_use]
pub fn address(number: &str, domain: &str) -> String {
    format!("sip:{}@{domain}", escaped(number))
}
