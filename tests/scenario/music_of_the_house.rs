//! Music of the house at the ear of who is held: every format that is read, in the order its class says.

use crate::{
    handset::{Handset, Talk, home},
    hold::renegotiate,
    sound::{TONES, dominant},
};
use std::{
    collections::BTreeSet,
    f64::consts::TAU,
    fs,
    time::{Duration, Instant},
};

/// Each holds a second of 440 Hz.
const FILES: [(&str, &[u8]); 5] = [
    ("mp3", include_bytes!("../../src/media/fixtures/tone.mp3")),
    ("ogg", include_bytes!("../../src/media/fixtures/tone.ogg")),
    ("flac", include_bytes!("../../src/media/fixtures/tone.flac")),
    ("aac", include_bytes!("../../src/media/fixtures/tone.aac")),
    ("m4a", include_bytes!("../../src/media/fixtures/tone.m4a")),
];

/// Packets of 20 ms in a file of [`wav`].
const PACKETS: usize = 10;

/// A WAV file of a tone.
fn wav(hertz: f64) -> Vec<u8> {
    let samples = PACKETS * crate::sound::SAMPLES;
    let octets = u32::try_from(samples * 2).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + octets).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(octets.to_le_bytes());
    for n in 0..samples {
        file.extend((((TAU * hertz * n as f64 / 8_000.0).sin() * 8_000.0) as i16).to_le_bytes());
    }
    file
}

/// Alice's phone holds; what so many packets say at Boris' ear.
fn held(alice: &mut Handset, boris: &mut Handset, packets: usize) -> Vec<Vec<u8>> {
    let asked = alice.dial("1002");
    let invite = boris.called();
    let mut at_boris: Talk = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    renegotiate((alice, &mut at_alice), (boris, &mut at_boris), "sendonly", "recvonly");
    let heard = listen(boris, packets);
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    heard
}

fn listen(boris: &Handset, packets: usize) -> Vec<Vec<u8>> {
    let end = Instant::now() + crate::exchange::PATIENCE;
    let (mut heard, mut buffer) = (Vec::new(), [0; 2_048]);
    boris.rtp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while heard.len() < packets {
        assert!(Instant::now() < end, "only {} packets of music", heard.len());
        let Ok((length, _)) = boris.rtp.recv_from(&mut buffer) else { continue };
        // RFC 5761: RTCP is told apart by its type. Of RTP all but speech is short.
        if length == 12 + crate::sound::SAMPLES && buffer[1] & 0x7f == 0 {
            heard.push(buffer[12..length].to_vec());
        }
    }
    heard
}

#[test]
fn a_held_party_hears_the_music_whatever_the_format_of_its_file() {
    for (ending, file) in FILES {
        let home = home("", "");
        home.edit("api:\n", "music_on_hold: [{ name: default, path: house }]\napi:\n");
        let folder = home.data().join("house");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("only.{ending}")), file).unwrap();
        let exchange = home.start();
        assert!(exchange.said().line("sounds are read").is_some());
        let mut alice = Handset::alice(&exchange).registered();
        let mut boris = Handset::boris(&exchange).registered();
        let sound = held(&mut alice, &mut boris, 60);
        // Parts of 200 ms after the first, which may still be of the moment before. Where the file begins again the tone's phase jumps, and formats that
        // do not tell their padding are silent for a moment: one part may hold that.
        let tones: Vec<_> = sound[10..].chunks(PACKETS).map(|part| dominant(&part.concat())).collect();
        assert!(tones.iter().filter(|tone| **tone == Some(440.0)).count() >= 4, "{ending}: {tones:?}");
    }
}

/// The order of the tones at the ear of each of so many held parties.
fn orders(order: &str, parties: usize) -> Vec<Vec<u32>> {
    let home = home("", "");
    home.edit("api:\n", &format!("music_on_hold: [{{ name: default, path: house, order: {order} }}]\napi:\n"));
    let folder = home.data().join("house");
    fs::create_dir_all(&folder).unwrap();
    for (number, hertz) in TONES.into_iter().enumerate() {
        fs::write(folder.join(format!("{number}.wav")), wav(hertz)).unwrap();
    }
    let exchange = home.start();
    assert!(exchange.said().line("sounds are read").is_some());
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let mut orders = Vec::new();
    for _ in 0..parties {
        let mut order: Vec<u32> = Vec::new();
        // A round, and what may pass before the first file begins.
        for packet in held(&mut alice, &mut boris, (TONES.len() + 1) * PACKETS) {
            if let Some(hertz) = dominant(&packet)
                && order.last() != Some(&(hertz as u32))
            {
                order.push(hertz as u32);
            }
        }
        order.truncate(TONES.len());
        orders.push(order);
    }
    orders
}

#[test]
fn music_in_sequence_begins_with_the_first_file_and_random_music_with_any() {
    let all: BTreeSet<u32> = TONES.map(|hertz| hertz as u32).into();
    let sequential = orders("sequential", 2);
    assert!(sequential.iter().all(|order| *order == TONES.map(|hertz| hertz as u32)), "{sequential:?}");
    // Twelve shuffles of four that are all alike are one in 24 to the power of 11.
    let random = orders("random", 12);
    assert!(random.iter().all(|order| order.iter().copied().collect::<BTreeSet<_>>() == all), "{random:?}");
    assert!(random.iter().any(|order| order != &random[0]), "{random:?}");
}
