//! How one side carries its audio stream: profile, keys, connectivity checks, multiplexing. The same value is read from a peer's description and
//! written into ours.
//!
//! RFC 4568 (SDES), RFC 5763, 8122 and 8842 (DTLS), RFC 8839 and 8840 (ICE), RFC 5761 (one port for RTP and RTCP), RFC 5888 and 9143 (BUNDLE). Who
//! may use what is not decided here.

use super::{
    Description, Media, Profile,
    build::Local,
    crypto::Crypto,
    description::{Line, words},
};
use crate::message::trim;
use contract::{Fingerprint, IceCredentials};
use core::{net::IpAddr, ops::RangeInclusive};

/// What one side's description says of the way its stream is carried.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carriage {
    /// The profile of its `m=` line.
    pub profile: Profile,
    /// RTP and RTCP share a port, or may.
    pub rtcp_mux: bool,
    /// The stream is in a BUNDLE group.
    pub bundled: bool,
    /// It is the lite side of the connectivity checks.
    pub ice_lite: bool,
    /// `a=mid`.
    pub mid: Option<Box<str>>,
    /// Keys it offers, preferred first; in an answer the one taken. Only those that we can use.
    pub cryptos: Box<[Crypto]>,
    /// Its part of the DTLS handshake.
    pub dtls: Option<Dtls>,
    /// Its credentials in connectivity checks.
    pub ice: Option<Box<IceCredentials>>,
}

/// One side of a DTLS handshake, as it is announced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dtls {
    /// Of its certificate.
    pub fingerprint: Fingerprint,
    /// Who begins; `None`: not said.
    pub setup: Option<Setup>,
}

/// `a=setup`, RFC 4145 section 4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setup {
    /// It begins.
    Active,
    /// The other begins.
    Passive,
    /// As the other likes.
    ActPass,
}

impl Setup {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }

    /// `None` also for `holdconn`, with which nothing would ever begin.
    fn named(value: &[u8]) -> Option<Self> {
        [Self::Active, Self::Passive, Self::ActPass].into_iter().find(|setup| setup.name().as_bytes() == value)
    }
}

/// Letters of `a=mid` that are kept; longer ones are not answered with.
const MID_MAX: usize = 64;

/// Letters of `a=ice-ufrag` and `a=ice-pwd`, RFC 8839 section 5.4.
const UFRAG: RangeInclusive<usize> = 4..=256;
const PASSWORD: RangeInclusive<usize> = 22..=256;

impl Carriage {
    /// What `media` of `description` says. A stream that is not over RTP counts as of the default profile.
    #[must_use]
    pub fn of(description: &Description<'_>, media: &Media<'_>) -> Self {
        let profile = Profile::named(media.proto()).unwrap_or_default();
        let mid = media.attribute(b"mid").map(trim).filter(|mid| mid.len() <= MID_MAX && is_token(mid));
        let session = || description.session_lines().iter().filter_map(Line::attribute);
        let bundled = mid.is_some_and(|mid| {
            session().any(|(name, value)| {
                let mut group = words(value.unwrap_or_default());
                name == b"group" && group.next() == Some(b"BUNDLE") && group.any(|member| member == mid)
            })
        });
        Self {
            profile,
            rtcp_mux: media.rtcp_mux(),
            bundled,
            ice_lite: session().any(|(name, _)| name == b"ice-lite"),
            mid: mid.and_then(|mid| core::str::from_utf8(mid).ok()).map(Box::from),
            cryptos: Crypto::of(media.attributes(b"crypto")),
            dtls: dtls(media),
            ice: ice(media),
        }
    }

