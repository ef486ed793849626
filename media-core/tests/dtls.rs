//! Legs whose keys come from a handshake, with and without connectivity checks before it.

mod rig;

use contract::{Fingerprint, LegSpec, MediaCommand, MediaEvent, MemberId, PeerSpec, Security, SourceRule, Unsecured};
use core::net::SocketAddr;
use media_core::{
    io::Io,
    limits::{CONSENT, DTLS_PER_SECOND_MAX, HANDSHAKE_MAX, HANDSHAKE_STEPS_PER_TURN},
    observe::Drop,
};
use rig::{
    Rig, TWO_ON_A_BUS,
    browser::{Browser, Weather, ice},
    memory::MemoryRig,
    packets::{Stream, header},
    peer,
    sockets::SocketRig,
};

/// What a browser's description says.
fn described(browser: &Browser, source: SourceRule) -> PeerSpec {
    PeerSpec { rtcp_mux: true, security: browser.security(), ice: browser.ice.clone(), ..peer(browser.at, source) }
}

/// A call whose side 0 is a browser and whose side 1 is a phone in clear. Not described yet on side 0.
struct Mixed {
    browser: Browser,
    phone: SocketAddr,
    leg: SocketAddr,
    theirs: Stream,
    ours: Stream,
}

impl Mixed {
    fn new(bench: &mut impl Rig, active: bool) -> Self {
        let legs = [bench.open(1, 0), bench.open(1, 1)];
        let (at, phone) = (bench.phone(0), bench.phone(1));
        bench.describe(1, 1, peer(phone, SourceRule::Signalled));
        bench.hearing(1, TWO_ON_A_BUS);
        let browser = Browser::new(at, legs[0], active);
        Self { browser, phone, leg: legs[1], theirs: Stream::new(1), ours: Stream::new(2) }
    }

    fn describe(&self, bench: &mut impl Rig, source: SourceRule) {
        bench.describe(1, 0, described(&self.browser, source));
    }

    /// A browser with checks, described and nominated.
    fn checked(bench: &mut impl Rig, active: bool) -> Self {
        let mut call = Self::new(bench, active);
        call.browser.ice = Some(ice(1));
        call.describe(bench, SourceRule::Signalled);
        assert!(call.browser.checks(bench, true));
        call
    }

    /// Both ends until they agree; the events meanwhile.
    fn shake(&mut self, bench: &mut MemoryRig, lost: Weather<'_>) -> Vec<MediaEvent> {
        let mut events = Vec::new();
        for _ in 0..8_000 {
            self.browser.turn(bench, lost);
            bench.pass_ms(5);
            while let Some(event) = bench.event() {
                let done = matches!(event, MediaEvent::LegUnsecured { .. });
                events.push(event);
                if done {
                    return events;
                }
            }
            let secured = events.iter().any(|event| matches!(event, MediaEvent::LegSecured { .. }));
            if secured && self.browser.has_keys() {
                return events;
            }
        }
        events
    }

    /// Packets each way, protected on one side and in clear on the other.
    fn talks(&mut self, bench: &mut impl Rig) -> bool {
        let mut fine = true;
        for _ in 0..5 {
            let plain = self.theirs.packet();
            let sealed = self.browser.protect(&plain);
            bench.say(self.browser.at, self.browser.leg, &sealed);
            let heard = bench.hear(self.phone);
            fine &= heard.is_some_and(|(_, heard)| payload(&heard) == payload(&plain));
            let plain = self.ours.packet();
            bench.say(self.phone, self.leg, &plain);
            for _ in 0..200 {
                self.browser.turn(bench, &mut || false);
                if !self.browser.media.is_empty() {
                    break;
                }
            }
            let heard = self.browser.media.pop_front().map(|sealed| self.browser.open(sealed));
            fine &= heard.is_some_and(|heard| payload(&heard) == payload(&plain));
        }
        fine
    }
}

fn payload(packet: &[u8]) -> Vec<u8> {
    header(packet).payload(packet).to_vec()
}

