//! What the exchange wants done, done by the world.

use super::{Event, World};
use crate::{net::Net, text::Sip};
use contract::MediaCommand;
use core::time::Duration;
use signaling::{
    dns::Resolution,
    effect::{Effect, Reply},
    fact::{CallState, Fact},
    id::{CallId, Ticket},
};

impl World {
    /// Performs the effects of one step in their order. `caller` is the INVITE just handed over, `session` the call of the
    /// media event just handed over.
    pub(super) fn perform_all(&mut self, effects: Vec<Effect>, caller: Option<&Sip>, session: Option<CallId>) {
        // Facts first: a call's first message may leave before its first fact.
        for effect in &effects {
            if let Effect::Fact(fact @ Fact::CallChanged { call, state }) = effect {
                self.records.fact(self.now, fact, caller, &mut self.found);
                if *state == CallState::Transferring {
                    self.transferring.insert(call.session());
                } else {
                    self.transferring.remove(&call.session());
                }
            }
        }
        let mut ended = Vec::new();
        for effect in effects {
            match effect {
                Effect::Fact(fact @ Fact::CallEnded(_)) => ended.push(fact),
                other @ (Effect::Transmit { .. }
                | Effect::OpenFlow { .. }
                | Effect::Resolve { .. }
                | Effect::CloseFlow { .. }
                | Effect::Media { .. }
                | Effect::Store { .. }
                | Effect::Reply { .. }
                | Effect::Fact(_)) => self.perform(other, session),
            }
        }
        // Records last: what the caller was told in this very step is their evidence.
        for fact in ended {
            self.trace.event(self.now, &fact);
            self.records.fact(self.now, &fact, caller, &mut self.found);
        }
    }

    fn perform(&mut self, effect: Effect, session: Option<CallId>) {
        match effect {
            Effect::Transmit { flow, bytes } => self.transmit(flow, &bytes, session),
            Effect::OpenFlow { connection, listener, remote, .. } => {
                self.trace.event(self.now, &("open", connection, remote));
                for (at, delivery) in self.network.open(self.now, connection, listener, remote) {
                    self.agenda.plan(at, Event::Net(delivery));
                }
            }
            Effect::CloseFlow { connection } => {
                self.trace.event(self.now, &("close", connection));
                self.inbound.remove(&connection.0);
                self.wire.stream_lost(connection);
                if let Some(phone) = self.network.close(connection) {
                    self.phones[phone].stream_lost(connection);
                }
            }
            Effect::Media { shard, command } => {
                self.trace.event(self.now, &command);
                if matches!(command, MediaCommand::OpenLeg { .. } | MediaCommand::OpenDevice { .. }) {
                    self.sessions.insert(command.session());
                }
                match self.media.obey(self.now, shard, &command) {
                    Ok(answers) => {
                        for (delay, event) in answers {
                            self.after(delay, Event::Media(Box::new(event)));
                        }
                    }
                    Err(wrong) => self.found.add(Net::Balance, wrong),
                }
            }
            Effect::Resolve { lookup, question } => {
                self.trace.event(self.now, &(lookup, &question));
                // The name servers of the world know nobody.
                let ttl = Duration::from_secs(60);
                self.after(Duration::from_millis(3), Event::Resolved(lookup, Resolution::Nothing { ttl }));
            }
            Effect::Store { query, ask } => {
                self.trace.event(self.now, &(query, &ask));
                for (delay, query, outcome) in self.store.obey(query, ask) {
                    self.after(delay, Event::Stored(query, outcome));
                }
            }
            Effect::Reply { ticket, reply } => self.replied(ticket, &reply),
            Effect::Fact(fact) => self.fact(&fact),
        }
    }

    fn replied(&mut self, ticket: Ticket, reply: &Reply) {
        self.trace.event(self.now, &reply);
        if !self.unanswered.remove(&ticket.0) {
            self.found.add(Net::Balance, format!("{ticket:?} is answered twice or was never given out"));
        }
        if let Reply::Extensions(extensions) = reply {
            self.registrations.listed(self.now, extensions, &mut self.found);
        }
    }

    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::InvariantViolated { invariant } => self.found.add(Net::Invariant, *invariant),
            Fact::Request { .. } | Fact::Response { .. } => {}
            Fact::Dropped { .. }
            | Fact::AuthFailed { .. }
            | Fact::Registered { .. }
            | Fact::Unregistered { .. }
            | Fact::StoreFailed
            | Fact::TrunkUp { .. }
            | Fact::TrunkDown { .. }
            | Fact::CallChanged { .. }
            | Fact::QualityMissed { .. }
            | Fact::RecordingBegan(_)
            | Fact::RecordingChanged { .. }
            | Fact::RecordingEnded { .. }
            | Fact::CallSetUp { .. }
            | Fact::CallEnded(_)
            | Fact::Decided(_)
            | Fact::MediaRefused { .. } => self.trace.event(self.now, fact),
        }
    }
}
