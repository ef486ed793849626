//! The line to one trunk: its REGISTERs and OPTIONS are written and their answers read here, its timers armed, its state told.

use super::{
    Due, Errand, Timers, Turn,
    health::{Down, Experience, Health},
    location::Location,
    registration::{Outcome, Registration},
    usage::Usage,
    whole_seconds,
};
use crate::{
    auth::Authority,
    effect::{Effect, Effects, TrunkView},
    fact::Fact,
    limits::{PROBE_AGAIN, PROBE_WAIT, TRUNK_LOCATE_EVERY},
    locate::Target,
    message::{Header, Message, Method, Uri, equivalent},
    settings::{Credentials, Trunk},
    transaction::{ClientId, NextHop, OutRequest, Stack},
    wheel::TimerId,
};
use contract::Instant;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::sync::Arc;

/// Our name, for User-Agent.
const PRODUCT: &str = "Ironbell";

/// The timers of one line, at most one of each kind.
#[derive(Debug, Default)]
struct Clock([Option<TimerId>; 6]);

impl Clock {
    fn slot(&mut self, due: Due) -> &mut Option<TimerId> {
        &mut self.0[due as usize]
    }

    fn arm(&mut self, timers: &mut Timers, at: Instant, name: &Arc<str>, due: Due) {
        self.disarm(timers, due);
        *self.slot(due) = Some(timers.arm(at, (Arc::clone(name), due)));
    }

    fn disarm(&mut self, timers: &mut Timers, due: Due) {
        if let Some(timer) = self.slot(due).take() {
            timers.disarm(timer);
        }
    }
}

/// The registration with what its messages need.
#[derive(Debug)]
pub(super) struct Registrar {
    machine: Registration,
    authority: Option<Authority>,
    /// RFC 3261 section 10.2: the same for all REGISTERs to one registrar.
    call_id: String,
    tag: String,
    cseq: u32,
    /// The last status; `None`: nothing was answered.
    status: Option<u16>,
}

impl Registrar {
    fn of(trunk: &Trunk) -> Option<Self> {
        trunk.register.map(|wish| Self {
            machine: Registration::new(wish),
            authority: trunk.credentials.clone().map(Authority::new),
            call_id: String::new(),
            tag: String::new(),
            cseq: 0,
            status: None,
        })
    }

    /// That of a trunk whose registration of before stands for the same address and Contact: the provider sees it refreshed.
    fn renewed(self, trunk: &Trunk) -> Option<Self> {
        let fresh = Self::of(trunk)?;
        let machine = self.machine.renewed(fresh.machine.asked());
        Some(Self { machine, authority: fresh.authority, ..self })
    }

    /// Whether the provider knows of it, or may.
    pub(super) fn is_known(&self) -> bool {
        !self.call_id.is_empty()
    }

    /// Answers a challenge of the request in hand. `false`: that is of no use.
    pub(super) fn challenged(&mut self, response: &Message<'_>, dice: u64) -> bool {
        self.authority.as_mut().is_some_and(|authority| authority.challenged(response, dice).is_ok())
    }

    /// Another request begins.
    pub(super) fn begin(&mut self) {
        if let Some(authority) = &mut self.authority {
            authority.begin();
        }
    }

    /// Sends a REGISTER for this time; zero takes the registration back (RFC 3261 section 10.2.2). `None`: there is no way to the provider.
    pub(super) fn send(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        trunk: &Trunk,
        expires: u64,
    ) -> Option<ClientId> {
        let hop = stack.next_hop(&Uri::parse(trunk.server.as_bytes()).ok()?, None)?;
        let (uri, address) = (trunk.place(), address(trunk));
        self.cseq += 1;
        let proofs = self.authority.as_mut().map(|authority| authority.headers(Method::Register, &uri));
        let proofs = proofs.unwrap_or_default();
        let expires = expires.to_string();
        let mut headers = vec![("Expires", expires.as_str()), ("User-Agent", PRODUCT)];
        headers.extend(proofs.iter().map(|(name, value)| (*name, value.as_str())));
        let contact = stack.contact_for(hop.listener(), &trunk.contact_user);
        let ask = OutRequest {
            method: Method::Register,
            uri: &uri,
            from: &format!("<{address}>;tag={}", self.tag),
            to: &format!("<{address}>"),
            call_id: &self.call_id,
            cseq: self.cseq,
            max_forwards: 70,
            routes: &[],
            contact: Some(&contact),
            headers: &headers,
            body: None,
        };
        stack.request(now, hop, &ask, out).ok()
    }
}

