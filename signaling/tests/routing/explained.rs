//! The explainer and the call: for drawn configurations, times and numbers what is explained is what the call does, and it is what a plain reading of the
//! rules says.

use crate::{
    common::{Line, Phone},
    rig::{office, pattern, route, settings, with_rights},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use signaling::{
    effect::{Reply, RouteView},
    input::{Command, Input},
    routing::{self, Origin, Request, Target},
    settings::{
        Context, Destination, Did, Directory, Expression, Extension, Forward, Numbering, Place, Right, Route, Rules,
        Service, Settings, Span, When, Which,
    },
    wall::WallTime,
};

struct Lots(ChaCha8Rng);

impl Lots {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const PATTERNS: [&str; 16] = [
    "_X.", "_X!", "_9.", "_9X.", "_9XX", "_9[1-4]X", "912", "_0.", "_00.", "_0Z.", "112", "_1XX", "_1XXX", "_+X.",
    "_+49.", "_ZXX",
];
const DIALLED: [&str; 20] = [
    "1001",
    "1002",
    "1003",
    "1009",
    "912",
    "934",
    "91",
    "9",
    "112",
    "199",
    "0301234567",
    "0044207",
    "+49301",
    "+44207",
    "*43",
    "*1001",
    "8001",
    "2005",
    "+12025550101",
    "555",
];
const PLACES: [&str; 5] = ["1001", "1002", "912", "voicemail", "8001"];

fn when(lots: &mut Lots) -> When {
    When {
        schedule: lots.chance(30).then(|| (office(), lots.chance(50))),
        callers: if lots.chance(20) { vec![pattern(lots.pick(&["1001", "_100[23]", "_+."]))] } else { Vec::new() },
    }
}

fn drawn(lots: &mut Lots) -> Settings {
    let contexts = ["internal", "internal", "world", "lobby"];
    let routes = (0..lots.below(9)).map(|at| {
        let line = u32::try_from(at).unwrap() + 1;
        let base = route(line, &format!("r{at}"), lots.pick(&PATTERNS));
        let which = match lots.chance(15) {
            true => Which::Expression(Expression::new(lots.pick(&["^0", "^[0-9]{3}$", "^\\+"]), Some("7")).unwrap()),
            false => base.which.clone(),
        };
        Route {
            emergency: lots.chance(10),
            right: lots.pick(&[Right::External, Right::International]),
            priority: u32::try_from(lots.below(3)).unwrap(),
            context: lots.pick(&contexts).into(),
            strip: lots.below(3),
            prepend: lots.pick(&["", "+49", "7"]).into(),
            when: when(lots),
            which,
            ..base
        }
    });
    let routes = routes.collect();
    let dids = ["+12025550101", "555"].into_iter().filter(|_| lots.0.next_u64().is_multiple_of(2)).collect::<Vec<_>>();
    let did = |number: &str, lots: &mut Lots| Did {
        number: number.into(),
        to: Destination::parse(lots.pick(&PLACES)),
        when: when(lots),
        otherwise: lots.chance(50).then(|| Destination::parse(lots.pick(&PLACES))),
        place: Place { line: 70, column: 1 },
    };
    let includes = lots.pick(&[vec![], vec!["internal".to_owned()], vec!["world".to_owned(), "internal".to_owned()]]);
    let rules = Rules {
        routes,
        dids: dids.into_iter().map(|number| did(number, lots)).collect(),
        contexts: vec![
            Context { name: "world".into(), ..Context::default() },
            Context {
                name: "lobby".into(),
                includes,
                fallback: lots.chance(50).then(|| Destination::Number("1001".into())),
                ..Context::default()
            },
        ],
        numbering: lots.chance(50).then(|| Numbering {
            country: "49".into(),
            international: "00".into(),
            national: "0".into(),
        }),
        blacklist: if lots.chance(20) { [("1003".to_owned(), Place::default())].into() } else { Default::default() },
        services: [("8001".to_owned(), (Service::Queue, Place::default()))].into(),
        spans: vec![Span { first: 2001, last: 2999, service: Service::Conference, place: Place::default() }],
        prefixes: vec![("*".into(), Service::Voicemail, Place::default())],
        ..Rules::default()
    };
    let accounts = ["1001", "1002", "1003"].map(|number| Extension {
        context: lots.pick(&["internal", "internal", "lobby"]).into(),
        forward: Forward {
            always: lots.chance(20).then(|| Destination::parse(lots.pick(&PLACES))),
            unreachable: lots.chance(20).then(|| Destination::parse(lots.pick(&PLACES))),
            ..Forward::default()
        },
        ..with_rights(number, lots.chance(70), lots.chance(50))
    });
    Settings { directory: Directory::new(accounts), ..settings(rules) }
}

fn moment(lots: &mut Lots) -> WallTime {
    // A week around the 22nd of November 2026, to the minute.
    WallTime(1_795_000_020 + 60 * i64::try_from(lots.below(7 * 1_440)).unwrap())
}

/// What the caller or a callee sees of a call.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    Rings(String),
    Refused(u16),
    Answered,
}

/// Dials, and looks where it led.
fn dial(line: &mut Line, phones: &mut [Phone], from: usize, to: &str) -> Seen {
    let invite = phones[from].call(line, to, &phones[from].sdp());
    let caller = phones[from].address;
    let mut answers = Vec::new();
    let mut rang = None;
    for phone in phones.iter_mut() {
        while let Some(message) = line.take(phone.address) {
            if message.start.starts_with("INVITE") {
                rang = Some(phone.number.clone());
                phone.answer(line, &message, 404, "");
                line.forget(phone.address);
            } else if phone.address == caller {
                answers.push(message);
            }
        }
    }
    let last = answers.iter().find(|answer| answer.status() >= 200);
    let seen = match (rang, last) {
        (Some(number), _) => Seen::Rings(number),
        (None, Some(answer)) if answer.status() == 200 => {
            let mut dialog = invite.dialog(answer);
            dialog.ack(line, "");
            dialog.request(line, "BYE", "");
            Seen::Answered
        }
        (None, Some(answer)) => {
            line.send(caller, &invite.ack(answer));
            Seen::Refused(answer.status())
        }
        (None, None) => panic!("{to} is answered: {answers:?}"),
    };
    line.pass_seconds(100);
    phones.iter().for_each(|phone| line.forget(phone.address));
    seen
}

#[test]
fn what_is_explained_is_what_the_call_does() {
    for seed in 0..150 {
        let mut lots = Lots(ChaCha8Rng::seed_from_u64(seed));
        let mut line = Line::with(drawn(&mut lots));
        let mut phones: Vec<Phone> = ["1001", "1002", "1003"]
            .iter()
            .map(|number| {
                let mut phone = Phone::new(number, &format!("10.0.0.{}:5060", &number[3..]));
                assert_eq!(phone.register(&mut line).status(), 200);
                phone
            })
            .collect();
        for _ in 0..8 {
            let (from, to) = (lots.below(3), lots.pick(&DIALLED));
            line.happen(Input::ClockRead(moment(&mut lots)));
            let number = phones[from].number.clone();
            let command = Command::Explain { from: number.clone(), trunk: None, to: to.into(), at: None };
            let Reply::Explained(view) = line.order(command) else { panic!("an explanation") };
            let view: RouteView = *view;
            let seen = dial(&mut line, &mut phones, from, to);
            let wanted = match (view.extension.clone(), view.status) {
                (Some(extension), _) => Seen::Rings(extension),
                (None, Some(status)) => Seen::Refused(status),
                (None, None) if view.kind == "echo" => Seen::Answered,
                // Where trunks begin the plan ends.
                (None, None) => continue,
            };
            assert_eq!(seen, wanted, "seed {seed}: {number} dials {to}: {view:#?}");
            let decided = view.rules.iter().filter(|rule| rule.decided).count();
            assert!(decided > 0, "seed {seed}: some rule decided: {view:#?}");
        }
    }
}

/// A plain reading of the routes, without an order made beforehand: of those that may be taken none is left that another one beats.
#[test]
fn no_route_that_was_passed_over_is_better_than_the_chosen_one() {
    for seed in 0..2_000 {
        let mut lots = Lots(ChaCha8Rng::seed_from_u64(seed));
        let settings = drawn(&mut lots);
        let (from, to, at) = (lots.pick(&["1001", "1002", "1003"]), lots.pick(&DIALLED), moment(&mut lots));
        let request = Request { origin: Origin::Account(from), dialled: to, at };
        let (explained, reasons) = routing::explain(&settings, &request);
        let plan = routing::plan(&settings, &request);
        assert_eq!(crate::rig::word(&plan.target), crate::rig::word(&explained.target), "seed {seed}");
        assert!(reasons.iter().any(|reason| reason.verdict.decided()), "seed {seed}");
        let Target::Trunks(way) = &plan.target else { continue };
        // Forwarding has its own caller; here the number is what was dialled.
        if !plan.diverted.is_empty() || settings.dial.did(to).is_some() {
            continue;
        }
        let account = settings.directory.extension(from).unwrap();
        let routes = settings.dial.routes();
        let chosen = routes.iter().find(|route| route.name == way.route).unwrap();
        if chosen.emergency {
            assert!(way.emergency && chosen.takes(to));
            continue;
        }
        assert!(account.permissions.external, "seed {seed}");
        assert!(chosen.right == Right::External || account.permissions.international, "seed {seed}");
        for route in routes {
            assert!(!(route.emergency && route.takes(to)), "seed {seed}: an emergency route comes first");
            let open = route.takes(to)
                && settings.dial.reaches(&account.context, &route.context)
                && route.when.is_time(at)
                && route.when.is_for(&[from]);
            if let (true, Which::Pattern(ours), Which::Pattern(theirs)) = (open, &chosen.which, &route.which) {
                let beaten = ours.holds(theirs) && !theirs.holds(ours);
                let first = ours.same(theirs) && (route.priority, route.place) < (chosen.priority, chosen.place);
                assert!(!beaten && !first, "seed {seed}: {} was taken for {to}, {} is better", chosen.name, route.name);
            }
        }
    }
}
