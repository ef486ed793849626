//! Phones that say a tone each and tell by ear whom they hear.

use super::{Rig, memory::MemoryRig, peer};
use contract::{Format, PeerSpec, SourceRule};
use core::{f64::consts::TAU, net::SocketAddr, time::Duration};
use media_core::{
    codec::{self, Decoder, Encoder},
    rtp::Header,
};

/// A phone with a tone of its own.
pub struct Phone {
    pub address: SocketAddr,
    pub ours: SocketAddr,
    pub hz: f64,
    /// Peak of what it says.
    pub amplitude: f64,
    /// It sends nothing by itself.
    pub silent: bool,
    pub format: Format,
    pub rate_hz: u32,
    encoder: Box<dyn Encoder>,
    decoder: Box<dyn Decoder>,
    sequence: u16,
    timestamp: u32,
    said: u64,
    last: Option<Header>,
    last_at_ms: u64,
    /// What it heard, at its codec's rate.
    pub heard: Vec<i16>,
    /// The longest time without a packet, in ms.
    pub gap_ms: u64,
    pub packets: u32,
    /// RFC 4733 payloads it got.
    pub events: Vec<[u8; 4]>,
}

impl Phone {
    /// A phone as leg `member` of session 1, described and opened.
    pub fn new(rig: &mut MemoryRig, member: u16, format: Format, hz: f64) -> Self {
        let ours = rig.open(1, member);
        let mut phone = Self::opened(rig.phone(member), ours, format, hz);
        phone.describe(rig, member, |_| {});
        phone.sequence = member.wrapping_mul(7_919);
        phone
    }

    pub fn opened(address: SocketAddr, ours: SocketAddr, format: Format, hz: f64) -> Self {
        let entry = codec::entry(&format).expect("a codec");
        Self {
            address,
            ours,
            hz,
            amplitude: 8_000.0,
            silent: false,
            format,
            rate_hz: entry.sample_rate_hz,
            encoder: (entry.open_encoder)(&format).expect("an encoder"),
            decoder: (entry.open_decoder)(&format).expect("a decoder"),
            sequence: 1,
            timestamp: 77,
            said: 0,
            last: None,
            last_at_ms: 0,
            heard: Vec::new(),
            gap_ms: 0,
            packets: 0,
            events: Vec::new(),
        }
    }

    /// Describes it again, with `change`.
    pub fn describe(&mut self, rig: &mut MemoryRig, member: u16, change: impl FnOnce(&mut PeerSpec)) {
        let mut spec = peer(self.address, SourceRule::Signalled);
        spec.formats = vec![self.format];
        change(&mut spec);
        rig.describe(1, member, spec);
    }

    /// The next 20 ms of its tone.
    pub fn say(&mut self, rig: &mut MemoryRig) {
        let packet = self.packet();
        rig.say(self.address, self.ours, &packet);
        self.skip();
    }

    /// The packet of the next 20 ms of its tone, which pass with [`Phone::skip`].
    pub fn packet(&mut self) -> Vec<u8> {
        let samples = self.rate_hz / 50;
        let at = |n: u64| (self.amplitude * (TAU * self.hz * n as f64 / f64::from(self.rate_hz)).sin()) as i16;
        let pcm: Vec<i16> = (self.said..self.said + u64::from(samples)).map(at).collect();
        self.encoded(&pcm)
    }

    fn encoded(&mut self, pcm: &[i16]) -> Vec<u8> {
        let mut payload = [0; 1_400];
        let octets = self.encoder.encode(pcm, &mut payload);
        self.rtp(self.format.payload_type, false, self.timestamp, &payload[..octets])
    }

