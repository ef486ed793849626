//! What a feature may order and what it is told. A feature sees parties, devices and answers, never a SIP header.

use contract::Device;

/// An order of a feature to its call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Let the caller hear and be heard by a device.
    Join(Device),
    /// Answer the caller's call.
    Answer,
    /// End the call.
    HangUp,
}

/// What happened in a feature's call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Happening {
    /// The phone of an account that is to call has answered; the number it wants is to be routed now.
    Summoned,
    /// The caller can be answered: its ports are open.
    Reached,
    /// The caller's side is answered and acknowledged.
    Answered,
    /// The call is over.
    Over,
}
