//! The file of one UTC day. Whole lines only: what could not be written whole is taken back.

use super::row::{CallRow, WallTime};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Ending of the files.
const SUFFIX: &str = ".jsonl";

/// Bytes looked at from a file's end for its last lines. Rows that are not in the store yet fit in many times over.
const TAIL_MAX: u64 = 64 << 20;

/// An open file whose first `length` bytes are whole lines on disk.
pub(super) struct Day {
    name: String,
    file: File,
    length: u64,
}

/// The name of the file of `at`.
pub(super) fn name_of(at: WallTime) -> String {
    let day = at.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    format!("{day}{SUFFIX}")
}

impl Day {
    /// Opens the file of this name and repairs its end.
    pub(super) fn open(dir: &Path, name: &str) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(dir)?;
        let path = dir.join(name);
        let is_new = !path.exists();
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(&path)?;
        let length = repair(&mut file)?;
        if is_new {
            // The name must survive a power cut as well as the bytes.
            File::open(dir)?.sync_all()?;
        }
        Ok(Self { name: name.to_owned(), file, length })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes whole lines and waits until they are on disk; on failure the file is as it was before, or is repaired by the next call.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        // Bytes of an earlier failed attempt, if taking them back failed too.
        if self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
        }
        self.file.seek(SeekFrom::Start(self.length))?;
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A failure here is met again, and mended, by the next call.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }
}

/// Ends the file with a whole line: a torn one is completed when only its end is missing, else cut off (it was never acknowledged).
fn repair(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(0);
    }
    let tail = read_tail(file, length)?;
    let torn = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let rest = tail.get(torn..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(length);
    }
    if serde_json::from_slice::<CallRow>(rest).is_ok() {
        file.seek(SeekFrom::End(0))?;
        file.write_all(b"\n")?;
        file.sync_data()?;
        return Ok(length + 1);
    }
    let whole = length - rest.len() as u64;
    file.set_len(whole)?;
    file.sync_data()?;
    Ok(whole)
}

fn read_tail(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let from = length.saturating_sub(TAIL_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(TAIL_MAX).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The rows that stand behind the row `last` in the newest two files (all of them when it is not there), oldest first, at most `max` of the newest.
/// They are those a crash may have kept from the store.
pub(super) fn rows_after(dir: &Path, last: Option<&(String, jiff::Timestamp)>, max: usize) -> io::Result<Vec<CallRow>> {
    let mut files: Vec<PathBuf> = match fs::read_dir(dir) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    files.retain(|path| path.to_str().is_some_and(|path| path.ends_with(SUFFIX)));
    files.sort();
    let mut newest_first = Vec::new();
    for path in files.iter().rev().take(2) {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let tail = read_tail(&mut file, length)?;
        for line in tail.rsplit(|byte| *byte == b'\n') {
            // The first line of a tail may be cut; it is not among those that can be missing.
            let Ok(row) = serde_json::from_slice::<CallRow>(line) else { continue };
            let known =
                last.is_some_and(|(id, at)| *id == row.id && at.as_millisecond() == row.started_at.as_millisecond());
            if known || newest_first.len() == max {
                newest_first.reverse();
                return Ok(newest_first);
            }
            newest_first.push(row);
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}
