//! Reaching the phones of a party: branches, their answers, and what the caller is told of them (RFC 3261 sections 13.2.2, 16.7).

use super::{
    ALLOW, Call, End, Leg, Office, Phase, Purpose, SDP, SUPPORTED, SUPPORTED_WITH_OFFER, Signal, alarm::Alarm,
    describe, incoming::header_text, outside::Introduction, reliable::Taken, target::Phone,
};
use crate::{
    dialog::{Ask, Dialog, Opening},
    fact::{CallState, Choice, HangupCause},
    limits::LEGS_PER_CALL_MAX,
    media::session::leg_spec,
    message::{Header, Message, Method},
    routing::Obstacle,
    settings::Trunk,
    transaction::{ClientFailure, NotSent},
};
use contract::MemberId;
use std::sync::Arc;

/// A phone to be asked.
#[derive(Debug)]
pub(super) struct Branch<'a> {
    /// Whose.
    pub(super) party: &'a str,
    /// Where.
    pub(super) phone: Phone,
    /// By which trunk.
    pub(super) trunk: Option<Arc<Trunk>>,
}

impl Call {
    /// Adds a leg for a phone and asks for its ports; the INVITE follows when they are open. Nothing happens at the limit of legs.
    pub(super) fn add_branch(&mut self, office: &mut Office<'_>, branch: Branch<'_>) {
        let Branch { party, phone, trunk } = branch;
        let Ok(number) = u16::try_from(self.legs.len()) else { return };
        if self.legs.len() >= LEGS_PER_CALL_MAX {
            return;
        }
        let ipv6 = phone.target.is_ipv6();
        let contact = phone.target.uri.as_str().into();
        let signal = Signal::Opening(Box::new(phone.target));
        let mut leg = Leg::new(number, party, signal, office.now, office.talk());
        leg.contact = contact;
        leg.user_agent = phone.user_agent;
        leg.behind_nat = phone.behind_nat;
        leg.web = phone.web;
        leg.trunk = trunk;
        self.legs.push(leg);
        self.open_ports(office, number, ipv6);
    }

    /// Asks for the caller's ports.
    pub(super) fn open_caller(&mut self, office: &mut Office<'_>) {
        let Some(leg) = self.caller_leg() else { return };
        let view = leg.talk.remote.as_ref();
        let offered = view.and_then(|view| view.rtp).map(|rtp| rtp.is_ipv6());
        let flow = leg.dialog.as_ref().and_then(|dialog| dialog.course().flow()).map(|flow| flow.remote.is_ipv6());
        // With candidates the address in the description is only one of several; the way that signaling took is open.
        let has_candidates = view.is_some_and(|view| view.carriage.ice.is_some());
        let (first, second) = if has_candidates { (flow, offered) } else { (offered, flow) };
        let ipv6 = first.or(second).unwrap_or(false);
        self.open_ports(office, self.caller, ipv6);
    }

    pub(super) fn open_ports(&mut self, office: &mut Office<'_>, number: u16, ipv6: bool) {
        let spec = leg_spec(ipv6, self.settings.media.silence_timeout, office.now);
        let party = self.leg(number).map(|leg| leg.party.clone()).unwrap_or_default();
        if self.session.shard().is_none() {
            // Two calls of one person become one without a sound only on one shard.
            let beside = [&party, &self.to].into_iter().find_map(|number| office.books.shard_of(number));
            self.session.stand_beside(beside);
        }
        self.session.open_leg(&mut office.books.door, office.out, MemberId(number), spec);
        office.books.sits_on(&party, self.session.shard());
    }

    /// A leg's ports are open.
    pub(super) fn ports_opened(&mut self, office: &mut Office<'_>, member: MemberId) {
        if self.is_replacement(member.0) {
            return self.replacement_ready(office);
        }
        if member.0 != self.caller || matches!(self.phase, Phase::Summoning) {
            let ready = matches!(self.phase, Phase::Summoning) || self.session.address(MemberId(self.caller)).is_some();
            if ready {
                self.invite(office, member.0);
            }
            return;
        }
        self.happened(super::Happening::Reached);
        let waiting: Vec<u16> = self
            .legs
            .iter()
            .filter(|leg| matches!(leg.signal, Signal::Opening(_)) && self.session.address(leg.member()).is_some())
            .map(|leg| leg.number)
            .collect();
        for number in waiting {
            self.invite(office, number);
        }
    }

