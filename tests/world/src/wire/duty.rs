//! What the exchange owes: a 2xx is repeated until its ACK, a received 2xx is acknowledged each time, a dialog ends with BYE,
//! a request gets its final answer. Silence is a defect that no single message shows.

use super::{Key, Wire};
use crate::{
    net::{Findings, Net},
    text::Sip,
};
use contract::Instant;
use core::time::Duration;

/// RFC 3261 section 13.3.1.4: the interval between repetitions grows to T2; a little for the exchange's own turn.
const REPEAT_WITHIN: Duration = Duration::from_millis(4_100);
/// 64 times T1.
pub(super) const LIFE: Duration = Duration::from_secs(32);
/// An ACK leaves as soon as the 2xx is there.
const ACK_WITHIN: Duration = Duration::from_millis(900);
/// A request other than INVITE is answered within the life of a transaction, passed on or not.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// A 2xx that the exchange repeats.
#[derive(Debug)]
pub(super) struct Owed {
    call_id: String,
    to_tag: String,
    cseq: u32,
    first: Instant,
    last: Instant,
    times: u32,
}

/// A dialog that a phone's 2xx made.
#[derive(Debug)]
pub(super) struct Confirmed {
    /// The exchange's tag.
    ours: String,
    /// By CSeq of the INVITE: when a 2xx came that is not acknowledged yet; the ACK may wait for the caller's answer (`late`).
    open: Vec<(u32, Instant, bool)>,
    /// CSeq of the INVITE that made it; the others are re-INVITEs.
    made_by: Option<u32>,
    since: Instant,
}

impl Wire {
    pub(super) fn repeats(&mut self, now: Instant, key: Key, sip: &Sip) {
        let owed = self.repeating.entry(key).or_insert_with(|| Owed {
            call_id: sip.text("call-id").to_owned(),
            to_tag: sip.to_tag().unwrap_or("").to_owned(),
            cseq: sip.cseq(),
            first: now,
            last: now,
            times: 0,
        });
        owed.last = now;
        owed.times += 1;
    }

    /// An ACK reached the exchange.
    pub(super) fn acknowledged(&mut self, ack: &Sip) {
        let (call_id, cseq) = (ack.text("call-id"), ack.cseq());
        self.repeating.retain(|_, o| !(o.call_id == call_id && o.cseq == cseq));
    }

    pub(super) fn owe_acknowledgement(&mut self, now: Instant, key: &Key, response: &Sip) {
        // Only 2xx that answer an INVITE of the exchange count; a stray one is nobody's.
        let Some(invite) = self.sent.get(key) else { return };
        if invite.stream.is_some_and(|stream| self.lost.contains(&stream)) {
            return;
        }
        if invite.call_id != response.text("call-id") || invite.cseq != response.cseq() {
            return;
        }
        let Some(to_tag) = response.to_tag() else { return };
        // RFC 6026 section 8.4: after timer M further 2xx belong to nothing; nor do any when nothing came until timer B (RFC 3261 section 17.1.1.2).
        let gone = |since: Instant| now.since(since) >= LIFE;
        let unanswered = invite.heard_at.is_none_or(|heard| heard.since(invite.at) >= LIFE) && gone(invite.at);
        // RFC 3261 section 9.1: 64*T1 after the CANCEL the INVITE is over.
        let accepted = invite.accepted_at.unwrap_or(now);
        let given_up = invite.cancelled_at.is_some_and(|cancelled| accepted.since(cancelled) >= LIFE);
        if unanswered || given_up || invite.accepted_at.is_some_and(gone) {
            return;
        }
        let (late, in_dialog) = (!invite.has_sdp, invite.in_dialog);
        let ours = invite.from_tag.clone();
        let dialog = self.confirmed.entry((invite.call_id.clone(), to_tag.to_owned())).or_insert_with(|| Confirmed {
            ours,
            open: Vec::new(),
            made_by: None,
            since: now,
        });
        let cseq = response.cseq();
        if !in_dialog {
            dialog.made_by = Some(cseq);
        }
        if !dialog.open.iter().any(|(cseq, _, _)| *cseq == response.cseq()) {
            dialog.open.push((response.cseq(), now, late));
        }
    }

