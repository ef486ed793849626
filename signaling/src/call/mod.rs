//! Calls: a B2BUA that joins legs.
//!
//! A [`Call`] is one value: its [`Leg`]s, its media [`crate::media::Session`], at most one exchange of offer and answer, and its alarms. Everything that happens to it
//! enters by a method of this module with an [`Office`] in hand and runs to completion. By subject: `incoming` and `originate` begin a call, `fork`
//! reaches the callee's phones, `answer` joins the two, `negotiate` and `describe` turn one party's description into the other's, `renegotiate` passes
//! re-INVITE and UPDATE on, `timer` sees that sessions are refreshed, `reliable` that provisional responses arrive, `transfer` gives a party to another one, `outside` places it on trunks, `divert` leads it on when the callee is not reached, `relay` passes INFO, `digits` the keys pressed, `formats` chooses codecs, `protect` keys, `music` is what a held party hears, `silence` watches the media, `hangup` ends it, `record` writes it down, `recording` has it recorded, `watched` shows it to other phones.
//!
//! It deliberately does not know who may call (`pbx`), where a number leads (`routing`), or what a feature wants (`feature`, which orders by
//! [`Action`]). RFC 3261 sections 12 to 15, 3262, 3264, 3311, 3515, 3891, 4028, 6026.

mod action;
mod alarm;
mod answer;
mod describe;
mod digits;
mod divert;
mod exchange;
mod fork;
mod formats;
mod hangup;
mod incoming;
mod leg;
mod local;
mod music;
mod negotiate;
mod office;
mod originate;
mod outside;
mod protect;
mod record;
mod recording;
mod redirect;
mod relay;
mod reliable;
mod renegotiate;
mod seed;
mod silence;
mod stray;
mod target;
mod timer;
mod transfer;
mod watched;

#[cfg(feature = "faults")]
mod fault;

pub use action::{Action, Happening};
pub use alarm::{Alarm, CallAlarm};
#[cfg(feature = "faults")]
pub use fault::Fault;
pub use hangup::End;
pub use incoming::Arrival;
pub(crate) use incoming::behind_nat;
pub use leg::{Leg, Signal};
pub(crate) use office::Purpose;
pub use office::{ALLOW, Books, Office, PRODUCT, SDP, SUPPORTED, SUPPORTED_WITH_OFFER};
pub(crate) use outside::hops;
pub(crate) use redirect::is_ours;
pub(crate) use stray::{answer_stray, declined};
pub(crate) use target::targets_of;
pub(crate) use timer::Wish;
pub(crate) use transfer::Referral;
pub use transfer::{Dialling as TransferDialling, Order, TransferDo, TransferInput, TransferState, transfer_next};

use crate::{
    fact::{CallState, Choice, Fact, HangupCause, LegBeginning, TransferRecord},
    id::{CallId, LegId},
    media::Session,
    settings::{Extension, Settings, Terms},
    transaction::{ClientId, ServerId},
};
use alarm::Alarms;
use contract::{Instant, Keypress, LegReport, MediaEvent, MemberId};
use exchange::{Exchange, Stage};
use smallvec::SmallVec;
use std::sync::Arc;

/// How far a call is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The phones of an account ring because the API wants it to call.
    Summoning,
    /// The callee is being reached.
    Dialling {
        /// The leg whose early media the caller hears.
        early: Option<u16>,
        /// The last status told to the caller, and of which leg.
        told: Option<(u16, u16)>,
    },
    /// Answered.
    Connected,
    /// Over; what remains is its record and what peers still owe us.
    Over {
        /// How it ended.
        end: End,
        /// When.
        at: Instant,
    },
}

/// Whom the caller is joined with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Partner {
    /// Nobody yet.
    None,
    /// This leg.
    Leg(u16),
    /// This device.
    Device(MemberId),
}

