//! Handshakes with OpenSSL as the far end, in both roles and with every profile, and media under the keys that it says were agreed. Needs the
//! program `openssl`; with `IRONBELL_WITHOUT_PEERS=1` it is a printed skip instead.

mod rig;

use contract::{DtlsRole, Fingerprint, MediaEvent, PeerSpec, Security, SourceRule, SrtpKey, SrtpSuite};
use core::{net::SocketAddr, time::Duration};
use media_core::secure::{
    certificate::fingerprint,
    srtp::{Inbound, OVERHEAD_MAX, Outbound},
};
use rig::{
    Rig, TWO_ON_A_BUS,
    packets::{Stream, header},
    peer,
    sockets::SocketRig,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// How long a handshake with a program that is to be started first may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const PROFILES: [(SrtpSuite, &str); 3] = [
    (SrtpSuite::AesCm128Sha1_80, "SRTP_AES128_CM_SHA1_80"),
    (SrtpSuite::AeadAes128Gcm, "SRTP_AEAD_AES_128_GCM"),
    (SrtpSuite::AeadAes256Gcm, "SRTP_AEAD_AES_256_GCM"),
];

struct OpenSsl {
    child: Child,
    lines: Receiver<String>,
    material: Option<Vec<u8>>,
}

impl OpenSsl {
    fn start(role: &[&str], suite: SrtpSuite, profile: &str, files: &[PathBuf; 2]) -> Self {
        let length = (2 * suite.material_len()).to_string();
        let mut child = Command::new("openssl")
            .args(role)
            .args(["-dtls1_2", "-use_srtp", profile, "-keymatexport", "EXTRACTOR-dtls_srtp"])
            .args(["-keymatexportlen", &length, "-certform", "DER", "-keyform", "DER"])
            .args(["-cert".as_ref(), files[0].as_os_str(), "-key".as_ref(), files[1].as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (said, lines) = sync_channel(1_000);
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Self { child, lines, material: None }
    }

    /// Reads on; whether it has said what keys it agreed on.
    fn agreed(&mut self) -> bool {
        while let Ok(line) = self.lines.try_recv() {
            let Some(hex) = line.trim().strip_prefix("Keying material: ") else { continue };
            let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
            self.material = Some((0..hex.len()).step_by(2).map(octet).collect());
        }
        self.material.is_some()
    }

    /// The contexts of its end; `side`: 0 for a client. RFC 5764 section 4.2.
    fn contexts(&self, suite: SrtpSuite, side: usize) -> (Outbound, Inbound) {
        let material = self.material.as_deref().expect("agreed");
        let (key, salt) = (suite.key_len(), suite.salt_len());
        let of = |side: usize| {
            let salts = &material[2 * key..];
            let whole = [&material[side * key..][..key], &salts[side * salt..][..salt]].concat();
            SrtpKey::new(suite, &whole).expect("of the suite")
        };
        let (ours, theirs) = (of(side), of(1 - side));
        (Outbound::new(suite, &ours).expect("keys"), Inbound::new(suite, &theirs).expect("keys"))
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        _ = (self.child.kill(), self.child.wait());
    }
}

/// A certificate and its key, in files.
fn identity() -> ([PathBuf; 2], Fingerprint) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let files = [directory.join("openssl-peer.crt"), directory.join("openssl-peer.key")];
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let made = rcgen::CertificateParams::default().self_signed(&key).expect("signed");
    fs::write(&files[0], made.der()).expect("written");
    fs::write(&files[1], key.serialize_der()).expect("written");
    (files, fingerprint(made.der()))
}

fn described(rtp: Option<SocketAddr>, role: DtlsRole, fingerprint: Fingerprint) -> PeerSpec {
    let source = if rtp.is_some() { SourceRule::Signalled } else { SourceRule::Learned };
    let any = SocketAddr::from(([127, 0, 0, 1], 9));
    let security = Security::Dtls { role, fingerprint };
    PeerSpec { rtp, rtcp: None, rtcp_mux: true, security, ..peer(any, source) }
}

/// Media between a socket that uses what OpenSSL agreed on, and a phone in clear.
fn talks(bench: &mut SocketRig, legs: [SocketAddr; 2], phone: SocketAddr, keys: (Outbound, Inbound)) {
    let (mut out, mut inbound) = keys;
    let at = bench.stranger();
    let mut stream = Stream::new(1);
    // The first ones teach the leg where its far end is.
    for _ in 0..3 {
        let plain = stream.packet();
        let mut bytes = plain.clone();
        bytes.resize(plain.len() + OVERHEAD_MAX, 0);
        let len = out.protect_rtp(&mut bytes, plain.len()).expect("protected");
        bench.say(at, legs[0], &bytes[..len]);
        let (_, heard) = bench.hear(phone).expect("relayed");
        assert_eq!(header(&heard).payload(&heard), header(&plain).payload(&plain));
    }
    let plain = Stream::new(2).packet();
    bench.say(phone, legs[1], &plain);
    let (_, mut sealed) = bench.hear(at).expect("relayed");
    let len = inbound.unprotect_rtp(&mut sealed).expect("authentic");
    assert_eq!(header(&sealed[..len]).payload(&sealed[..len]), header(&plain).payload(&plain));
}

#[test]
fn openssl_agrees_on_keys_in_both_roles() {
    if std::env::var_os("IRONBELL_WITHOUT_PEERS").is_some_and(|value| value == "1") {
        println!("skipped: IRONBELL_WITHOUT_PEERS=1");
        return;
    }
    let (files, theirs) = identity();
    let mut bench = SocketRig::new(33_300);
    let phone = bench.phone(1);
    let mut session = 0;
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        for (suite, profile) in PROFILES {
            session += 1;
            let legs = [bench.open(session, 0), bench.open(session, 1)];
            bench.describe(session, 1, peer(phone, SourceRule::Signalled));
            bench.hearing(session, TWO_ON_A_BUS);
            let mut far_end = match role {
                DtlsRole::Passive => {
                    bench.describe(session, 0, described(None, role, theirs));
                    OpenSsl::start(&["s_client", "-connect", &legs[0].to_string()], suite, profile, &files)
                }
                DtlsRole::Active => {
                    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
                    let far_end = OpenSsl::start(
                        &["s_server", "-Verify", "1", "-accept", &free.to_string()],
                        suite,
                        profile,
                        &files,
                    );
                    bench.describe(session, 0, described(Some(free), role, theirs));
                    far_end
                }
            };
            let (start, mut secured) = (bench.now(), false);
            while !secured || !far_end.agreed() {
                match bench.event() {
                    Some(MediaEvent::LegSecured { .. }) => secured = true,
                    Some(MediaEvent::LegUnsecured { why, .. }) => panic!("{role:?} {profile}: {why:?}"),
                    _ => {}
                }
                assert!(bench.now().since(start) < PATIENCE, "{role:?} {profile}: secured {secured}");
            }
            // The same association, and a far end that may be anywhere.
            bench.describe(session, 0, described(None, role, theirs));
            let keys = far_end.contexts(suite, usize::from(role == DtlsRole::Active));
            talks(&mut bench, legs, phone, keys);
            bench.close(session);
        }
    }
}
