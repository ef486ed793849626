//! Who hears whom, as a complete statement.
//!
//! Each member of a session *speaks to* a set of buses and *hears* a set of buses; it never hears itself. Two parties: one bus,
//! both speak and hear. A held leg hears nothing. An echo: the leg speaks to bus 0 which the echo hears, the echo speaks to bus 1
//! which the leg hears. The table is complete and idempotent: a member it does not name speaks to none and hears none.

/// How many buses one session may have.
pub const BUSES_MAX: u32 = 32;

/// How many members one session may have; a table with more is refused.
pub const MEMBERS_MAX: usize = 1_024;

use crate::MemberId;

/// A set of buses of one session, one bit each.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BusSet(u32);

impl BusSet {
    /// No bus.
    pub const NONE: Self = Self(0);

    /// The one bus `number`; wraps at [`BUSES_MAX`].
    #[must_use]
    pub const fn bus(number: u32) -> Self {
        Self(1 << (number % BUSES_MAX))
    }

    /// The buses in either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets share a bus.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as bits, bus 0 lowest.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// A change of level in tenths of a decibel; 0 leaves the sound as it is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Gain(i16);

impl Gain {
    /// As it is.
    pub const UNITY: Self = Self(0);

    /// So many tenths of a decibel, held within ±30 dB.
    #[must_use]
    pub const fn from_tenths_db(tenths: i16) -> Self {
        Self(if tenths > 300 {
            300
        } else if tenths < -300 {
            -300
        } else {
            tenths
        })
    }

    /// In tenths of a decibel.
    #[must_use]
    pub const fn tenths_db(self) -> i16 {
        self.0
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hearing {
    /// Whose row this is.
    pub member: MemberId,
    /// The buses its sound goes to.
    pub speaks: BusSet,
    /// The buses it listens to, minus itself.
    pub hears: BusSet,
    /// How loud it speaks. Anything but [`Gain::UNITY`] makes its listeners' paths DSP.
    pub gain: Gain,
}

/// Who hears whom in one session; at most [`MEMBERS_MAX`] rows, one a member.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct HearingTable {
    rows: Vec<Hearing>,
}

impl HearingTable {
    /// The table of these rows, sorted by member. A later row of the same member replaces the earlier one.
    /// Rows past [`MEMBERS_MAX`] are left out.
    pub fn new(rows: impl IntoIterator<Item = Hearing>) -> Self {
        let mut table = Self::default();
        for row in rows {
            match table.rows.binary_search_by_key(&row.member, |r| r.member) {
                Ok(at) => table.rows[at] = row,
                Err(at) if table.rows.len() < MEMBERS_MAX => table.rows.insert(at, row),
                Err(_) => {}
            }
        }
        table
    }

    /// The rows in the order of their members.
    #[must_use]
    pub fn rows(&self) -> &[Hearing] {
        &self.rows
    }

    /// The row of `member`; silence both ways when the table does not name it.
    #[must_use]
    pub fn row(&self, member: MemberId) -> Hearing {
        match self.rows.binary_search_by_key(&member, |r| r.member) {
            Ok(at) => self.rows[at],
            Err(_) => Hearing { member, speaks: BusSet::NONE, hears: BusSet::NONE, gain: Gain::UNITY },
        }
    }

    /// Whether `listener` hears `speaker`.
    #[must_use]
    pub fn hears(&self, listener: MemberId, speaker: MemberId) -> bool {
        listener != speaker && self.row(listener).hears.meets(self.row(speaker).speaks)
    }

    /// The members that `listener` hears, in order.
    pub fn speakers_to(&self, listener: MemberId) -> impl Iterator<Item = MemberId> + '_ {
        let hears = self.row(listener).hears;
        self.rows.iter().filter(move |r| r.member != listener && r.speaks.meets(hears)).map(|r| r.member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(member: u16, speaks: &[u32], hears: &[u32]) -> Hearing {
        let set = |buses: &[u32]| buses.iter().fold(BusSet::NONE, |all, b| all.with(BusSet::bus(*b)));
        Hearing { member: MemberId(member), speaks: set(speaks), hears: set(hears), gain: Gain::UNITY }
    }

    #[test]
    fn two_on_a_bus_hear_each_other_and_not_themselves() {
        let table = HearingTable::new([row(2, &[0], &[0]), row(1, &[0], &[0])]);
        assert!(table.hears(MemberId(1), MemberId(2)));
        assert!(table.hears(MemberId(2), MemberId(1)));
        assert!(!table.hears(MemberId(1), MemberId(1)));
        assert_eq!(table.speakers_to(MemberId(1)).collect::<Vec<_>>(), [MemberId(2)]);
    }

    #[test]
    fn an_echo_is_a_device_between_two_buses() {
        let table = HearingTable::new([row(0, &[0], &[1]), row(1, &[1], &[0])]);
        assert!(table.hears(MemberId(1), MemberId(0)));
        assert!(table.hears(MemberId(0), MemberId(1)));
    }

    #[test]
    fn a_member_without_a_row_is_deaf_and_dumb() {
        let table = HearingTable::new([row(0, &[0], &[0])]);
        assert!(!table.hears(MemberId(0), MemberId(9)));
        assert!(!table.hears(MemberId(9), MemberId(0)));
    }

    #[test]
    fn a_later_row_replaces_an_earlier_one() {
        let table = HearingTable::new([row(0, &[0], &[0]), row(0, &[], &[])]);
        assert_eq!(table.rows(), [row(0, &[], &[])]);
    }

    #[test]
    fn rows_past_the_limit_are_left_out() {
        let table = HearingTable::new((0..2_000).map(|m| row(m, &[0], &[0])));
        assert_eq!(table.rows().len(), MEMBERS_MAX);
    }
}
