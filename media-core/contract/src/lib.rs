//! What the signaling plane and the media plane say to each other, and nothing else.
//!
//! Both planes depend on this crate and never on each other. It holds names ([`id`]), time ([`time`]), the statement of who
//! hears whom ([`hearing`]), and the two message directions: [`MediaCommand`] goes down to a shard, [`MediaEvent`] comes up.
//! Every command that asks for something is answered by an event carrying the same ids; an answer may come late or never.

pub mod command;
pub mod event;
pub mod format;
pub mod hearing;
pub mod id;
pub mod time;

pub use command::{Device, LegSpec, MediaCommand, PeerSpec, SourceRule};
pub use event::{LegReport, MediaEvent, MediaRefusal};
pub use format::{Codec, Format};
pub use hearing::{BUSES_MAX, BusSet, Hearing, HearingTable, MEMBERS_MAX};
pub use id::{MemberId, NodeId, SessionId, ShardId};
pub use time::Instant;
