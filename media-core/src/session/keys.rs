//! Keys on their way to a leg's far end: one after the other, as RFC 4733 events or as tones, in its stream.

use crate::{
    dtmf::{
        Generator,
        event::{EventPacket, Outgoing},
    },
    limits::KEY_PAUSE,
    mix::frame::FRAME_TIME,
};
use contract::{Codec, DIGITS_MAX, DigitMode, Format, Keypress};
use std::collections::VecDeque;

/// Frames of pause after an event.
const PAUSE_FRAMES: u8 = (KEY_PAUSE.as_millis() / FRAME_TIME.as_millis()) as u8;

/// How keys reach a far end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// As events of this format.
    Event(Format),
    /// As tones.
    Tone,
    /// Not in the media.
    Elsewhere,
}

impl Way {
    /// The way of a far end with these formats.
    #[must_use]
    pub fn new(mode: DigitMode, formats: &[Format]) -> Self {
        let events = || formats.iter().find(|format| format.codec == Codec::TelephoneEvent);
        match mode {
            DigitMode::Event => events().map_or(Self::Tone, |format| Self::Event(*format)),
            DigitMode::Inband => Self::Tone,
            DigitMode::Info => Self::Elsewhere,
        }
    }
}

/// Keys that wait and the one that sounds.
#[derive(Debug)]
pub struct Keys {
    waiting: VecDeque<Keypress>,
    sending: Sending,
}

#[derive(Debug)]
enum Sending {
    Nothing,
    Event(Outgoing, Format),
    /// And the pause behind it.
    Tone(Generator),
    /// Frames of pause left, so that the far end tells two presses of one key apart.
    Pause(u8),
}

impl Default for Keys {
    fn default() -> Self {
        Self { waiting: VecDeque::with_capacity(DIGITS_MAX), sending: Sending::Nothing }
    }
}

/// What a leg is sent in a frame because of its keys.
#[derive(Debug)]
pub enum Frame {
    /// Its sound.
    Sound,
    /// A packet of an event, instead of sound.
    Event(EventPacket, Format),
    /// A tone, instead of sound: the frame was filled.
    Tone,
}

impl Keys {
    /// Lets a key follow those that wait. `false`: too many wait, it is dropped.
    pub fn push(&mut self, key: Keypress) -> bool {
        let room = self.waiting.len() < DIGITS_MAX;
        if room {
            self.waiting.push_back(key);
        }
        room
    }

    /// Whether nothing waits or sounds.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && matches!(self.sending, Sending::Nothing)
    }

    /// Whether an event or tone is under way, so that sound would be wrong.
    #[must_use]
    pub const fn is_sounding(&self) -> bool {
        matches!(self.sending, Sending::Event(..) | Sending::Tone(_))
    }

    /// The next frame, which begins at `timestamp`. `tone`, a frame at `rate_hz`, is filled when a tone sounds.
    pub fn next(&mut self, way: Way, timestamp: u32, rate_hz: u32, tone: &mut [i16]) -> Frame {
        if matches!(self.sending, Sending::Nothing)
            && let Some(key) = self.waiting.pop_front()
        {
            self.sending = match way {
                Way::Event(format) => {
                    Sending::Event(Outgoing::new(key, timestamp, format.clock_rate_hz, FRAME_TIME), format)
                }
                Way::Tone => {
                    let mut generator = Generator::new(rate_hz);
                    generator.start(key.digit, key.length);
                    Sending::Tone(generator)
                }
                Way::Elsewhere => Sending::Nothing,
            };
        }
        match &mut self.sending {
            Sending::Nothing => Frame::Sound,
            Sending::Event(event, format) => match event.packet() {
                Some(packet) => Frame::Event(packet, *format),
                None => {
                    self.sending = Sending::Pause(PAUSE_FRAMES);
                    Frame::Sound
                }
            },
            Sending::Pause(left) => {
                *left -= 1;
                if *left == 0 {
                    self.sending = Sending::Nothing;
                }
                Frame::Sound
            }
            Sending::Tone(generator) => {
                if !generator.fill(tone) {
                    self.sending = Sending::Nothing;
                }
                Frame::Tone
            }
        }
    }
}
