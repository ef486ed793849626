//! The phone as caller: INVITE, ACK, CANCEL. RFC 3261 sections 9, 13.1 and 13.2.

use super::{
    LIFE_MS, Modification, Out, Phone, Timer,
    ask::{Purpose, Recipe},
    call::{Call, PhoneMedia, Stage},
};
use crate::{
    sdp::{Description, Direction},
    text::{self, Sip},
};
use contract::Instant;

impl Phone {
    pub(super) fn new_media(&mut self, call: u32) -> PhoneMedia {
        let mut own = self.identity.home;
        own.set_port(20_000 + u16::try_from(call % 10_000).unwrap_or(0) * 2);
        let formats = if self.rng.chance(self.manners.odd_codecs) { vec![18] } else { self.identity.formats.clone() };
        PhoneMedia {
            own,
            formats,
            session: self.rng.below(1 << 31),
            version: 0,
            wish: Direction::BOTH,
            said: Direction::NONE,
            heard: None,
            agreed: None,
        }
    }

    pub(super) fn next_call(&mut self) -> u32 {
        self.calls_made += 1;
        self.calls_made
    }

    pub(super) fn dial(&mut self, now: Instant, to: &str, out: &mut Out) {
        let id = self.next_call();
        let mut media = self.new_media(id);
        let domain = &self.identity.domain;
        let uri = format!("sip:{to}@{domain}");
        let local_tag = self.rng.word();
        let local = format!("\"Phone {n}\" <sip:{n}@{domain}>;tag={local_tag}", n = self.identity.number);
        let remote = format!("<{uri}>");
        let call_id = format!("{}@{}", self.rng.word(), self.identity.home.ip());
        let cseq = u32::try_from(self.rng.between(1, 50)).unwrap_or(1);
        let body = if self.rng.chance(self.manners.offerless) { None } else { Some(media.describe()) };
        let mut lines = vec![
            format!("Contact: <{}>", self.contact()),
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK, NOTIFY".to_owned(),
            format!("User-Agent: SimPhone/{}", self.identity.number),
        ];
        lines.extend(self.wants_acknowledgement());
        let refreshes = self.rng.chance(self.manners.refresher);
        if refreshes {
            lines.extend(["Supported: timer".to_owned(), "Session-Expires: 90;refresher=uac".to_owned()]);
        }
        let recipe = Recipe {
            method: "INVITE",
            uri: uri.clone(),
            from: local.clone(),
            to: remote.clone(),
            call_id: call_id.clone(),
            cseq,
            lines,
            body,
            purpose: Purpose::Invite { call: id },
            tried: 0,
        };
        let call = Call {
            is_uac: true,
            stage: Stage::Inviting,
            call_id,
            local,
            local_tag,
            remote,
            remote_tag: None,
            target: uri,
            cseq,
            remote_cseq: 0,
            invite_branch: String::new(),
            invite: None,
            invite_cseq: cseq,
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
            refreshes,
        };
        self.calls.insert(id, call);
        let branch = self.ask(recipe, out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.invite_branch = branch;
        }
        let patience = if self.rng.chance(self.manners.give_up) { self.rng.below(12_000) } else { 180_000 };
        out.after(self.on_beat(now, patience), Timer::GiveUp { call: id });
    }

    pub(super) fn on_provisional(&mut self, now: Instant, id: u32, status: u16, response: &Sip, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.provisional = true;
        call.active_at = now;
        if !self.acknowledge_progress(now, id, response, out) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        if status > 100
            && response.has_sdp()
            && call.media.version > 0
            && let Some(description) = Description::parse(&response.body)
        {
            if response.text("require").contains("100rel") {
                call.described_in = Some(response.text("to").to_owned());
            }
            if let Err(wrong) = call.media.accept(description) {
                self.complaints.push(format!("{status}: {wrong}"));
            }
        }
        if call.cancel_wanted && !call.cancel_sent {
            self.cancel(now, id, out);
        }
    }

    pub(super) fn on_invite_final(&mut self, now: Instant, id: u32, response: Option<&Sip>, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.active_at = now;
        let Some(response) = response else {
            call.stage = Stage::Over;
            return;
        };
        let status = response.status().unwrap_or(0);
        call.status = Some(status);
        if status >= 300 {
            call.stage = Stage::Over;
            return;
        }
        call.learn(response);
        call.stage = Stage::Up;
        self.answered += 1;
        let mut answer = None;
        match response.has_sdp().then(|| Description::parse(&response.body)).flatten() {
            // RFC 6337 section 3.1.1: the offer was answered in this dialog, by a response that was acknowledged.
            None if call.described_in.as_deref() == Some(response.text("to")) => {}
            None => {
                self.complaints.push("a 2xx to an INVITE without a session description".to_owned());
                return;
            }
            Some(description) if call.media.version == 0 => answer = call.media.answer(&description),
            Some(description) => {
                if let Err(wrong) = call.media.accept(description) {
                    self.complaints.push(format!("200: {wrong}"));
                }
            }
        }
        if call.media.version == 0 && answer.is_none() {
            // An offer we cannot take still must be answered: a description with the line refused.
            answer = Some(crate::sdp::write(
                core::net::SocketAddr::new(call.media.own.ip(), 0),
                1,
                1,
                &[0],
                Direction::NONE,
            ));
        }
        let cancelled = call.cancel_sent || call.cancel_wanted;
        call.no_ack = !cancelled && self.rng.chance(self.manners.no_ack);
        let cseq = call.invite_cseq;
        let ack = self.make_ack(id, cseq, answer);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.ack = Some((cseq, ack));
        if call.no_ack {
            self.plan_talk(now, id, out);
            return;
        }
        if !cancelled && self.rng.chance(self.manners.late_ack) {
            out.after(self.rng.between(100, 40_000), Timer::Acknowledge { call: id });
        } else {
            self.acknowledge(id, out);
        }
        if cancelled {
            self.hang_up(now, id, out);
        } else {
            self.plan_talk(now, id, out);
        }
    }

