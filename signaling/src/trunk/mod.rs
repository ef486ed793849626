//! Trunks while the exchange runs: registered there, asked whether they live, counted, and chosen among.
//!
//! [`Trunks`] has a line for each. `line` sends REGISTER and OPTIONS and reads the answers; `registration` and `health` judge them without knowing a
//! message; `location` knows where a trunk's servers are; `usage` counts channels; `order` says which comes first; `header` and `identity` write and read what INVITEs say to and of others. It
//! deliberately does not know calls: those ask for a channel and tell what they met. RFC 3261 sections 10.2, 11.1 and 21.5.4, RFC 3325, RFC 5626 section 4.5.

mod farewell;
mod header;
pub mod health;
mod identity;
mod line;
mod location;
mod order;
pub mod registration;
pub mod usage;

pub use header::{Field, Filled, extra};
pub use health::{Down, Experience};
pub use identity::{Identity, Told, is_hidden};
pub use usage::Full;

use crate::{
    effect::{Effects, TrunkView},
    id::{CallId, LegId},
    limits::TRUNK_START_EVERY,
    locate::Target,
    message::Message,
    settings::{self, Trunk},
    transaction::{ClientId, Stack},
    wheel::Wheel,
};
use contract::Instant;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use farewell::Farewells;
use line::Line;
use std::{collections::BTreeMap, sync::Arc};

/// What a line waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    /// Its next REGISTER.
    Register,
    /// Its registration ends.
    Expiry,
    /// Its next OPTIONS.
    Probe,
    /// The OPTIONS that is out shall have been answered.
    ProbeAnswer,
    /// It was left alone long enough.
    Parole,
    /// Its servers are looked for again.
    Locate,
}

/// Why a line sent a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Errand {
    Register,
    Probe,
}

/// Timers of all lines.
type Timers = Wheel<(Arc<str>, Due)>;

/// What a line may use.
struct Turn<'t> {
    now: Instant,
    stack: &'t mut Stack,
    out: &'t mut Effects,
    timers: &'t mut Timers,
    errands: &'t mut BTreeMap<ClientId, (Arc<str>, Errand)>,
    searches: &'t mut Searches,
}

/// Searches for servers that are under way, by name. Each line has at most one.
#[derive(Debug, Default)]
struct Searches {
    open: BTreeMap<u64, Arc<str>>,
    made: u64,
}

/// All trunks.
#[derive(Debug, Default)]
pub struct Trunks {
    lines: BTreeMap<Arc<str>, Line>,
    timers: Timers,
    errands: BTreeMap<ClientId, (Arc<str>, Errand)>,
    searches: Searches,
    farewells: Farewells,
}

impl Trunks {
    /// The trunks of these settings. They begin at the first tick, one after the other.
    #[must_use]
    pub fn new(trunks: &settings::Trunks) -> Self {
        let mut all = Self::default();
        all.take_up(Instant::ORIGIN, trunks.iter());
        all
    }

