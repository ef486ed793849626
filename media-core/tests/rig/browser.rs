//! A browser's end of a leg's media: connectivity checks of its own making, a DTLS endpoint, and SRTP.

use super::Rig;
use contract::{DtlsRole, Fingerprint, IceCredentials, IceSpec, Instant, Security, SrtpKey, SrtpSuite};
use core::{net::SocketAddr, time::Duration};
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};
use media_core::{
    io::system::library_clock,
    secure::{
        certificate::fingerprint,
        srtp::{Inbound, OVERHEAD_MAX, Outbound},
    },
};
use ring::hmac;
use std::{collections::VecDeque, sync::Arc};

/// Names and passwords of the `generation`-th checks of a leg.
pub fn ice(generation: u8) -> IceSpec {
    let side = |name: &str| IceCredentials {
        ufrag: format!("{name}{generation}"),
        password: format!("the password of {name}, {generation}"),
    };
    IceSpec { local: side("ours"), remote: side("theirs") }
}

/// What the network does to a datagram.
pub type Weather<'w> = &'w mut dyn FnMut() -> bool;

pub struct Browser {
    /// Where it is.
    pub at: SocketAddr,
    /// The leg's address.
    pub leg: SocketAddr,
    /// What it checks with; none: it does not.
    pub ice: Option<IceSpec>,
    /// Media that came, still protected.
    pub media: VecDeque<Vec<u8>>,
    /// Success answers to its checks, by the address in them.
    pub answers: VecDeque<SocketAddr>,
    /// The far end's certificate, once seen.
    pub seen: Option<Fingerprint>,
    /// The far end closed.
    pub closed: bool,
    /// DTLS datagrams it sent.
    pub sent: usize,
    dtls: Option<Dtls>,
    active: bool,
    fingerprint: Fingerprint,
    origin: std::time::Instant,
    due: Option<std::time::Instant>,
    keys: Option<(Outbound, Inbound)>,
    transaction: u8,
}

