//! RTCP of one leg: what the far end tells of our stream, what we tell of its, and the worst of both. RFC 3550 section 6, RFC 3611.
//!
//! Works on figures and times; knows no session, socket or leg. Whoever holds it says which stream is ours.

use super::{
    quality::Measured,
    reception::{Received, Reception},
    rtcp::{self, ReportBlock},
    rtcp_write::{Block, CNAME_BYTES, Compound, Extended, Sender},
    xr::{self, Said, UNAVAILABLE, Voip},
};
use crate::limits::{RTCP_INTERVAL, RTCP_PER_SECOND_MAX};
use contract::{Codec, Instant, PeerReport};
use core::time::Duration;

/// Packets an interval must have to be scored by itself; fewer tell nothing.
const SCORED_MIN: u64 = 50;

/// Our stream to the far end, and what it carries.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    /// Its SSRC.
    pub ssrc: u32,
    /// Its speech codec.
    pub codec: Option<Codec>,
    /// Its clock in Hz.
    pub clock_rate_hz: u32,
    /// Packets sent.
    pub packets: u64,
    /// Octets sent.
    pub octets: u64,
    /// Its timestamp now.
    pub timestamp: u32,
    /// How long sound from the far end waits here to be played; `None`: it is passed on as it comes.
    pub playout: Option<Duration>,
}

/// RTCP of one leg.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    due_at: Instant,
    cname: [u8; CNAME_BYTES],
    /// What had come, and been sent, at our last report.
    prior: Received,
    packets_sent: u64,
    fraction: u8,
    /// The last sender report or reference time told to the far end: the middle of its NTP time, and when.
    told: Option<(u32, Instant)>,
    /// The far end's last sender report.
    heard: Option<(u32, Instant)>,
    /// The far end's last reference time, and its SSRC.
    reference: Option<(u32, u32, Instant)>,
    speaks_extended: bool,
    round_trip: Option<Duration>,
    round_trip_max: Option<Duration>,
    jitter_max: Duration,
    mos_min: Option<f32>,
    peer: Option<PeerReport>,
    /// The peer's count of lost packets, as it told; and what it was when our stream was given its present source.
    lost: i32,
    lost_before: i32,
    source: Option<(u32, u32)>,
    second: u64,
    in_second: u16,
}

impl Control {
    /// Of a leg opened at `now`, named by `random` bits.
    #[must_use]
    pub fn new(now: Instant, random: [u64; 2]) -> Self {
        let [first, second] = random;
        let mut cname = [0; CNAME_BYTES];
        for (n, octet) in cname.iter_mut().enumerate() {
            let nibble = if n < 16 { first >> (4 * n) } else { second >> (4 * (n - 16)) } & 0xf;
            *octet = b"0123456789abcdef"[nibble as usize];
        }
        Self {
            // RFC 3550 section 6.2: half the interval before the first report, so that the far end knows us soon.
            due_at: now + interval(second) / 2,
            cname,
            prior: Received::default(),
            packets_sent: 0,
            fraction: 0,
            told: None,
            heard: None,
            reference: None,
            speaks_extended: false,
            round_trip: None,
            round_trip_max: None,
            jitter_max: Duration::ZERO,
            mos_min: None,
            peer: None,
            lost: 0,
            lost_before: 0,
            source: None,
            second: 0,
            in_second: 0,
        }
    }

    /// When it is due next.
    #[must_use]
    pub const fn due_at(&self) -> Instant {
        self.due_at
    }

    /// The round trip measured last.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The longest one.
    #[must_use]
    pub const fn round_trip_max(&self) -> Option<Duration> {
        self.round_trip_max
    }

    /// The largest jitter of any interval.
    #[must_use]
    pub const fn jitter_max(&self) -> Duration {
        self.jitter_max
    }

    /// The lowest score of any interval.
    #[must_use]
    pub const fn mos_min(&self) -> Option<f32> {
        self.mos_min
    }

    /// What the far end tells of our stream.
    #[must_use]
    pub const fn peer(&self) -> Option<PeerReport> {
        self.peer
    }

