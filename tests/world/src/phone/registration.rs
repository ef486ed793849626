//! The phone keeps itself registered: RFC 3261 section 10.2. Also its OPTIONS, and the noise it makes when it is broken.

use super::{
    Out, Phone, Timer,
    ask::{Purpose, Recipe},
};
use crate::{
    rng::Rng,
    text::{self, Sip},
};
use contract::Instant;
use core::time::Duration;
use signaling::flow::Transport;

/// Requests outside a dialog, some of which belong into one, one of which nobody knows.
const STRAY: [&str; 9] = ["OPTIONS", "OPTIONS", "MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH", "INFO", "BYE", "FROB"];

/// What the phone believes of its registration.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    call_id: String,
    from_tag: String,
    pub(super) cseq: u32,
    /// Until when, as the last 200 said.
    pub(crate) until: Option<Instant>,
    /// Only the newest refresh timer counts.
    pub(super) generation: u32,
}

impl Registration {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            call_id: rng.word(),
            from_tag: rng.word(),
            cseq: u32::try_from(rng.below(1_000)).unwrap_or(0),
            until: None,
            generation: 0,
        }
    }
}

impl Phone {
    /// REGISTER; `expires_s` 0 takes the binding away.
    pub(super) fn register(&mut self, _now: Instant, expires_s: Option<u32>, out: &mut Out) {
        let expires_s = expires_s.unwrap_or_else(|| *self.rng.pick(&[60, 61, 90, 120, 300, 300, 3_600, 100_000]));
        self.registration.cseq += 1;
        self.registration.generation += 1;
        let contact = self.contact();
        let q = ["", ";q=0.5", ";q=1.0", ";q=0"];
        let lines = if expires_s == 0 && self.rng.chance(20) {
            vec!["Contact: *".to_owned(), "Expires: 0".to_owned()]
        } else if self.rng.chance(50) {
            vec![format!("Contact: <{contact}>;expires={expires_s}{}", self.rng.pick(&q))]
        } else {
            vec![format!("m: <{contact}>"), format!("Expires: {expires_s}")]
        };
        let aor = format!("<sip:{}@{}>", self.identity.number, self.identity.domain);
        let recipe = Recipe {
            method: "REGISTER",
            uri: format!("sip:{}", self.identity.domain),
            from: format!("{aor};tag={}", self.registration.from_tag),
            to: aor,
            call_id: self.registration.call_id.clone(),
            cseq: self.registration.cseq,
            lines,
            body: None,
            purpose: Purpose::Register { expires_s },
            tried: 0,
        };
        self.ask(recipe, out);
    }

    pub(super) fn on_registered(&mut self, now: Instant, expires_s: u32, response: Option<&Sip>, out: &mut Out) {
        let generation = self.registration.generation;
        let status = response.and_then(Sip::status);
        let (Some(response), Some(200)) = (response, status) else {
            // Refused or lost: politely try again after a while.
            out.after(20_000 + self.rng.below(20_000), Timer::Refresh { generation });
            return;
        };
        if expires_s == 0 {
            self.registration.until = None;
            return;
        }
        if response.cseq() != self.registration.cseq {
            // The phone has asked for something else since; that answer counts.
            return;
        }
        let mine = self.contact();
        let granted = response
            .all("contact")
            .flat_map(text::comma)
            .find(|c| text::uri(c) == mine)
            .and_then(|c| text::parameter(c, "expires")?.parse::<u64>().ok());
        let Some(granted) = granted else {
            self.complaints.push(format!("the 200 to REGISTER does not name {mine} with its expiry"));
            return;
        };
        self.registration.until = Some(now + Duration::from_secs(granted));
        if !self.rng.chance(self.manners.lapse) {
            out.after(granted * 800, Timer::Refresh { generation });
        }
    }

    pub(super) fn options(&mut self, _now: Instant, out: &mut Out) {
        let (from_tag, call_id) = (self.rng.word(), self.rng.word());
        let (number, domain) = (&self.identity.number, &self.identity.domain);
        let recipe = Recipe {
            method: STRAY[usize::try_from(self.rng.below(STRAY.len() as u64)).unwrap_or(0)],
            uri: format!("sip:{domain}"),
            from: format!("<sip:{number}@{domain}>;tag={from_tag}"),
            to: format!("<sip:{domain}>"),
            call_id,
            cseq: 1,
            lines: vec![format!("Contact: <{}>", self.contact())],
            body: None,
            purpose: Purpose::Plain,
            tried: 3,
        };
        self.ask(recipe, out);
    }

    /// Bytes nobody should send.
    pub(super) fn garbage(&mut self) -> Vec<u8> {
        let branch = self.rng.word();
        let via = self.via(&branch);
        // On a stream unframed bytes would only end it, and the reader of the world with it.
        let first = if self.identity.transport == Transport::Tcp { 3 } else { 0 };
        match self.rng.between(first, 6) {
            0 => (0..self.rng.below(200)).map(|_| u8::try_from(self.rng.below(256)).unwrap_or(0)).collect(),
            1 => b"\r\n\r\n\r\n".to_vec(),
            2 => b"INVITE sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n".to_vec(),
            3 => format!("SIP/2.0 200 OK\r\n{via}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n").into_bytes(),
            4 => format!("ACK sip:x@y SIP/2.0\r\n{via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: {branch}\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").into_bytes(),
            5 => format!("CANCEL sip:x@y SIP/2.0\r\n{via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {branch}\r\nCSeq: 1 CANCEL\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").into_bytes(),
            _ => format!("OPTIONS sip:x@y SIP/2.0\r\n{via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {branch}\r\nCSeq: 9999999999 OPTIONS\r\nContent-Length: 0\r\n\r\n").into_bytes(),
        }
    }
}
