//! From packets that wait to sound that flows: what is decoded, made up, stretched or left silent next.

use super::{
    Lapse, Playout, Pulled,
    queue::{PAYLOAD_MAX, Slot, ahead},
    sound::between,
};
use crate::{
    audio::{
        conceal::{gain, scaled},
        pitch::{self, LAG_MAX_MS, Side},
    },
    codec::Decoder,
};
use core::time::Duration;

/// Octets of the payload of a usual packet, 20 ms of G.711, and some.
const USUAL_OCTETS: usize = 256;

/// More than this above what it should wait, sound is shortened.
const ABOVE_MS: u32 = 20;

/// More than this below, it is lengthened.
const BELOW_MS: u32 = 10;

/// So much above, waiting packets are given up.
const FLUSH_MS: u32 = 500;

/// Between two changes by stretching, so that the voice does not warble; sooner when much is to be done.
const PAUSE_MS: u32 = 60;
const PAUSE_SHORT_MS: u32 = 20;

/// What is much.
const MUCH_MS: u32 = 100;

/// The window by which a period is found for stretching.
const STRETCH_WINDOW_MS: usize = 15;

/// The shortest period that is put in or taken out.
const STRETCH_MIN_US: usize = 2_500;

/// How alike two periods must be to become one, in the ordinary case and when much is to be done.
const ALIKE: f32 = 0.85;
const ALIKE_MUCH: f32 = 0.4;

/// What codecs conceal at a time; all of them can.
const CODEC_STEP_MS: u32 = 10;

/// How long a codec's own concealment is as loud as it is, and when it ends. It knows the voice better than ours, so it lasts longer; by itself
/// it need not end.
const CODEC_FLAT_MS: u32 = 60;
const CODEC_END_MS: u32 = 240;

/// Over this much one sound becomes another.
const JOIN_MS: u32 = 5;

/// Samples made up to join: half of the longest period and [`JOIN_MS`], at 48,000 Hz.
const JOIN_SAMPLES: usize = 48 * (LAG_MAX_MS / 2 + 1 + JOIN_MS as usize);

/// Octets of a payload that holds no sound but describes noise, to codecs that can: G.729 annex B (RFC 3551 section 4.5.6), Opus (RFC 7587
/// section 3.1.3).
const NOISE_OCTETS_MAX: usize = 2;

impl Playout {
    /// How long sound should wait.
    const fn target(&self) -> u32 {
        // A frame is taken at once: its last sample must be here when its first one is heard.
        self.arrivals.wait() + self.pace
    }

    /// How long a sample of `position` has waited at `clock`.
    fn waited(&self, clock: u32, position: u32) -> i32 {
        self.arrivals.base().map_or(0, |base| ahead(clock.wrapping_sub(base), position))
    }

    /// How long the next sample to be heard has waited; `None`: it is none of the far end's.
    fn delay(&self, clock: u32) -> Option<i32> {
        let next = self.next.filter(|_| self.lapse == Lapse::None)?;
        Some(self.waited(clock, next.wrapping_sub(self.sound.ahead() as u32)))
    }

    /// Keeps the figures after a frame.
    pub(super) fn note(&mut self, clock: u32) {
        let time = |samples: u32| Duration::from_micros(u64::from(samples) * 1_000 / u64::from(self.rate_hz / 1_000));
        self.figures.target = time(self.target());
        if let Some(delay) = self.delay(clock) {
            self.figures.delay = time(delay.max(0).unsigned_abs());
        }
    }

    /// Puts at least one sample ahead, about `wanted`.
    pub(super) fn refill(&mut self, clock: u32, wanted: usize, decoder: &mut dyn Decoder) {
        // Each turn plays a packet, drops one, or moves to the next one.
        while let Some(slot) = self.queue.first() {
            let gap = self.next.map(|next| ahead(slot.position, next));
            if gap.is_some_and(|gap| gap <= self.samples(1) as i32) {
                if self.play(slot, decoder) {
                    return;
                }
                continue;
            }
            let in_order = slot.sequence == self.last_sequence.wrapping_add(1);
            let Some(gap) = gap.filter(|_| !slot.after_silence && !in_order && self.lapse != Lapse::Rest) else {
                let wait = self.target() as i32 - self.waited(clock, slot.position);
                let at_once = core::mem::take(&mut self.at_once);
                if wait <= 0 || at_once || self.queue.is_crowded() {
                    self.next = Some(slot.position);
                    continue;
                }
                return self.pause(wanted.min(wait.unsigned_abs() as usize), decoder);
            };
            if self.bridge(clock, slot, gap.unsigned_abs(), wanted, decoder) {
                return;
            }
        }
        self.starve(wanted, decoder);
    }

