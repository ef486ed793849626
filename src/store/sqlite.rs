//! The embedded database.
//!
//! Write-ahead log with `synchronous=FULL`: a commit returns when the log is on disk, so what was acknowledged survives a power cut and not only
//! a crash; the writer's batches make that affordable. A batch costs a fixed handful of statements, whatever it holds: its rows travel as one
//! JSON value and are taken apart by the database.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the errors of the database driver may grow; what is not told apart is told as it is"
)]

use super::{
    AuditRow, Fault, Filter, OpenFault, PAGE_MAX, Page, StoredBan, Wanted, ban,
    binding::Moment,
    engine::{Engine, Later, Read, Trouble},
    message,
    writer::Write,
};
use crate::{
    media::recording::{Progress, RecordingRow},
    publish::{cdr::CallRow, disposition},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use signaling::{
    flow::Transport,
    input::{StoredBinding, StoredMessage},
};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::Mutex;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// How long one connection waits for a lock of the other. Readers do not block the writer in WAL mode; this covers checkpoints.
const BUSY: Duration = Duration::from_secs(2);

/// One connection that is opened again after it failed.
struct Line {
    options: SqliteConnectOptions,
    connection: Mutex<Option<SqliteConnection>>,
}

/// The database file.
pub(super) struct Sqlite {
    writes: Line,
    reads: Line,
}

impl Line {
    fn new(options: SqliteConnectOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }
}

impl Sqlite {
    /// Opens or makes the file and brings it to the present schema.
    pub(super) async fn open(file: &Path) -> Result<Self, OpenFault> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| open_fault(file, &error))?;
        MIGRATIONS.run(&mut connection).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                open_fault(file, &error)
            }
            sqlx::migrate::MigrateError::VersionMissing(version) => OpenFault::of(
                file,
                format!("the database was made by a newer version (schema {version}); run that one"),
            ),
            other => OpenFault::of(file, format!("the database cannot be brought to this version: {other}")),
        })?;
        let writes = Line { connection: Mutex::new(Some(connection)), options: options.clone() };
        Ok(Self { writes, reads: Line::new(options.create_if_missing(false)) })
    }

    async fn write(&self, writes: &[&Write]) -> Result<(), sqlx::Error> {
        let mut slot = self.writes.connection.lock().await;
        let connection = match slot.as_mut() {
            Some(connection) => connection,
            None => slot.insert(self.writes.options.connect().await?),
        };
        let outcome = apply(connection, writes).await;
        if outcome.as_ref().is_err_and(is_passing) {
            // After a fault of the disk the connection may hold a broken view of the file; a new one begins with what is really there.
            *slot = None;
        }
        outcome
    }
}

