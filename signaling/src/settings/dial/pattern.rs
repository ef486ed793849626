//! Patterns of dialled numbers in the form of Asterisk: `_` before `X` (0-9), `Z` (1-9), `N` (2-9), sets in brackets, and at the end `.` (one character or
//! more) or `!` (any number of them, also none); without `_` a pattern is the one number it spells.
//!
//! Patterns have an order, the most specific first. It follows inclusion: whoever takes a part of another's numbers stands before it.

use crate::limits::PATTERN_PLACES_MAX;
use core::{cmp::Ordering, fmt};

/// What phones can dial, in the order of the bits of a [`Set`].
const DIALLED: [u8; 13] = *b"0123456789*#+";

/// The place of a character in [`DIALLED`].
fn bit(character: u8) -> Option<u16> {
    DIALLED.iter().position(|known| *known == character).map(|at| 1 << at)
}

/// Whether a character can be dialled: a digit, `*`, `#` or `+`.
#[must_use]
pub fn is_dialled(character: u8) -> bool {
    DIALLED.contains(&character)
}

/// Characters that a place takes, one bit each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Set(u16);

impl Set {
    const X: Self = Self(0b11_1111_1111);
    const Z: Self = Self(0b11_1111_1110);
    const N: Self = Self(0b11_1111_1100);

    const fn size(self) -> u32 {
        self.0.count_ones()
    }

    const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The first character that both take.
    fn common(self, other: Self) -> Option<char> {
        let shared = self.0 & other.0;
        DIALLED.get(usize::try_from(shared.trailing_zeros()).ok()?).map(|character| char::from(*character))
    }
}

/// What follows the places.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Tail {
    /// Nothing.
    End,
    /// One character or more.
    Some,
    /// Any number of characters.
    Any,
}

/// A pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    text: Box<str>,
    places: Box<[Set]>,
    tail: Tail,
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    /// Reads a pattern; `None`: it is none, or has more than [`PATTERN_PLACES_MAX`] places.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (places, tail) = match text.strip_prefix('_') {
            Some(pattern) => wild(pattern)?,
            None => (text.bytes().map(|byte| bit(byte).map(Set)).collect::<Option<Vec<_>>>()?, Tail::End),
        };
        if (places.is_empty() && tail == Tail::End) || places.len() > PATTERN_PLACES_MAX {
            return None;
        }
        Some(Self { text: text.into(), places: places.into(), tail })
    }

    /// Whether it takes `number`. What cannot be dialled is taken by none.
    #[must_use]
    pub fn takes(&self, number: &str) -> bool {
        let bytes = number.as_bytes();
        let Some((head, rest)) = bytes.split_at_checked(self.places.len()) else { return false };
        let tail = match self.tail {
            Tail::End => rest.is_empty(),
            Tail::Some => !rest.is_empty(),
            Tail::Any => true,
        };
        tail && head.iter().zip(&self.places).all(|(byte, set)| bit(*byte).is_some_and(|bit| set.0 & bit != 0))
            && rest.iter().copied().all(is_dialled)
    }

    /// The number, if it takes one alone.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        (!self.text.starts_with('_')).then_some(&*self.text)
    }

    /// Whether it takes numbers of one length only.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tail == Tail::End
    }

    /// All its numbers when there are at most `max`; none when it is open.
    #[must_use]
    pub fn numbers(&self, max: usize) -> Option<Vec<String>> {
        let count = self.places.iter().try_fold(1_usize, |count, set| {
            count.checked_mul(usize::try_from(set.size()).ok()?).filter(|count| *count <= max)
        });
        if !self.is_closed() || count.is_none() {
            return None;
        }
        let mut numbers = vec![String::new()];
        for set in &self.places {
            let characters = DIALLED.iter().filter(|character| bit(**character).is_some_and(|bit| set.0 & bit != 0));
            let characters: Vec<char> = characters.map(|character| char::from(*character)).collect();
            numbers = numbers
                .iter()
                .flat_map(|begun| characters.iter().map(move |character| format!("{begun}{character}")))
                .collect();
        }
        Some(numbers)
    }

    /// The more specific pattern is less. At the first place that differs the fewer characters win; an end wins over `.`, and `.` over `!`.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        self.measure().cmp(other.measure())
    }

    fn measure(&self) -> impl Iterator<Item = u32> {
        let tail = match self.tail {
            Tail::End => 0,
            Tail::Some => Set(u16::MAX).size(),
            Tail::Any => Set(u16::MAX).size() + 1,
        };
        self.places.iter().map(|set| set.size()).chain(core::iter::once(tail))
    }

    /// Whether both take the same numbers.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.places == other.places && self.tail == other.tail
    }

    /// Whether it takes every number that `other` takes.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.places.len(), other.places.len());
        let tail = match self.tail {
            Tail::End => theirs == ours && other.tail == Tail::End,
            Tail::Some => theirs > ours || other.tail == Tail::Some,
            Tail::Any => true,
        };
        theirs >= ours && tail && other.places.iter().zip(&self.places).all(|(theirs, ours)| theirs.within(*ours))
    }

    /// A number that both take, if there is one.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<String> {
        let (short, long) = if self.places.len() <= other.places.len() { (self, other) } else { (other, self) };
        let more = long.places.len() - short.places.len();
        if short.tail == Tail::End && more > 0 {
            return None;
        }
        let mut number = String::new();
        for (at, set) in long.places.iter().enumerate() {
            number.push(set.common(short.places.get(at).copied().unwrap_or(Set(u16::MAX)))?);
        }
        // What is left to satisfy is a `.` that has no character yet.
        let wants = |pattern: &Self, more: usize| pattern.tail == Tail::Some && more == 0;
        if wants(short, more) || wants(long, 0) {
            if long.tail == Tail::End || short.tail == Tail::End {
                return None;
            }
            number.push('0');
        }
        Some(number)
    }
}

