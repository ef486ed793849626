//! A phone sends the caller elsewhere: the exchange goes there itself, and the caller hears nothing of it.

use crate::{
    exchange::{Exchange, until},
    handset::{Handset, bound},
    http::get,
};

#[test]
fn a_redirection_to_a_number_of_ours_rings_that_numbers_phone() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut carol = Handset::carol(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say_with(&invite, 302, "Contact: <sip:1003@pbx.test>\r\n", "");
    boris.acknowledged(&invite);
    let invite = carol.called();
    assert!(invite.field("From").contains("sip:1001@"), "{invite:?}");
    let mut talk = carol.take(&invite);
    alice.connected(&asked);
    carol.hang_up(&mut talk);
    alice.hung_up_on();
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    let parties: Vec<_> = row["legs"].as_array().unwrap().iter().map(|leg| leg["party"].as_str().unwrap()).collect();
    assert_eq!(parties, ["1001", "1002", "1003"], "{row}");
}

#[test]
fn a_redirection_to_an_address_is_followed_and_one_to_nowhere_is_unavailable() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let elsewhere = bound();
    let at = elsewhere.local_addr().unwrap();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say_with(&invite, 301, &format!("Contact: <sip:mobile@{at}>\r\n"), "");
    let mut mobile = Handset::boris(&exchange);
    mobile.sip = elsewhere;
    mobile.claims = at.to_string();
    let invite = mobile.called();
    assert_eq!(invite.uri(), format!("sip:mobile@{at}"));
    let mut talk = mobile.take(&invite);
    alice.connected(&asked);
    mobile.hang_up(&mut talk);
    alice.hung_up_on();

    for contact in ["<sip:4711@pbx.test>", "<tel:+12025550199>", "<sip:1002@pbx.test>"] {
        let asked = alice.dial("1002");
        let invite = boris.called();
        boris.say_with(&invite, 302, &format!("Contact: {contact}\r\n"), "");
        assert_eq!(alice.refused(&asked), 480, "{contact}: never a 3xx to the caller");
    }
}