    /// There is `gap` between what was heard and `slot`, since packets were lost. False: not any more.
    fn bridge(&mut self, clock: u32, slot: Slot, gap: u32, wanted: usize, decoder: &mut dyn Decoder) -> bool {
        // Some of it was made up before it was known to be lost; and what waits too long anyway gets nearer without being shortened.
        let next = slot.position.wrapping_sub(gap);
        let late = self.waited(clock, next) - (self.target() + self.samples(ABOVE_MS)) as i32;
        let skipped = core::mem::take(&mut self.owed).max(late.max(0).unsigned_abs()).min(gap);
        let (gap, next) = (gap - skipped, next.wrapping_add(skipped));
        self.next = Some(next);
        if self.lapse == Lapse::None && skipped > 0 {
            self.make_up();
        }
        if gap <= self.samples(1) {
            self.next = Some(slot.position);
            return false;
        }
        let before = u32::from(slot.samples);
        if gap <= before + self.samples(1) && self.asked != Some(slot.sequence) {
            self.asked = Some(slot.sequence);
            let mut octets = [0; PAYLOAD_MAX];
            let payload = self.queue.payload(&mut octets);
            let room = self.sound.room(gap as usize);
            let length = room.len().min(gap as usize);
            let recovered = decoder.recover(payload, &mut room[..length]).unwrap_or_default().min(length);
            if recovered > 0 {
                self.figures.recovered += recovered as u64;
                self.sound.grow(recovered);
                self.join(recovered);
                self.next = Some(next.wrapping_add(recovered as u32));
                self.kind = Pulled::Speech;
                return true;
            }
        }
        // What the next packet may recover is left to it.
        let most = if gap > before { gap - before } else { gap };
        let made = self.conceal(wanted.min(most as usize), decoder);
        self.next = Some(next.wrapping_add(made as u32));
        true
    }

    /// Nothing waits.
    fn starve(&mut self, wanted: usize, decoder: &mut dyn Decoder) {
        if self.resting || self.codec_noise || self.next.is_none() || self.lapse == Lapse::Rest {
            return self.pause(wanted, decoder);
        }
        let made = self.conceal(wanted, decoder);
        self.owed = self.owed.saturating_add(made as u32);
    }

    /// The packet's sound goes ahead. False: it had none.
    fn play(&mut self, slot: Slot, decoder: &mut dyn Decoder) -> bool {
        // Clearing room for the longest payload would cost as much as decoding a usual one.
        let (mut usual, mut longest);
        let octets: &mut [u8] = if usize::from(slot.length) <= USUAL_OCTETS {
            usual = [0; USUAL_OCTETS];
            &mut usual
        } else {
            longest = [0; PAYLOAD_MAX];
            &mut longest
        };
        let payload = self.queue.payload(octets);
        let noise = payload.len() <= NOISE_OCTETS_MAX;
        let decoded = decoder.decode(payload, self.sound.room(usize::from(slot.samples)));
        self.queue.drop_first();
        let count = decoded.unwrap_or_default();
        if count == 0 {
            self.figures.refused += 1;
            return false;
        }
        self.sound.grow(count);
        self.join(count);
        self.next = Some(slot.position.wrapping_add(count as u32));
        (self.last_sequence, self.codec_noise, self.owed) = (slot.sequence, noise, 0);
        self.kind = Pulled::Speech;
        true
    }

    /// Sound for something lost, about `wanted`; how much.
    fn conceal(&mut self, wanted: usize, decoder: &mut dyn Decoder) -> usize {
        let count = match self.lapse {
            Lapse::None => self.conceal_by_codec(0, wanted, decoder),
            Lapse::Codecs(given) => self.conceal_by_codec(given, wanted, decoder),
            Lapse::Ours | Lapse::Rest => None,
        };
        let count = count.unwrap_or_else(|| {
            if self.lapse != Lapse::Ours {
                self.make_up();
            }
            let room = self.sound.room(wanted);
            let count = wanted.min(room.len());
            self.concealer.fill(&mut room[..count]);
            self.sound.grow(count);
            if self.concealer.ended() {
                self.lapse = Lapse::Rest;
            }
            count
        });
        self.figures.concealed += count as u64;
        self.kind = Pulled::Concealed;
        count
    }

    /// The codec's own concealment, faded; `None`: it has none.
    fn conceal_by_codec(&mut self, given: u32, wanted: usize, decoder: &mut dyn Decoder) -> Option<usize> {
        let count = self.codec_fills(wanted, decoder)?;
        let rate_hz = self.rate_hz;
        for (at, sample) in (given..).zip(self.sound.tail(count)) {
            *sample = scaled(*sample, gain(at, rate_hz, CODEC_FLAT_MS, CODEC_END_MS));
        }
        let given = given + count as u32;
        self.lapse = if given >= self.samples(CODEC_END_MS) { Lapse::Rest } else { Lapse::Codecs(given) };
        Some(count)
    }

