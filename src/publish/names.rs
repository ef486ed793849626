//! What kinds and reasons are called in figures, records and logs.

use contract::{Codec, MediaRefusal};
use signaling::{
    fact::{CallDirection, Disposition, DropReason, HangupCause, MethodLabel, QualityTarget, TransferOutcome},
    flow::Transport,
};

/// The direction labels: towards us, from us.
pub(super) const DIRECTIONS: [&str; 2] = ["in", "out"];

/// The transports that exist.
pub(super) const TRANSPORTS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// Methods in the order of their enumeration.
pub(super) const METHODS: [(MethodLabel, &str); 15] = [
    (MethodLabel::Register, "REGISTER"),
    (MethodLabel::Invite, "INVITE"),
    (MethodLabel::Ack, "ACK"),
    (MethodLabel::Bye, "BYE"),
    (MethodLabel::Cancel, "CANCEL"),
    (MethodLabel::Options, "OPTIONS"),
    (MethodLabel::Update, "UPDATE"),
    (MethodLabel::Prack, "PRACK"),
    (MethodLabel::Info, "INFO"),
    (MethodLabel::Refer, "REFER"),
    (MethodLabel::Subscribe, "SUBSCRIBE"),
    (MethodLabel::Notify, "NOTIFY"),
    (MethodLabel::Publish, "PUBLISH"),
    (MethodLabel::Message, "MESSAGE"),
    (MethodLabel::Other, "OTHER"),
];

/// Reasons of drops in the order of their enumeration.
pub(super) const DROPS: [(DropReason, &str); 5] = [
    (DropReason::Malformed, "malformed"),
    (DropReason::StrayResponse, "stray_response"),
    (DropReason::StrayAck, "stray_ack"),
    (DropReason::Oversize, "oversize"),
    (DropReason::Exhausted, "exhausted"),
];

/// Directions of calls in the order of their enumeration.
pub(super) const CALL_DIRECTIONS: [(CallDirection, &str); 3] =
    [(CallDirection::Internal, "internal"), (CallDirection::Inbound, "inbound"), (CallDirection::Outbound, "outbound")];

/// Dispositions in the order of their enumeration.
pub(super) const DISPOSITIONS: [(Disposition, &str); 4] = [
    (Disposition::Answered, "answered"),
    (Disposition::NoAnswer, "no answer"),
    (Disposition::Busy, "busy"),
    (Disposition::Failed, "failed"),
];

/// Reasons of a shard's refusal, see [`refusal_place`].
pub(super) const REFUSALS: [&str; 4] = ["ports_exhausted", "descriptors_exhausted", "sessions_exhausted", "system"];

/// The place of a refusal in [`REFUSALS`].
pub(super) const fn refusal_place(why: MediaRefusal) -> usize {
    match why {
        MediaRefusal::PortsExhausted => 0,
        MediaRefusal::DescriptorsExhausted => 1,
        MediaRefusal::SessionsExhausted => 2,
        MediaRefusal::System(_) => 3,
    }
}

/// Tiers of media as labels.
pub(super) const TIERS: [&str; 3] = ["0", "1", "2"];

/// A target for sound as a label.
pub(super) const fn target(target: QualityTarget) -> &'static str {
    match target {
        QualityTarget::Loss => "loss",
        QualityTarget::Latency => "latency",
        QualityTarget::Jitter => "jitter",
    }
}

/// A codec as a label; those we do not know are one.
pub(super) const fn codec(codec: Option<Codec>) -> &'static str {
    match codec {
        Some(Codec::Pcmu) => "PCMU",
        Some(Codec::Pcma) => "PCMA",
        Some(Codec::G722) => "G722",
        Some(Codec::G729) => "G729",
        Some(Codec::Opus) => "opus",
        Some(Codec::L16) => "L16",
        Some(Codec::TelephoneEvent | Codec::ComfortNoise | Codec::Other(_)) | None => "other",
    }
}

/// A direction of calls as it is written.
#[must_use]
pub const fn call_direction(direction: CallDirection) -> &'static str {
    CALL_DIRECTIONS[direction as usize].1
}

/// A disposition as it is written.
#[must_use]
pub const fn disposition(disposition: Disposition) -> &'static str {
    DISPOSITIONS[disposition as usize].1
}

/// What came of a transfer, as it is written.
#[must_use]
pub const fn transfer_outcome(outcome: TransferOutcome) -> &'static str {
    match outcome {
        TransferOutcome::Completed => "completed",
        TransferOutcome::Returned => "returned",
        TransferOutcome::Ended => "ended",
    }
}

/// A cause as it is written.
#[must_use]
pub const fn hangup_cause(cause: HangupCause) -> &'static str {
    match cause {
        HangupCause::Caller => "caller",
        HangupCause::Callee => "callee",
        HangupCause::Cancelled => "cancelled",
        HangupCause::NoAnswer => "no answer",
        HangupCause::Refused => "refused",
        HangupCause::Unreachable => "unreachable",
        HangupCause::MediaSilent => "media silent",
        HangupCause::LengthLimit => "length limit",
        HangupCause::Exhausted => "exhausted",
        HangupCause::Incompatible => "incompatible",
        HangupCause::Unprotected => "media unprotected",
        HangupCause::PeerGone => "peer gone",
        HangupCause::Preempted => "preempted",
        HangupCause::Transferred => "transferred",
        HangupCause::Operator => "operator",
        HangupCause::Shutdown => "shutdown",
        HangupCause::Fault => "fault",
    }
}
