//! What a leg says, as sound: its packets played out evenly, decoded, at the rate the leg is summed at.
//!
//! Exists only while somebody needs the samples. Everything is made when the leg is described or the table changes: a decoder for each format
//! the far end may send, a playout for each rate among them.

use crate::{
    audio::{
        playout::{Playout, PlayoutFigures},
        resample::Resampler,
    },
    codec::{self, Decoder, Malformed},
    dtmf::{Detector, Removal},
    limits::{DECODERS_MAX, KEYS_PER_FRAME_MAX},
    mix::{
        FRAME_MAX, Rate, frame,
        speakers::{Level, Talk},
    },
    rtp::Header,
};
use contract::{Codec, Format, Instant, Keypress};
use core::fmt;

/// One format of the far end.
struct Coding {
    format: Format,
    rate: Rate,
    /// Its place in [`Voice::playouts`].
    playout: usize,
    decoder: Box<dyn Decoder>,
}

/// The sound of one leg.
pub struct Voice {
    codings: Vec<Coding>,
    playouts: Vec<Playout>,
    /// The coding of the packets that come now.
    current: usize,
    /// The stream they belong to, [`crate::rtp::Reception::epoch`].
    epoch: u32,
    /// Payload type of comfort noise.
    noise: Option<u8>,
    /// The rate it is summed at.
    rate: Rate,
    /// From the rate of each coding to that rate, where it differs.
    resamplers: Vec<Option<Resampler>>,
    keys: Listening,
    /// How loud its packets are, before they are decoded where that can be told.
    pub level: Level,
    /// Only decoding tells how loud it is.
    blind: bool,
    /// Keys that were recognised since the last frame.
    pressed: [Option<Keypress>; KEYS_PER_FRAME_MAX],
    /// Whether it talks.
    pub talk: Talk,
    /// What signaling was told of that.
    pub told_talking: bool,
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formats = self.codings.iter().map(|coding| coding.format);
        f.debug_struct("Voice")
            .field("rate", &self.rate)
            .field("formats", &formats.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// How keys are listened for as tones.
enum Listening {
    /// Not at all.
    Off,
    /// They stay in the sound.
    Along(Box<Detector>),
    /// They are taken out of it.
    Instead(Box<Removal>),
}

impl Listening {
    fn anew(&self, rate: Rate) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Along(_) => Self::Along(Box::new(Detector::new(rate.hz()))),
            Self::Instead(_) => Self::Instead(Box::new(Removal::new(rate.hz()))),
        }
    }
}

/// What a frame of a voice is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// Samples.
    Sound,
    /// Nothing; the frame is zero.
    Silence,
}

impl Voice {
    /// The voice of a far end that may send `formats`, summed at `rate`; `None`: nothing of it can be decoded.
    #[must_use]
    pub fn new(formats: &[Format], rate: Rate, epoch: u32) -> Option<Self> {
        let mut codings: Vec<Coding> = Vec::new();
        let mut playouts = Vec::new();
        let mut rates = Vec::new();
        for format in formats {
            if codings.len() == DECODERS_MAX {
                break;
            }
            let Some(entry) = codec::entry(format) else { continue };
            let Some(sampled) = Rate::from_hz(entry.sample_rate_hz) else { continue };
            let Some(decoder) = (entry.open_decoder)(format) else { continue };
            let clocks = (entry.sample_rate_hz, entry.clock_rate_hz);
            let playout = rates.iter().position(|known| *known == clocks).unwrap_or_else(|| {
                rates.push(clocks);
                playouts.push(Playout::new(entry.sample_rate_hz, entry.clock_rate_hz));
                playouts.len() - 1
            });
            codings.push(Coding { format: *format, rate: sampled, playout, decoder });
        }
        if codings.is_empty() {
            return None;
        }
        let noise = formats.iter().find(|format| format.codec == Codec::ComfortNoise).map(|format| format.payload_type);
        let mut voice = Self {
            codings,
            playouts,
            current: 0,
            epoch,
            noise,
            rate,
            resamplers: Vec::new(),
            keys: Listening::Off,
            level: Level::default(),
            blind: false,
            pressed: [None; KEYS_PER_FRAME_MAX],
            talk: Talk::default(),
            told_talking: false,
        };
        voice.resample();
        Some(voice)
    }

