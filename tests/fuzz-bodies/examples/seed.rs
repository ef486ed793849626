//! Writes the seeds of the corpora: `cargo run -p fuzz-bodies --example seed`. Files that fuzzing found stay.

use contract::Format;
use media_core::{
    codec::{Encoder, MAX_PAYLOAD_OCTETS, entries},
    ice::stun::{Kind, Writer, key},
};
use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let save = |corpus: &str, name: &str, bytes: &[u8]| {
        let directory = corpora.join(corpus);
        fs::create_dir_all(&directory)?;
        let name: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        fs::write(directory.join(name), bytes)
    };
    for own in torture::ours::all().iter().filter(|own| own.bytes.len() < 2_500) {
        save("message", own.name, &own.bytes)?;
    }
    for (name, value) in VALUES {
        save("message", name, value.as_bytes())?;
    }
    for (name, lines) in DESCRIPTIONS {
        let text = format!("v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n{lines}");
        save("sdp", name, text.as_bytes())?;
    }
    for (name, bytes) in packets() {
        save("rtp", name, &bytes)?;
        save("srtp", name, &bytes)?;
    }
    for (name, bytes) in streams() {
        save("codec", &name, &bytes)?;
    }
    for (name, bytes) in PAYLOADS {
        save("codec", name, bytes)?;
    }
    for (name, bytes) in checks() {
        save("stun", name, &bytes)?;
    }
    for (name, steps) in HANDSHAKES {
        save("dtls", name, steps)?;
    }
    for (name, steps) in KEYS {
        save("keys", name, steps)?;
    }
    for (digit, samples) in (0..16_u8).zip(1..) {
        // The same key as an event and, from its octets, as whatever sound they make.
        let event = |end: u8| [0x04, digit, 0x0a | end, 0, 5 * samples];
        save("keys", &format!("digit-{digit}"), &[event(0), event(0x80), event(0x80), event(0x80)].concat())?;
    }
    for (name, bytes) in listening() {
        save("playout", &name, &bytes)?;
    }
    Ok(())
}

/// Events of RFC 4733: each step is an octet (its low four bits the length, then timestamp, marker and pause) and a payload.
const KEYS: [(&str, &[u8]); 6] = [
    ("whole", b"\x44\x05\x0a\x00\xa0\x04\x05\x0a\x01\x40\x04\x05\x8a\x01\xe0\x04\x05\x8a\x01\xe0\x04\x05\x8a\x01\xe0"),
    ("end-lost", b"\x44\x0b\x0a\x00\xa0\x04\x0b\x0a\x01\x40\x94\x01\x0a\x00\xa0"),
    ("next-begins", b"\x44\x01\x0a\x00\xa0\x54\x02\x0a\x00\xa0\x54\x03\x8a\x00\xa0"),
    ("long", b"\x44\x07\x0a\xff\xff\x24\x07\x0a\x0f\xff\x04\x07\x8a\x1f\xff"),
    ("short", b"\x43\x07\x0a\xff\x01\x05\x00"),
    ("beyond-the-keys", b"\x44\xff\xff\xff\xff\x44\x10\x80\x00\x00"),
];

/// What comes to a listener of each codec: a second of packets in order, then some lost, twice, early, and a jump of the numbers.
fn listening() -> impl Iterator<Item = (String, Vec<u8>)> {
    let both = (0..entries().count() as u8).flat_map(|which| [10, 40, 160].map(|length| (which, length)));
    both.map(|(which, length)| {
        let mut bytes = vec![which];
        for step in 0..60_u8 {
            let kind = match step {
                30 | 31 => 3 << 5 | 24,
                35 => 3 << 5 | 20,
                40 => 3 << 5 | 28,
                _ => 3 << 5 | 2,
            };
            bytes.extend([kind, length]);
            bytes.extend((0..length).map(|_| step ^ 0x55));
            bytes.push(6 << 5 | 1);
            match step {
                20 => bytes.extend([5, 1, 2, 3, 4, 5]),
                45 => bytes.extend([2 << 5, 1, 2, 3, 4, 5, 6]),
                50 => bytes.push(6 << 5 | 30),
                _ => {}
            }
        }
        (format!("codec-{which}-{length}-octets"), bytes)
    })
}

