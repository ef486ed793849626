//! The way of recorded sound from a shard to the file writer: blocks in a bounded ring, and back again when they are written.
//!
//! A recorder brings its own blocks along when it is opened, so that what is under way is bounded by how much is recorded, and no block is made
//! while sound flows. When all of them are under way the writer is slow: sound is lost and counted, and the next block tells by its number how
//! much, so that the file stays as long as the call was.

use contract::RecordingId;
use core::fmt;
use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// Samples of one block, all channels together: 200 ms of two channels at 8,000 Hz, at least one frame of eight at 16,000 Hz.
pub const BLOCK_SAMPLES: usize = 3_200;

/// Blocks a recorder brings along: 1.6 s of two channels at 8,000 Hz that the writer may be late.
pub const BLOCKS_PER_RECORDER: usize = 8;

/// Recorders of one shard. Another is not opened, and counted as misused.
pub const RECORDERS_MAX: usize = 2_048;

/// Blocks under way at most; one more a recorder for its end.
const TAPE_BLOCKS: usize = RECORDERS_MAX * (BLOCKS_PER_RECORDER + 1);

/// A piece of one recording.
#[derive(Default)]
pub struct RecordBlock {
    /// Which.
    pub recording: Option<RecordingId>,
    /// Samples a second of each channel: 8,000 or 16,000.
    pub rate_hz: u32,
    /// How many channels there are, 1 to 8.
    pub channels: u8,
    /// The number of its first frame of 20 ms, from 0. What is missing between the end of the block before and this one was lost and is silence.
    pub first_frame: u64,
    /// Interleaved; whole frames, at most [`BLOCK_SAMPLES`]. Empty in a last block without sound.
    pub samples: Vec<i16>,
    /// Nothing of this recording comes after it.
    pub last: bool,
}

impl RecordBlock {
    /// An empty block with room for [`BLOCK_SAMPLES`].
    #[must_use]
    pub fn new() -> Self {
        Self { samples: Vec::with_capacity(BLOCK_SAMPLES), ..Self::default() }
    }
}

impl fmt::Debug for RecordBlock {
    /// What was said does not print itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBlock")
            .field("recording", &self.recording)
            .field("first_frame", &self.first_frame)
            .field("samples", &self.samples.len())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// The file writer's end of one shard's recordings, and the shard's own.
#[derive(Clone, Debug)]
pub struct Tape {
    written: Arc<ArrayQueue<Box<RecordBlock>>>,
    spare: Arc<ArrayQueue<Box<RecordBlock>>>,
}

impl Default for Tape {
    fn default() -> Self {
        Self { written: Arc::new(ArrayQueue::new(TAPE_BLOCKS)), spare: Arc::new(ArrayQueue::new(TAPE_BLOCKS)) }
    }
}

impl Tape {
    /// The oldest block not taken yet. Never blocks.
    #[must_use]
    pub fn take(&self) -> Option<Box<RecordBlock>> {
        self.written.pop()
    }

    /// Gives a block back that is written, to be used again.
    pub fn give_back(&self, mut block: Box<RecordBlock>) {
        block.samples.clear();
        // Blocks of recorders that have ended are too many then; their memory goes back.
        let _surplus = self.spare.push(block);
    }

    /// A block to be filled; `None`: all are under way.
    #[must_use]
    pub fn blank(&self) -> Option<Box<RecordBlock>> {
        self.spare.pop()
    }

    /// Hands a filled block over.
    ///
    /// # Errors
    /// The block again: the ring is full.
    pub fn hand_over(&self, block: Box<RecordBlock>) -> Result<(), Box<RecordBlock>> {
        self.written.push(block)
    }

    /// A recorder begins: its blocks join the others.
    pub fn grow(&self) {
        for _ in 0..BLOCKS_PER_RECORDER {
            self.give_back(Box::new(RecordBlock::new()));
        }
    }

    /// A recorder has ended: as many blocks leave, as far as they are here.
    pub fn shrink(&self) {
        for _ in 0..BLOCKS_PER_RECORDER {
            drop(self.spare.pop());
        }
    }
}
