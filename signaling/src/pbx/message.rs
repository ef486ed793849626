//! MESSAGE: words from one account to another (RFC 3428). Phones that are there get them at once; for those that are not they are kept.

use super::{invite::dialled, register::Pending, switchboard::Switchboard};
use crate::{
    call::{PRODUCT, targets_of},
    dialog::{Ask as InDialog, Dialog, Opening},
    effect::Ask,
    event::state::address,
    flow::Flow,
    input::StoredMessage,
    limits::{PAGE_BYTES_BY_STREAM_MAX, PAGE_BYTES_MAX, PAGE_WAIT_MAX, RETRY_AFTER},
    message::{Header, Message, Method, quoted},
    pager::{Outcome, Pager},
    settings::{Extension, Settings},
    transaction::{ClientFailure, ClientId, ServerId, Turn},
};
use std::sync::Arc;

/// Header fields that belong to the words and not to their way; Content-Type is written with the body.
const END_TO_END: [Header; 8] = [
    Header::ContentEncoding,
    Header::ContentDisposition,
    Header::MimeVersion,
    Header::Subject,
    Header::Date,
    Header::InReplyTo,
    Header::Organization,
    Header::Priority,
];

impl Switchboard {
    pub(super) fn on_message(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: Flow) {
        let Some(from) = self.authenticate(turn, server, request, flow) else { return };
        // An account writes under its own number only.
        let named = request.from().ok().and_then(|address| address.uri.user_decoded());
        if named.as_deref() != Some(&from) {
            return self.office(turn).refuse(server, 403, None);
        }
        self.activity.insert(from.as_str().into(), turn.now);
        let settings = Arc::clone(&self.settings);
        let number = dialled(request).unwrap_or_default();
        let (Some(account), Some(sender)) =
            (settings.directory.extension(&number), settings.directory.extension(&from))
        else {
            return self.office(turn).refuse(server, 404, None);
        };
        // RFC 3428 section 8.
        let most = if flow.connection.is_some() { PAGE_BYTES_BY_STREAM_MAX } else { PAGE_BYTES_MAX };
        if request.body().len() > most {
            return self.office(turn).refuse(server, 413, None);
        }
        // RFC 3261 section 16.3 step 3: loops end here too.
        let forwards = request.max_forwards().ok().flatten().unwrap_or(70);
        if forwards == 0 {
            return self.office(turn).refuse(server, 483, None);
        }
        let message = written(turn.stack.random() >> 1, request, &settings, (sender, account));
        if self.pager.kept_for(&number) > 0 {
            // It waits behind those that are kept already.
            self.keep(turn, Some(server), message);
            return self.deliver(turn, &number);
        }
        let clients = self.page(turn, account, &message, forwards - 1);
        if clients.is_empty() {
            return self.keep(turn, Some(server), message);
        }
        self.pager.sent(message, clients, Some((server, turn.now + PAGE_WAIT_MAX)), false);
    }