    /// Whether what it says is enough to carry a stream: in clear, or with keys.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match self.profile {
            Profile::Avp | Profile::Avpf => true,
            Profile::Savp | Profile::Savpf => !self.cryptos.is_empty() || self.dtls.is_some(),
            Profile::TlsSavp | Profile::TlsSavpf => self.dtls.is_some(),
        }
    }

    /// The attributes of the session.
    pub(super) fn write_session(&self, out: &mut Vec<u8>) {
        if self.ice_lite {
            out.extend(b"a=ice-lite\r\n");
        }
        if let Some(mid) = self.mid.as_deref().filter(|_| self.bundled) {
            out.extend(format!("a=group:BUNDLE {mid}\r\n").as_bytes());
        }
    }

    /// The attributes of the audio stream that `local` receives.
    pub(super) fn write_media(&self, out: &mut Vec<u8>, local: &Local) {
        if let Some(mid) = &self.mid {
            out.extend(format!("a=mid:{mid}\r\n").as_bytes());
        }
        if let Some(ice) = &self.ice {
            out.extend(format!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ice.ufrag, ice.password).as_bytes());
            write_candidates(out, local, self.rtcp_mux);
        }
        if let Some(dtls) = &self.dtls {
            write_fingerprint(out, &dtls.fingerprint);
            if let Some(setup) = dtls.setup {
                out.extend(format!("a=setup:{}\r\n", setup.name()).as_bytes());
            }
        }
        for crypto in &self.cryptos {
            crypto.write(out);
        }
        if self.rtcp_mux {
            out.extend(b"a=rtcp-mux\r\n");
        } else {
            local.write_rtcp(out);
        }
    }

    /// Heap octets held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ice = self
            .ice
            .as_ref()
            .map_or(0, |ice| size_of::<IceCredentials>() + ice.ufrag.capacity() + ice.password.capacity());
        size_of_val(&*self.cryptos) + self.mid.as_ref().map_or(0, |mid| mid.len()) + ice
    }
}

/// RFC 8839 section 5.1: one host candidate a component, RTP first. RFC 8445 section 5.1.2.1: type preference 126, the only address, the component. RFC 8840
/// section 4.4: there will be no others.
fn write_candidates(out: &mut Vec<u8>, local: &Local, rtcp_mux: bool) {
    let rtcp = local.rtcp.or_else(|| local.rtp.port().checked_add(1)).filter(|_| !rtcp_mux);
    let ip: IpAddr = local.rtp.ip();
    for (component, port) in [(1_u32, Some(local.rtp.port())), (2, rtcp)] {
        if let Some(port) = port {
            let priority = (126 << 24) + (65_535 << 8) + (256 - component);
            out.extend(format!("a=candidate:1 {component} UDP {priority} {ip} {port} typ host\r\n").as_bytes());
        }
    }
    out.extend(b"a=end-of-candidates\r\n");
}

/// RFC 8122 section 5: octets in upper-case hexadecimal between colons.
fn write_fingerprint(out: &mut Vec<u8>, fingerprint: &Fingerprint) {
    out.extend(b"a=fingerprint:sha-256 ");
    for (at, octet) in fingerprint.sha256.iter().enumerate() {
        out.extend(format!("{}{octet:02X}", if at == 0 { "" } else { ":" }).as_bytes());
    }
    out.extend(b"\r\n");
}

/// The first fingerprint by SHA-256. RFC 8122 section 5: several may be given, by several functions.
fn dtls(media: &Media<'_>) -> Option<Dtls> {
    let fingerprint = media.inherited(b"fingerprint").find_map(fingerprint)?;
    let setup = media.inherited(b"setup").next().map(trim);
    match setup.map(Setup::named) {
        Some(None) => None,
        setup => Some(Dtls { fingerprint, setup: setup.flatten() }),
    }
}

fn fingerprint(value: &[u8]) -> Option<Fingerprint> {
    let mut words = words(value);
    let (function, octets) = (words.next()?, words.next()?);
    // RFC 8122 section 5: names of hash functions are not case-sensitive.
    if !function.eq_ignore_ascii_case(b"sha-256") {
        return None;
    }
    let mut sha256 = [0; 32];
    let mut pairs = octets.split(|byte| *byte == b':');
    for octet in &mut sha256 {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *octet = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair[0] != b'+')?;
    }
    pairs.next().is_none().then_some(Fingerprint { sha256 })
}

/// RFC 8839 section 5.4: on the medium, else on the session; nothing unless both are there and well formed.
fn ice(media: &Media<'_>) -> Option<Box<IceCredentials>> {
    let text = |name: &[u8], length: RangeInclusive<usize>| {
        let value = media.inherited(name).next().map(trim)?;
        let is_ice = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let good = length.contains(&value.len()) && value.iter().all(is_ice);
        let text = core::str::from_utf8(value).ok().filter(|_| good)?;
        Some(text.to_owned())
    };
    Some(Box::new(IceCredentials { ufrag: text(b"ice-ufrag", UFRAG)?, password: text(b"ice-pwd", PASSWORD)? }))
}

/// RFC 8866 section 9: a token.
fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(byte))
}
