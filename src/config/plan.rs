//! Sections `dids`, `routes`: the way to and from the world, and the patterns of dialled numbers.

use super::{
    fault::Position,
    reader::{Reader, Reference, Section, boolean, integer, list, name, nearest, printable, scalar, sections, text},
    trunk::Trunk,
    value::{destination, dialled},
    yaml::Node,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Routes in one file.
const PLAN_MAX: usize = 10_000;

/// Direct numbers in one file.
const DIDS_MAX: usize = 100_000;

/// One direct number.
#[derive(Clone, Debug, Serialize)]
pub struct Did {
    /// As the provider dials it.
    pub number: String,
    /// Where it leads.
    pub to: String,
}

/// One outbound rule.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Which numbers.
    #[serde(flatten)]
    pub which: Which,
    /// Digits taken from the front.
    pub strip: u32,
    /// Digits put in front.
    pub prepend: String,
    /// Tried in this order.
    pub trunks: Vec<String>,
    /// The right the caller needs.
    pub permission: Option<Right>,
    /// Needs no right, and is never limited.
    pub emergency: bool,
    /// Decides between equally specific patterns; lower first.
    pub priority: u32,
}

/// Which numbers a route takes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// A pattern: `_` before X, Z, N, sets in brackets, `.`, `!`; or a number.
    Pattern(String),
    /// A regular expression and its replacement.
    #[serde(untagged)]
    Regex {
        /// The expression.
        regex: String,
        /// The replacement.
        replace: Option<String>,
    },
}

/// A right that calls may need.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Calls through trunks.
    External,
    /// International calls.
    International,
}

/// Tells a second use of a name.
pub(super) fn unique(r: &mut Reader<'_>, seen: &mut BTreeMap<String, Position>, at: Position, name: &str, of: &str) {
    if let Some(first) = seen.get(name) {
        r.fault(at, format!("the {of} `{}` is already there in line {}", printable(name), first.line), "each once");
    } else {
        seen.insert(name.to_owned(), at);
    }
}

pub(super) fn dids(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Did>> {
    let mut seen = BTreeMap::new();
    sections(DIDS_MAX, |r, s| {
        let at = s.at;
        let number = s.required(r, "number", "a number such as \"+12025550101\"", dialled);
        let to = s.required(r, "to", "where its calls lead, such as \"1001\"", destination);
        let did = Did { number: number?, to: to? };
        unique(r, &mut seen, at, &did.number, "number");
        Some(did)
    })(r, node)
}

pub(super) fn routes(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Route>> {
    let mut seen = BTreeMap::new();
    sections(PLAN_MAX, |r, s| {
        let at = s.at;
        let route_name = s.required(r, "name", "a name such as `local`", name);
        let which = which(r, s);
        let route = Route {
            strip: s.get(r, "strip", 0, integer(0, 32)),
            prepend: s.get(r, "prepend", String::new(), prefix),
            trunks: s
                .required(r, "trunks", "the trunks to try, such as [carrier-a]", list(64, trunk))
                .unwrap_or_default(),
            permission: s.optional(r, "permission", one_right),
            emergency: s.get(r, "emergency", false, boolean),
            priority: s.get(r, "priority", 100, integer(0, 10_000)),
            name: route_name?,
            which: which?,
        };
        unique(r, &mut seen, at, &route.name, "route");
        Some(route)
    })(r, node)
}

/// What is put in front of a number; a lone `+` makes it E.164.
fn prefix(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let prefix = scalar(r, node, "digits, perhaps with a leading +")?;
    if matches!(prefix, "" | "+") { Some(prefix.to_owned()) } else { dialled(r, node) }
}

fn one_right(r: &mut Reader<'_>, node: &Node) -> Option<Right> {
    super::reader::one_of(&[("external", Right::External), ("international", Right::International)])(r, node)
}

fn trunk(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let trunk = scalar(r, node, "a trunk's name")?;
    r.refer(node.at, Reference::Trunk(trunk.to_owned()));
    Some(trunk.to_owned())
}

fn which(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<Which> {
    let both = s.node("pattern").is_some() && s.node("regex").is_some();
    let neither = s.node("pattern").is_none() && s.node("regex").is_none();
    let pattern = s.optional(r, "pattern", pattern);
    let regex = s.optional(r, "regex", text);
    let replace = s.optional(r, "replace", text);
    if both {
        r.fault(s.at, "a route has a pattern or a regex, not both", "one of them");
    }
    if neither {
        r.fault(s.at, "the route takes no numbers", "`pattern` or `regex`");
    }
    pattern.map(Which::Pattern).or_else(|| regex.map(|regex| Which::Regex { regex, replace }))
}

fn pattern(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "a number, or _ and X, Z, N, [1-5], . or ! at the end";
    let text = scalar(r, node, expected)?;
    if Pattern::parse(text).is_none() {
        r.fault(node.at, format!("`{}` is not a pattern", printable(text)), expected);
        return None;
    }
    Some(text.to_owned())
}

/// A pattern of dialled numbers: each place a set of digits, then perhaps anything.
struct Pattern {
    places: Vec<String>,
    /// The fewest further characters; none: there are no further ones.
    open: Option<usize>,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let Some(pattern) = text.strip_prefix('_') else {
            let places = text.chars().map(String::from).collect();
            return text
                .bytes()
                .all(is_dial_byte)
                .then_some(Self { places, open: None })
                .filter(|p| !p.places.is_empty());
        };
        let mut places = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            places.push(match c {
                'X' | 'x' => "0123456789".to_owned(),
                'Z' | 'z' => "123456789".to_owned(),
                'N' | 'n' => "23456789".to_owned(),
                '.' | '!' => {
                    let open = Some(usize::from(c == '.'));
                    return rest.next().is_none().then_some(Self { places, open });
                }
                '[' => {
                    let set: String = rest.by_ref().take_while(|c| *c != ']').collect();
                    expand(&set)?
                }
                c => u8::try_from(c).ok().filter(|byte| is_dial_byte(*byte)).map(|_| c.to_string())?,
            });
        }
        (!places.is_empty()).then_some(Self { places, open: None })
    }

    fn takes(&self, number: &str) -> bool {
        let length = number.chars().count();
        let fits = number.chars().zip(&self.places).all(|(c, place)| place.contains(c));
        fits && match self.open {
            None => length == self.places.len(),
            Some(least) => length >= self.places.len() + least,
        }
    }
}

fn is_dial_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'*' | b'#' | b'+')
}

