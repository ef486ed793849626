//! The steps of the plan: codes, accounts, features, routes by their order, contexts, hours, callers (DP-02, DP-03, DP-04, DP-06).

use crate::rig::{MONDAY_NOON, SUNDAY_NIGHT, leads, pattern, route, settings, while_office};
use signaling::{
    routing::{self, Origin, Request},
    settings::{Context, Destination, Expression, Place, Route, Rules, Service, Span, When, Which},
};

#[test]
fn a_number_leads_to_the_most_specific_rule() {
    let rules = Rules {
        routes: vec![
            route(1, "any", "_9."),
            Route { strip: 1, prepend: "+1202".into(), ..route(2, "local", "_9NXXXXXX") },
            Route { priority: 10, ..route(3, "cheap", "_8X.") },
            Route { priority: 5, ..route(4, "cheaper", "_8X.") },
            route(5, "one", "95551234"),
            Route {
                which: Which::Expression(Expression::new(r"^\+7(\d{10})$", Some("8$1")).unwrap()),
                ..route(6, "russia", "0")
            },
            route(7, "first", "_7X."),
            route(8, "second", "_7X."),
            route(9, "all", "_1XXX"),
        ],
        services: [("8001".to_owned(), (Service::Queue, Place::default()))].into(),
        spans: vec![Span { first: 2001, last: 2999, service: Service::Conference, place: Place::default() }],
        prefixes: vec![
            ("**".into(), Service::Pickup, Place::default()),
            ("*".into(), Service::Voicemail, Place::default()),
        ],
        ..Rules::default()
    };
    let settings = settings(rules);
    for (dialled, told) in [
        ("1002", "1002"),
        ("1999", "all 1999 by carrier"),
        ("*43", "echo"),
        ("8001", "no queues"),
        ("2001", "no conferences"),
        ("2000", "nowhere"),
        ("02001", "nowhere"),
        ("*1001", "no voicemail"),
        ("**1001", "no pickup"),
        ("*1009", "nowhere"),
        ("92345678", "local +12022345678 by carrier"),
        ("91345678", "any 91345678 by carrier"),
        ("95551234", "one 95551234 by carrier"),
        ("9", "nowhere"),
        ("8123", "cheaper 8123 by carrier"),
        ("7123", "first 7123 by carrier"),
        ("+74951234567", "russia 84951234567 by carrier"),
        ("+7495123456", "nowhere"),
        ("", "nowhere"),
        ("alice", "nowhere"),
        ("91345678;x=y", "nowhere"),
        (&"9".repeat(65), "nowhere"),
    ] {
        assert_eq!(leads(&settings, "1001", dialled, MONDAY_NOON), told, "{dialled}");
    }
    assert_eq!(leads(&settings, "4711", "1002", MONDAY_NOON), "nowhere", "an unknown account calls nobody");
}

#[test]
fn hours_and_callers_choose_between_routes() {
    let rules = Rules {
        routes: vec![
            Route { when: while_office(true), ..route(1, "day", "_9X") },
            Route { when: while_office(false), ..route(2, "night", "_9X") },
            Route { when: while_office(true), ..route(3, "office", "_8X") },
            Route { when: When { callers: vec![pattern("1001")], schedule: None }, ..route(4, "director", "_7X") },
            route(5, "others", "_7!"),
        ],
        ..Rules::default()
    };
    let settings = settings(rules);
    for (from, dialled, at, told) in [
        ("1001", "91", MONDAY_NOON, "day 91 by carrier"),
        ("1001", "91", SUNDAY_NIGHT, "night 91 by carrier"),
        ("1001", "81", MONDAY_NOON, "office 81 by carrier"),
        ("1001", "81", SUNDAY_NIGHT, "refused: every route that takes the number is closed at this time"),
        ("1001", "71", MONDAY_NOON, "director 71 by carrier"),
        ("1002", "71", MONDAY_NOON, "others 71 by carrier"),
    ] {
        assert_eq!(leads(&settings, from, dialled, at), told, "{from} {dialled}");
    }
}

#[test]
fn a_context_dials_what_it_has_and_what_it_includes() {
    let rules = Rules {
        routes: vec![
            Route { context: "lobby".into(), ..route(1, "taxi", "_5X") },
            Route { context: "world".into(), ..route(2, "world", "_00.") },
            route(3, "city", "_9X"),
        ],
        contexts: vec![
            Context { name: "lobby".into(), fallback: Some(Destination::Number("1001".into())), ..Context::default() },
            Context { name: "office".into(), includes: vec!["internal".into(), "world".into()], ..Context::default() },
            Context { name: "round".into(), includes: vec!["about".into()], ..Context::default() },
            Context { name: "about".into(), includes: vec!["round".into(), "internal".into()], ..Context::default() },
        ],
        ..Rules::default()
    };
    let base = settings(rules);
    for (context, dialled, told) in [
        ("internal", "1002", "1002"),
        ("internal", "91", "city 91 by carrier"),
        ("internal", "51", "nowhere"),
        ("internal", "0044", "nowhere"),
        ("lobby", "51", "taxi 51 by carrier"),
        ("lobby", "1002", "1001"),
        ("lobby", "*43", "1001"),
        ("office", "0044", "world 0044 by carrier"),
        ("office", "1002", "1002"),
        ("round", "91", "city 91 by carrier"),
        ("unknown", "1002", "nowhere"),
    ] {
        let mut settings = base.clone();
        settings.directory =
            signaling::settings::Directory::new(base.directory.extensions().cloned().map(|mut account| {
                account.context = context.into();
                account
            }));
        assert_eq!(leads(&settings, "1001", dialled, MONDAY_NOON), told, "{context} {dialled}");
    }
}

#[test]
fn each_route_that_was_looked_at_tells_where_it_is_and_why_it_lost() {
    let rules = Rules {
        file: "office.yml".into(),
        routes: vec![
            route(11, "any", "_9."),
            Route { priority: 7, ..route(12, "later", "_9NX") },
            Route { priority: 3, ..route(13, "sooner", "_9NX") },
            Route { priority: 7, ..route(14, "last", "_9NX") },
            Route { context: "world".into(), ..route(15, "world", "_9[2-3]X") },
            Route { when: while_office(true), ..route(17, "day", "_92X") },
            route(18, "other", "_8."),
        ],
        ..Rules::default()
    };
    let settings = settings(rules);
    let request = Request { origin: Origin::Account("1001"), dialled: "921", at: SUNDAY_NIGHT };
    let view = routing::view(&settings, &request);
    let told: Vec<(u32, bool, &str)> = view
        .rules
        .iter()
        .filter(|rule| rule.rule.starts_with("route"))
        .map(|rule| (rule.place.line, rule.decided, rule.why.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (17, false, "wants `office` open, and it is closed: sun 2026-11-22 03:00 UTC"),
            (15, false, "is of the context world, which cannot be dialled from here"),
            (13, true, "takes the number: 921 goes to carrier"),
            (12, false, "takes the number, but `sooner` has the higher priority"),
            (14, false, "takes the number, but `sooner` has the higher priority"),
            (11, false, "takes the number, but `sooner` is more specific"),
            (18, false, "does not take it"),
        ]
    );
    assert_eq!((view.file.as_str(), view.route.as_deref(), view.kind), ("office.yml", Some("sooner"), "trunks"));
}
