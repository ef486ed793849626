//! The called end, and every request the exchange sends to any phone.

use super::{CalleeLeg, CallerLeg, Dialog, EarFor};
use crate::{
    account::Account,
    message, sdp,
    station::{
        Station, Timer,
        transaction::{GIVE_UP, Purpose, T1, T2},
    },
    stream::Streams,
};
use anyhow::Result;
use rsip::{Method, Request};
use std::time::Instant;

impl Station {
    pub(in crate::station) fn on_request(
        &mut self,
        request: &Request,
        now: Instant,
        streams: Option<&Streams>,
    ) -> Result<()> {
        let call_id = message::call_id(&request.headers).unwrap_or_default();
        let to = message::to(&request.headers).unwrap_or_default();
        // Our tags name the call and the end. Behind a proxy both ends share the Call-ID, so it cannot tell them apart.
        let end = to.split_once(";tag=").and_then(|(_, tag)| {
            let call = usize::from_str_radix(tag.get(1..)?, 16).ok()?;
            let caller = tag.starts_with('f') && call_id == format!("c{call:x}-{:x}", self.run);
            let callee = tag.starts_with('t') && self.callee_legs.get(call_id) == Some(&call);
            (call < self.calls.len() && (caller || callee)).then_some((call, caller))
        });
        let asked = self.callee_legs.get(call_id).copied();
        match (&request.method, end, asked) {
            (Method::Ack, Some((call, false)), _) => self.on_ack(call, now, streams),
            // The ACK of a refusal, or of a call that is over
            (Method::Ack, ..) => Ok(()),
            (Method::Bye, Some((call, caller)), _) => self.on_bye(request, call, caller, streams),
            (Method::Invite, None, None) => self.on_invite(request, now, streams),
            // RFC 3261 section 9.1: a CANCEL has the To of its INVITE, without a tag
            (Method::Cancel, None, Some(call)) => self.on_cancel(request, call, streams),
            (Method::Invite, None, Some(call)) => self.on_invite_again(request, call),
            (Method::Invite, Some(_), _) => {
                // These phones never change a session; a new offer from the exchange is not acceptable to them.
                self.tally.unexpected += 1;
                self.send(&message::answer(request, 488, "x", None, None))
            }
            (Method::Options, ..) => self.send(&message::answer(request, 200, "o", None, None)),
            (Method::Bye | Method::Cancel, ..) => {
                self.tally.unexpected += 1;
                self.send(&message::answer(request, 481, "x", None, None))
            }
            _ => {
                self.tally.unexpected += 1;
                self.send(&message::answer(request, 501, "x", None, None))
            }
        }
    }

    fn on_invite(&mut self, request: &Request, now: Instant, streams: Option<&Streams>) -> Result<()> {
        // RFC 3261 section 16.5: the Contact we registered comes back as the Request-URI
        let phone = request.uri.user().and_then(|user| user.strip_prefix('p')?.parse::<usize>().ok());
        let call = phone.filter(|phone| !phone.is_multiple_of(2)).and_then(|phone| *self.pairs.get(phone / 2)?);
        let call = call.filter(|call| matches!(self.calls[*call].callee, CalleeLeg::Waiting));
        let Some(call) = call else {
            self.tally.unexpected += 1;
            return self.send(&message::answer(request, 486, "x", None, None));
        };
        let pair = self.calls[call].pair;
        let shown = message::from(&request.headers).and_then(message::user_of).unwrap_or_default();
        if shown != Account::of(pair * 2).number {
            self.calls[call].fault.get_or_insert_with(|| "callee was shown another caller".to_owned());
        }
        let call_id = message::call_id(&request.headers).unwrap_or_default().to_owned();
        self.callee_legs.insert(call_id, call);
        self.send(&message::answer(request, 180, &tag(call), Some(&self.contact(pair * 2 + 1)), None))?;
        self.calls[call].callee = CalleeLeg::Ringing { invite: Box::new(request.clone()) };
        let ring = self.calls[call].ring;
        if ring.is_zero() {
            return self.pick_up(call, now, streams);
        }
        self.arm(now + ring, Timer::PickUp(call));
        Ok(())
    }

