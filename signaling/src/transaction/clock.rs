//! The timers of one transaction. At any time at most one repeats something and at most one ends a state.

use super::{
    ClientId, ServerId,
    machine::{T2, Timer},
};
use crate::{
    flow::ConnectionId,
    id::LookupId,
    wheel::{TimerId, Wheel},
};
use contract::Instant;

/// What a timer of the stack is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    Server(ServerId, Timer),
    Client(ClientId, Timer),
    /// A question to the name servers stayed open.
    Lookup(LookupId),
    /// The server being tried stayed silent.
    Target(ClientId),
    /// A message on this stream stayed incomplete.
    Stream(ConnectionId),
}

/// Timers armed for one transaction.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// A, E or G.
    repeating: Option<TimerId>,
    /// Any other.
    ending: Option<TimerId>,
    /// How often the repeating one was armed again.
    repeats: u8,
}

impl Clock {
    const fn place(&mut self, timer: Timer) -> &mut Option<TimerId> {
        if timer.is_retransmission() { &mut self.repeating } else { &mut self.ending }
    }

    fn set(&mut self, wheel: &mut Wheel<Due>, at: Instant, timer: Timer, due: Due) {
        let armed = wheel.arm(at, due);
        if let Some(before) = self.place(timer).replace(armed) {
            wheel.disarm(before);
        }
    }

    /// Arms `timer` for its first length.
    pub(super) fn arm(&mut self, wheel: &mut Wheel<Due>, now: Instant, timer: Timer, due: Due) {
        if timer.is_retransmission() {
            self.repeats = 0;
        }
        self.set(wheel, now + timer.first(), timer, due);
    }

    /// Arms `timer` for its next length.
    pub(super) fn arm_again(&mut self, wheel: &mut Wheel<Due>, now: Instant, timer: Timer, due: Due) {
        self.repeats = self.repeats.saturating_add(1);
        self.set(wheel, now + timer.again(self.repeats), timer, due);
    }

    /// Arms `timer` for T2.
    pub(super) fn arm_slow(&mut self, wheel: &mut Wheel<Due>, now: Instant, timer: Timer, due: Due) {
        self.set(wheel, now + T2, timer, due);
    }

    /// Disarms the timer in the place of `timer`.
    pub(super) fn disarm(&mut self, wheel: &mut Wheel<Due>, timer: Timer) {
        if let Some(armed) = self.place(timer).take() {
            wheel.disarm(armed);
        }
    }

    /// `timer` was popped.
    pub(super) const fn fired(&mut self, timer: Timer) {
        *self.place(timer) = None;
    }

    /// Disarms both.
    pub(super) fn stop(&mut self, wheel: &mut Wheel<Due>) {
        for armed in [self.repeating.take(), self.ending.take()].into_iter().flatten() {
            wheel.disarm(armed);
        }
    }

    /// Timers armed.
    pub(super) fn armed(&self) -> usize {
        usize::from(self.repeating.is_some()) + usize::from(self.ending.is_some())
    }
}