    fn make_ack(&mut self, id: u32, cseq: u32, body: Option<String>) -> Vec<u8> {
        let branch = format!("z9hG4bK{}", self.rng.word());
        let via = self.via(&branch);
        let Some(call) = self.calls.get(&id) else { return Vec::new() };
        let lines = [
            via,
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", call.local),
            format!("To: {}", call.remote),
            format!("Call-ID: {}", call.call_id),
            format!("CSeq: {cseq} ACK"),
        ];
        text::write(&format!("ACK {} SIP/2.0", call.target), &lines, body.as_deref())
    }

    /// Makes, keeps and sends the ACK to a 2xx of a re-INVITE.
    pub(super) fn acknowledge_modification(&mut self, id: u32, cseq: u32, answer: Option<String>, out: &mut Out) {
        let ack = self.make_ack(id, cseq, answer);
        out.sends.push(ack.clone());
        if let Some(call) = self.calls.get_mut(&id) {
            call.ack = Some((cseq, ack));
        }
    }

    pub(super) fn acknowledge(&mut self, id: u32, out: &mut Out) {
        if let Some((_, ack)) = self.calls.get(&id).and_then(|c| c.ack.as_ref()) {
            out.sends.push(ack.clone());
        }
    }

    /// A 2xx came again: so did not our ACK. RFC 3261 section 13.2.2.4.
    pub(super) fn repeat_ack(&mut self, purpose: Purpose, response: &Sip, out: &mut Out) {
        let (Purpose::Invite { call } | Purpose::Modify { call, .. }) = purpose else { return };
        let Some(known) = self.calls.get(&call) else { return };
        let lazy = known.no_ack || self.manners.late_ack > 0 && self.rng.chance(50);
        if !lazy && known.ack.as_ref().is_some_and(|(cseq, _)| *cseq == response.cseq()) {
            self.acknowledge(call, out);
        }
    }

    /// What the user does during the talk, and its end.
    pub(super) fn plan_talk(&mut self, now: Instant, call: u32, out: &mut Out) {
        if self.talk_max.is_zero() {
            return;
        }
        let talk = self.rng.below(u64::try_from(self.talk_max.as_millis()).unwrap_or(0)) + 300;
        if self.calls.get(&call).is_some_and(|c| c.refreshes) && !self.rng.chance(self.manners.no_refresh) {
            out.after(45_000, Timer::RefreshSession { call });
        }
        if self.rng.chance(self.manners.refer) {
            let at = self.rng.below(talk);
            out.after(self.on_beat(now, at), Timer::Refer { call });
        }
        // The far side may hang up first: sometimes nobody here does.
        if self.rng.chance(75) {
            out.after(self.on_beat(now, talk), Timer::HangUp { call });
        }
        let mut at = 0;
        while self.rng.chance(self.manners.hold) && at < talk {
            at += self.rng.between(200, talk);
            let by_update = self.rng.chance(self.manners.update);
            let (hold, resume) = if by_update {
                (Modification::HoldByUpdate, Modification::ResumeByUpdate)
            } else if self.rng.chance(self.manners.offerless) {
                (Modification::Hold, Modification::Offerless)
            } else {
                (Modification::Hold, Modification::Resume)
            };
            out.after(self.on_beat(now, at), Timer::Modify { call, how: hold });
            at += self.rng.between(200, 20_000);
            out.after(self.on_beat(now, at), Timer::Modify { call, how: resume });
        }
        if self.rng.chance(self.manners.info) {
            out.after(self.on_beat(now, self.rng.clone().below(talk)), Timer::Modify { call, how: Modification::Info });
        }
    }

    pub(super) fn give_up(&mut self, now: Instant, id: u32, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.stage != Stage::Inviting || !call.is_uac {
            return;
        }
        call.cancel_wanted = true;
        // RFC 3261 section 9.1: no CANCEL before a provisional answer.
        if call.provisional && !call.cancel_sent {
            self.cancel(now, id, out);
        }
    }

    fn cancel(&mut self, now: Instant, id: u32, out: &mut Out) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if !matches!(call.stage, Stage::Inviting) {
            return;
        }
        call.cancel_sent = true;
        call.active_at = now;
        let branch = call.invite_branch.clone();
        let uri = call.target.clone();
        let cseq = call.invite_cseq;
        let (from, to, call_id) = (call.local.clone(), call.remote.clone(), call.call_id.clone());
        let lines = [
            self.via(&branch),
            "Max-Forwards: 70".to_owned(),
            format!("From: {from}"),
            format!("To: {to}"),
            format!("Call-ID: {call_id}"),
            format!("CSeq: {cseq} CANCEL"),
        ];
        let bytes = text::write(&format!("CANCEL {uri} SIP/2.0"), &lines, None);
        let recipe = Recipe {
            method: "CANCEL",
            uri,
            from,
            to,
            call_id,
            cseq,
            lines: Vec::new(),
            body: None,
            purpose: Purpose::Plain,
            tried: 3,
        };
        out.after(LIFE_MS, Timer::AskOver { key: (branch.clone(), "INVITE".to_owned()) });
        self.start(branch, recipe, bytes, out);
    }
}