    pub(in crate::station) fn pick_up(&mut self, call: usize, now: Instant, streams: Option<&Streams>) -> Result<()> {
        let contact = self.contact(self.calls[call].pair * 2 + 1);
        let own = self.rtp_address(call, streams, EarFor::Callee);
        let CalleeLeg::Ringing { invite } = &self.calls[call].callee else { return Ok(()) };
        let refused = |status| message::answer(invite, status, &tag(call), None, None);
        let Ok((to, law)) = sdp::audio_of(&invite.body) else {
            self.send(&refused(488))?;
            return self.leg_over(call, false, Some("offer without G.711"), streams);
        };
        let Ok(target) = message::contact(&invite.headers) else {
            self.send(&refused(400))?;
            return self.leg_over(call, false, Some("INVITE without a readable Contact"), streams);
        };
        let ok = message::answer(invite, 200, &tag(call), Some(&contact), Some(&sdp::describe(own, &[law], 1)));
        let local = message::to(&invite.headers).unwrap_or_default();
        let dialog = Box::new(Dialog {
            call_id: message::call_id(&invite.headers).unwrap_or_default().to_owned(),
            local: format!("{local};tag={}", tag(call)),
            remote: message::from(&invite.headers).unwrap_or_default().to_owned(),
            target,
            cseq: 0,
        });
        // The ear is open before the far end learns of it.
        self.open_stream(call, to, law, EarFor::Callee, false, streams)?;
        self.send(&ok)?;
        self.calls[call].callee = CalleeLeg::Answered { dialog, ok, again: T1, give_up: now + GIVE_UP };
        self.arm(now + T1, Timer::RepeatOk(call));
        Ok(())
    }

    /// RFC 3261 section 13.3.1.4: the 200 is repeated until its ACK comes.
    pub(in crate::station) fn repeat_ok(&mut self, call: usize, now: Instant) -> Result<()> {
        let CalleeLeg::Answered { ok, again, give_up, .. } = &mut self.calls[call].callee else { return Ok(()) };
        if now >= *give_up {
            self.calls[call].fault.get_or_insert_with(|| "no ACK".to_owned());
            return Ok(());
        }
        *again = (*again * 2).min(T2);
        let (bytes, at) = (ok.clone(), now + *again);
        self.tally.retransmissions += 1;
        self.send(&bytes)?;
        self.arm(at, Timer::RepeatOk(call));
        Ok(())
    }

    fn on_ack(&mut self, call: usize, now: Instant, streams: Option<&Streams>) -> Result<()> {
        let state = &mut self.calls[call];
        match core::mem::replace(&mut state.callee, CalleeLeg::Over) {
            CalleeLeg::Answered { dialog, .. } => {
                state.callee = CalleeLeg::Up { dialog };
                if let (Some(rtp), Some(streams)) = (state.rtp, streams) {
                    streams.speak((rtp.index * 2 + 1) as u32)?;
                }
                // The callee that is to hang up waited for its dialog.
                if state.ending && !call.is_multiple_of(2) {
                    self.callee_bye(call, now)?;
                }
            }
            other @ (CalleeLeg::Waiting
            | CalleeLeg::Ringing { .. }
            | CalleeLeg::Up { .. }
            | CalleeLeg::Leaving
            | CalleeLeg::Over) => state.callee = other,
        }
        Ok(())
    }

    fn on_bye(&mut self, request: &Request, call: usize, caller: bool, streams: Option<&Streams>) -> Result<()> {
        self.send(&message::answer(request, 200, "b", None, None))?;
        let state = &self.calls[call];
        let already =
            if caller { matches!(state.caller, CallerLeg::Over) } else { matches!(state.callee, CalleeLeg::Over) };
        if already {
            return Ok(());
        }
        let fault = (!state.ending && state.fault.is_none()).then_some("ended by the exchange in mid-call");
        self.leg_over(call, caller, fault, streams)
    }

    fn on_cancel(&mut self, request: &Request, call: usize, streams: Option<&Streams>) -> Result<()> {
        self.send(&message::answer(request, 200, &tag(call), None, None))?;
        if let CalleeLeg::Ringing { invite } = &self.calls[call].callee {
            // RFC 3261 section 9.2
            let refusal = message::answer(invite, 487, &tag(call), None, None);
            self.send(&refusal)?;
            return self.leg_over(call, false, Some("cancelled by the exchange"), streams);
        }
        Ok(())
    }

    /// The INVITE once more: RFC 3261 section 17.2.1, the last answer is repeated.
    fn on_invite_again(&self, request: &Request, call: usize) -> Result<()> {
        match &self.calls[call].callee {
            CalleeLeg::Ringing { .. } => self.send(&message::answer(request, 180, &tag(call), None, None)),
            CalleeLeg::Answered { ok, .. } => self.send(ok),
            CalleeLeg::Up { .. } | CalleeLeg::Waiting | CalleeLeg::Leaving | CalleeLeg::Over => Ok(()),
        }
    }

    pub(super) fn callee_bye(&mut self, call: usize, now: Instant) -> Result<()> {
        let id = self.next_serial();
        let CalleeLeg::Up { dialog } = &self.calls[call].callee else { return Ok(()) };
        let request = self.bye_request(dialog, id);
        self.calls[call].callee = CalleeLeg::Leaving;
        self.ask(id, request, Purpose::Bye { call, began: now, caller: false }, now)
    }
}

fn tag(call: usize) -> String {
    format!("t{call:x}")
}
