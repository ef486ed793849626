//! The timers of calls. Each call has at most one of each kind, and none is left when it is over.

use crate::{id::CallId, wheel::TimerId};

/// What a call waits for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Alarm {
    /// The callee's phones shall have answered.
    Ring,
    /// The trunk that is tried shall have shown itself.
    Trunk,
    /// The answered call has its greatest length.
    Length,
    /// Our 2xx is sent again, RFC 3261 section 13.3.1.4.
    Repeat,
    /// Our 2xx shall have been acknowledged, RFC 3261 section 13.3.1.4.
    Acknowledgement,
    /// A re-INVITE or UPDATE that was passed on shall have been answered.
    Renegotiation,
    /// Our own re-INVITE is tried again after glare, RFC 3261 section 14.1.
    Retry,
    /// It is looked again whether all parties are still silent.
    Silence,
    /// A session is to be refreshed, or was not (RFC 4028 section 10).
    Session,
    /// A provisional response is sent again, RFC 3262 section 3.
    Progress,
    /// A key shall have been pressed.
    Keys,
    /// The shard shall have reported the close.
    MediaClose,
}

/// How many kinds there are.
const KINDS: usize = Alarm::MediaClose as usize + 1;

/// The armed timers of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms([Option<TimerId>; KINDS]);

impl Alarms {
    pub(super) fn set(&mut self, alarm: Alarm, timer: TimerId) -> Option<TimerId> {
        self.slot(alarm).replace(timer)
    }

    pub(super) fn take(&mut self, alarm: Alarm) -> Option<TimerId> {
        self.slot(alarm).take()
    }

    /// Whether this one is armed.
    #[must_use]
    pub(crate) fn is_armed(&self, alarm: Alarm) -> bool {
        self.0.get(alarm as usize).is_some_and(Option::is_some)
    }

    /// How many are armed.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    fn slot(&mut self, alarm: Alarm) -> &mut Option<TimerId> {
        &mut self.0[alarm as usize]
    }
}

/// An alarm of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallAlarm {
    /// Whose.
    pub call: CallId,
    /// Which.
    pub alarm: Alarm,
}
