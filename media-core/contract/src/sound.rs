//! What players say and recorders write.

use crate::MemberId;
use core::time::Duration;
use std::sync::Arc;

/// Sounds of one player; further ones are left out.
pub const SOUNDS_MAX: usize = 64;

/// What a player says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlayerSpec {
    /// One after the other, at most [`SOUNDS_MAX`].
    pub sounds: Vec<Sound>,
    /// What happens after the last one.
    pub repeat: Repeat,
}

/// One piece of sound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sound {
    /// A clip of the library by its name: `prompt/en/goodbye`, `music/default/0`. A name the library does not know is skipped and told
    /// with [`PlayerEnd::Missing`] if nothing else was heard.
    Clip(Arc<str>),
    /// A cadence of tones.
    Tone(Cadence),
    /// Nothing, for so long.
    Silence(Duration),
}

/// Steps of one cadence; further ones are left out.
pub const CADENCE_STEPS_MAX: usize = 12;

/// Tones and pauses, gone through once; a player that repeats starts it anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cadence {
    /// In order, at most [`CADENCE_STEPS_MAX`].
    pub steps: Vec<CadenceStep>,
}

/// One step of a cadence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CadenceStep {
    /// Frequencies in Hz that sound together; 0: none. All zero: silence.
    pub frequencies_hz: [u16; 2],
    /// How long.
    pub length: Duration,
}

/// What a player does after its last sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeat {
    /// It ends.
    Never,
    /// It starts again, without a gap, until it is closed.
    Forever,
}

/// Why a player ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlayerEnd {
    /// All was said.
    Finished,
    /// None of its clips is in the library.
    Missing,
}

/// One recording of this node, given by signaling, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordingId(pub u64);

/// Channels of one recording; further parties are mixed into the last one.
pub const RECORDING_CHANNELS_MAX: usize = 8;

/// What a recorder writes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecorderSpec {
    /// Its name towards the file writer.
    pub recording: RecordingId,
    /// 8,000 or 16,000.
    pub rate_hz: u32,
    /// Empty: one channel, all it hears mixed. Else one channel for each of these members, as far as it hears them.
    pub channels: Vec<MemberId>,
    /// How it begins.
    pub state: RecordingState,
}

/// What a recorder does with what it hears.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordingState {
    /// Writes it.
    Running,
    /// Writes nothing: the file gets no longer.
    Paused,
    /// Writes silence of the same length, so that times in the file stay true.
    Masked,
}
