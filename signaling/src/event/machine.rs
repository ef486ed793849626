//! How a notifier speaks to one watcher, RFC 6665 section 4.2: one NOTIFY at a time, a pause after each, and the last state always told.
//!
//! A pure function. It knows neither dialogs nor documents nor why a subscription ends; `tests/golden/notifier.txt` holds its table.

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// The watcher knows everything.
    Idle,
    /// A NOTIFY is out; it tells everything.
    Telling,
    /// A NOTIFY is out, and something has changed since.
    Behind,
    /// A NOTIFY was answered a moment ago; the next has to wait, and there is none.
    Resting,
    /// Something is to be told when the pause is over.
    Waiting,
    /// The subscription is over.
    Terminated,
}

/// What happens to a subscription.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Input {
    /// The state changed, or the watcher asks for it: by its first SUBSCRIBE, or by another within the dialog.
    Changed,
    /// A NOTIFY was answered 2xx.
    Answered,
    /// A NOTIFY was refused in a way that does not end the subscription (RFC 5057), or could not be sent for want of room.
    Deferred,
    /// The pause is over.
    PauseOver,
    /// A NOTIFY was refused in a way that ends the subscription, or not answered at all (RFC 6665 section 4.2.2).
    Refused,
    /// It ran out, was given up by the watcher or is ended by us.
    Over,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Do {
    /// Send a NOTIFY that tells the present state.
    Notify,
    /// Send the last NOTIFY.
    NotifyLast,
    /// Wait a little before the next NOTIFY.
    ArmPause,
    /// Wait before the refused NOTIFY is tried again.
    ArmRetry,
    /// Wait no longer.
    DisarmPause,
}

/// A step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// The state after it.
    pub state: State,
    /// What is to be done, in order.
    pub effects: &'static [Do],
}

/// The step from `state` by `input`.
#[must_use]
pub const fn next(state: State, input: Input) -> Step {
    use {Do as D, Input as I, State as S};
    let (state, effects): (State, &'static [Do]) = match (state, input) {
        // RFC 6665 section 4.2.2: "notifiers SHOULD send NOTIFY requests upon any change", after their own rate limit.
        (S::Idle, I::Changed) => (S::Telling, &[D::Notify]),
        (S::Telling | S::Behind, I::Changed) => (S::Behind, &[]),
        (S::Resting | S::Waiting, I::Changed) => (S::Waiting, &[]),
        (S::Telling, I::Answered) => (S::Resting, &[D::ArmPause]),
        (S::Behind, I::Answered) => (S::Waiting, &[D::ArmPause]),
        // What was refused was not told, so there is something to tell.
        (S::Telling | S::Behind, I::Deferred) => (S::Waiting, &[D::ArmRetry]),
        (S::Resting, I::PauseOver) => (S::Idle, &[]),
        (S::Waiting, I::PauseOver) => (S::Telling, &[D::Notify]),
        // RFC 6665 section 4.2.2: nobody is there to be told.
        (S::Telling | S::Behind, I::Refused) => (S::Terminated, &[]),
        (S::Idle | S::Telling | S::Behind, I::Over) => (S::Terminated, &[D::NotifyLast]),
        (S::Resting | S::Waiting, I::Over) => (S::Terminated, &[D::DisarmPause, D::NotifyLast]),
        // Late answers and timers, and everything after the end.
        (S::Idle | S::Resting | S::Waiting, I::Answered | I::Deferred | I::Refused)
        | (S::Idle | S::Telling | S::Behind, I::PauseOver)
        | (S::Terminated, _) => (state, &[]),
    };
    Step { state, effects }
}

impl State {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Telling, Self::Behind, Self::Resting, Self::Waiting, Self::Terminated];

    /// Whether a NOTIFY is out.
    #[must_use]
    pub const fn is_telling(self) -> bool {
        matches!(self, Self::Telling | Self::Behind)
    }

    /// Whether a pause is being kept.
    #[must_use]
    pub const fn is_pausing(self) -> bool {
        matches!(self, Self::Resting | Self::Waiting)
    }
}

impl Input {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Changed, Self::Answered, Self::Deferred, Self::PauseOver, Self::Refused, Self::Over];
}

/// What an answer to a NOTIFY means for its subscription: RFC 6665 section 4.2.2, and RFC 5057 section 5.1, whose table says which refusals end a usage
/// of a dialog. `retry_after`: the answer says when to come again.
#[must_use]
pub const fn judged(status: u16, retry_after: bool) -> Input {
    match status {
        ..300 => Input::Answered,
        404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604 if !retry_after => Input::Refused,
        // RFC 3261 section 12.2.1.2: whoever does not know the dialog, or does not answer, has left it.
        408 | 481 => Input::Refused,
        _ => Input::Deferred,
    }
}