impl Line {
    /// Runs `read` on the connection, which is made anew when it was lost.
    async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Fault> {
        let mut slot = self.connection.lock().await;
        let connection = match slot.as_mut() {
            Some(connection) => connection,
            None => slot.insert(self.options.connect().await.map_err(|error| unavailable(&error))?),
        };
        let outcome = read(connection).await;
        if outcome.as_ref().is_err_and(is_passing) {
            *slot = None;
        }
        outcome.map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &sqlx::Error) -> Fault {
    Fault::Unavailable(error.to_string())
}

/// The database's own result code, without its extension, <https://sqlite.org/rescode.html>.
fn result_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Whether the same write may succeed later.
fn is_passing(error: &sqlx::Error) -> bool {
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    const TOO_BIG: i32 = 18;
    const ERROR: i32 = 1;
    !matches!(result_code(error), Some(CONSTRAINT | MISMATCH | TOO_BIG | ERROR))
}

fn open_fault(file: &Path, error: &sqlx::Error) -> OpenFault {
    const CORRUPT: i32 = 11;
    const CANNOT_OPEN: i32 = 14;
    const NOT_A_DATABASE: i32 = 26;
    const FULL: i32 = 13;
    match result_code(error) {
        Some(CORRUPT | NOT_A_DATABASE) => {
            let aside = PathBuf::from(format!("{}.damaged", file.display()));
            OpenFault::of(
                file,
                format!(
                    "the database is damaged ({error}); restore it from a backup, or move it aside to {} and begin anew \
                     (call records are also in the files under cdr/)",
                    aside.display()
                ),
            )
        }
        Some(FULL) => OpenFault::of(file, "the disk is full; make room"),
        Some(CANNOT_OPEN) => {
            OpenFault::of(file, format!("the database cannot be opened ({error}); check the directory and its rights"))
        }
        Some(_) | None => OpenFault::of(file, format!("the database cannot be opened: {error}")),
    }
}

/// One transaction for the whole batch.
async fn apply(connection: &mut SqliteConnection, writes: &[&Write]) -> Result<(), sqlx::Error> {
    let batch = Batch::of(writes);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if !batch.numbers.is_empty() {
        sqlx::query("DELETE FROM bindings WHERE number IN (SELECT value FROM json_each($1))")
            .bind(Value::from(batch.numbers).to_string())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO bindings (number, contact, q_milli, path, call_id, cseq, user_agent, transport, source, listener, \
             behind_nat, expires_at, saved_at, saved_up, boot) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value -> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, \
             value ->> 9, value ->> 10, value ->> 11, $2, $3, $4 FROM json_each($1)",
        )
        .bind(Value::from(batch.bindings).to_string())
        .bind(batch.now.wall_ms)
        .bind(batch.now.up_ms)
        .bind(&batch.now.boot)
        .execute(&mut *transaction)
        .await?;
    }
    message::apply(&mut transaction, &batch.now, batch.kept, batch.forgotten).await?;
    ban::apply(&mut transaction, &batch.now, batch.bans).await?;
    if !batch.records.is_empty() {
        // The order of the list is the order of the calls' ends, and becomes that of `seq`.
        sqlx::query(
            "INSERT INTO calls (id, from_number, to_number, started_at, ended_at, disposition, record) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value -> 6 FROM json_each($1) \
             WHERE true ORDER BY key ON CONFLICT (id, started_at) DO NOTHING",
        )
        .bind(Value::from(batch.records).to_string())
        .execute(&mut *transaction)
        .await?;
    }
    if !batch.recordings.is_empty() {
        sqlx::query(
            "INSERT INTO recordings (id, call_id, state, started_at, expires_at, record) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value -> 5 FROM json_each($1) \
             WHERE true ORDER BY key \
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at, record = excluded.record",
        )
        .bind(Value::from(batch.recordings).to_string())
        .execute(&mut *transaction)
        .await?;
    }
    if !batch.audit.is_empty() {
        sqlx::query(
            "INSERT INTO audit (at, actor, action, detail) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) ORDER BY key",
        )
        .bind(Value::from(batch.audit).to_string())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

/// The rows of a batch.
struct Batch {
    now: Moment,
    numbers: Vec<Value>,
    bindings: Vec<Value>,
    kept: Vec<Value>,
    forgotten: Vec<Value>,
    bans: Vec<Value>,
    records: Vec<Value>,
    recordings: Vec<Value>,
    audit: Vec<Value>,
}

impl Batch {
    fn of(writes: &[&Write]) -> Self {
        let now = Moment::now();
        let (mut last, mut records, mut audit) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut recordings = Vec::new();
        let (mut kept, mut forgotten) = (Vec::new(), Vec::new());
        let mut bans = BTreeMap::new();
        for write in writes {
            match write {
                // Of two writes for one account the later one stands.
                Write::Bindings { number, bindings } => {
                    last.insert(number.as_str(), bindings);
                }
                Write::KeepMessage(message) => kept.push(message::row(message, now.wall_ms)),
                Write::ForgetMessage { id } => forgotten.push(Value::from(*id)),
                // Of two writes for one source the later one stands.
                Write::Ban { source, ban } => {
                    bans.insert(*source, ban::row(*source, ban.as_ref(), now.wall_ms));
                }
                Write::Record(row) => records.push(record_row(row)),
                Write::Recording(row) => recordings.push(recording_row(row)),
                Write::Audit { at, actor, action, detail } => {
                    audit.push(json!([at.as_millisecond(), actor, action, detail]));
                }
            }
        }
        let bindings =
            last.values().flat_map(|bindings| bindings.iter()).map(|b| binding_row(b, now.wall_ms)).collect();
        let numbers = last.into_keys().map(Value::from).collect();
        let bans = bans.into_values().collect();
        Self { now, numbers, bindings, kept, forgotten, bans, records, recordings, audit }
    }
}

fn binding_row(binding: &StoredBinding, now_ms: i64) -> Value {
    let left_ms = i64::try_from(binding.expires_in.as_millis()).unwrap_or(i64::MAX);
    json!([
        binding.number,
        binding.contact,
        binding.q_milli,
        binding.path,
        binding.call_id,
        binding.cseq,
        binding.user_agent,
        binding.transport.lower(),
        binding.source.to_string(),
        binding.listener,
        u8::from(binding.behind_nat),
        now_ms.saturating_add(left_ms),
    ])
}

fn record_row(row: &CallRow) -> Value {
    json!([
        row.id,
        row.from,
        row.to,
        row.started_at.as_millisecond(),
        row.ended_at.as_millisecond(),
        row.disposition,
        row,
    ])
}

fn recording_row(row: &RecordingRow) -> Value {
    let expires_at = row.expires_at.map(|at| at.as_millisecond());
    json!([row.id, row.call, row.state.name(), row.started_at.as_millisecond(), expires_at, row])
}

fn read_binding(row: &SqliteRow, now: &Moment) -> Result<Option<StoredBinding>, sqlx::Error> {
    let saved =
        Moment { wall_ms: row.try_get("saved_at")?, up_ms: row.try_get("saved_up")?, boot: row.try_get("boot")? };
    let expires_in = now.left(row.try_get("expires_at")?, &saved);
    if expires_in.is_zero() {
        return Ok(None);
    }
    let bad = |what: &str| sqlx::Error::Decode(format!("a binding with a bad {what}").into());
    Ok(Some(StoredBinding {
        number: row.try_get("number")?,
        contact: row.try_get("contact")?,
        q_milli: row.try_get("q_milli")?,
        path: serde_json::from_str(row.try_get("path")?).map_err(|_| bad("path"))?,
        call_id: row.try_get("call_id")?,
        cseq: row.try_get("cseq")?,
        user_agent: row.try_get("user_agent")?,
        transport: match row.try_get("transport")? {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return Err(bad("transport")),
        },
        source: row.try_get::<&str, _>("source")?.parse().map_err(|_| bad("source"))?,
        listener: row.try_get("listener")?,
        behind_nat: row.try_get("behind_nat")?,
        expires_in,
    }))
}

impl Engine for Sqlite {
    fn commit<'a>(&'a self, writes: &'a [&'a Write]) -> Later<'a, ()> {
        Box::pin(async move {
            self.write(writes).await.map_err(|error| {
                if is_passing(&error) {
                    Trouble::Passing(error.to_string())
                } else {
                    Trouble::Unacceptable(error.to_string())
                }
            })
        })
    }

    fn bindings(&self) -> Read<'_, Vec<StoredBinding>> {
        Box::pin(async move {
            self.reads
                .read(async |connection| {
                    let now = Moment::now();
                    let rows =
                        sqlx::query("SELECT * FROM bindings ORDER BY number, contact").fetch_all(connection).await?;
                    let read: Result<Vec<_>, _> = rows.iter().map(|row| read_binding(row, &now)).collect();
                    Ok(read?.into_iter().flatten().collect())
                })
                .await
        })
    }

    fn messages(&self) -> Read<'_, Vec<StoredMessage>> {
        Box::pin(async move { self.reads.read(message::load).await })
    }

    fn bans(&self) -> Read<'_, Vec<StoredBan>> {
        Box::pin(async move { self.reads.read(ban::load).await })
    }

    fn records(&self, filter: Filter) -> Read<'_, Page<CallRow>> {
        Box::pin(async move {
            let before = seq_before(filter.after.as_deref())?;
            let limit = filter.limit.clamp(1, PAGE_MAX);
            let rows = self.reads.read(async |connection| select(connection, &filter, before, limit + 1).await).await?;
            page(&rows, limit, "a call record")
        })
    }

    fn last_record(&self) -> Read<'_, Option<(String, Timestamp)>> {
        Box::pin(async move {
            let row: Option<(String, i64)> = self
                .reads
                .read(async |connection| {
                    sqlx::query_as("SELECT id, started_at FROM calls ORDER BY seq DESC LIMIT 1")
                        .fetch_optional(connection)
                        .await
                })
                .await?;
            Ok(row.and_then(|(id, at)| Some((id, Timestamp::from_millisecond(at).ok()?))))
        })
    }

    fn recordings(&self, wanted: Wanted, limit: usize, after: Option<String>) -> Read<'_, Page<RecordingRow>> {
        Box::pin(async move {
            let before = seq_before(after.as_deref())?;
            let limit = limit.clamp(1, PAGE_MAX);
            let rows = self
                .reads
                .read(async |connection| select_recordings(connection, &wanted, before, limit + 1).await)
                .await?;
            page(&rows, limit, "a recording")
        })
    }

    fn audit_log(&self, limit: usize) -> Read<'_, Vec<AuditRow>> {
        Box::pin(async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<(i64, String, String, String)> = self
                .reads
                .read(async |connection| {
                    sqlx::query_as("SELECT at, actor, action, detail FROM audit ORDER BY seq DESC LIMIT $1")
                        .bind(limit)
                        .fetch_all(connection)
                        .await
                })
                .await?;
            let row = |(at, actor, action, detail): (i64, String, String, String)| {
                Some(AuditRow { at: Timestamp::from_millisecond(at).ok()?, actor, action, detail })
            };
            Ok(rows.into_iter().filter_map(row).collect())
        })
    }

    fn schema_version(&self) -> Read<'_, i64> {
        Box::pin(async move {
            self.reads
                .read(async |connection| {
                    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
                        .fetch_one(connection)
                        .await
                })
                .await
        })
    }
}

