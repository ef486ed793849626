//! Packets that come unevenly, out of order, twice or never, to sound that flows evenly: an adaptive jitter buffer.
//!
//! Every packet has a *position*: its timestamp in samples. Sound waits as long as nearly all packets needed of late (`arrivals`); it is
//! shortened and lengthened by whole periods of the voice to keep that wait (`flow`), which also makes up for drift of the far end's clock.
//! What was lost is recovered from the codec's redundancy, else concealed by the codec, else by us; what lasts long fades to
//! silence. A silence that the far end announced is no loss: comfort noise (RFC 3389), the codec's own noise, or nothing is heard
//! until the next talk spurt is due.
//!
//! All storage is made by [`Playout::new`]: about 13 kB at 8,000 Hz, 24 kB at 16,000 Hz and 37 kB at 48,000 Hz. Knows no sockets and no RTP header, and
//! never reads a clock.

mod arrivals;
mod flow;
mod queue;
mod sound;

#[cfg(test)]
mod tests;

use super::{conceal::Concealer, noise::Noise};
use crate::codec::{Decoder, MAX_PACKET_SAMPLES};
use arrivals::Arrivals;
use contract::Instant;
use core::time::Duration;
use queue::{Queue, ahead};
use sound::Sound;

/// Longest wait in ms that packets can cause, and how much of 10 ms packets fits. What comes later than that is late.
pub const DELAY_MAX_MS: u32 = 800;

/// The longest packet in ms; a longer one is refused. 48,000 Hz is limited to 60 ms by [`MAX_PACKET_SAMPLES`].
const PACKET_MAX_MS: u32 = 120;

/// What lies ahead at most, beside a packet: the two longest periods that shortening looks at, one that lengthening adds, and one that
/// joining adds.
const AHEAD_MS: u32 = 60;

/// An offset that is this far from the others is another origin of the timestamps.
const STRAY_MS: u32 = 2_000;

/// A packet that comes this much earlier than any before it is not early: the timestamps jumped.
const EARLY_MS: u32 = 100;

/// Sequence numbers behind the highest one that are remembered, and may still come.
const WINDOW: u16 = 64;

/// What became of a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Inserted {
    /// It waits for its turn.
    Queued,
    /// It came before.
    Duplicate,
    /// Its turn is over.
    Late,
    /// The decoder cannot use it, or it is too long.
    Refused,
}

/// What the greater part of a frame is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pulled {
    /// As it was sent.
    Speech,
    /// Made up for what was lost.
    Concealed,
    /// The far end is silent and described its noise.
    Noise,
    /// Nothing.
    Silence,
}

/// What playout did so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PlayoutFigures {
    /// How long the sound being heard waited here, as of the last frame of speech.
    pub delay: Duration,
    /// How long it should.
    pub target: Duration,
    /// Samples put in by lengthening.
    pub expanded: u64,
    /// Samples taken out by shortening.
    pub accelerated: u64,
    /// Samples made up for lost ones.
    pub concealed: u64,
    /// Samples recovered from the codec's redundancy.
    pub recovered: u64,
    /// Packets whose turn was over.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
    /// Packets that could not be used.
    pub refused: u64,
    /// Packets that had to go for newer ones.
    pub overflowed: u64,
}

/// Why there is no decoded sound now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lapse {
    /// There is.
    None,
    /// We make it up.
    Ours,
    /// The codec makes it up, for so many samples by now.
    Codecs(u32),
    /// Silence or noise, until the next packet is due.
    Rest,
}

/// The newest packet by sequence number.
#[derive(Clone, Copy, Debug)]
struct Newest {
    sequence: u16,
    position: u32,
    samples: u16,
    /// Which numbers up to it have come, its own in the lowest bit.
    seen: u64,
}

/// The jitter buffer of one stream.
#[derive(Debug)]
pub struct Playout {
    rate_hz: u32,
    /// Samples for one unit of the timestamp.
    ratio: u32,
    /// Added to timestamps in samples, so that positions go on where timestamps jump.
    shift: u32,
    queue: Queue,
    sound: Sound,
    arrivals: Arrivals,
    concealer: Concealer,
    noise: Noise,
    newest: Option<Newest>,
    /// The number that would confirm a restart of the sequence.
    restart: Option<u16>,
    payload_type: Option<u8>,
    /// The position that is to be decoded next; `None`: nothing was decoded yet.
    next: Option<u32>,
    last_sequence: u16,
    /// Samples made up while it was not known what was missing.
    owed: u32,
    lapse: Lapse,
    /// The far end said that it is silent.
    resting: bool,
    /// The last payload described noise to the codec.
    codec_noise: bool,
    /// The packet whose redundancy was asked for last.
    asked: Option<u16>,
    /// What the decoded sound ahead is.
    kind: Pulled,
    /// Samples of a frame.
    pace: u32,
    /// The first packet does not wait.
    at_once: bool,
    /// When something was last stretched.
    stretched: u32,
    figures: PlayoutFigures,
}

