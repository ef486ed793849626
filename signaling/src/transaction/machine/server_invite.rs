//! The INVITE server transaction: RFC 3261 section 17.2.1 (figure 7) as corrected by RFC 6026 sections 7.1 and 8.3 (state Accepted, timer L).
//!
//! The 2xx itself is repeated by the transaction user, end to end (RFC 3261 section 13.3.1.4).

use super::{Do, Step, Timer, quiet, step};

/// States of RFC 6026 figure 1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the RFC's own names")]
pub enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

impl State {
    /// All, in the order of the figure.
    pub const ALL: [Self; 5] = [Self::Proceeding, Self::Completed, Self::Confirmed, Self::Accepted, Self::Terminated];
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Input {
    /// The INVITE came again.
    Invite,
    /// An ACK that matches the transaction.
    Ack,
    /// The transaction user answers 100 to 199.
    Provisional,
    /// The transaction user answers 200 to 299.
    Success,
    /// The transaction user answers 300 to 699.
    Failure,
    /// A timer fired.
    Fired(Timer),
    /// The transport could not send.
    TransportError,
}

impl Input {
    /// All that this machine knows.
    pub const ALL: [Self; 10] = [
        Self::Invite,
        Self::Ack,
        Self::Provisional,
        Self::Success,
        Self::Failure,
        Self::Fired(Timer::G),
        Self::Fired(Timer::H),
        Self::Fired(Timer::I),
        Self::Fired(Timer::L),
        Self::TransportError,
    ];
}

/// One step. `reliable`: the INVITE came by a transport that does not lose.
#[must_use]
pub fn next(state: State, input: Input, reliable: bool) -> Step<State> {
    match (state, input) {
        // RFC 3261 section 17.2.1: "If a request retransmission is received while in the Proceeding state, the most recent provisional response …
        // MUST be passed to the transport layer for retransmission".
        (State::Proceeding, Input::Invite) => step(State::Proceeding, &[Do::ResendResponse]),
        (State::Proceeding, Input::Provisional) => step(State::Proceeding, &[Do::SendResponse]),
        // RFC 6026 section 7.1: timer L is 64*T1 on every transport.
        (State::Proceeding, Input::Success) => step(State::Accepted, &[Do::SendResponse, Do::Arm(Timer::L)]),
        // RFC 3261 section 17.2.1: timer G on unreliable transports, timer H on every one.
        (State::Proceeding, Input::Failure) if reliable => {
            step(State::Completed, &[Do::SendResponse, Do::Arm(Timer::H)])
        }
        (State::Proceeding, Input::Failure) => {
            step(State::Completed, &[Do::SendResponse, Do::Arm(Timer::G), Do::Arm(Timer::H)])
        }
        // RFC 6026 figure 1: a transport error is told and leaves Proceeding, Completed and Accepted as they are.
        (State::Proceeding | State::Completed | State::Accepted, Input::TransportError) => {
            step(state, &[Do::TellTransportError])
        }

        (State::Completed, Input::Invite) => step(State::Completed, &[Do::ResendResponse]),
        (State::Completed, Input::Fired(Timer::G)) => {
            step(State::Completed, &[Do::ResendResponse, Do::ArmAgain(Timer::G)])
        }
        // RFC 3261 section 17.2.1: "If timer H fires while in the Completed state, it implies that the ACK was never received. … MUST indicate to
        // the TU that a transaction failure has occurred".
        (State::Completed, Input::Fired(Timer::H)) => {
            step(State::Terminated, &[Do::Disarm(Timer::G), Do::TellUnacknowledged])
        }
        // RFC 3261 section 17.2.1: timer I is T4 on unreliable transports and zero on reliable ones.
        (State::Completed, Input::Ack) if reliable => {
            step(State::Terminated, &[Do::Disarm(Timer::G), Do::Disarm(Timer::H)])
        }
        (State::Completed, Input::Ack) => {
            step(State::Confirmed, &[Do::Disarm(Timer::G), Do::Disarm(Timer::H), Do::Arm(Timer::I)])
        }
        (State::Confirmed, Input::Fired(Timer::I)) => quiet(State::Terminated),

        // RFC 6026 section 7.1: in Accepted a repeated INVITE is absorbed, an ACK goes up, and the transaction user's repeated 2xx go out.
        (State::Accepted, Input::Ack) => step(State::Accepted, &[Do::PassAck]),
        (State::Accepted, Input::Success) => step(State::Accepted, &[Do::SendResponse]),
        (State::Accepted, Input::Fired(Timer::L)) => quiet(State::Terminated),

        // RFC 3261 section 17.2.1: "Any other final responses passed by the TU … MUST be discarded while in the Completed state"; repeated ACKs are
        // absorbed in Confirmed; timers that raced find nothing to do.
        (
            State::Proceeding | State::Completed | State::Confirmed | State::Accepted | State::Terminated,
            Input::Invite
            | Input::Ack
            | Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::Fired(_)
            | Input::TransportError,
        ) => quiet(state),
    }
}
