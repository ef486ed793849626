//! Session timers (RFC 4028): a session is refreshed in time, and one that is not refreshed is ended.

use crate::{exchange::Exchange, handset::Handset};
use std::time::Duration;

/// Longer than the session interval of the test.
const PATIENCE: Duration = Duration::from_secs(100);

#[test]
fn a_call_is_refreshed_and_ends_when_its_refresher_does_not() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let body = alice.description("sendrecv");
    let asked = alice.dial_with("1002", "Supported: timer\r\nSession-Expires: 30\r\n", &body);
    let refusal = alice.final_answer(&asked);
    assert_eq!((refusal.status(), refusal.field("Min-SE")), (422, "90"));
    // Alice promises to refresh and does not; Boris leaves it to the exchange.
    let asked = alice.dial_with("1002", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", &body);
    let invite = boris.called();
    assert_eq!((invite.field("Session-Expires"), invite.field("Min-SE")), ("1800", "90"));
    let answer = boris.description("sendrecv");
    boris.say_with(
        &invite,
        200,
        "Allow: INVITE, ACK, BYE, UPDATE\r\nRequire: timer\r\nSession-Expires: 90;refresher=uac\r\n",
        &answer,
    );
    boris.taken(&invite);
    let accepted = alice.final_answer(&asked);
    assert_eq!((accepted.field("Session-Expires"), accepted.field("Require")), ("90;refresher=uac", "timer"));
    alice.acknowledge(&asked, &accepted, "");
    let update = boris.wait_for(PATIENCE, |message| message.is_request("UPDATE"));
    assert_eq!((update.field("Session-Expires"), update.body()), ("90;refresher=uac", ""));
    boris.say_with(&update, 200, "Session-Expires: 90;refresher=uac\r\n", "");
    let bye = alice.wait_for(PATIENCE, |message| message.is_request("BYE"));
    alice.say(&bye, 200);
    boris.hung_up_on();
}