    /// Whether another compound of the far end may be read at `now`.
    pub fn admits(&mut self, now: Instant) -> bool {
        let second = now.as_nanos() / 1_000_000_000;
        if self.second != second {
            (self.second, self.in_second) = (second, 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        self.in_second <= RTCP_PER_SECOND_MAX
    }

    /// Reads a compound of the far end that [`rtcp::check`] accepted.
    pub fn read(&mut self, compound: &[u8], ours: &Ours, now: Instant) {
        if let Some(middle) = rtcp::sender_time(compound) {
            self.heard = Some((middle, now));
        }
        for block in rtcp::blocks(compound).filter(|block| block.ssrc == ours.ssrc) {
            // RFC 3550 section 6.4.1: round trip = now - LSR - DLSR, with LSR as the time we told that report.
            self.measure(block.last_report, block.delay, now);
            self.take(&block, ours);
        }
        for said in xr::said(compound) {
            self.speaks_extended = true;
            match said {
                Said::ReferenceTime { reporter, middle } => self.reference = Some((reporter, middle, now)),
                // RFC 3611 section 4.5: as from a sender report, for those who only receive.
                Said::Delay { ssrc, last, delay } if ssrc == ours.ssrc => self.measure(last, delay, now),
                Said::Voip { ssrc, mos_tenths: Some(tenths) } if ssrc == ours.ssrc => {
                    // RFC 3611 counts up to 5.0; the E-model ends at 4.5.
                    let mos = (f32::from(tenths) / 10.0).clamp(1.0, 4.5);
                    let peer = self.peer.get_or_insert_default();
                    (peer.mos, peer.mos_min) = (Some(mos), lower(peer.mos_min, Some(mos)));
                }
                Said::Delay { .. } | Said::Voip { .. } => {}
            }
        }
    }

    fn measure(&mut self, last: u32, delay: u32, now: Instant) {
        if let Some((middle, at)) = self.told
            && last == middle
            && middle != 0
        {
            let held = Duration::from_nanos(u64::from(delay) * 1_000_000_000 / 65_536);
            // More than passed since is a mistake of the far end's.
            if let Some(trip) = now.since(at).checked_sub(held) {
                self.round_trip = Some(trip);
                self.round_trip_max = self.round_trip_max.max(Some(trip));
            }
        }
    }

    fn take(&mut self, block: &ReportBlock, ours: &Ours) {
        let clock = u64::from(ours.clock_rate_hz.max(1));
        let jitter = Duration::from_nanos((u64::from(block.jitter) * 1_000_000_000) / clock);
        let loss = f32::from(block.fraction) / 256.0;
        let mos = ours
            .codec
            .and_then(|codec| Measured { codec, loss, burst_ratio: 1.0, delay: self.delay(jitter, None) }.mos());
        self.lost = block.lost;
        let peer = self.peer.get_or_insert_default();
        peer.packets_lost = block.lost.max(0) as u32;
        (peer.loss, peer.loss_max) = (loss, peer.loss_max.max(loss));
        (peer.jitter, peer.jitter_max) = (jitter, peer.jitter_max.max(jitter));
        // What the far end scores itself is better than our estimate.
        if !self.speaks_extended || peer.mos.is_none() {
            (peer.mos, peer.mos_min) = (mos, lower(peer.mos_min, mos));
        }
    }

    /// One way by half the round trip, and the wait to be played: as told, else twice the jitter.
    fn delay(&self, jitter: Duration, playout: Option<Duration>) -> Duration {
        self.round_trip.unwrap_or_default() / 2 + playout.unwrap_or(jitter.saturating_mul(2))
    }

    /// What the far end had lost of our stream before it was fed by `source`; asked with the latest source before each
    /// [`Control::read`].
    pub fn lost_before(&mut self, source: (u32, u32)) -> i32 {
        if self.source != Some(source) {
            self.lost_before = if self.source.is_some() { self.lost } else { 0 };
            self.source = Some(source);
        }
        self.lost_before
    }

    /// A sender report of somebody else was passed on to the far end.
    pub fn passed(&mut self, middle: u32, now: Instant) {
        self.told = Some((middle, now));
    }

    /// Score of what came over the leg's life.
    #[must_use]
    pub fn mos(&self, reception: &Reception, codec: Codec, playout: Option<Duration>) -> Option<f32> {
        let (packets, lost) = (reception.packets(), reception.lost());
        if packets == 0 {
            return None;
        }
        let loss = lost as f32 / (packets + lost) as f32;
        let delay = self.delay(reception.jitter(), playout);
        Measured { codec, loss, burst_ratio: reception.burst_ratio(), delay }.mos()
    }

    /// Ends an interval: notes the worst, and when the next one ends.
    pub fn assess(&mut self, reception: &Reception, ours: &Ours, now: Instant, random: u64) {
        self.due_at = now + interval(random);
        let Some(received) = reception.received() else { return };
        let prior = if self.prior.epoch == received.epoch { self.prior } else { Received::default() };
        self.prior = received;
        // RFC 3550 appendix A.3: repeated packets may outnumber the lost ones, which is no loss.
        let expected = received.expected.saturating_sub(prior.expected);
        let lost = expected.saturating_sub(received.packets.saturating_sub(prior.packets));
        self.fraction = (lost * 256).checked_div(expected).map_or(0, |part| part.min(255) as u8);
        let jitter = reception.jitter();
        self.jitter_max = self.jitter_max.max(jitter);
        if let Some(codec) = ours.codec
            && expected >= SCORED_MIN
        {
            let loss = lost as f32 / expected as f32;
            let delay = self.delay(jitter, ours.playout);
            let mos = Measured { codec, loss, burst_ratio: reception.burst_ratio(), delay }.mos();
            self.mos_min = lower(self.mos_min, mos);
        }
    }

    /// Our compound at `now`, after [`Control::assess`].
    pub fn compound(&mut self, reception: &Reception, ours: &Ours, now: Instant, goodbye: bool) -> Compound {
        let ntp = ntp(now);
        let since = |at: Instant| u32::try_from(now.since(at).as_nanos() * 65_536 / 1_000_000_000).unwrap_or(u32::MAX);
        // RFC 3550 section 6.4: a sender report if anything was sent since the last one.
        let sender = (ours.packets > self.packets_sent).then_some(Sender {
            ntp,
            timestamp: ours.timestamp,
            packets: ours.packets as u32,
            octets: ours.octets as u32,
        });
        self.packets_sent = ours.packets;
        let extended = self.speaks_extended.then(|| Extended {
            ntp,
            delay: self.reference.map(|(ssrc, middle, at)| (ssrc, middle, since(at))),
            voip: self.voip(reception, ours),
        });
        if sender.is_some() || extended.is_some() {
            self.told = Some(((ntp >> 16) as u32, now));
        }
        let block = reception.received().map(|received| Block {
            ssrc: received.ssrc,
            fraction: self.fraction,
            lost: received.expected as i64 - received.packets as i64,
            highest: received.highest,
            jitter: received.jitter,
            last_report: self.heard.map_or(0, |(middle, _)| middle),
            delay: self.heard.map_or(0, |(_, at)| since(at)),
        });
        Compound { ssrc: ours.ssrc, sender, block, cname: self.cname, extended, goodbye }
    }

    fn voip(&self, reception: &Reception, ours: &Ours) -> Option<Voip> {
        let ssrc = reception.ssrc()?;
        let (packets, lost) = (reception.packets(), reception.lost());
        let loss = lost as f32 / (packets + lost).max(1) as f32;
        let bursts = reception.bursts();
        let part = |part: f32| (part * 256.0).clamp(0.0, 255.0) as u8;
        let ms = |span: Duration| u16::try_from(span.as_millis()).unwrap_or(u16::MAX);
        let at = |delay| {
            ours.codec.and_then(|codec| Measured { codec, loss, burst_ratio: reception.burst_ratio(), delay }.rating())
        };
        let heard = at(self.delay(reception.jitter(), ours.playout));
        let tenths = |rating: Option<f32>| {
            rating.map_or(UNAVAILABLE, |rating| (super::quality::mos(rating) * 10.0).round() as u8)
        };
        Some(Voip {
            ssrc,
            loss: part(loss),
            burst_density: part(bursts.burst_density),
            gap_density: part(bursts.gap_density),
            burst_ms: ms(bursts.burst_duration),
            gap_ms: ms(bursts.gap_duration),
            round_trip_ms: ms(self.round_trip.unwrap_or_default()),
            end_system_ms: ms(ours.playout.unwrap_or_default()),
            rating: heard.map_or(UNAVAILABLE, |rating| rating.round() as u8),
            // RFC 3611 section 4.7.5: listening quality without delay, conversational quality with it.
            mos: [tenths(at(Duration::ZERO)), tenths(heard)],
        })
    }
}

/// RFC 3550 section 6.4.1: without a wall clock, the time since the origin of the system's own clock is the NTP time.
fn ntp(now: Instant) -> u64 {
    let ns = now.as_nanos();
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    (seconds << 32) + (rest << 32) / 1_000_000_000
}

/// RFC 3550 section 6.2, for two parties: 5 s, drawn from half to one and a half of it so that legs do not report in step.
fn interval(random: u64) -> Duration {
    let spread = u64::try_from(RTCP_INTERVAL.as_nanos()).unwrap_or(u64::MAX);
    RTCP_INTERVAL / 2 + Duration::from_nanos(random % spread.max(1))
}

fn lower(before: Option<f32>, now: Option<f32>) -> Option<f32> {
    match (before, now) {
        (Some(before), Some(now)) => Some(before.min(now)),
        (known, None) | (None, known) => known,
    }
}
