//! [`Notifier`]: all subscriptions, the accounts they watch, and what is told to whom when.
//!
//! It is told that something about an account may have changed ([`Notifier::touch`]), is asked which accounts that concerns, and is given their state anew
//! ([`Notifier::tell`]); what is the same as before is told to nobody. It knows neither calls nor bindings nor mailboxes. RFC 6665 section 4.2.

use super::{
    Package, Reason,
    machine::{self, Do, Input, judged},
    state::{Sight, State},
    subscription::{Opening, Subscription, SubscriptionId},
};
use crate::{
    dialog::Course,
    id::CallId,
    limits::{
        NOTIFY_PAUSE, NOTIFY_REFUSALS_MAX, NOTIFY_RETRY, NOTIFY_RETRY_MAX, SUBSCRIPTIONS_MAX,
        SUBSCRIPTIONS_PER_ACCOUNT_MAX,
    },
    message::Message,
    transaction::{ClientId, NotSent, Turn},
    wheel::Wheel,
};
use contract::Instant;
use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a timer of a subscription is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    Expiry(SubscriptionId),
    Pause(SubscriptionId),
}

/// An account that is watched in at least one package.
#[derive(Debug, Default)]
struct Subject {
    packages: [Option<Watched>; Package::ALL.len()],
    /// The calls it may be in.
    calls: BTreeSet<CallId>,
}

/// What is watched of an account.
#[derive(Debug)]
struct Watched {
    state: Arc<State>,
    watchers: BTreeSet<SubscriptionId>,
}

/// Whether there is room for one more subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    /// There is.
    Free,
    /// The watcher has as many as he may.
    WatcherFull,
    /// All have.
    Full,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub struct Notifier {
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// By our tag in their dialogs.
    by_tag: BTreeMap<Box<str>, SubscriptionId>,
    /// By the NOTIFY that is out.
    by_client: BTreeMap<ClientId, SubscriptionId>,
    subjects: BTreeMap<Box<str>, Subject>,
    /// How many a watcher has.
    watchers: BTreeMap<Box<str>, usize>,
    /// Watched accounts of which something may have changed.
    touched: BTreeSet<Box<str>>,
    wheel: Wheel<Due>,
    made: u64,
}

