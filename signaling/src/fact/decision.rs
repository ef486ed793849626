//! What was decided about a call, so that its trace can say why it went as it did.
//!
//! Told only when somebody asks for it ([`crate::pbx::Pbx::tell_decisions`]). A decision holds what it was made from; the words are made by who
//! writes it down, away from the signaling thread.

use super::HangupCause;
use crate::{id::CallId, settings::Settings, wall::WallTime};
use core::fmt;
use std::sync::Arc;

/// One decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// About which call.
    pub call: CallId,
    /// About which leg, by its number; `None`: about the whole.
    pub leg: Option<u16>,
    /// What was decided.
    pub choice: Choice,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A leg's dialog begins: the party's INVITE was taken, or ours goes out now.
    LegBegan(LegBeginning),
    /// The number was looked up in the rules. They are at hand, so that the same question can be explained later.
    Routed {
        /// The rules that held.
        rules: Rules,
        /// The trunk that the call came by.
        trunk: Option<String>,
        /// The caller.
        from: String,
        /// What was dialled.
        dialled: String,
        /// When, on the wall.
        at: WallTime,
    },
    /// An account that was not reached leads the call on.
    LedOn {
        /// The account.
        account: String,
        /// Why it was not reached, as in its configuration.
        obstacle: &'static str,
        /// Where to, in words.
        leads: String,
    },
    /// A phone sent the call elsewhere.
    Redirected {
        /// Where to.
        contact: String,
    },
    /// A trunk is not asked although the route names it.
    TrunkPassedOver {
        /// Its name.
        trunk: String,
        /// The status that stands for the reason: 488 no common codec, 503 full or not to be found.
        status: u16,
    },
    /// A trunk failed before anything rang, so that another is worth a try.
    TrunkFailed {
        /// Its status; 408 when it said nothing.
        status: u16,
    },
    /// A transfer begins, or goes on.
    Transfer {
        /// The number that is to get the other party.
        to: String,
        /// What is done, in words.
        what: &'static str,
    },
    /// A leg answered first: it is joined with the caller.
    Answered,
    /// A leg that has not answered is given up: another answered, or the call ends or leads on.
    GivenUp,
    /// A leg is over before it answered; 0: for a limit of ours.
    LegOver {
        /// Its status.
        status: u16,
    },
    /// The call ends.
    Ended {
        /// Who or what ended it.
        cause: HangupCause,
        /// What a caller who is not answered is told.
        status: Option<u16>,
        /// The leg that hung up.
        by: Option<u16>,
    },
}

/// How a leg begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LegBeginning {
    /// Call-ID of its dialog, by which its messages are known.
    pub call_id: String,
    /// The party's number.
    pub party: String,
    /// The trunk; empty: none.
    pub trunk: String,
    /// Where it is reached, or where it called from.
    pub contact: String,
    /// Requests go to where it was seen instead of its Contact (NAT).
    pub behind_nat: bool,
    /// It called us, and was not called.
    pub calls: bool,
}

/// Rules that held when a decision was made. They may hold secrets and do not print themselves.
#[derive(Clone)]
pub struct Rules(pub Arc<Settings>);

impl PartialEq for Rules {
    /// Whether they are the same ones; those that only read alike are not.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rules(…)")
    }
}
