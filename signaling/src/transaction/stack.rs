//! [`Stack`]: transport and transactions joined.

use super::{Answer, Census, ClientId, NextHop, NotSent, OutRequest, SentAck, ServerId, TransactionUser};
use crate::{
    effect::Effects,
    flow::{ConnectionId, Flow, FlowEnd, ListenerId},
    message::Uri,
    settings::Settings,
};
use contract::Instant;
use std::sync::Arc;

/// Everything between bytes and the transaction user.
#[derive(Debug)]
pub struct Stack {
    settings: Arc<Settings>,
}

impl Stack {
    /// A stack without transactions. `seed` is the only source of its randomness: branches, tags, Call-IDs.
    #[must_use]
    pub fn new(settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        let _ = seed;
        Self { settings }
    }

    /// New settings. Transactions and streams stay.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// Bytes came: a whole datagram, or the next piece of a stream.
    pub fn receive<U: TransactionUser>(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: &[u8],
        user: &mut U,
        out: &mut Effects,
    ) {
        let _ = (now, flow, bytes, user, out);
    }

    /// A stream that the stack asked for is open.
    pub fn flow_opened(&mut self, connection: ConnectionId) {
        let _ = connection;
    }

    /// A stream is gone, or never came to be.
    pub fn flow_lost<U: TransactionUser>(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        why: FlowEnd,
        user: &mut U,
        out: &mut Effects,
    ) {
        let _ = (now, connection, why, user, out);
    }

    /// Carries out every timer that is due.
    pub fn fire<U: TransactionUser>(&mut self, now: Instant, user: &mut U, out: &mut Effects) {
        let _ = (now, user, out);
    }

    /// When [`Stack::fire`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Answers a request. Nothing happens when the transaction is over or has its final answer (RFC 3261 sections 17.2.1 and 17.2.2).
    pub fn respond(&mut self, now: Instant, id: ServerId, answer: &Answer<'_>, out: &mut Effects) {
        let _ = (now, id, answer, out);
    }

    /// Sends the 2xx of an INVITE again (RFC 3261 section 13.3.1.4); the user doubles the time between.
    pub fn retransmit(&mut self, now: Instant, id: ServerId, out: &mut Effects) {
        let _ = (now, id, out);
    }

    /// The 2xx of an INVITE was acknowledged: its bytes are not needed any more.
    pub fn acknowledged(&mut self, id: ServerId) {
        let _ = id;
    }

    /// Sends answers to this request to the address it came from, whether it asked for that (`rport`) or not: for phones behind a NAT.
    pub fn answer_to_source(&mut self, id: ServerId) {
        let _ = id;
    }

    /// Sends a request other than ACK and CANCEL.
    ///
    /// # Errors
    /// [`NotSent`]; then no transaction was made and the user will hear nothing of it.
    pub fn request(
        &mut self,
        now: Instant,
        hop: NextHop,
        ask: &OutRequest<'_>,
        out: &mut Effects,
    ) -> Result<ClientId, NotSent> {
        let _ = (now, hop, ask, out);
        Err(NotSent::Unreachable)
    }

    /// Gives up an INVITE (RFC 3261 section 9.1). The CANCEL waits for a provisional answer; afterwards the INVITE ends by a final answer or, 64*T1
    /// after the CANCEL, by [`super::ClientFailure::TimedOut`]. Nothing happens when it is over.
    pub fn cancel(&mut self, now: Instant, id: ClientId, out: &mut Effects) {
        let _ = (now, id, out);
    }

    /// Sends the ACK for a 2xx.
    ///
    /// # Errors
    /// [`NotSent`].
    pub fn send_ack(
        &mut self,
        now: Instant,
        hop: NextHop,
        ask: &OutRequest<'_>,
        out: &mut Effects,
    ) -> Result<SentAck, NotSent> {
        let _ = (now, hop, ask, out);
        Err(NotSent::Unreachable)
    }

    /// Sends an ACK again.
    pub fn resend_ack(&mut self, ack: &SentAck, out: &mut Effects) {
        let _ = (ack, out);
    }

    /// Where a request to `uri` goes: transport by its `transport` parameter, else that of `from_listener`, else UDP; listener of the same
    /// protocol and family. `None` for names (numeric hosts only) and where no listener fits.
    #[must_use]
    pub fn next_hop(&self, uri: &Uri<'_>, from_listener: Option<ListenerId>) -> Option<NextHop> {
        let _ = (uri, from_listener);
        None
    }

    /// Our Contact towards `flow`, in angle brackets: `<sip:user@host:port>` or with `;transport=tcp`.
    #[must_use]
    pub fn contact_for(&self, listener: ListenerId, user: &str) -> String {
        let _ = (listener, user);
        String::new()
    }

    /// A new tag for From or To, RFC 3261 section 19.3: 64 random bits.
    pub fn tag(&mut self) -> String {
        String::new()
    }

    /// A new Call-ID, RFC 3261 section 8.1.1.4: 96 random bits and the domain.
    pub fn call_id(&mut self) -> String {
        String::new()
    }

    /// Random bits for whatever the user needs.
    pub fn random(&mut self) -> u64 {
        0
    }

    /// How much there is of everything.
    #[must_use]
    pub fn census(&self) -> Census {
        Census::default()
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        Ok(())
    }
}
