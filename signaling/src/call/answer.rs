//! The answer: a phone's 2xx joins it with the caller, whose own 2xx is repeated until its ACK (RFC 3261 sections 13.2.2.4, 13.3.1.4).

use super::{
    ALLOW, Call, End, Office, PRODUCT, Partner, Phase, SDP, SUPPORTED, Signal,
    alarm::Alarm,
    describe,
    exchange::{Asker, Exchange, Late, Stage},
    fork::is_sdp,
};
use crate::{
    fact::{Choice, Fact, HangupCause},
    message::{Header, Message},
    transaction::{
        Answer, ServerId,
        machine::{T1, T2, TRANSACTION_LENGTH},
    },
};

impl Call {
    /// A branch answers first.
    pub(super) fn branch_accepted(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) {
        let now = office.now;
        let Some(leg) = self.leg_mut(number) else { return };
        leg.signal = Signal::Confirmed;
        leg.answered_at = Some(now);
        leg.allows_update = response.lists(Header::Allow, "UPDATE");
        leg.allows_info = response.lists(Header::Allow, "INFO");
        let Some(dialog) = &mut leg.dialog else { return };
        let cseq = response.cseq().map_or(dialog.local_cseq(), |cseq| cseq.number);
        let usable = dialog.answered(response).is_ok();
        office.decided(self.id, Some(number), || Choice::Answered);
        self.give_up_all(office);
        self.session_agreed(office, number, response);
        if !usable {
            return self.refuse_answer(office, number, cseq, response);
        }
        match self.phase {
            Phase::Summoning => self.summoned(office, number, cseq, response),
            Phase::Dialling { .. } if self.offer.is_some() => self.join(office, number, cseq, response),
            Phase::Dialling { .. } if self.caller_leg().is_some_and(|leg| leg.is_confirmed()) => {
                self.join_anew(office, number, cseq, response);
            }
            Phase::Dialling { .. } => self.join_late(office, number, cseq, response),
            Phase::Connected | Phase::Over { .. } => self.refuse_answer(office, number, cseq, response),
        }
    }

    /// The phone answers the caller's offer.
    fn join(&mut self, office: &mut Office<'_>, number: u16, cseq: u32, response: &Message<'_>) {
        let caller = self.caller;
        let body = response.body();
        let told_early = self.leg(number).and_then(|leg| leg.talk.remote.clone());
        let answer = match body.is_empty() {
            false if is_sdp(response) => self.usable_answer(caller, number, body),
            false => None,
            // RFC 3261 section 13.2.1: the first description was the answer; the 2xx need not repeat it.
            true => told_early,
        };
        let offer = self.leg(caller).and_then(|leg| leg.talk.remote.clone());
        let (Some(answer), Some(offer)) = (answer, offer) else {
            return self.refuse_answer(office, number, cseq, response);
        };
        self.acknowledge(office, number, cseq, None);
        let before = self.leg(caller).and_then(|leg| leg.talk.sent.clone());
        let early = matches!(self.phase, Phase::Dialling { early: Some(first), .. } if first == number);
        let settled = early && self.has_described_reliably();
        self.phase = Phase::Connected;
        self.partner = Partner::Leg(number);
        let told = match body.is_empty() {
            false => self.agree(office, (caller, offer), (number, answer), body),
            true => {
                self.update_hearing(office);
                before.clone()
            }
        };
        let Some(told) = told else { return self.end(office, End::by_us(HangupCause::Fault)) };
        let invited = self.caller_leg().is_some_and(|leg| matches!(leg.signal, Signal::Invited { .. }));
        if invited && settled {
            // RFC 6337 section 3.1.1: the offer was answered by a provisional response that was acknowledged, and other offers may have followed it.
            if let Some(leg) = self.leg_mut(caller) {
                leg.talk.sent = before;
            }
            return self.answer_caller(office, Some(number), &[], None);
        }
        if invited && before.is_some_and(|before| before != told) {
            self.rename_caller(office);
        }
        self.answer_caller(office, Some(number), &told, None);
    }

