//! INVITE outside a dialog: a call begins. Who calls, what was dialled, where that leads.

use super::switchboard::Switchboard;
use crate::{
    call::{Arrival, Call, Wish, hops},
    effect::Effect,
    fact::{Choice, Decision, Fact, HangupCause, Rules},
    feature::{Echo, Feature},
    flow::Flow,
    id::CallId,
    limits::{CALLS_MAX, HOPS_MAX, SESSION_INTERVAL_MIN},
    message::{Message, Scheme, Uri},
    routing::{self, Origin, Request, Target},
    settings::Settings,
    transaction::{ServerId, Turn},
    trunk::{Identity, is_hidden},
};
use std::sync::Arc;

impl Switchboard {
    pub(super) fn on_invite(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: Flow) {
        // RFC 3261 section 16.3 step 4, and the same for exchanges between us and ourselves that keep no Via.
        if turn.stack.has_passed(request) || hops(request) >= HOPS_MAX {
            return self.office(turn).refuse(server, 482, None);
        }
        let trunk = self.trunk_of(turn.now, request, flow).map(|trunk| {
            let identity = Identity::of_trunk(&trunk, request);
            (trunk, identity)
        });
        let (from, to) = match &trunk {
            Some((trunk, identity)) => (identity.number.clone(), self.called_by(trunk, request)),
            None => {
                let Some(from) = self.authenticate(turn, server, request, flow) else { return };
                // An account calls under its own number only.
                let named = request.from().ok().and_then(|address| address.uri.user_decoded());
                if named.as_deref() != Some(&from) && !is_hidden(request) {
                    return self.office(turn).refuse(server, 403, None);
                }
                self.activity.insert(from.as_str().into(), turn.now);
                (from, dialled(request).unwrap_or_default())
            }
        };
        if Wish::of(request).is_too_small() {
            // RFC 4028 section 9.
            let least = SESSION_INTERVAL_MIN.as_secs().to_string();
            return self.office(turn).refuse(server, 422, Some(("Min-SE", &least)));
        }
        let id = self.next_call();
        let settings = Arc::clone(&self.settings);
        let arrival = Arrival { id, server, request, flow, from: &from, to: &to, settings, trunk };
        match request.replaces() {
            Ok(None) => {}
            Ok(Some(replaces)) => return self.on_replaces(turn, &arrival, &replaces),
            Err(_) => return self.office(turn).refuse(server, 400, None),
        }
        let call = match Call::arrive(&mut self.office(turn), &arrival) {
            Ok(call) => call,
            Err(_) => return self.office(turn).refuse(server, 400, None),
        };
        self.calls.insert(id, Box::new(call));
        if self.draining {
            return self.tell(turn, id, |call, office| call.refuse(office, 503, HangupCause::Shutdown));
        }
        if self.calls.len() > self.settings.calls.calls_max.min(CALLS_MAX) {
            return self.tell(turn, id, |call, office| call.refuse(office, 503, HangupCause::Exhausted));
        }
        // The channels of a trunk count calls of both directions.
        let mut full = false;
        self.tell(turn, id, |call, office| full = call.enter_by_trunk(office).is_err());
        if full {
            return self.tell(turn, id, |call, office| call.refuse(office, 503, HangupCause::Exhausted));
        }
        self.route(turn, id);
    }

    /// Sends a call where its number leads.
    pub(super) fn route(&mut self, turn: &mut Turn<'_>, id: CallId) {
        let settings = Arc::clone(&self.settings);
        let Some(call) = self.calls.get(&id) else { return };
        let request = Request { origin: call.origin(), dialled: call.to(), at: self.wall.shows(turn.now) };
        let plan = routing::plan(&settings, &request);
        if self.books.tells_decisions {
            let decision = routed(id, &settings, &request);
            turn.out.push(Effect::Fact(Fact::Decided(Box::new(decision))));
        }
        if matches!(plan.target, Target::Echo) {
            self.features.insert(id, Feature::Echo(Echo::default()));
            return self.tell(turn, id, Call::drive);
        }
        self.tell(turn, id, |call, office| call.lead(office, &plan));
    }
}

/// What a plan is made from; whoever reads it makes the same plan again.
fn routed(call: CallId, settings: &Arc<Settings>, request: &Request<'_>) -> Decision {
    let (trunk, from) = match request.origin {
        Origin::Account(number) => (None, number),
        Origin::Trunk { name, caller } => (Some(name.to_owned()), caller),
    };
    let choice = Choice::Routed {
        rules: Rules(Arc::clone(settings)),
        trunk,
        from: from.to_owned(),
        dialled: request.dialled.to_owned(),
        at: request.at,
    };
    Decision { call, leg: None, choice }
}

/// The number in a Request-URI: its user part, or the digits of a `tel` URI without their separators (RFC 3966 section 3).
pub(super) fn dialled(request: &Message<'_>) -> Option<String> {
    let uri = Uri::parse(request.request_uri()?).ok()?;
    let user = uri.user_decoded()?;
    Some(match uri.scheme() {
        Scheme::Tel => user.chars().filter(|letter| !matches!(letter, '-' | '.' | '(' | ')')).collect(),
        Scheme::Sip | Scheme::Sips | Scheme::Other => user.into_owned(),
    })
}
