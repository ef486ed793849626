//! SUBSCRIBE: who may watch whom, for how long, and what is said to those who may not (RFC 6665 section 4.2.1).

use super::{invite::dialled, switchboard::Switchboard, watch::sight};
use crate::{
    call::{PRODUCT, behind_nat},
    dialog::{Course, Dialog, course_of},
    event::{ALLOW_EVENTS, Event, Notifier, Opening, Reason, Room, SubscriptionId},
    flow::Flow,
    limits::{EVENT_ID_BYTES_MAX, RETRY_AFTER},
    message::Message,
    settings::SubscriptionSettings,
    transaction::{Answer, ServerId, Turn},
};
use core::time::Duration;

/// How long something lives that asked for a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Granted {
    /// This long.
    For(Duration),
    /// It shall end now.
    End,
    /// Too brief: 423.
    TooBrief,
}

/// An interval of an hour is never too brief (RFC 6665 section 4.2.1.1).
const LONG_ENOUGH: Duration = Duration::from_secs(3600);

/// What is granted to who asks for `asked` seconds; RFC 6665 section 4.2.1.1, RFC 3903 section 6 step 4.
pub(super) fn granted(asked: Option<u32>, limits: &SubscriptionSettings) -> Granted {
    match asked.map(|seconds| Duration::from_secs(seconds.into())) {
        None => Granted::For(limits.expires_default),
        Some(Duration::ZERO) => Granted::End,
        Some(asked) if asked < limits.expires_min && asked < LONG_ENOUGH => Granted::TooBrief,
        Some(asked) => Granted::For(asked.min(limits.expires_max)),
    }
}

impl Switchboard {
    pub(super) fn on_subscribe(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: Flow) {
        // RFC 6665 section 8.2.1 and 4.2.1.1.
        let Some(event) = Event::of(request) else { return self.refuse_event(turn, server) };
        if event.id.is_some_and(|id| id.len() > EVENT_ID_BYTES_MAX) {
            return self.office(turn).refuse(server, 400, None);
        }
        if request.to().is_ok_and(|to| to.tag().is_some()) {
            return self.on_resubscribe(turn, server, (request, event), flow);
        }
        let Some(watcher) = self.authenticate(turn, server, request, flow) else { return };
        // An account watches under its own number only.
        let named = request.from().ok().and_then(|address| address.uri.user_decoded());
        if named.as_deref() != Some(&watcher) {
            return self.office(turn).refuse(server, 403, None);
        }
        let number = dialled(request).unwrap_or_default();
        let sight = match sight(&self.settings.directory, &watcher, &number, event.package) {
            Ok(sight) => sight,
            Err(Reason::NoResource) => return self.office(turn).refuse(server, 404, None),
            Err(Reason::Rejected | Reason::Timeout | Reason::Deactivated) => {
                return self.office(turn).refuse(server, 403, None);
            }
        };
        // RFC 3261 section 21.4.7.
        if !event.package.is_accepted_by(request) {
            return self.office(turn).refuse(server, 406, None);
        }
        let granted = granted(request.expires().ok().flatten(), &self.settings.subscription);
        let life = match granted {
            Granted::TooBrief => return self.refuse_brief(turn, server),
            Granted::End => Duration::ZERO,
            Granted::For(life) => life,
        };
        match self.notifier.room_for(&watcher) {
            Room::WatcherFull if !life.is_zero() => return self.office(turn).refuse(server, 403, None),
            Room::Full if !life.is_zero() => {
                let retry = RETRY_AFTER.as_secs().to_string();
                return self.office(turn).refuse(server, 503, Some(("Retry-After", &retry)));
            }
            Room::Free | Room::WatcherFull | Room::Full => {}
        }
        let course = self.course_to(&watcher, request, flow);
        let tag = turn.stack.tag();
        let Ok(mut dialog) = Dialog::asked(turn.stack, request, &tag, &number, course) else {
            return self.office(turn).refuse(server, 400, None);
        };
        dialog.confirm();
        self.activity.insert(watcher.as_str().into(), turn.now);
        self.grant(turn, server, (&tag, dialog.contact()), life);
        let calls = self.calls_of(&number);
        let state = self.state_of(turn.now, &number, event.package, &calls);
        let opening = Opening {
            watcher: watcher.into(),
            number: number.into(),
            package: event.package,
            event_id: event.id.map(|id| String::from_utf8_lossy(id).into()),
            sight,
            dialog,
            expires_at: turn.now + life,
        };
        if life.is_zero() {
            return Notifier::fetch(turn, &self.settings.domain, opening, &state);
        }
        self.notifier.begin(turn, &self.settings.domain, opening, state, calls);
    }

