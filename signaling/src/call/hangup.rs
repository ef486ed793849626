//! The end of a call: every leg is told in the way its signaling is at, and everything it held is returned.

use super::{
    Call, Happening, Office, PRODUCT, Phase, Signal,
    alarm::Alarm,
    exchange::{Asker, Exchange, Stage},
};
use crate::{
    fact::{CallState, Choice, HangupCause},
    limits::{MEDIA_CLOSE_WAIT_MAX, RETRY_AFTER},
    transaction::{Answer, ServerId},
};

/// How a call ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// Who or what ended it.
    pub cause: HangupCause,
    /// What a caller who is not answered yet is told; `None`: 480.
    pub status: Option<u16>,
    /// The leg that hung up, and needs no BYE.
    pub by: Option<u16>,
}

impl End {
    /// Nobody hung up; we do.
    #[must_use]
    pub const fn by_us(cause: HangupCause) -> Self {
        Self { cause, status: None, by: None }
    }
}

impl Call {
    /// Ends the call. Nothing happens when it is over.
    pub(crate) fn end(&mut self, office: &mut Office<'_>, end: End) {
        if self.is_over() {
            return;
        }
        self.measure();
        let End { cause, status, by } = end;
        office.decided(self.id, None, || Choice::Ended { cause, status, by });
        self.phase = Phase::Over { end, at: office.now };
        for alarm in [
            Alarm::Ring,
            Alarm::Trunk,
            Alarm::Length,
            Alarm::Renegotiation,
            Alarm::Retry,
            Alarm::Silence,
            Alarm::Session,
            Alarm::Keys,
        ] {
            office.disarm(&mut self.alarms, alarm);
        }
        self.offer = None;
        self.owed.clear();
        self.transfer = None;
        self.replacement = None;
        self.end_progress(office);
        self.end_exchange(office, end.by);
        self.end_relays(office);
        for number in 0..u16::try_from(self.legs.len()).unwrap_or(u16::MAX) {
            self.part(office, number, end);
        }
        self.end_recording();
        self.session.close(&mut office.books.door, office.out);
        if self.session.is_open() {
            office.arm(self.id, &mut self.alarms, Alarm::MediaClose, MEDIA_CLOSE_WAIT_MAX);
        }
        for number in core::mem::take(&mut self.counted) {
            office.books.leave(&number);
        }
        self.tell_state(office, CallState::Ended);
        self.happened(Happening::Over);
    }

    /// A BYE came within a leg's dialog.
    pub(crate) fn on_bye(&mut self, office: &mut Office<'_>, number: u16, server: ServerId) {
        office.refuse(server, 200, None);
        if self.is_over() {
            // It crossed our end, which waits for this leg's ACK.
            self.exchange = None;
            office.disarm(&mut self.alarms, Alarm::Repeat);
            office.disarm(&mut self.alarms, Alarm::Acknowledgement);
            return self.forget_leg(office, number);
        }
        let Some(leg) = self.leg(number) else { return };
        if leg.is_confirmed() {
            if !self.left(office, number) {
                self.end(office, End { cause: self.cause_of(number), status: None, by: Some(number) });
            }
            return;
        }
        match leg.signal {
            // RFC 3261 section 15: a caller may end an early dialog by BYE; its INVITE is answered 487.
            Signal::Invited { .. } if self.is_replacement(number) => self.drop_replacement(office, 487),
            Signal::Invited { .. } => {
                self.end(office, End { cause: HangupCause::Cancelled, status: Some(487), by: None });
            }
            // A callee must not do that; it is taken as a wish to be left alone.
            Signal::Opening(_) | Signal::Inviting { .. } | Signal::Cancelling { .. } => {
                self.give_up(office, number);
                if !self.legs.iter().any(|leg| leg.is_hoped_for()) {
                    self.hopeless(office, End { cause: HangupCause::Refused, status: Some(480), by: None });
                }
            }
            Signal::Confirmed | Signal::Gone => {}
        }
    }

    pub(super) fn part(&mut self, office: &mut Office<'_>, number: u16, end: End) {
        let awaits_ack = matches!(
            &self.exchange,
            Some(Exchange { asker: Asker::Leg(asker), stage: Stage::Answered { .. }, .. }) if *asker == number
        );
        let (now, warning) = (office.now, self.warning);
        let Some(leg) = self.leg_mut(number) else { return };
        if !leg.is_gone() {
            leg.ended_at.get_or_insert(now);
        }
        match leg.signal {
            Signal::Invited { server } => {
                let status = end.status.unwrap_or(480);
                leg.status = status;
                let retry = RETRY_AFTER.as_secs().to_string();
                let tag = leg.dialog.as_ref().map(|dialog| dialog.local_tag().to_owned());
                let mut headers = vec![("Server", PRODUCT)];
                // RFC 3261 section 21.5.4.
                headers.extend((status == 503).then_some(("Retry-After", &*retry)));
                // RFC 3261 section 21.4.26.
                headers.extend(warning.map(|warning| ("Warning", warning)));
                let answer = Answer { to_tag: tag.as_deref(), headers: &headers, ..Answer::new(status) };
                office.respond(server, &answer);
                self.forget_leg(office, number);
            }
            Signal::Opening(_) | Signal::Cancelling { .. } => self.forget_leg(office, number),
            // Its final answer is awaited by the books: a 2xx that crosses the CANCEL is acknowledged and ended (`stray`).
            Signal::Inviting { client, .. } => {
                office.stack.cancel(now, client, office.out);
                self.forget_leg(office, number);
            }
            Signal::Confirmed if end.by == Some(number) => self.forget_leg(office, number),
            // RFC 3261 section 15: no BYE to the caller before its ACK, or the end of waiting for it.
            Signal::Confirmed if awaits_ack => {}
            Signal::Confirmed => self.part_from(office, number),
            Signal::Gone => {}
        }
    }

