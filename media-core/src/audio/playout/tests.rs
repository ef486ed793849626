//! Listening to what playout makes of a stream that the network treats badly.

use super::*;
use crate::{
    audio::listen::{amplitude, decibels},
    codec::{self, Encoder, MAX_PAYLOAD_OCTETS},
};
use contract::{Codec, Format};

mod pauses;

const TONE_HZ: f64 = 400.0;
const LEVEL: f64 = 8_000.0;

fn format(codec: Codec) -> Format {
    let (clock_rate_hz, channels) = if codec == Codec::Opus { (48_000, 2) } else { (8_000, 1) };
    Format { payload_type: 96, codec, clock_rate_hz, channels }
}

/// A number generator whose numbers look evenly spread.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

/// A phone that sends a tone, the network, and the one who listens.
struct Line {
    encoder: Box<dyn Encoder>,
    decoder: Box<dyn Decoder>,
    playout: Playout,
    rate: u32,
    clock_rate: u32,
    /// Position in the tone, in samples.
    spoken: u64,
    sequence: u16,
    timestamp: u32,
    packet_ms: u32,
    /// It says a vowel that swells, and not the tone.
    voice: bool,
    /// Under way: when it comes in µs, its numbers, its payload.
    flying: Vec<(u64, u16, u32, bool, Vec<u8>)>,
    /// µs on the listener's clock.
    now: u64,
    heard: Vec<i16>,
    kinds: Vec<Pulled>,
}

impl Line {
    fn new(codec: Codec, packet_ms: u32) -> Self {
        let format = format(codec);
        let entry = codec::entry(&format).expect("of the table");
        Self {
            encoder: (entry.open_encoder)(&format).expect("available"),
            decoder: (entry.open_decoder)(&format).expect("available"),
            playout: Playout::new(entry.sample_rate_hz, entry.clock_rate_hz),
            rate: entry.sample_rate_hz,
            clock_rate: entry.clock_rate_hz,
            spoken: 0,
            sequence: 65_500,
            timestamp: u32::MAX - 40_000,
            packet_ms,
            voice: false,
            flying: Vec::new(),
            now: 5_000_000,
            heard: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// The next packet of the tone.
    fn packet(&mut self) -> (u16, u32, Vec<u8>) {
        let samples = self.rate * self.packet_ms / 1_000;
        let step = core::f64::consts::TAU * TONE_HZ / f64::from(self.rate);
        let vowel = |turn: f64| {
            let swell = 1.0 + 0.8 * (turn / 100.0).sin();
            swell * [0.5, 1.0, 1.5, 3.0].map(|times| (turn * times).sin()).into_iter().sum::<f64>() / 4.0
        };
        let sample = |at: u64| {
            let turn = step * (self.spoken + at) as f64;
            (LEVEL * if self.voice { vowel(turn) } else { turn.sin() }).round() as i16
        };
        let pcm: Vec<i16> = (0..u64::from(samples)).map(sample).collect();
        let mut payload = vec![0; MAX_PAYLOAD_OCTETS];
        let length = self.encoder.encode(&pcm, &mut payload);
        payload.truncate(length);
        let packet = (self.sequence, self.timestamp, payload);
        self.skip();
        packet
    }

    /// Time passes for the sender, and a sequence number.
    fn skip(&mut self) {
        self.spoken += u64::from(self.rate * self.packet_ms / 1_000);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.clock_rate * self.packet_ms / 1_000);
    }

    /// A packet leaves now and comes after `delay_us`.
    fn send(&mut self, delay_us: u64) {
        let (sequence, timestamp, payload) = self.packet();
        self.flying.push((self.now + delay_us, sequence, timestamp, false, payload));
    }

    /// `ms` of listening, a frame at a time; what came meanwhile is inserted at its time.
    fn listen(&mut self, ms: u32, frame_ms: u32) {
        for _ in 0..ms / frame_ms {
            self.flying.sort_by_key(|packet| packet.0);
            let due = self.flying.iter().take_while(|packet| packet.0 <= self.now).count();
            for (at, sequence, timestamp, marker, payload) in self.flying.drain(..due) {
                let at = Instant::from_nanos(at * 1_000);
                self.playout.insert(at, sequence, timestamp, marker, 96, &payload, &*self.decoder);
            }
            let mut out = vec![0x5555; (self.rate * frame_ms / 1_000) as usize];
            let kind = self.playout.pull(Instant::from_nanos(self.now * 1_000), &mut *self.decoder, &mut out);
            self.kinds.push(kind);
            self.heard.extend(out);
            self.now += u64::from(frame_ms) * 1_000;
        }
    }

    /// So many packets, lost and delayed as `way` says (`None`: lost), while listening.
    fn talk(&mut self, packets: u32, frame_ms: u32, mut way: impl FnMut(u32) -> Option<u64>) {
        for at in 0..packets {
            match way(at) {
                Some(delay_us) => self.send(delay_us),
                None => {
                    // It is spoken and never comes.
                    self.packet();
                }
            }
            self.listen(self.packet_ms, frame_ms);
        }
    }

    /// What was heard after `ms`.
    fn after(&self, ms: u32) -> &[i16] {
        &self.heard[(self.rate / 1_000 * ms) as usize..]
    }
}

/// The mean level in dB beside that of the tone: of all power.
fn level(samples: &[i16]) -> f64 {
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * (power / (LEVEL * LEVEL / 2.0)).max(1e-9).log10()
}

/// The longest time in ms below a tenth of the tone's level.
fn longest_silence(samples: &[i16], rate: u32) -> u32 {
    let (mut longest, mut now) = (0, 0);
    for piece in samples.chunks_exact(rate as usize / 400) {
        now = if piece.iter().all(|sample| f64::from(sample.unsigned_abs()) < LEVEL / 10.0) { now + 1 } else { 0 };
        longest = longest.max(now);
    }
    longest * 5 / 2
}

/// The largest step between two samples beside the steepest of the tone.
fn click(samples: &[i16], rate: u32) -> f64 {
    let steepest = LEVEL * core::f64::consts::TAU * TONE_HZ / f64::from(rate);
    let jump = samples.windows(2).map(|two| (i32::from(two[1]) - i32::from(two[0])).abs()).max();
    f64::from(jump.unwrap_or_default()) / steepest
}

const CODECS: [Codec; 5] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16, Codec::Opus];

