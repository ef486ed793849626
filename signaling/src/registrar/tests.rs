//! The registrar by the steps of RFC 3261 section 10.3, and against a model that keeps a plain list.

use super::{Change, Outcome, Registrar};
use crate::{
    flow::{ConnectionId, Flow, ListenerId},
    limits::CONTACTS_PER_ACCOUNT_MAX,
    message::Index,
    settings::{CallerId, Dtmf, Extension, Forward, Host, Nat, Permissions, Place, RegistrationSettings, Secret},
};
use contract::Instant;
use core::{fmt::Write as _, net::SocketAddr, time::Duration};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

const LIMITS: RegistrationSettings = RegistrationSettings {
    expires_min: Duration::from_secs(60),
    expires_max: Duration::from_secs(3600),
    expires_default: Duration::from_secs(1800),
};

fn account(number: &str, nat: Nat) -> Extension {
    Extension {
        number: number.to_owned(),
        name: String::new(),
        auth_user: number.to_owned(),
        secret: Secret::new("x"),
        caller_id: CallerId::default(),
        language: "en".to_owned(),
        call_groups: Vec::new(),
        pickup_groups: Vec::new(),
        context: String::new(),
        host: Host::Dynamic,
        permissions: Permissions::default(),
        call_limit: 1,
        codecs: Vec::new(),
        nat,
        dtmf: Dtmf::default(),
        encryption: crate::settings::Encryption::default(),
        music: "default".into(),
        record: None,
        no_answer_after: Duration::from_secs(1),
        visibility: crate::settings::Visibility::default(),
        forward: Forward::default(),
        place: Place::default(),
    }
}

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

fn source() -> SocketAddr {
    "192.0.2.9:5062".parse().expect("an address")
}

/// One exchange's registrar with a clock.
struct Desk {
    registrar: Registrar,
    now: u64,
}

impl Desk {
    fn new() -> Self {
        Self { registrar: Registrar::new(), now: 0 }
    }

