//! What outlives the process: bindings, messages that wait, bans, call records, the audit.
//!
//! Knows rows, not SIP. A [`Store`] is a handle: writes go through one bounded queue to one writer, which puts whatever waits into one commit, so
//! that a disk that syncs slowly is asked less often instead of being waited for by more. Reads use a connection of their own. A disk that is
//! full, slow or failing makes answers late or [`Fault`]s, never a queue without end; when it works again, so does the store.
//!
//! The database behind it is an `Engine`; SQLite is the one there is.

mod ban;
mod binding;
mod engine;
mod lock;
mod message;
mod sqlite;
#[cfg(test)]
mod tests;
mod writer;

pub use ban::StoredBan;
pub use lock::DataDir;

use crate::{media::recording::RecordingRow, publish::cdr::CallRow};
use engine::Engine;
use jiff::Timestamp;
use signaling::{
    fact::Disposition,
    input::{StoreFault, StoredBinding, StoredMessage},
};
use std::{fmt, net::IpAddr, path::Path, sync::Arc};
use tokio::sync::{mpsc, oneshot};
use writer::{Job, Write};

/// Writes that wait. It holds every account of a large exchange registering twice over within the time the disk may hang;
/// above it a write is refused with [`Fault::Full`] at once.
pub const QUEUE_MAX: usize = 65_536;
const _: () = assert!(QUEUE_MAX > signaling::limits::QUERIES_MAX, "what signaling may ask at once can wait here");

/// Most rows of one page.
pub const PAGE_MAX: usize = 1_000;

/// The handle of the store; clones are the same store.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    queue: mpsc::Sender<Job>,
}

/// Why the store did not do it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It cannot be read or written; why, in the words of the database. It will be tried again by the next request.
    Unavailable(String),
    /// Too much waits.
    Full,
    /// What was asked makes no sense, such as a page that never was.
    Misuse(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the store is not available: {why}"),
            Self::Full => f.write_str("too many writes wait for the store"),
            Self::Misuse(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for StoreFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full,
            Fault::Unavailable(_) | Fault::Misuse(_) => Self::Unavailable,
        }
    }
}

/// Which call records are wanted. Everything given must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Rows of the page, up to [`PAGE_MAX`].
    pub limit: usize,
    /// [`Page::next`] of the page before.
    pub after: Option<String>,
    /// Caller's number.
    pub from: Option<String>,
    /// Dialled number.
    pub to: Option<String>,
    /// How the call ended.
    pub disposition: Option<Disposition>,
    /// Not begun before this.
    pub since: Option<Timestamp>,
    /// Begun before this.
    pub until: Option<Timestamp>,
}

/// One page, newest first.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to give as [`Filter::after`]; none on the last page.
    pub next: Option<String>,
}

/// Which recordings are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// All, newest first.
    All,
    /// Those of a call.
    Call(String),
    /// The one of this name.
    Named(String),
    /// Those that are being written, as far as the table knows, and whose name does not begin so.
    RunningBut(String),
    /// Those whose file is over at this time, and is not deleted yet.
    Over(Timestamp),
}

/// One line of the audit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditRow {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what; never a secret.
    pub detail: String,
}

impl Store {
    /// Opens the store that `url` names within `data_dir`, making and migrating it as needed, and starts its writer on the present runtime.
    ///
    /// # Errors
    ///
    /// What is wrong and what to do, for the operator.
    pub async fn open(url: &str, data_dir: &DataDir) -> Result<Self, OpenFault> {
        let Some(file) = url.strip_prefix("sqlite:") else {
            return Err(OpenFault(format!("the store {} is of no kind this version knows; sqlite:FILE", scheme(url))));
        };
        let file = data_dir.path().join(file.trim_start_matches("//"));
        let engine: Arc<dyn Engine> = Arc::new(sqlite::Sqlite::open(&file).await?);
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(writer::run(Arc::clone(&engine), jobs));
        Ok(Self { engine, queue })
    }

    /// Makes these the only bindings of `number`; resolves when they are on disk.
    ///
    /// # Errors
    ///
    /// The store cannot take it now. Nothing of it is kept.
    pub async fn save_bindings(&self, number: String, bindings: Vec<StoredBinding>) -> Result<(), StoreFault> {
        self.write(Write::Bindings { number, bindings }).await.map_err(StoreFault::from)
    }

    /// Keeps a message until it is forgotten or too old; resolves when it is on disk.
    ///
    /// # Errors
    ///
    /// The store cannot take it now. Nothing of it is kept.
    pub async fn keep_message(&self, message: StoredMessage) -> Result<(), StoreFault> {
        self.write(Write::KeepMessage(Box::new(message))).await.map_err(StoreFault::from)
    }

