//! Packets at any time, in any order, with anybody's numbers, and a listener.

use contract::{Format, Instant};
use core::time::Duration;
use media_core::{
    audio::playout::{Inserted, Playout},
    codec::{MAX_PACKET_SAMPLES, entries},
};

/// The first octet of `bytes` chooses the codec; each further step is led by an octet that says what happens.
///
/// # Panics
/// If a frame is not filled to its end, or the figures do not balance with what was told.
pub fn playout(bytes: &[u8]) {
    let Some((which, mut rest)) = bytes.split_first() else { return };
    let count = entries().count();
    let Some(entry) = entries().nth(usize::from(*which) % count) else { return };
    let (codec, clock_rate_hz, channels) = (entry.codec, entry.clock_rate_hz, entry.channels);
    let Some(mut decoder) = (entry.open_decoder)(&Format { payload_type: 96, codec, clock_rate_hz, channels }) else {
        return;
    };
    let mut playout = Playout::new(entry.sample_rate_hz, entry.clock_rate_hz);
    let (mut now, mut sequence, mut timestamp) = (Instant::ORIGIN, 0_u16, 0_u32);
    let mut refused = 0;
    let mut out = [0; MAX_PACKET_SAMPLES];
    while let Some((step, after)) = rest.split_first() {
        rest = after;
        let mut take = |count: usize| {
            let (taken, after) = rest.split_at(count.min(rest.len()));
            rest = after;
            taken
        };
        match step >> 5 {
            0 => playout.comfort_noise(take(usize::from(step & 15))),
            1 if step & 31 == 0 => {
                playout.reset();
                decoder.reset();
            }
            1 => playout.rest(),
            2 => {
                // A jump of the numbers.
                if let [a, b, c, d, e, f] = take(6) {
                    sequence = u16::from_be_bytes([*a, *b]);
                    timestamp = u32::from_be_bytes([*c, *d, *e, *f]);
                }
            }
            3..=5 => {
                let length = take(1).first().map_or(0, |length| usize::from(*length));
                let payload = take(length);
                let payload_type = if step & 31 == 31 { 97 } else { 96 };
                let inserted =
                    playout.insert(now, sequence, timestamp, step & 1 == 1, payload_type, payload, &*decoder);
                refused += u64::from(inserted == Inserted::Refused);
                let samples = decoder.samples_in(payload).unwrap_or_default() as u32;
                // Mostly the next one follows on; some come again, some are left out, some are of the past.
                let onwards = match step & 31 {
                    0..20 => 1,
                    20..24 => 0,
                    24..28 => 2,
                    _ => -3_i16,
                };
                sequence = sequence.wrapping_add_signed(onwards);
                let units = samples * clock_rate_hz / entry.sample_rate_hz;
                timestamp = timestamp.wrapping_add_signed(i32::from(onwards).wrapping_mul(units as i32));
            }
            _ => {
                let ms = if step & 1 == 0 { 10 } else { 20 };
                // A listener that comes late, or twice at a time.
                now = now
                    + Duration::from_millis(match step & 30 {
                        30 => 700,
                        28 => 0,
                        _ => ms,
                    });
                let frame = &mut out[..entry.sample_rate_hz as usize * ms as usize / 1_000];
                playout.pull(now, &mut *decoder, frame);
            }
        }
    }
    let figures = playout.figures();
    assert!(figures.refused >= refused);
    assert!(figures.target <= Duration::from_millis(900));
}
