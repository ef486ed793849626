//! The phone as callee: server transactions and the first INVITE. RFC 3261 sections 8.2, 9.2, 13.3 and 17.2.

use super::{
    AskKey, LIFE_MS, Out, Phone, T1_MS, Timer,
    call::{Call, Stage, Unacknowledged},
    next_interval,
};
use crate::{
    sdp::Description,
    text::{self, Sip},
};
use contract::Instant;
use signaling::flow::Transport;

/// A request answered or being answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    /// The last response, for repetitions of the request.
    last: Option<Vec<u8>>,
    is_final: bool,
    acknowledged: bool,
    call: Option<u32>,
}

impl Phone {
    pub(super) fn on_request(&mut self, now: Instant, request: &Sip, out: &mut Out) {
        let method = request.method().to_owned();
        if method == "ACK" {
            self.on_ack(now, request, out);
            return;
        }
        let key = (request.branch().to_owned(), method.clone());
        if let Some(served) = self.served.get(&key) {
            if let Some(last) = &served.last {
                out.sends.push(last.clone());
            }
            return;
        }
        self.served.insert(key, Served::default());
        let in_dialog = request.to_tag().is_some();
        match (method.as_str(), in_dialog) {
            ("INVITE", false) => self.on_invite(now, request, out),
            ("CANCEL", _) => self.on_cancel(now, request, out),
            ("OPTIONS", false) => self.reply(request, 200, None, &[], None, out),
            ("NOTIFY", true) if !request.text("event").starts_with("refer") => self.on_notify(request, out),
            (_, true) => self.on_in_dialog(now, request, out),
            ("BYE" | "UPDATE" | "INFO" | "PRACK" | "NOTIFY", false) => self.reply(request, 481, None, &[], None, out),
            _ => self.reply(request, 501, None, &[], None, out),
        }
    }

    /// Answers a request and keeps the answer for its repetitions.
    pub(super) fn reply(
        &mut self,
        request: &Sip,
        status: u16,
        tag: Option<&str>,
        more: &[String],
        body: Option<&str>,
        out: &mut Out,
    ) {
        self.respond(request, status, tag, more, body, out);
    }

    /// As [`Self::reply`], and gives the bytes to the caller who repeats them himself.
    pub(super) fn respond(
        &mut self,
        request: &Sip,
        status: u16,
        tag: Option<&str>,
        more: &[String],
        body: Option<&str>,
        out: &mut Out,
    ) -> Vec<u8> {
        let mut lines: Vec<String> = request.all("via").map(|v| format!("Via: {v}")).collect();
        lines.push(format!("From: {}", request.text("from")));
        let to = request.text("to");
        lines.push(match (request.to_tag(), tag) {
            (None, Some(tag)) if status > 100 => format!("To: {to};tag={tag}"),
            (None, None) if status > 100 => format!("To: {to};tag={}", self.rng.word()),
            (Some(_) | None, _) => format!("To: {to}"),
        });
        lines.push(format!("Call-ID: {}", request.text("call-id")));
        lines.push(format!("CSeq: {}", request.text("cseq")));
        lines.extend(request.all("record-route").map(|r| format!("Record-Route: {r}")));
        lines.extend(more.iter().cloned());
        lines.push(format!("Server: SimPhone/{}", self.identity.number));
        let bytes = text::write(&format!("SIP/2.0 {status} Simulated"), &lines, body);
        out.sends.push(bytes.clone());
        let key: AskKey = (request.branch().to_owned(), request.method().to_owned());
        let is_invite = key.1 == "INVITE";
        let served = self.served.entry(key.clone()).or_default();
        if !(served.is_final && status < 300) {
            served.last = Some(bytes.clone());
        }
        served.is_final = status >= 200;
        // RFC 3261 section 17.2.1, timer G: a refusal of an INVITE is repeated over datagrams until its ACK.
        if is_invite && status >= 300 && self.identity.transport == Transport::Udp {
            out.after(T1_MS, Timer::RepeatFinal { key, interval_ms: T1_MS });
        }
        bytes
    }

    pub(super) fn repeat_final(&mut self, key: &AskKey, interval_ms: u64, out: &mut Out) {
        let Some(served) = self.served.get(key) else { return };
        if served.acknowledged || interval_ms > LIFE_MS {
            return;
        }
        if let Some(last) = &served.last {
            out.sends.push(last.clone());
        }
        // It ends by growth: eleven times at most, as timer H would end it.
        out.after(
            next_interval(interval_ms),
            Timer::RepeatFinal { key: key.clone(), interval_ms: interval_ms + 3_000 },
        );
    }

