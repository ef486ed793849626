//! The four machines of RFC 3261 section 17, with the corrections of RFC 6026, as pure functions: (state, input, kind of transport) → (state,
//! what to do). They know no message, no clock and no socket; [`super::Stack`] carries out what they say.
//!
//! States, inputs and timers bear the RFC's names. The whole table of each machine is written out under `tests/golden/` and compared in
//! `tests/transition_tables.rs`, so that a change of one arrow shows as one changed line.

pub mod client_invite;
pub mod client_other;
pub mod server_invite;
pub mod server_other;

use core::time::Duration;

/// RFC 3261 section 17.1.1.1: an estimate of the round-trip time.
pub const T1: Duration = Duration::from_millis(500);

/// RFC 3261 section 17.1.2.2: the longest time between two retransmissions of a non-INVITE request and of an INVITE's response.
pub const T2: Duration = Duration::from_secs(4);

/// RFC 3261 section 17.1.2.2: the longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);

/// 64*T1: the length of a transaction for timers B, F, H, J, L and M.
pub const TRANSACTION_LENGTH: Duration = Duration::from_millis(64 * 500);
const _: () = assert!(TRANSACTION_LENGTH.as_millis() == 64 * T1.as_millis(), "64*T1");

/// The timers of RFC 3261 table 4 and RFC 6026 section 7, and one of RFC 3261 section 9.1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Timer {
    /// INVITE request is sent again.
    A,
    /// INVITE had no answer.
    B,
    /// Repeated finals of an INVITE are still acknowledged.
    D,
    /// Non-INVITE request is sent again.
    E,
    /// Non-INVITE had no final answer.
    F,
    /// Final response to INVITE is sent again.
    G,
    /// No ACK came.
    H,
    /// Repeated ACKs are still absorbed.
    I,
    /// Repeated non-INVITE requests are still answered.
    J,
    /// Repeated non-INVITE responses are still absorbed.
    K,
    /// Repeated INVITEs are still absorbed after a 2xx (RFC 6026).
    L,
    /// 2xx of other branches and repeated ones are still passed up (RFC 6026).
    M,
    /// A cancelled INVITE had no final answer (RFC 3261 section 9.1). The RFC gives it no letter.
    Cancelled,
}

impl Timer {
    /// How long it runs when it is armed for the first time, RFC 3261 table 4. Timers with the value 0 on reliable transports are not armed
    /// there at all: the machines go on at once.
    #[must_use]
    pub const fn first(self) -> Duration {
        match self {
            Self::A | Self::E | Self::G => T1,
            Self::B | Self::D | Self::F | Self::H | Self::J | Self::L | Self::M | Self::Cancelled => TRANSACTION_LENGTH,
            Self::I | Self::K => T4,
        }
    }

    /// How long it runs when it is armed the `repeat`-th time again (1 is the first repetition).
    ///
    /// Timer A doubles without end (RFC 3261 section 17.1.1.2; timer B ends it), E and G double up to T2 (sections 17.1.2.2 and 17.2.1).
    #[must_use]
    pub fn again(self, repeat: u8) -> Duration {
        let doubled = T1 * (1 << repeat.min(6));
        match self {
            Self::A => doubled,
            Self::E | Self::G => doubled.min(T2),
            Self::B
            | Self::D
            | Self::F
            | Self::H
            | Self::I
            | Self::J
            | Self::K
            | Self::L
            | Self::M
            | Self::Cancelled => self.first(),
        }
    }

    /// Whether it makes the transaction send again rather than end.
    #[must_use]
    pub const fn is_retransmission(self) -> bool {
        match self {
            Self::A | Self::E | Self::G => true,
            Self::B
            | Self::D
            | Self::F
            | Self::H
            | Self::I
            | Self::J
            | Self::K
            | Self::L
            | Self::M
            | Self::Cancelled => false,
        }
    }
}

/// One thing a machine wants done, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Do {
    /// Send the request, again if it was sent before.
    SendRequest,
    /// Send the ACK for this final response (client INVITE).
    SendAck,
    /// Send the response that the transaction user gave just now, and keep it.
    SendResponse,
    /// Send the last response again.
    ResendResponse,
    /// Pass the response to the transaction user.
    PassResponse,
    /// Pass the ACK to the transaction user.
    PassAck,
    /// Tell the transaction user that no answer came in time.
    TellTimeout,
    /// Tell the transaction user that the transport failed.
    TellTransportError,
    /// Tell the transaction user that no ACK came.
    TellUnacknowledged,
    /// Arm this timer for its first length.
    Arm(Timer),
    /// Arm this timer again for its next length.
    ArmAgain(Timer),
    /// Arm this timer for T2 from now on (timer E in Proceeding).
    ArmSlow(Timer),
    /// Disarm this timer if it is armed.
    Disarm(Timer),
}

/// What becomes of one input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step<S> {
    /// The state from now on.
    pub state: S,
    /// What to do, in order.
    pub effects: &'static [Do],
}

/// A step without effects.
const fn quiet<S>(state: S) -> Step<S> {
    Step { state, effects: &[] }
}

/// A step with effects.
const fn step<S>(state: S, effects: &'static [Do]) -> Step<S> {
    Step { state, effects }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retransmissions_double_and_e_and_g_stop_at_t2() {
        let lengths =
            |timer: Timer| (0..8).map(|n| if n == 0 { timer.first() } else { timer.again(n) }).collect::<Vec<_>>();
        let ms = |values: [u64; 8]| values.map(Duration::from_millis).to_vec();
        assert_eq!(lengths(Timer::A), ms([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000]));
        assert_eq!(lengths(Timer::E), ms([500, 1000, 2000, 4000, 4000, 4000, 4000, 4000]));
        assert_eq!(lengths(Timer::G), ms([500, 1000, 2000, 4000, 4000, 4000, 4000, 4000]));
    }
}