impl Playout {
    /// For a decoder of `sample_rate_hz` and timestamps of `clock_rate_hz`, which divides it. Makes all storage.
    #[must_use]
    pub fn new(sample_rate_hz: u32, clock_rate_hz: u32) -> Self {
        // No codec is slower or faster; the limits keep hostile arguments from asking for much.
        let rate_hz = sample_rate_hz.clamp(8_000, 48_000);
        // 6,400 octets are 800 ms of G.711 and 400 ms of L16 at 8,000 Hz; 12,800 the same of L16 at 16,000 Hz, 400 ms of Opus at 256 kbit/s.
        let blocks = if rate_hz == 8_000 { 80 } else { 160 };
        let room = Self::packet_max(rate_hz) + (AHEAD_MS * rate_hz / 1_000) as usize;
        Self {
            rate_hz,
            ratio: (rate_hz / clock_rate_hz.max(1)).max(1),
            shift: 0,
            queue: Queue::new(blocks),
            sound: Sound::new(rate_hz, room),
            arrivals: Arrivals::new(rate_hz),
            concealer: Concealer::new(rate_hz),
            noise: Noise::new(1),
            newest: None,
            restart: None,
            payload_type: None,
            next: None,
            last_sequence: 0,
            owed: 0,
            lapse: Lapse::Rest,
            resting: false,
            codec_noise: false,
            asked: None,
            kind: Pulled::Silence,
            pace: rate_hz / 50,
            at_once: false,
            stretched: 0,
            figures: PlayoutFigures::default(),
        }
    }

    /// Samples of the longest packet.
    fn packet_max(rate_hz: u32) -> usize {
        MAX_PACKET_SAMPLES.min((PACKET_MAX_MS * rate_hz / 1_000) as usize)
    }

    const fn samples(&self, ms: u32) -> u32 {
        ms * (self.rate_hz / 1_000)
    }

    /// The clock in samples; wraps.
    fn clock(&self, now: Instant) -> u32 {
        (now.as_nanos() / 1_000).wrapping_mul(u64::from(self.rate_hz / 1_000)).wrapping_div(1_000) as u32
    }

    /// A packet came at `now`. Its payload is copied. It never fails: what cannot be used is counted.
    ///
    /// `decoder` is the one it will be decoded with. When `payload_type` is another than before, the packets that wait are given up, since one
    /// decoder cannot decode both.
    #[expect(clippy::too_many_arguments, reason = "a packet's header has these fields")]
    pub fn insert(
        &mut self,
        now: Instant,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload_type: u8,
        payload: &[u8],
        decoder: &dyn Decoder,
    ) -> Inserted {
        let fitting =
            decoder.samples_in(payload).filter(|samples| (1..=Self::packet_max(self.rate_hz)).contains(samples));
        let Some(samples) = fitting.filter(|_| payload.len() <= queue::PAYLOAD_MAX) else {
            self.figures.refused += 1;
            return Inserted::Refused;
        };
        if self.payload_type != Some(payload_type) {
            self.queue.clear();
            self.payload_type = Some(payload_type);
        }
        let clock = self.clock(now);
        let newer = match self.step(sequence) {
            Step::Newer(count) => Some(count),
            Step::Older => None,
            Step::Seen => {
                self.figures.duplicates += 1;
                return Inserted::Duplicate;
            }
            Step::Outside => {
                self.figures.late += 1;
                return Inserted::Late;
            }
        };
        let position = self.position(timestamp, clock, marker, newer);
        self.arrivals.take(clock, position);
        if newer.is_some() {
            let seen = self.newest.map_or(1, |newest| newest.seen);
            self.newest = Some(Newest { sequence, position, samples: samples as u16, seen });
        }
        let after_silence = newer.is_some() && core::mem::take(&mut self.resting);
        if self.next.is_some_and(|next| ahead(position.wrapping_add(samples as u32), next) <= 0) {
            self.figures.late += 1;
            return Inserted::Late;
        }
        let Some(dropped) = self.queue.insert(position, sequence, samples as u16, after_silence, payload) else {
            self.figures.duplicates += 1;
            return Inserted::Duplicate;
        };
        self.figures.overflowed += dropped as u64;
        Inserted::Queued
    }

