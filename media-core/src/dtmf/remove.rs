//! Keys taken out of the sound: where an event tells of a key, its tone must not be heard as well, or it would be pressed twice.

use super::Detector;
use contract::Keypress;

/// Over this long sound is turned off and on.
const RAMP_MS: u32 = 4;

/// Turned on, in steps of gain.
const FULL: i32 = 32_768;

/// Listens for keys and silences them. What is heard of one is its first 13 to 33 ms, too little for a key (ITU-T Q.24: less than 40 ms).
#[derive(Debug)]
pub struct Removal {
    detector: Detector,
    gain: i32,
    step: i32,
}

impl Removal {
    /// For sound at `rate_hz`, as [`Detector::new`].
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let step = FULL / ((rate_hz / 1_000).clamp(8, 48) * RAMP_MS) as i32;
        Self { detector: Detector::new(rate_hz), gain: FULL, step }
    }

    /// The next piece of sound, at most 20 ms, silent afterwards where a key sounds in it; the key that was released in it.
    pub fn pass(&mut self, samples: &mut [i16]) -> Option<Keypress> {
        let sounded = self.detector.is_sounding();
        let pressed = self.detector.push(samples);
        let sounds = sounded || self.detector.is_sounding();
        if !sounds && self.gain == FULL {
            return pressed;
        }
        let step = if sounds { -self.step } else { self.step };
        for sample in samples {
            self.gain = (self.gain + step).clamp(0, FULL);
            *sample = ((i32::from(*sample) * self.gain) >> 15) as i16;
        }
        pressed
    }

    /// Another source begins. A key that sounds is released.
    pub fn reset(&mut self) -> Option<Keypress> {
        self.detector.reset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{Generator, speech::Speech};
    use contract::Digit;
    use core::time::Duration;

    #[test]
    fn a_key_is_told_once_and_not_heard_by_who_listens_behind() {
        for rate in [8_000, 16_000, 48_000_u32] {
            for shift in 0..13 {
                let mut generator = Generator::new(rate);
                let (mut removal, mut behind) = (Removal::new(rate), Detector::new(rate));
                let mut lead = vec![0; (rate / 1_000 * shift) as usize];
                assert_eq!(removal.pass(&mut lead), None);
                let (mut told, mut heard) = (0, 0);
                for code in 0..16 {
                    generator.start(Digit::from_event(code).expect("a key"), Duration::from_millis(100));
                    let mut more = true;
                    while more {
                        let mut frame = vec![0; rate as usize / 50];
                        more = generator.fill(&mut frame);
                        told += u32::from(removal.pass(&mut frame).is_some());
                        heard += u32::from(behind.push(&frame).is_some());
                    }
                }
                assert_eq!((told, heard), (16, 0), "{rate} {shift}");
            }
        }
    }

    #[test]
    fn a_voice_passes_as_it_is() {
        let mut removal = Removal::new(8_000);
        let mut changed = 0;
        for sound in Speech::new(2, 8_000).take(3_000) {
            let mut frame = sound.clone();
            removal.pass(&mut frame);
            changed += u32::from(frame != sound);
        }
        assert!(changed <= 3, "{changed} of 3000 frames");
    }
}
