//! The loop: the earliest thing that is planned happens, the exchange answers, its effects are performed, everything is checked.

mod build;
mod effects;
mod finish;
mod inputs;

use crate::{
    agenda::Agenda,
    media::MediaPlane,
    net::{Findings, Net, Violation},
    network::{Delivery, Network},
    phone::{Act, Out, Phone, Timer},
    reference::{Records, Registrations},
    rng::Rng,
    store::Store,
    swarm::Swarm,
    text::Sip,
    trace::Trace,
    wire::Wire,
};
use contract::{Instant, MediaEvent, SessionId};
use core::time::Duration;
use signaling::{
    dns::Resolution,
    id::{LookupId, QueryId},
    input::{Input, StoreFault},
    pbx::Pbx,
    settings::Settings,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// More steps than any honest run takes.
const STEPS_MAX: u64 = 400_000;
/// The exchange may want to be woken this often at one instant before it is called stuck.
const WAKES_MAX: u32 = 1_000;
/// How often the world looks around.
const PATROL: Duration = Duration::from_secs(2);

/// Something that will happen.
#[derive(Debug)]
enum Event {
    Net(Delivery),
    /// The reminder of a phone in its n-th life.
    Reminder {
        phone: usize,
        life: u32,
        timer: Timer,
    },
    Act {
        phone: usize,
        act: Act,
    },
    Media(Box<MediaEvent>),
    Stored(QueryId, Result<(), StoreFault>),
    Resolved(LookupId, Resolution),
    Operate(Order),
    Cut {
        phone: usize,
        cut: bool,
    },
    Rebind(usize),
    Reset(usize),
    Patrol,
}

/// What the operator wants.
#[derive(Clone, Debug)]
enum Order {
    Originate { from: String, to: String },
    HangUpOne,
    HangUpAll,
    ListCalls,
    ListExtensions,
    Status,
    Drain,
    Configure { changed: bool },
}

/// Everything.
pub(crate) struct World {
    now: Instant,
    agenda: Agenda<Event>,
    rng: Rng,
    swarm: Swarm,
    settings: Arc<Settings>,
    pbx: Pbx,
    phones: Vec<Phone>,
    /// How often each phone restarted.
    lives: Vec<u32>,
    network: Network,
    media: MediaPlane,
    store: Store,
    wire: Wire,
    registrations: Registrations,
    records: Records,
    /// Sessions the exchange opened and was not yet told to be closed.
    sessions: BTreeSet<SessionId>,
    /// Sessions of calls in which a party is being transferred.
    transferring: BTreeSet<SessionId>,
    /// Last attempt either way, by SIP Call-ID.
    activity: BTreeMap<String, Instant>,
    tickets: u64,
    unanswered: BTreeSet<u64>,
    draining: bool,
    found: Findings,
    pub(crate) trace: Trace,
    pub(crate) steps: u64,
    wakes: u32,
    /// How long patrols go on.
    patrols: bool,
    /// Streams reassembled for the wire check.
    inbound: BTreeMap<u64, Vec<u8>>,
    /// The one INVITE that is being handed over, if one is.
    handling: Option<Sip>,
}

impl World {
    fn after(&mut self, delay: Duration, event: Event) {
        self.agenda.plan(self.now + delay, event);
    }

    /// Runs until `until`, or the first violation.
    fn run_until(&mut self, until: Instant) -> Result<(), Violation> {
        loop {
            let planned = self.agenda.next().filter(|at| *at <= until);
            let due = self.pbx.deadline().map(|d| d.max(self.now)).filter(|d| *d <= until);
            match (due, planned) {
                (None, None) => break,
                (Some(due), planned) if planned.is_none_or(|p| due <= p) => {
                    self.wakes = if due == self.now { self.wakes + 1 } else { 0 };
                    if self.wakes > WAKES_MAX {
                        self.found.add(Net::Crash, "the deadline stays in the past");
                    }
                    self.now = due;
                    self.input(Input::Tick);
                }
                (Some(_) | None, _) => {
                    if let Some((at, event)) = self.agenda.pop() {
                        self.now = at;
                        self.happen(event);
                    }
                }
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.found.add(Net::Crash, "the world never settles");
            }
            if let Some(violation) = self.found.first(self.now) {
                return Err(violation);
            }
        }
        self.now = until;
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Net(delivery) => self.deliver(delivery),
            Event::Reminder { phone, life, timer } => {
                if self.lives[phone] == life {
                    let mut out = Out::default();
                    self.phones[phone].fire(self.now, timer, &mut out);
                    self.phone_wants(phone, out);
                }
            }
            Event::Act { phone, act } => self.phone_acts(phone, &act),
            Event::Media(event) => self.media_event(*event),
            Event::Stored(query, outcome) => self.input(Input::Stored { query, outcome }),
            Event::Resolved(lookup, resolution) => self.input(Input::Resolved { lookup, resolution }),
            Event::Operate(order) => self.operate(order),
            Event::Cut { phone, cut } => {
                self.trace.event(self.now, &("cut", phone, cut));
                self.network.hosts[phone].cut = cut;
                if cut {
                    self.break_streams(phone);
                }
            }
            Event::Rebind(phone) => {
                self.trace.event(self.now, &("rebind", phone));
                self.network.rebind(phone);
            }
            Event::Reset(phone) => self.break_streams(phone),
            Event::Patrol => self.patrol(),
        }
    }

    fn phone_acts(&mut self, phone: usize, act: &Act) {
        self.trace.event(self.now, &(phone, act));
        if *act == Act::Vanish {
            self.lives[phone] += 1;
            self.break_streams(phone);
        }
        let mut out = Out::default();
        self.phones[phone].act(self.now, act, &mut out);
        self.phone_wants(phone, out);
    }

    /// Does what a phone wants done.
    fn phone_wants(&mut self, phone: usize, out: Out) {
        for bytes in out.sends {
            if let Some(call_id) = call_id_of(&bytes) {
                self.activity.insert(call_id, self.now);
            }
            self.trace.message(self.now, &self.label(phone), true, &bytes);
            for (at, delivery) in self.network.phone_sends(self.now, phone, &bytes) {
                self.agenda.plan(at, Event::Net(delivery));
            }
        }
        let life = self.lives[phone];
        for (delay, timer) in out.timers {
            self.after(delay, Event::Reminder { phone, life, timer });
        }
        if let Some(complaint) = self.phones[phone].complaints.pop() {
            self.found.add(Net::Phone, format!("{}: {complaint}", self.label(phone)));
        }
    }

    fn label(&self, phone: usize) -> String {
        format!("phone {phone} ({})", self.phones[phone].identity.number)
    }

    fn break_streams(&mut self, phone: usize) {
        self.trace.event(self.now, &("reset", phone));
        let plan = self.network.reset(self.now, phone);
        for (at, delivery) in plan {
            if let Delivery::Lost { connection, .. } = &delivery {
                self.phones[phone].stream_lost(*connection);
            }
            self.agenda.plan(at, Event::Net(delivery));
        }
    }
}

/// The Call-ID of a message of the phones or of the exchange.
fn call_id_of(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    text.split("\r\n").find_map(|l| l.strip_prefix("Call-ID: ")).map(str::to_owned)
}

impl World {
    /// Plants a defect into the exchange.
    #[cfg(feature = "faults")]
    pub(crate) fn plant(&mut self, fault: signaling::pbx::Fault) {
        self.pbx.plant(fault);
    }

    /// A panic, as a violation.
    pub(crate) fn crashed(&self, panic: &(dyn core::any::Any + Send)) -> Violation {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without words");
        Violation { net: Net::Crash, at: self.now, what: text.to_owned() }
    }

    /// What became of the run.
    pub(crate) fn report(self, seed: u64, violation: Option<Violation>) -> crate::Report {
        crate::Report {
            seed,
            violation,
            steps: self.steps,
            messages: self.wire.judged,
            calls: self.records.calls(),
            answered: self.records.answered,
            simulated: self.now.since(Instant::ORIGIN),
            talked: self.records.talked,
            trace: self.trace.hash(),
            log: self.trace.into_lines(),
        }
    }
}
