//! The non-INVITE client transaction: RFC 3261 section 17.1.2 (figure 6).

use super::{Do, Step, Timer, quiet, step};

/// States of figure 6.
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
    /// The transaction user made it. Only meaningful in Trying.
    Start,
    /// A response 100 to 199.
    Provisional,
    /// A response 200 to 699.
    Final,
    /// A timer fired.
    Fired(Timer),
    /// The transport could not send, or the stream the request went by is gone.
    TransportError,
}

impl Input {
    /// All that this machine knows.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::Provisional,
        Self::Final,
        Self::Fired(Timer::E),
        Self::Fired(Timer::F),
        Self::Fired(Timer::K),
        Self::TransportError,
    ];
}

/// One step. `reliable`: the request went by a transport that does not lose.
#[must_use]
pub fn next(state: State, input: Input, reliable: bool) -> Step<State> {
    match (state, input) {
        // RFC 3261 section 17.1.2.2: timer F on every transport, timer E on unreliable ones.
        (State::Trying, Input::Start) if reliable => step(State::Trying, &[Do::SendRequest, Do::Arm(Timer::F)]),
        (State::Trying, Input::Start) => step(State::Trying, &[Do::SendRequest, Do::Arm(Timer::E), Do::Arm(Timer::F)]),
        (State::Trying, Input::Fired(Timer::E)) => step(State::Trying, &[Do::SendRequest, Do::ArmAgain(Timer::E)]),
        // RFC 3261 section 17.1.2.2: "If timer E fires while in the Proceeding state … timer E MUST be reset with a value of T2 seconds".
        (State::Proceeding, Input::Fired(Timer::E)) => {
            step(State::Proceeding, &[Do::SendRequest, Do::ArmSlow(Timer::E)])
        }
        (State::Trying | State::Proceeding, Input::Fired(Timer::F)) => {
            step(State::Terminated, &[Do::Disarm(Timer::E), Do::TellTimeout])
        }
        (State::Trying | State::Proceeding, Input::TransportError) => {
            step(State::Terminated, &[Do::Disarm(Timer::E), Do::Disarm(Timer::F), Do::TellTransportError])
        }
        (State::Trying | State::Proceeding, Input::Provisional) => step(State::Proceeding, &[Do::PassResponse]),

        // RFC 3261 section 17.1.2.2: timer K is T4 on unreliable transports and zero on reliable ones.
        (State::Trying | State::Proceeding, Input::Final) if reliable => {
            step(State::Terminated, &[Do::Disarm(Timer::E), Do::Disarm(Timer::F), Do::PassResponse])
        }
        (State::Trying | State::Proceeding, Input::Final) => {
            step(State::Completed, &[Do::Disarm(Timer::E), Do::Disarm(Timer::F), Do::Arm(Timer::K), Do::PassResponse])
        }
        (State::Completed, Input::Fired(Timer::K)) => quiet(State::Terminated),

        // Repeated responses are absorbed; timers that raced with a response find nothing to do.
        (
            State::Trying | State::Proceeding | State::Completed | State::Terminated,
            Input::Start | Input::Provisional | Input::Final | Input::Fired(_) | Input::TransportError,
        ) => quiet(state),
    }
}