    /// The phone answers an offer of ours, made for a party that has answered before.
    fn join_anew(&mut self, office: &mut Office<'_>, number: u16, cseq: u32, response: &Message<'_>) {
        let body = response.body();
        let waits = self.caller;
        let said = if is_sdp(response) { describe::view(body).ok() } else { None };
        let was_asked_for_an_offer = self.leg(number).is_some_and(|leg| leg.talk.sent.is_none());
        let answer = if was_asked_for_an_offer {
            // Whoever waited for it then had made none; it is answered by us.
            let offer = said.filter(|offer| self.may_offer(number, &offer.carriage).is_ok());
            let told = offer.is_some().then(|| self.own_answer_for(number, body, Some(waits))).flatten();
            let declined = if told.is_none() { describe::declined(body) } else { None };
            self.acknowledge(office, number, cseq, told.as_deref().or(declined.as_deref()));
            offer.filter(|_| told.is_some())
        } else {
            self.acknowledge(office, number, cseq, None);
            let answer = match body.is_empty() {
                false => said,
                // RFC 3261 section 13.2.1: the first description was the answer; the 2xx need not repeat it.
                true => self.leg(number).and_then(|leg| leg.talk.remote.clone()),
            };
            answer.filter(|answer| self.suits((waits, number), answer))
        };
        let Some(answer) = answer else {
            self.let_go(office, number);
            return self.hopeless(office, End { cause: HangupCause::Incompatible, status: Some(488), by: None });
        };
        if let Some(leg) = self.leg_mut(number) {
            leg.status = 200;
            leg.talk.remote = Some(answer);
        }
        self.describe_pair(office, waits, number);
        self.target_answered(office, number);
    }

    /// The phone offers, because the caller asked for an offer.
    fn join_late(&mut self, office: &mut Office<'_>, number: u16, cseq: u32, response: &Message<'_>) {
        let body = response.body();
        let offer = if is_sdp(response) { describe::view(body).ok() } else { None };
        let offer = offer.filter(|offer| self.may_offer(number, &offer.carriage).is_ok());
        let Some(offer) = offer else { return self.refuse_answer(office, number, cseq, response) };
        let caller = self.caller;
        // An offer of which the accounts may use nothing is no offer.
        let told = self.offer_to(caller, number, body).filter(|told| describe::view(told).is_ok());
        let Some(told) = told else { return self.refuse_answer(office, number, cseq, response) };
        self.phase = Phase::Connected;
        self.partner = Partner::Leg(number);
        let declined = describe::declined(body);
        self.answer_caller(office, Some(number), &told, Some(Late { offer: Some(offer), cseq, declined }));
    }

    /// The 2xx cannot be used: it is acknowledged and its dialog ended (RFC 3261 section 13.2.2.4), and the call fails.
    fn refuse_answer(&mut self, office: &mut Office<'_>, number: u16, cseq: u32, response: &Message<'_>) {
        let was_asked_for_an_offer = self.leg(number).is_some_and(|leg| leg.talk.sent.is_none());
        let declined = if was_asked_for_an_offer { describe::declined(response.body()) } else { None };
        self.acknowledge(office, number, cseq, declined.as_deref());
        let end = End { cause: HangupCause::Incompatible, status: Some(488), by: None };
        if self.transfer.is_some() {
            self.let_go(office, number);
        }
        self.hopeless(office, end);
    }

