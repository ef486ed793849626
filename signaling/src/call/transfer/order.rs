//! Transfers by order: of a feature that reads keys, or of the API.

use super::{
    Call, Office,
    machine::{Input, State},
};
use crate::effect::Refusal;

/// What a feature or the API orders of a transfer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Order {
    /// The leg `by` will dial a number; meanwhile the other party waits.
    Begin {
        /// The transferor's leg.
        by: u16,
        /// It wants to talk with the target first.
        consult: bool,
    },
    /// This number was dialled.
    Dial(String),
    /// None was dialled.
    GiveUpDialling,
    /// The transferee gets the target.
    Complete,
    /// The transferor gets the transferee back.
    Abort,
    /// All three talk.
    Join,
}

/// How a number is dialled for a transfer that the API orders.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialling {
    /// The transferee is handed over at once.
    Blind,
    /// The transferor talks with the target first.
    Consult,
}

impl Call {
    /// Carries out an order of a feature. One that cannot be carried out changes nothing.
    pub(in crate::call) fn obey(&mut self, office: &mut Office<'_>, order: Order) {
        match order {
            Order::Begin { by, consult } => {
                let Ok(of) = self.may_transfer(by) else {
                    return self.happened_anyway(super::super::Happening::TransferOver);
                };
                let state = if consult { State::DiallingConsult } else { State::DiallingBlind };
                self.begin_transfer(office, (by, of), state, !consult, "");
                self.update_hearing(office);
            }
            Order::Dial(to) => {
                let settings = std::sync::Arc::clone(&self.settings);
                let Some(transfer) = &mut self.transfer else { return };
                transfer.to = to.as_str().into();
                let by = transfer.by;
                let requester = self.leg(by).map(|leg| leg.party.clone()).unwrap_or_default();
                let leads = self.may_ring(office, &settings, &requester, &to).is_ok();
                self.step(office, if leads { Input::Dialled } else { Input::NotDialled });
            }
            Order::GiveUpDialling => self.step(office, Input::NotDialled),
            Order::Complete => self.step(office, Input::Complete),
            Order::Abort => self.step(office, Input::Abort),
            Order::Join => self.step(office, Input::Join),
        }
    }

    /// The party with this number transfers the other one to `to`; without a number the one that was called does, else the caller.
    ///
    /// # Errors
    /// Why nothing was begun.
    pub(crate) fn transfer_to(
        &mut self,
        office: &mut Office<'_>,
        by: Option<&str>,
        to: &str,
        dialling: Dialling,
    ) -> Result<(), Refusal> {
        let settings = std::sync::Arc::clone(&self.settings);
        let callee = match self.partner {
            super::Partner::Leg(callee) => Some(callee),
            super::Partner::None | super::Partner::Device(_) => None,
        };
        let parties = [callee, Some(self.caller)];
        let mut candidates = parties
            .into_iter()
            .flatten()
            .filter(|number| by.is_none_or(|by| self.leg(*number).is_some_and(|leg| *leg.party == *by)));
        let by = candidates.find(|number| self.may_transfer(*number).is_ok()).ok_or(Refusal::Conflict)?;
        let of = self.may_transfer(by).map_err(|_| Refusal::Conflict)?;
        let requester = self.leg(by).map(|leg| leg.party.clone()).unwrap_or_default();
        match self.may_ring(office, &settings, &requester, to) {
            Ok(_) => {}
            Err(480) => return Err(Refusal::NotRegistered),
            Err(486) => return Err(Refusal::Busy),
            Err(_) => return Err(Refusal::UnknownDestination),
        }
        let state = match dialling {
            Dialling::Blind => State::DiallingBlind,
            Dialling::Consult => State::DiallingConsult,
        };
        self.begin_transfer(office, (by, of), state, dialling == Dialling::Blind, to);
        self.step(office, Input::Dialled);
        Ok(())
    }

    /// Completes the transfer, or gives it up.
    ///
    /// # Errors
    /// There is none under way.
    pub(crate) fn conclude_transfer(&mut self, office: &mut Office<'_>, complete: bool) -> Result<(), Refusal> {
        if self.transfer.is_none() {
            return Err(Refusal::Conflict);
        }
        self.step(office, if complete { Input::Complete } else { Input::Abort });
        Ok(())
    }
}
