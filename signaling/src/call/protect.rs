//! How each leg's media is protected: what we offer a party, what we take of its offer, and what the two descriptions make together. The legs of a call
//! are protected each for itself, so a plain phone, a phone with keys and a browser can speak to one another.
//!
//! RFC 4568 (keys in descriptions), RFC 8643 (keys offered where clear would do), RFC 5763 and 8842 (DTLS), RFC 8839 (ICE, we are the lite side). Where
//! media flows and who hears it is not known here.

use super::{Call, End, Office, Signal, describe, leg::Talk};
use crate::{
    fact::{HangupCause, Protection},
    flow::Transport,
    sdp::{Carriage, Crypto, Dtls, Profile, SUITES, Setup},
    settings::Encryption,
};
use contract::{DtlsRole, Fingerprint, IceSpec, Security, SrtpSuite, Unsecured};

/// Suites offered beside clear (RFC 8643): the strongest, and the one that RFC 4568 section 6.2.1 has everybody know.
const OPPORTUNISTIC: [SrtpSuite; 2] = [SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128Sha1_80];

/// Why a description's media cannot be protected as it must, or must not be as it wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unprotected {
    /// The account's media is to be encrypted, the description says it is not.
    Required,
    /// The account's media is not to be encrypted, the description says it must.
    Forbidden,
    /// It names no key or certificate that we can use.
    NoKeys,
}

impl Unprotected {
    /// RFC 3261 section 20.43: what a 488 says of its reason.
    #[must_use]
    pub(super) const fn warning(self) -> &'static str {
        match self {
            Self::Required => "399 Ironbell \"Media encryption is required\"",
            Self::Forbidden => "399 Ironbell \"Media encryption is off for this account\"",
            Self::NoKeys => "399 Ironbell \"No usable crypto attribute or SHA-256 fingerprint\"",
        }
    }
}

/// What a 488 says when the media plane found no keys.
const FAILED: &str = "399 Ironbell \"Media could not be protected\"";

/// What is taken of an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Taken {
    /// Plain RTP.
    Clear,
    /// Keys, by this line.
    Sdes(Crypto),
    /// A handshake, in which we have this part.
    Dtls(DtlsRole),
}

/// What an account and we can do.
#[derive(Clone, Copy, Debug)]
struct Policy {
    encryption: Encryption,
    fingerprint: Option<Fingerprint>,
}

/// Whether a party speaks as a browser does. RFC 7118: nothing else needs a WebSocket.
pub(super) const fn is_web(transport: Transport) -> bool {
    match transport {
        Transport::Ws | Transport::Wss => true,
        Transport::Udp | Transport::Tcp | Transport::Tls => false,
    }
}

/// Judges an offer. `before` is our part in a handshake that was done.
fn take(offer: &Carriage, policy: Policy, before: Option<DtlsRole>) -> Result<Taken, Unprotected> {
    // RFC 4568 section 5.1.2: the most preferred line that the answerer supports; preferred by the one who offers.
    let sdes = offer.cryptos.first().map(|crypto| Taken::Sdes(*crypto));
    let dtls = offer.dtls.filter(|_| policy.fingerprint.is_some()).map(|dtls| Taken::Dtls(role(dtls.setup, before)));
    match (offer.profile, policy.encryption) {
        // Off is about phones: a browser's media is never in clear.
        (Profile::TlsSavp | Profile::TlsSavpf, _) => dtls.ok_or(Unprotected::NoKeys),
        (Profile::Savp | Profile::Savpf, Encryption::Off) => Err(Unprotected::Forbidden),
        (Profile::Savp | Profile::Savpf, Encryption::Optional | Encryption::Required) => {
            sdes.or(dtls).ok_or(Unprotected::NoKeys)
        }
        (Profile::Avp | Profile::Avpf, Encryption::Off) => Ok(Taken::Clear),
        // RFC 8643 section 3.2: keys that are offered beside clear are taken.
        (Profile::Avp | Profile::Avpf, Encryption::Optional) => Ok(sdes.unwrap_or(Taken::Clear)),
        (Profile::Avp | Profile::Avpf, Encryption::Required) => sdes.ok_or(Unprotected::Required),
    }
}

/// Our part when the offer says `offered`. RFC 5763 section 5: either is allowed for `actpass`; the waiting one needs no open way. RFC 8842 section 5.3: an
/// association that goes on keeps its parts. RFC 4145 section 4.1: an offer that says nothing is `active`.
const fn role(offered: Option<Setup>, before: Option<DtlsRole>) -> DtlsRole {
    match (offered, before) {
        (Some(Setup::Passive), _) | (Some(Setup::ActPass), Some(DtlsRole::Active)) => DtlsRole::Active,
        (Some(Setup::Active) | None, _) | (Some(Setup::ActPass), Some(DtlsRole::Passive) | None) => DtlsRole::Passive,
    }
}

