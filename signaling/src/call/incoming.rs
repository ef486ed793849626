//! A phone calls: the caller's leg, and what is asked of the callee's phones.

use super::{Call, End, Leg, Office, Phase, Signal, Wish, alarm::Alarm, describe, fork::Branch, reliable::Reliably};
use crate::{
    dialog::{self, Dialog},
    fact::{CallState, HangupCause},
    flow::Flow,
    id::CallId,
    message::{Header, Malformed, Message, escaped},
    routing::Obstacle,
    settings::{Nat, Settings, Trunk},
    transaction::ServerId,
    trunk::Identity,
};
use std::sync::Arc;

/// An INVITE of an account that has proved who it is, or of a trunk that is known by its address.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The new call's name.
    pub id: CallId,
    /// The INVITE's transaction.
    pub server: ServerId,
    /// The INVITE.
    pub request: &'a Message<'a>,
    /// Where it came from.
    pub flow: Flow,
    /// The caller's number.
    pub from: &'a str,
    /// What was dialled.
    pub to: &'a str,
    /// The settings that hold for the call's life.
    pub settings: Arc<Settings>,
    /// The trunk that it came by, and who calls there; `None`: an account of ours calls.
    pub trunk: Option<(Arc<Trunk>, Identity)>,
}

/// Whether a request comes through a NAT, as far as its headers tell: Via or Contact name another address than it came from.
pub(crate) fn behind_nat(nat: Nat, request: &Message<'_>, flow: &Flow) -> bool {
    let differs = |host: Option<crate::message::Host<'_>>| {
        host.and_then(|host| host.ip()).is_some_and(|ip| ip != flow.remote.ip())
    };
    match nat {
        Nat::Yes => true,
        Nat::No => false,
        Nat::Auto => {
            let via = request.top_via().ok();
            let contact = request.contacts().ok().and_then(|contacts| contacts.iter().next());
            differs(via.map(|via| via.host())) || contact.is_some_and(|contact| differs(contact.uri.host()))
        }
    }
}

impl Call {
    /// A call of which only the caller is known.
    ///
    /// # Errors
    /// The INVITE cannot make a dialog: 400.
    pub(crate) fn arrive(office: &mut Office<'_>, arrival: &Arrival<'_>) -> Result<Self, Malformed> {
        let Arrival { id, request, from, to, settings, trunk, .. } = arrival;
        let phase = Phase::Dialling { early: None, told: None };
        let mut call = Self::begin(*id, Arc::clone(settings), from, to, office.now, phase);
        call.max_forwards = request.max_forwards()?.unwrap_or(70);
        let leg = call.caller_of(office, arrival, 0)?;
        call.legs.push(leg);
        call.tell_beginning(office, 0);
        call.first_branch = 1;
        call.note_outside(request, trunk.as_ref());
        if trunk.is_none() {
            office.books.enter(from);
            call.counted.push((*from).into());
        }
        call.tell_state(office, CallState::Calling);
        let body = request.body();
        if !body.is_empty() {
            call.offer = Some(body.into());
        }
        Ok(call)
    }

    /// The leg that an INVITE to us makes.
    ///
    /// # Errors
    /// It cannot make a dialog: 400.
    pub(super) fn caller_of(
        &self,
        office: &mut Office<'_>,
        arrival: &Arrival<'_>,
        number: u16,
    ) -> Result<Leg, Malformed> {
        let Arrival { server, request, flow, from, to, trunk, .. } = arrival;
        let nat = match trunk {
            Some((trunk, _)) => Some(trunk.nat),
            None => self.settings.directory.extension(from).map(|account| account.nat),
        };
        let nat = nat.is_some_and(|nat| behind_nat(nat, request, flow));
        let tag = office.stack.tag();
        let course = dialog::course_of(request, *flow, nat);
        let mut dialog = Dialog::asked(office.stack, request, &tag, &escaped(to), course)?;
        if let Some(credentials) = trunk.as_ref().and_then(|(trunk, _)| trunk.credentials.clone()) {
            dialog.prove_with(credentials);
        }
        let mut leg = Leg::new(number, from, Signal::Invited { server: *server }, office.now, office.talk());
        leg.contact = dialog.target().into();
        leg.user_agent = header_text(request, Header::UserAgent);
        leg.allows_update = request.lists(Header::Allow, "UPDATE");
        leg.allows_info = request.lists(Header::Allow, "INFO");
        leg.reliably = Reliably::of(request);
        leg.wish = Some(Wish::of(request));
        leg.behind_nat = nat;
        leg.web = super::protect::is_web(flow.transport);
        leg.dialog = Some(dialog);
        leg.trunk = trunk.as_ref().map(|(trunk, _)| Arc::clone(trunk));
        let id = self.leg_id(number);
        office.books.dialogs.insert(tag.into(), id);
        office.books.servers.insert(*server, id);
        Ok(leg)
    }