#[test]
fn an_even_stream_passes_as_it_is_whatever_its_packets_and_frames() {
    for codec in CODECS {
        for packet_ms in [10, 20, 40, 60] {
            for frame_ms in [10, 20] {
                let mut line = Line::new(codec, packet_ms);
                line.talk(4_000 / packet_ms, frame_ms.min(packet_ms), |_| Some(3_000));
                let heard = line.after(1_000);
                let tone = decibels(amplitude(&heard[..heard.len() / 2], TONE_HZ, line.rate), LEVEL);
                assert!(tone.abs() < 0.5, "{codec:?} {packet_ms} {frame_ms}: {tone:.2} dB");
                assert!(click(heard, line.rate) < 1.2, "{codec:?} {packet_ms} {frame_ms}");
                let figures = line.playout.figures();
                assert_eq!((figures.concealed, figures.late, figures.duplicates), (0, 0, 0), "{codec:?} {packet_ms}");
                assert!(figures.delay <= Duration::from_millis(60), "{codec:?} {packet_ms} {figures:?}");
                assert!(line.kinds[20..].iter().all(|kind| *kind == Pulled::Speech));
            }
        }
    }
}

#[test]
fn five_percent_lost_and_thirty_ms_of_jitter_keep_the_energy_and_leave_no_hole() {
    for codec in CODECS {
        for (packet_ms, seed) in [(20, 1), (20, 2), (10, 3), (40, 4)] {
            let mut line = Line::new(codec, packet_ms);
            let mut dice = Dice(seed);
            line.talk(20_000 / packet_ms, 10, |_| (dice.below(100) >= 5).then(|| dice.below(30_000)));
            let heard = line.after(1_000);
            let (energy, hole) = (level(heard), longest_silence(heard, line.rate));
            assert!(energy.abs() < 1.0, "{codec:?} {packet_ms}: {energy:.2} dB {:?}", line.playout.figures());
            assert!(hole <= 60, "{codec:?} {packet_ms}: {hole} ms");
        }
    }
}

#[test]
fn a_fifth_lost_still_sounds() {
    for codec in CODECS {
        let mut line = Line::new(codec, 20);
        let mut dice = Dice(9);
        line.talk(1_000, 20, |_| (dice.below(100) >= 20).then(|| dice.below(20_000)));
        let heard = line.after(1_000);
        let (energy, hole) = (level(heard), longest_silence(heard, line.rate));
        assert!(energy > -3.0 && hole <= 100, "{codec:?}: {energy:.2} dB, {hole} ms");
    }
}

