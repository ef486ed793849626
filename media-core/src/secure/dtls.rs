//! One DTLS association: the handshake from which SRTP keys come. RFC 5763, RFC 5764, RFC 6347 (DTLS 1.2).
//!
//! The far end's certificate must be the one its session description named; nothing else about it matters. The association outlives the
//! handshake, to answer again what got lost and to hear that the far end closes. Deliberately ignorant of addresses.

use super::{Certificate, certificate::fingerprint};
use crate::limits::HANDSHAKE_MAX;
use contract::{DtlsRole, Fingerprint, Instant, SrtpKey, SrtpSuite, Unsecured};
use core::{fmt, time::Duration};
use dimpl::{Dtls, KeyingMaterial, Output, SrtpProfile};
use zeroize::Zeroizing;

/// Octets of one piece of output at first; a certificate may be longer.
const OUTPUT_BYTES: usize = 2_048;

/// Octets of the longest piece of output. A far end whose certificate is longer fails.
const OUTPUT_BYTES_MAX: usize = 16_384;

/// Pieces of output of one step; a flight is some ten datagrams at most.
const OUTPUTS_MAX: usize = 64;

/// Keys that both ends agreed on.
#[derive(Debug)]
pub struct Agreed {
    /// Of both directions.
    pub suite: SrtpSuite,
    /// With which we send.
    pub local: SrtpKey,
    /// With which we receive.
    pub remote: SrtpKey,
}

/// What a step led to.
#[derive(Debug)]
pub enum Progress {
    /// On its way, or nothing new.
    Going,
    /// The handshake is done.
    Agreed(Agreed),
    /// It is over: it failed, or the far end closed. Told once.
    Ended(Unsecured),
}

/// Where an association is.
enum State {
    /// Nothing was sent or received.
    Idle(Box<Dtls>),
    /// Shaking hands since.
    Shaking(Box<Dtls>, Instant),
    /// Keys are agreed. Without the library's part nothing is answered any more, and the keys stay.
    Done(Option<Box<Dtls>>),
    /// No keys.
    Over,
}

/// An association with one far end.
pub struct Association {
    role: DtlsRole,
    expected: Fingerprint,
    state: State,
    /// The certificate was seen and is the expected one.
    known: bool,
    due: Option<Instant>,
    origin: std::time::Instant,
}

impl Association {
    /// One in which nothing has happened.
    #[must_use]
    pub fn new(role: DtlsRole, expected: Fingerprint, certificate: &Certificate, now: Instant) -> Self {
        let origin = certificate.origin();
        let state = State::Idle(begin(role, certificate, there(origin, now)));
        Self { role, expected, state, known: false, due: None, origin }
    }

    /// Whether it is in this role and with this certificate, and not over.
    #[must_use]
    pub fn is_of(&self, role: DtlsRole, expected: &Fingerprint) -> bool {
        self.role == role && self.expected == *expected && !matches!(self.state, State::Over)
    }

    /// Forgets what happened: somebody else is to have a try.
    pub fn renew(&mut self, certificate: &Certificate, now: Instant) {
        *self = Self::new(self.role, self.expected, certificate, now);
    }

    /// It is to be begun by us, and is not yet.
    #[must_use]
    pub const fn waits_for_us(&self) -> bool {
        matches!((self.role, &self.state), (DtlsRole::Active, State::Idle(_)))
    }

