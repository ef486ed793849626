//! Requests: which are served, by whom, and what the others are told.

use super::{checks, switchboard::Switchboard};
use crate::{
    auth::Verdict,
    call::{ALLOW, PRODUCT, SDP, SUPPORTED_WITH_OFFER, behind_nat},
    effect::Effect,
    event::ALLOW_EVENTS,
    fact::Fact,
    flow::{Flow, Source, Standing},
    message::{Message, Method},
    settings::Nat,
    transaction::{Answer, ServerId, Turn},
};

impl Switchboard {
    pub(super) fn on_incoming(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: Flow) {
        let Some(method) = request.method() else { return };
        self.mind_nat(turn, server, request, &flow);
        if let Err(refusal) = checks::check(request, method) {
            let mut headers = Vec::with_capacity(2);
            return self.office(turn).respond(server, &checks::answer(&refusal, &mut headers));
        }
        let in_dialog = request.to().is_ok_and(|to| to.tag().is_some());
        match method {
            Method::Register => self.on_register(turn, server, request, flow),
            Method::Subscribe => self.on_subscribe(turn, server, request, flow),
            Method::Publish => self.on_publish(turn, server, request, flow),
            Method::Message if !in_dialog => self.on_message(turn, server, request, flow),
            // RFC 3428 section 2: messages of a session belong into it, not beside it.
            Method::Message if self.leg_of(request).is_some() => {
                self.office(turn).refuse(server, 405, Some(("Allow", ALLOW)));
            }
            Method::Message => self.on_unowned(turn, server, request, method),
            Method::Invite if !in_dialog => self.on_invite(turn, server, request, flow),
            Method::Options if !in_dialog => self.on_options(turn, server),
            // Nobody is sent anywhere but from a call.
            Method::Refer if !in_dialog => self.office(turn).refuse(server, 403, None),
            Method::Invite
            | Method::Update
            | Method::Bye
            | Method::Info
            | Method::Options
            | Method::Prack
            | Method::Refer => {
                self.on_dialog_request(turn, server, (request, method), flow);
            }
            // The stack answers CANCEL and passes ACK elsewhere; `check` refuses the others.
            Method::Ack | Method::Cancel | Method::Notify | Method::Other(_) => {}
        }
    }

    /// Who is behind a NAT is answered where its request came from, with or without `rport`: challenges too, else it would never get past them.
    /// Whether it is who it says does not matter for that. Numbers that there are not are treated as accounts are unless told otherwise, so that the way of
    /// an answer does not tell which there are.
    fn mind_nat(&self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: &Flow) {
        let named = request.from().ok().and_then(|address| address.uri.user_decoded());
        let nat = match named.and_then(|number| self.settings.directory.extension(&number)) {
            Some(account) => account.nat,
            None if self.standing(turn.now, flow.remote) == Standing::Trunk => return,
            None => Nat::Auto,
        };
        if behind_nat(nat, request, flow) {
            turn.stack.answer_to_source(server);
        }
    }

    /// RFC 3261 section 11.2.
    fn on_options(&mut self, turn: &mut Turn<'_>, server: ServerId) {
        let headers = [
            ("Allow", ALLOW),
            ("Allow-Events", ALLOW_EVENTS),
            ("Accept", SDP),
            ("Accept-Encoding", "identity"),
            ("Supported", SUPPORTED_WITH_OFFER),
            ("Server", PRODUCT),
        ];
        self.office(turn).respond(server, &Answer { headers: &headers, ..Answer::new(200) });
    }

    /// RFC 3261 section 12.2.2.
    fn on_dialog_request(
        &mut self,
        turn: &mut Turn<'_>,
        server: ServerId,
        (request, method): (&Message<'_>, Method<'_>),
        flow: Flow,
    ) {
        let Some(leg) = self.leg_of(request) else {
            return self.on_unowned(turn, server, request, method);
        };
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        if !self.calls.get_mut(&leg.call).is_some_and(|call| call.in_order(leg.number, cseq)) {
            return self.office(turn).refuse(server, 500, None);
        }
        if method == Method::Options {
            return self.on_options(turn, server);
        }
        if method == Method::Refer {
            return self.on_refer(turn, leg, server, request);
        }
        self.tell(turn, leg.call, |call, office| {
            call.heard(leg.number, flow);
            if method == Method::Bye {
                call.on_bye(office, leg.number, server);
            } else if method == Method::Info {
                call.on_info(office, leg.number, server, request);
            } else if method == Method::Prack {
                call.on_prack(office, leg.number, server, request);
            } else {
                call.on_renegotiation(office, leg.number, server, request);
            }
        });
    }

    /// A request within a dialog that is not there, or whose BYE is out.
    fn on_unowned(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, method: Method<'_>) {
        // Two BYEs crossed: each side's is answered (RFC 5407 section 3.1.6).
        let crossed = method == Method::Bye && self.office(turn).is_mortal(request);
        // RFC 3261 section 15.1.2 and 12.2.2.
        self.office(turn).refuse(server, if crossed { 200 } else { 481 }, None);
    }

    /// Whose a request is. `None`: it was answered.
    pub(super) fn authenticate(
        &mut self,
        turn: &mut Turn<'_>,
        server: ServerId,
        request: &Message<'_>,
        flow: Flow,
    ) -> Option<String> {
        let verdict = self.authenticator.verify(turn.now, request, &self.settings, Source::of(flow.remote.ip()));
        let stale = match verdict {
            Verdict::Accepted { number } => return Some(number),
            Verdict::Challenge { stale } => stale,
            Verdict::Replayed => {
                turn.out.push(Effect::Fact(Fact::AuthFailed { source: flow.remote, replayed: true }));
                true
            }
            Verdict::Refused => {
                turn.out.push(Effect::Fact(Fact::AuthFailed { source: flow.remote, replayed: false }));
                self.office(turn).refuse(server, 403, None);
                return None;
            }
        };
        let challenges = self.authenticator.challenge(turn.now, &self.settings, Source::of(flow.remote.ip()), stale);
        let mut headers: Vec<(&str, &str)> = Vec::with_capacity(3);
        headers.extend(challenges.iter().map(|challenge| ("WWW-Authenticate", challenge.as_str())));
        headers.push(("Server", PRODUCT));
        self.office(turn).respond(server, &Answer { headers: &headers, once: true, ..Answer::new(401) });
        None
    }
}