/// What a page begins before.
fn seq_before(after: Option<&str>) -> Result<i64, Fault> {
    match after {
        Some(after) => after.parse().map_err(|_| Fault::Misuse("`after` is not the `next` of a page")),
        None => Ok(i64::MAX),
    }
}

/// A page of what was selected with one row more than it holds.
fn page<T: serde::de::DeserializeOwned>(rows: &[(i64, String)], limit: usize, what: &str) -> Result<Page<T>, Fault> {
    let next = (rows.len() > limit).then(|| rows.get(limit - 1).map(|(seq, _)| seq.to_string())).flatten();
    let items: Result<Vec<T>, _> = rows.iter().take(limit).map(|(_, record)| serde_json::from_str(record)).collect();
    let items = items.map_err(|error| Fault::Unavailable(format!("{what} cannot be read: {error}")))?;
    Ok(Page { items, next })
}

async fn select_recordings(
    connection: &mut SqliteConnection,
    wanted: &Wanted,
    before: i64,
    limit: usize,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let mut sql = sqlx::QueryBuilder::<sqlx::Sqlite>::new("SELECT seq, record FROM recordings WHERE seq < ");
    sql.push_bind(before);
    match wanted {
        Wanted::All => {}
        Wanted::Call(call) => {
            sql.push(" AND call_id = ").push_bind(call);
        }
        Wanted::Named(id) => {
            sql.push(" AND id = ").push_bind(id);
        }
        Wanted::RunningBut(prefix) => {
            sql.push(" AND state = ").push_bind(Progress::Running.name());
            sql.push(" AND substr(id, 1, length(").push_bind(prefix).push(")) <> ").push_bind(prefix);
        }
        Wanted::Over(now) => {
            sql.push(" AND state IN ('finished', 'cut', 'recovered') AND expires_at <= ")
                .push_bind(now.as_millisecond());
        }
    }
    sql.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.build_query_as().fetch_all(connection).await
}

/// One statement for each set of conditions, so that the planner can use the index of those that are given.
async fn select(
    connection: &mut SqliteConnection,
    filter: &Filter,
    before: i64,
    limit: usize,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let mut sql = sqlx::QueryBuilder::<sqlx::Sqlite>::new("SELECT seq, record FROM calls WHERE seq < ");
    sql.push_bind(before);
    if let Some(from) = &filter.from {
        sql.push(" AND from_number = ").push_bind(from);
    }
    if let Some(to) = &filter.to {
        sql.push(" AND to_number = ").push_bind(to);
    }
    if let Some(how) = filter.disposition {
        sql.push(" AND disposition = ").push_bind(disposition(how));
    }
    if let Some(since) = filter.since {
        sql.push(" AND started_at >= ").push_bind(since.as_millisecond());
    }
    if let Some(until) = filter.until {
        sql.push(" AND started_at < ").push_bind(until.as_millisecond());
    }
    sql.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.build_query_as().fetch_all(connection).await
}
