//! What is known of a recording: its row in the store, its entry in the API, and the file of the same name beside it.

use crate::publish::cdr::WallTime;
use contract::RecordingId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use utoipa::ToSchema;

/// How far a recording is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// It is being written.
    Running,
    /// It is whole.
    Finished,
    /// It ended before the call did; the reason says why.
    Cut,
    /// The exchange ended while it was written; the file was mended at the next start.
    Recovered,
    /// Its file is gone: never made, or missing when it was looked for.
    Missing,
    /// Its time is over; the file was deleted.
    Expired,
}

impl Progress {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cut => "cut",
            Self::Recovered => "recovered",
            Self::Missing => "missing",
            Self::Expired => "expired",
        }
    }
}

/// Why there is a recording; each kind is kept for a time of its own.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// By the configuration.
    Automatic,
    /// Somebody ordered it during the call.
    Ordered,
}

/// One recording.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RecordingRow {
    /// Its name, never used twice.
    pub id: String,
    /// The call's name.
    pub call: String,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// Why there is a recording.
    pub class: Class,
    /// How far it is.
    pub state: Progress,
    /// Why it was cut.
    pub reason: Option<String>,
    /// The file, relative to `data_dir` if it lies there.
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// Whose sound each channel holds; one `mixed` when all share one.
    pub channels: Vec<String>,
    /// Samples a second of each channel.
    pub rate_hz: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: WallTime,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<WallTime>,
    /// How long its sound is.
    pub duration_seconds: f64,
    /// Frames of 20 ms that were lost on the way to the disk and are silence in the file.
    pub frames_lost: u64,
    /// When the file will be deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<WallTime>,
}

impl RecordingRow {
    /// Writes it beside its sound, so that it is known whose it is wherever both are moved to. Whoever reads meanwhile sees the old or the new.
    pub(super) fn write_beside(&self, sound: &Path) -> io::Result<()> {
        let (about, new) = (sound.with_extension("json"), sound.with_extension("json.new"));
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        fs::rename(new, about)
    }
}

/// The name of a recording everywhere outside signaling: unlike those of other runs of the exchange.
#[must_use]
pub fn name(recording: RecordingId) -> String {
    format!("{}{:x}", name_of_run(), recording.0)
}

/// How the names of this run begin.
pub(super) fn name_of_run() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| format!("{:x}-", Timestamp::now().as_millisecond()))
}
