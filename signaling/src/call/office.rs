//! What a call may use while it is told something: transactions, timers, the door to media, and the books in which it finds itself again.

use super::{
    alarm::{Alarm, Alarms, CallAlarm},
    leg::Talk,
    seed::Seed,
};
use crate::{
    dialog::{Ask, Course, Dialog, Tags},
    effect::{Effect, Effects},
    fact::{Choice, Decision, Fact},
    id::{CallId, LegId},
    media::Door,
    message::{Message, Method},
    registrar::Registrar,
    settings::Settings,
    transaction::{Answer, ClientId, ServerId, Stack},
    trunk::Trunks,
    wall::WallTime,
    wheel::Wheel,
};
use contract::{Instant, NodeId, RecordingId, ShardId};
use core::time::Duration;
use std::collections::BTreeMap;

/// Methods we serve, for Allow.
pub const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, UPDATE, PRACK, REFER, SUBSCRIBE, PUBLISH, MESSAGE";

/// Option tags we know, for Supported: RFC 3327, 4028, 3891, 4488.
pub const SUPPORTED: &str = "path, timer, replaces, norefersub";

/// The same in an INVITE with an offer, and where we are asked for all we know: RFC 3262 too.
pub const SUPPORTED_WITH_OFFER: &str = "path, timer, replaces, norefersub, 100rel";

/// Our name, for Server and User-Agent.
pub const PRODUCT: &str = "Ironbell";

/// The media type we read and write.
pub const SDP: &str = "application/sdp";

/// Why we sent a request.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// The INVITE that makes a leg's dialog. The course is for the ACK and BYE of an answer that nobody waits for any more; without an offer
    /// in the INVITE, that ACK has to answer the one in the 2xx.
    Invite { leg: LegId, course: Course, offered: bool },
    /// A re-INVITE or UPDATE of a leg's exchange. Without an offer in it, an offer in its 2xx has to be answered.
    Renegotiate { leg: LegId, offered: bool },
    /// An UPDATE that refreshes a leg's session.
    Refresh(LegId),
    /// The PRACK of a leg's provisional response.
    Prack(LegId),
    /// A leg that gave a REFER is told how it goes.
    Notify { leg: LegId, last: bool },
    /// A request passed between parties.
    Relay(LegId),
    /// The BYE of this dialog.
    Bye(Tags),
}

/// An account in calls.
#[derive(Clone, Copy, Debug)]
struct Busy {
    calls: usize,
    shard: Option<ShardId>,
}

/// Calls of an account that is taken for one person, who may want to join two of them. Those of a busier one are spread over all shards.
const LINES_OF_A_PERSON: usize = 3;

/// Where calls find themselves again, and what they share.
#[derive(Debug)]
pub struct Books {
    /// Legs by our tag in their dialogs.
    pub(crate) dialogs: BTreeMap<Box<str>, LegId>,
    /// Dialogs whose BYE is not answered yet. A second phone behind a forking proxy shares our tag with the first, so both tags count.
    pub(crate) mortal: BTreeMap<Tags, Dialog>,
    /// Our requests without a final answer.
    pub(crate) clients: BTreeMap<ClientId, Purpose>,
    /// INVITEs to us without a final answer.
    pub(crate) servers: BTreeMap<ServerId, LegId>,
    /// Calls that an account is in, and the shard of one of them.
    busy: BTreeMap<Box<str>, Busy>,
    /// Trunks.
    pub(crate) trunks: Trunks,
    /// Calls that have to end because an emergency call needs their channel.
    pub(crate) preempted: Vec<CallId>,
    /// Timers of all calls.
    pub(crate) wheel: Wheel<CallAlarm>,
    /// The door to media.
    pub(crate) door: Door,
    /// Recordings there have been.
    recordings: u64,
    /// Decisions are told.
    pub(crate) tells_decisions: bool,
    /// The one fault that is planted.
    #[cfg(feature = "faults")]
    pub(crate) fault: Option<super::Fault>,
}

