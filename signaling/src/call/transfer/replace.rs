//! INVITE with Replaces (RFC 3891): a phone takes the place of another party of an answered call, whose dialog is ended.

use super::Call;
use crate::{
    call::{
        Arrival, End, Office, Partner, Phase, Signal,
        answer::answered,
        describe::{self, View},
        exchange::{Asker, Exchange, Late},
        fork::is_sdp,
    },
    fact::{HangupCause, TransferOutcome, TransferRecord},
    limits::TRANSFERS_PER_CALL_MAX,
    message::Replaces,
};

/// A party that is to take the place of another one, until its ports are open.
#[derive(Clone, Debug)]
pub(in crate::call) struct Replacement {
    /// Its leg.
    pub(in crate::call) leg: u16,
    /// The leg it replaces.
    of: u16,
    /// What it offers; `None`: it wants an offer.
    offer: Option<Box<[u8]>>,
}

impl Call {
    /// An INVITE of an account that may replace the party `of`. Answers it, now or later.
    pub(crate) fn replace(&mut self, office: &mut Office<'_>, arrival: &Arrival<'_>, of: u16, replaces: &Replaces) {
        let Arrival { server, request, from, .. } = arrival;
        let refuse = |office: &mut Office<'_>, status: u16| office.refuse(*server, status, None);
        let confirmed = self.leg(of).is_some_and(|leg| leg.is_confirmed());
        match (confirmed, replaces.early_only) {
            // RFC 3891 section 3: 486, it was answered.
            (true, true) => return refuse(office, 486),
            (true, false) => {}
            // Deviates: RFC 3891 section 3 lets a phone that rings be replaced where we rang it. Calls are picked up by code only.
            (false, _) => return refuse(office, 501),
        }
        let free = self.phase == Phase::Connected && self.transfer.is_none() && self.replacement.is_none();
        if !free || self.exchange.is_some() || self.other(of).is_none() {
            return refuse(office, 491);
        }
        if self.room() == 0 {
            return refuse(office, 503);
        }
        let body = request.body();
        let offer: Option<View> = match body.is_empty() {
            true => None,
            false if !is_sdp(request) => return refuse(office, 415),
            false => match describe::view(body) {
                Ok(view) => Some(view),
                Err(fault) => return refuse(office, fault.status()),
            },
        };
        let number = u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        let mut leg = match self.caller_of(office, arrival, number) {
            Ok(leg) => leg,
            Err(_) => return refuse(office, 400),
        };
        leg.talk.remote = offer;
        let carriage = leg.talk.remote.as_ref().map(|view| view.carriage.clone());
        let ipv6 = leg.talk.remote.as_ref().and_then(|view| view.rtp).map_or(arrival.flow.remote, |rtp| rtp).is_ipv6();
        office.books.enter(from);
        self.counted.push((*from).into());
        self.legs.push(leg);
        self.tell_beginning(office, number);
        let offer = (!body.is_empty()).then(|| body.into());
        self.replacement = Some(Box::new(Replacement { leg: number, of, offer }));
        if let Some(Err(why)) = carriage.map(|carriage| self.may_offer(number, &carriage)) {
            self.warning = Some(why.warning());
            return self.drop_replacement(office, 488);
        }
        self.open_ports(office, number, ipv6);
        self.measure();
    }

    /// The ports of the new party are open.
    pub(in crate::call) fn replacement_ready(&mut self, office: &mut Office<'_>) {
        let Some(replacement) = self.replacement.take() else { return };
        let Replacement { leg: number, of, offer } = *replacement;
        let (Some(other), None) = (self.other(of), &self.exchange) else {
            self.replacement = Some(Box::new(Replacement { leg: number, of, offer }));
            return self.drop_replacement(office, 491);
        };
        let told = match &offer {
            Some(offer) => self.own_answer_for(number, offer, Some(other)),
            None => self.own_offer(number),
        };
        let (now, server) = (office.now, self.leg(number).map(|leg| leg.signal.clone()));
        let (Some(told), Some(Signal::Invited { server })) = (told, server) else {
            self.replacement = Some(Box::new(Replacement { leg: number, of, offer }));
            return self.drop_replacement(office, 488);
        };
        if let Some(leg) = self.leg_mut(number) {
            leg.signal = Signal::Confirmed;
            leg.answered_at = Some(now);
            leg.status = 200;
        }
        self.accept(office, number, server, &told);
        let late = offer.is_none().then_some(Late { offer: None, cseq: 0, declined: None });
        self.await_ack(office, Exchange { asker: Asker::Leg(number), asked: None, stage: answered(server, late) });
        if self.caller == of {
            self.caller = number;
        } else {
            self.partner = Partner::Leg(number);
        }
        self.describe_pair(office, number, other);
        let party = |number: u16| self.leg(number).map(|leg| (*leg.party).to_owned()).unwrap_or_default();
        let record = TransferRecord {
            by: party(of),
            of: party(other),
            to: party(number),
            blind: false,
            at: now,
            outcome: TransferOutcome::Completed,
        };
        if self.transfers.len() < TRANSFERS_PER_CALL_MAX {
            self.transfers.push(record);
        }
        // RFC 3891 section 3: the dialog that is replaced is ended.
        self.let_go(office, of);
        self.owe(other, true);
        self.update_hearing(office);
    }

    /// The new party does not take the place.
    pub(in crate::call) fn drop_replacement(&mut self, office: &mut Office<'_>, status: u16) {
        let Some(replacement) = self.replacement.take() else { return };
        let number = replacement.leg;
        let cause = if status == 487 { HangupCause::Cancelled } else { HangupCause::Incompatible };
        self.part(office, number, End { cause, status: Some(status), by: None });
        self.depart(office, number);
    }

    /// Whether this leg is to take the place of another one and has not yet.
    pub(in crate::call) fn is_replacement(&self, number: u16) -> bool {
        self.replacement.as_ref().is_some_and(|replacement| replacement.leg == number)
    }
}
