//! The echo test: the caller hears himself, so that a single person can hear that everything works.

use super::Actions;
use crate::call::{Action, Happening};
use contract::Device;

/// The echo test of one call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Echo {
    /// The caller's ports are not open yet.
    #[default]
    Waiting,
    /// The caller was answered and hears himself.
    Echoing,
    /// The call is over.
    Over,
}

impl Echo {
    /// What the echo test makes of what happened.
    #[must_use]
    pub fn handle(&mut self, happening: Happening) -> Actions {
        match (*self, happening) {
            (Self::Waiting, Happening::Reached) => {
                *self = Self::Echoing;
                [Action::Join(Device::Echo), Action::Answer].into_iter().collect()
            }
            (_, Happening::Over) => {
                *self = Self::Over;
                Actions::new()
            }
            (
                Self::Waiting | Self::Echoing | Self::Over,
                Happening::Reached
                | Happening::Answered
                | Happening::Summoned
                | Happening::Pressed { .. }
                | Happening::Waited
                | Happening::TransferOver,
            ) => Actions::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_answers_once_as_soon_as_the_caller_can_be_heard() {
        let mut echo = Echo::default();
        let actions = echo.handle(Happening::Reached);
        assert_eq!(actions.as_slice(), [Action::Join(Device::Echo), Action::Answer]);
        for happening in [Happening::Answered, Happening::Reached, Happening::Over, Happening::Reached] {
            assert!(echo.handle(happening).is_empty(), "{happening:?}");
        }
        assert_eq!(echo, Echo::Over);
    }
}
