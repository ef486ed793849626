//! The phone within a call: BYE, re-INVITE, UPDATE, INFO in both directions. RFC 3261 sections 12.2, 14 and 15, RFC 3311.

use super::{
    LIFE_MS, Modification, Out, Phone, T1_MS, Timer,
    ask::{Purpose, Recipe},
    call::{Stage, Unacknowledged},
};
use crate::{
    sdp::{Description, Direction},
    text::Sip,
};
use contract::Instant;

impl Phone {
    pub(super) fn on_in_dialog(&mut self, now: Instant, request: &Sip, out: &mut Out) {
        let found = self
            .calls
            .iter_mut()
            .find(|(_, c)| c.matches(request.text("call-id"), request.to_tag(), request.sender_tag()))
            .filter(|(_, c)| c.stage != Stage::Over);
        let Some((id, call)) = found else {
            self.reply(request, 481, None, &[], None, out);
            return;
        };
        let id = *id;
        // RFC 3261 section 12.2.2: requests of a dialog come in order.
        if call.remote_cseq != 0 && request.cseq() <= call.remote_cseq {
            self.reply(request, 500, None, &[], None, out);
            return;
        }
        call.remote_cseq = request.cseq();
        call.active_at = now;
        match request.method() {
            "BYE" => {
                call.stage = Stage::Over;
                call.bye_seen = true;
                call.unacknowledged = None;
                let pending = call.invite.clone().filter(|_| call.status.is_none());
                self.reply(request, 200, None, &[], None, out);
                if let Some(invite) = pending {
                    // RFC 3261 section 15.1.2: a BYE before the final answer ends the INVITE with 487.
                    let tag = self.calls.get(&id).map(|c| c.local_tag.clone());
                    self.reply(&invite, 487, tag.as_deref(), &[], None, out);
                }
            }
            "INVITE" | "UPDATE" => self.on_modify(now, id, request, out),
            "PRACK" => self.on_prack(id, request, out),
            "NOTIFY" => self.on_progress(now, id, request, out),
            "INFO" | "OPTIONS" => {
                self.reply(request, 200, None, &[], None, out);
            }
            _ => {
                self.reply(request, 501, None, &[], None, out);
            }
        }
    }

    fn on_modify(&mut self, now: Instant, id: u32, request: &Sip, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let is_invite = request.method() == "INVITE";
        let refused = if call.modifying.is_some() || call.unacknowledged.is_some() {
            // RFC 3261 section 14.2, RFC 3311 section 5.2: glare.
            Some(491)
        } else if self.rng.chance(self.manners.refuse_modify) {
            Some(*self.rng.pick(&[488, 500, 488, 403]))
        } else {
            None
        };
        if let Some(status) = refused {
            self.reply(request, status, None, &[], None, out);
            return;
        }
        let offer = request.has_sdp().then(|| Description::parse(&request.body)).flatten();
        let body = match &offer {
            Some(offer) => call.media.answer(offer),
            None if is_invite => Some(call.media.describe()),
            None => Some(String::new()),
        };
        let Some(body) = body else {
            self.reply(request, 488, None, &[], None, out);
            return;
        };
        let contact = [format!("Contact: <{}>", self.contact())];
        let bytes = self.respond(request, 200, None, &contact, Some(&body), out);
        if is_invite && let Some(call) = self.calls.get_mut(&id) {
            let cseq = request.cseq();
            call.unacknowledged = Some(Unacknowledged { cseq, bytes, since: now, offered: offer.is_none() });
            out.after(T1_MS, Timer::Repeat2xx { call: id, cseq, interval_ms: T1_MS });
        }
    }

