//! One audio file to one clip: WAV, MP3, OGG Vorbis, FLAC, AAC (ADTS and MP4), whatever its channels and rate.
//!
//! A file is not trusted: its size, length, packets and faults are bounded, and a defect of a decoder ends the reading of that file and nothing
//! else. What a clip is for, and where its file lies, is not known here.

use super::rate::Converter;
use media_core::audio::clip::Clip;
use std::{
    fmt,
    fs::{self, File},
    io::{self, Cursor},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream},
    meta::MetadataOptions,
};

/// Octets of one file; a larger one is refused.
pub const FILE_OCTETS_MAX: u64 = 256 << 20;

/// Seconds of one clip; a longer file is refused. At 16,000 Hz that is 58 MB of samples.
pub const SECONDS_MAX: usize = 1_800;

/// The endings of the files that are read, in lower case.
pub const ENDINGS: [&str; 7] = ["wav", "mp3", "ogg", "oga", "flac", "aac", "m4a"];

/// Packets of one file that may make no sound: damaged ones and empty ones. A demuxer that turns in a circle ends here.
const BARREN_MAX: usize = 1_000;

/// Rates a file may have.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// Why a file makes no clip.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read.
    Io(io::Error),
    /// It is larger than [`FILE_OCTETS_MAX`].
    Large(u64),
    /// It is longer than [`SECONDS_MAX`].
    Long,
    /// It is of no kind that is read here; why.
    Kind(String),
    /// It ends before the length it names: seconds there are, seconds there should be.
    Short(u64, u64),
    /// It is damaged; how.
    Damaged(String),
    /// It has no sound.
    Empty,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Large(octets) => write!(f, "has {octets} octets; at most {FILE_OCTETS_MAX} are read"),
            Self::Long => write!(f, "is longer than {SECONDS_MAX} seconds"),
            Self::Kind(why) => write!(f, "is not WAV, MP3, OGG Vorbis, FLAC or AAC: {why}"),
            Self::Short(is, named) => write!(f, "ends after {is} seconds of the {named} it names"),
            Self::Damaged(how) => write!(f, "is damaged: {how}"),
            Self::Empty => f.write_str("has no sound"),
        }
    }
}

impl std::error::Error for Fault {}

/// Reads a file. Blocks; for a thread that may.
///
/// # Errors
/// [`Fault`], which does not name the file.
pub fn file(path: &Path) -> Result<Clip, Fault> {
    // Before it is opened: opening a pipe would wait for its writer.
    let regular = |about: &fs::Metadata| match about.is_file() {
        true if about.len() > FILE_OCTETS_MAX => Err(Fault::Large(about.len())),
        true => Ok(()),
        false => Err(Fault::Kind("it is not a regular file".to_owned())),
    };
    regular(&fs::metadata(path).map_err(Fault::Io)?)?;
    let file = File::open(path).map_err(Fault::Io)?;
    regular(&file.metadata().map_err(Fault::Io)?)?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    guarded(Box::new(file), ending)
}

/// Reads what would be a file; `ending` is a hint at its kind, or empty.
///
/// # Errors
/// [`Fault`].
pub fn octets(octets: Vec<u8>, ending: &str) -> Result<Clip, Fault> {
    guarded(Box::new(Cursor::new(octets)), ending)
}

/// A decoder that panics has met a file its authors did not think of: the file's fault, not the exchange's.
fn guarded(source: Box<dyn MediaSource>, ending: &str) -> Result<Clip, Fault> {
    catch_unwind(AssertUnwindSafe(|| decode(source, ending)))
        .unwrap_or_else(|_| Err(Fault::Damaged("its decoder gave up".to_owned())))
}

