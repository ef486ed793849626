//! Two phones wired to each other without an exchange: what they do to it, they must first be able to do to themselves.

use super::{Act, Identity, Out, Phone, Stage, Timer};
use crate::{agenda::Agenda, rng::Rng, sdp::Direction, swarm::Manners};
use contract::Instant;
use core::time::Duration;
use signaling::flow::Transport;

enum Event {
    Bytes(usize, Vec<u8>),
    Reminder(usize, Timer),
}

struct Pair {
    now: Instant,
    phones: Vec<Phone>,
    agenda: Agenda<Event>,
    /// Start lines, in order.
    ladder: Vec<String>,
}

impl Pair {
    fn new(manners: &Manners, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let phones = (0..2)
            .map(|n: u8| {
                let identity = Identity {
                    number: format!("100{}", n + 1),
                    auth_user: String::new(),
                    password: String::new(),
                    domain: "example".to_owned(),
                    home: ([10, 0, 0, 1 + n], 5060).into(),
                    transport: Transport::Udp,
                    others: Vec::new(),
                    formats: vec![0, 101],
                };
                Phone::new(identity, manners.clone(), Duration::from_millis(1), Duration::from_secs(30), rng.fork())
            })
            .collect();
        Self { now: Instant::ORIGIN, phones, agenda: Agenda::new(), ladder: Vec::new() }
    }

    fn wants(&mut self, phone: usize, out: Out) {
        for bytes in out.sends {
            self.ladder.push(String::from_utf8_lossy(&bytes).lines().next().unwrap_or("").to_owned());
            self.agenda.plan(self.now + Duration::from_millis(3), Event::Bytes(1 - phone, bytes));
        }
        for (delay, timer) in out.timers {
            self.agenda.plan(self.now + delay, Event::Reminder(phone, timer));
        }
    }

    fn run(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while self.agenda.next().is_some_and(|at| at <= until) {
            let Some((at, event)) = self.agenda.pop() else { break };
            self.now = at;
            let mut out = Out::default();
            let phone = match event {
                Event::Bytes(phone, bytes) => {
                    self.phones[phone].receive(at, None, &bytes, &mut out);
                    phone
                }
                Event::Reminder(phone, timer) => {
                    self.phones[phone].fire(at, timer, &mut out);
                    phone
                }
            };
            self.wants(phone, out);
        }
        self.now = until;
    }

    fn dial(&mut self) {
        let mut out = Out::default();
        self.phones[0].act(self.now, &Act::Dial("1002".to_owned()), &mut out);
        self.wants(0, out);
    }
}

#[test]
fn two_polite_phones_talk_and_hang_up() {
    for seed in 0..20 {
        let mut pair = Pair::new(&Manners::default(), seed);
        pair.dial();
        pair.run(300);
        assert_eq!(pair.phones[0].complaints, Vec::<String>::new());
        assert_eq!(pair.phones[0].calls[&1].status, Some(200));
        assert_eq!(pair.ladder.iter().filter(|l| l.starts_with("ACK")).count(), 1, "{:#?}", pair.ladder);
        let over = pair.phones.iter().all(|p| p.calls[&1].stage == Stage::Over);
        let up = pair.phones.iter().all(|p| p.calls[&1].stage == Stage::Up);
        assert!(over || up, "the two disagree: {:#?}", pair.ladder);
    }
}

#[test]
fn hold_is_agreed_the_same_way_on_both_sides() {
    let manners = Manners { hold: 100, update: 50, offerless: 50, ..Manners::default() };
    let mut held = 0;
    for seed in 0..40 {
        let mut pair = Pair::new(&manners, seed);
        pair.dial();
        pair.run(25);
        let agreed: Vec<_> = pair.phones.iter().map(|p| p.calls[&1].media.agreed).collect();
        let settled = pair.phones.iter().all(|p| p.calls[&1].is_settled());
        if let (true, [Some(one), Some(other)]) = (settled, &agreed[..]) {
            held += usize::from(*one != Direction::BOTH);
            assert_eq!((one.send, one.receive), (other.receive, other.send), "seed {seed}: {:#?}", pair.ladder);
        }
        assert!(pair.phones.iter().all(|p| p.complaints.is_empty()), "seed {seed}: {:?}", pair.phones[0].complaints);
    }
    assert!(held > 0, "no call was on hold at the end: the assertion above saw nothing");
}
