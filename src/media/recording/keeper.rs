//! The thread of recordings: takes blocks from the shards' tapes and gives each to the task that writes its file.
//!
//! It never makes a shard wait: a file that cannot keep up loses blocks, which are counted and are silence in it. It looks at the disk once a
//! second. Deliberately ignorant of calls; what it must say of one it says through [`Surroundings`].

use super::{
    Beginning, Figures, Order, Rules, Surroundings,
    disk::{Levels, Room},
    file::{Piece, Writing, give_back},
    name::Values,
    row::{Class, Progress, RecordingRow, name},
};
use crate::{clock, publish::cdr::WallTime};
use arc_swap::ArcSwap;
use contract::{Instant, RecordingId};
use crossbeam::queue::ArrayQueue;
use jiff::{Zoned, tz::TimeZone};
use media_core::record::{BLOCKS_PER_RECORDER, RecordBlock, Tape};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// How often the tapes are looked at: a quarter of what one block holds.
const TURN: Duration = Duration::from_millis(50);

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Pieces that wait for one file: all blocks of a recorder and its end. One more block is lost, counted, and silence in the file.
const PIECES_MAX: usize = BLOCKS_PER_RECORDER + 2;

/// Blocks taken from one tape in a turn, so that one shard does not starve the others.
const BLOCKS_PER_TURN: usize = 4_096;

/// How long the end of the process waits for files to be closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What the thread works with.
pub(super) struct Keeper {
    pub(super) rules: Arc<ArcSwap<Rules>>,
    pub(super) tapes: Vec<Tape>,
    pub(super) orders: Arc<ArrayQueue<Order>>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) figures: Arc<Figures>,
    pub(super) surroundings: Rc<dyn Surroundings>,
}

/// The files that are written, by recording.
type Open = Rc<RefCell<BTreeMap<RecordingId, mpsc::Sender<Piece>>>>;

impl Keeper {
    /// Runs until it is stopped and every file is closed.
    pub(super) async fn run(self) {
        let open = Open::default();
        let (mut room, mut looked) = (Room::Enough, None::<Instant>);
        // The end of a recorder is told by signaling and may be known before its last block: it is acted on a turn later.
        let mut ended: Vec<(RecordingId, u64)> = Vec::new();
        loop {
            let stopping = self.stopping.load(Ordering::Acquire);
            if looked.is_none_or(|at| clock::now().since(at) >= LOOK) {
                looked = Some(clock::now());
                room = self.look(&open, room);
            }
            let over = std::mem::take(&mut ended);
            for _ in 0..self.orders.len() {
                match self.orders.pop() {
                    Some(Order::Begin(beginning)) => self.begin(&open, *beginning, room),
                    Some(Order::Ended { recording, frames_lost }) => ended.push((recording, frames_lost)),
                    None => break,
                }
            }
            for tape in &self.tapes {
                for block in std::iter::from_fn(|| tape.take()).take(BLOCKS_PER_TURN) {
                    self.route(&open, block, tape);
                }
            }
            for (recording, lost) in over {
                tell(&open, recording, || Piece::Ended(lost));
            }
            if stopping {
                break;
            }
            tokio::time::sleep(TURN).await;
        }
        self.close(&open).await;
    }

    /// What is still open when the process ends.
    async fn close(&self, open: &Open) {
        let left: Vec<RecordingId> = open.borrow().keys().copied().collect();
        for recording in left {
            tell(open, recording, || Piece::Cut("the exchange was stopped"));
        }
        let until = clock::now() + CLOSE_WITHIN;
        while self.figures.active() > 0 && clock::now() < until {
            tokio::time::sleep(TURN).await;
        }
    }

    fn look(&self, open: &Open, before: Room) -> Room {
        let rules = self.rules.load();
        let levels = Levels { warn: rules.warn_free, floor: rules.min_free };
        let free = self.surroundings.free(&rules.folder);
        let room = levels.judge(before, free);
        let free = free.unwrap_or(u64::MAX);
        match (before, room) {
            (Room::Low | Room::Enough, Room::None) => {
                tracing::error!(
                    component = "recording",
                    free,
                    floor = levels.floor,
                    "the disk is full: recordings stop, calls go on"
                );
                let all: Vec<RecordingId> = open.borrow().keys().copied().collect();
                for recording in all {
                    tell(open, recording, || Piece::Cut(FULL));
                }
            }
            (Room::Enough | Room::None, Room::Low) => {
                tracing::warn!(
                    component = "recording",
                    free,
                    warn = levels.warn,
                    "the disk of recordings is getting full"
                );
            }
            (Room::Low | Room::None, Room::Enough) => {
                tracing::info!(component = "recording", free, "the disk of recordings has room again");
            }
            (Room::Enough, Room::Enough) | (Room::Low, Room::Low) | (Room::None, Room::None) => {}
        }
        self.figures.room(room);
        room
    }