    /// Nothing has happened yet.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(_))
    }

    /// Keys were agreed.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// Since when hands are being shaken.
    #[must_use]
    pub const fn shaking_since(&self) -> Option<Instant> {
        match &self.state {
            State::Shaking(_, since) => Some(*since),
            State::Idle(_) | State::Done(_) | State::Over => None,
        }
    }

    /// When to look at it again.
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A datagram came, or time passed; `send` is given what goes to the far end.
    pub fn advance(&mut self, datagram: Option<&[u8]>, now: Instant, send: &mut dyn FnMut(&[u8])) -> Progress {
        self.due = None;
        let mut state = match core::mem::replace(&mut self.state, State::Over) {
            State::Idle(dtls) => State::Shaking(dtls, now),
            State::Done(None) => {
                self.state = State::Done(None);
                return Progress::Going;
            }
            shaking_or_done @ (State::Shaking(..) | State::Done(Some(_)) | State::Over) => shaking_or_done,
        };
        let (State::Shaking(dtls, _) | State::Done(Some(dtls))) = &mut state else { return Progress::Going };
        // The library wants to know the time before anything else.
        let mut taken = dtls.handle_timeout(there(self.origin, now));
        if let (Ok(()), Some(datagram)) = (&taken, datagram) {
            taken = dtls.handle_packet(datagram);
        }
        let told = self.drain(&mut state, now, send);
        match (state, told) {
            // Deviates: RFC 8122 section 6.2 says it with an alert `bad_certificate`, which the library has no way to send.
            // A certificate may be seen long before keys are agreed: a wrong one ends it then, not later.
            (_, Told::WrongCertificate) => Progress::Ended(Unsecured::WrongCertificate),
            // RFC 7675 section 5.2: who closes does not want to be sent to any more.
            (State::Done(_), Told::Closed) => Progress::Ended(Unsecured::ConsentLost),
            (State::Shaking(dtls, _), Told::Agreed(agreed)) if self.known => {
                self.state = State::Done(taken.is_ok().then_some(dtls));
                Progress::Agreed(agreed)
            }
            // An error does not undo what is agreed: it is not authentic, or of no meaning for media.
            (State::Done(dtls), _) => {
                self.state = State::Done(dtls.filter(|_| taken.is_ok()));
                Progress::Going
            }
            (State::Shaking(dtls, since), Told::Nothing) if taken.is_ok() => {
                self.state = State::Shaking(dtls, since);
                Progress::Going
            }
            (State::Idle(_) | State::Shaking(..) | State::Over, _) => {
                self.due = None;
                Progress::Ended(Unsecured::HandshakeFailed)
            }
        }
    }

    /// Takes what the library has to say.
    fn drain(&mut self, state: &mut State, now: Instant, send: &mut dyn FnMut(&[u8])) -> Told {
        let (State::Shaking(dtls, _) | State::Done(Some(dtls))) = state else { return Told::Nothing };
        let mut room = Zeroizing::new(vec![0; OUTPUT_BYTES]);
        let (mut told, mut connected) = (Told::Nothing, false);
        for _ in 0..OUTPUTS_MAX {
            match dtls.poll_output(&mut room) {
                Output::Packet(packet) => send(packet),
                Output::PeerCert(certificate) => {
                    self.known = fingerprint(certificate) == self.expected;
                    if !self.known {
                        return Told::WrongCertificate;
                    }
                }
                Output::Connected => connected = true,
                Output::KeyingMaterial(material, profile) => {
                    told = agreed(self.role, &material, profile).map_or(Told::Useless, Told::Agreed);
                }
                Output::CloseNotify => told = Told::Closed,
                Output::BufferTooSmall { needed } if needed <= OUTPUT_BYTES_MAX => room.resize(needed, 0),
                Output::Timeout(at) => {
                    // The library says "never" by years.
                    self.due = Some(here(self.origin, at)).filter(|due| due.since(now) <= HANDSHAKE_MAX);
                    // RFC 5764 section 4.1: without a common profile there are no keys.
                    return if connected && matches!(told, Told::Nothing) { Told::Useless } else { told };
                }
                Output::BufferTooSmall { .. } => return Told::Useless,
                // Data is not for us: there is none in a call.
                Output::ApplicationData(_) | _ => {}
            }
        }
        Told::Useless
    }

    /// Tells the far end that it is over, if it would believe it.
    pub fn close(&mut self, now: Instant, send: &mut dyn FnMut(&[u8])) {
        if let State::Done(Some(dtls)) = &mut self.state
            && dtls.handle_timeout(there(self.origin, now)).and_then(|()| dtls.close()).is_ok()
        {
            let mut state = core::mem::replace(&mut self.state, State::Over);
            self.drain(&mut state, now, send);
        }
        self.state = State::Over;
        self.due = None;
    }
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle(_) => "idle",
            State::Shaking(..) => "shaking",
            State::Done(_) => "done",
            State::Over => "over",
        };
        f.debug_struct("Association").field("role", &self.role).field("state", &state).finish_non_exhaustive()
    }
}

/// What the library said.
enum Told {
    Nothing,
    Agreed(Agreed),
    WrongCertificate,
    Closed,
    /// What there is leads to no keys.
    Useless,
}

/// Whether a datagram begins a handshake: a record of type handshake (22) whose message is a ClientHello (1). RFC 6347 section 4.
#[must_use]
pub fn is_client_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22) && datagram.get(13) == Some(&1)
}

fn begin(role: DtlsRole, certificate: &Certificate, now: std::time::Instant) -> Box<Dtls> {
    let mut dtls = Dtls::new_12(certificate.terms().clone(), certificate.identity().clone(), now);
    dtls.set_active(role == DtlsRole::Active);
    Box::new(dtls)
}

/// RFC 5764 section 4.2: the client's key, the server's, the client's salt, the server's.
fn agreed(role: DtlsRole, material: &KeyingMaterial, profile: SrtpProfile) -> Option<Agreed> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => SrtpSuite::AesCm128Sha1_80,
        SrtpProfile::AEAD_AES_128_GCM => SrtpSuite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => SrtpSuite::AeadAes256Gcm,
        _ => return None,
    };
    let (keys, salts) = material.split_at_checked(2 * suite.key_len())?;
    let side = |index: usize| {
        let part = |octets: &[u8], len: usize| octets.get(index * len..(index + 1) * len).map(<[u8]>::to_vec);
        let mut whole = Zeroizing::new(part(keys, suite.key_len())?);
        let salt = Zeroizing::new(part(salts, suite.salt_len())?);
        whole.reserve_exact(salt.len());
        whole.extend_from_slice(&salt);
        SrtpKey::new(suite, &whole)
    };
    let (client, server) = (side(0)?, side(1)?);
    let (local, remote) = match role {
        DtlsRole::Active => (client, server),
        DtlsRole::Passive => (server, client),
    };
    Some(Agreed { suite, local, remote })
}

/// Our time on the library's clock.
fn there(origin: std::time::Instant, now: Instant) -> std::time::Instant {
    origin.checked_add(Duration::from_nanos(now.as_nanos())).unwrap_or(origin)
}

/// The library's time on ours.
fn here(origin: std::time::Instant, at: std::time::Instant) -> Instant {
    Instant::ORIGIN + at.saturating_duration_since(origin)
}
