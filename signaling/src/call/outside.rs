//! Calls by trunks: placed on the trunks of a route one after the other until one serves, and what is known of a call that came in by one (TRK-02).
//!
//! The next trunk is tried when one is silent for its `answer_timeout`, cannot be reached, or answers 408 or 5xx; never after another refusal, which speaks for the
//! callee (486, 600, 603 and all other 4xx and 6xx), and never after the callee's phone rang. Which trunk is well is known to [`crate::trunk`].

use super::{Call, End, Office, PRODUCT, Phase, Signal, alarm::Alarm, fork::Branch, target};
use crate::{
    fact::{CallDirection, Choice, HangupCause},
    id::LegId,
    limits::{RULE_FIELD_BYTES_MAX, RULE_FIELDS_MAX, TRUNK_ATTEMPTS_MAX},
    message::{Message, escaped},
    routing::TrunkPlan,
    settings::{EarlyMedia, HOPS, Nat, RuleDirection, Trunk, is_protected},
    transaction::ClientId,
    trunk::{Experience, Field, Filled, Full, Identity, Told, Trunks, extra, is_hidden},
};
use core::time::Duration;
use smallvec::SmallVec;
use std::sync::Arc;

/// What concerns trunks in a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    /// Who calls, when a trunk does.
    caller: Option<Identity>,
    /// The account that calls does not want to be shown.
    hidden: bool,
    /// Header fields of the caller's INVITE that rules may read; only where there are rules, and until somebody answered.
    fields: Vec<Field>,
    /// How often the call was passed on before us.
    hops: u32,
    /// Channels taken: the leg and its trunk.
    channels: SmallVec<[(u16, Arc<Trunk>); 1]>,
    /// The search for a trunk that serves.
    search: Option<Search>,
}

/// The search for a trunk that serves.
#[derive(Clone, Debug)]
struct Search {
    /// What the trunks are to be sent.
    number: Box<str>,
    emergency: bool,
    /// Trunks that were not tried, the next one last.
    left: Vec<Arc<Trunk>>,
    tried: usize,
    /// The leg of the trunk that is tried.
    current: u16,
    /// What the last one answered.
    status: u16,
}

/// What a leg is told in its INVITE of who calls whom.
#[derive(Debug)]
pub(super) struct Introduction {
    /// From, without tag.
    pub(super) from: String,
    /// To.
    pub(super) to: String,
    /// The user part of our Contact.
    pub(super) user: String,
    /// More header fields.
    pub(super) fields: Vec<Field>,
}

impl Outside {
    /// Heap octets held.
    pub(super) fn heap_bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + value.len() + size_of::<Field>()).sum();
        let caller = self.caller.as_ref().map_or(0, |caller| caller.name.len() + caller.number.len());
        let left = self.search.as_ref().map_or(0, |search| search.number.len() + search.left.capacity() * 8);
        size_of::<Self>() + fields + caller + left
    }
}

impl Call {
    /// Notes what the caller's INVITE says that trunks, or phones called by a trunk, may have to know.
    pub(super) fn note_outside(&mut self, invite: &Message<'_>, trunk: Option<&(Arc<Trunk>, Identity)>) {
        let trunks = &self.settings.trunks;
        if trunk.is_none() && trunks.is_empty() {
            return;
        }
        let fields = if trunks.have_rules() { readable(invite) } else { Vec::new() };
        self.outside = Some(Box::new(Outside {
            caller: trunk.map(|(_, caller)| caller.clone()),
            hidden: is_hidden(invite),
            fields,
            hops: hops(invite),
            ..Outside::default()
        }));
    }

