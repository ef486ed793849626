//! What concerns two calls at once, or a party of one and a stranger to it: REFER (RFC 3515) with Replaces in its Refer-To, INVITE with Replaces (RFC 3891).

use super::switchboard::Switchboard;
use crate::{
    call::{Arrival, Office, Referral},
    id::LegId,
    message::{Message, Replaces},
    transaction::{ServerId, Turn},
};

impl Switchboard {
    /// A REFER within a leg's dialog.
    pub(super) fn on_refer(&mut self, turn: &mut Turn<'_>, leg: LegId, server: ServerId, request: &Message<'_>) {
        let referral = match Referral::read(&self.settings, request) {
            Ok(referral) => referral,
            Err(status) => return self.office(turn).refuse(server, status, None),
        };
        match request.refer_to().ok().and_then(|refer_to| refer_to.replaces) {
            None => self.tell(turn, leg.call, |call, office| call.on_refer(office, leg.number, server, &referral)),
            Some(replaces) => self.on_attended(turn, leg, server, &referral, &replaces),
        }
    }

    /// Two calls of one account become one.
    fn on_attended(
        &mut self,
        turn: &mut Turn<'_>,
        leg: LegId,
        server: ServerId,
        referral: &Referral,
        replaces: &Replaces,
    ) {
        if let Err(status) = self.may_join(leg, replaces) {
            return self.office(turn).refuse(server, status, None);
        }
        let there = self.books.dialogs.get(replaces.to_tag.as_str()).copied();
        let both = there.and_then(|there| Some((self.calls.remove(&leg.call)?, there)));
        let Some((mut one, there)) = both else { return };
        if let Some(mut two) = self.calls.remove(&there.call) {
            let mut office = Office {
                now: turn.now,
                wall: self.wall.shows(turn.now),
                stack: turn.stack,
                out: turn.out,
                books: &mut self.books,
                registrar: &self.registrar,
            };
            one.adopt(&mut office, (leg.number, server, referral), &mut two, there.number);
            self.calls.insert(there.call, two);
        }
        self.calls.insert(leg.call, one);
        for call in [leg.call, there.call] {
            self.tell(turn, call, |_, _| {});
        }
    }

    /// Whether the call of `leg` may take over the other party of the dialog that Replaces names; else the status that says why not.
    fn may_join(&self, leg: LegId, replaces: &Replaces) -> Result<(), u16> {
        // RFC 3891 section 3 says 481 to who wants to take a place; to the sender of a REFER that would mean that its own dialog is gone.
        let there = self.books.dialogs.get(replaces.to_tag.as_str()).ok_or(603_u16)?;
        let (one, two) = (self.calls.get(&leg.call).ok_or(603_u16)?, self.calls.get(&there.call).ok_or(603_u16)?);
        if there.call == leg.call || !two.leg_replaced(there.number, replaces) {
            return Err(603);
        }
        // Nobody gives away the parties of another's call.
        let account = one.party_of(leg.number);
        if account.is_none() || account != two.party_of(there.number) {
            return Err(403);
        }
        one.may_transfer(leg.number)?;
        let guests = two.guests_of(there.number).ok_or(491_u16)?;
        if guests.len() > one.room() || one.shard() != two.shard() {
            return Err(503);
        }
        if !one.suits_guests(leg.number, two, &guests) {
            return Err(488);
        }
        Ok(())
    }

    /// An account wants the place of a party of a call.
    pub(super) fn on_replaces(&mut self, turn: &mut Turn<'_>, arrival: &Arrival<'_>, replaces: &Replaces) {
        let found = self.books.dialogs.get(replaces.to_tag.as_str()).copied();
        let found = found.filter(|leg| {
            self.calls.get(&leg.call).is_some_and(|call| call.leg_replaced(leg.number, replaces) && !call.is_over())
        });
        let Some(leg) = found else {
            // RFC 3891 section 3: 603 for a dialog that is over, 481 for one that is not known.
            let over = self.books.mortal_with(&replaces.to_tag).is_some();
            return self.office(turn).refuse(arrival.server, if over { 603 } else { 481 }, None);
        };
        // RFC 3891 section 4: only who may be that party. One account's phones are one party.
        let own = arrival.trunk.is_none()
            && self.calls.get(&leg.call).and_then(|call| call.party_of(leg.number)) == Some(arrival.from);
        if !own {
            return self.office(turn).refuse(arrival.server, 403, None);
        }
        self.tell(turn, leg.call, |call, office| call.replace(office, arrival, leg.number, replaces));
    }
}
