//! The ring on disk: files of records, the oldest removed when there are too many octets or too many hours.
//!
//! A file belongs to one run of the process, is only ever appended to, and is named so that names are in the order of time. It knows nothing of
//! what the records hold.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What a file of records begins with.
pub(super) const MAGIC: &[u8; 8] = b"IBTRACE1";

/// Octets at the beginning of a file: the magic and the run.
pub(super) const FILE_HEAD: usize = 16;

/// Files that the ring is divided into, so that what is removed at once is a small part of it.
const FILES: u64 = 16;

/// Octets of a file at most, so that reading one needs no more memory than this.
pub(super) const FILE_MAX: u64 = 16 << 20;

/// Octets of a file at least: the smallest ring holds some messages still.
const FILE_MIN: u64 = 64 << 10;

/// What a ring may take.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// The folder.
    pub(super) dir: PathBuf,
    /// Octets of all files.
    pub(super) max_size: u64,
    /// How long what was written is kept.
    pub(super) keep: Duration,
}

/// The ring, as its only writer has it.
#[derive(Debug)]
pub(super) struct Ring {
    bounds: Bounds,
    run: u64,
    serial: u32,
    open: Option<(File, u64, SystemTime)>,
}

/// A file of the ring.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// The run of the process that wrote it: microseconds since 1970 at its start.
    pub(super) run: u64,
    octets: u64,
    touched: SystemTime,
}

impl Ring {
    /// The ring in its folder, which is made if need be; nobody else may read it.
    pub(super) fn open(bounds: Bounds, run: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&bounds.dir)?;
        let ring = Self { bounds, run, serial: 0, open: None };
        ring.clear(SystemTime::UNIX_EPOCH)?;
        Ok(ring)
    }

    fn file_max(&self) -> u64 {
        (self.bounds.max_size / FILES).clamp(FILE_MIN, FILE_MAX)
    }

    /// Appends records; a record is never divided between files.
    pub(super) fn append(&mut self, now: SystemTime, records: &[u8]) -> io::Result<()> {
        let octets = records.len() as u64;
        let spent = |(_, written, begun): &(File, u64, SystemTime)| {
            let age = now.duration_since(*begun).unwrap_or_default();
            *written + octets > self.file_max() || age > self.bounds.keep / FILES as u32
        };
        if self.open.as_ref().is_none_or(spent) {
            self.open = None;
            self.clear(now)?;
            self.serial += 1;
            let name = format!("{:016x}-{:08}.trace", self.run, self.serial);
            let mut file =
                OpenOptions::new().create_new(true).append(true).mode(0o600).open(self.bounds.dir.join(name))?;
            let mut head = MAGIC.to_vec();
            head.extend_from_slice(&self.run.to_le_bytes());
            file.write_all(&head)?;
            self.open = Some((file, FILE_HEAD as u64, now));
        }
        let Some((file, written, _)) = &mut self.open else { return Ok(()) };
        *written += octets;
        let outcome = file.write_all(records);
        if outcome.is_err() {
            // What was written of a record would hide those after it.
            self.open = None;
        }
        outcome
    }

    /// Removes what is too old or too much; room is left for the file that is written to.
    pub(super) fn clear(&self, now: SystemTime) -> io::Result<()> {
        let segments = segments(&self.bounds.dir)?;
        let mut total: u64 = segments.iter().map(|segment| segment.octets).sum();
        let room = self.bounds.max_size.saturating_sub(self.file_max());
        for segment in segments {
            let is_open = self.open.is_some() && segment.run == self.run && segment.path.ends_with(self.name());
            let aged = now.duration_since(segment.touched).is_ok_and(|age| age > self.bounds.keep);
            if !is_open && (aged || total > room) {
                fs::remove_file(&segment.path)?;
                total -= segment.octets;
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("{:016x}-{:08}.trace", self.run, self.serial)
    }
}

/// The files of a ring, the oldest first.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((run, _)) = name.to_str().and_then(|name| name.strip_suffix(".trace")?.split_once('-')) else {
            continue;
        };
        let Ok(run) = u64::from_str_radix(run, 16) else { continue };
        // A file may be removed while the folder is read.
        let Ok(about) = entry.metadata() else { continue };
        let touched = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        found.push(Segment { path: entry.path(), run, octets: about.len(), touched });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The records of a file; nothing when it is gone meanwhile or no file of this version.
pub(super) fn read(segment: &Segment) -> io::Result<Vec<u8>> {
    let bytes = match fs::read(&segment.path) {
        Ok(bytes) => bytes,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    Ok(if bytes.starts_with(MAGIC) { bytes.get(FILE_HEAD..).unwrap_or_default().to_vec() } else { Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn bounds(dir: &Path, max_size: u64) -> Bounds {
        Bounds { dir: dir.join("trace"), max_size, keep: Duration::from_secs(3_600) }
    }

    /// The present, by the clock of the file system.
    fn file_time(dir: &Path) -> SystemTime {
        fs::metadata(dir).unwrap().modified().unwrap()
    }

    fn all(dir: &Path) -> Vec<Vec<u8>> {
        segments(&dir.join("trace")).unwrap().iter().map(|segment| read(segment).unwrap()).collect()
    }

    #[test]
    fn it_never_takes_more_than_it_may_and_the_oldest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut ring = Ring::open(bounds(dir.path(), 1 << 20), 7).unwrap();
        let now = file_time(dir.path());
        for block in 0..200_u32 {
            let mut records = vec![0; 20_000];
            records[..4].copy_from_slice(&block.to_le_bytes());
            ring.append(now, &records).unwrap();
            let taken: u64 = segments(&dir.path().join("trace")).unwrap().iter().map(|segment| segment.octets).sum();
            assert!(taken <= 1 << 20, "{taken} octets");
        }
        let kept = all(dir.path()).concat();
        let blocks: Vec<u32> =
            kept.chunks(20_000).map(|block| u32::from_le_bytes(*block.first_chunk().unwrap())).collect();
        assert!(blocks.len() > 40, "{blocks:?}");
        assert!(blocks.windows(2).all(|pair| pair[1] == pair[0] + 1) && blocks.last() == Some(&199), "{blocks:?}");
    }

    #[test]
    fn what_is_too_old_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut ring = Ring::open(bounds(dir.path(), 1 << 20), 7).unwrap();
        let now = file_time(dir.path());
        ring.append(now, b"first").unwrap();
        ring.append(now + Duration::from_secs(600), b"second").unwrap();
        assert_eq!(all(dir.path()), [b"first".to_vec(), b"second".to_vec()]);
        // The file that is written to stays whatever its age.
        ring.clear(now + Duration::from_secs(5_000)).unwrap();
        assert_eq!(all(dir.path()), [b"second".to_vec()]);
    }

    #[test]
    fn another_run_begins_another_file_and_leaves_those_of_before() {
        let dir = tempfile::tempdir().unwrap();
        Ring::open(bounds(dir.path(), 1 << 20), 7).unwrap().append(START, b"before").unwrap();
        Ring::open(bounds(dir.path(), 1 << 20), 8).unwrap().append(START, b"after").unwrap();
        fs::write(dir.path().join("trace/notes.txt"), "not ours").unwrap();
        assert_eq!(all(dir.path()), [b"before".to_vec(), b"after".to_vec()]);
        let runs: Vec<u64> = segments(&dir.path().join("trace")).unwrap().iter().map(|segment| segment.run).collect();
        assert_eq!(runs, [7, 8]);
    }
}
