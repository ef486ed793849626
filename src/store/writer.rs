//! The one writer: whatever waits goes into one commit.

use super::{
    Fault, StoredBan,
    engine::{Engine, Trouble},
};
use crate::{media::recording::RecordingRow, publish::cdr::CallRow};
use jiff::Timestamp;
use signaling::input::{StoredBinding, StoredMessage};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};

/// Writes of one commit. A commit of so many takes tens of milliseconds, so that none waits long for the others in it.
const BATCH_MAX: usize = 4_096;

/// After a failed commit the next is tried no sooner, so that a dead disk is not asked without pause. What waits is answered within
/// signaling's patience all the same: the failed commit's own jobs are answered at once.
const PAUSE: Duration = Duration::from_millis(100);

/// One write.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// The only bindings of an account from now on.
    Bindings { number: String, bindings: Vec<StoredBinding> },
    /// A message that no phone has taken yet.
    KeepMessage(Box<StoredMessage>),
    /// It is not wanted any more.
    ForgetMessage { id: u64 },
    /// A source is shut out from now on, or no more.
    Ban { source: IpAddr, ban: Option<StoredBan> },
    /// A call record.
    Record(Box<CallRow>),
    /// What is known of a recording, in place of what was known before.
    Recording(Box<RecordingRow>),
    /// A line of the audit.
    Audit { at: Timestamp, actor: String, action: String, detail: String },
}

/// A write and whom to tell.
pub(super) struct Job {
    pub(super) write: Write,
    pub(super) done: oneshot::Sender<Result<(), Fault>>,
}

/// Runs until every handle of the store is gone and everything is written.
pub(super) async fn run(engine: Arc<dyn Engine>, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while jobs.recv_many(&mut batch, BATCH_MAX).await > 0 {
        if !commit(&*engine, &mut batch).await {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Commits the batch and tells everybody; false when the database is in trouble.
async fn commit(engine: &dyn Engine, batch: &mut Vec<Job>) -> bool {
    let writes: Vec<&Write> = batch.iter().map(|job| &job.write).collect();
    let why = match engine.commit(&writes).await {
        Ok(()) => {
            answer(batch, &Ok(()));
            return true;
        }
        Err(why) => why,
    };
    match why {
        Trouble::Passing(why) => {
            answer(batch, &Err(Fault::Unavailable(why)));
            false
        }
        Trouble::Unacceptable(_) => {
            // One bad write must not take its neighbours with it.
            for job in batch.drain(..) {
                let outcome = engine.commit(&[&job.write]).await.map_err(|trouble| match trouble {
                    Trouble::Passing(why) | Trouble::Unacceptable(why) => Fault::Unavailable(why),
                });
                // A caller that gave up waiting does not want the answer.
                let _ = job.done.send(outcome);
            }
            true
        }
    }
}

fn answer(batch: &mut Vec<Job>, outcome: &Result<(), Fault>) {
    for job in batch.drain(..) {
        // A caller that gave up waiting does not want the answer.
        let _ = job.done.send(outcome.clone());
    }
}
