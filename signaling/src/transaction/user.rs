//! What the layer above sees: the names of transactions, what it is told ([`TransactionUser`]) and what it says ([`Answer`], [`OutRequest`]).

use super::Stack;
use crate::{
    effect::Effects,
    flow::{ConnectionId, Flow},
    locate::Target,
    message::{Message, Method},
};
use bytes::Bytes;
use contract::Instant;
use core::fmt;

/// A server transaction: one request that came to us. Never used twice.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServerId(pub(super) u64);

/// A client transaction: one request that we sent. Never used twice.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(pub(super) u64);

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {:x}", self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {:x}", self.0)
    }
}

/// What a transaction user may use while it is told something.
#[derive(Debug)]
pub struct Turn<'t> {
    /// The time of the input.
    pub now: Instant,
    /// The transactions: to answer, to ask.
    pub stack: &'t mut Stack,
    /// Where effects go, in order.
    pub out: &'t mut Effects,
}

/// The layer above the transactions. Nothing is called before a message has passed the general checks of `transport::check`, so that From, To,
/// Call-ID, CSeq and the topmost Via of every message given here can be read without a fault.
pub trait TransactionUser {
    /// A new request: any method but ACK, and but a CANCEL (which [`Stack`] answers itself, 200 or 481).
    ///
    /// Answer now or later by [`Stack::respond`]. An INVITE without any answer when this returns is answered 100 by the stack
    /// (RFC 3261 section 17.2.1: at most 200 ms later), so the user never sends 100 itself.
    fn on_request(&mut self, turn: &mut Turn<'_>, id: ServerId, request: &Message<'_>, flow: Flow);

    /// An ACK for a 2xx: it belongs to a dialog, not to a transaction. One that fits no dialog is to be reported by
    /// [`crate::fact::DropReason::StrayAck`] and otherwise ignored.
    fn on_ack(&mut self, turn: &mut Turn<'_>, ack: &Message<'_>, flow: Flow);

    /// A CANCEL came for an INVITE that has no final answer yet. The CANCEL is answered already; the INVITE is to be answered 487.
    fn on_cancel(&mut self, turn: &mut Turn<'_>, invite: ServerId);

    /// A response: provisional ones above 100, then finals. For INVITE every 2xx comes here, those of other branches and repeated ones included
    /// (RFC 6026), each to be acknowledged by [`Stack::send_ack`]; other finals come once and are acknowledged by the stack.
    fn on_response(&mut self, turn: &mut Turn<'_>, id: ClientId, response: &Message<'_>);

    /// There will be no final response. Exactly one of this and the first final response comes for every client transaction.
    fn on_failure(&mut self, turn: &mut Turn<'_>, id: ClientId, why: ClientFailure);

    /// The 3xx to 6xx answer of an INVITE was never acknowledged (timer H). For a 2xx the user itself watches for the ACK.
    fn on_unacknowledged(&mut self, turn: &mut Turn<'_>, id: ServerId);

    /// What [`Stack::locate`] was asked for: every server of the place in no particular order; none: there is none, or nobody could tell.
    fn on_located(&mut self, turn: &mut Turn<'_>, name: u64, targets: Vec<Target>);

    /// A stream is gone. Failures of transactions that depended on it were told before.
    fn on_flow_lost(&mut self, turn: &mut Turn<'_>, connection: ConnectionId);
}

/// Why a client transaction ended without a final response.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ClientFailure {
    /// Timer B or F, or 64*T1 after the CANCEL. To be treated as 408 (RFC 3261 section 8.1.3.1).
    TimedOut,
    /// The transport failed. To be treated as 503 (RFC 3261 section 8.1.3.1).
    Unreachable,
}

/// Why a request was not sent at all. No transaction was made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NotSent {
    /// [`crate::limits::TRANSACTIONS_MAX`], [`crate::limits::STREAMS_MAX`] or the queue of a stream that is not open yet.
    Exhausted,
    /// The stream is gone, or there is no listener of the protocol and family.
    Unreachable,
}

/// An answer to a request. Via, From, To, Call-ID, CSeq and Record-Route come from the request; Content-Length is added.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// 100 to 699.
    pub status: u16,
    /// Reason phrase; `None`: the usual one.
    pub reason: Option<&'a str>,
    /// Tag for the To header when the request had none. `None`: the stack makes one, always the same for the same request.
    pub to_tag: Option<&'a str>,
    /// More headers, in order. Line ends in them are written as spaces.
    pub headers: &'a [(&'a str, &'a str)],
    /// Content type and body.
    pub body: Option<(&'a str, &'a [u8])>,
    /// Copy Record-Route (RFC 3261 section 12.1.1: answers that make a dialog).
    pub record_route: bool,
    /// Do not repeat a refusal of an INVITE by ourselves: it is sent again when its request is. For whoever may not be where he says he is.
    pub once: bool,
}

impl<'a> Answer<'a> {
    /// An answer without further headers or a body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, reason: None, to_tag: None, headers: &[], body: None, record_route: false, once: false }
    }
}

/// A request of ours. Via (with a new branch and `rport`) and Content-Length are added.
#[derive(Clone, Copy, Debug)]
pub struct OutRequest<'a> {
    /// Its method.
    pub method: Method<'a>,
    /// Request-URI, already as RFC 3261 section 12.2.1.1 wants it for strict routes.
    pub uri: &'a str,
    /// From, with tag.
    pub from: &'a str,
    /// To, with tag within a dialog.
    pub to: &'a str,
    /// Call-ID.
    pub call_id: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// Max-Forwards; 70 for requests that begin here.
    pub max_forwards: u8,
    /// Route header values in order.
    pub routes: &'a [String],
    /// Contact, with angle brackets.
    pub contact: Option<&'a str>,
    /// More headers, in order. Line ends in them are written as spaces.
    pub headers: &'a [(&'a str, &'a str)],
    /// Content type and body.
    pub body: Option<(&'a str, &'a [u8])>,
}

/// An ACK for a 2xx as it was sent, to be sent again for every repetition of the 2xx (RFC 3261 section 13.2.2.4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SentAck {
    pub(super) flow: Flow,
    pub(super) bytes: Bytes,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Census {
    /// Server and client transactions, those that only wait for late repetitions included.
    pub transactions: usize,
    /// Timers armed.
    pub timers: usize,
    /// Streams with state here.
    pub streams: usize,
}
