//! Random descriptions, checks, handshakes, junk and closes: whatever their order, nothing is left.

mod rig;

use contract::{Fingerprint, MediaCommand, MemberId, PeerSpec, Security, SourceRule, SrtpKey, SrtpSuite};
use media_core::observe::Drop;
use rig::{
    Rig, TWO_ON_A_BUS,
    browser::{Browser, ice},
    memory::MemoryRig,
    name,
    packets::Stream,
    peer,
};

/// A generator of its own, so that a failing seed stays the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn security(random: &mut Random, browser: &Browser) -> Security {
    match random.below(12) {
        0 => Security::None,
        1 => {
            let suite = SrtpSuite::ALL[random.below(6) as usize];
            let key = |octet: u8| SrtpKey::new(suite, &[octet; 46][..suite.material_len()]).expect("of the suite");
            Security::Sdes { suite, local: key(random.below(3) as u8), remote: key(random.below(3) as u8) }
        }
        2 => {
            let Security::Dtls { role, .. } = browser.security() else { panic!("a handshake") };
            Security::Dtls { role, fingerprint: Fingerprint { sha256: [random.below(3) as u8; 32] } }
        }
        _ => browser.security(),
    }
}

/// How many handshakes led to keys, and how many packets came through.
fn storm(seed: u64) -> (u64, u64) {
    let mut random = Random(seed);
    let mut bench = MemoryRig::new();
    let mut browsers: [Option<Browser>; 4] = [const { None }; 4];
    let mut streams = [1, 2, 3, 4].map(Stream::new);
    for _ in 0..500 {
        let which = random.below(4) as usize;
        let (session, member) = (1 + which as u64 / 2, which as u16 % 2);
        let Some(browser) = &mut browsers[which] else {
            if let Ok(leg) = bench.try_open(session, member) {
                // What the leg before it sent is still at these places.
                for place in 0..3 {
                    let at = bench.phone(which as u16 + 10 * place);
                    while bench.poll(at).is_some() {}
                }
                let browser = Browser::new(bench.phone(which as u16), leg, random.below(2) == 0);
                browsers[which] =
                    Some(if random.below(3) == 0 { browser } else { browser.with_ice(ice(random.below(3) as u8)) });
                bench.hearing(session, TWO_ON_A_BUS);
            }
            continue;
        };
        match random.below(24) {
            0..=3 => {
                let source = [SourceRule::Signalled, SourceRule::Learned][random.below(2) as usize];
                let security = security(&mut random, browser);
                let ice = browser.ice.clone();
                bench.describe(session, member, PeerSpec { rtcp_mux: true, security, ice, ..peer(browser.at, source) });
            }
            4 if browser.ice.is_some() => browser.ice = Some(ice(random.below(3) as u8)),
            5 => browser.at = bench.phone(which as u16 + 10 * random.below(3) as u16),
            6..=9 if browser.ice.is_some() => {
                let check = browser.check(random.below(2) == 0);
                bench.say(browser.at, browser.leg, &check);
            }
            10..=17 => {
                let loss = random.below(4) * 10;
                browser.turn(&mut bench, &mut || random.below(100) < loss);
            }
            18 => {
                let from = bench.phone(random.below(20) as u16);
                let junk: Vec<u8> = (0..1 + random.below(200)).map(|_| random.below(256) as u8).collect();
                bench.say(from, browser.leg, &junk);
            }
            19 => bench.pass_ms(random.below(4_000)),
            20 | 21 => {
                let packet = streams[which].packet();
                let packet = if browser.has_keys() { browser.protect(&packet) } else { packet };
                bench.say(browser.at, browser.leg, &packet);
            }
            22 if random.below(3) == 0 => {
                bench.tell(MediaCommand::CloseMember { session: name(session), member: MemberId(member) });
                // A member's name is not used again in its session.
                bench.close(session);
                browsers[which & 2] = None;
                browsers[which | 1] = None;
            }
            _ => {}
        }
        while bench.event().is_some() {}
    }
    for session in 1..=2 {
        bench.close(session);
    }
    bench.pass_ms(500);
    let tally = bench.tally();
    assert_eq!((tally.sessions, tally.legs, tally.ports_in_use, tally.panics), (0, 0, 0, 0), "seed {seed}");
    assert!(bench.all_buffers_free(), "seed {seed}");
    (tally.handshakes, tally.dropped[Drop::NotSecured as usize])
}

#[test]
fn any_order_of_descriptions_checks_and_handshakes_balances() {
    let (mut handshakes, mut refused) = (0, 0);
    for seed in 0..24 {
        let (keys, early) = storm(seed);
        (handshakes, refused) = (handshakes + keys, refused + early);
    }
    assert!(handshakes > 30 && refused > 100, "the storm reaches what it is about: {handshakes} {refused}");
}
