//! What happened, for those who record it. Metrics, call records, logs and webhooks all read facts; nothing in signaling knows of them.

mod decision;

pub use decision::{Choice, Decision, LegBeginning, Rules};

use crate::{flow::Transport, id::CallId};
use contract::{Instant, LegReport, RecordingId, RecordingState};
use core::{net::SocketAddr, time::Duration};

/// Something that happened. Past tense.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A request was read (`inbound`) or sent; retransmissions included.
    Request {
        /// Its method; [`MethodLabel::Other`] for what we do not know, so that labels stay bounded.
        method: MethodLabel,
        /// The protocol.
        transport: Transport,
        /// Towards us.
        inbound: bool,
    },
    /// A response was read or sent; retransmissions included.
    Response {
        /// First digit of the status, 1 to 6.
        class: u8,
        /// Towards us.
        inbound: bool,
    },
    /// Bytes were thrown away.
    Dropped {
        /// Why.
        why: DropReason,
        /// Where they came from.
        source: SocketAddr,
    },
    /// A credential was wrong, missing its user, or replayed. A challenge that was not yet answered is no failure.
    AuthFailed {
        /// Where from.
        source: SocketAddr,
        /// They were right, and used before: no guess.
        replayed: bool,
    },
    /// An account has a binding it did not have, or one was refreshed (`refreshed`).
    Registered {
        /// The account.
        number: String,
        /// The contact.
        contact: String,
        /// It was there before.
        refreshed: bool,
    },
    /// A binding is gone.
    Unregistered {
        /// The account.
        number: String,
        /// The contact.
        contact: String,
        /// It ran out instead of being removed.
        expired: bool,
    },
    /// The store did not take a write in time; it goes on in memory.
    StoreFailed,
    /// A call changed its state.
    CallChanged {
        /// Which.
        call: CallId,
        /// From now on.
        state: CallState,
    },
    /// A call was answered this long after its INVITE.
    CallSetUp {
        /// Which.
        call: CallId,
        /// From the caller's INVITE (or the order to place the call) to the 200 sent to the caller.
        took: Duration,
    },
    /// A call is over. Exactly one a call.
    CallEnded(Box<CallRecord>),
    /// A shard refused a leg.
    MediaRefused {
        /// Which call.
        call: CallId,
        /// Why.
        why: contract::MediaRefusal,
    },
    /// A trunk can be used from now on.
    TrunkUp {
        /// Its name.
        trunk: String,
    },
    /// A trunk cannot be used any more.
    TrunkDown {
        /// Its name.
        trunk: String,
        /// Why, in words.
        why: &'static str,
    },
    /// A leg's sound misses a target that it met before, or from the beginning (RTP-11).
    QualityMissed {
        /// The call.
        call: CallId,
        /// The leg's number within it.
        leg: u16,
        /// Which target.
        target: QualityTarget,
        /// None was missed by this leg before.
        first: bool,
    },
    /// A recording begins; its sound comes from now on.
    RecordingBegan(Box<RecordingStart>),
    /// A recording does something else from now on.
    RecordingChanged {
        /// Of which call.
        call: CallId,
        /// Which.
        recording: RecordingId,
        /// From now on.
        state: RecordingState,
    },
    /// A recording's last sound is on its way to the file. Exactly one a recording.
    RecordingEnded {
        /// Of which call.
        call: CallId,
        /// Which.
        recording: RecordingId,
        /// Frames of 20 ms that found no room on the way.
        frames_lost: u64,
    },
    /// Something was decided about a call. Told only when [`crate::pbx::Pbx::tell_decisions`] asks for it.
    Decided(Box<Decision>),
    /// A check of our own failed. It is a defect of ours; the thing concerned was ended and returned.
    InvariantViolated {
        /// The check's name.
        invariant: &'static str,
    },
}

/// What is known of a recording when it begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordingStart {
    /// Its name.
    pub recording: RecordingId,
    /// The call.
    pub call: CallId,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// Whose sound each channel holds, by number; empty: one channel, all mixed.
    pub channels: Vec<String>,
    /// Samples a second: 8,000 or 16,000.
    pub rate_hz: u32,
    /// When.
    pub started_at: Instant,
    /// Ordered during the call, not by the rules.
    pub ordered: bool,
}

/// Methods as bounded labels.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is the method of its name")]
pub enum MethodLabel {
    Register,
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Update,
    Prack,
    Info,
    Refer,
    Subscribe,
    Notify,
    Publish,
    Message,
    /// Anything else.
    Other,
}

/// Why bytes were thrown away without an answer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DropReason {
    /// Not SIP, or too broken to answer.
    Malformed,
    /// A response that belongs to no transaction of ours, or is itself broken.
    StrayResponse,
    /// An ACK that belongs to nothing.
    StrayAck,
    /// Larger than the limit of a message.
    Oversize,
    /// A table is full.
    Exhausted,
}

/// What is expected of every leg's sound (RTP-11).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum QualityTarget {
    /// Packets lost: at most 3 %.
    Loss,
    /// Delay one way: at most 150 ms.
    Latency,
    /// Interarrival jitter: at most 30 ms.
    Jitter,
}

impl QualityTarget {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Loss, Self::Latency, Self::Jitter];
}

/// State of a call (CALL-02).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CallState {
    /// Nothing yet.
    #[default]
    Idle,
    /// The callee's phone has not rung yet.
    Calling,
    /// It rings.
    Ringing,
    /// Answered.
    Connected,
    /// Answered, and a party has put the other on hold.
    Hold,
    /// Being transferred.
    Transferring,
    /// Over.
    Ended,
}