    /// Acknowledges a leg's 2xx.
    pub(super) fn acknowledge(&mut self, office: &mut Office<'_>, number: u16, cseq: u32, body: Option<&[u8]>) {
        #[cfg(feature = "faults")]
        if office.books.has(super::Fault::AckLost) {
            return;
        }
        if let Some(dialog) = self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()) {
            // A peer that cannot be reached repeats its 2xx, gives up, and its BYE or our timers end the call.
            let _ = dialog.acknowledge(office.now, office.stack, office.out, cseq, body.map(|body| (SDP, body)));
        }
    }

    /// The caller was told another description before: the answer is given in a dialog of its own, because within one dialog only the first
    /// description counts (RFC 3261 section 13.2.1). To the caller it is as if a proxy had forked (section 13.2.2.4).
    fn rename_caller(&mut self, office: &mut Office<'_>) {
        let id = self.leg_id(self.caller);
        let caller = self.caller;
        let Some(dialog) = self.leg_mut(caller).and_then(|leg| leg.dialog.as_mut()) else { return };
        office.books.dialogs.remove(dialog.local_tag());
        let tag = office.stack.tag();
        dialog.rename(&tag);
        office.books.dialogs.insert(tag.into(), id);
    }

    /// The call is answered: the caller is told, if it does not know already.
    pub(super) fn answer_caller(
        &mut self,
        office: &mut Office<'_>,
        asked: Option<u16>,
        body: &[u8],
        late: Option<Late>,
    ) {
        self.offer = None;
        self.forget_tries();
        if self.holds_answer() {
            self.hold_answer(asked, body, late);
        } else {
            self.tell_answer(office, asked, body, late);
        }
        let length = self.settings.calls.length_max;
        office.arm(self.id, &mut self.alarms, Alarm::Length, length);
        self.update_hearing(office);
        self.measure();
    }

    /// Tells the caller that it is answered.
    pub(super) fn tell_answer(&mut self, office: &mut Office<'_>, asked: Option<u16>, body: &[u8], late: Option<Late>) {
        let (now, caller) = (office.now, self.caller);
        self.end_progress(office);
        self.answered_at = Some(now);
        office.fact(Fact::CallSetUp { call: self.id, took: now.since(self.started_at) });
        let length = self.settings.calls.length_max;
        office.arm(self.id, &mut self.alarms, Alarm::Length, length);
        let Some(leg) = self.leg_mut(caller) else { return };
        match leg.signal {
            Signal::Invited { server } => {
                leg.signal = Signal::Confirmed;
                leg.answered_at = Some(now);
                leg.status = 200;
                self.accept(office, caller, server, body);
                self.await_ack(office, Exchange { asker: Asker::Leg(caller), asked, stage: answered(server, late) });
            }
            // It was called by us.
            Signal::Confirmed => self.make_wish(office),
            Signal::Opening(_) | Signal::Inviting { .. } | Signal::Cancelling { .. } | Signal::Gone => {}
        }
    }

    /// Answers a leg's INVITE or UPDATE with 200.
    pub(super) fn accept(&mut self, office: &mut Office<'_>, number: u16, server: ServerId, body: &[u8]) {
        let Some(leg) = self.leg_mut(number) else { return };
        let Some(dialog) = &mut leg.dialog else { return };
        dialog.confirm();
        if let Some(wish) = leg.wish.take() {
            self.session_granted(office, number, &wish);
        }
        self.grant(office, number, server, body);
    }

    /// Answers a leg's request with 200 and a description, or none.
    pub(super) fn grant(&mut self, office: &mut Office<'_>, number: u16, server: ServerId, body: &[u8]) {
        let timer = self.timer_answer(number);
        let Some(dialog) = self.leg(number).and_then(|leg| leg.dialog.as_ref()) else { return };
        let mut headers = vec![
            ("Contact", dialog.contact()),
            ("Allow", ALLOW),
            ("Supported", SUPPORTED),
            ("Accept", SDP),
            ("Server", PRODUCT),
        ];
        if let Some((expires, required)) = &timer {
            headers.push(("Session-Expires", expires));
            headers.extend(required.then_some(("Require", "timer")));
        }
        let answer = Answer {
            to_tag: Some(dialog.local_tag()),
            headers: &headers,
            body: (!body.is_empty()).then_some((SDP, body)),
            record_route: true,
            ..Answer::new(200)
        };
        office.books.servers.remove(&server);
        office.stack.respond(office.now, server, &answer, office.out);
    }

    /// Our 2xx is out.
    pub(super) fn await_ack(&mut self, office: &mut Office<'_>, exchange: Exchange) {
        self.exchange = Some(exchange);
        #[cfg(feature = "faults")]
        let repeat = !office.books.has(super::Fault::Final2xxNotRetransmitted);
        #[cfg(not(feature = "faults"))]
        let repeat = true;
        if repeat {
            office.arm(self.id, &mut self.alarms, Alarm::Repeat, T1);
        }
        office.arm(self.id, &mut self.alarms, Alarm::Acknowledgement, TRANSACTION_LENGTH);
    }

    /// RFC 3261 section 13.3.1.4: the 2xx goes out again after T1, doubling up to T2, whatever the transport.
    pub(super) fn repeat_answer(&mut self, office: &mut Office<'_>) {
        let Some(Exchange { stage: Stage::Answered { server, interval, .. }, .. }) = &mut self.exchange else { return };
        *interval = (*interval * 2).min(T2);
        office.stack.retransmit(office.now, *server, office.out);
        let next = *interval;
        office.arm(self.id, &mut self.alarms, Alarm::Repeat, next);
    }

    /// An ACK for a 2xx came within a leg's dialog.
    pub(crate) fn on_ack(&mut self, office: &mut Office<'_>, number: u16, ack: &Message<'_>) {
        if !self.leg(number).and_then(|leg| leg.dialog.as_ref()).is_some_and(|dialog| dialog.is_acknowledged_by(ack)) {
            return;
        }
        let Some(exchange) = self.exchange.take_if(|exchange| {
            exchange.asker == Asker::Leg(number) && matches!(exchange.stage, Stage::Answered { .. })
        }) else {
            return;
        };
        let Stage::Answered { server, late, .. } = exchange.stage else { return };
        office.disarm(&mut self.alarms, Alarm::Repeat);
        office.disarm(&mut self.alarms, Alarm::Acknowledgement);
        office.stack.acknowledged(server);
        if self.is_over() {
            // RFC 3261 section 15: the BYE had to wait for the ACK.
            return self.part_from(office, number);
        }
        if let Some(late) = late {
            self.late_answer(office, number, exchange.asked, late, ack);
        }
        self.happened(super::Happening::Answered);
        self.pay(office);
    }

    /// The ACK holds the answer to the offer in our 2xx.
    fn late_answer(&mut self, office: &mut Office<'_>, number: u16, asked: Option<u16>, late: Late, ack: &Message<'_>) {
        let body = ack.body();
        let answer = if is_sdp(ack) { describe::view(body).ok() } else { None };
        match (asked, late.offer, answer) {
            (Some(asked), Some(offer), Some(answer)) if self.agrees((asked, &offer), (number, &answer)) => {
                let told = self.agree(office, (asked, offer), (number, answer), body);
                self.acknowledge(office, asked, late.cseq, told.as_deref());
            }
            (Some(asked), _, _) => {
                self.acknowledge(office, asked, late.cseq, late.declined.as_deref());
                self.end(office, End::by_us(HangupCause::Incompatible));
            }
            (None, _, Some(answer)) if self.may_answer(number, &answer.carriage) => {
                if let Some(leg) = self.leg_mut(number) {
                    leg.talk.remote = Some(answer);
                }
                match self.other(number) {
                    Some(other) => self.describe_pair(office, number, other),
                    None => self.describe_leg(office, number, None),
                }
                self.update_hearing(office);
            }
            (None, _, _) => self.end(office, End::by_us(HangupCause::Incompatible)),
        }
    }

    /// RFC 3261 section 13.3.1.4: no ACK for 64*T1; the session is ended with BYE.
    pub(super) fn never_acknowledged(&mut self, office: &mut Office<'_>) {
        office.disarm(&mut self.alarms, Alarm::Repeat);
        let Some(exchange) = self.exchange.take() else { return };
        let (Asker::Leg(number), Stage::Answered { late, .. }) = (exchange.asker, exchange.stage) else { return };
        if let (Some(asked), Some(late)) = (exchange.asked, late)
            && !self.is_over()
        {
            self.acknowledge(office, asked, late.cseq, late.declined.as_deref());
        }
        if self.is_over() {
            self.part_from(office, number);
        } else {
            self.lost(office, number, End::by_us(HangupCause::PeerGone));
        }
    }
}

/// The stage after our 2xx.
pub(super) const fn answered(server: ServerId, late: Option<Late>) -> Stage {
    Stage::Answered { server, interval: T1, late }
}