/// `1-5`, `24-6` to the digits they name.
fn expand(set: &str) -> Option<String> {
    let chars: Vec<char> = set.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(&first) = chars.get(at) {
        if chars.get(at + 1) == Some(&'-') {
            let last = *chars.get(at + 2)?;
            if !first.is_ascii_digit() || !last.is_ascii_digit() || first > last {
                return None;
            }
            out.extend(first..=last);
            at += 3;
        } else {
            u8::try_from(first).ok().filter(|byte| is_dial_byte(*byte))?;
            out.push(first);
            at += 1;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Looks up what the file has named, now that all of it is read.
pub(super) fn check_references(r: &mut Reader<'_>, trunks: &[Trunk], routes: &[Route], music: &[&str]) {
    let patterns: Vec<Pattern> = routes
        .iter()
        .filter_map(|route| match &route.which {
            Which::Pattern(pattern) => Pattern::parse(pattern),
            Which::Regex { .. } => None,
        })
        .collect();
    let by_expression = routes.iter().any(|route| matches!(route.which, Which::Regex { .. }));
    for (at, reference) in std::mem::take(&mut r.references) {
        match reference {
            Reference::Extension(number) => {
                if r.owners.get(&number).is_none_or(|(owner, _)| *owner != "an extension") {
                    let numbers: Vec<String> =
                        r.owners.iter().filter(|(_, (o, _))| *o == "an extension").map(|(n, _)| n.clone()).collect();
                    let instead =
                        like(&number, numbers.iter().map(String::as_str), "the number of an extension of this file");
                    r.fault(at, format!("there is no extension `{}`", printable(&number)), instead);
                }
            }
            Reference::Trunk(name) => {
                if !trunks.iter().any(|trunk| trunk.name == name) {
                    let instead =
                        like(&name, trunks.iter().map(|t| t.name.as_str()), "the name of a trunk of this file");
                    r.fault(at, format!("there is no trunk `{}`", printable(&name)), instead);
                }
            }
            Reference::Music(name) => {
                // The default music always exists.
                if name != "default" && !music.contains(&name.as_str()) {
                    let instead = like(&name, music.iter().copied(), "a name from music_on_hold");
                    r.fault(at, format!("there is no music on hold `{}`", printable(&name)), instead);
                }
            }
            Reference::Destination(number) => {
                let ours = r.owners.contains_key(&number)
                    || number.parse::<u32>().is_ok_and(|n| r.ranges.iter().any(|(a, b, _)| (*a..=*b).contains(&n)));
                let outside =
                    patterns.iter().any(|pattern| pattern.takes(&number)) || by_expression || number.len() > 4;
                if !ours && !outside {
                    let what = format!("nothing in this exchange has the number `{}`", printable(&number));
                    r.fault(at, what, "a number that exists, or one that a route takes");
                }
            }
        }
    }
}

fn like<'w>(text: &str, words: impl Iterator<Item = &'w str>, otherwise: &str) -> String {
    nearest(text, words).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_take_what_they_say() {
        for (pattern, number, takes) in [
            ("112", "112", true),
            ("112", "1123", false),
            ("_9NXXXXXX", "92345678", true),
            ("_9NXXXXXX", "91345678", false),
            ("_00.", "0044", true),
            ("_00.", "00", false),
            ("_00!", "00", true),
            ("_[2-46]X", "65", true),
            ("_[2-46]X", "55", false),
            ("_Z", "0", false),
        ] {
            let parsed = Pattern::parse(pattern).expect("a pattern");
            assert_eq!(parsed.takes(number), takes, "{pattern} {number}");
        }
        for pattern in ["", "_", "_X.1", "_[", "_[]", "_[5-1]", "abc", "_Q"] {
            assert!(Pattern::parse(pattern).is_none(), "{pattern}");
        }
    }
}