    /// Takes a channel of the trunk that the call came by.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn enter_by_trunk(&mut self, office: &mut Office<'_>) -> Result<(), Full> {
        let leg = self.leg_id(self.caller);
        let Some(trunk) = self.caller_leg().and_then(|leg| leg.trunk.clone()) else { return Ok(()) };
        office.books.trunks.take(office.now, &trunk.name, leg)?;
        self.outside.get_or_insert_default().channels.push((leg.number, trunk));
        Ok(())
    }

    /// Gives back the channels of legs that are over.
    pub(crate) fn release_channels(&mut self, trunks: &mut Trunks) {
        let Some(outside) = &mut self.outside else { return };
        let (id, over, legs) = (self.id, matches!(self.phase, Phase::Over { .. }), &self.legs);
        outside.channels.retain(|(number, trunk)| {
            let signal = legs.get(usize::from(*number)).map(|leg| &leg.signal);
            let holds = !over && !matches!(signal, None | Some(Signal::Gone | Signal::Cancelling { .. }));
            if !holds {
                trunks.give_back(&trunk.name, LegId { call: id, number: *number });
            }
            holds
        });
    }

    /// Another call takes a leg over that holds a channel: it is not this one's any more.
    pub(super) fn hand_channel(&mut self, number: u16) -> Option<Arc<Trunk>> {
        let channels = &mut self.outside.as_mut()?.channels;
        let at = channels.iter().position(|(leg, _)| *leg == number)?;
        Some(channels.remove(at).1)
    }

    /// Takes over the channel that the leg `from` of another call holds; here it is `number`.
    pub(super) fn keep_channel(&mut self, trunks: &mut Trunks, trunk: Arc<Trunk>, from: LegId, number: u16) {
        trunks.rename(&trunk.name, from, self.leg_id(number));
        self.outside.get_or_insert_default().channels.push((number, trunk));
    }

    /// The legs that hold a channel of a trunk.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (&str, u16)> {
        let channels = self.outside.iter().flat_map(|outside| &outside.channels);
        channels.map(|(number, trunk)| (trunk.name.as_str(), *number))
    }

    /// Which way the call goes.
    pub(super) fn direction(&self) -> CallDirection {
        match &self.outside {
            Some(outside) if outside.search.is_some() => CallDirection::Outbound,
            Some(outside) if outside.caller.is_some() => CallDirection::Inbound,
            Some(_) | None => CallDirection::Internal,
        }
    }

    /// Places the call on the trunks of a route.
    pub(crate) fn dial_out(&mut self, office: &mut Office<'_>, plan: &TrunkPlan) {
        let from = self.from.clone();
        let limit = self.calling_account().map(|caller| caller.call_limit);
        // Emergency calls are never limited.
        if !plan.emergency && limit.is_some_and(|limit| office.books.calls_of(&from) > limit) {
            return self.refuse(office, 486, HangupCause::Exhausted);
        }
        // RFC 3261 section 16.3 step 3, as for calls to our own phones.
        if self.max_forwards == 0 {
            return self.refuse(office, 483, HangupCause::Unreachable);
        }
        if !self.originated
            && self.caller_leg().is_some_and(|leg| leg.talk.remote.is_none())
            && !self.take_offer(office)
        {
            return;
        }
        let Office { now, stack, books, .. } = office;
        let mut left = books.trunks.order(*now, &plan.trunks, plan.emergency, || stack.random());
        left.reverse();
        self.outside.get_or_insert_default().search = Some(Search {
            number: plan.number.as_str().into(),
            emergency: plan.emergency,
            left,
            tried: 0,
            current: u16::MAX,
            status: 503,
        });
        if self.session.address(self.caller_member()).is_none() {
            self.open_caller(office);
        }
        if !self.next_trunk(office) {
            let status = self.refusal_of_trunks().unwrap_or(503);
            let cause = if status == 488 { HangupCause::Incompatible } else { HangupCause::Unreachable };
            self.hopeless(office, End { cause, status: Some(status), by: None });
        }
        self.measure();
    }

    /// Tries the next trunk. `false`: there is none.
    fn next_trunk(&mut self, office: &mut Office<'_>) -> bool {
        loop {
            let Some(search) = self.outside.as_mut().and_then(|outside| outside.search.as_mut()) else { return false };
            let Some(trunk) = search.left.pop().filter(|_| search.tried < TRUNK_ATTEMPTS_MAX) else { return false };
            let name = Arc::clone(&trunk);
            match self.try_trunk(office, trunk) {
                Ok(()) => return true,
                Err(status) => {
                    let trunk = || name.name.clone();
                    office.decided(self.id, None, || Choice::TrunkPassedOver { trunk: trunk(), status });
                    if let Some(search) = self.outside.as_mut().and_then(|outside| outside.search.as_mut()) {
                        search.status = status;
                    }
                }
            }
        }
    }

    /// Asks a trunk.
    ///
    /// # Errors
    /// The status that says why it is not asked.
    fn try_trunk(&mut self, office: &mut Office<'_>, trunk: Arc<Trunk>) -> Result<(), u16> {
        if !self.has_common_format(&trunk.codecs) {
            return Err(488);
        }
        let number = u16::try_from(self.legs.len()).map_err(|_| 503_u16)?;
        let leg = self.leg_id(number);
        let Some(outside) = self.outside.as_mut() else { return Err(503) };
        let Some(search) = outside.search.as_mut() else { return Err(503) };
        let uri = trunk.uri_of(&escaped(&trunk.plus.write(&search.number)));
        let Some(mut phone) = target::fixed(office, &uri) else {
            office.books.trunks.met(office.now, &trunk.name, Experience::Silent, office.out);
            return Err(503);
        };
        phone.behind_nat = trunk.nat == Nat::Yes;
        if search.emergency {
            let goes = office.books.trunks.take_for_emergency(office.now, &trunk.name, leg);
            office.books.preempted.extend(goes);
        } else if office.books.trunks.take(office.now, &trunk.name, leg).is_err() {
            return Err(503);
        }
        outside.channels.push((number, Arc::clone(&trunk)));
        (search.current, search.tried) = (number, search.tried + 1);
        let party = search.number.clone();
        let ring_for = trunk.ring_timeout;
        office.arm(self.id, &mut self.alarms, Alarm::Ring, ring_for);
        self.add_branch(office, Branch { party: &party, phone, trunk: Some(trunk) });
        Ok(())
    }

    /// A trunk said nothing for its `answer_timeout`.
    pub(super) fn trunk_is_silent(&mut self, office: &mut Office<'_>) {
        let Some(search) = self.outside.as_ref().and_then(|outside| outside.search.as_ref()) else { return };
        let number = search.current;
        let Some(leg) = self.leg_mut(number) else { return };
        let (Signal::Inviting { client, rang: false }, Some(trunk)) = (&leg.signal, &leg.trunk) else { return };
        // RFC 3261 section 17.1.1.2: a 100 is a sign of life too; what is behind it has the time that the far end allows.
        if office.stack.is_proceeding(*client) {
            return;
        }
        leg.status = 408;
        let name = trunk.name.clone();
        office.books.trunks.met(office.now, &name, Experience::Silent, office.out);
        office.decided(self.id, Some(number), || Choice::TrunkFailed { status: 408 });
        self.give_up(office, number);
        self.note_refusal(408);
        if !self.next_trunk(office) {
            self.hopeless(office, End { cause: HangupCause::Unreachable, status: Some(503), by: None });
        }
    }

    fn note_refusal(&mut self, status: u16) {
        if let Some(search) = self.outside.as_mut().and_then(|outside| outside.search.as_mut()) {
            search.status = status;
        }
    }

    /// A trunk cannot be reached, or its INVITE ended without an answer.
    pub(super) fn trunk_failed(&mut self, office: &mut Office<'_>, number: u16, status: u16) {
        if let Some(trunk) = self.leg(number).filter(|leg| leg.is_hoped_for()).and_then(|leg| leg.trunk.clone()) {
            office.books.trunks.met(office.now, &trunk.name, Experience::Silent, office.out);
        }
        self.branch_over(office, number, status);
    }

    /// Takes an answer of a branch as what it tells of its trunk. Returns the status that counts.
    pub(super) fn heard_of_trunk(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) -> u16 {
        let status = response.status().unwrap_or(0);
        let Some(leg) = self.leg(number) else { return status };
        let Some(trunk) = leg.trunk.clone() else { return status };
        let status = trunk.statuses.get(&status).copied().unwrap_or(status);
        if matches!(leg.signal, Signal::Inviting { .. }) {
            let after = || response.retry_after().ok().flatten().map(|seconds| Duration::from_secs(seconds.into()));
            let what = match status {
                503 => Experience::Unavailable(after()),
                401 | 407 | 408 | 500..=599 => Experience::Failed,
                _ => Experience::Served,
            };
            office.books.trunks.met(office.now, &trunk.name, what, office.out);
            office.disarm(&mut self.alarms, Alarm::Trunk);
        }
        status
    }

    /// What the caller is told of a provisional answer that came by a trunk.
    pub(super) fn early_of_trunk<'b>(&self, number: u16, status: u16, body: &'b [u8]) -> (u16, &'b [u8]) {
        let trunk = self.leg(number).and_then(|leg| leg.trunk.as_ref());
        match trunk.map(|trunk| trunk.early_media) {
            Some(EarlyMedia::Ring) => (if status == 183 { 180 } else { status }, &[]),
            Some(EarlyMedia::Relay) | None => (status, body),
        }
    }

    /// A branch is over. `true`: another trunk is tried instead, which nobody is whose phone rang.
    pub(super) fn fails_over(&mut self, office: &mut Office<'_>, (number, status): (u16, u16), rang: bool) -> bool {
        let Some(search) = self.outside.as_mut().and_then(|outside| outside.search.as_mut()) else { return false };
        if search.current != number {
            return false;
        }
        if status != 0 {
            search.status = status;
        }
        if rang || !is_worth_another(status) {
            return false;
        }
        office.decided(self.id, Some(number), || Choice::TrunkFailed { status });
        self.next_trunk(office)
    }

    /// What the caller is told when no trunk served; `None`: none was searched for.
    pub(super) fn refusal_of_trunks(&self) -> Option<u16> {
        let search = self.outside.as_ref()?.search.as_ref().filter(|search| search.current >= self.first_branch)?;
        Some(if is_worth_another(search.status) { 503 } else { super::fork::presentable(search.status) })
    }

    /// Whether trunks were searched for.
    pub(super) fn goes_outside(&self) -> bool {
        self.refusal_of_trunks().is_some()
    }

    /// Somebody answered: what was kept for further tries is not needed any more.
    pub(super) fn forget_tries(&mut self) {
        if let Some(outside) = &mut self.outside {
            outside.fields = Vec::new();
            if let Some(search) = &mut outside.search {
                search.left = Vec::new();
            }
        }
    }

    /// The caller who came by a trunk, as it named him.
    pub(super) fn visitor(&self) -> Option<&Identity> {
        self.outside.as_deref()?.caller.as_ref()
    }

    /// What a leg is told of who calls whom.
    pub(super) fn introduction(&self, number: u16) -> Option<Introduction> {
        let leg = self.leg(number)?;
        let domain = &self.settings.domain;
        let outside = self.outside.as_deref();
        let fields = outside.map_or(&[][..], |outside| &outside.fields);
        let filled = Filled { caller: &self.from, callee: &self.to, fields };
        let mut told: Vec<Field> = vec![("User-Agent".into(), PRODUCT.into())];
        if let Some(trunk) = &leg.trunk {
            let Told { from, fields } = self.caller_identity().told_to(trunk);
            told.extend(fields);
            extra(&trunk.headers, RuleDirection::Out, &mut told, &filled);
            told.push((HOPS.into(), (outside.map_or(0, |outside| outside.hops) + 1).to_string().into()));
            let to = format!("<sip:{}@{}>", escaped(&trunk.plus.write(&leg.party)), trunk.domain());
            return Some(Introduction { from, to, user: trunk.contact_user.clone(), fields: told });
        }
        let to = format!("<sip:{}@{domain}>", escaped(&leg.party));
        let (from, user) = match (self.phase, outside.and_then(|outside| outside.caller.as_ref())) {
            // The phone that is to call sees whom it will call.
            (Phase::Summoning, _) => (self.shown_as(&self.to), &*self.to),
            // Within a transfer a phone is asked for who waits.
            _ if self.caller_leg().is_some_and(|leg| leg.is_confirmed() && leg.number != self.origin) => {
                let waits = self.caller_leg().map_or(&self.from, |leg| &leg.party);
                (self.shown_of(self.caller), &**waits)
            }
            (_, Some(caller)) => {
                told.extend(caller.history.iter().cloned());
                if let Some(trunk) = self.caller_leg().and_then(|leg| leg.trunk.as_ref()) {
                    extra(&trunk.headers, RuleDirection::In, &mut told, &filled);
                }
                (caller.shown(domain), if caller.hidden { "anonymous" } else { &*self.from })
            }
            (_, None) => (self.shown_as(&self.from), &*self.from),
        };
        Some(Introduction { from, to, user: escaped(user), fields: told })
    }

    /// Who calls, as a trunk may be told it.
    fn caller_identity(&self) -> Identity {
        let outside = self.outside.as_deref();
        if let Some(caller) = outside.and_then(|outside| outside.caller.clone()) {
            return caller;
        }
        let hidden = outside.is_some_and(|outside| outside.hidden);
        match self.calling_account() {
            Some(account) => Identity::of_account(account, hidden),
            None => Identity { number: (*self.from).to_owned(), hidden, ..Identity::default() },
        }
    }

    /// A request of ours in a leg's dialog was challenged. Returns the name of the one that was sent instead.
    pub(crate) fn challenged(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        client: ClientId,
        response: &Message<'_>,
    ) -> Option<ClientId> {
        let leg = self.leg_mut(number)?;
        if matches!(leg.signal, Signal::Cancelling { .. }) {
            return None;
        }
        let again = leg.dialog.as_mut()?.challenged(office.now, office.stack, office.out, response)?;
        let asks = matches!(&leg.signal, Signal::Inviting { client: own, .. } if *own == client);
        let timeout = leg.trunk.as_ref().map(|trunk| trunk.answer_timeout).filter(|_| asks);
        if let Signal::Inviting { client: own, .. } = &mut leg.signal
            && asks
        {
            *own = again;
        }
        if let Some(timeout) = timeout {
            office.stack.share_time(office.now, again, office.now + timeout);
            office.arm(self.id, &mut self.alarms, Alarm::Trunk, timeout);
        }
        self.rename_request(client, again);
        Some(again)
    }
}

/// Whether a refusal says nothing of the callee, so that another trunk may do better: challenges that cannot be answered, 408 and 5xx.
const fn is_worth_another(status: u16) -> bool {
    matches!(status, 401 | 407 | 408 | 500..=599)
}

/// How often an INVITE says that it was passed on between exchanges like this one.
#[must_use]
pub(crate) fn hops(invite: &Message<'_>) -> u32 {
    let value = invite.named(HOPS).next().and_then(crate::message::number);
    value.map_or(0, |value| u32::try_from(value).unwrap_or(u32::MAX))
}

/// The header fields of an INVITE that rules may read.
fn readable(invite: &Message<'_>) -> Vec<Field> {
    let text = |bytes| core::str::from_utf8(bytes).ok();
    let fields = invite.lines().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    fields
        .filter(|(name, value)| !is_protected(name) && value.len() <= RULE_FIELD_BYTES_MAX)
        .take(RULE_FIELDS_MAX)
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