/// Single header values.
const VALUES: [(&str, &str); 8] = [
    ("value-uri", "sip:a%20b:pw@[2001:db8::1]:5060;transport=tcp;lr?Subject=x&y=z"),
    ("value-tel", "tel:+1-201-555-0123;phone-context=example.com"),
    ("value-name-addr", "\"a \\\" b\" <sip:a@b;x=y>;tag=1;q=0.5;expires=60"),
    ("value-via", "SIP / 2.0 / UDP [2001:db8::9:1]:6050 ;received=[2001:db8::9:255];rport;branch=z9hG4bKas3"),
    ("value-list", "<sip:a,b>, \"c, d\" <sip:e>;x=\"f,g\",,h"),
    (
        "value-credentials",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"00\", qop=auth, nc=0000001f, cnonce=\"c\"",
    ),
    (
        "value-challenge",
        "Digest realm=\"a \\\" b\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\", stale=true, opaque=\"o\"",
    ),
    ("value-params", ";a=\"b\\\"c\" ; d ;e=f"),
];

/// What follows the first three lines.
const DESCRIPTIONS: [(&str, &str); 22] = [
    (
        "plain",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
    ),
    ("lf", "c=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n"),
    ("no-end", "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0"),
    ("blank-end", "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n\r\n\r\n"),
    ("ipv6", "c=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 18\r\na=fmtp:18 annexb=no\r\n"),
    ("hold-address", "c=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"),
    ("hold-direction", "c=IN IP4 192.0.2.1\r\nt=0 0\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"),
    ("refused", "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"),
    ("two-audio", "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0\r\n"),
    (
        "video-first",
        "t=0 0\r\nm=video 4000 RTP/AVP 31\r\nc=IN IP4 192.0.2.2\r\nm=audio 4002 RTP/AVP 0\r\nc=IN IP4 192.0.2.3\r\n",
    ),
    (
        "avpf",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVPF 96 0\r\na=rtpmap:96 opus/48000/2\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:* ccm fir\r\n",
    ),
    (
        "rtcp",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:53020 IN IP4 192.0.2.9\r\na=rtcp-mux\r\n",
    ),
    (
        "keys",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\nk=clear:x\r\nm=audio 4000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\nk=base64:x\r\n",
    ),
    (
        "ice",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\nm=audio 4000 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=ssrc:1 cname:x\r\n",
    ),
    (
        "bandwidth",
        "c=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nr=1 2 3\r\nz=0 -1h\r\nm=audio 4000 RTP/AVP 0\r\nb=TIAS:64000\r\na=ptime:30\r\na=maxptime:60\r\n",
    ),
    ("name", "c=IN IP4 host.example.com\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"),
    ("multicast", "c=IN IP4 224.2.36.42/127/3\r\nt=0 0\r\nm=audio 4000/2 RTP/AVP 0\r\n"),
    (
        "dynamic",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 97 98 99\r\na=rtpmap:96 AMR-WB/16000\r\na=rtpmap:97 PCMU/16000/2\r\na=rtpmap:98 x/0\r\n",
    ),
    ("static", "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\r\n"),
    (
        "twice",
        "c=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 0 000 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:0 PCMA/8000\r\n",
    ),
    (
        "fax",
        "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=image 4002 udptl t38\r\na=T38FaxVersion:0\r\nm=message 7394 TCP/MSRP *\r\n",
    ),
    ("empty", ""),
];

