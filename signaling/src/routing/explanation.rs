//! A plan and its reasons in words, without ties to the settings they were made from.

use super::{Plan, Request, Target, explain};
use crate::{
    effect::{RouteView, RuleView},
    settings::Settings,
};

/// Explains a request.
#[must_use]
pub fn view(settings: &Settings, request: &Request<'_>) -> RouteView {
    let (plan, reasons) = explain(settings, request);
    let Plan { target, caller, diverted } = plan;
    let rules = reasons.into_iter().map(|reason| RuleView {
        rule: reason.rule.to_string(),
        place: reason.place,
        decided: reason.verdict.decided(),
        why: reason.verdict.to_string(),
    });
    let mut view = RouteView {
        file: settings.dial.file().to_owned(),
        rules: rules.collect(),
        kind: kind(&target),
        leads: words(&target),
        status: target.refusal().map(|(status, ..)| status),
        extension: None,
        route: None,
        number: None,
        trunks: Vec::new(),
        emergency: false,
        caller: caller.map(|account| account.number.clone()),
        diverted: diverted.into_iter().map(str::to_owned).collect(),
    };
    match target {
        Target::Extension(extension) => view.extension = Some(extension.number.clone()),
        Target::Trunks(plan) => {
            view.route = Some(plan.route);
            view.number = Some(plan.number);
            view.trunks = plan.trunks;
            view.emergency = plan.emergency;
        }
        Target::Echo | Target::NotBuilt(_) | Target::Nowhere | Target::Refused(_) => {}
    }
    view
}

const fn kind(target: &Target<'_>) -> &'static str {
    match target {
        Target::Extension(_) => "extension",
        Target::Echo => "echo",
        Target::Trunks(_) => "trunks",
        Target::NotBuilt(_) => "not_built",
        Target::Nowhere => "nowhere",
        Target::Refused(_) => "refused",
    }
}

/// Where a plan leads, in words.
#[must_use]
pub fn words(target: &Target<'_>) -> String {
    match target {
        Target::Extension(extension) => match extension.name.is_empty() {
            true => format!("extension {}", extension.number),
            false => format!("extension {}, {}", extension.number, extension.name),
        },
        Target::Echo => "the echo test".to_owned(),
        Target::Trunks(plan) => {
            let emergency = if plan.emergency { ", an emergency call" } else { "" };
            format!("{} by {} (route {}{emergency})", plan.number, plan.trunks.join(", then "), plan.route)
        }
        Target::NotBuilt(service) => format!("refused: not in this version: {service}"),
        Target::Nowhere => "refused: nothing takes the number".to_owned(),
        Target::Refused(why) => format!("refused: {why}"),
    }
}