    fn begin(&self, open: &Open, beginning: Beginning, room: Room) {
        let (recording, call) = (beginning.recording, beginning.call);
        let (name, row) = self.describe(&beginning);
        let figures = Arc::clone(&self.figures);
        let surroundings = Rc::clone(&self.surroundings);
        if room == Room::None {
            figures.refused();
            surroundings.stopped(call, recording);
            let row = RecordingRow {
                state: Progress::Missing,
                reason: Some(FULL.to_owned()),
                ended_at: Some(row.started_at),
                ..row
            };
            return surroundings.save(row);
        }
        let (pieces, inbox) = mpsc::channel(PIECES_MAX);
        if open.borrow().contains_key(&recording) {
            return;
        }
        open.borrow_mut().insert(recording, pieces);
        figures.began();
        let (open, data_dir) = (Rc::clone(open), self.rules.load().data_dir.clone());
        tokio_uring::spawn(async move {
            let row = match Writing::begin(&name, &data_dir, row.clone()).await {
                Ok(writing) => {
                    surroundings.save(writing.row().clone());
                    writing.run(inbox).await
                }
                Err(fault) => {
                    give_back(inbox);
                    let ended_at = Some(row.started_at);
                    RecordingRow { state: Progress::Missing, reason: Some(fault.to_string()), ended_at, ..row }
                }
            };
            open.borrow_mut().remove(&recording);
            figures.ended(&row);
            if matches!(row.state, Progress::Cut | Progress::Missing) {
                let reason = row.reason.as_deref().unwrap_or_default();
                tracing::error!(
                    component = "recording",
                    id = row.id,
                    call = row.call,
                    reason,
                    "a recording is not whole"
                );
                surroundings.stopped(call, recording);
            }
            surroundings.save(row);
        });
    }

    /// Its file without ending, and what is known of it.
    fn describe(&self, beginning: &Beginning) -> (PathBuf, RecordingRow) {
        let Beginning { recording, call, from, to, channels, rate_hz, started_at, ordered } = beginning;
        let (id, call) = (name(*recording), call.to_string());
        let started = clock::wall(*started_at);
        let at = Zoned::new(started, TimeZone::system());
        let values = Values { at: &at, caller: from, callee: to, call: &call, id: &id };
        let rules = self.rules.load();
        let file = rules.folder.join(rules.name.path(&values));
        let (class, keep) = match ordered {
            true => (Class::Ordered, rules.keep_ordered),
            false => (Class::Automatic, rules.keep_automatic),
        };
        let row = RecordingRow {
            call,
            from: from.clone(),
            to: to.clone(),
            class,
            state: Progress::Running,
            reason: None,
            file: file.clone(),
            channels: if channels.is_empty() { vec!["mixed".to_owned()] } else { channels.clone() },
            rate_hz: *rate_hz,
            started_at: WallTime::new(started),
            ended_at: None,
            duration_seconds: 0.0,
            frames_lost: 0,
            expires_at: started
                .checked_add(jiff::SignedDuration::try_from(keep).unwrap_or(jiff::SignedDuration::MAX))
                .ok()
                .map(WallTime::new),
            id,
        };
        (file, row)
    }

    /// A block to its file. One that no file wants, or whose file is behind, goes back unwritten.
    fn route(&self, open: &Open, block: Box<RecordBlock>, tape: &Tape) {
        let file = block.recording.and_then(|recording| open.borrow().get(&recording).cloned());
        let refused = match file {
            Some(file) => match file.try_send(Piece::Block(block, tape.clone())) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(piece)) => {
                    self.figures.behind();
                    piece
                }
                Err(mpsc::error::TrySendError::Closed(piece)) => piece,
            },
            None => Piece::Block(block, tape.clone()),
        };
        if let Piece::Block(block, tape) = refused {
            tape.give_back(block);
        }
    }
}

/// What is said of a recording that a full disk ended.
const FULL: &str = "the disk has less room than it must";

fn tell(open: &Open, recording: RecordingId, piece: impl FnOnce() -> Piece) {
    let Some(file) = open.borrow().get(&recording).cloned() else { return };
    let piece = piece();
    if let Err(mpsc::error::TrySendError::Full(piece)) = file.try_send(piece) {
        // The file is behind; its end waits its turn.
        tokio_uring::spawn(async move {
            let _ = file.send(piece).await;
        });
    }
}

/// Runs the thread's work until it is stopped.
///
/// # Errors
/// The system gives no ring.
pub(super) fn run(keeper: impl FnOnce() -> Keeper, ready: impl FnOnce(io::Result<()>)) {
    match tokio_uring::Runtime::new(tokio_uring::builder().entries(256)) {
        Ok(runtime) => {
            ready(Ok(()));
            runtime.block_on(keeper().run());
        }
        Err(fault) => ready(Err(fault)),
    }
}