fn decode(source: Box<dyn MediaSource>, ending: &str) -> Result<Clip, Fault> {
    let mut hint = Hint::new();
    if !ending.is_empty() {
        hint.with_extension(ending);
    }
    let stream = MediaSourceStream::new(source, Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| Fault::Kind(error.to_string()))?;
    let track = format.default_track(TrackType::Audio).ok_or(Fault::Empty)?;
    let (id, named) = (track.id, track.num_frames);
    let params = track.codec_params.as_ref().and_then(|params| params.audio()).ok_or(Fault::Empty)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|error| Fault::Kind(error.to_string()))?;
    let mut sound: Option<Sound> = None;
    let (mut interleaved, mut barren) = (Vec::<f32>::new(), 0);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // Some containers have no other end.
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(fault(error)),
        };
        let before = sound.as_ref().map_or(0, |sound| sound.frames);
        if packet.track_id == id {
            match decoder.decode(&packet) {
                Ok(decoded) => {
                    let (rate_hz, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
                    decoded.copy_to_vec_interleaved(&mut interleaved);
                    let sound = match &mut sound {
                        Some(sound) => sound,
                        None => sound.insert(Sound::new(rate_hz)?),
                    };
                    sound.push(&interleaved, channels, rate_hz)?;
                }
                Err(Error::DecodeError(_)) => {}
                Err(error) => return Err(fault(error)),
            }
        }
        if sound.as_ref().map_or(0, |sound| sound.frames) == before {
            barren += 1;
            if barren > BARREN_MAX {
                return Err(Fault::Damaged("it has too many packets without sound".to_owned()));
            }
        }
    }
    let sound = sound.filter(|sound| sound.frames > 0).ok_or(Fault::Empty)?;
    let rate = u64::from(sound.from_hz);
    // Encoders round to their frames; a second more is a file cut off. All ones: the length was not known when the header was written.
    match named {
        Some(named) if sound.frames + rate / 2 < named && named < u64::from(u32::MAX) / 8 => {
            Err(Fault::Short(sound.frames / rate, named.div_ceil(rate)))
        }
        Some(_) | None => Ok(sound.finish()),
    }
}

fn fault(error: Error) -> Fault {
    match error {
        // What the system did not say, a decoder did: the file ends where it should go on.
        Error::IoError(error) if error.raw_os_error().is_some() => Fault::Io(error),
        Error::IoError(_)
        | Error::DecodeError(_)
        | Error::SeekError(_)
        | Error::Unsupported(_)
        | Error::LimitError(_)
        | Error::ResetRequired
        | _ => Fault::Damaged(error.to_string()),
    }
}

/// What was decoded so far.
struct Sound {
    from_hz: u32,
    to_hz: u32,
    converter: Converter,
    samples: Vec<i16>,
    /// Samples a channel, before conversion.
    frames: u64,
}

impl Sound {
    fn new(from_hz: u32) -> Result<Self, Fault> {
        if !RATES_HZ.contains(&from_hz) {
            return Err(Fault::Kind(format!("it has {from_hz} samples a second")));
        }
        let to_hz = if from_hz <= 8_000 { 8_000 } else { 16_000 };
        Ok(Self { from_hz, to_hz, converter: Converter::new(from_hz, to_hz), samples: Vec::new(), frames: 0 })
    }

    fn push(&mut self, interleaved: &[f32], channels: usize, rate_hz: u32) -> Result<(), Fault> {
        if rate_hz != self.from_hz {
            return Err(Fault::Damaged("its rate changes".to_owned()));
        }
        let channels = channels.max(1);
        let part = 1.0 / channels as f32;
        let mixed = interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * part);
        self.frames += mixed.len() as u64;
        self.converter.push(mixed, &mut self.samples);
        if self.samples.len() > SECONDS_MAX * self.to_hz as usize { Err(Fault::Long) } else { Ok(()) }
    }

    fn finish(mut self) -> Clip {
        self.converter.finish(&mut self.samples);
        // The conversion looks ahead; a loop must not get longer by that.
        let length = (self.frames * u64::from(self.to_hz)).div_ceil(u64::from(self.from_hz));
        self.samples.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Clip { samples: self.samples.into(), rate_hz: self.to_hz }
    }
}

#[cfg(test)]
#[path = "decode/tests.rs"]
mod tests;
