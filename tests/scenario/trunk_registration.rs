//! A trunk that we register with: digest, state as operators see it, and calls that come to the address that was registered.

use crate::{
    carrier::{becomes, shown, start},
    handset::Handset,
};

const REGISTERS: &str = "register: true, auth_user: account-17, secret: \"Trunk-secret-55-a\"";

#[test]
fn a_trunk_registers_with_proof_is_shown_so_and_its_calls_ring_the_direct_number() {
    let (exchange, mut carrier, _) = start([&format!("{REGISTERS}, contact_user: line-7"), ""]);
    let seen = shown(&exchange, "a");
    assert_eq!((&seen["state"], &seen["reason"]), (&"down".into(), &"not registered".into()), "{seen}");
    let register = carrier.grant(600);
    let port = carrier.address().port();
    assert_eq!(register.uri(), format!("sip:127.0.0.1:{port}"));
    assert!(register.field("From").starts_with("<sip:account-17@127.0.0.1>;tag="), "{register:?}");
    assert_eq!(register.field("Contact"), format!("<sip:line-7@{}>", exchange.sip));
    let seen = becomes(&exchange, "a", "up");
    assert_eq!((&seen["registered"], &seen["register_status"]), (&true.into(), &200.into()), "{seen}");
    assert!(seen["registered_until"].is_string(), "{seen}");

    // Some providers dial the address that was registered, and say in To which number was meant.
    let mut boris = Handset::boris(&exchange).registered();
    let asked = carrier.call_in_to("line-7", "<sip:+4930111@carrier.test>", "<sip:+49305550@127.0.0.1>", "");
    let invite = boris.called();
    assert!(invite.field("From").starts_with("<sip:+4930111@pbx.test>;tag="), "{invite:?}");
    let mut at_boris = boris.take(&invite);
    carrier.connected(&asked);
    boris.hang_up(&mut at_boris);
    carrier.hung_up_on();
}

#[test]
fn a_trunk_that_denies_our_proof_is_down_with_the_status_it_said() {
    let (exchange, mut carrier, _) = start([REGISTERS, ""]);
    for _ in 0..2 {
        let asked = carrier.request("REGISTER");
        carrier.challenge(&asked, 401, "MD5", "n-1");
    }
    let seen = crate::exchange::until(|| Some(shown(&exchange, "a")).filter(|trunk| trunk["register_status"] == 401));
    let seen = seen.expect("the refusal is shown");
    assert_eq!(
        (&seen["state"], &seen["reason"], &seen["registered"]),
        (&"down".into(), &"not registered".into(), &false.into())
    );
    // The other needs no registration.
    becomes(&exchange, "b", "up");
    assert_eq!(shown(&exchange, "b")["registered"], serde_json::Value::Null);
}