#[test]
fn disorder_and_duplicates_are_not_heard() {
    let mut line = Line::new(Codec::Pcmu, 20);
    // Every fourth packet comes after the next one, every third twice.
    for at in 0..500 {
        line.send(if at % 4 == 0 { 25_000 } else { 1_000 });
        if at % 3 == 0 {
            let again = line.flying.last().cloned().expect("sent");
            line.flying.push((again.0 + 12_000, again.1, again.2, again.3, again.4));
        }
        line.listen(20, 20);
    }
    let heard = line.after(2_000);
    let figures = line.playout.figures();
    assert!(level(heard).abs() < 0.1 && click(heard, line.rate) < 1.2, "{figures:?}");
    assert!((160..=167).contains(&figures.duplicates) && figures.late <= 2, "{figures:?}");
}

#[test]
fn timestamps_that_jump_are_not_heard() {
    for jump in [160 * 40_u32, 1_u32.wrapping_neg() - 8_000, 5, 2_000_000_000, u32::MAX / 2, 160_u32.wrapping_neg()] {
        let mut line = Line::new(Codec::Pcmu, 20);
        line.talk(200, 20, |_| Some(2_000));
        line.timestamp = line.timestamp.wrapping_add(jump);
        line.talk(200, 20, |_| Some(2_000));
        let heard = line.after(1_000);
        assert!(longest_silence(heard, line.rate) <= 10 && level(heard).abs() < 0.3, "{jump} {}", level(heard));
    }
}

#[test]
fn another_source_is_heard_soon_and_without_a_click() {
    let mut line = Line::new(Codec::Pcmu, 20);
    line.talk(200, 20, |_| Some(2_000));
    line.playout.reset();
    line.decoder.reset();
    (line.sequence, line.timestamp) = (77, 1_234_567);
    line.talk(200, 20, |_| Some(2_000));
    let heard = line.after(1_000);
    assert!(longest_silence(heard, line.rate) <= 60, "{}", longest_silence(heard, line.rate));
    assert!(click(heard, line.rate) < 1.5, "{}", click(heard, line.rate));
}

#[test]
fn a_source_that_stops_fades_and_is_silent() {
    let mut line = Line::new(Codec::Pcmu, 20);
    line.talk(100, 20, |_| Some(2_000));
    line.listen(1_000, 20);
    let stopped = line.after(2_000);
    assert!(stopped[8 * 300..].iter().all(|sample| *sample == 0));
    assert!(click(line.after(1_000), line.rate) < 1.3);
    assert_eq!(line.kinds.last(), Some(&Pulled::Silence));
}

#[test]
fn comfort_noise_sounds_until_the_next_spurt_and_then_that_is_heard_whole() {
    let mut line = Line::new(Codec::Pcmu, 20);
    line.talk(200, 20, |_| Some(2_000));
    line.playout.comfort_noise(&[50]);
    line.sequence = line.sequence.wrapping_add(1);
    line.listen(1_000, 20);
    line.timestamp = line.timestamp.wrapping_add(8_000);
    let from = line.heard.len();
    assert!(line.kinds[210..].iter().all(|kind| *kind == Pulled::Noise));
    let noise = level(&line.heard[from - 4_000..from]);
    // 50 dB under full scale; the tone is 12.2 dB under, and a sine has 3 dB less than a square.
    assert!((noise + 50.0 - 15.2).abs() < 1.0, "{noise}");
    let before = line.playout.figures().concealed;
    line.talk(200, 20, |_| Some(2_000));
    let figures = line.playout.figures();
    assert_eq!((figures.concealed - before, figures.late, figures.accelerated), (0, 0, 0));
    let spurt = &line.heard[from..];
    let begins = spurt.iter().position(|sample| sample.unsigned_abs() > 1_000).expect("heard");
    assert!(begins < 8 * 60 && level(&spurt[begins..]).abs() < 0.3, "{begins}");
}

