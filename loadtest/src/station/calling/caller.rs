//! The calling end.

use super::{Call, CalleeLeg, CallerLeg, Calling, Dialog, EarFor, Rtp};
use crate::{
    account::Account,
    digest, figures, message, sdp,
    station::{
        Station, Timer,
        transaction::{Client, Purpose},
    },
    stream::Streams,
    tone::Law,
};
use anyhow::{Context as _, Result};
use rsip::{Method, Response, Uri};
use std::time::Instant;

/// A final answer to one of our INVITEs.
pub(in crate::station) struct Final<'r> {
    pub(in crate::station) response: &'r Response,
    pub(in crate::station) status: u16,
    pub(in crate::station) call: usize,
    /// The INVITE carried credentials.
    pub(in crate::station) answered: bool,
    pub(in crate::station) transaction: u64,
}

impl Station {
    pub(super) fn start_call(
        &mut self,
        pair: usize,
        nth: usize,
        wanted: &Calling,
        streams: Option<&Streams>,
        now: Instant,
    ) -> Result<()> {
        let call = self.calls.len();
        let control = wanted.control && nth + 1 == wanted.with_rtp;
        let rtp = (nth < wanted.with_rtp).then_some(Rtp { index: call, callee_silent: control });
        let from = format!("{};tag=f{call:x}", self.address_of_record(pair * 2));
        let call_id = format!("c{call:x}-{:x}", self.run);
        self.calls.push(Call {
            pair,
            began: now,
            rang: false,
            answered_at: None,
            talk: wanted.talk,
            ring: wanted.ring,
            rtp,
            caller: CallerLeg::Inviting { call_id, from, cseq: 0 },
            callee: CalleeLeg::Waiting,
            ending: false,
            fault: None,
            over: false,
        });
        self.pairs[pair] = Some(call);
        self.running += 1;
        self.tally.sessions += 1;
        self.send_invite(call, None, streams, now)
    }

    fn send_invite(
        &mut self,
        call: usize,
        authorization: Option<&str>,
        streams: Option<&Streams>,
        now: Instant,
    ) -> Result<()> {
        let id = self.next_serial();
        let rtp = self.rtp_address(call, streams, EarFor::Caller);
        let laws = if call.is_multiple_of(2) { [Law::Mu, Law::A] } else { [Law::A, Law::Mu] };
        let offer = sdp::describe(rtp, &laws, 1);
        let pair = self.calls[call].pair;
        let to = self.address_of_record(pair * 2 + 1);
        let uri = self.callee_uri(pair)?;
        let contact = self.contact(pair * 2);
        let local = self.local;
        let CallerLeg::Inviting { call_id, from, cseq } = &mut self.calls[call].caller else { return Ok(()) };
        *cseq += 1;
        let request = message::request(&message::Asked {
            method: Method::Invite,
            uri: &uri,
            local,
            transaction: id,
            from,
            to: &to,
            call_id,
            cseq: *cseq,
            contact: Some(&contact),
            authorization,
            extra: &[("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS".to_owned())],
            sdp: Some(&offer),
        });
        self.ask(id, request, Purpose::Invite { call, answered: authorization.is_some() }, now)
    }

    fn callee_uri(&self, pair: usize) -> Result<Uri> {
        let number = Account::of(pair * 2 + 1).number;
        Uri::try_from(format!("sip:{number}@{}", self.site.domain)).ok().context("the domain is not a host name")
    }

    pub(in crate::station) fn on_provisional(&mut self, call: usize, status: u16, now: Instant) {
        let state = &mut self.calls[call];
        // RFC 6076 section 4.3: the 100 is not the callee's
        if status > 100 && !state.rang {
            state.rang = true;
            figures::note(&mut self.tally.session_request_delay, now - state.began);
        }
    }

    /// The final answer to an INVITE. Returns what to keep of the transaction.
    pub(in crate::station) fn on_invite_final(
        &mut self,
        answer: &Final<'_>,
        now: Instant,
        streams: Option<&Streams>,
    ) -> Result<Client> {
        let (call, status) = (answer.call, answer.status);
        if status < 300 {
            self.on_answer(answer.response, call, now, streams)?;
            return Ok(Client::Accepted { call });
        }
        let ack = self.refusal_ack(answer)?;
        self.send(&ack)?;
        if status == 401 && !answer.answered {
            let phone = self.calls[call].pair * 2;
            let uri = self.callee_uri(self.calls[call].pair)?;
            let credentials = digest::authorize(
                message::challenges(&answer.response.headers),
                &Account::of(phone),
                self.site.understands.of_phone(phone),
                &Method::Invite,
                &uri,
                self.run ^ self.serial,
            );
            match credentials {
                Ok(line) => self.send_invite(call, Some(&line), streams, now)?,
                Err(fault) => self.caller_failed(call, &fault.to_string(), streams)?,
            }
        } else {
            match status {
                300..400 => self.tally.redirected += 1,
                480 | 486 | 600 | 603 => self.tally.declined += 1,
                _ => {}
            }
            self.caller_failed(call, &status.to_string(), streams)?;
        }
        Ok(Client::Refused { ack })
    }