/// A call.
#[derive(Debug)]
pub struct Call {
    id: CallId,
    settings: Arc<Settings>,
    phase: Phase,
    state: CallState,
    from: Box<str>,
    to: Box<str>,
    legs: Vec<Leg>,
    /// The leg that counts as the caller.
    caller: u16,
    partner: Partner,
    session: Session,
    recordings: recording::Recordings,
    /// The caller's offer, kept until somebody answered.
    offer: Option<Box<[u8]>>,
    max_forwards: u8,
    exchange: Option<Exchange>,
    relays: SmallVec<[relay::Relay; 1]>,
    /// Legs that we owe a re-INVITE.
    owed: SmallVec<[renegotiate::Owed; 2]>,
    /// Provisional responses to the caller that are acknowledged.
    reliable: Option<Box<reliable::Reliable>>,
    /// The transfer under way.
    transfer: Option<Box<transfer::Transfer>>,
    /// A party that is to take the place of another one.
    replacement: Option<Box<transfer::Replacement>>,
    /// Transfers so far.
    transfers: Vec<TransferRecord>,
    /// The call that this one's parties went on in.
    part_of: Option<CallId>,
    /// The tone that one of the parties hears.
    tone: Option<transfer::Tone>,
    /// The leg that began the call.
    origin: u16,
    alarms: Alarms,
    /// Accounts whose limit counts this call.
    counted: SmallVec<[Box<str>; 2]>,
    happenings: SmallVec<[Happening; 2]>,
    driven: bool,
    started_at: Instant,
    answered_at: Option<Instant>,
    /// The first leg of the party that is called; those before it are the caller's own.
    first_branch: u16,
    redirects: usize,
    /// The account whose phones ring; it is counted.
    callee: Option<Box<str>>,
    /// The accounts that led the call on, the first first.
    diverted: SmallVec<[Box<str>; 1]>,
    bytes_max: usize,
    originated: bool,
    /// The leg whose music the other hears.
    holder: Option<u16>,
    /// What a refusal of the caller says of its reason.
    warning: Option<&'static str>,
    /// What concerns trunks.
    outside: Option<Box<outside::Outside>>,
}

impl Call {
    fn begin(id: CallId, settings: Arc<Settings>, from: &str, to: &str, now: Instant, phase: Phase) -> Self {
        Self {
            id,
            settings,
            phase,
            state: CallState::Idle,
            from: from.into(),
            to: to.into(),
            legs: Vec::with_capacity(2),
            caller: 0,
            partner: Partner::None,
            session: Session::new(id.session()),
            recordings: recording::Recordings::default(),
            offer: None,
            max_forwards: 70,
            exchange: None,
            relays: SmallVec::new(),
            owed: SmallVec::new(),
            reliable: None,
            transfer: None,
            replacement: None,
            transfers: Vec::new(),
            part_of: None,
            tone: None,
            origin: 0,
            alarms: Alarms::default(),
            counted: SmallVec::new(),
            happenings: SmallVec::new(),
            driven: false,
            started_at: now,
            answered_at: None,
            first_branch: 0,
            redirects: 0,
            callee: None,
            diverted: SmallVec::new(),
            bytes_max: 0,
            originated: false,
            holder: None,
            warning: None,
            outside: None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// How far it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Its state as told outside.
    #[must_use]
    pub const fn state(&self) -> CallState {
        self.state
    }

    /// The caller's number.
    #[must_use]
    pub const fn from(&self) -> &str {
        &self.from
    }

    /// The dialled number.
    #[must_use]
    pub const fn to(&self) -> &str {
        &self.to
    }

    /// Its legs.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Its media.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Timers armed.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.alarms.count()
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// Whether nothing is awaited any more, so that its record can be written.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_over() && !self.session.is_open() && self.exchange.is_none()
    }

    /// Whether a number is one of its parties.
    #[must_use]
    pub fn involves(&self, number: &str) -> bool {
        self.legs.iter().any(|leg| leg.trunk.is_none() && *leg.party == *number && !leg.is_gone())
    }

    /// Whether an alarm is armed.
    #[must_use]
    pub fn has_alarm(&self, alarm: Alarm) -> bool {
        self.alarms.is_armed(alarm)
    }

    /// Checks what must hold within the call.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check(&self) -> Result<(), &'static str> {
        let waiting = matches!(self.exchange, Some(Exchange { stage: Stage::Answered { .. }, .. }));
        if waiting != self.has_alarm(Alarm::Acknowledgement) {
            return Err("an answer is repeated and watched until its ACK");
        }
        let hearing = self.session.hearing();
        let absent = |number: u16| self.session.member(MemberId(number)).is_none();
        if hearing.rows().iter().any(|row| absent(row.member.0)) {
            return Err("only members of a call hear or are heard in it");
        }
        if self.is_over() && self.legs.iter().any(|leg| leg.is_hoped_for()) {
            return Err("nobody rings for a call that is over");
        }
        if self.is_over() && (self.transfer.is_some() || self.replacement.is_some() || self.reliable.is_some()) {
            return Err("nothing is begun in a call that is over");
        }
        if self.has_alarm(Alarm::Progress) != self.reliable.as_ref().is_some_and(|reliable| reliable.is_pending()) {
            return Err("a reliable response is repeated until its PRACK");
        }
        Ok(())
    }