/// One record per call with every leg (CDR-01, CDR-02). Times are monotonic; the shell writes them as wall time.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// Which call.
    pub call: CallId,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// When it began.
    pub started_at: Instant,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Instant,
    /// How it ended for the caller.
    pub disposition: Disposition,
    /// Who or what ended it.
    pub hangup_cause: HangupCause,
    /// The SIP status the caller was given, when he was refused.
    pub status: Option<u16>,
    /// The caller's User-Agent header.
    pub user_agent: String,
    /// Every leg, also those that rang in vain.
    pub legs: Vec<LegRecord>,
    /// A measure of the memory the call held at its largest, in bytes.
    pub bytes: usize,
    /// Placed by the API rather than by a phone.
    pub originated: bool,
    /// Its recordings, in the order of their beginnings.
    pub recordings: Vec<RecordingId>,
    /// Which way it went.
    pub direction: CallDirection,
    /// Transfers of its parties, in order.
    pub transfers: Vec<TransferRecord>,
    /// The call in whose record its parties went on; this one's is a branch of that tree.
    pub part_of: Option<CallId>,
}

/// Which way a call goes, as seen from the exchange.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CallDirection {
    /// Between our own accounts and features.
    #[default]
    Internal,
    /// In by a trunk.
    Inbound,
    /// Out by a trunk; also one that came in by another.
    Outbound,
}

impl CallDirection {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Internal, Self::Inbound, Self::Outbound];
}

/// A transfer in a [`CallRecord`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransferRecord {
    /// The number of the transferor.
    pub by: String,
    /// The number of the transferee.
    pub of: String,
    /// The number it was transferred to.
    pub to: String,
    /// Handed over at once, without talking first.
    pub blind: bool,
    /// When it was ordered.
    pub at: Instant,
    /// What came of it.
    pub outcome: TransferOutcome,
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TransferOutcome {
    /// The transferee talks with the target.
    Completed,
    /// The transferee was given back to the transferor.
    Returned,
    /// A party hung up before either.
    Ended,
}

/// One leg of a [`CallRecord`].
#[derive(Clone, Debug, PartialEq)]
pub struct LegRecord {
    /// Number within the call; 0 is the caller.
    pub number: u16,
    /// The party's number.
    pub party: String,
    /// The trunk it was reached by or called by; empty: none.
    pub trunk: String,
    /// Where it was reached, or where it called from.
    pub contact: String,
    /// Its User-Agent or Server header.
    pub user_agent: String,
    /// When the leg began.
    pub started_at: Instant,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Instant,
    /// Last SIP status of its INVITE.
    pub status: u16,
    /// First negotiated codec, as in SDP.
    pub codec: String,
    /// How its media was protected; `None`: not at all.
    pub protection: Option<Protection>,
    /// Figures of its media.
    pub report: Option<LegReport>,
    /// The call it was taken over from; there it began.
    pub came_from: Option<CallId>,
    /// The call it went on in.
    pub went_to: Option<CallId>,
}

/// Where the keys of protected media came from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Protection {
    /// From the session descriptions, RFC 4568.
    Sdes,
    /// From a DTLS handshake, RFC 5764.
    Dtls,
}

impl Protection {
    /// As in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sdes => "sdes",
            Self::Dtls => "dtls",
        }
    }
}

/// How a call ended for the caller (CDR-02).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Disposition {
    /// It was answered.
    Answered,
    /// Nobody answered, or the caller gave up.
    NoAnswer,
    /// The callee was busy or declined.
    Busy,
    /// Anything else.
    Failed,
}

/// Who or what ended a call.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum HangupCause {
    /// The caller hung up.
    Caller,
    /// The callee hung up.
    Callee,
    /// The caller gave up before the answer.
    Cancelled,
    /// The callee's phones did not answer in time.
    NoAnswer,
    /// All of the callee's phones refused; the record's status says how.
    Refused,
    /// No such number, or no phone registered.
    Unreachable,
    /// No packet came for the time-out.
    MediaSilent,
    /// The longest length allowed.
    LengthLimit,
    /// A limit of ours: calls, ports, descriptors.
    Exhausted,
    /// No common codec, or a session description we cannot use.
    Incompatible,
    /// Media could not be protected as it must be, or its protection failed.
    Unprotected,
    /// The party did not acknowledge or answer any more.
    PeerGone,
    /// An emergency call needed its channel.
    Preempted,
    /// Its parties went on in another call.
    Transferred,
    /// By the API.
    Operator,
    /// The exchange was stopped.
    Shutdown,
    /// A defect of ours.
    Fault,
}

/// Whether and in what mood somebody can be reached (PRES-01).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PresenceStatus {
    /// Can be called.
    #[default]
    Available,
    /// Is at work on something else.
    Busy,
    /// Is not there.
    Away,
    /// Does not want to be called.
    DoNotDisturb,
    /// Speaks.
    InCall,
    /// Sits in a meeting.
    InMeeting,
    /// Has no phone registered, or wants it to look so.
    Offline,
}

impl PresenceStatus {
    /// All, in order.
    pub const ALL: [Self; 7] =
        [Self::Available, Self::Busy, Self::Away, Self::DoNotDisturb, Self::InCall, Self::InMeeting, Self::Offline];

    /// As people read it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Busy => "Busy",
            Self::Away => "Away",
            Self::DoNotDisturb => "Do Not Disturb",
            Self::InCall => "In Call",
            Self::InMeeting => "In Meeting",
            Self::Offline => "Offline",
        }
    }
}

/// How many messages are in a mailbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Mailbox {
    /// Not heard yet.
    pub new: u32,
    /// Heard and kept.
    pub old: u32,
    /// Of the new ones, urgent.
    pub new_urgent: u32,
    /// Of the old ones, urgent.
    pub old_urgent: u32,
}
