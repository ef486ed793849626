//! The echo test: a single person hears that it works.

use crate::{
    exchange::Exchange,
    http::figure_becomes,
    phone::Phone,
    sound::{TONES, dominant},
};
use std::{thread, time::Duration};

#[test]
fn who_dials_the_echo_hears_himself() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let dialling = alice.dial("*43");
    let mut dialog = alice.answered(&dialling);
    for number in 0..50 {
        alice.speak(&dialog, TONES[2], number);
        thread::sleep(Duration::from_millis(20));
    }
    let heard = alice.heard();
    assert_eq!(heard.len(), 50);
    assert_eq!(dominant(&heard.concat()), Some(TONES[2]));
    alice.hang_up(&mut dialog);
    figure_becomes(&exchange, "ironbell_media_sessions", 0.0);
}