/// RTP packets, streams of them, and RTCP compounds.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let header = |first: u8, second: u8, sequence: u16| -> Vec<u8> {
        let mut packet = vec![first, second];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 160, 1, 2, 3, 4]);
        packet
    };
    let with = |mut packet: Vec<u8>, rest: &[u8]| {
        packet.extend(rest);
        packet
    };
    let stream = |sequences: &[u16]| -> Vec<u8> {
        sequences
            .iter()
            .flat_map(|sequence| [vec![16], with(header(0x80, 0, *sequence), &[0xFF; 4])].concat())
            .collect()
    };
    let block = [0, 0, 0, 9, 10, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 5, 1, 2, 3, 4, 0, 0, 0, 7];
    let sender = |count: u8, words: u8| -> Vec<u8> {
        with(
            vec![0x80 | count, 200, 0, words, 1, 2, 3, 4],
            &[1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 160, 0, 0, 0, 1, 0, 0, 0, 160],
        )
    };
    let receiver = with(vec![0x81, 201, 0, 7, 1, 2, 3, 4], &block);
    let description = [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'a', b'@', b'b', 0, 0, 0];
    let goodbye = [0x81, 203, 0, 1, 1, 2, 3, 4];
    vec![
        ("plain", with(header(0x80, 0, 1), &[0xFF; 160])),
        ("marker", with(header(0x80, 0x88, 0xFFFF), &[0xD5; 20])),
        ("padding", with(header(0xA0, 0, 1), &[1, 2, 0, 2])),
        ("padding-zero", with(header(0xA0, 0, 1), &[1, 2, 0, 0])),
        ("padding-all", with(header(0xA0, 0, 1), &[0, 0, 0, 4])),
        ("padding-much", with(header(0xA0, 0, 1), &[0, 0, 0, 5])),
        ("contributors", with(header(0x82, 0, 1), &[0; 12])),
        ("contributors-missing", with(header(0x8F, 0, 1), &[0; 12])),
        ("extension", with(header(0x90, 0, 1), &[0xBE, 0xDE, 0, 1, 0x10, 0xFF, 0, 0, 1])),
        ("extension-long", with(header(0x90, 0, 1), &[0xBE, 0xDE, 0xFF, 0xFF, 0, 0, 0, 0])),
        ("version-1", with(header(0x40, 0, 1), &[0; 4])),
        ("short", header(0x80, 0, 1)[..11].to_vec()),
        ("event", with(header(0x80, 0xE5, 1), &[5, 0x8A, 3, 0x20])),
        ("stream", stream(&[1, 2, 3, 5, 4, 5, 6])),
        ("stream-wrap", stream(&[65_534, 65_535, 0, 1, 65_533])),
        ("stream-jump", stream(&[1, 2, 30_000, 30_001, 3])),
        ("sender", sender(0, 6)),
        ("sender-block", with(sender(1, 12), &block)),
        ("sender-block-missing", sender(1, 6)),
        ("sender-description", [sender(0, 6), description.to_vec()].concat()),
        ("receiver", receiver.clone()),
        ("receiver-all", [receiver.clone(), description.to_vec(), goodbye.to_vec()].concat()),
        ("description-first", [description.to_vec(), receiver.clone()].concat()),
        ("description-open", [receiver.clone(), vec![0x81, 202, 0, 2, 1, 2, 3, 4, 1, 0xFF, b'a', b'b']].concat()),
        ("length-past-end", vec![0x80, 201, 0xFF, 0xFF, 1, 2, 3, 4]),
        ("padding-in-the-middle", [vec![0xA0, 201, 0, 2, 1, 2, 3, 4, 0, 0, 0, 4], receiver].concat()),
    ]
}

