//! Provisional responses that are acknowledged (RFC 3262), on each side by itself: ours to the caller, where it asks for that, and those of phones we ring.
//!
//! Of our own at most one waits for its PRACK; later ones, and a 2xx while that one holds a description, wait behind it (section 3). Those of phones are
//! acknowledged once and in their order (section 4). An offer in a PRACK, or in an UPDATE before the 2xx, is answered here by our own description, because
//! what the other party agreed to stays as it is (RFC 3311 section 5.2).

use super::{
    ALLOW, Call, End, Office, PRODUCT, Phase, Purpose, SDP, Signal, alarm::Alarm, describe, exchange::Late,
    fork::is_sdp,
};
use crate::{
    dialog::Ask,
    fact::HangupCause,
    limits::{EARLY_DIALOGS_MAX, PRACKS_MAX, PROGRESS_QUEUE_MAX},
    message::{Header, Message, Method},
    transaction::{
        Answer, ServerId,
        machine::{T1, TRANSACTION_LENGTH},
    },
};
use contract::Instant;
use core::time::Duration;
use std::collections::VecDeque;

/// Whether a caller takes provisional responses that are acknowledged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reliably {
    /// It does not say.
    #[default]
    No,
    /// Supported lists `100rel`.
    Supported,
    /// Require lists `100rel`: it takes no others.
    Required,
}

impl Reliably {
    /// As an INVITE says.
    #[must_use]
    pub fn of(invite: &Message<'_>) -> Self {
        if invite.lists(Header::Require, "100rel") {
            Self::Required
        } else if invite.lists(Header::Supported, "100rel") {
            Self::Supported
        } else {
            Self::No
        }
    }
}

/// A provisional response to the caller.
#[derive(Clone, Debug)]
struct Progress {
    status: u16,
    body: Option<Box<[u8]>>,
}

/// One that is not acknowledged.
#[derive(Clone, Debug)]
struct Pending {
    progress: Progress,
    /// Time until it is sent again.
    interval: Duration,
    /// When it is given up.
    until: Instant,
}

/// A 2xx that waits.
#[derive(Clone, Debug)]
struct Held {
    asked: Option<u16>,
    body: Box<[u8]>,
    late: Option<Late>,
}

/// The reliable responses to the caller's INVITE.
#[derive(Clone, Debug)]
pub(super) struct Reliable {
    /// RSeq of the last one.
    rseq: u32,
    pending: Option<Pending>,
    waiting: VecDeque<Progress>,
    held: Option<Held>,
    /// One of them held the answer to the caller's offer.
    described: bool,
}

impl Reliable {
    /// Whether one waits for its PRACK.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Heap octets held.
    pub(super) fn heap_bytes(&self) -> usize {
        let body = |progress: &Progress| progress.body.as_ref().map_or(0, |body| body.len());
        size_of::<Self>()
            + self.pending.as_ref().map_or(0, |pending| body(&pending.progress))
            + self.waiting.iter().map(|progress| size_of::<Progress>() + body(progress)).sum::<usize>()
            + self.held.as_ref().map_or(0, |held| held.body.len())
    }
}

/// What a provisional response of a phone is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// It counts.
    Fresh,
    /// It came before, or before its turn: nothing is to be done (RFC 3262 section 4).
    Ignored,
}

impl Call {
    // ── Ours, to the caller ──

    /// Tells the caller how far the call is.
    pub(super) fn tell_progress(&mut self, office: &mut Office<'_>, status: u16, body: Option<&[u8]>) {
        let Some(leg) = self.caller_leg() else { return };
        let Signal::Invited { .. } = leg.signal else { return };
        // RFC 3262 section 5: the first reliable response to an INVITE without an offer would have to hold one; who insists gets none at all.
        let offered = self.offer.is_some();
        match (leg.reliably, body) {
            (Reliably::Required, _) if !offered => {}
            (Reliably::Required, _) | (Reliably::Supported, Some(_)) if offered => {
                self.tell_reliably(office, status, body)
            }
            (Reliably::No | Reliably::Supported | Reliably::Required, _) => {
                self.send_progress(office, status, body, None);
            }
        }
    }

    /// Whether the caller's offer was answered by a response that it acknowledges.
    pub(super) fn has_described_reliably(&self) -> bool {
        self.reliable.as_ref().is_some_and(|reliable| reliable.described)
    }

