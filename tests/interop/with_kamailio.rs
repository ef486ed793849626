//! SIPp as phones ↔ Kamailio as edge ↔ Ironbell ↔ SIPp as carriers.

use crate::{
    kamailio::{self, Kamailio},
    namespace::{CARRIER, alone},
    office,
    sipp::Sipp,
};
use loadtest::exchange::Exchange;
use serde_json::Value;
use std::net::SocketAddr;

/// Ports of the two carriers.
const CARRIERS: [u16; 2] = [5070, 5072];

/// 9NUMBER goes by the carriers, the first of them first; +4930555 rings the first account.
fn outside() -> String {
    let trunk = |name: &str, port: u16, prefer: u16| {
        let at = SocketAddr::from((CARRIER, port));
        format!("  - {{ name: {name}, server: \"sip:{at}\", prefer: {prefer}, options_interval: off }}\n")
    };
    format!(
        "trunks:\n{}{}routes:\n  - {{ name: city, pattern: \"_9.\", strip: 1, prepend: \"+4930\", trunks: [first, second] }}\n\
         dids: [{{ number: \"+4930555\", to: \"1000\" }}]\n",
        trunk("first", CARRIERS[0], 10),
        trunk("second", CARRIERS[1], 20),
    )
}

/// The trunks of the legs of the only call record.
fn trunks(exchange: &Exchange) -> Vec<Value> {
    let page: Value = serde_json::from_str(&exchange.get("/api/cdr").expect("call records")).expect("JSON");
    page["items"][0]["legs"].as_array().expect("legs").iter().map(|leg| leg["trunk"].clone()).collect()
}

#[test]
fn phones_register_call_and_are_called_through_the_edge_alone() {
    alone("with_kamailio::phones_register_call_and_are_called_through_the_edge_alone", &["kamailio", "sipp"], || {
        let exchange = office::open(30);
        let _edge = Kamailio::start();
        let sipp = Sipp::new("u1").through(kamailio::AT.into());
        sipp.register();
        office::wait_for_registrations(&exchange, 4);
        // The caller hangs up, then the callee: requests of a dialog find their way in both directions.
        for (caller, callee) in [("uac", "uas"), ("uac_waits", "uas_hangs_up")] {
            let answering = sipp.at_callee(callee, &["-m", "1", "-d", "100"]);
            sipp.at_caller(caller, &["-m", "1", "-inf", "callers.csv", "-d", "100"]).finish();
            answering.finish();
        }
        assert_eq!(office::dispositions(&exchange), ["answered", "answered"]);
        office::close(exchange);
    });
}

#[test]
fn a_call_from_behind_the_edge_leaves_by_the_second_carrier_when_the_first_cannot_take_it() {
    alone(
        "with_kamailio::a_call_from_behind_the_edge_leaves_by_the_second_carrier_when_the_first_cannot_take_it",
        &["kamailio", "sipp"],
        || {
            let _edge = Kamailio::start();
            // Without room, and silent: SIPp is there or is not.
            for first in [Some("uas_unavailable"), None] {
                let exchange = office::open_with(30, &outside());
                let sipp = Sipp::new("u1").through(kamailio::AT.into());
                let unavailable = first.map(|scenario| sipp.at_carrier(scenario, CARRIERS[0], &["-m", "1"]));
                let serving = sipp.at_carrier("uas", CARRIERS[1], &["-m", "1", "-d", "100"]);
                let users = sipp.caller_of("95551");
                sipp.at_caller("uac", &["-m", "1", "-inf", &users, "-d", "100"]).finish();
                unavailable.into_iter().chain([serving]).for_each(|carrier| carrier.finish());
                office::wait_for_record(&exchange, "answered");
                assert_eq!(trunks(&exchange).last(), Some(&"second".into()));
                office::close(exchange);
            }
        },
    );
}

#[test]
fn a_carrier_that_says_busy_ends_the_search_and_its_own_calls_ring_the_phone() {
    alone(
        "with_kamailio::a_carrier_that_says_busy_ends_the_search_and_its_own_calls_ring_the_phone",
        &["kamailio", "sipp"],
        || {
            let exchange = office::open_with(30, &outside());
            let _edge = Kamailio::start();
            let sipp = Sipp::new("u1").through(kamailio::AT.into());
            let busy = sipp.at_carrier("uas_busy", CARRIERS[0], &["-m", "1"]);
            let users = sipp.caller_of("95551");
            sipp.at_caller("uac_busy", &["-m", "1", "-inf", &users]).finish();
            busy.finish();
            office::wait_for_record(&exchange, "busy");
            sipp.register();
            let answering = sipp.at_callee("uas", &["-m", "1", "-d", "100"]);
            let users = sipp.stranger_to("+4930555");
            sipp.at_carrier("uac_carrier", CARRIERS[0], &["-m", "1", "-inf", &users, "-d", "100"]).finish();
            answering.finish();
            office::close(exchange);
        },
    );
}
