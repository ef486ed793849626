//! Keys as events and as sound.

use contract::{Instant, Keypress};
use core::time::Duration;
use media_core::dtmf::{Detector, Removal, event::Incoming};

/// Gives `bytes`, cut into packets each led by one octet, to the events of RFC 4733, and all of it as sound to a detector.
///
/// # Panics
/// If a key is told with a length the contract does not have, or more keys than packets could end.
pub fn keys(bytes: &[u8]) {
    let check = |key: Keypress| {
        assert!((Duration::from_millis(40)..=Duration::from_secs(6)).contains(&key.length));
    };
    let mut incoming = Incoming::default();
    let (mut now, mut timestamp, mut rest) = (Instant::ORIGIN, 0_u32, bytes);
    let (mut packets, mut pressed) = (0, 0);
    while let Some((step, after)) = rest.split_first() {
        let (payload, after) = after.split_at(usize::from(step & 15).min(after.len()));
        rest = after;
        now = now + Duration::from_millis(if step & 128 == 0 { 20 } else { 150 });
        timestamp = match step >> 4 & 3 {
            0 => timestamp,
            1 => timestamp.wrapping_add(160),
            2 => timestamp.wrapping_add(0xFFFF),
            _ => timestamp.wrapping_sub(8_000),
        };
        let clock_rate_hz = if payload.len() == 15 { 0 } else { 8_000 };
        packets += 1;
        for key in incoming.push(now, timestamp, step & 64 != 0, payload, clock_rate_hz) {
            pressed += 1;
            check(key);
        }
        if let Some(key) = incoming.overdue(now) {
            pressed += 1;
            check(key);
        }
    }
    // A packet has three events at most, each of which may end itself and the one before it.
    assert!(pressed <= 6 * packets);

    let mut samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    for rate_hz in [8_000, 16_000, 48_000] {
        let (mut detector, mut removal) = (Detector::new(rate_hz), Removal::new(rate_hz));
        for frame in samples.chunks_mut(rate_hz as usize / 50) {
            detector.push(frame).into_iter().for_each(check);
            removal.pass(frame).into_iter().for_each(check);
        }
        detector.reset().into_iter().chain(removal.reset()).for_each(check);
        assert!(detector.reset().is_none() && removal.reset().is_none());
    }
}