    fn tell_reliably(&mut self, office: &mut Office<'_>, status: u16, body: Option<&[u8]>) {
        // RFC 3262 section 3: the first RSeq is 1 to 2^31 - 1.
        let first = u32::try_from(office.stack.random() % ((1 << 31) - 1)).unwrap_or(0);
        let reliable = self.reliable.get_or_insert_with(|| {
            Box::new(Reliable { rseq: first, pending: None, waiting: VecDeque::new(), held: None, described: false })
        });
        // RFC 3262 section 5: one answer to one offer.
        let body = body.filter(|_| !reliable.described);
        reliable.described |= body.is_some();
        let progress = Progress { status, body: body.map(Into::into) };
        if reliable.pending.is_some() {
            // RFC 3262 section 3: not before the first is acknowledged. What comes too thick is left out; the caller misses a ring.
            if reliable.waiting.len() < PROGRESS_QUEUE_MAX || progress.body.is_some() {
                reliable.waiting.push_back(progress);
            }
            return;
        }
        self.begin_progress(office, progress);
    }

    fn begin_progress(&mut self, office: &mut Office<'_>, progress: Progress) {
        let Some(reliable) = &mut self.reliable else { return };
        reliable.rseq += 1;
        let (status, body) = (progress.status, progress.body.clone());
        reliable.pending = Some(Pending { progress, interval: T1, until: office.now + TRANSACTION_LENGTH });
        let rseq = reliable.rseq;
        self.send_progress(office, status, body.as_deref(), Some(rseq));
        office.arm(self.id, &mut self.alarms, Alarm::Progress, T1);
    }

    fn send_progress(&mut self, office: &mut Office<'_>, status: u16, body: Option<&[u8]>, rseq: Option<u32>) {
        let Some(leg) = self.caller_leg() else { return };
        let (Signal::Invited { server }, Some(dialog)) = (&leg.signal, &leg.dialog) else { return };
        let number = rseq.map(|rseq| rseq.to_string()).unwrap_or_default();
        let mut headers = vec![("Contact", dialog.contact()), ("Allow", ALLOW), ("Server", PRODUCT)];
        if rseq.is_some() {
            headers.extend([("Require", "100rel"), ("RSeq", &*number)]);
        }
        let answer = Answer {
            to_tag: Some(dialog.local_tag()),
            headers: &headers,
            body: body.map(|body| (SDP, body)),
            record_route: true,
            ..Answer::new(status)
        };
        office.stack.respond(office.now, *server, &answer, office.out);
    }

    /// RFC 3262 section 3: sent again after T1, and each time after twice the time, up to 64*T1; then the INVITE is refused.
    pub(super) fn repeat_progress(&mut self, office: &mut Office<'_>) {
        let Some(reliable) = &mut self.reliable else { return };
        let rseq = reliable.rseq;
        let Some(pending) = &mut reliable.pending else { return };
        if pending.until <= office.now {
            return self.end(office, End { cause: HangupCause::PeerGone, status: Some(504), by: None });
        }
        pending.interval *= 2;
        let next = pending.interval.min(pending.until.since(office.now));
        let (status, body) = (pending.progress.status, pending.progress.body.clone());
        self.send_progress(office, status, body.as_deref(), Some(rseq));
        office.arm(self.id, &mut self.alarms, Alarm::Progress, next);
    }

    /// A PRACK came within a leg's dialog.
    pub(crate) fn on_prack(&mut self, office: &mut Office<'_>, number: u16, server: ServerId, request: &Message<'_>) {
        let invite = self.leg(number).and_then(|leg| leg.dialog.as_ref()).and_then(|dialog| dialog.invite_cseq());
        let rseq = self.reliable.as_ref().filter(|reliable| reliable.pending.is_some()).map(|reliable| reliable.rseq);
        let matches = request.rack().is_ok_and(|rack| {
            number == self.caller
                && Some(rack.rseq) == rseq
                && Some(rack.cseq) == invite
                && rack.method == Method::Invite
        });
        if !matches {
            // RFC 3262 section 3. The same PRACK again is answered by its transaction.
            return office.refuse(server, 481, None);
        }
        if let Some(reliable) = &mut self.reliable {
            reliable.pending = None;
        }
        office.disarm(&mut self.alarms, Alarm::Progress);
        match request.body().is_empty() {
            true => office.refuse(server, 200, None),
            // RFC 3262 section 5: the answer was in the response, so this is another offer.
            false => self.answer_early(office, number, server, request),
        }
        self.go_on(office);
    }

    /// What waited for a PRACK.
    fn go_on(&mut self, office: &mut Office<'_>) {
        let Some(reliable) = &mut self.reliable else { return };
        if let Some(held) = reliable.held.take() {
            // RFC 3262 section 3: nothing provisional after the final answer.
            self.reliable = None;
            return self.tell_answer(office, held.asked, &held.body, held.late);
        }
        if let Some(progress) = reliable.waiting.pop_front() {
            self.begin_progress(office, progress);
        }
    }

    /// RFC 3262 section 3: a 2xx waits while a description is not acknowledged.
    pub(super) fn holds_answer(&self) -> bool {
        let pending = self.reliable.as_ref().and_then(|reliable| reliable.pending.as_ref());
        pending.is_some_and(|pending| pending.progress.body.is_some())
    }