    /// Forgets a message; resolves when that is on disk. One that is not there is forgotten already.
    ///
    /// # Errors
    ///
    /// The store cannot take it now, and the message stays.
    pub async fn forget_message(&self, id: u64) -> Result<(), StoreFault> {
        self.write(Write::ForgetMessage { id }).await.map_err(StoreFault::from)
    }

    /// All messages that have time left, in the order in which they were kept; for the start, as [`Store::load_bindings`].
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn load_messages(&self) -> Result<Vec<StoredMessage>, Fault> {
        self.engine.messages().await
    }

    /// Keeps a ban of a source, or forgets it; resolves when that is on disk.
    ///
    /// # Errors
    ///
    /// The store cannot take it now. What was kept before stays.
    pub async fn keep_ban(&self, source: IpAddr, ban: Option<StoredBan>) -> Result<(), StoreFault> {
        self.write(Write::Ban { source, ban }).await.map_err(StoreFault::from)
    }

    /// All bans that have time left, for the start, as [`Store::load_bindings`].
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn load_bans(&self) -> Result<Vec<StoredBan>, Fault> {
        self.engine.bans().await
    }

    /// All bindings that have time left, for the start. This alone converts wall time; a running exchange goes by its monotonic clock,
    /// so that a jump of the wall clock cannot expire anybody.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn load_bindings(&self) -> Result<Vec<StoredBinding>, Fault> {
        self.engine.bindings().await
    }

    /// Keeps a call record; resolves when it is on disk. A record of the same call is kept once, however often it is given.
    ///
    /// # Errors
    ///
    /// The store cannot take it now. Nothing of it is kept.
    pub async fn append_record(&self, row: CallRow) -> Result<(), Fault> {
        self.write(Write::Record(Box::new(row))).await
    }

    /// As [`Store::append_record`] for many; they share commits.
    ///
    /// # Errors
    ///
    /// At least one could not be kept; all may be given again.
    pub async fn append_records(&self, rows: Vec<CallRow>) -> Result<(), Fault> {
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            answers.push(self.submit(Write::Record(Box::new(row)))?);
        }
        for answer in answers {
            answer.await.unwrap_or(Err(stopped()))?;
        }
        Ok(())
    }

    /// The call records asked for, newest first.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or `after` is not of a page.
    pub async fn records(&self, filter: Filter) -> Result<Page<CallRow>, Fault> {
        self.engine.records(filter).await
    }

    /// Id and start of the record kept last, if there is any.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn last_record(&self) -> Result<Option<(String, Timestamp)>, Fault> {
        self.engine.last_record().await
    }

    /// Keeps what is known of a recording, in place of what was known before; resolves when it is on disk.
    ///
    /// # Errors
    ///
    /// The store cannot take it now. Nothing of it is kept.
    pub async fn save_recording(&self, row: RecordingRow) -> Result<(), Fault> {
        self.write(Write::Recording(Box::new(row))).await
    }

    /// The recordings asked for, newest first, up to [`PAGE_MAX`]; `after` is [`Page::next`] of the page before.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or `after` is not of a page.
    pub async fn recordings(
        &self,
        wanted: Wanted,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page<RecordingRow>, Fault> {
        self.engine.recordings(wanted, limit, after).await
    }

    /// Writes a line into the audit; resolves when it is on disk.
    ///
    /// # Errors
    ///
    /// The store cannot take it now.
    pub async fn audit(&self, actor: &str, action: &str, detail: &str) -> Result<(), Fault> {
        let (actor, action, detail) = (actor.to_owned(), action.to_owned(), detail.to_owned());
        self.write(Write::Audit { at: Timestamp::now(), actor, action, detail }).await
    }

    /// The newest `limit` lines of the audit.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn audit_log(&self, limit: usize) -> Result<Vec<AuditRow>, Fault> {
        self.engine.audit_log(limit.min(PAGE_MAX)).await
    }

    /// The number of the last migration.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn schema_version(&self) -> Result<i64, Fault> {
        self.engine.schema_version().await
    }

    /// Writes that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        QUEUE_MAX - self.queue.capacity()
    }

    async fn write(&self, write: Write) -> Result<(), Fault> {
        self.submit(write)?.await.unwrap_or(Err(stopped()))
    }

    fn submit(&self, write: Write) -> Result<oneshot::Receiver<Result<(), Fault>>, Fault> {
        let (done, answer) = oneshot::channel();
        match self.queue.try_send(Job { write, done }) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Fault::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(stopped()),
        }
    }
}

fn stopped() -> Fault {
    Fault::Unavailable("its writer has stopped".to_owned())
}

/// The part of a URL that cannot hold a password.
fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

/// Why the store does not open, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenFault(String);

impl OpenFault {
    fn of(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("{}: {what}", path.display()))
    }
}

impl fmt::Display for OpenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenFault {}