    pub(super) fn acknowledge(&mut self, ack: &Sip) -> Result<(), String> {
        let call_id = ack.text("call-id");
        let cseq = ack.cseq();
        let known =
            self.sent.iter().any(|((_, method), s)| method == "INVITE" && s.call_id == call_id && s.cseq == cseq);
        if !known {
            return Err("an ACK without its INVITE".to_owned());
        }
        let to_tag = ack.to_tag().unwrap_or("").to_owned();
        self.check_answer(ack, &to_tag)?;
        if let Some(dialog) = self.confirmed.get_mut(&(call_id.to_owned(), to_tag)) {
            dialog.open.retain(|(open, _, _)| *open != cseq);
        }
        Ok(())
    }

    /// RFC 3261 section 13.2.2.4: an offer in the 2xx is answered in the ACK, even when BYE follows. What is asked of the first ACK to the phone
    /// that answered first; a dialog that came later, or was forgotten meanwhile, is ended without.
    fn check_answer(&mut self, ack: &Sip, to_tag: &str) -> Result<(), String> {
        let (dialog, cseq) = ((ack.text("call-id").to_owned(), to_tag.to_owned()), ack.cseq());
        if !self.acknowledged.insert((dialog.clone(), cseq)) {
            return Ok(());
        }
        let earlier = |d: &Confirmed| self.confirmed.iter().any(|((c, _), o)| *c == dialog.0 && o.since < d.since);
        let is_offer = |d: &Confirmed| d.open.iter().any(|(open, _, late)| *open == cseq && *late);
        let offered = self.confirmed.get(&dialog).is_some_and(|d| !earlier(d) && is_offer(d));
        if offered && !ack.has_sdp() {
            Err("an ACK without the answer to the offer in the 2xx".to_owned())
        } else {
            Ok(())
        }
    }

    /// What is overdue now.
    pub(crate) fn overdue(&mut self, now: Instant, found: &mut Findings) {
        for ((call_id, tag), dialog) in &mut self.confirmed {
            // A BYE ends what a re-INVITE has begun; the first INVITE's 2xx makes the dialog that the BYE ends.
            if self.ended.contains_key(&(call_id.clone(), tag.clone())) {
                dialog.open.retain(|(cseq, _, _)| Some(*cseq) == dialog.made_by);
            }
            for (cseq, since, late) in &dialog.open {
                let within = if *late { LIFE + LIFE } else { ACK_WITHIN };
                if now.since(*since) > within {
                    found.add(
                        Net::Duty,
                        format!("the 2xx to INVITE {cseq} of {call_id} (tag {tag}) was not acknowledged"),
                    );
                }
            }
        }
        let ended = &self.ended;
        self.repeating
            .retain(|_, o| !ended.contains_key(&(o.call_id.clone(), o.to_tag.clone())) && now.since(o.first) < LIFE);
        for owed in self.repeating.values() {
            if now.since(owed.last) > REPEAT_WITHIN {
                found.add(
                    Net::Duty,
                    format!(
                        "the 2xx to INVITE {} of {} was sent {} times and not repeated",
                        owed.cseq, owed.call_id, owed.times
                    ),
                );
            }
        }
    }

    /// What is missing when everything has settled.
    pub(crate) fn unfinished(&self, now: Instant, found: &mut Findings) {
        for ((branch, method), asked) in &self.asked {
            if asked.answered.is_none() && now.since(asked.at) > ANSWER_WITHIN {
                found.add(Net::Duty, format!("{method} {branch} of {:?} never had a final answer", asked.at));
            }
        }
        for ((call_id, tag), dialog) in &self.confirmed {
            let ended = [tag, &dialog.ours].into_iter().any(|t| self.ended.contains_key(&(call_id.clone(), t.clone())));
            if !ended {
                found.add(
                    Net::Duty,
                    format!("the dialog {call_id} (tag {tag}), up since {:?}, never saw a BYE", dialog.since),
                );
            }
        }
    }
}
