//! Connectivity checks and handshakes of legs: who may begin one, and what comes of it.
//!
//! A check is answered at once. A step of a handshake is arithmetic of up to 0.4 ms, so its datagram waits in a queue, a few of which are
//! worked off in each turn; media does not wait for more. RFC 8445, RFC 5764; what datagrams say is [`crate::ice`]'s and
//! [`crate::secure`]'s matter.

use super::{Shard, command::rtp_slot};
use crate::{
    ice::{Heard, stun},
    io::{Buffer, Io},
    limits::{
        BUFFER_BYTES, DTLS_PER_SECOND_MAX, DTLS_STRANGE_PER_SECOND_MAX, EARLY_HELLOS, HANDSHAKE_PATIENCE,
        HANDSHAKE_STEPS, HANDSHAKE_STEPS_PER_TURN,
    },
    observe::Drop,
    secure::{dtls::is_client_hello, guard::Keyed},
    session::leg::Belief,
};
use contract::{Instant, MediaEvent, Unsecured};
use core::net::SocketAddr;

/// A datagram of a handshake that waits for its turn.
#[derive(Debug)]
pub(super) struct Step {
    leg: u32,
    serial: u32,
    source: Option<SocketAddr>,
    buffer: Buffer,
}

impl Shard {
    /// Takes a STUN datagram from the RTP port of leg `index`.
    pub(super) fn on_stun(
        &mut self,
        index: u32,
        source: Option<SocketAddr>,
        buffer: Buffer,
        now: Instant,
        io: &mut impl Io,
    ) {
        match self.take_check(index, source, &buffer, now, io) {
            Ok(()) => io.release(buffer),
            Err(reason) => self.drop(index, reason, buffer, io),
        }
    }

    fn take_check(
        &mut self,
        index: u32,
        source: Option<SocketAddr>,
        buffer: &Buffer,
        now: Instant,
        io: &mut impl Io,
    ) -> Result<(), Drop> {
        let leg = self.legs.get_mut(index).ok_or(Drop::LegClosed)?;
        self.current = Some(leg.session);
        let unexpected = if leg.peer.is_some() { Drop::Stun } else { Drop::NotDescribed };
        let checks = leg.checks.as_mut().ok_or(unexpected)?;
        let from = source.ok_or(Drop::UnknownSource)?;
        let mut answer = [0; stun::ANSWER_BYTES_MAX];
        let (len, nominated) = match checks.take(now, from, io.bytes(buffer), &mut answer)? {
            Heard::Nothing => return Ok(()),
            Heard::Check { answer, nominated } => (answer, nominated),
            Heard::Refused(answer) => (answer, false),
        };
        send(io, index, Some(from), answer.get(..len).unwrap_or_default());
        if nominated {
            self.nominate(index, from, now, io);
        }
        Ok(())
    }

    /// The far end chose the pair of this address.
    fn nominate(&mut self, index: u32, from: SocketAddr, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        let other = leg.peer.as_mut().is_some_and(|peer| peer.source.nominate(from));
        if other && leg.told_source != Some(from) {
            leg.told_source = Some(from);
            self.tally.sources_learned += 1;
            let (session, member) = (leg.session, leg.member);
            self.told.tell_if_room(MediaEvent::SourceLearned { session, member, source: from });
        }
        self.greet(index, now, io);
    }

    /// Begins the handshake of leg `index` if that is our part and it is known with whom.
    fn greet(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        if leg.association().is_some_and(|association| association.waits_for_us())
            && let Some(to) = leg.peer.as_ref().and_then(|peer| peer.source.destination())
        {
            leg.handshake.far_end = Some(to);
            self.advance(index, None, now, io);
        }
    }

