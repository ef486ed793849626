//! Keys pressed: each phone tells and hears them in its way (RFC 4733 events, SIP INFO), whatever the other's is, and once.

use crate::{
    exchange::PATIENCE,
    handset::{Handset, Talk, home},
};
use std::time::{Duration, Instant};

/// The payload type of events in these phones' descriptions.
const EVENTS: u8 = 101;

/// Says one 20 ms packet of PCMU silence or of an event.
fn send(phone: &Handset, talk: &Talk, sequence: u16, timestamp: u32, marker: bool, body: &[u8]) {
    let kind = if body.len() == 4 { EVENTS } else { 0 };
    let mut packet = vec![0x80, kind | u8::from(marker) << 7];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([0, 0, 0x30, 1]);
    packet.extend(body);
    phone.rtp.send_to(&packet, talk.hears.unwrap()).unwrap();
}

/// The next event that ends at a phone: its code, and how long it was, in timestamp units. RFC 4733 section 2.5.1.4: the end comes three times.
fn event(phone: &Handset) -> (u8, u16) {
    let end = Instant::now() + PATIENCE;
    let mut buffer = [0; 2_048];
    let mut seen = None;
    phone.rtp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while Instant::now() < end {
        match phone.rtp.recv_from(&mut buffer) {
            Ok((16, _)) if buffer[1] & 0x7f == EVENTS && buffer[13] & 0x80 != 0 => {
                let told = (buffer[12], u16::from_be_bytes([buffer[14], buffer[15]]));
                let stamp = u32::from_be_bytes(buffer[4..8].try_into().unwrap());
                assert!(seen.is_none_or(|(before, _)| before == stamp), "one event is told as one");
                seen = Some((stamp, told));
            }
            Ok(_) => {}
            Err(_) => {
                if let Some((_, told)) = seen {
                    return told;
                }
            }
        }
    }
    panic!("{} hears no event", phone.number);
}

#[test]
fn a_key_by_info_becomes_an_event_and_an_event_becomes_info() {
    // Boris' phone tells and takes keys by INFO.
    let exchange = home("", "dtmf: info").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);

    let kind = "Content-Type: application/dtmf-relay\r\n";
    let info = boris.begin_change(&mut at_boris, "INFO", kind, "Signal=7\r\nDuration=200\r\n");
    assert_eq!(boris.end_change(&mut at_boris, &info).status(), 200);
    let (code, length) = event(&alice);
    assert_eq!(code, 7);
    // 200 ms on a clock of 8,000 Hz, in steps of a packet.
    assert!((1_440..=1_760).contains(&length), "{length}");

    // RFC 4733 section 2.5.1: updates while it is held, then the end, three times.
    for (number, (duration, is_end)) in
        [(160_u16, 0_u8), (320, 0), (480, 0), (800, 0x80), (800, 0x80), (800, 0x80)].into_iter().enumerate()
    {
        let [high, low] = duration.to_be_bytes();
        send(&alice, &at_alice, 100 + number as u16, 5_000, number == 0, &[11, 0x0a | is_end, high, low]);
    }
    let info = boris.request("INFO");
    assert_eq!(info.field("Content-Type"), "application/dtmf-relay");
    assert!(info.body().starts_with("Signal=#\r\nDuration=100"), "{}", info.body());
    boris.say(&info, 200);
    alice.hang_up(&mut at_alice);
    // It was told once.
    boris.hung_up_on();
    assert!(!boris.has_unread(|message| message.is_request("INFO")));
}