    fn by(&mut self, flow: Flow, nat: Nat, cseq: u32, call_id: &str, lines: &str) -> Outcome {
        let bytes = format!(
            "REGISTER sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\nFrom: <sip:1001@pbx.test>;tag=1\r\n\
             To: <sip:1001@pbx.test>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let mut index = Index::new();
        let request = index.parse(bytes.as_bytes()).expect("SIP");
        let outcome = self.registrar.register(at(self.now), &account("1001", nat), &LIMITS, &request, flow);
        assert_eq!(self.registrar.check_invariants(), Ok(()));
        outcome
    }

    fn register(&mut self, cseq: u32, lines: &str) -> Outcome {
        self.by(Flow::datagram(ListenerId(0), source()), Nat::Auto, cseq, "call", lines)
    }

    fn contacts(&self) -> Vec<String> {
        self.registrar.contact_headers(at(self.now), "1001")
    }
}

fn added(contact: &str) -> Outcome {
    Outcome::Changed(vec![Change::Added(contact.to_owned())])
}

#[test]
fn a_contact_lasts_as_long_as_was_granted() {
    for (lines, seconds) in [
        ("Contact: <sip:a@192.0.2.9>\r\n", 1800),
        ("Contact: <sip:a@192.0.2.9>\r\nExpires: 600\r\n", 600),
        ("Contact: <sip:a@192.0.2.9>;expires=700\r\nExpires: 600\r\n", 700),
        ("Contact: <sip:a@192.0.2.9>;expires=60\r\n", 60),
        ("Contact: <sip:a@192.0.2.9>;expires=4000000000\r\n", 3600),
        ("Contact: <sip:a@192.0.2.9>\r\nExpires: 99999999999999\r\n", 3600),
    ] {
        let mut desk = Desk::new();
        assert_eq!(desk.register(1, lines), added("sip:a@192.0.2.9"), "{lines}");
        assert_eq!(desk.contacts(), [format!("<sip:a@192.0.2.9>;expires={seconds}")]);
        assert_eq!(desk.registrar.deadline(), Some(at(seconds)));
        desk.now = seconds;
        assert_eq!(desk.contacts(), Vec::<String>::new());
        assert_eq!(desk.registrar.bindings(at(seconds), "1001").len(), 0);
        let gone = Some(("1001".to_owned(), "sip:a@192.0.2.9".to_owned()));
        assert_eq!((desk.registrar.expire(at(seconds)), desk.registrar.expire(at(seconds))), (gone, None));
        assert_eq!((desk.registrar.counts(), desk.registrar.deadline()), ((0, 0), None));
    }
}

#[test]
fn a_time_too_short_is_423_and_nothing_changes() {
    let mut desk = Desk::new();
    let brief = Outcome::TooBrief { min: Duration::from_secs(60) };
    assert_eq!(desk.register(1, "Contact: <sip:a@192.0.2.9>, <sip:b@192.0.2.9>;expires=59\r\n"), brief);
    assert_eq!(desk.registrar.counts(), (0, 0));
}

#[test]
fn a_request_without_contact_only_asks() {
    let mut desk = Desk::new();
    desk.register(1, "Contact: <sip:a@192.0.2.9>\r\n");
    assert_eq!(desk.register(1, ""), Outcome::Listed);
    assert_eq!(desk.contacts().len(), 1);
}

#[test]
fn the_milliseconds_until_the_answer_do_not_cost_a_second() {
    let mut desk = Desk::new();
    desk.register(1, "Contact: <sip:a@192.0.2.9>\r\n");
    for (passed_ms, told) in [(1, 1800), (499, 1800), (501, 1799), (1_499, 1799)] {
        let now = at(0) + Duration::from_millis(passed_ms);
        let expected = format!("<sip:a@192.0.2.9>;expires={told}");
        assert_eq!(desk.registrar.contact_headers(now, "1001"), [expected], "after {passed_ms} ms");
    }
}

#[test]
fn several_contacts_are_kept_by_preference() {
    let mut desk = Desk::new();
    desk.register(
        1,
        "Contact: <sip:a@192.0.2.9>;q=0.2, \"B\" <sip:b@192.0.2.9>\r\nContact: <sip:c@192.0.2.9>;q=0.25\r\n",
    );
    desk.now = 1;
    desk.register(2, "Contact: <sip:d@192.0.2.9>;q=0\r\nContact: <sip:e@192.0.2.9>;q=0.25\r\n");
    let order: Vec<_> =
        desk.registrar.bindings(at(1), "1001").into_iter().map(|binding| &binding.contact[4..5]).collect();
    assert_eq!(order, ["b", "e", "c", "a", "d"]);
    assert_eq!(
        desk.contacts(),
        [
            "<sip:a@192.0.2.9>;q=0.2;expires=1799",
            "<sip:b@192.0.2.9>;expires=1799",
            "<sip:c@192.0.2.9>;q=0.25;expires=1799",
            "<sip:d@192.0.2.9>;q=0;expires=1800",
            "<sip:e@192.0.2.9>;q=0.25;expires=1800",
        ]
    );
}

#[test]
fn equal_uris_are_one_binding() {
    // RFC 3261 section 19.1.4.
    let mut desk = Desk::new();
    assert_eq!(desk.register(1, "Contact: <sip:a@phone.test;x=1>\r\n"), added("sip:a@phone.test;x=1"));
    let again = "sip:%61@PHONE.test;X=1";
    assert_eq!(
        desk.register(2, &format!("Contact: <{again}>\r\n")),
        Outcome::Changed(vec![Change::Refreshed(again.to_owned())])
    );
    assert_eq!(desk.register(3, "Contact: <sip:a@phone.test:5060;x=1>\r\n"), added("sip:a@phone.test:5060;x=1"));
    assert_eq!(desk.registrar.counts(), (2, 1));
}

#[test]
fn expires_0_removes() {
    let mut desk = Desk::new();
    desk.register(1, "Contact: <sip:a@192.0.2.9>, <sip:b@192.0.2.9>\r\n");
    assert_eq!(
        desk.register(2, "Contact: <sip:a@192.0.2.9>;expires=0\r\n"),
        Outcome::Changed(vec![Change::Removed("sip:a@192.0.2.9".to_owned())])
    );
    assert_eq!(desk.register(3, "Contact: <sip:never@192.0.2.9>\r\nExpires: 0\r\n"), Outcome::Listed);
    assert_eq!(desk.contacts().len(), 1);
}

#[test]
fn a_star_removes_all_and_is_alone() {
    let mut desk = Desk::new();
    desk.register(1, "Contact: <sip:a@192.0.2.9>, <sip:b@192.0.2.9>\r\n");
    for wrong in [
        "Contact: *\r\n",
        "Contact: *\r\nExpires: 60\r\n",
        "Contact: *, <sip:a@192.0.2.9>\r\nExpires: 0\r\n",
        "Contact: <sip:a@192.0.2.9>\r\nContact: *\r\nExpires: 0\r\n",
    ] {
        assert!(matches!(desk.register(2, wrong), Outcome::Malformed(_)), "{wrong}");
    }
    assert_eq!(desk.register(1, "Contact: *\r\nExpires: 0\r\n"), Outcome::OutOfOrder);
    let removed = ["sip:a@192.0.2.9", "sip:b@192.0.2.9"].map(|contact| Change::Removed(contact.to_owned()));
    assert_eq!(desk.register(2, "Contact: *\r\nExpires: 0\r\n"), Outcome::Changed(removed.to_vec()));
    assert_eq!(desk.register(3, "Contact: *\r\nExpires: 0\r\n"), Outcome::Listed);
    assert_eq!(desk.registrar.counts(), (0, 0));
}

#[test]
fn an_older_request_of_the_same_call_changes_nothing() {
    let mut desk = Desk::new();
    desk.register(5, "Contact: <sip:a@192.0.2.9>\r\n");
    for cseq in [4, 5] {
        assert_eq!(
            desk.register(cseq, "Contact: <sip:b@192.0.2.9>, <sip:a@192.0.2.9>;expires=0\r\n"),
            Outcome::OutOfOrder
        );
    }
    assert_eq!(desk.contacts().len(), 1);
    // A phone that restarted has a new Call-ID and begins anew.
    let flow = Flow::datagram(ListenerId(0), source());
    let outcome = desk.by(flow, Nat::Auto, 1, "other", "Contact: <sip:a@192.0.2.9>\r\n");
    assert_eq!(outcome, Outcome::Changed(vec![Change::Refreshed("sip:a@192.0.2.9".to_owned())]));
}

#[test]
fn one_contact_too_many_replaces_the_one_that_expires_first() {
    let mut desk = Desk::new();
    for number in 0..CONTACTS_PER_ACCOUNT_MAX {
        let expires = 3000 - number;
        desk.register(1, &format!("Contact: <sip:{number}@192.0.2.9>;expires={expires}\r\n"));
    }
    let first = format!("sip:{}@192.0.2.9", CONTACTS_PER_ACCOUNT_MAX - 1);
    let outcome = desk.register(2, "Contact: <sip:new@192.0.2.9>;expires=60\r\n");
    let changes = vec![Change::Added("sip:new@192.0.2.9".to_owned()), Change::Removed(first)];
    assert_eq!(outcome, Outcome::Changed(changes));
    assert_eq!(desk.registrar.counts(), (CONTACTS_PER_ACCOUNT_MAX, 1));
    let many = (0..=CONTACTS_PER_ACCOUNT_MAX).fold(String::new(), |mut lines, number| {
        write!(lines, "Contact: <sip:m{number}@192.0.2.9>\r\n").expect("a string takes everything");
        lines
    });
    assert_eq!(desk.register(3, &many), Outcome::TooMany);
}

#[test]
fn what_cannot_be_kept_or_called_is_400() {
    let long = "x".repeat(600);
    for lines in [
        "Contact: <nobodyknows:opaque>\r\n".to_owned(),
        "Contact: <tel:+1234>\r\n".to_owned(),
        format!("Contact: <sip:{long}@192.0.2.9>\r\n"),
        format!("Contact: <sip:a@192.0.2.9>\r\nPath: <sip:{long};lr>\r\n"),
        "Contact: <sip:a@192.0.2.9>\r\nPath: nonsense\r\n".to_owned(),
        format!("Contact: <sip:a@192.0.2.9>\r\n{}", "Path: <sip:p;lr>\r\n".repeat(9)),
        // RFC 4475 section 3.1.2.14 kind: parameters that are not in brackets.
        "Contact: sip:a@192.0.2.9?Route=%3Csip:x%3E\r\n".to_owned(),
    ] {
        let mut desk = Desk::new();
        assert!(matches!(desk.register(1, &lines), Outcome::Malformed(_)), "{lines}");
        assert_eq!(desk.registrar.counts(), (0, 0));
    }
}

#[test]
fn nat_is_seen_by_the_addresses_or_said_by_the_account() {
    let source: SocketAddr = "198.51.100.7:40000".parse().expect("an address");
    let far = Flow::datagram(ListenerId(0), source);
    let near = Flow::datagram(ListenerId(0), self::source());
    for (flow, nat, contact, behind) in [
        (near, Nat::Auto, "sip:a@192.0.2.9:5062", false),
        (near, Nat::Auto, "sip:a@192.0.2.9:7000", false),
        (near, Nat::Auto, "sip:a@10.0.0.1:5062", true),
        (near, Nat::Auto, "sip:a@phone.test", true),
        (far, Nat::Auto, "sip:a@198.51.100.7:5062", true),
        (near, Nat::Yes, "sip:a@192.0.2.9:5062", true),
        (far, Nat::No, "sip:a@10.0.0.1", false),
    ] {
        let mut desk = Desk::new();
        desk.by(flow, nat, 1, "call", &format!("Contact: <{contact}>\r\n"));
        let found = desk.registrar.bindings(at(0), "1001");
        assert_eq!((found[0].behind_nat, found[0].flow), (behind, flow), "{nat:?} {contact}");
    }
}

#[test]
fn what_was_stored_comes_back() {
    let mut desk = Desk::new();
    desk.register(
        7,
        "Contact: <sip:a@192.0.2.9>;q=0.5;expires=600\r\nPath: <sip:p1;lr>, <sip:p2;lr>\r\nUser-Agent: Phone/1\r\n",
    );
    let stored = desk.registrar.stored(at(100), "1001");
    assert_eq!(stored[0].path, ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert_eq!((stored[0].expires_in, stored[0].user_agent.as_str()), (Duration::from_secs(500), "Phone/1"));
    let mut other = Registrar::new();
    // The clock began anew.
    other.restore(at(3), stored.clone());
    assert_eq!(other.check_invariants(), Ok(()));
    assert_eq!(other.stored(at(3), "1001"), stored);
    assert_eq!(other.deadline(), Some(at(503)));
    // Once more, and what is here stays.
    other.restore(at(4), stored);
    assert_eq!((other.counts(), other.deadline()), ((1, 1), Some(at(503))));
    assert_eq!(other.forget("1001"), ["sip:a@192.0.2.9"]);
    assert_eq!((other.counts(), other.check_invariants()), ((0, 0), Ok(())));
}

#[test]
fn a_phone_behind_a_nat_is_out_of_reach_without_its_stream() {
    let mut desk = Desk::new();
    let stream = |number| Flow::stream(ListenerId(1), source(), ConnectionId(number));
    desk.by(stream(1), Nat::Yes, 1, "one", "Contact: <sip:a@192.0.2.9>\r\n");
    desk.by(stream(1), Nat::No, 1, "two", "Contact: <sip:b@192.0.2.9>\r\n");
    desk.by(stream(2), Nat::Yes, 1, "three", "Contact: <sip:c@192.0.2.9>\r\n");
    desk.registrar.flow_lost(ConnectionId(1));
    assert_eq!(desk.registrar.check_invariants(), Ok(()));
    let reachable = |desk: &Desk| desk.registrar.bindings(at(0), "1001").len();
    assert_eq!((reachable(&desk), desk.contacts().len()), (2, 3));
    desk.by(stream(3), Nat::Yes, 2, "one", "Contact: <sip:a@192.0.2.9>\r\n");
    assert_eq!(reachable(&desk), 3);
    // After a restart there are no streams.
    let mut other = Registrar::new();
    other.restore(at(0), desk.registrar.stored(at(0), "1001"));
    assert_eq!(other.bindings(at(0), "1001").len(), 1);
}

/// The simplest registrar: contacts with preference, Call-ID, CSeq and end, in a list.
#[derive(Default)]
struct Model(Vec<(String, String, u32, u64)>);

#[test]
fn random_registrations_agree_with_a_plain_list() {
    for seed in 0..64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |below: u64| random.next_u64() % below;
        let mut desk = Desk::new();
        let mut model = Model::default();
        let mut cseq = [0_u32; 3];
        for _ in 0..200 {
            desk.now += draw(200);
            let now = desk.now;
            // What the model forgets by time the registrar reports, each once.
            let mut gone = Vec::new();
            while let Some((number, contact)) = desk.registrar.expire(at(now)) {
                assert_eq!(number, "1001");
                gone.push(contact);
            }
            let mut due: Vec<_> = model.0.iter().filter(|entry| entry.3 <= now).map(|entry| entry.0.clone()).collect();
            model.0.retain(|entry| entry.3 > now);
            gone.sort();
            due.sort();
            assert_eq!(gone, due, "seed {seed}");

            let call = draw(3) as usize;
            let call_id = format!("call-{call}");
            // Now and then an old number.
            let number = if draw(8) == 0 { cseq[call] } else { cseq[call] + 1 };
            let flow = Flow::datagram(ListenerId(0), source());
            let older = |entry: &(String, String, u32, u64)| entry.1 == call_id && entry.2 >= number;
            if draw(20) == 0 {
                let outcome = desk.by(flow, Nat::Auto, number, &call_id, "Contact: *\r\nExpires: 0\r\n");
                if model.0.iter().any(older) {
                    assert_eq!(outcome, Outcome::OutOfOrder, "seed {seed}");
                } else {
                    model.0.clear();
                    cseq[call] = number;
                }
            } else {
                let contact = format!("sip:{}@192.0.2.9", draw(6));
                let expires = [0, 30, 60, 300, 5000][draw(5) as usize];
                let lines = format!("Contact: <{contact}>\r\nExpires: {expires}\r\n");
                let outcome = desk.by(flow, Nat::Auto, number, &call_id, &lines);
                let known = model.0.iter().position(|entry| entry.0 == contact);
                if known.is_some_and(|at| older(&model.0[at])) {
                    assert_eq!(outcome, Outcome::OutOfOrder, "seed {seed}");
                } else if expires == 30 {
                    assert!(matches!(outcome, Outcome::TooBrief { .. }), "seed {seed}");
                } else {
                    cseq[call] = number;
                    if let Some(at) = known {
                        model.0.remove(at);
                    }
                    if expires > 0 {
                        model.0.push((contact, call_id, number, now + expires.min(3600)));
                    }
                }
            }
            let mut want: Vec<_> =
                model.0.iter().map(|entry| format!("<{}>;expires={}", entry.0, entry.3 - now)).collect();
            let mut have = desk.contacts();
            want.sort();
            have.sort();
            assert_eq!(have, want, "seed {seed}");
            assert_eq!(desk.registrar.deadline(), model.0.iter().map(|entry| at(entry.3)).min(), "seed {seed}");
        }
    }
}
