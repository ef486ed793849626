//! Calls from trunks: direct numbers (TRK-06), numbers of accounts (EXT-07), the context `inbound` (DP-04).

use crate::rig::{MONDAY_NOON, SUNDAY_NIGHT, route, settings, told, while_office};
use signaling::{
    routing::{self, Origin, Request},
    settings::{Context, Destination, Did, INBOUND, Place, Route, Rules, Service, When},
    wall::WallTime,
};

fn did(number: &str, to: &str) -> Did {
    Did {
        number: number.into(),
        to: Destination::parse(to),
        when: When::default(),
        otherwise: None,
        place: Place { line: 40, column: 5 },
    }
}

fn rules() -> Rules {
    Rules {
        dids: vec![
            did("+12025550101", "8001"),
            did("+12025550102", "1001"),
            Did {
                when: while_office(true),
                otherwise: Some(Destination::parse("1003")),
                ..did("+12025550103", "1002")
            },
            Did { when: while_office(true), ..did("+12025550104", "1002") },
            did("+12025550105", "901"),
            did("+12025550106", "voicemail:1001"),
            did("+12025550107", "hangup"),
        ],
        routes: vec![Route { strip: 1, ..route(1, "city", "_9X.") }],
        bound: [
            ("+12025550111".to_owned(), ("1002".to_owned(), Place { line: 50, column: 9 })),
            ("+79031234567".to_owned(), ("1003".to_owned(), Place { line: 51, column: 9 })),
        ]
        .into(),
        services: [("8001".to_owned(), (Service::Queue, Place::default()))].into(),
        ..Rules::default()
    }
}

fn from_trunk(rules: Rules, caller: &str, dialled: &str, at: WallTime) -> String {
    let origin = Origin::Trunk { name: "carrier", caller };
    told(&settings(rules), &Request { origin, dialled, at })
}

#[test]
fn a_direct_number_leads_to_its_target() {
    for (dialled, at, wanted) in [
        ("+12025550102", MONDAY_NOON, "1001"),
        ("12025550102", MONDAY_NOON, "1001"),
        ("+12025550101", MONDAY_NOON, "no queues"),
        ("+12025550103", MONDAY_NOON, "1002"),
        ("+12025550103", SUNDAY_NIGHT, "1003"),
        ("+12025550104", SUNDAY_NIGHT, "refused: every route that takes the number is closed at this time"),
        // The file says that it leads outside: nobody's right is asked.
        ("+12025550105", MONDAY_NOON, "city 01 by carrier"),
        ("+12025550106", MONDAY_NOON, "no voicemail"),
        ("+12025550107", MONDAY_NOON, "refused: the call is declined"),
        ("+12025550111", MONDAY_NOON, "1002"),
        ("+12025550199", MONDAY_NOON, "nowhere"),
    ] {
        assert_eq!(from_trunk(rules(), "+4930", dialled, at), wanted, "{dialled}");
    }
}

#[test]
fn the_world_reaches_neither_our_numbers_nor_other_trunks_unless_the_file_says_so() {
    for dialled in ["1001", "*43", "901", "8001"] {
        assert_eq!(from_trunk(rules(), "+4930", dialled, MONDAY_NOON), "nowhere", "{dialled}");
    }
    let open = Rules {
        contexts: vec![Context {
            name: INBOUND.into(),
            includes: vec!["internal".into()],
            fallback: Some(Destination::Number("1003".into())),
            ..Context::default()
        }],
        ..rules()
    };
    assert_eq!(from_trunk(open.clone(), "+4930", "1001", MONDAY_NOON), "1001");
    assert_eq!(from_trunk(open.clone(), "+4930", "4711", MONDAY_NOON), "1003", "anything goes to the menu");
    let refused = "refused: the caller has no right `external`";
    assert_eq!(from_trunk(open, "+79031234567", "901", MONDAY_NOON), refused, "a caller's number gives no rights");
}

#[test]
fn who_calls_from_a_number_of_an_account_is_that_account() {
    let settings = settings(rules());
    for (caller, account) in
        [("+79031234567", Some("1003")), ("79031234567", Some("1003")), ("+4930", None), ("", None)]
    {
        let origin = Origin::Trunk { name: "carrier", caller };
        let plan = routing::plan(&settings, &Request { origin, dialled: "+12025550102", at: MONDAY_NOON });
        assert_eq!(plan.caller.map(|account| account.number.as_str()), account, "{caller}");
    }
}

#[test]
fn a_direct_number_dialled_inside_stays_inside() {
    let settings = settings(rules());
    let request = |dialled| Request { origin: Origin::Account("1003"), dialled, at: MONDAY_NOON };
    assert_eq!(told(&settings, &request("+12025550102")), "1001");
    assert_eq!(told(&settings, &request("+12025550111")), "1002");
}
