//! From the sections about numbers to the rules that signaling reads. Names that do not exist are left out here; `check` has told them.

use super::{When, Which};
use crate::config::{Config, Extension, Position, Right};
use signaling::settings::{
    self, Context, Destination, Did, Expression, Forward, ForwardRule, INBOUND, Numbering, Pattern, Place, Route,
    Rules, Service, Span,
};
use std::{collections::BTreeMap, sync::Arc};

/// Opening hours by name.
pub(in crate::config) type Schedules = BTreeMap<String, Arc<settings::Schedule>>;

impl Config {
    /// The rules about dialled numbers.
    pub(in crate::config) fn rules(&self, schedules: &Schedules) -> Rules {
        let bound = self.extensions.iter().flat_map(|extension| {
            extension.numbers.iter().map(|number| (number.clone(), (extension.number.clone(), self.number_at(number))))
        });
        let listed = |number: &String| (number.clone(), self.place(&format!("features.blacklist[{number}]")));
        Rules {
            file: self.file.clone(),
            numbering: self.numbering.country.as_ref().map(|country| Numbering {
                country: country.clone(),
                international: self.numbering.international.clone(),
                national: self.numbering.national.clone(),
            }),
            routes: self.routes.iter().filter_map(|route| self.route(route, schedules)).collect(),
            dids: (self.dids.iter())
                .map(|did| Did {
                    number: did.number.clone(),
                    to: Destination::parse(&did.to),
                    when: when(&did.when, schedules),
                    otherwise: did.otherwise.as_deref().map(Destination::parse),
                    place: self.number_at(&did.number),
                })
                .collect(),
            contexts: self.contexts_with_inbound(),
            blacklist: self.features.blacklist.iter().map(listed).collect(),
            services: self.services(),
            spans: self.spans(),
            prefixes: self.prefixes(),
            bound: bound.collect(),
        }
    }

    /// Where something is written.
    pub(in crate::config) fn place(&self, path: &str) -> Place {
        self.places.get(path).map_or_else(Place::default, |at| written(*at))
    }

    fn number_at(&self, number: &str) -> Place {
        self.place(&format!("number {number}"))
    }

    /// All opening hours, with their zones.
    pub(in crate::config) fn schedules(&self) -> Schedules {
        let value = |schedule: &super::Schedule| {
            let place = self.place(&format!("features.schedules[{}]", schedule.name));
            (schedule.name.clone(), Arc::new(schedule.value(place)))
        };
        self.features.schedules.iter().map(value).collect()
    }

    /// What signaling reads of an account's forwarding.
    pub(in crate::config) fn forward(&self, extension: &Extension, schedules: &Schedules) -> Forward {
        let (forward, place) = (&extension.forward, self.place(&format!("extensions[{}].forward", extension.number)));
        let to = |text: &Option<String>| text.as_deref().map(Destination::parse);
        let rule = |rule: &crate::config::ForwardRule| ForwardRule {
            to: Destination::parse(&rule.to),
            when: when(&rule.when, schedules),
            place: written(rule.at),
        };
        Forward {
            rules: forward.rules.iter().map(rule).collect(),
            always: to(&forward.always),
            busy: to(&forward.busy),
            no_answer: to(&forward.no_answer),
            unreachable: to(&forward.unreachable),
            place,
        }
    }

    fn route(&self, route: &super::Route, schedules: &Schedules) -> Option<Route> {
        Some(Route {
            name: route.name.clone(),
            which: match &route.which {
                Which::Pattern(pattern) => settings::Which::Pattern(Pattern::parse(pattern)?),
                Which::Regex { regex, replace } => {
                    settings::Which::Expression(Expression::new(regex, replace.as_deref()).ok()?)
                }
            },
            strip: usize::try_from(route.strip).unwrap_or(usize::MAX),
            prepend: route.prepend.clone(),
            trunks: route.trunks.clone(),
            right: match route.permission {
                Right::External => settings::Right::External,
                Right::International => settings::Right::International,
            },
            emergency: route.emergency,
            priority: route.priority,
            context: route.context.clone(),
            when: when(&route.when, schedules),
            place: self.place(&format!("routes[{}]", route.name)),
        })
    }

