//! Phones without a common codec: each hears the other's tone in its own.

use crate::{
    exchange::PATIENCE,
    handset::{Handset, Talk, home},
    http::get,
    sound::{TONES, dominant_of},
};
use contract::{Codec, Format};
use media_core::codec::{Decoder, Encoder, entry};
use std::{
    f64::consts::TAU,
    time::{Duration, Instant},
};

/// What a packet holds.
const PACKET: Duration = Duration::from_millis(20);

/// Packets that are listened to: half a second.
const PACKETS: usize = 25;

/// Mouth and ear of a phone with one codec.
struct Voice {
    format: Format,
    encoder: Box<dyn Encoder>,
    decoder: Box<dyn Decoder>,
    hertz: f64,
    sent: usize,
    heard: Vec<f64>,
}

impl Voice {
    fn new(payload_type: u8, codec: Codec, clock_rate_hz: u32, channels: u8, hertz: f64) -> Self {
        let format = Format { payload_type, codec, clock_rate_hz, channels };
        let entry = entry(&format).expect("a codec of ours");
        let (encoder, decoder) = ((entry.open_encoder)(&format).unwrap(), (entry.open_decoder)(&format).unwrap());
        Self { format, encoder, decoder, hertz, sent: 0, heard: Vec::new() }
    }

    fn speak(&mut self, phone: &Handset, talk: &Talk) {
        let rate = self.encoder.sample_rate_hz() as usize;
        let samples = rate / 50;
        let sample = |n: usize| ((TAU * self.hertz * n as f64 / rate as f64).sin() * 8_000.0) as i16;
        let pcm: Vec<i16> = (self.sent * samples..(self.sent + 1) * samples).map(sample).collect();
        let mut packet = vec![0x80, self.format.payload_type];
        packet.extend((self.sent as u16).to_be_bytes());
        packet.extend((self.sent as u32 * (self.format.clock_rate_hz / 50)).to_be_bytes());
        packet.extend([0, 0, 0x20, self.format.payload_type]);
        let mut payload = [0; 1_400];
        let length = self.encoder.encode(&pcm, &mut payload);
        packet.extend(&payload[..length]);
        self.sent += 1;
        phone.rtp.send_to(&packet, talk.hears.unwrap()).unwrap();
    }

    /// Takes what comes until `due`.
    fn listen(&mut self, phone: &Handset, due: Instant) {
        let mut buffer = [0; 2_048];
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            phone.rtp.set_read_timeout(Some(left)).unwrap();
            let Ok((length, _)) = phone.rtp.recv_from(&mut buffer) else { return };
            // RFC 5761 section 4: RTCP is told apart by its type.
            if length <= 12 || (200..=211).contains(&buffer[1]) {
                continue;
            }
            assert_eq!(buffer[1] & 0x7f, self.format.payload_type, "{} hears another codec", phone.number);
            let mut pcm = [0; 5_760];
            let samples = self.decoder.decode(&buffer[12..length], &mut pcm).expect("sound");
            self.heard.extend(pcm[..samples].iter().map(|sample| f64::from(*sample)));
        }
    }

    /// The last half second.
    fn ear(&self) -> Option<f64> {
        let rate = self.decoder.sample_rate_hz() as usize;
        let wanted = rate / 50 * PACKETS;
        dominant_of(self.heard.get(self.heard.len().checked_sub(wanted)?..)?, rate as f64)
    }
}

/// Both speak, a packet each 20 ms, until each hears the other's tone for half a second.
fn converse(one: (&Handset, &mut Voice, &Talk), other: (&Handset, &mut Voice, &Talk)) {
    let begun = Instant::now();
    for number in 1_u32.. {
        let now = Instant::now();
        assert!(now - begun < PATIENCE, "{:?} and {:?} are heard", one.1.ear(), other.1.ear());
        one.1.speak(one.0, one.2);
        other.1.speak(other.0, other.2);
        let due = begun + PACKET * number;
        one.1.listen(one.0, now + due.saturating_duration_since(now) / 2);
        other.1.listen(other.0, due);
        if one.1.ear() == Some(other.1.hertz) && other.1.ear() == Some(one.1.hertz) {
            return;
        }
    }
}

#[test]
fn phones_without_a_common_codec_hear_each_other_in_their_own() {
    let exchange = home("", "codecs: [pcma, g722, opus, g729]").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let pcmu = || Voice::new(0, Codec::Pcmu, 8_000, 1, TONES[0]);
    let his = || {
        [
            Voice::new(8, Codec::Pcma, 8_000, 1, TONES[1]),
            Voice::new(9, Codec::G722, 8_000, 1, TONES[1]),
            Voice::new(18, Codec::G729, 8_000, 1, TONES[1]),
            Voice::new(96, Codec::Opus, 48_000, 2, TONES[1]),
        ]
    };
    alice.formats = &[0, 101];
    for (mut hers, mut his) in his().map(|his| (pcmu(), his)) {
        // What Boris is offered has his codec under a number of the exchange; he answers with that, as RFC 3264 section 6.1 has it.
        boris.formats = match his.format.payload_type {
            8 => &[8, 101],
            9 => &[9, 101],
            18 => &[18, 101],
            _ => &[96, 101],
        };
        let asked = alice.dial("1002");
        let invite = boris.called();
        let at_boris = boris.take(&invite);
        let answer = alice.final_answer(&asked);
        assert_eq!(answer.formats(), ["0", "101"], "{}", answer.body());
        let mut at_alice = alice.acknowledge(&asked, &answer, "");
        converse((&alice, &mut hers, &at_alice), (&boris, &mut his, &at_boris));
        let call = &get(&exchange, "/api/calls")["items"][0];
        alice.hang_up(&mut at_alice);
        boris.hung_up_on();
        // And as caller.
        let asked = boris.dial("1001");
        let invite = alice.called();
        assert!(invite.formats().contains(&"0"), "{}", invite.body());
        let at_alice = alice.take(&invite);
        let mut at_boris = boris.connected(&asked);
        let mut again = Voice::new(
            his.format.payload_type,
            his.format.codec,
            his.format.clock_rate_hz,
            his.format.channels,
            TONES[2],
        );
        converse((&alice, &mut pcmu(), &at_alice), (&boris, &mut again, &at_boris));
        boris.hang_up(&mut at_boris);
        alice.hung_up_on();
        assert!(!call["legs"][0]["codec"].is_null(), "{call}");
    }
}