    /// What the codec makes of nothing, at least `wanted`.
    fn codec_fills(&mut self, wanted: usize, decoder: &mut dyn Decoder) -> Option<usize> {
        let count = wanted.next_multiple_of(self.samples(CODEC_STEP_MS) as usize);
        let room = self.sound.room(count).get_mut(..count)?;
        if !decoder.conceal(room) {
            return None;
        }
        self.sound.grow(count);
        Some(count)
    }

    /// Nothing is to be heard for now but noise.
    fn pause(&mut self, wanted: usize, decoder: &mut dyn Decoder) {
        if self.codec_noise && !self.resting && self.codec_fills(wanted, decoder).is_some() {
            // It begins and ends as the codec does it.
            self.lapse = Lapse::Codecs(0);
            self.kind = Pulled::Noise;
            return;
        }
        let fading = self.lapse != Lapse::Rest;
        if matches!(self.lapse, Lapse::None | Lapse::Codecs(_)) {
            self.concealer.begin(self.sound.all());
        }
        self.lapse = Lapse::Rest;
        let join = self.samples(JOIN_MS) as usize;
        let room = self.sound.room(wanted.max(join));
        // The end of what was heard is not cut.
        let count = if fading { wanted.max(join) } else { wanted }.min(room.len());
        let room = &mut room[..count];
        self.noise.fill(room);
        if fading {
            let mut made = [0; JOIN_SAMPLES];
            let made = &mut made[..join.min(count)];
            self.concealer.fill(made);
            let length = made.len();
            for (at, (sample, from)) in room.iter_mut().zip(made).enumerate() {
                *sample = between(*from, *sample, at, length);
            }
        }
        self.sound.grow(count);
        self.kind = if self.noise.sounds() { Pulled::Noise } else { Pulled::Silence };
    }

    /// Decoded sound begins, `count` samples at the end of what lies ahead: it goes on from whatever was heard instead.
    fn join(&mut self, count: usize) {
        let overlap = (self.samples(JOIN_MS) as usize).min(count);
        match core::mem::replace(&mut self.lapse, Lapse::None) {
            Lapse::None => {}
            Lapse::Ours => self.join_made_up(count, overlap),
            Lapse::Codecs(given) => {
                let from = gain(given, self.rate_hz, CODEC_FLAT_MS, CODEC_END_MS);
                self.rise(count, overlap, from);
            }
            Lapse::Rest => self.rise(count, overlap, 0),
        }
    }

    /// The first `overlap` of the last `count` samples rise from a gain to all of it.
    fn rise(&mut self, count: usize, overlap: usize, from: i32) {
        for (at, sample) in self.sound.tail(count)[..overlap].iter_mut().enumerate() {
            *sample = between(scaled(*sample, from), *sample, at, overlap);
        }
    }

    /// What we made up melts into the last `count` samples, where both are most alike: some of either is left out for that.
    fn join_made_up(&mut self, count: usize, overlap: usize) {
        let half = (self.concealer.lag() / 2).min(JOIN_SAMPLES - self.samples(JOIN_MS) as usize);
        let mut made = [0; JOIN_SAMPLES];
        let made = &mut made[..half + overlap];
        let faded = self.concealer.ended();
        self.concealer.fill(made);
        let stride = (self.rate_hz / 8_000) as usize;
        let decoded = self.sound.tail(count);
        let early = (0..=half).step_by(stride).map(|more| (more, 0));
        let late = (stride..=half.min(count - overlap)).step_by(stride).map(|less| (0, less));
        let mut best = (-1.0, 0, 0);
        for (more, less) in early.chain(late).take_while(|_| !faded) {
            let likeness = alike(&made[more..more + overlap], &decoded[less..less + overlap], stride);
            if likeness > best.0 {
                best = (likeness, more, less);
            }
        }
        let (_, more, less) = best;
        let mut count = count;
        let mut from = 0;
        if more > 0 && self.sound.put_before(count, &made[..more]) {
            self.figures.expanded += more as u64;
            from = more;
        }
        if less > 0 {
            self.sound.take_from(count, less);
            self.figures.accelerated += less as u64;
            count -= less;
        }
        let decoded = &mut self.sound.tail(count)[..overlap];
        for (at, (sample, made)) in decoded.iter_mut().zip(&made[from..]).enumerate() {
            *sample = between(*made, *sample, at, overlap);
        }
    }

