//! The call follows its plan, and leads on when the callee is busy, away or silent and its account says where (CALL-10).
//!
//! Where it leads is `routing`'s matter; here the phones that rang in vain are let go and the next ones asked, while the caller goes on waiting. A forwarding
//! that leads nowhere changes nothing but what the refusal says of its reason.

use super::{Call, Office, Phase};
use crate::{
    fact::{Choice, HangupCause},
    routing::{self, Obstacle, Origin, Plan, Refusal, Request, Target},
};
use std::sync::Arc;

impl Call {
    /// Sends the call where its plan says.
    pub(crate) fn lead(&mut self, office: &mut Office<'_>, plan: &Plan<'_>) {
        let known = self.diverted.len();
        self.diverted.extend(plan.diverted.iter().skip(known).map(|number| Box::from(*number)));
        match &plan.target {
            Target::Extension(account) => self.dial(office, &account.number),
            Target::Trunks(plan) => self.dial_out(office, plan),
            // The echo test is begun by who drives the call; one that was led there finds nobody.
            Target::Echo | Target::NotBuilt(_) | Target::Nowhere | Target::Refused(_) => {
                let nobody = (480, None, HangupCause::Unreachable);
                let (status, warning, cause) = plan.target.refusal().unwrap_or(nobody);
                self.warning = warning;
                self.refuse(office, status, cause);
            }
        }
    }

    /// Who wishes the call, as routing is asked.
    pub(crate) fn origin(&self) -> Origin<'_> {
        match self.caller_leg().and_then(|leg| leg.trunk.as_ref()) {
            Some(trunk) => Origin::Trunk { name: &trunk.name, caller: &self.from },
            None => Origin::Account(&self.from),
        }
    }

    /// Leads the call on when the phones that ring are not reached. `false`: no account's phones ring, it does not say where, or that leads nowhere.
    pub(super) fn divert_from_phones(&mut self, office: &mut Office<'_>, obstacle: Obstacle) -> bool {
        self.callee.clone().is_some_and(|callee| self.divert(office, &callee, obstacle))
    }

    /// Leads the call on from the account `callee`. `false`: the account does not say where, or that leads nowhere.
    pub(super) fn divert(&mut self, office: &mut Office<'_>, callee: &str, obstacle: Obstacle) -> bool {
        if !matches!(self.phase, Phase::Dialling { .. }) {
            return false;
        }
        let settings = Arc::clone(&self.settings);
        let request = Request { origin: self.origin(), dialled: &self.to, at: office.wall };
        let before: Vec<&str> = self.diverted.iter().map(|number| &**number).collect();
        let Some(plan) = routing::divert(&settings, &request, callee, obstacle, &before) else { return false };
        if let Some((_, warning, _)) = plan.target.refusal()
            && !matches!(plan.target, Target::Refused(Refusal::Declined))
        {
            self.warning = warning;
            return false;
        }
        office.decided(self.id, None, || Choice::LedOn {
            account: callee.to_owned(),
            obstacle: obstacle.name(),
            leads: routing::words(&plan.target),
        });
        self.let_phones_go(office);
        // RFC 3261 section 21.1.3.
        self.tell_progress(office, 181, None);
        self.lead(office, &plan);
        true
    }

    /// Gives up the phones that ring; their account is not in the call any more.
    fn let_phones_go(&mut self, office: &mut Office<'_>) {
        self.give_up_all(office);
        self.first_branch = u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        let heard = matches!(self.phase, Phase::Dialling { early: Some(_), .. });
        self.phase = Phase::Dialling { early: None, told: None };
        if heard {
            self.update_hearing(office);
        }
        // Who calls himself is counted twice, and stays counted as the caller.
        if let Some(callee) = self.callee.take()
            && let Some(at) = self.counted.iter().rposition(|number| *number == callee)
        {
            self.counted.remove(at);
            office.books.leave(&callee);
        }
    }
}
