//! Transfers by keys (CALL-09): a party in a call presses a code and dials a number.
//!
//! `features.codes.blind_transfer` hands the other party over to that number at once; `attended_transfer` lets the one who pressed it talk with the number
//! first. Then the same code again completes the transfer, `transfer_abort` takes the other party back, `transfer_three_way` lets all three talk, and to hang up
//! completes it too. Which legs may do so is the call's matter; how a key came, nobody's here.

use super::Actions;
use crate::{
    call::{Action, Happening, Order},
    limits::DIALLED_BY_KEYS_MAX,
    settings::Codes,
};
use contract::Digit;
use core::time::Duration;

/// Between two keys of one code.
const CODE_WAIT: Duration = Duration::from_millis(1_000);

/// From the code to the first key of a number.
const NUMBER_WAIT: Duration = Duration::from_secs(10);

/// After a key of a number; then it is complete.
const DIGIT_WAIT: Duration = Duration::from_secs(3);

/// The keys of one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keys {
    codes: Box<KeyCodes>,
    mode: Mode,
}

/// The codes that mean something.
#[derive(Clone, Debug, Eq, PartialEq)]
struct KeyCodes([(Option<String>, Code); 4]);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Code {
    Blind,
    Consult,
    Abort,
    Join,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Mode {
    /// Nothing was pressed that could be a code.
    #[default]
    Idle,
    /// The beginning of a code.
    Code { by: u16, typed: String, transferring: bool },
    /// The digits of a number so far.
    Number { by: u16, typed: String },
}

/// What the keys pressed so far are.
enum Match {
    Whole(Code),
    /// The beginning of a code, or a code that may go on.
    Part,
    Nothing,
}

impl KeyCodes {
    fn look(&self, typed: &str) -> Match {
        let codes = || self.0.iter().filter_map(|(text, code)| Some((text.as_deref()?, *code)));
        let whole = codes().find(|(text, _)| *text == typed);
        let longer = codes().any(|(text, _)| text.len() > typed.len() && text.starts_with(typed));
        match whole {
            Some((_, code)) if !longer => Match::Whole(code),
            Some(_) => Match::Part,
            None if longer => Match::Part,
            None => Match::Nothing,
        }
    }

    /// The code that is just this.
    fn exact(&self, typed: &str) -> Option<Code> {
        self.0.iter().find(|(text, _)| text.as_deref() == Some(typed)).map(|(_, code)| *code)
    }
}

impl Keys {
    /// Nothing was pressed yet.
    #[must_use]
    pub fn new(codes: &Codes) -> Self {
        let codes = [
            (codes.blind_transfer.clone(), Code::Blind),
            (codes.attended_transfer.clone(), Code::Consult),
            (codes.transfer_abort.clone(), Code::Abort),
            (codes.transfer_three_way.clone(), Code::Join),
        ];
        Self { codes: Box::new(KeyCodes(codes)), mode: Mode::Idle }
    }

    /// What the keys make of what happened.
    #[must_use]
    pub fn handle(&mut self, happening: Happening) -> Actions {
        match happening {
            Happening::Pressed { by, digit, transferring } => self.pressed(by, digit, transferring),
            Happening::Waited => self.waited(),
            Happening::TransferOver | Happening::Over => {
                self.mode = Mode::Idle;
                Actions::new()
            }
            Happening::Summoned | Happening::Reached | Happening::Answered => Actions::new(),
        }
    }

    fn pressed(&mut self, by: u16, digit: Digit, transferring: bool) -> Actions {
        match core::mem::take(&mut self.mode) {
            Mode::Number { by: dials, mut typed } if dials == by => {
                if digit.sign() == '#' {
                    return self.dialled(typed);
                }
                typed.push(digit.sign());
                if typed.len() >= DIALLED_BY_KEYS_MAX {
                    return self.dialled(typed);
                }
                self.mode = Mode::Number { by, typed };
                one(Action::Wait(DIGIT_WAIT))
            }
            // The other party's keys are not meant for us.
            number @ Mode::Number { .. } => {
                self.mode = number;
                Actions::new()
            }
            Mode::Code { by: before, mut typed, .. } if before == by => {
                typed.push(digit.sign());
                self.look(by, typed, transferring)
            }
            Mode::Idle | Mode::Code { .. } => self.look(by, digit.sign().into(), transferring),
        }
    }

    fn look(&mut self, by: u16, typed: String, transferring: bool) -> Actions {
        match self.codes.look(&typed) {
            Match::Whole(code) => self.begin(by, code, transferring),
            Match::Part => {
                self.mode = Mode::Code { by, typed, transferring };
                one(Action::Wait(CODE_WAIT))
            }
            Match::Nothing => Actions::new(),
        }
    }

