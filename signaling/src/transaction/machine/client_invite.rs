//! The INVITE client transaction: RFC 3261 section 17.1.1 (figure 5) as corrected by RFC 6026 sections 7.2 and 8.4 (state Accepted, timer M),
//! and the end of a cancelled INVITE that stays without an answer (RFC 3261 section 9.1).

use super::{Do, Step, Timer, quiet, step};

/// States of RFC 6026 figure 2.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the RFC's own names")]
pub enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

impl State {
    /// All, in the order of the figure.
    pub const ALL: [Self; 5] = [Self::Calling, Self::Proceeding, Self::Completed, Self::Accepted, Self::Terminated];
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Input {
    /// The transaction user made it. Only meaningful in Calling.
    Start,
    /// A response 100 to 199.
    Provisional,
    /// A response 200 to 299.
    Success,
    /// A response 300 to 699.
    Failure,
    /// The transaction user's CANCEL was sent.
    CancelSent,
    /// A timer fired.
    Fired(Timer),
    /// The transport could not send, or the stream the request went by is gone.
    TransportError,
}

impl Input {
    /// All that this machine knows.
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::Provisional,
        Self::Success,
        Self::Failure,
        Self::CancelSent,
        Self::Fired(Timer::A),
        Self::Fired(Timer::B),
        Self::Fired(Timer::D),
        Self::Fired(Timer::M),
        Self::Fired(Timer::Cancelled),
        Self::TransportError,
    ];
}

/// One step. `reliable`: the request went by a transport that does not lose.
#[must_use]
pub fn next(state: State, input: Input, reliable: bool) -> Step<State> {
    match (state, input) {
        // RFC 3261 section 17.1.1.2: "If an unreliable transport is being used, the client transaction MUST start timer A … For any transport,
        // the client transaction MUST start timer B".
        (State::Calling, Input::Start) if reliable => step(State::Calling, &[Do::SendRequest, Do::Arm(Timer::B)]),
        (State::Calling, Input::Start) => {
            step(State::Calling, &[Do::SendRequest, Do::Arm(Timer::A), Do::Arm(Timer::B)])
        }
        (State::Calling, Input::Fired(Timer::A)) => step(State::Calling, &[Do::SendRequest, Do::ArmAgain(Timer::A)]),
        (State::Calling, Input::Fired(Timer::B)) => step(State::Terminated, &[Do::Disarm(Timer::A), Do::TellTimeout]),
        (State::Calling, Input::TransportError) => {
            step(State::Terminated, &[Do::Disarm(Timer::A), Do::Disarm(Timer::B), Do::TellTransportError])
        }
        (State::Calling, Input::Provisional) => {
            step(State::Proceeding, &[Do::Disarm(Timer::A), Do::Disarm(Timer::B), Do::PassResponse])
        }
        (State::Proceeding, Input::Provisional) => step(State::Proceeding, &[Do::PassResponse]),

        // RFC 3261 section 9.1: "if there is no final response … in 64*T1 seconds … the client SHOULD then consider the original transaction
        // cancelled and SHOULD destroy the client transaction". A CANCEL is sent after a provisional response only, so never in Calling.
        (State::Proceeding, Input::CancelSent) => step(State::Proceeding, &[Do::Arm(Timer::Cancelled)]),
        (State::Proceeding, Input::Fired(Timer::Cancelled)) => step(State::Terminated, &[Do::TellTimeout]),

        // RFC 3261 section 17.1.1.2: "The client transaction MUST start timer D … at least 32 seconds for unreliable transports, and a value of
        // zero seconds for reliable transports".
        (State::Calling | State::Proceeding, Input::Failure) if reliable => step(
            State::Terminated,
            &[Do::Disarm(Timer::A), Do::Disarm(Timer::B), Do::Disarm(Timer::Cancelled), Do::SendAck, Do::PassResponse],
        ),
        (State::Calling | State::Proceeding, Input::Failure) => step(
            State::Completed,
            &[
                Do::Disarm(Timer::A),
                Do::Disarm(Timer::B),
                Do::Disarm(Timer::Cancelled),
                Do::SendAck,
                Do::Arm(Timer::D),
                Do::PassResponse,
            ],
        ),
        (State::Completed, Input::Failure) => step(State::Completed, &[Do::SendAck]),
        (State::Completed, Input::TransportError) => {
            step(State::Terminated, &[Do::Disarm(Timer::D), Do::TellTransportError])
        }
        (State::Completed, Input::Fired(Timer::D)) => quiet(State::Terminated),

        // RFC 6026 section 7.2: a 2xx leads to Accepted on every transport; timer M is 64*T1 on every transport.
        (State::Calling | State::Proceeding, Input::Success) => step(
            State::Accepted,
            &[
                Do::Disarm(Timer::A),
                Do::Disarm(Timer::B),
                Do::Disarm(Timer::Cancelled),
                Do::Arm(Timer::M),
                Do::PassResponse,
            ],
        ),
        // RFC 6026 section 7.2: "if the client transaction receives a 2xx in Accepted, it is passed to the TU, which sends the ACK".
        (State::Accepted, Input::Success) => step(State::Accepted, &[Do::PassResponse]),
        (State::Accepted, Input::Fired(Timer::M)) => quiet(State::Terminated),

        // Late or repeated provisionals, a final of the other kind after the first, timers that raced with a response.
        (
            State::Calling | State::Proceeding | State::Completed | State::Accepted | State::Terminated,
            Input::Start
            | Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::CancelSent
            | Input::Fired(_)
            | Input::TransportError,
        ) => quiet(state),
    }
}
