//! One recording on its way into its file.
//!
//! A task of its own, so that a recording never waits for another's. It knows blocks, offsets and what became of them; who is recorded and when
//! a disk counts as full is decided elsewhere.

use super::{
    row::{Progress, RecordingRow},
    wav::{HEAD, SOUND_MAX, Shape},
};
use crate::publish::cdr::WallTime;
use jiff::Timestamp;
use media_core::record::{RecordBlock, Tape};
use std::{
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;
use tokio_uring::fs::{File, OpenOptions};

/// Frames of 20 ms after which the head is made true again, so that a crash leaves a file that tells all but its last second.
const HEAD_EVERY: u64 = 50;

/// Other names that are tried when a file of the wanted one is there.
const NAMES_MAX: u32 = 99;

/// What a task is told.
pub(super) enum Piece {
    /// Sound; the block goes back to its tape.
    Block(Box<RecordBlock>, Tape),
    /// The shard closed the recorder; so many frames found no room on the way.
    Ended(u64),
    /// It ends here, whatever may come.
    Cut(&'static str),
}

/// A file that is written.
pub(super) struct Writing {
    file: File,
    path: PathBuf,
    row: RecordingRow,
    shape: Shape,
    /// Frames of the file, silence for lost ones included.
    frames: u64,
    /// Frames when the head was last made true.
    told: u64,
    gaps: u64,
    octets: Vec<u8>,
}

impl Writing {
    /// Makes the file under a name that no file has, and its head and description. `name` is without ending.
    pub(super) async fn begin(name: &Path, data_dir: &Path, mut row: RecordingRow) -> io::Result<Self> {
        let (file, path) = create(name).await?;
        row.file = path.strip_prefix(data_dir).unwrap_or(&path).to_owned();
        let channels = u16::try_from(row.channels.len().max(1)).unwrap_or(1);
        let shape = Shape { rate_hz: row.rate_hz, channels };
        let mut writing = Self { file, path, row, shape, frames: 0, told: 0, gaps: 0, octets: Vec::new() };
        writing.tell_length().await?;
        writing.row.write_beside(&writing.path)?;
        Ok(writing)
    }

    /// As it is known now.
    pub(super) const fn row(&self) -> &RecordingRow {
        &self.row
    }

    /// Writes what comes until the end; what became of it.
    pub(super) async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) -> RecordingRow {
        let (mut state, mut reason) = (Progress::Finished, None);
        let mut cut = |why: String| (state, reason) = (Progress::Cut, Some(why));
        loop {
            match pieces.recv().await {
                Some(Piece::Block(block, tape)) => {
                    let (last, written) = (block.last, self.write(&block).await);
                    tape.give_back(block);
                    if let Err(fault) = written {
                        cut(fault.to_string());
                        break;
                    }
                    if last {
                        break;
                    }
                }
                Some(Piece::Ended(lost)) => {
                    self.row.frames_lost = lost;
                    break;
                }
                Some(Piece::Cut(why)) => {
                    cut(why.to_owned());
                    break;
                }
                None => {
                    cut("the exchange was stopped".to_owned());
                    break;
                }
            }
        }
        if let Some(lost) = give_back(pieces) {
            self.row.frames_lost = lost;
        }
        self.finish(state, reason).await
    }

    async fn write(&mut self, block: &RecordBlock) -> io::Result<()> {
        if block.samples.is_empty() {
            return Ok(());
        }
        let shape = Shape { rate_hz: block.rate_hz, channels: u16::from(block.channels.max(1)) };
        if shape != self.shape {
            if self.frames > 0 {
                return Err(io::Error::other("the shape of the sound changed"));
            }
            self.shape = shape;
            self.tell_length().await?;
        }
        // What was lost is a hole in the file, and a hole reads as silence.
        self.gaps += block.first_frame.saturating_sub(self.frames);
        let frame = self.shape.frame();
        let start = block.first_frame.saturating_mul(frame);
        if start.saturating_add(block.samples.len() as u64 * 2) > SOUND_MAX {
            return Err(io::Error::other("the file is as long as its format allows"));
        }
        let mut octets = std::mem::take(&mut self.octets);
        octets.clear();
        octets.extend(block.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let frames = block.first_frame + octets.len() as u64 / frame;
        let (written, octets) = self.file.write_all_at(octets, HEAD + start).await;
        self.octets = octets;
        written?;
        self.frames = self.frames.max(frames);
        if self.frames - self.told >= HEAD_EVERY {
            self.tell_length().await?;
        }
        Ok(())
    }

    async fn tell_length(&mut self) -> io::Result<()> {
        let head = self.shape.head(self.frames * self.shape.frame()).to_vec();
        self.told = self.frames;
        self.file.write_all_at(head, 0).await.0
    }

    async fn finish(mut self, state: Progress, reason: Option<String>) -> RecordingRow {
        let whole = async {
            self.tell_length().await?;
            self.file.sync_data().await
        };
        let whole = whole.await;
        let row = &mut self.row;
        row.state = state;
        row.reason = reason;
        if let Err(fault) = whole
            && row.reason.is_none()
        {
            row.state = Progress::Cut;
            row.reason = Some(fault.to_string());
        }
        #[expect(clippy::cast_precision_loss, reason = "frames of a file are far below 2^52")]
        {
            row.duration_seconds = self.frames as f64 / 50.0;
        }
        row.frames_lost = row.frames_lost.max(self.gaps);
        row.ended_at = Some(WallTime::new(Timestamp::now()));
        if let Err(fault) = row.write_beside(&self.path) {
            tracing::warn!(component = "recording", id = row.id, %fault, "the description beside a recording could not be written");
        }
        // Whatever the close says, everything is on disk or was told not to be.
        let _ = self.file.close().await;
        self.row
    }
}

/// Gives the blocks that wait for a file back to their tapes; how many frames its recorder lost, if that was told.
pub(super) fn give_back(mut pieces: mpsc::Receiver<Piece>) -> Option<u64> {
    let mut told = None;
    pieces.close();
    while let Ok(piece) = pieces.try_recv() {
        match piece {
            Piece::Block(block, tape) => tape.give_back(block),
            Piece::Ended(lost) => told = Some(lost),
            Piece::Cut(_) => {}
        }
    }
    told
}

/// Makes a file that was not there: the name, or the name and a number.
async fn create(name: &Path) -> io::Result<(File, PathBuf)> {
    if let Some(folder) = name.parent() {
        tokio_uring::fs::create_dir_all(folder).await?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o640);
    for number in 1..=NAMES_MAX {
        let mut path = name.as_os_str().to_owned();
        if number > 1 {
            path.push(format!("-{number}"));
        }
        path.push(".wav");
        let path = PathBuf::from(path);
        match options.open(&path).await {
            Ok(file) => return Ok((file, path)),
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many files have this name"))
}
