//! Click to call: first the phones of one account ring; when one answers, the other number is reached as if that phone had dialled it.

use super::{
    Call, End, Happening, Office, Phase,
    alarm::Alarm,
    describe,
    fork::{Branch, is_sdp},
};
use crate::{
    effect::Refusal,
    fact::{CallState, HangupCause},
    id::CallId,
    message::Message,
    settings::Settings,
};
use std::sync::Arc;

impl Call {
    /// Rings the phones of `from`, which shall call `to`.
    ///
    /// # Errors
    /// Why it is not done; then nothing was begun.
    pub(crate) fn originate(
        office: &mut Office<'_>,
        id: CallId,
        settings: Arc<Settings>,
        from: &str,
        to: &str,
    ) -> Result<Self, Refusal> {
        let account = settings.directory.extension(from).ok_or(Refusal::UnknownExtension)?;
        let mut call = Self::begin(id, Arc::clone(&settings), from, to, office.now, Phase::Summoning);
        call.originated = true;
        let phones = call.phones_of(office, account);
        if phones.is_empty() {
            return Err(Refusal::NotRegistered);
        }
        if office.books.calls_of(from) >= account.call_limit {
            return Err(Refusal::Busy);
        }
        office.books.enter(from);
        call.counted.push(from.into());
        let ring_for =
            if account.no_answer_after.is_zero() { settings.calls.ring_max } else { account.no_answer_after };
        office.arm(id, &mut call.alarms, Alarm::Ring, ring_for);
        call.tell_state(office, CallState::Calling);
        for phone in phones {
            call.add_branch(office, Branch { party: from, phone, trunk: None });
        }
        call.measure();
        Ok(call)
    }

    /// A phone of `from` has answered our offer: it is the caller from now on.
    pub(super) fn summoned(&mut self, office: &mut Office<'_>, number: u16, cseq: u32, response: &Message<'_>) {
        self.acknowledge(office, number, cseq, None);
        let body = response.body();
        let answer = if is_sdp(response) { describe::view(body).ok() } else { None };
        let Some(answer) =
            answer.filter(|answer| answer.speech().next().is_some() && self.may_answer(number, &answer.carriage))
        else {
            return self.end(office, End::by_us(HangupCause::Incompatible));
        };
        self.caller = number;
        self.origin = number;
        self.first_branch = u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        self.phase = Phase::Dialling { early: None, told: None };
        // What the phone answered is what it can do: it is offered to the other side.
        self.offer = Some(body.into());
        if let Some(leg) = self.leg_mut(number) {
            leg.talk.remote = Some(answer);
        }
        self.describe_leg(office, number, None);
        self.happenings.push(Happening::Summoned);
    }
}
