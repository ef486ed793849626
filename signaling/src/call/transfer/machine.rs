//! The course of a transfer as a pure function: (state, input) → (state, what to do). It knows roles only; legs, timers and messages are the call's.
//!
//! Three roles: the *transferor* orders it, the *transferee* is moved on, the *target* is who shall talk with the transferee. The whole table is written out
//! in `tests/golden/transfer.txt`.

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// The transferor dials a number by keys, to hand the transferee over at once.
    DiallingBlind,
    /// The transferor dials a number by keys, to talk with the target first.
    DiallingConsult,
    /// The target rings for the transferee; the transferor waits.
    Ringing,
    /// The target rings for the transferee; the transferor has hung up.
    RingingAlone,
    /// The target rings for the transferor.
    Calling,
    /// The transferor talks with the target; the transferee waits.
    Consulting,
    /// All three talk.
    Together,
    /// The target was not to be had and the transferor has hung up: its phones ring for the transferee.
    Recalling,
    /// Over.
    Over,
}

impl State {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::DiallingBlind,
        Self::DiallingConsult,
        Self::Ringing,
        Self::RingingAlone,
        Self::Calling,
        Self::Consulting,
        Self::Together,
        Self::Recalling,
        Self::Over,
    ];

    /// Whether somebody's phones ring.
    #[must_use]
    pub const fn rings(self) -> bool {
        matches!(self, Self::Ringing | Self::RingingAlone | Self::Calling | Self::Recalling)
    }

    /// Whether the transferor is still on the line.
    #[must_use]
    pub const fn has_transferor(self) -> bool {
        match self {
            Self::DiallingBlind
            | Self::DiallingConsult
            | Self::Ringing
            | Self::Calling
            | Self::Consulting
            | Self::Together => true,
            Self::RingingAlone | Self::Recalling | Self::Over => false,
        }
    }
}

/// What can happen to a transfer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Input {
    /// The number is dialled, and leads somewhere.
    Dialled,
    /// No number was dialled, or one that leads nowhere.
    NotDialled,
    /// Who rings has answered.
    Answered,
    /// Nobody of those who rang will answer.
    Failed,
    /// The transferor is gone.
    TransferorLeft,
    /// The transferee is gone.
    TransfereeLeft,
    /// The target is gone, after it had answered.
    TargetLeft,
    /// The transferor orders the transfer to be completed.
    Complete,
    /// The transferor orders the transfer to be given up.
    Abort,
    /// The transferor wants all to talk.
    Join,
}

impl Input {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Dialled,
        Self::NotDialled,
        Self::Answered,
        Self::Failed,
        Self::TransferorLeft,
        Self::TransfereeLeft,
        Self::TargetLeft,
        Self::Complete,
        Self::Abort,
        Self::Join,
    ];
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Do {
    /// The target's phones ring, for who waits for them in the new state.
    Ring,
    /// The transferor is let go.
    LetGo,
    /// Who rings for the transferor rings for the transferee from now on; the transferor, if it is still there, is let go.
    Pass,
    /// The transferor and the target talk.
    Consult,
    /// All three talk.
    Mix,
    /// The transferee and the target talk; the transferor, if it is still there, is let go.
    Connect,
    /// The target is let go; the transferee and the transferor talk again.
    GiveBack,
    /// The transferor's phones ring for the transferee.
    Recall,
    /// The transferee and the transferor's other phone talk.
    Reconnect,
    /// Transferor and target go on as a call of two.
    GoOn,
    /// The call ends.
    End,
}

impl Do {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ring => "the target rings",
            Self::LetGo => "the transferor is let go",
            Self::Pass => "who rings for the transferor rings for the transferee from now on",
            Self::Consult => "the transferor talks with the target",
            Self::Mix => "all three talk",
            Self::Connect => "the transferee and the target talk",
            Self::GiveBack => "the target is let go, the transferor gets the transferee back",
            Self::Recall => "the transferor's phones ring for the transferee",
            Self::Reconnect => "the transferee and the transferor's other phone talk",
            Self::GoOn => "the transferor and the target go on as a call of two",
            Self::End => "nobody is left: the call ends",
        }
    }
}

/// One step. What cannot happen in a state, or means nothing there, changes nothing.
#[must_use]
pub const fn next(state: State, input: Input) -> (State, Option<Do>) {
    use {Input as I, State as S};
    match (state, input) {
        (S::DiallingBlind, I::Dialled) => (S::Ringing, Some(Do::Ring)),
        (S::DiallingConsult, I::Dialled) => (S::Calling, Some(Do::Ring)),
        (S::DiallingBlind | S::DiallingConsult, I::NotDialled | I::Abort) => (S::Over, Some(Do::GiveBack)),
        // Nobody was called yet: it is a call of two, of whom one has hung up.
        (S::DiallingBlind | S::DiallingConsult, I::TransferorLeft | I::TransfereeLeft) => (S::Over, Some(Do::End)),

        (S::Ringing | S::RingingAlone, I::Answered) => (S::Over, Some(Do::Connect)),
        (S::Ringing, I::Failed | I::Abort) => (S::Over, Some(Do::GiveBack)),
        (S::Ringing, I::TransferorLeft) => (S::RingingAlone, None),
        (S::Ringing, I::Complete) => (S::RingingAlone, Some(Do::LetGo)),
        (S::Ringing | S::RingingAlone, I::TransfereeLeft) => (S::Over, Some(Do::End)),
        // Nobody is dropped: the transferor is called back.
        (S::RingingAlone, I::Failed) => (S::Recalling, Some(Do::Recall)),

        (S::Calling, I::Answered) => (S::Consulting, Some(Do::Consult)),
        (S::Calling, I::Failed | I::Abort) => (S::Over, Some(Do::GiveBack)),
        // Semi-attended: the transferor does not wait for the answer.
        (S::Calling, I::TransferorLeft | I::Complete) => (S::RingingAlone, Some(Do::Pass)),
        (S::Calling | S::Consulting | S::Together, I::TransfereeLeft) => (S::Over, Some(Do::GoOn)),

        (S::Consulting | S::Together, I::TransferorLeft | I::Complete) => (S::Over, Some(Do::Connect)),
        (S::Consulting | S::Together, I::TargetLeft | I::Abort) => (S::Over, Some(Do::GiveBack)),
        (S::Consulting, I::Join) => (S::Together, Some(Do::Mix)),

        (S::Recalling, I::Answered) => (S::Over, Some(Do::Reconnect)),
        (S::Recalling, I::Failed | I::TransfereeLeft) => (S::Over, Some(Do::End)),

        (
            S::DiallingBlind
            | S::DiallingConsult
            | S::Ringing
            | S::RingingAlone
            | S::Calling
            | S::Consulting
            | S::Together
            | S::Recalling
            | S::Over,
            I::Dialled
            | I::NotDialled
            | I::Answered
            | I::Failed
            | I::TransferorLeft
            | I::TransfereeLeft
            | I::TargetLeft
            | I::Complete
            | I::Abort
            | I::Join,
        ) => (state, None),
    }
}