fn dropped(bench: &mut impl Rig, reason: Drop) -> u64 {
    bench.tally().dropped[reason as usize]
}

fn secured(events: &[MediaEvent]) -> bool {
    events.iter().any(|event| matches!(event, MediaEvent::LegSecured { .. }))
}

fn unsecured(events: &[MediaEvent]) -> Option<Unsecured> {
    events.iter().find_map(|event| if let MediaEvent::LegUnsecured { why, .. } = event { Some(*why) } else { None })
}

/// A network that loses nothing.
fn fair() -> impl FnMut() -> bool {
    || false
}

#[test]
fn both_roles_agree_on_keys_with_and_without_checks() {
    for active in [true, false] {
        for checks in [true, false] {
            let mut bench = MemoryRig::new();
            let mut call = if checks { Mixed::checked(&mut bench, active) } else { Mixed::new(&mut bench, active) };
            call.describe(&mut bench, SourceRule::Signalled);
            let certificate = bench.certificate();
            let events = call.shake(&mut bench, &mut fair());
            assert!(secured(&events), "{active} {checks}: {events:?}");
            assert_eq!(call.browser.seen, Some(certificate));
            assert!(call.talks(&mut bench), "{active} {checks}");
            assert_eq!(bench.tally().handshakes, 1);
            bench.close(1);
            call.browser.turn(&mut bench, &mut fair());
            assert!(call.browser.closed, "the end is told");
            assert!(bench.all_buffers_free());
        }
    }
}

#[test]
fn a_handshake_survives_loss_in_both_roles() {
    for seed in 0..30_u64 {
        let mut bench = MemoryRig::new();
        let mut call = Mixed::checked(&mut bench, seed % 2 == 0);
        let mut random = seed;
        let mut lossy = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % 100 < 25
        };
        let events = call.shake(&mut bench, &mut lossy);
        assert!(secured(&events) && call.browser.has_keys(), "{seed}: {events:?}");
        assert!(call.talks(&mut bench), "{seed}");
    }
}

#[test]
fn datagrams_in_the_wrong_order_do_no_harm() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    // The browser's flights arrive backwards, each twice.
    for _ in 0..400 {
        let mut held = Vec::new();
        call.browser.hold(&mut bench, &mut held);
        for datagram in held.iter().rev().chain(held.iter()) {
            bench.say(call.browser.at, call.browser.leg, datagram);
        }
        bench.pass_ms(5);
        if call.browser.has_keys() {
            break;
        }
    }
    assert!(matches!(bench.event(), Some(MediaEvent::SourceLearned { .. })));
    assert!(matches!(bench.event(), Some(MediaEvent::LegSecured { .. })));
    assert!(call.talks(&mut bench));
}

#[test]
fn the_last_flight_is_answered_again() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    while bench.tally().handshakes == 0 {
        let mut held = Vec::new();
        call.browser.hold(&mut bench, &mut held);
        held.iter().for_each(|datagram| bench.say(call.browser.at, call.browser.leg, datagram));
    }
    // What ends the handshake is lost.
    while bench.poll(call.browser.at).is_some() {}
    assert!(!call.browser.has_keys());
    for _ in 0..100 {
        bench.pass_ms(5);
        call.browser.turn(&mut bench, &mut fair());
    }
    assert!(call.browser.has_keys());
    assert!(call.talks(&mut bench));
}

#[test]
fn another_certificate_than_the_described_one_ends_it() {
    for active in [true, false] {
        let mut bench = MemoryRig::new();
        let mut call = Mixed::new(&mut bench, active);
        let mut there = described(&call.browser, SourceRule::Signalled);
        let Security::Dtls { role, .. } = there.security else { panic!("a handshake") };
        there.security = Security::Dtls { role, fingerprint: Fingerprint { sha256: [7; 32] } };
        bench.describe(1, 0, there);
        let events = call.shake(&mut bench, &mut fair());
        assert_eq!(unsecured(&events), Some(Unsecured::WrongCertificate), "{active}");
        assert!(!secured(&events) && !call.browser.has_keys());
        bench.say(call.phone, call.leg, &call.ours.packet());
        assert!(dropped(&mut bench, Drop::NotSecured) > 0);
    }
}