#[test]
fn a_clock_that_drifts_for_an_hour_is_followed_without_growth() {
    for drift_ppm in [-200_i64, 200] {
        let mut line = Line::new(Codec::Pcmu, 20);
        let mut dice = Dice(3);
        let (mut most, mut holes) = (Duration::ZERO, 0);
        let began = line.now;
        for at in 0..180_000_u64 {
            let nominal = at as i64 * 20_000;
            let leaves = began as i64 + nominal + nominal * drift_ppm / 1_000_000;
            let (sequence, timestamp, payload) = line.packet();
            line.flying.push((leaves as u64 + 2_000 + dice.below(10_000), sequence, timestamp, false, payload));
            if leaves as u64 >= line.now + 20_000 {
                line.listen(20, 20);
            }
            while line.now <= leaves as u64 {
                line.listen(20, 20);
            }
            if at == 3_000 {
                line.heard.clear();
            }
            if at > 3_000 {
                most = most.max(line.playout.figures().delay);
            }
            if at % 3_000 == 2_999 && at > 3_000 {
                holes += u32::from(longest_silence(&line.heard, line.rate) > 10);
                assert!(level(&line.heard).abs() < 0.3, "{drift_ppm} {}", level(&line.heard));
                line.heard.clear();
            }
            line.kinds.clear();
        }
        let figures = line.playout.figures();
        assert!(most < Duration::from_millis(75) && holes == 0, "{drift_ppm}: {most:?} {holes} {figures:?}");
        // 200 ppm of an hour are 720 ms.
        let moved = figures.expanded as i64 + figures.concealed as i64 - figures.accelerated as i64;
        assert!((moved - drift_ppm * 28_800_000 / 1_000_000).abs() < 800, "{drift_ppm}: {moved} {figures:?}");
    }
}

#[test]
fn any_packets_in_any_order_do_no_harm() {
    for codec in CODECS {
        for seed in 0..12 {
            let mut dice = Dice(seed);
            let mut line = Line::new(codec, 20);
            let mut now = 0_u64;
            for _ in 0..1_500 {
                now += dice.below(30_000_000);
                let at = Instant::from_nanos(now);
                match dice.below(12) {
                    0 => {
                        let noise: Vec<u8> = (0..dice.below(20)).map(|_| dice.below(256) as u8).collect();
                        line.playout.comfort_noise(&noise);
                    }
                    1 if dice.below(10) == 0 => line.playout.reset(),
                    2 => line.playout.rest(),
                    3..8 => {
                        let length = [1, 2, 80, 160, 640, 1_472, 2_000][dice.below(7) as usize];
                        let payload: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
                        let wild = dice.below(4) == 0;
                        let sequence = if wild { dice.below(65_536) as u16 } else { line.sequence };
                        let timestamp = if wild { dice.below(1 << 32) as u32 } else { line.timestamp };
                        let (marker, payload_type) = (dice.below(2) == 0, if dice.below(50) == 0 { 9 } else { 8 });
                        let decoder = &*line.decoder;
                        line.playout.insert(at, sequence, timestamp, marker, payload_type, &payload, decoder);
                        line.skip();
                    }
                    _ => {
                        let length = [0, 1, 80, 160, 320, 480, 960][dice.below(7) as usize];
                        let mut out = vec![0; length];
                        line.playout.pull(at, &mut *line.decoder, &mut out);
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_allocates_after_the_beginning() {
    for codec in CODECS {
        let mut line = Line::new(codec, 20);
        let mut dice = Dice(5);
        let packets: Vec<_> = (0..600).map(|_| line.packet()).collect();
        let mut out = vec![0; line.rate as usize / 50];
        let mut decoder =
            (codec::entry(&format(codec)).expect("known").open_decoder)(&format(codec)).expect("available");
        let counted = allocation_counter::measure(|| {
            for (at, (sequence, timestamp, payload)) in packets.iter().enumerate() {
                let now = Instant::from_nanos(at as u64 * 20_000_000);
                // Bursts, losses, noise, rests.
                if dice.below(10) > 1 {
                    line.playout.insert(now, *sequence, *timestamp, false, 96, payload, &*decoder);
                }
                if dice.below(40) == 0 {
                    line.playout.comfort_noise(&[60, 30, 200]);
                }
                if at % 100 > 20 {
                    for _ in 0..=u8::from(at % 100 < 40) {
                        line.playout.pull(now, &mut *decoder, &mut out);
                    }
                }
            }
        });
        assert_eq!(counted.count_total, 0, "{codec:?}");
        let figures = line.playout.figures();
        assert!(figures.concealed > 0 && figures.accelerated > 0, "{codec:?} {figures:?}");
    }
}
