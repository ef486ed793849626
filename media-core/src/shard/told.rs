//! Events on their way to the shell.

use crate::limits::{EVENT_BACKLOG, EVENTS};
use contract::MediaEvent;
use crossbeam::queue::ArrayQueue;
use std::{collections::VecDeque, sync::Arc};

/// What the shell has not taken yet: the ring, and behind it a bounded backlog.
#[derive(Debug)]
pub(super) struct Told {
    ring: Arc<ArrayQueue<MediaEvent>>,
    backlog: VecDeque<MediaEvent>,
    pushed: bool,
}

impl Told {
    pub(super) fn new() -> Self {
        Self { ring: Arc::new(ArrayQueue::new(EVENTS)), backlog: VecDeque::new(), pushed: false }
    }

    pub(super) fn ring(&self) -> &Arc<ArrayQueue<MediaEvent>> {
        &self.ring
    }

    /// Tells, in order. Never lost; whoever causes events asks [`Told::has_room`] first.
    pub(super) fn tell(&mut self, event: MediaEvent) {
        self.backlog.push_back(event);
        self.flush();
    }

    /// Tells what nobody waits for, unless the shell is behind. Returns whether it was told.
    pub(super) fn tell_if_room(&mut self, event: MediaEvent) -> bool {
        let room = !self.is_behind();
        if room {
            self.tell(event);
        }
        room
    }

    /// Whether the answers of one more command fit the backlog.
    pub(super) fn has_room(&self) -> bool {
        self.backlog.len() + contract::MEMBERS_MAX < EVENT_BACKLOG
    }

    /// Moves what fits from the backlog to the ring.
    pub(super) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.ring.push(event) {
                Ok(()) => self.pushed = true,
                Err(event) => {
                    self.backlog.push_front(event);
                    return;
                }
            }
        }
    }

    /// Whether something was put into the ring since this was last asked.
    pub(super) fn take_pushed(&mut self) -> bool {
        core::mem::take(&mut self.pushed)
    }

    /// Whether something waits for room in the ring.
    pub(super) fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }
}
