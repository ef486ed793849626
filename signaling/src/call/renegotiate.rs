//! Re-INVITE and UPDATE: passed to the other party with our addresses, or answered by us where there is none (RFC 3261 section 14, RFC 3311).

use super::{
    ALLOW, Call, End, Office, PRODUCT, Phase, Purpose, SDP, SUPPORTED, Signal,
    alarm::Alarm,
    answer::answered,
    describe::{self, View},
    exchange::{Asker, Exchange, Late, Stage},
    fork::is_sdp,
};
use crate::{
    dialog::Ask,
    fact::HangupCause,
    limits::RENEGOTIATION_MAX,
    message::{Message, Method},
    transaction::{ClientFailure, ClientId, NotSent, ServerId},
};
use core::time::Duration;

impl Call {
    /// A re-INVITE or UPDATE came within a leg's dialog.
    pub(crate) fn on_renegotiation(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        server: ServerId,
        request: &Message<'_>,
    ) {
        let invite = request.method() == Some(Method::Invite);
        let body = request.body();
        let connected = self.phase == Phase::Connected && self.leg(number).is_some_and(|leg| leg.is_confirmed());
        if !invite && body.is_empty() {
            // RFC 3311 section 5.2: an UPDATE without offer refreshes the target only.
            self.refresh(number, request);
            return self.accept_quietly(office, number, server);
        }
        if let Some((status, retry)) = self.conflict(office, number, connected) {
            return office.refuse(server, status, retry.as_deref().map(|seconds| ("Retry-After", seconds)));
        }
        let offer = match body.is_empty() {
            true => None,
            false => match describe::view(body) {
                Ok(view) => match self.may_offer(number, &view.carriage) {
                    Ok(()) => Some(view),
                    Err(why) => return office.refuse(server, 488, Some(("Warning", why.warning()))),
                },
                Err(fault) => return office.refuse(server, fault.status(), None),
            },
        };
        self.refresh(number, request);
        match self.other(number) {
            Some(other) => self.pass_on(office, number, other, server, request, offer),
            None => self.answer_renegotiation(office, number, server, invite, body, offer),
        }
    }

    /// Why a new exchange cannot begin now.
    fn conflict(&self, office: &mut Office<'_>, number: u16, connected: bool) -> Option<(u16, Option<String>)> {
        // RFC 3261 section 14.2: a random value between 0 and 10 seconds.
        let later = |office: &mut Office<'_>| Some((500, Some((office.stack.random() % 11).to_string())));
        if !connected {
            return match self.leg(number).map(|leg| &leg.signal) {
                // The caller's own INVITE has no answer yet: RFC 3261 section 14.2, RFC 3311 section 5.2.
                Some(Signal::Invited { .. }) => later(office),
                // Ours to the callee has none.
                _ => Some((491, None)),
            };
        }
        match &self.exchange {
            None => None,
            Some(exchange) if exchange.asker == Asker::Leg(number) => later(office),
            Some(_) => Some((491, None)),
        }
    }

