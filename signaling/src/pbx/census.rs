//! Figures of the whole, and what must always hold between them.

use super::switchboard::Switchboard;
use crate::{
    call::{Alarm, Phase, Purpose},
    effect::StatusView,
    id::LegId,
    transaction::Stack,
};

impl Switchboard {
    pub(super) fn status(&self, stack: &Stack) -> StatusView {
        let census = stack.census();
        let (bindings, registrations) = self.registrar.counts();
        StatusView {
            calls: self.calls.len(),
            legs: self.calls.values().map(|call| call.legs().iter().filter(|leg| !leg.is_gone()).count()).sum(),
            dialogs: self.books.dialogs.len() + self.books.mortal.len(),
            transactions: census.transactions,
            sessions: self.books.door.sessions(),
            timers: census.timers + self.books.wheel.len() + self.store_waits.len() + self.pager.waiting(),
            streams: census.streams,
            queries: self.queries.len(),
            bindings,
            registrations,
            trunks_up: self.books.trunks.up(),
            subscriptions: self.notifier.len(),
            publications: self.compositor.len(),
            messages: self.pager.kept(),
            pages: self.pager.sending(),
            draining: self.draining,
        }
    }

    pub(super) fn check_invariants(&self, stack: &Stack) -> Result<(), &'static str> {
        let hold = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
        self.registrar.check_invariants()?;
        self.books.trunks.check_invariants()?;
        self.notifier.check_invariants()?;
        self.compositor.check_invariants()?;
        self.pager.check_invariants()?;
        let (mut alarms, mut sessions, mut dialogs) = (0, 0, 0);
        for (id, call) in &self.calls {
            alarms += call.timers();
            sessions += usize::from(call.session().is_open());
            for leg in call.legs() {
                let Some(dialog) = &leg.dialog else { continue };
                dialogs += 1;
                let entry = self.books.dialogs.get(dialog.local_tag());
                hold(
                    entry.is_some_and(|entry| entry.call == *id && entry.number == leg.number),
                    "every dialog of a leg is found by its tag",
                )?;
            }
            hold(!call.is_settled(), "a settled call is taken out at once")?;
            match call.phase() {
                Phase::Summoning | Phase::Dialling { .. } => {
                    hold(call.has_alarm(Alarm::Ring), "a call that is not answered has its ring timer")?;
                }
                Phase::Connected => {
                    hold(call.has_alarm(Alarm::Length), "a call that is answered has its length timer")?;
                    hold(!call.has_alarm(Alarm::Ring), "a call that is answered has no ring timer")?;
                }
                Phase::Over { .. } => hold(
                    !call.session().is_open() || call.has_alarm(Alarm::MediaClose),
                    "a call that is over waits for its media a bounded time",
                )?,
            }
            call.check()?;
        }
        hold(alarms == self.books.wheel.len(), "every armed timer belongs to a call")?;
        hold(sessions == self.books.door.sessions(), "every media session belongs to a call")?;
        hold(dialogs == self.books.dialogs.len(), "every dialog in the books belongs to a leg")?;
        let byes = self.books.clients.values().filter(|purpose| matches!(purpose, Purpose::Bye(_))).count();
        hold(byes == self.books.mortal.len(), "every dialog that ends has a BYE without an answer")?;
        hold(self.books.clients.len() <= stack.census().transactions, "every request of ours has a transaction")?;
        hold(
            self.books.servers.values().all(|leg| self.calls.contains_key(&leg.call)),
            "every INVITE without a final answer belongs to a call",
        )?;
        hold(self.features.keys().all(|id| self.calls.contains_key(id)), "every feature belongs to a call")?;
        hold(self.store_waits.len() == self.queries.len(), "every question to the store has a timer")?;
        let held = self
            .calls
            .iter()
            .flat_map(|(id, call)| call.channels().map(|(name, number)| (name, LegId { call: *id, number })));
        let (mut held, mut taken): (Vec<_>, Vec<_>) = (held.collect(), self.books.trunks.channels().collect());
        held.sort_unstable();
        taken.sort_unstable();
        hold(held == taken, "every channel of a trunk belongs to a call")?;
        hold(!self.calls.is_empty() || self.books.accounts_busy() == 0, "without calls no account's limit counts one")
    }
}
