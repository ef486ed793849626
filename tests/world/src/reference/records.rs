//! Calls as the record tells them against calls as they were seen on the wire: one record each, and no claim without evidence.

use crate::{
    net::{Findings, Net},
    text::Sip,
};
use contract::Instant;
use core::time::Duration;
use signaling::{
    fact::{CallRecord, Disposition, Fact, HangupCause},
    id::CallId,
};
use std::collections::BTreeMap;

/// What was seen of one call from outside.
#[derive(Debug, Default)]
struct Seen {
    /// SIP Call-ID of the caller's dialog; `None` when the exchange placed the call.
    caller: Option<String>,
    /// The caller's INVITE held no offer, so that what is common shows only after the answer.
    offerless: bool,
    /// Last final status sent to the caller's first INVITE, credentials asked apart.
    caller_final: Option<u16>,
    caller_bye: bool,
    callee_bye: bool,
    cancelled: bool,
    silent: u32,
    operator: bool,
    records: u32,
}

impl Seen {
    /// It began with this INVITE.
    fn begin(&mut self, invite: &Sip) {
        self.caller = Some(invite.text("call-id").to_owned());
        self.offerless = !invite.has_sdp();
    }
}

/// All calls of a run.
#[derive(Debug, Default)]
pub(crate) struct Records {
    calls: BTreeMap<CallId, Seen>,
    /// SIP Call-ID to the call.
    by_call_id: BTreeMap<String, CallId>,
    length_max: Duration,
    /// The exchange was told to stop.
    shut: bool,
    pub(crate) answered: u64,
    /// Time of answered calls, together.
    pub(crate) talked: Duration,
}

