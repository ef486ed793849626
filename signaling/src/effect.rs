//! What the shell must do for the exchange.

use crate::{
    dns::Question,
    fact::{CallState, Fact, PresenceStatus},
    flow::{ConnectionId, Flow, ListenerId, Transport},
    id::{CallId, LookupId, QueryId, Ticket},
    input::{StoredBinding, StoredMessage},
    settings::Place,
};
use bytes::Bytes;
use contract::{Instant, LegReport, MediaCommand, RecordingId, RecordingState, ShardId};
use core::{net::SocketAddr, time::Duration};
use std::sync::Arc;

/// The sink that [`crate::pbx::Pbx::handle`] appends to, in the order in which the effects must be performed.
pub type Effects = Vec<Effect>;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send these bytes: one datagram, or the next piece of the stream.
    Transmit {
        /// Where to.
        flow: Flow,
        /// One whole SIP message or keep-alive.
        bytes: Bytes,
    },
    /// Connect a stream. Answered by `FlowOpened` or `FlowLost`; bytes transmitted before the answer are kept, within the stream's limit.
    OpenFlow {
        /// The name it shall have.
        connection: ConnectionId,
        /// Whose local address it is bound to.
        listener: ListenerId,
        /// Where to.
        remote: SocketAddr,
        /// TCP, or TLS.
        transport: Transport,
        /// Whose certificate it must be with TLS (RFC 5922 section 7.1); `None`: that of the address.
        name: Option<Arc<str>>,
    },
    /// Ask the name servers. Answered by `Resolved`.
    Resolve {
        /// The question's name.
        lookup: LookupId,
        /// The question.
        question: Question,
    },
    /// Close a stream after what was transmitted; not answered.
    CloseFlow {
        /// Its name.
        connection: ConnectionId,
    },
    /// Pass the command to a shard.
    Media {
        /// Which.
        shard: ShardId,
        /// What.
        command: MediaCommand,
    },
    /// Write to the store. Answered by `Stored`.
    Store {
        /// The question's name.
        query: QueryId,
        /// What to write.
        ask: Ask,
    },
    /// Answer the API or the CLI.
    Reply {
        /// From the command.
        ticket: Ticket,
        /// The answer.
        reply: Reply,
    },
    /// Something happened that others record.
    Fact(Fact),
}

/// A write to the store. Each is idempotent, so that it may be repeated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Make these the only bindings of the account; empty: it has none.
    SaveBindings {
        /// The account.
        number: String,
        /// All of them.
        bindings: Vec<StoredBinding>,
    },
    /// Keep this message.
    KeepMessage(StoredMessage),
    /// Forget a message: a phone took it, or it is too old.
    ForgetMessage {
        /// Its name.
        id: u64,
    },
}

/// The answer to a [`crate::input::Command`].
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The call is being placed.
    Originating {
        /// Its name.
        call: CallId,
    },
    /// It is done.
    Done,
    /// To `ListCalls`.
    Calls(Vec<CallView>),
    /// To `ListExtensions`.
    Extensions(Vec<ExtensionView>),
    /// To `ListTrunks`.
    Trunks(Vec<TrunkView>),
    /// To `ListPresence`.
    Presence(Vec<PresenceView>),
    /// To `Status`.
    Status(StatusView),
    /// To `Explain`.
    Explained(Box<RouteView>),
    /// It will not be done.
    Refused(Refusal),
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// No account has the number in `from`.
    UnknownExtension,
    /// `to` leads nowhere.
    UnknownDestination,
    /// `from` has no phone registered.
    NotRegistered,
    /// `from` is at its call limit.
    Busy,
    /// No such call.
    UnknownCall,
    /// The call is not answered, or has one party only.
    NotAnswered,
    /// The call is not being recorded.
    NotRecorded,
    /// The call is not in a state for it, or nobody in it may do it.
    Conflict,
    /// The exchange is at a limit of its own, or draining.
    Exhausted,
}

/// A call as seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct CallView {
    /// Its name.
    pub call: CallId,
    /// The whole's state.
    pub state: CallState,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// When it began.
    pub started_at: Instant,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// Its parties.
    pub legs: Vec<LegView>,
    /// The recording that runs, and what it does.
    pub recording: Option<(RecordingId, RecordingState)>,
}