    /// Judges the order of a request in a leg's dialog, RFC 3261 section 12.2.2.
    pub(crate) fn in_order(&mut self, number: u16, cseq: u32) -> bool {
        self.leg_mut(number).and_then(|leg| leg.dialog.as_mut()).is_some_and(|dialog| dialog.in_order(cseq))
    }

    /// Takes what happened since it was last asked, in order.
    pub(crate) fn take_happenings(&mut self) -> SmallVec<[Happening; 2]> {
        core::mem::take(&mut self.happenings)
    }

    fn leg(&self, number: u16) -> Option<&Leg> {
        self.legs.get(usize::from(number))
    }

    fn leg_mut(&mut self, number: u16) -> Option<&mut Leg> {
        self.legs.get_mut(usize::from(number))
    }

    fn caller_member(&self) -> MemberId {
        MemberId(self.caller)
    }

    /// A request of ours bears another name, because it was sent again.
    fn rename_request(&mut self, before: ClientId, after: ClientId) {
        if let Some(Exchange { stage: Stage::Asked { client, .. }, .. }) = &mut self.exchange
            && *client == before
        {
            *client = after;
        }
        for relay in self.relays.iter_mut().filter(|relay| relay.client == before) {
            relay.client = after;
        }
        for timer in self.legs.iter_mut().filter_map(|leg| leg.timer.as_mut()) {
            timer.asked = timer.asked.map(|asked| if asked == before { after } else { asked });
        }
    }

    fn leg_id(&self, number: u16) -> LegId {
        LegId { call: self.id, number }
    }

    fn caller_leg(&self) -> Option<&Leg> {
        self.leg(self.caller)
    }

    /// Tells that a leg's dialog begins.
    fn tell_beginning(&self, office: &mut Office<'_>, number: u16) {
        let Some(leg) = self.leg(number) else { return };
        let Some(dialog) = &leg.dialog else { return };
        office.decided(self.id, Some(number), || {
            Choice::LegBegan(LegBeginning {
                call_id: dialog.call_id().to_owned(),
                party: (*leg.party).to_owned(),
                trunk: leg.trunk.as_ref().map(|trunk| trunk.name.clone()).unwrap_or_default(),
                contact: (*leg.contact).to_owned(),
                behind_nat: leg.behind_nat,
                calls: matches!(leg.signal, Signal::Invited { .. }),
            })
        });
    }

    /// The other party of a joined leg.
    fn other(&self, number: u16) -> Option<u16> {
        match self.partner {
            Partner::Leg(callee) if number == self.caller => Some(callee),
            Partner::Leg(callee) if number == callee => Some(self.caller),
            Partner::Leg(_) | Partner::Device(_) | Partner::None => None,
        }
    }

    fn account(&self, number: &str) -> Option<&Extension> {
        self.settings.directory.extension(number)
    }

    /// The account that calls; `None`: a trunk does, or nobody we know.
    fn calling_account(&self) -> Option<&Extension> {
        let inside = self.caller_leg().is_none_or(|leg| leg.trunk.is_none());
        if inside { self.account(&self.from) } else { None }
    }

