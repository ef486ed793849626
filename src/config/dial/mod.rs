//! Sections `numbering`, `dids`, `routes`, `contexts`: what dialled numbers lead to. `schedule` reads opening hours, `check` judges all of them together,
//! `rules` makes the value that signaling reads.

mod check;
mod rules;
mod schedule;

pub(super) use check::check;
pub(super) use rules::Schedules;
pub use schedule::Schedule;
pub(super) use schedule::schedules;

use super::{
    reader::{Reader, Reference, Section, boolean, integer, list, name, printable, scalar, sections, text, unique},
    value::{destination, dialled},
    yaml::Node,
};
use serde::Serialize;
use signaling::settings::{Expression, Pattern};
use std::collections::BTreeMap;

/// Routes in one file.
const ROUTES_MAX: usize = 10_000;

/// Direct numbers in one file.
const DIDS_MAX: usize = 100_000;

/// Contexts in one file.
const CONTEXTS_MAX: usize = 1_000;

/// Patterns of callers in one rule.
const CALLERS_MAX: usize = 100;

/// How numbers are dialled where the exchange stands.
#[derive(Clone, Debug, Serialize)]
pub struct Numbering {
    /// Country code; none: nothing is known of countries.
    pub country: Option<String>,
    /// Dialled before a country code.
    pub international: String,
    /// Dialled before a number of the country.
    pub national: String,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { country: None, international: "00".to_owned(), national: "0".to_owned() }
    }
}

/// Under which circumstances a rule holds.
#[derive(Clone, Debug, Serialize)]
pub struct When {
    /// The name of a schedule.
    pub schedule: Option<String>,
    /// While it is open, or closed.
    pub open: bool,
    /// Patterns of callers' numbers; none: all.
    pub from: Vec<String>,
}

/// One direct number.
#[derive(Clone, Debug, Serialize)]
pub struct Did {
    /// As the provider dials it.
    pub number: String,
    /// Where it leads.
    pub to: String,
    /// When it leads there.
    #[serde(flatten)]
    pub when: When,
    /// Where it leads otherwise.
    pub otherwise: Option<String>,
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
    pub permission: Right,
    /// Needs no right, and is never limited.
    pub emergency: bool,
    /// Decides between equally specific patterns; lower first.
    pub priority: u32,
    /// In which context it is dialled.
    pub context: String,
    /// Under which circumstances.
    #[serde(flatten)]
    pub when: When,
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

/// What callers of a kind may dial.
#[derive(Clone, Debug, Serialize)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// Contexts whose numbers may be dialled too.
    pub include: Vec<String>,
    /// Where numbers lead that nothing takes.
    pub fallback: Option<String>,
}

pub(super) fn numbering(r: &mut Reader<'_>, s: &mut Section<'_>) -> Numbering {
    let d = Numbering::default();
    Numbering {
        country: s.optional(r, "country", country),
        international: s.get(r, "international", d.international, prefix),
        national: s.get(r, "national", d.national, prefix),
    }
}

/// ITU-T E.164 section 6.2.1: a country code has one to three digits and does not begin with 0.
fn country(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "a country code such as \"1\", \"49\" or \"7\"";
    let code = scalar(r, node, expected)?;
    let code = code.strip_prefix('+').unwrap_or(code);
    if !(1..=3).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_digit()) || code.starts_with('0') {
        r.fault(node.at, format!("`{}` is not a country code", printable(code)), expected);
        return None;
    }
    Some(code.to_owned())
}

