//! Orders and questions of the API and the CLI.

use super::switchboard::Switchboard;
use crate::{
    call::{Call, End, Office, TransferDialling},
    effect::{Effect, ExtensionView, Refusal, Reply},
    event::presence::Presence,
    fact::{CallState, HangupCause, PresenceStatus},
    id::{CallId, Ticket},
    input::{Command, RecordOrder},
    limits::CALLS_MAX,
    routing::{self, Origin, Request},
    transaction::Turn,
};
use std::sync::Arc;

impl Switchboard {
    pub(super) fn on_command(&mut self, turn: &mut Turn<'_>, ticket: Ticket, command: Command) {
        let reply = match command {
            Command::Originate { from, to } => match self.originate(turn, &from, &to) {
                Ok(call) => Reply::Originating { call },
                Err(refusal) => Reply::Refused(refusal),
            },
            Command::HangUp { call } => self.hang_up(turn, call),
            Command::Record { call, order } => self.record(turn, call, order),
            Command::RecordingLost { call, recording } => {
                self.tell(turn, call, |call, office| call.recording_lost(office, recording));
                Reply::Done
            }
            Command::Transfer { call, by, to, consult } => {
                let dialling = if consult { TransferDialling::Consult } else { TransferDialling::Blind };
                self.order(turn, call, |call, office| call.transfer_to(office, by.as_deref(), &to, dialling))
            }
            Command::ConcludeTransfer { call, complete } => {
                self.order(turn, call, |call, office| call.conclude_transfer(office, complete))
            }
            Command::ListCalls => {
                Reply::Calls(self.calls.values().rev().filter(|call| !call.is_over()).map(|call| call.view()).collect())
            }
            Command::ListExtensions => Reply::Extensions(self.extensions(turn)),
            Command::ListTrunks => Reply::Trunks(self.books.trunks.views(turn.now)),
            Command::ListPresence => Reply::Presence(self.presence(turn.now)),
            Command::SetPresence { number, status, note } => self.set_presence(&number, status, &note),
            Command::Explain { from, trunk, to, at } => {
                let origin = match &trunk {
                    Some(name) => Origin::Trunk { name, caller: &from },
                    None => Origin::Account(&from),
                };
                let at = at.unwrap_or_else(|| self.wall.shows(turn.now));
                let request = Request { origin, dialled: &to, at };
                Reply::Explained(Box::new(routing::view(&self.settings, &request)))
            }
            Command::Status => Reply::Status(self.status(turn.stack)),
            Command::Drain => {
                self.draining = true;
                Reply::Done
            }
            Command::HangUpAll => {
                let calls: Vec<CallId> = self.calls.keys().copied().collect();
                for call in calls {
                    self.tell(turn, call, |call, office| call.end(office, shutdown()));
                }
                Reply::Done
            }
        };
        turn.out.push(Effect::Reply { ticket, reply });
    }

    fn set_presence(&mut self, number: &str, status: PresenceStatus, note: &str) -> Reply {
        if self.settings.directory.extension(number).is_none() {
            return Reply::Refused(Refusal::UnknownExtension);
        }
        self.compositor.set(number, Presence::new(status, note));
        self.notifier.touch(number);
        Reply::Done
    }

    fn hang_up(&mut self, turn: &mut Turn<'_>, id: CallId) -> Reply {
        if self.calls.get(&id).is_none_or(|call| call.is_over()) {
            return Reply::Refused(Refusal::UnknownCall);
        }
        self.tell(turn, id, |call, office| call.end(office, End::by_us(HangupCause::Operator)));
        Reply::Done
    }

    fn record(&mut self, turn: &mut Turn<'_>, id: CallId, order: RecordOrder) -> Reply {
        if self.calls.get(&id).is_none_or(|call| call.is_over()) {
            return Reply::Refused(Refusal::UnknownCall);
        }
        let mut reply = Reply::Done;
        self.tell(turn, id, |call, office| {
            if let Err(refusal) = call.order_recording(office, order) {
                reply = Reply::Refused(refusal);
            }
        });
        reply
    }

    /// Lets a call be ordered something.
    fn order(
        &mut self,
        turn: &mut Turn<'_>,
        id: CallId,
        order: impl FnOnce(&mut Call, &mut Office<'_>) -> Result<(), Refusal>,
    ) -> Reply {
        if self.calls.get(&id).is_none_or(|call| call.is_over()) {
            return Reply::Refused(Refusal::UnknownCall);
        }
        let mut result = Ok(());
        self.tell(turn, id, |call, office| result = order(call, office));
        match result {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    fn originate(&mut self, turn: &mut Turn<'_>, from: &str, to: &str) -> Result<CallId, Refusal> {
        let settings = Arc::clone(&self.settings);
        settings.directory.extension(from).ok_or(Refusal::UnknownExtension)?;
        let request = Request { origin: Origin::Account(from), dialled: to, at: self.wall.shows(turn.now) };
        if routing::plan(&settings, &request).target.refusal().is_some() {
            return Err(Refusal::UnknownDestination);
        }
        if self.draining || self.calls.len() >= settings.calls.calls_max.min(CALLS_MAX) {
            return Err(Refusal::Exhausted);
        }
        let id = self.next_call();
        let mut office: Office<'_> = self.office(turn);
        let call = Call::originate(&mut office, id, settings, from, to)?;
        self.calls.insert(id, Box::new(call));
        self.note(id);
        Ok(id)
    }

    fn extensions(&self, turn: &Turn<'_>) -> Vec<ExtensionView> {
        let view = |account: &crate::settings::Extension| {
            let live = self.calls.values().filter(|call| !call.is_over() && call.involves(&account.number));
            ExtensionView {
                number: account.number.clone(),
                name: account.name.clone(),
                contacts: self.registrar.stored(turn.now, &account.number),
                state: live.map(|call| call.state()).max().unwrap_or(CallState::Idle),
                last_activity: self.activity.get(account.number.as_str()).copied(),
            }
        };
        self.settings.directory.extensions().map(view).collect()
    }
}

/// The end of a call when the exchange stops.
const fn shutdown() -> End {
    End { cause: HangupCause::Shutdown, status: Some(503), by: None }
}