    /// Whether it is the voice of a far end that may send `formats`.
    #[must_use]
    pub fn is_of(&self, formats: &[Format]) -> bool {
        let decodable = formats.iter().filter(|format| codec::entry(format).is_some()).take(DECODERS_MAX);
        let noise = formats.iter().find(|format| format.codec == Codec::ComfortNoise).map(|format| format.payload_type);
        noise == self.noise && decodable.eq(self.codings.iter().map(|coding| &coding.format))
    }

    /// From now on it is summed at `rate`.
    pub fn set_rate(&mut self, rate: Rate) {
        if self.rate != rate {
            self.rate = rate;
            self.keys = self.keys.anew(rate);
            self.resample();
        }
    }

    fn resample(&mut self) {
        let needed = |coding: &Coding| {
            (coding.rate != self.rate).then(|| Resampler::new(coding.rate.hz(), self.rate.hz())).flatten()
        };
        self.resamplers = self.codings.iter().map(needed).collect();
    }

    /// The rate it is summed at.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether keys are listened for as tones, and whether these are taken out of the sound, because a listener gets its keys otherwise.
    pub fn detect(&mut self, wanted: bool, removes: bool) {
        match (wanted, removes, &self.keys) {
            (false, ..) => self.keys = Listening::Off,
            (true, true, Listening::Off | Listening::Along(_)) => {
                self.keys = Listening::Instead(Box::new(Removal::new(self.rate.hz())))
            }
            (true, false, Listening::Off | Listening::Instead(_)) => {
                self.keys = Listening::Along(Box::new(Detector::new(self.rate.hz())))
            }
            (true, true, Listening::Instead(_)) | (true, false, Listening::Along(_)) => {}
        }
    }

    /// Whether packets of this payload type are sound that it can decode.
    #[must_use]
    pub fn decodes(&self, payload_type: u8) -> bool {
        self.noise == Some(payload_type) || self.codings.iter().any(|coding| coding.format.payload_type == payload_type)
    }

