//! The media plane as the signaling thread sees it: commands down, events up, nothing waits.
//!
//! A shard's command ring may be full. What does not fit is kept here in order, within a bound, and tried again every millisecond; at the bound
//! a leg to be opened is refused, as the shard itself would refuse it. Deliberately ignorant of packets.

pub mod decode;
pub mod library;
pub mod prompts;
mod rate;
pub mod recording;
mod scan;

use crate::wire::limits::MEDIA_BACKLOG_MAX;
use contract::{Codec, Device, Format, MediaCommand, MediaEvent, MemberId, SessionId, ShardId};
use library::Sounds;
use media_core::{ShardHandle, codec};
use std::{collections::VecDeque, sync::Arc};

/// Whether this machine has what makes G.729.
#[must_use]
pub fn makes_g729() -> bool {
    codec::entry(&Format { payload_type: 18, codec: Codec::G729, clock_rate_hz: 8_000, channels: 1 }).is_some()
}

/// What became of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// The shard has it, or will.
    Taken,
    /// There is no room for another leg.
    Refused {
        /// Of this session.
        session: SessionId,
        /// This leg.
        member: MemberId,
    },
}

/// All shards, by number.
pub struct Plane {
    shards: Vec<Door>,
    sounds: Arc<Sounds>,
    /// Whose event is taken next, so that a busy shard does not starve the others.
    turn: usize,
}

struct Door {
    shard: Arc<ShardHandle>,
    backlog: VecDeque<MediaCommand>,
}

impl Plane {
    /// The plane of these shards, numbered by their order, whose players say what `sounds` has.
    #[must_use]
    pub fn new(shards: Vec<Arc<ShardHandle>>, sounds: Arc<Sounds>) -> Self {
        let shards = shards.into_iter().map(|shard| Door { shard, backlog: VecDeque::new() }).collect();
        Self { shards, sounds, turn: 0 }
    }

    /// Gives `command` to `shard`, behind what is still kept for it.
    pub fn send(&mut self, shard: ShardId, mut command: MediaCommand) -> Sent {
        if let MediaCommand::OpenDevice { device: Device::Player(spec), .. } = &mut command {
            self.sounds.prepare(spec);
        }
        let Some(door) = self.shards.get_mut(usize::from(shard.0)) else {
            tracing::error!(component = "media", shard = shard.0, "a command names a shard that does not exist");
            return refused(&command);
        };
        door.push();
        let command = if door.backlog.is_empty() {
            match door.shard.send(command) {
                Ok(()) => return Sent::Taken,
                Err(full) => full.0,
            }
        } else {
            command
        };
        let opens = matches!(command, MediaCommand::OpenLeg { .. } | MediaCommand::OpenDevice { .. });
        if opens && door.backlog.len() >= MEDIA_BACKLOG_MAX {
            return refused(&command);
        }
        // What closes or changes a session is bounded by the sessions there are.
        door.backlog.push_back(command);
        Sent::Taken
    }

    /// Tries what is kept.
    pub fn retry(&mut self) {
        self.shards.iter_mut().for_each(Door::push);
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.shards.iter().any(|door| !door.backlog.is_empty())
    }

    /// Takes one event, if there is one.
    pub fn event(&mut self) -> Option<MediaEvent> {
        let count = self.shards.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if let Some(event) = self.shards[at].shard.take_event() {
                self.turn = at + 1;
                return Some(event);
            }
        }
        None
    }
}

impl Door {
    fn push(&mut self) {
        while let Some(command) = self.backlog.pop_front() {
            if let Err(full) = self.shard.send(command) {
                self.backlog.push_front(full.0);
                return;
            }
        }
    }
}

fn refused(command: &MediaCommand) -> Sent {
    match command {
        MediaCommand::OpenLeg { session, member, .. } => Sent::Refused { session: *session, member: *member },
        MediaCommand::OpenDevice { .. }
        | MediaCommand::DescribeLeg { .. }
        | MediaCommand::SetHearing { .. }
        | MediaCommand::SetRecording { .. }
        | MediaCommand::SendDigits { .. }
        | MediaCommand::MoveLeg { .. }
        | MediaCommand::CloseMember { .. }
        | MediaCommand::CloseSession { .. } => Sent::Taken,
    }
}
