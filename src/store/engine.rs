//! What a database must do for the store.

use super::{AuditRow, Fault, Filter, Page, StoredBan, Wanted, writer::Write};
use crate::{media::recording::RecordingRow, publish::cdr::CallRow};
use jiff::Timestamp;
use signaling::input::{StoredBinding, StoredMessage};
use std::{future::Future, pin::Pin};

/// An answer that comes later.
pub(super) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'a>>;

/// As [`Later`], for reads.
pub(super) type Read<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Why a commit failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The disk, the connection, a lock: the same writes may succeed later.
    Passing(String),
    /// One of the writes itself is not acceptable; the others are innocent.
    Unacceptable(String),
}

/// A database. Writes come from one writer, reads from anywhere.
pub(super) trait Engine: Send + Sync {
    /// Makes all of `writes` durable, or none.
    fn commit<'a>(&'a self, writes: &'a [&'a Write]) -> Later<'a, ()>;

    /// Bindings with time left.
    fn bindings(&self) -> Read<'_, Vec<StoredBinding>>;

    /// Messages with time left, in the order in which they were kept.
    fn messages(&self) -> Read<'_, Vec<StoredMessage>>;

    /// Bans with time left.
    fn bans(&self) -> Read<'_, Vec<StoredBan>>;

    /// Call records.
    fn records(&self, filter: Filter) -> Read<'_, Page<CallRow>>;

    /// Id and start of the newest call record.
    fn last_record(&self) -> Read<'_, Option<(String, Timestamp)>>;

    /// Recordings.
    fn recordings(&self, wanted: Wanted, limit: usize, after: Option<String>) -> Read<'_, Page<RecordingRow>>;

    /// The newest lines of the audit.
    fn audit_log(&self, limit: usize) -> Read<'_, Vec<AuditRow>>;

    /// The last migration.
    fn schema_version(&self) -> Read<'_, i64>;
}