impl Browser {
    /// `active`: it begins the handshake.
    pub fn new(at: SocketAddr, leg: SocketAddr, active: bool) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let made = rcgen::CertificateParams::default().self_signed(&key).expect("signed");
        let identity = DtlsCertificate { certificate: made.der().to_vec(), private_key: key.serialize_der() };
        let config = Config::builder().use_server_cookie(false).flight_start_rto(Duration::from_millis(50));
        let config = Arc::new(config.flight_retries(10).build().expect("sound"));
        let (fingerprint, origin) = (fingerprint(&identity.certificate), library_clock());
        let mut dtls = Dtls::new_12(config, identity, origin);
        dtls.set_active(active);
        Self {
            at,
            leg,
            ice: None,
            media: VecDeque::new(),
            answers: VecDeque::new(),
            seen: None,
            closed: false,
            sent: 0,
            dtls: Some(dtls),
            active,
            fingerprint,
            origin,
            due: Some(origin),
            keys: None,
            transaction: 0,
        }
    }

    pub fn with_ice(mut self, ice: IceSpec) -> Self {
        self.ice = Some(ice);
        self
    }

    /// What its description says of protection.
    pub fn security(&self) -> Security {
        let role = if self.active { DtlsRole::Passive } else { DtlsRole::Active };
        Security::Dtls { role, fingerprint: self.fingerprint }
    }

    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    fn there(&self, now: Instant) -> std::time::Instant {
        self.origin + Duration::from_nanos(now.as_nanos())
    }

    /// A connectivity check, RFC 8445 section 7.2.2, written here anew.
    pub fn check(&mut self, nominate: bool) -> Vec<u8> {
        let ice = self.ice.as_ref().expect("described");
        self.transaction = self.transaction.wrapping_add(1);
        let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([self.transaction; 12]);
        let attribute = |message: &mut Vec<u8>, kind: u16, value: &[u8]| {
            message.extend(kind.to_be_bytes());
            message.extend((value.len() as u16).to_be_bytes());
            message.extend(value);
            message.resize(message.len().next_multiple_of(4), 0);
        };
        attribute(&mut message, 0x0006, format!("{}:{}", ice.local.ufrag, ice.remote.ufrag).as_bytes());
        attribute(&mut message, 0xc057, &[0, 1, 0, 10]);
        attribute(&mut message, 0x802a, &[7; 8]);
        if nominate {
            attribute(&mut message, 0x0025, &[]);
        }
        attribute(&mut message, 0x0024, &[0x6e, 0, 1, 0xff]);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, ice.local.password.as_bytes());
        let length = message.len() as u16 + 24 - 20;
        message[2..4].copy_from_slice(&length.to_be_bytes());
        let tag = hmac::sign(&key, &message);
        attribute(&mut message, 0x0008, tag.as_ref());
        message[2..4].copy_from_slice(&(length + 8).to_be_bytes());
        let mut sum = u32::MAX;
        for octet in &message {
            sum ^= u32::from(*octet);
            for _ in 0..8 {
                sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
            }
        }
        attribute(&mut message, 0x8028, &(!sum ^ 0x5354_554e).to_be_bytes());
        message
    }

    /// Checks from where it is, and waits for the answer.
    pub fn checks(&mut self, bench: &mut impl Rig, nominate: bool) -> bool {
        let check = self.check(nominate);
        bench.say(self.at, self.leg, &check);
        for _ in 0..200 {
            self.listen(bench, &mut || false);
            if self.answers.pop_front().is_some_and(|address| address == self.at) {
                return true;
            }
        }
        false
    }

    /// As [`Browser::turn`], with what it sends put into `held`.
    pub fn hold(&mut self, bench: &mut impl Rig, held: &mut Vec<Vec<u8>>) {
        while let Some((_, bytes)) = bench.poll(self.at) {
            let now = self.there(bench.now());
            let dtls = self.dtls.as_mut().expect("open");
            dtls.handle_timeout(now).expect("in time");
            dtls.handle_packet(&bytes).expect("sound");
        }
        let now = self.there(bench.now());
        self.dtls.as_mut().expect("open").handle_timeout(now).expect("in time");
        self.drain_into(&mut |packet| held.push(packet.to_vec()));
    }

    /// Sends what is to be sent and takes what came. `lost` says of each DTLS datagram whether it is.
    pub fn turn(&mut self, bench: &mut impl Rig, lost: Weather<'_>) {
        let now = self.there(bench.now());
        if let Some(dtls) = &mut self.dtls
            && self.due.is_some_and(|due| due <= now)
            && dtls.handle_timeout(now).is_err()
        {
            self.dtls = None;
        }
        self.drain(bench, lost);
        self.listen(bench, lost);
    }

    fn listen(&mut self, bench: &mut impl Rig, lost: Weather<'_>) {
        while let Some((from, bytes)) = bench.poll(self.at) {
            assert_eq!(from, self.leg);
            match bytes[0] {
                0..=3 => self.answered(&bytes),
                20..=63 if lost() => {}
                20..=63 => self.shake(bench, &bytes, lost),
                _ => self.media.push_back(bytes),
            }
        }
    }

    fn shake(&mut self, bench: &mut impl Rig, bytes: &[u8], lost: Weather<'_>) {
        let now = self.there(bench.now());
        let Some(dtls) = &mut self.dtls else { return };
        if dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(bytes)).is_err() {
            self.dtls = None;
        }
        self.drain(bench, lost);
    }

    fn drain(&mut self, bench: &mut impl Rig, lost: Weather<'_>) {
        let (at, leg) = (self.at, self.leg);
        self.drain_into(&mut |packet| {
            if !lost() {
                bench.say(at, leg, packet);
            }
        });
    }

    fn drain_into(&mut self, send: &mut dyn FnMut(&[u8])) {
        let Some(dtls) = &mut self.dtls else { return };
        let mut room = vec![0; 4_096];
        loop {
            match dtls.poll_output(&mut room) {
                Output::Packet(packet) => {
                    self.sent += 1;
                    send(packet);
                }
                Output::PeerCert(certificate) => self.seen = Some(fingerprint(certificate)),
                Output::KeyingMaterial(material, profile) => self.keys = Some(keys(self.active, &material, profile)),
                Output::CloseNotify => self.closed = true,
                Output::Timeout(at) => {
                    self.due = Some(at);
                    return;
                }
                Output::BufferTooSmall { .. } => panic!("short messages"),
                Output::Connected | Output::ApplicationData(_) | _ => {}
            }
        }
    }

    fn answered(&mut self, bytes: &[u8]) {
        let message = media_core::ice::stun::Message::parse(bytes).expect("STUN");
        let ice = self.ice.as_ref().expect("asked");
        // Another answer than to the last check is of no interest any more.
        if message.kind() == media_core::ice::stun::Kind::Success
            && message.is_authentic(&media_core::ice::stun::key(&ice.local.password))
            && message.transaction() == [self.transaction; 12]
        {
            self.answers.push_back(message.mapped().expect("an address"));
        }
    }

    /// Says goodbye.
    pub fn close(&mut self, bench: &mut impl Rig) {
        self.dtls.as_mut().expect("open").close().expect("connected");
        self.drain(bench, &mut || false);
    }

    pub fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        let (out, _) = self.keys.as_mut().expect("keys");
        let mut bytes = packet.to_vec();
        bytes.resize(packet.len() + OVERHEAD_MAX, 0);
        let len = match packet[1] {
            192..=223 => out.protect_rtcp(&mut bytes, packet.len()),
            _ => out.protect_rtp(&mut bytes, packet.len()),
        };
        bytes.truncate(len.expect("protected"));
        bytes
    }

    pub fn open(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let (_, inbound) = self.keys.as_mut().expect("keys");
        let len = match packet[1] {
            192..=223 => inbound.unprotect_rtcp(&mut packet),
            _ => inbound.unprotect_rtp(&mut packet),
        };
        packet.truncate(len.expect("authentic"));
        packet
    }
}

/// RFC 5764 section 4.2.
fn keys(active: bool, material: &[u8], profile: SrtpProfile) -> (Outbound, Inbound) {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => SrtpSuite::AesCm128Sha1_80,
        SrtpProfile::AEAD_AES_128_GCM => SrtpSuite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => SrtpSuite::AeadAes256Gcm,
        other => panic!("{other}"),
    };
    let (key, salt) = (suite.key_len(), suite.salt_len());
    let side = |index: usize| {
        let salts = &material[2 * key..];
        let whole = [&material[index * key..][..key], &salts[index * salt..][..salt]].concat();
        SrtpKey::new(suite, &whole).expect("of the suite")
    };
    let (client, server) = (side(0), side(1));
    let (local, remote) = if active { (client, server) } else { (server, client) };
    (Outbound::new(suite, &local).expect("keys"), Inbound::new(suite, &remote).expect("keys"))
}