    fn begin(&mut self, by: u16, code: Code, transferring: bool) -> Actions {
        let order = match (code, transferring) {
            (Code::Blind, false) => Order::Begin { by, consult: false },
            (Code::Consult, false) => Order::Begin { by, consult: true },
            (Code::Consult, true) => return one(Action::Transfer(Order::Complete)),
            (Code::Abort, true) => return one(Action::Transfer(Order::Abort)),
            (Code::Join, true) => return one(Action::Transfer(Order::Join)),
            (Code::Blind, true) | (Code::Abort | Code::Join, false) => return Actions::new(),
        };
        self.mode = Mode::Number { by, typed: String::new() };
        // The wait first: if it cannot begin, that is told after it.
        [Action::Wait(NUMBER_WAIT), Action::Transfer(order)].into_iter().collect()
    }

    fn waited(&mut self) -> Actions {
        match core::mem::take(&mut self.mode) {
            Mode::Idle => Actions::new(),
            // A code that might have gone on.
            Mode::Code { by, typed, transferring } => match self.codes.exact(&typed) {
                Some(code) => self.begin(by, code, transferring),
                None => Actions::new(),
            },
            Mode::Number { typed, .. } => self.dialled(typed),
        }
    }

    fn dialled(&mut self, typed: String) -> Actions {
        one(Action::Transfer(if typed.is_empty() { Order::GiveUpDialling } else { Order::Dial(typed) }))
    }
}

fn one(action: Action) -> Actions {
    [action].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let some = |code: &str| Some(code.to_owned());
        Keys::new(&Codes {
            echo: some("*43"),
            blind_transfer: some("#"),
            attended_transfer: some("*2"),
            transfer_abort: some("*0"),
            transfer_three_way: some("*3"),
        })
    }

    fn press(keys: &mut Keys, by: u16, signs: &str, transferring: bool) -> Vec<Action> {
        let digits = signs.chars().map(|sign| Digit::from_char(sign).expect("a key"));
        digits.flat_map(|digit| keys.handle(Happening::Pressed { by, digit, transferring })).collect()
    }

    fn orders(actions: Vec<Action>) -> Vec<Order> {
        let order = |action| if let Action::Transfer(order) = action { Some(order) } else { None };
        actions.into_iter().filter_map(order).collect()
    }

    #[test]
    fn a_code_and_a_number_are_a_transfer() {
        for (code, consult) in [("#", false), ("*2", true)] {
            let mut keys = keys();
            let mut orders_given = orders(press(&mut keys, 1, code, false));
            orders_given.extend(orders(press(&mut keys, 1, "1003#", true)));
            assert_eq!(orders_given, [Order::Begin { by: 1, consult }, Order::Dial("1003".into())], "{code}");
        }
    }

    #[test]
    fn a_number_is_complete_after_a_pause() {
        let mut keys = keys();
        press(&mut keys, 0, "#*98", false);
        assert_eq!(orders(keys.handle(Happening::Waited).into_vec()), [Order::Dial("*98".into())]);
        press(&mut keys, 0, "#", false);
        assert_eq!(orders(keys.handle(Happening::Waited).into_vec()), [Order::GiveUpDialling]);
        assert!(keys.handle(Happening::Waited).is_empty(), "a wait that is over means nothing");
    }

    #[test]
    fn codes_within_a_transfer_mean_something_else() {
        for (code, order) in [("*2", Order::Complete), ("*0", Order::Abort), ("*3", Order::Join)] {
            assert_eq!(orders(press(&mut keys(), 0, code, true)), [order], "{code}");
        }
        assert_eq!(orders(press(&mut keys(), 0, "#", true)), []);
        assert_eq!(orders(press(&mut keys(), 0, "*0*3", false)), []);
    }

    #[test]
    fn other_keys_and_half_codes_mean_nothing() {
        let mut keys = keys();
        assert_eq!(orders(press(&mut keys, 0, "123*7", false)), []);
        press(&mut keys, 0, "*", false);
        assert!(keys.handle(Happening::Waited).is_empty());
        // The first key of one party and the second of another are no code.
        press(&mut keys, 0, "*", false);
        assert_eq!(orders(press(&mut keys, 1, "2", false)), []);
    }

    #[test]
    fn only_who_dials_is_read_while_it_dials() {
        let mut keys = keys();
        press(&mut keys, 1, "#", false);
        assert!(press(&mut keys, 0, "9#", true).is_empty());
        assert_eq!(orders(press(&mut keys, 1, "1003#", true)), [Order::Dial("1003".into())]);
    }

    #[test]
    fn a_number_has_an_end() {
        let mut keys = keys();
        press(&mut keys, 0, "#", false);
        let given = orders(press(&mut keys, 0, &"1".repeat(DIALLED_BY_KEYS_MAX), true));
        assert_eq!(given, [Order::Dial("1".repeat(DIALLED_BY_KEYS_MAX))]);
    }
}
