//! The lite side of one leg: RFC 8445 sections 7.3 and 9, RFC 7675.
//!
//! Whatever is not a check with the leg's own names and passwords gets no answer at all: nothing of ours goes to whom we cannot tell, and a
//! check that comes before its description is repeated by its sender.

use super::stun::{self, Kind, Message, Writer};
use crate::{
    flow::Gate,
    limits::{CHECKS_PER_SECOND_MAX, CONSENT, ICE_SOURCES_MAX},
    observe::Drop,
};
use contract::{IceSpec, Instant};
use core::net::SocketAddr;
use ring::hmac;

/// What a message meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// Nothing to be done.
    Nothing,
    /// A check, to be answered with what was written, so many octets. `nominated`: from now on media goes to its sender.
    Check {
        /// Octets of the answer.
        answer: usize,
        /// The far end chose this pair.
        nominated: bool,
    },
    /// A check that is refused with what was written, so many octets.
    Refused(usize),
}

/// Names and password of one generation of checks.
struct Names {
    /// `a=ice-ufrag` of both sides, as a check names them. RFC 8445 section 7.2.2.
    username: Box<[u8]>,
    key: hmac::Key,
}

impl Names {
    fn new(spec: &IceSpec) -> Self {
        let username = [&spec.local.ufrag, ":", &spec.remote.ufrag].concat().into_bytes().into_boxed_slice();
        Self { username, key: stun::key(&spec.local.password) }
    }
}

/// The lite agent of a leg.
pub struct Agent {
    spec: IceSpec,
    names: Names,
    /// Of the generation before, until a pair of the new one is nominated: the far end checks with it until it has our answer.
    former: Option<Names>,
    /// Where checks came from, the one heard last at the end.
    sources: [Option<SocketAddr>; ICE_SOURCES_MAX],
    /// Until when the far end consents to be sent to; `None`: it was never heard.
    consent: Option<Instant>,
    /// Consent ran out, or was withdrawn. Only new names help.
    lost: bool,
    gate: Gate,
}

impl Agent {
    /// An agent that has heard nothing.
    #[must_use]
    pub fn new(spec: &IceSpec) -> Self {
        Self {
            names: Names::new(spec),
            spec: spec.clone(),
            former: None,
            sources: [None; ICE_SOURCES_MAX],
            consent: None,
            lost: false,
            gate: Gate::default(),
        }
    }

    /// Takes over a description. New names restart the checks (RFC 8445 section 9): media goes on as it did until a pair is nominated anew.
    pub fn describe(&mut self, spec: &IceSpec, now: Instant) {
        if self.spec == *spec {
            return;
        }
        let former = core::mem::replace(&mut self.names, Names::new(spec));
        self.former = (!self.lost).then_some(former);
        self.spec.clone_from(spec);
        if core::mem::take(&mut self.lost) {
            (self.sources, self.consent) = ([None; ICE_SOURCES_MAX], None);
        } else if self.consent.is_some() {
            self.consent = Some(now + CONSENT);
        }
    }

    /// Whether checks of this address were answered, so that a handshake with it may begin.
    #[must_use]
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.sources.contains(&Some(address))
    }

    /// When consent runs out; `None`: nothing was heard yet, or nothing is left to run out.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.consent.filter(|_| !self.lost)
    }

    /// The far end does not want to be sent to any more. RFC 7675 section 5.2.
    pub const fn withdraw(&mut self) {
        self.lost = true;
    }

    /// Whether consent has just run out. Told once. RFC 7675 section 5.1.
    pub fn has_expired(&mut self, now: Instant) -> bool {
        let expired = self.due().is_some_and(|due| due <= now);
        self.lost |= expired;
        expired
    }

    /// Reads a STUN datagram of `from` and writes into `answer`, which has [`stun::ANSWER_BYTES_MAX`] octets, what it is answered with.
    ///
    /// # Errors
    /// The reason why it is dropped.
    pub fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], answer: &mut [u8]) -> Result<Heard, Drop> {
        let message = Message::parse(bytes).ok_or(Drop::Malformed)?;
        match message.kind() {
            Kind::Request => {}
            Kind::Indication => return Ok(Heard::Nothing),
            // The lite side asks nothing.
            Kind::Success | Kind::Error => return Err(Drop::Stun),
        }
        // Names are compared before the gate: who does not know them cannot close it to who does.
        // Deviates: RFC 8489 section 9.1.3 answers 400 or 401. Nothing of ours goes to whom we cannot tell, and a browser repeats its check.
        let given = message.username().ok_or(Drop::Stun)?;
        let anew = *given == *self.names.username;
        let former = || self.former.as_ref().filter(|former| *given == *former.username);
        let names = if anew { &self.names } else { former().ok_or(Drop::Stun)? };
        if !self.gate.admits(now, CHECKS_PER_SECOND_MAX) {
            return Err(Drop::StunFlood);
        }
        // RFC 8445 section 7.2.2: a check has both.
        if !message.has_fingerprint() || !message.is_authentic(&names.key) {
            return Err(Drop::NotAuthentic);
        }
        // RFC 7675 section 5.1: whose consent is lost is not heard again on these names.
        if self.lost {
            return Err(Drop::Stun);
        }
        let refuse = |code: u16, unknown: &[u16], answer: &mut [u8]| {
            let mut writer = Writer::new(answer, Kind::Error, &message.transaction());
            writer.error(code);
            if !unknown.is_empty() {
                writer.unknown(unknown);
            }
            writer.finish(&names.key).map(Heard::Refused).ok_or(Drop::TooLong)
        };
        if !message.unknown().is_empty() {
            return refuse(420, message.unknown(), answer);
        }
        // RFC 8445 section 6.1.1: the full side controls. Who thinks otherwise is told so (section 7.3.1.1).
        if message.is_controlled() {
            return refuse(487, &[], answer);
        }
        let mut writer = Writer::new(answer, Kind::Success, &message.transaction());
        writer.mapped(from);
        let len = writer.finish(&names.key).ok_or(Drop::TooLong)?;
        // Deviates: of several nominated pairs RFC 8445 section 8.1.1 keeps the one of the highest priority. Here the last one holds: browsers
        // move to another network by nominating a pair of lower priority.
        let nominated = message.nominates();
        self.note(from);
        self.consent = Some(now + CONSENT);
        if nominated && anew {
            self.former = None;
        }
        Ok(Heard::Check { answer: len, nominated })
    }

    /// Remembers an address; the one heard longest ago gives way.
    fn note(&mut self, from: SocketAddr) {
        let at = self.sources.iter().position(|source| *source == Some(from)).unwrap_or(0);
        self.sources[at] = Some(from);
        self.sources[at..].rotate_left(1);
    }
}

impl core::fmt::Debug for Agent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Agent").field("consent", &self.consent).field("lost", &self.lost).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