/// Payloads, each led by its length: Opus by its configurations (RFC 6716 section 3.1) and packings, frames of G.729 with noise, odd lengths.
const PAYLOADS: [(&str, &[u8]); 14] = [
    ("nothing", &[0]),
    ("cut", &[200, 1, 2, 3]),
    ("opus-only-the-first-octet", &[1, 9 << 3, 1, 31 << 3, 1, 15 << 3]),
    ("opus-silk-narrow-60-ms", &[7, 3 << 3, 0xFF, 0x12, 0x34, 0x56, 0x78, 0x9A]),
    ("opus-silk-wide-stereo", &[7, 9 << 3 | 4, 0xFF, 0x12, 0x34, 0x56, 0x78, 0x9A]),
    ("opus-hybrid-stereo", &[7, 15 << 3 | 4, 0xFF, 0x12, 0x34, 0x56, 0x78, 0x9A]),
    ("opus-celt-2-5-ms", &[7, 28 << 3, 0xFF, 0x12, 0x34, 0x56, 0x78, 0x9A]),
    ("opus-two-equal-frames", &[5, 9 << 3 | 1, 1, 2, 3, 4]),
    ("opus-two-unequal-frames", &[7, 9 << 3 | 2, 2, 1, 2, 3, 4, 5]),
    ("opus-frames-with-padding", &[7, 9 << 3 | 3, 0x42, 2, 1, 2, 0, 0]),
    ("opus-unequal-frames-with-padding", &[15, 8 << 3 | 3, 0xC3, 255, 1, 2, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0]),
    ("opus-120-ms", &[5, 9 << 3 | 3, 6, 0, 0, 0]),
    ("g729-noise", &[2, 0x12, 0x34, 22, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x56, 0x78]),
    ("half-a-sample", &[3, 1, 2, 3]),
];

/// A rising tone and silence by each codec.
fn streams() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in entries() {
        let format = Format {
            payload_type: 96,
            codec: entry.codec,
            clock_rate_hz: entry.clock_rate_hz,
            channels: entry.channels,
        };
        for packet_ms in [10, 20] {
            let Some(mut encoder) = (entry.open_encoder)(&format) else { continue };
            encoder.tell_loss(20);
            encoder.allow_dtx(true);
            let name = format!("{:?}-{}-{packet_ms}-ms", entry.codec, entry.clock_rate_hz);
            all.push((name, stream(&mut *encoder, packet_ms)));
        }
    }
    all
}

fn stream(encoder: &mut dyn Encoder, packet_ms: usize) -> Vec<u8> {
    let samples = encoder.sample_rate_hz() as usize * packet_ms / 1_000;
    let (mut bytes, mut payload) = (Vec::new(), [0; MAX_PAYLOAD_OCTETS]);
    for frame in 0..12 {
        let loud = if frame < 9 { 6_000.0 } else { 0.0 };
        let pitch = (frame + 1) as f64 / 40.0;
        let pcm: Vec<i16> = (0..samples).map(|at| (loud * (at as f64 * pitch).sin()) as i16).collect();
        let length = encoder.encode(&pcm, &mut payload).min(255);
        bytes.push(length as u8);
        bytes.extend(&payload[..length]);
    }
    bytes
}

