//! New settings, all at once: what begins from now on goes by them, calls that run keep those they were begun with.
//!
//! Nothing is asked here whether the settings are good; the shell has checked them. What cannot change while the exchange runs (listeners, shards, the
//! certificate of the media plane) is the same in them as before.

use super::{register::Pending, switchboard::Switchboard, watch::sight};
use crate::{
    effect::{Ask, Effect},
    event::Reason,
    fact::Fact,
    settings::{Directory, Settings},
    transaction::Turn,
};
use std::sync::Arc;

impl Switchboard {
    pub(super) fn configure(&mut self, turn: &mut Turn<'_>, settings: Arc<Settings>) {
        self.books.trunks.configure(turn.now, turn.stack, &settings.trunks, turn.out);
        let before = core::mem::replace(&mut self.settings, settings);
        self.end_registrations(turn, &before.directory);
        self.review_watchers(turn, &before.directory);
        self.forget_messages(turn);
        self.activity.retain(|number, _| self.settings.directory.extension(number).is_some());
    }

    /// Who is no account any more, or has another name or secret, is not registered any more: who knows the new secret may register again.
    fn end_registrations(&mut self, turn: &mut Turn<'_>, before: &Directory) {
        let numbers = self.registrar.numbers();
        let concerned = numbers.filter(|number| !is_as_before(before, &self.settings.directory, number));
        let concerned: Vec<String> = concerned.map(str::to_owned).collect();
        for number in concerned {
            self.refuse_registers(turn, &number);
            for contact in self.registrar.forget(&number) {
                let number = number.clone();
                turn.out.push(Effect::Fact(Fact::Unregistered { number, contact, expired: false }));
            }
            // A store that does not do it now lets the bindings come again after a restart, at worst; those of no account are not taken then.
            self.ask_store(turn, Ask::SaveBindings { number, bindings: Vec::new() }, Pending::Nothing);
        }
    }

    /// Who may see what is judged anew, and everything is looked at again.
    fn review_watchers(&mut self, turn: &mut Turn<'_>, before: &Directory) {
        let settings = Arc::clone(&self.settings);
        self.notifier.review(turn, &settings.domain, |watcher, number, package| {
            let seen = sight(&settings.directory, watcher, number, package)?;
            // RFC 6665 section 4.1.3: a watcher whose subscription is deactivated subscribes again, and proves who he is.
            if is_as_before(before, &settings.directory, watcher) { Ok(seen) } else { Err(Reason::Deactivated) }
        });
        self.notifier.touch_all();
        self.compositor.retain(|number| settings.directory.extension(number).is_some());
        self.mailboxes.retain(|number, _| settings.directory.extension(number).is_some());
    }
}

/// Whether an account is there with the name and secret it had.
fn is_as_before(before: &Directory, after: &Directory, number: &str) -> bool {
    match (before.extension(number), after.extension(number)) {
        (Some(before), Some(after)) => (&before.auth_user, &before.secret) == (&after.auth_user, &after.secret),
        (None, after) => after.is_some(),
        (Some(_), None) => false,
    }
}
