//! The sounds the binary carries: prompts in English and Russian and one piece of music on hold, all made by `scripts/prompts`.
//!
//! A language is a pack of FLAC streams and an index. Which recordings replace them is decided in `library`.

use super::decode::{self, Fault};
use media_core::audio::clip::Clip;

/// Languages there are prompts for.
pub const LANGUAGES: [&str; 2] = ["en", "ru"];

/// The name of the music that is always there.
pub const MUSIC: &str = "music/default/0";

static ENGLISH: &[u8] = include_bytes!("sounds/en.pack");
static ENGLISH_INDEX: &str = include_str!("sounds/en.index.tsv");
static RUSSIAN: &[u8] = include_bytes!("sounds/ru.pack");
static RUSSIAN_INDEX: &str = include_str!("sounds/ru.index.tsv");
static MUSIC_FILE: &[u8] = include_bytes!("sounds/music.flac");

/// The prompts of a language: name within it, and a FLAC stream.
pub fn of(language: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let (pack, index) = match language {
        "en" => (ENGLISH, ENGLISH_INDEX),
        "ru" => (RUSSIAN, RUSSIAN_INDEX),
        _ => (&[][..], ""),
    };
    index.lines().filter_map(move |line| {
        let mut fields = line.split('\t');
        let name = fields.next()?;
        let from: usize = fields.next()?.parse().ok()?;
        let octets: usize = fields.next()?.parse().ok()?;
        Some((name, pack.get(from..from.checked_add(octets)?)?))
    })
}

/// Decodes one of them.
///
/// # Errors
/// The stream is damaged, which the tests would have shown.
pub fn decode(stream: &[u8]) -> Result<Clip, Fault> {
    decode::octets(stream.to_vec(), "flac")
}

/// The music on hold.
///
/// # Errors
/// As [`decode()`].
pub fn music() -> Result<Clip, Fault> {
    decode(MUSIC_FILE)
}
