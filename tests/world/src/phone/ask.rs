//! The phone's client transactions: send, repeat, authenticate once, hand the answer on. RFC 3261 section 17.1 in the small.

use super::{AskKey, LIFE_MS, Out, Phone, T1_MS, Timer, next_interval};
use crate::{
    digest::{Challenge, Login},
    text::{self, Sip},
};
use contract::Instant;
use signaling::flow::Transport;

/// What a request is made of, so that it can be made again with credentials.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) method: &'static str,
    pub(super) uri: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// Whole header lines.
    pub(super) lines: Vec<String>,
    pub(super) body: Option<String>,
    pub(super) purpose: Purpose,
    /// How often it was answered to a challenge.
    pub(super) tried: u8,
}

/// What the answer is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Register { expires_s: u32 },
    Invite { call: u32 },
    Modify { call: u32, had_offer: bool },
    Bye { call: u32 },
    Watch { watch: u32 },
    Refer { call: u32 },
    Plain,
}

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) recipe: Recipe,
    pub(super) bytes: Vec<u8>,
    pub(super) provisional: bool,
    pub(super) finished: bool,
    /// The ACK to a final answer that is no 2xx, to repeat it.
    ack: Option<Vec<u8>>,
}

impl Phone {
    /// Sends the request; with credentials when a nonce is at hand or the request was challenged.
    pub(super) fn ask(&mut self, recipe: Recipe, out: &mut Out) -> String {
        let branch = format!("z9hG4bK{}", self.rng.word());
        let mut lines = vec![
            self.via(&branch),
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", recipe.from),
            format!("To: {}", recipe.to),
            format!("Call-ID: {}", recipe.call_id),
            format!("CSeq: {} {}", recipe.cseq, recipe.method),
        ];
        let in_dialog = text::tag(&recipe.to).is_some();
        if recipe.tried > 0 || !in_dialog && self.rng.chance(50) {
            let wrong = self.rng.chance(self.manners.wrong_password);
            let replay = self.rng.chance(self.manners.replay_nonce);
            let password = if wrong { "not-the-password" } else { self.identity.password.as_str() };
            let login = Login { user: &self.identity.auth_user, password };
            if let Some(challenge) = &mut self.challenge {
                lines.push(format!("Authorization: {}", challenge.answer(&login, recipe.method, &recipe.uri, replay)));
            }
        }
        lines.extend(recipe.lines.iter().cloned());
        let bytes = text::write(&format!("{} {} SIP/2.0", recipe.method, recipe.uri), &lines, recipe.body.as_deref());
        self.start(branch.clone(), recipe, bytes, out);
        branch
    }

    /// Sends bytes that are already made, under this branch.
    pub(super) fn start(&mut self, branch: String, recipe: Recipe, bytes: Vec<u8>, out: &mut Out) {
        let key = (branch, recipe.method.to_owned());
        out.sends.push(bytes.clone());
        out.after(LIFE_MS, Timer::AskOver { key: key.clone() });
        if self.identity.transport == Transport::Udp {
            out.after(T1_MS, Timer::Resend { key: key.clone(), interval_ms: T1_MS });
        }
        self.asks.insert(key, Ask { recipe, bytes, provisional: false, finished: false, ack: None });
    }

    pub(super) fn resend(&mut self, key: &AskKey, interval_ms: u64, out: &mut Out) {
        let Some(ask) = self.asks.get(key) else { return };
        let is_invite = ask.recipe.method == "INVITE";
        if ask.finished || is_invite && ask.provisional {
            return;
        }
        out.sends.push(ask.bytes.clone());
        // RFC 3261 section 17.1.1.2: timer A doubles; 17.1.2.2: timer E doubles up to T2.
        let next = if is_invite { interval_ms * 2 } else { next_interval(interval_ms) };
        out.after(next, Timer::Resend { key: key.clone(), interval_ms: next });
    }

