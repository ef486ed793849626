//! The data directory, held by one process at a time.

use super::OpenFault;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The file whose lock is the right to the directory.
const LOCK_FILE: &str = "ironbell.lock";

/// A data directory that is ours until this is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Closing it releases the lock.
    _lock: File,
}

impl DataDir {
    /// Takes the directory, making it when it is not there (for the owner alone: it holds what people said).
    ///
    /// # Errors
    ///
    /// Another process holds it, or it cannot be made or written.
    pub fn take(path: &Path) -> Result<Self, OpenFault> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(path)
            .map_err(|error| OpenFault::of(path, format!("the data directory cannot be made: {error}")))?;
        let file = path.join(LOCK_FILE);
        let mut lock =
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o640)
                .open(&file)
                .map_err(|error| OpenFault::of(&file, format!("the data directory cannot be written: {error}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let holder = match lock.read_to_string(&mut holder) {
                    Ok(_) if !holder.trim().is_empty() => format!("process {}", holder.trim()),
                    Ok(_) | Err(_) => "another process".to_owned(),
                };
                return Err(OpenFault::of(
                    path,
                    format!("the data directory is in use by {holder}; stop it, or set another server.data_dir"),
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(OpenFault::of(&file, format!("the data directory cannot be locked: {error}")));
            }
        }
        // Only told to a second starter; the lock does not depend on it.
        let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