    /// A leg's ports could not be opened.
    pub(super) fn ports_refused(&mut self, office: &mut Office<'_>, number: u16) {
        if self.is_replacement(number) {
            return self.drop_replacement(office, 503);
        }
        if number == self.caller && !matches!(self.phase, Phase::Summoning) {
            return self.end(office, End { cause: HangupCause::Exhausted, status: Some(503), by: None });
        }
        // A status of 0 stands for a limit of ours.
        self.branch_over(office, number, 0);
    }

    /// Sends a branch its INVITE.
    fn invite(&mut self, office: &mut Office<'_>, number: u16) {
        let Some(leg) = self.leg_mut(number) else { return };
        if !matches!(leg.signal, Signal::Opening(_)) {
            return;
        }
        let Signal::Opening(target) = core::mem::replace(&mut leg.signal, Signal::Gone) else { return };
        let body = self.offer_for(number);
        let Some(Introduction { from, to, user, fields }) = self.introduction(number) else { return };
        let course = target.course;
        let opening = Opening {
            call_id: office.stack.call_id(),
            tag: office.stack.tag(),
            from,
            to,
            target: target.uri,
            routes: target.routes,
            user,
            course,
        };
        let mut dialog = Dialog::asking(office.stack, opening);
        let trunk = self.leg(number).and_then(|leg| leg.trunk.clone());
        if let Some(credentials) = trunk.as_ref().and_then(|trunk| trunk.credentials.clone()) {
            dialog.prove_with(credentials);
        }
        office.books.dialogs.insert(dialog.local_tag().into(), self.leg_id(number));
        if let Some(leg) = self.leg_mut(number) {
            leg.dialog = Some(dialog);
        }
        self.send_invite(office, number, body.as_deref(), &fields);
        self.tell_beginning(office, number);
    }

    /// Sends the INVITE of a branch's dialog.
    fn send_invite(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        body: Option<&[u8]>,
        fields: &[crate::trunk::Field],
    ) {
        let timer = self.timer_headers(number);
        let referred_by = self.referred_by();
        let max_forwards = self.max_forwards.saturating_sub(1);
        let id = self.leg_id(number);
        // RFC 3262 section 5: an offer in a reliable response would want its answer in the PRACK, which only the caller could give.
        let supported = if body.is_some() { SUPPORTED_WITH_OFFER } else { SUPPORTED };
        let [expires, min] = timer.fields();
        let mut headers = vec![("Allow", ALLOW), ("Supported", supported), expires, min];
        headers.extend(fields.iter().map(|(name, value)| (&**name, &**value)));
        headers.extend(referred_by.as_deref().map(|by| ("Referred-By", by)));
        let ask = Ask { method: Method::Invite, max_forwards, headers: &headers, body: body.map(|body| (SDP, body)) };
        let Some(leg) = self.leg_mut(number) else { return };
        let trunk = leg.trunk.clone();
        let Some(dialog) = &mut leg.dialog else { return };
        let course = *dialog.course();
        match dialog.send(office.now, office.stack, office.out, &ask) {
            Ok(client) => {
                office.books.clients.insert(client, Purpose::Invite { leg: id, course, offered: body.is_some() });
                leg.signal = Signal::Inviting { client, rang: false };
                if let Some(trunk) = trunk {
                    office.stack.share_time(office.now, client, office.now + trunk.answer_timeout);
                    office.arm(self.id, &mut self.alarms, Alarm::Trunk, trunk.answer_timeout);
                }
            }
            Err(NotSent::Unreachable) if trunk.is_some() => self.trunk_failed(office, number, 503),
            // RFC 3261 section 8.1.3.1: a next hop that cannot be had is a branch that failed.
            Err(NotSent::Unreachable) => self.branch_over(office, number, 480),
            Err(NotSent::Exhausted) => self.branch_over(office, number, 0),
        }
    }