/// What our last description and the party's make together. Which of them was the offer need not be known: an answer holds one key, and names one part in
/// the handshake.
pub(super) fn agreed(ours: &Carriage, theirs: &Carriage, before: Option<DtlsRole>) -> Result<Security, Unprotected> {
    if let Some(own) = ours.dtls {
        let dtls = theirs.dtls.ok_or(Unprotected::NoKeys)?;
        let role = match (own.setup, dtls.setup, before) {
            (Some(Setup::Active), ..) | (_, Some(Setup::Passive), _) => DtlsRole::Active,
            (Some(Setup::Passive), ..) | (_, Some(Setup::Active), _) => DtlsRole::Passive,
            (_, Some(Setup::ActPass), before) => role(Some(Setup::ActPass), before),
            // RFC 4145 section 4.1: an answer that says nothing is `passive`.
            (_, None, _) => DtlsRole::Active,
        };
        return Ok(Security::Dtls { role, fingerprint: dtls.fingerprint });
    }
    // RFC 4568 section 5.1.3: the answer's line has the tag and the suite of the one it takes.
    let pair = theirs.cryptos.iter().find_map(|theirs| {
        let same = |ours: &&Crypto| (ours.tag, ours.suite) == (theirs.tag, theirs.suite);
        ours.cryptos.iter().find(same).map(|ours| (ours, theirs))
    });
    match pair {
        Some((ours, theirs)) => Ok(Security::Sdes { suite: ours.suite, local: ours.key, remote: theirs.key }),
        None if ours.profile.is_secure() || theirs.profile.is_secure() => Err(Unprotected::NoKeys),
        // RFC 8643 section 3.2: an answer without a key is one in clear.
        None => Ok(Security::None),
    }
}

impl Talk {
    /// How we carry this party's stream, as our last description says.
    fn sent_carriage(&self) -> Option<Carriage> {
        describe::view(self.sent.as_deref()?).ok().map(|view| view.carriage)
    }

    /// The lines with our keys for these suites, numbered from 1.
    fn cryptos(&self, suites: &[SrtpSuite]) -> Box<[Crypto]> {
        let keys = suites.iter().filter_map(|suite| Some((*suite, self.seed.key(*suite)?)));
        (1..).zip(keys).map(|(tag, (suite, key))| Crypto { tag, suite, key }).collect()
    }

    /// A first offer to a party of this kind.
    fn first_offer(&self, policy: Policy, web: bool) -> Carriage {
        match (policy.fingerprint, policy.encryption) {
            // RFC 8827 section 6.5: a browser takes nothing else. RFC 8834 section 4.5: it multiplexes.
            (Some(fingerprint), _) if web => Carriage {
                profile: Profile::TlsSavpf,
                rtcp_mux: true,
                bundled: true,
                ice_lite: true,
                mid: Some("0".into()),
                cryptos: Box::default(),
                // RFC 5763 section 5: an offer says actpass.
                dtls: Some(Dtls { fingerprint, setup: Some(Setup::ActPass) }),
                ice: Some(Box::new(self.seed.credentials(self.restarts))),
            },
            (_, Encryption::Off) => Carriage::default(),
            (_, Encryption::Optional) => Carriage { cryptos: self.cryptos(&OPPORTUNISTIC), ..Carriage::default() },
            (_, Encryption::Required) => {
                Carriage { profile: Profile::Savp, cryptos: self.cryptos(&SUITES), ..Carriage::default() }
            }
        }
    }

    /// A later offer: everything stays as it is agreed. RFC 4568 section 7.1.4, RFC 8842 section 5.2, RFC 8839 section 4.4.
    fn later_offer(&self, sent: Carriage, remote: &Carriage) -> Carriage {
        let kept = |crypto: &&Crypto| {
            remote.cryptos.iter().any(|other| (other.tag, other.suite) == (crypto.tag, crypto.suite))
        };
        let first = sent.cryptos.iter().find(kept).copied();
        Carriage {
            profile: remote.profile,
            rtcp_mux: sent.rtcp_mux && remote.rtcp_mux,
            cryptos: first.into_iter().collect(),
            dtls: sent.dtls.map(|dtls| Dtls { setup: Some(Setup::ActPass), ..dtls }),
            ice_lite: sent.ice.is_some(),
            ..sent
        }
    }

    /// Our side of an answer that takes `taken` of `offer`.
    fn answer(&mut self, offer: &Carriage, taken: Taken, policy: Policy) -> Option<Carriage> {
        let plain = Carriage {
            profile: offer.profile,
            // RFC 5761 section 5.1.1: multiplexed if both say so.
            rtcp_mux: offer.rtcp_mux,
            // RFC 9143 section 7.3: the group of the offer, with the one stream that is taken.
            bundled: offer.bundled,
            mid: offer.mid.clone(),
            ..Carriage::default()
        };
        match taken {
            Taken::Clear => Some(plain),
            Taken::Sdes(theirs) => {
                let key = self.seed.key(theirs.suite)?;
                Some(Carriage { cryptos: [Crypto { key, ..theirs }].into(), ..plain })
            }
            Taken::Dtls(role) => {
                let setup = match role {
                    DtlsRole::Active => Setup::Active,
                    DtlsRole::Passive => Setup::Passive,
                };
                let dtls = Dtls { fingerprint: policy.fingerprint?, setup: Some(setup) };
                // RFC 8445 section 6.1.1: between two lite sides nobody would check.
                let checked = offer.ice.clone().filter(|_| !offer.ice_lite);
                if checked.is_some() && self.checked.is_some() && checked != self.checked {
                    // RFC 8839 section 4.4.1.1.1: new credentials restart the checks, and are answered with new ones.
                    self.restarts += 1;
                }
                self.checked = checked;
                let ice = self.checked.is_some().then(|| Box::new(self.seed.credentials(self.restarts)));
                Some(Carriage { dtls: Some(dtls), ice_lite: ice.is_some(), ice, ..plain })
            }
        }
    }
}

