//! What the signaling plane and the media plane say to each other, and nothing else.
//!
//! Both planes depend on this crate and never on each other. It holds names ([`id`]), time ([`time`]), the statement of who
//! hears whom ([`hearing`]), and the two message directions: [`MediaCommand`] goes down to a shard, [`MediaEvent`] comes up.
//! Every command that asks for something is answered by an event carrying the same ids; an answer may come late or never.

pub mod command;
pub mod digit;
pub mod event;
pub mod format;
pub mod hearing;
pub mod id;
pub mod security;
pub mod sound;
pub mod time;

pub use command::{Device, LegSpec, MediaCommand, PeerSpec, SourceRule};
pub use digit::{DIGITS_MAX, Digit, DigitMode, Keypress};
pub use event::{LegReport, LossBursts, MediaEvent, MediaRefusal, PeerReport, Unsecured};
pub use format::{Codec, Format};
pub use hearing::{BUSES_MAX, BusSet, Gain, Hearing, HearingTable, MEMBERS_MAX};
pub use id::{MemberId, NodeId, SessionId, ShardId};
pub use security::{DtlsRole, Fingerprint, IceCredentials, IceSpec, SRTP_MATERIAL_MAX, Security, SrtpKey, SrtpSuite};
pub use sound::{
    CADENCE_STEPS_MAX, Cadence, CadenceStep, PlayerEnd, PlayerSpec, RECORDING_CHANNELS_MAX, RecorderSpec, RecordingId,
    RecordingState, Repeat, SOUNDS_MAX, Sound,
};
pub use time::Instant;