    pub(super) fn modify(&mut self, now: Instant, id: u32, how: Modification, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.stage != Stage::Up || call.modifying.is_some() || call.unacknowledged.is_some() || call.no_ack {
            return;
        }
        let (method, has_offer) = match how {
            Modification::Hold => {
                call.media.wish = if self.rng.chance(30) { Direction::NONE } else { Direction::SEND };
                ("INVITE", true)
            }
            Modification::HoldByUpdate => {
                call.media.wish = Direction::SEND;
                ("UPDATE", true)
            }
            Modification::Resume => {
                call.media.wish = Direction::BOTH;
                ("INVITE", true)
            }
            Modification::ResumeByUpdate => {
                call.media.wish = Direction::BOTH;
                ("UPDATE", true)
            }
            Modification::Offerless => {
                call.media.wish = Direction::BOTH;
                ("INVITE", false)
            }
            Modification::Info => ("INFO", false),
        };
        let body = has_offer.then(|| call.media.describe());
        let purpose =
            if method == "INFO" { Purpose::Plain } else { Purpose::Modify { call: id, had_offer: has_offer } };
        let branch = self.request_in_dialog(now, id, (method, &[]), body, purpose, out);
        if let (Some(call), true) = (self.calls.get_mut(&id), method != "INFO") {
            call.modifying = branch;
        }
    }

    pub(super) fn request_in_dialog(
        &mut self,
        now: Instant,
        id: u32,
        (method, more): (&'static str, &[String]),
        body: Option<String>,
        purpose: Purpose,
        out: &mut Out,
    ) -> Option<String> {
        let contact = self.contact();
        let call = self.calls.get_mut(&id)?;
        call.cseq += 1;
        call.active_at = now;
        let mut lines = match method {
            "BYE" | "INFO" => Vec::new(),
            _ => vec![format!("Contact: <{contact}>")],
        };
        lines.extend(more.iter().cloned());
        let recipe = Recipe {
            method,
            uri: call.target.clone(),
            from: call.local.clone(),
            to: call.remote.clone(),
            call_id: call.call_id.clone(),
            cseq: call.cseq,
            lines,
            body,
            purpose,
            tried: 0,
        };
        Some(self.ask(recipe, out))
    }

    pub(super) fn on_modified(
        &mut self,
        now: Instant,
        id: u32,
        had_offer: bool,
        response: Option<&Sip>,
        out: &mut Out,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.modifying = None;
        call.active_at = now;
        let Some(response) = response else {
            // RFC 3261 section 14.1: no answer ends the dialog.
            self.hang_up(now, id, out);
            return;
        };
        match response.status().unwrap_or(0) {
            200..300 => self.on_modification_accepted(id, had_offer, response, out),
            491 => {
                // RFC 3261 section 14.1: the owner of the Call-ID waits longer.
                let wait = if call.is_uac { self.rng.between(2_100, 4_000) } else { self.rng.below(2_000) };
                let how = if call.media.wish == Direction::BOTH { Modification::Resume } else { Modification::Hold };
                out.after(wait, Timer::Modify { call: id, how });
            }
            408 | 481 => self.hang_up(now, id, out),
            _ => {}
        }
    }

    fn on_modification_accepted(&mut self, id: u32, had_offer: bool, response: &Sip, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let is_invite = response.method() == "INVITE";
        let description = response.has_sdp().then(|| Description::parse(&response.body)).flatten();
        let mut answer = None;
        match (description, had_offer) {
            (Some(description), true) => {
                if let Err(wrong) = call.media.accept(description) {
                    self.complaints.push(format!("200 to {}: {wrong}", response.method()));
                }
            }
            (Some(offer), false) => {
                answer = call.media.answer(&offer);
                if answer.is_none() {
                    self.complaints.push(format!("an offer without a common format: {:?}", offer.formats));
                }
            }
            (None, true) => self.complaints.push(format!("200 to {} without the answer", response.method())),
            (None, false) if is_invite => {
                self.complaints.push("200 to an offerless re-INVITE without an offer".to_owned())
            }
            (None, false) => {}
        }
        if is_invite {
            self.acknowledge_modification(id, response.cseq(), answer, out);
        }
    }

    pub(super) fn hang_up(&mut self, now: Instant, id: u32, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.stage != Stage::Up {
            // RFC 3261 section 15: the callee sends no BYE before the ACK; it waits until the call is up.
            if call.stage == Stage::Answered {
                out.after(LIFE_MS, Timer::HangUp { call: id });
            }
            return;
        }
        call.stage = Stage::Over;
        if self.rng.chance(self.manners.no_bye) {
            return;
        }
        call.bye_seen = true;
        self.request_in_dialog(now, id, ("BYE", &[]), None, Purpose::Bye { call: id }, out);
    }
}
