//! Ended calls on their way to the log and the keeper of records: one task, in the order of the calls' ends.
//!
//! Deliberately apart from the signaling thread: writing a record in words costs more than ending a call.

use super::{
    Metrics,
    cdr::{CallRow, Cdr},
    disposition, hangup_cause,
    log::Number,
};
use crate::{clock, store::Store};
use signaling::fact::CallRecord;
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::{runtime::Runtime, sync::mpsc, task::JoinHandle, time::sleep};

/// How long the end of the process waits for the disk to take the last records.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Pause between two takings, so that the records of a busy exchange share a sync of the file, a commit and a wake of three threads instead of
/// having one each. A record after a quiet time does not wait.
const GATHER: Duration = Duration::from_millis(50);

/// Records of one taking; what is left is taken after the next pause.
const BATCH_MAX: usize = 4_096;

/// The task.
pub struct Journal {
    task: JoinHandle<Cdr>,
}

impl Journal {
    /// Begins to keep what comes out of `records`, in files under `data_dir` and in `store`.
    ///
    /// # Errors
    /// When the keeper cannot be started.
    pub fn begin(
        runtime: &Runtime,
        data_dir: &Path,
        store: Store,
        metrics: Arc<Metrics>,
        mut records: mpsc::Receiver<Box<CallRecord>>,
    ) -> io::Result<Self> {
        let _inside = runtime.enter();
        let cdr = Cdr::start(data_dir, store)?;
        let task = runtime.spawn(async move {
            let mut batch = Vec::new();
            while records.recv_many(&mut batch, BATCH_MAX).await > 0 {
                for record in batch.drain(..) {
                    log(&record);
                    if let Err(row) = cdr.append(CallRow::new(&record, clock::wall)) {
                        metrics.record_lost();
                        tracing::error!(component = "cdr", call = row.id, "no room for a call record: it is lost");
                    }
                }
                sleep(GATHER).await;
            }
            cdr
        });
        Ok(Self { task })
    }

    /// Waits until the last record is kept, after nobody writes any more.
    pub async fn finish(self) {
        let Ok(cdr) = self.task.await else { return };
        let kept = tokio::task::spawn_blocking(move || cdr.flush(FLUSH_WITHIN)).await;
        if !matches!(kept, Ok(true)) {
            tracing::error!(
                component = "cdr",
                "the last call records are not in the database yet; they are brought there from their files"
            );
        }
    }
}

/// The line of a call.
fn log(record: &CallRecord) {
    let talked = record.answered_at.map_or(Duration::ZERO, |at| record.ended_at.since(at));
    tracing::info!(
        component = "call",
        call = %record.call,
        from = %Number(&record.from),
        to = %Number(&record.to),
        disposition = disposition(record.disposition),
        cause = hangup_cause(record.hangup_cause),
        status = record.status,
        seconds = record.ended_at.since(record.started_at).as_secs_f64(),
        talked_seconds = talked.as_secs_f64(),
        legs = record.legs.len(),
        "ended"
    );
}
