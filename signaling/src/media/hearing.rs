//! The hearing table of a call, from the directions that its legs negotiated.

use contract::{BusSet, Gain, Hearing, HearingTable, MemberId};

/// What a leg may do after its last offer and answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ear {
    /// Whose.
    pub member: MemberId,
    /// The party sends audio: its description says so and ours to it lets it.
    pub speaks: bool,
    /// The party takes audio: its description says so and ours to it offers it.
    pub hears: bool,
}

/// All of these on one bus, each as far as its directions allow. A party that is deaf and dumb has no row.
#[must_use]
pub fn bridge(ears: impl IntoIterator<Item = Ear>) -> HearingTable {
    let set = |open: bool| if open { BusSet::bus(0) } else { BusSet::NONE };
    HearingTable::new(ears.into_iter().filter(|ear| ear.speaks || ear.hears).map(|ear| Hearing {
        member: ear.member,
        speaks: set(ear.speaks),
        hears: set(ear.hears),
        gain: Gain::UNITY,
    }))
}

/// A party and an echo: what the party says on bus 0 comes back on bus 1.
#[must_use]
pub fn echo(party: Ear, device: MemberId) -> HearingTable {
    let set = |open: bool, bus: u32| if open { BusSet::bus(bus) } else { BusSet::NONE };
    HearingTable::new([
        Hearing { member: party.member, speaks: set(party.speaks, 0), hears: set(party.hears, 1), gain: Gain::UNITY },
        Hearing { member: device, speaks: BusSet::bus(1), hears: BusSet::bus(0), gain: Gain::UNITY },
    ])
}

/// A party that is on hold and its music: it hears nothing else, and nobody hears it.
#[must_use]
pub fn hold(held: Ear, music: MemberId) -> HearingTable {
    let hears = if held.hears { BusSet::bus(1) } else { BusSet::NONE };
    HearingTable::new([
        Hearing { member: held.member, speaks: BusSet::NONE, hears, gain: Gain::UNITY },
        Hearing { member: music, speaks: BusSet::bus(1), hears: BusSet::NONE, gain: Gain::UNITY },
    ])
}

/// These on one bus, and each of those listening to a device of its own, whom nobody hears. Nobody is in both.
#[must_use]
pub fn scene(talkers: &[Ear], listeners: impl IntoIterator<Item = (Ear, MemberId)>) -> HearingTable {
    let together = bridge(talkers.iter().copied());
    let alone = (1..).zip(listeners).flat_map(|(bus, (ear, device)): (u32, _)| {
        let set = |open: bool| if open { BusSet::bus(bus) } else { BusSet::NONE };
        [
            Hearing { member: ear.member, speaks: BusSet::NONE, hears: set(ear.hears), gain: Gain::UNITY },
            Hearing { member: device, speaks: set(true), hears: BusSet::NONE, gain: Gain::UNITY },
        ]
    });
    HearingTable::new(together.rows().iter().copied().chain(alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberId = MemberId(0);
    const B: MemberId = MemberId(1);

    fn ear(member: MemberId, speaks: bool, hears: bool) -> Ear {
        Ear { member, speaks, hears }
    }

    #[test]
    fn directions_decide_who_hears_whom() {
        // (A speaks, A hears, B speaks, B hears) → (A hears B, B hears A)
        for (directions, heard) in [
            ((true, true, true, true), (true, true)),
            ((true, false, false, true), (false, true)),
            ((false, true, true, false), (true, false)),
            ((false, false, false, false), (false, false)),
            ((true, false, true, true), (false, true)),
        ] {
            let table = bridge([ear(A, directions.0, directions.1), ear(B, directions.2, directions.3)]);
            assert_eq!((table.hears(A, B), table.hears(B, A)), heard, "{directions:?}");
        }
    }

    #[test]
    fn a_held_party_hears_its_music_and_is_not_heard() {
        let table = hold(ear(A, true, true), B);
        assert!(table.hears(A, B) && !table.hears(B, A));
        assert!(!hold(ear(A, true, false), B).hears(A, B));
    }

    #[test]
    fn who_waits_hears_its_device_and_nobody_hears_who_waits() {
        let (c, music, tone) = (MemberId(2), MemberId(3), MemberId(4));
        let table = scene(&[ear(A, true, true), ear(B, true, true)], [(ear(c, true, true), music)]);
        assert!(table.hears(A, B) && table.hears(B, A) && table.hears(c, music));
        assert!(!table.hears(A, c) && !table.hears(c, A) && !table.hears(A, music));
        let table = scene(&[], [(ear(A, true, true), music), (ear(B, true, true), tone)]);
        assert!(table.hears(A, music) && table.hears(B, tone) && !table.hears(A, tone) && !table.hears(B, A));
    }

    #[test]
    fn an_echo_returns_what_the_party_says_to_the_party_only() {
        let table = echo(ear(A, true, true), B);
        assert!(table.hears(A, B) && table.hears(B, A));
        assert!(!echo(ear(A, false, true), B).hears(B, A));
        assert!(!echo(ear(A, true, false), B).hears(A, B));
    }
}