    /// The contexts of the file. When it does not say otherwise, calls from trunks to numbers that nobody has go to the menu (DP-04).
    fn contexts_with_inbound(&self) -> Vec<Context> {
        let menu = &self.auto_attendant;
        let fallback = |context: &super::Context| match &context.fallback {
            Some(fallback) => Some(Destination::parse(fallback)),
            None => (context.name == INBOUND && menu.enabled).then(|| Destination::Number(menu.extension.clone())),
        };
        let inbound = super::Context { name: INBOUND.to_owned(), include: Vec::new(), fallback: None };
        let unnamed = (!self.contexts.iter().any(|context| context.name == INBOUND)).then_some(&inbound);
        let value = |context: &super::Context| Context {
            name: context.name.clone(),
            includes: context.include.clone(),
            fallback: fallback(context),
            place: self.place(&format!("contexts[{}]", context.name)),
        };
        self.contexts.iter().chain(unnamed).map(value).collect()
    }

    fn services(&self) -> BTreeMap<String, (Service, Place)> {
        let features = &self.features;
        let of = |number: &str, service: Service| (number.to_owned(), (service, self.number_at(number)));
        let code = |code: &Option<String>, key: &str, service: Service| {
            code.as_ref().map(|code| (code.clone(), (service, self.place(&format!("features.codes.{key}")))))
        };
        let mut services: BTreeMap<String, (Service, Place)> = [
            code(&features.codes.pickup, "pickup", Service::Pickup),
            code(&features.codes.dnd, "dnd", Service::DoNotDisturb),
            code(&features.codes.dnd_off, "dnd_off", Service::DoNotDisturb),
            Some((features.voicemail.access.clone(), (Service::Voicemail, self.place("features.voicemail")))),
            features.paging.all.as_ref().map(|number| of(number, Service::Paging)),
            self.auto_attendant.enabled.then(|| of(&self.auto_attendant.extension, Service::AutoAttendant)),
        ]
        .into_iter()
        .flatten()
        .collect();
        services.extend(features.paging.zones.iter().map(|zone| of(&zone.number, Service::Paging)));
        services.extend(features.ring_groups.iter().map(|group| of(&group.number, Service::RingGroup)));
        services.extend(self.queues.iter().map(|queue| of(&queue.number, Service::Queue)));
        services
    }

    fn spans(&self) -> Vec<Span> {
        let features = &self.features;
        [
            (features.parking.slots, Service::Parking, "features.parking"),
            (features.conferences.numbers, Service::Conference, "features.conferences"),
        ]
        .into_iter()
        .map(|(range, service, path)| Span { first: range.first, last: range.last, service, place: self.place(path) })
        .collect()
    }

    /// Codes before an account's number; the longest first, so that `**` is not taken for `*`.
    fn prefixes(&self) -> Vec<(String, Service, Place)> {
        let features = &self.features;
        let pickup = features.codes.directed_pickup.clone();
        let pickup = pickup.map(|code| (code, Service::Pickup, self.place("features.codes.directed_pickup")));
        let mailbox = (features.voicemail.prefix.clone(), Service::Voicemail, self.place("features.voicemail"));
        let mut prefixes: Vec<_> = pickup.into_iter().chain([mailbox]).collect();
        prefixes.sort_by_key(|(code, ..)| core::cmp::Reverse(code.len()));
        prefixes
    }
}

fn written(at: Position) -> Place {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Place { line: count(at.line), column: count(at.column) }
}

fn when(when: &When, schedules: &Schedules) -> settings::When {
    let schedule = when.schedule.as_ref().and_then(|name| schedules.get(name));
    settings::When {
        schedule: schedule.map(|schedule| (Arc::clone(schedule), when.open)),
        callers: when.from.iter().filter_map(|pattern| Pattern::parse(pattern)).collect(),
    }
}