#[test]
fn nothing_in_clear_passes_and_media_before_the_keys_is_counted() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    for _ in 0..3 {
        bench.say(call.browser.at, call.browser.leg, &call.theirs.packet());
        bench.say(call.phone, call.leg, &call.ours.packet());
        assert_eq!((bench.hear(call.phone), bench.hear(call.browser.at)), (None, None));
    }
    assert_eq!(dropped(&mut bench, Drop::NotSecured), 6);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    bench.say(call.browser.at, call.browser.leg, &call.theirs.packet());
    assert_eq!(bench.hear(call.phone), None);
    assert_eq!(dropped(&mut bench, Drop::NotAuthentic), 1);
    let sealed = call.browser.protect(&call.theirs.packet());
    bench.say(call.browser.at, call.browser.leg, &sealed);
    assert!(bench.hear(call.phone).is_some());
    bench.say(call.browser.at, call.browser.leg, &sealed);
    assert_eq!(bench.hear(call.phone), None);
    assert_eq!(dropped(&mut bench, Drop::Replayed), 1);
}

#[test]
fn junk_does_not_hinder_a_handshake() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    let mut random = 5_u64;
    let mut octet = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as u8
    };
    for _ in 0..400 {
        // From the right address, a few in each step: whole nonsense, and nonsense in a record's clothes.
        let length = 1 + usize::from(octet());
        let mut junk: Vec<u8> = (0..length).map(|_| octet()).collect();
        junk[0] = 20 + octet() % 44;
        if octet() % 2 == 0 {
            junk.splice(0..0, [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, octet(), 0, length as u8, 1 + octet() % 20]);
        }
        bench.say(call.browser.at, call.browser.leg, &junk);
        bench.pass_ms(25);
        call.browser.turn(&mut bench, &mut fair());
        if call.browser.has_keys() {
            break;
        }
    }
    assert!(call.browser.has_keys());
    assert!(call.talks(&mut bench));
    for kind in 20..=63_u8 {
        bench.say(call.browser.at, call.browser.leg, &[kind; 100]);
        bench.pass_ms(25);
    }
    assert!(call.talks(&mut bench), "nor does it afterwards");
}

#[test]
fn a_hello_that_overtakes_the_description_is_kept() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::new(&mut bench, true);
    call.browser.turn(&mut bench, &mut fair());
    let stranger = bench.phone(9);
    bench.say(stranger, call.browser.leg, &[22; 60]);
    assert_eq!((call.browser.sent, dropped(&mut bench, Drop::NotDescribed)), (1, 1));
    call.describe(&mut bench, SourceRule::Signalled);
    // Time stands still: nothing is sent again.
    for _ in 0..20 {
        call.browser.turn(&mut bench, &mut fair());
    }
    assert!(call.browser.has_keys());
    assert!(call.talks(&mut bench));
    // What is never described is given back.
    let mut bench = MemoryRig::new();
    let mut call = Mixed::new(&mut bench, true);
    call.browser.turn(&mut bench, &mut fair());
    bench.close(1);
    assert!(bench.all_buffers_free());
}

#[test]
fn a_stranger_begins_nothing_where_the_address_is_known() {
    for checks in [true, false] {
        let mut bench = MemoryRig::new();
        let mut call = if checks { Mixed::checked(&mut bench, true) } else { Mixed::new(&mut bench, true) };
        call.describe(&mut bench, SourceRule::Signalled);
        let mut stranger = Browser::new(bench.phone(9), call.browser.leg, true);
        for _ in 0..10 {
            stranger.turn(&mut bench, &mut fair());
            bench.pass_ms(50);
        }
        assert!(!stranger.has_keys() && stranger.seen.is_none());
        // A connected socket does not even hear it.
        assert_eq!(dropped(&mut bench, Drop::UnknownSource) > 0, checks);
        assert!(secured(&call.shake(&mut bench, &mut fair())));
        assert!(call.talks(&mut bench));
    }
}