    /// Keeps a 2xx until that is.
    pub(super) fn hold_answer(&mut self, asked: Option<u16>, body: &[u8], late: Option<Late>) {
        if let Some(reliable) = &mut self.reliable {
            reliable.held = Some(Held { asked, body: body.into(), late });
        }
    }

    /// The caller's INVITE has its final answer.
    pub(super) fn end_progress(&mut self, office: &mut Office<'_>) {
        self.reliable = None;
        office.disarm(&mut self.alarms, Alarm::Progress);
    }

    // ── Those of phones ──

    /// A provisional response of a phone: if it is to be acknowledged, it is.
    pub(super) fn take_progress(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) -> Taken {
        if !response.lists(Header::Require, "100rel") {
            return Taken::Fresh;
        }
        let (Ok(Some(rseq)), Ok(cseq), Ok(to)) = (response.rseq(), response.cseq(), response.to()) else {
            return Taken::Ignored;
        };
        let Some(tag) = to.tag() else { return Taken::Ignored };
        let id = self.leg_id(number);
        let Some(leg) = self.leg_mut(number) else { return Taken::Ignored };
        let dialogs = leg.progress.len();
        let sent = leg.dialog.as_ref().map_or(0, |dialog| dialog.local_cseq().saturating_sub(cseq.number));
        if sent >= PRACKS_MAX {
            return Taken::Ignored;
        }
        // RFC 3262 section 4: each early dialog counts by itself.
        match leg.progress.iter_mut().find(|(known, _)| known.as_bytes() == tag) {
            Some((_, last)) if last.checked_add(1) == Some(rseq) => *last = rseq,
            Some(_) => return Taken::Ignored,
            None if dialogs >= EARLY_DIALOGS_MAX => return Taken::Ignored,
            None => leg.progress.push((String::from_utf8_lossy(tag).into(), rseq)),
        }
        let Some(dialog) = &mut leg.dialog else { return Taken::Ignored };
        // The PRACK goes to who sent this response.
        if dialog.answered(response).is_err() {
            return Taken::Ignored;
        }
        let rack = format!("{rseq} {} INVITE", cseq.number);
        let headers = [("RAck", &*rack), ("User-Agent", PRODUCT)];
        let ask = Ask { method: Method::Prack, max_forwards: 70, headers: &headers, body: None };
        // A phone that cannot be reached repeats its response and gives up.
        if let Ok(client) = dialog.send(office.now, office.stack, office.out, &ask) {
            office.books.clients.insert(client, Purpose::Prack(id));
        }
        leg.described_early |= !response.body().is_empty() && is_sdp(response);
        Taken::Fresh
    }

    // ── Offers before the 2xx ──

    /// Whether a leg whose INVITE is not answered may offer: offer and answer of the INVITE are both known to both (RFC 3311 section 5.1).
    pub(super) fn may_offer_early(&self, number: u16) -> bool {
        let Some(leg) = self.leg(number) else { return false };
        match leg.signal {
            Signal::Invited { .. } => {
                self.reliable.as_ref().is_some_and(|reliable| reliable.described && reliable.pending.is_none())
            }
            Signal::Inviting { .. } => leg.described_early && leg.talk.remote.is_some() && leg.talk.sent.is_some(),
            Signal::Opening(_) | Signal::Cancelling { .. } | Signal::Confirmed | Signal::Gone => false,
        }
    }

    /// Answers an offer in a PRACK or an early UPDATE with a description of our own.
    pub(super) fn answer_early(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        server: ServerId,
        request: &Message<'_>,
    ) {
        let body = request.body();
        let view = match describe::view(body) {
            Ok(view) => view,
            Err(fault) => return office.refuse(server, fault.status(), None),
        };
        if let Err(why) = self.may_offer(number, &view.carriage) {
            return office.refuse(server, 488, Some(("Warning", why.warning())));
        }
        let other = match self.phase {
            Phase::Dialling { early: Some(early), .. } if number == self.caller => Some(early),
            Phase::Dialling { early: Some(early), .. } if number == early => Some(self.caller),
            Phase::Connected => self.other(number),
            Phase::Dialling { .. } | Phase::Summoning | Phase::Over { .. } => None,
        };
        let Some(told) = self.own_answer_for(number, body, other) else { return office.refuse(server, 488, None) };
        if let Some(leg) = self.leg_mut(number) {
            leg.talk.remote = Some(view);
        }
        self.describe_leg(office, number, other);
        if let Some(other) = other {
            self.describe_leg(office, other, Some(number));
        }
        self.update_hearing(office);
        self.grant(office, number, server, &told);
    }
}
