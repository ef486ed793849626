//! Defects planted on purpose, to prove that the tests and the simulator would see them. Not part of any program that is shipped.

/// One planted defect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The ring timer of a call is not disarmed with its answer.
    TimerNotDisarmed,
    /// The ports of a branch that lost are not returned while the call lasts.
    PortNotReturned,
    /// The ACK for a phone's 2xx is not sent.
    AckLost,
    /// Our 2xx is sent once and not repeated.
    Final2xxNotRetransmitted,
    /// A 2xx that crosses our CANCEL is ignored.
    CancelRace,
    /// Bindings do not expire.
    BindingNotExpired,
    /// A held party hears on.
    WrongHearingBit,
    /// A call's record is written twice.
    DoubleRecord,
    /// Watchers are not told that an account is in no call any more.
    EndNotTold,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TimerNotDisarmed,
        Self::PortNotReturned,
        Self::AckLost,
        Self::Final2xxNotRetransmitted,
        Self::CancelRace,
        Self::BindingNotExpired,
        Self::WrongHearingBit,
        Self::DoubleRecord,
        Self::EndNotTold,
    ];
}