#[test]
fn a_stranger_that_comes_first_does_not_end_the_call() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::new(&mut bench, true);
    call.describe(&mut bench, SourceRule::Learned);
    // One that goes all the way with a certificate of its own, and one that stays in the middle.
    for steps in [200, 3] {
        let mut stranger = Browser::new(bench.phone(9), call.browser.leg, true);
        for _ in 0..steps {
            stranger.turn(&mut bench, &mut fair());
        }
        assert_eq!(bench.event(), None);
    }
    assert!(bench.tally().handshakes_failed > 0);
    let events = call.shake(&mut bench, &mut fair());
    assert!(secured(&events), "{events:?}");
    assert!(call.talks(&mut bench));
}

#[test]
fn a_browser_behind_a_translator_is_found_by_its_handshake_and_media() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::new(&mut bench, true);
    let behind = bench.phone(7);
    let mut there = described(&call.browser, SourceRule::Learned);
    call.browser.at = behind;
    there.rtcp = None;
    bench.describe(1, 0, there);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    for _ in 0..20 {
        let sealed = call.browser.protect(&call.theirs.packet());
        bench.say(behind, call.browser.leg, &sealed);
        bench.pass_ms(20);
    }
    while bench.hear(call.phone).is_some() {}
    assert!(call.talks(&mut bench));
}

#[test]
fn checks_restart_on_the_living_association() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    assert!(call.talks(&mut bench));
    call.browser.ice = Some(ice(2));
    call.describe(&mut bench, SourceRule::Signalled);
    assert!(call.talks(&mut bench), "media goes on meanwhile");
    call.browser.at = bench.phone(5);
    let sealed = call.browser.protect(&call.theirs.packet());
    bench.say(call.browser.at, call.browser.leg, &sealed);
    assert_eq!(bench.hear(call.phone), None, "not checked yet");
    assert!(call.browser.checks(&mut bench, true));
    assert!(matches!(bench.event(), Some(MediaEvent::SourceLearned { source, .. }) if source == call.browser.at));
    assert!(call.talks(&mut bench));
    assert_eq!((bench.event(), bench.tally().handshakes), (None, 1));
}

#[test]
fn media_follows_the_pair_nominated_last() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    let places = [bench.phone(5), bench.phone(6), call.browser.at];
    for place in places {
        let before = core::mem::replace(&mut call.browser.at, place);
        assert!(call.browser.checks(&mut bench, false));
        bench.say(call.phone, call.leg, &call.ours.packet());
        assert!(bench.poll(before).is_some() && bench.poll(place).is_none(), "a check alone moves nothing");
        assert!(call.browser.checks(&mut bench, true));
        assert!(call.talks(&mut bench));
    }
}

#[test]
fn who_ceases_to_check_is_not_sent_to_any_more() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    bench.pass(CONSENT / 2);
    assert!(call.browser.checks(&mut bench, false));
    bench.pass(CONSENT / 2 + CONSENT / 4);
    assert!(call.talks(&mut bench), "consent was renewed");
    while bench.event().is_some() {}
    bench.pass(CONSENT / 4 + core::time::Duration::from_secs(9));
    let mut events = Vec::new();
    while let Some(event) = bench.event() {
        events.push(event);
    }
    assert_eq!(unsecured(&events), Some(Unsecured::ConsentLost));
    assert!(!call.browser.checks(&mut bench, true), "only new names help");
    bench.say(call.phone, call.leg, &call.ours.packet());
    assert_eq!(bench.poll(call.browser.at), None);
    call.browser.ice = Some(ice(2));
    call.describe(&mut bench, SourceRule::Signalled);
    assert!(call.browser.checks(&mut bench, true));
    assert!(call.talks(&mut bench));
}

#[test]
fn who_closes_does_not_want_to_be_sent_to() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    call.browser.close(&mut bench);
    let event = bench.event();
    assert!(matches!(event, Some(MediaEvent::LegUnsecured { why: Unsecured::ConsentLost, .. })), "{event:?}");
    bench.say(call.phone, call.leg, &call.ours.packet());
    while let Some((_, heard)) = bench.poll(call.browser.at) {
        assert_eq!(heard[0], 21, "an alert, no media");
    }
}

