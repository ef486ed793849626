//! What others may see of a call: its dialogs as those who watch an account's phones are told (RFC 4235).

use super::{Call, Leg, Partner, Phase, Signal};
use crate::event::dialog::{ObservedDialog, Party, Progress, WireName};

impl Call {
    /// The numbers whose phones are in the call.
    pub(crate) fn parties(&self) -> impl Iterator<Item = &str> {
        self.legs().iter().map(|leg| &*leg.party)
    }

    /// The dialogs of an account in this call: at most one as the caller and one as the called party. A call that is over has none.
    pub(crate) fn observed(&self, number: &str) -> impl Iterator<Item = ObservedDialog> {
        let sides = if self.is_over() { &[][..] } else { &[true, false][..] };
        sides.iter().filter_map(move |initiator| self.observed_as(number, *initiator))
    }

    fn observed_as(&self, number: &str, initiator: bool) -> Option<ObservedDialog> {
        let mine = |leg: &&Leg| *leg.party == *number && self.is_callers(leg) == initiator;
        let progress = |leg: &Leg| progress(leg, self.rings_for(leg));
        let legs = self.legs().iter().filter(mine).filter_map(|leg| Some((progress(leg)?, leg)));
        let furthest = legs.clone().map(|(progress, _)| progress).max()?;
        let mut furthest_legs = legs.filter(|(progress, _)| *progress == furthest).map(|(_, leg)| leg);
        let first = furthest_legs.next()?;
        // Of several phones that ring none is meant more than the others.
        let name = if furthest_legs.next().is_none() { name(first) } else { None };
        let side = if initiator { 'i' } else { 'r' };
        let other = self.opposite(first, initiator);
        Some(ObservedDialog {
            id: format!("{}-{side}", self.id()).into(),
            initiator,
            progress: furthest,
            local: self.seen_as(number),
            remote: self.seen_as(other),
            name,
        })
    }

    /// Whether the leg counts as one of the caller's.
    fn is_callers(&self, leg: &Leg) -> bool {
        matches!(self.phase, Phase::Summoning) || leg.number < self.first_branch || leg.number == self.caller
    }

    /// Whether the phone at the other end rings as far as this caller's leg was told.
    fn rings_for(&self, leg: &Leg) -> bool {
        self.is_callers(leg)
            && match self.phase {
                Phase::Dialling { early, told } => early.is_some() || told.is_some(),
                Phase::Summoning | Phase::Connected | Phase::Over { .. } => false,
            }
    }

    /// The number at the other end.
    fn opposite(&self, leg: &Leg, initiator: bool) -> &str {
        match self.partner {
            Partner::Leg(_) => {
                let other = self.other(leg.number).and_then(|other| self.legs().get(usize::from(other)));
                other.map_or(if initiator { self.to() } else { self.from() }, |other| &*other.party)
            }
            Partner::None | Partner::Device(_) if initiator => self.to(),
            Partner::None | Partner::Device(_) => self.from(),
        }
    }

    /// A number as it is shown: an account under the name and number it wants shown.
    fn seen_as(&self, number: &str) -> Party {
        // Who wants to be hidden from the phone that rings is hidden from those who watch it (RFC 3325 section 9.3).
        if let Some(visitor) = self.visitor().filter(|_| *number == *self.from()) {
            let (number, name) =
                if visitor.hidden { ("anonymous", "Anonymous") } else { (&*visitor.number, &*visitor.name) };
            return Party { number: number.into(), name: name.into() };
        }
        let Some(account) = self.account(number) else { return Party { number: number.into(), name: Box::default() } };
        let shown = &account.caller_id;
        let name = if shown.name.is_empty() { &account.name } else { &shown.name };
        let number = if shown.number.is_empty() { &account.number } else { &shown.number };
        Party { number: number.as_str().into(), name: name.as_str().into() }
    }
}

/// How far a leg is for who watches it, RFC 4235 section 3.7.1; `None`: there is nothing to see of it yet, or any more.
const fn progress(leg: &Leg, rings: bool) -> Option<Progress> {
    match leg.signal {
        Signal::Invited { .. } if rings => Some(Progress::Early),
        Signal::Invited { .. } | Signal::Inviting { rang: false, .. } => Some(Progress::Trying),
        Signal::Inviting { rang: true, .. } => Some(Progress::Early),
        Signal::Confirmed => Some(Progress::Confirmed),
        Signal::Opening(_) | Signal::Cancelling { .. } | Signal::Gone => None,
    }
}

fn name(leg: &Leg) -> Option<WireName> {
    let dialog = leg.dialog.as_ref()?;
    // From the phone's side its own tag is the local one.
    Some(WireName {
        call_id: dialog.call_id().into(),
        local_tag: dialog.remote_tag()?.into(),
        remote_tag: dialog.local_tag().into(),
    })
}