/// A leg as seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct LegView {
    /// Number within the call.
    pub number: u16,
    /// The party's number.
    pub party: String,
    /// Name of the first negotiated codec, as in SDP; empty before negotiation.
    pub codec: String,
    /// How its media is protected; `None`: not, or not yet.
    pub protection: Option<crate::fact::Protection>,
    /// Figures, once measured.
    pub report: Option<LegReport>,
}

/// An account as seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtensionView {
    /// Its number.
    pub number: String,
    /// Its display name.
    pub name: String,
    /// Its bindings that have not expired, preferred first.
    pub contacts: Vec<StoredBinding>,
    /// Idle, or the state of its most advanced call.
    pub state: CallState,
    /// When it last registered or called.
    pub last_activity: Option<Instant>,
}

/// A trunk as seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrunkView {
    /// Its name.
    pub name: String,
    /// Its server's URI.
    pub server: String,
    /// Why it is not used; `None`: it is up.
    pub fault: Option<&'static str>,
    /// We register with it.
    pub registers: bool,
    /// Until when the registration holds.
    pub registered_until: Option<Instant>,
    /// The last status of a REGISTER.
    pub register_status: Option<u16>,
    /// Until when it is left alone because calls failed.
    pub quarantined_until: Option<Instant>,
    /// The time from the last OPTIONS to its answer.
    pub round_trip: Option<Duration>,
    /// Channels taken.
    pub calls: usize,
    /// Channels there are.
    pub calls_max: usize,
}

/// An account's presence as seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PresenceView {
    /// Its number.
    pub number: String,
    /// Its display name.
    pub name: String,
    /// The state that watchers are told.
    pub status: PresenceStatus,
    /// Words of its own; empty: none.
    pub note: String,
    /// The state of its most advanced call.
    pub call: CallState,
    /// When it last registered or called.
    pub last_activity: Option<Instant>,
}

/// Where a number leads and why, as told outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteView {
    /// The file that the places are in.
    pub file: String,
    /// Each rule in the order in which they were looked at.
    pub rules: Vec<RuleView>,
    /// What kind of target: `extension`, `echo`, `trunks`, `not_built`, `nowhere`, `refused`.
    pub kind: &'static str,
    /// The target in words.
    pub leads: String,
    /// The SIP answer of a call that goes nowhere.
    pub status: Option<u16>,
    /// The account whose phones ring.
    pub extension: Option<String>,
    /// The route to the world.
    pub route: Option<String>,
    /// What the trunk is sent.
    pub number: Option<String>,
    /// The trunks of the route.
    pub trunks: Vec<String>,
    /// No limit holds for the call.
    pub emergency: bool,
    /// The account that a call from a trunk comes from.
    pub caller: Option<String>,
    /// The accounts that led the call on.
    pub diverted: Vec<String>,
}

/// What became of one rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleView {
    /// The rule.
    pub rule: String,
    /// Where it is written; not written anywhere: a rule that every exchange has, or a set of rules.
    pub place: Place,
    /// It decided.
    pub decided: bool,
    /// What became of it.
    pub why: String,
}

/// Figures of the whole. The same numbers balance in the simulator: at rest all but bindings, registrations, subscriptions, publications, messages and
/// trunks are 0.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StatusView {
    /// Calls up.
    pub calls: usize,
    /// Legs of those calls.
    pub legs: usize,
    /// Dialogs.
    pub dialogs: usize,
    /// Transactions of all four kinds.
    pub transactions: usize,
    /// Media sessions opened and not yet reported closed.
    pub sessions: usize,
    /// Timers armed.
    pub timers: usize,
    /// Streams with state here.
    pub streams: usize,
    /// Questions to the store without an answer.
    pub queries: usize,
    /// Bindings that have not expired.
    pub bindings: usize,
    /// Accounts with at least one binding.
    pub registrations: usize,
    /// Trunks that can be used.
    pub trunks_up: usize,
    /// Subscriptions that have not run out.
    pub subscriptions: usize,
    /// Publications that have not run out.
    pub publications: usize,
    /// Messages kept for accounts that cannot be reached.
    pub messages: usize,
    /// Messages that phones are being asked to take.
    pub pages: usize,
    /// No new calls are taken.
    pub draining: bool,
}
