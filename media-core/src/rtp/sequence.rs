//! Sequence number arithmetic and validity, RFC 3550 appendix A.1.
//!
//! Deliberately without probation (`MIN_SEQUENTIAL`): a leg's source is checked by address before it comes here, and a relay that
//! held back the first packets would clip the first word.

/// A forward gap from which a jump is taken for a restart, RFC 3550 appendix A.1: about a minute of 20 ms packets.
pub const DROPOUT_MAX: u16 = 3_000;

/// How far back a late packet may lie, RFC 3550 appendix A.1: about two seconds of 20 ms packets.
pub const MISORDER_MAX: u16 = 100;

/// What a sequence number means after those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// In order, or after a gap that is not a restart.
    Forward(u16),
    /// Late or a duplicate.
    Late,
    /// Far from everything: the source restarted, or this packet is stray. Not to be used; the next one tells.
    Jump,
    /// The second packet after a jump continues it: the source restarted.
    Restart,
}

/// The sequence numbers of one source, extended by cycles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sequence {
    highest: u32,
    base: u32,
    /// The number that would confirm a jump; above 65535: none is expected.
    bad: u32,
}

impl Sequence {
    const NO_JUMP: u32 = u32::MAX;

    /// Begins with the first number seen.
    #[must_use]
    pub const fn starting(sequence: u16) -> Self {
        Self { highest: sequence as u32, base: sequence as u32, bad: Self::NO_JUMP }
    }

    /// Takes the next number. At [`Step::Restart`] this one ends as it was; the caller begins another.
    #[inline]
    pub fn take(&mut self, sequence: u16) -> Step {
        let delta = sequence.wrapping_sub(self.highest as u16);
        if delta == 0 {
            Step::Late
        } else if delta < DROPOUT_MAX {
            self.highest = self.highest.wrapping_add(u32::from(delta));
            self.bad = Self::NO_JUMP;
            Step::Forward(delta)
        } else if delta <= u16::MAX - MISORDER_MAX {
            if u32::from(sequence) == self.bad {
                return Step::Restart;
            }
            self.bad = u32::from(sequence.wrapping_add(1));
            Step::Jump
        } else {
            Step::Late
        }
    }

    /// The highest number seen, with the count of cycles in the upper half.
    #[must_use]
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    /// How many packets should have come, RFC 3550 appendix A.3.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.highest.wrapping_sub(self.base) as u64 + 1
    }

    /// How far a number lies before the highest one; 0 when it is that, or after it.
    #[must_use]
    pub const fn behind(&self, sequence: u16) -> u32 {
        let distance = (self.highest as u16).wrapping_sub(sequence) as i16;
        if distance > 0 { distance as u32 } else { 0 }
    }

    /// Extends a number near the highest one by its cycles.
    #[must_use]
    pub const fn extend(&self, sequence: u16) -> u32 {
        let distance = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest.wrapping_add(distance as i32 as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_appendix_a_1() {
        for (before, next, step) in [
            (10, 11, Step::Forward(1)),
            (10, 10, Step::Late),
            (10, 9, Step::Late),
            (10, 65_500, Step::Late),
            (65_535, 0, Step::Forward(1)),
            (10, 3_009, Step::Forward(2_999)),
            (10, 3_010, Step::Jump),
            (200, 99, Step::Jump),
            (200, 101, Step::Late),
        ] {
            assert_eq!(Sequence::starting(before).take(next), step, "{before} then {next}");
        }
    }

    #[test]
    fn one_stray_packet_is_no_restart_two_in_order_are() {
        let mut sequence = Sequence::starting(100);
        assert_eq!(sequence.take(40_000), Step::Jump);
        assert_eq!(sequence.take(101), Step::Forward(1));
        assert_eq!(sequence.take(40_001), Step::Jump, "the good packet in between forgot the jump");
        assert_eq!(sequence.take(40_002), Step::Restart);
        assert_eq!((sequence.highest(), sequence.expected()), (101, 2), "the ended stream keeps its figures");
    }

    #[test]
    fn cycles_are_counted_and_extended() {
        let mut sequence = Sequence::starting(65_530);
        for next in (65_531..=65_535).chain(0..5) {
            assert_eq!(sequence.take(next), Step::Forward(1));
        }
        assert_eq!(sequence.highest(), 65_536 + 4);
        assert_eq!(sequence.expected(), 11);
        assert_eq!(sequence.extend(65_535), 65_535);
        assert_eq!(sequence.extend(6), 65_542);
    }
}
