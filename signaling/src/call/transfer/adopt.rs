//! A transfer made of two calls of one account: it talks with the transferee in one, with the target in the other, and says by REFER with Replaces (RFC 3891,
//! RFC 5589 section 7) that the two shall talk. The target's legs, or its phones that still ring, are taken over from the other call with their dialogs and their
//! media; nothing of that is seen on the wire.

use super::{
    Call, End, Office, Partner, Phase, Referral, Signal,
    machine::{Input, State},
};
use crate::{
    call::{Alarm, Leg, exchange::Asker},
    effect::Effects,
    fact::HangupCause,
    id::LegId,
    limits::LEGS_PER_CALL_MAX,
    media::{Door, Session},
    message::Replaces,
    settings::Trunk,
    transaction::ServerId,
};
use contract::{MemberId, ShardId};
use std::sync::Arc;

/// What a call gives to another one.
#[derive(Debug)]
struct Guest {
    leg: Leg,
    from: LegId,
    /// The trunk of which it holds a channel.
    channel: Option<Arc<Trunk>>,
}

impl Call {
    /// The leg that Replaces means (RFC 3891 section 3): Call-ID, the receiver's tag, and his peer's.
    pub(crate) fn leg_replaced(&self, number: u16, replaces: &Replaces) -> bool {
        let dialog = self.leg(number).and_then(|leg| leg.dialog.as_ref());
        dialog.is_some_and(|dialog| dialog.is_named(&replaces.call_id, &replaces.to_tag, &replaces.from_tag))
    }

    /// The legs that another call may take over when the party `by`, one of this call's, leaves it: the other party's, or those of its phones that ring. `None`:
    /// not now.
    pub(crate) fn guests_of(&self, by: u16) -> Option<Vec<u16>> {
        if self.transfer.is_some() || self.replacement.is_some() || self.exchange_concerns_others(by) {
            return None;
        }
        match (self.phase, self.partner) {
            (Phase::Connected, Partner::Leg(_)) => {
                let other = self.other(by)?;
                self.leg(other).filter(|leg| leg.is_confirmed()).map(|leg| vec![leg.number])
            }
            (Phase::Dialling { .. }, Partner::None) if by == self.caller => {
                let rings = self.legs.iter().filter(|leg| leg.is_hoped_for());
                let numbers: Vec<u16> = rings.clone().map(|leg| leg.number).collect();
                // One whose ports are not open yet would be lost on its way.
                let ready = rings.clone().all(|leg| matches!(leg.signal, Signal::Inviting { .. }));
                (ready && !numbers.is_empty()).then_some(numbers)
            }
            _ => None,
        }
    }

    /// The shard that carries the call's media.
    pub(crate) fn shard(&self) -> Option<ShardId> {
        self.session.shard()
    }

    /// How many legs could still join.
    pub(crate) fn room(&self) -> usize {
        LEGS_PER_CALL_MAX.saturating_sub(self.legs.len())
    }

    /// The account of a leg.
    pub(crate) fn party_of(&self, number: u16) -> Option<&str> {
        self.leg(number).filter(|leg| leg.trunk.is_none()).map(|leg| &*leg.party)
    }

    /// Whether the other party of `by` can be joined with those legs of the other call, as far as that can be told before they answer.
    pub(crate) fn suits_guests(&self, by: u16, there: &Self, guests: &[u16]) -> bool {
        if self.settings.media.transcode {
            return true;
        }
        let view = |call: &Self, number: u16| call.leg(number).and_then(|leg| leg.talk.remote.clone());
        let Some(ours) = self.other(by).and_then(|other| view(self, other)) else { return false };
        guests
            .iter()
            .filter_map(|number| view(there, *number))
            .all(|theirs| theirs.speech().any(|format| ours.speech().any(|other| other.same_coding(format))))
    }

    /// Gives a leg away. What remains of it here is its line in the record.
    fn give_away(&mut self, office: &mut Office<'_>, number: u16, to: crate::id::CallId) -> Option<Guest> {
        let from = self.leg_id(number);
        let now = office.now;
        let channel = self.hand_channel(number);
        let leg = self.leg_mut(number)?;
        let mut remains = Leg::new(number, &leg.party, Signal::Gone, leg.started_at, office.talk());
        remains.contact = leg.contact.clone();
        remains.user_agent = leg.user_agent.clone();
        remains.answered_at = leg.answered_at;
        remains.status = leg.status;
        remains.ended_at = Some(now);
        remains.went_to = Some(to);
        let guest = core::mem::replace(leg, remains);
        let party = guest.party.clone();
        self.uncount(office, &party);
        Some(Guest { leg: guest, from, channel })
    }

