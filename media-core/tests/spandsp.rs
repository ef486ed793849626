//! G.722 and keys with spandsp as the far end, both ways. Needs a C compiler and libspandsp.so.2; with `IRONBELL_WITHOUT_PEERS=1` it is
//! a printed skip instead.

use contract::{Codec, Digit, Format};
use core::time::Duration;
use media_core::{
    codec::{self, MAX_PACKET_SAMPLES, MAX_PAYLOAD_OCTETS},
    dtmf::{Detector, Generator},
};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    thread,
};

/// `None`: peers are not wanted.
static PEER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    if std::env::var_os("IRONBELL_WITHOUT_PEERS").is_some_and(|value| value == "1") {
        println!("skipped: IRONBELL_WITHOUT_PEERS=1");
        return None;
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spandsp-peer");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spandsp/peer.c");
    let mut compiler = Command::new("cc");
    let compiled = compiler.arg(source).arg("-o").arg(&program).arg("-l:libspandsp.so.2").status();
    assert!(compiled.expect("a C compiler").success(), "libspandsp2 is needed");
    Some(program)
});

/// What the peer makes of `input`.
fn ask(peer: &Path, what: &str, input: Vec<u8>) -> Vec<u8> {
    let mut child =
        Command::new(peer).arg(what).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it takes all");
    assert!(output.status.success());
    output.stdout
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn samples(octets: &[u8]) -> Vec<i16> {
    octets.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Ten seconds of everything: tones that glide, noise of all levels, silence, full scale.
fn everything() -> Vec<i16> {
    let mut seed = 1_u32;
    let mut phase = 0.0_f64;
    (0..160_000)
        .map(|at| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = i32::from((seed >> 16) as i16);
            phase += 0.01 + 3.0 * f64::from(at % 32_000) / 32_000.0;
            match at / 16_000 {
                0..4 => (f64::from(at % 9_000) * 3.5 * phase.sin()) as i16,
                4..7 => (noise >> (at / 2_000 % 16)) as i16,
                7 => 0,
                8 => noise as i16,
                _ => {
                    if at / 40 % 2 == 0 {
                        i16::MAX
                    } else {
                        i16::MIN
                    }
                }
            }
        })
        .collect()
}

#[test]
fn g722_is_that_of_spandsp_octet_by_octet_and_sample_by_sample() {
    let Some(peer) = PEER.as_deref() else { return };
    let format = Format { payload_type: 9, codec: Codec::G722, clock_rate_hz: 8_000, channels: 1 };
    let entry = codec::entry(&format).expect("of the table");
    let mut encoder = (entry.open_encoder)(&format).expect("available");
    let mut decoder = (entry.open_decoder)(&format).expect("available");
    let pcm = everything();
    let (mut ours, mut heard) = (Vec::new(), Vec::new());
    for frame in pcm.chunks_exact(320) {
        let mut payload = [0; MAX_PAYLOAD_OCTETS];
        let length = encoder.encode(frame, &mut payload);
        ours.extend_from_slice(&payload[..length]);
    }
    let theirs = ask(peer, "encode", octets(&pcm));
    let unlike = ours.iter().zip(&theirs).position(|(one, other)| one != other);
    assert_eq!((ours.len(), unlike), (theirs.len(), None), "encoded");
    // Theirs, and octets that no encoder makes.
    let mut seed = 9_u32;
    let wild = (0..16_000).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    });
    let coded: Vec<u8> = theirs.into_iter().chain(wild).collect();
    for payload in coded.chunks_exact(160) {
        let mut out = [0; MAX_PACKET_SAMPLES];
        let written = decoder.decode(payload, &mut out).expect("well formed");
        heard.extend_from_slice(&out[..written]);
    }
    let theirs = samples(&ask(peer, "decode", coded));
    // Where the sum is beyond 16 bits spandsp's wraps and ours is held.
    let same = |one: i16, other: i16| one == other || one == i16::MAX || one == i16::MIN;
    let unlike = heard.iter().zip(&theirs).position(|(one, other)| !same(*one, *other));
    assert_eq!((heard.len(), unlike), (theirs.len(), None), "decoded");
}

#[test]
fn spandsp_hears_our_keys_and_we_hear_its() {
    let Some(peer) = PEER.as_deref() else { return };
    let keys = "147*2580369#ABCD0011223344";
    let mut generator = Generator::new(8_000);
    let mut sound = vec![0; 400];
    for sign in keys.chars() {
        generator.start(Digit::from_char(sign).expect("a key"), Duration::from_millis(60));
        let mut more = true;
        while more {
            let mut frame = [0; 160];
            more = generator.fill(&mut frame);
            sound.extend(frame);
        }
    }
    assert_eq!(String::from_utf8_lossy(&ask(peer, "hear", octets(&sound))), keys);

    let said = [samples(&ask(peer, "say", keys.as_bytes().to_vec())), vec![0; 800]].concat();
    let mut detector = Detector::new(8_000);
    let heard: String = said.chunks(160).filter_map(|frame| detector.push(frame)).map(|key| key.digit.sign()).collect();
    assert_eq!(heard, keys);
}
