//! SIPp → Ironbell → SIPp.

use crate::{
    ears::{Ears, callee_tone, caller_tone, missing, verdict},
    namespace::{PHONES, alone},
    office,
    sipp::Sipp,
};
use loadtest::clock;
use loadtest::ear::Heard;

const CALLER: std::net::Ipv4Addr = PHONES[0];
const CALLEE: std::net::Ipv4Addr = PHONES[1];

/// One call of `callee` and `caller`; then the books are closed and the record says `disposition`.
fn one_call(
    caller: &str,
    callee: Option<&str>,
    users: &str,
    ring_seconds: u32,
    transport: &'static str,
    disposition: Option<&str>,
) {
    let exchange = office::open(ring_seconds);
    let sipp = Sipp::new(transport);
    sipp.register();
    let answering = callee.map(|scenario| sipp.at_callee(scenario, &["-m", "1", "-d", "1000"]));
    sipp.at_caller(caller, &["-m", "1", "-inf", users, "-d", "1000"]).finish();
    if let Some(answering) = answering {
        answering.finish();
    }
    match disposition {
        Some(disposition) => office::wait_for_record(&exchange, disposition),
        None => assert!(office::dispositions(&exchange).is_empty()),
    }
    office::close(exchange);
}

#[test]
fn a_call_by_udp_is_set_up_and_torn_down() {
    alone("with_sipp::a_call_by_udp_is_set_up_and_torn_down", &["sipp"], || {
        one_call("uac", Some("uas"), "callers.csv", 30, "u1", Some("answered"));
    });
}

#[test]
fn a_call_by_tcp_is_set_up_and_torn_down() {
    alone("with_sipp::a_call_by_tcp_is_set_up_and_torn_down", &["sipp"], || {
        one_call("uac", Some("uas"), "callers.csv", 30, "t1", Some("answered"));
    });
}

#[test]
fn the_callee_may_hang_up() {
    alone("with_sipp::the_callee_may_hang_up", &["sipp"], || {
        one_call("uac_waits", Some("uas_hangs_up"), "callers.csv", 30, "u1", Some("answered"));
    });
}

#[test]
fn a_cancelled_call_stops_ringing() {
    alone("with_sipp::a_cancelled_call_stops_ringing", &["sipp"], || {
        one_call("uac_cancel", Some("uas_ring"), "callers.csv", 30, "u1", Some("no answer"));
    });
}

#[test]
fn hold_and_resume_pass_to_the_other_side() {
    alone("with_sipp::hold_and_resume_pass_to_the_other_side", &["sipp"], || {
        one_call("uac_reinvite", Some("uas_reinvite"), "callers.csv", 30, "u1", Some("answered"));
    });
}

#[test]
fn a_busy_callee_is_busy_to_the_caller() {
    alone("with_sipp::a_busy_callee_is_busy_to_the_caller", &["sipp"], || {
        one_call("uac_busy", Some("uas_busy"), "callers.csv", 30, "u1", Some("busy"));
    });
}

#[test]
fn a_declining_callee_declines_to_the_caller() {
    alone("with_sipp::a_declining_callee_declines_to_the_caller", &["sipp"], || {
        one_call("uac_declined", Some("uas_declines"), "callers.csv", 30, "u1", Some("busy"));
    });
}

#[test]
fn a_call_nobody_answers_ends_after_its_ringing_time() {
    alone("with_sipp::a_call_nobody_answers_ends_after_its_ringing_time", &["sipp"], || {
        one_call("uac_no_answer", Some("uas_ring"), "callers.csv", 5, "u1", Some("no answer"));
    });
}

#[test]
fn an_unknown_number_is_not_found() {
    alone("with_sipp::an_unknown_number_is_not_found", &["sipp"], || {
        one_call("uac_unknown", None, "nowhere.csv", 30, "u1", Some("failed"));
    });
}

#[test]
fn a_wrong_secret_calls_nobody() {
    alone("with_sipp::a_wrong_secret_calls_nobody", &["sipp"], || {
        one_call("uac_wrong_secret", None, "strangers.csv", 30, "u1", None);
    });
}

#[test]
fn each_end_hears_the_others_tone_and_nothing_is_lost() {
    alone("with_sipp::each_end_hears_the_others_tone_and_nothing_is_lost", &["sipp"], || {
        let exchange = office::open(30);
        let ears = Ears::open();
        let sipp = Sipp::new("u1");
        sipp.register();
        let from = clock::now();
        let answering = sipp.at_callee("uas_audio", &["-m", "1"]);
        sipp.at_caller("uac_audio", &["-m", "1", "-inf", "callers.csv", "-d", "3000"]).finish();
        answering.finish();
        for (who, at, expected, own) in
            [("caller", CALLER, callee_tone(), caller_tone()), ("callee", CALLEE, caller_tone(), callee_tone())]
        {
            let packets = ears.at(at, from);
            assert!(packets.len() >= 140, "the {who} got {} packets of about 150", packets.len());
            assert_eq!(verdict(&packets, expected, own), Heard::Right, "the {who}");
            assert_eq!(missing(&packets), 0, "the {who}");
            // The control: the same packets judged for the wrong tone are not right.
            assert_ne!(verdict(&packets, own, expected), Heard::Right);
        }
        office::close_after_the_last_timer(exchange);
    });
}

#[test]
fn an_echoing_callee_sends_the_callers_tone_back() {
    alone("with_sipp::an_echoing_callee_sends_the_callers_tone_back", &["sipp"], || {
        let exchange = office::open(30);
        let ears = Ears::open();
        let sipp = Sipp::new("u1");
        sipp.register();
        let from = clock::now();
        let answering = sipp.at_callee("uas", &["-m", "1", "-rtp_echo", "-mp", "16000"]);
        sipp.at_caller("uac_audio", &["-m", "1", "-inf", "callers.csv", "-d", "2000"]).finish();
        answering.finish();
        let packets = ears.at(CALLER, from);
        assert!(packets.len() >= 90, "the caller got {} packets of about 100", packets.len());
        assert_eq!(verdict(&packets, caller_tone(), callee_tone()), Heard::Right);
        office::close(exchange);
    });
}