    /// Takes a DTLS datagram from the RTP port of leg `index`.
    pub(super) fn on_dtls(
        &mut self,
        index: u32,
        source: Option<SocketAddr>,
        buffer: Buffer,
        now: Instant,
        io: &mut impl Io,
    ) {
        let early = self.early < EARLY_HELLOS && is_client_hello(io.bytes(&buffer));
        let Some(leg) = self.legs.get_mut(index) else { return self.drop(index, Drop::LegClosed, buffer, io) };
        self.current = Some(leg.session);
        if leg.peer.is_none() && leg.handshake.early.is_none() && early {
            leg.handshake.early = Some((source, buffer));
            self.early += 1;
            return;
        }
        let refused = if leg.peer.is_none() {
            Some(Drop::NotDescribed)
        } else if leg.association().is_none() {
            Some(Drop::Dtls)
        } else {
            let admitted = match leg.belief(source) {
                Belief::Sure => Some(leg.handshake.gate.admits(now, DTLS_PER_SECOND_MAX)),
                Belief::Strange => Some(leg.handshake.strange_gate.admits(now, DTLS_STRANGE_PER_SECOND_MAX)),
                Belief::Foreign => None,
            };
            match admitted {
                Some(true) => None,
                Some(false) => Some(Drop::DtlsFlood),
                None => Some(Drop::UnknownSource),
            }
        };
        let serial = leg.serial;
        match refused {
            Some(reason) => self.drop(index, reason, buffer, io),
            None => self.queue(Step { leg: index, serial, source, buffer }, io),
        }
    }

    fn queue(&mut self, step: Step, io: &mut impl Io) {
        if self.steps.len() < HANDSHAKE_STEPS {
            self.steps.push_back(step);
        } else {
            self.drop(step.leg, Drop::DtlsFlood, step.buffer, io);
        }
    }

    /// Works off some of the steps that wait.
    pub(super) fn shake_hands(&mut self, now: Instant, io: &mut impl Io) {
        for _ in 0..HANDSHAKE_STEPS_PER_TURN {
            let Some(Step { leg: index, serial, source, buffer }) = self.steps.pop_front() else { return };
            if self.legs.get(index).is_none_or(|leg| leg.serial != serial) {
                self.tally.drop(Drop::LegClosed);
                io.release(buffer);
                continue;
            }
            // A copy, so that nothing is lost to the shard should the library panic.
            let (mut copy, len) = ([0; BUFFER_BYTES], buffer.len().min(BUFFER_BYTES));
            copy[..len].copy_from_slice(&io.bytes(&buffer)[..len]);
            let datagram = &copy[..len];
            match self.meet(index, source, datagram, now) {
                Ok(()) => {
                    io.release(buffer);
                    self.advance(index, Some(datagram), now, io);
                }
                Err(reason) => self.drop(index, reason, buffer, io),
            }
        }
    }

    /// Decides whether a datagram belongs to the handshake of leg `index`, or begins it anew with somebody better.
    fn meet(&mut self, index: u32, source: Option<SocketAddr>, datagram: &[u8], now: Instant) -> Result<(), Drop> {
        let leg = self.legs.get_mut(index).ok_or(Drop::LegClosed)?;
        let from = source.or(leg.peer.as_ref().and_then(|peer| peer.source.locked()));
        let known = leg.handshake.far_end;
        if known.is_some() && known != from {
            let (belief, before) = (leg.belief(source), leg.belief(known));
            let association = leg.association().ok_or(Drop::Dtls)?;
            let waited = association.shaking_since().is_none_or(|since| now.since(since) >= HANDSHAKE_PATIENCE);
            let goes_on = belief == Belief::Sure && (before == Belief::Sure || association.is_done());
            let begins_anew = !association.is_done()
                && is_client_hello(datagram)
                && before != Belief::Sure
                && (belief == Belief::Sure || belief == Belief::Strange && waited);
            if begins_anew {
                association.renew(&self.config.certificate, now);
            } else if !goes_on {
                return Err(Drop::UnknownSource);
            }
        }
        leg.handshake.far_end = from;
        Ok(())
    }