    /// A branch's INVITE has an answer above 100.
    pub(crate) fn on_branch_response(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) {
        if response.status().is_some_and(|status| status < 200)
            && self.take_progress(office, number, response) == Taken::Ignored
        {
            return;
        }
        let status = self.heard_of_trunk(office, number, response);
        let Some(leg) = self.leg_mut(number) else { return };
        let given_up = matches!(leg.signal, Signal::Cancelling { .. });
        leg.status = status;
        let agent = header_text(response, Header::Server);
        let agent = if agent.is_empty() { header_text(response, Header::UserAgent) } else { agent };
        if !agent.is_empty() {
            leg.user_agent = agent;
        }
        match status {
            ..=199 if given_up => {}
            ..=199 => self.branch_progressed(office, number, status, response),
            200..=299 if given_up => self.answered_too_late(office, number, response),
            200..=299 => self.branch_accepted(office, number, response),
            300..=399 if !given_up => self.redirected(office, number, response),
            // RFC 4028 section 7.3: again, with the interval that is wanted.
            422 if !given_up && self.too_small(number, response) => {
                let body = self.leg(number).and_then(|leg| leg.talk.sent.clone());
                let fields = self.introduction(number).map(|introduction| introduction.fields).unwrap_or_default();
                self.send_invite(office, number, body.as_deref(), &fields);
            }
            _ => self.branch_over(office, number, status),
        }
    }

    /// A branch's INVITE has no answer.
    pub(crate) fn on_branch_failure(&mut self, office: &mut Office<'_>, number: u16, why: ClientFailure) {
        // RFC 3261 section 8.1.3.1: as 408 and 503. What cannot be reached is for the caller a phone that is not there.
        let status = match why {
            ClientFailure::TimedOut => 408,
            ClientFailure::Unreachable => 480,
        };
        if self.leg(number).is_some_and(|leg| leg.trunk.is_some()) {
            return self.trunk_failed(office, number, if why == ClientFailure::TimedOut { 408 } else { 503 });
        }
        self.branch_over(office, number, status);
    }

    fn branch_progressed(&mut self, office: &mut Office<'_>, number: u16, status: u16, response: &Message<'_>) {
        let Some(leg) = self.leg_mut(number) else { return };
        if let Signal::Inviting { rang, .. } = &mut leg.signal {
            *rang = true;
        }
        // A provisional response that cannot make a dialog still tells that the phone is there.
        if let Some(dialog) = &mut leg.dialog {
            let _ = dialog.answered(response);
        }
        let Phase::Dialling { early, told } = self.phase else { return };
        // RFC 3261 section 13.2.1: before the 2xx a description is an answer only to an offer in the INVITE.
        let (status, body) = self.early_of_trunk(number, status, response.body());
        let mut answer = None;
        if self.offer.is_some() && !body.is_empty() && early.is_none_or(|first| first == number) && is_sdp(response) {
            answer = self.early_answer(office, number, body);
        }
        let early = if answer.is_some() { Some(number) } else { early };
        if matches!(status, 180 | 183) && self.transfer.is_none() {
            self.tell_state(office, CallState::Ringing);
        }
        self.notify(office, status);
        if self.caller_leg().is_some_and(|leg| leg.is_confirmed()) && self.offer.is_none() {
            return self.heard_early(office, number, response);
        }
        // Of several phones that ring the caller hears once; the one he hears of may repeat itself (section 13.3.1.1).
        let news = answer.is_some()
            || early.is_none_or(|first| first == number)
                && told.is_none_or(|(last, of)| last != status || of == number)
                && matches!(status, 180..=183);
        self.phase = Phase::Dialling { early, told: if news { Some((status, number)) } else { told } };
        if news {
            self.tell_progress(office, status, answer.as_deref());
        }
    }

    /// Early media for a party that has answered before: it hears who rings for it.
    fn heard_early(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) {
        let Phase::Dialling { early, told } = self.phase else { return };
        let waits = self.caller;
        if early.is_some() || response.body().is_empty() || !is_sdp(response) {
            return;
        }
        let answer = describe::view(response.body()).ok().filter(|answer| self.suits((waits, number), answer));
        if let (Some(answer), Some(leg)) = (answer, self.leg_mut(number)) {
            leg.talk.remote = Some(answer);
            self.phase = Phase::Dialling { early: Some(number), told };
            self.describe_pair(office, waits, number);
            self.update_hearing(office);
        }
    }

