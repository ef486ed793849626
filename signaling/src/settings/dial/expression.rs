//! Regular expressions over dialled numbers, with what replaces the part they match.
//!
//! They run in time linear in the number, and their compiled size is bounded, so neither a file nor a caller can make one costly.

use crate::limits::EXPRESSION_BYTES_MAX;
use core::fmt;
use regex_lite::{Regex, RegexBuilder};

/// A regular expression. It may match anywhere in the number unless it says `^` and `$`.
#[derive(Clone, Debug)]
pub struct Expression {
    regex: Regex,
    replace: Option<Box<str>>,
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.regex.as_str())
    }
}

impl Expression {
    /// Reads an expression and its replacement, in which `$1` is the first group.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(regex: &str, replace: Option<&str>) -> Result<Self, String> {
        let built = RegexBuilder::new(regex).size_limit(EXPRESSION_BYTES_MAX).nest_limit(20).build();
        let regex = built.map_err(|fault| fault.to_string())?;
        Ok(Self { regex, replace: replace.map(Into::into) })
    }

    /// Whether it matches.
    #[must_use]
    pub fn takes(&self, number: &str) -> bool {
        self.regex.is_match(number)
    }

    /// The number with the matched part replaced; itself without a replacement.
    #[must_use]
    pub fn replaced(&self, number: &str) -> String {
        match &self.replace {
            Some(replace) => self.regex.replace(number, &**replace).into_owned(),
            None => number.to_owned(),
        }
    }

    /// Whether it can only match from the first character on.
    #[must_use]
    pub fn is_anchored(&self) -> bool {
        self.regex.as_str().starts_with('^')
    }

    /// Whether both are written alike.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matched_part_is_replaced() {
        for (regex, replace, number, becomes) in [
            (r"^\+1(\d{10})$", Some("+1$1"), "+12025550101", Some("+12025550101")),
            (r"^\+1(\d{10})$", Some("+1$1"), "+1202555010", None),
            ("^00", Some("+"), "0044207", Some("+44207")),
            ("^8([0-9]+)", Some("+7${1}"), "84951234567", Some("+74951234567")),
            ("^9", None, "911", Some("911")),
            ("55", Some(""), "12557", Some("127")),
        ] {
            let expression = Expression::new(regex, replace).expect("an expression");
            let told = expression.takes(number).then(|| expression.replaced(number));
            assert_eq!(told.as_deref(), becomes, "{regex} {number}");
        }
    }

    #[test]
    fn what_would_be_large_or_is_wrong_is_refused() {
        for regex in ["(", "[9-1]", r"(?:[0-9]{1000}){1000}", &"(".repeat(100)] {
            assert!(Expression::new(regex, None).is_err(), "{regex}");
        }
    }
}