/// The line to one trunk.
#[derive(Debug)]
pub(super) struct Line {
    trunk: Arc<Trunk>,
    registrar: Option<Registrar>,
    health: Health,
    usage: Usage,
    /// The OPTIONS that is out, and since when.
    probe: Option<(ClientId, Instant)>,
    probes: u32,
    location: Location,
    clock: Clock,
    /// What was told last: up or down.
    told: Option<bool>,
    /// The configuration has it no more; it is here for the calls that hold its channels.
    retired: bool,
}

impl Line {
    pub(super) fn new(trunk: Arc<Trunk>) -> Self {
        let registrar = Registrar::of(&trunk);
        Self {
            registrar,
            health: Health::new(trunk.probe_every.is_some()),
            usage: Usage::default(),
            probe: None,
            probes: 0,
            location: Location::new(&trunk.server),
            clock: Clock::default(),
            told: None,
            retired: false,
            trunk,
        }
    }

    pub(super) fn begin(&mut self, at: Instant, name: &Arc<str>, timers: &mut Timers) {
        if self.registrar.is_some() {
            self.clock.arm(timers, at, name, Due::Register);
        }
        if self.trunk.probe_every.is_some() {
            self.clock.arm(timers, at, name, Due::Probe);
        }
        self.clock.arm(timers, at, name, Due::Locate);
        // So that it is told at the start how it is with a trunk that is neither registered with nor asked.
        self.clock.arm(timers, at, name, Due::Parole);
    }

    pub(super) fn stop(&mut self, timers: &mut Timers) {
        for due in [Due::Register, Due::Expiry, Due::Probe, Due::ProbeAnswer, Due::Parole, Due::Locate] {
            self.clock.disarm(timers, due);
        }
    }

    /// The configuration has the trunk no more. Its registration, if there is one to be taken back.
    pub(super) fn retire(&mut self, timers: &mut Timers, out: &mut Effects) -> Option<Registrar> {
        self.stop(timers);
        self.probe = None;
        self.retired = true;
        if self.told.replace(false) == Some(true) {
            let trunk = self.trunk.name.clone();
            out.push(Effect::Fact(Fact::TrunkDown { trunk, why: Down::Removed.name() }));
        }
        self.registrar.take().filter(Registrar::is_known)
    }

    /// The configuration has it no more.
    pub(super) const fn is_retired(&self) -> bool {
        self.retired
    }

    /// Takes new settings up at `start`. What they do not concern goes on: a registration of the same address and secret, what OPTIONS told of the same
    /// server, and the channels that are taken. A registration of another address or Contact is returned, to be taken back.
    pub(super) fn adopt(
        &mut self,
        start: Instant,
        name: &Arc<str>,
        trunk: Arc<Trunk>,
        timers: &mut Timers,
    ) -> Option<(Arc<Trunk>, Registrar)> {
        let before = core::mem::replace(&mut self.trunk, trunk);
        let returns = core::mem::take(&mut self.retired);
        let trunk = &*self.trunk;
        let mut left = None;
        if returns || registers_as(&before) != registers_as(trunk) || before.register != trunk.register {
            let same = binds(&before) == binds(trunk);
            let old = self.registrar.take();
            self.registrar = match old {
                Some(old) if same && old.is_known() && trunk.register.is_some() => old.renewed(trunk),
                old => {
                    self.clock.disarm(timers, Due::Expiry);
                    left = old.filter(Registrar::is_known).map(|old| (Arc::clone(&before), old));
                    Registrar::of(trunk)
                }
            };
            self.clock.disarm(timers, Due::Register);
            if self.registrar.is_some() {
                self.clock.arm(timers, start, name, Due::Register);
            }
        }
        let asked = (before.probe_every.is_some(), trunk.probe_every.is_some());
        if returns || before.server != trunk.server || asked.0 != asked.1 {
            self.health = Health::new(asked.1);
            self.probe = None;
            [Due::Probe, Due::ProbeAnswer, Due::Parole].into_iter().for_each(|due| self.clock.disarm(timers, due));
        }
        if returns || before.server != trunk.server {
            self.location = Location::new(&trunk.server);
            self.clock.disarm(timers, Due::Locate);
            self.clock.arm(timers, start, name, Due::Locate);
        }
        if self.probe.is_none() && (returns || before.server != trunk.server || before.probe_every != trunk.probe_every)
        {
            self.clock.disarm(timers, Due::Probe);
            if asked.1 {
                self.clock.arm(timers, start, name, Due::Probe);
            }
        }
        // So that what it is like now is told, whatever it was.
        if self.health.quarantined(start).is_none() {
            self.clock.arm(timers, start, name, Due::Parole);
        }
        left
    }

