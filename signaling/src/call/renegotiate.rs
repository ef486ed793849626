//! Re-INVITE and UPDATE: passed to the other party with our addresses, or answered by us where there is none (RFC 3261 section 14, RFC 3311).

use super::{
    ALLOW, Call, End, Office, PRODUCT, Phase, Purpose, SDP, SUPPORTED, Signal, Wish,
    alarm::Alarm,
    answer::answered,
    describe::{self, View},
    exchange::{Asker, Exchange, Late, Stage},
    fork::is_sdp,
};
use crate::{
    dialog::Ask,
    fact::HangupCause,
    limits::{RENEGOTIATION_MAX, SESSION_INTERVAL_MIN},
    message::{Message, Method, escaped},
    transaction::{ClientFailure, ClientId, NotSent, ServerId},
};
use core::time::Duration;

/// A re-INVITE that we owe a leg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owed {
    /// Whom.
    pub(super) leg: u16,
    /// Because it is joined with another party: codecs and direction are asked for anew. Else it changes nothing.
    anew: bool,
}

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
        let joined = match self.phase {
            Phase::Connected => true,
            // In a transfer somebody who has answered waits.
            Phase::Dialling { .. } => self.transfer.is_some(),
            Phase::Summoning | Phase::Over { .. } => false,
        };
        let connected = joined && self.leg(number).is_some_and(|leg| leg.is_confirmed());
        let wish = Wish::of(request);
        if wish.is_too_small() {
            // RFC 4028 section 9.
            let least = SESSION_INTERVAL_MIN.as_secs().to_string();
            return office.refuse(server, 422, Some(("Min-SE", &least)));
        }
        if !invite && body.is_empty() {
            // RFC 3311 section 5.2: an UPDATE without offer refreshes the target, and the session (RFC 4028 section 9).
            self.refresh(number, request);
            return self.accept_quietly(office, number, server, &wish);
        }
        if !invite && !connected && self.may_offer_early(number) {
            self.refresh(number, request);
            return self.answer_early(office, number, server, request);
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
        if let Some(leg) = self.leg_mut(number) {
            leg.wish = Some(wish);
        }
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
            // The other party's INVITE, or its PRACK, is not settled.
            None if self.other(number).is_some_and(|other| !self.leg(other).is_some_and(|leg| leg.is_confirmed())) => {
                Some((491, None))
            }
            None => None,
            Some(exchange) if exchange.asker == Asker::Leg(number) => later(office),
            Some(_) => Some((491, None)),
        }
    }

    pub(super) fn refresh(&mut self, number: u16, message: &Message<'_>) {
        if let Some(dialog) = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()) {
            // A Contact that cannot be read leaves the target as it was.
            let _ = dialog.refresh(message);
        }
    }

    fn accept_quietly(&mut self, office: &mut Office<'_>, number: u16, server: ServerId, wish: &Wish) {
        if self.leg(number).is_some_and(|leg| leg.is_confirmed()) {
            self.session_granted(office, number, wish);
        }
        self.grant(office, number, server, &[]);
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
                self.lost(office, to, End::by_us(HangupCause::PeerGone));
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
        let timer = self.timer_headers(number);
        let shown = self.shown_partner(number);
        let [expires, min] = timer.fields();
        let mut headers = vec![("Allow", ALLOW), ("Supported", SUPPORTED), ("User-Agent", PRODUCT), expires, min];
        // RFC 3325 section 9.1: who the other party is now.
        headers.extend(shown.as_deref().map(|shown| ("P-Asserted-Identity", shown)));
        let dialog = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()).ok_or(NotSent::Unreachable)?;
        let ask = Ask {
            method: if by_invite { Method::Invite } else { Method::Update },
            max_forwards,
            headers: &headers,
            body: body.map(|body| (SDP, body)),
        };
        let client = dialog.send(office.now, office.stack, office.out, &ask)?;
        office.books.clients.insert(client, Purpose::Renegotiate { leg: id, offered: body.is_some() });
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
    pub(crate) fn renegotiation_answered(
        &mut self,
        office: &mut Office<'_>,
        (number, offered): (u16, bool),
        client: ClientId,
        response: &Message<'_>,
    ) {
        let status = response.status().unwrap_or(0);
        if status < 200 {
            return;
        }
        let invites = response.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        let Some(exchange) = self.take_asked(office, client) else {
            // Who asked has left meanwhile.
            if invites && status < 300 {
                let cseq = response.cseq().map_or(0, |cseq| cseq.number);
                let declined = if offered { None } else { describe::declined(response.body()) };
                self.acknowledge(office, number, cseq, declined.as_deref());
                self.owe(number, true);
                self.pay(office);
            }
            return;
        };
        let (Some(asked), Stage::Asked { server, by_invite, from_invite, offer, .. }) =
            (exchange.asked, exchange.stage)
        else {
            return;
        };
        if status >= 300 {
            if status == 422 {
                self.too_small(asked, response);
            }
            return self.renegotiation_refused(office, exchange.asker, asked, server, status);
        }
        self.refresh(asked, response);
        self.session_agreed(office, asked, response);
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
                    self.pay(office);
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
                let before = self.leg(asked).and_then(|leg| leg.talk.remote.as_ref()).map(|view| view.direction);
                if let Some(other) = self.other(asked).filter(|_| before != Some(answer.direction)) {
                    // It holds, or does no more: the other party is to know.
                    self.owe(other, true);
                }
                if let Some(leg) = self.leg_mut(asked) {
                    leg.talk.remote = Some(answer);
                }
                match self.other(asked) {
                    Some(other) => self.describe_pair(office, asked, other),
                    None => self.describe_leg(office, asked, None),
                }
                self.update_hearing(office);
                self.pay(office);
            }
            // A 2xx that answers nothing: acknowledged, and the session stays as it was.
            (asker, server, ..) => {
                if by_invite {
                    self.acknowledge(office, asked, cseq, None);
                }
                if let (Asker::Leg(_), Some(server)) = (asker, server) {
                    office.refuse(server, 488, None);
                }
                self.pay(office);
            }
        }
    }

    /// RFC 3261 section 14.1: the session stays as it was, unless the dialog is gone.
    fn renegotiation_refused(
        &mut self,
        office: &mut Office<'_>,
        asker: Asker,
        asked: u16,
        server: Option<ServerId>,
        status: u16,
    ) {
        if let Some(server) = server {
            let told = match status {
                // Neither our challenge to answer nor the asker's place to go.
                300..=399 | 401 | 407 => 488,
                // The interval of its session with us is not the asker's matter; next time it is right.
                422 => 500,
                status => status,
            };
            office.refuse(server, told, None);
        }
        // RFC 3261 section 12.2.1.2: the dialog does not exist any more.
        if matches!(status, 408 | 481) {
            return self.lost(office, asked, End::by_us(HangupCause::PeerGone));
        }
        match asker {
            Asker::Ourselves if status == 491 => {
                self.owe(asked, true);
                self.retry_later(office);
            }
            Asker::Ourselves => {
                self.refresh_refused(office, asked, status);
                self.pay(office);
            }
            Asker::Leg(_) => self.pay(office),
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
        match exchange.asked {
            Some(asked) => self.lost(office, asked, End::by_us(HangupCause::PeerGone)),
            None => self.end(office, End::by_us(HangupCause::PeerGone)),
        }
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
        if !(same || transcoded) || caller.direction != callee.direction.reversed() {
            self.owe(self.caller, false);
        }
        self.pay(office);
    }

    /// From now on we owe a leg a re-INVITE.
    pub(super) fn owe(&mut self, leg: u16, anew: bool) {
        match self.owed.iter_mut().find(|owed| owed.leg == leg) {
            Some(owed) => owed.anew |= anew,
            None => self.owed.push(Owed { leg, anew }),
        }
    }

    /// Begins our own exchange when we owe one and no other is under way.
    pub(super) fn pay(&mut self, office: &mut Office<'_>) {
        while self.phase == Phase::Connected
            && self.exchange.is_none()
            && !self.has_alarm(Alarm::Retry)
            && !self.owed.is_empty()
        {
            let Owed { leg: number, anew } = self.owed.remove(0);
            if !self.leg(number).is_some_and(|leg| leg.is_confirmed()) {
                continue;
            }
            let other = self.other(number);
            let Some(body) = self.offer_again(number, other, anew) else { continue };
            if let Ok(client) = self.ask(office, number, true, 70, Some(&body)) {
                let stage = Stage::Asked { server: None, client, by_invite: true, from_invite: false, offer: None };
                self.exchange = Some(Exchange { asker: Asker::Ourselves, asked: Some(number), stage });
                office.arm(self.id, &mut self.alarms, Alarm::Renegotiation, RENEGOTIATION_MAX);
            }
        }
    }

    /// Whom a phone of ours talks with now, as its display shall say. `None`: that is its own matter, or known to it since the beginning.
    fn shown_partner(&self, number: u16) -> Option<String> {
        let leg = self.leg(number).filter(|leg| leg.trunk.is_none())?;
        self.account(&leg.party)?;
        Some(self.shown_of(self.other(number)?))
    }

    /// A leg's party as another is shown it: the name of an account only where the account itself speaks.
    pub(super) fn shown_of(&self, number: u16) -> String {
        match self.leg(number) {
            Some(leg) if leg.trunk.is_none() => self.shown_as(&leg.party),
            Some(leg) => format!("<sip:{}@{}>", escaped(&leg.party), self.settings.domain),
            None => self.shown_as(&self.from),
        }
    }

    /// RFC 3261 section 14.1: after 491, 2.1 to 4 seconds for the one who made the Call-ID, in steps of 10 ms. We made that of every leg we ask.
    fn retry_later(&mut self, office: &mut Office<'_>) {
        let after = Duration::from_millis(2_100 + office.stack.random() % 191 * 10);
        office.arm(self.id, &mut self.alarms, Alarm::Retry, after);
    }
}
