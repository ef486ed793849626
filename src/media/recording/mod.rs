//! Recordings: from the shards' tapes into WAV files, each with a description beside it and a row in the store.
//!
//! One thread writes them all, with io_uring, and nobody waits for it: orders and blocks come through bounded rings, and a disk that is slow,
//! full or gone costs sound of recordings and nothing of calls. It knows numbers and ids of calls as text, and no SIP.

mod disk;
pub mod expiry;
mod file;
mod keeper;
pub mod name;
mod row;
mod wav;

#[cfg(test)]
mod tests;

pub use disk::{Free, free};
pub use name::Template;
pub use row::{Class, Progress, RecordingRow, name};

use arc_swap::ArcSwap;
use contract::{Instant, RecordingId};
use crossbeam::queue::ArrayQueue;
use disk::Room;
use keeper::Keeper;
use media_core::record::Tape;
use prometheus::{IntCounter, IntGauge};
use signaling::id::CallId;
use std::{
    io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

/// Orders that wait for the thread: as many recordings as may begin while a starved machine does not run it. The sound of one more is not kept.
pub const ORDERS_MAX: usize = 8_192;

/// Where recordings go, and for how long.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Paths below it are told relative to it.
    pub data_dir: PathBuf,
    /// The folder of all recordings.
    pub folder: PathBuf,
    /// The name of each within it.
    pub name: Template,
    /// Free octets below which the operator is warned.
    pub warn_free: u64,
    /// Free octets below which nothing is recorded.
    pub min_free: u64,
    /// How long recordings by the configuration are kept.
    pub keep_automatic: Duration,
    /// How long those ordered during the call are kept.
    pub keep_ordered: Duration,
}

/// What is known of a recording when it begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its name towards the shards.
    pub recording: RecordingId,
    /// The call.
    pub call: CallId,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// Whose sound each channel holds; empty: all mixed.
    pub channels: Vec<String>,
    /// Samples a second.
    pub rate_hz: u32,
    /// When it began.
    pub started_at: Instant,
    /// Somebody ordered it during the call.
    pub ordered: bool,
}

/// What the thread is told.
pub(crate) enum Order {
    Begin(Box<Beginning>),
    Ended { recording: RecordingId, frames_lost: u64 },
}

/// What the thread says to others, and asks of them. Never waits.
pub trait Surroundings {
    /// Keep this row, in place of an older one of the same id.
    fn save(&self, row: RecordingRow);
    /// The recording has ended though its call goes on.
    fn stopped(&self, call: CallId, recording: RecordingId);
    /// Free octets of the disk that holds the path.
    fn free(&self, path: &Path) -> Option<u64>;
}

/// Figures of recordings.
#[derive(Debug)]
pub struct Figures {
    active: IntGauge,
    finished: IntCounter,
    cut: IntCounter,
    refused: IntCounter,
    frames_lost: IntCounter,
    behind: IntCounter,
    room: IntGauge,
}

/// The counters of [`Figures`], made by whoever keeps figures.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named as in `Figures`, and explained where they are registered")]
pub struct Counters {
    pub active: IntGauge,
    pub finished: IntCounter,
    pub cut: IntCounter,
    pub refused: IntCounter,
    pub frames_lost: IntCounter,
    pub behind: IntCounter,
    pub room: IntGauge,
}

impl Figures {
    /// Counts into these.
    #[must_use]
    pub fn new(counters: Counters) -> Self {
        let Counters { active, finished, cut, refused, frames_lost, behind, room } = counters;
        Self { active, finished, cut, refused, frames_lost, behind, room }
    }

    fn began(&self) {
        self.active.inc();
    }

    fn active(&self) -> i64 {
        self.active.get()
    }

    fn ended(&self, row: &RecordingRow) {
        self.active.dec();
        self.frames_lost.inc_by(row.frames_lost);
        if row.state == Progress::Finished { self.finished.inc() } else { self.cut.inc() }
    }

    fn refused(&self) {
        self.refused.inc();
    }

    fn behind(&self) {
        self.behind.inc();
    }

    fn room(&self, room: Room) {
        self.room.set(match room {
            Room::Enough => 0,
            Room::Low => 1,
            Room::None => 2,
        });
    }
}

/// The signaling thread's door to the writer.
#[derive(Clone, Debug)]
pub struct Recorder {
    orders: Arc<ArrayQueue<Order>>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Begin(beginning) => write!(f, "Begin({:?})", beginning.recording),
            Self::Ended { recording, .. } => write!(f, "Ended({recording:?})"),
        }
    }
}

impl Recorder {
    /// A recording begins. Its blocks come after this.
    ///
    /// # Errors
    /// There is no room for the order; nothing of the recording will be kept.
    pub fn begin(&self, beginning: Beginning) -> Result<(), RecordingId> {
        let recording = beginning.recording;
        self.orders.push(Order::Begin(Box::new(beginning))).map_err(|_| recording)
    }

    /// The shard has closed a recorder. Without room for the order the file is closed by its last block, or with the process.
    pub fn ended(&self, recording: RecordingId, frames_lost: u64) {
        let _ = self.orders.push(Order::Ended { recording, frames_lost });
    }
}

/// Where other rules are given to the thread.
#[derive(Clone, Debug)]
pub struct RulesDoor(Arc<ArcSwap<Rules>>);

impl RulesDoor {
    /// They hold for recordings that begin from now on.
    pub fn set(&self, rules: Rules) {
        self.0.store(Arc::new(rules));
    }
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writer {
    recorder: Recorder,
    rules: RulesDoor,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread or no ring.
    pub fn start<S: Surroundings + 'static>(
        rules: Rules,
        tapes: Vec<Tape>,
        figures: Arc<Figures>,
        surroundings: impl FnOnce() -> S + Send + 'static,
    ) -> io::Result<Self> {
        let orders = Arc::new(ArrayQueue::new(ORDERS_MAX));
        let stopping = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::sync_channel(1);
        let recorder = Recorder { orders: Arc::clone(&orders) };
        let rules = Arc::new(ArcSwap::from_pointee(rules));
        let door = RulesDoor(Arc::clone(&rules));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new().name("recording".to_owned()).spawn(move || {
            let keeper =
                || Keeper { rules, tapes, orders, stopping: stop, figures, surroundings: Rc::new(surroundings()) };
            keeper::run(keeper, |outcome| {
                let _ = ready.send(outcome);
            });
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the recording thread ended before it was ready")))?;
        Ok(Self { recorder, rules: door, stopping, thread })
    }

    /// The door to it.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Where it is given other rules.
    #[must_use]
    pub fn rules(&self) -> RulesDoor {
        self.rules.clone()
    }

    /// Closes every file and ends. Blocks for as long as a disk may take, within a bound.
    pub fn finish(self) {
        self.stopping.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            tracing::error!(component = "recording", "the recording thread panicked");
        }
    }
}