impl Records {
    pub(crate) fn new(length_max: Duration) -> Self {
        Self { length_max, ..Self::default() }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// An INVITE left the exchange, or a call began because of one that came in.
    pub(crate) fn link(&mut self, call_id: &str, call: CallId) {
        self.by_call_id.entry(call_id.to_owned()).or_insert(call);
    }

    /// A request reached the exchange.
    pub(crate) fn delivered(&mut self, request: &Sip) {
        let call_id = request.text("call-id");
        let Some(seen) = self.by_call_id.get(call_id).and_then(|c| self.calls.get_mut(c)) else { return };
        let by_caller = seen.caller.as_deref() == Some(call_id);
        match request.method() {
            "BYE" if by_caller => seen.caller_bye = true,
            "BYE" => seen.callee_bye = true,
            "CANCEL" if by_caller => seen.cancelled = true,
            _ => {}
        }
    }

    /// A response left the exchange.
    pub(crate) fn told(&mut self, response: &Sip, to_first_invite: bool) {
        let (call_id, status) = (response.text("call-id"), response.status().unwrap_or(0));
        let Some(seen) = self.by_call_id.get(call_id).and_then(|c| self.calls.get_mut(c)) else { return };
        if to_first_invite && status >= 200 && !matches!(status, 401 | 407) && seen.caller.as_deref() == Some(call_id) {
            seen.caller_final = Some(status);
        }
    }

    pub(crate) fn silent(&mut self, call: CallId) {
        self.calls.entry(call).or_default().silent += 1;
    }

    /// No new calls are taken.
    pub(crate) fn drained(&mut self) {
        self.shut = true;
    }

    /// The operator ended this call, or (`None`) all.
    pub(crate) fn operator(&mut self, call: Option<CallId>) {
        self.shut |= call.is_none();
        for (id, seen) in &mut self.calls {
            seen.operator |= call.is_none_or(|c| c == *id);
        }
    }

    /// A fact came; `caller` is the INVITE that is being handled, if one is.
    pub(crate) fn fact(&mut self, now: Instant, fact: &Fact, caller: Option<&Sip>, found: &mut Findings) {
        if let Fact::CallChanged { call, state } = fact {
            let is_new = !self.calls.contains_key(call);
            let seen = self.calls.entry(*call).or_default();
            if is_new && let Some(caller) = caller {
                seen.begin(caller);
                self.by_call_id.insert(caller.text("call-id").to_owned(), *call);
            }
            if seen.records > 0 && *state != signaling::fact::CallState::Ended {
                found.add(Net::Record, format!("{call:?} became {state:?} after its record"));
            }
        }
        if let Fact::CallEnded(record) = fact {
            self.ended(now, record, caller, found);
        }
    }

    fn ended(&mut self, now: Instant, record: &CallRecord, caller: Option<&Sip>, found: &mut Findings) {
        let is_new = !self.calls.contains_key(&record.call);
        let seen = self.calls.entry(record.call).or_default();
        if is_new && let Some(caller) = caller {
            seen.begin(caller);
            self.by_call_id.insert(caller.text("call-id").to_owned(), record.call);
        }
        seen.records += 1;
        if seen.records > 1 {
            found.add(Net::Record, format!("{:?} has {} records", record.call, seen.records));
        }
        if let Err(wrong) =
            check_times(now, record).and_then(|()| check_claims(record, seen, self.length_max, self.shut))
        {
            found.add(Net::Record, format!("{wrong}: {record:?}, seen {seen:?}"));
        }
        if let Some(answered) = record.answered_at {
            self.answered += 1;
            self.talked += record.ended_at.since(answered);
        }
    }

    /// Everything has settled: each call has its record.
    pub(crate) fn settled(&self, found: &mut Findings) {
        for (call, seen) in &self.calls {
            if seen.records != 1 {
                found.add(Net::Record, format!("{call:?} has {} records at the end", seen.records));
            }
            // The record may be written before the caller is told; both must agree in the end.
            if seen.caller.is_some() && seen.caller_final.is_none() && !seen.cancelled && !seen.caller_bye {
                found.add(Net::Record, format!("{call:?}: its caller never was told an end"));
            }
        }
    }
}

fn check_times(now: Instant, record: &CallRecord) -> Result<(), String> {
    let answered = record.answered_at.unwrap_or(record.started_at);
    if record.started_at > answered || answered > record.ended_at || record.ended_at > now {
        return Err("times out of order".to_owned());
    }
    let mut numbers: Vec<u16> = record.legs.iter().map(|l| l.number).collect();
    numbers.dedup();
    if numbers.len() != record.legs.len() {
        return Err("two legs with one number".to_owned());
    }
    Ok(())
}

fn check_claims(record: &CallRecord, seen: &Seen, length_max: Duration, shut: bool) -> Result<(), String> {
    let answered = record.disposition == Disposition::Answered;
    if answered != record.answered_at.is_some() {
        return Err("answered and not answered".to_owned());
    }
    if seen.caller.is_some() {
        let told_answered = seen.caller_final.is_some_and(|s| s < 300);
        if answered && !told_answered {
            return Err("answered, but the caller had no 2xx".to_owned());
        }
        if !answered && told_answered {
            return Err("not answered, but the caller had a 2xx".to_owned());
        }
    }
    if let (Some(told), Some(recorded)) = (seen.caller_final.filter(|s| *s >= 300), record.status)
        && told != recorded
    {
        return Err(format!("status {recorded}, the caller was told {told}"));
    }
    if let (Some(486 | 600 | 603), false) = (record.status, record.disposition == Disposition::Busy) {
        return Err("refused as busy and not recorded so".to_owned());
    }
    // Who is called caller and callee after a transfer is not seen from outside.
    if !record.transfers.is_empty() && answered {
        if matches!(record.hangup_cause, HangupCause::Fault | HangupCause::Cancelled) {
            return Err(format!("an answered call cannot end by {:?}", record.hangup_cause));
        }
        return Ok(());
    }
    let evidence = match record.hangup_cause {
        HangupCause::Caller => seen.caller_bye || record.originated && seen.callee_bye,
        HangupCause::Callee => seen.callee_bye,
        HangupCause::Cancelled => seen.cancelled || seen.caller_bye || record.originated,
        HangupCause::MediaSilent => seen.silent > 0,
        HangupCause::LengthLimit => record.answered_at.is_some_and(|a| record.ended_at.since(a) >= length_max),
        // There are no trunks in this world.
        HangupCause::Preempted => false,
        HangupCause::Transferred => record.part_of.is_some(),
        HangupCause::Operator => seen.operator,
        HangupCause::Shutdown => shut,
        HangupCause::Fault => return Err("a defect of the exchange ended the call".to_owned()),
        HangupCause::Incompatible => !answered || record.originated || seen.offerless,
        HangupCause::NoAnswer | HangupCause::Refused | HangupCause::Unreachable | HangupCause::Exhausted => {
            !answered || record.originated
        }
        HangupCause::Unprotected => return Err("nobody's media was protected".to_owned()),
        HangupCause::PeerGone => true,
    };
    if evidence { Ok(()) } else { Err(format!("no evidence for {:?}", record.hangup_cause)) }
}