    /// What a sequence number is beside those before; notes that it came.
    fn step(&mut self, sequence: u16) -> Step {
        let Some(newest) = &mut self.newest else { return Step::Newer(1) };
        let distance = sequence.wrapping_sub(newest.sequence) as i16;
        if distance > 0 {
            newest.seen = newest.seen.checked_shl(distance.unsigned_abs().into()).unwrap_or(0) | 1;
            self.restart = None;
            return Step::Newer(distance.unsigned_abs());
        }
        let behind = distance.unsigned_abs();
        if behind < WINDOW {
            let bit = 1 << behind;
            let seen = newest.seen & bit != 0;
            newest.seen |= bit;
            return if seen { Step::Seen } else { Step::Older };
        }
        // RFC 3550 appendix A.1: two in a row from far away are a restart.
        if self.restart == Some(sequence) {
            newest.seen = 1;
            self.restart = None;
            return Step::Newer(1);
        }
        self.restart = Some(sequence.wrapping_add(1));
        Step::Outside
    }

    /// Where a packet belongs. Timestamps that jump do not move positions: the origin is moved instead.
    fn position(&mut self, timestamp: u32, clock: u32, marker: bool, newer: Option<u16>) -> u32 {
        let position = timestamp.wrapping_mul(self.ratio).wrapping_add(self.shift);
        let (Some(newest), Some(base), Some(count)) = (self.newest, self.arrivals.base(), newer) else {
            return position;
        };
        let straight = clock.wrapping_sub(base);
        let delay = ahead(straight, position);
        let late = self.samples(if marker { EARLY_MS } else { STRAY_MS }) as i32;
        let onwards = ahead(position, newest.position) > 0;
        if onwards && (-(self.samples(EARLY_MS) as i32)..late).contains(&delay) {
            return position;
        }
        let end = newest.position.wrapping_add(u32::from(newest.samples));
        let others = u32::from(newest.samples) * u32::from(count.min(WINDOW) - 1);
        let in_a_row = end.wrapping_add(others);
        // Whatever the timestamp says: it goes on where the clock says it should, in a row where that may be.
        let near = ahead(straight, in_a_row).unsigned_abs() < self.samples(STRAY_MS) / 4;
        let place = if !marker && near || ahead(straight, end) < 0 { in_a_row } else { straight };
        self.shift = self.shift.wrapping_add(place.wrapping_sub(position));
        place
    }

    /// Exactly `out.len()` samples, of 10 or 20 ms, are to be heard from `now` on. `decoder` is the one the packets were inserted with.
    pub fn pull(&mut self, now: Instant, decoder: &mut dyn Decoder, out: &mut [i16]) -> Pulled {
        let clock = self.clock(now);
        self.pace = (out.len() as u32).min(self.samples(20));
        self.stretch(clock, decoder);
        let mut heard = [(Pulled::Speech, 0), (Pulled::Concealed, 0), (Pulled::Noise, 0), (Pulled::Silence, 0)];
        let mut filled = 0;
        while filled < out.len() {
            if self.sound.ahead() == 0 {
                self.refill(clock.wrapping_add(filled as u32), out.len() - filled, decoder);
            }
            let count = self.sound.leave(&mut out[filled..]);
            filled += count;
            heard.iter_mut().filter(|(kind, _)| *kind == self.kind).for_each(|(_, samples)| *samples += count);
        }
        self.note(clock.wrapping_add(filled as u32));
        heard.iter().rev().max_by_key(|(_, samples)| *samples).map_or(Pulled::Silence, |(kind, _)| *kind)
    }

    /// The first packet is heard at once, however soon the next ones come; sound is lengthened from there to the wait it needs. For a stream
    /// that was heard otherwise until now.
    pub const fn begin_at_once(&mut self) {
        self.at_once = true;
    }

    /// The last frame of a stream that is heard otherwise from now on: it ends with the newest sound that came. `false`: none came.
    pub fn lead_out(&mut self, decoder: &mut dyn Decoder, out: &mut [i16]) -> bool {
        if self.newest.is_none() {
            return false;
        }
        self.end(decoder, out);
        true
    }

    /// A payload of RFC 3389 came: the far end is silent, and so sounds its silence, when what waits has been heard.
    pub fn comfort_noise(&mut self, payload: &[u8]) {
        self.noise.describe(payload);
        self.resting = true;
    }

    /// The far end sends no sound for now, and that is no loss: an event (RFC 4733) takes its place.
    pub const fn rest(&mut self) {
        self.resting = true;
    }

    /// Another source begins. What was learned of the way remains, and so do the figures.
    pub fn reset(&mut self) {
        self.queue.clear();
        self.arrivals.restart();
        self.noise.reset();
        (self.newest, self.restart, self.next, self.payload_type, self.asked) = (None, None, None, None, None);
        (self.owed, self.shift, self.resting, self.codec_noise) = (0, 0, false, false);
    }

    /// What it did so far.
    #[must_use]
    pub fn figures(&self) -> PlayoutFigures {
        self.figures
    }
}

/// What a sequence number is beside those before.
enum Step {
    /// So many after the newest.
    Newer(u16),
    /// Before it, and not seen yet.
    Older,
    /// Seen.
    Seen,
    /// Far from it.
    Outside,
}