    /// Ends a leg's confirmed dialog with BYE.
    pub(super) fn part_from(&mut self, office: &mut Office<'_>, number: u16) {
        let reason = match self.phase {
            Phase::Over { end, .. } => reason(end.cause),
            Phase::Summoning | Phase::Dialling { .. } | Phase::Connected => None,
        };
        let Some(leg) = self.leg_mut(number) else { return };
        leg.signal = Signal::Gone;
        if let Some(dialog) = leg.dialog.take() {
            office.books.dialogs.remove(dialog.local_tag());
            office.bye_because(dialog, reason);
        }
    }

    /// Takes a leg's dialog out of the books; nothing is said to its party.
    pub(super) fn forget_leg(&mut self, office: &mut Office<'_>, number: u16) {
        let Some(leg) = self.leg_mut(number) else { return };
        leg.signal = Signal::Gone;
        if let Some(dialog) = leg.dialog.take() {
            office.books.dialogs.remove(dialog.local_tag());
        }
    }

    /// A party of the exchange that is under way is gone.
    pub(super) fn drop_exchange(&mut self, office: &mut Office<'_>, number: u16) {
        let Some(exchange) = self.exchange.as_ref() else { return };
        let asks = exchange.asker == Asker::Leg(number);
        match (&exchange.stage, asks, exchange.asked == Some(number)) {
            (Stage::Asked { .. }, true, _) | (Stage::Asked { .. }, _, true) => {
                office.disarm(&mut self.alarms, Alarm::Renegotiation);
                self.end_exchange(office, None);
            }
            (Stage::Answered { .. }, true, _) => self.end_exchange(office, Some(number)),
            // Whose ACK is awaited is still there; the offer of who is gone is declined.
            (Stage::Answered { .. }, _, true) => {
                let Some(Exchange { asked, stage: Stage::Answered { late, .. }, .. }) = &mut self.exchange else {
                    return;
                };
                *asked = None;
                if let Some(late) = late.take() {
                    self.acknowledge(office, number, late.cseq, late.declined.as_deref());
                }
            }
            (Stage::Asked { .. } | Stage::Answered { .. }, false, false) => {}
        }
    }

    fn end_exchange(&mut self, office: &mut Office<'_>, by: Option<u16>) {
        let Some(mut exchange) = self.exchange.take() else { return };
        match &mut exchange.stage {
            Stage::Asked { server, client, by_invite, .. } => {
                if let Some(server) = *server {
                    // RFC 3261 section 15.1.2: requests that are pending when the dialog ends are answered 487.
                    office.refuse(server, 487, None);
                }
                if *by_invite {
                    // The BYE ends it too, but only a CANCEL bounds the wait for the answer (section 9.1).
                    office.stack.cancel(office.now, *client, office.out);
                }
            }
            Stage::Answered { late, .. } => {
                if let (Some(asked), Some(late)) = (exchange.asked, late.take()) {
                    self.acknowledge(office, asked, late.cseq, late.declined.as_deref());
                }
                if by.map(Asker::Leg) == Some(exchange.asker) {
                    office.disarm(&mut self.alarms, Alarm::Repeat);
                    office.disarm(&mut self.alarms, Alarm::Acknowledgement);
                } else {
                    self.exchange = Some(exchange);
                }
            }
        }
    }
}

/// What a BYE says of its reason (RFC 3326 section 2), where it is one that the party could mend.
const fn reason(cause: HangupCause) -> Option<&'static str> {
    match cause {
        HangupCause::Unprotected => Some("SIP;cause=488;text=\"Media could not be protected\""),
        // RFC 4411 section 5: the user agent's own, because there was no room for two.
        HangupCause::Preempted => Some("preemption;cause=1;text=\"UA Preemption\""),
        HangupCause::Caller
        | HangupCause::Callee
        | HangupCause::Transferred
        | HangupCause::Cancelled
        | HangupCause::NoAnswer
        | HangupCause::Refused
        | HangupCause::Unreachable
        | HangupCause::MediaSilent
        | HangupCause::LengthLimit
        | HangupCause::Exhausted
        | HangupCause::Incompatible
        | HangupCause::PeerGone
        | HangupCause::Operator
        | HangupCause::Shutdown
        | HangupCause::Fault => None,
    }
}
