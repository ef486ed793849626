//! Features: machines over parties and devices that answer what happens in their call with [`Action`]s.
//!
//! A feature sees that its caller can be answered, was answered, or is gone; it never sees a SIP header, a session description or a socket. The exchange
//! (`pbx`) tells it and carries its actions to the call.

mod echo;
mod transfer;

pub use echo::Echo;
pub use transfer::Keys;

use crate::call::{Action, Happening};
use smallvec::SmallVec;

/// What a feature wants done, in order.
pub type Actions = SmallVec<[Action; 2]>;

/// A running feature of one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Feature {
    /// The echo test.
    Echo(Echo),
    /// Keys of parties that talk.
    Keys(Keys),
}

impl Feature {
    /// What the feature makes of what happened.
    #[must_use]
    pub fn handle(&mut self, happening: Happening) -> Actions {
        match self {
            Self::Echo(echo) => echo.handle(happening),
            Self::Keys(keys) => keys.handle(happening),
        }
    }
}