    fn refresh(&mut self, number: u16, message: &Message<'_>) {
        if let Some(dialog) = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()) {
            // A Contact that cannot be read leaves the target as it was.
            let _ = dialog.refresh(message);
        }
    }

    fn accept_quietly(&mut self, office: &mut Office<'_>, number: u16, server: ServerId) {
        let Some(dialog) = self.leg(number).and_then(|leg| leg.dialog.as_ref()) else { return };
        let contact = dialog.contact().to_owned();
        office.refuse(server, 200, Some(("Contact", &contact)));
    }

    fn pass_on(
        &mut self,
        office: &mut Office<'_>,
        from: u16,
        to: u16,
        server: ServerId,
        request: &Message<'_>,
        offer: Option<View>,
    ) {
        let from_invite = request.method() == Some(Method::Invite);
        let by_invite = from_invite || !self.leg(to).is_some_and(|leg| leg.allows_update);
        let body = match offer.is_some() {
            true => match self.offer_to(to, from, request.body()) {
                Some(body) => Some(body),
                None => return office.refuse(server, 488, None),
            },
            false => None,
        };
        let forwards = request.max_forwards().ok().flatten().unwrap_or(70);
        match self.ask(office, to, by_invite, forwards.saturating_sub(1), body.as_deref()) {
            Ok(client) => {
                if from_invite {
                    office.books.servers.insert(server, self.leg_id(from));
                }
                let stage = Stage::Asked { server: Some(server), client, by_invite, from_invite, offer };
                self.exchange = Some(Exchange { asker: Asker::Leg(from), asked: Some(to), stage });
                office.arm(self.id, &mut self.alarms, Alarm::Renegotiation, RENEGOTIATION_MAX);
            }
            Err(NotSent::Exhausted) => office.refuse(server, 503, None),
            Err(NotSent::Unreachable) => {
                // RFC 3261 section 12.2.1.2: a dialog whose peer cannot be reached is over.
                office.refuse(server, 480, None);
                self.end(office, End::by_us(HangupCause::PeerGone));
            }
        }
    }

    /// Sends a leg a re-INVITE or UPDATE.
    fn ask(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        by_invite: bool,
        max_forwards: u8,
        body: Option<&[u8]>,
    ) -> Result<ClientId, NotSent> {
        let id = self.leg_id(number);
        let dialog = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()).ok_or(NotSent::Unreachable)?;
        let ask = Ask {
            method: if by_invite { Method::Invite } else { Method::Update },
            max_forwards,
            headers: &[("Allow", ALLOW), ("Supported", SUPPORTED), ("User-Agent", PRODUCT)],
            body: body.map(|body| (SDP, body)),
        };
        let client = dialog.send(office.now, office.stack, office.out, &ask)?;
        office.books.clients.insert(client, Purpose::Renegotiate(id));
        Ok(client)
    }

    /// We are the other end ourselves.
    fn answer_renegotiation(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        server: ServerId,
        invite: bool,
        body: &[u8],
        offer: Option<View>,
    ) {
        let late = offer.is_none();
        let told = if late { self.own_offer(number) } else { self.own_answer(number, body) };
        let Some(told) = told else { return office.refuse(server, 488, None) };
        if let (Some(view), Some(leg)) = (offer, self.leg_mut(number)) {
            leg.talk.remote = Some(view);
        }
        self.describe_leg(office, number, None);
        self.update_hearing(office);
        self.accept(office, number, server, &told);
        if invite {
            let late = late.then_some(Late { offer: None, cseq: 0, declined: None });
            self.await_ack(office, Exchange { asker: Asker::Leg(number), asked: None, stage: answered(server, late) });
        }
    }

    /// The party that was asked has answered.
    pub(crate) fn renegotiation_answered(&mut self, office: &mut Office<'_>, client: ClientId, response: &Message<'_>) {
        let status = response.status().unwrap_or(0);
        if status < 200 {
            return;
        }
        let Some(exchange) = self.take_asked(office, client) else { return };
        let (Some(asked), Stage::Asked { server, by_invite, from_invite, offer, .. }) =
            (exchange.asked, exchange.stage)
        else {
            return;
        };
        if status >= 300 {
            return self.renegotiation_refused(office, exchange.asker, server, status);
        }
        self.refresh(asked, response);
        let cseq = response.cseq().map_or(0, |cseq| cseq.number);
        let body = response.body();
        let said = if is_sdp(response) { describe::view(body).ok() } else { None };
        match (exchange.asker, server, offer, said) {
            // The answer to the asker's offer.
            (Asker::Leg(asker), Some(server), Some(offer), Some(answer))
                if self.agrees((asker, &offer), (asked, &answer)) =>
            {
                if by_invite {
                    self.acknowledge(office, asked, cseq, None);
                }
                let Some(told) = self.agree(office, (asker, offer), (asked, answer), body) else {
                    office.refuse(server, 500, None);
                    return self.end(office, End::by_us(HangupCause::Fault));
                };
                self.accept(office, asker, server, &told);
                if from_invite {
                    let stage = answered(server, None);
                    self.await_ack(office, Exchange { asker: Asker::Leg(asker), asked: Some(asked), stage });
                } else {
                    self.renew_wish(office);
                }
            }
            // An offer, for which the asker asked.
            (Asker::Leg(asker), Some(server), None, Some(offer)) if self.may_offer(asked, &offer.carriage).is_ok() => {
                let Some(told) = self.offer_to(asker, asked, body) else {
                    self.acknowledge(office, asked, cseq, None);
                    return office.refuse(server, 488, None);
                };
                self.accept(office, asker, server, &told);
                let stage =
                    answered(server, Some(Late { offer: Some(offer), cseq, declined: describe::declined(body) }));
                self.await_ack(office, Exchange { asker: Asker::Leg(asker), asked: Some(asked), stage });
            }
            // The answer to our own offer.
            (Asker::Ourselves, _, _, Some(answer)) if self.may_answer(asked, &answer.carriage) => {
                self.acknowledge(office, asked, cseq, None);
                if let Some(leg) = self.leg_mut(asked) {
                    leg.talk.remote = Some(answer);
                }
                let other = self.other(asked);
                self.describe_leg(office, asked, other);
                self.update_hearing(office);
            }
            // A 2xx that answers nothing: acknowledged, and the session stays as it was.
            (asker, server, ..) => {
                if by_invite {
                    self.acknowledge(office, asked, cseq, None);
                }
                if let (Asker::Leg(_), Some(server)) = (asker, server) {
                    office.refuse(server, 488, None);
                    self.renew_wish(office);
                }
            }
        }
    }

    /// RFC 3261 section 14.1: the session stays as it was, unless the dialog is gone.
    fn renegotiation_refused(&mut self, office: &mut Office<'_>, asker: Asker, server: Option<ServerId>, status: u16) {
        if let Some(server) = server {
            let told = match status {
                // Neither our challenge to answer nor the asker's place to go.
                300..=399 | 401 | 407 => 488,
                status => status,
            };
            office.refuse(server, told, None);
        }
        // RFC 3261 section 12.2.1.2: the dialog does not exist any more.
        if matches!(status, 408 | 481) {
            return self.end(office, End::by_us(HangupCause::PeerGone));
        }
        match asker {
            Asker::Ourselves if status == 491 => {
                self.wish = true;
                self.retry_later(office);
            }
            Asker::Ourselves => {}
            Asker::Leg(_) => self.renew_wish(office),
        }
    }

    /// The party that was asked did not answer.
    pub(crate) fn renegotiation_failed(&mut self, office: &mut Office<'_>, client: ClientId, why: ClientFailure) {
        let Some(exchange) = self.take_asked(office, client) else { return };
        let Stage::Asked { server, .. } = exchange.stage else { return };
        if let Some(server) = server {
            let status = match why {
                ClientFailure::TimedOut => 408,
                ClientFailure::Unreachable => 480,
            };
            office.refuse(server, status, None);
        }
        // RFC 3261 section 12.2.1.2: no answer at all ends the dialog.
        self.end(office, End::by_us(HangupCause::PeerGone));
    }

    fn take_asked(&mut self, office: &mut Office<'_>, client: ClientId) -> Option<Exchange> {
        let exchange = self
            .exchange
            .take_if(|exchange| matches!(exchange.stage, Stage::Asked { client: own, .. } if own == client))?;
        office.disarm(&mut self.alarms, Alarm::Renegotiation);
        Some(exchange)
    }

    /// The asker takes its re-INVITE back.
    ///
    /// Deviates: RFC 3261 section 9.2 says 487 at once (SHOULD). The CANCEL is passed on first and the asker gets what the other party
    /// makes of it, so that both always agree on the session.
    pub(super) fn cancel_renegotiation(&mut self, office: &mut Office<'_>, server: ServerId) {
        if let Some(Exchange { stage: Stage::Asked { server: Some(own), client, by_invite: true, .. }, .. }) =
            &self.exchange
            && *own == server
        {
            office.stack.cancel(office.now, *client, office.out);
        }
    }

    /// The party that was asked takes too long: it rings, as it were, on a call that is up.
    pub(super) fn renegotiation_overdue(&mut self, office: &mut Office<'_>) {
        // Its answer to the CANCEL, or the end of waiting for that, is passed on. An UPDATE ends by its own timer.
        if let Some(Exchange { stage: Stage::Asked { client, by_invite: true, .. }, .. }) = &self.exchange {
            office.stack.cancel(office.now, *client, office.out);
        }
    }

    /// The caller was answered by us before the callee's formats were known: if they differ, it is asked again.
    pub(super) fn make_wish(&mut self, office: &mut Office<'_>) {
        let caller = self.caller_leg().and_then(|leg| leg.talk.remote.as_ref());
        let callee = self.other(self.caller).and_then(|callee| self.leg(callee)?.talk.remote.as_ref());
        let (Some(caller), Some(callee)) = (caller, callee) else { return };
        let same = caller.codec() == callee.codec()
            && caller.speech().all(|format| callee.speech().any(|other| other.same_coding(format)));
        // Codecs without a common one stay as they are: the media plane makes one of the other.
        let unlike = !caller.speech().any(|format| callee.speech().any(|other| other.same_coding(format)));
        let transcoded = self.settings.media.transcode && unlike;
        self.wish = !(same || transcoded) || caller.direction != callee.direction.reversed();
        self.renew_wish(office);
    }

    /// Begins our own exchange when we owe one and no other is under way.
    pub(super) fn renew_wish(&mut self, office: &mut Office<'_>) {
        if !self.wish || self.phase != Phase::Connected {
            return;
        }
        if self.exchange.is_some() {
            return;
        }
        let caller = self.caller;
        let Some(body) = self.leg(caller).and_then(|leg| leg.talk.sent.clone()) else { return };
        self.wish = false;
        if let Ok(client) = self.ask(office, caller, true, 70, Some(&body)) {
            let stage = Stage::Asked { server: None, client, by_invite: true, from_invite: false, offer: None };
            self.exchange = Some(Exchange { asker: Asker::Ourselves, asked: Some(caller), stage });
            office.arm(self.id, &mut self.alarms, Alarm::Renegotiation, RENEGOTIATION_MAX);
        }
    }

    /// RFC 3261 section 14.1: after 491, 2.1 to 4 seconds for the one who made the Call-ID, in steps of 10 ms. We made that of every leg we ask.
    fn retry_later(&mut self, office: &mut Office<'_>) {
        let after = Duration::from_millis(2_100 + office.stack.random() % 191 * 10);
        office.arm(self.id, &mut self.alarms, Alarm::Retry, after);
    }
}