    /// Whether the REGISTER that is out, if one is, was sent by the settings of before.
    pub(super) fn waits_for(&self, errand: Errand, id: ClientId) -> bool {
        match errand {
            Errand::Probe => self.probe.is_some_and(|(probe, _)| probe == id),
            Errand::Register => self.clock.0[Due::Register as usize].is_none(),
        }
    }

    pub(super) const fn trunk(&self) -> &Arc<Trunk> {
        &self.trunk
    }

    pub(super) const fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(super) const fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    pub(super) fn is_told_up(&self) -> bool {
        self.told == Some(true)
    }

    pub(super) fn timers(&self) -> usize {
        self.clock.0.iter().flatten().count()
    }

    /// Why it should not be used.
    pub(super) fn fault(&self, now: Instant) -> Option<Down> {
        if self.retired {
            return Some(Down::Removed);
        }
        let registered = self.registrar.as_ref().is_none_or(|registrar| registrar.machine.held(now).is_some());
        if registered { self.health.fault(now) } else { Some(Down::NotRegistered) }
    }

    /// Tells if it has come up or gone down.
    pub(super) fn tell(&mut self, now: Instant, out: &mut Effects) {
        let fault = self.fault(now);
        if self.told.replace(fault.is_none()) == Some(fault.is_none()) {
            return;
        }
        let trunk = self.trunk.name.clone();
        out.push(Effect::Fact(match fault {
            None => Fact::TrunkUp { trunk },
            Some(why) => Fact::TrunkDown { trunk, why: why.name() },
        }));
    }

    pub(super) fn fired(&mut self, turn: &mut Turn<'_>, due: Due) {
        self.clock.slot(due).take();
        match due {
            Due::Register => self.register(turn),
            // What is told next says so.
            Due::Expiry | Due::Parole => {}
            Due::Probe => self.ask(turn),
            Due::Locate => self.locate(turn),
            Due::ProbeAnswer => {
                if let Some((id, _)) = self.probe.take() {
                    // What still comes is an answer to nothing.
                    turn.errands.remove(&id);
                    self.missed(turn);
                }
            }
        }
    }

    pub(super) fn answered(&mut self, turn: &mut Turn<'_>, errand: Errand, response: Option<&Message<'_>>) {
        match errand {
            Errand::Register => self.register_answered(turn, response),
            Errand::Probe => {
                let Some((_, asked)) = self.probe.take() else { return };
                self.clock.disarm(turn.timers, Due::ProbeAnswer);
                match response.and_then(|response| response.status()) {
                    // RFC 3261 section 11.1 asks what an INVITE would meet: who is not there behind a proxy does not answer.
                    None | Some(408 | 503) => self.missed(turn),
                    Some(_) => {
                        self.health.answered(turn.now.since(asked));
                        self.ask_later(turn);
                    }
                }
            }
        }
    }

    pub(super) fn met(&mut self, now: Instant, name: &Arc<str>, what: Experience, timers: &mut Timers) {
        if self.retired {
            return;
        }
        let Some(until) = self.health.met(now, what) else { return };
        self.clock.arm(timers, until, name, Due::Parole);
        if self.trunk.probe_every.is_some() && self.probe.is_none() {
            self.clock.arm(timers, now + PROBE_AGAIN, name, Due::Probe);
        }
    }

    /// Where its requests go.
    fn hop(&self, turn: &Turn<'_>) -> Option<NextHop> {
        turn.stack.next_hop(&Uri::parse(self.trunk.server.as_bytes()).ok()?, None)
    }