    /// What media a leg's party may use.
    fn terms(&self, number: u16) -> Terms<'_> {
        terms_of(&self.settings, self.leg(number))
    }

    fn happened(&mut self, happening: Happening) {
        if self.driven {
            self.happenings.push(happening);
        }
    }

    /// Something happened that features hear of whether they drive the call or not.
    fn happened_anyway(&mut self, happening: Happening) {
        self.happenings.push(happening);
    }

    /// Tells the state outside if it changed.
    fn tell_state(&mut self, office: &mut Office<'_>, state: CallState) {
        if self.state != state {
            self.state = state;
            office.fact(Fact::CallChanged { call: self.id, state });
        }
    }

    fn measure(&mut self) {
        self.bytes_max = self.bytes_max.max(self.bytes());
    }

    /// A CANCEL came for one of the call's INVITEs that has no final answer yet.
    pub(crate) fn on_cancel(&mut self, office: &mut Office<'_>, number: u16, server: ServerId) {
        if self.is_replacement(number) {
            return self.drop_replacement(office, 487);
        }
        let initial =
            self.leg(number).is_some_and(|leg| matches!(leg.signal, Signal::Invited { server: own } if own == server));
        if initial {
            // RFC 3261 section 9.2: 487 to the INVITE.
            self.end(office, End { cause: HangupCause::Cancelled, status: Some(487), by: Some(number) });
        } else {
            self.cancel_renegotiation(office, server);
        }
    }

    /// An alarm is due.
    pub(crate) fn on_alarm(&mut self, office: &mut Office<'_>, alarm: Alarm) {
        self.alarms.take(alarm);
        match alarm {
            Alarm::Ring => self.nobody_answered(office),
            Alarm::Trunk => self.trunk_is_silent(office),
            Alarm::Session => self.sessions_due(office),
            Alarm::Progress => self.repeat_progress(office),
            Alarm::Keys => self.happened_anyway(Happening::Waited),
            Alarm::Length => self.end(office, End::by_us(HangupCause::LengthLimit)),
            Alarm::Repeat => self.repeat_answer(office),
            Alarm::Acknowledgement => self.never_acknowledged(office),
            Alarm::Renegotiation => self.renegotiation_overdue(office),
            Alarm::Retry => self.pay(office),
            Alarm::Silence => self.still_silent(office),
            Alarm::MediaClose => {
                self.session.closed(&mut office.books.door);
                self.recorders_gone(office);
            }
        }
    }

    /// Something happened to the call's media.
    pub(crate) fn on_media(&mut self, office: &mut Office<'_>, event: MediaEvent) {
        match event {
            MediaEvent::LegOpened { member, rtp, .. } => {
                if self.session.opened(member, rtp) && !self.is_over() {
                    self.ports_opened(office, member);
                }
            }
            MediaEvent::LegRefused { member, why, .. } => {
                if self.session.refused(member) && !self.is_over() {
                    office.fact(Fact::MediaRefused { call: self.id, why });
                    self.ports_refused(office, member.0);
                }
            }
            MediaEvent::DigitPressed { member, digit, length, .. } => {
                self.digit_pressed(office, member.0, Keypress { digit, length });
            }
            MediaEvent::SourceLearned { .. } | MediaEvent::TalkChanged { .. } | MediaEvent::PlayerEnded { .. } => {}
            MediaEvent::RecorderEnded { recording, frames_lost, .. } => {
                self.recorder_ended(office, recording, frames_lost);
            }
            MediaEvent::LegSecured { member, .. } => self.secured(member.0),
            MediaEvent::LegUnsecured { member, why, .. } => self.unsecured(office, member.0, why),
            MediaEvent::LegSilent { member, .. } => self.fell_silent(office, member.0),
            MediaEvent::LegMeasured { member, report, .. } => {
                self.measured(office, member, report);
                self.heard_again(member.0, report.packets_received);
            }
            MediaEvent::LegClosed { member, report, .. } => {
                self.measured(office, member, report);
                self.session.leg_closed(member);
            }
            MediaEvent::SessionClosed { .. } => {
                if self.is_over() {
                    office.disarm(&mut self.alarms, Alarm::MediaClose);
                    self.session.closed(&mut office.books.door);
                    self.recorders_gone(office);
                } else {
                    // The shard lost the session: without media there is no call.
                    self.session.closed(&mut office.books.door);
                    self.end(office, End::by_us(HangupCause::Fault));
                    self.recorders_gone(office);
                }
            }
        }
    }

    /// Takes a leg's figures, and tells which targets they miss.
    fn measured(&mut self, office: &mut Office<'_>, member: MemberId, report: LegReport) {
        for (target, first) in self.session.measured(member, report) {
            office.fact(Fact::QualityMissed { call: self.id, leg: member.0, target, first });
        }
    }

    /// Carries out a feature's order.
    pub(crate) fn perform(&mut self, office: &mut Office<'_>, action: Action) {
        if self.is_over() {
            return;
        }
        match action {
            Action::Join(device) => self.join_device(office, device),
            Action::Answer => self.answer_ourselves(office),
            Action::HangUp => self.end(office, End::by_us(HangupCause::Operator)),
            Action::Wait(time) => office.arm(self.id, &mut self.alarms, Alarm::Keys, time),
            Action::Transfer(order) => self.obey(office, order),
        }
    }

    /// One of our requests of this call will have no answer. `false`: it was not of a leg that still waits.
    pub(crate) fn is_asking(&self, number: u16, client: ClientId) -> bool {
        match self.leg(number).map(|leg| &leg.signal) {
            Some(Signal::Inviting { client: own, .. } | Signal::Cancelling { client: own }) => *own == client,
            Some(Signal::Invited { .. } | Signal::Opening(_) | Signal::Confirmed | Signal::Gone) | None => false,
        }
    }
}

/// What media the party of a leg may use.
fn terms_of<'s>(settings: &'s Settings, leg: Option<&'s Leg>) -> Terms<'s> {
    match leg.map(|leg| (&leg.trunk, &leg.party)) {
        Some((Some(trunk), _)) => Terms::from(&**trunk),
        Some((None, party)) => settings.directory.extension(party).map(Terms::from).unwrap_or_default(),
        None => Terms::default(),
    }
}