    /// Takes a leg in; its new number.
    fn take_in(&mut self, office: &mut Office<'_>, guest: Guest, host: &mut Session) -> u16 {
        let number = u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        let Guest { mut leg, from, channel } = guest;
        leg.number = number;
        leg.came_from = Some(from.call);
        let id = self.leg_id(number);
        if let Some(dialog) = &leg.dialog {
            office.books.dialogs.insert(dialog.local_tag().into(), id);
        }
        office.books.rename(from, id);
        let own = leg.trunk.is_none();
        if own && !self.counted.iter().any(|counted| **counted == *leg.party) {
            office.books.enter(&leg.party);
            self.counted.push(leg.party.clone());
        }
        self.legs.push(leg);
        self.tell_beginning(office, number);
        if let Some(trunk) = channel {
            self.keep_channel(&mut office.books.trunks, trunk, from, number);
        }
        move_media(
            host,
            MemberId(from.number),
            &mut self.session,
            MemberId(number),
            &mut office.books.door,
            office.out,
        );
        number
    }

    /// The other party went on in another call.
    fn end_empty(&mut self, office: &mut Office<'_>, went_to: crate::id::CallId) {
        self.part_of = Some(went_to);
        self.end(office, End { cause: HangupCause::Transferred, status: Some(487), by: None });
    }

    /// Whether offer and answer are under way that concern anybody but `by`.
    fn exchange_concerns_others(&self, by: u16) -> bool {
        let Some(exchange) = &self.exchange else { return false };
        exchange.asker != Asker::Leg(by) || exchange.asked.is_some() && self.is_changing()
    }

    /// The transferor's REFER makes one call of two: `target` is the other one, in which the transferor's leg is `there`. Both were found fit by
    /// [`Call::may_transfer`] and [`Call::guests_of`].
    pub(crate) fn adopt(
        &mut self,
        office: &mut Office<'_>,
        (by, server, referral): (u16, ServerId, &Referral),
        target: &mut Self,
        there: u16,
    ) {
        let (Ok(of), Some(numbers)) = (self.may_transfer(by), target.guests_of(there)) else {
            return office.refuse(server, 491, None);
        };
        let answered = target.phase == Phase::Connected;
        let (early, told) = match target.phase {
            Phase::Dialling { early, told } => (early, told),
            Phase::Summoning | Phase::Connected | Phase::Over { .. } => (None, None),
        };
        self.begin_transfer(office, (by, of), State::Ringing, false, &target.to);
        self.accept_refer(office, by, server, referral);
        if let Some(transfer) = &mut self.transfer {
            transfer.consulted = true;
        }
        self.first_branch = u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        self.caller = of;
        self.partner = Partner::None;
        self.callee = None;
        self.phase = Phase::Dialling { early: None, told: None };
        let ring_max = self.settings.calls.ring_max;
        office.arm(self.id, &mut self.alarms, Alarm::Ring, ring_max);
        let mut taken = None;
        for number in numbers {
            let Some(guest) = target.give_away(office, number, self.id) else { continue };
            let now = self.take_in(office, guest, &mut target.session);
            taken.get_or_insert(now);
            if early == Some(number) {
                self.phase = Phase::Dialling { early: Some(now), told: told.map(|(status, _)| (status, now)) };
            }
        }
        target.end_empty(office, self.id);
        match (answered, taken) {
            (true, Some(number)) => {
                office.disarm(&mut self.alarms, Alarm::Ring);
                self.phase = Phase::Connected;
                if let Some(transfer) = &mut self.transfer {
                    transfer.target = Some(number);
                }
                self.step(office, Input::Answered);
            }
            (false, Some(_)) => {
                self.notify(office, 180);
                self.update_hearing(office);
            }
            (_, None) => self.step(office, Input::Failed),
        }
    }
}

/// Moves a leg's media, and what is known of it, to another session of the same shard.
fn move_media(
    from: &mut Session,
    member: MemberId,
    to: &mut Session,
    name: MemberId,
    door: &mut Door,
    out: &mut Effects,
) {
    from.move_leg(member, to, name, door, out);
}