impl Books {
    /// Empty books.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            dialogs: BTreeMap::new(),
            mortal: BTreeMap::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            busy: BTreeMap::new(),
            trunks: Trunks::new(&settings.trunks),
            preempted: Vec::new(),
            wheel: Wheel::new(),
            door: Door::new(settings.media.shards),
            recordings: 0,
            tells_decisions: false,
            #[cfg(feature = "faults")]
            fault: None,
        }
    }

    /// The name of a recording that begins.
    pub(crate) fn next_recording(&mut self, node: NodeId) -> RecordingId {
        self.recordings += 1;
        RecordingId(u64::from(node.0) << 56 | self.recordings)
    }

    /// Calls that the account is in, in and out together.
    #[must_use]
    pub fn calls_of(&self, number: &str) -> usize {
        self.busy.get(number).map_or(0, |busy| busy.calls)
    }

    /// The shard that another call of the account should be on, so that the two can become one.
    pub(crate) fn shard_of(&self, number: &str) -> Option<ShardId> {
        self.busy.get(number).filter(|busy| busy.calls <= LINES_OF_A_PERSON)?.shard
    }

    /// A call of the account is on this shard.
    pub(crate) fn sits_on(&mut self, number: &str, shard: Option<ShardId>) {
        if let Some(busy) = self.busy.get_mut(number) {
            busy.shard = shard.or(busy.shard);
        }
    }

    /// Accounts that are in a call.
    #[must_use]
    pub fn accounts_busy(&self) -> usize {
        self.busy.len()
    }

    pub(crate) fn enter(&mut self, number: &str) {
        match self.busy.get_mut(number) {
            Some(busy) => busy.calls += 1,
            None => {
                self.busy.insert(number.into(), Busy { calls: 1, shard: None });
            }
        }
    }

    pub(crate) fn leave(&mut self, number: &str) {
        if let Some(busy) = self.busy.get_mut(number) {
            busy.calls -= 1;
            if busy.calls == 0 {
                self.busy.remove(number);
            }
        }
    }

    /// A leg is in another call now: what is awaited of it is awaited there.
    pub(crate) fn rename(&mut self, from: LegId, to: LegId) {
        for purpose in self.clients.values_mut() {
            match purpose {
                Purpose::Invite { leg, .. }
                | Purpose::Renegotiate { leg, .. }
                | Purpose::Refresh(leg)
                | Purpose::Prack(leg)
                | Purpose::Notify { leg, .. }
                | Purpose::Relay(leg) => {
                    if *leg == from {
                        *leg = to;
                    }
                }
                Purpose::Bye(_) => {}
            }
        }
        self.servers.values_mut().filter(|leg| **leg == from).for_each(|leg| *leg = to);
    }

    /// A dialog with this tag of ours whose BYE is out.
    pub(crate) fn mortal_with(&self, tag: &str) -> Option<&Dialog> {
        let (tags, dialog) = self.mortal.range(Tags::least(tag)..).next()?;
        (tags.local() == tag).then_some(dialog)
    }

    /// Plants a fault.
    #[cfg(feature = "faults")]
    pub(crate) fn plant(&mut self, fault: super::Fault) {
        self.fault = Some(fault);
    }

    /// Whether this fault is planted.
    #[cfg(feature = "faults")]
    pub(crate) fn has(&self, fault: super::Fault) -> bool {
        self.fault == Some(fault)
    }
}

/// What a call may use while it is told something.
#[derive(Debug)]
pub struct Office<'o> {
    /// The time of the input.
    pub now: Instant,
    /// The same on the wall.
    pub wall: WallTime,
    /// Transactions.
    pub stack: &'o mut Stack,
    /// Where effects go.
    pub out: &'o mut Effects,
    /// The books.
    pub books: &'o mut Books,
    /// Where accounts can be reached.
    pub registrar: &'o Registrar,
}

