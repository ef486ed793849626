//! The single rules of a dial plan.

use super::{Expression, Pattern, Schedule};
use crate::wall::WallTime;
use core::{cmp::Ordering, fmt};
use std::sync::Arc;

/// A place in the configuration file; both count from 1, and 0 stands for what no file says.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

impl Place {
    /// Whether a file says it.
    #[must_use]
    pub const fn is_written(self) -> bool {
        self.line > 0
    }
}

/// Where a call goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// As if this number had been dialled.
    Number(String),
    /// The mailbox of this account; `None`: of the one that was called.
    Voicemail(Option<String>),
    /// Nowhere: the call is declined.
    HangUp,
}

impl Destination {
    /// Reads a number, `voicemail`, `voicemail:NUMBER` or `hangup`. What is a number is not looked at.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match (text, text.strip_prefix("voicemail:")) {
            ("voicemail", _) => Self::Voicemail(None),
            ("hangup", _) => Self::HangUp,
            (_, Some(number)) => Self::Voicemail(Some(number.to_owned())),
            (number, None) => Self::Number(number.to_owned()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(number),
            Self::Voicemail(None) => f.write_str("voicemail"),
            Self::Voicemail(Some(number)) => write!(f, "voicemail:{number}"),
            Self::HangUp => f.write_str("hangup"),
        }
    }
}

/// Features that have numbers or codes and are not in this version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is the feature of its name")]
pub enum Service {
    Queue,
    RingGroup,
    Conference,
    Parking,
    Paging,
    Voicemail,
    AutoAttendant,
    Pickup,
    DoNotDisturb,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "queues",
            Self::RingGroup => "ring groups",
            Self::Conference => "conferences",
            Self::Parking => "parking",
            Self::Paging => "paging",
            Self::Voicemail => "voicemail",
            Self::AutoAttendant => "the auto attendant",
            Self::Pickup => "pickup",
            Self::DoNotDisturb => "do not disturb",
        })
    }
}

/// Under which circumstances a rule holds; without any it always does.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// Only while this schedule is open (`true`) or closed.
    pub schedule: Option<(Arc<Schedule>, bool)>,
    /// Only for callers whose number one of these takes; empty: for all.
    pub callers: Vec<Pattern>,
}

impl When {
    /// Whether the schedule allows it at that time.
    #[must_use]
    pub fn is_time(&self, at: WallTime) -> bool {
        self.schedule.as_ref().is_none_or(|(schedule, open)| schedule.is_open(at) == *open)
    }

    /// Whether it holds for a caller who has these numbers.
    #[must_use]
    pub fn is_for(&self, callers: &[impl AsRef<str>]) -> bool {
        let takes = |pattern: &Pattern| callers.iter().any(|caller| pattern.takes(caller.as_ref()));
        self.callers.is_empty() || self.callers.iter().any(takes)
    }

    /// Whether it holds whenever `other` does, as far as that can be seen from the outside.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let time = match (&self.schedule, &other.schedule) {
            (None, _) => true,
            (Some((ours, open)), Some((theirs, theirs_open))) => ours.name == theirs.name && open == theirs_open,
            (Some(_), None) => false,
        };
        let held = |theirs: &Pattern| self.callers.iter().any(|ours| ours.holds(theirs));
        time && (self.callers.is_empty() || !other.callers.is_empty() && other.callers.iter().all(held))
    }
}

/// Which numbers a route takes.
#[derive(Clone, Debug)]
pub enum Which {
    /// Those of a pattern.
    Pattern(Pattern),
    /// Those that an expression matches.
    Expression(Expression),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Expression(expression) => expression.fmt(f),
        }
    }
}

/// A right that a caller needs for a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Right {
    /// Calls through trunks.
    External,
    /// Calls through trunks, to other countries too.
    International,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::External => "external",
            Self::International => "international",
        })
    }
}

/// One way to the world.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Which numbers.
    pub which: Which,
    /// Characters taken from the front.
    pub strip: usize,
    /// Put in front afterwards.
    pub prepend: String,
    /// The trunks to try, in this order.
    pub trunks: Vec<String>,
    /// The right that the caller needs.
    pub right: Right,
    /// Leads to an emergency number: needs no right and is never limited.
    pub emergency: bool,
    /// Decides between equally specific ones; lower first.
    pub priority: u32,
    /// In which context it is dialled.
    pub context: String,
    /// Under which circumstances.
    pub when: When,
    /// Where it is written.
    pub place: Place,
}

impl Route {
    /// Whether it takes the number.
    #[must_use]
    pub fn takes(&self, number: &str) -> bool {
        match &self.which {
            Which::Pattern(pattern) => pattern.takes(number),
            Which::Expression(expression) => expression.takes(number),
        }
    }

    /// What is sent to the trunk for a number that it takes: replaced, then stripped, then with something in front.
    #[must_use]
    pub fn number(&self, dialled: &str) -> String {
        let replaced = match &self.which {
            Which::Pattern(_) => dialled.to_owned(),
            Which::Expression(expression) => expression.replaced(dialled),
        };
        let kept: String = replaced.chars().skip(self.strip).collect();
        format!("{}{kept}", self.prepend)
    }

    /// The one that is asked first is less: the more specific, patterns before expressions, then the lower priority. Places in the file are not compared.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        self.specificity(other).then_with(|| self.priority.cmp(&other.priority))
    }

    /// The more specific is less.
    #[must_use]
    pub fn specificity(&self, other: &Self) -> Ordering {
        match (&self.which, &other.which) {
            (Which::Pattern(ours), Which::Pattern(theirs)) => ours.order(theirs),
            (Which::Pattern(_), Which::Expression(_)) => Ordering::Less,
            (Which::Expression(_), Which::Pattern(_)) => Ordering::Greater,
            (Which::Expression(_), Which::Expression(_)) => Ordering::Equal,
        }
    }
}

/// A number of ours in the world.
#[derive(Clone, Debug)]
pub struct Did {
    /// The number.
    pub number: String,
    /// Where its calls lead.
    pub to: Destination,
    /// When they lead there.
    pub when: When,
    /// Where they lead otherwise; `None`: nowhere.
    pub otherwise: Option<Destination>,
    /// Where it is written.
    pub place: Place,
}

/// What callers of a kind may dial.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// The contexts whose numbers may be dialled too.
    pub includes: Vec<String>,
    /// Where numbers lead that nothing takes.
    pub fallback: Option<Destination>,
    /// Where it is written.
    pub place: Place,
}

/// Where calls to an account lead instead.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    /// Asked in order before `always`; the first that holds decides.
    pub rules: Vec<ForwardRule>,
    /// All calls.
    pub always: Option<Destination>,
    /// When it is busy.
    pub busy: Option<Destination>,
    /// When nobody answers.
    pub no_answer: Option<Destination>,
    /// When it has no phone that can be reached.
    pub unreachable: Option<Destination>,
    /// Where it is written.
    pub place: Place,
}

/// Calls that lead elsewhere by caller or by time.
#[derive(Clone, Debug)]
pub struct ForwardRule {
    /// Where.
    pub to: Destination,
    /// Which.
    pub when: When,
    /// Where it is written.
    pub place: Place,
}
