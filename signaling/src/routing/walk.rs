//! The walk through the rules: who calls, emergency numbers, the blacklist, our own numbers, direct numbers, routes, the fallback of the context.
//!
//! Emergency numbers come before everything that could refuse a call. Our own numbers come before routes. Of the routes that a caller may dial, at this time
//! and from this number, the most specific decides, and if its right is lacking the call is refused: a route for fewer callers is never replaced by a
//! broader one for more.

use super::{
    Obstacle, Origin, Plan, Refusal, Request, Target, TrunkPlan,
    reason::{ForwardKind, Reason, Rule, Verdict, Witness},
};
use crate::{
    limits::{DIALLED_BYTES_MAX, FORWARDS_MAX},
    settings::{Destination, Did, Extension, INBOUND, INTERNAL, Right, Route, Settings, When, is_dialled},
    wall::WallTime,
};
use smallvec::SmallVec;
use std::borrow::Cow;

/// With whose rights a call goes on.
#[derive(Clone, Copy, Debug)]
enum Rights<'s> {
    /// An account's.
    Account(&'s Extension),
    /// The configuration itself says where it goes.
    Configured,
    /// A trunk's: none, in its context.
    Trunk(&'s str),
}

impl<'s> Rights<'s> {
    fn has(self, right: Right) -> bool {
        match self {
            Self::Account(account) => {
                let rights = account.permissions;
                // SEC-09: the right to call abroad adds to the right to call outside.
                rights.external && (right == Right::External || rights.international)
            }
            Self::Configured => true,
            Self::Trunk(_) => false,
        }
    }

    fn context(self) -> &'s str {
        match self {
            Self::Account(account) => &account.context,
            Self::Configured => INTERNAL,
            Self::Trunk(context) => context,
        }
    }
}

struct Walk<'s, 'r, W> {
    settings: &'s Settings,
    origin: Origin<'r>,
    at: WallTime,
    /// All numbers of the caller.
    callers: SmallVec<[Cow<'r, str>; 3]>,
    diverted: Vec<&'s str>,
    steps: usize,
    witness: &'r mut W,
}

/// See [`super::plan`].
pub(super) fn plan<'s, 'r, W: Witness<'s>>(
    settings: &'s Settings,
    request: &Request<'r>,
    witness: &'r mut W,
) -> Plan<'s> {
    let (mut walk, caller) = Walk::new(settings, request, witness);
    let target = walk.begin(request.dialled);
    Plan { target, caller, diverted: walk.diverted }
}

/// See [`super::divert`].
pub(super) fn divert<'s>(
    settings: &'s Settings,
    request: &Request<'_>,
    callee: &str,
    obstacle: Obstacle,
    before: &[&str],
) -> Option<Plan<'s>> {
    let account = settings.directory.extension(callee)?;
    let forward = &account.forward;
    let to = match obstacle {
        Obstacle::Busy => &forward.busy,
        Obstacle::NoAnswer => &forward.no_answer,
        Obstacle::Unreachable => &forward.unreachable,
    };
    let to = to.as_ref()?;
    let mut nobody = ();
    let (mut walk, caller) = Walk::new(settings, request, &mut nobody);
    if walk.is_himself(to) {
        return None;
    }
    walk.diverted.extend(before.iter().filter_map(|number| Some(&*settings.directory.extension(number)?.number)));
    walk.steps = before.len();
    let target = walk.lead_on(account, to, ForwardKind::After(obstacle));
    Some(Plan { target, caller, diverted: walk.diverted })
}

