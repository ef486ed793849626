//! The guard of a leg whose media is protected: keys of both directions, from the session descriptions (RFC 4568).
//!
//! While a leg has a guard nothing in clear is taken or sent. Packets it refuses change nothing: keys, numbers and the believed source stay.
//! Deliberately ignorant of addresses and of whom the packets are for.

use super::srtp::{Inbound, Outbound, Refused};
use crate::{
    flow::Protocol,
    limits::{BUFFER_BYTES, KEY_OVERLAP},
    observe::Drop,
};
use contract::{Instant, Security, SrtpKey, SrtpSuite, Unsecured};

/// What a description changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keyed {
    /// Nothing.
    Same,
    /// There are new keys in at least one direction.
    Anew,
    /// There are no keys and will be none; nothing passes.
    Without(Unsecured),
}

/// Keys one direction was described with.
type Key = (SrtpSuite, SrtpKey);

/// The guard of one leg.
#[derive(Debug, Default)]
pub struct Guard {
    inbound: Option<(Key, Inbound)>,
    outbound: Option<(Key, Outbound)>,
    /// What the far end protected with before its keys changed, and until when that still comes.
    former: Option<(Inbound, Instant)>,
}

impl Guard {
    /// Takes over a description. Keys that stay the same keep their numbers (RFC 4568 section 7.1.4); the far end's former ones are good for
    /// a while yet, for what was under way.
    pub fn describe(&mut self, security: &Security, now: Instant) -> Keyed {
        let Security::Sdes { suite, local, remote } = security else {
            *self = Self::default();
            return Keyed::Without(Unsecured::HandshakeFailed);
        };
        let (local, remote) = ((*suite, *local), (*suite, *remote));
        let sends = self.outbound.as_ref().is_some_and(|(key, _)| *key == local);
        let receives = self.inbound.as_ref().is_some_and(|(key, _)| *key == remote);
        if sends && receives {
            return Keyed::Same;
        }
        // RFC 3711 section 9.1: one key for both ways would use its key stream twice.
        let new = (local != remote).then(|| Outbound::new(local.0, &local.1).zip(Inbound::new(remote.0, &remote.1)));
        let Some((outbound, inbound)) = new.flatten() else {
            *self = Self::default();
            return Keyed::Without(Unsecured::BadKeys);
        };
        if !sends {
            self.outbound = Some((local, outbound));
        }
        if !receives {
            self.former = self.inbound.take().map(|(_, former)| (former, now + KEY_OVERLAP));
            self.inbound = Some((remote, inbound));
        }
        Keyed::Anew
    }

    /// Checks and decrypts what came; how long it is in clear.
    ///
    /// # Errors
    /// The reason why it is dropped.
    pub fn open(&mut self, protocol: Protocol, bytes: &mut [u8], now: Instant) -> Result<usize, Drop> {
        let Some((_, inbound)) = &mut self.inbound else { return Err(Drop::NotSecured) };
        if self.former.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.former = None;
        }
        let Some((former, _)) = &mut self.former else { return unprotect(inbound, protocol, bytes).map_err(reason) };
        let mut copy = [0; BUFFER_BYTES];
        let copy = copy.get_mut(..bytes.len()).ok_or(Drop::TooLong)?;
        copy.copy_from_slice(bytes);
        unprotect(inbound, protocol, bytes).or_else(|refused| {
            bytes.copy_from_slice(copy);
            unprotect(former, protocol, bytes).map_err(|_| reason(refused))
        })
    }

    /// Protects the packet in the first `len` octets of `bytes`; how long it is then.
    ///
    /// # Errors
    /// The reason why it must not be sent.
    pub fn seal(&mut self, bytes: &mut [u8], len: usize) -> Result<usize, Drop> {
        let Some((_, outbound)) = &mut self.outbound else { return Err(Drop::NotSecured) };
        match Protocol::of(bytes) {
            Protocol::Rtp => outbound.protect_rtp(bytes, len),
            Protocol::Rtcp => outbound.protect_rtcp(bytes, len),
            Protocol::Stun | Protocol::Dtls | Protocol::Other => Err(Refused::Malformed),
        }
        .map_err(reason)
    }
}

fn unprotect(inbound: &mut Inbound, protocol: Protocol, bytes: &mut [u8]) -> Result<usize, Refused> {
    match protocol {
        Protocol::Rtp => inbound.unprotect_rtp(bytes),
        Protocol::Rtcp => inbound.unprotect_rtcp(bytes),
        Protocol::Stun | Protocol::Dtls | Protocol::Other => Err(Refused::Malformed),
    }
}

const fn reason(refused: Refused) -> Drop {
    match refused {
        Refused::Malformed => Drop::Malformed,
        Refused::Replayed => Drop::Replayed,
        Refused::NotAuthentic => Drop::NotAuthentic,
        Refused::NoRoom => Drop::TooLong,
        Refused::Spent => Drop::NotSecured,
    }
}