    /// Refuses the caller before anybody was asked.
    pub(crate) fn refuse(&mut self, office: &mut Office<'_>, status: u16, cause: HangupCause) {
        self.end(office, End { cause, status: Some(status), by: None });
    }

    /// Reads the caller's offer. `false`: it cannot be used, and the call is over.
    pub(super) fn take_offer(&mut self, office: &mut Office<'_>) -> bool {
        let Some(offer) = self.offer.as_deref() else { return true };
        let view = match describe::view(offer) {
            Ok(view) => view,
            Err(fault) => {
                self.refuse(office, fault.status(), HangupCause::Incompatible);
                return false;
            }
        };
        let caller = self.caller;
        if let Err(why) = self.may_offer(caller, &view.carriage) {
            self.warning = Some(why.warning());
            self.refuse(office, 488, HangupCause::Unprotected);
            return false;
        }
        if let Some(leg) = self.leg_mut(caller) {
            leg.talk.remote = Some(view);
        }
        true
    }

    /// Rings the phones of `callee`.
    pub(crate) fn dial(&mut self, office: &mut Office<'_>, callee: &str) {
        let settings = Arc::clone(&self.settings);
        let Some(account) = settings.directory.extension(callee) else {
            return self.refuse(office, 404, HangupCause::Unreachable);
        };
        let from: Box<str> = self.from.clone();
        // A call to oneself counts twice.
        let over = |number: &str, limit: usize| office.books.calls_of(number) > limit;
        if self.calling_account().is_some_and(|caller| over(&from, caller.call_limit)) {
            return self.refuse(office, 486, HangupCause::Exhausted);
        }
        // RFC 3261 section 16.3 step 3, which a B2BUA that passes calls on owes as well: loops end.
        if self.max_forwards == 0 {
            return self.refuse(office, 483, HangupCause::Unreachable);
        }
        let phones = self.phones_of(office, account);
        if phones.is_empty() {
            if self.divert(office, callee, Obstacle::Unreachable) {
                return;
            }
            return self.refuse(office, 480, HangupCause::Unreachable);
        }
        if office.books.calls_of(callee) >= account.call_limit {
            if self.divert(office, callee, Obstacle::Busy) {
                return;
            }
            return self.refuse(office, 486, HangupCause::Refused);
        }
        if !self.originated && !self.take_offer(office) {
            return;
        }
        if !self.has_common_format(&account.codecs) {
            return self.refuse(office, 488, HangupCause::Incompatible);
        }
        office.books.enter(callee);
        self.counted.push(callee.into());
        self.callee = Some(callee.into());
        let ring_for =
            if account.no_answer_after.is_zero() { settings.calls.ring_max } else { account.no_answer_after };
        office.arm(self.id, &mut self.alarms, Alarm::Ring, ring_for);
        self.open_caller(office);
        for phone in phones {
            self.add_branch(office, Branch { party: callee, phone, trunk: None });
        }
        self.measure();
    }
}

/// A header field as text for the record, at most 100 letters of it.
pub(super) fn header_text(message: &Message<'_>, name: Header) -> Box<str> {
    let value = message.header(name).unwrap_or_default();
    String::from_utf8_lossy(value).chars().filter(|letter| !letter.is_control()).take(100).collect::<String>().into()
}
