//! How losses are spread over a stream: bursts and gaps by RFC 3611 section 4.7.2, runs of losses for the burst ratio of ITU-T G.107.
//!
//! A packet counts as lost once [`WINDOW`] later numbers have been seen: what comes afterwards is of no use to a listener. Knows sequence
//! numbers only; how long a packet lasts is told when figures are read.

use contract::LossBursts;
use core::time::Duration;

/// Numbers behind the highest within which a packet may still come.
pub const WINDOW: u32 = 64;

/// RFC 3611 section 4.7.2: packets in a row that came and end a burst.
pub const GMIN: u32 = 16;

/// What a packet behind the highest number is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behind {
    /// It was missing until now.
    Reordered,
    /// It had come before.
    Duplicate,
    /// Too old to tell; counted as lost already if it never came.
    TooLate,
}

/// The losses of one leg, over all its streams.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bursts {
    /// Bit `n`: the number `n` below the highest came.
    window: u64,
    /// How many bits of the window belong to the present stream.
    known: u32,
    packets: u64,
    lost: u64,
    /// Runs of losses.
    runs: u64,
    run: u32,
    longest: u32,
    /// Bursts that ended, their packets, and the losses among those.
    bursts: u64,
    burst_packets: u64,
    burst_lost: u64,
    open: Option<Open>,
}

/// Losses since the last [`GMIN`] packets in a row that came: a burst once there are two.
#[derive(Clone, Copy, Debug)]
struct Open {
    lost: u64,
    /// From the first loss to the last.
    span: u64,
    /// Packets since the last loss.
    since: u32,
}

impl Bursts {
    /// The first packet of a stream. What was missing of an earlier one stays missing.
    pub fn begin(&mut self) {
        self.settle_all();
        (self.window, self.known) = (1, 1);
    }

    /// A packet came that is `step` (not 0) numbers after the highest.
    #[inline]
    pub fn forward(&mut self, step: u32) {
        if step >= WINDOW {
            self.settle_all();
            self.lose(u64::from(step - WINDOW));
            (self.window, self.known) = (1, WINDOW);
            return;
        }
        let leaving = (self.known + step).saturating_sub(WINDOW);
        self.settle(leaving);
        self.window = self.window << step | 1;
        self.known = (self.known + step).min(WINDOW);
    }

    /// A packet came that is `distance` numbers before the highest (0: the highest again).
    pub fn behind(&mut self, distance: u32) -> Behind {
        if distance >= self.known {
            return Behind::TooLate;
        }
        let bit = 1 << distance;
        if self.window & bit != 0 {
            return Behind::Duplicate;
        }
        self.window |= bit;
        Behind::Reordered
    }

    /// The spread so far; `packet` is how long one packet lasts.
    #[must_use]
    pub fn figures(&self, packet: Duration) -> LossBursts {
        let whole = self.settled();
        let (bursts, burst_packets, burst_lost) = whole.with_open();
        let gap_packets = whole.packets - burst_packets;
        // RFC 3611 section 4.7.2: a gap before each burst, and one after the last.
        let gaps = if bursts > 0 && whole.is_burst_open() { bursts } else { bursts + 1 };
        LossBursts {
            burst_density: part(burst_lost, burst_packets),
            burst_duration: mean(burst_packets, bursts, packet),
            gap_density: part(whole.lost - burst_lost, gap_packets),
            gap_duration: mean(gap_packets, gaps, packet),
            longest: whole.longest,
        }
    }

    /// ITU-T G.107 clause 7.8, `BurstR`: the mean run of losses over the mean run that random loss of the same amount would have.
    #[must_use]
    pub fn ratio(&self) -> f32 {
        let whole = self.settled();
        if whole.runs == 0 || whole.lost >= whole.packets {
            return 1.0;
        }
        let observed = whole.lost as f64 / whole.runs as f64;
        let random = 1.0 / (1.0 - whole.lost as f64 / whole.packets as f64);
        (observed / random) as f32
    }

    /// As it would be if everything missing now never came.
    fn settled(&self) -> Self {
        let mut whole = *self;
        whole.settle_all();
        whole
    }

    fn settle_all(&mut self) {
        self.settle(self.known);
        (self.window, self.known) = (0, 0);
    }

    /// Counts the oldest `count` numbers of the window.
    #[inline]
    fn settle(&mut self, count: u32) {
        for age in (self.known - count.min(self.known)..self.known).rev() {
            if self.window >> age & 1 != 0 {
                self.come();
            } else {
                self.lose(1);
            }
        }
    }

    #[inline]
    fn come(&mut self) {
        self.packets += 1;
        self.run = 0;
        if let Some(open) = &mut self.open {
            open.since += 1;
            if open.since >= GMIN {
                (self.bursts, self.burst_packets, self.burst_lost) = self.with_open();
                self.open = None;
            }
        }
    }

    /// Counts `count` losses in a row.
    fn lose(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        self.packets += count;
        self.lost += count;
        self.runs += u64::from(self.run == 0);
        self.run = self.run.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.longest = self.longest.max(self.run);
        let open = self.open.get_or_insert(Open { lost: 0, span: 0, since: 0 });
        open.lost += count;
        open.span += u64::from(open.since) + count;
        open.since = 0;
    }

    fn is_burst_open(&self) -> bool {
        self.open.is_some_and(|open| open.lost > 1)
    }

