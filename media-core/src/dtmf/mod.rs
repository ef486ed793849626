//! Keys of a telephone as sound and as RTP events: made, heard, and taken out of the sound where an event stands for them.
//!
//! Tones are those of ITU-T Q.23; what a receiver must take and must not take for a key is in ITU-T Q.24. Events are those of
//! RFC 4733. Knows no packets' headers and no sessions.

mod detect;
pub mod event;
mod generate;
mod remove;

#[cfg(test)]
mod speech;

pub use detect::Detector;
pub use generate::Generator;
pub use remove::Removal;

use contract::{Digit, Keypress};
use core::time::Duration;

/// Frequencies of the rows of a keypad in Hz, ITU-T Q.23.
const ROWS_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];

/// Frequencies of its columns.
const COLUMNS_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// What stands on the keys, row by row.
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// The shortest key that is told, [`Keypress::length`].
const LENGTH_MIN: Duration = Duration::from_millis(40);

/// The longest.
const LENGTH_MAX: Duration = Duration::from_secs(6);

/// The row and the column of a digit.
fn place(digit: Digit) -> (usize, usize) {
    let sign = digit.sign();
    let at = KEYS.as_flattened().iter().position(|key| *key == sign).unwrap_or(0);
    (at / 4, at % 4)
}

/// A key as it is told, its length held within what the contract says.
fn keypress(digit: Digit, length: Duration) -> Keypress {
    Keypress { digit, length: length.clamp(LENGTH_MIN, LENGTH_MAX) }
}
