//! From "who hears whom" to who relays to whom, and who is summed for whom.
//!
//! A listener with one speaker is relayed to when the packets can pass as they are; an echo passes on its one speaker. Everybody else hears a
//! sum. Members that listen to the same buses share the sums of these buses: a *group*.

use super::{Kind, Session};
use contract::{BusSet, Gain, HearingTable, MemberId};

/// What a member hears.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Feed {
    /// Nobody.
    Silence,
    /// The packets of this leg.
    Relay(u32),
    /// The group of this number, less itself.
    Mix(u16),
}

/// An open member with its row of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seat {
    /// Its name.
    pub id: MemberId,
    /// What it is.
    pub kind: Kind,
    /// The buses its sound goes to.
    pub speaks: BusSet,
    /// The buses it listens to.
    pub hears: BusSet,
    /// How loud it speaks.
    pub gain: Gain,
    /// What it hears.
    pub feed: Feed,
    /// Its samples are needed: somebody hears it in a sum.
    pub tapped: bool,
}

/// Members that listen to the same buses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// These buses.
    pub hears: BusSet,
    /// Who speaks to them, as places among the seats.
    pub speakers: Vec<u16>,
    /// Somebody hears the sum, and not only packets.
    pub summed: bool,
}

/// A session's table, worked out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Every open member, in the order of the session's members.
    pub seats: Vec<Seat>,
    /// Every set of buses that is listened to, and more than silence.
    pub groups: Vec<Group>,
}

impl Plan {
    /// Works out a session. `passes(speaker, listener)`: packets of the one leg are good for the other as they are. It is asked only for a
    /// speaker whose packets go to nobody yet.
    #[must_use]
    pub fn new(session: &Session, passes: impl Fn(u32, u32) -> bool) -> Self {
        let mut plan = Self::default();
        let mut rows = session.table.rows().iter().peekable();
        for member in session.members() {
            // Both are sorted by name.
            while rows.next_if(|row| row.member < member.id).is_some() {}
            let row = rows.next_if(|row| row.member == member.id);
            let row = row.copied().unwrap_or_else(|| HearingTable::default().row(member.id));
            plan.seats.push(Seat {
                id: member.id,
                kind: member.kind,
                speaks: row.speaks,
                hears: row.hears,
                gain: row.gain,
                feed: Feed::Silence,
                tapped: false,
            });
        }
        for at in 0..plan.seats.len() {
            let hears = plan.seats[at].hears;
            if !hears.is_empty() && !plan.groups.iter().any(|group| group.hears == hears) {
                let speaks = |seat: &Seat| seat.speaks.meets(hears) && seat.kind != Kind::Recorder;
                let speakers = (0_u16..).zip(&plan.seats).filter(|(_, seat)| speaks(seat)).map(|(at, _)| at).collect();
                plan.groups.push(Group { hears, speakers, summed: false });
            }
        }
        let mut relayed = Vec::new();
        for at in 0..plan.seats.len() {
            let feed = plan.feed(at, &mut relayed, &passes);
            plan.seats[at].feed = feed;
            if let Feed::Mix(group) = feed {
                plan.groups[usize::from(group)].summed = true;
            }
        }
        for group in plan.groups.iter().filter(|group| group.summed) {
            for speaker in &group.speakers {
                plan.seats[usize::from(*speaker)].tapped = true;
            }
        }
        plan
    }

    /// The members that hear the one at `speaker`.
    pub fn listeners_to(&self, speaker: usize) -> impl Iterator<Item = &Seat> {
        let speaks = self.seats[speaker].speaks;
        let seats = self.seats.iter().enumerate();
        seats.filter(move |(at, seat)| *at != speaker && speaks.meets(seat.hears)).map(|(_, seat)| seat)
    }

    /// The group of a member that hears something.
    fn group(&self, at: usize) -> Option<(u16, &Group)> {
        let hears = self.seats[at].hears;
        (0..).zip(&self.groups).find(|(_, group)| group.hears == hears)
    }

    /// Whom a member hears, if it is one alone.
    fn one_speaker(&self, at: usize) -> Option<usize> {
        let (_, group) = self.group(at)?;
        let mut others = group.speakers.iter().map(|other| usize::from(*other)).filter(|other| *other != at);
        let one = others.next()?;
        others.next().is_none().then_some(one)
    }

