//! From the exchange to disk: first the file of the day, then the store, then the row is done with.
//!
//! A thread of its own, because disks wait. A row leaves the bounded buffer only when both have it, so a fault of either delays rows and loses none;
//! what a crash keeps from the store is brought there from the files at the next start. A row that finds the buffer full is given back.

use super::{
    day::{Day, name_of, rows_after},
    row::CallRow,
};
use crate::store::{Fault, Store};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::runtime::Handle;

/// Rows that wait for a disk: more than an hour of calls at 30 a second, some 100 MB.
pub const BUFFER_MAX: usize = 131_072;

/// Rows written with one sync.
const BATCH_MAX: usize = 1_024;

/// After a fault the disk is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What has become of the rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// In the buffer now.
    pub waiting: usize,
    /// In file and store.
    pub kept: u64,
    /// Attempts on a file that failed.
    pub file_faults: u64,
    /// Attempts on the store that failed.
    pub store_faults: u64,
    /// Rows refused because the buffer was full.
    pub refused: u64,
}

#[derive(Default)]
struct Buffer {
    rows: VecDeque<CallRow>,
    /// Of `rows`, those at the front that are in their file and not yet in the store.
    filed: usize,
    figures: Figures,
    closing: bool,
}

struct Shared {
    buffer: Mutex<Buffer>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // Nothing panics while it holds the lock; the rows are whole in any case.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keeper of call records. Dropping it waits for one last attempt.
pub struct Cdr {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Cdr {
    /// Starts the keeper of `data_dir`; the store is asked through the present runtime, which must live longer.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(data_dir: &Path, store: Store) -> io::Result<Self> {
        let shared = Arc::new(Shared { buffer: Mutex::default(), changed: Condvar::new() });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            dir: data_dir.join("cdr"),
            store,
            runtime: Handle::current(),
            day: None,
            caught_up: false,
        };
        let thread = thread::Builder::new().name("cdr".to_owned()).spawn(move || keeper.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a row. Never waits.
    ///
    /// # Errors
    ///
    /// The buffer is full; the row comes back and is counted as refused.
    pub fn append(&self, row: CallRow) -> Result<(), Box<CallRow>> {
        let mut buffer = self.shared.lock();
        if buffer.rows.len() >= BUFFER_MAX {
            buffer.figures.refused += 1;
            return Err(Box::new(row));
        }
        buffer.rows.push_back(row);
        drop(buffer);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// What has become of the rows so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let buffer = self.shared.lock();
        Figures { waiting: buffer.rows.len(), ..buffer.figures }
    }

    /// Waits until every row is kept, at most for `patience`; tells whether they are. Blocks its thread.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let buffer = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(buffer, patience, |buffer| !buffer.rows.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.rows.is_empty()
    }
}

impl Drop for Cdr {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A keeper that panicked has said so already.
            let _ = thread.join();
        }
    }
}

struct Keeper {
    shared: Arc<Shared>,
    dir: PathBuf,
    store: Store,
    runtime: Handle,
    day: Option<Day>,
    caught_up: bool,
}

/// Which of the two did not take it.
enum Trouble {
    File(io::Error),
    Store(Fault),
}

impl Keeper {
    fn run(mut self) {
        loop {
            // Files first: they are kept even while the store is away.
            let outcome = self.file().and_then(|()| self.catch_up()).and_then(|()| self.store());
            let mut buffer = self.shared.lock();
            match outcome {
                Ok(()) => {
                    self.shared.changed.notify_all();
                    if buffer.rows.is_empty() {
                        if buffer.closing {
                            return;
                        }
                        let idle = self.shared.changed.wait_while(buffer, |b| b.rows.is_empty() && !b.closing);
                        drop(idle.unwrap_or_else(PoisonError::into_inner));
                    }
                }
                Err(trouble) => {
                    match trouble {
                        Trouble::File(error) => {
                            buffer.figures.file_faults += 1;
                            tracing::error!(component = "cdr", %error, waiting = buffer.rows.len(), "call records cannot be written");
                        }
                        Trouble::Store(fault) => {
                            buffer.figures.store_faults += 1;
                            tracing::error!(component = "cdr", %fault, waiting = buffer.rows.len(), "call records cannot be stored");
                        }
                    }
                    if buffer.closing {
                        // What is in a file is brought to the store at the next start.
                        let unfiled = buffer.rows.len() - buffer.filed;
                        tracing::error!(component = "cdr", unfiled, "stopped with call records unwritten");
                        return;
                    }
                    let pause = self.shared.changed.wait_timeout_while(buffer, PAUSE, |buffer| !buffer.closing);
                    drop(pause.unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }

    /// Once: brings to the store what only the files have.
    fn catch_up(&mut self) -> Result<(), Trouble> {
        if self.caught_up {
            return Ok(());
        }
        let last = self.runtime.block_on(self.store.last_record()).map_err(Trouble::Store)?;
        // Opening repairs the newest file before it is read.
        let newest = std::fs::read_dir(&self.dir).ok().and_then(|entries| {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter(|name| name.ends_with(".jsonl")).max()
        });
        if let Some(newest) = newest
            && self.day.is_none()
        {
            self.day = Some(Day::open(&self.dir, &newest).map_err(Trouble::File)?);
        }
        let rows = rows_after(&self.dir, last.as_ref(), BUFFER_MAX).map_err(Trouble::File)?;
        for rows in rows.chunks(BATCH_MAX) {
            self.runtime.block_on(self.store.append_records(rows.to_vec())).map_err(Trouble::Store)?;
        }
        self.caught_up = true;
        Ok(())
    }

    /// Writes the next rows into their files. Rows of one day go together; only this thread takes rows out, so they stay where they are.
    fn file(&mut self) -> Result<(), Trouble> {
        loop {
            let (name, lines, count) = {
                let buffer = self.shared.lock();
                let mut rows = buffer.rows.iter().skip(buffer.filed).take(BATCH_MAX).peekable();
                let Some(first) = rows.peek() else { return Ok(()) };
                let name = name_of(first.ended_at);
                let mut lines = Vec::new();
                let mut count = 0;
                for row in rows.take_while(|row| name_of(row.ended_at) == name) {
                    serde_json::to_writer(&mut lines, row).map_err(|error| Trouble::File(error.into()))?;
                    lines.push(b'\n');
                    count += 1;
                }
                (name, lines, count)
            };
            let day = match &mut self.day {
                Some(day) if day.name() == name => day,
                day => day.insert(Day::open(&self.dir, &name).map_err(Trouble::File)?),
            };
            if let Err(error) = day.append(&lines) {
                // Opened anew at the next attempt: the file may have been taken away with its disk.
                self.day = None;
                return Err(Trouble::File(error));
            }
            self.shared.lock().filed += count;
        }
    }

    /// Brings to the store what is in the files, and lets go of it.
    fn store(&mut self) -> Result<(), Trouble> {
        loop {
            let rows: Vec<CallRow> = {
                let buffer = self.shared.lock();
                buffer.rows.iter().take(buffer.filed.min(BATCH_MAX)).cloned().collect()
            };
            if rows.is_empty() {
                return Ok(());
            }
            let count = rows.len();
            self.runtime.block_on(self.store.append_records(rows)).map_err(Trouble::Store)?;
            let mut buffer = self.shared.lock();
            buffer.rows.drain(..count);
            buffer.filed -= count;
            buffer.figures.kept += count as u64;
        }
    }
}