    /// Looks where its servers are, if it has a host name.
    fn locate(&mut self, turn: &mut Turn<'_>) {
        let Some(NextHop::Name { place, .. }) = self.hop(turn) else { return };
        turn.searches.made += 1;
        let search = turn.searches.made;
        match turn.stack.locate(turn.now, search, &place, turn.out) {
            Some(targets) => self.located(turn, &targets),
            None => {
                turn.searches.open.insert(search, self.trunk.name.as_str().into());
            }
        }
    }

    pub(super) fn located(&mut self, turn: &mut Turn<'_>, targets: &[Target]) {
        self.location.learn(turn.now, targets);
        let name: Arc<str> = self.trunk.name.as_str().into();
        self.clock.arm(turn.timers, turn.now + TRUNK_LOCATE_EVERY, &name, Due::Locate);
    }

    /// Whether one of its servers has this address.
    pub(super) fn is_from(&self, now: Instant, source: IpAddr) -> bool {
        self.location.holds_host(now, source)
    }

    /// Whether one of its servers is at exactly this address.
    pub(super) fn is_at(&self, now: Instant, source: SocketAddr) -> bool {
        self.location.holds(now, source)
    }

    fn register(&mut self, turn: &mut Turn<'_>) {
        let Some(registrar) = &mut self.registrar else { return };
        registrar.begin();
        if registrar.call_id.is_empty() {
            (registrar.call_id, registrar.tag) = (turn.stack.call_id(), turn.stack.tag());
        }
        registrar.machine.ask(turn.now);
        self.send_register(turn);
    }

    fn send_register(&mut self, turn: &mut Turn<'_>) {
        let Some(registrar) = &mut self.registrar else { return };
        let expires = whole_seconds(registrar.machine.asked());
        match registrar.send(turn.now, turn.stack, turn.out, &self.trunk, expires) {
            Some(id) => {
                turn.errands.insert(id, (self.trunk.name.as_str().into(), Errand::Register));
            }
            None => self.came_to(turn, Outcome::Unanswered),
        }
    }

    fn register_answered(&mut self, turn: &mut Turn<'_>, response: Option<&Message<'_>>) {
        let status = response.and_then(|response| response.status());
        let Some(registrar) = &mut self.registrar else { return };
        registrar.status = status;
        let later = response.and_then(|response| response.retry_after().ok().flatten()).map(seconds);
        let outcome = match (status, response) {
            (Some(200..=299), Some(response)) => match granted(turn, &self.trunk, registrar, response) {
                Some(granted) => Outcome::Granted(granted),
                None => Outcome::Refused(later),
            },
            (Some(401 | 407), Some(response)) => {
                if registrar.challenged(response, turn.stack.random()) {
                    return self.send_register(turn);
                }
                Outcome::Denied
            }
            (Some(423), Some(response)) => {
                let least = response.min_expires().ok().flatten().map_or(Duration::ZERO, seconds);
                Outcome::TooBrief(least)
            }
            (Some(403 | 404 | 405 | 501 | 604), _) => Outcome::Denied,
            (Some(_), _) => Outcome::Refused(later),
            (None, _) => Outcome::Unanswered,
        };
        self.came_to(turn, outcome);
    }

    fn came_to(&mut self, turn: &mut Turn<'_>, outcome: Outcome) {
        let dice = turn.stack.random();
        let Some(registrar) = &mut self.registrar else { return };
        let wait = registrar.machine.judge(turn.now, outcome, dice);
        let held = registrar.machine.held(turn.now);
        let name: Arc<str> = self.trunk.name.as_str().into();
        self.clock.arm(turn.timers, turn.now + wait, &name, Due::Register);
        match held {
            Some(until) => self.clock.arm(turn.timers, until, &name, Due::Expiry),
            None => self.clock.disarm(turn.timers, Due::Expiry),
        }
    }