    fn feed(&self, at: usize, relayed: &mut Vec<u32>, passes: &impl Fn(u32, u32) -> bool) -> Feed {
        let Some((number, group)) = self.group(at) else { return Feed::Silence };
        if group.speakers.iter().all(|other| usize::from(*other) == at) {
            return Feed::Silence;
        }
        let mix = Feed::Mix(number);
        let Kind::Leg(listener) = self.seats[at].kind else { return mix };
        let Some(one) = self.one_speaker(at) else { return mix };
        let speaker = match self.seats[one].kind {
            Kind::Echo => self.one_speaker(one).filter(|_| self.seats[one].gain == Gain::UNITY),
            Kind::Leg(_) | Kind::Player | Kind::Recorder => Some(one),
        };
        let Some(speaker) = speaker.map(|speaker| self.seats[speaker]) else { return mix };
        match speaker.kind {
            Kind::Leg(leg) if speaker.gain == Gain::UNITY && !relayed.contains(&leg) && passes(leg, listener) => {
                relayed.push(leg);
                Feed::Relay(leg)
            }
            Kind::Leg(_) | Kind::Echo | Kind::Player | Kind::Recorder => mix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Member;
    use contract::{Hearing, NodeId, SessionId};

    fn session(kinds: &[Kind], rows: &[(u16, &[u32], &[u32])]) -> Session {
        let mut session = Session::new(SessionId::new(NodeId(0), 1));
        for (n, kind) in kinds.iter().enumerate() {
            session.join(Member { id: MemberId(n as u16), kind: *kind });
        }
        let set = |buses: &[u32]| buses.iter().fold(BusSet::NONE, |all, bus| all.with(BusSet::bus(*bus)));
        session.table = HearingTable::new(rows.iter().map(|(member, speaks, hears)| Hearing {
            member: MemberId(*member),
            speaks: set(speaks),
            hears: set(hears),
            gain: Gain::UNITY,
        }));
        session
    }

    fn feeds(session: &Session) -> Vec<Feed> {
        Plan::new(session, |_, _| true).seats.iter().map(|seat| seat.feed).collect()
    }

    #[test]
    fn two_legs_on_a_bus_relay_to_each_other() {
        let session = session(&[Kind::Leg(7), Kind::Leg(9)], &[(0, &[0], &[0]), (1, &[0], &[0])]);
        assert_eq!(feeds(&session), [Feed::Relay(9), Feed::Relay(7)]);
        let plan = Plan::new(&session, |_, _| false);
        assert_eq!(
            plan.seats.iter().map(|seat| (seat.feed, seat.tapped)).collect::<Vec<_>>(),
            [(Feed::Mix(0), true); 2]
        );
    }

    #[test]
    fn an_echo_relays_its_one_speaker() {
        let session = session(&[Kind::Leg(7), Kind::Echo], &[(0, &[0], &[1]), (1, &[1], &[0])]);
        assert_eq!(feeds(&session)[0], Feed::Relay(7));
    }

    #[test]
    fn three_on_a_bus_share_one_sum_and_members_not_open_do_not_count() {
        let rows: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[0], &[0])];
        let three = session(&[Kind::Leg(1), Kind::Leg(2), Kind::Leg(3)], rows);
        assert_eq!(feeds(&three), [Feed::Mix(0); 3]);
        let two = session(&[Kind::Leg(1), Kind::Leg(2)], rows);
        assert_eq!(feeds(&two), [Feed::Relay(2), Feed::Relay(1)]);
    }

    #[test]
    fn a_held_leg_hears_silence() {
        let session = session(&[Kind::Leg(1), Kind::Leg(2)], &[(0, &[0], &[]), (1, &[], &[0])]);
        assert_eq!(feeds(&session), [Feed::Silence, Feed::Relay(1)]);
    }

    #[test]
    fn a_monitor_leaves_the_relay_of_those_it_hears() {
        let rows: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[], &[0])];
        let session = session(&[Kind::Leg(1), Kind::Leg(2), Kind::Leg(3)], rows);
        assert_eq!(feeds(&session), [Feed::Relay(2), Feed::Relay(1), Feed::Mix(0)]);
    }

    #[test]
    fn one_speaker_is_relayed_to_one_listener_and_summed_for_the_others() {
        let rows: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[]), (1, &[], &[0]), (2, &[], &[0])];
        let session = session(&[Kind::Leg(1), Kind::Leg(2), Kind::Leg(3)], rows);
        assert_eq!(feeds(&session), [Feed::Silence, Feed::Relay(1), Feed::Mix(0)]);
    }

    #[test]
    fn music_is_a_sum_of_one() {
        let session = session(&[Kind::Leg(1), Kind::Player], &[(0, &[], &[1]), (1, &[1], &[])]);
        assert_eq!(feeds(&session), [Feed::Mix(0), Feed::Silence]);
    }
}
