//! [`Switchboard`]: the transaction user. It finds the call a message belongs to, and takes finished calls out.

use super::register::Queries;
use crate::{
    auth::Authenticator,
    call::{self, Books, Call, CallAlarm, End, Happening, Office, Purpose},
    dialog::{Course, Tags},
    effect::Effect,
    event::{Compositor, Notifier},
    fact::{DropReason, Fact, HangupCause, Mailbox},
    feature::{Feature, Keys},
    flow::{ConnectionId, Flow},
    id::{CallId, LegId, QueryId},
    input::{StoredBinding, StoredMessage},
    locate::Target,
    message::{Message, Method},
    pager::Pager,
    registrar::Registrar,
    settings::Settings,
    transaction::{ClientFailure, ClientId, ServerId, TransactionUser, Turn},
    wall::WallClock,
    wheel::Wheel,
};
use contract::{HearingTable, Instant, MediaCommand, MediaEvent};
use std::{collections::BTreeMap, sync::Arc};

/// Everything above the transactions.
#[derive(Debug)]
pub(super) struct Switchboard {
    pub(super) settings: Arc<Settings>,
    pub(super) authenticator: Authenticator,
    pub(super) registrar: Registrar,
    pub(super) calls: BTreeMap<CallId, Box<Call>>,
    pub(super) features: BTreeMap<CallId, Feature>,
    pub(super) books: Books,
    pub(super) queries: Queries,
    pub(super) store_waits: Wheel<QueryId>,
    pub(super) notifier: Notifier,
    pub(super) compositor: Compositor,
    pub(super) pager: Pager,
    /// What waits in mailboxes; without an entry nothing does.
    pub(super) mailboxes: BTreeMap<Box<str>, Mailbox>,
    /// When an account last registered or called.
    pub(super) activity: BTreeMap<Box<str>, Instant>,
    pub(super) draining: bool,
    /// The wall clock as it was last read.
    pub(super) wall: WallClock,
    calls_made: u64,
}

impl Switchboard {
    pub(super) fn new(settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        Self {
            authenticator: Authenticator::new(seed),
            registrar: Registrar::new(),
            calls: BTreeMap::new(),
            features: BTreeMap::new(),
            books: Books::new(&settings),
            queries: Queries::default(),
            store_waits: Wheel::new(),
            notifier: Notifier::new(),
            compositor: Compositor::new(),
            pager: Pager::new(),
            mailboxes: BTreeMap::new(),
            activity: BTreeMap::new(),
            draining: false,
            wall: WallClock::default(),
            calls_made: 0,
            settings,
        }
    }

    /// A name for a new call.
    pub(super) fn next_call(&mut self) -> CallId {
        self.calls_made += 1;
        CallId::new(self.settings.node, self.calls_made)
    }

