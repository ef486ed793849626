//! How numbers are dialled where the exchange stands, and what they are in the world: E.164 with a leading `+`.

/// Digits of the shortest number that a national prefix may stand before; shorter ones are our own.
const NATIONAL_DIGITS_MIN: usize = 7;

/// The numbering of a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Numbering {
    /// Country code, as `7` or `44`.
    pub country: String,
    /// Dialled before a country code, as `00` or `011`.
    pub international: String,
    /// Dialled before a number of the country, as `0` or `8`; may be empty.
    pub national: String,
}

impl Numbering {
    /// The number as the world knows it; `None`: it is none of the world, or cannot be told.
    #[must_use]
    pub fn e164(&self, number: &str) -> Option<String> {
        if number.starts_with('+') {
            return Some(number.to_owned());
        }
        if !self.international.is_empty()
            && let Some(rest) = number.strip_prefix(&*self.international).filter(|rest| !rest.is_empty())
        {
            return Some(format!("+{rest}"));
        }
        let rest = number.strip_prefix(&*self.national).filter(|_| !self.national.is_empty())?;
        let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
        (digits && number.len() >= NATIONAL_DIGITS_MIN).then(|| format!("+{}{rest}", self.country))
    }

    /// Whether the number is one of another country.
    #[must_use]
    pub fn is_abroad(&self, number: &str) -> bool {
        let e164 = self.e164(number);
        e164.is_some_and(|e164| e164.strip_prefix('+').is_some_and(|digits| !digits.starts_with(&*self.country)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(country: &str, international: &str, national: &str) -> Numbering {
        Numbering { country: country.into(), international: international.into(), national: national.into() }
    }

    #[test]
    fn numbers_become_those_of_the_world() {
        let (russia, germany, america) = (of("7", "810", "8"), of("49", "00", "0"), of("1", "011", "1"));
        for (place, number, e164, abroad) in [
            (&russia, "84951234567", Some("+74951234567"), false),
            (&russia, "810442071234567", Some("+442071234567"), true),
            (&russia, "+74951234567", Some("+74951234567"), false),
            (&russia, "1001", None, false),
            (&germany, "03012345", Some("+493012345"), false),
            (&germany, "00442071234567", Some("+442071234567"), true),
            (&germany, "0", None, false),
            (&germany, "00", None, false),
            (&america, "12025550101", Some("+12025550101"), false),
            (&america, "01144207", Some("+44207"), true),
            (&america, "911", None, false),
            (&america, "*43", None, false),
        ] {
            assert_eq!(place.e164(number).as_deref(), e164, "{number}");
            assert_eq!(place.is_abroad(number), abroad, "{number}");
        }
    }
}