impl Notifier {
    /// Without subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nobody watches anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    /// Subscriptions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether `watcher` may have one more.
    #[must_use]
    pub fn room_for(&self, watcher: &str) -> Room {
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            Room::Full
        } else if self.watchers.get(watcher).is_some_and(|count| *count >= SUBSCRIPTIONS_PER_ACCOUNT_MAX) {
            Room::WatcherFull
        } else {
            Room::Free
        }
    }

    /// Whether the account is watched in anything.
    #[must_use]
    pub fn watches(&self, number: &str) -> bool {
        self.subjects.contains_key(number)
    }

    /// Begins a subscription, whose first NOTIFY goes out at once (RFC 6665 section 4.2.1.2). `calls` are those of the account.
    pub fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        domain: &str,
        opening: Opening,
        state: State,
        calls: impl IntoIterator<Item = CallId>,
    ) {
        self.forget_earlier(&opening);
        self.made += 1;
        let id = SubscriptionId(self.made);
        let (number, package) = (opening.number.clone(), opening.package);
        let subject = self.subjects.entry(number.clone()).or_default();
        subject.calls.extend(calls);
        let watched = subject.packages[package.place()]
            .get_or_insert_with(|| Watched { state: Arc::new(state.clone()), watchers: BTreeSet::new() });
        watched.watchers.insert(id);
        *self.watchers.entry(opening.watcher.clone()).or_default() += 1;
        self.by_tag.insert(opening.dialog.local_tag().into(), id);
        let mut subscription = Subscription::new(opening);
        subscription.expiry = Some(self.wheel.arm(subscription.expires_at, Due::Expiry(id)));
        self.subscriptions.insert(id, subscription);
        // The others may not have been told yet what this one is told now.
        self.tell(turn, domain, &number, state);
        if self.subscriptions.get(&id).is_some_and(|subscription| subscription.machine == machine::State::Idle) {
            self.step(turn, domain, id, Input::Changed);
        }
    }

    /// Answers a watcher that only wants to know (RFC 6665 section 4.4.3): one NOTIFY, and it is over.
    pub fn fetch(turn: &mut Turn<'_>, domain: &str, opening: Opening, state: &State) {
        Subscription::new(opening).notify_last(turn, domain, Reason::Timeout, Some(state));
    }

    /// A phone that lost its memory subscribes again with another Call-ID. What it had by the same contact is forgotten without a word: it would not
    /// know it.
    //
    // Deviates: RFC 6665 section 4.2.2 wants a last NOTIFY for a subscription that the notifier ends. A phone that restarts again and again would be told
    // of hundreds it never heard of, and one with two alike is told by 481 when it refreshes.
    fn forget_earlier(&mut self, opening: &Opening) {
        let Some(subject) = self.subjects.get(&opening.number) else { return };
        let Some(watched) = &subject.packages[opening.package.place()] else { return };
        let is_earlier = |id: &&SubscriptionId| {
            self.subscriptions.get(id).is_some_and(|earlier| {
                earlier.watcher == opening.watcher
                    && earlier.event_id == opening.event_id
                    && earlier.dialog.target() == opening.dialog.target()
            })
        };
        let earlier: Vec<_> = watched.watchers.iter().filter(is_earlier).copied().collect();
        for id in earlier {
            self.remove(id);
        }
    }

    /// The subscription whose dialog a request belongs to.
    #[must_use]
    pub fn owner_of(&self, request: &Message<'_>) -> Option<SubscriptionId> {
        let to = request.to().ok()?;
        let tag = core::str::from_utf8(to.tag()?).ok()?;
        let id = *self.by_tag.get(tag)?;
        self.subscriptions.get(&id)?.dialog.owns_request(request).then_some(id)
    }

    /// Whether a subscription is of this package and Event `id`.
    #[must_use]
    pub fn is_of(&self, id: SubscriptionId, package: Package, event_id: Option<&[u8]>) -> bool {
        self.subscriptions.get(&id).is_some_and(|subscription| {
            subscription.package == package && subscription.event_id.as_deref().map(str::as_bytes) == event_id
        })
    }

    /// Judges the order of a request in the dialog, RFC 3261 section 12.2.2.
    pub fn in_order(&mut self, id: SubscriptionId, cseq: u32) -> bool {
        self.subscriptions.get_mut(&id).is_some_and(|subscription| subscription.dialog.in_order(cseq))
    }

    /// Our Contact in a subscription's dialog.
    #[must_use]
    pub fn contact_of(&self, id: SubscriptionId) -> Option<&str> {
        self.subscriptions.get(&id).map(|subscription| subscription.dialog.contact())
    }

    /// A SUBSCRIBE within the dialog: it lives until `expires_at`, is reached by `course`, and is told everything again.
    pub fn refresh(
        &mut self,
        turn: &mut Turn<'_>,
        domain: &str,
        id: SubscriptionId,
        (request, course): (&Message<'_>, Course),
        expires_at: Instant,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        // A Contact that cannot be read leaves the one of before.
        let _ = subscription.dialog.refresh(request);
        subscription.dialog.take_course(course);
        subscription.expires_at = expires_at;
        if let Some(before) = subscription.expiry.replace(self.wheel.arm(expires_at, Due::Expiry(id))) {
            self.wheel.disarm(before);
        }
        subscription.tell_all();
        self.step(turn, domain, id, Input::Changed);
    }

    /// Ends a subscription with a last NOTIFY.
    pub fn end(&mut self, turn: &mut Turn<'_>, domain: &str, id: SubscriptionId, reason: Reason) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let step = machine::next(subscription.machine, Input::Over);
        subscription.machine = step.state;
        if step.effects.contains(&Do::NotifyLast) {
            let state = match reason {
                Reason::Timeout => {
                    let subject = self.subjects.get(&subscription.number);
                    subject.and_then(|subject| subject.packages[subscription.package.place()].as_ref())
                }
                // Whoever may not see it is not told it.
                Reason::Rejected | Reason::NoResource | Reason::Deactivated => None,
            };
            subscription.notify_last(turn, domain, reason, state.map(|watched| &*watched.state));
        }
        self.remove(id);
    }

    /// Something about the account may have changed.
    pub fn touch(&mut self, number: &str) {
        if let Some((number, _)) = self.subjects.get_key_value(number)
            && !self.touched.contains(number)
        {
            self.touched.insert(number.clone());
        }
    }

    /// Something about the account's part in a call may have changed.
    pub fn touch_call(&mut self, number: &str, call: CallId) {
        if let Some(subject) = self.subjects.get_mut(number) {
            subject.calls.insert(call);
            self.touch(number);
        }
    }

    /// Something that every account shows may have changed.
    pub fn touch_all(&mut self) {
        self.touched.extend(self.subjects.keys().cloned());
    }

    /// The next account of which something may have changed.
    pub fn take_touched(&mut self) -> Option<Box<str>> {
        self.touched.pop_first()
    }

    /// In what an account is watched.
    pub fn packages_of(&self, number: &str) -> impl Iterator<Item = Package> + use<> {
        let is_watched = self.subjects.get(number).map(|subject| subject.packages.each_ref().map(Option::is_some));
        let is_watched = is_watched.unwrap_or_default();
        Package::ALL.into_iter().filter(move |package| is_watched[package.place()])
    }

    /// The calls that a watched account may be in; those that are not `up` any more are forgotten.
    pub fn calls_of(&mut self, number: &str, up: impl Fn(CallId) -> bool) -> Vec<CallId> {
        let Some(subject) = self.subjects.get_mut(number) else { return Vec::new() };
        subject.calls.retain(|call| up(*call));
        subject.calls.iter().copied().collect()
    }

    /// The state of an account in a package; its watchers are told if it is another than before.
    pub fn tell(&mut self, turn: &mut Turn<'_>, domain: &str, number: &str, state: State) {
        let Some(subject) = self.subjects.get_mut(number) else { return };
        let Some(watched) = &mut subject.packages[state.package().place()] else { return };
        if *watched.state == state {
            return;
        }
        watched.state = Arc::new(state);
        let concerned: Vec<_> = watched.watchers.iter().copied().collect();
        for id in concerned {
            self.step(turn, domain, id, Input::Changed);
        }
    }

    /// Ends what may not go on: `standing` says for watcher and watched account what may be seen, or why nothing.
    pub fn review(
        &mut self,
        turn: &mut Turn<'_>,
        domain: &str,
        standing: impl Fn(&str, &str, Package) -> Result<Sight, Reason>,
    ) {
        let mut over = Vec::new();
        for (id, subscription) in &mut self.subscriptions {
            match standing(&subscription.watcher, &subscription.number, subscription.package) {
                Ok(sight) if sight == subscription.sight => {}
                Ok(sight) => {
                    subscription.sight = sight;
                    over.push((*id, None));
                }
                Err(reason) => over.push((*id, Some(reason))),
            }
        }
        for (id, reason) in over {
            match reason {
                Some(reason) => self.end(turn, domain, id, reason),
                None => {
                    if let Some(subscription) = self.subscriptions.get_mut(&id) {
                        subscription.tell_all();
                    }
                    self.step(turn, domain, id, Input::Changed);
                }
            }
        }
    }

    /// A NOTIFY of ours has a final answer. `false`: the request was none.
    pub fn answered(&mut self, turn: &mut Turn<'_>, domain: &str, client: ClientId, response: &Message<'_>) -> bool {
        let status = response.status().unwrap_or(500);
        let Some(id) = self.by_client.get(&client).copied() else { return false };
        if status < 200 {
            return true;
        }
        self.by_client.remove(&client);
        let after = response.retry_after().ok().flatten();
        self.settle(turn, domain, id, judged(status, after.is_some()), after);
        true
    }

    /// A NOTIFY of ours will have no answer. `false`: the request was none.
    pub fn unanswered(&mut self, turn: &mut Turn<'_>, domain: &str, client: ClientId) -> bool {
        let Some(id) = self.by_client.remove(&client) else { return false };
        // RFC 6665 section 4.2.2: "If the NOTIFY request fails … due to a timeout condition …, the notifier SHOULD remove the subscription".
        self.settle(turn, domain, id, Input::Refused, None);
        true
    }

    fn settle(
        &mut self,
        turn: &mut Turn<'_>,
        domain: &str,
        id: SubscriptionId,
        input: Input,
        retry_after: Option<u32>,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        subscription.client = None;
        let input = if input == Input::Answered {
            subscription.refusals = 0;
            input
        } else {
            subscription.refusals += 1;
            // What was refused was not told.
            subscription.tell_all();
            if subscription.refusals >= NOTIFY_REFUSALS_MAX { Input::Refused } else { input }
        };
        let retry = retry_after.map_or(NOTIFY_RETRY, |seconds| Duration::from_secs(seconds.into()));
        self.step_after(turn, domain, id, input, retry.clamp(NOTIFY_PAUSE, NOTIFY_RETRY_MAX));
    }

    fn step(&mut self, turn: &mut Turn<'_>, domain: &str, id: SubscriptionId, input: Input) {
        self.step_after(turn, domain, id, input, NOTIFY_RETRY);
    }

    fn step_after(&mut self, turn: &mut Turn<'_>, domain: &str, id: SubscriptionId, input: Input, retry: Duration) {
        let Self { subscriptions, subjects, wheel, by_client, .. } = self;
        let Some(subscription) = subscriptions.get_mut(&id) else { return };
        let step = machine::next(subscription.machine, input);
        subscription.machine = step.state;
        let mut failed = None;
        for effect in step.effects {
            match effect {
                Do::Notify => {
                    let subject = subjects.get(&subscription.number);
                    let watched = subject.and_then(|subject| subject.packages[subscription.package.place()].as_ref());
                    let Some(watched) = watched else { continue };
                    match subscription.notify(turn, domain, &watched.state) {
                        Ok(client) => {
                            subscription.client = Some(client);
                            by_client.insert(client, id);
                        }
                        Err(NotSent::Exhausted) => failed = Some(Input::Deferred),
                        Err(NotSent::Unreachable) => failed = Some(Input::Refused),
                    }
                }
                Do::ArmPause => subscription.pause = Some(wheel.arm(turn.now + NOTIFY_PAUSE, Due::Pause(id))),
                Do::ArmRetry => subscription.pause = Some(wheel.arm(turn.now + retry, Due::Pause(id))),
                // The end goes through `end`, which says why.
                Do::DisarmPause | Do::NotifyLast => {}
            }
        }
        if let Some(input) = failed {
            return self.settle(turn, domain, id, input, None);
        }
        if step.state == machine::State::Terminated {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.remove(&id) else { return };
        for timer in [subscription.expiry, subscription.pause].into_iter().flatten() {
            self.wheel.disarm(timer);
        }
        if let Some(client) = subscription.client {
            self.by_client.remove(&client);
        }
        self.by_tag.remove(subscription.dialog.local_tag());
        if let Some(count) = self.watchers.get_mut(&subscription.watcher) {
            *count -= 1;
            if *count == 0 {
                self.watchers.remove(&subscription.watcher);
            }
        }
        let Some(subject) = self.subjects.get_mut(&subscription.number) else { return };
        let slot = &mut subject.packages[subscription.package.place()];
        if let Some(watched) = slot {
            watched.watchers.remove(&id);
            if watched.watchers.is_empty() {
                *slot = None;
            }
        }
        if subject.packages.iter().all(Option::is_none) {
            self.subjects.remove(&subscription.number);
            self.touched.remove(&subscription.number);
        }
    }

    /// When the next timer is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Carries out every timer that is due.
    pub fn fire(&mut self, turn: &mut Turn<'_>, domain: &str) {
        while let Some((_, due)) = self.wheel.pop_due(turn.now) {
            match due {
                // RFC 6665 section 4.2.1.2: a subscription that runs out is told so.
                Due::Expiry(id) => {
                    if let Some(subscription) = self.subscriptions.get_mut(&id) {
                        subscription.expiry = None;
                    }
                    self.end(turn, domain, id, Reason::Timeout);
                }
                Due::Pause(id) => {
                    if let Some(subscription) = self.subscriptions.get_mut(&id) {
                        subscription.pause = None;
                    }
                    self.step(turn, domain, id, Input::PauseOver);
                }
            }
        }
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        let hold = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
        let (mut timers, mut telling, mut watching) = (0, 0, 0);
        for (id, subscription) in &self.subscriptions {
            let Subscription { machine, expiry, pause, client, dialog, .. } = subscription;
            hold(*machine != machine::State::Terminated, "a subscription that is over is taken out at once")?;
            hold(
                machine.is_telling() == client.is_some(),
                "a subscription waits for its NOTIFY's answer exactly while it tells",
            )?;
            hold(machine.is_pausing() == pause.is_some(), "a subscription that pauses has a timer")?;
            hold(self.by_tag.get(dialog.local_tag()) == Some(id), "every subscription is found by its tag")?;
            hold(expiry.is_some(), "every subscription runs out")?;
            timers += 1 + usize::from(pause.is_some());
            telling += usize::from(client.is_some());
        }
        hold(timers == self.wheel.len(), "every timer of an event belongs to a subscription")?;
        hold(telling == self.by_client.len(), "every NOTIFY belongs to a subscription")?;
        hold(self.by_tag.len() == self.subscriptions.len(), "no tag outlives its subscription")?;
        for subject in self.subjects.values() {
            for watched in subject.packages.iter().flatten() {
                hold(!watched.watchers.is_empty(), "nothing is watched by nobody")?;
                watching += watched.watchers.len();
            }
        }
        hold(watching == self.subscriptions.len(), "every subscription watches something")?;
        hold(self.watchers.values().sum::<usize>() == watching, "every subscription is counted for its watcher")?;
        hold(self.touched.is_empty(), "what has changed is told at once")
    }
}