    /// The office, for what belongs to no call.
    pub(super) fn office<'o>(&'o mut self, turn: &'o mut Turn<'_>) -> Office<'o> {
        Office {
            now: turn.now,
            wall: self.wall.shows(turn.now),
            stack: turn.stack,
            out: turn.out,
            books: &mut self.books,
            registrar: &self.registrar,
        }
    }

    /// Lets a call be told something; then its features are told what came of it, and it is taken out if it is settled.
    pub(super) fn tell(&mut self, turn: &mut Turn<'_>, id: CallId, tell: impl FnOnce(&mut Call, &mut Office<'_>)) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut office = Office {
            now: turn.now,
            wall: self.wall.shows(turn.now),
            stack: turn.stack,
            out: turn.out,
            books: &mut self.books,
            registrar: &self.registrar,
        };
        tell(call, &mut office);
        self.settle(turn, id);
    }

    fn settle(&mut self, turn: &mut Turn<'_>, id: CallId) {
        loop {
            let Some(call) = self.calls.get_mut(&id) else { return };
            let happenings = call.take_happenings();
            if happenings.is_empty() {
                break;
            }
            for happening in happenings {
                self.happened(turn, id, happening);
            }
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.release_channels(&mut self.books.trunks);
        }
        self.note(id);
        if self.calls.get(&id).is_some_and(|call| call.is_settled())
            && let Some(call) = self.calls.remove(&id)
        {
            self.features.remove(&id);
            let record = Box::new(call.record(turn.now));
            #[cfg(feature = "faults")]
            if self.books.has(call::Fault::DoubleRecord) {
                turn.out.push(Effect::Fact(Fact::CallEnded(record.clone())));
            }
            turn.out.push(Effect::Fact(Fact::CallEnded(record)));
        }
        for id in core::mem::take(&mut self.books.preempted) {
            let end = End { cause: HangupCause::Preempted, status: Some(503), by: None };
            self.tell(turn, id, |call, office| call.end(office, end));
        }
    }

    fn happened(&mut self, turn: &mut Turn<'_>, id: CallId, happening: Happening) {
        if happening == Happening::Summoned {
            return self.route(turn, id);
        }
        if let Happening::Pressed { .. } = happening {
            let codes = &self.settings.codes;
            self.features.entry(id).or_insert_with(|| Feature::Keys(Keys::new(codes)));
        }
        let actions = self.features.get_mut(&id).map(|feature| feature.handle(happening)).unwrap_or_default();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut office = Office {
            now: turn.now,
            wall: self.wall.shows(turn.now),
            stack: turn.stack,
            out: turn.out,
            books: &mut self.books,
            registrar: &self.registrar,
        };
        for action in actions {
            call.perform(&mut office, action);
        }
    }

    pub(super) fn on_media(&mut self, turn: &mut Turn<'_>, event: MediaEvent) {
        let id = CallId::of(match event {
            MediaEvent::LegOpened { session, .. }
            | MediaEvent::LegRefused { session, .. }
            | MediaEvent::SourceLearned { session, .. }
            | MediaEvent::LegSilent { session, .. }
            | MediaEvent::DigitPressed { session, .. }
            | MediaEvent::TalkChanged { session, .. }
            | MediaEvent::PlayerEnded { session, .. }
            | MediaEvent::RecorderEnded { session, .. }
            | MediaEvent::LegSecured { session, .. }
            | MediaEvent::LegUnsecured { session, .. }
            | MediaEvent::LegMeasured { session, .. }
            | MediaEvent::LegClosed { session, .. }
            | MediaEvent::SessionClosed { session } => session,
        });
        if self.calls.contains_key(&id) {
            return self.tell(turn, id, |call, office| call.on_media(office, event));
        }
        if let MediaEvent::LegOpened { session, .. } = event {
            // A shard that was waited for in vain has opened it after all. Which shard is not known any more; closing what is not there does no harm.
            for shard in self.books.door.shards() {
                turn.out.push(Effect::Media { shard, command: MediaCommand::CloseSession { session } });
            }
        }
    }

    pub(super) fn on_restored(&mut self, now: Instant, bindings: Vec<StoredBinding>) {
        let known = bindings.into_iter().filter(|binding| self.settings.directory.extension(&binding.number).is_some());
        self.registrar.restore(now, known.collect());
    }

    pub(super) fn on_restored_messages(&mut self, now: Instant, messages: Vec<StoredMessage>) {
        for message in messages {
            if self.settings.directory.extension(&message.number).is_some() && !self.pager.is_full() {
                self.pager.keep(now, message);
            }
        }
    }

    pub(super) fn on_mailbox(&mut self, number: &str, mailbox: Mailbox) {
        if self.settings.directory.extension(number).is_some() {
            self.mailboxes.insert(number.into(), mailbox);
            self.notifier.touch(number);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_calls = [self.books.wheel.next(), self.store_waits.next(), self.bindings_deadline()];
        let of_others =
            [self.notifier.deadline(), self.compositor.deadline(), self.pager.deadline(), self.books.trunks.deadline()];
        of_calls.into_iter().chain(of_others).flatten().min()
    }

    fn bindings_deadline(&self) -> Option<Instant> {
        #[cfg(feature = "faults")]
        if self.books.has(call::Fault::BindingNotExpired) {
            return None;
        }
        self.registrar.deadline()
    }

    pub(super) fn fire(&mut self, turn: &mut Turn<'_>) {
        while let Some((_, CallAlarm { call, alarm })) = self.books.wheel.pop_due(turn.now) {
            self.tell(turn, call, |call, office| call.on_alarm(office, alarm));
        }
        self.books.trunks.fire(turn.now, turn.stack, turn.out);
        while let Some((_, query)) = self.store_waits.pop_due(turn.now) {
            self.store_overdue(turn, query);
        }
        if self.bindings_deadline().is_some_and(|deadline| deadline <= turn.now) {
            while let Some((number, contact)) = self.registrar.expire(turn.now) {
                turn.out.push(Effect::Fact(Fact::Unregistered { number, contact, expired: true }));
            }
        }
        while let Some(number) = self.compositor.expire(turn.now) {
            self.notifier.touch(&number);
        }
        self.notifier.fire(turn, &self.settings.domain);
        self.fire_pages(turn);
    }

    pub(super) fn hearing(&self) -> impl Iterator<Item = (CallId, &HearingTable)> {
        self.calls.iter().map(|(id, call)| (*id, call.session().hearing()))
    }

    #[cfg(feature = "faults")]
    pub(super) fn plant(&mut self, fault: call::Fault) {
        self.books.plant(fault);
    }

    /// The leg whose dialog a request belongs to.
    pub(super) fn leg_of(&self, request: &Message<'_>) -> Option<LegId> {
        let to = request.to().ok()?;
        let tag = core::str::from_utf8(to.tag()?).ok()?;
        let id = *self.books.dialogs.get(tag)?;
        let leg = self.calls.get(&id.call)?.legs().get(usize::from(id.number))?;
        leg.dialog.as_ref()?.owns_request(request).then_some(id)
    }

    /// A 2xx to an INVITE of ours that no leg waits for; with an offer in it if the INVITE had none (`offers`).
    fn on_stray(&mut self, turn: &mut Turn<'_>, response: &Message<'_>, invite: Option<(Course, bool)>, offers: bool) {
        let Some(tag) = response.from().ok().and_then(|from| from.tag()).and_then(|tag| core::str::from_utf8(tag).ok())
        else {
            return;
        };
        let cseq = response.cseq().map_or(0, |cseq| cseq.number);
        let leg =
            self.books.dialogs.get(tag).and_then(|id| self.calls.get(&id.call)?.legs().get(usize::from(id.number)));
        let live = leg.and_then(|leg| leg.dialog.as_ref());
        // Another branch of the same INVITE is reached as the first was.
        let sibling = live.zip(leg).map(|(dialog, leg)| (*dialog.course(), leg.talk.sent.is_some()));
        if let Some(dialog) = live.filter(|dialog| dialog.owns_response(response)) {
            // RFC 3261 section 13.2.2.4: the ACK is sent for every repetition. If it waits for the caller's answer, there is none to repeat.
            dialog.acknowledge_again(turn.stack, turn.out, cseq);
            return;
        }
        if let Some(dialog) = Tags::of_response(response).and_then(|tags| self.books.mortal.get_mut(&tags)) {
            if !dialog.acknowledge_again(turn.stack, turn.out, cseq) {
                // The answer to a re-INVITE crossed the BYE. A peer that cannot be reached gives up by itself.
                let declined = if offers { call::declined(response) } else { None };
                let body = declined.as_deref().map(|body| (call::SDP, body));
                let _ = dialog.acknowledge(turn.now, turn.stack, turn.out, cseq, body);
            }
            return;
        }
        let ended = || self.books.mortal_with(tag).map(|dialog| (*dialog.course(), true));
        let invite = invite.or(sibling).or_else(ended);
        call::answer_stray(&mut self.office(turn), response, invite);
    }
}

