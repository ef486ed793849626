//! The second look at a configuration, when all of it is read: what is named must exist, every rule must be reachable, and nothing may go in circles.

use crate::config::{
    Config,
    fault::Position,
    reader::{Reader, Reference, nearest, printable},
};
use signaling::settings::{DialPlan, INBOUND, INTERNAL, Pattern, Place, Route, Rules, Which};
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of a pattern that are looked at one by one.
const NUMBERS_MAX: usize = 1_000;

/// Routes up to which every two are compared.
const COMPARED_MAX: usize = 1_000;

/// Judges what the sections say together.
pub(in crate::config) fn check(r: &mut Reader<'_>, config: &Config) {
    let rules = config.rules(&config.schedules());
    let book = Book { config, plan: DialPlan::new(rules.clone()) };
    references(r, &book);
    contexts(r, &rules);
    forwards(r, config);
    forward_rules(r, config);
    routes(r, &book);
}

/// The configuration, and what becomes of its numbers.
struct Book<'c> {
    config: &'c Config,
    plan: DialPlan,
}

impl Book<'_> {
    /// Whose a number is, in words.
    fn owner(&self, r: &Reader<'_>, number: &str) -> Option<String> {
        if let Some((owner, _)) = r.owners.get(number) {
            return Some((*owner).to_owned());
        }
        if self.config.features.codes.echo.as_deref() == Some(number) {
            return Some("the echo test".to_owned());
        }
        let is_account = |number: &str| r.owners.get(number).is_some_and(|(owner, _)| *owner == "an extension");
        self.plan.service(number, is_account).map(|(service, _)| service.to_string())
    }

    /// Whether a call from inside can be led to `number`. Emergency numbers are for people who dial them.
    fn leads_somewhere(&self, r: &Reader<'_>, number: &str) -> bool {
        self.owner(r, number).is_some()
            || self.plan.did(number).is_some()
            || self.plan.routes().iter().any(|route| !route.emergency && route.takes(number))
    }
}

/// What the file has named.
fn references(r: &mut Reader<'_>, book: &Book<'_>) {
    let config = book.config;
    let of_trunks = || config.trunks.iter().map(|trunk| trunk.name.as_str());
    let of_music = || config.music_on_hold.iter().map(|music| music.name.as_str());
    let of_schedules = || config.features.schedules.iter().map(|schedule| schedule.name.as_str());
    let of_contexts = || config.contexts.iter().map(|context| context.name.as_str()).chain([INTERNAL, INBOUND]);
    for (at, reference) in std::mem::take(&mut r.references) {
        let fault = match reference {
            Reference::Extension(number) => {
                let extensions = r.owners.iter().filter(|(_, (owner, _))| *owner == "an extension");
                let names: Vec<&str> = match r.owners.get(&number) {
                    Some(("an extension", _)) => continue,
                    Some(_) | None => extensions.map(|(number, _)| number.as_str()).collect(),
                };
                missing(&number, "extension", names.into_iter(), "the number of an extension of this file")
            }
            Reference::Trunk(name) => missing(&name, "trunk", of_trunks(), "the name of a trunk of this file"),
            // The default music always exists.
            Reference::Music(name) if name == "default" => None,
            Reference::Music(name) => missing(&name, "music on hold", of_music(), "a name from music_on_hold"),
            Reference::Schedule(name) => missing(&name, "schedule", of_schedules(), "a name from features.schedules"),
            Reference::Context(name) => missing(&name, "context", of_contexts(), "a name from contexts"),
            Reference::Destination(number) => (!book.leads_somewhere(r, &number)).then(|| {
                let what = format!("nothing in this exchange has the number `{}`", printable(&number));
                (what, "a number that exists, or one that a route takes".to_owned())
            }),
        };
        if let Some((what, instead)) = fault {
            r.fault(at, what, instead);
        }
    }
}

/// What is wrong with a name that nothing of this kind has.
fn missing<'w>(
    name: &str,
    kind: &str,
    names: impl Iterator<Item = &'w str> + Clone,
    otherwise: &str,
) -> Option<(String, String)> {
    if names.clone().any(|known| known == name) {
        return None;
    }
    let instead = nearest(name, names).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"));
    Some((format!("there is no {kind} `{}`", printable(name)), instead))
}

/// No context includes itself, also not by others.
fn contexts(r: &mut Reader<'_>, rules: &Rules) {
    let by_name: BTreeMap<&str, _> = rules.contexts.iter().map(|context| (context.name.as_str(), context)).collect();
    for context in &rules.contexts {
        let mut open: Vec<&str> = context.includes.iter().map(String::as_str).collect();
        let mut met = BTreeSet::new();
        while let Some(name) = open.pop() {
            if name == context.name {
                let what = format!("the context `{name}` includes itself, directly or by others");
                r.fault(position(context.place), what, "contexts that include others in one direction");
                break;
            }
            if met.insert(name) {
                open.extend(
                    by_name.get(name).into_iter().flat_map(|context| context.includes.iter().map(String::as_str)),
                );
            }
        }
    }
}

