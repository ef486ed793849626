//! A world out of a seed: who is there, what is planned.

use super::{Event, Order, PATROL, World};
use crate::{
    agenda::Agenda,
    media::MediaPlane,
    net::Findings,
    network::Network,
    phone::{Act, Identity, Phone},
    reference::{Records, Registrations},
    rng::Rng,
    settings,
    store::Store,
    swarm::Swarm,
    trace::Trace,
    wire::Wire,
};
use contract::Instant;
use core::{net::SocketAddr, time::Duration};
use signaling::{
    flow::{ListenerId, Transport},
    input::{Input, StoredBinding},
    pbx::Pbx,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl World {
    /// The world of this seed, with everything planned for its span.
    pub(crate) fn new(seed: u64, keep_log: bool) -> Self {
        let mut rng = Rng::new(seed);
        let swarm = Swarm::draw(&mut rng);
        let settings = settings::settings(&swarm, &mut rng);
        let mut pbx = Pbx::new(Arc::clone(&settings), rng.bytes32());
        // Half the worlds tell why; that must change nothing else.
        pbx.tell_decisions(seed.is_multiple_of(2));
        let now = Instant::from_nanos(1_000_000_000);
        let mut network = Network::new(swarm.network.clone(), rng.fork());
        let phones = phones(&swarm, &mut network, &mut rng);
        let advertised = settings.listeners.iter().map(|l| l.advertised.0.clone()).collect();
        let secrets = (0..swarm.accounts).map(|n| settings::password(&settings::number(n))).collect();
        let mut trace = Trace::new(keep_log);
        trace.note(now, &format!("seed {seed}: {swarm:#?}"));
        let mut world = Self {
            now,
            agenda: Agenda::new(),
            pbx,
            lives: vec![0; phones.len()],
            phones,
            network,
            media: MediaPlane::new(swarm.media.clone(), rng.fork()),
            store: Store::new(swarm.store.clone(), rng.fork()),
            wire: Wire::new(advertised, secrets),
            registrations: Registrations::new(settings.registration),
            records: Records::new(swarm.length_max),
            sessions: BTreeSet::new(),
            transferring: BTreeSet::new(),
            activity: BTreeMap::new(),
            tickets: 0,
            unanswered: BTreeSet::new(),
            draining: false,
            found: Findings::default(),
            trace,
            steps: 0,
            wakes: 0,
            patrols: true,
            inbound: BTreeMap::new(),
            handling: None,
            rng,
            swarm,
            settings,
        };
        world.restore();
        world.plan();
        world
    }

    /// In some worlds the exchange was there before: the store gives back what it kept.
    fn restore(&mut self) {
        if !self.rng.chance(25) {
            return;
        }
        let mut bindings = Vec::new();
        for at in 0..self.phones.len() {
            if self.rng.chance(50) {
                let seconds = self.rng.between(5, 200);
                let phone = &self.phones[at];
                bindings.push(StoredBinding {
                    number: phone.identity.number.clone(),
                    contact: phone.contact(),
                    q_milli: 1_000,
                    path: Vec::new(),
                    call_id: format!("former-{at}"),
                    cseq: 3,
                    user_agent: "SimPhone".to_owned(),
                    transport: phone.identity.transport,
                    source: phone.identity.home,
                    listener: self.network.hosts[at].listener.0,
                    behind_nat: false,
                    expires_in: Duration::from_secs(seconds),
                });
            }
        }
        self.registrations.restored(self.now, &bindings);
        self.input(Input::Restored(bindings));
    }

    fn plan(&mut self) {
        self.after(PATROL, Event::Patrol);
        let span = u64::try_from(self.swarm.span.as_millis()).unwrap_or(0);
        for phone in 0..self.phones.len() {
            self.sometime(0, 4_000, Event::Act { phone, act: Act::Register });
            if self.phones[phone].manners.keep_alive {
                let timer = crate::phone::Timer::KeepAlive;
                self.sometime(0, 25_000, Event::Reminder { phone, life: 0, timer });
            }
        }
        for _ in 0..self.swarm.calls {
            let (phone, to) = (self.any_phone(), self.any_number());
            self.sometime(4_000, span, Event::Act { phone, act: Act::Dial(to) });
        }
        let manners = self.swarm.manners.clone();
        let own = [
            (manners.garbage, Act::Garbage),
            (manners.vanish, Act::Vanish),
            (manners.unregister, Act::Unregister),
            (self.swarm.accounts, Act::Options),
        ];
        for (times, act) in own {
            for _ in 0..times {
                let phone = self.any_phone();
                self.sometime(3_000, span, Event::Act { phone, act: act.clone() });
            }
        }
        self.plan_watches(span);
        self.plan_network(span);
        self.plan_operator(span);
    }

    fn plan_watches(&mut self, span: u64) {
        // A source of its own: what was drawn before stays as it was.
        let mut own = self.rng.clone().fork();
        for _ in 0..self.swarm.manners.watches {
            let phone = usize::try_from(own.below(self.phones.len() as u64)).unwrap_or(0);
            let number = settings::number(own.below(self.swarm.accounts));
            let (package, expires_s) = (*own.pick(&["dialog", "dialog", "presence"]), *own.pick(&[60, 120, 600, 0]));
            let at = Duration::from_millis(own.between(4_000, span));
            self.after(at, Event::Act { phone, act: Act::Watch(number, package, expires_s) });
        }
    }

    fn plan_network(&mut self, span: u64) {
        let faults = self.swarm.network.clone();
        for _ in 0..faults.partitions {
            let phone = self.any_phone();
            let (begin, long) = (self.rng.between(2_000, span), self.rng.between(500, 90_000));
            self.after(Duration::from_millis(begin), Event::Cut { phone, cut: true });
            self.after(Duration::from_millis(begin + long), Event::Cut { phone, cut: false });
        }
        for _ in 0..faults.rebindings {
            let phone = self.any_phone();
            self.sometime(2_000, span, Event::Rebind(phone));
        }
        for _ in 0..faults.resets {
            let phone = self.any_phone();
            self.sometime(2_000, span, Event::Reset(phone));
        }
    }

    fn plan_operator(&mut self, span: u64) {
        let will = self.swarm.operator.clone();
        for _ in 0..will.originate {
            let (from, to) = (self.any_number(), self.any_number());
            self.sometime(5_000, span, Event::Operate(Order::Originate { from, to }));
        }
        for _ in 0..will.hang_up {
            self.sometime(5_000, span, Event::Operate(Order::HangUpOne));
        }
        for _ in 0..will.lists {
            let order = self.rng.pick(&[Order::ListCalls, Order::ListExtensions, Order::Status]).clone();
            self.sometime(0, span, Event::Operate(order));
        }
        for n in 0..will.configure {
            self.sometime(0, span, Event::Operate(Order::Configure { changed: n % 2 == 0 }));
        }
        for _ in 0..will.hang_up_all {
            self.sometime(span / 2, span, Event::Operate(Order::HangUpAll));
        }
        if will.drain {
            self.sometime(span / 2, span, Event::Operate(Order::Drain));
        }
    }

    fn sometime(&mut self, from_ms: u64, to_ms: u64, event: Event) {
        let at =
            Duration::from_millis(self.rng.between(from_ms, to_ms)) + Duration::from_nanos(self.rng.below(1_000_000));
        self.after(at, event);
    }

    pub(super) fn any_phone(&mut self) -> usize {
        usize::try_from(self.rng.below(self.phones.len() as u64)).unwrap_or(0)
    }

    fn any_number(&mut self) -> String {
        if self.rng.chance(self.swarm.manners.echo) {
            return settings::ECHO.to_owned();
        }
        if self.rng.chance(self.swarm.manners.unknown_number) {
            return "7777".to_owned();
        }
        settings::number(self.rng.below(self.swarm.accounts))
    }
}

fn phones(swarm: &Swarm, network: &mut Network, rng: &mut Rng) -> Vec<Phone> {
    let mut phones = Vec::new();
    let numbers: Vec<String> = (0..swarm.accounts).map(settings::number).collect();
    for account in 0..swarm.accounts {
        for _ in 0..rng.between(1, swarm.phones_each) {
            let transport = if rng.chance(swarm.tcp_percent) { Transport::Tcp } else { Transport::Udp };
            let ipv6 = rng.chance(swarm.ipv6_percent);
            let low = u16::try_from(phones.len() + 10).unwrap_or(10);
            let home = if ipv6 {
                SocketAddr::new([0x2001, 0xdb8, 0, 5, 0, 0, 0, low].into(), 5060)
            } else {
                SocketAddr::new([10, 1, 0, u8::try_from(low).unwrap_or(10)].into(), 5060)
            };
            let listener = u16::from(transport == Transport::Tcp) + 2 * u16::from(ipv6);
            let behind_nat = rng.chance(swarm.nat_percent);
            network.plug(home, transport, ListenerId(listener), behind_nat);
            let number = settings::number(account);
            let formats: [&[u8]; 4] = [&[0, 8, 101], &[8, 0], &[9, 8, 0, 101], &[0]];
            let identity = Identity {
                auth_user: if account.is_multiple_of(2) { number.clone() } else { format!("user-{number}") },
                password: settings::password(&number),
                domain: settings::DOMAIN.to_owned(),
                home,
                transport,
                others: numbers.iter().filter(|n| **n != number).cloned().collect(),
                formats: rng.pick(&formats).to_vec(),
                number,
            };
            phones.push(Phone::new(identity, swarm.manners.clone(), swarm.beat, swarm.talk_max, rng.fork()));
        }
    }
    phones
}
