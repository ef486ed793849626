//! Client transactions over UDP as a phone needs them: RFC 3261 section 17.1 without the transport's cases.

use super::{Station, Timer, calling::Final, registering::Asked};
use crate::{message, stream::Streams};
use anyhow::Result;
use core::time::Duration;
use rsip::Response;
use std::time::Instant;

/// RFC 3261 section 17.1.1.1.
pub(super) const T1: Duration = Duration::from_millis(500);
/// RFC 3261 section 17.1.2.1.
pub(super) const T2: Duration = Duration::from_secs(4);
/// Timers B, F and H.
pub(super) const GIVE_UP: Duration = Duration::from_secs(32);

/// One request that waits for its final response, or an INVITE that was refused and is remembered for repeated finals.
#[derive(Debug)]
pub(super) enum Client {
    /// Sent; repeated while nothing comes.
    Trying { request: Vec<u8>, again: Duration, give_up: Instant, purpose: Purpose },
    /// A provisional came. An INVITE is not repeated any more; others are, slowly.
    Proceeding { request: Vec<u8>, give_up: Instant, purpose: Purpose },
    /// An INVITE that was refused: each repeated final gets this ACK again.
    Refused { ack: Vec<u8> },
    /// An INVITE that was accepted: each repeated 200 gets this call's ACK again.
    Accepted { call: usize },
}

/// What a request was for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Register(Asked),
    Invite { call: usize, answered: bool },
    Bye { call: usize, began: Instant, caller: bool },
}

impl Station {
    /// Sends a request and waits for its answer.
    pub(super) fn ask(&mut self, id: u64, request: Vec<u8>, purpose: Purpose, now: Instant) -> Result<()> {
        self.send(&request)?;
        self.arm(now + T1, Timer::Resend(id));
        self.clients.insert(id, Client::Trying { request, again: T1, give_up: now + GIVE_UP, purpose });
        Ok(())
    }

    /// Timers A, B, E and F.
    pub(super) fn resend(&mut self, id: u64, now: Instant, streams: Option<&Streams>) -> Result<()> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let (next, lost) = match client {
            Client::Trying { request, again, give_up, purpose } => {
                if now >= *give_up {
                    (None, Some(*purpose))
                } else {
                    *again = match purpose {
                        // Timer A doubles without a bound, timer E up to T2
                        Purpose::Invite { .. } => *again * 2,
                        Purpose::Register(_) | Purpose::Bye { .. } => (*again * 2).min(T2),
                    };
                    let (bytes, at) = (request.clone(), (now + *again).min(*give_up));
                    self.tally.retransmissions += 1;
                    self.send(&bytes)?;
                    (Some(at), None)
                }
            }
            Client::Proceeding { request, give_up, purpose } => match purpose {
                Purpose::Invite { .. } => (None, None),
                Purpose::Register(_) | Purpose::Bye { .. } if now >= *give_up => (None, Some(*purpose)),
                Purpose::Register(_) | Purpose::Bye { .. } => {
                    let (bytes, at) = (request.clone(), (now + T2).min(*give_up));
                    self.tally.retransmissions += 1;
                    self.send(&bytes)?;
                    (Some(at), None)
                }
            },
            Client::Refused { .. } | Client::Accepted { .. } => (None, None),
        };
        if let Some(at) = next {
            self.arm(at, Timer::Resend(id));
        }
        if let Some(purpose) = lost {
            self.clients.remove(&id);
            match purpose {
                Purpose::Register(_) => self.registration_failed(crate::figures::NO_ANSWER),
                Purpose::Invite { call, .. } => self.caller_failed(call, crate::figures::NO_ANSWER, streams)?,
                Purpose::Bye { call, caller, .. } => {
                    self.leg_over(call, caller, Some("BYE without answer"), streams)?
                }
            }
        }
        Ok(())
    }

    /// A response: to which request of ours, and what that means.
    pub(super) fn on_response(&mut self, response: &Response, now: Instant, streams: Option<&Streams>) -> Result<()> {
        let status = u16::from(response.status_code.clone());
        let known = message::transaction_of(&response.headers).and_then(|id| Some((id, self.clients.remove(&id)?)));
        let Some((id, client)) = known else {
            self.tally.unexpected += 1;
            return Ok(());
        };
        match client {
            Client::Trying { request, give_up, purpose, .. } | Client::Proceeding { request, give_up, purpose } => {
                if status < 200 {
                    self.clients.insert(id, Client::Proceeding { request, give_up, purpose });
                    if let Purpose::Invite { call, .. } = purpose {
                        self.on_provisional(call, status, now);
                    }
                    return Ok(());
                }
                match purpose {
                    Purpose::Register(asked) => self.on_registered(response, status, asked, now),
                    Purpose::Invite { call, answered } => {
                        let kept = self.on_invite_final(
                            &Final { response, status, call, answered, transaction: id },
                            now,
                            streams,
                        )?;
                        self.clients.insert(id, kept);
                        self.arm(now + GIVE_UP, Timer::Forget(id));
                        Ok(())
                    }
                    Purpose::Bye { call, began, caller } => {
                        crate::figures::note(&mut self.tally.session_disconnect_delay, now - began);
                        let fault = (status != 200).then(|| format!("BYE answered {status}"));
                        self.leg_over(call, caller, fault.as_deref(), streams)
                    }
                }
            }
            // RFC 3261 section 17.1.1.2: in Completed a repeated final is acknowledged again
            Client::Refused { ack } => {
                self.send(&ack)?;
                self.clients.insert(id, Client::Refused { ack });
                Ok(())
            }
            // RFC 3261 section 13.2.2.4: every 2xx is acknowledged
            Client::Accepted { call } => {
                self.clients.insert(id, Client::Accepted { call });
                self.acknowledge_again(call)
            }
        }
    }
}