    fn on_invite(&mut self, now: Instant, request: &Sip, out: &mut Out) {
        let id = self.next_call();
        let media = self.new_media(id);
        let local_tag = self.rng.word();
        let call = Call {
            is_uac: false,
            stage: Stage::Inviting,
            call_id: request.text("call-id").to_owned(),
            local: format!("{};tag={local_tag}", request.text("to")),
            local_tag: local_tag.clone(),
            remote: request.text("from").to_owned(),
            remote_tag: request.sender_tag().map(str::to_owned),
            target: text::uri(request.text("contact")).to_owned(),
            cseq: u32::try_from(self.rng.below(1_000)).unwrap_or(0),
            remote_cseq: request.cseq(),
            invite_branch: request.branch().to_owned(),
            invite: Some(request.clone()),
            invite_cseq: request.cseq(),
            provisional: false,
            cancel_wanted: false,
            cancel_sent: false,
            status: None,
            unacknowledged: None,
            ack: None,
            no_ack: false,
            media,
            modifying: None,
            active_at: now,
            bye_seen: false,
            rseq: None,
            described_in: None,
            unacknowledged_progress: None,
            referring: false,
            refreshes: false,
        };
        self.calls.insert(id, call);
        if let Some(served) = self.served.get_mut(&(request.branch().to_owned(), "INVITE".to_owned())) {
            served.call = Some(id);
        }
        if self.rng.chance(self.manners.silent) {
            return;
        }
        if self.rng.chance(50) {
            self.reply(request, 100, None, &[], None, out);
        }
        let contact = [format!("Contact: <{}>", self.contact())];
        let early = request.has_sdp() && self.rng.chance(self.manners.early_media);
        let answer = early
            .then(|| Description::parse(&request.body))
            .flatten()
            .and_then(|offer| self.calls.get_mut(&id)?.media.answer(&offer));
        let (status, body) = if answer.is_some() { (183, answer.as_deref()) } else { (180, None) };
        if request.all("supported").any(|tags| tags.contains("100rel")) && self.rng.chance(self.manners.reliable) {
            self.progress_reliably(id, request, status, &local_tag, body, out);
        } else {
            self.reply(request, status, Some(&local_tag), &contact, body, out);
        }
        if !self.rng.chance(self.manners.never_answer) {
            out.after(self.on_beat(now, self.rng.clone().below(self.rings_ms)), Timer::Decide { call: id });
            self.rng.draw();
        }
    }

    /// The user decides about a ringing call.
    pub(super) fn decide(&mut self, now: Instant, id: u32, out: &mut Out) {
        let Some(call) = self.calls.get(&id) else { return };
        let (Stage::Inviting, Some(invite)) = (call.stage, call.invite.clone()) else { return };
        let tag = call.local_tag.clone();
        if self.rng.chance(self.manners.refuse) {
            let status = *self.rng.pick(&[486, 486, 603, 480, 600, 404, 500, 488, 503, 606]);
            self.refuse(now, id, &invite, status, &[], out);
            return;
        }
        if self.rng.chance(self.manners.redirect) && !self.identity.others.is_empty() {
            let to = self.rng.pick(&self.identity.others).clone();
            let contact = match self.rng.below(3) {
                0 => format!("Contact: <sip:{to}@{}>", self.identity.domain),
                1 => format!("Contact: <sip:{to}@203.0.113.77:5070>"),
                _ => format!("Contact: <sip:nobody@example.invalid>, <sip:{to}@{}>;q=0.3", self.identity.domain),
            };
            self.refuse(now, id, &invite, 302, &[contact], out);
            return;
        }
        let twin = self.rng.chance(self.manners.double_2xx).then(|| call.clone());
        self.answer(now, id, &invite, &tag, out);
        let answered = self.calls.get(&id).is_some_and(|c| c.stage == Stage::Answered);
        let offer = invite.has_sdp().then(|| Description::parse(&invite.body)).flatten();
        if let Some(mut twin) = twin.filter(|_| answered) {
            // As if a proxy had forked the INVITE to two phones and both answered (RFC 3261 section 13.2.2.4).
            let tag = self.rng.word();
            let second = self.next_call();
            twin.local = format!("{};tag={tag}", invite.text("to"));
            twin.local_tag.clone_from(&tag);
            twin.media = self.new_media(second);
            if offer.is_some_and(|offer| twin.media.clone().answer(&offer).is_none()) {
                return;
            }
            self.calls.insert(second, twin);
            self.answer(now, second, &invite, &tag, out);
        }
    }

