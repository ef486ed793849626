//! What one ear hears: whether the right tone is there, strong, and nothing else.

use crate::tone::{FRAME, Law, Spectrum, TONES, Tone};
use core::fmt;
use serde::Serialize;

/// Quieter than this (mean power relative to full scale) counts as silence: −40 dB.
const SILENCE: f64 = 32_768.0 * 32_768.0 * 1e-4;

/// The right tone must carry at least this share of the power heard.
const RIGHT_SHARE_MIN: f64 = 0.9;

/// No other single tone may carry more than this share; companding noise stays well below.
const LEAK_SHARE_MAX: f64 = 0.02;

/// Frames whose spectrum is taken: the first ones, then one in this many. A spectrum costs as much as receiving a packet.
const EVERY: u32 = 25;

/// An ear that gathers what it hears.
#[derive(Clone, Debug)]
pub struct Ear {
    expected: Tone,
    own: Tone,
    law: Law,
    frames: u32,
    examined: u32,
    power: [f64; TONES],
    whole: f64,
}

/// What was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// The right tone, strong, nothing else.
    Right,
    /// No packet, or only silence.
    Silence,
    /// Its own voice.
    Own,
    /// A tone of somebody else, alone or beside the right one.
    Other {
        /// Frequency of the strongest wrong tone.
        hertz: u32,
    },
    /// Sound that is no clear tone.
    Noise,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right tone"),
            Self::Silence => f.write_str("silence"),
            Self::Own => f.write_str("its own tone"),
            Self::Other { hertz } => write!(f, "a tone of {hertz} Hz that is not the other party's"),
            Self::Noise => f.write_str("noise"),
        }
    }
}

impl Ear {
    /// An ear that should hear `expected` while its mouth says `own`.
    #[must_use]
    pub const fn new(expected: Tone, own: Tone, law: Law) -> Self {
        Self { expected, own, law, frames: 0, examined: 0, power: [0.0; TONES], whole: 0.0 }
    }

    /// One received payload. Anything but 20 ms of the agreed law is noise.
    pub fn hear(&mut self, payload: &[u8]) {
        self.frames += 1;
        if self.frames > 3 && !self.frames.is_multiple_of(EVERY) {
            return;
        }
        self.examined += 1;
        let Ok(frame) = <&[u8; FRAME]>::try_from(payload) else {
            self.whole += SILENCE * 10.0;
            return;
        };
        let spectrum = Spectrum::of(&frame.map(|byte| self.law.decode(byte)));
        for (index, sum) in self.power.iter_mut().enumerate() {
            *sum += spectrum.power(Tone::nth(index));
        }
        self.whole += spectrum.whole();
    }

    /// What it heard, over all frames examined.
    #[must_use]
    pub fn verdict(&self) -> Heard {
        if self.examined == 0 || self.whole / f64::from(self.examined) < SILENCE {
            return Heard::Silence;
        }
        let share = |tone: Tone| self.power[tone.index()] / self.whole;
        if share(self.own) > LEAK_SHARE_MAX {
            return Heard::Own;
        }
        let other = (0..TONES)
            .map(Tone::nth)
            .filter(|tone| *tone != self.expected && share(*tone) > LEAK_SHARE_MAX)
            .max_by(|a, b| share(*a).total_cmp(&share(*b)));
        match other {
            Some(tone) => Heard::Other { hertz: tone.hertz() },
            None if share(self.expected) >= RIGHT_SHARE_MIN => Heard::Right,
            None => Heard::Noise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: Option<Tone>) -> Heard {
        let mut ear = Ear::new(Tone::nth(4), Tone::nth(9), Law::Mu);
        for _ in 0..60 {
            ear.hear(&Law::Mu.frame(said));
        }
        ear.verdict()
    }

    #[test]
    fn only_the_right_tone_is_right() {
        assert_eq!(heard(Some(Tone::nth(4))), Heard::Right);
        assert_eq!(heard(Some(Tone::nth(9))), Heard::Own);
        assert_eq!(heard(Some(Tone::nth(20))), Heard::Other { hertz: Tone::nth(20).hertz() });
        assert_eq!(heard(None), Heard::Silence);
        assert_eq!(Ear::new(Tone::nth(0), Tone::nth(1), Law::A).verdict(), Heard::Silence);
    }

    #[test]
    fn a_leak_beside_the_right_tone_is_heard() {
        let mut ear = Ear::new(Tone::nth(4), Tone::nth(9), Law::Mu);
        let (right, leak) = (Tone::nth(4).samples(), Tone::nth(30).samples());
        let mixed: [u8; FRAME] = core::array::from_fn(|n| Law::Mu.encode(right[n] / 2 + leak[n] / 5));
        ear.hear(&mixed);
        assert_eq!(ear.verdict(), Heard::Other { hertz: Tone::nth(30).hertz() });
    }

    #[test]
    fn the_wrong_law_is_not_right() {
        let mut ear = Ear::new(Tone::nth(4), Tone::nth(9), Law::Mu);
        ear.hear(&Law::A.frame(Some(Tone::nth(4))));
        assert_ne!(ear.verdict(), Heard::Right);
    }
}