    /// Moves the handshake of leg `index` on, with a datagram or because time has passed.
    fn advance(&mut self, index: u32, datagram: Option<&[u8]>, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        let (session, member) = (leg.session, leg.member);
        self.current = Some(session);
        // A connected socket sends to nobody else.
        let to = leg.handshake.far_end.filter(|_| !leg.connected);
        let connected = leg.connected;
        let Some(guard) = &mut leg.guard else { return };
        let keyed = guard.shake(datagram, now, &mut |bytes| {
            if connected || to.is_some() {
                send(io, index, to, bytes);
            }
        });
        match keyed {
            Keyed::Same => {}
            Keyed::Anew => {
                self.tally.handshakes += 1;
                self.told.tell(MediaEvent::LegSecured { session, member });
            }
            // Who was not vouched for cannot end the call; the next one may try.
            Keyed::Without(_) if leg.belief(leg.handshake.far_end) == Belief::Strange => {
                self.tally.handshakes_failed += 1;
                leg.handshake.far_end = None;
                if let Some(association) = leg.association() {
                    association.renew(&self.config.certificate, now);
                }
            }
            Keyed::Without(Unsecured::ConsentLost) => self.revoke(index),
            Keyed::Without(why) => {
                self.tally.handshakes_failed += 1;
                self.told.tell(MediaEvent::LegUnsecured { session, member, why });
            }
        }
        if let Some(leg) = self.legs.get(index) {
            self.wheel.arm(index, leg.due_at());
        }
    }

    /// The far end of leg `index` does not consent to be sent to any more. RFC 7675.
    fn revoke(&mut self, index: u32) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        if let Some(checks) = &mut leg.checks {
            checks.withdraw();
            leg.told_source = None;
            if let Some(peer) = &mut leg.peer {
                peer.source.forget();
            }
        }
        let (session, member) = (leg.session, leg.member);
        self.told.tell(MediaEvent::LegUnsecured { session, member, why: Unsecured::ConsentLost });
    }

    /// Does what is due of checks and handshake of leg `index`.
    pub(super) fn tend(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        let shake = leg.guard.as_ref().and_then(|guard| guard.due()).is_some_and(|due| due <= now);
        if leg.checks.as_mut().is_some_and(|checks| checks.has_expired(now)) {
            self.revoke(index);
        }
        if shake {
            self.advance(index, None, now, io);
        }
    }

    /// Leg `index` was described: what waited for that goes on.
    pub(super) fn described(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        if leg.association().is_some_and(|association| association.is_idle()) {
            leg.handshake.far_end = None;
        }
        let early = leg.handshake.early.take();
        self.greet(index, now, io);
        if let Some((source, buffer)) = early {
            self.early -= 1;
            self.on_dtls(index, source, buffer, now, io);
        }
    }

    /// Leg `index` ends: the far end is told, and what waited is given back.
    pub(super) fn part(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        if let Some((_, buffer)) = leg.handshake.early.take() {
            self.early -= 1;
            io.release(buffer);
        }
        let to = leg.handshake.far_end.filter(|_| !leg.connected);
        let connected = leg.connected;
        if let Some(guard) = &mut leg.guard {
            guard.close(now, &mut |bytes| {
                if connected || to.is_some() {
                    send(io, index, to, bytes);
                }
            });
        }
    }
}

/// Sends a datagram of our own from the RTP port of leg `index`; `to` is `None` where its socket is connected. Without a free buffer it is
/// lost, as on the way.
fn send(io: &mut impl Io, index: u32, to: Option<SocketAddr>, bytes: &[u8]) {
    let Some(buffer) = io.fresh(bytes.len()) else { return };
    if buffer.len() != bytes.len() {
        return io.release(buffer);
    }
    io.bytes(&buffer).copy_from_slice(bytes);
    match to {
        Some(to) => io.send_to(rtp_slot(index), to, buffer),
        None => io.send(rtp_slot(index), buffer),
    }
}
