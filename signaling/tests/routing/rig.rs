//! Dial plans in a few words, and plans in one.

use crate::common::{self, extension};
use signaling::{
    routing::{self, Origin, Request, Target},
    settings::{
        DialPlan, Directory, Extension, Opening, Pattern, Permissions, Place, Route, Rules, Schedule, Settings, When,
        Which, Zone,
    },
    wall::WallTime,
};
use std::sync::Arc;

/// Sunday, 22 November 2026, 03:00 UTC.
pub(crate) const SUNDAY_NIGHT: WallTime = WallTime(1_795_316_400);
/// Monday, 23 November 2026, 12:00 UTC.
pub(crate) const MONDAY_NOON: WallTime = WallTime(1_795_435_200);

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|| panic!("{text} is a pattern"))
}

/// A route of a pattern, in the line of its number.
pub(crate) fn route(line: u32, name: &str, text: &str) -> Route {
    Route {
        name: name.into(),
        which: Which::Pattern(pattern(text)),
        strip: 0,
        prepend: String::new(),
        trunks: vec!["carrier".into()],
        right: signaling::settings::Right::External,
        emergency: false,
        priority: 100,
        context: "internal".into(),
        when: When::default(),
        place: Place { line, column: 5 },
    }
}

/// Open from Monday to Friday, 9 to 18 UTC.
pub(crate) fn office() -> Arc<Schedule> {
    let open = Opening::parse("mon-fri 09:00-18:00").into_iter().collect();
    Arc::new(Schedule { name: "office".into(), zone: Zone::new("UTC", []), open, ..Schedule::default() })
}

/// While the office is open, or closed.
pub(crate) fn while_office(open: bool) -> When {
    When { schedule: Some((office(), open)), callers: Vec::new() }
}

/// An account that may call outside, or abroad too.
pub(crate) fn with_rights(number: &str, external: bool, international: bool) -> Extension {
    Extension {
        permissions: Permissions { external, international, ..Permissions::default() },
        ..extension(number, &format!("Person {number}"))
    }
}

/// 1001 may call abroad, 1002 outside, 1003 inside only.
pub(crate) fn settings(rules: Rules) -> Settings {
    Settings {
        directory: Directory::new([
            with_rights("1001", true, true),
            with_rights("1002", true, false),
            with_rights("1003", false, false),
        ]),
        dial: DialPlan::new(rules),
        ..common::settings()
    }
}

/// Where a number leads, in a word or two.
pub(crate) fn leads(settings: &Settings, from: &str, to: &str, at: WallTime) -> String {
    told(settings, &Request { origin: Origin::Account(from), dialled: to, at })
}

pub(crate) fn told(settings: &Settings, request: &Request<'_>) -> String {
    let (explained, _) = routing::explain(settings, request);
    let plan = routing::plan(settings, request);
    let told = word(&plan.target);
    assert_eq!(word(&explained.target), told, "the explainer agrees with the call");
    assert_eq!(explained.diverted, plan.diverted);
    told
}

pub(crate) fn word(target: &Target<'_>) -> String {
    match target {
        Target::Extension(extension) => extension.number.clone(),
        Target::Echo => "echo".into(),
        Target::Trunks(plan) => {
            let mark = if plan.emergency { "!" } else { "" };
            format!("{}{mark} {} by {}", plan.route, plan.number, plan.trunks.join("+"))
        }
        Target::NotBuilt(service) => format!("no {service}"),
        Target::Nowhere => "nowhere".into(),
        Target::Refused(why) => format!("refused: {why}"),
    }
}