    fn refuse(&mut self, now: Instant, id: u32, invite: &Sip, status: u16, more: &[String], out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.stage = Stage::Over;
        call.status = Some(status);
        call.active_at = now;
        let tag = call.local_tag.clone();
        self.reply(invite, status, Some(&tag), more, None, out);
    }

    /// 200 to the first INVITE.
    fn answer(&mut self, now: Instant, id: u32, invite: &Sip, tag: &str, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let offer = invite.has_sdp().then(|| Description::parse(&invite.body)).flatten();
        let body = match &offer {
            // The answer once given in a 183 is repeated in the 200 (RFC 3261 section 13.2.1).
            Some(offer) => call.media.answer(offer),
            None => Some(call.media.describe()),
        };
        let Some(body) = body else {
            self.refuse(now, id, invite, 488, &[], out);
            return;
        };
        call.stage = Stage::Answered;
        call.status = Some(200);
        call.active_at = now;
        let contact = [format!("Contact: <{}>", self.contact())];
        let bytes = self.respond(invite, 200, Some(tag), &contact, Some(&body), out);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let cseq = invite.cseq();
        call.unacknowledged = Some(Unacknowledged { cseq, bytes, since: now, offered: offer.is_none() });
        out.after(T1_MS, Timer::Repeat2xx { call: id, cseq, interval_ms: T1_MS });
    }

    pub(super) fn repeat_2xx(&mut self, now: Instant, id: u32, cseq: u32, interval_ms: u64, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(waiting) = call.unacknowledged.as_ref().filter(|w| w.cseq == cseq) else { return };
        if now.since(waiting.since).as_millis() >= u128::from(LIFE_MS) {
            // RFC 3261 section 13.3.1.4: never acknowledged, so the session is ended.
            call.unacknowledged = None;
            call.stage = Stage::Up;
            self.hang_up(now, id, out);
            return;
        }
        out.sends.push(waiting.bytes.clone());
        let next = next_interval(interval_ms);
        out.after(next, Timer::Repeat2xx { call: id, cseq, interval_ms: next });
    }

    fn on_cancel(&mut self, now: Instant, cancel: &Sip, out: &mut Out) {
        let key = (cancel.branch().to_owned(), "INVITE".to_owned());
        let Some(served) = self.served.get(&key).cloned() else {
            self.reply(cancel, 481, None, &[], None, out);
            return;
        };
        let call = served.call.and_then(|id| Some((id, self.calls.get(&id)?)));
        let tag = call.map(|(_, c)| c.local_tag.clone());
        let invite = call.and_then(|(_, c)| c.invite.clone());
        let stage = call.map(|(_, c)| c.stage);
        self.reply(cancel, 200, tag.as_deref(), &[], None, out);
        let (Some(id), Some(tag), Some(invite), false) = (served.call, tag, invite, served.is_final) else { return };
        if stage != Some(Stage::Inviting) {
            return;
        }
        if self.rng.chance(self.manners.late_2xx) {
            self.answer(now, id, &invite, &tag, out);
        } else {
            self.refuse(now, id, &invite, 487, &[], out);
        }
    }

    fn on_ack(&mut self, now: Instant, ack: &Sip, out: &mut Out) {
        if let Some(served) = self.served.get_mut(&(ack.branch().to_owned(), "INVITE".to_owned())) {
            served.acknowledged = true;
        }
        let Some((id, call)) =
            self.calls.iter_mut().find(|(_, c)| c.matches(ack.text("call-id"), ack.to_tag(), ack.sender_tag()))
        else {
            return;
        };
        let id = *id;
        let Some(waiting) = call.unacknowledged.take_if(|w| w.cseq == ack.cseq()) else { return };
        call.active_at = now;
        let first = call.stage == Stage::Answered;
        if first {
            call.stage = Stage::Up;
        }
        if waiting.offered {
            // Whether it had to be there is judged on the wire: a call that was forgotten meanwhile is ended without.
            if let Some(answer) = ack.has_sdp().then(|| Description::parse(&ack.body)).flatten()
                && let Err(wrong) = call.media.accept(answer)
            {
                self.complaints.push(format!("ACK: {wrong}"));
            }
        }
        if first {
            self.answered += 1;
            self.plan_talk(now, id, out);
        }
    }
}