    /// Sends a message to all phones of an account (RFC 3428 section 6: as any request that forks).
    fn page(
        &mut self,
        turn: &mut Turn<'_>,
        account: &Extension,
        message: &StoredMessage,
        max_forwards: u8,
    ) -> Vec<ClientId> {
        let mut headers: Vec<(&str, &str)> =
            message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("User-Agent", PRODUCT));
        let body = (!message.body.is_empty()).then_some((message.content_type.as_str(), message.body.as_slice()));
        let ask = InDialog { method: Method::Message, max_forwards, headers: &headers, body };
        let to = format!("<{}>", address(&account.number, &self.settings.domain));
        let targets = targets_of(&self.office(turn), account);
        let mut clients = Vec::with_capacity(targets.len());
        for target in targets {
            let opening = Opening {
                call_id: turn.stack.call_id(),
                tag: turn.stack.tag(),
                from: message.from.clone(),
                to: to.clone(),
                target: target.uri,
                routes: target.routes,
                user: String::new(),
                course: target.course,
            };
            // RFC 3428 section 6: no dialog comes of it; this one is only its way.
            clients.extend(Dialog::asking(turn.stack, opening).send(turn.now, turn.stack, turn.out, &ask));
        }
        clients
    }

    /// Sends the next of the messages kept for an account, if it has a phone and none is on its way.
    pub(super) fn deliver(&mut self, turn: &mut Turn<'_>, number: &str) {
        let Some(message) = self.pager.next_for(turn.now, number) else { return };
        let settings = Arc::clone(&self.settings);
        let Some(account) = settings.directory.extension(number) else { return };
        let clients = self.page(turn, account, &message, 70);
        if !clients.is_empty() {
            self.pager.sent(message, clients, None, true);
        }
    }

    /// Keeps a message; its sender is answered once it is on disk.
    fn keep(&mut self, turn: &mut Turn<'_>, server: Option<ServerId>, message: StoredMessage) {
        let (id, number) = (message.id, message.number.clone());
        if self.pager.kept_for(&number) >= self.settings.messages.kept_max {
            return self.answer_page(turn, server, 480);
        }
        if self.pager.is_full() {
            return self.answer_page(turn, server, 503);
        }
        let pending = Pending::Message { server, number, id };
        if self.ask_store(turn, Ask::KeepMessage(message.clone()), pending) {
            self.pager.keep(turn.now, message);
        } else {
            self.answer_page(turn, server, 503);
        }
    }

    /// The store has kept a message, or has not.
    pub(super) fn message_stored(
        &mut self,
        turn: &mut Turn<'_>,
        (server, number, id): (Option<ServerId>, &str, u64),
        kept: bool,
    ) {
        if kept {
            // RFC 3428 section 7: 202 where it is kept and forwarded later.
            return self.answer_page(turn, server, 202);
        }
        // What might be lost is not promised. It may have been written after all.
        if self.pager.forget(number, id) {
            self.forget_message(turn, id);
        }
        self.answer_page(turn, server, 503);
    }

    /// What is kept for accounts that are not there any more is forgotten.
    pub(super) fn forget_messages(&mut self, turn: &mut Turn<'_>) {
        let settings = Arc::clone(&self.settings);
        for (_, id) in self.pager.retain(|number| settings.directory.extension(number).is_some()) {
            self.forget_message(turn, id);
        }
    }

    fn forget_message(&mut self, turn: &mut Turn<'_>, id: u64) {
        // A store that does not do it now lets the message come again after a restart, at worst.
        let asked = self.ask_store(turn, Ask::ForgetMessage { id }, Pending::Nothing);
        debug_assert!(asked || self.queries.is_full(), "only a full store is not asked");
    }

    /// A phone answered a message, or will not.
    pub(super) fn page_answered(&mut self, turn: &mut Turn<'_>, client: ClientId, status: u16) {
        if let Some(outcome) = self.pager.answered(client, status) {
            self.page_settled(turn, outcome);
        }
    }

    /// RFC 3261 section 8.1.3.1.
    pub(super) fn page_failed(&mut self, turn: &mut Turn<'_>, client: ClientId, why: ClientFailure) {
        let status = match why {
            ClientFailure::TimedOut => 408,
            ClientFailure::Unreachable => 503,
        };
        self.page_answered(turn, client, status);
    }

    /// Carries out what the timers of messages mean.
    pub(super) fn fire_pages(&mut self, turn: &mut Turn<'_>) {
        while let Some(outcome) = self.pager.due(turn.now) {
            self.page_settled(turn, outcome);
        }
    }

    fn page_settled(&mut self, turn: &mut Turn<'_>, outcome: Outcome) {
        match outcome {
            Outcome::Taken { server, number, kept } => self.page_over(turn, server, 200, &number, kept),
            Outcome::Refused { server, number, status, kept } => self.page_over(turn, server, status, &number, kept),
            Outcome::Untaken { server, message } => self.keep(turn, server, message),
            // The next registration lets it be tried again.
            Outcome::Stays => {}
            Outcome::Aged { id } => self.forget_message(turn, id),
        }
    }

    fn page_over(
        &mut self,
        turn: &mut Turn<'_>,
        server: Option<ServerId>,
        status: u16,
        number: &str,
        kept: Option<u64>,
    ) {
        self.answer_page(turn, server, status);
        if let Some(id) = kept {
            self.forget_message(turn, id);
            self.deliver(turn, number);
        }
    }

    fn answer_page(&mut self, turn: &mut Turn<'_>, server: Option<ServerId>, status: u16) {
        let Some(server) = server else { return };
        let retry = RETRY_AFTER.as_secs().to_string();
        // RFC 3261 section 21.5.4.
        self.office(turn).refuse(server, status, (status == 503).then_some(("Retry-After", &*retry)));
    }
}

/// The message that a request carries, as it is passed on.
fn written(
    id: u64,
    request: &Message<'_>,
    settings: &Settings,
    (sender, account): (&Extension, &Extension),
) -> StoredMessage {
    let text = |name: Header| request.header(name).and_then(|value| core::str::from_utf8(value).ok());
    let header = |name: Header| Some((name.name().to_owned(), text(name)?.to_owned()));
    let shown = &sender.caller_id;
    let name = if shown.name.is_empty() { &sender.name } else { &shown.name };
    let number = if shown.number.is_empty() { &sender.number } else { &shown.number };
    let uri = address(number, &settings.domain);
    StoredMessage {
        id,
        number: account.number.clone(),
        from: if name.is_empty() { format!("<{uri}>") } else { format!("{} <{uri}>", quoted(name)) },
        headers: END_TO_END.into_iter().filter_map(header).collect(),
        // RFC 3428 section 6: what every phone can read.
        content_type: text(Header::ContentType).unwrap_or("text/plain").to_owned(),
        body: request.body().to_vec(),
        expires_in: Pager::life(request.expires().ok().flatten(), settings.messages.keep),
    }
}
