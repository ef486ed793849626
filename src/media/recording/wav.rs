//! The head of a WAV file of 16-bit PCM, as it is written, kept true while the file grows, and mended after a crash.
//!
//! RIFF/WAVE as in "Multimedia Programming Interface and Data Specifications 1.0"; more than two channels as in RFC 2361 are left in plain PCM,
//! which every player reads.

use std::{
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

/// Octets of the head.
pub(super) const HEAD: u64 = 44;

/// Octets of sound that a file can name, whole frames of every shape and room for the head. It is over four hours of eight channels at 16,000 Hz.
pub(super) const SOUND_MAX: u64 = (u32::MAX as u64) - (1 << 20);

/// The shape of the sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shape {
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
}

impl Shape {
    /// Octets of one sample of every channel.
    const fn step(self) -> u64 {
        self.channels as u64 * 2
    }

    /// Octets of 20 ms.
    pub(super) const fn frame(self) -> u64 {
        self.rate_hz as u64 / 50 * self.step()
    }

    /// The head of a file with so many octets of sound.
    pub(super) fn head(self, sound: u64) -> [u8; HEAD as usize] {
        let sound = u32::try_from(sound.min(SOUND_MAX)).unwrap_or(u32::MAX);
        let (rate, step) = (self.rate_hz, self.channels * 2);
        let mut head = [0; HEAD as usize];
        let parts: [&[u8]; 13] = [
            b"RIFF",
            &(sound + 36).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16_u32.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &self.channels.to_le_bytes(),
            &rate.to_le_bytes(),
            &(rate * u32::from(step)).to_le_bytes(),
            &step.to_le_bytes(),
            &16_u16.to_le_bytes(),
            b"data",
            &sound.to_le_bytes(),
        ];
        let mut at = 0;
        for part in parts {
            head[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        head
    }

    fn read(head: &[u8; HEAD as usize]) -> Option<Self> {
        let two = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let rate_hz = u32::from_le_bytes([head[24], head[25], head[26], head[27]]);
        let ours = head.starts_with(b"RIFF") && &head[8..16] == b"WAVEfmt " && &head[36..40] == b"data";
        let shape = Self { rate_hz, channels: two(22) };
        (ours && two(34) == 16 && shape.channels > 0 && matches!(rate_hz, 8_000 | 16_000)).then_some(shape)
    }
}

/// Makes the head of a file that a crash left tell of all its sound; its length in seconds. A sample that was not written whole is cut off.
///
/// # Errors
/// It cannot be read or written, or is no file of ours.
pub(super) fn mend(path: &Path) -> io::Result<f64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut head = [0; HEAD as usize];
    file.read_exact(&mut head)?;
    let shape = Shape::read(&head).ok_or_else(|| io::Error::other("it is not a recording of ours"))?;
    let sound = (file.metadata()?.len() - HEAD).min(SOUND_MAX) / shape.step() * shape.step();
    file.set_len(HEAD + sound)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&shape.head(sound))?;
    file.sync_data()?;
    #[expect(clippy::cast_precision_loss, reason = "a file is far below 2^52 octets")]
    Ok(sound as f64 / (shape.step() * u64::from(shape.rate_hz)) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::decode;
    use std::fs;

    const SHAPE: Shape = Shape { rate_hz: 8_000, channels: 2 };

    #[test]
    fn the_head_is_read_by_anothers_parser() {
        for (rate_hz, channels) in [(8_000, 1), (8_000, 2), (16_000, 8)] {
            let shape = Shape { rate_hz, channels };
            let sound = shape.frame() * 50;
            let mut file = shape.head(sound).to_vec();
            file.extend((0..sound / 2).flat_map(|at| (at as i16).to_le_bytes()));
            let clip = decode::octets(file, "wav").unwrap();
            assert_eq!((clip.rate_hz, clip.samples.len()), (rate_hz, rate_hz as usize), "{channels}");
        }
    }

    #[test]
    fn a_file_that_a_crash_left_is_as_long_as_its_sound_and_a_strangers_file_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        // A second is told, a second and a half are there, and an octet too many.
        let mut file = SHAPE.head(SHAPE.frame() * 50).to_vec();
        file.resize(HEAD as usize + SHAPE.frame() as usize * 75 + 1, 7);
        fs::write(&path, &file).unwrap();
        assert!((mend(&path).unwrap() - 1.5).abs() < 1e-9);
        assert_eq!(fs::metadata(&path).unwrap().len(), HEAD + SHAPE.frame() * 75);
        let clip = decode::octets(fs::read(&path).unwrap(), "wav").unwrap();
        assert_eq!(clip.samples.len(), 12_000);
        for stranger in [&b""[..], b"RIFF", &[0; 100]] {
            fs::write(&path, stranger).unwrap();
            assert!(mend(&path).is_err());
            assert_eq!(fs::read(&path).unwrap(), stranger);
        }
    }
}