    /// Sends OPTIONS (RFC 3261 section 11.1).
    fn ask(&mut self, turn: &mut Turn<'_>) {
        if self.probe.is_some() {
            return;
        }
        self.probes = self.probes.wrapping_add(1) & 0x7fff_ffff;
        let uri = self.trunk.place();
        let address = address(&self.trunk);
        let sent = self.hop(turn).and_then(|hop| {
            let (call_id, tag) = (turn.stack.call_id(), turn.stack.tag());
            let contact = turn.stack.contact_for(hop.listener(), &self.trunk.contact_user);
            let ask = OutRequest {
                method: Method::Options,
                uri: &uri,
                from: &format!("<{address}>;tag={tag}"),
                to: &format!("<{uri}>"),
                call_id: &call_id,
                cseq: 1,
                max_forwards: 70,
                routes: &[],
                contact: Some(&contact),
                headers: &[("Accept", "application/sdp"), ("User-Agent", PRODUCT)],
                body: None,
            };
            turn.stack.request(turn.now, hop, &ask, turn.out).ok()
        });
        let Some(id) = sent else { return self.missed(turn) };
        let name: Arc<str> = self.trunk.name.as_str().into();
        turn.errands.insert(id, (Arc::clone(&name), Errand::Probe));
        turn.stack.share_time(turn.now, id, turn.now + PROBE_WAIT);
        self.probe = Some((id, turn.now));
        self.clock.arm(turn.timers, turn.now + PROBE_WAIT, &name, Due::ProbeAnswer);
    }

    fn missed(&mut self, turn: &mut Turn<'_>) {
        self.health.missed();
        self.ask_later(turn);
    }

    fn ask_later(&mut self, turn: &mut Turn<'_>) {
        let Some(every) = self.trunk.probe_every else { return };
        let wait = if self.health.is_in_doubt() { every.min(PROBE_AGAIN) } else { every };
        let name: Arc<str> = self.trunk.name.as_str().into();
        self.clock.arm(turn.timers, turn.now + wait, &name, Due::Probe);
    }

    /// As seen from outside.
    pub(super) fn view(&self, now: Instant) -> TrunkView {
        let registrar = self.registrar.as_ref();
        TrunkView {
            name: self.trunk.name.clone(),
            server: self.trunk.server.clone(),
            fault: self.fault(now).map(Down::name),
            registers: registrar.is_some(),
            registered_until: registrar.and_then(|registrar| registrar.machine.held(now)),
            register_status: registrar.and_then(|registrar| registrar.status),
            quarantined_until: self.health.quarantined(now),
            round_trip: self.health.round_trip(),
            calls: self.usage.calls(),
            calls_max: self.trunk.calls_max,
        }
    }
}

/// Ourselves at the provider, without brackets.
fn address(trunk: &Trunk) -> String {
    let Trunk { from_user, credentials, .. } = trunk;
    let user = from_user.as_deref().or_else(|| credentials.as_ref().map(|credentials| &*credentials.user));
    let domain = trunk.domain();
    match user {
        Some(user) => format!("sip:{}@{domain}", crate::message::escaped(user)),
        None => format!("sip:{domain}"),
    }
}

/// What a registration at the provider binds: where, whose address, to which Contact.
fn binds(trunk: &Trunk) -> (&str, String, &str) {
    (&trunk.server, address(trunk), &trunk.contact_user)
}

/// By what the provider knows us: what [`binds`] says, and the proof.
fn registers_as(trunk: &Trunk) -> ((&str, String, &str), Option<&Credentials>) {
    (binds(trunk), trunk.credentials.as_ref())
}

/// For how long a 2xx grants the registration, RFC 3261 section 10.2.4: the `expires` of our Contact, else Expires, else what was asked for. `None`: not at all.
fn granted(turn: &Turn<'_>, trunk: &Trunk, registrar: &Registrar, response: &Message<'_>) -> Option<Duration> {
    let ours: Vec<String> = turn.stack.contacts(&trunk.contact_user).collect();
    // Where a host name led to, and so by which listener the REGISTER left, is the stack's affair.
    let is_ours = |uri: &Uri<'_>| {
        let mut contacts = ours.iter().map(|contact| contact.trim_matches(['<', '>']).as_bytes());
        contacts.any(|contact| Uri::parse(contact).is_ok_and(|contact| equivalent(uri, &contact)))
    };
    let named = response
        .addresses(Header::Contact)
        .filter_map(Result::ok)
        .find(|address| is_ours(&address.uri))
        .and_then(|address| address.expires());
    let said = named.or_else(|| response.expires().ok().flatten()).map_or(registrar.machine.asked(), seconds);
    (!said.is_zero()).then_some(said)
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}