impl Office<'_> {
    /// What is to be told to and by a new leg.
    pub(super) fn talk(&mut self) -> Talk {
        let session = self.stack.random() >> 12;
        Talk::new(session, Seed::new(|| self.stack.random()))
    }

    /// Publishes a fact.
    pub(crate) fn fact(&mut self, fact: Fact) {
        self.out.push(Effect::Fact(fact));
    }

    /// Tells what was decided about a call, when somebody wants to know; only then is it made.
    pub(crate) fn decided(&mut self, call: CallId, leg: Option<u16>, choice: impl FnOnce() -> Choice) {
        if self.books.tells_decisions {
            self.out.push(Effect::Fact(Fact::Decided(Box::new(Decision { call, leg, choice: choice() }))));
        }
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, server: ServerId, answer: &Answer<'_>) {
        if answer.status >= 200 {
            self.books.servers.remove(&server);
        }
        self.stack.respond(self.now, server, answer, self.out);
    }

    /// Answers a request with nothing but our name and perhaps one more header.
    pub(crate) fn refuse(&mut self, server: ServerId, status: u16, more: Option<(&str, &str)>) {
        let ours = ("Server", PRODUCT);
        match more {
            Some(more) => self.respond(server, &Answer { headers: &[ours, more], ..Answer::new(status) }),
            None => self.respond(server, &Answer { headers: &[ours], ..Answer::new(status) }),
        }
    }

    /// Arms an alarm of a call, in place of the one of its kind.
    pub(crate) fn arm(&mut self, call: CallId, alarms: &mut Alarms, alarm: Alarm, after: Duration) {
        let timer = self.books.wheel.arm(self.now + after, CallAlarm { call, alarm });
        if let Some(old) = alarms.set(alarm, timer) {
            self.books.wheel.disarm(old);
        }
    }

    /// Disarms an alarm of a call.
    pub(crate) fn disarm(&mut self, alarms: &mut Alarms, alarm: Alarm) {
        #[cfg(feature = "faults")]
        if alarm == Alarm::Ring && self.books.has(super::Fault::TimerNotDisarmed) {
            alarms.take(alarm);
            return;
        }
        if let Some(timer) = alarms.take(alarm) {
            self.books.wheel.disarm(timer);
        }
    }

    /// Ends a dialog with BYE. It is kept until the BYE is answered, so that one that crosses it is answered too (RFC 3261 section 15.1.2).
    pub(crate) fn bye(&mut self, dialog: Dialog) {
        self.bye_because(dialog, None);
    }

    /// As [`Office::bye`], with a Reason header (RFC 3326).
    pub(crate) fn bye_because(&mut self, mut dialog: Dialog, reason: Option<&str>) {
        let headers = [("User-Agent", PRODUCT), ("Reason", reason.unwrap_or_default())];
        let headers = &headers[..if reason.is_some() { 2 } else { 1 }];
        let ask = Ask { method: Method::Bye, max_forwards: 70, headers, body: None };
        if let Ok(client) = dialog.send(self.now, self.stack, self.out, &ask) {
            let tags = dialog.tags();
            if self.books.mortal.insert(tags.clone(), dialog).is_none() {
                self.books.clients.insert(client, Purpose::Bye(tags));
            }
        }
    }

    /// The BYE of a dialog found no way. If the stream broke under it, it is tried once more, now by the peer's Contact.
    pub(crate) fn bye_again(&mut self, tags: &Tags) {
        if let Some(mut dialog) = self.books.mortal.remove(tags)
            && dialog.forget_stream()
        {
            self.bye(dialog);
        }
    }

    /// A request within a dialog whose BYE is out.
    pub(crate) fn is_mortal(&self, request: &Message<'_>) -> bool {
        let tags = Tags::of_request(request);
        tags.and_then(|tags| self.books.mortal.get(&tags)).is_some_and(|dialog| dialog.owns_request(request))
    }

    /// Acknowledges a 2xx that nobody waits for and ends its dialog (RFC 3261 section 13.2.2.4). `answer` is to the offer in it, if it is one.
    pub(crate) fn acknowledge_and_end(&mut self, mut dialog: Dialog, cseq: u32, answer: Option<&[u8]>) {
        // A peer that cannot be reached repeats its 2xx and gives up by itself.
        let _ = dialog.acknowledge(self.now, self.stack, self.out, cseq, answer.map(|body| (SDP, body)));
        self.bye(dialog);
    }
}