    /// A branch will not answer any more: refused, unreachable, or given up and settled.
    pub(super) fn branch_over(&mut self, office: &mut Office<'_>, number: u16, status: u16) {
        let (now, id) = (office.now, self.id);
        let Some(leg) = self.leg_mut(number) else { return };
        let given_up = matches!(leg.signal, Signal::Cancelling { .. });
        let rang = matches!(leg.signal, Signal::Inviting { rang: true, .. });
        office.decided(id, Some(number), || Choice::LegOver { status });
        leg.signal = Signal::Gone;
        leg.ended_at.get_or_insert(now);
        if status != 0 {
            leg.status = status;
        }
        if let Some(dialog) = leg.dialog.take() {
            office.books.dialogs.remove(dialog.local_tag());
        }
        self.close_member(office, number);
        let party = self.leg(number).map(|leg| leg.party.clone()).unwrap_or_default();
        self.uncount(office, &party);
        if let Phase::Dialling { early: Some(first), told } = self.phase
            && first == number
        {
            self.phase = Phase::Dialling { early: None, told };
            self.update_hearing(office);
        }
        if !matches!(self.phase, Phase::Summoning | Phase::Dialling { .. }) {
            return;
        }
        if !given_up && self.fails_over(office, (number, status), rang) {
            return;
        }
        // RFC 3261 section 16.7 step 5: a 6xx speaks for all.
        let decisive = status >= 600 && !given_up;
        if decisive || !self.legs.iter().any(|leg| leg.is_hoped_for()) {
            let status =
                if decisive { status } else { self.refusal_of_trunks().unwrap_or_else(|| self.best_refusal()) };
            if let Some(obstacle) = obstacle(status)
                && self.divert_from_phones(office, obstacle)
            {
                return;
            }
            let cause = match status {
                503 if self.goes_outside() => HangupCause::Unreachable,
                503 => HangupCause::Exhausted,
                408 => HangupCause::NoAnswer,
                _ => HangupCause::Refused,
            };
            self.hopeless(office, End { cause, status: Some(status), by: None });
        }
    }

    /// Gives up a branch that has not answered.
    pub(super) fn give_up(&mut self, office: &mut Office<'_>, number: u16) {
        let id = self.id;
        let Some(leg) = self.leg_mut(number) else { return };
        if leg.is_hoped_for() {
            office.decided(id, Some(number), || Choice::GivenUp);
        }
        match leg.signal {
            Signal::Opening(_) => self.branch_gone(office, number),
            Signal::Inviting { client, .. } => {
                leg.signal = Signal::Cancelling { client };
                leg.ended_at.get_or_insert(office.now);
                office.stack.cancel(office.now, client, office.out);
                self.close_member(office, number);
            }
            Signal::Invited { .. } | Signal::Cancelling { .. } | Signal::Confirmed | Signal::Gone => {}
        }
    }

    fn branch_gone(&mut self, office: &mut Office<'_>, number: u16) {
        let now = office.now;
        if let Some(leg) = self.leg_mut(number) {
            leg.signal = Signal::Gone;
            leg.ended_at.get_or_insert(now);
        }
        self.close_member(office, number);
    }

    pub(super) fn close_member(&mut self, office: &mut Office<'_>, number: u16) {
        #[cfg(feature = "faults")]
        if office.books.has(super::Fault::PortNotReturned) {
            return;
        }
        self.session.close_member(&mut office.books.door, office.out, MemberId(number));
    }

    /// The callee's phones had their time.
    pub(super) fn nobody_answered(&mut self, office: &mut Office<'_>) {
        if self.divert_from_phones(office, Obstacle::NoAnswer) {
            return;
        }
        let rang = self.legs.iter().any(|leg| matches!(leg.signal, Signal::Inviting { rang: true, .. }));
        // Phones that rang are not there at the moment; of those that never said anything nothing is known.
        let status = if rang { 480 } else { 408 };
        self.hopeless(office, End { cause: HangupCause::NoAnswer, status: Some(status), by: None });
    }

