//! REGISTER: the registrar decides, the store is waited for a moment, and the phone is answered (RFC 3261 section 10.3, RFC 3327).

use super::switchboard::Switchboard;
use crate::{
    call::{PRODUCT, SUPPORTED},
    effect::{Ask, Effect},
    fact::Fact,
    flow::Flow,
    id::QueryId,
    input::StoreFault,
    limits::{QUERIES_MAX, RETRY_AFTER, STORE_WAIT_MAX},
    message::{Header, Message},
    registrar::{Change, Outcome},
    transaction::{Answer, ServerId, Turn},
    wheel::TimerId,
};
use std::collections::BTreeMap;

/// What waits for the store.
#[derive(Debug)]
pub(super) enum Pending {
    /// The answer to a REGISTER.
    Register(Register),
    /// The answer to the MESSAGE that is to be kept, if its sender still waits.
    Message { server: Option<ServerId>, number: String, id: u64 },
    /// Nothing: it is only written.
    Nothing,
}

/// What the answer to a REGISTER needs.
#[derive(Debug)]
pub(super) struct Register {
    server: ServerId,
    number: String,
    path: Vec<String>,
}

/// Questions to the store without an answer.
#[derive(Debug, Default)]
pub(super) struct Queries {
    open: BTreeMap<QueryId, (Pending, TimerId)>,
    asked: u64,
}

impl Queries {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether the store has as many questions as it may.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= QUERIES_MAX
    }

    pub(super) fn take(&mut self, query: QueryId) -> Option<(Pending, TimerId)> {
        self.open.remove(&query)
    }

    /// Takes the REGISTERs of an account whose answers wait.
    fn take_registers(&mut self, number: &str) -> Vec<(Register, TimerId)> {
        let is_of = |pending: &Pending| matches!(pending, Pending::Register(register) if register.number == number);
        let concerned: Vec<_> =
            self.open.iter().filter(|(_, (pending, _))| is_of(pending)).map(|(query, _)| *query).collect();
        let taken = concerned.into_iter().filter_map(|query| match self.open.remove(&query)? {
            (Pending::Register(register), timer) => Some((register, timer)),
            (Pending::Message { .. } | Pending::Nothing, _) => None,
        });
        taken.collect()
    }
}

impl Switchboard {
    pub(super) fn on_register(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: Flow) {
        let Some(number) = self.authenticate(turn, server, request, flow) else { return };
        let Some(account) = self.settings.directory.extension(&number) else { return };
        // RFC 3261 section 10.3 steps 4 and 5: nobody registers for another.
        let aor = request.to().ok().and_then(|to| to.uri.user_decoded());
        if aor.as_deref() != Some(&number) {
            return self.office(turn).refuse(server, 403, None);
        }
        let outcome = self.registrar.register(turn.now, account, &self.settings.registration, request, flow);
        self.activity.insert(number.as_str().into(), turn.now);
        let path = request.values(Header::Path).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        let register = Register { server, number, path };
        match outcome {
            Outcome::Listed => self.answer_register(turn, &register),
            Outcome::Changed(changes) => {
                self.reconnect(&register.number, &changes, flow);
                self.publish(turn, &register.number, changes);
                self.store(turn, register);
            }
            Outcome::TooBrief { min } => {
                let min = min.as_secs().to_string();
                self.office(turn).refuse(server, 423, Some(("Min-Expires", &min)));
            }
            Outcome::Malformed(reason) => {
                let answer = Answer { reason: Some(reason), headers: &[("Server", PRODUCT)], ..Answer::new(400) };
                self.office(turn).respond(server, &answer);
            }
            Outcome::OutOfOrder => self.office(turn).refuse(server, 500, None),
            Outcome::TooMany => {
                let retry = RETRY_AFTER.as_secs().to_string();
                self.office(turn).refuse(server, 503, Some(("Retry-After", &retry)));
            }
        }
    }

