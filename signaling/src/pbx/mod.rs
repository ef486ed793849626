//! The exchange: one value that takes an [`Input`] and appends `Effect`s.
//!
//! [`Pbx`] composes what lies below: the transactions ([`Stack`]) and, as their user, the switchboard with the registrar, the calls and their features. Who may
//! do what is decided here, in `incoming` (methods, header fields, authentication), `register`, `subscribe`, `publish`, `message` and `commands`; how a call
//! runs is `call`'s matter. `watch` gathers what watchers are told. RFC 3261 sections 8.2, 10, 11.

mod census;
mod checks;
mod commands;
mod configure;
mod incoming;
mod invite;
mod message;
mod publish;
mod refer;
mod register;
mod subscribe;
mod switchboard;
mod trunk;
mod watch;

use crate::{
    effect::{Effects, StatusView},
    flow::Standing,
    id::CallId,
    input::Input,
    settings::Settings,
    transaction::{Stack, Turn},
    wall::WallClock,
};
use contract::{HearingTable, Instant};
use core::net::SocketAddr;
use std::sync::Arc;
use switchboard::Switchboard;

#[cfg(feature = "faults")]
pub use crate::call::Fault;

/// The exchange.
#[derive(Debug)]
pub struct Pbx {
    stack: Stack,
    board: Switchboard,
}

impl Pbx {
    /// An exchange without registrations and calls. `seed` is its only source of chance: equal seeds and equal inputs give equal effects.
    #[must_use]
    pub fn new(settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        Self { stack: Stack::new(Arc::clone(&settings), seed), board: Switchboard::new(settings, seed) }
    }

    /// Takes one input at the time `now`, which never runs backwards, and appends what must be done to `out`.
    pub fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Effects) {
        let Self { stack, board } = self;
        let from = out.len();
        match input {
            Input::Received { flow, bytes } => stack.receive(now, flow, bytes, board, out),
            Input::FlowOpened { connection } => stack.flow_opened(connection),
            Input::Resolved { lookup, resolution } => stack.resolved(now, lookup, resolution, board, out),
            Input::FlowLost { connection, why } => stack.flow_lost(now, connection, why, board, out),
            Input::Media(event) => board.on_media(&mut Turn { now, stack, out }, event),
            Input::Stored { query, outcome } => board.on_stored(&mut Turn { now, stack, out }, query, outcome),
            Input::Restored(bindings) => board.on_restored(now, bindings),
            Input::RestoredMessages(messages) => board.on_restored_messages(now, messages),
            Input::MailboxChanged { number, mailbox } => board.on_mailbox(&number, mailbox),
            Input::Asked { ticket, command } => board.on_command(&mut Turn { now, stack, out }, ticket, command),
            Input::Configured(settings) => {
                stack.configure(Arc::clone(&settings));
                board.configure(&mut Turn { now, stack, out }, settings);
            }
            Input::ClockRead(wall) => board.wall = WallClock::new(wall, now),
            Input::Tick => {
                stack.fire(now, board, out);
                board.fire(&mut Turn { now, stack, out });
            }
        }
        board.announce(&mut Turn { now, stack, out }, from);
    }

    /// When [`Input::Tick`] is due; `None`: nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        [self.stack.deadline(), self.board.deadline()].into_iter().flatten().min()
    }

    /// Figures of the whole.
    #[must_use]
    pub fn status(&self) -> StatusView {
        self.board.status(&self.stack)
    }

    /// What is known of an address without asking it for a proof. Takes time in proportion to the trunks.
    #[must_use]
    pub fn standing(&self, now: Instant, remote: SocketAddr) -> Standing {
        self.board.standing(now, remote)
    }

    /// Checks what must always hold, between any two inputs.
    ///
    /// # Errors
    /// The name of the first check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        self.stack.check_invariants()?;
        self.board.check_invariants(&self.stack)
    }

    /// Who hears whom in every call, as last told to the shards, in the order of the calls.
    pub fn hearing(&self) -> impl Iterator<Item = (CallId, &HearingTable)> {
        self.board.hearing()
    }

    /// From now on decisions about calls are told, or not; they are not unless this says so. Nothing else is done otherwise.
    pub const fn tell_decisions(&mut self, told: bool) {
        self.board.books.tells_decisions = told;
    }

    /// Plants a defect, in place of the one planted before.
    #[cfg(feature = "faults")]
    pub fn plant(&mut self, fault: Fault) {
        self.board.plant(fault);
    }
}