/// What stands behind `_`.
fn wild(pattern: &str) -> Option<(Vec<Set>, Tail)> {
    let mut places = Vec::new();
    let mut rest = pattern.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        places.push(match byte {
            b'X' | b'x' => Set::X,
            b'Z' | b'z' => Set::Z,
            b'N' | b'n' => Set::N,
            b'.' | b'!' => {
                let tail = if *byte == b'.' { Tail::Some } else { Tail::Any };
                return rest.is_empty().then_some((places, tail));
            }
            b'[' => {
                let end = rest.iter().position(|byte| *byte == b']')?;
                let set = bracket(rest.get(..end)?)?;
                rest = rest.get(end + 1..)?;
                set
            }
            byte => Set(bit(*byte)?),
        });
    }
    Some((places, Tail::End))
}

/// `1-5`, `24-6`, `*#`: the characters between brackets.
fn bracket(set: &[u8]) -> Option<Set> {
    let mut bits = 0;
    let mut at = 0;
    while let Some(&first) = set.get(at) {
        if set.get(at + 1) == Some(&b'-') {
            let last = *set.get(at + 2)?;
            if !first.is_ascii_digit() || !last.is_ascii_digit() || first > last {
                return None;
            }
            for digit in first..=last {
                bits |= bit(digit)?;
            }
            at += 3;
        } else {
            bits |= bit(first)?;
            at += 1;
        }
    }
    (bits != 0).then_some(Set(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|| panic!("{text} is a pattern"))
    }

    #[test]
    fn patterns_take_what_they_say() {
        for (text, number, takes) in [
            ("112", "112", true),
            ("112", "1123", false),
            ("_9NXXXXXX", "92345678", true),
            ("_9NXXXXXX", "91345678", false),
            ("_9NXXXXXX", "9234567", false),
            ("_00.", "0044", true),
            ("_00.", "00", false),
            ("_00!", "00", true),
            ("_[2-46]X", "65", true),
            ("_[2-46]X", "55", false),
            ("_Z", "0", false),
            ("_*8X", "*81", true),
            ("_+1XXXXXXXXXX", "+12025550101", true),
            ("_X.", "12;phone-context=x", false),
            ("_.", "alice", false),
            ("_!", "", true),
            ("_X!", "ж", false),
        ] {
            assert_eq!(pattern(text).takes(number), takes, "{text} {number}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "_", "_X.1", "_[", "_[]", "_[5-1]", "_[1-", "_[1-]", "abc", "_Q", "9X", "_[", "_]"] {
            assert!(Pattern::parse(text).is_none(), "{text}");
        }
        assert!(Pattern::parse(&format!("_{}", "X".repeat(PATTERN_PLACES_MAX))).is_some());
        assert!(Pattern::parse(&format!("_{}", "X".repeat(PATTERN_PLACES_MAX + 1))).is_none());
    }

    #[test]
    fn the_more_specific_comes_first() {
        let sorted = [
            "112", "_11[0-4]", "_11X", "_11!", "_1[1-3]2", "_1N.", "_1X2", "_NXX", "_ZXX", "_XX[0-9]", "_X.", "_X!",
            "_.", "_!",
        ];
        for (at, first) in sorted.iter().enumerate() {
            for second in &sorted[at + 1..] {
                assert_eq!(pattern(first).order(&pattern(second)), Ordering::Less, "{first} {second}");
                assert_eq!(pattern(second).order(&pattern(first)), Ordering::Greater, "{second} {first}");
            }
        }
        assert_eq!(pattern("_[0-9]").order(&pattern("_X")), Ordering::Equal);
    }

    /// All patterns of up to two places over a few sets, against all numbers of up to four characters.
    #[test]
    fn order_inclusion_and_overlap_agree_with_the_numbers_taken() {
        let sets = ["1", "[1-2]", "X", "*"];
        let mut texts: Vec<String> = vec!["_.".into(), "_!".into()];
        for first in sets {
            for tail in ["", ".", "!"] {
                texts.push(format!("_{first}{tail}"));
                texts.extend(sets.map(|second| format!("_{first}{second}{tail}")));
            }
        }
        let mut numbers = vec![String::new()];
        let mut last = numbers.clone();
        for _ in 0..4 {
            last = last.iter().flat_map(|begun| ["0", "1", "2", "*"].map(|next| format!("{begun}{next}"))).collect();
            numbers.extend(last.iter().cloned());
        }
        for a in texts.iter().map(|text| pattern(text)) {
            for b in texts.iter().map(|text| pattern(text)) {
                let (of_a, of_b): (Vec<bool>, Vec<bool>) = numbers.iter().map(|n| (a.takes(n), b.takes(n))).unzip();
                let within = of_a.iter().zip(&of_b).all(|(a, b)| *b || !*a);
                assert_eq!(b.holds(&a), within, "{b} holds {a}");
                assert_eq!(a.same(&b), of_a == of_b, "{a} same {b}");
                if within && of_a != of_b {
                    assert_eq!(a.order(&b), Ordering::Less, "{a} is part of {b}");
                }
                match a.common(&b) {
                    Some(number) => assert!(a.takes(&number) && b.takes(&number), "{a} {b}: {number}"),
                    None => assert!(!of_a.iter().zip(&of_b).any(|(a, b)| *a && *b), "{a} {b}"),
                }
            }
        }
    }

    #[test]
    fn a_small_pattern_lists_its_numbers() {
        assert_eq!(pattern("_1[02]").numbers(9), Some(vec!["10".into(), "12".into()]));
        assert_eq!(pattern("112").numbers(1), Some(vec!["112".into()]));
        assert_eq!(pattern("_XXXX").numbers(9_999), None);
        assert_eq!(pattern("_1.").numbers(9), None);
    }
}