#[test]
fn a_far_end_that_never_answers_is_given_up() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::new(&mut bench, false);
    call.describe(&mut bench, SourceRule::Signalled);
    bench.pass(HANDSHAKE_MAX / 2);
    assert_eq!(bench.event(), None);
    let mut hellos = 0;
    while bench.poll(call.browser.at).is_some() {
        hellos += 1;
    }
    assert!((3..=8).contains(&hellos), "{hellos}");
    bench.pass(HANDSHAKE_MAX);
    assert!(matches!(bench.event(), Some(MediaEvent::LegUnsecured { why: Unsecured::HandshakeFailed, .. })));
    // The same description again is another try.
    call.describe(&mut bench, SourceRule::Signalled);
    while bench.poll(call.browser.at).is_some() {}
    call.describe(&mut bench, SourceRule::Signalled);
    bench.pass_ms(500);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
}

#[test]
fn reports_share_the_port_and_are_protected() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    assert!(call.talks(&mut bench));
    let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 1];
    report.extend([0; 20]);
    let sealed = call.browser.protect(&report);
    bench.say(call.browser.at, call.browser.leg, &sealed);
    let there = SocketAddr::new(call.phone.ip(), call.phone.port() + 1);
    assert!(bench.hear(there).is_some_and(|(_, heard)| heard[..2] == [0x80, 200]));
    let next = SocketAddr::new(call.leg.ip(), call.leg.port() + 1);
    report[7] = 2;
    bench.say(there, next, &report);
    call.browser.turn(&mut bench, &mut fair());
    let sealed = call.browser.media.pop_front().expect("passed on");
    assert_eq!(call.browser.open(sealed)[..2], [0x80, 200]);
}

#[test]
fn a_flood_of_hellos_leaves_room_for_media() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 1];
    hello.resize(26, 0);
    for _ in 0..4 * DTLS_PER_SECOND_MAX {
        bench.io.deliver(call.browser.at, call.browser.leg, &hello);
    }
    bench.settle();
    assert!(dropped(&mut bench, Drop::DtlsFlood) >= 3 * u64::from(DTLS_PER_SECOND_MAX));
    assert!(call.talks(&mut bench));
    bench.close(1);
    bench.pass_ms(100);
    assert!(bench.all_buffers_free());
}

#[test]
fn media_does_not_wait_for_a_crowd_of_hellos() {
    const BROWSERS: u16 = 20;
    let mut bench = MemoryRig::new();
    let call = bench.call(SourceRule::Signalled);
    let mut browsers: Vec<Browser> = (0..BROWSERS)
        .map(|number| {
            let leg = bench.open(100 + u64::from(number), 0);
            let browser = Browser::new(bench.phone(100 + number), leg, true);
            bench.describe(100 + u64::from(number), 0, described(&browser, SourceRule::Signalled));
            browser
        })
        .collect();
    let mut hellos = Vec::new();
    browsers.iter_mut().for_each(|browser| browser.hold(&mut bench, &mut hellos));
    for (browser, hello) in browsers.iter().zip(&hellos) {
        bench.io.deliver(browser.at, browser.leg, hello);
    }
    bench.io.deliver(call.phones[0], call.ours[0], &Stream::new(1).packet());
    let (now, mut answered, mut turns, mut relayed_in) = (bench.io.now(), Vec::new(), 0, None);
    while answered.len() < usize::from(BROWSERS) {
        let before = answered.len();
        bench.shard.turn(now, &mut bench.io);
        while let Some(sent) = bench.io.sent() {
            if sent.to == call.phones[1] {
                relayed_in = Some(turns);
            } else if !answered.contains(&sent.to) {
                answered.push(sent.to);
            }
        }
        assert!((1..=HANDSHAKE_STEPS_PER_TURN).contains(&(answered.len() - before)), "a few in each turn");
        turns += 1;
    }
    assert_eq!(relayed_in, Some(0), "the packet that came behind them went first");
}