    /// A SUBSCRIBE within a dialog: the watcher wants it to go on, or to end (RFC 6665 sections 4.1.2.2 and 4.1.2.3).
    fn on_resubscribe(
        &mut self,
        turn: &mut Turn<'_>,
        server: ServerId,
        (request, event): (&Message<'_>, Event<'_>),
        flow: Flow,
    ) {
        let Some(id) = self.notifier.owner_of(request) else {
            // RFC 6665 section 4.5.2 has no subscription within the dialog of a call; 481 would end the call (RFC 5057 section 5.1).
            let status = if self.leg_of(request).is_some() { 403 } else { 481 };
            return self.office(turn).refuse(server, status, None);
        };
        if !self.notifier.is_of(id, event.package, event.id) {
            return self.office(turn).refuse(server, 403, None);
        }
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        if !self.notifier.in_order(id, cseq) {
            return self.office(turn).refuse(server, 500, None);
        }
        match granted(request.expires().ok().flatten(), &self.settings.subscription) {
            Granted::TooBrief => self.refuse_brief(turn, server),
            Granted::End => {
                self.grant_again(turn, server, id, Duration::ZERO);
                self.notifier.end(turn, &self.settings.domain, id, Reason::Timeout);
            }
            Granted::For(life) => {
                self.grant_again(turn, server, id, life);
                let watcher = request.from().ok().and_then(|from| from.uri.user_decoded()).unwrap_or_default();
                let course = self.course_to(&watcher, request, flow);
                let until = turn.now + life;
                self.notifier.refresh(turn, &self.settings.domain, id, (request, course), until);
            }
        }
    }

    /// The way to who sent `request` by `flow`.
    fn course_to(&self, number: &str, request: &Message<'_>, flow: Flow) -> Course {
        let account = self.settings.directory.extension(number);
        course_of(request, flow, account.is_some_and(|account| behind_nat(account.nat, request, &flow)))
    }

    fn grant_again(&mut self, turn: &mut Turn<'_>, server: ServerId, id: SubscriptionId, life: Duration) {
        let contact = self.notifier.contact_of(id).unwrap_or_default().to_owned();
        self.grant(turn, server, ("", &contact), life);
    }

    /// RFC 6665 section 4.2.1.1: 200, with the time granted.
    fn grant(&mut self, turn: &mut Turn<'_>, server: ServerId, (tag, contact): (&str, &str), life: Duration) {
        let life = life.as_secs().to_string();
        let headers = [("Expires", life.as_str()), ("Contact", contact), ("Server", PRODUCT)];
        let to_tag = (!tag.is_empty()).then_some(tag);
        let answer = Answer { to_tag, headers: &headers, record_route: true, ..Answer::new(200) };
        self.office(turn).respond(server, &answer);
    }

    /// RFC 6665 section 4.2.1.1: 489, with the packages that we know (section 8.2.2).
    pub(super) fn refuse_event(&mut self, turn: &mut Turn<'_>, server: ServerId) {
        self.office(turn).refuse(server, 489, Some(("Allow-Events", ALLOW_EVENTS)));
    }

    /// 423, with the least that is granted.
    pub(super) fn refuse_brief(&mut self, turn: &mut Turn<'_>, server: ServerId) {
        let min = self.settings.subscription.expires_min.as_secs().to_string();
        self.office(turn).refuse(server, 423, Some(("Min-Expires", &min)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_granted_keeps_the_limits() {
        let limits = |min, max| SubscriptionSettings {
            expires_min: Duration::from_secs(min),
            expires_max: Duration::from_secs(max),
            expires_default: Duration::from_secs(1_000),
        };
        let granted_for = |seconds| Granted::For(Duration::from_secs(seconds));
        for (asked, min, max, wanted) in [
            (None, 60, 7_200, granted_for(1_000)),
            (Some(0), 60, 7_200, Granted::End),
            (Some(59), 60, 7_200, Granted::TooBrief),
            (Some(60), 60, 7_200, granted_for(60)),
            (Some(9_000), 60, 7_200, granted_for(7_200)),
            (Some(u32::MAX), 60, 7_200, granted_for(7_200)),
            // RFC 6665 section 4.2.1.1: an hour may be shortened, but is never refused.
            (Some(3_600), 5_000, 7_200, granted_for(3_600)),
            (Some(3_599), 5_000, 7_200, Granted::TooBrief),
        ] {
            assert_eq!(granted(asked, &limits(min, max)), wanted, "{asked:?} with at least {min}");
        }
    }
}
