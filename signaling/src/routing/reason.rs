//! What became of a rule that was looked at.

use super::Obstacle;
use crate::settings::{Did, Forward, Place, Right, Route, Schedule, Service};
use core::fmt;

/// One rule, and what became of it. Rules are borrowed from the settings; the words are made when somebody reads them.
#[derive(Clone, Debug)]
pub struct Reason<'s> {
    /// The rule.
    pub rule: Rule<'s>,
    /// Where it is written; not written anywhere: a rule that every exchange has.
    pub place: Place,
    /// What became of it.
    pub verdict: Verdict<'s>,
}

/// A rule, or a set of them that was asked as a whole.
#[derive(Clone, Copy, Debug)]
pub enum Rule<'s> {
    /// The number itself.
    Number,
    /// The blacklist.
    Blacklist,
    /// The number of this account belongs to the caller of a trunk.
    Caller(&'s str),
    /// A context.
    Context(&'s str),
    /// The code of a feature.
    Code(&'static str),
    /// All codes.
    Codes,
    /// The account of this number.
    Account(&'s str),
    /// All accounts.
    Accounts,
    /// A direct number.
    Did(&'s str),
    /// A city or mobile number that belongs to an account.
    Bound(&'s str),
    /// All direct numbers.
    Dids,
    /// The number of a feature.
    Service(Service),
    /// All numbers of features.
    Services,
    /// A route.
    Route(&'s str),
    /// The forwarding of an account; the number says of which rule of its list.
    Forward(&'s str, ForwardKind),
}

/// Which forwarding of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForwardKind {
    /// One of its rules, from 0.
    Rule(usize),
    /// Of all calls.
    Always,
    /// Of calls that are not answered.
    After(Obstacle),
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("number"),
            Self::Blacklist => f.write_str("blacklist"),
            Self::Caller(account) => write!(f, "numbers of {account}"),
            Self::Context(name) => write!(f, "context {name}"),
            Self::Code(feature) => write!(f, "code {feature}"),
            Self::Codes => f.write_str("codes"),
            Self::Account(number) => write!(f, "extension {number}"),
            Self::Accounts => f.write_str("extensions"),
            Self::Did(number) => write!(f, "did {number}"),
            Self::Bound(account) => write!(f, "numbers of {account}"),
            Self::Dids => f.write_str("dids"),
            Self::Service(service) => write!(f, "number of {service}"),
            Self::Services => f.write_str("features"),
            Self::Route(name) => write!(f, "route {name}"),
            Self::Forward(account, ForwardKind::Rule(at)) => write!(f, "forward of {account}, rule {}", at + 1),
            Self::Forward(account, ForwardKind::Always) => write!(f, "forward of {account}, always"),
            Self::Forward(account, ForwardKind::After(obstacle)) => write!(f, "forward of {account}, {obstacle}"),
        }
    }
}

/// What became of a rule.
#[derive(Clone, Debug)]
pub enum Verdict<'s> {
    /// It decides where the call leads, or where it is looked on.
    Decides(String),
    /// It holds and leads nowhere: the call is refused for want of this right.
    Lacks(Right),
    /// It refuses the call.
    Refuses,
    /// It does not concern the number, or the caller.
    Else,
    /// It is dialled in this context, which the caller's does not include.
    OtherContext(&'s str),
    /// It is for other callers.
    OtherCaller,
    /// It wants the schedule open (`true`) or closed, and it is not; the local time as text.
    OtherTime(&'s Schedule, bool, String),
    /// It takes the number, and the named rule, which is more specific, came before it.
    LessSpecific(&'s str),
    /// It takes the number and is as specific as the named rule, which has the higher priority.
    LowerPriority(&'s str),
    /// It takes the number and is like the named rule, which stands before it in the file.
    Later(&'s str),
    /// It would lead the caller to himself.
    Himself,
    /// It is one step too many.
    Loops,
}

impl Verdict<'_> {
    /// Whether the rule decided anything.
    #[must_use]
    pub const fn decided(&self) -> bool {
        matches!(self, Self::Decides(_) | Self::Lacks(_) | Self::Refuses | Self::Loops)
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decides(what) => f.write_str(what),
            Self::Lacks(right) => write!(f, "takes the number and needs the right `{right}`, which is not given"),
            Self::Refuses => f.write_str("refuses the call"),
            Self::Else => f.write_str("does not take it"),
            Self::OtherContext(context) => write!(f, "is of the context {context}, which cannot be dialled from here"),
            Self::OtherCaller => f.write_str("takes the number, but not from this caller"),
            Self::OtherTime(schedule, open, local) => {
                let (wanted, is) = if *open { ("open", "closed") } else { ("closed", "open") };
                let zone = schedule.zone.name();
                write!(f, "wants `{}` {wanted}, and it is {is}: {local} {zone}", schedule.name)
            }
            Self::LessSpecific(winner) => write!(f, "takes the number, but `{winner}` is more specific"),
            Self::LowerPriority(winner) => write!(f, "takes the number, but `{winner}` has the higher priority"),
            Self::Later(winner) => write!(f, "takes the number, but `{winner}` stands before it"),
            Self::Himself => f.write_str("would lead the caller to himself, so the phones ring"),
            Self::Loops => f.write_str("is one step too many"),
        }
    }
}

/// Who is told what became of rules.
pub(super) trait Witness<'s> {
    /// Whether rules are told that cannot change the outcome any more.
    const CURIOUS: bool;

    /// Takes a reason, which is made only when somebody wants it.
    fn note(&mut self, reason: impl FnOnce() -> Reason<'s>);
}

/// Nobody asks.
impl<'s> Witness<'s> for () {
    const CURIOUS: bool = false;

    fn note(&mut self, _: impl FnOnce() -> Reason<'s>) {}
}

impl<'s> Witness<'s> for Vec<Reason<'s>> {
    const CURIOUS: bool = true;

    fn note(&mut self, reason: impl FnOnce() -> Reason<'s>) {
        self.push(reason());
    }
}

impl<'s> Reason<'s> {
    pub(super) fn of_route(route: &'s Route, verdict: Verdict<'s>) -> Self {
        Self { rule: Rule::Route(&route.name), place: route.place, verdict }
    }

    pub(super) fn of_did(did: &'s Did, verdict: Verdict<'s>) -> Self {
        Self { rule: Rule::Did(&did.number), place: did.place, verdict }
    }

    pub(super) fn of_forward(account: &'s str, forward: &'s Forward, kind: ForwardKind, verdict: Verdict<'s>) -> Self {
        let place = match kind {
            ForwardKind::Rule(at) => forward.rules.get(at).map_or(forward.place, |rule| rule.place),
            ForwardKind::Always | ForwardKind::After(_) => forward.place,
        };
        Self { rule: Rule::Forward(account, kind), place, verdict }
    }

    /// Of a rule, or of many, that no single place has.
    pub(super) fn unplaced(rule: Rule<'s>, verdict: Verdict<'s>) -> Self {
        Self { rule, place: Place::default(), verdict }
    }
}
