//! The non-INVITE server transaction: RFC 3261 section 17.2.2 (figure 8).

use super::{Do, Step, Timer, quiet, step};

/// States of figure 8.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the RFC's own names")]
pub enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

impl State {
    /// All, in the order of the figure.
    pub const ALL: [Self; 4] = [Self::Trying, Self::Proceeding, Self::Completed, Self::Terminated];
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Input {
    /// The request came again.
    Request,
    /// The transaction user answers 100 to 199.
    Provisional,
    /// The transaction user answers 200 to 699.
    Final,
    /// A timer fired.
    Fired(Timer),
    /// The transport could not send.
    TransportError,
}

impl Input {
    /// All that this machine knows.
    pub const ALL: [Self; 5] =
        [Self::Request, Self::Provisional, Self::Final, Self::Fired(Timer::J), Self::TransportError];
}

/// One step. `reliable`: the request came by a transport that does not lose.
#[must_use]
pub fn next(state: State, input: Input, reliable: bool) -> Step<State> {
    match (state, input) {
        // RFC 3261 section 17.2.2: "Once in the Trying state, any further request retransmissions are discarded".
        (State::Trying | State::Proceeding, Input::Provisional) => step(State::Proceeding, &[Do::SendResponse]),
        // RFC 3261 section 17.2.2: timer J is 64*T1 on unreliable transports and zero on reliable ones.
        (State::Trying | State::Proceeding, Input::Final) if reliable => step(State::Terminated, &[Do::SendResponse]),
        (State::Trying | State::Proceeding, Input::Final) => {
            step(State::Completed, &[Do::SendResponse, Do::Arm(Timer::J)])
        }
        (State::Proceeding | State::Completed, Input::Request) => step(state, &[Do::ResendResponse]),
        (State::Proceeding, Input::TransportError) => step(State::Terminated, &[Do::TellTransportError]),
        (State::Completed, Input::TransportError) => {
            step(State::Terminated, &[Do::Disarm(Timer::J), Do::TellTransportError])
        }
        (State::Completed, Input::Fired(Timer::J)) => quiet(State::Terminated),

        // RFC 3261 section 17.2.2: "Any other final responses passed by the TU to the server transaction MUST be discarded while in the Completed
        // state".
        (
            State::Trying | State::Proceeding | State::Completed | State::Terminated,
            Input::Request | Input::Provisional | Input::Final | Input::Fired(_) | Input::TransportError,
        ) => quiet(state),
    }
}
