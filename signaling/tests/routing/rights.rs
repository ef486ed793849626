//! Who may call what: rights (EXT-03), other countries (SEC-09), the blacklist, emergency numbers.

use crate::rig::{MONDAY_NOON, SUNDAY_NIGHT, leads, route, settings, told, while_office};
use signaling::{
    routing::{Origin, Request},
    settings::{Numbering, Place, Right, Route, Rules, Settings},
};

fn rules() -> Rules {
    Rules {
        routes: vec![
            Route { strip: 1, ..route(1, "local", "_9.") },
            Route { right: Right::International, strip: 2, prepend: "+".into(), ..route(2, "world", "_00.") },
            route(3, "all", "_0."),
            Route { emergency: true, when: while_office(true), context: "nobody".into(), ..route(4, "help", "112") },
            route(5, "any", "_1XX"),
        ],
        ..Rules::default()
    }
}

const NO_EXTERNAL: &str = "refused: the caller has no right `external`";
const NO_INTERNATIONAL: &str = "refused: the caller has no right `international`";

#[test]
fn a_route_needs_its_right_and_a_broader_one_does_not_stand_in() {
    let settings = settings(rules());
    for (from, dialled, wanted) in [
        ("1001", "912345", "local 12345 by carrier"),
        ("1002", "912345", "local 12345 by carrier"),
        ("1003", "912345", NO_EXTERNAL),
        ("1001", "0044207", "world +44207 by carrier"),
        ("1002", "0044207", NO_INTERNATIONAL),
        ("1003", "0044207", NO_INTERNATIONAL),
        ("1002", "0123", "all 0123 by carrier"),
        ("1003", "1001", "1001"),
    ] {
        assert_eq!(leads(&settings, from, dialled, MONDAY_NOON), wanted, "{from} {dialled}");
    }
}

#[test]
fn a_number_of_another_country_needs_the_right_whatever_the_route_says() {
    let numbering = Numbering { country: "49".into(), international: "00".into(), national: "0".into() };
    let rules = Rules {
        numbering: Some(numbering),
        routes: vec![Route { prepend: "+".into(), ..route(1, "sip", "_X.") }, route(2, "plus", "_+X.")],
        ..Rules::default()
    };
    let settings = settings(rules);
    for (from, dialled, wanted) in [
        ("1002", "+49301234567", "plus +49301234567 by carrier"),
        ("1002", "+44207", NO_INTERNATIONAL),
        ("1001", "+44207", "plus +44207 by carrier"),
        // The dialled number says nothing, what would be sent does.
        ("1002", "44207", NO_INTERNATIONAL),
        ("1002", "49301234567", "sip +49301234567 by carrier"),
        ("1002", "0044207", NO_INTERNATIONAL),
    ] {
        assert_eq!(leads(&settings, from, dialled, MONDAY_NOON), wanted, "{from} {dialled}");
    }
}

#[test]
fn an_emergency_number_passes_everything() {
    let mut rules = rules();
    rules.blacklist = [("1003".to_owned(), Place { line: 9, column: 1 })].into();
    let settings = settings(rules);
    let help = "help! 112 by carrier";
    for (from, at) in [("1001", MONDAY_NOON), ("1003", MONDAY_NOON), ("1003", SUNDAY_NIGHT)] {
        assert_eq!(leads(&settings, from, "112", at), help, "{from}");
    }
    assert_eq!(leads(&settings, "1003", "1001", MONDAY_NOON), "refused: the caller is on the blacklist");
    let lobby = |settings: &Settings| {
        let mut account = settings.directory.extension("1003").unwrap().clone();
        account.context = "lobby".into();
        Settings { directory: signaling::settings::Directory::new([account]), ..settings.clone() }
    };
    assert_eq!(leads(&lobby(&settings), "1003", "112", MONDAY_NOON), help, "from any context");
    let world =
        Request { origin: Origin::Trunk { name: "carrier", caller: "+49301" }, dialled: "112", at: MONDAY_NOON };
    assert_eq!(told(&settings, &world), "nowhere", "the world has its own");
}

#[test]
fn callers_on_the_blacklist_are_refused_however_they_are_written() {
    let rules = Rules {
        numbering: Some(Numbering { country: "49".into(), international: "00".into(), national: "0".into() }),
        blacklist: [("+493012345".to_owned(), Place { line: 30, column: 14 })].into(),
        ..Rules::default()
    };
    let settings = settings(rules);
    for (caller, refused) in [
        ("+493012345", true),
        ("493012345", true),
        ("03012345", true),
        ("00493012345", true),
        ("+493012346", false),
        ("", false),
    ] {
        let request = Request { origin: Origin::Trunk { name: "carrier", caller }, dialled: "+1", at: MONDAY_NOON };
        let listed = told(&settings, &request) == "refused: the caller is on the blacklist";
        assert_eq!(listed, refused, "{caller}");
    }
}
