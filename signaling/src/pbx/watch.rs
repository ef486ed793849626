//! What watchers are told: where the state of an account comes from, who may see it, and when it is looked at again.
//!
//! Whatever happens, at the end of each input the accounts that it may have touched are looked at, and those whose state is another than before are told. So
//! no feature has to know that anybody watches.

use super::switchboard::Switchboard;
use crate::{
    effect::{Effect, PresenceView},
    event::{
        Package, Reason,
        dialog::{ObservedDialog, Progress},
        presence::Presence,
        reg::ObservedContact,
        state::{Sight, State},
    },
    fact::{CallState, Fact, PresenceStatus},
    id::CallId,
    settings::{Directory, Extension, Host},
    transaction::Turn,
};
use contract::Instant;
use std::collections::BTreeMap;

/// What `watcher` may see of `number`.
///
/// # Errors
/// Why he may see nothing.
pub(super) fn sight(directory: &Directory, watcher: &str, number: &str, package: Package) -> Result<Sight, Reason> {
    let watcher = directory.extension(watcher).ok_or(Reason::Rejected)?;
    let account = directory.extension(number).ok_or(Reason::NoResource)?;
    let is_self = watcher.number == account.number;
    let seen = match package {
        Package::Dialog | Package::Presence => Sight::of(account.visibility, is_self, watcher.permissions.pickup),
        // Messages and phones are nobody else's matter (RFC 3842 section 6, RFC 3680 section 4.6).
        Package::MessageSummary | Package::Registration if !is_self => None,
        Package::MessageSummary | Package::Registration => Some(Sight { parties: true, names: true }),
    };
    seen.ok_or(Reason::Rejected)
}

impl Switchboard {
    /// A call may look otherwise to those who watch its parties.
    pub(super) fn note(&mut self, id: CallId) {
        let Self { notifier, calls, .. } = self;
        if notifier.is_empty() {
            return;
        }
        let Some(call) = calls.get(&id) else { return };
        for number in call.parties() {
            notifier.touch_call(number, id);
        }
    }

    /// The calls of an account, for who begins to watch it.
    pub(super) fn calls_of(&self, number: &str) -> Vec<CallId> {
        self.calls.iter().filter(|(_, call)| call.involves(number)).map(|(id, _)| *id).collect()
    }

    /// Tells what has changed by the input whose effects begin at `from`.
    pub(super) fn announce(&mut self, turn: &mut Turn<'_>, from: usize) {
        if self.notifier.is_empty() {
            return;
        }
        for effect in turn.out.get(from..).unwrap_or_default() {
            if let Effect::Fact(Fact::Registered { number, .. } | Fact::Unregistered { number, .. }) = effect {
                self.notifier.touch(number);
            }
        }
        while let Some(number) = self.notifier.take_touched() {
            let calls = self.notifier.calls_of(&number, |call| self.calls.contains_key(&call));
            for package in self.notifier.packages_of(&number) {
                let state = self.state_of(turn.now, &number, package, &calls);
                #[cfg(feature = "faults")]
                if self.books.has(crate::call::Fault::EndNotTold) && state == State::Dialogs(Vec::new()) {
                    continue;
                }
                self.notifier.tell(turn, &self.settings.domain, &number, state);
            }
        }
    }

    /// The state of an account that is in no other calls than these.
    pub(super) fn state_of(&self, now: Instant, number: &str, package: Package, calls: &[CallId]) -> State {
        match package {
            Package::Dialog => State::Dialogs(self.dialogs_of(number, calls)),
            Package::MessageSummary => State::Mailbox(self.mailboxes.get(number).copied().unwrap_or_default()),
            Package::Presence => {
                let in_call = self.dialogs_of(number, calls).iter().any(is_confirmed);
                let account = self.settings.directory.extension(number);
                State::Presence(account.map_or_else(offline, |account| self.presence_of(now, account, in_call)))
            }
            Package::Registration => {
                let contact = |contact: String| ObservedContact { uri: contact.into() };
                let mut contacts: Vec<_> = self.registrar.contacts(now, number).map(contact).collect();
                contacts.sort_unstable();
                State::Contacts(contacts)
            }
        }
    }

    fn dialogs_of(&self, number: &str, calls: &[CallId]) -> Vec<ObservedDialog> {
        let calls = calls.iter().filter_map(|id| self.calls.get(id));
        let mut dialogs: Vec<_> = calls.flat_map(|call| call.observed(number)).collect();
        dialogs.sort_unstable();
        dialogs
    }

    /// The presence of an account, from what the exchange sees and what was said.
    fn presence_of(&self, now: Instant, account: &Extension, in_call: bool) -> Presence {
        let reachable = match account.host {
            Host::Dynamic => self.registrar.contacts(now, &account.number).next().is_some(),
            Host::Fixed(_) => true,
        };
        let word = self.compositor.word(&account.number);
        let said = word.cloned().unwrap_or_else(|| Presence::new(PresenceStatus::Available, ""));
        match said.status {
            // Whatever was said, nothing reaches an account without a phone.
            _ if !reachable => Presence { status: PresenceStatus::Offline, ..said },
            // What somebody wants to be left alone by outweighs what he does.
            PresenceStatus::DoNotDisturb | PresenceStatus::Offline => said,
            PresenceStatus::Available
            | PresenceStatus::Busy
            | PresenceStatus::Away
            | PresenceStatus::InCall
            | PresenceStatus::InMeeting => {
                if in_call {
                    Presence { status: PresenceStatus::InCall, ..said }
                } else {
                    said
                }
            }
        }
    }

    /// The presence of all accounts, for the API.
    pub(super) fn presence(&self, now: Instant) -> Vec<PresenceView> {
        let mut in_calls: BTreeMap<&str, (CallState, bool)> = BTreeMap::new();
        for call in self.calls.values().filter(|call| !call.is_over()) {
            for number in call.parties() {
                let (state, confirmed) = in_calls.entry(number).or_default();
                *state = call.state().max(*state);
                *confirmed |= call.observed(number).any(|dialog| is_confirmed(&dialog));
            }
        }
        let view = |account: &Extension| {
            let (call, confirmed) = in_calls.get(account.number.as_str()).copied().unwrap_or_default();
            let Presence { status, note } = self.presence_of(now, account, confirmed);
            PresenceView {
                number: account.number.clone(),
                name: account.name.clone(),
                status,
                note: note.into(),
                call,
                last_activity: self.activity.get(account.number.as_str()).copied(),
            }
        };
        self.settings.directory.extensions().map(view).collect()
    }
}

fn is_confirmed(dialog: &ObservedDialog) -> bool {
    dialog.progress == Progress::Confirmed
}

fn offline() -> Presence {
    Presence::new(PresenceStatus::Offline, "")
}