    fn take_up<'a>(&mut self, now: Instant, trunks: impl Iterator<Item = &'a Arc<Trunk>>) {
        let mut start = now;
        for trunk in trunks {
            let name: Arc<str> = trunk.name.as_str().into();
            let mut line = Line::new(Arc::clone(trunk));
            line.begin(start, &name, &mut self.timers);
            self.lines.insert(name, line);
            start = start + TRUNK_START_EVERY;
        }
    }

    /// New settings: who is as before is left alone; of who changed, what changed begins anew; who is gone takes its registration back, and stays for as
    /// long as calls hold channels of it.
    pub fn configure(&mut self, now: Instant, stack: &mut Stack, trunks: &settings::Trunks, out: &mut Effects) {
        let Self { lines, timers, errands, searches, farewells } = self;
        let mut start = now;
        for (name, line) in lines.iter_mut() {
            let left = match trunks.get(name) {
                None if line.is_retired() => continue,
                None => {
                    let trunk = Arc::clone(line.trunk());
                    line.retire(timers, out).map(|registrar| (trunk, registrar))
                }
                Some(trunk) if trunk == line.trunk() && !line.is_retired() => continue,
                Some(trunk) => {
                    if trunk.server != line.trunk().server {
                        // Where the one of before is says nothing of the one of now.
                        searches.open.retain(|_, of| of != name);
                    }
                    start = start + TRUNK_START_EVERY;
                    line.adopt(start, name, Arc::clone(trunk), timers)
                }
            };
            if let Some(left) = left {
                farewells.say(now, stack, out, left);
            }
        }
        // An answer to what was asked by the settings of before says nothing any more.
        errands.retain(|id, (name, errand)| {
            lines.get(name).is_some_and(|line| !line.is_retired() && line.waits_for(*errand, *id))
        });
        searches.open.retain(|_, name| lines.get(name).is_some_and(|line| !line.is_retired()));
        lines.retain(|_, line| !line.is_retired() || line.usage().calls() > 0);
        let new: Vec<Arc<Trunk>> =
            trunks.iter().filter(|trunk| !self.lines.contains_key(trunk.name.as_str())).map(Arc::clone).collect();
        self.take_up(start + TRUNK_START_EVERY, new.iter());
    }

    /// When [`Trunks::fire`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Carries out every timer that is due.
    pub fn fire(&mut self, now: Instant, stack: &mut Stack, out: &mut Effects) {
        while let Some((_, (name, due))) = self.timers.pop_due(now) {
            self.with(now, stack, out, &name, |line, turn| line.fired(turn, due));
        }
    }

    /// An answer to a request of ours. `false`: the request was not of a trunk.
    pub fn on_response(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        id: ClientId,
        response: &Message<'_>,
    ) -> bool {
        if self.farewells.answered(now, stack, out, id, response) {
            return true;
        }
        if response.status().is_none_or(|status| status < 200) {
            return self.errands.contains_key(&id);
        }
        let Some((name, errand)) = self.errands.remove(&id) else { return false };
        self.with(now, stack, out, &name, |line, turn| line.answered(turn, errand, Some(response)));
        true
    }

    /// A request of ours will have no answer. `false`: it was not of a trunk.
    pub fn on_failure(&mut self, now: Instant, stack: &mut Stack, out: &mut Effects, id: ClientId) -> bool {
        if self.farewells.failed(id) {
            return true;
        }
        let Some((name, errand)) = self.errands.remove(&id) else { return false };
        self.with(now, stack, out, &name, |line, turn| line.answered(turn, errand, None));
        true
    }

    /// Where the servers of a trunk are, as was asked under this name.
    pub fn on_located(&mut self, now: Instant, stack: &mut Stack, out: &mut Effects, search: u64, targets: &[Target]) {
        let Some(name) = self.searches.open.remove(&search) else { return };
        self.with(now, stack, out, &name, |line, turn| line.located(turn, targets));
    }

    /// The trunk that has a server at exactly this address; of several the first by name.
    #[must_use]
    pub fn at(&self, now: Instant, source: SocketAddr) -> Option<&Arc<Trunk>> {
        self.lines.values().find(|line| line.is_at(now, source)).map(Line::trunk)
    }

    /// Whether a trunk has a server at this address, by whatever port.
    #[must_use]
    pub fn is_of_any(&self, now: Instant, source: IpAddr) -> bool {
        self.lines.values().any(|line| line.is_from(now, source))
    }

    fn with(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        name: &str,
        tell: impl FnOnce(&mut Line, &mut Turn<'_>),
    ) {
        let Self { lines, timers, errands, searches, .. } = self;
        let Some(line) = lines.get_mut(name) else { return };
        tell(line, &mut Turn { now, stack, out, timers, errands, searches });
        line.tell(now, out);
    }

    /// The trunks of a route in the order in which they are to be tried. `dice` gives 64 random bits each time.
    pub fn order(&self, now: Instant, names: &[String], emergency: bool, dice: impl FnMut() -> u64) -> Vec<Arc<Trunk>> {
        let candidates = names.iter().filter_map(|name| {
            let line = self.lines.get(name.as_str())?;
            Some(order::Candidate { trunk: Arc::clone(line.trunk()), is_up: line.fault(now).is_none() })
        });
        order::order(candidates.collect(), emergency, dice)
    }

    /// Takes a channel of a trunk for a leg.
    ///
    /// # Errors
    /// [`Full`]; also for a trunk that is not there.
    pub fn take(&mut self, now: Instant, name: &str, leg: LegId) -> Result<(), Full> {
        let line = self.lines.get_mut(name).ok_or(Full::Channels)?;
        let (calls, rate) = (line.trunk().calls_max, line.trunk().calls_per_second_max);
        line.usage_mut().take(now, leg, calls, rate)
    }

    /// Takes a channel of a trunk for the leg of an emergency call. Returns the call that has to end for it.
    pub fn take_for_emergency(&mut self, now: Instant, name: &str, leg: LegId) -> Option<CallId> {
        let line = self.lines.get_mut(name)?;
        let calls = line.trunk().calls_max;
        line.usage_mut().take_for_emergency(now, leg, calls)
    }

    /// Gives the channel of a leg back.
    pub fn give_back(&mut self, name: &str, leg: LegId) {
        let Some(line) = self.lines.get_mut(name) else { return };
        line.usage_mut().give_back(leg);
        if line.is_retired() && line.usage().calls() == 0 {
            self.lines.remove(name);
        }
    }

    /// The leg that holds a channel went on in another call.
    pub fn rename(&mut self, name: &str, from: LegId, to: LegId) {
        if let Some(line) = self.lines.get_mut(name) {
            line.usage_mut().rename(from, to);
        }
    }

    /// A call met this at a trunk.
    pub fn met(&mut self, now: Instant, name: &str, what: Experience, out: &mut Effects) {
        let Self { lines, timers, .. } = self;
        let Some(line) = lines.get_mut(name) else { return };
        line.met(now, &name.into(), what, timers);
        line.tell(now, out);
    }

    /// Trunks that can be used, as was told last.
    #[must_use]
    pub fn up(&self) -> usize {
        self.lines.values().filter(|line| line.is_told_up()).count()
    }

    /// All trunks as seen from outside, by name.
    #[must_use]
    pub fn views(&self, now: Instant) -> Vec<TrunkView> {
        self.lines.values().map(|line| line.view(now)).collect()
    }

    /// The legs that hold channels, with the trunk's name.
    pub fn channels(&self) -> impl Iterator<Item = (&str, LegId)> {
        self.lines.iter().flat_map(|(name, line)| line.usage().legs().map(|leg| (&**name, leg)))
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        let armed: usize = self.lines.values().map(Line::timers).sum();
        if armed != self.timers.len() {
            return Err("every timer of a trunk belongs to its line");
        }
        if self.errands.values().any(|(name, _)| !self.lines.contains_key(name)) {
            return Err("every request of a trunk belongs to its line");
        }
        if self.searches.open.values().any(|name| !self.lines.contains_key(name)) {
            return Err("every search of a trunk belongs to its line");
        }
        Ok(())
    }
}

/// A wait as whole seconds of a header field, at least one.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().max(1)
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::settings::{Dtmf, EarlyMedia, Encryption, IdentityForm, Nat, PlusForm, Trunk};
    use core::time::Duration;

    /// A trunk as tests know it.
    pub(crate) fn trunk(name: &str) -> Trunk {
        Trunk {
            name: name.into(),
            server: "sip:192.0.2.50:5060".into(),
            register: None,
            credentials: None,
            from_user: None,
            from_domain: None,
            contact_user: name.into(),
            context: "inbound".into(),
            codecs: Vec::new(),
            dtmf: Dtmf::default(),
            encryption: Encryption::Off,
            nat: Nat::Auto,
            calls_max: 30,
            calls_per_second_max: 10,
            probe_every: None,
            answer_timeout: Duration::from_secs(3),
            ring_timeout: Duration::from_secs(60),
            prefer: 10,
            weight: 1,
            allow_from: Vec::new(),
            trusted: false,
            identity: IdentityForm::default(),
            plus: PlusForm::default(),
            early_media: EarlyMedia::default(),
            headers: Vec::new(),
            statuses: std::collections::BTreeMap::new(),
        }
    }
}
