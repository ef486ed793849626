//! What a feature may order and what it is told. A feature sees parties, devices and answers, never a SIP header.

use super::Order;
use contract::{Device, Digit};
use core::time::Duration;

/// An order of a feature to its call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Let the caller hear and be heard by a device.
    Join(Device),
    /// Answer the caller's call.
    Answer,
    /// End the call.
    HangUp,
    /// Tell the feature after this time, in place of the time it waits for.
    Wait(Duration),
    /// Transfer a party.
    Transfer(Order),
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
    /// A key was pressed by a party that may transfer the other.
    Pressed {
        /// Its leg.
        by: u16,
        /// The key.
        digit: Digit,
        /// A transfer of its is under way.
        transferring: bool,
    },
    /// The time to wait is over.
    Waited,
    /// A transfer is over, or could not begin.
    TransferOver,
    /// The call is over.
    Over,
}