    /// RFC 3261 section 17.1.1.3: the ACK of a refusal repeats the INVITE's branch, From, Call-ID and CSeq, and takes the
    /// response's To.
    fn refusal_ack(&self, answer: &Final<'_>) -> Result<Vec<u8>> {
        let uri = self.callee_uri(self.calls[answer.call].pair)?;
        let headers = &answer.response.headers;
        Ok(message::request(&message::Asked {
            method: Method::Ack,
            uri: &uri,
            local: self.local,
            transaction: answer.transaction,
            from: message::from(headers).context("response without From")?,
            to: message::to(headers).context("response without To")?,
            call_id: message::call_id(headers).context("response without Call-ID")?,
            cseq: message::cseq(headers).context("response without CSeq")?,
            contact: None,
            authorization: None,
            extra: &[],
            sdp: None,
        }))
    }

    fn on_answer(&mut self, response: &Response, call: usize, now: Instant, streams: Option<&Streams>) -> Result<()> {
        let id = self.next_serial();
        self.on_provisional(call, 200, now);
        let described = sdp::audio_of(&response.body);
        let CallerLeg::Inviting { call_id, from, cseq } = &self.calls[call].caller else { return Ok(()) };
        let (target, readable) = match message::contact(&response.headers) {
            Ok(target) => (target, true),
            // Without a Contact the dialog has no target; the ACK goes to the number, and the call counts as failed.
            Err(_) => (self.callee_uri(self.calls[call].pair)?, false),
        };
        let remote = message::to(&response.headers).unwrap_or_default().to_owned();
        let dialog = Box::new(Dialog { call_id: call_id.clone(), local: from.clone(), remote, target, cseq: *cseq });
        let ack = message::request(&message::Asked {
            method: Method::Ack,
            uri: &dialog.target,
            local: self.local,
            transaction: id,
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &dialog.call_id,
            cseq: dialog.cseq,
            contact: None,
            authorization: None,
            extra: &[],
            sdp: None,
        });
        self.send(&ack)?;
        let state = &mut self.calls[call];
        state.caller = CallerLeg::Up { dialog, ack };
        state.answered_at = Some(now);
        figures::note(&mut self.tally.answer_delay, now - state.began);
        if !readable {
            state.fault.get_or_insert_with(|| "200 without a readable Contact".to_owned());
        }
        let talk = state.talk;
        self.tally.established += 1;
        self.up += 1;
        self.tally.most_at_once = self.tally.most_at_once.max(self.up);
        match described {
            Ok((to, law)) => self.open_stream(call, to, law, EarFor::Caller, true, streams)?,
            Err(fault) => {
                self.calls[call].fault.get_or_insert_with(|| format!("answer: {fault}"));
            }
        }
        if let Some(talk) = talk {
            self.arm(now + talk, Timer::HangUp(call));
        }
        Ok(())
    }

    pub(in crate::station) fn acknowledge_again(&self, call: usize) -> Result<()> {
        match &self.calls[call].caller {
            CallerLeg::Up { ack, .. } => self.send(ack),
            CallerLeg::Inviting { .. } | CallerLeg::Leaving | CallerLeg::Over => Ok(()),
        }
    }

    /// The call did not come about. A callee that never heard of it is done as well; one that rings waits for its CANCEL.
    pub(in crate::station) fn caller_failed(
        &mut self,
        call: usize,
        reason: &str,
        streams: Option<&Streams>,
    ) -> Result<()> {
        self.leg_over(call, true, Some(reason), streams)?;
        match self.calls[call].callee {
            CalleeLeg::Waiting => self.leg_over(call, false, None, streams),
            CalleeLeg::Ringing { .. } | CalleeLeg::Answered { .. } | CalleeLeg::Up { .. } => {
                let at = self.calls[call].began + super::END_TIME_MAX * 2;
                self.arm(at, Timer::Overdue(call));
                Ok(())
            }
            CalleeLeg::Leaving | CalleeLeg::Over => Ok(()),
        }
    }

    pub(super) fn caller_bye(&mut self, call: usize, now: Instant) -> Result<()> {
        let id = self.next_serial();
        let CallerLeg::Up { dialog, .. } = &self.calls[call].caller else { return Ok(()) };
        let request = self.bye_request(dialog, id);
        self.calls[call].caller = CallerLeg::Leaving;
        self.up -= 1;
        self.ask(id, request, Purpose::Bye { call, began: now, caller: true }, now)
    }
}
