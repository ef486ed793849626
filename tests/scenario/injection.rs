//! Packets of a third party do not reach an ear.

use crate::{
    exchange::Exchange,
    handset::{Handset, bound},
    voice::{Voice, until_heard},
};

#[test]
fn a_stranger_who_knows_the_ports_is_not_heard_and_hears_nothing() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    let at_alice = alice.connected(&asked);
    let (mut hers, mut his, mut strange) = (Voice::new(0, 1), Voice::new(0, 2), Voice::new(0, 1));
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 1);

    let stranger = bound();
    let mut at_his_ear = Vec::new();
    for _ in 0..40 {
        // As loud at Alice's door as she is, with her own SSRC.
        stranger.send_to(&strange.packet(66), at_alice.hears.unwrap()).unwrap();
        at_his_ear.extend(until_heard((&alice, &mut hers, &at_alice), &boris, 2));
    }
    at_his_ear.extend(until_heard((&alice, &mut hers, &at_alice), &boris, 3));
    assert!(at_his_ear.iter().all(|packet| packet.mark != 66), "{at_his_ear:?}");
    // Nor does anybody's voice go to the stranger.
    until_heard((&boris, &mut his, &at_boris), &alice, 4);
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 2_048]).is_err(), "the stranger hears");
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}
