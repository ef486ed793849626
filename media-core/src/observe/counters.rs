//! A shard's figures: counted in plain integers while it works, published once a turn.

use super::reason::Drop;
use core::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Tiers of the ladder of paths: 0 kernel, 1 relay, 2 DSP.
pub const TIERS: usize = 3;

/// Buckets of "command to effect"; bucket `n` counts delays below `2^n` microseconds, the last one everything else.
pub const DELAY_BUCKETS: usize = 16;

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Figures as the shard keeps them.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub struct Tally {
            /// RTP and RTCP datagrams accepted, by the tier that carried them on.
            pub packets_in: [u64; TIERS],
            /// RTP and RTCP datagrams sent, by tier.
            pub packets_out: [u64; TIERS],
            /// Datagrams dropped, by [`Drop`] as index.
            pub dropped: [u64; Drop::COUNT],
            /// "Command to effect": from asking for a leg until it receives.
            pub open_delay: [u64; DELAY_BUCKETS],
            $($(#[$doc])* pub $name: u64,)*
        }

        /// Figures as others read them. Each shard has its own, on cache lines of its own.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            packets_in: [AtomicU64; TIERS],
            packets_out: [AtomicU64; TIERS],
            dropped: [AtomicU64; Drop::COUNT],
            open_delay: [AtomicU64; DELAY_BUCKETS],
            $($name: AtomicU64,)*
        }

        impl Counters {
            /// Makes `tally` visible. One writer: the shard.
            pub fn publish(&self, tally: &Tally) {
                store(&self.packets_in, &tally.packets_in);
                store(&self.packets_out, &tally.packets_out);
                store(&self.dropped, &tally.dropped);
                store(&self.open_delay, &tally.open_delay);
                $(self.$name.store(tally.$name, Relaxed);)*
            }

            /// What was published last. Figures of one turn may mix with those of the next.
            #[must_use]
            pub fn snapshot(&self) -> Tally {
                Tally {
                    packets_in: load(&self.packets_in),
                    packets_out: load(&self.packets_out),
                    dropped: load(&self.dropped),
                    open_delay: load(&self.open_delay),
                    $($name: self.$name.load(Relaxed),)*
                }
            }
        }
    };
}

figures! {
    /// Gauge: sessions.
    sessions,
    /// Gauge: legs.
    legs,
    /// Gauge: UDP ports reserved, two a leg.
    ports_in_use,
    /// Gauge: UDP ports this shard may reserve.
    ports_total,
    /// Gauge: listeners that should hear something this version has no path for; they hear silence.
    paths_missing,
    /// Commands obeyed.
    commands,
    /// Commands about a session or member that is not there.
    commands_misused,
    /// Legs refused.
    legs_refused,
    /// Legs whose source was locked to another address than the signalled one.
    sources_learned,
    /// Handshakes that ended with keys.
    handshakes,
    /// Handshakes that did not.
    handshakes_failed,
    /// Reports left out because the shell did not take events.
    reports_skipped,
    /// Turns of the loop.
    turns,
    /// Turns that came more than 10 ms after a timer was due.
    late_ticks,
    /// Frames of 20 ms that bridges worked out.
    ticks,
    /// Of these, those that began more than 2 ms late.
    ticks_late,
    /// Frames left out because the shard was later than it makes up for.
    ticks_skipped,
    /// The latest a frame began, in microseconds, since the shard started.
    tick_delay_max_us,
    /// Frames or packets of sound that were encoded.
    encodes,
    /// Keys dropped because too many waited for their leg.
    digits_dropped,
    /// Packets of our own that found no buffer.
    packets_unmade,
    /// Times a receive ended because no buffer was free.
    buffers_exhausted,
    /// Connects the system refused.
    connects_failed,
    /// CPU time of the shard's thread in nanoseconds, user and system.
    cpu_ns,
    /// Sessions ended because working on them panicked.
    panics,
    /// Times the shard started again with empty hands.
    restarts,
}

impl Tally {
    /// Counts a dropped datagram.
    #[inline]
    pub fn drop(&mut self, reason: Drop) {
        self.dropped[reason as usize] += 1;
    }

    /// Counts the delay of one opened leg.
    pub fn opened_after(&mut self, delay: Duration) {
        let us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - us.leading_zeros()) as usize;
        self.open_delay[bucket.min(DELAY_BUCKETS - 1)] += 1;
    }
}

fn store<const N: usize>(to: &[AtomicU64; N], from: &[u64; N]) {
    for (to, from) in to.iter().zip(from) {
        to.store(*from, Relaxed);
    }
}

fn load<const N: usize>(from: &[AtomicU64; N]) -> [u64; N] {
    core::array::from_fn(|n| from[n].load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_read() {
        let mut tally = Tally { sessions: 3, ..Tally::default() };
        tally.drop(Drop::Stun);
        tally.opened_after(Duration::from_micros(100));
        tally.opened_after(Duration::from_secs(9));
        let counters = Counters::default();
        counters.publish(&tally);
        assert_eq!(counters.snapshot(), tally);
        assert_eq!((tally.open_delay[7], tally.open_delay[DELAY_BUCKETS - 1]), (1, 1));
    }
}