/// Connectivity checks, the first ones with the names and the password the body knows; and lists of attributes, which it signs itself.
fn checks() -> Vec<(&'static str, Vec<u8>)> {
    let message = |kind: Kind, password: &str, attributes: &[(u16, &[u8])]| {
        let mut bytes = [0; 512];
        let mut writer = Writer::new(&mut bytes, kind, &[1; 12]);
        attributes.iter().for_each(|(kind, value)| writer.attribute(*kind, value));
        let len = writer.finish(&key(password)).unwrap_or_default();
        bytes[..len].to_vec()
    };
    const RIGHT: &str = "a password of two and twenty";
    const NAMED: (u16, &[u8]) = (0x0006, b"ours:theirs");
    let check = message(Kind::Request, RIGHT, &[NAMED, (0x0024, &[1; 4]), (0x802a, &[2; 8])]);
    let cut = |end: usize| check[..end].to_vec();
    vec![
        ("nominated", message(Kind::Request, RIGHT, &[NAMED, (0x0025, &[]), (0x0024, &[1; 4]), (0x802a, &[2; 8])])),
        ("controlled", message(Kind::Request, RIGHT, &[NAMED, (0x8029, &[2; 8])])),
        ("unknown", message(Kind::Request, RIGHT, &[NAMED, (0x7001, &[]), (0x7002, &[1]), (0xc057, &[1; 4])])),
        ("nameless", message(Kind::Request, RIGHT, &[(0x0024, &[1; 4])])),
        ("other-password", message(Kind::Request, "another", &[NAMED])),
        ("indication", message(Kind::Indication, RIGHT, &[])),
        ("success", message(Kind::Success, RIGHT, &[(0x0020, &[0, 1, 1, 2, 3, 4, 5, 6])])),
        (
            "success-ipv6",
            message(
                Kind::Success,
                RIGHT,
                &[(0x0020, &[0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])],
            ),
        ),
        ("error", message(Kind::Error, RIGHT, &[(0x0009, &[0, 0, 4, 87])])),
        ("header", cut(20)),
        ("header-cut", cut(19)),
        ("attribute-cut", cut(30)),
        ("signature-cut", cut(check.len() - 20)),
        ("sum-cut", cut(check.len() - 4)),
        ("check", check.clone()),
        ("twice", [check.clone(), check].concat()),
        ("list-nominated", vec![0, 0x25, 0, 0, 0x24, 4, 1, 2, 3, 4]),
        ("list-controlled", vec![0x80, 0x29, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("list-unknown", (0..20).flat_map(|kind| [0x70, kind, 1, kind]).collect()),
        ("list-signature", [vec![0, 8, 20], vec![7; 20]].concat()),
        ("list-sum", vec![0x80, 0x28, 4, 1, 2, 3, 4]),
        ("list-address", vec![0, 0x20, 8, 0, 1, 1, 2, 3, 4, 5, 6]),
        ("list-long", [vec![0xc0, 0x57, 255], vec![1; 255]].concat()),
    ]
}

/// Steps of a handshake. The lowest bit: from whom (0: who begins); three bits: what (0 deliver, 2 lose, 3 double, 4 delay, 5 change,
/// 6 own, 7 time); four bits: how much.
const HANDSHAKES: [(&str, &[u8]); 20] = [
    ("in-order", &[0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]),
    ("by-turns", &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
    ("hello-lost", &[4, 0x4e, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]),
    ("answer-lost", &[0, 5, 0x4e, 1, 1, 1, 0, 0, 0, 1, 1]),
    ("all-answers-lost", &[0, 5, 5, 5, 5, 0x4e, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1]),
    ("finish-lost", &[0, 1, 1, 1, 1, 0, 0, 0, 0, 5, 5, 0x4e, 0, 0, 0, 1, 1]),
    ("hello-twice", &[6, 6, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1]),
    ("answers-twice", &[0, 7, 7, 1, 1, 1, 6, 0, 0, 6, 0, 1, 1, 1]),
    ("answers-turned", &[0, 9, 1, 9, 1, 1, 8, 0, 8, 0, 0, 0, 1, 1]),
    ("hello-changed", &[10, 14, 1, 0, 1, 1]),
    ("hello-length-changed", &[10, 12, 0xff, 0, 1, 1]),
    ("hello-suite-changed", &[10, 60, 0xff, 0, 1, 1, 0]),
    ("answer-changed", &[0, 11, 30, 0x80, 1, 1, 1, 0, 0]),
    ("certificate-changed", &[0, 0x4b, 50, 1, 1, 1, 1, 0, 0, 0]),
    ("finish-changed", &[0, 1, 1, 1, 1, 0, 0, 0x1a, 90, 1, 0, 0x4e, 1, 1]),
    ("alert-made-up", &[0, 0x2c, 21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40, 1, 1, 1, 0, 0, 0, 1]),
    ("hello-made-up", &[0x3c, 22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("nothing-answers", &[0x4e, 0x8e, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe]),
    (
        "junk-afterwards",
        &[0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0x1c, 23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 40, 0x1d, 20],
    ),
    ("late-hello", &[0xfe, 0xfe, 0x4e, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 2, 3, 3, 3]),
];