    pub(super) fn ask_over(&mut self, now: Instant, key: &AskKey, out: &mut Out) {
        let Some(ask) = self.asks.get(key) else { return };
        if ask.finished {
            return;
        }
        let purpose = ask.recipe.purpose;
        if let (Purpose::Invite { call }, true) = (purpose, ask.provisional) {
            // RFC 3261 section 9.1: after a CANCEL 64*T1 are waited; without one there is no timer any more.
            if !self.calls.get(&call).is_some_and(|c| c.cancel_sent) {
                return;
            }
        }
        if let (Purpose::Modify { .. }, true, "INVITE") = (purpose, ask.provisional, ask.recipe.method) {
            out.after(LIFE_MS, Timer::AskOver { key: key.clone() });
            if let Some(ask) = self.asks.get_mut(key) {
                ask.provisional = false;
            }
            return;
        }
        if let Some(ask) = self.asks.get_mut(key) {
            ask.finished = true;
        }
        self.on_final(now, purpose, None, out);
    }

    pub(super) fn on_response(&mut self, now: Instant, response: &Sip, out: &mut Out) {
        let status = response.status().unwrap_or(0);
        let key = (response.branch().to_owned(), response.method().to_owned());
        let Some(ask) = self.asks.get_mut(&key) else {
            return;
        };
        let purpose = ask.recipe.purpose;
        let is_invite = ask.recipe.method == "INVITE";
        if status < 200 {
            ask.provisional = true;
            if let Purpose::Invite { call } = purpose {
                self.on_provisional(now, call, status, response, out);
            }
            return;
        }
        if ask.finished {
            if is_invite && status < 300 {
                self.repeat_ack(purpose, response, out);
            } else if let Some(ack) = &ask.ack {
                out.sends.push(ack.clone());
            }
            return;
        }
        ask.finished = true;
        let recipe = ask.recipe.clone();
        if is_invite && status >= 300 {
            // RFC 3261 section 17.1.1.3: the ACK to a refusal belongs to the transaction.
            let ack = self.ack_to_refusal(&key.0, &recipe, response);
            out.sends.push(ack.clone());
            if let Some(ask) = self.asks.get_mut(&key) {
                ask.ack = Some(ack);
            }
        }
        if matches!(status, 401 | 407) && recipe.tried < 3 {
            self.challenge =
                Challenge::read(response.all("www-authenticate").chain(response.all("proxy-authenticate")));
            if self.challenge.is_some() {
                self.ask_again(recipe, out);
                return;
            }
            self.complaints.push(format!("a {status} without an MD5 challenge"));
        }
        self.on_final(now, purpose, Some(response), out);
    }

    fn ask_again(&mut self, mut recipe: Recipe, out: &mut Out) {
        recipe.tried += 1;
        recipe.cseq += 1;
        let (purpose, cseq) = (recipe.purpose, recipe.cseq);
        if let Purpose::Register { .. } = purpose {
            self.registration.cseq = self.registration.cseq.max(cseq);
        }
        let branch = self.ask(recipe, out);
        match purpose {
            Purpose::Invite { call } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.cseq = cseq;
                    call.invite_cseq = cseq;
                    call.invite_branch = branch;
                    call.provisional = false;
                }
            }
            Purpose::Modify { call, .. } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.cseq = call.cseq.max(cseq);
                    call.modifying = Some(branch);
                }
            }
            Purpose::Watch { watch } => self.watch_asked_again(watch, cseq),
            Purpose::Bye { .. } | Purpose::Refer { .. } | Purpose::Register { .. } | Purpose::Plain => {}
        }
    }

    fn ack_to_refusal(&self, branch: &str, recipe: &Recipe, response: &Sip) -> Vec<u8> {
        let lines = [
            self.via(branch),
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", recipe.from),
            format!("To: {}", response.text("to")),
            format!("Call-ID: {}", recipe.call_id),
            format!("CSeq: {} ACK", recipe.cseq),
        ];
        text::write(&format!("ACK {} SIP/2.0", recipe.uri), &lines, None)
    }

    /// A request of ours has its final answer, or (`None`) has none.
    fn on_final(&mut self, now: Instant, purpose: Purpose, response: Option<&Sip>, out: &mut Out) {
        match purpose {
            Purpose::Register { expires_s } => self.on_registered(now, expires_s, response, out),
            Purpose::Invite { call } => self.on_invite_final(now, call, response, out),
            Purpose::Modify { call, had_offer } => self.on_modified(now, call, had_offer, response, out),
            Purpose::Bye { call } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.active_at = now;
                }
            }
            Purpose::Watch { watch } => self.on_watched(watch, response),
            Purpose::Refer { call } => self.on_referred(now, call, response, out),
            Purpose::Plain => {}
        }
    }
}