    /// A 2xx to an INVITE that we gave up: its dialog exists, so it is ended properly (RFC 3261 section 9.1: CANCEL had no effect).
    fn answered_too_late(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) {
        #[cfg(feature = "faults")]
        if office.books.has(super::Fault::CancelRace) {
            return self.branch_over(office, number, 0);
        }
        let Some(leg) = self.leg_mut(number) else { return };
        leg.signal = Signal::Gone;
        let declined = if leg.talk.sent.is_none() { describe::declined(response.body()) } else { None };
        let Some(mut dialog) = leg.dialog.take() else { return };
        let cseq = response.cseq().map_or(dialog.local_cseq(), |cseq| cseq.number);
        let _ = dialog.answered(response);
        office.books.dialogs.remove(dialog.local_tag());
        office.acknowledge_and_end(dialog, cseq, declined.as_deref());
        self.branch_over(office, number, 0);
    }

    /// What the caller is told when all have refused: RFC 3261 section 16.7 step 6, with what only we can judge left out.
    fn best_refusal(&self) -> u16 {
        let refusals = self.legs.iter().filter(|leg| leg.number >= self.first_branch);
        refusals
            .filter(|leg| leg.is_gone())
            .map(|leg| presentable(leg.status))
            .min_by_key(|status| rank(*status))
            .unwrap_or(480)
    }

    /// Gives up every branch that has not answered.
    pub(super) fn give_up_all(&mut self, office: &mut Office<'_>) {
        office.disarm(&mut self.alarms, Alarm::Ring);
        office.disarm(&mut self.alarms, Alarm::Trunk);
        for number in 0..u16::try_from(self.legs.len()).unwrap_or(u16::MAX) {
            self.give_up(office, number);
        }
    }
}

/// What a refusal of all phones says of their owner.
const fn obstacle(status: u16) -> Option<Obstacle> {
    match status {
        486 | 600 | 603 => Some(Obstacle::Busy),
        408 | 480 => Some(Obstacle::Unreachable),
        _ => None,
    }
}

/// A phone's refusal as the caller may see it.
pub(super) const fn presentable(status: u16) -> u16 {
    match status {
        // Nobody but us could answer a challenge, and we followed what redirections there were.
        401 | 407 | 300..=399 => 480,
        // The branch was ended, not the call.
        487 => 480,
        // Deviates: RFC 3261 section 16.7 step 6 makes 500 of it. One phone's overload is not ours, and 480 says just that.
        503 => 480,
        // Nobody said anything: our own limit.
        0 => 503,
        400..=699 => status,
        _ => 480,
    }
}

/// Order of RFC 3261 section 16.7 step 6: 6xx, then the lowest class; within 4xx first what helps the caller to ask better, then what is known for
/// sure, last that nothing is known.
const fn rank(status: u16) -> u16 {
    match status {
        600.. => 0,
        415 | 420 | 484 | 488 => 1,
        486 => 2,
        480 => 4,
        408 => 5,
        400..=499 => 3,
        _ => 6,
    }
}

/// Whether a message's body is a session description. A body without a type is taken for one.
pub(super) fn is_sdp(message: &Message<'_>) -> bool {
    match message.content_type() {
        Ok(Some(kind)) => kind.main.eq_ignore_ascii_case(b"application") && kind.sub.eq_ignore_ascii_case(b"sdp"),
        Ok(None) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_refusals_the_best_is_told() {
        let best =
            |statuses: &[u16]| statuses.iter().map(|status| presentable(*status)).min_by_key(|status| rank(*status));
        for (statuses, told) in [
            (&[486, 480, 408][..], 486),
            (&[408, 480], 480),
            (&[500, 408], 408),
            (&[603, 486], 603),
            (&[401], 480),
            (&[302, 404], 404),
            (&[488, 486], 488),
            (&[503], 480),
            (&[0, 486], 486),
            (&[0], 503),
            (&[487], 480),
        ] {
            assert_eq!(best(statuses), Some(told), "{statuses:?}");
        }
    }
}