    /// Takes in a packet of the stream `epoch`. Returns whether it is sound of ours.
    #[inline]
    pub fn insert(&mut self, header: &Header, payload: &[u8], epoch: u32, now: Instant) -> bool {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.begin_anew();
        }
        if self.noise == Some(header.payload_type) {
            let playout = self.codings[self.current].playout;
            self.playouts[playout].comfort_noise(payload);
            self.level.note(0);
            return true;
        }
        if self.codings[self.current].format.payload_type != header.payload_type {
            let sent = |coding: &Coding| coding.format.payload_type == header.payload_type;
            let Some(coding) = self.codings.iter().position(sent) else { return false };
            self.current = coding;
            self.begin_anew();
        }
        let coding = &self.codings[self.current];
        let loudness = coding.decoder.loudness(payload);
        self.blind = loudness.is_none();
        if let Some(loudness) = loudness {
            self.level.note(loudness);
        }
        let Header { sequence, timestamp, marker, payload_type, .. } = *header;
        let _counted = self.playouts[coding.playout].insert(
            now,
            sequence,
            timestamp,
            marker,
            payload_type,
            payload,
            &*coding.decoder,
        );
        true
    }

    /// Another stream, or another coding: nothing of what was is of use.
    fn begin_anew(&mut self) {
        let coding = &mut self.codings[self.current];
        coding.decoder.reset();
        self.playouts[coding.playout].reset();
    }

    /// The next frame, at its rate. `chosen`: somebody hears it; else it is only kept in time, and silence.
    pub fn pull(&mut self, chosen: bool, now: Instant, out: &mut [i16]) -> Heard {
        let coding = &mut self.codings[self.current];
        let playout = &mut self.playouts[coding.playout];
        if !chosen && !self.blind {
            let mut native = [0; FRAME_MAX];
            playout.pull(now, &mut Muted(&mut *coding.decoder), &mut native[..coding.rate.frame()]);
            out.fill(0);
            return Heard::Silence;
        }
        match &mut self.resamplers[self.current] {
            None => {
                playout.pull(now, &mut *coding.decoder, out);
            }
            Some(resampler) => {
                let mut native = [0; FRAME_MAX];
                let native = &mut native[..coding.rate.frame()];
                playout.pull(now, &mut *coding.decoder, native);
                resampler.run(native, out);
            }
        }
        if self.blind {
            self.level.note(frame::loudness(out));
        }
        if !chosen {
            out.fill(0);
        }
        if out.iter().fold(0, |all, sample| all | sample) == 0 { Heard::Silence } else { Heard::Sound }
    }

    /// It was relayed until now: its first packet is heard at once.
    pub fn begin_at_once(&mut self) {
        self.playouts.iter_mut().for_each(Playout::begin_at_once);
    }

    /// A last frame, which ends with the newest sound that came. `false`: none came, or packets of another rate wait.
    pub fn lead_out(&mut self, out: &mut [i16]) -> bool {
        let coding = &mut self.codings[self.current];
        if coding.rate != self.rate {
            return false;
        }
        self.playouts[coding.playout].lead_out(&mut *coding.decoder, out)
    }

    /// Listens for a key in a frame it gave. The key is told when it is released.
    pub fn listen(&mut self, out: &mut [i16]) -> Option<Keypress> {
        match &mut self.keys {
            Listening::Off => None,
            Listening::Along(detector) => detector.push(out),
            Listening::Instead(removal) => {
                let pressed = removal.pass(out);
                if let Some(key) = pressed {
                    self.keep(key);
                }
                pressed
            }
        }
    }

    /// Keys come as events; the sound they stand for does not come.
    pub fn press(&mut self, keys: impl IntoIterator<Item = Keypress>) {
        let playout = self.codings[self.current].playout;
        self.playouts[playout].rest();
        keys.into_iter().for_each(|key| self.keep(key));
    }

    /// A key is over although its end was not told.
    pub fn press_late(&mut self, key: Option<Keypress>) {
        if let Some(key) = key {
            self.keep(key);
        }
    }

    fn keep(&mut self, key: Keypress) {
        if let Some(room) = self.pressed.iter_mut().find(|kept| kept.is_none()) {
            *room = Some(key);
        }
    }

    /// The keys since the last frame that listeners are to get from us.
    pub fn take_keys(&mut self) -> [Option<Keypress>; KEYS_PER_FRAME_MAX] {
        core::mem::take(&mut self.pressed)
    }

    /// Takes in how loud a decoded frame is. `Some`: whether it talks now is another than signaling was told.
    pub fn talks(&mut self, out: &[i16], heard: Heard) -> Option<bool> {
        let loudness = match heard {
            Heard::Sound => frame::loudness(out),
            Heard::Silence => 0,
        };
        let talks = self.talk.note(loudness);
        (talks != self.told_talking).then_some(talks)
    }

    /// The figures of its playout.
    #[must_use]
    pub fn figures(&self) -> PlayoutFigures {
        self.playouts[self.codings[self.current].playout].figures()
    }
}

/// Counts a payload's samples and decodes none of them: for who is not chosen to be heard.
struct Muted<'d>(&'d mut dyn Decoder);

impl Decoder for Muted<'_> {
    fn sample_rate_hz(&self) -> u32 {
        self.0.sample_rate_hz()
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Malformed> {
        let samples = self.0.samples_in(payload).ok_or(Malformed::Truncated)?;
        out.get_mut(..samples).ok_or(Malformed::TooLong)?.fill(0);
        Ok(samples)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        self.0.samples_in(payload)
    }

    fn conceal(&mut self, out: &mut [i16]) -> bool {
        out.fill(0);
        true
    }

    fn reset(&mut self) {}
}
