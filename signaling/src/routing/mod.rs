//! Where a dialled number leads, and why.
//!
//! [`plan`] is a pure function `(Settings, Request) → Plan`: the call follows the plan. [`explain`] runs the same walk and keeps a [`Reason`] for every rule
//! that was looked at, so the explainer cannot disagree with the call. [`divert`] is the same for a call whose callee is busy, away or silent.
//!
//! By subject: `walk` asks the rules in their order, `reason` says what became of each, `explanation` puts that into words. It knows accounts, numbers, rights
//! and the time on the wall; it deliberately does not know who is registered, who is busy, which trunk is up, or any SIP message.

mod explanation;
mod reason;
mod walk;

pub use explanation::{view, words};
pub use reason::{Reason, Rule, Verdict};

use crate::{
    fact::HangupCause,
    settings::{Extension, Right, Service, Settings},
    wall::WallTime,
};
use core::fmt;

/// A wish to reach a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request<'a> {
    /// Who wishes it.
    pub origin: Origin<'a>,
    /// What was dialled: digits, `*`, `#` and `+`, without a domain. From a trunk it is the direct number.
    pub dialled: &'a str,
    /// When. A plan holds for this moment.
    pub at: WallTime,
}

/// Who wishes to reach a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin<'a> {
    /// The account of this number, which has proved that it is it.
    Account(&'a str),
    /// A trunk.
    Trunk {
        /// Its name.
        name: &'a str,
        /// The caller's number, as the trunk says; empty: it does not say.
        caller: &'a str,
    },
}

/// What to do about a [`Request`].
#[derive(Clone, Debug)]
pub struct Plan<'s> {
    /// Where it leads.
    pub target: Target<'s>,
    /// The account that a call from a trunk comes from: the one its caller's number belongs to. It says who calls, and gives no rights: a number that a
    /// trunk tells proves nothing.
    pub caller: Option<&'s Extension>,
    /// The accounts that led the call on, the first first.
    pub diverted: Vec<&'s str>,
}

/// Where a number leads.
#[derive(Clone, Debug)]
pub enum Target<'s> {
    /// To the phones of this account.
    Extension(&'s Extension),
    /// To the echo test.
    Echo,
    /// To the world.
    Trunks(TrunkPlan),
    /// To a feature that this version does not have.
    NotBuilt(Service),
    /// Nowhere: the number is unknown.
    Nowhere,
    /// Nowhere, because that is how it shall be.
    Refused(Refusal),
}

/// A way to the world.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrunkPlan {
    /// The route's name.
    pub route: String,
    /// What the trunk is to be sent.
    pub number: String,
    /// The trunks' names in the order of the route; among those that are up, their own preference and weight decide.
    pub trunks: Vec<String>,
    /// An emergency call: no limit holds for it.
    pub emergency: bool,
}

/// Why a call is not wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The caller lacks this right.
    Permission(Right),
    /// The caller is on the blacklist.
    Blacklisted,
    /// Every route that takes the number is closed at this time.
    Closed,
    /// The account, or the number, declines calls.
    Declined,
    /// It was led on too often, or in a circle.
    Looped,
}

impl Refusal {
    /// The SIP answer, RFC 3261 section 21, and what it says of its reason in Warning (section 20.43).
    #[must_use]
    pub const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Permission(Right::External) => (403, "399 Ironbell \"External calls are not permitted\""),
            Self::Permission(Right::International) => (403, "399 Ironbell \"International calls are not permitted\""),
            // Whoever is refused does not learn that he is on a list.
            Self::Blacklisted | Self::Declined => (603, "399 Ironbell \"The call is declined\""),
            Self::Closed => (480, "399 Ironbell \"Closed at this time\""),
            Self::Looped => (480, "399 Ironbell \"Forwarded too often\""),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(right) => write!(f, "the caller has no right `{right}`"),
            Self::Blacklisted => f.write_str("the caller is on the blacklist"),
            Self::Closed => f.write_str("every route that takes the number is closed at this time"),
            Self::Declined => f.write_str("the call is declined"),
            Self::Looped => f.write_str("it would be led on too often"),
        }
    }
}

/// The SIP answer to a call that leads to a feature of another version, RFC 3261 section 21.5.2; for a mailbox, which stands in for a person, 480.
#[must_use]
pub const fn not_built(service: Service) -> (u16, &'static str) {
    match service {
        Service::Voicemail => (480, "399 Ironbell \"No voicemail in this version\""),
        Service::Queue => (501, "399 Ironbell \"No queues in this version\""),
        Service::RingGroup => (501, "399 Ironbell \"No ring groups in this version\""),
        Service::Conference => (501, "399 Ironbell \"No conferences in this version\""),
        Service::Parking => (501, "399 Ironbell \"No parking in this version\""),
        Service::Paging => (501, "399 Ironbell \"No paging in this version\""),
        Service::AutoAttendant => (501, "399 Ironbell \"No auto attendant in this version\""),
        Service::Pickup => (501, "399 Ironbell \"No pickup in this version\""),
        Service::DoNotDisturb => (501, "399 Ironbell \"No do-not-disturb in this version\""),
    }
}

impl Target<'_> {
    /// How a call that goes nowhere is answered, and why; `None`: it goes somewhere.
    #[must_use]
    pub const fn refusal(&self) -> Option<(u16, Option<&'static str>, HangupCause)> {
        match self {
            Self::Extension(_) | Self::Echo | Self::Trunks(_) => None,
            Self::Nowhere => Some((404, None, HangupCause::Unreachable)),
            Self::NotBuilt(service) => {
                let (status, warning) = not_built(*service);
                Some((status, Some(warning), HangupCause::Unreachable))
            }
            Self::Refused(why) => {
                let (status, warning) = why.answer();
                let cause = match why {
                    Refusal::Closed | Refusal::Looped => HangupCause::Unreachable,
                    Refusal::Permission(_) | Refusal::Blacklisted | Refusal::Declined => HangupCause::Refused,
                };
                Some((status, Some(warning), cause))
            }
        }
    }
}

/// Why the callee of a call is not reached, and the call may lead on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Obstacle {
    /// It is busy, or has declined.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// It has no phone that can be reached.
    Unreachable,
}

impl Obstacle {
    /// As in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where `request` leads.
#[must_use]
pub fn plan<'s>(settings: &'s Settings, request: &Request<'_>) -> Plan<'s> {
    walk::plan(settings, request, &mut ())
}

/// Where `request` leads, and what became of each rule on the way.
#[must_use]
pub fn explain<'s>(settings: &'s Settings, request: &Request<'_>) -> (Plan<'s>, Vec<Reason<'s>>) {
    let mut reasons = Vec::new();
    let plan = walk::plan(settings, request, &mut reasons);
    (plan, reasons)
}

/// Where a call leads on whose callee, the account `callee`, is not reached; `None`: the account does not say. `before` are the accounts that led it on
/// already. The call goes on with the rights of the account.
#[must_use]
pub fn divert<'s>(
    settings: &'s Settings,
    request: &Request<'_>,
    callee: &str,
    obstacle: Obstacle,
    before: &[&str],
) -> Option<Plan<'s>> {
    walk::divert(settings, request, callee, obstacle, before)
}
