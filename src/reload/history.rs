//! The configurations that were in force: each as the file it was read from, with when and by whom, in a folder of the data directory that nobody else may
//! read. So that one can be compared with another, and put back.
//!
//! A file and its note beside it, numbered upwards. A note that is damaged or alone counts as not there.

use crate::publish::cdr::WallTime;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use utoipa::ToSchema;

/// The folder, below the data directory.
const FOLDER: &str = "config";

/// Configurations kept. The oldest goes when one more comes.
pub const KEPT_MAX: usize = 50;

/// Why a configuration came into force.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The exchange was started with it.
    Start,
    /// The file was read again.
    Reload,
    /// An operator put it back.
    Undo,
    /// The exchange put it back, because calls began to fail.
    Rollback,
}

/// What is known of one configuration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Note {
    /// Its number.
    pub number: u64,
    /// When it came into force.
    pub at: WallTime,
    /// Who brought it: the name of an API key, `SIGHUP`, or the exchange.
    pub by: String,
    /// Why.
    pub cause: Cause,
    /// The file it was read from, as it was named.
    pub file: String,
    /// SHA-256 of its text.
    pub hash: String,
    /// How many keys it changed.
    pub changes: usize,
    /// The one whose text this is, where it was put back.
    pub restores: Option<u64>,
    /// The one that an undo of this puts back.
    pub before: Option<u64>,
}

impl Note {
    /// The number of the configuration that this is in truth.
    #[must_use]
    pub fn origin(&self) -> u64 {
        self.restores.unwrap_or(self.number)
    }
}

/// What was in force, the newest last.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    notes: Vec<Note>,
}

impl History {
    /// Reads what is there.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut notes = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != "json") || !path.with_extension("yml").is_file() {
                continue;
            }
            let note = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
            notes.extend(note.filter(|note| path.file_stem().is_some_and(|stem| stem == name(note.number).as_str())));
        }
        notes.sort_by_key(|note| note.number);
        Ok(Self { folder, notes })
    }

    /// All, the newest last.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The one in force, unless none was kept.
    #[must_use]
    pub fn last(&self) -> Option<&Note> {
        self.notes.last()
    }

    /// One of them.
    #[must_use]
    pub fn note(&self, number: u64) -> Option<&Note> {
        self.notes.iter().find(|note| note.number == number)
    }

    /// The text of one of them.
    ///
    /// # Errors
    /// It is not kept any more, or cannot be read.
    pub fn text(&self, number: u64) -> io::Result<String> {
        fs::read_to_string(self.folder.join(name(number)).with_extension("yml"))
    }

    /// The number that the next one will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.last().map_or(1, |note| note.number.saturating_add(1))
    }

    /// The one that an undo puts back.
    #[must_use]
    pub fn before(&self) -> Option<&Note> {
        let origin = self.note(self.last()?.origin())?;
        self.note(origin.before?)
    }

    /// Keeps one more. The note comes last, so that a crash between the two leaves nothing that counts.
    ///
    /// # Errors
    /// It cannot be written; nothing is kept of it.
    pub fn keep(&mut self, note: Note, text: &str) -> io::Result<()> {
        let path = self.folder.join(name(note.number));
        write(&path.with_extension("yml"), text.as_bytes())?;
        write(&path.with_extension("json"), &serde_json::to_vec_pretty(&note)?)?;
        self.notes.push(note);
        while self.notes.len() > KEPT_MAX {
            self.remove(0);
        }
        Ok(())
    }

    /// Takes the last one out again: it did not come into force.
    pub fn withdraw(&mut self) {
        if !self.notes.is_empty() {
            self.remove(self.notes.len() - 1);
        }
    }

    fn remove(&mut self, at: usize) {
        let path = self.folder.join(name(self.notes.remove(at).number));
        // What is left of it is not read without its note.
        let _ = fs::remove_file(path.with_extension("json"));
        let _ = fs::remove_file(path.with_extension("yml"));
    }
}

fn name(number: u64) -> String {
    format!("{number:06}")
}

/// Writes a file for us alone, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn note(history: &History, cause: Cause, restores: Option<u64>) -> Note {
        Note {
            number: history.next(),
            at: WallTime::new(jiff::Timestamp::UNIX_EPOCH),
            by: "ops".to_owned(),
            cause,
            file: "a.yml".to_owned(),
            hash: String::new(),
            changes: 1,
            restores,
            before: history.last().map(Note::origin),
        }
    }

    fn keep(history: &mut History, restores: Option<u64>) {
        let cause = if restores.is_some() { Cause::Undo } else { Cause::Reload };
        let note = note(history, cause, restores);
        let text = format!("text {}", note.origin());
        history.keep(note, &text).unwrap();
    }

    #[test]
    fn what_is_kept_is_found_again_and_for_us_alone() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        assert!(history.last().is_none() && history.before().is_none());
        for _ in 0..3 {
            keep(&mut history, None);
        }
        let again = History::open(home.path()).unwrap();
        assert_eq!(again.notes(), history.notes());
        assert_eq!(again.text(2).unwrap(), "text 2");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&home.path().join("config")), 0o700);
        for entry in fs::read_dir(home.path().join("config")).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn an_undo_goes_back_step_by_step_and_what_was_undone_is_not_on_the_way() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        let undo = |history: &mut History| {
            let target = history.before().map(|note| note.number);
            if let Some(target) = target {
                keep(history, Some(target));
            }
            target
        };
        keep(&mut history, None);
        assert_eq!(undo(&mut history), None, "there is nothing before the first");
        keep(&mut history, None);
        keep(&mut history, None);
        assert_eq!(undo(&mut history), Some(2));
        assert_eq!(undo(&mut history), Some(1));
        assert_eq!(undo(&mut history), None);
        // Number 6 follows on 1; 2 and 3 were undone.
        keep(&mut history, None);
        assert_eq!(history.last().unwrap().number, 6);
        assert_eq!(undo(&mut history), Some(1));
    }

    #[test]
    fn the_oldest_goes_and_numbers_are_not_used_again() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        for _ in 0..KEPT_MAX + 5 {
            keep(&mut history, None);
        }
        assert_eq!((history.notes().len(), history.notes()[0].number, history.next()), (KEPT_MAX, 6, 56));
        assert!(history.text(5).is_err() && history.text(6).is_ok());
        assert_eq!(fs::read_dir(home.path().join("config")).unwrap().count(), 2 * KEPT_MAX);
        history.withdraw();
        assert!(history.text(55).is_err());
    }

    #[test]
    fn what_is_damaged_is_not_there() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        for _ in 0..4 {
            keep(&mut history, None);
        }
        let folder = home.path().join("config");
        fs::write(folder.join("000002.json"), "{ \"number\"").unwrap();
        fs::remove_file(folder.join("000003.yml")).unwrap();
        fs::copy(folder.join("000001.json"), folder.join("000009.json")).unwrap();
        fs::copy(folder.join("000001.yml"), folder.join("000009.yml")).unwrap();
        let again = History::open(home.path()).unwrap();
        let numbers: Vec<u64> = again.notes().iter().map(|note| note.number).collect();
        assert_eq!(numbers, [1, 4]);
    }
}