    /// The calls of a phone that has lost its connection and made another go on by that (RFC 7118 section 5.4).
    fn reconnect(&mut self, number: &str, changes: &[Change], flow: Flow) {
        if flow.transport.can_be_opened() || self.books.calls_of(number) == 0 {
            return;
        }
        for change in changes {
            let (Change::Added(contact) | Change::Refreshed(contact)) = change else { continue };
            self.calls.values_mut().for_each(|call| call.reconnected(number, contact, flow));
        }
    }

    fn publish(&mut self, turn: &mut Turn<'_>, number: &str, changes: Vec<Change>) {
        for change in changes {
            let number = number.to_owned();
            turn.out.push(Effect::Fact(match change {
                Change::Added(contact) => Fact::Registered { number, contact, refreshed: false },
                Change::Refreshed(contact) => Fact::Registered { number, contact, refreshed: true },
                Change::Removed(contact) => Fact::Unregistered { number, contact, expired: false },
            }));
        }
    }

    fn store(&mut self, turn: &mut Turn<'_>, register: Register) {
        if self.queries.is_full() {
            turn.out.push(Effect::Fact(Fact::StoreFailed));
            return self.answer_register(turn, &register);
        }
        let number = register.number.clone();
        let mut bindings = self.registrar.stored(turn.now, &number);
        // What ends with its connection does not survive a restart.
        bindings.retain(|binding| binding.transport.can_be_opened());
        self.ask_store(turn, Ask::SaveBindings { number, bindings }, Pending::Register(register));
    }

    /// Asks the store to write; `pending` goes on when it answers, or does not in time. `false`: it has too many questions already.
    pub(super) fn ask_store(&mut self, turn: &mut Turn<'_>, ask: Ask, pending: Pending) -> bool {
        if self.queries.is_full() {
            turn.out.push(Effect::Fact(Fact::StoreFailed));
            return false;
        }
        self.queries.asked += 1;
        let query = QueryId(self.queries.asked);
        turn.out.push(Effect::Store { query, ask });
        let timer = self.store_waits.arm(turn.now + STORE_WAIT_MAX, query);
        self.queries.open.insert(query, (pending, timer));
        true
    }

    pub(super) fn on_stored(&mut self, turn: &mut Turn<'_>, query: QueryId, outcome: Result<(), StoreFault>) {
        // Late, repeated and unasked answers change nothing.
        let Some((pending, timer)) = self.queries.take(query) else { return };
        self.store_waits.disarm(timer);
        self.written(turn, pending, outcome.is_ok());
    }

    /// The account is gone, or is proved otherwise now: what it has just registered does not hold any more.
    pub(super) fn refuse_registers(&mut self, turn: &mut Turn<'_>, number: &str) {
        for (register, timer) in self.queries.take_registers(number) {
            self.store_waits.disarm(timer);
            self.office(turn).refuse(register.server, 403, None);
        }
    }

    pub(super) fn store_overdue(&mut self, turn: &mut Turn<'_>, query: QueryId) {
        let Some((pending, _)) = self.queries.take(query) else { return };
        self.written(turn, pending, false);
    }

    fn written(&mut self, turn: &mut Turn<'_>, pending: Pending, done: bool) {
        if !done {
            turn.out.push(Effect::Fact(Fact::StoreFailed));
        }
        match pending {
            Pending::Register(register) => self.answer_register(turn, &register),
            Pending::Message { server, number, id } => self.message_stored(turn, (server, &number, id), done),
            Pending::Nothing => {}
        }
    }

    /// RFC 3261 section 10.3 step 8, RFC 3327 section 5.3.
    fn answer_register(&mut self, turn: &mut Turn<'_>, register: &Register) {
        let contacts = self.registrar.contact_headers(turn.now, &register.number);
        let mut headers: Vec<(&str, &str)> = Vec::with_capacity(contacts.len() + register.path.len() + 2);
        headers.extend(contacts.iter().map(|contact| ("Contact", contact.as_str())));
        headers.extend(register.path.iter().map(|path| ("Path", path.as_str())));
        headers.extend([("Supported", SUPPORTED), ("Server", PRODUCT)]);
        self.office(turn).respond(register.server, &Answer { headers: &headers, ..Answer::new(200) });
        self.deliver(turn, &register.number);
    }
}
