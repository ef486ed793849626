//! Names of recordings by template: `{year}/{month}/{day}/{date}-{caller}-{callee}`.
//!
//! What callers dial and are called is not trusted: only harmless signs of it reach the file system, and no name leads out of the folder of
//! recordings.

use jiff::Zoned;
use std::{fmt::Write as _, path::PathBuf};

/// Octets of what a party contributes to a name.
const PARTY_MAX: usize = 64;

/// Octets of a template.
const TEMPLATE_MAX: usize = 200;

/// What a template may hold in braces.
pub const VARIABLES: [&str; 11] =
    ["date", "year", "month", "day", "hour", "minute", "second", "caller", "callee", "call", "id"];

/// A checked template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Variable(&'static str),
}

/// What a name is made of.
#[derive(Clone, Debug)]
pub(super) struct Values<'v> {
    pub(super) at: &'v Zoned,
    pub(super) caller: &'v str,
    pub(super) callee: &'v str,
    pub(super) call: &'v str,
    pub(super) id: &'v str,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > TEMPLATE_MAX {
            return Err(format!("a template has 1 to {TEMPLATE_MAX} octets"));
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(open);
            let Some((name, after)) = from.strip_prefix('{').and_then(|from| from.split_once('}')) else {
                return Err("a brace is not closed, or not opened".to_owned());
            };
            let Some(variable) = VARIABLES.iter().find(|variable| **variable == name) else {
                return Err(format!("there is no {{{name}}}; there is {{{}}}", VARIABLES.join("}, {")));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(variable));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if text.starts_with('/') || text.ends_with('/') || text.split('/').any(|step| matches!(step, "" | "." | "..")) {
            return Err("a name is relative and leads nowhere else: no `.`, `..` or empty step".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("a name has no control signs".to_owned());
        }
        Ok(Self(parts))
    }

    /// The path it gives, without ending.
    pub(super) fn path(&self, values: &Values<'_>) -> PathBuf {
        let mut path = String::new();
        for part in &self.0 {
            let at = values.at;
            // Writing to a string does not fail.
            let _ = match part {
                Part::Text(text) => write!(path, "{text}"),
                Part::Variable("date") => write!(path, "{}", at.strftime("%Y%m%d%H%M")),
                Part::Variable("year") => write!(path, "{}", at.strftime("%Y")),
                Part::Variable("month") => write!(path, "{}", at.strftime("%m")),
                Part::Variable("day") => write!(path, "{}", at.strftime("%d")),
                Part::Variable("hour") => write!(path, "{}", at.strftime("%H")),
                Part::Variable("minute") => write!(path, "{}", at.strftime("%M")),
                Part::Variable("second") => write!(path, "{}", at.strftime("%S")),
                Part::Variable("caller") => write!(path, "{}", harmless(values.caller)),
                Part::Variable("callee") => write!(path, "{}", harmless(values.callee)),
                Part::Variable("call") => write!(path, "{}", harmless(values.call)),
                Part::Variable(_) => write!(path, "{}", harmless(values.id)),
            };
        }
        PathBuf::from(path)
    }
}

/// Letters and digits of ASCII, `+`, `*`, `#`, `_`, and dots and hyphens within; anything else becomes `_`.
fn harmless(text: &str) -> String {
    let letter = |(at, letter): (usize, char)| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '+' | '*' | '#' | '_' => letter,
        '-' | '.' if at > 0 => letter,
        _ => '_',
    };
    let text: String = text.chars().take(PARTY_MAX).enumerate().map(letter).collect();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn path(template: &str, caller: &str, callee: &str) -> String {
        let at = date(2026, 11, 21).at(8, 5, 9, 0).in_tz("UTC").unwrap();
        let values = Values { at: &at, caller, callee, call: "0100000000000007", id: "a-1" };
        Template::parse(template).unwrap().path(&values).display().to_string()
    }

    #[test]
    fn templates_express_what_operators_ask_for() {
        for (template, expected) in [
            // The form of REC-05: YYYYMMDDHHMM-caller-dialled.
            ("{date}-{caller}-{callee}", "202611210805-1001-8001"),
            ("{year}/{month}/{day}/{hour}{minute}{second}-{caller}", "2026/11/21/080509-1001"),
            ("{callee}/{id}", "8001/a-1"),
            ("calls/{call}", "calls/0100000000000007"),
            ("everything", "everything"),
        ] {
            assert_eq!(path(template, "1001", "8001"), expected, "{template}");
        }
    }

    #[test]
    fn what_parties_are_called_never_leads_elsewhere() {
        for (caller, becomes) in [
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "_."),
            ("", "unknown"),
            ("+1 (202) 555-0101", "+1__202__555-0101"),
            ("Иван\0\n", "______"),
            (".hidden", "_hidden"),
            ("-rf", "_rf"),
        ] {
            let path = path("{caller}", caller, "1");
            assert!(!path.contains('/') && !path.starts_with('.'), "{path}");
            assert_eq!(path, becomes);
        }
        assert!(path("{caller}", &"9".repeat(500), "1").len() <= PARTY_MAX);
    }

    #[test]
    fn a_template_that_cannot_be_meant_is_told() {
        for (template, why) in [
            ("", "octets"),
            ("{caller", "brace"),
            ("caller}", "brace"),
            ("{dialled}", "no {dialled}"),
            ("../{caller}", "leads nowhere else"),
            ("a/../b", "leads nowhere else"),
            ("/abs", "relative"),
            ("a//b", "empty step"),
            ("a\nb", "control"),
        ] {
            let fault = Template::parse(template).unwrap_err();
            assert!(fault.contains(why), "{template:?}: {fault}");
        }
    }
}
