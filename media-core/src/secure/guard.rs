//! The guard of a leg whose media is protected: its keys, and the handshake they come from unless they were described.
//!
//! While a leg has a guard nothing in clear is taken or sent. Packets it refuses change nothing: keys, numbers and the believed source stay.
//! Deliberately ignorant of addresses and of whom the packets are for.

use super::{
    Certificate,
    dtls::{Association, Progress},
    keys::{Change, Keys},
};
use crate::{flow::Protocol, observe::Drop};
use contract::{Instant, Security, Unsecured};

/// What a description, or a step of a handshake, changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keyed {
    /// Nothing.
    Same,
    /// There are new keys in at least one direction.
    Anew,
    /// There are no keys and will be none; nothing passes.
    Without(Unsecured),
}

/// The guard of one leg.
#[derive(Debug, Default)]
pub struct Guard {
    keys: Keys,
    association: Option<Box<Association>>,
}

impl Guard {
    /// Takes over a description. A handshake with the same certificate in the same role goes on, and so do its keys (RFC 8842 section 4);
    /// with another one nothing passes until it is done.
    pub fn describe(&mut self, security: &Security, certificate: &Certificate, now: Instant) -> Keyed {
        match security {
            Security::Sdes { suite, local, remote } => {
                self.association = None;
                match self.keys.set(*suite, *local, *remote, now) {
                    Change::Same => Keyed::Same,
                    Change::Anew => Keyed::Anew,
                    Change::Unusable => Keyed::Without(Unsecured::BadKeys),
                }
            }
            Security::Dtls { role, fingerprint } => {
                if self.association.as_ref().is_none_or(|known| !known.is_of(*role, fingerprint)) {
                    self.keys = Keys::default();
                    self.association = Some(Box::new(Association::new(*role, *fingerprint, certificate, now)));
                }
                Keyed::Same
            }
            Security::None => {
                *self = Self::default();
                Keyed::Same
            }
        }
    }

    /// The handshake, if keys come from one.
    pub fn association(&mut self) -> Option<&mut Association> {
        self.association.as_deref_mut()
    }

    /// When the handshake is to be looked at again.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.association.as_ref().and_then(|association| association.due())
    }

    /// Moves the handshake on with a datagram, or because time has passed; `send` is given what goes to the far end.
    pub fn shake(&mut self, datagram: Option<&[u8]>, now: Instant, send: &mut dyn FnMut(&[u8])) -> Keyed {
        let Some(association) = &mut self.association else { return Keyed::Same };
        match association.advance(datagram, now, send) {
            Progress::Going => Keyed::Same,
            Progress::Agreed(agreed) => match self.keys.set(agreed.suite, agreed.local, agreed.remote, now) {
                Change::Same => Keyed::Same,
                Change::Anew => Keyed::Anew,
                Change::Unusable => Keyed::Without(Unsecured::HandshakeFailed),
            },
            Progress::Ended(why) => {
                self.keys = Keys::default();
                Keyed::Without(why)
            }
        }
    }

    /// Says goodbye to the far end of a handshake.
    pub fn close(&mut self, now: Instant, send: &mut dyn FnMut(&[u8])) {
        if let Some(association) = &mut self.association {
            association.close(now, send);
        }
    }

    /// Checks and decrypts what came; how long it is in clear.
    ///
    /// # Errors
    /// The reason why it is dropped.
    pub fn open(&mut self, protocol: Protocol, bytes: &mut [u8], now: Instant) -> Result<usize, Drop> {
        self.keys.open(protocol, bytes, now)
    }

    /// Protects the packet in the first `len` octets of `bytes`; how long it is then.
    ///
    /// # Errors
    /// The reason why it must not be sent.
    pub fn seal(&mut self, bytes: &mut [u8], len: usize) -> Result<usize, Drop> {
        self.keys.seal(bytes, len)
    }
}
