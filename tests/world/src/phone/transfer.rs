//! The phone that gives its other party to somebody else: REFER and what it is told (RFC 3515), also with the party of another call of its (RFC 3891).

use super::{Out, Phone, Timer, ask::Purpose, call::Stage};
use crate::text::{self, Sip};
use contract::Instant;

impl Phone {
    pub(super) fn refer(&mut self, now: Instant, id: u32, out: &mut Out) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.stage != Stage::Up || call.modifying.is_some() || call.no_ack || call.referring {
            return;
        }
        let domain = self.identity.domain.clone();
        let second = self
            .calls
            .iter()
            .filter(|(other, call)| **other != id && matches!(call.stage, Stage::Up | Stage::Inviting))
            .find_map(|(_, call)| Some((call.call_id.clone(), call.local_tag.clone(), call.remote_tag.clone()?)));
        let to = match second.filter(|_| self.rng.chance(70)) {
            Some((call_id, ours, theirs)) => {
                let value = format!("{call_id};to-tag={theirs};from-tag={ours}");
                let value = value.replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
                format!("<sip:anybody@{domain}?Replaces={value}>")
            }
            None if self.rng.chance(10) => "<sip:nobody@example.invalid>".to_owned(),
            None => {
                let number = match self.rng.below(8) {
                    0 => "7777".to_owned(),
                    1 => self.identity.number.clone(),
                    _ if self.identity.others.is_empty() => self.identity.number.clone(),
                    _ => self.rng.pick(&self.identity.others).clone(),
                };
                format!("<sip:{number}@{domain}>")
            }
        };
        let mut lines = vec![format!("Refer-To: {to}")];
        let quiet = self.rng.chance(20);
        if quiet {
            lines.push("Refer-Sub: false".to_owned());
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.referring = true;
        }
        self.request_in_dialog(now, id, ("REFER", &lines), None, Purpose::Refer { call: id }, out);
    }

    /// The REFER has its answer.
    pub(super) fn on_referred(&mut self, now: Instant, id: u32, response: Option<&Sip>, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.active_at = now;
        let status = response.and_then(Sip::status).unwrap_or(408);
        match status {
            200..300 if self.rng.chance(self.manners.refer_and_leave) => self.hang_up(now, id, out),
            200..300 => {}
            // RFC 3261 section 12.2.1.2.
            408 | 481 => self.hang_up(now, id, out),
            _ => call.referring = false,
        }
    }

    /// How the transfer goes.
    pub(super) fn on_progress(&mut self, now: Instant, id: u32, request: &Sip, out: &mut Out) {
        self.reply(request, 200, None, &[], None, out);
        let Some(call) = self.calls.get_mut(&id) else { return };
        if !call.referring {
            self.complaints.push("a NOTIFY that nobody asked for".to_owned());
            return;
        }
        let status: u16 = request.body.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(0);
        let last = request.text("subscription-state").starts_with("terminated");
        if last != (status >= 200) || text::parameter(request.text("event"), "id").is_none() {
            self.complaints.push(format!("a NOTIFY of {status}, {}", request.text("subscription-state")));
        }
        if last {
            call.referring = false;
            if status < 300 {
                // The exchange hangs up; so does this phone, sometimes at the same time.
                if self.rng.chance(50) {
                    self.hang_up(now, id, out);
                } else {
                    out.after(60_000, Timer::HangUp { call: id });
                }
            }
        }
    }
}