/// No account leads all its calls to itself, also not by others; and none leads them to itself when it is not reached.
fn forwards(r: &mut Reader<'_>, config: &Config) {
    let always: BTreeMap<&str, &str> =
        config.extensions.iter().filter_map(|e| Some((e.number.as_str(), e.forward.always.as_deref()?))).collect();
    for extension in &config.extensions {
        let (number, forward) = (extension.number.as_str(), &extension.forward);
        let at = position(config.place(&format!("extensions[{number}].forward")));
        let mut next = always.get(number).copied();
        let mut met = BTreeSet::new();
        while let Some(to) = next.filter(|to| met.insert(*to)) {
            if to == number {
                let what = format!("the calls of {number} are led in a circle by forward.always");
                r.fault(at, what, "an account at the end whose phones ring");
                break;
            }
            next = always.get(to).copied();
        }
        let others = [&forward.busy, &forward.no_answer, &forward.unreachable].into_iter().flatten();
        if others.chain(forward.rules.iter().map(|rule| &rule.to)).any(|to| to == number) {
            r.fault(at, format!("the calls of {number} are led to {number} itself"), "another number");
        }
    }
}

/// No rule of an account stands behind one that takes all its calls.
fn forward_rules(r: &mut Reader<'_>, config: &Config) {
    let schedules = config.schedules();
    for extension in config.extensions.iter().filter(|extension| extension.forward.rules.len() > 1) {
        let rules = config.forward(extension, &schedules).rules;
        for (at, rule) in rules.iter().enumerate() {
            let before = rules.get(..at).unwrap_or_default();
            if let Some(first) = before.iter().find(|first| first.when.covers(&rule.when)) {
                let what = format!(
                    "the rule of {} to {} can never hold: that in line {} takes the same calls before it",
                    extension.number, rule.to, first.place.line
                );
                r.fault(position(rule.place), what, "other callers or hours, or another order");
            }
        }
    }
}

fn routes(r: &mut Reader<'_>, book: &Book<'_>) {
    let routes = book.plan.routes();
    for (at, route) in routes.iter().enumerate() {
        if route.trunks.is_empty() {
            r.fault(position(route.place), format!("the route `{}` has no trunks", route.name), "at least one trunk");
        }
        let before = routes.get(..at).unwrap_or_default();
        if let Some(first) =
            before.iter().rev().take_while(|first| first.specificity(route).is_eq()).find(|first| shadows(first, route))
        {
            let what = format!(
                "the route `{}` can never be taken: `{}` in line {} takes the same numbers before it",
                route.name, first.name, first.place.line
            );
            r.fault(position(route.place), what, "other numbers, callers or hours, or a lower priority");
        }
        match route.emergency {
            true => emergency(r, route),
            false => owned(r, book, route),
        }
    }
    if routes.len() <= COMPARED_MAX {
        overlaps(r, routes);
    }
}

/// Whether `route` is never asked because `first` takes all its numbers under all its circumstances.
fn shadows(first: &Route, route: &Route) -> bool {
    let same = match (&first.which, &route.which) {
        (Which::Pattern(first), Which::Pattern(second)) => first.same(second),
        (Which::Expression(first), Which::Expression(second)) => first.same(second),
        (Which::Pattern(_), Which::Expression(_)) | (Which::Expression(_), Which::Pattern(_)) => false,
    };
    same && first.emergency == route.emergency && first.context == route.context && first.when.covers(&route.when)
}

/// an emergency route passes every right and limit, so its numbers are told one by one, and nobody else has them.
fn emergency(r: &mut Reader<'_>, route: &Route) {
    let at = position(route.place);
    let pattern = match &route.which {
        Which::Pattern(pattern) => Some(pattern),
        Which::Expression(_) => None,
    };
    let Some(numbers) = pattern.and_then(|pattern| pattern.numbers(NUMBERS_MAX)) else {
        let what = format!("the emergency route `{}` is open to more numbers than can be meant", route.name);
        return r.fault(at, what, format!("a pattern of at most {NUMBERS_MAX} numbers without . or !"));
    };
    if let Some((number, (owner, first))) = numbers.iter().find_map(|number| Some((number, r.owners.get(number)?))) {
        let what = format!("{number} is an emergency number and the number of {owner} in line {}", first.line);
        r.fault(at, what, "a number with one owner");
    }
}

/// A number of ours is asked before the routes.
fn owned(r: &mut Reader<'_>, book: &Book<'_>, route: &Route) {
    let Which::Pattern(pattern) = &route.which else { return };
    if route.context != INTERNAL {
        return;
    }
    let Some(numbers) = pattern.numbers(NUMBERS_MAX) else { return };
    let owners: Option<Vec<String>> = numbers.iter().map(|number| book.owner(r, number)).collect();
    if let Some((owner, number)) = owners.as_ref().and_then(|owners| owners.first()).zip(numbers.first()) {
        let what = format!("the route `{}` can never be taken: {number} is the number of {owner}", route.name);
        r.fault(position(route.place), what, "numbers that are not our own");
    }
}

/// Two patterns that share numbers, and neither is a part of the other: rarely meant.
fn overlaps(r: &mut Reader<'_>, routes: &[Route]) {
    let patterns: Vec<(&Route, &Pattern)> = routes
        .iter()
        .filter_map(|route| match &route.which {
            Which::Pattern(pattern) => Some((route, pattern)),
            Which::Expression(_) => None,
        })
        .collect();
    for (at, (first, ours)) in patterns.iter().enumerate() {
        for (second, theirs) in patterns.get(at + 1..).unwrap_or_default() {
            let nested = ours.holds(theirs) || theirs.holds(ours);
            if nested || first.context != second.context || first.emergency != second.emergency {
                continue;
            }
            if let Some(number) = ours.common(theirs) {
                let what = format!(
                    "the routes `{}` and `{}` both take numbers such as {number}; `{}` comes first",
                    first.name, second.name, first.name
                );
                r.warn(
                    position(second.place),
                    what,
                    "patterns that share nothing, or of which one is part of the other",
                );
            }
        }
    }
}

fn position(place: Place) -> Position {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX).max(1);
    Position { line: count(place.line), column: count(place.column) }
}