pub(super) fn dids(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Did>> {
    sections(DIDS_MAX, |r, s| {
        let at = s.node("number").map_or(s.at, |node| node.at);
        let number = s.required(r, "number", "a number such as \"+12025550101\"", dialled);
        let to = s.required(r, "to", "where its calls lead, such as \"1001\"", destination);
        let did =
            Did { number: number?, to: to?, when: when(r, s), otherwise: s.optional(r, "otherwise", destination) };
        r.own(at, &did.number, "a direct number");
        r.place(at, format!("dids[{}]", did.number));
        Some(did)
    })(r, node)
}

pub(super) fn contexts(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Context>> {
    let mut seen = BTreeMap::new();
    sections(CONTEXTS_MAX, |r, s| {
        let at = s.at;
        let context_name = s.required(r, "name", "a name such as `lobby`", name);
        let include = s.get(r, "include", Vec::new(), list(CONTEXTS_MAX, context));
        let fallback = s.optional(r, "fallback", destination);
        let context = Context { name: context_name?, include, fallback };
        unique(r, &mut seen, at, &context.name, "context");
        r.place(at, format!("contexts[{}]", context.name));
        Some(context)
    })(r, node)
}

pub(super) fn routes(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Route>> {
    let mut seen = BTreeMap::new();
    sections(ROUTES_MAX, |r, s| {
        let at = s.at;
        let route_name = s.required(r, "name", "a name such as `local`", name);
        let which = which(r, s);
        let route = Route {
            strip: s.get(r, "strip", 0, integer(0, 32)),
            prepend: s.get(r, "prepend", String::new(), prefix),
            trunks: s
                .required(r, "trunks", "the trunks to try, such as [carrier-a]", list(64, trunk))
                .unwrap_or_default(),
            permission: s.get(r, "permission", Right::External, one_right),
            emergency: s.get(r, "emergency", false, boolean),
            priority: s.get(r, "priority", 100, integer(0, 10_000)),
            context: s.get(r, "context", signaling::settings::INTERNAL.to_owned(), context),
            when: when(r, s),
            name: route_name?,
            which: which?,
        };
        unique(r, &mut seen, at, &route.name, "route");
        r.place(at, format!("routes[{}]", route.name));
        Some(route)
    })(r, node)
}

/// The keys `schedule`, `open` and `from` of a rule.
pub(super) fn when(r: &mut Reader<'_>, s: &mut Section<'_>) -> When {
    let at = s.node("open").map(|node| node.at);
    let when = When {
        schedule: s.optional(r, "schedule", |r, node| {
            let schedule = scalar(r, node, "the name of a schedule")?;
            r.refer(node.at, Reference::Schedule(schedule.to_owned()));
            Some(schedule.to_owned())
        }),
        open: s.get(r, "open", true, boolean),
        from: s.get(r, "from", Vec::new(), list(CALLERS_MAX, pattern)),
    };
    if let (Some(at), None) = (at, &when.schedule) {
        r.fault(at, "`open` without a schedule says nothing", "`schedule` too, or neither");
    }
    when
}

/// The name of a context, which must exist.
pub(super) fn context(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let context = name(r, node)?;
    r.refer(node.at, Reference::Context(context.clone()));
    Some(context)
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
    let replace_at = s.node("replace").map(|node| node.at);
    let pattern = s.optional(r, "pattern", pattern);
    let replace = s.optional(r, "replace", text);
    let regex = s.optional(r, "regex", |r, node| regex(r, node, replace.as_deref()));
    if both {
        r.fault(s.at, "a route has a pattern or a regex, not both", "one of them");
    }
    if neither {
        r.fault(s.at, "the route takes no numbers", "`pattern` or `regex`");
    }
    if let (Some(at), Some(_)) = (replace_at, &pattern) {
        r.fault(at, "`replace` belongs to a regex", "`strip` and `prepend` with a pattern");
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

fn regex(r: &mut Reader<'_>, node: &Node, replace: Option<&str>) -> Option<String> {
    let text = text(r, node)?;
    match Expression::new(&text, replace) {
        Ok(expression) => {
            if !expression.is_anchored() {
                r.warn(
                    node.at,
                    "this expression may match anywhere in a number",
                    "^ at its beginning, unless that is meant",
                );
            }
            Some(text)
        }
        Err(fault) => {
            let what = format!("`{}` is not a regular expression: {}", printable(&text), printable(&fault));
            r.fault(node.at, what, "an expression such as ^\\+1(\\d{10})$");
            None
        }
    }
}
