//! Transfers: a party of an answered call is given to another one. Ordered by REFER (`refer`), by keys or by the API (`order`), or made of two calls
//! (`adopt`); the course is a table of its own (`machine`), carried out here by re-linking legs. Who hears what meanwhile is in `scene`.
//!
//! While the target rings the call is what it was before it was answered: it dials, and the one who waits for the target counts as its caller. Where a number leads
//! and what the transferor may is `routing`'s matter.

mod adopt;
mod machine;
mod order;
mod refer;
mod replace;
mod scene;

pub use machine::{Do as TransferDo, Input as TransferInput, State as TransferState, next as transfer_next};
pub use order::{Dialling, Order};
pub(crate) use refer::Referral;
pub(super) use replace::Replacement;
pub(super) use scene::Tone;

use super::{Call, End, Office, Partner, Phase, Signal, alarm::Alarm, fork::Branch};
use crate::{
    fact::{CallState, Choice, HangupCause, TransferOutcome, TransferRecord},
    limits::TRANSFERS_PER_CALL_MAX,
    routing::{self, Origin, Request, Target, TrunkPlan},
    settings::Extension,
};
use machine::{Do, Input, State};
use refer::Subscription;
use std::sync::Arc;

/// A transfer under way.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    state: State,
    /// The transferor's leg.
    by: u16,
    /// The transferee's.
    of: u16,
    /// The target's, once it has answered.
    target: Option<u16>,
    /// The target was asked for the transferor, or by another call: it knows nothing of the transferee yet.
    consulted: bool,
    /// The number that is rung.
    to: Box<str>,
    /// Who wants to know how it goes.
    subscription: Option<Subscription>,
    /// Referred-By of the INVITE to the target (RFC 3892).
    referred_by: Option<Box<str>>,
    /// Who was joined before.
    before: (u16, Partner),
    /// Why the target could not be had.
    status: u16,
    record: usize,
}

/// Where a number leads.
enum Goal<'s> {
    /// To the phones of an account.
    Account(&'s Extension),
    /// To trunks.
    Outside(TrunkPlan),
}

impl Call {
    /// Whether a transfer may begin that this leg orders; else the status that says why not.
    pub(crate) fn may_transfer(&self, by: u16) -> Result<u16, u16> {
        // Whoever calls by a trunk may bear the number of an account, and has none of its rights.
        let Some(leg) = self.leg(by).filter(|leg| leg.is_confirmed() && leg.trunk.is_none()) else { return Err(403) };
        if !self.account(&leg.party).is_some_and(|account| account.permissions.transfer) {
            return Err(403);
        }
        if self.phase != Phase::Connected || self.transfer.is_some() || self.replacement.is_some() || self.is_changing()
        {
            return Err(491);
        }
        self.other(by).ok_or(403)
    }

    /// Whether offer and answer are under way between the parties.
    pub(super) fn is_changing(&self) -> bool {
        matches!(&self.exchange, Some(super::Exchange { stage: super::Stage::Asked { .. }, .. }))
    }

