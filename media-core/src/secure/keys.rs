//! The keys of a leg's media, one for each direction, and what is done with them packet by packet.
//!
//! Packets they refuse change nothing. Deliberately ignorant of where keys come from: session descriptions (RFC 4568) or a handshake (RFC 5764).

use super::srtp::{Inbound, Outbound, Refused};
use crate::{
    flow::Protocol,
    limits::{BUFFER_BYTES, KEY_OVERLAP},
    observe::Drop,
};
use contract::{Instant, SrtpKey, SrtpSuite};
use ring::digest::{Context, SHA256};

/// By what the key of a direction is known again. The key itself is not kept beside what is derived from it.
type Known = [u8; 32];

fn known(suite: SrtpSuite, key: &SrtpKey) -> Known {
    let mut context = Context::new(&SHA256);
    context.update(&[suite as u8]);
    context.update(key.material());
    let mut known = [0; 32];
    known.copy_from_slice(context.finish().as_ref());
    known
}

/// How keys changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// Not at all.
    Same,
    /// In at least one direction.
    Anew,
    /// They are of no use: there are none.
    Unusable,
}

/// Keys of both directions; at first there are none, and nothing passes.
#[derive(Debug, Default)]
pub(super) struct Keys {
    inbound: Option<(Known, Inbound)>,
    outbound: Option<(Known, Outbound)>,
    /// What the far end protected with before its keys changed, and until when that still comes.
    former: Option<(Inbound, Instant)>,
}

impl Keys {
    /// Takes over keys. Those that stay the same keep their numbers (RFC 4568 section 7.1.4); the far end's former ones are good for a while
    /// yet, for what was under way.
    pub(super) fn set(&mut self, suite: SrtpSuite, local: SrtpKey, remote: SrtpKey, now: Instant) -> Change {
        let (ours, theirs) = (known(suite, &local), known(suite, &remote));
        let sends = self.outbound.as_ref().is_some_and(|(key, _)| *key == ours);
        let receives = self.inbound.as_ref().is_some_and(|(key, _)| *key == theirs);
        if sends && receives {
            return Change::Same;
        }
        // RFC 3711 section 9.1: one key for both ways would use its key stream twice.
        let new = (ours != theirs).then(|| Outbound::new(suite, &local).zip(Inbound::new(suite, &remote)));
        let Some((outbound, inbound)) = new.flatten() else {
            *self = Self::default();
            return Change::Unusable;
        };
        if !sends {
            self.outbound = Some((ours, outbound));
        }
        if !receives {
            self.former = self.inbound.take().map(|(_, former)| (former, now + KEY_OVERLAP));
            self.inbound = Some((theirs, inbound));
        }
        Change::Anew
    }

    /// Checks and decrypts what came; how long it is in clear.
    ///
    /// # Errors
    /// The reason why it is dropped.
    pub(super) fn open(&mut self, protocol: Protocol, bytes: &mut [u8], now: Instant) -> Result<usize, Drop> {
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
    pub(super) fn seal(&mut self, bytes: &mut [u8], len: usize) -> Result<usize, Drop> {
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
