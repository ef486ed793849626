//! What happens to the exchange. Events are in the past tense.

use crate::{
    dns::Resolution,
    fact::{Mailbox, PresenceStatus},
    flow::{ConnectionId, Flow, FlowEnd, Transport},
    id::{CallId, LookupId, QueryId, Ticket},
    settings::Settings,
    wall::WallTime,
};
use contract::{MediaEvent, RecordingId};
use core::{net::SocketAddr, time::Duration};
use std::sync::Arc;

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A whole datagram, or the next piece of a stream.
    Received {
        /// Where from.
        flow: Flow,
        /// The bytes; any bytes.
        bytes: &'a [u8],
    },
    /// A stream asked for by [`crate::effect::Effect::OpenFlow`] is open.
    FlowOpened {
        /// The name we gave it.
        connection: ConnectionId,
    },
    /// A stream is gone, or never came to be.
    FlowLost {
        /// Its name.
        connection: ConnectionId,
        /// Why.
        why: FlowEnd,
    },
    /// A name server answered, or none did.
    Resolved {
        /// The question's name.
        lookup: LookupId,
        /// What is known.
        resolution: Resolution,
    },
    /// From a media shard.
    Media(MediaEvent),
    /// The store answers.
    Stored {
        /// The question.
        query: QueryId,
        /// What became of it.
        outcome: Result<(), StoreFault>,
    },
    /// The store read these bindings at start; sent before any call, at most once.
    Restored(Vec<StoredBinding>),
    /// The store read these messages at start, each account's in the order in which they were kept; as `Restored`.
    RestoredMessages(Vec<StoredMessage>),
    /// The messages in an account's mailbox are these now.
    MailboxChanged {
        /// The account.
        number: String,
        /// How many.
        mailbox: Mailbox,
    },
    /// The API or the CLI asks.
    Asked {
        /// To be repeated in the reply.
        ticket: Ticket,
        /// What is asked.
        command: Command,
    },
    /// A new configuration, already checked.
    Configured(Arc<Settings>),
    /// The wall clock shows this at the moment of the input. Told before the first call, then from time to time, so that a clock that is set is followed.
    ClockRead(WallTime),
    /// The deadline is due.
    Tick,
}

/// Why the store did not do it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreFault {
    /// It is not there or not answering.
    Unavailable,
    /// Its queue is full.
    Full,
}

/// A binding as it is kept across restarts. Times are relative, because the monotonic clock starts anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredBinding {
    /// The account.
    pub number: String,
    /// The Contact URI, as registered.
    pub contact: String,
    /// Preference in thousandths, 0 to 1000 (`q`).
    pub q_milli: u16,
    /// Path header values, outermost first (RFC 3327).
    pub path: Vec<String>,
    /// Call-ID of the registration.
    pub call_id: String,
    /// CSeq of the registration.
    pub cseq: u32,
    /// The User-Agent header.
    pub user_agent: String,
    /// The protocol it came by.
    pub transport: Transport,
    /// The address it came from.
    pub source: SocketAddr,
    /// Our listening address, by its place in the settings.
    pub listener: u16,
    /// Whether requests go to `source` instead of the Contact (NAT).
    pub behind_nat: bool,
    /// Time left until it expires; measured at the moment the value is made.
    pub expires_in: Duration,
}

/// What shall become of a call's recording. Each is idempotent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordOrder {
    /// Record from now on.
    Start,
    /// Write nothing; the file gets no longer.
    Pause,
    /// Write silence, so that times in the file stay true.
    Mask,
    /// Write again what is heard.
    Resume,
    /// End it; a later start makes another recording.
    Stop,
}

/// A message between accounts as it is kept until a phone takes it. Its time is relative, as that of a binding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredMessage {
    /// Its name, never used twice; below 2^63.
    pub id: u64,
    /// The account it is for.
    pub number: String,
    /// From, name-addr without tag.
    pub from: String,
    /// Header fields that pass from end to end, by name, Content-Type not among them.
    pub headers: Vec<(String, String)>,
    /// Content-Type.
    pub content_type: String,
    /// The body; any octets.
    pub body: Vec<u8>,
    /// Time left until nobody wants it any more; measured at the moment the value is made.
    pub expires_in: Duration,
}

/// An order or a question from the API or the CLI. Imperative.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Ring `from`, then `to`, and connect them (click to call).
    Originate {
        /// An extension's number.
        from: String,
        /// Anything that can be dialled.
        to: String,
    },
    /// End a call.
    HangUp {
        /// Which.
        call: CallId,
    },
    /// Change the recording of a call.
    Record {
        /// Which.
        call: CallId,
        /// What shall become of it.
        order: RecordOrder,
    },
    /// The file writer has given a recording up: the call goes on without.
    RecordingLost {
        /// Of which call.
        call: CallId,
        /// Which.
        recording: RecordingId,
    },
    /// Transfer the other party of a call to a number.
    Transfer {
        /// Which call.
        call: CallId,
        /// The number of the party that transfers; `None`: the one that was called, if it may, else the caller.
        by: Option<String>,
        /// Where to.
        to: String,
        /// The transferor talks with it first.
        consult: bool,
    },
    /// End a transfer that is under way.
    ConcludeTransfer {
        /// Of which call.
        call: CallId,
        /// The transferee gets the target; else the transferor gets the transferee back.
        complete: bool,
    },
    /// The calls that are up, newest first.
    ListCalls,
    /// All accounts with their bindings, by number.
    ListExtensions,
    /// All trunks, by name.
    ListTrunks,
    /// Presence of all accounts, by number.
    ListPresence,
    /// What an account's presence shall say, until somebody says otherwise.
    SetPresence {
        /// The account.
        number: String,
        /// The state.
        status: PresenceStatus,
        /// Words of its own; empty: none.
        note: String,
    },
    /// Figures of the whole.
    Status,
    /// Where a number would lead, and why.
    Explain {
        /// Who calls: an extension's number, or the number that the trunk tells.
        from: String,
        /// The trunk that the call comes by; none: it is of an extension.
        trunk: Option<String>,
        /// What is dialled.
        to: String,
        /// When; none: now.
        at: Option<WallTime>,
    },
    /// Take no new calls; answered at once, the calls go on. Cannot be undone.
    Drain,
    /// End every call with BYE or CANCEL and a record each.
    HangUpAll,
}