    fn rtp(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(u32::from(self.ours.port()).to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    /// 20 ms of these samples.
    pub fn say_pcm(&mut self, rig: &mut MemoryRig, pcm: &[i16]) {
        let packet = self.encoded(pcm);
        rig.say(self.address, self.ours, &packet);
        self.skip();
    }

    /// 20 ms of nothing.
    pub fn skip(&mut self) {
        self.said += u64::from(self.rate_hz / 50);
        self.timestamp = self.timestamp.wrapping_add(self.format.clock_rate_hz / 50);
    }

    /// The 20 ms that pass next are those of what was said last.
    pub fn rewind(&mut self) {
        self.timestamp = self.timestamp.wrapping_sub(self.format.clock_rate_hz / 50);
    }

    pub fn send_at(&mut self, rig: &mut MemoryRig, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let packet = self.rtp(payload_type, marker, timestamp, payload);
        rig.say(self.address, self.ours, &packet);
    }

    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Takes what came for it, and checks that it is one stream: one SSRC, no number twice, no jump.
    pub fn listen(&mut self, rig: &mut MemoryRig, now_ms: u64) {
        while let Some((from, bytes)) = rig.take(self.address) {
            assert_eq!(from, self.ours);
            let mut header = Header::parse(&bytes).expect("RTP");
            let is_event = header.payload_type != self.format.payload_type;
            if let Some(last) = self.last {
                assert_eq!(header.ssrc, last.ssrc, "one stream has one source");
                assert_eq!(header.sequence, last.sequence.wrapping_add(1), "numbers follow each other");
                if is_event {
                    // RFC 4733: the timestamp of all its packets is that of its beginning.
                    let passed = (now_ms - self.last_at_ms) as u32 * self.format.clock_rate_hz / 1_000;
                    header.timestamp = last.timestamp.wrapping_add(passed);
                }
                let step = header.timestamp.wrapping_sub(last.timestamp) as i32;
                let passed = (now_ms - self.last_at_ms) as i32 * self.format.clock_rate_hz as i32 / 1_000;
                let tolerance = self.format.clock_rate_hz as i32 / 10;
                assert!(step >= 0 && (step - passed).abs() <= tolerance, "timestamp steps {step} in {passed}");
                self.gap_ms = self.gap_ms.max(now_ms - self.last_at_ms);
            }
            self.last = Some(header);
            self.last_at_ms = now_ms;
            self.packets += 1;
            if is_event {
                self.events.push(*header.payload(&bytes).first_chunk().expect("an event"));
                continue;
            }
            let mut pcm = [0; 2_880];
            let samples = self.decoder.decode(header.payload(&bytes), &mut pcm).expect("decodes");
            self.heard.extend_from_slice(&pcm[..samples]);
        }
    }

    /// Forgets what it heard.
    pub fn forget(&mut self) {
        self.heard.clear();
        (self.gap_ms, self.packets) = (0, 0);
        self.events.clear();
    }

    /// The peak amplitude of a tone in what it heard last, over 200 ms.
    pub fn hears(&self, hz: f64) -> f64 {
        let span = (self.rate_hz / 5) as usize;
        assert!(self.heard.len() >= span, "{} heard {} samples", self.hz, self.heard.len());
        tone(&self.heard[self.heard.len() - span..], hz, self.rate_hz)
    }
}

/// The peak amplitude of a tone in samples, by Goertzel's algorithm.
pub fn tone(samples: &[i16], hz: f64, rate_hz: u32) -> f64 {
    let factor = 2.0 * (TAU * hz / f64::from(rate_hz)).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (f64::from(*sample) + factor * one - two, one);
    }
    let power: f64 = one * one + two * two - factor * one * two;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

/// Everybody talks and listens for so long, each at another moment of the 20 ms.
pub fn talk(rig: &mut MemoryRig, phones: &mut [Phone], ms: u64) {
    for _ in 0..ms {
        rig.now_ms += 1;
        let now_ms = rig.now_ms;
        rig.io.advance(Duration::from_millis(1));
        rig.settle();
        for (n, phone) in phones.iter_mut().enumerate() {
            if now_ms % 20 == n as u64 * 7 % 20 {
                if phone.silent {
                    phone.skip();
                } else {
                    phone.say(rig);
                }
            }
            phone.listen(rig, now_ms);
        }
    }
}
