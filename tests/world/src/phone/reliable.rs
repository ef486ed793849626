//! Provisional responses that are acknowledged (RFC 3262), and sessions that are refreshed (RFC 4028), as the phone does both.

use super::{LIFE_MS, Out, Phone, T1_MS, Timer, ask::Purpose, call::Stage};
use crate::text::Sip;
use contract::Instant;

impl Phone {
    /// A header line of an INVITE, in some worlds.
    pub(super) fn wants_acknowledgement(&mut self) -> Option<String> {
        if !self.rng.chance(self.manners.reliable) {
            return None;
        }
        Some(if self.rng.chance(30) { "Require: 100rel" } else { "Supported: 100rel" }.to_owned())
    }

    /// A provisional response came to our INVITE. `false`: it came before.
    pub(super) fn acknowledge_progress(&mut self, now: Instant, id: u32, response: &Sip, out: &mut Out) -> bool {
        if !response.text("require").contains("100rel") {
            return true;
        }
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let Ok(rseq) = response.text("rseq").parse::<u32>() else {
            self.complaints.push("a reliable response without RSeq".to_owned());
            return false;
        };
        match call.rseq {
            Some(last) if rseq <= last => return false,
            Some(last) if rseq > last + 1 => return false,
            Some(_) | None => {}
        }
        if self.rng.chance(self.manners.no_prack) {
            return false;
        }
        call.rseq = Some(rseq);
        call.learn(response);
        let rack = format!("RAck: {rseq} {} INVITE", response.cseq());
        self.request_in_dialog(now, id, ("PRACK", &[rack]), None, Purpose::Plain, out);
        true
    }

    /// Answers provisionally until that is acknowledged.
    pub(super) fn progress_reliably(
        &mut self,
        id: u32,
        request: &Sip,
        status: u16,
        tag: &str,
        body: Option<&str>,
        out: &mut Out,
    ) {
        let rseq = u32::try_from(self.rng.between(1, 1 << 30)).unwrap_or(1);
        let more = [format!("Contact: <{}>", self.contact()), "Require: 100rel".to_owned(), format!("RSeq: {rseq}")];
        let bytes = self.respond(request, status, Some(tag), &more, body, out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.rseq = Some(rseq);
            call.unacknowledged_progress = Some(bytes);
            out.after(T1_MS, Timer::RepeatProgress { call: id, interval_ms: T1_MS });
        }
    }

    pub(super) fn repeat_progress(&mut self, _now: Instant, id: u32, interval_ms: u64, out: &mut Out) {
        let Some(call) = self.calls.get(&id).filter(|call| call.stage == Stage::Inviting) else { return };
        let Some(bytes) = call.unacknowledged_progress.clone() else { return };
        if interval_ms < LIFE_MS {
            out.sends.push(bytes);
            out.after(interval_ms * 2, Timer::RepeatProgress { call: id, interval_ms: interval_ms * 2 });
        }
    }

    /// Our provisional response is acknowledged.
    pub(super) fn on_prack(&mut self, id: u32, request: &Sip, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let rack: Vec<&str> = request.text("rack").split_whitespace().collect();
        let fits = call.rseq.map(|rseq| rseq.to_string()).as_deref() == rack.first().copied()
            && Some(call.invite_cseq.to_string().as_str()) == rack.get(1).copied()
            && rack.get(2) == Some(&"INVITE");
        let waited = call.unacknowledged_progress.take().is_some();
        if !fits || !waited {
            // RFC 3262 section 4: once.
            self.complaints.push(format!("a PRACK for nothing, or for the second time: {}", request.text("rack")));
        }
        self.reply(request, if fits { 200 } else { 481 }, None, &[], None, out);
    }

    /// RFC 4028 section 7.4, with an UPDATE that changes nothing.
    pub(super) fn refresh_session(&mut self, now: Instant, id: u32, out: &mut Out) {
        let Some(call) = self.calls.get(&id).filter(|call| call.stage == Stage::Up) else { return };
        if call.modifying.is_some() {
            out.after(1_000, Timer::RefreshSession { call: id });
            return;
        }
        let more = ["Supported: timer".to_owned(), "Session-Expires: 90;refresher=uac".to_owned()];
        self.request_in_dialog(now, id, ("UPDATE", &more), None, Purpose::Plain, out);
        out.after(45_000, Timer::RefreshSession { call: id });
    }
}