#[test]
fn checks_and_handshakes_work_over_ipv6() {
    let mut bench = MemoryRig::new();
    let open = MediaCommand::OpenLeg {
        session: rig::name(1),
        member: MemberId(0),
        spec: LegSpec { ipv6: true, ..rig::spec() },
    };
    bench.tell(open);
    let Some(MediaEvent::LegOpened { rtp, .. }) = bench.event() else { panic!("opened") };
    let at = "[2001:db8::7]:4000".parse().expect("an address");
    let mut browser = Browser::new(at, rtp, true).with_ice(ice(1));
    bench.describe(1, 0, described(&browser, SourceRule::Signalled));
    assert!(browser.checks(&mut bench, true));
    for _ in 0..20 {
        browser.turn(&mut bench, &mut fair());
    }
    assert!(browser.has_keys() && bench.tally().handshakes == 1);
}

#[test]
fn a_leg_without_handshake_or_checks_takes_neither() {
    let mut bench = MemoryRig::new();
    let call = bench.call(SourceRule::Signalled);
    let mut browser = Browser::new(call.phones[0], call.ours[0], true).with_ice(ice(1));
    browser.turn(&mut bench, &mut fair());
    let check = browser.check(true);
    bench.say(call.phones[0], call.ours[0], &check);
    assert_eq!((dropped(&mut bench, Drop::Dtls), dropped(&mut bench, Drop::Stun)), (1, 1));
    let rtcp = SocketAddr::new(call.ours[0].ip(), call.ours[0].port() + 1);
    bench.say(call.phones[0], rtcp, &check);
    assert_eq!(dropped(&mut bench, Drop::WrongPort), 1);
    assert_eq!(bench.poll(call.phones[0]), None);
}

#[test]
fn a_protected_packet_of_a_checked_leg_allocates_nothing() {
    let mut bench = MemoryRig::new();
    let mut call = Mixed::checked(&mut bench, true);
    assert!(secured(&call.shake(&mut bench, &mut fair())));
    assert!(call.talks(&mut bench));
    let check = call.browser.check(false);
    let packets: Vec<_> = (0..100)
        .map(|_| {
            let packet = call.theirs.packet();
            (call.browser.protect(&packet), call.ours.packet())
        })
        .collect();
    let (browser, leg, phone, other) = (call.browser.at, call.browser.leg, call.phone, call.leg);
    let MemoryRig { shard, io, .. } = &mut bench;
    let mut sent = 0;
    let counted = allocation_counter::measure(|| {
        for (sealed, plain) in &packets {
            io.deliver(browser, leg, sealed);
            io.deliver(phone, other, plain);
            io.deliver(browser, leg, &check);
            let now = io.now();
            shard.turn(now, io);
            while io.sent().is_some() {
                sent += 1;
            }
        }
    });
    assert_eq!((sent, counted.count_total), (3 * packets.len(), 0));
}

#[test]
fn a_browser_talks_over_real_sockets() {
    for (first_port, active) in [(33_000, true), (33_100, false)] {
        let mut bench = SocketRig::new(first_port);
        let mut call = Mixed::checked(&mut bench, active);
        let start = bench.now();
        while !call.browser.has_keys() || bench.tally().handshakes == 0 {
            call.browser.turn(&mut bench, &mut fair());
            assert!(bench.now().since(start) < HANDSHAKE_MAX);
        }
        assert!(matches!(bench.event(), Some(MediaEvent::SourceLearned { .. })));
        assert!(matches!(bench.event(), Some(MediaEvent::LegSecured { .. })));
        assert!(call.talks(&mut bench));
        let stranger = bench.stranger();
        let sealed = call.browser.protect(&call.theirs.packet());
        bench.say(stranger, call.browser.leg, &sealed);
        assert!(call.talks(&mut bench), "what a third party replays changes nothing");
        while dropped(&mut bench, Drop::UnknownSource) == 0 {
            assert!(bench.now().since(start) < HANDSHAKE_MAX);
        }
    }
}
