//! From "who hears whom" to who relays to whom.
//!
//! A listener with one speaker is relayed to. An echo passes on its one speaker. Anything else needs mixing or copying, for which this
//! version has no path: such a listener hears silence, and is counted.

use super::{Kind, Session};
use contract::MemberId;

/// What a listener gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Feed {
    /// Nothing: it hears nobody.
    Silence,
    /// The stream of this leg.
    Leg(u32),
    /// It should hear something that there is no path for.
    Missing,
}

/// What the leg `listener` gets, before it is known whether its speaker already feeds another.
#[must_use]
pub fn feed(session: &Session, listener: MemberId) -> Feed {
    match one_speaker(session, listener) {
        Speakers::None => Feed::Silence,
        Speakers::One(_, Kind::Leg(index)) => Feed::Leg(index),
        Speakers::One(echo, Kind::Echo) => match one_speaker(session, echo) {
            Speakers::None => Feed::Silence,
            Speakers::One(_, Kind::Leg(index)) => Feed::Leg(index),
            Speakers::One(_, Kind::Echo) | Speakers::Several => Feed::Missing,
        },
        Speakers::Several => Feed::Missing,
    }
}

enum Speakers {
    None,
    One(MemberId, Kind),
    Several,
}

/// The members that are open and heard by `listener`.
fn one_speaker(session: &Session, listener: MemberId) -> Speakers {
    let mut speakers = session.table.speakers_to(listener).filter_map(|id| Some((id, session.kind(id)?)));
    match (speakers.next(), speakers.next()) {
        (None, _) => Speakers::None,
        (Some((id, kind)), None) => Speakers::One(id, kind),
        (Some(_), Some(_)) => Speakers::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Member;
    use contract::{BusSet, Hearing, HearingTable, NodeId, SessionId};

    fn session(kinds: &[Kind], rows: &[(u16, &[u32], &[u32])]) -> Session {
        let mut session = Session::new(SessionId::new(NodeId(0), 1));
        session.members =
            kinds.iter().enumerate().map(|(n, kind)| Member { id: MemberId(n as u16), kind: *kind }).collect();
        let set = |buses: &[u32]| buses.iter().fold(BusSet::NONE, |all, bus| all.with(BusSet::bus(*bus)));
        session.table = HearingTable::new(rows.iter().map(|(member, speaks, hears)| Hearing {
            member: MemberId(*member),
            speaks: set(speaks),
            hears: set(hears),
            gain: contract::Gain::UNITY,
        }));
        session
    }

    fn feeds(session: &Session) -> Vec<Feed> {
        session.legs().map(|(id, _)| feed(session, id)).collect()
    }

    #[test]
    fn two_legs_on_a_bus_feed_each_other() {
        let session = session(&[Kind::Leg(7), Kind::Leg(9)], &[(0, &[0], &[0]), (1, &[0], &[0])]);
        assert_eq!(feeds(&session), [Feed::Leg(9), Feed::Leg(7)]);
    }

    #[test]
    fn an_echo_feeds_its_speaker() {
        let session = session(&[Kind::Leg(7), Kind::Echo], &[(0, &[0], &[1]), (1, &[1], &[0])]);
        assert_eq!(feeds(&session), [Feed::Leg(7)]);
    }

    #[test]
    fn three_on_a_bus_have_no_path_and_members_not_open_do_not_count() {
        let rows: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[0], &[0])];
        let three = session(&[Kind::Leg(1), Kind::Leg(2), Kind::Leg(3)], rows);
        assert_eq!(feeds(&three), [Feed::Missing; 3]);
        let two = session(&[Kind::Leg(1), Kind::Leg(2)], rows);
        assert_eq!(feeds(&two), [Feed::Leg(2), Feed::Leg(1)]);
    }

    #[test]
    fn a_held_leg_hears_silence() {
        let session = session(&[Kind::Leg(1), Kind::Leg(2)], &[(0, &[0], &[]), (1, &[], &[0])]);
        assert_eq!(feeds(&session), [Feed::Silence, Feed::Leg(1)]);
    }
}