    /// Bursts, their packets and losses, the open one included. A single loss is part of the gap around it.
    fn with_open(&self) -> (u64, u64, u64) {
        match self.open {
            Some(open) if open.lost > 1 => {
                (self.bursts + 1, self.burst_packets + open.span, self.burst_lost + open.lost)
            }
            Some(_) | None => (self.bursts, self.burst_packets, self.burst_lost),
        }
    }
}

fn part(some: u64, all: u64) -> f32 {
    if all == 0 { 0.0 } else { some as f32 / all as f32 }
}

fn mean(packets: u64, periods: u64, packet: Duration) -> Duration {
    if periods == 0 {
        return Duration::ZERO;
    }
    let ns = u128::from(packets) * packet.as_nanos() / u128::from(periods);
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    /// A stream in which `x` is lost and `.` comes, each repeated by the number before it.
    fn stream(pattern: &[(u32, char)]) -> Bursts {
        let mut bursts = Bursts::default();
        bursts.begin();
        let mut step = 1;
        for (count, what) in pattern {
            for _ in 0..*count {
                if *what == 'x' {
                    step += 1;
                } else {
                    bursts.forward(step);
                    step = 1;
                }
            }
        }
        bursts
    }

    #[test]
    fn single_losses_sixteen_apart_are_a_gap() {
        let bursts = stream(&[(19, '.'), (1, 'x'), (16, '.'), (1, 'x'), (62, '.')]);
        let figures = bursts.figures(PACKET);
        assert_eq!((figures.burst_density, figures.burst_duration), (0.0, Duration::ZERO));
        assert_eq!(figures.gap_density, 0.02, "2 of 100");
        assert_eq!((figures.gap_duration, figures.longest), (PACKET * 100, 1));
    }

    #[test]
    fn losses_closer_than_sixteen_packets_are_one_burst() {
        let bursts = stream(&[(19, '.'), (1, 'x'), (15, '.'), (1, 'x'), (63, '.')]);
        let figures = bursts.figures(PACKET);
        assert_eq!(figures.burst_density, 2.0 / 17.0);
        assert_eq!(figures.burst_duration, PACKET * 17);
        assert_eq!((figures.gap_density, figures.gap_duration), (0.0, PACKET * 83 / 2));
    }

    #[test]
    fn a_long_outage_is_one_run_beyond_the_window() {
        let bursts = stream(&[(99, '.'), (500, 'x'), (400, '.')]);
        let figures = bursts.figures(PACKET);
        assert_eq!((figures.longest, figures.burst_density), (500, 1.0));
        assert_eq!(figures.burst_duration, Duration::from_secs(10));
        assert_eq!(figures.gap_duration, PACKET * 250);
    }

    #[test]
    fn the_burst_ratio_is_one_for_random_loss_and_above_for_runs() {
        assert_eq!(stream(&[(100, '.')]).ratio(), 1.0);
        // Runs of 4 at 4 of 100: 4 · (1 - 0.04).
        let runs = stream(&[(95, '.'), (4, 'x'), (1, '.')].repeat(20));
        assert!((runs.ratio() - 3.84).abs() < 0.02, "{}", runs.ratio());
        let mut random = 9_u64;
        let pattern: Vec<_> = (0..50_000)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (1, if (random >> 33).is_multiple_of(10) { 'x' } else { '.' })
            })
            .collect();
        let ratio = stream(&pattern).ratio();
        assert!((0.95..1.05).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_late_packet_is_no_loss_a_repeated_one_is_told_and_one_too_late_stays_lost() {
        let mut bursts = Bursts::default();
        bursts.begin();
        bursts.forward(3);
        assert_eq!(bursts.figures(PACKET).longest, 2);
        assert_eq!(bursts.behind(1), Behind::Reordered);
        assert_eq!(bursts.behind(1), Behind::Duplicate);
        assert_eq!(bursts.behind(0), Behind::Duplicate);
        assert_eq!(bursts.behind(4), Behind::TooLate, "from before the stream began");
        for _ in 0..62 {
            bursts.forward(1);
        }
        assert_eq!(bursts.behind(64), Behind::TooLate);
        assert_eq!(bursts.figures(PACKET).longest, 1);
    }

    #[test]
    fn a_new_stream_keeps_what_was_lost() {
        let mut bursts = stream(&[(19, '.'), (2, 'x'), (1, '.')]);
        bursts.begin();
        for _ in 0..77 {
            bursts.forward(1);
        }
        let figures = bursts.figures(PACKET);
        assert_eq!((figures.longest, figures.burst_duration), (2, PACKET * 2));
        assert_eq!(figures.gap_duration, PACKET * 99 / 2);
    }

    #[test]
    fn any_steps_are_counted_exactly() {
        let (mut bursts, mut random, mut total, mut came) = (Bursts::default(), 3_u64, 1_u64, 1_u64);
        bursts.begin();
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let step =
                if random >> 60 == 0 { (random >> 40) as u32 % 3_000 + 1 } else { (random >> 61) as u32 % 4 + 1 };
            bursts.forward(step);
            (total, came) = (total + u64::from(step), came + 1);
            if random >> 58 & 3 == 1 {
                came += u64::from(bursts.behind((random >> 20) as u32 % 70) == Behind::Reordered);
            }
        }
        let whole = bursts.settled();
        assert_eq!((whole.packets, whole.lost), (total, total - came));
    }
}
