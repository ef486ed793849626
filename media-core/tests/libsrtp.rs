//! SRTP and SRTCP with libsrtp as the far end, both ways, in every suite. Needs a C compiler and libsrtp2 with its headers; with
//! `IRONBELL_WITHOUT_PEERS=1` it is a printed skip instead.

use contract::{SrtpKey, SrtpSuite};
use media_core::secure::srtp::{Inbound, OVERHEAD_MAX, Outbound};
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn new(program: &Path, suite: SrtpSuite, material: &[u8]) -> Self {
        let mut child =
            Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
        let mut input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        writeln!(input, "key {suite:?} {}", hex(material)).expect("written");
        Self { child, input, output }
    }

    /// Its answer; `None`: it refuses.
    fn ask(&mut self, what: &str, packet: &[u8]) -> Option<Vec<u8>> {
        writeln!(self.input, "{what} {}", hex(packet)).expect("written");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer");
        let line = line.trim();
        assert!(!line.is_empty(), "the peer has ended");
        let octet = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal");
        (line != "refused").then(|| (0..line.len()).step_by(2).map(octet).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        _ = (self.child.kill(), self.child.wait());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("a string takes all");
        text
    })
}

fn compiled() -> std::path::PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libsrtp-peer");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libsrtp/peer.c");
    let compiled =
        Command::new("cc").arg(source).arg("-o").arg(&program).arg("-lsrtp2").status().expect("a C compiler");
    assert!(compiled.success(), "libsrtp2-dev is needed");
    program
}

fn rtp(sequence: u16) -> Vec<u8> {
    // A CSRC and an extension of one word.
    let mut packet = vec![0x91, 0x80];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 0, 0xca, 0xfe, 0xba, 0xbe, 5, 5, 5, 5, 0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
    packet.extend([sequence as u8; 160]);
    packet
}

fn rtcp(number: u8) -> Vec<u8> {
    vec![0x80, 201, 0, 1, 0xca, 0xfe, 0xba, 0xbe, 0x81, 202, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 1, 1, number, 0]
}

#[test]
fn libsrtp_opens_what_we_protect_and_we_what_it_protects() {
    if std::env::var_os("IRONBELL_WITHOUT_PEERS").is_some_and(|value| value == "1") {
        println!("skipped: IRONBELL_WITHOUT_PEERS=1");
        return;
    }
    let program = compiled();
    for suite in SrtpSuite::ALL {
        let material: Vec<u8> = (0..suite.material_len() as u8).map(|octet| octet.wrapping_mul(37) ^ 0x5a).collect();
        let key = SrtpKey::new(suite, &material).expect("of the suite");
        let (mut out, mut inbound) =
            (Outbound::new(suite, &key).expect("keys"), Inbound::new(suite, &key).expect("keys"));
        let mut peer = Peer::new(&program, suite, &material);
        // Through the wrap of the sequence number.
        for step in 0..20_u16 {
            let (sequence, number) = (65_526_u16.wrapping_add(step), step as u8);
            let (plain, report) = (rtp(sequence), rtcp(number));
            let mut bytes = plain.clone();
            bytes.resize(plain.len() + OVERHEAD_MAX, 0);
            let len = out.protect_rtp(&mut bytes, plain.len()).expect("protected");
            assert_eq!(peer.ask("open rtp", &bytes[..len]).as_ref(), Some(&plain), "{suite:?} {step}");
            assert_eq!(peer.ask("open rtp", &bytes[..len]), None, "{suite:?}: a replay");
            let mut theirs = peer.ask("protect rtp", &plain).expect("protected");
            assert_eq!(theirs, bytes[..len], "{suite:?}: the same octets");
            let len = inbound.unprotect_rtp(&mut theirs).expect("opens");
            assert_eq!(theirs[..len], plain, "{suite:?}");

            let mut bytes = report.clone();
            bytes.resize(report.len() + OVERHEAD_MAX, 0);
            let len = out.protect_rtcp(&mut bytes, report.len()).expect("protected");
            assert_eq!(peer.ask("open rtcp", &bytes[..len]).as_ref(), Some(&report), "{suite:?} {step}");
            let mut theirs = peer.ask("protect rtcp", &report).expect("protected");
            let len = inbound.unprotect_rtcp(&mut theirs).expect("opens");
            assert_eq!(theirs[..len], report, "{suite:?}");
        }
        assert_eq!(peer.ask("open rtp", &rtp(30)), None, "{suite:?}: in clear");
    }
}
