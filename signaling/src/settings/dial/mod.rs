//! What dialled numbers lead to: codes, numbers of features, direct numbers, routes, contexts, opening hours, and who is refused.
//!
//! These are values with their own small questions ("does this pattern take that number"). What follows from all of them together is decided by
//! [`crate::routing`]. Each rule knows its [`Place`] in the file, so that whoever asks why is told where.

mod expression;
mod numbering;
mod pattern;
mod rule;
mod schedule;

pub use expression::Expression;
pub use numbering::Numbering;
pub use pattern::{Pattern, is_dialled};
pub use rule::{Context, Destination, Did, Forward, ForwardRule, Place, Right, Route, Service, When, Which};
pub use schedule::{DAYS, Date, Local, Opening, Schedule, Zone};

use std::collections::{BTreeMap, BTreeSet};

/// The context of accounts that name none; our own numbers and codes are dialled in it.
pub const INTERNAL: &str = "internal";

/// The context of calls from trunks; direct numbers are dialled in it.
pub const INBOUND: &str = "inbound";

/// Codes dialled for a function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Codes {
    /// The echo test, by default `*43`.
    pub echo: Option<String>,
    /// In a call: hand the other party over to the number dialled next, by default `#`.
    pub blind_transfer: Option<String>,
    /// In a call: talk first with the number dialled next; again: complete the transfer. By default `*2`.
    pub attended_transfer: Option<String>,
    /// In a transfer: take the other party back, by default `*0`.
    pub transfer_abort: Option<String>,
    /// In a transfer: let all three talk, by default `*3`.
    pub transfer_three_way: Option<String>,
}

/// A range of numbers with one owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// What they lead to.
    pub service: Service,
    /// Where that is written.
    pub place: Place,
}

/// What the configuration says of dialled numbers; [`DialPlan::new`] puts it in order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The file, as messages name it.
    pub file: String,
    /// How numbers are dialled here; `None`: nothing is known of countries.
    pub numbering: Option<Numbering>,
    /// Routes to trunks, in the order of the file.
    pub routes: Vec<Route>,
    /// Direct numbers.
    pub dids: Vec<Did>,
    /// Contexts; those that every exchange has need not be there.
    pub contexts: Vec<Context>,
    /// Callers that are refused.
    pub blacklist: BTreeMap<String, Place>,
    /// Numbers of features that are not accounts.
    pub services: BTreeMap<String, (Service, Place)>,
    /// Ranges of such numbers.
    pub spans: Vec<Span>,
    /// Codes that are dialled before an account's number.
    pub prefixes: Vec<(String, Service, Place)>,
    /// City and mobile numbers that belong to an account: its number, and where that is written.
    pub bound: BTreeMap<String, (String, Place)>,
}

/// The dial plan.
#[derive(Clone, Debug, Default)]
pub struct DialPlan {
    rules: Rules,
    dids: BTreeMap<String, Did>,
    /// Each context with all it includes, itself too.
    reach: BTreeMap<String, BTreeSet<String>>,
}

impl DialPlan {
    /// The plan of these rules: routes in the order in which they are asked, direct numbers by number, contexts with all they include.
    #[must_use]
    pub fn new(mut rules: Rules) -> Self {
        // The sort is stable: what is alike in all stays in the order of the file.
        rules.routes.sort_by(|a, b| b.emergency.cmp(&a.emergency).then_with(|| a.order(b)));
        rules.spans.sort_by_key(|span| (span.first, span.last));
        let dids = core::mem::take(&mut rules.dids);
        let dids = dids.into_iter().map(|did| (did.number.clone(), did)).collect();
        let reach = [INTERNAL, INBOUND]
            .into_iter()
            .chain(rules.contexts.iter().map(|context| context.name.as_str()))
            .map(|name| (name.to_owned(), closure(&rules.contexts, name)))
            .collect();
        Self { rules, dids, reach }
    }

    /// The file, as messages name it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.rules.file
    }

    /// How numbers are dialled here.
    #[must_use]
    pub const fn numbering(&self) -> Option<&Numbering> {
        self.rules.numbering.as_ref()
    }

    /// The routes in the order in which they are asked: those to emergency numbers, then the others, the most specific first, then by priority.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.rules.routes
    }

    /// The direct number that a trunk means by `number`: as it stands, as the world knows it, or without its `+`.
    #[must_use]
    pub fn did(&self, number: &str) -> Option<&Did> {
        self.spellings(number).find_map(|number| self.dids.get(&number))
    }

    /// The account that a city or mobile number belongs to, and where that is written.
    #[must_use]
    pub fn owner(&self, number: &str) -> Option<(&str, Place)> {
        self.spellings(number)
            .find_map(|number| self.rules.bound.get(&number))
            .map(|(owner, place)| (owner.as_str(), *place))
    }

    /// Where it is written that this caller is refused.
    #[must_use]
    pub fn refused(&self, caller: &str) -> Option<Place> {
        self.spellings(caller).find_map(|number| self.rules.blacklist.get(&number)).copied()
    }

    /// Whether any caller is refused.
    #[must_use]
    pub fn refuses_some(&self) -> bool {
        !self.rules.blacklist.is_empty()
    }

    /// The feature that `number` leads to, and where that is written. A number of its own wins over a code before an account's number, and that over a
    /// range.
    #[must_use]
    pub fn service(&self, number: &str, is_account: impl Fn(&str) -> bool) -> Option<(Service, Place)> {
        if let Some(found) = self.rules.services.get(number) {
            return Some(*found);
        }
        let prefixed =
            |(prefix, ..): &&(String, Service, Place)| number.strip_prefix(&**prefix).is_some_and(&is_account);
        if let Some((_, service, place)) = self.rules.prefixes.iter().find(prefixed) {
            return Some((*service, *place));
        }
        // A range is of numbers without leading zeros.
        let value: u32 = number.parse().ok().filter(|_| !number.starts_with(['0', '+']))?;
        let span = self.rules.spans.iter().find(|span| (span.first..=span.last).contains(&value))?;
        Some((span.service, span.place))
    }

    /// A context by its name.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&Context> {
        self.rules.contexts.iter().find(|context| context.name == name)
    }

    /// Whether callers of the context `from` may dial what belongs to `what`.
    #[must_use]
    pub fn reaches(&self, from: &str, what: &str) -> bool {
        match self.reach.get(from) {
            Some(reach) => reach.contains(what),
            None => from == what,
        }
    }

    /// Ways to write a number, the given one first.
    fn spellings(&self, number: &str) -> impl Iterator<Item = String> {
        let world = self.numbering().and_then(|numbering| numbering.e164(number));
        let other = match number.strip_prefix('+') {
            Some(digits) => digits.to_owned(),
            None => format!("+{number}"),
        };
        [Some(number.to_owned()), world, Some(other)].into_iter().flatten()
    }
}

/// A context with all that it includes, directly or not.
fn closure(contexts: &[Context], name: &str) -> BTreeSet<String> {
    let mut reach = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        // A context that was met before is not followed again, so a circle ends too.
        if reach.insert(name.to_owned()) {
            let context = contexts.iter().find(|context| context.name == name);
            open.extend(context.into_iter().flat_map(|context| context.includes.iter().map(String::as_str)));
        }
    }
    reach
}