impl TransactionUser for Switchboard {
    fn on_request(&mut self, turn: &mut Turn<'_>, id: ServerId, request: &Message<'_>, flow: Flow) {
        self.on_incoming(turn, id, request, flow);
    }

    fn on_ack(&mut self, turn: &mut Turn<'_>, ack: &Message<'_>, flow: Flow) {
        if let Some(leg) = self.leg_of(ack) {
            return self.tell(turn, leg.call, |call, office| call.on_ack(office, leg.number, ack));
        }
        if self.office(turn).is_mortal(ack) {
            return;
        }
        turn.out.push(Effect::Fact(Fact::Dropped { why: DropReason::StrayAck, source: flow.remote }));
    }

    fn on_cancel(&mut self, turn: &mut Turn<'_>, invite: ServerId) {
        let Some(leg) = self.books.servers.get(&invite).copied() else { return };
        self.tell(turn, leg.call, |call, office| call.on_cancel(office, leg.number, invite));
    }

    fn on_response(&mut self, turn: &mut Turn<'_>, id: ClientId, response: &Message<'_>) {
        let status = response.status().unwrap_or(0);
        if self.notifier.answered(turn, &self.settings.domain, id, response) {
            return;
        }
        if self.pager.owns(id) {
            return self.page_answered(turn, id, status);
        }
        if self.books.trunks.on_response(turn.now, turn.stack, turn.out, id, response) {
            return;
        }
        if matches!(status, 401 | 407) && self.answer_challenge(turn, id, response) {
            return;
        }
        let purpose = match status {
            ..200 => self.books.clients.get(&id).cloned(),
            _ => self.books.clients.remove(&id),
        };
        match purpose {
            Some(Purpose::Invite { leg, course, offered }) => {
                let asking = self.calls.get(&leg.call).is_some_and(|call| call.is_asking(leg.number, id));
                if asking {
                    let flow = turn.stack.flow_of(id);
                    self.tell(turn, leg.call, |call, office| {
                        if let Some(flow) = flow {
                            call.found(leg.number, flow);
                        }
                        call.on_branch_response(office, leg.number, response);
                    });
                } else if (200..300).contains(&status) {
                    self.on_stray(turn, response, Some((course, offered)), !offered);
                }
            }
            Some(Purpose::Renegotiate { leg, offered }) => {
                let is_there =
                    |call: &Call| call.legs().get(usize::from(leg.number)).is_some_and(|leg| leg.dialog.is_some());
                let awaited = self.calls.get(&leg.call).is_some_and(|call| !call.is_over() && is_there(call));
                if awaited {
                    self.tell(turn, leg.call, |call, office| {
                        call.renegotiation_answered(office, (leg.number, offered), id, response);
                    });
                } else if (200..300).contains(&status) && is_invite(response) {
                    self.on_stray(turn, response, None, !offered);
                }
            }
            Some(Purpose::Relay(leg)) => {
                self.tell(turn, leg.call, |call, office| call.relay_answered(office, leg.number, id, Some(response)));
            }
            Some(Purpose::Refresh(leg)) => self.tell(turn, leg.call, |call, office| {
                call.session_refreshed(office, leg.number, id, Some(response));
            }),
            Some(Purpose::Notify { leg, last }) if status >= 200 => {
                self.tell(turn, leg.call, |call, office| call.notified(office, leg.number, last));
            }
            // RFC 3262 section 4: what a phone makes of our PRACK is its own matter.
            Some(Purpose::Notify { .. } | Purpose::Prack(_)) => {}
            Some(Purpose::Bye(tags)) if status >= 200 => {
                self.books.mortal.remove(&tags);
            }
            Some(Purpose::Bye(_)) => {}
            None if (200..300).contains(&status) && is_invite(response) => self.on_stray(turn, response, None, false),
            None => {}
        }
    }

