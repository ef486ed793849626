//! Features: machines over parties and devices that answer what happens in their call with [`Action`]s.
//!
//! A feature sees that its caller can be answered, was answered, or is gone; it never sees a SIP header, a session description or a socket. The exchange
//! (`pbx`) tells it and carries its actions to the call.

mod echo;

pub use echo::Echo;

use crate::call::{Action, Happening};
use smallvec::SmallVec;

/// What a feature wants done, in order.
pub type Actions = SmallVec<[Action; 2]>;

/// A running feature of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Feature {
    /// The echo test.
    Echo(Echo),
}

impl Feature {
    /// What the feature makes of what happened.
    #[must_use]
    pub fn handle(&mut self, happening: Happening) -> Actions {
        match self {
            Self::Echo(echo) => echo.handle(happening),
        }
    }
}