    /// Shortens or lengthens what lies ahead, if it waits otherwise than it should.
    pub(super) fn stretch(&mut self, clock: u32, decoder: &mut dyn Decoder) {
        let Some(delay) = self.delay(clock) else { return };
        let excess = delay - self.target() as i32;
        if excess < 0 && self.queue.is_crowded() {
            return;
        }
        let (above, below) = (self.samples(ABOVE_MS) as i32, self.samples(BELOW_MS) as i32);
        if (-below..=above).contains(&excess) {
            return;
        }
        if excess > self.samples(FLUSH_MS) as i32 {
            return self.flush(excess.unsigned_abs());
        }
        let much = excess.unsigned_abs() > self.samples(MUCH_MS);
        let pause = self.samples(if much { PAUSE_SHORT_MS } else { PAUSE_MS });
        if ahead(clock, self.stretched) < pause as i32 {
            return;
        }
        let alike = if much { ALIKE_MUCH } else { ALIKE };
        let longest = self.samples(LAG_MAX_MS as u32) as usize;
        if excess > 0 {
            self.decode_ahead(2 * longest, decoder);
            let lag = pitch::find(self.sound.next(), STRETCH_WINDOW_MS, Side::Future, STRETCH_MIN_US, self.rate_hz);
            let Some(lag) = lag.filter(|lag| lag.likeness >= alike) else { return };
            if self.sound.shorten(lag.samples) {
                self.figures.accelerated += lag.samples as u64;
                self.stretched = clock;
            }
        } else {
            let window = self.samples(STRETCH_WINDOW_MS as u32) as usize;
            self.decode_ahead(window, decoder);
            let around = self.sound.around(longest);
            let Some(around) = around.get(..longest + window) else { return };
            let lag = pitch::find(around, STRETCH_WINDOW_MS, Side::Past, STRETCH_MIN_US, self.rate_hz);
            let Some(lag) = lag.filter(|lag| lag.likeness >= alike) else { return };
            if self.sound.lengthen(lag.samples) {
                self.figures.expanded += lag.samples as u64;
                self.stretched = clock;
            }
        }
    }

    /// Decodes packets that follow on until so much lies ahead.
    fn decode_ahead(&mut self, wanted: usize, decoder: &mut dyn Decoder) {
        while self.sound.ahead() < wanted {
            let (Some(slot), Some(next)) = (self.queue.first(), self.next) else { return };
            if ahead(slot.position, next) > self.samples(1) as i32 {
                return;
            }
            self.play(slot, decoder);
        }
    }

    /// A last frame: it begins as the next one would, and ends with the newest sample there is. What waits between is left out, the one melting
    /// into the other.
    pub(super) fn end(&mut self, decoder: &mut dyn Decoder, out: &mut [i16]) {
        self.decode_ahead(out.len(), decoder);
        let next = self.sound.next();
        let begun = next.len().min(out.len());
        out[..begun].copy_from_slice(&next[..begun]);
        while let Some(slot) = self.queue.first() {
            let mut heard = [0; 160];
            while self.sound.room(usize::from(slot.samples)).len() < usize::from(slot.samples)
                && self.sound.leave(&mut heard) > 0
            {}
            self.play(slot, decoder);
        }
        let all = self.sound.all();
        let newest = &all[all.len() - out.len().min(all.len())..];
        for (at, (sample, newest)) in out.iter_mut().zip(newest).enumerate() {
            *sample = if at < begun { between(*sample, *newest, at, begun) } else { *newest };
        }
    }

    /// Gives up so many samples of the packets that wait, since they wait much too long.
    fn flush(&mut self, samples: u32) {
        let Some(next) = self.next else { return };
        let until = next.wrapping_add(samples);
        let mut dropped = false;
        while self.queue.first().is_some_and(|slot| ahead(until, slot.position) > 0) {
            self.queue.drop_first();
            self.figures.overflowed += 1;
            dropped = true;
        }
        if dropped {
            self.next = Some(self.queue.first().map_or(until, |slot| slot.position));
            self.make_up();
        }
    }

    /// What comes next does not follow on what was heard.
    fn make_up(&mut self) {
        self.concealer.begin(self.sound.all());
        self.lapse = Lapse::Ours;
    }
}

/// How alike two sounds are, looking at every `stride`th sample: 1 the same but for the level.
fn alike(one: &[i16], other: &[i16], stride: usize) -> f32 {
    let (mut product, mut own, mut others) = (0.0, 1.0, 1.0);
    for (a, b) in one.iter().zip(other).step_by(stride) {
        let (a, b) = (f32::from(*a), f32::from(*b));
        product += a * b;
        own += a * a;
        others += b * b;
    }
    product / (own * others).sqrt()
}