    fn on_failure(&mut self, turn: &mut Turn<'_>, id: ClientId, why: ClientFailure) {
        if self.notifier.unanswered(turn, &self.settings.domain, id) {
            return;
        }
        if self.pager.owns(id) {
            return self.page_failed(turn, id, why);
        }
        if self.books.trunks.on_failure(turn.now, turn.stack, turn.out, id) {
            return;
        }
        match self.books.clients.remove(&id) {
            Some(Purpose::Invite { leg, .. }) => self.tell(turn, leg.call, |call, office| {
                if call.is_asking(leg.number, id) {
                    call.on_branch_failure(office, leg.number, why);
                }
            }),
            Some(Purpose::Renegotiate { leg, .. }) => {
                self.tell(turn, leg.call, |call, office| call.renegotiation_failed(office, id, why));
            }
            Some(Purpose::Relay(leg)) => {
                self.tell(turn, leg.call, |call, office| call.relay_answered(office, leg.number, id, None));
            }
            Some(Purpose::Refresh(leg)) => {
                self.tell(turn, leg.call, |call, office| call.session_refreshed(office, leg.number, id, None));
            }
            Some(Purpose::Notify { leg, last }) => {
                self.tell(turn, leg.call, |call, office| call.notified(office, leg.number, last));
            }
            // The response that was not acknowledged is not repeated for ever.
            Some(Purpose::Prack(_)) => {}
            Some(Purpose::Bye(tags)) if why == ClientFailure::Unreachable => self.office(turn).bye_again(&tags),
            Some(Purpose::Bye(tags)) => {
                self.books.mortal.remove(&tags);
            }
            None => {}
        }
    }

    fn on_unacknowledged(&mut self, _turn: &mut Turn<'_>, _id: ServerId) {
        // The call was refused and is over; that its refusal was not acknowledged changes nothing (RFC 3261 section 17.2.1).
    }

    fn on_located(&mut self, turn: &mut Turn<'_>, name: u64, targets: Vec<Target>) {
        self.books.trunks.on_located(turn.now, turn.stack, turn.out, name, &targets);
    }

    fn on_flow_lost(&mut self, turn: &mut Turn<'_>, connection: ConnectionId) {
        // Calls go on: their next request tries the peer's Contact when the stream is gone, or the connection that the peer has made since.
        for (number, contact) in self.registrar.flow_lost(connection) {
            turn.out.push(Effect::Fact(Fact::Unregistered { number, contact, expired: false }));
        }
    }
}

fn is_invite(response: &Message<'_>) -> bool {
    response.cseq().is_ok_and(|cseq| cseq.method == Method::Invite)
}