impl Call {
    fn policy(&self, number: u16) -> Policy {
        Policy { encryption: self.terms(number).encryption, fingerprint: self.settings.media_fingerprint }
    }

    /// How we offer to carry a leg's stream.
    pub(super) fn carriage_offered(&self, number: u16) -> Carriage {
        let Some(leg) = self.leg(number) else { return Carriage::default() };
        match (leg.talk.sent_carriage(), &leg.talk.remote) {
            (Some(sent), Some(remote)) => leg.talk.later_offer(sent, &remote.carriage),
            (Some(sent), None) => sent,
            (None, _) => leg.talk.first_offer(self.policy(number), leg.web),
        }
    }

    /// How we carry a leg's stream in the answer to its offer.
    pub(super) fn carriage_answered(&mut self, number: u16, offer: &Carriage) -> Option<Carriage> {
        let policy = self.policy(number);
        let talk = &mut self.leg_mut(number)?.talk;
        let taken = take(offer, policy, talk.role).ok()?;
        talk.answer(offer, taken, policy)
    }

    /// Whether a leg's offer can be carried as it must be.
    pub(super) fn may_offer(&self, number: u16, offer: &Carriage) -> Result<(), Unprotected> {
        take(offer, self.policy(number), None).map(drop)
    }

    /// Whether a leg's answer fits what we offered it.
    pub(super) fn may_answer(&self, number: u16, answer: &Carriage) -> bool {
        let talk = self.leg(number).map(|leg| &leg.talk);
        let agreed = talk.and_then(|talk| agreed(&talk.sent_carriage()?, answer, talk.role).ok());
        agreed.is_some_and(|security| {
            security != Security::None || self.policy(number).encryption != Encryption::Required
        })
    }

    /// A leg's media has keys from now on.
    pub(super) fn secured(&mut self, number: u16) {
        if let Some(leg) = self.leg_mut(number) {
            leg.protection = Some(if leg.talk.role.is_some() { Protection::Dtls } else { Protection::Sdes });
        }
    }

    /// A leg whose media was to be protected has no keys and will get none. It is never let go on in clear: an answered call ends, a phone that rings is given up.
    pub(super) fn unsecured(&mut self, office: &mut Office<'_>, number: u16, why: Unsecured) {
        if self.is_replacement(number) {
            return self.drop_replacement(office, 488);
        }
        let Some(leg) = self.leg(number) else { return };
        match leg.signal {
            Signal::Opening(_) | Signal::Inviting { .. } => {
                self.give_up(office, number);
                if self.legs.iter().any(|leg| leg.is_hoped_for()) {
                    return;
                }
            }
            Signal::Invited { .. } | Signal::Confirmed => {}
            Signal::Cancelling { .. } | Signal::Gone => return,
        }
        let (cause, status) = match why {
            Unsecured::WrongCertificate | Unsecured::HandshakeFailed | Unsecured::BadKeys => {
                self.warning = Some(FAILED);
                (HangupCause::Unprotected, 488)
            }
            // RFC 7675 section 5.1: it does not want our media any more, or is not there.
            Unsecured::ConsentLost => (HangupCause::PeerGone, 480),
        };
        let end = End { cause, status: Some(status), by: None };
        if self.leg(number).is_some_and(|leg| leg.is_confirmed()) {
            return self.lost(office, number, end);
        }
        self.hopeless(office, end);
    }

    /// What is agreed with a leg of keys and checks, for its shard, and whether RTP and RTCP share a port. `None`: nothing may pass.
    pub(super) fn agreed_with(&mut self, number: u16) -> Option<(Security, Option<IceSpec>, bool)> {
        let talk = &mut self.leg_mut(number)?.talk;
        let (Some(sent), Some(remote)) = (talk.sent_carriage(), &talk.remote) else { return None };
        let theirs = &remote.carriage;
        let security = agreed(&sent, theirs, talk.role).ok()?;
        let (mut ice, mut role) = (None, None);
        if let Security::Dtls { role: ours, .. } = &security {
            role = Some(*ours);
            let remote = theirs.ice.clone().filter(|_| !theirs.ice_lite);
            ice = sent.ice.zip(remote).map(|(local, remote)| IceSpec { local: *local, remote: *remote });
        }
        talk.role = role;
        talk.checked = ice.as_ref().map(|ice| Box::new(ice.remote.clone()));
        Some((security, ice, sent.rtcp_mux && theirs.rtcp_mux))
    }
}