    /// Where `to` leads for this requester, if it can be rung now; else the status that says why not.
    fn may_ring<'s>(
        &self,
        office: &Office<'_>,
        settings: &'s crate::settings::Settings,
        requester: &str,
        to: &str,
    ) -> Result<Goal<'s>, u16> {
        let request = Request { origin: Origin::Account(requester), dialled: to, at: office.wall };
        let target = routing::plan(settings, &request).target;
        if let Some((status, ..)) = target.refusal() {
            return Err(status);
        }
        let account = match target {
            Target::Extension(account) => account,
            Target::Trunks(plan) => return Ok(Goal::Outside(plan)),
            // A device is no party that could be talked with.
            Target::Echo | Target::NotBuilt(_) | Target::Nowhere | Target::Refused(_) => return Err(488),
        };
        if self.phones_of(office, account).is_empty() {
            return Err(480);
        }
        if office.books.calls_of(&account.number) >= account.call_limit {
            return Err(486);
        }
        Ok(Goal::Account(account))
    }

    /// Begins a transfer of the other party by the leg `by`. Who rings, and when, is said by [`Call::step`].
    fn begin_transfer(&mut self, office: &mut Office<'_>, (by, of): (u16, u16), state: State, blind: bool, to: &str) {
        let number = |leg: u16| self.leg(leg).map(|leg| (*leg.party).to_owned()).unwrap_or_default();
        let record = TransferRecord {
            by: number(by),
            of: number(of),
            to: to.to_owned(),
            blind,
            at: office.now,
            outcome: TransferOutcome::Ended,
        };
        let at = self.transfers.len();
        if at < TRANSFERS_PER_CALL_MAX {
            self.transfers.push(record);
        }
        self.transfer = Some(Box::new(Transfer {
            state,
            by,
            of,
            target: None,
            consulted: false,
            to: to.into(),
            subscription: None,
            referred_by: None,
            before: (self.caller, self.partner),
            status: 480,
            record: at,
        }));
        office.decided(self.id, Some(by), || Choice::Transfer {
            to: to.to_owned(),
            what: if blind { "the other party is handed over at once" } else { "the transferor asks first" },
        });
        self.tell_state(office, CallState::Transferring);
    }

    /// Something happened to the transfer.
    pub(super) fn step(&mut self, office: &mut Office<'_>, input: Input) {
        let Some(transfer) = &mut self.transfer else { return };
        let (state, what) = machine::next(transfer.state, input);
        transfer.state = state;
        if let Some(what) = what {
            let to = &transfer.to;
            let choice = || Choice::Transfer { to: (**to).to_owned(), what: what.words() };
            office.decided(self.id, Some(transfer.by), choice);
        }
        match what {
            None => {}
            Some(Do::Ring) => self.ring_target(office),
            Some(Do::LetGo) => self.let_transferor_go(office),
            Some(Do::Pass) => {
                if let Some(transfer) = &mut self.transfer {
                    transfer.consulted = true;
                    self.caller = transfer.of;
                }
                self.let_transferor_go(office);
            }
            Some(Do::Consult) => self.consult(office),
            Some(Do::Mix) => {}
            Some(Do::Connect) => self.connect_target(office),
            Some(Do::GiveBack) => self.give_back(office),
            Some(Do::Recall) => self.recall(office),
            Some(Do::Reconnect) => self.reconnect_transferor(office),
            Some(Do::GoOn) => self.go_on_as_two(office),
            Some(Do::End) => return self.end_transferred(office),
        }
        self.update_hearing(office);
        self.pay(office);
    }

    /// The target's phones ring.
    fn ring_target(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = &self.transfer else { return };
        let waits = if transfer.state == State::Calling { transfer.by } else { transfer.of };
        let (by, to) = (transfer.by, transfer.to.clone());
        let requester = self.leg(by).map(|leg| leg.party.clone()).unwrap_or_default();
        self.ring(office, waits, &requester, &to);
    }

    fn ring(&mut self, office: &mut Office<'_>, waits: u16, requester: &str, to: &str) {
        let settings = Arc::clone(&self.settings);
        self.phase = Phase::Dialling { early: None, told: None };
        self.caller = waits;
        self.partner = Partner::None;
        self.first_branch = u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        self.redirects = 0;
        // A target that is not reached returns the transferee; it is not led on.
        self.callee = None;
        let ring_max = settings.calls.ring_max;
        match self.may_ring(office, &settings, requester, to) {
            Ok(Goal::Outside(plan)) => {
                office.arm(self.id, &mut self.alarms, Alarm::Ring, ring_max);
                self.dial_out(office, &plan);
            }
            Ok(Goal::Account(account)) => {
                let ring_for = if account.no_answer_after.is_zero() { ring_max } else { account.no_answer_after };
                office.arm(self.id, &mut self.alarms, Alarm::Ring, ring_for);
                office.books.enter(&account.number);
                self.counted.push(account.number.as_str().into());
                for phone in self.phones_of(office, account) {
                    self.add_branch(office, Branch { party: &account.number, phone, trunk: None });
                }
                if !self.legs.iter().any(super::Leg::is_hoped_for) {
                    // The limit of legs.
                    self.hopeless(office, End { cause: HangupCause::Exhausted, status: Some(503), by: None });
                }
            }
            Err(status) => {
                office.arm(self.id, &mut self.alarms, Alarm::Ring, ring_max);
                self.hopeless(office, End { cause: HangupCause::Unreachable, status: Some(status), by: None });
            }
        }
        self.measure();
    }

    /// Whether a transfer by this leg is under way.
    pub(super) fn is_transferred_by(&self, by: u16) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.by == by && transfer.state.has_transferor())
    }

    /// Referred-By of an INVITE to the target (RFC 3892).
    pub(super) fn referred_by(&self) -> Option<Box<str>> {
        self.transfer.as_ref()?.referred_by.clone()
    }

    /// Nobody of those who ring will answer: without a transfer the call ends.
    pub(super) fn hopeless(&mut self, office: &mut Office<'_>, end: End) {
        match &mut self.transfer {
            Some(transfer) if transfer.state.rings() => {
                transfer.status = end.status.unwrap_or(480);
                self.step(office, Input::Failed);
            }
            Some(_) | None => self.end(office, end),
        }
    }

    /// Who was rung has answered and is joined with who waited.
    pub(super) fn target_answered(&mut self, office: &mut Office<'_>, number: u16) {
        self.phase = Phase::Connected;
        self.partner = Partner::Leg(number);
        if let Some(transfer) = &mut self.transfer {
            transfer.target = Some(number);
            return self.step(office, Input::Answered);
        }
        self.owe(self.caller, true);
        self.update_hearing(office);
        self.pay(office);
    }

    fn consult(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.consulted = true;
        let by = transfer.by;
        // The transferor's phone shows whom it talks with.
        self.owe(by, false);
        self.tell_state(office, CallState::Transferring);
    }

    /// The transferee gets the target.
    fn connect_target(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = self.transfer.take() else { return };
        let Some(target) = transfer.target else { return self.end(office, End::by_us(HangupCause::Fault)) };
        office.disarm(&mut self.alarms, Alarm::Ring);
        self.phase = Phase::Connected;
        self.caller = transfer.of;
        self.partner = Partner::Leg(target);
        self.describe_pair(office, transfer.of, target);
        self.owe(transfer.of, true);
        if transfer.consulted {
            self.owe(target, true);
        }
        self.finish_transfer(office, &transfer, 200, TransferOutcome::Completed);
        self.dismiss(office, &transfer);
    }

    /// The transferor gets the transferee back.
    fn give_back(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = self.transfer.take() else { return };
        office.disarm(&mut self.alarms, Alarm::Ring);
        if transfer.target.is_some() || matches!(self.phase, Phase::Dialling { .. }) {
            self.let_branches_go(office);
        }
        self.phase = Phase::Connected;
        (self.caller, self.partner) = transfer.before;
        self.describe_pair(office, transfer.by, transfer.of);
        if transfer.consulted {
            self.owe(transfer.by, false);
        }
        self.finish_transfer(office, &transfer, transfer.status, TransferOutcome::Returned);
    }

    /// The transferor's phones ring, because it has hung up and the target is not to be had.
    fn recall(&mut self, office: &mut Office<'_>) {
        self.let_branches_go(office);
        let Some(transfer) = &self.transfer else { return };
        let (of, party) = (transfer.of, self.leg(transfer.by).map(|leg| leg.party.clone()).unwrap_or_default());
        self.ring(office, of, &party, &party);
    }

    fn reconnect_transferor(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = self.transfer.take() else { return };
        let Some(target) = transfer.target else { return self.end(office, End::by_us(HangupCause::Fault)) };
        office.disarm(&mut self.alarms, Alarm::Ring);
        self.phase = Phase::Connected;
        self.caller = transfer.of;
        self.partner = Partner::Leg(target);
        self.owe(transfer.of, true);
        self.finish_transfer(office, &transfer, transfer.status, TransferOutcome::Returned);
    }

    /// The transferee has hung up: the transferor and the target are a call of two, or become one when the target answers.
    fn go_on_as_two(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = self.transfer.take() else { return };
        self.caller = transfer.by;
        if let Some(target) = transfer.target {
            self.phase = Phase::Connected;
            self.partner = Partner::Leg(target);
            self.describe_pair(office, transfer.by, target);
        }
        self.finish_transfer(office, &transfer, 487, TransferOutcome::Ended);
    }

    fn end_transferred(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = self.transfer.take() else { return };
        self.finish_transfer(office, &transfer, 487, TransferOutcome::Ended);
        let gone = |number: u16| self.leg(number).is_none_or(super::Leg::is_gone);
        let cause = match (gone(transfer.by), gone(transfer.of), transfer.state) {
            (true, false, State::Over) if transfer.status != 480 => HangupCause::Refused,
            (_, true, _) => self.cause_of(transfer.of),
            (true, ..) => self.cause_of(transfer.by),
            (false, false, _) => HangupCause::Refused,
        };
        self.end(office, End { cause, status: Some(transfer.status), by: None });
    }

    fn finish_transfer(&mut self, office: &mut Office<'_>, transfer: &Transfer, status: u16, outcome: TransferOutcome) {
        if let Some(record) = self.transfers.get_mut(transfer.record) {
            record.outcome = outcome;
            record.to = (*transfer.to).to_owned();
        }
        self.notify_last(office, transfer, status);
        self.happened_anyway(super::Happening::TransferOver);
    }

    /// The cause when this leg hangs up: the caller's side is whoever began the call.
    pub(super) fn cause_of(&self, number: u16) -> HangupCause {
        let began = match self.transfers.is_empty() {
            true => number == self.caller,
            false => number == self.origin || self.leg(number).is_some_and(|leg| leg.party == self.from),
        };
        if began { HangupCause::Caller } else { HangupCause::Callee }
    }

    /// A party that had answered has hung up. `false`: the call is of two, and over.
    pub(super) fn left(&mut self, office: &mut Office<'_>, number: u16) -> bool {
        let input = match &self.transfer {
            Some(transfer) if number == transfer.by && transfer.state.has_transferor() => Input::TransferorLeft,
            Some(transfer) if number == transfer.of => Input::TransfereeLeft,
            Some(transfer) if Some(number) == transfer.target => Input::TargetLeft,
            Some(_) | None => {
                if number == self.caller || self.partner == Partner::Leg(number) {
                    return false;
                }
                // Somebody who was let go and had not heard of it.
                self.depart(office, number);
                return true;
            }
        };
        self.depart(office, number);
        self.step(office, input);
        true
    }

    /// A party does not answer any more.
    pub(super) fn lost(&mut self, office: &mut Office<'_>, number: u16, end: End) {
        if self.is_over() {
            return;
        }
        let stays = self.transfer.is_none() && (number == self.caller || self.partner == Partner::Leg(number));
        if stays {
            return self.end(office, end);
        }
        // It may be there after all.
        if self.leg(number).is_some_and(super::Leg::is_confirmed) {
            self.drop_exchange(office, number);
            self.part_from(office, number);
        }
        self.left(office, number);
    }

    /// A party is gone: what it held is returned.
    pub(super) fn depart(&mut self, office: &mut Office<'_>, number: u16) {
        let now = office.now;
        let Some(leg) = self.leg_mut(number) else { return };
        leg.ended_at.get_or_insert(now);
        let party = leg.party.clone();
        self.drop_exchange(office, number);
        self.forget_leg(office, number);
        self.close_member(office, number);
        self.owed.retain(|owed| owed.leg != number);
        self.uncount(office, &party);
        self.watch_sessions(office);
    }

    /// Lets a party go that has answered.
    pub(super) fn let_go(&mut self, office: &mut Office<'_>, number: u16) {
        if self.leg(number).is_some_and(super::Leg::is_confirmed) {
            self.drop_exchange(office, number);
            self.part_from(office, number);
            self.depart(office, number);
        }
    }

    /// Lets the transferor go in the middle of a transfer.
    fn let_transferor_go(&mut self, office: &mut Office<'_>) {
        if let Some(by) = self.transfer.as_ref().map(|transfer| transfer.by) {
            self.let_go(office, by);
        }
    }

    /// Lets the transferor go after a transfer; one that is told how it went, after it has heard.
    fn dismiss(&mut self, office: &mut Office<'_>, transfer: &Transfer) {
        let hears_first = transfer.subscription.as_ref().is_some_and(|subscription| subscription.is_told);
        if !hears_first {
            return self.let_go(office, transfer.by);
        }
        // Its media ends now.
        self.close_member(office, transfer.by);
    }

    /// Gives up who rings, and lets go who was rung and has answered.
    fn let_branches_go(&mut self, office: &mut Office<'_>) {
        self.give_up_all(office);
        for number in self.first_branch..u16::try_from(self.legs.len()).unwrap_or(u16::MAX) {
            match self.leg(number).map(|leg| &leg.signal) {
                Some(Signal::Confirmed) => self.let_go(office, number),
                Some(Signal::Cancelling { .. }) => {
                    let party = self.leg(number).map(|leg| leg.party.clone()).unwrap_or_default();
                    self.uncount(office, &party);
                }
                Some(Signal::Invited { .. } | Signal::Opening(_) | Signal::Inviting { .. } | Signal::Gone) | None => {}
            }
        }
        let rung: Vec<Box<str>> = self
            .legs
            .iter()
            .filter(|leg| leg.number >= self.first_branch && leg.is_gone())
            .map(|leg| leg.party.clone())
            .collect();
        for party in rung {
            self.uncount(office, &party);
        }
    }

    /// A party's account is in one call less, unless another leg of it is still in this one.
    pub(super) fn uncount(&mut self, office: &mut Office<'_>, party: &str) {
        let own = |leg: &&super::Leg| leg.trunk.is_none() && !leg.is_gone() && *leg.party == *party;
        let live = self.legs.iter().filter(own).count();
        let counted = self.counted.iter().filter(|number| ***number == *party).count();
        if counted > live
            && let Some(at) = self.counted.iter().position(|number| **number == *party)
        {
            self.counted.remove(at);
            office.books.leave(party);
        }
    }
}