impl<'s, 'r, W: Witness<'s>> Walk<'s, 'r, W> {
    fn new(settings: &'s Settings, request: &Request<'r>, witness: &'r mut W) -> (Self, Option<&'s Extension>) {
        let mut callers = SmallVec::new();
        let mut account = None;
        match request.origin {
            Origin::Account(number) => callers.push(Cow::Borrowed(number)),
            Origin::Trunk { caller, .. } => {
                callers.push(Cow::Borrowed(caller));
                let world = settings.dial.numbering().and_then(|numbering| numbering.e164(caller));
                callers.extend(world.filter(|world| world != caller).map(Cow::Owned));
                // EXT-07: who calls from a number of an account is that account.
                if let Some((owner, place)) = settings.dial.owner(caller)
                    && let Some(extension) = settings.directory.extension(owner)
                {
                    callers.push(Cow::Owned(extension.number.clone()));
                    account = Some(extension);
                    witness.note(|| Reason {
                        rule: Rule::Caller(&extension.number),
                        place,
                        verdict: Verdict::Decides(format!(
                            "the call comes from {}, without its rights",
                            extension.number
                        )),
                    });
                }
            }
        }
        let walk =
            Self { settings, origin: request.origin, at: request.at, callers, diverted: Vec::new(), steps: 0, witness };
        (walk, account)
    }

    fn begin(&mut self, number: &str) -> Target<'s> {
        if number.is_empty() || number.len() > DIALLED_BYTES_MAX || !number.bytes().all(is_dialled) {
            self.witness.note(|| Reason::unplaced(Rule::Number, Verdict::Decides("it cannot be dialled".to_owned())));
            return Target::Nowhere;
        }
        let rights = match self.origin {
            Origin::Account(caller) => match self.settings.directory.extension(caller) {
                Some(account) => Rights::Account(account),
                None => {
                    let verdict = || Verdict::Decides(format!("there is no account {caller}"));
                    self.witness.note(|| Reason::unplaced(Rule::Accounts, verdict()));
                    return Target::Nowhere;
                }
            },
            Origin::Trunk { name, .. } => {
                Rights::Trunk(self.settings.trunks.get(name).map_or(INBOUND, |trunk| &trunk.context))
            }
        };
        // nothing that could refuse a call is asked before emergency numbers. The world does not reach them through us.
        if matches!(self.origin, Origin::Account(_))
            && let Some(target) = self.emergency(number)
        {
            return target;
        }
        if let Some(target) = self.blacklist() {
            return target;
        }
        self.find(number, rights)
    }

    fn emergency(&mut self, number: &str) -> Option<Target<'s>> {
        let routes: &'s [Route] = self.settings.dial.routes();
        let mut won: Option<&'s Route> = None;
        for route in routes.iter().take_while(|route| route.emergency) {
            let verdict = match (route.takes(number), won) {
                (false, _) => Verdict::Else,
                (true, Some(winner)) => lost(winner, route),
                (true, None) => {
                    won = Some(route);
                    Verdict::Decides(format!("an emergency number: {} goes to {}", route.number(number), trunks(route)))
                }
            };
            self.witness.note(|| Reason::of_route(route, verdict));
            if won.is_some() && !W::CURIOUS {
                break;
            }
        }
        won.map(|route| way(route, number))
    }

    fn blacklist(&mut self) -> Option<Target<'s>> {
        let dial = &self.settings.dial;
        if !dial.refuses_some() {
            return None;
        }
        let place = self.callers.iter().find_map(|caller| dial.refused(caller));
        let verdict = if place.is_some() { Verdict::Refuses } else { Verdict::Else };
        self.witness.note(|| Reason { rule: Rule::Blacklist, place: place.unwrap_or_default(), verdict });
        place.map(|_| Target::Refused(Refusal::Blacklisted))
    }

    /// Where `number` leads in the context of `rights`.
    fn find(&mut self, number: &str, rights: Rights<'s>) -> Target<'s> {
        let (dial, context) = (&self.settings.dial, rights.context());
        let place = dial.context(context).map(|context| context.place).unwrap_or_default();
        self.witness.note(|| Reason {
            rule: Rule::Context(context),
            place,
            verdict: Verdict::Decides(format!("{number} is dialled in it")),
        });
        let internal = dial.reaches(context, INTERNAL);
        if internal && let Some(target) = self.own(number) {
            return target;
        }
        if (internal || dial.reaches(context, INBOUND))
            && let Some(target) = self.direct(number)
        {
            return target;
        }
        if let Some(target) = self.routes(number, rights) {
            return target;
        }
        let fallback = dial.context(context).and_then(|context| context.fallback.as_ref());
        let Some(to) = fallback else { return Target::Nowhere };
        let verdict = Verdict::Decides(format!("nothing takes {number}, so it leads on to {to}"));
        self.witness.note(|| Reason { rule: Rule::Context(context), place, verdict });
        self.lead(to, Rights::Configured)
    }

    /// Codes, accounts and numbers of features.
    fn own(&mut self, number: &str) -> Option<Target<'s>> {
        let settings = self.settings;
        if settings.codes.echo.as_deref() == Some(number) {
            let verdict = Verdict::Decides("it is this code".to_owned());
            self.witness.note(|| Reason::unplaced(Rule::Code("echo"), verdict));
            return Some(Target::Echo);
        }
        self.witness.note(|| Reason::unplaced(Rule::Codes, Verdict::Else));
        if let Some(account) = settings.directory.extension(number) {
            return Some(self.account(account));
        }
        self.witness.note(|| Reason::unplaced(Rule::Accounts, Verdict::Else));
        let found = settings.dial.service(number, |number| settings.directory.extension(number).is_some());
        if let Some((service, place)) = found {
            let verdict = Verdict::Decides("it is this number; not in this version".to_owned());
            self.witness.note(|| Reason { rule: Rule::Service(service), place, verdict });
            return Some(Target::NotBuilt(service));
        }
        self.witness.note(|| Reason::unplaced(Rule::Services, Verdict::Else));
        None
    }

    /// An account, or where its calls lead instead.
    fn account(&mut self, account: &'s Extension) -> Target<'s> {
        let forward = &account.forward;
        let mut found = None;
        for (at, rule) in forward.rules.iter().enumerate() {
            let kind = ForwardKind::Rule(at);
            if let Some(verdict) = self.other(&rule.when) {
                self.witness.note(|| Reason::of_forward(&account.number, forward, kind, verdict));
                continue;
            }
            found = Some((&rule.to, kind));
            break;
        }
        let found = found.or(forward.always.as_ref().map(|to| (to, ForwardKind::Always)));
        match found {
            Some((to, kind)) if self.is_himself(to) => {
                self.witness.note(|| Reason::of_forward(&account.number, forward, kind, Verdict::Himself));
            }
            Some((to, kind)) => {
                let place = account.place;
                self.witness.note(|| Reason {
                    rule: Rule::Account(&account.number),
                    place,
                    verdict: Verdict::Decides("it is this number".to_owned()),
                });
                return self.lead_on(account, to, kind);
            }
            None => {}
        }
        self.witness.note(|| Reason {
            rule: Rule::Account(&account.number),
            place: account.place,
            verdict: Verdict::Decides("it is this number; its phones ring".to_owned()),
        });
        Target::Extension(account)
    }

    /// An account leads its call on.
    fn lead_on(&mut self, account: &'s Extension, to: &'s Destination, kind: ForwardKind) -> Target<'s> {
        let circle = self.diverted.contains(&&*account.number);
        let verdict = if circle { Verdict::Loops } else { Verdict::Decides(format!("leads on to {to}")) };
        self.witness.note(|| Reason::of_forward(&account.number, &account.forward, kind, verdict));
        if circle {
            return Target::Refused(Refusal::Looped);
        }
        self.diverted.push(&account.number);
        self.lead(to, Rights::Account(account))
    }

    /// Whether a destination is the caller's own account.
    fn is_himself(&self, to: &Destination) -> bool {
        matches!((to, self.origin), (Destination::Number(number), Origin::Account(caller)) if number == caller)
    }

    fn lead(&mut self, to: &'s Destination, rights: Rights<'s>) -> Target<'s> {
        match to {
            Destination::Number(number) => {
                self.steps += 1;
                if self.steps > FORWARDS_MAX {
                    self.witness.note(|| Reason::unplaced(Rule::Number, Verdict::Loops));
                    return Target::Refused(Refusal::Looped);
                }
                self.find(number, rights)
            }
            Destination::Voicemail(_) => Target::NotBuilt(crate::settings::Service::Voicemail),
            Destination::HangUp => Target::Refused(Refusal::Declined),
        }
    }

    /// Numbers of ours in the world.
    fn direct(&mut self, number: &str) -> Option<Target<'s>> {
        let settings = self.settings;
        if let Some((owner, place)) = settings.dial.owner(number)
            && let Some(account) = settings.directory.extension(owner)
        {
            let verdict = Verdict::Decides(format!("it belongs to {}", account.number));
            self.witness.note(|| Reason { rule: Rule::Bound(&account.number), place, verdict });
            return Some(self.account(account));
        }
        let Some(did) = settings.dial.did(number) else {
            self.witness.note(|| Reason::unplaced(Rule::Dids, Verdict::Else));
            return None;
        };
        Some(self.did(did))
    }

    fn did(&mut self, did: &'s Did) -> Target<'s> {
        let to = match self.other(&did.when) {
            None => Some(&did.to),
            Some(verdict) => {
                self.witness.note(|| Reason::of_did(did, verdict));
                did.otherwise.as_ref()
            }
        };
        let Some(to) = to else { return Target::Refused(Refusal::Closed) };
        self.witness.note(|| Reason::of_did(did, Verdict::Decides(format!("leads to {to}"))));
        self.lead(to, Rights::Configured)
    }

    /// Why a rule does not hold under these circumstances.
    fn other(&self, when: &'s When) -> Option<Verdict<'s>> {
        if !when.is_for(&self.callers) {
            return Some(Verdict::OtherCaller);
        }
        let (schedule, open) = when.schedule.as_ref()?;
        let local = || schedule.zone.local(self.at).to_string();
        (!when.is_time(self.at)).then(|| Verdict::OtherTime(schedule, *open, local()))
    }

    fn routes(&mut self, number: &str, rights: Rights<'s>) -> Option<Target<'s>> {
        let (settings, context) = (self.settings, rights.context());
        let mut won: Option<&'s Route> = None;
        let mut closed = false;
        for route in settings.dial.routes().iter().skip_while(|route| route.emergency) {
            let verdict = if !route.takes(number) {
                Verdict::Else
            } else if !settings.dial.reaches(context, &route.context) {
                Verdict::OtherContext(&route.context)
            } else if let Some(other) = self.other(&route.when) {
                closed |= matches!(other, Verdict::OtherTime(..));
                other
            } else if let Some(winner) = won {
                lost(winner, route)
            } else {
                won = Some(route);
                self.verdict_of(route, number, rights)
            };
            self.witness.note(|| Reason::of_route(route, verdict));
            if won.is_some() && !W::CURIOUS {
                break;
            }
        }
        match won {
            Some(route) => Some(match self.needed(route, number) {
                right if rights.has(right) => way(route, number),
                right => Target::Refused(Refusal::Permission(right)),
            }),
            None => closed.then_some(Target::Refused(Refusal::Closed)),
        }
    }

    /// SEC-09: whatever a route says, a number of another country needs the right to call there.
    fn needed(&self, route: &Route, number: &str) -> Right {
        let abroad = self
            .settings
            .dial
            .numbering()
            .is_some_and(|numbering| numbering.is_abroad(number) || numbering.is_abroad(&route.number(number)));
        if abroad { Right::International } else { route.right }
    }

    fn verdict_of(&self, route: &Route, number: &str, rights: Rights<'s>) -> Verdict<'s> {
        match self.needed(route, number) {
            right if rights.has(right) => {
                Verdict::Decides(format!("takes the number: {} goes to {}", route.number(number), trunks(route)))
            }
            right => Verdict::Lacks(right),
        }
    }
}

fn way<'s>(route: &Route, number: &str) -> Target<'s> {
    Target::Trunks(TrunkPlan {
        route: route.name.clone(),
        number: route.number(number),
        trunks: route.trunks.clone(),
        emergency: route.emergency,
    })
}

fn trunks(route: &Route) -> String {
    route.trunks.join(", ")
}

/// Why a route that takes the number came too late.
fn lost<'s>(winner: &'s Route, route: &'s Route) -> Verdict<'s> {
    if winner.specificity(route).is_lt() {
        Verdict::LessSpecific(&winner.name)
    } else if winner.priority < route.priority {
        Verdict::LowerPriority(&winner.name)
    } else {
        Verdict::Later(&winner.name)
    }
}
